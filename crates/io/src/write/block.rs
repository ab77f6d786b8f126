//! Pixels of a block to its bytes in the file: interleave, pad, predict, compress.
//!
//! Row by row, so that every step but the compression works in the first-level cache.

use bytes::Bytes;
use swath_core::chunk::Chunk;
use swath_core::error::Result;
use swath_core::for_dtype;

use super::format::Format;
use crate::codec::encode::{self, Encoder};
use crate::codec::predictor::apply::apply;
use crate::codec::{Compression, Predictor};

/// Encodes blocks one after the other; its memory is reused.
#[derive(Debug, Default)]
pub(super) struct BlockEncoder {
    encoder: Encoder,
    packed: Vec<u8>,
    row: Row,
    compressed: Vec<u8>,
}

/// Room for a row, and for the predictor.
#[derive(Debug, Default)]
struct Row {
    samples: Vec<u8>,
    scratch: Vec<u8>,
}

impl BlockEncoder {
    /// The bytes of a block of `format`, whose pixels may be cut by the array's edges.
    ///
    /// Missing columns repeat the last pixel of their row, missing rows the last row: differences are 0 there, and a
    /// block of one value stays one at the edges too, so that its bytes are those of any other.
    ///
    /// # Errors
    /// `Internal` where the codec fails.
    pub(super) fn encode(&mut self, format: &Format, chunk: &Chunk) -> Result<Bytes> {
        self.packed.resize(format.block_bytes(), 0);
        match chunk.data().as_slice::<bool>() {
            Some(pixels) if format.is_mask => pack_bits(pixels, chunk.shape(), format.block.1, &mut self.packed),
            _ => self.pack_samples(format, chunk),
        }
        if format.compression == Compression::None {
            return Ok(Bytes::from(std::mem::take(&mut self.packed)));
        }
        let compressed = self.encoder.compress(&format.scheme(), &self.packed, &mut self.compressed)?;
        // A copy of the exact size: what waits to be committed holds no more than it must.
        Ok(Bytes::copy_from_slice(compressed))
    }

    fn pack_samples(&mut self, format: &Format, chunk: &Chunk) {
        for_dtype!(Buffer, chunk.data(), pixels => pack(pixels, chunk.shape(), format, &mut self.packed, &mut self.row));
    }

    /// Whether its memory went away with the last block.
    pub(super) const fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Takes the memory of a block that nobody else has.
    pub(super) fn reuse(&mut self, block: Bytes) {
        self.packed = block.into();
    }

    /// Bytes that encoding a block of `format` needs beside pixels and result.
    pub(super) fn scratch(format: &Format) -> u64 {
        let packed = format.block_bytes();
        let rows = 2 * packed / format.block.0;
        let codec = match format.compression {
            // The packed block is the result.
            Compression::None => 0,
            _ => packed + encode::bound(&format.scheme(), packed) + encode::scratch(&format.scheme(), packed),
        };
        (rows + codec) as u64
    }
}

/// A pixel's bytes in a file.
trait Sample<const N: usize>: Copy {
    fn to_file(self) -> [u8; N];
}

macro_rules! sample {
    ($($type:ty),*) => {
        $(impl Sample<{ size_of::<$type>() }> for $type {
            fn to_file(self) -> [u8; size_of::<$type>()] {
                self.to_le_bytes()
            }
        })*
    };
}
sample!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl Sample<1> for bool {
    fn to_file(self) -> [u8; 1] {
        [u8::from(self)]
    }
}

/// Writes band-sequential `pixels` of `shape` to a whole block.
fn pack<T: Sample<N>, const N: usize>(
    pixels: &[T],
    shape: [usize; 4],
    format: &Format,
    block: &mut [u8],
    row: &mut Row,
) {
    let [_, bands, rows, columns] = shape;
    let pixel_len = bands * N;
    let row_len = format.block.1 * pixel_len;
    row.samples.resize(row_len, 0);
    for (y, out) in block.chunks_exact_mut(row_len).take(rows).enumerate() {
        let samples = if format.predictor == Predictor::None { &mut *out } else { &mut row.samples };
        let (inside, outside) = samples.split_at_mut(columns * pixel_len);
        let band = |b: usize| &pixels[(b * rows + y) * columns..][..columns];
        interleave(bands, band, inside);
        repeat_into(&inside[inside.len() - pixel_len..], outside);
        if format.predictor != Predictor::None {
            apply(format.predictor, N, bands, &row.samples, out, &mut row.scratch);
        }
    }
    let (inside, outside) = block.split_at_mut(rows * row_len);
    repeat_into(&inside[inside.len() - row_len..], outside);
}

/// Writes the pixels of a mask to a whole block, eight to a byte, the first in its highest bit.
fn pack_bits(pixels: &[bool], [.., rows, columns]: [usize; 4], block_columns: usize, block: &mut [u8]) {
    let row_len = block_columns / 8;
    for (pixels, out) in pixels.chunks_exact(columns).zip(block.chunks_exact_mut(row_len)) {
        for (x, out) in out.iter_mut().enumerate() {
            let bit = |at: usize| u8::from(pixels[(8 * x + at).min(columns - 1)]) << (7 - at);
            *out = (0..8).map(bit).sum();
        }
    }
    let (inside, outside) = block.split_at_mut(rows * row_len);
    repeat_into(&inside[inside.len() - row_len..], outside);
}

