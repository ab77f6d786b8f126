//! Exact sums: the same number in whichever order, and in whichever parts, pixels are added.
//!
//! A finite float is an integer times a power of two, so a sum of floats is an integer times the least such power. It is
//! kept in digits of 32 bits each, which are carried only before they could overflow, as in the small superaccumulator of
//! R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015.

use num_bigint::{BigInt, BigUint, Sign};

/// An exact sum of integers below 2⁹⁶ times powers of two.
#[derive(Debug, Clone)]
pub(super) struct ExactSum {
    /// Digit `i` counts 2^(32 i + least).
    digits: Vec<i64>,
    /// The power of two of the first digit.
    least: i32,
    /// Additions to any digit since all were carried.
    added: u32,
}

/// Bits of a digit.
const BITS: usize = 32;

/// So many additions of 32 bits each cannot overflow a digit that was carried before.
const ADDED_MAX: u32 = 1 << 30;

impl ExactSum {
    /// 0, to which numbers from 2^least to 2^greatest are to be added.
    pub(super) fn new(least: i32, greatest: i32) -> Self {
        // Room for a mantissa that begins in the last digit, and for what 2⁶⁴ additions carry.
        let digits = (greatest - least) as usize / BITS + 6;
        Self { digits: vec![0; digits], least, added: 0 }
    }

    /// Adds `mantissa` × 2^exponent, or takes it off.
    #[inline]
    pub(super) fn add(&mut self, mantissa: u64, exponent: i32, is_negative: bool) {
        let shift = (exponent - self.least) as usize;
        let wide = u128::from(mantissa) << (shift % BITS);
        let sign = if is_negative { -1 } else { 1 };
        let first = shift / BITS;
        let digits = &mut self.digits[first..first + 3];
        digits[0] += sign * i64::from(wide as u32);
        digits[1] += sign * i64::from((wide >> BITS) as u32);
        digits[2] += sign * i64::from((wide >> (2 * BITS)) as u32);
        self.added += 1;
        if self.added == ADDED_MAX {
            self.carry();
        }
    }

    /// Adds a finite float whose lowest bit that is set lies in the range.
    pub(super) fn add_float(&mut self, value: f64) {
        let (mantissa, exponent, is_negative) = value.parts();
        if mantissa != 0 {
            let zeros = mantissa.trailing_zeros();
            self.add(mantissa >> zeros, exponent + zeros as i32, is_negative);
        }
    }

    /// Adds the square of `mantissa` × 2^exponent.
    #[inline]
    pub(super) fn add_square(&mut self, mantissa: u64, exponent: i32) {
        let square = u128::from(mantissa) * u128::from(mantissa);
        self.add(square as u64, 2 * exponent, false);
        let high = (square >> 64) as u64;
        if high != 0 {
            self.add(high, 2 * exponent + 64, false);
        }
    }

    /// Adds a sum of numbers of the same range.
    pub(super) fn merge(&mut self, other: &Self) {
        // Both may be near the most additions that a digit holds.
        self.carry();
        let mut other = other.clone();
        other.carry();
        self.digits.iter_mut().zip(&other.digits).for_each(|(digit, more)| *digit += more);
        self.added += 1;
    }

    /// Brings every digit but the last below 2³².
    fn carry(&mut self) {
        let mut carried = 0;
        let last = self.digits.len() - 1;
        for digit in &mut self.digits[..last] {
            let value = *digit + carried;
            carried = value >> BITS;
            *digit = value & i64::from(u32::MAX);
        }
        self.digits[last] += carried;
        self.added = 1;
    }

    /// The sum as an integer, which is to be multiplied by 2 to the power of the second number.
    pub(super) fn value(&self) -> (BigInt, i32) {
        let mut carried = self.clone();
        carried.carry();
        let last = carried.digits.len() - 1;
        let low: Vec<u32> = carried.digits[..last].iter().map(|digit| *digit as u32).collect();
        let value = BigInt::from(carried.digits[last]) << (BITS * last);
        (value + BigInt::from_slice(Sign::Plus, &low), self.least)
    }

    /// Bytes of memory that it holds.
    pub(super) fn byte_len(&self) -> usize {
        self.digits.len() * size_of::<i64>()
    }
}

/// A float that can be taken apart.
pub(super) trait Float: Copy + Into<f64> {
    /// The powers of two of the least bit and of the greatest that a finite one has.
    const RANGE: (i32, i32);

    /// Mantissa, exponent and whether it is negative, of a finite one.
    fn parts(self) -> (u64, i32, bool);
}

impl Float for f32 {
    const RANGE: (i32, i32) = (-149, 128);

    #[inline]
    fn parts(self) -> (u64, i32, bool) {
        let bits = self.to_bits();
        let (exponent, fraction) = ((bits >> 23 & 0xff) as i32, u64::from(bits & 0x7f_ffff));
        let (mantissa, exponent) = if exponent == 0 { (fraction, -149) } else { (fraction | 1 << 23, exponent - 150) };
        (mantissa, exponent, bits >> 31 == 1)
    }
}

impl Float for f64 {
    const RANGE: (i32, i32) = (-1074, 1024);

    #[inline]
    fn parts(self) -> (u64, i32, bool) {
        let bits = self.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        (mantissa, exponent, bits >> 63 == 1)
    }
}

