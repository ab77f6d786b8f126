//! Choice by a condition.

use std::hint::select_unpredictable;

use super::dispatch::dispatched;
use crate::buffer::{Slice, SliceMut};
use crate::dtype::{Element, Scalar};
use crate::for_dtype;

/// One branch of a selection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Choice<'a> {
    /// These pixels.
    Pixels(Slice<'a>),
    /// This value.
    Value(Scalar),
}

dispatched! {
    /// `out = condition ? yes : no`; slices are of the dtype of `out`, values fit it.
    pub(crate) fn select(condition: &[bool], yes: Choice<'_>, no: Choice<'_>, out: SliceMut<'_>) => select_of;
}

#[inline(always)]
fn select_of(condition: &[bool], yes: Choice<'_>, no: Choice<'_>, out: SliceMut<'_>) {
    macro_rules! run {
        ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
            match out {
                $(SliceMut::$variant(out) => {
                    let typed = |choice| match choice {
                        Choice::Pixels(Slice::$variant(pixels)) => Typed::Pixels(pixels),
                        Choice::Value(value) => Typed::Value(<$type as Element>::from_scalar(value)),
                        Choice::Pixels(_) => unreachable!("the plan gives both branches the result's dtype"),
                    };
                    select_typed(condition, typed(yes), typed(no), out);
                })*
            }
        };
    }
    crate::dtypes!(run);
}

/// `out = condition == when ? choice : out`: a selection one of whose branches lies where the result goes.
///
/// Not with the widest vectors: x86 would store each pixel under a mask, which takes some machines long.
pub(crate) fn overwrite(condition: &[bool], when: bool, choice: Choice<'_>, out: SliceMut<'_>) {
    macro_rules! run {
        ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
            match out {
                $(SliceMut::$variant(out) => {
                    let pairs = out.iter_mut().zip(condition);
                    match choice {
                        Choice::Value(value) => {
                            let value = <$type as Element>::from_scalar(value);
                            pairs.for_each(|(out, c)| *out = select_unpredictable(*c == when, value, *out));
                        }
                        Choice::Pixels(Slice::$variant(pixels)) => {
                            pairs.zip(pixels).for_each(|((out, c), pixel)| {
                                *out = select_unpredictable(*c == when, *pixel, *out);
                            });
                        }
                        Choice::Pixels(_) => unreachable!("the plan gives both branches the result's dtype"),
                    }
                })*
            }
        };
    }
    crate::dtypes!(run);
}

enum Typed<'a, T> {
    Pixels(&'a [T]),
    Value(T),
}

/// Both branches are read whatever the condition says: a conditional load would be a jump for each pixel, and keep the
/// loop from being vectorised (measured on u8: 1.5 GB/s).
#[inline(always)]
fn select_typed<T: Copy>(condition: &[bool], yes: Typed<'_, T>, no: Typed<'_, T>, out: &mut [T]) {
    let out = out.iter_mut().zip(condition);
    match (yes, no) {
        (Typed::Pixels(yes), Typed::Pixels(no)) => {
            for (((out, c), yes), no) in out.zip(yes).zip(no) {
                *out = select_unpredictable(*c, *yes, *no);
            }
        }
        (Typed::Pixels(yes), Typed::Value(no)) => {
            for ((out, c), yes) in out.zip(yes) {
                *out = select_unpredictable(*c, *yes, no);
            }
        }
        (Typed::Value(yes), Typed::Pixels(no)) => {
            for ((out, c), no) in out.zip(no) {
                *out = select_unpredictable(*c, yes, *no);
            }
        }
        (Typed::Value(yes), Typed::Value(no)) => {
            for (out, c) in out {
                *out = select_unpredictable(*c, yes, no);
            }
        }
    }
}

/// `out = value`, which fits the dtype of `out`.
pub(crate) fn fill(value: Scalar, out: SliceMut<'_>) {
    for_dtype!(SliceMut, out, out => fill_typed(value, out));
}

fn fill_typed<T: Element>(value: Scalar, out: &mut [T]) {
    out.fill(T::from_scalar(value));
}

dispatched! {
    /// `out = input == from ? to : input`; NaN equals NaN.
    pub(crate) fn replace(input: Slice<'_>, from: Scalar, to: Scalar, out: SliceMut<'_>) => replace_of;
}

#[inline(always)]
fn replace_of(input: Slice<'_>, from: Scalar, to: Scalar, out: SliceMut<'_>) {
    macro_rules! run {
        ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
            match (input, out) {
                $((Slice::$variant(input), SliceMut::$variant(out)) => {
                    let (from, to) = (<$type as Element>::from_scalar(from), <$type as Element>::from_scalar(to));
                    // A loop of its own for NaN, as both in one is none of vectors.
                    match Element::is_nan(from) {
                        true => {
                            for (out, pixel) in out.iter_mut().zip(input) {
                                *out = if Element::is_nan(*pixel) { to } else { *pixel };
                            }
                        }
                        false => {
                            for (out, pixel) in out.iter_mut().zip(input) {
                                *out = if *pixel == from { to } else { *pixel };
                            }
                        }
                    }
                })*
                _ => unreachable!("a replacement keeps the dtype"),
            }
        };
    }
    crate::dtypes!(run);
}
