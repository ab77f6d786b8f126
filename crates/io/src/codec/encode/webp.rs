//! WebP images by libwebp, as libtiff's `tif_webp.c` has it make them.

use webp::{Encoder, PixelLayout, WebPConfig};

use super::{Cause, Scheme, WEBP_LOSSLESS};

/// Puts the image of a block into `out`.
pub(super) fn webp(scheme: &Scheme, quality: i32, pixels: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
    let layout = match scheme.bands {
        3 => PixelLayout::Rgb,
        4 => PixelLayout::Rgba,
        bands => return Err(format!("{bands} bands are neither RGB nor RGBA").into()),
    };
    let mut config = WebPConfig::new().map_err(|()| "libwebp is of another version than its header")?;
    if quality == WEBP_LOSSLESS {
        config.lossless = 1;
    } else {
        config.quality = quality as f32;
    }
    // Colours stay what they are where the fourth band is 0, which may be no opacity at all.
    config.exact = 1;
    let encoder = Encoder::new(pixels, layout, u32::try_from(scheme.columns)?, u32::try_from(scheme.rows)?);
    let image = encoder.encode_advanced(&config).map_err(|error| format!("libwebp says {error:?}"))?;
    out.clear();
    out.extend_from_slice(&image);
    Ok(())
}
