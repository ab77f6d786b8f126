//! Bytes of a row to samples, the predictor undone, each band into its own row.
//!
//! Bytes go to their places first, then sums are made there: a row stays in the nearest cache, and each of both is done by
//! vectors, which one loop for both is not.

use swath_core::dispatched;

use super::sums::Sums;
use crate::codec::half::{of_half, of_triple};

/// A kind of samples that files have, of whole bytes.
pub trait Sample: Copy {
    /// The unsigned integer of its size, in which differences wrap.
    type Word: Word;
    /// The dtype of its pixels.
    type Pixel: Copy;

    /// The pixel of these bits.
    fn of_word(word: Self::Word) -> Self::Pixel;

    /// Undoes predictor 2: each sample is the sum of all differences of its band up to it. Arguments are those of
    /// [`plain`]; the row is left in any state.
    fn horizontal<const LITTLE: bool>(row: &mut [u8], bands: &mut [&mut [Self::Pixel]]);
}

/// Floats of 16 bits, widened.
#[derive(Debug, Clone, Copy)]
pub struct Half;

/// Floats of 24 bits, widened.
#[derive(Debug, Clone, Copy)]
pub struct Triple;

/// The bits of a [`Triple`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Word24(u32);

/// An unsigned integer as the bytes of a file give it.
pub trait Word: Copy + Default {
    /// Bytes of it.
    const SIZE: usize;

    /// The sum, wrapping: predictors lose the carry.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The number of the first [`SIZE`](Self::SIZE) bytes.
    fn read<const LITTLE: bool>(bytes: &[u8]) -> Self;

    /// Puts the number to the first [`SIZE`](Self::SIZE) bytes.
    fn write<const LITTLE: bool>(self, bytes: &mut [u8]);

    /// The word of its bytes in planes, those that are most significant first; all planes are as long as `at` asks for.
    fn of_planes(planes: &[&[u8]], at: usize) -> Self;
}

macro_rules! word {
    ($($word:ty: $($sample:ty => $of:expr),*;)*) => {$(
        impl Word for $word {
            const SIZE: usize = size_of::<Self>();

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn read<const LITTLE: bool>(bytes: &[u8]) -> Self {
                let mut word = [0; size_of::<Self>()];
                word.copy_from_slice(&bytes[..size_of::<Self>()]);
                if LITTLE { Self::from_le_bytes(word) } else { Self::from_be_bytes(word) }
            }

            #[inline(always)]
            fn write<const LITTLE: bool>(self, bytes: &mut [u8]) {
                let word = if LITTLE { self.to_le_bytes() } else { self.to_be_bytes() };
                bytes[..size_of::<Self>()].copy_from_slice(&word);
            }

            #[inline(always)]
            fn of_planes(planes: &[&[u8]], at: usize) -> Self {
                Self::from_be_bytes(std::array::from_fn(|byte| planes[byte][at]))
            }
        }
        $(impl Sample for $sample {
            type Word = $word;
            type Pixel = Self;

            #[inline(always)]
            fn of_word(word: $word) -> Self {
                let of: fn($word) -> Self = $of;
                of(word)
            }

            fn horizontal<const LITTLE: bool>(row: &mut [u8], bands: &mut [&mut [Self]]) {
                plain::<Self, LITTLE>(row, bands);
                bands.iter_mut().for_each(|band| Sums::sum(band));
            }
        })*
    )*};
}
word! {
    u8: u8 => |word| word, i8 => |word| word as i8;
    u16: u16 => |word| word, i16 => |word| word as i16;
    u32: u32 => |word| word, i32 => |word| word as i32, f32 => f32::from_bits;
    u64: u64 => |word| word, i64 => |word| word as i64, f64 => f64::from_bits;
}

impl Sample for Half {
    type Word = u16;
    type Pixel = f32;

    #[inline(always)]
    fn of_word(word: u16) -> f32 {
        of_half(word)
    }

    fn horizontal<const LITTLE: bool>(row: &mut [u8], bands: &mut [&mut [f32]]) {
        sum_words::<u16, LITTLE>(row, bands.len());
        plain::<Self, LITTLE>(row, bands);
    }
}

impl Sample for Triple {
    type Word = Word24;
    type Pixel = f32;

    #[inline(always)]
    fn of_word(word: Word24) -> f32 {
        of_triple(word.0)
    }

    fn horizontal<const LITTLE: bool>(row: &mut [u8], bands: &mut [&mut [f32]]) {
        sum_words::<Word24, LITTLE>(row, bands.len());
        plain::<Self, LITTLE>(row, bands);
    }
}

