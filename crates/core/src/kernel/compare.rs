//! Pixels to bool: membership, comparison, validity.

use super::dispatch::dispatched;
use crate::buffer::Slice;
use crate::dtype::{Element, Scalar};
use crate::expr::CompareOp;
use crate::for_dtype;

/// More values than this are looked up instead of compared with each pixel.
const COMPARED_MAX: usize = 16;

/// The values of an `isin`, sorted and without duplicates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueSet {
    values: Vec<Scalar>,
    /// A bit for each value that an integer of at most 16 bits can have, by its low 16 bits; empty for few values.
    bits: Vec<u64>,
}

impl ValueSet {
    /// A set of these literals, all of which fit the dtype that it will be used with.
    pub(crate) fn new(values: &[Scalar]) -> Self {
        let mut kept: Vec<Scalar> = Vec::with_capacity(values.len());
        let mut sorted = values.to_vec();
        sorted.sort_by(|a, b| match (a.to_integer(), b.to_integer()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.to_f64().total_cmp(&b.to_f64()),
        });
        for value in sorted {
            // NaN is a member of nothing, as in IEEE and NumPy.
            if !value.is_nan() && kept.last() != Some(&value) {
                kept.push(value);
            }
        }
        let mut bits = Vec::new();
        if kept.len() > COMPARED_MAX {
            bits = vec![0; 1 << 10];
            for value in kept.iter().filter_map(|value| value.to_integer()) {
                let (word, bit) = place(value as u64);
                bits[word] |= bit;
            }
        }
        Self { values: kept, bits }
    }
}

/// Where the bit of an integer of at most 16 bits stands.
fn place(pixel: u64) -> (usize, u64) {
    let low = pixel as u16;
    (usize::from(low >> 6), 1 << (low & 63))
}

dispatched! {
    /// `out = input ∈ set`.
    pub(crate) fn is_in(input: Slice<'_>, set: &ValueSet, out: &mut [bool]) => is_in_of;
}

#[inline(always)]
fn is_in_of(input: Slice<'_>, set: &ValueSet, out: &mut [bool]) {
    for_dtype!(Slice, input, input => is_in_typed(input, set, out));
}

#[inline(always)]
fn is_in_typed<T: Element>(input: &[T], set: &ValueSet, out: &mut [bool]) {
    let pairs = out.iter_mut().zip(input);
    if set.values.len() > COMPARED_MAX && size_of::<T>() <= 2 {
        // 8 KiB stay in the first-level cache, and no jump depends on the pixel as in a search.
        pairs.for_each(|(out, pixel)| {
            let (word, bit) = place(pixel.to_bits());
            *out = set.bits[word] & bit != 0;
        });
        return;
    }
    let values: Vec<T> = set.values.iter().map(|value| T::from_scalar(*value)).collect();
    if values.len() > COMPARED_MAX {
        let order = |value: &T, pixel: &T| value.partial_cmp(pixel).unwrap_or(std::cmp::Ordering::Less);
        pairs.for_each(|(out, pixel)| *out = values.binary_search_by(|value| order(value, pixel)).is_ok());
        return;
    }
    // All values at each pixel, as many as there are or the next power of two: a loop over pixels without jumps becomes
    // vectors, and beats a search 15-fold on u8.
    match values.len() {
        0 => out.fill(false),
        1 => is_one_of::<T, 1>(&values, input, out),
        2 => is_one_of::<T, 2>(&values, input, out),
        3..=4 => is_one_of::<T, 4>(&values, input, out),
        5..=8 => is_one_of::<T, 8>(&values, input, out),
        _ => is_one_of::<T, COMPARED_MAX>(&values, input, out),
    }
}

/// Of at most `N` values; the last one stands for those that are not there.
#[inline(always)]
fn is_one_of<T: Element, const N: usize>(values: &[T], input: &[T], out: &mut [bool]) {
    let values: [T; N] = std::array::from_fn(|index| values[index.min(values.len() - 1)]);
    for (out, pixel) in out.iter_mut().zip(input) {
        let mut found = false;
        for value in &values {
            found |= pixel == value;
        }
        *out = found;
    }
}

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
    for_dtype!(Slice, input, input => {
        let nodata = Element::from_scalar(nodata);
        for (out, pixel) in out.iter_mut().zip(input) {
            *out &= is_valid(*pixel, nodata);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_is_the_same_for_few_and_for_many_values() {
        let input: Vec<u16> = (0..500).collect();
        for count in [0, 1, 16, 17, 200] {
            let values: Vec<_> = (0..count).map(|i| Scalar::from(i * 3)).collect();
            let mut out = vec![true; input.len()];
            is_in(Slice::U16(&input), &ValueSet::new(&values), &mut out);
            let expected: Vec<_> = input.iter().map(|v| v % 3 == 0 && u64::from(*v) < count * 3).collect();
            assert_eq!(out, expected, "{count} values");
        }
    }

    #[test]
    fn negative_and_wide_pixels_are_looked_up_by_value() {
        let values: Vec<i32> = (-40..40).step_by(2).collect();
        let set = ValueSet::new(&values.iter().map(|value| Scalar::from(*value)).collect::<Vec<_>>());
        let expected: Vec<_> = (-100..100).map(|pixel| values.contains(&pixel)).collect();
        let mut out = vec![false; 200];
        is_in(Slice::I8(&(-100..100).collect::<Vec<_>>()), &set, &mut out);
        assert_eq!(out, expected, "i8");
        is_in(Slice::I16(&(-100..100).collect::<Vec<_>>()), &set, &mut out);
        assert_eq!(out, expected, "i16");
        is_in(Slice::I32(&(-100..100).collect::<Vec<_>>()), &set, &mut out);
        assert_eq!(out, expected, "i32");
        is_in(Slice::I32(&[65_536 - 2, -2]), &set, &mut out[..2]);
        assert_eq!(out[..2], [false, true], "only the low bits of 65534 are those of -2");
    }

    #[test]
    fn nan_is_in_no_set_and_compares_false() {
        let input = [f32::NAN, 1.0];
        let mut out = [true; 2];
        is_in(Slice::F32(&input), &ValueSet::new(&[Scalar::from(f64::NAN), Scalar::from(1)]), &mut out);
        assert_eq!(out, [false, true]);
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
