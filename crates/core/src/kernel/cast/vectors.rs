//! Conversion in loops that become vectors, between the dtypes that files have most: all pixels are converted, and only then
//! is it asked whether all fit.
#![allow(clippy::manual_range_contains, reason = "two comparisons without a jump between them become vectors")]

use crate::buffer::{Slice, SliceMut};
use crate::dtype::{Element, Scalar};
use crate::expr::Overflow;
use crate::kernel::dispatch::dispatched;

dispatched! {
    /// Converts all pixels as [`cast`](super::cast) does, if all fit. False where one does not, which is then to be found, or where
    /// there is no loop for these dtypes; what `out` has then means nothing.
    pub(super) fn cast(input: Slice<'_>, overflow: Overflow, nodata: Option<Scalar>, out: SliceMut<'_>) -> bool => cast_of;
}

#[inline(always)]
fn cast_of(input: Slice<'_>, overflow: Overflow, nodata: Option<Scalar>, out: SliceMut<'_>) -> bool {
    macro_rules! pairs {
        ($($macro:ident: $from:ident $from_type:ty => $($to:ident $to_type:ty),*;)*) => {
            match (input, out) {
                $($((Slice::$from(input), SliceMut::$to(out)) => {
                    let missing = nodata.map(|value| (<$from_type>::from_scalar(value), <$to_type>::from_scalar(value)));
                    $macro!(input, out, overflow, missing, $from_type, $to_type)
                })*)*
                _ => false,
            }
        };
    }
    {
        pairs! {
            integer_to_integer: U8 u8 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            integer_to_integer: U16 u16 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            integer_to_integer: I16 i16 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            integer_to_integer: U32 u32 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            integer_to_integer: I32 i32 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            integer_to_float: U8 u8 => F32 f32, F64 f64;
            integer_to_float: U16 u16 => F32 f32, F64 f64;
            integer_to_float: I16 i16 => F32 f32, F64 f64;
            integer_to_float: U32 u32 => F32 f32, F64 f64;
            integer_to_float: I32 i32 => F32 f32, F64 f64;
            float_to_narrow: F32 f32 => U8 u8, U16 u16, I16 i16;
            float_to_integer: F32 f32 => U32 u32, I32 i32;
            float_to_narrow: F64 f64 => U8 u8, U16 u16, I16 i16, U32 u32, I32 i32;
            float_to_float: F32 f32 => F32 f32, F64 f64;
            float_to_float: F64 f64 => F32 f32, F64 f64;
        }
    }
}

macro_rules! integer_to_integer {
    ($input:ident, $out:ident, $overflow:ident, $missing:ident, $from:ty, $to:ty) => {{
        // The ends of the new dtype, or of the old one where that has fewer values.
        const LOW: $from = if (<$to>::MIN as i64) < <$from>::MIN as i64 { <$from>::MIN } else { <$to>::MIN as $from };
        const HIGH: $from = if (<$to>::MAX as i64) > <$from>::MAX as i64 { <$from>::MAX } else { <$to>::MAX as $from };
        match $overflow {
            // What fits keeps its value, nodata and what is none alike.
            Overflow::Error => all($input, $out, None, |pixel| (pixel as $to, (pixel >= LOW) & (pixel <= HIGH))),
            Overflow::Saturate => all($input, $out, $missing, |pixel| (pixel.clamp(LOW, HIGH) as $to, true)),
            Overflow::Wrap => all($input, $out, $missing, |pixel| (pixel as $to, true)),
        }
    }};
}
use integer_to_integer;

macro_rules! integer_to_float {
    ($input:ident, $out:ident, $overflow:ident, $missing:ident, $from:ty, $to:ty) => {{
        let _ = $overflow;
        all($input, $out, $missing, |pixel| (pixel as $to, true))
    }};
}
use integer_to_float;

/// The least float that is cut to the least integer of a dtype, and the least that is cut to one too large.
macro_rules! ends {
    ($from:ty, $to:ty) => {{
        const BELOW: $from = <$to>::MIN as $from - 1.0;
        const LOW: $from = if BELOW < <$to>::MIN as $from { BELOW.next_up() } else { <$to>::MIN as $from };
        const BEYOND: $from = (<$to>::MAX as i64 + 1) as $from;
        (LOW, BEYOND)
    }};
}
use ends;

