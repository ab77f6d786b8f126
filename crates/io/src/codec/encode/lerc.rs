//! LERC blobs as libtiff's `tif_lerc.c` writes them: one of all bands, whose mask leaves out NaN; where some bands of a pixel are
//! NaN and others are not, one of each band.

use lerc_core::{MaskView, RasterView, Sample};
use lerc_writer::{EncodeOptions, EncoderProfile, encode};
use swath_core::dtype::DType;

use super::{Cause, Scheme};

/// Puts the blobs of a block into `out`.
pub(super) fn lerc(scheme: &Scheme, pixels: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
    out.clear();
    match scheme.dtype {
        DType::Bool | DType::U8 => blobs(scheme, pixels, u8::from_le_bytes, out),
        DType::I8 => blobs(scheme, pixels, i8::from_le_bytes, out),
        DType::U16 => blobs(scheme, pixels, u16::from_le_bytes, out),
        DType::I16 => blobs(scheme, pixels, i16::from_le_bytes, out),
        DType::U32 => blobs(scheme, pixels, u32::from_le_bytes, out),
        DType::I32 => blobs(scheme, pixels, i32::from_le_bytes, out),
        DType::F32 => blobs(scheme, pixels, f32::from_le_bytes, out),
        DType::F64 => blobs(scheme, pixels, f64::from_le_bytes, out),
        dtype => Err(format!("LERC has no {dtype}").into()),
    }
}

fn blobs<T: Sample, const N: usize>(
    scheme: &Scheme,
    pixels: &[u8],
    of: fn([u8; N]) -> T,
    out: &mut Vec<u8>,
) -> Result<(), Cause> {
    let samples: Vec<T> = pixels.as_chunks().0.iter().map(|bytes| of(*bytes)).collect();
    let bands = scheme.bands;
    let is_torn = |pixel: &[T]| pixel.iter().any(is_nan) && !pixel.iter().all(is_nan);
    if !samples.chunks_exact(bands).any(is_torn) {
        return blob(scheme, &samples, bands, out);
    }
    for band in 0..bands {
        let own: Vec<T> = samples.iter().skip(band).step_by(bands).copied().collect();
        blob(scheme, &own, 1, out)?;
    }
    Ok(())
}

/// Appends the blob of samples that are `depth` a pixel.
fn blob<T: Sample>(scheme: &Scheme, samples: &[T], depth: usize, out: &mut Vec<u8>) -> Result<(), Cause> {
    let (width, height) = (u32::try_from(scheme.columns)?, u32::try_from(scheme.rows)?);
    let valid: Vec<u8> = samples.chunks_exact(depth).map(|pixel| u8::from(!is_nan(&pixel[0]))).collect();
    let mask = valid.contains(&0).then(|| MaskView::new(width, height, &valid)).transpose()?;
    let options = EncodeOptions::new().with_max_z_error(scheme.max_error).with_profile(EncoderProfile::Gdal);
    out.extend(encode(RasterView::new(width, height, u32::try_from(depth)?, samples)?, mask, options)?);
    Ok(())
}

fn is_nan<T: Sample>(value: &T) -> bool {
    value.to_f64().is_nan()
}

/// The most bytes of the blobs: samples as they are, and of each band a head, ranges and a mask whose runs are its bits.
pub(super) const fn bound(scheme: &Scheme, length: usize) -> usize {
    length + scheme.bands * (scheme.rows * scheme.columns / 4 + 1024)
}
