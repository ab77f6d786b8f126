//! JPEG streams, each with tables of its own: grey, or YCbCr with chroma at half the resolution, as GDAL's COG driver writes.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::{Cause, Scheme};

/// Puts the stream of a block into `out`.
pub(super) fn jpeg(scheme: &Scheme, quality: i32, pixels: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
    let color = match scheme.bands {
        1 => ColorType::Luma,
        3 => ColorType::Rgb,
        bands => return Err(format!("{bands} bands are neither grey nor RGB").into()),
    };
    let (width, height) = (u16::try_from(scheme.columns)?, u16::try_from(scheme.rows)?);
    out.clear();
    let mut encoder = Encoder::new(out, u8::try_from(quality)?);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // libjpeg's: a mean of four pixels, where the encoder's own default takes one of them.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    Ok(encoder.encode(pixels, width, height, color)?)
}

/// The most bytes of a stream.
pub(super) fn bound(scheme: &Scheme, length: usize) -> usize {
    // Of each four pixels, four samples of luma and one of each chroma.
    let coefficients = if scheme.bands == 3 { length / 2 } else { length };
    // A code of 16 bits and 10 of the value, all of whose bytes could be 0xff, which takes a second one; tables.
    coefficients * 2 * (16 + 10) / 8 + 2048
}
