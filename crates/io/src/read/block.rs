//! The bytes of one block to the pixels of a chunk: decompressed, the predictor undone, bands apart, padding cut off.

use swath_core::buffer::{Buffer, Pixel};
use swath_core::chunk::Chunk;
use swath_core::dtype::DType;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::shape::Shape;

use super::level::Level;
use super::samples::Stored;
use crate::codec::decode::Decoder;
use crate::codec::predictor::undo::{self, Half, Sample, Triple};
use crate::codec::{Compression, Predictor};

/// Decodes a block; `bytes` are those of [`Level::range`], `scratch` is reused from block to block.
pub(super) fn decode(
    level: &Level,
    block: usize,
    bytes: &[u8],
    decoder: &mut Decoder,
    scratch: &mut Vec<u8>,
) -> Result<Chunk> {
    if !level.reversed {
        return decode_ordered(level, block, bytes, decoder, scratch);
    }
    let ordered = decoder.reverse(bytes);
    let result = decode_ordered(level, block, &ordered, decoder, scratch);
    decoder.keep(ordered);
    result
}

fn decode_ordered(
    level: &Level,
    block: usize,
    bytes: &[u8],
    decoder: &mut Decoder,
    scratch: &mut Vec<u8>,
) -> Result<Chunk> {
    let spec = level.spec(block);
    let raw = match (&level.added, level.compression) {
        (Some(codec), _) => {
            decoder.decompress_by(&**codec, &spec, bytes, scratch)?;
            raw(level, scratch)
        }
        (None, Compression::None) => {
            let (held, needed) = (bytes.len(), spec.rows_needed * spec.row_bytes());
            let short = || Error::corrupt(format!("it has {held} of {needed} bytes"));
            Raw::Plain(bytes.get(..needed).ok_or_else(short)?)
        }
        (None, _) => {
            decoder.decompress(&spec, bytes, scratch)?;
            if let Some(chunk) = decompressed_in_place(level, block, scratch) {
                return Ok(chunk);
            }
            raw(level, scratch)
        }
    };
    let little = level.little_endian || level.samples.parts > 1 && level.predictor == Predictor::Horizontal;
    let rows = Rows { shape: level.blocks().region(block).shape, bytes: spec.row_bytes(), little };
    let data = match (level.samples.stored, level.dtype) {
        (Stored::Packed(bits), DType::U8) => packed::<u8>(&rows, raw, bits),
        (Stored::Packed(bits), DType::U16) => packed::<u16>(&rows, raw, bits),
        (Stored::Packed(bits), _) => packed::<u32>(&rows, raw, bits),
        (Stored::Half, _) => rows.pixels::<Half>(raw),
        (Stored::Triple, _) => rows.pixels::<Triple>(raw),
        (Stored::Whole, DType::U8) => rows.pixels::<u8>(raw),
        (Stored::Whole, DType::U16) => rows.pixels::<u16>(raw),
        (Stored::Whole, DType::U32) => rows.pixels::<u32>(raw),
        (Stored::Whole, DType::U64) => rows.pixels::<u64>(raw),
        (Stored::Whole, DType::I8) => rows.pixels::<i8>(raw),
        (Stored::Whole, DType::I16) => rows.pixels::<i16>(raw),
        (Stored::Whole, DType::I32) => rows.pixels::<i32>(raw),
        (Stored::Whole, DType::I64) => rows.pixels::<i64>(raw),
        (Stored::Whole, DType::F32) => rows.pixels::<f32>(raw),
        (Stored::Whole, DType::F64) => rows.pixels::<f64>(raw),
        (Stored::Whole, DType::Bool) => return Err(Error::new(ErrorKind::Internal, "files have no bool samples")),
    };
    Ok(Chunk::new(rows.shape, data))
}

/// The decompressed bytes themselves, where they are the pixels: bytes of one band, without padding on the right.
fn decompressed_in_place(level: &Level, block: usize, scratch: &mut Vec<u8>) -> Option<Chunk> {
    let (spec, shape) = (level.spec(block), level.blocks().region(block).shape);
    let [_, bands, rows, columns] = shape;
    let bytes = (level.samples.stored, level.dtype, bands) == (Stored::Whole, DType::U8, 1);
    // Room that a larger block has left is not kept with a chunk.
    let fits = columns == spec.columns && scratch.capacity() - scratch.len() <= scratch.len() / 8;
    if !bytes || !fits || level.predictor == Predictor::FloatingPoint {
        return None;
    }
    let mut pixels = std::mem::take(scratch);
    pixels.truncate(rows * columns);
    if level.predictor == Predictor::Horizontal {
        pixels.chunks_exact_mut(columns).for_each(undo::sum);
    }
    Some(Chunk::new(shape, Buffer::from_vec(pixels)))
}

/// A decompressed block, and what was done to its rows.
enum Raw<'a> {
    Plain(&'a [u8]),
    Differences(&'a mut [u8]),
    Planes(&'a mut [u8]),
}

fn raw<'a>(level: &Level, scratch: &'a mut [u8]) -> Raw<'a> {
    match level.predictor {
        Predictor::None => Raw::Plain(scratch),
        // Complex samples were differenced as numbers of all their bits, the real part the lower one: libtiff works on
        // little-endian machines with files of either order so, and other files have not been seen.
        Predictor::Horizontal if level.samples.parts > 1 => {
            let spec = level.spec(0);
            if !level.little_endian {
                scratch.chunks_exact_mut(spec.bits as usize / 8).for_each(<[u8]>::reverse);
            }
            let sum = if spec.bits == 32 { undo::sum_words::<u32, true> } else { undo::sum_words::<u64, true> };
            scratch.chunks_exact_mut(spec.row_bytes()).for_each(|row| sum(row, spec.samples));
            Raw::Plain(scratch)
        }
        Predictor::Horizontal => Raw::Differences(scratch),
        Predictor::FloatingPoint => Raw::Planes(scratch),
    }
}

