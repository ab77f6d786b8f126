//! Means as pixels: of integers rounded to the nearest, halves up.

use crate::buffer::Pixel;

/// A pixel type that means can be given in.
pub(super) trait Mean: Pixel {
    fn to_f64(self) -> f64;

    /// The mean of four.
    fn mean_of(pixels: [Self; 4]) -> Self;

    /// The mean of as many of four as count, at least one: those with a 1 beside them, the others being 0.
    fn mean_of_some(pixels: [Self; 4], counts: [u8; 4]) -> Self;

    /// The nearest pixel; of two the greater.
    fn of_mean(mean: f64) -> Self;

    /// The next greater pixel; of the greatest the next smaller.
    fn beside(self) -> Self;
}

macro_rules! mean {
    // Sums of four fit the wide type.
    (@integer $($type:ty: $wide:ty, $mean:expr);*) => {
        $(impl Mean for $type {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn mean_of(pixels: [Self; 4]) -> Self {
                let [a, b, c, d] = pixels.map(<$wide>::from);
                // A shift rounds down.
                ((a + b + c + d + 2) >> 2) as Self
            }

            #[inline(always)]
            fn mean_of_some(pixels: [Self; 4], counts: [u8; 4]) -> Self {
                let [a, b, c, d] = pixels.map(<$wide>::from);
                let [e, f, g, h] = counts;
                $mean(a + b + c + d, e + f + g + h) as Self
            }

            fn of_mean(mean: f64) -> Self {
                // Halves of large numbers are no halves any more: what is added to them must not round them up.
                let below = mean.floor();
                (if mean - below >= 0.5 { below + 1.0 } else { below }) as Self
            }

            fn beside(self) -> Self {
                if self < Self::MAX { self + 1 } else { self - 1 }
            }
        })*
    };
    (@float $($type:ty),*) => {
        $(impl Mean for $type {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn mean_of(pixels: [Self; 4]) -> Self {
                let [a, b, c, d] = pixels.map(f64::from);
                ((a + b + c + d) * 0.25) as Self
            }

            #[inline(always)]
            fn mean_of_some(pixels: [Self; 4], counts: [u8; 4]) -> Self {
                let [a, b, c, d] = pixels.map(f64::from);
                let [e, f, g, h] = counts;
                ((a + b + c + d) / f64::from(e + f + g + h)) as Self
            }

            fn of_mean(mean: f64) -> Self {
                mean as Self
            }

            fn beside(self) -> Self {
                if self < Self::MAX { self.next_up() } else { self.next_down() }
            }
        })*
    };
}
mean!(@integer u8: i32, rounded_f32; u16: i32, rounded_f32; u32: i64, rounded_f64; u64: i128, rounded;
    i8: i32, rounded_f32; i16: i32, rounded_f32; i32: i64, rounded_f64; i64: i128, rounded);
mean!(@float f32, f64);

/// The nearest integer to a quotient, of two the greater; of sums of four 16-bit pixels, and one to four.
#[inline(always)]
fn rounded_f32(sum: i32, count: u8) -> f32 {
    // A third is far from a half: where the quotient lost its last digits, too, this rounds as it should.
    (sum as f32 / f32::from(count) + 0.5).floor()
}

/// The same, of 32-bit pixels.
#[inline(always)]
fn rounded_f64(sum: i64, count: u8) -> f64 {
    (sum as f64 / f64::from(count) + 0.5).floor()
}

/// The same, of any.
#[inline(always)]
fn rounded(sum: i128, count: u8) -> i128 {
    let count = i128::from(count);
    (2 * sum + count).div_euclid(2 * count)
}

impl Mean for bool {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }

    #[inline(always)]
    fn mean_of(pixels: [Self; 4]) -> Self {
        Self::mean_of_some(pixels, [1; 4])
    }

    #[inline(always)]
    fn mean_of_some(pixels: [Self; 4], counts: [u8; 4]) -> Self {
        let [a, b, c, d] = pixels.map(u8::from);
        let [e, f, g, h] = counts;
        2 * (a + b + c + d) >= e + f + g + h
    }

    fn of_mean(mean: f64) -> Self {
        mean >= 0.5
    }

    fn beside(self) -> Self {
        !self
    }
}
