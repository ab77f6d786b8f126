//! LERC blobs, alone or inside Deflate or ZSTD (libtiff's `tif_lerc.c`).
//!
//! The numbers of a blob have no byte order. libtiff puts them to bytes as its machine does, and then turns those of
//! files of the other order, before it encodes as after it decodes: in a big-endian file, blobs hold numbers whose bytes
//! are turned. So they are put to bytes little-endian here, whatever the file's order, and read in the file's.
//!
//! A block is one blob whose pixels have all samples, or one blob a band after the other.

use lerc_core::{DataType, PixelData};
use lerc_reader::{Decoded, InspectOptions};
use swath_core::error::{Error, Result};

use super::{deflate, zstandard};
use crate::codec::{BlockSpec, SampleFormat};

/// State of the compression around blobs, and room for what it gives.
#[derive(Default)]
pub(super) struct Lerc {
    inner: Vec<u8>,
}

impl Lerc {
    /// Fills `out`. Pixels that a mask excludes are NaN in blocks of floats, as in
    /// libtiff, and 0 in others; where the mask stands for an alpha band of bytes, it becomes that.
    pub(super) fn decode(
        &mut self,
        block: &BlockSpec<'_>,
        input: &[u8],
        inflate: &mut Option<libdeflater::Decompressor>,
        unzstd: &mut Option<zstd::bulk::Decompressor<'static>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        // A blob is little more than its samples: mask, ranges of each block, checksum.
        let most = block.bytes() + block.bytes() / 3 + block.rows * block.columns / 8 + (64 << 10);
        let blobs = match block.tags.lerc_parameters.get(1).copied().unwrap_or(0) {
            0 => input,
            1 => {
                self.inner.resize(most.min(input.len().saturating_mul(deflate::RATIO)), 0);
                let held = deflate::inflate(inflate, input, &mut self.inner)?;
                &self.inner[..held]
            }
            2 => {
                self.inner.resize(most.min(input.len().saturating_mul(zstandard::RATIO)), 0);
                let held = zstandard::unzstd(unzstd, input, &mut self.inner)?;
                &self.inner[..held]
            }
            other => return Err(Error::unsupported(format!("LERC inside compression {other} is not supported"))),
        };
        blobs_to_block(block, blobs, out)
    }
}

fn blobs_to_block(block: &BlockSpec<'_>, mut blobs: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut filled = 0;
    let mut mask: Option<Vec<u8>> = None;
    while filled < block.samples && !blobs.is_empty() {
        let (depth, size) = check(block, blobs, filled)?;
        let blob = &blobs[..size];
        let decoded = match &mask {
            Some(mask) => lerc_reader::decode_first_with_mask(blob, mask),
            None => lerc_reader::decode_first(blob),
        }
        .map_err(damaged)?;
        // All blobs before were checked against the block, and so is this one: it has that many pixels.
        out.resize(block.bytes(), 0);
        place(block, &decoded, filled, depth, out)?;
        filled += depth;
        mask = decoded.mask;
        blobs = &blobs[size..];
    }
    let alpha = block.format == SampleFormat::Unsigned && block.bits == 8 && block.samples > 1;
    if alpha && filled == block.samples - 1 {
        for (pixel, samples) in out.chunks_exact_mut(block.samples).enumerate() {
            let valid = mask.as_ref().is_none_or(|mask| mask.get(pixel).is_some_and(|byte| *byte != 0));
            samples[filled] = if valid { u8::MAX } else { 0 };
        }
        return Ok(());
    }
    match filled == block.samples {
        true => Ok(()),
        false => Err(Error::corrupt(format!("the LERC blobs hold {filled} of {} bands", block.samples))),
    }
}

