//! Arithmetic: what a result's dtype, interval and nodata are.
//!
//! Integers cannot overflow: a result has the smallest integer dtype that holds every value it can have. Nodata is where
//! an operand is nodata, and never forces floats.

use std::sync::Arc;

use super::LazyRaster;
use super::elementwise::{bool_meta, meet};
use super::node::{ArithmeticOp, CompareOp, Function, Node, Op, Operand};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;

/// An operand of arithmetic and comparisons: a literal, or another raster.
#[derive(Debug, Clone)]
pub enum Term {
    /// One value.
    Value(Scalar),
    /// The pixels of another raster.
    Raster(LazyRaster),
}

impl<T: Into<Scalar>> From<T> for Term {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl From<&LazyRaster> for Term {
    fn from(raster: &LazyRaster) -> Self {
        Self::Raster(raster.clone())
    }
}

impl From<LazyRaster> for Term {
    fn from(raster: LazyRaster) -> Self {
        Self::Raster(raster)
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $op:ident;)*) => {
        $($(#[$doc])*
        ///
        /// # Errors
        /// `InvalidInput` where shapes or grids differ, a literal is a bool, or no dtype holds every value that the
        /// result can have.
        #[track_caller]
        pub fn $name(&self, other: impl Into<Term>) -> Result<Self> {
            located(|| arithmetic(ArithmeticOp::$op, Term::from(self), other.into()))
        })*
    };
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $function:ident;)*) => {
        $($(#[$doc])*
        ///
        /// # Errors
        /// `InvalidInput` where no dtype holds every value that the result can have.
        #[track_caller]
        pub fn $name(&self) -> Result<Self> {
            located(|| function(Function::$function, self))
        })*
    };
}

impl LazyRaster {
    binary! {
        /// The sum. Of integers it has the smallest dtype that holds it: `u8 + u8` is `u16`.
        ///
        /// ```
        /// # use swath_core::{dtype::DType, testing::raster};
        /// let (a, b) = (raster([1, 2, 2], |_, y, _| y as u8), raster([1, 2, 2], |_, _, x| x as u8));
        /// assert_eq!((&a + &b).dtype(), DType::U16);
        /// assert_eq!(a.add(1)?.dtype(), DType::U16);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        add Add;
        /// The difference. Of integers it has the smallest dtype that holds it: `u16 - u16` is `i32`.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// let (a, b) = (row([1_u16, 5]), row([3_u16, 2]));
        /// assert_eq!(pixels::<i32>(&a.sub(&b)?)?, [-2, 3]); // unsigned integers do not wrap around
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        sub Sub;
        /// The product. Of integers it has the smallest dtype that holds it.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u16>(&row([2_u8, 200]).mul(200)?)?, [400, 40_000]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        mul Mul;
        /// The quotient: `f32` where the values of both lie within ±2²⁴, else `f64`; by 0 it is infinite or NaN.
        ///
        /// ```
        /// # use swath_core::{dtype::DType, testing::raster};
        /// let (red, infrared) = (raster([1, 2, 2], |_, _, _| 900u16), raster([1, 2, 2], |_, _, _| 300u16));
        /// let ndvi = ((&infrared - &red) / (&infrared + &red)).check()?;
        /// assert_eq!(ndvi.dtype(), DType::F32);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        div Div;
        /// The quotient, rounded down; an integer by 0 is nodata.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<i8>(&row([-7_i8, 7]).floor_div(2)?)?, [-4, 3]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        floor_div FloorDiv;
        /// What [`floor_div`](Self::floor_div) leaves, with the sign of the divisor, as NumPy's and Python's; an integer by
        /// 0 is nodata.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u8>(&row([-7_i8, 7]).rem(4)?)?, [1, 3]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        rem Rem;
        /// To this power: of integers an integer where the power is a literal from 0 to 64, else a float.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u16>(&row([3_u8, 255]).pow(2)?)?, [9, 65_025]);
        /// assert_eq!(pixels::<f32>(&row([4_u8, 9]).pow(0.5)?)?, [2.0, 3.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        pow Pow;
        /// The lesser of two pixels; NaN where one is.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u8>(&row([1_u8, 9]).minimum(&row([5_u8, 5]))?)?, [1, 5]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        minimum Minimum;
        /// The greater of two pixels; NaN where one is.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u8>(&row([1_u8, 9]).maximum(5)?)?, [5, 9]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        maximum Maximum;
        /// The root of the sum of both squares: `f32` or `f64`, as of [`div`](Self::div).
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([3_u8, 5]).hypot(&row([4_u8, 12]))?)?, [5.0, 13.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        hypot Hypot;
        /// The angle in radians, from -π to π, of the point (`other`, `self`): of (x, y) it is `y.atan2(x)`.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// let (x, y) = (row([1.0_f32, -1.0]), row([0.0_f32, 0.0]));
        /// assert_eq!(pixels::<f32>(&y.atan2(&x)?)?, [0.0, std::f32::consts::PI]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        atan2 Atan2;
    }

