//! The bytes of one block to the pixels of a chunk: decompressed, the predictor undone, bands apart, padding cut off.

use swath_core::buffer::{Buffer, Pixel};
use swath_core::chunk::Chunk;
use swath_core::dtype::DType;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::shape::Shape;

use super::level::Level;
use crate::codec::decode::Decoder;
use crate::codec::predictor::undo::{self, Sample};
use crate::codec::{Compression, Predictor};

/// Decodes a block; `bytes` are those of [`Level::range`], `scratch` is reused from block to block.
pub(super) fn decode(
    level: &Level,
    block: usize,
    bytes: &[u8],
    decoder: &mut Decoder,
    scratch: &mut Vec<u8>,
) -> Result<Chunk> {
    let stored = level.stored_bytes(block);
    let raw = match level.compression {
        Compression::None => {
            let held = bytes.len();
            let short = || Error::corrupt(format!("it has {held} of {stored} bytes"));
            Raw::Plain(bytes.get(..stored).ok_or_else(short)?)
        }
        compression => {
            decoder.decompress(compression, bytes, stored, scratch)?;
            match level.predictor {
                Predictor::None => Raw::Plain(scratch),
                Predictor::Horizontal => Raw::Differences(scratch),
                Predictor::FloatingPoint => Raw::Planes(scratch),
            }
        }
    };
    let shape = level.blocks().region(block).shape;
    let data = match level.dtype {
        DType::U8 => pixels::<u8>(level, raw, shape),
        DType::U16 => pixels::<u16>(level, raw, shape),
        DType::U32 => pixels::<u32>(level, raw, shape),
        DType::U64 => pixels::<u64>(level, raw, shape),
        DType::I8 => pixels::<i8>(level, raw, shape),
        DType::I16 => pixels::<i16>(level, raw, shape),
        DType::I32 => pixels::<i32>(level, raw, shape),
        DType::I64 => pixels::<i64>(level, raw, shape),
        DType::F32 => pixels::<f32>(level, raw, shape),
        DType::F64 => pixels::<f64>(level, raw, shape),
        DType::Bool => return Err(Error::new(ErrorKind::Internal, "files have no bool samples")),
    };
    Ok(Chunk::new(shape, data))
}

/// A decompressed block, and what was done to its rows.
enum Raw<'a> {
    Plain(&'a [u8]),
    Differences(&'a [u8]),
    Planes(&'a mut [u8]),
}

fn pixels<T: Sample + Pixel>(level: &Level, raw: Raw<'_>, shape: Shape) -> Buffer {
    let [_, bands, rows, columns] = shape;
    let mut out = vec![T::default(); bands * rows * columns];
    let row_bytes = level.row_bytes();
    let plain = if level.little_endian { undo::plain::<T, true> } else { undo::plain::<T, false> };
    let horizontal = if level.little_endian { undo::horizontal::<T, true> } else { undo::horizontal::<T, false> };
    match raw {
        Raw::Plain(raw) => each_row(raw.chunks_exact(row_bytes), &mut out, rows, columns, plain),
        Raw::Differences(raw) => each_row(raw.chunks_exact(row_bytes), &mut out, rows, columns, horizontal),
        Raw::Planes(raw) => {
            each_row(raw.chunks_exact_mut(row_bytes), &mut out, rows, columns, undo::floating_point::<T>);
        }
    }
    Buffer::from_vec(out)
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
