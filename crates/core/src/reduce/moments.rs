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
pub(super) fn is_less(a: Scalar, b: Scalar) -> bool {
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

/// Integers up to 32 bits: plain loops over a strip, which become vectors. A strip's sum fits `$sum`, a square `$square`,
/// and so do the sums of its lower and of its upper half.
macro_rules! narrow {
    ($($type:ty: $sum:ty, $wide:ty as $square:ty;)*) => {
        $(impl Summand for $type {
            fn sums() -> [Exact; 2] {
                [Exact::Integer(0), Exact::Integer(0)]
            }

            #[inline]
            fn index(self) -> usize {
                // The distance may be beyond a signed type: as bits of its own size, it is right.
                self.wrapping_sub(<$type>::MIN) as usize & ((1 << (8 * size_of::<$type>().min(2))) - 1)
            }

            fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
                const HALF: u32 = <$square>::BITS / 2;
                let (mut sum, mut low, mut high): ($sum, $square, $square) = (0, 0, 0);
                let (mut least, mut greatest, mut missing) = (<$type>::MAX, <$type>::MIN, 0_u32);
                let mut add = |pixel: $type| {
                    #[allow(clippy::unnecessary_cast, reason = "one body for signed and unsigned")]
                    let square = (<$wide>::from(pixel) * <$wide>::from(pixel)) as $square;
                    sum += <$sum>::from(pixel);
                    low += square & (<$square>::MAX >> HALF);
                    high += square >> HALF;
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
                into.add_integers(count, i128::from(sum), i128::from(low) + (i128::from(high) << HALF));
                if count > 0 {
                    into.widen(least.to_scalar(), greatest.to_scalar());
                }
            }
        })*
    };
}
narrow!(
    u8: i32, u32 as u32;
    u16: i32, u32 as u32;
    u32: i64, u64 as u64;
    i8: i32, i32 as u32;
    i16: i32, i32 as u32;
    i32: i64, i64 as u64;
);

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

/// What is gathered of floats one by one.
fn gather_each<T: Summand + Float>(pixels: &[T], nodata: Option<T>, into: &mut Moments) {
    let (Exact::Digits(sum), Exact::Digits(squares)) = (&mut into.sum, &mut into.squares) else { return };
    let mut extremes: Option<(f64, f64)> = None;
    for pixel in pixels.iter().copied() {
        if nodata.is_some_and(|nodata| pixel == nodata || pixel.is_nan()) {
            into.missing += 1;
            continue;
        }
        into.count += 1;
        let value: f64 = pixel.into();
        if value.is_nan() {
            into.nan += 1;
            continue;
        }
        let (least, greatest) = extremes.unwrap_or((value, value));
        extremes = Some((
            if value.total_cmp(&least).is_lt() { value } else { least },
            if value.total_cmp(&greatest).is_gt() { value } else { greatest },
        ));
        if value.is_infinite() {
            into.infinite[usize::from(value > 0.0)] += 1;
            continue;
        }
        let (mantissa, exponent, is_negative) = pixel.parts();
        sum.add(mantissa, exponent, is_negative);
        squares.add_square(mantissa, exponent);
    }
    if let Some((least, greatest)) = extremes {
        into.widen(Scalar::Float(least), Scalar::Float(greatest));
    }
}

fn float_sums<T: Float>() -> [Exact; 2] {
    let (least, greatest) = T::RANGE;
    [ExactSum::new(least, greatest), ExactSum::new(2 * least, 2 * greatest)].map(Exact::Digits)
}

impl Summand for f64 {
    fn sums() -> [Exact; 2] {
        float_sums::<Self>()
    }

    fn index(self) -> usize {
        0
    }

    fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
        gather_each(pixels, nodata, into);
    }
}

impl Summand for f32 {
    fn sums() -> [Exact; 2] {
        float_sums::<Self>()
    }

    fn index(self) -> usize {
        0
    }

    fn gather(pixels: &[Self], nodata: Option<Self>, into: &mut Moments) {
        for strip in pixels.chunks(alike::STRIP) {
            if !alike::gather(strip, nodata, into) {
                gather_each(strip, nodata, into);
            }
        }
    }
}
long!(u64, i64);

/// Floats of like size, whose sum is exact in `f64` in any order, so that loops become vectors.
///
/// Of 2¹⁰ `f32` between 2^l and 2^(l + 19), each is a multiple of 2^(l - 23), and any sum of them lies below
/// 2^(l + 30): 53 bits. Their squares are multiples of 2^(2 l - 46) below 2^(2 l + 40), too wide for that; each is split
/// at 2^(2 l - 3), and the sums of either half have less than 53 bits again.
mod alike {
    use super::{Exact, Moments, Scalar};

    /// Pixels that are summed at once.
    pub(super) const STRIP: usize = 1 << 10;

    /// The most powers of two between the least and the greatest.
    const SPREAD_MAX: u32 = 19;

    /// As many sums as vectors have lanes, and some to hide their latency.
    const LANES: usize = 8;

    /// Bits of a float whose order as integers is that of `total_cmp`.
    fn ordered(bits: u32) -> i32 {
        let bits = bits as i32;
        bits ^ ((bits >> 31) as u32 >> 1) as i32
    }

