//! `+`, `-`, `*`, `/`, `%` for rasters and literals; `!`, `&`, `|`, `^` for rasters: logical on bool, bitwise on integers;
//! `<<`, `>>` by so many bits.
//! Errors are deferred.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};
use std::panic::Location;
use std::sync::Arc;

use super::arithmetic::arithmetic;
use super::elementwise::meet;
use super::node::{ArithmeticOp, LogicOp, Op};
use super::{LazyRaster, Term};
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::meta::Meta;

fn not(input: &LazyRaster) -> Result<LazyRaster> {
    let node = input.node()?;
    let meta = &node.meta;
    refuse("!", meta)?;
    let meta = Meta { interval: Interval::of_dtype(meta.dtype), ..meta.clone() };
    Ok(LazyRaster::build(Op::Not, vec![Arc::clone(node)], meta))
}

fn logic(op: LogicOp, a: &LazyRaster, b: &LazyRaster) -> Result<LazyRaster> {
    let (a, b) = (a.node()?, b.node()?);
    refuse(op.symbol(), &a.meta)?;
    refuse(op.symbol(), &b.meta)?;
    if a.meta.dtype != b.meta.dtype {
        return Err(Error::invalid(format!(
            "cannot apply {}: the operands are {} and {}; cast one of them first",
            op.symbol(),
            a.meta.dtype,
            b.meta.dtype
        )));
    }
    let meta = Meta { interval: Interval::of_dtype(a.meta.dtype), ..meet(op.symbol(), &a.meta, &b.meta)? };
    Ok(LazyRaster::build(Op::Logic(op), vec![Arc::clone(a), Arc::clone(b)], meta))
}

/// Bits of floats mean nothing, and flipped bits of nodata would be pixels.
fn refuse(symbol: &str, meta: &Meta) -> Result<()> {
    if meta.dtype.is_float() {
        return Err(Error::invalid(format!(
            "cannot apply {symbol} to {}: compare it first, for example with gt(0)",
            meta.dtype
        )));
    }
    if let Some(nodata) = meta.nodata {
        return Err(Error::invalid(format!(
            "cannot apply {symbol} to the bits of a raster with nodata {nodata}; drop it with without_nodata"
        )));
    }
    Ok(())
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:expr;)*) => {
        $(operators!(@ $trait $method $op; LazyRaster, LazyRaster);
        operators!(@ $trait $method $op; LazyRaster, &LazyRaster);
        operators!(@ $trait $method $op; &LazyRaster, LazyRaster);
        operators!(@ $trait $method $op; &LazyRaster, &LazyRaster);)*
    };
    (@ $trait:ident $method:ident $op:expr; $left:ty, $right:ty) => {
        impl $trait<$right> for $left {
            type Output = LazyRaster;
            #[track_caller]
            fn $method(self, other: $right) -> LazyRaster {
                let place = Location::caller();
                #[allow(clippy::needless_borrow, reason = "one body for owned and borrowed operands")]
                logic($op, &self, &other).unwrap_or_else(|error| LazyRaster::failed(error, place))
            }
        }
    };
}
operators! {
    BitAnd bitand LogicOp::And;
    BitOr bitor LogicOp::Or;
    BitXor bitxor LogicOp::Xor;
}

// Of literals one integer type and one float: with more, the type of `2 * a` could not be told.
macro_rules! arithmetic_operators {
    ($($trait:ident $method:ident $op:ident;)*) => {
        $(arithmetic_operators!(@ $trait $method $op; LazyRaster, LazyRaster);
        arithmetic_operators!(@ $trait $method $op; LazyRaster, &LazyRaster);
        arithmetic_operators!(@ $trait $method $op; &LazyRaster, LazyRaster);
        arithmetic_operators!(@ $trait $method $op; &LazyRaster, &LazyRaster);
        arithmetic_operators!(@@ $trait $method $op; i64, f64);)*
    };
    (@@ $trait:ident $method:ident $op:ident; $($literal:ty),*) => {
        $(arithmetic_operators!(@ $trait $method $op; LazyRaster, $literal);
        arithmetic_operators!(@ $trait $method $op; &LazyRaster, $literal);
        arithmetic_operators!(@ $trait $method $op; $literal, LazyRaster);
        arithmetic_operators!(@ $trait $method $op; $literal, &LazyRaster);)*
    };
    (@ $trait:ident $method:ident $op:ident; $left:ty, $right:ty) => {
        impl $trait<$right> for $left {
            type Output = LazyRaster;
            #[track_caller]
            fn $method(self, other: $right) -> LazyRaster {
                let place = Location::caller();
                arithmetic(ArithmeticOp::$op, Term::from(self), Term::from(other))
                    .unwrap_or_else(|error| LazyRaster::failed(error, place))
            }
        }
    };
}
arithmetic_operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    Rem rem Rem;
}

macro_rules! shifts {
    ($($trait:ident $method:ident;)*) => {
        $(impl $trait<u32> for &LazyRaster {
            type Output = LazyRaster;
            #[track_caller]
            fn $method(self, bits: u32) -> LazyRaster {
                let place = Location::caller();
                LazyRaster::$method(self, bits).unwrap_or_else(|error| LazyRaster::failed(error, place))
            }
        }

        impl $trait<u32> for LazyRaster {
            type Output = LazyRaster;
            #[track_caller]
            fn $method(self, bits: u32) -> LazyRaster {
                $trait::$method(&self, bits)
            }
        })*
    };
}
shifts! {
    Shl shl;
    Shr shr;
}

impl Neg for &LazyRaster {
    type Output = LazyRaster;
    #[track_caller]
    fn neg(self) -> LazyRaster {
        let place = Location::caller();
        LazyRaster::neg(self).unwrap_or_else(|error| LazyRaster::failed(error, place))
    }
}

impl Neg for LazyRaster {
    type Output = LazyRaster;
    #[track_caller]
    fn neg(self) -> LazyRaster {
        -&self
    }
}

impl Not for &LazyRaster {
    type Output = LazyRaster;
    #[track_caller]
    fn not(self) -> LazyRaster {
        let place = Location::caller();
        not(self).unwrap_or_else(|error| LazyRaster::failed(error, place))
    }
}

impl Not for LazyRaster {
    type Output = LazyRaster;
    #[track_caller]
    fn not(self) -> LazyRaster {
        !&self
    }
}
