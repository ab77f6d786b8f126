//! Operations that are others put together, under the names that users look for.

use std::ops::Range;

use super::select::literals_dtype;
use super::{Fill, LazyRaster, Term};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};

impl LazyRaster {
    /// Pixels below `low` become `low`, those above `high` become `high`; of integers the dtype is the smallest that holds
    /// what is left. NaN stays NaN.
    ///
    /// ```
    /// # use swath_core::{dtype::DType, testing::raster};
    /// let wide = raster([1, 2, 2], |_, y, x| (y * 9000 + x) as u16);
    /// assert_eq!(wide.clamp(0, 200)?.dtype(), DType::U8);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`minimum`](Self::minimum); also where `low` and `high` are literals of which the first is the greater.
    #[doc(alias = "clip")]
    #[track_caller]
    pub fn clamp(&self, low: impl Into<Term>, high: impl Into<Term>) -> Result<Self> {
        located(|| {
            let (low, high) = (low.into(), high.into());
            if let (Term::Value(low), Term::Value(high)) = (&low, &high)
                && low.to_f64() > high.to_f64()
            {
                return Err(Error::invalid(format!("cannot apply clamp: {low} is greater than {high}")));
            }
            self.maximum(low)?.minimum(high)
        })
    }

    /// Nodata pixels become `value`, and the result has no nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let x = row([7_u8, 0]).with_nodata(0)?;
    /// assert_eq!(pixels::<u8>(&x.fill_nodata(255)?)?, [7, 255]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`where_`](Self::where_).
    #[doc(alias = "fillna")]
    #[track_caller]
    pub fn fill_nodata(&self, value: impl Into<Scalar>) -> Result<Self> {
        located(|| {
            let (meta, value) = (self.meta()?, value.into());
            value.fit(meta.dtype).map_err(|error| error.while_doing("cannot apply fill_nodata"))?;
            match meta.nodata {
                None => Ok(self.clone()),
                Some(_) => self.without_nodata()?.where_(&self.valid()?, value),
            }
        })
    }

    /// Whether each pixel is NaN: never of integers, nor of nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1.0_f32, f32::NAN]).is_nan()?)?, [false, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[doc(alias = "isnan")]
    #[track_caller]
    pub fn is_nan(&self) -> Result<Self> {
        located(|| self.ne(self))
    }

    /// Whether each pixel is valid, not NaN and not infinite.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1.0_f32, f32::INFINITY]).is_finite()?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[doc(alias = "isfinite")]
    #[track_caller]
    pub fn is_finite(&self) -> Result<Self> {
        located(|| match self.meta()?.dtype.is_float() {
            true => self.abs()?.lt(f64::INFINITY),
            false => self.valid(),
        })
    }

    /// Bits `range` of each pixel, counted from the lowest, as an unsigned integer: fields of quality bands.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let quality = raster([1, 2, 2], |_, y, x| (y * 0b1010_0000 + x) as u16);
    /// let confidence = quality.bits(5..7)?;
    /// let cloudy = quality.bit(7)?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster is not one of integers, or the range is empty or reaches beyond its dtype.
    #[track_caller]
    pub fn bits(&self, range: Range<u32>) -> Result<Self> {
        located(|| {
            let dtype = self.meta()?.dtype;
            let width = 8 * dtype.size() as u32;
            if !dtype.is_integer() {
                return Err(Error::invalid(format!("cannot apply bits: the raster is {dtype}, not one of integers")));
            }
            let Range { start, end } = range;
            if start >= end || end > width || end - start > 63 {
                return Err(Error::invalid(format!(
                    "cannot apply bits: {start}..{end} are not bits of {dtype}, which has bits 0..{width}"
                )));
            }
            // Rounded down, so that it is right for negative integers, too.
            let shifted = if start == 0 { self.clone() } else { self.shr(start)? };
            // All bits of a signed integer are another number than it is.
            let is_all = end - start == width && dtype.integer_range().is_some_and(|(least, _)| least == 0);
            if is_all { Ok(shifted) } else { shifted.rem(power_of_two(end - start)) }
        })
    }

    /// Whether bit `index`, counted from the lowest, is set; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([0b100_u8, 0b011]).bit(2)?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bits`](Self::bits).
    #[track_caller]
    pub fn bit(&self, index: u32) -> Result<Self> {
        located(|| {
            let bit = self.bits(index..index.saturating_add(1))?;
            // Nodata can be any value, 1 among them, if no bit can have it.
            bit.compare(super::CompareOp::Gt, 0).or_else(|_| bit.compare(super::CompareOp::Eq, 1))
        })
    }

    /// Each pixel times 2 to the power of `bits`, in the smallest dtype that holds it: no bit is lost.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u16>(&row([255_u8]).shl(4)?)?, [4080]); // no bit is lost
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster is not one of integers, for more than 63 bits, and where 64 do not hold the result.
    #[track_caller]
    pub fn shl(&self, bits: u32) -> Result<Self> {
        located(|| {
            self.check_shift("<<", bits)?;
            self.mul(power_of_two(bits))
        })
    }