    unary! {
        /// The negative of each pixel.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<i16>(&row([1_u8, 200]).neg()?)?, [-1, -200]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        neg Neg;
        /// The absolute value of each pixel.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<u8>(&row([-128_i8, 5]).abs()?)?, [128, 5]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        abs Abs;
        /// -1, 0 or 1; of floats also -0 and NaN.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<i8>(&row([-7_i16, 0, 9]).sign()?)?, [-1, 0, 1]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        sign Sign;
        /// The square root: `f32` where values lie within ±2²⁴, else `f64`, as of all functions below.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([4_u8, 9]).sqrt()?)?, [2.0, 3.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        sqrt Sqrt;
        /// e to the power of each pixel.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0_u8]).exp()?)?, [1.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        exp Exp;
        /// The natural logarithm.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f64>(&row([1.0_f64]).ln()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        ln Ln;
        /// The logarithm to base 2.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([8_u16]).log2()?)?, [3.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        log2 Log2;
        /// The logarithm to base 10.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([100_u8]).log10()?)?, [2.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        log10 Log10;
        /// The sine of an angle in radians.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.0_f32]).sin()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        sin Sin;
        /// The cosine of an angle in radians.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.0_f32]).cos()?)?, [1.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        cos Cos;
        /// The tangent of an angle in radians.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.0_f32]).tan()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        tan Tan;
        /// The angle in radians whose sine the pixel is.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.0_f32]).asin()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        asin Asin;
        /// The angle in radians whose cosine the pixel is.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([1.0_f32]).acos()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        acos Acos;
        /// The angle in radians whose tangent the pixel is.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.0_f32]).atan()?)?, [0.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        atan Atan;
        /// The next integer below, as a float; integers stay as they are, here and below.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([-1.5_f32, 1.5]).floor()?)?, [-2.0, 1.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        floor Floor;
        /// The next integer above.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([-1.5_f32, 1.5]).ceil()?)?, [-1.0, 2.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        ceil Ceil;
        /// The nearest integer, the even one of two, as NumPy's.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([0.5_f32, 1.5]).round()?)?, [0.0, 2.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        round Round;
        /// The next integer towards 0.
        ///
        /// ```
        /// # use swath_core::testing::{pixels, row};
        /// assert_eq!(pixels::<f32>(&row([-1.5_f32, 1.5]).trunc()?)?, [-1.0, 1.0]);
        /// # Ok::<(), swath_core::error::Error>(())
        /// ```
        trunc Trunc;
    }

    /// `a op b`, of which at least one is a raster.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// # use swath_core::expr::{ArithmeticOp, LazyRaster};
    /// let from_ten = LazyRaster::arithmetic(ArithmeticOp::Sub, 10, &row([1_u8, 2]))?;
    /// assert_eq!(pixels::<i16>(&from_ten)?, [9, 8]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`add`](Self::add).
    #[track_caller]
    pub fn arithmetic(op: ArithmeticOp, a: impl Into<Term>, b: impl Into<Term>) -> Result<Self> {
        located(|| arithmetic(op, a.into(), b.into()))
    }

    /// The comparison `op` with a literal or, by value, with another raster; false where one is nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// # use swath_core::expr::CompareOp;
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2]).compare(CompareOp::Ge, 2)?)?, [false, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a literal is not a value of the dtype or is the raster's nodata; where shapes or grids of
    /// rasters differ, or no dtype holds the values of both exactly.
    #[track_caller]
    pub fn compare(&self, op: CompareOp, other: impl Into<Term>) -> Result<Self> {
        located(|| match other.into() {
            Term::Value(value) => self.compare_value(op, value),
            Term::Raster(other) => compare_pixels(op, self.node()?, other.node()?),
        })
    }
}

/// What is known of an operand.
#[derive(Clone, Copy)]
struct Known {
    interval: Interval,
    /// Of a raster.
    dtype: Option<DType>,
    nodata: Option<Scalar>,
}

