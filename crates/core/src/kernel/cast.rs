//! Conversion between dtypes.

mod vectors;

use crate::buffer::{Slice, SliceMut};
use crate::dtype::{DType, Element, Scalar};
use crate::expr::Overflow;

/// The first pixel that a cast could not convert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Misfit {
    /// Its position in the slice.
    pub(crate) index: usize,
    /// Its value.
    pub(crate) value: Scalar,
}

/// `out = input` as the dtype of `out`; pixels that equal `nodata` (or NaN, where there is a nodata) become nodata of
/// the same value.
pub(crate) fn cast(
    input: Slice<'_>,
    overflow: Overflow,
    nodata: Option<Scalar>,
    mut out: SliceMut<'_>,
) -> Result<(), Misfit> {
    if vectors::cast(input, overflow, nodata, out.reborrow()) {
        return Ok(());
    }
    // Some pixel does not fit, or these dtypes have no loop of their own: one after the other.
    macro_rules! to {
        ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
            match out { $(SliceMut::$variant(out) => from(input, overflow, nodata, out),)* }
        };
    }
    crate::dtypes!(to)
}

fn from<U: Element + Target>(
    input: Slice<'_>,
    overflow: Overflow,
    nodata: Option<Scalar>,
    out: &mut [U],
) -> Result<(), Misfit> {
    crate::for_dtype!(Slice, input, input => run(input, overflow, nodata, out))
}

fn run<T: Element + Sample, U: Element + Target>(
    input: &[T],
    overflow: Overflow,
    nodata: Option<Scalar>,
    out: &mut [U],
) -> Result<(), Misfit> {
    let missing =
        nodata.filter(|_| U::DTYPE != DType::Bool).map(|value| (T::from_scalar(value), U::from_scalar(value)));
    for (index, (out, pixel)) in out.iter_mut().zip(input).enumerate() {
        let misfit = || Misfit { index, value: pixel.to_scalar() };
        *out = match missing {
            Some((from, to)) if *pixel == from || Element::is_nan(*pixel) => to,
            // 0.4 cut to a nodata of 0 would be a valid pixel that silently disappears.
            Some((_, to)) => U::convert(pixel.widen(), overflow).filter(|value| *value != to).ok_or_else(misfit)?,
            None => U::convert(pixel.widen(), overflow).ok_or_else(misfit)?,
        };
    }
    Ok(())
}

/// Any pixel, widened without loss.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wide {
    Int(i128),
    Float(f64),
}

pub(crate) trait Sample {
    fn widen(self) -> Wide;
}

/// What a widened pixel becomes; none where it does not fit and that is an error.
pub(crate) trait Target: Sized {
    fn convert(value: Wide, overflow: Overflow) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(impl Sample for $type {
            #[inline]
            fn widen(self) -> Wide { Wide::Int(i128::from(self)) }
        }
        impl Target for $type {
            #[inline]
            fn convert(value: Wide, overflow: Overflow) -> Option<Self> {
                let whole = match value {
                    Wide::Int(value) => value,
                    Wide::Float(value) if value.is_nan() && overflow == Overflow::Error => return None,
                    // `as` cuts towards zero, saturates, and takes NaN to 0.
                    Wide::Float(value) => value as i128,
                };
                match overflow {
                    Overflow::Error => Self::try_from(whole).ok(),
                    Overflow::Saturate => Some(whole.clamp(i128::from(Self::MIN), i128::from(Self::MAX)) as Self),
                    Overflow::Wrap => Some(whole as Self),
                }
            }
        })*
    };
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($type:ty),*) => {
        $(impl Sample for $type {
            #[inline]
            fn widen(self) -> Wide { Wide::Float(f64::from(self)) }
        }
        impl Target for $type {
            #[inline]
            fn convert(value: Wide, overflow: Overflow) -> Option<Self> {
                match value {
                    Wide::Int(value) => Some(value as Self),
                    Wide::Float(value) => {
                        let narrow = value as Self;
                        let lost = value.is_finite() && !narrow.is_finite();
                        match overflow {
                            Overflow::Error if lost => None,
                            Overflow::Saturate if lost => Some(Self::MAX.copysign(narrow)),
                            _ => Some(narrow),
                        }
                    }
                }
            }
        })*
    };
}
floats!(f32, f64);

impl Sample for bool {
    #[inline]
    fn widen(self) -> Wide {
        Wide::Int(i128::from(self))
    }
}

/// Anything but 0 is true, NaN included.
impl Target for bool {
    #[inline]
    fn convert(value: Wide, _overflow: Overflow) -> Option<Self> {
        Some(match value {
            Wide::Int(value) => value != 0,
            Wide::Float(value) => value != 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_u8(input: &[f32], overflow: Overflow) -> Result<Vec<u8>, Misfit> {
        let mut out = vec![0; input.len()];
        cast(Slice::F32(input), overflow, None, SliceMut::U8(&mut out)).map(|()| out)
    }

    #[test]
    fn what_does_not_fit_is_an_error_or_saturates_or_wraps() {
        let input = [1.9, -1.0, 300.0];
        assert_eq!(to_u8(&input, Overflow::Error), Err(Misfit { index: 1, value: Scalar::from(-1.0) }));
        assert_eq!(to_u8(&input, Overflow::Saturate), Ok(vec![1, 0, 255]));
        assert_eq!(to_u8(&input, Overflow::Wrap), Ok(vec![1, 255, 44]));
        assert!(to_u8(&[f32::NAN], Overflow::Error).is_err());
    }

    #[test]
    fn a_valid_pixel_never_becomes_nodata() {
        let mut out = [0u8; 2];
        for overflow in [Overflow::Error, Overflow::Saturate] {
            let result = cast(Slice::F32(&[0.0, 0.4]), overflow, Some(Scalar::from(0)), SliceMut::U8(&mut out));
            assert_eq!(result, Err(Misfit { index: 1, value: Scalar::Float(f64::from(0.4f32)) }));
        }
    }

    #[test]
    fn nodata_stays_nodata() {
        let input = [-9999i16, 5];
        let mut out = [0f32; 2];
        cast(Slice::I16(&input), Overflow::Error, Some(Scalar::from(-9999)), SliceMut::F32(&mut out)).unwrap();
        assert_eq!(out, [-9999.0, 5.0]);
    }
}