fn repeat_into(pattern: &[u8], out: &mut [u8]) {
    out.chunks_exact_mut(pattern.len()).for_each(|out| out.copy_from_slice(pattern));
}

/// Writes one row of each band to `out`, the bands of a pixel together.
fn interleave<'a, T: Sample<N> + 'a, const N: usize>(bands: usize, band: impl Fn(usize) -> &'a [T], out: &mut [u8]) {
    let samples = out.as_chunks_mut::<N>().0;
    // Zipped slices of equal length have no bounds checks; one loop over any count of bands would.
    match bands {
        1 => {
            for (out, a) in samples.iter_mut().zip(band(0)) {
                *out = a.to_file();
            }
        }
        2 => {
            for ((out, a), b) in samples.as_chunks_mut().0.iter_mut().zip(band(0)).zip(band(1)) {
                *out = [a.to_file(), b.to_file()];
            }
        }
        3 => {
            for (((out, a), b), c) in samples.as_chunks_mut().0.iter_mut().zip(band(0)).zip(band(1)).zip(band(2)) {
                *out = [a.to_file(), b.to_file(), c.to_file()];
            }
        }
        4 => {
            let pixels = samples.as_chunks_mut().0.iter_mut();
            for ((((out, a), b), c), d) in pixels.zip(band(0)).zip(band(1)).zip(band(2)).zip(band(3)) {
                *out = [a.to_file(), b.to_file(), c.to_file(), d.to_file()];
            }
        }
        _ => {
            for index in 0..bands {
                for (out, value) in samples[index..].iter_mut().step_by(bands).zip(band(index)) {
                    *out = value.to_file();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use swath_core::buffer::Buffer;
    use swath_core::dtype::DType;
    use swath_core::meta::Meta;
    use swath_core::shape::Dims;

    use super::*;
    use crate::write::GeoTiffOptions;

    fn encoded(chunk: &Chunk, options: &GeoTiffOptions) -> Bytes {
        let meta = Meta::new(Dims::BYX, chunk.shape(), chunk.dtype());
        let format = Format::resolve(&meta, None, &options.clone().block(16, 16).file).unwrap();
        BlockEncoder::default().encode(&format, chunk).unwrap()
    }

    #[test]
    fn bands_of_a_pixel_lie_together_for_any_count_of_bands() {
        let plain = GeoTiffOptions::new().compression(Compression::None);
        for bands in 1..=6usize {
            let pixels: Vec<u16> = (0..bands * 6).map(|i| i as u16 * 257).collect();
            let bytes = encoded(&Chunk::new([1, bands, 2, 3], Buffer::U16(pixels.clone())), &plain);
            assert_eq!(bytes.len(), 16 * 16 * bands * 2);
            for (y, x, b) in [(0, 0, 0), (0, 2, bands - 1), (1, 0, bands - 1), (1, 2, 0)] {
                let at = ((y * 16 + x) * bands + b) * 2;
                assert_eq!(bytes[at..at + 2], pixels[(b * 2 + y) * 3 + x].to_le_bytes(), "{bands} bands");
            }
        }
    }

    #[test]
    fn edges_repeat_the_last_row_and_column() {
        let plain = GeoTiffOptions::new().compression(Compression::None);
        let bytes = encoded(&Chunk::new([1, 2, 2, 2], Buffer::U8(vec![1, 2, 3, 4, 11, 12, 13, 14])), &plain);
        let row = |y: usize| &bytes[y * 32..][..32];
        assert_eq!(row(0)[..6], [1, 11, 2, 12, 2, 12]);
        assert_eq!(row(1)[28..], [4, 14, 4, 14]);
        assert!((2..16).all(|y| row(y) == row(1)));
    }

    #[test]
    fn a_block_of_one_value_has_the_same_bytes_wherever_it_is_cut() {
        let options = GeoTiffOptions::new();
        for dtype in [DType::Bool, DType::U8, DType::I32, DType::F64] {
            let value = if dtype == DType::Bool { true.into() } else { 7.into() };
            let chunk = |rows, columns| Chunk::filled([1, 3, rows, columns], dtype, value);
            assert_eq!(encoded(&chunk(16, 16), &options), encoded(&chunk(5, 1), &options), "{dtype}");
        }
    }

    #[test]
    fn a_mask_is_written_as_bits() {
        let meta = Meta::new(Dims::BYX, [1, 1, 2, 10], DType::Bool);
        let plain = GeoTiffOptions::new().block(16, 16);
        let format =
            Format { compression: Compression::None, ..Format::resolve(&meta, None, &plain.file).unwrap().of_mask() };
        let pixels: Vec<_> = (0..20).map(|at| at % 3 == 0).collect();
        let bytes = BlockEncoder::default().encode(&format, &Chunk::new([1, 1, 2, 10], Buffer::Bool(pixels))).unwrap();
        assert_eq!(bytes.len(), 32);
        // The last pixel of a row is repeated, and so is the last row.
        assert_eq!(bytes[..4], [0b1001_0010, 0b0111_1111, 0b0010_0100, 0b1000_0000]);
        assert!((2..16).all(|y| bytes[2 * y..][..2] == bytes[2..4]));
    }

    #[test]
    fn bool_is_written_as_0_and_1() {
        let plain = GeoTiffOptions::new().compression(Compression::None);
        let bytes = encoded(&Chunk::new([1, 1, 1, 3], Buffer::Bool(vec![true, false, true])), &plain);
        assert_eq!(bytes[..4], [1, 0, 1, 1]);
    }
}
