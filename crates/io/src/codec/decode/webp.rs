//! WebP images, lossy and lossless (libtiff's `tif_webp.c`).

use swath_core::error::{Error, Result};
use webp::{BitstreamFeatures, Decoder};

use crate::codec::BlockSpec;

/// The size in a stream's head, checked against the block's, so that nothing is allocated for a wrong one.
pub(super) fn check(block: &BlockSpec<'_>, input: &[u8]) -> Result<()> {
    if block.bits != 8 || !matches!(block.samples, 3 | 4) {
        let BlockSpec { samples, bits, .. } = block;
        return Err(Error::unsupported(format!(
            "WEBP holds 3 or 4 samples of 8 bits a pixel, not {samples} of {bits} bits"
        )));
    }
    let head = BitstreamFeatures::new(input).ok_or_else(|| Error::corrupt("the WEBP stream has a damaged head"))?;
    if head.has_animation() {
        return Err(Error::corrupt("the WEBP stream is an animation"));
    }
    let (width, height) = (head.width() as usize, head.height() as usize);
    if width != block.columns || height > block.rows {
        return Err(Error::corrupt(format!(
            "the WEBP stream has {height} × {width} pixels instead of {} × {}",
            block.rows, block.columns
        )));
    }
    Ok(())
}

/// Fills `out` from a stream that [`check`] accepts. A stream of fewer rows leaves the others 0, as libtiff does.
pub(super) fn unwebp(block: &BlockSpec<'_>, input: &[u8], out: &mut [u8]) -> Result<()> {
    let image = Decoder::new(input).decode().ok_or_else(|| Error::corrupt("the WEBP stream is damaged"))?;
    let held = if image.is_alpha() { 4 } else { 3 };
    let (filled, rest) = out.split_at_mut(image.len() / held * block.samples);
    rest.fill(0);
    if held == block.samples {
        filled.copy_from_slice(&image);
        return Ok(());
    }
    // An encoder drops an alpha channel that is opaque everywhere.
    for (to, from) in filled.chunks_exact_mut(block.samples).zip(image.chunks_exact(held)) {
        to.fill(u8::MAX);
        to[..3].copy_from_slice(&from[..3]);
    }
    Ok(())
}