impl Known {
    fn of(symbol: &str, term: &Term) -> Result<Self> {
        match term {
            Term::Value(Scalar::Bool(_)) => Err(Error::invalid(format!("cannot apply {symbol} to a bool literal"))),
            Term::Value(Scalar::Int(value)) if !(i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value) => {
                Err(Error::invalid(format!("cannot apply {symbol}: no dtype of 64 bits holds {value}")))
            }
            Term::Value(value) => Ok(Self { interval: Interval::of_scalar(*value), dtype: None, nodata: None }),
            Term::Raster(raster) => {
                let Meta { interval, dtype, nodata, .. } = raster.meta()?;
                Ok(Self { interval: *interval, dtype: Some(*dtype), nodata: *nodata })
            }
        }
    }

    /// Whether it has values that only `f64` holds exactly.
    fn is_wide(&self) -> bool {
        match (self.dtype, self.interval) {
            (Some(DType::F64), _) => true,
            (_, Interval::Integer { .. }) => !self.interval.fits(DType::F32),
            _ => false,
        }
    }
}

/// The float dtype in which operands meet.
fn float_dtype(operands: &[Known]) -> DType {
    if operands.iter().any(Known::is_wide) { DType::F64 } else { DType::F32 }
}

/// What a result is: the dtype that is reckoned in, and its own.
pub(super) struct Kind {
    pub(super) working: DType,
    pub(super) dtype: DType,
    pub(super) interval: Interval,
}

impl Kind {
    fn float(operands: &[Known]) -> Self {
        let dtype = float_dtype(operands);
        Self { working: dtype, dtype, interval: Interval::Float }
    }
}

pub(super) fn arithmetic(op: ArithmeticOp, a: Term, b: Term) -> Result<LazyRaster> {
    let symbol = op.symbol();
    let known = [Known::of(symbol, &a)?, Known::of(symbol, &b)?];
    let mut kind = match (known[0].interval, known[1].interval) {
        (Interval::Integer { .. }, Interval::Integer { .. }) => integer_kind(op, &known, &b)?,
        _ => Kind::float(&known),
    };
    let mut inputs = Vec::new();
    let mut operand = |term: &Term| -> Result<Operand> {
        Ok(match term {
            Term::Value(Scalar::Float(value))
                if kind.working == DType::F32 && value.is_finite() && (*value as f32).is_infinite() =>
            {
                return Err(Error::invalid(format!(
                    "cannot apply {symbol}: {value} is beyond f32, which the result is; cast the raster to F64 first"
                )));
            }
            Term::Value(value) => Operand::Constant(*value),
            Term::Raster(raster) => {
                inputs.push(Arc::clone(raster.node()?));
                Operand::Input(inputs.len() - 1)
            }
        })
    };
    let operands = [operand(&a)?, operand(&b)?];
    let meta = match inputs.as_slice() {
        [a, b] => meet(symbol, &a.meta, &b.meta)?,
        [one] => one.meta.clone(),
        _ => return Err(Error::invalid(format!("cannot apply {symbol} to two literals"))),
    };
    let divides = matches!(op, ArithmeticOp::FloorDiv | ArithmeticOp::Rem) && !kind.working.is_float();
    let by_zero = divides && known[1].interval.holds(Scalar::Int(0));
    let nodata = [known[0].nodata, known[1].nodata];
    let result_nodata = match by_zero || nodata.iter().any(Option::is_some) {
        true => Some(blank(symbol, nodata, &mut kind)?),
        false => None,
    };
    let Kind { working, dtype, interval } = kind;
    let meta = Meta { dtype, interval, nodata: result_nodata, ..meta };
    let [a, b] = operands;
    Ok(LazyRaster::build(Op::Arithmetic { op, a, b, working, nodata, by_zero }, inputs, meta))
}