macro_rules! float_to_narrow {
    ($input:ident, $out:ident, $overflow:ident, $missing:ident, $from:ty, $to:ty) => {{
        match $overflow {
            Overflow::Error => {
                Cut::<$to>::fit_all($input, $out, $missing)
                    || $missing.is_some() && all($input, $out, $missing, Cut::<$to>::fit)
            }
            Overflow::Saturate => all($input, $out, $missing, |pixel: $from| (Cut::<$to>::cut(pixel), true)),
            Overflow::Wrap => false,
        }
    }};
}
use float_to_narrow;

macro_rules! float_to_integer {
    ($input:ident, $out:ident, $overflow:ident, $missing:ident, $from:ty, $to:ty) => {{
        let (low, beyond) = ends!($from, $to);
        match $overflow {
            Overflow::Error => {
                all($input, $out, $missing, |pixel: $from| (pixel as $to, (pixel >= low) & (pixel < beyond)))
            }
            Overflow::Saturate => all($input, $out, $missing, |pixel: $from| (pixel as $to, true)),
            Overflow::Wrap => false,
        }
    }};
}
use float_to_integer;

/// A float cut towards zero to an integer all of whose values it holds: what `as` gives, which takes longer.
trait Cut<Integer>: Sized {
    /// The nearest integer where it is beyond them, 0 for NaN.
    fn cut(self) -> Integer;

    /// What it is cut to, and whether that is within them; 0 where it is not.
    fn fit(self) -> (Integer, bool);

    /// Cuts all pixels, and tells whether all are numbers that fit, and none but the old nodata becomes the new one, which is
    /// what the old one is cut to. False for NaN, too, and whoever has it asks [`all`]; without it that takes half as long.
    fn fit_all(input: &[Self], out: &mut [Integer], missing: Option<(Self, Integer)>) -> bool;
}

macro_rules! cut {
    ($($from:ty, $count:ty => $($to:ty as $wide:ty),*;)*) => {
        $($(impl Cut<$to> for $from {
            #[inline(always)]
            #[allow(unsafe_code, reason = "the bounds that `as` asks for again are known")]
            fn cut(self) -> $to {
                const LEAST: $from = <$to>::MIN as $from;
                const MOST: $from = <$to>::MAX as $from;
                let number = if LEAST != 0.0 && self.is_nan() { 0.0 } else { self };
                // Comparisons that NaN fails: it becomes the least, which is 0 where it still can be.
                let number = if number > LEAST { number } else { LEAST };
                let number = if number < MOST { number } else { MOST };
                // SAFETY: it is a number, and lies between the ends of the integer, which the wide one holds.
                let whole = unsafe { number.to_int_unchecked::<$wide>() };
                whole as $to
            }

            #[inline(always)]
            #[allow(unsafe_code, reason = "the bounds that `as` asks for again are known")]
            fn fit(self) -> ($to, bool) {
                let (low, beyond) = ends!($from, $to);
                let fits = (self >= low) & (self < beyond);
                let number = if fits { self } else { 0.0 };
                // SAFETY: it is a number, and lies between the ends of the integer, which the wide one holds.
                let whole = unsafe { number.to_int_unchecked::<$wide>() };
                (whole as $to, fits)
            }

            #[inline(always)]
            #[allow(unsafe_code, reason = "the bounds that `as` asks for again are known")]
            fn fit_all(input: &[Self], out: &mut [$to], missing: Option<(Self, $to)>) -> bool {
                let (low, beyond) = ends!($from, $to);
                let high = beyond.next_down();
                let from = missing.map_or(<$from>::NAN, |(from, _)| from);
                let keeps_value = |(from, to): (Self, $to)| from.is_nan() || Cut::<$to>::cut(from) == to;
                debug_assert!(missing.is_none_or(keeps_value), "nodata is the same number before and after");
                // As wide as pixels: what is counted of a vector stays where it is.
                let (mut misfits, mut old_nodata): ($count, $count) = (0, 0);
                for (out, pixel) in out.iter_mut().zip(input) {
                    // NaN becomes the least.
                    let number = if *pixel > low { *pixel } else { low };
                    let number = if number < high { number } else { high };
                    // SAFETY: it is a number, and is cut to one of the integer's, which the wide one holds.
                    let whole = unsafe { number.to_int_unchecked::<$wide>() };
                    *out = whole as $to;
                    misfits |= <$count>::from(number != *pixel);
                    old_nodata += <$count>::from(*pixel == from);
                }
                let new_nodata = missing.map_or(0, |(_, to)| {
                    // As narrow as they are, of so many that it cannot overflow.
                    let count = |out: &[$to]| {
                        let mut count: $to = 0;
                        for out in out {
                            count += <$to>::from(*out == to);
                        }
                        count as $count
                    };
                    out.chunks(192).map(count).sum()
                });
                misfits == 0 && old_nodata == new_nodata
            }
        })*)*
    };
}
// 32 bits are what vectors convert to.
cut! {
    f32, u32 => u8 as i32, u16 as i32, i16 as i32;
    f64, u64 => u8 as i32, u16 as i32, i16 as i32, i32 as i32, u32 as i64;
}