impl Word for Word24 {
    const SIZE: usize = 3;

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0) & 0x00ff_ffff)
    }

    #[inline(always)]
    fn read<const LITTLE: bool>(bytes: &[u8]) -> Self {
        let [a, b, c] = [bytes[0], bytes[1], bytes[2]];
        Self(if LITTLE { u32::from_le_bytes([a, b, c, 0]) } else { u32::from_be_bytes([0, a, b, c]) })
    }

    #[inline(always)]
    fn write<const LITTLE: bool>(self, bytes: &mut [u8]) {
        let word = if LITTLE { self.0.to_le_bytes() } else { (self.0 << 8).to_be_bytes() };
        bytes[..3].copy_from_slice(&word[..3]);
    }

    #[inline(always)]
    fn of_planes(planes: &[&[u8]], at: usize) -> Self {
        Self(u32::from_be_bytes([0, planes[0][at], planes[1][at], planes[2][at]]))
    }
}

/// Samples as they are: the columns that `bands` have room for, each band's `width` samples at most.
///
/// `row` holds pixels of `bands.len()` interleaved samples; every band's row is as long as all others.
pub fn plain<T: Sample, const LITTLE: bool>(row: &[u8], bands: &mut [&mut [T::Pixel]]) {
    match bands {
        [a] => spread::<T, LITTLE, 1>(row, [a]),
        [a, b] => spread::<T, LITTLE, 2>(row, [a, b]),
        [a, b, c] => spread::<T, LITTLE, 3>(row, [a, b, c]),
        [a, b, c, d] => spread::<T, LITTLE, 4>(row, [a, b, c, d]),
        bands => spread_many::<T, LITTLE>(row, bands),
    }
}

/// Undoes predictor 2 where the words are, of `samples` interleaved words a pixel: for what is no number of one word.
pub fn sum_words<W: Word, const LITTLE: bool>(row: &mut [u8], samples: usize) {
    for at in (samples * W::SIZE..row.len()).step_by(W::SIZE) {
        let total = W::read::<LITTLE>(&row[at - samples * W::SIZE..]).plus(W::read::<LITTLE>(&row[at..]));
        total.write::<LITTLE>(&mut row[at..]);
    }
}

/// Undoes predictor 3: bytes were differenced over the whole row, after those of equal significance were put together,
/// the most significant first whatever the file's byte order. `row` is the whole row of the block, padding included.
pub fn floating_point<T: Sample>(row: &mut [u8], bands: &mut [&mut [T::Pixel]]) {
    let samples = bands.len();
    match samples {
        1 => Sums::sum(row),
        2 => sum_apart::<2>(row),
        3 => sum_apart::<3>(row),
        4 => sum_apart::<4>(row),
        _ => (samples..row.len()).for_each(|at| row[at] = row[at].wrapping_add(row[at - samples])),
    }
    match bands {
        // A step known to be 1 lets the loop run without bounds checks.
        [band] => gather::<T>(row, band),
        bands => bands.iter_mut().enumerate().for_each(|(band, out)| gather_some::<T>(row, band, samples, out)),
    }
}

dispatched! {
    /// Words whose bytes lie in planes: all most significant bytes first.
    fn gather[T: Sample](planes: &[u8], out: &mut [T::Pixel]) => gather_of[T];
}

#[inline(always)]
fn gather_of<T: Sample>(planes: &[u8], out: &mut [T::Pixel]) {
    let width = planes.len() / T::Word::SIZE;
    let out = if out.len() > width { &mut out[..width] } else { out };
    let mut parts: [&[u8]; size_of::<u64>()] = [&[]; _];
    for (part, plane) in parts.iter_mut().zip(planes.chunks_exact(width.max(1))) {
        *part = &plane[..out.len()];
    }
    for (at, sample) in out.iter_mut().enumerate() {
        *sample = T::of_word(T::Word::of_planes(&parts[..T::Word::SIZE], at));
    }
}

/// As [`gather`]: every `step`-th word from `first` on.
fn gather_some<T: Sample>(planes: &[u8], first: usize, step: usize, out: &mut [T::Pixel]) {
    let width = planes.len() / T::Word::SIZE;
    let parts: Vec<_> = planes.chunks_exact(width.max(1)).collect();
    for (sample, at) in out.iter_mut().zip((first..width).step_by(step)) {
        *sample = T::of_word(T::Word::of_planes(&parts, at));
    }
}