fn function(function: Function, raster: &LazyRaster) -> Result<LazyRaster> {
    let name = function.name();
    let node = raster.node()?;
    let rounds = matches!(function, Function::Floor | Function::Ceil | Function::Round | Function::Trunc);
    if rounds && node.meta.dtype.is_integer() {
        return Ok(raster.clone());
    }
    let known = Known::of(name, &Term::Raster(raster.clone()))?;
    let mut kind = match known.interval {
        Interval::Integer { low, high } => {
            let interval = match function {
                Function::Neg => Interval::Integer { low: -high, high: -low },
                Function::Abs => {
                    let least = if low <= 0 && high >= 0 { 0 } else { low.abs().min(high.abs()) };
                    Interval::Integer { low: least, high: low.abs().max(high.abs()) }
                }
                Function::Sign => Interval::Integer { low: low.signum(), high: high.signum() },
                Function::Floor | Function::Ceil | Function::Round | Function::Trunc => known.interval,
                _ => Interval::Float,
            };
            match interval {
                Interval::Float => Kind::float(&[known]),
                _ => Kind {
                    // The absolute value of the least integer, and the negative of any, is right modulo its size.
                    working: match function {
                        Function::Abs => holding(name, known.interval)?,
                        Function::Neg => holding(name, interval)?,
                        _ => holding(name, known.interval.union(interval))?,
                    },
                    dtype: holding(name, interval)?,
                    interval,
                },
            }
        }
        Interval::Float => Kind::float(&[known]),
    };
    let nodata = known.nodata;
    let result_nodata = nodata.map(|nodata| blank(name, [Some(nodata), None], &mut kind)).transpose()?;
    let Kind { working, dtype, interval } = kind;
    let meta = Meta { dtype, interval, nodata: result_nodata, ..node.meta.clone() };
    Ok(LazyRaster::build(Op::Function { function, working, nodata }, vec![Arc::clone(node)], meta))
}

fn compare_pixels(op: CompareOp, a: &Arc<Node>, b: &Arc<Node>) -> Result<LazyRaster> {
    let symbol = op.symbol();
    let working = match (a.meta.dtype, b.meta.dtype) {
        (left, right) if left == right => left,
        (DType::Bool, _) | (_, DType::Bool) => {
            return Err(Error::invalid(format!(
                "cannot apply {symbol}: the operands are {} and {}; compare the other one first, for example with ne(0)",
                a.meta.dtype, b.meta.dtype
            )));
        }
        (left, right) => common(symbol, (left, a.meta.interval), (right, b.meta.interval))?,
    };
    let meta = bool_meta(&meet(symbol, &a.meta, &b.meta)?);
    let nodata = [a.meta.nodata, b.meta.nodata];
    Ok(LazyRaster::build(Op::ComparePixels { op, working, nodata }, vec![Arc::clone(a), Arc::clone(b)], meta))
}

/// The smallest dtype that holds the values of both exactly.
fn common(symbol: &str, a: (DType, Interval), b: (DType, Interval)) -> Result<DType> {
    let fits = |dtype: &DType| {
        *dtype != DType::Bool
            && [a, b].iter().all(|(own, interval)| own == dtype || dtype.holds_all_of(*own) || interval.fits(*dtype))
    };
    DType::ALL.iter().copied().find(fits).ok_or_else(|| {
        Error::invalid(format!(
            "cannot apply {symbol}: no dtype holds the values of both {} and {} exactly; cast one of them first",
            a.0, b.0
        ))
    })
}