macro_rules! float_to_float {
    ($input:ident, $out:ident, $overflow:ident, $missing:ident, $from:ty, $to:ty) => {{
        let is_lost = |pixel: $from, narrow: $to| pixel.is_finite() & !narrow.is_finite();
        match $overflow {
            Overflow::Error => all($input, $out, $missing, |pixel| (pixel as $to, !is_lost(pixel, pixel as $to))),
            Overflow::Saturate => all($input, $out, $missing, |pixel| {
                let narrow = pixel as $to;
                (if is_lost(pixel, narrow) { <$to>::MAX.copysign(narrow) } else { narrow }, true)
            }),
            Overflow::Wrap => all($input, $out, $missing, |pixel| (pixel as $to, true)),
        }
    }};
}
use float_to_float;

/// Converts all pixels, nodata and NaN to the new nodata where there is one, and tells whether all fit and no valid one has
/// become nodata.
#[expect(clippy::eq_op, reason = "NaN is the pixel that does not equal itself")]
#[inline(always)]
fn all<T: Element, U: Element>(
    input: &[T],
    out: &mut [U],
    missing: Option<(T, U)>,
    convert: impl Fn(T) -> (U, bool),
) -> bool {
    let mut all_fit = true;
    match missing {
        None => {
            for (out, pixel) in out.iter_mut().zip(input) {
                let (value, fits) = convert(*pixel);
                *out = value;
                all_fit &= fits;
            }
        }
        Some((from, to)) => {
            for (out, pixel) in out.iter_mut().zip(input) {
                let (value, fits) = convert(*pixel);
                let is_missing = (*pixel == from) | (*pixel != *pixel);
                *out = if is_missing { to } else { value };
                all_fit &= is_missing | fits & (value != to);
            }
        }
    }
    all_fit
}

#[cfg(test)]
mod tests {
    use super::super::{Misfit, Sample, Target};
    use super::*;
    use crate::buffer::{Buffer, Pixel};

