//! Count, extremes, sum and sum of squares of pixels, exactly.

use num_bigint::{BigInt, BigUint};

use super::exact::{ExactSum, Float, ratio};
use crate::buffer::Pixel;
use crate::dtype::{Element, Scalar};

/// What is told of pixels by their count, extremes, sum and sum of squares.
///
/// Sums are exact, so nothing of it depends on the order or the parts in which pixels were added; each number is rounded
/// once, when it is asked for.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Valid pixels, NaN among them.
    count: u64,
    missing: u64,
    nan: u64,
    /// Below all numbers, and above.
    infinite: [u64; 2],
    /// Of those that are not NaN.
    extremes: Option<(Scalar, Scalar)>,
    /// Of those that are finite.
    sum: Exact,
    squares: Exact,
}

/// An exact sum: of integers, or of floats and of squares of 64 bits.
#[derive(Debug, Clone)]
pub(super) enum Exact {
    Integer(i128),
    Digits(ExactSum),
}

impl Exact {
    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Integer(sum), Self::Integer(other)) => *sum += other,
            (Self::Digits(sum), Self::Digits(other)) => sum.merge(other),
            _ => unreachable!("sums of one dtype are of one kind"),
        }
    }

    fn value(&self) -> (BigInt, i32) {
        match self {
            Self::Integer(sum) => (BigInt::from(*sum), 0),
            Self::Digits(sum) => sum.value(),
        }
    }

    fn byte_len(&self) -> usize {
        match self {
            Self::Integer(_) => 0,
            Self::Digits(sum) => sum.byte_len(),
        }
    }
}

impl Moments {
    /// Of no pixel yet.
    pub(super) fn new<T: Summand>() -> Self {
        let [sum, squares] = T::sums();
        Self { count: 0, missing: 0, nan: 0, infinite: [0; 2], extremes: None, sum, squares }
    }

    /// Of none of these pixels yet.
    pub(super) fn like<T: Summand>(_: &[T]) -> Self {
        Self::new::<T>()
    }

    /// Adds pixels; those that are `nodata`, or NaN where there is a nodata, are missing.
    pub(super) fn add<T: Summand>(&mut self, pixels: &[T], nodata: Option<T>) {
        // Sums of so many pixels of 32 bits fit 64.
        for strip in pixels.chunks(1 << 14) {
            T::gather(strip, nodata, self);
        }
    }

    /// Adds what was gathered of other pixels of the dtype.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.missing += other.missing;
        self.nan += other.nan;
        for (own, more) in self.infinite.iter_mut().zip(other.infinite) {
            *own += more;
        }
        if let Some((least, greatest)) = other.extremes {
            self.widen(least, greatest);
        }
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    fn widen(&mut self, least: Scalar, greatest: Scalar) {
        let (low, high) = self.extremes.unwrap_or((least, greatest));
        let (low, high) =
            (if is_less(least, low) { least } else { low }, if is_less(high, greatest) { greatest } else { high });
        self.extremes = Some((low, high));
    }

    /// How many pixels are valid. NaN is, in a raster without nodata.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many pixels are nodata, NaN included where the raster has a nodata.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The least valid pixel; NaN if one is NaN, none if none is valid. -0 is less than 0.
    pub fn min(&self) -> Option<Scalar> {
        self.not_nan(|(least, _)| least)
    }

    /// The greatest valid pixel; NaN if one is NaN, none if none is valid.
    pub fn max(&self) -> Option<Scalar> {
        self.not_nan(|(_, greatest)| greatest)
    }

    fn not_nan(&self, extreme: impl Fn((Scalar, Scalar)) -> Scalar) -> Option<Scalar> {
        if self.nan > 0 { Some(Scalar::Float(f64::NAN)) } else { self.extremes.map(extreme) }
    }

    /// The sum of the valid pixels: exactly of integers, rounded once of floats; 0 if none is valid.
    pub fn sum(&self) -> Scalar {
        match (&self.sum, self.not_finite()) {
            (Exact::Integer(sum), _) => Scalar::Int(*sum),
            (_, Some(value)) => Scalar::Float(value),
            (Exact::Digits(sum), None) => {
                let (value, exponent) = sum.value();
                Scalar::Float(ratio(&value, exponent, &BigUint::from(1u8)))
            }
        }
    }