/// The result of integers with integers.
fn integer_kind(op: ArithmeticOp, known: &[Known; 2], b: &Term) -> Result<Kind> {
    let symbol = op.symbol();
    let [Interval::Integer { low: al, high: ah }, Interval::Integer { low: bl, high: bh }] =
        [known[0].interval, known[1].interval]
    else {
        return Ok(Kind::float(known));
    };
    let both = known[0].interval.union(known[1].interval);
    let too_large = || beyond(symbol);
    let interval = match op {
        ArithmeticOp::Add => Some((al.checked_add(bl), ah.checked_add(bh))),
        ArithmeticOp::Sub => Some((al.checked_sub(bh), ah.checked_sub(bl))),
        ArithmeticOp::Mul => Some(ends([al, ah].iter().flat_map(|a| [bl, bh].map(|b| a.checked_mul(b))))),
        ArithmeticOp::FloorDiv => {
            // Quotients are extreme at the ends of both, and by the divisors next to 0.
            let divisors: Vec<_> = [bl, bh, -1, 1].into_iter().filter(|d| *d != 0 && (bl..=bh).contains(d)).collect();
            if divisors.is_empty() {
                return Err(Error::invalid(format!("cannot apply {symbol}: the divisor is 0 everywhere")));
            }
            let floor = |a: i128, b: i128| a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0);
            Some(ends([al, ah].iter().flat_map(|a| divisors.iter().map(move |b| Some(floor(*a, *b))))))
        }
        ArithmeticOp::Rem if (bl, bh) == (0, 0) => {
            return Err(Error::invalid(format!("cannot apply {symbol}: the divisor is 0 everywhere")));
        }
        ArithmeticOp::Rem => {
            // From 0 towards the divisor, without it; a dividend of the same sign leaves no more than it is.
            let low = if ah <= 0 { al.max(bl + 1) } else { bl + 1 };
            let high = if al >= 0 { ah.min(bh - 1) } else { bh - 1 };
            Some((Some(low.min(0)), Some(high.max(0))))
        }
        ArithmeticOp::Minimum => Some((Some(al.min(bl)), Some(ah.min(bh)))),
        ArithmeticOp::Maximum => Some((Some(al.max(bl)), Some(ah.max(bh)))),
        ArithmeticOp::Pow => match b {
            Term::Value(_) if (0..=64).contains(&bl) => {
                let power = |a: i128| a.checked_pow(bl as u32);
                // An even power has its least value at 0.
                let around_zero = (al < 0 && ah > 0).then(|| power(0));
                Some(ends([al, ah].into_iter().map(power).chain(around_zero)))
            }
            _ => None,
        },
        ArithmeticOp::Div | ArithmeticOp::Hypot | ArithmeticOp::Atan2 => None,
    };
    let Some((low, high)) = interval else { return Ok(Kind::float(known)) };
    let (low, high) = (low.ok_or_else(too_large)?, high.ok_or_else(too_large)?);
    let interval = Interval::Integer { low, high };
    let dtype = holding(symbol, interval)?;
    // Sums, differences, products and powers are exact modulo the size of what holds them; the others need their
    // operands as they are.
    let working = match op {
        ArithmeticOp::Add | ArithmeticOp::Sub | ArithmeticOp::Mul | ArithmeticOp::Pow => dtype,
        // What a power of two leaves are the lowest bits, which conversion keeps.
        ArithmeticOp::Rem if matches!(b, Term::Value(_)) && bl > 0 && bl & (bl - 1) == 0 => {
            holding(symbol, Interval::Integer { low: 0, high: bl })?
        }
        _ => holding(symbol, both.union(interval)).map_err(|_| {
            Error::invalid(format!(
                "cannot apply {symbol}: no dtype of 64 bits holds the values of both operands; cast one of them to F64 first"
            ))
        })?,
    };
    Ok(Kind { working, dtype, interval })
}

/// The least and the greatest, if all are known.
fn ends(values: impl Iterator<Item = Option<i128>>) -> (Option<i128>, Option<i128>) {
    let values: Option<Vec<_>> = values.collect();
    values.map_or((None, None), |values| (values.iter().min().copied(), values.iter().max().copied()))
}

/// The smallest integer dtype that holds an interval: unsigned where it can be.
pub(super) fn holding(symbol: &str, interval: Interval) -> Result<DType> {
    let holds = |dtype: &DType| dtype.is_integer() && interval.fits(*dtype);
    DType::ALL.iter().copied().find(holds).ok_or_else(|| beyond(symbol))
}

fn beyond(symbol: &str) -> Error {
    Error::invalid(format!(
        "cannot apply {symbol}: the result could be an integer that no dtype of 64 bits holds; cast an operand to F64 first"
    ))
}

/// The nodata of a result: that of the first of its operands whose value no valid result can have; else an end of the
/// dtype, or NaN; where there is no room, an end of a wider dtype.
pub(super) fn blank(symbol: &str, operands: [Option<Scalar>; 2], kind: &mut Kind) -> Result<Scalar> {
    if kind.dtype.is_float() {
        return Ok(Scalar::Float(f64::NAN));
    }
    let mut fitting = operands.into_iter().flatten().filter_map(|nodata| nodata.fit(kind.dtype).ok());
    if let Some(kept) = fitting.find(|nodata| !kind.interval.holds(*nodata)) {
        return Ok(kept);
    }
    let is_signed = |dtype: DType| dtype.integer_range().is_some_and(|(least, _)| least < 0);
    let wider = DType::ALL.iter().copied().filter(|dtype| {
        dtype.is_integer() && is_signed(*dtype) == is_signed(kind.dtype) && dtype.size() >= kind.dtype.size()
    });
    for dtype in wider {
        let Some((least, greatest)) = dtype.integer_range() else { continue };
        let end = Scalar::Int(if least < 0 { least } else { greatest });
        if !kind.interval.holds(end) {
            if kind.working == kind.dtype {
                kind.working = dtype;
            }
            kind.dtype = dtype;
            return Ok(end);
        }
    }
    Err(Error::invalid(format!(
        "cannot apply {symbol}: the result needs all values of 64 bits, and none is left for nodata; cast an operand to F64 \
         first"
    )))
}