/// Undoes predictor 2 of one band in place.
pub fn sum(row: &mut [u8]) {
    Sums::sum(row);
}

/// Running sums of bytes `N` apart.
fn sum_apart<const N: usize>(row: &mut [u8]) {
    let mut total = [0_u8; N];
    for pixel in row.as_chunks_mut::<N>().0 {
        for (byte, total) in pixel.iter_mut().zip(&mut total) {
            *total = total.wrapping_add(*byte);
            *byte = *total;
        }
    }
    // A row's bytes are a whole number of pixels: nothing is left.
}

dispatched! {
    /// `N` interleaved samples a pixel to `N` rows.
    fn spread[T: Sample, const LITTLE: bool, const N: usize](row: &[u8], bands: [&mut [T::Pixel]; N]) => spread_of[T, LITTLE, N];
}

#[inline(always)]
fn spread_of<T: Sample, const LITTLE: bool, const N: usize>(row: &[u8], mut bands: [&mut [T::Pixel]; N]) {
    let width = bands.iter().map(|band| band.len()).min().unwrap_or(0);
    // Equal lengths known up front let the loop run without bounds checks.
    for band in &mut bands {
        *band = &mut std::mem::take(band)[..width];
    }
    for (column, pixel) in row.chunks_exact(N * T::Word::SIZE).take(width).enumerate() {
        for (index, band) in bands.iter_mut().enumerate() {
            band[column] = T::of_word(T::Word::read::<LITTLE>(&pixel[index * T::Word::SIZE..]));
        }
    }
}

fn spread_many<T: Sample, const LITTLE: bool>(row: &[u8], bands: &mut [&mut [T::Pixel]]) {
    let samples = bands.len();
    for (index, band) in bands.iter_mut().enumerate() {
        for (sample, pixel) in band.iter_mut().zip(row.chunks_exact(samples * T::Word::SIZE)) {
            *sample = T::of_word(T::Word::read::<LITTLE>(&pixel[index * T::Word::SIZE..]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_a_pixel_go_to_rows_of_their_own() {
        for samples in 1..=6_usize {
            let row: Vec<u8> = (0..5 * samples).flat_map(|i| (i as u16 * 300).to_be_bytes()).collect();
            let mut out = vec![vec![0_u16; 4]; samples];
            let mut bands: Vec<_> = out.iter_mut().map(Vec::as_mut_slice).collect();
            plain::<u16, false>(&row, &mut bands);
            for (band, row) in out.iter().enumerate() {
                let expected: Vec<_> = (0..4).map(|column| (column * samples + band) as u16 * 300).collect();
                assert_eq!(*row, expected, "{samples} samples");
            }
        }
    }

    #[test]
    fn differences_of_a_band_add_up_and_wrap() {
        for samples in 1..=6_usize {
            let mut row: Vec<u8> = (0..3).flat_map(|_| (0..samples).map(|band| 100 + band as u8)).collect();
            let mut out = vec![vec![0_i8; 3]; samples];
            let mut bands: Vec<_> = out.iter_mut().map(Vec::as_mut_slice).collect();
            i8::horizontal::<true>(&mut row, &mut bands);
            for (band, row) in out.iter().enumerate() {
                let step = 100 + band as u8;
                let expected = [1_u8, 2, 3].map(|times| step.wrapping_mul(times) as i8);
                assert_eq!(**row, expected, "{samples} samples");
            }
        }
    }

    #[test]
    fn floats_come_back_from_their_planes_of_bytes() {
        for samples in 1..=5_usize {
            let values: Vec<f32> = (0..7 * samples).map(|i| i as f32 * 1.7 - 3.0).collect();
            let mut row = vec![0; values.len() * 4];
            for (at, value) in values.iter().enumerate() {
                for (byte, bits) in value.to_be_bytes().into_iter().enumerate() {
                    row[byte * values.len() + at] = bits;
                }
            }
            for at in (samples..row.len()).rev() {
                row[at] = row[at].wrapping_sub(row[at - samples]);
            }
            let mut out = vec![vec![0_f32; 5]; samples];
            let mut bands: Vec<_> = out.iter_mut().map(Vec::as_mut_slice).collect();
            floating_point::<f32>(&mut row, &mut bands);
            for (band, row) in out.iter().enumerate() {
                let expected: Vec<_> = (0..5).map(|column| values[column * samples + band]).collect();
                assert_eq!(*row, expected, "{samples} samples");
            }
        }
    }
}