    /// Each pixel divided by 2 to the power of `bits`, rounded down.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u8>(&row([255_u8]).shr(4)?)?, [15]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster is not one of integers, and for more than 63 bits.
    #[track_caller]
    pub fn shr(&self, bits: u32) -> Result<Self> {
        located(|| {
            self.check_shift(">>", bits)?;
            match (self.meta()?.dtype, bits) {
                // No dtype holds 2⁶³ beside negative integers: rounded down twice is rounded down.
                (DType::I64, 63) => self.floor_div(power_of_two(62))?.floor_div(2),
                _ => self.floor_div(power_of_two(bits)),
            }
        })
    }

    fn check_shift(&self, symbol: &str, bits: u32) -> Result<()> {
        let dtype = self.meta()?.dtype;
        if !dtype.is_integer() {
            return Err(Error::invalid(format!("cannot apply {symbol}: the raster is {dtype}, not one of integers")));
        }
        if bits > 63 {
            return Err(Error::invalid(format!("cannot apply {symbol} by {bits} bits: pixels have at most 64")));
        }
        Ok(())
    }

    /// Physical values of stored ones: each pixel times `scale`, plus `offset`, as a float.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let celsius = row([2931_u16]).scale_offset(0.1, -273.15)?;
    /// assert!((pixels::<f32>(&celsius)?[0] - 19.95).abs() < 1e-4);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mul`](Self::mul).
    #[track_caller]
    pub fn scale_offset(&self, scale: f64, offset: f64) -> Result<Self> {
        located(|| self.mul(scale)?.add(offset))
    }

    /// `(self - other) / (self + other)`, from -1 to 1 where both are not negative: of near infrared and red the
    /// vegetation index. Differences and sums of integers are exact; where the sum is 0 it is NaN.
    ///
    /// ```
    /// # use swath_core::{dtype::DType, testing::raster};
    /// let (near_infrared, red) = (raster([1, 2, 2], |_, _, _| 900u16), raster([1, 2, 2], |_, _, _| 300u16));
    /// let ndvi = near_infrared.normalized_difference(&red)?;
    /// assert_eq!(ndvi.dtype(), DType::F32);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sub`](Self::sub).
    #[doc(alias = "ndvi")]
    #[track_caller]
    pub fn normalized_difference(&self, other: &Self) -> Result<Self> {
        located(|| self.sub(other)?.div(&self.add(other)?))
    }
}

fn power_of_two(bits: u32) -> Scalar {
    Scalar::Int(1 << bits)
}

/// A choice among several values, the first condition that is true deciding; see [`when`].
#[derive(Debug, Clone)]
#[must_use = "a choice is complete with `then` and `otherwise`"]
pub struct When {
    known: Vec<(LazyRaster, Fill)>,
    condition: LazyRaster,
}

/// A choice with a value for each of its conditions; see [`when`].
#[derive(Debug, Clone)]
#[must_use = "a choice is complete with `otherwise`"]
pub struct Then {
    known: Vec<(LazyRaster, Fill)>,
}

/// A choice by several conditions, of which the first that is true decides.
///
/// ```
/// # use swath_core::{expr::when, testing::raster};
/// let ndvi = raster([1, 2, 2], |_, y, x| y as f32 - 0.3 * x as f32);
/// let classes = when(&ndvi.lt(0)?).then(0).when(&ndvi.lt(0.5)?).then(1).otherwise(2)?;
/// assert_eq!(classes.dtype(), swath_core::dtype::DType::U8);
/// # Ok::<(), swath_core::error::Error>(())
/// ```
#[doc(alias = "case")]
pub fn when(condition: &LazyRaster) -> When {
    When { known: Vec::new(), condition: condition.clone() }
}

impl When {
    /// The value where the condition is true: a literal or a raster.
    pub fn then(mut self, value: impl Into<Fill>) -> Then {
        self.known.push((self.condition, value.into()));
        Then { known: self.known }
    }
}

impl Then {
    /// Another condition, for where none before is true.
    pub fn when(self, condition: &LazyRaster) -> When {
        When { known: self.known, condition: condition.clone() }
    }

    /// The value where no condition is true. Dtype and nodata are those of [`if_else`](LazyRaster::if_else), nested; of
    /// literals alone, the dtype is the smallest that holds all.
    ///
    /// # Errors
    /// As [`if_else`](LazyRaster::if_else).
    #[track_caller]
    pub fn otherwise(self, value: impl Into<Fill>) -> Result<LazyRaster> {
        located(|| {
            let mut rest = value.into();
            let literal = |fill: &Fill| match fill {
                Fill::Value(value) => Some(*value),
                Fill::Nodata | Fill::Raster(_) => None,
            };
            let literals: Option<Vec<_>> =
                self.known.iter().map(|(_, fill)| fill).chain([&rest]).map(literal).collect();
            let dtype = literals.map(|literals| literals_dtype("when", &literals)).transpose()?;
            for (condition, value) in self.known.into_iter().rev() {
                rest = Fill::Raster(match (&value, &rest, dtype) {
                    (Fill::Value(value), Fill::Value(rest), Some(dtype)) => {
                        condition.if_else_of(dtype, *value, *rest)?
                    }
                    _ => condition.if_else(value, rest)?,
                });
            }
            match rest {
                Fill::Raster(raster) => Ok(raster),
                Fill::Value(_) | Fill::Nodata => unreachable!("there is a condition at least"),
            }
        })
    }
}
