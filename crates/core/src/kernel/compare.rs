//! Pixels to bool: comparison, validity.

use super::dispatch::dispatched;
use crate::buffer::{Pixel, Slice};
use crate::dtype::{Element, Scalar};
use crate::expr::CompareOp;
use crate::for_dtype;

dispatched! {
    /// `out = input op value`, false where the pixel equals `nodata`, or is NaN where there is a nodata.
    pub(crate) fn compare(input: Slice<'_>, op: CompareOp, value: Scalar, nodata: Option<Scalar>, out: &mut [bool]) => compare_of;
}

#[inline(always)]
fn compare_of(input: Slice<'_>, op: CompareOp, value: Scalar, nodata: Option<Scalar>, out: &mut [bool]) {
    for_dtype!(Slice, input, input => compare_typed(input, op, value, nodata, out));
}

#[inline(always)]
fn compare_typed<T: Element>(input: &[T], op: CompareOp, value: Scalar, nodata: Option<Scalar>, out: &mut [bool]) {
    let value = T::from_scalar(value);
    macro_rules! run {
        ($holds:expr) => {
            match nodata.map(T::from_scalar) {
                None => fill_with(out, input, $holds),
                Some(nodata) => fill_with(out, input, |pixel| $holds(pixel) & is_valid(pixel, nodata)),
            }
        };
    }
    match op {
        // NaN is less, and more, than nothing.
        CompareOp::Lt => run!(|pixel: T| pixel < value),
        CompareOp::Le => run!(|pixel: T| pixel <= value),
        CompareOp::Gt => run!(|pixel: T| pixel > value),
        CompareOp::Ge => run!(|pixel: T| pixel >= value),
        // A value that is nodata is refused where the expression is built.
        CompareOp::Eq => fill_with(out, input, |pixel| pixel == value),
        CompareOp::Ne => run!(|pixel: T| pixel != value),
    }
}

#[inline(always)]
fn fill_with<T: Copy>(out: &mut [bool], input: &[T], told: impl Fn(T) -> bool) {
    for (out, pixel) in out.iter_mut().zip(input) {
        *out = told(*pixel);
    }
}

dispatched! {
    /// `out = a op b` for pixels of one dtype, false where one is its nodata, or is NaN where it has a nodata.
    pub(crate) fn compare_pixels(
        op: CompareOp, a: Slice<'_>, b: Slice<'_>, nodata: [Option<Scalar>; 2], out: &mut [bool],
    ) => compare_pixels_of;
}

#[inline(always)]
fn compare_pixels_of(op: CompareOp, a: Slice<'_>, b: Slice<'_>, nodata: [Option<Scalar>; 2], out: &mut [bool]) {
    for_dtype!(Slice, a, a => compare_pixels_typed(op, a, b, nodata, out));
}

#[inline(always)]
fn compare_pixels_typed<T: Pixel>(op: CompareOp, a: &[T], b: Slice<'_>, nodata: [Option<Scalar>; 2], out: &mut [bool]) {
    let b: &[T] = b.as_slice().expect("operands have one dtype");
    let [no_a, no_b] = nodata.map(|nodata| nodata.map(T::from_scalar));
    // Both at once, as bands of a file have; one alone is asked for in a loop of its own.
    let both = no_a.zip(no_b);
    macro_rules! run {
        ($holds:expr) => {
            match both {
                None => fill_with_both(out, a, b, $holds),
                Some((no_a, no_b)) => fill_with_both(out, a, b, |a, b| $holds(a, b) & (a != no_a) & (b != no_b)),
            }
        };
    }
    match op {
        // NaN is less, and more, than nothing, and equals nothing.
        CompareOp::Lt => run!(|a: T, b: T| a < b),
        CompareOp::Le => run!(|a: T, b: T| a <= b),
        CompareOp::Gt => run!(|a: T, b: T| a > b),
        CompareOp::Ge => run!(|a: T, b: T| a >= b),
        CompareOp::Eq => run!(|a: T, b: T| a == b),
        CompareOp::Ne => match both {
            None => fill_with_both(out, a, b, |a, b| a != b),
            Some((no_a, no_b)) => {
                fill_with_both(out, a, b, |a, b| (a != b) & is_valid(a, no_a) & is_valid(b, no_b));
            }
        },
    }
    if both.is_none() {
        for (pixels, nodata) in [(a, no_a), (b, no_b)] {
            nodata.into_iter().for_each(|nodata| clear(pixels, nodata, out));
        }
    }
}

#[inline(always)]
fn fill_with_both<T: Copy>(out: &mut [bool], a: &[T], b: &[T], told: impl Fn(T, T) -> bool) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = told(*a, *b);
    }
}

/// Whether a pixel is one: not nodata, nor NaN, as NaN pixels of a raster that has nodata count as nodata.
#[inline]
#[expect(clippy::eq_op, reason = "NaN is the pixel that does not equal itself")]
fn is_valid<T: Element>(pixel: T, nodata: T) -> bool {
    (pixel != nodata) & (pixel == pixel)
}

dispatched! {
    /// Whether pixels are valid: not nodata and, where there is a nodata, not NaN.
    pub(crate) fn valid(input: Slice<'_>, nodata: Option<Scalar>, out: &mut [bool]) => valid_of;
}

#[inline(always)]
fn valid_of(input: Slice<'_>, nodata: Option<Scalar>, out: &mut [bool]) {
    match nodata {
        None => out.fill(true),
        Some(nodata) => {
            for_dtype!(Slice, input, input => {
                let nodata = Element::from_scalar(nodata);
                fill_with(out, input, |pixel| is_valid(pixel, nodata));
            })
        }
    }
}

dispatched! {
    /// False where the pixel is none: equals `nodata`, or is NaN.
    pub(crate) fn clear_missing(input: Slice<'_>, nodata: Scalar, out: &mut [bool]) => clear_missing_of;
}

#[inline(always)]
fn clear_missing_of(input: Slice<'_>, nodata: Scalar, out: &mut [bool]) {
    for_dtype!(Slice, input, input => clear(input, Element::from_scalar(nodata), out));
}

#[inline(always)]
fn clear<T: Element>(input: &[T], nodata: T, out: &mut [bool]) {
    for (out, pixel) in out.iter_mut().zip(input) {
        *out &= is_valid(*pixel, nodata);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_compares_false() {
        let input = [f32::NAN, 1.0];
        let mut out = [true; 2];
        compare(Slice::F32(&input), CompareOp::Ne, Scalar::from(5), Some(Scalar::from(f64::NAN)), &mut out);
        assert_eq!(out, [false, true], "nan is nodata, at which comparisons are false");
    }

    #[test]
    fn comparisons_are_false_at_nodata() {
        let input = [0u8, 3, 9];
        let mut out = [true; 3];
        compare(Slice::U8(&input), CompareOp::Lt, Scalar::from(5), Some(Scalar::from(0)), &mut out);
        assert_eq!(out, [false, true, false]);
    }
}
