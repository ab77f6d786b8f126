//! Logical and bitwise combination.

use std::ops::{BitAnd, BitOr, BitXor};

use crate::buffer::{Slice, SliceMut};
use crate::expr::LogicOp;

macro_rules! for_bits {
    ($slices:expr, ($($name:ident),+) => $body:expr) => {
        match $slices {
            for_bits!(@ Bool $($name)+) => $body,
            for_bits!(@ U8 $($name)+) => $body,
            for_bits!(@ U16 $($name)+) => $body,
            for_bits!(@ U32 $($name)+) => $body,
            for_bits!(@ U64 $($name)+) => $body,
            for_bits!(@ I8 $($name)+) => $body,
            for_bits!(@ I16 $($name)+) => $body,
            for_bits!(@ I32 $($name)+) => $body,
            for_bits!(@ I64 $($name)+) => $body,
            _ => unreachable!("expressions combine bits of one dtype, never of floats"),
        }
    };
    (@ $variant:ident $a:ident $out:ident) => {
        (Slice::$variant($a), SliceMut::$variant($out))
    };
    (@ $variant:ident $a:ident $b:ident $out:ident) => {
        (Slice::$variant($a), Slice::$variant($b), SliceMut::$variant($out))
    };
}

/// `out = !input`.
pub(crate) fn not(input: Slice<'_>, out: SliceMut<'_>) {
    for_bits!((input, out), (input, out) => out.iter_mut().zip(input).for_each(|(out, a)| *out = !*a));
}

/// `out = a op b`.
pub(crate) fn logic(op: LogicOp, a: Slice<'_>, b: Slice<'_>, out: SliceMut<'_>) {
    for_bits!((a, b, out), (a, b, out) => match op {
        LogicOp::And => combine(a, b, out, BitAnd::bitand),
        LogicOp::Or => combine(a, b, out, BitOr::bitor),
        LogicOp::Xor => combine(a, b, out, BitXor::bitxor),
    });
}

fn combine<T: Copy>(a: &[T], b: &[T], out: &mut [T], op: impl Fn(T, T) -> T) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = op(*a, *b);
    }
}
