//! JPEG streams, with tables of their own or those of the file (TIFF Technical Note 2; libtiff's `tif_jpeg.c`).
//!
//! The samples of YCbCr blocks are converted to RGB, as GDAL does; what the stream itself says of its colours in an
//! Adobe or JFIF segment does not count.

use std::num::NonZeroU32;

use swath_core::error::{Error, Result};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::codec::BlockSpec;

/// The most samples that a byte can stand for: DC and end of block take at least a bit each, for 64 samples, four times
/// as many after subsampling in both directions; progressive scans take one bit.
const RATIO: usize = 4096;

const PHOTOMETRIC_YCBCR: u64 = 6;

/// Makes one stream of the file's tables and the block's, in `stream`, and checks its head against the block before
/// anything of the block's size is allocated.
pub(super) fn prepare(block: &BlockSpec<'_>, input: &[u8], stream: &mut Vec<u8>) -> Result<Head> {
    stream.clear();
    stream.extend_from_slice(&[0xff, 0xd8]);
    if !block.tags.jpeg_tables.is_empty() {
        copy_segments(&block.tags.jpeg_tables, stream)?;
    }
    let head = copy_segments(input, stream)?.ok_or_else(|| damaged("it has no frame or no scan"))?;
    let Head { width, height, components, .. } = head;
    if block.bits != 8 {
        return Err(Error::unsupported(format!("JPEG with samples of {} bits is not supported, only 8", block.bits)));
    }
    if components != block.samples {
        return Err(damaged(&format!("it has {components} components instead of {}", block.samples)));
    }
    if width > block.columns || height > block.rows || width == 0 || height == 0 {
        return Err(damaged(&format!(
            "it has {height} × {width} pixels instead of {} × {}",
            block.rows, block.columns
        )));
    }
    if width * height * components > input.len().saturating_mul(RATIO) {
        let bytes = width * height * components;
        return Err(Error::corrupt(format!("{} bytes of JPEG cannot hold {bytes}", input.len())));
    }
    // Two bands are no colour space to the decoder, which is lenient with what it does not know: a cut stream is found
    // here.
    if components == 2 && !input.windows(2).rev().take(64).any(|pair| pair == [0xff, 0xd9]) {
        return Err(damaged("it has no end"));
    }
    Ok(head)
}

/// What the head of a stream says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    width: usize,
    height: usize,
    components: usize,
    /// Whether the components are called R, G and B, which the decoder takes for what they are.
    named_rgb: bool,
}

/// Fills `out`. A stream of fewer rows or columns than the block leaves the others 0, as libtiff does.
pub(super) fn unjpeg(
    block: &BlockSpec<'_>,
    head: Head,
    stream: &[u8],
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<()> {
    let color = match head.components {
        1 => ColorSpace::Luma,
        3 if head.named_rgb || block.photometric == PHOTOMETRIC_YCBCR => ColorSpace::RGB,
        // Equal to what the decoder takes the stream for: samples stay as they are.
        3 => ColorSpace::YCbCr,
        4 => ColorSpace::CMYK,
        _ => ColorSpace::MultiBand(NonZeroU32::new(head.components as u32).unwrap_or(NonZeroU32::MIN)),
    };
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(color)
        .set_strict_mode(head.components != 2)
        .set_max_width(block.columns)
        .set_max_height(block.rows);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    let failed = |cause| damaged(&format!("{cause:?}"));
    let (row, stride) = (head.width * head.components, block.row_bytes());
    let whole = head.width == block.columns;
    if whole {
        let filled = row * head.height;
        decoder.decode_into(&mut out[..filled]).map_err(failed)?;
        out[filled..].fill(0);
        return Ok(());
    }
    scratch.resize(row * head.height, 0);
    decoder.decode_into(scratch).map_err(failed)?;
    out.fill(0);
    for (to, from) in out.chunks_exact_mut(stride).zip(scratch.chunks_exact(row)) {
        to[..row].copy_from_slice(from);
    }
    Ok(())
}

/// Copies what decodes a stream, from its start to its end: tables, frame and scans, but neither application data nor
/// comments. None where it has no scan, as a stream of tables.
fn copy_segments(mut input: &[u8], stream: &mut Vec<u8>) -> Result<Option<Head>> {
    let mut head = None;
    input = input.strip_prefix(&[0xff, 0xd8]).ok_or_else(|| damaged("it does not start as JPEG does"))?;
    loop {
        let marker = match input {
            // Any count of bytes 0xff may stand before a marker.
            [0xff, 0xff, ..] => {
                input = &input[1..];
                continue;
            }
            [0xff, 0xd9, ..] | [] => return Ok(None),
            [0xff, marker, ..] => *marker,
            _ => return Err(damaged("it has bytes between its segments")),
        };
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            input = &input[2..];
            continue;
        }
        let length = input.get(2..4).map_or(0, |bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1]));
        let segment = input.get(..2 + length).filter(|_| length >= 2).ok_or_else(|| damaged("a segment is cut"))?;
        match marker {
            // Application data and comments.
            0xe0..=0xef | 0xfe => {}
            0xda => {
                stream.extend_from_slice(input);
                return Ok(head);
            }
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                head = Some(frame(marker, &segment[4..])?);
                stream.extend_from_slice(segment);
            }
            _ => stream.extend_from_slice(segment),
        }
        input = &input[2 + length..];
    }
}

fn frame(marker: u8, body: &[u8]) -> Result<Head> {
    let &[precision, y1, y0, x1, x0, components, ..] = body else { return Err(damaged("its frame is cut")) };
    if precision != 8 {
        return Err(Error::unsupported(format!("JPEG with samples of {precision} bits is not supported, only 8")));
    }
    if !matches!(marker, 0xc0..=0xc2) {
        let number = marker - 0xc0;
        return Err(Error::unsupported(format!("JPEG of process {number} (lossless or arithmetic) is not supported")));
    }
    let number = |high: u8, low: u8| usize::from(high) << 8 | usize::from(low);
    // Of a component: its name, sampling and table.
    let named_rgb = body[6..].iter().step_by(3).eq(b"RGB");
    Ok(Head { width: number(x1, x0), height: number(y1, y0), components: components.into(), named_rgb })
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("the JPEG stream is damaged ({why})"))
}