    /// The mean of the valid pixels, rounded once; none if there is none.
    pub fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let (sum, exponent) = self.sum.value();
        Some(self.not_finite().unwrap_or_else(|| ratio(&sum, exponent, &BigUint::from(self.count))))
    }

    /// The variance: squared distances from the mean, divided by the count less `ddof` (0 for all there is, 1 for a
    /// sample), rounded once; none if there are not more pixels than that.
    pub fn variance(&self, ddof: u64) -> Option<f64> {
        let free = self.count.checked_sub(ddof).filter(|free| *free > 0)?;
        if self.not_finite().is_some() {
            return Some(f64::NAN);
        }
        let ((sum, exponent), (squares, _)) = (self.sum.value(), self.squares.value());
        let distances = squares * self.count - &sum * &sum;
        // Squares have twice the exponent.
        Some(ratio(&distances, 2 * exponent, &(BigUint::from(self.count) * free)))
    }

    /// The standard deviation: the root of [`variance`](Self::variance).
    pub fn standard_deviation(&self, ddof: u64) -> Option<f64> {
        self.variance(ddof).map(f64::sqrt)
    }

    /// What the sum is if a pixel is NaN or infinite.
    fn not_finite(&self) -> Option<f64> {
        match (self.nan, self.infinite) {
            (0, [0, 0]) => None,
            (0, [_, 0]) => Some(f64::NEG_INFINITY),
            (0, [0, _]) => Some(f64::INFINITY),
            _ => Some(f64::NAN),
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn byte_len(&self) -> usize {
        size_of::<Self>() + self.sum.byte_len() + self.squares.byte_len()
    }
}

/// An order of all literals of one dtype but NaN.
fn is_less(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) => a.total_cmp(&b).is_lt(),
        (Scalar::Int(a), Scalar::Int(b)) => a < b,
        (a, b) => a.to_f64() < b.to_f64(),
    }
}

/// A pixel whose sums are exact.
pub(super) trait Summand: Pixel {
    /// Of nothing: the sum, and that of squares.
    fn sums() -> [Exact; 2];

    /// How far it is from the least of its dtype, of at most 16 bits.
    fn index(self) -> usize;

    /// Adds up to 2¹⁴ pixels.
    fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments);
}

/// Integers up to 32 bits: plain loops over a strip, which become vectors.
macro_rules! narrow {
    ($($type:ty as $wide:ty),*) => {
        $(impl Summand for $type {
            fn sums() -> [Exact; 2] {
                [Exact::Integer(0), Exact::Integer(0)]
            }

            #[inline]
            fn index(self) -> usize {
                self.wrapping_sub(<$type>::MIN) as usize & 0xffff
            }

            fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
                let (mut sum, mut low, mut high) = (0_i64, 0_u64, 0_u64);
                let (mut least, mut greatest, mut missing) = (<$type>::MAX, <$type>::MIN, 0_u32);
                let mut add = |pixel: $type| {
                    let square = (<$wide>::from(pixel) * <$wide>::from(pixel)) as u64;
                    sum += pixel as i64;
                    low += square & 0xffff_ffff;
                    high += square >> 32;
                };
                match nodata {
                    None => {
                        for pixel in pixels {
                            add(*pixel);
                            (least, greatest) = (least.min(*pixel), greatest.max(*pixel));
                        }
                    }
                    // No jump for a pixel: what is missing counts as 0, and for no extreme.
                    Some(nodata) => {
                        for pixel in pixels {
                            let is_missing = *pixel == nodata;
                            missing += u32::from(is_missing);
                            add(if is_missing { 0 } else { *pixel });
                            least = least.min(if is_missing { <$type>::MAX } else { *pixel });
                            greatest = greatest.max(if is_missing { <$type>::MIN } else { *pixel });
                        }
                    }
                }
                let count = pixels.len() as u64 - u64::from(missing);
                into.missing += u64::from(missing);
                into.add_integers(count, i128::from(sum), i128::from(low) + (i128::from(high) << 32));
                if count > 0 {
                    into.widen(least.to_scalar(), greatest.to_scalar());
                }
            }
        })*
    };
}
narrow!(u8 as u32, u16 as u32, u32 as u64, i8 as i32, i16 as i32, i32 as i64);