    /// Adds up to [`STRIP`] pixels, or tells that they are not alike.
    pub(super) fn gather(pixels: &[f32], nodata: Option<f32>, into: &mut Moments) -> bool {
        let mut valid = [0.0; STRIP];
        let valid = &mut valid[..pixels.len()];
        let (mut missing, mut most, mut fewest) = (0_u32, 0_u32, u32::MAX);
        let (mut least, mut greatest) = (i32::MAX, i32::MIN);
        for (valid, pixel) in valid.iter_mut().zip(pixels) {
            // What is missing counts as 0, and for no extreme.
            let is_missing = nodata.is_some_and(|nodata| *pixel == nodata || pixel.is_nan());
            *valid = if is_missing { 0.0 } else { *pixel };
            missing += u32::from(is_missing);
            let magnitude = valid.to_bits() & (u32::MAX >> 1);
            most = most.max(magnitude);
            // 0 is a multiple of anything.
            fewest = fewest.min(magnitude.wrapping_sub(1));
            least = least.min(if is_missing { i32::MAX } else { ordered(pixel.to_bits()) });
            greatest = greatest.max(if is_missing { i32::MIN } else { ordered(pixel.to_bits()) });
        }
        // Exponents; those of subnormals are that of the least normal.
        let (high, low) = ((most >> 23).max(1), (fewest.wrapping_add(1) >> 23).max(1));
        let is_finite = most < f32::INFINITY.to_bits();
        if !is_finite || most > 0 && high - low > SPREAD_MAX {
            return false;
        }
        let (Exact::Digits(sum), Exact::Digits(squares)) = (&mut into.sum, &mut into.squares) else { return false };
        // Adding this and taking it off again leaves of a square what lies above the last bit.
        let split = 1.5 * f64::from_bits(u64::from(2 * low + 1023 - 3 - 2 * 127 + 52) << 52);
        let mut sums = [[0.0_f64; LANES]; 3];
        let mut add = |pixels: &[f32]| {
            for (lane, pixel) in pixels.iter().enumerate() {
                let pixel = f64::from(*pixel);
                let square = pixel * pixel;
                let upper = (square + split) - split;
                sums[0][lane] += pixel;
                sums[1][lane] += upper;
                sums[2][lane] += square - upper;
            }
        };
        let (whole, rest) = valid.as_chunks::<LANES>();
        whole.iter().for_each(|pixels| add(pixels));
        add(rest);
        let [sum_of, upper, lower] = sums.map(|lanes| lanes.iter().sum::<f64>());
        sum.add_float(sum_of);
        squares.add_float(upper);
        squares.add_float(lower);
        let count = pixels.len() as u64 - u64::from(missing);
        into.count += count;
        into.missing += u64::from(missing);
        if count > 0 {
            let float = |ordered: i32| f32::from_bits(self::ordered(ordered as u32) as u32);
            into.widen(Scalar::Float(float(least).into()), Scalar::Float(float(greatest).into()));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Floats from 2^first to 2^(first + spread), signs and zeros among them.
    fn floats(first: i32, spread: i32, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let float = |random: u64| match random % 17 {
            0 => 0.0,
            1 => -0.0,
            _ => {
                let exponent = (random / 17) as i32 % (spread + 1) + first;
                let mantissa = 1.0 + (random >> 8) as f64 / 2f64.powi(24) % 1.0;
                (mantissa * 2f64.powi(exponent) * if random & 128 == 0 { 1.0 } else { -1.0 }) as f32
            }
        };
        (0..alike::STRIP).map(|_| float(next())).collect()
    }

    #[test]
    fn floats_of_like_size_are_summed_as_exactly_as_one_by_one() {
        let mut alike_count = 0;
        for (first, spread) in [(0, 0), (-3, 10), (-126, 19), (-149, 20), (100, 19), (108, 19), (-10, 20), (-10, 40)] {
            for (seed, nodata) in [(1, None), (2, Some(0.0)), (3, Some(f32::NAN)), (4, None)] {
                let pixels = floats(first, spread, seed);
                let (mut together, mut each) = (Moments::new::<f32>(), Moments::new::<f32>());
                if !alike::gather(&pixels, nodata, &mut together) {
                    assert!(spread > 18, "2^{first} and {spread} more are alike");
                    continue;
                }
                alike_count += 1;
                gather_each(&pixels, nodata, &mut each);
                assert_eq!(together.sum.value(), each.sum.value(), "2^{first} and {spread} more");
                assert_eq!(together.squares.value(), each.squares.value(), "2^{first} and {spread} more");
                assert_eq!((together.count, together.missing), (each.count, each.missing));
                let bits = |ends: Option<(Scalar, Scalar)>| ends.map(|(a, b)| [a, b].map(|end| end.to_f64().to_bits()));
                assert_eq!(bits(together.extremes), bits(each.extremes));
            }
        }
        assert!(alike_count > 12, "{alike_count} would test little");
    }

    #[test]
    fn ends_of_integers_are_summed_without_overflow() {
        fn check<T: Summand>(pixel: T, nodata: Option<T>) {
            let mut moments = Moments::new::<T>();
            moments.add(&[pixel; 100_000], nodata);
            let value = match pixel.to_scalar() {
                Scalar::Int(value) => value,
                _ => 1,
            };
            assert_eq!(moments.sum(), Scalar::Int(100_000 * value));
            assert_eq!(moments.squares.value().0, BigInt::from(value) * value * 100_000);
            assert_eq!((moments.min(), moments.max()), (Some(pixel.to_scalar()), Some(pixel.to_scalar())));
            assert_eq!(moments.variance(0), Some(0.0));
        }
        check(u8::MAX, None);
        check(i8::MIN, Some(0));
        check(u16::MAX, Some(0));
        check(i16::MIN, None);
        check(u32::MAX, None);
        check(i32::MIN, Some(i32::MAX));
        check(u64::MAX, None);
        check(i64::MIN, Some(0));
        check(true, None);
    }
}