    /// Whether a loop over vectors gives what one pixel after the other gives, for each value and with each nodata.
    fn check<T: Pixel + Sample, U: Pixel + Target>(values: &[T], nodata: &[Scalar]) {
        for overflow in [Overflow::Error, Overflow::Saturate, Overflow::Wrap] {
            for nodata in std::iter::once(None).chain(nodata.iter().copied().map(Some)) {
                for value in values {
                    // Long enough for vectors, the value in the midst of what fits.
                    let mut input = vec![T::from_scalar(Scalar::Int(1)); 37];
                    input[20] = *value;
                    let (input, mut out) = (Buffer::from_vec(input), vec![U::default(); 37]);
                    let mut expected = out.clone();
                    let slice = input.slice(0, 37);
                    let one_by_one: Result<(), Misfit> =
                        super::super::run(slice.as_slice::<T>().unwrap(), overflow, nodata, &mut expected);
                    let mut buffer = Buffer::from_vec(std::mem::take(&mut out));
                    let fits = cast(slice, overflow, nodata, buffer.whole_mut());
                    let what = format!("{value:?} to {}, {overflow:?}, nodata {nodata:?}", U::DTYPE);
                    if overflow == Overflow::Wrap && T::DTYPE.is_float() && !U::DTYPE.is_float() {
                        assert!(!fits, "{what}: there is no such loop");
                        continue;
                    }
                    assert_eq!(fits, one_by_one.is_ok(), "{what}");
                    let bits = |pixels: &[U]| pixels.iter().map(|pixel| pixel.to_bits()).collect::<Vec<_>>();
                    if fits {
                        assert_eq!(bits(buffer.as_slice::<U>().unwrap()), bits(&expected), "{what}");
                    }
                }
            }
        }
    }

    /// As [`check`], to each dtype that there are loops for.
    fn check_all<T: Pixel + Sample>(values: &[T], nodata: &[Scalar]) {
        check::<T, u8>(values, nodata);
        check::<T, u16>(values, nodata);
        check::<T, i16>(values, nodata);
        check::<T, u32>(values, nodata);
        check::<T, i32>(values, nodata);
        check::<T, f32>(values, nodata);
        check::<T, f64>(values, nodata);
    }

    #[test]
    fn loops_over_vectors_give_what_one_pixel_after_the_other_gives() {
        let nodata = [0, 7, 255].map(Scalar::from);
        macro_rules! integers {
            ($($from:ty),*) => {
                $({
                    let ends = [<$from>::MIN, <$from>::MAX];
                    let near = [0_i64, -1, -129, -32_769, 7, 127, 255, 256, 32_767, 65_535, 65_536].map(|v| v as $from);
                    let values: Vec<$from> = ends.into_iter().chain(near).collect();
                    check_all(&values, &nodata);
                })*
            };
        }
        integers!(u8, u16, i16, u32, i32);
        macro_rules! floats {
            ($($from:ident),*) => {
                $({
                    let whole = [0.0, -1.0, 7.0, 255.0, 256.0, -32_768.0, -32_769.0, 65_535.0, 65_536.0, 2_147_483_647.0,
                        2_147_483_648.0, -2_147_483_648.0, -2_147_483_649.0, 4_294_967_295.0, 4_294_967_296.0, 1e30];
                    let beside = whole.iter().flat_map(|v: &$from| [v.next_down(), *v, v.next_up(), v + 0.4, v - 0.4]);
                    let odd = [$from::NAN, $from::INFINITY, $from::NEG_INFINITY, $from::MAX, $from::MIN, -0.0];
                    let values: Vec<$from> = beside.chain(odd).collect();
                    check_all(&values, &nodata);
                })*
            };
        }
        floats!(f32, f64);
    }

    #[test]
    fn nodata_is_counted_in_strips_of_any_length() {
        for (length, every) in [(0, 1), (1, 1), (191, 1), (192, 2), (193, 3), (1000, 1), (1000, 7), (4096, 1)] {
            for odd in [None, Some(7.5), Some(f64::NAN), Some(300.0)] {
                let mut pixels: Vec<f64> =
                    (0..length).map(|at| if at % every == 0 { 7.0 } else { (at % 200) as f64 }).collect();
                if let (Some(odd), Some(last)) = (odd, pixels.last_mut()) {
                    *last = odd;
                }
                let nodata = Some(Scalar::from(7));
                let (mut one_by_one, mut all) = (vec![0_u8; length], vec![0_u8; length]);
                let expected = super::super::run(&pixels, Overflow::Error, nodata, &mut one_by_one).is_ok();
                let fits = cast(Slice::F64(&pixels), Overflow::Error, nodata, SliceMut::U8(&mut all));
                assert_eq!(fits, expected, "{length} pixels, each {every} nodata, {odd:?}");
                assert!(!fits || all == one_by_one, "{length} pixels, each {every} nodata, {odd:?}");
            }
        }
    }
}