/// A bool counts as 0 or 1.
impl Summand for bool {
    fn sums() -> [Exact; 2] {
        u8::sums()
    }

    fn index(self) -> usize {
        self.into()
    }

    fn gather(pixels: &[Self], _: Option<Self>, into: &mut Moments) {
        let set = pixels.iter().filter(|pixel| **pixel).count() as u64;
        into.add_integers(pixels.len() as u64, set.into(), set.into());
        if set < pixels.len() as u64 {
            into.widen(Scalar::Bool(false), Scalar::Bool(false));
        }
        if set > 0 {
            into.widen(Scalar::Bool(true), Scalar::Bool(true));
        }
    }
}

impl Moments {
    fn add_integers(&mut self, count: u64, more: i128, more_squares: i128) {
        self.count += count;
        if let (Exact::Integer(sum), Exact::Integer(squares)) = (&mut self.sum, &mut self.squares) {
            *sum += more;
            *squares += more_squares;
        }
    }
}

macro_rules! long {
    ($($type:ty),*) => {
        $(impl Summand for $type {
            fn sums() -> [Exact; 2] {
                [Exact::Integer(0), Exact::Digits(ExactSum::new(0, 128))]
            }

            fn index(self) -> usize {
                0
            }

            fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
                let mut extremes: Option<($type, $type)> = None;
                let (Exact::Integer(sum), Exact::Digits(squares)) = (&mut into.sum, &mut into.squares) else { return };
                let mut count = 0;
                for pixel in pixels.iter().copied().filter(|pixel| nodata != Some(*pixel)) {
                    count += 1;
                    *sum += i128::from(pixel);
                    #[allow(clippy::unnecessary_cast, reason = "one body for signed and unsigned")]
                    squares.add_square(i128::from(pixel).unsigned_abs() as u64, 0);
                    let (least, greatest) = extremes.unwrap_or((pixel, pixel));
                    extremes = Some((least.min(pixel), greatest.max(pixel)));
                }
                into.count += count;
                into.missing += pixels.len() as u64 - count;
                if let Some((least, greatest)) = extremes {
                    into.widen(least.to_scalar(), greatest.to_scalar());
                }
            }
        })*
    };
}

macro_rules! floats {
    ($($type:ty),*) => {
        $(impl Summand for $type {
            fn sums() -> [Exact; 2] {
                let (least, greatest) = <$type as Float>::RANGE;
                [ExactSum::new(least, greatest), ExactSum::new(2 * least, 2 * greatest)].map(Exact::Digits)
            }

            fn index(self) -> usize {
                0
            }

            fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
                let mut extremes: Option<($type, $type)> = None;
                let (Exact::Digits(sum), Exact::Digits(squares)) = (&mut into.sum, &mut into.squares) else { return };
                for pixel in pixels.iter().copied() {
                    if nodata.is_some_and(|nodata| pixel == nodata || pixel.is_nan()) {
                        into.missing += 1;
                        continue;
                    }
                    into.count += 1;
                    if pixel.is_nan() {
                        into.nan += 1;
                        continue;
                    }
                    let (least, greatest) = extremes.unwrap_or((pixel, pixel));
                    extremes = Some((
                        if pixel.total_cmp(&least).is_lt() { pixel } else { least },
                        if pixel.total_cmp(&greatest).is_gt() { pixel } else { greatest },
                    ));
                    if pixel.is_infinite() {
                        into.infinite[usize::from(pixel > 0.0)] += 1;
                        continue;
                    }
                    let (mantissa, exponent, is_negative) = pixel.parts();
                    sum.add(mantissa, exponent, is_negative);
                    squares.add_square(mantissa, exponent);
                }
                if let Some((least, greatest)) = extremes {
                    into.widen(least.to_scalar(), greatest.to_scalar());
                }
            }
        })*
    };
}
long!(u64, i64);
floats!(f32, f64);