/// The float nearest to `numerator` × 2^exponent / `denominator`, the even one of two; infinite beyond them.
pub(super) fn ratio(numerator: &BigInt, exponent: i32, denominator: &BigUint) -> f64 {
    const MANTISSA: u64 = f64::MANTISSA_DIGITS as u64;
    let (sign, magnitude) = (numerator.sign(), numerator.magnitude());
    if sign == Sign::NoSign {
        return 0.0;
    }
    // The quotient lies between 2^(top - 1) and 2^(top + 1).
    let top = magnitude.bits() as i64 - denominator.bits() as i64 + i64::from(exponent);
    let mut unit = (top - MANTISSA as i64).max(-1074);
    let (quotient, twice_rest, divisor) = loop {
        // In units of the last bit that the float has.
        let shift = i64::from(exponent) - unit;
        let scaled: BigUint = magnitude << shift.max(0) as usize;
        let divisor: BigUint = denominator << (-shift).max(0) as usize;
        let quotient = &scaled / &divisor;
        if quotient.bits() <= MANTISSA {
            let twice_rest: BigUint = (scaled - &quotient * &divisor) << 1;
            break (quotient, twice_rest, divisor);
        }
        unit += 1;
    };
    let quotient = u64::try_from(&quotient).expect("a mantissa has 53 bits");
    let is_above = match twice_rest.cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    let value = scale(quotient + u64::from(is_above), unit);
    if sign == Sign::Minus { -value } else { value }
}

/// `mantissa` × 2^unit, which a float holds exactly unless it is too large.
fn scale(mantissa: u64, unit: i64) -> f64 {
    let power = match unit {
        ..-1022 => f64::from_bits(1 << (unit + 1074)),
        -1022..=1023 => f64::from_bits(((unit + 1023) as u64) << 52),
        _ => f64::INFINITY,
    };
    mantissa as f64 * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum<T: Float>(pixels: &[T]) -> ExactSum {
        let mut sum = ExactSum::new(T::RANGE.0, T::RANGE.1);
        for pixel in pixels {
            let (mantissa, exponent, is_negative) = pixel.parts();
            sum.add(mantissa, exponent, is_negative);
        }
        sum
    }

    fn rounded(sum: &ExactSum) -> f64 {
        let (value, exponent) = sum.value();
        ratio(&value, exponent, &BigUint::from(1u8))
    }

    /// Any bits: subnormals, huge and tiny ones.
    fn floats(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        std::iter::from_fn(|| Some(f64::from_bits(next()))).filter(|value| value.is_finite()).take(count).collect()
    }

    #[test]
    fn one_float_is_its_own_sum() {
        let ends = [0.0, 1.0, -1.5, f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::from_bits(1), -f64::from_bits(12345)];
        for value in floats(2000, 1).into_iter().chain(ends) {
            assert_eq!(rounded(&sum(&[value])), value);
            let narrow = value as f32;
            if narrow.is_finite() {
                assert_eq!(rounded(&sum(&[narrow])), f64::from(narrow));
            }
        }
    }

    #[test]
    fn sums_lose_nothing_and_do_not_depend_on_order_or_parts() {
        assert_eq!(rounded(&sum(&[1e308, 1e-308, 1.0, -1e308, -1.0])), 1e-308);
        assert_eq!(rounded(&sum(&[1e16, 1.0, 1.0, -1e16])), 2.0);
        // Half of the last bit goes to the even one of two, and a little more than half up.
        assert_eq!(rounded(&sum(&[2f64.powi(53), 1.0])), 2f64.powi(53));
        assert_eq!(rounded(&sum(&[2f64.powi(53), 1.0, 2f64.powi(-1000)])), 2f64.powi(53) + 2.0);
        assert_eq!(rounded(&sum(&[f64::MAX, f64::MAX])), f64::INFINITY);
        let mut pixels = floats(500, 7);
        let whole = sum(&pixels);
        pixels.reverse();
        let mut parts = sum(&pixels[..123]);
        parts.merge(&sum(&pixels[123..]));
        assert_eq!(rounded(&parts), rounded(&whole));
        // What is added and taken off again leaves nothing.
        pixels.extend(pixels.clone().into_iter().map(|pixel| -pixel));
        assert_eq!(sum(&pixels).value().0, BigInt::ZERO);
    }

    #[test]
    fn digits_are_carried_before_they_overflow() {
        let mut sum = ExactSum::new(0, 64);
        for _ in 0..3 {
            sum.add(u64::MAX, 31, true);
            sum.added = ADDED_MAX - 1;
            sum.add(u64::MAX, 31, true);
            assert_eq!(sum.added, 1, "carried");
        }
        assert_eq!(sum.value().0, BigInt::from(-6) * (BigInt::from(u64::MAX) << 31));
    }

    #[test]
    fn squares_are_exact() {
        for value in [3.0, -0.1, 1e200, 1e-200, f64::MAX] {
            let mut squares = ExactSum::new(2 * f64::RANGE.0, 2 * f64::RANGE.1);
            let (mantissa, exponent, _) = f64::parts(value);
            squares.add_square(mantissa, exponent);
            let (square, least) = squares.value();
            let expected = (BigInt::from(mantissa) * mantissa) << (2 * exponent - least) as usize;
            assert_eq!(square, expected, "{value}");
        }
    }

    #[test]
    fn ratios_are_rounded_once() {
        let ratio = |a: i64, b: u64| ratio(&BigInt::from(a), 0, &BigUint::from(b));
        assert_eq!((ratio(1, 3), ratio(-2, 3), ratio(10, 4)), (1.0 / 3.0, -2.0 / 3.0, 2.5));
        assert_eq!(ratio(i64::MAX, 1), i64::MAX as f64);
        assert_eq!(super::ratio(&BigInt::from(3), -1076, &BigUint::from(1u8)), f64::from_bits(1));
        assert_eq!(super::ratio(&BigInt::from(1), -1075, &BigUint::from(1u8)), 0.0, "half of the least float is even");
    }
}