/// Samples a pixel of the next blob, and its bytes.
fn check(block: &BlockSpec<'_>, blobs: &[u8], filled: usize) -> Result<(usize, usize)> {
    let options = InspectOptions::new().with_compute_value_range(false);
    let info = lerc_reader::inspect_first_with_options(blobs, options).map_err(damaged)?;
    let BlockSpec { rows, columns, samples, .. } = *block;
    if (info.height as usize, info.width as usize) != (rows, columns) {
        return Err(Error::corrupt(format!(
            "the LERC blob has {} × {} pixels instead of {rows} × {columns}",
            info.height, info.width
        )));
    }
    let depth = info.depth as usize;
    if depth == 0 || depth > samples - filled {
        return Err(Error::corrupt(format!(
            "the LERC blob has {depth} samples a pixel of {} at most",
            samples - filled
        )));
    }
    // The first version of LERC has floats only.
    let wanted = data_type(block)?;
    let first_version = matches!(info.version, lerc_core::Version::Lerc1(_));
    if info.data_type != wanted && !first_version {
        let held = info.data_type.name();
        return Err(Error::corrupt(format!("the LERC blob has {held} samples instead of {}", wanted.name())));
    }
    match blobs.len() >= info.blob_size && info.blob_size > 0 {
        true => Ok((depth, info.blob_size)),
        false => Err(Error::corrupt(format!("the LERC blob is cut: {} of {} bytes", blobs.len(), info.blob_size))),
    }
}

fn data_type(block: &BlockSpec<'_>) -> Result<DataType> {
    Ok(match (block.format, block.bits) {
        (SampleFormat::Unsigned, 8) => DataType::U8,
        (SampleFormat::Unsigned, 16) => DataType::U16,
        (SampleFormat::Unsigned, 32) => DataType::U32,
        (SampleFormat::Signed, 8) => DataType::I8,
        (SampleFormat::Signed, 16) => DataType::I16,
        (SampleFormat::Signed, 32) => DataType::I32,
        (SampleFormat::Float, 32) => DataType::F32,
        (SampleFormat::Float, 64) => DataType::F64,
        (format, bits) => {
            return Err(Error::unsupported(format!("LERC has no {format:?} samples of {bits} bits")));
        }
    })
}

/// Puts the pixels of a blob to samples `first..first + depth` of each pixel.
fn place(block: &BlockSpec<'_>, decoded: &Decoded, first: usize, depth: usize, out: &mut [u8]) -> Result<()> {
    let Decoded { pixels, mask, .. } = decoded;
    let mask = mask.as_deref();
    macro_rules! place {
        ($values:expr, $invalid:expr) => {
            each(block, $values, first, depth, mask, $invalid, out, |value| value.to_le_bytes())
        };
    }
    match pixels {
        // What the first version of LERC has for all types.
        PixelData::F32(values) if block.format != SampleFormat::Float => {
            macro_rules! cast {
                ($kind:ty) => {{
                    let values: Vec<$kind> = values.iter().map(|value| *value as $kind).collect();
                    place!(&values, None)
                }};
            }
            match data_type(block)? {
                DataType::U8 => cast!(u8),
                DataType::U16 => cast!(u16),
                DataType::U32 => cast!(u32),
                DataType::I8 => cast!(i8),
                DataType::I16 => cast!(i16),
                _ => cast!(i32),
            }
        }
        PixelData::F32(values) if block.bits == 64 => {
            let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            place!(&values, Some(f64::NAN));
        }
        PixelData::F32(values) => place!(values, Some(f32::NAN)),
        PixelData::F64(values) => place!(values, Some(f64::NAN)),
        PixelData::U8(values) => place!(values, None),
        PixelData::U16(values) => place!(values, None),
        PixelData::U32(values) => place!(values, None),
        PixelData::I8(values) => place!(values, None),
        PixelData::I16(values) => place!(values, None),
        PixelData::I32(values) => place!(values, None),
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a loop that is compiled for each type of samples")]
fn each<T: Copy, const N: usize>(
    block: &BlockSpec<'_>,
    values: &[T],
    first: usize,
    depth: usize,
    mask: Option<&[u8]>,
    invalid: Option<T>,
    out: &mut [u8],
    bytes: impl Fn(T) -> [u8; N],
) {
    if depth == block.samples && mask.is_none() {
        let out = out.as_chunks_mut::<N>().0;
        out.iter_mut().zip(values).for_each(|(to, value)| *to = bytes(*value));
        return;
    }
    let pixels = out.chunks_exact_mut(block.samples * N);
    for (pixel, (to, from)) in pixels.zip(values.chunks_exact(depth)).enumerate() {
        let excluded = mask.is_some_and(|mask| mask.get(pixel) == Some(&0));
        let to = to[first * N..].chunks_exact_mut(N);
        for (to, value) in to.zip(from) {
            let value = invalid.filter(|_| excluded).unwrap_or(*value);
            to.copy_from_slice(&bytes(value));
        }
    }
}

fn damaged(cause: lerc_core::Error) -> Error {
    Error::corrupt(format!("the LERC blob is damaged ({cause})"))
}