/// Pixels that a block has of the image, and the stored rows that they come from.
struct Rows {
    shape: Shape,
    /// Bytes of a stored row.
    bytes: usize,
    little: bool,
}

impl Rows {
    fn pixels<S: Sample<Pixel: Pixel>>(&self, raw: Raw<'_>) -> Buffer {
        let [_, bands, rows, columns] = self.shape;
        let mut out = vec![S::Pixel::default(); bands * rows * columns];
        let plain = if self.little { undo::plain::<S, true> } else { undo::plain::<S, false> };
        let horizontal = if self.little { S::horizontal::<true> } else { S::horizontal::<false> };
        match raw {
            Raw::Plain(raw) => each_row(raw.chunks_exact(self.bytes), &mut out, rows, columns, plain),
            Raw::Differences(raw) => {
                each_row(raw.chunks_exact_mut(self.bytes), &mut out, rows, columns, horizontal);
            }
            Raw::Planes(raw) => {
                each_row(raw.chunks_exact_mut(self.bytes), &mut out, rows, columns, undo::floating_point::<S>);
            }
        }
        Buffer::from_vec(out)
    }
}

/// Samples of `bits` bits, which no predictor was applied to.
fn packed<T: Pixel + TryFrom<u32>>(rows: &Rows, raw: Raw<'_>, bits: u32) -> Buffer {
    let [_, bands, height, columns] = rows.shape;
    let mut out = vec![T::default(); bands * height * columns];
    let raw = match raw {
        Raw::Plain(raw) => raw,
        Raw::Differences(raw) | Raw::Planes(raw) => raw,
    };
    // libtiff turns the bytes of samples of 24 bits where the file's order is not its machine's, although they are packed
    // like others: in a big-endian file the least significant byte is first.
    let turned = bits == 24 && !rows.little;
    each_row(raw.chunks_exact(rows.bytes), &mut out, height, columns, |row, bands| unpack(row, bands, bits, turned));
    Buffer::from_vec(out)
}

/// Samples of 1 to 31 bits, the most significant bit first and without gaps; `turned` where the bytes of 24 are in the
/// other order.
fn unpack<T: Pixel + TryFrom<u32>>(row: &[u8], bands: &mut [&mut [T]], bits: u32, turned: bool) {
    match (bits, bands) {
        (1, [band]) => unpack_bytes::<T, 1, 8>(row, band),
        (2, [band]) => unpack_bytes::<T, 2, 4>(row, band),
        (4, [band]) => unpack_bytes::<T, 4, 2>(row, band),
        (_, bands) => unpack_any(row, bands, bits, turned),
    }
}

/// Samples of one band, `HELD` of which are a byte.
fn unpack_bytes<T: Pixel + TryFrom<u32>, const BITS: usize, const HELD: usize>(row: &[u8], band: &mut [T]) {
    let of_byte = |byte| samples_of::<BITS>(byte).map(|sample| T::try_from(sample.into()).unwrap_or_default());
    let (whole, rest) = band.as_chunks_mut::<HELD>();
    let (bytes, last) = row.split_at(whole.len());
    for (pixels, byte) in whole.iter_mut().zip(bytes) {
        pixels.copy_from_slice(&of_byte(*byte)[..HELD]);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&of_byte(last[0])[..rest.len()]);
    }
}

/// The samples of a byte, and zeros.
#[inline(always)]
fn samples_of<const BITS: usize>(byte: u8) -> [u8; 8] {
    if BITS == 1 {
        // Copies of the byte nine bits apart: after a shift by seven, bit 7 - k lies lowest in byte k.
        let copies = u64::from(byte).wrapping_mul(0x8040_2010_0804_0201);
        return (copies >> 7 & 0x0101_0101_0101_0101).to_le_bytes();
    }
    std::array::from_fn(|at| match at < 8 / BITS {
        true => byte >> (8 - BITS - at * BITS) & ((1 << BITS) - 1),
        false => 0,
    })
}

fn unpack_any<T: Pixel + TryFrom<u32>>(row: &[u8], bands: &mut [&mut [T]], bits: u32, turned: bool) {
    let (mut word, mut held) = (0_u64, 0);
    let mut bytes = row.iter();
    let columns = bands.first().map_or(0, |band| band.len());
    for column in 0..columns {
        for band in bands.iter_mut() {
            while held < bits {
                word = word << 8 | u64::from(bytes.next().copied().unwrap_or(0));
                held += 8;
            }
            held -= bits;
            let value = (word >> held) as u32 & (u32::MAX >> (32 - bits));
            let value = if turned { value.swap_bytes() >> 8 } else { value };
            band[column] = T::try_from(value).unwrap_or_default();
        }
    }
}

/// Gives every stored row that the image has, and the row of each band it goes to, to `undo`.
fn each_row<'a, T, Row>(
    stored: impl Iterator<Item = Row>,
    out: &'a mut [T],
    rows: usize,
    columns: usize,
    undo: impl Fn(Row, &mut [&'a mut [T]]),
) {
    let mut bands: Vec<_> = out.chunks_exact_mut(rows * columns).map(|band| band.chunks_exact_mut(columns)).collect();
    let mut targets = Vec::with_capacity(bands.len());
    for row in stored.take(rows) {
        targets.clear();
        targets.extend(bands.iter_mut().filter_map(Iterator::next));
        undo(row, &mut targets);
    }
}
