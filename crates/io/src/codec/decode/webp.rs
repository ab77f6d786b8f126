//! WebP images, lossy and lossless (libtiff's `tif_webp.c`).

use std::io::Cursor;

use image_webp::WebPDecoder;
use swath_core::error::{Error, Result};

use crate::codec::BlockSpec;

/// The size in a stream's head, checked against the block's, so that nothing is allocated for a wrong one.
pub(super) fn check(block: &BlockSpec<'_>, input: &[u8]) -> Result<()> {
    open(block, input).map(drop)
}

/// Fills `out`. A stream of fewer rows leaves the others 0, as libtiff does.
pub(super) fn unwebp(block: &BlockSpec<'_>, input: &[u8], out: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
    let mut decoder = open(block, input)?;
    let held = if decoder.has_alpha() { 4 } else { 3 };
    let (width, height) = decoder.dimensions();
    let pixels = width as usize * height as usize;
    let damaged = |cause| Error::corrupt(format!("the WEBP stream is damaged ({cause})"));
    let filled = pixels * block.samples;
    out[filled..].fill(0);
    if held == block.samples {
        return decoder.read_image(&mut out[..filled]).map_err(damaged);
    }
    scratch.resize(pixels * held, 0);
    decoder.read_image(scratch).map_err(damaged)?;
    // An encoder drops an alpha channel that is opaque everywhere.
    for (to, from) in out[..filled].chunks_exact_mut(block.samples).zip(scratch.chunks_exact(held)) {
        to.fill(u8::MAX);
        to[..3].copy_from_slice(&from[..3]);
    }
    Ok(())
}

fn open<'a>(block: &BlockSpec<'_>, input: &'a [u8]) -> Result<WebPDecoder<Cursor<&'a [u8]>>> {
    if block.bits != 8 || !matches!(block.samples, 3 | 4) {
        let BlockSpec { samples, bits, .. } = block;
        return Err(Error::unsupported(format!(
            "WEBP holds 3 or 4 samples of 8 bits a pixel, not {samples} of {bits} bits"
        )));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(input))
        .map_err(|cause| Error::corrupt(format!("the WEBP stream is damaged ({cause})")))?;
    decoder.set_memory_limit(block.bytes().saturating_mul(2).max(1 << 20));
    let (width, height) = decoder.dimensions();
    if width as usize != block.columns || height as usize > block.rows {
        return Err(Error::corrupt(format!(
            "the WEBP stream has {height} × {width} pixels instead of {} × {}",
            block.rows, block.columns
        )));
    }
    if decoder.is_animated() {
        return Err(Error::corrupt("the WEBP stream is an animation"));
    }
    Ok(decoder)
}
