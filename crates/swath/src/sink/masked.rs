//! The levels of a raster with a mask.
//!
//! Overviews are made of pixels that are wide enough for one more value, the nodata of those that are masked, so that they
//! are left out as nodata is; what is nodata then is the overview's mask.

use std::sync::Arc;

use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, Result};
use swath_core::expr::{Fill, LazyRaster, Overflow};
use swath_io::write::CogSink;

use super::Opened;

/// A dtype that holds all values of another and one more, and that one.
fn wider(dtype: DType) -> Option<(DType, Scalar)> {
    Some(match dtype {
        DType::U8 | DType::I8 => (DType::I16, Scalar::Int(i16::MIN.into())),
        DType::U16 | DType::I16 => (DType::I32, Scalar::Int(i32::MIN.into())),
        DType::U32 | DType::I32 => (DType::I64, Scalar::Int(i64::MIN.into())),
        DType::F32 | DType::F64 => (dtype, Scalar::Float(f64::NAN)),
        DType::Bool | DType::U64 | DType::I64 => return None,
    })
}

/// Checks that `valid` can be the mask of a raster.
///
/// # Errors
/// Those of [`Sink::with_mask`](super::Sink::with_mask), but for the kind of the sink.
pub(super) fn check(raster: &LazyRaster, valid: &LazyRaster) -> Result<()> {
    let (meta, of_mask) = (raster.meta()?, valid.meta()?);
    if meta.nodata.is_some() {
        return Err(Error::invalid(
            "a raster with nodata has no mask beside it: drop either, the nodata by without_nodata()",
        ));
    }
    if of_mask.dtype != DType::Bool {
        return Err(Error::invalid(format!("a mask is bool, not {}: compare it first", of_mask.dtype)));
    }
    if of_mask.shape[..2] != [1, 1] {
        let bands = of_mask.shape[1];
        return Err(Error::invalid(format!(
            "a mask is of all bands together, not of {bands}: select one, or combine them"
        )));
    }
    if wider(meta.dtype).is_none() {
        return Err(Error::unsupported(format!(
            "masks beside pixels of {} are not written: cast them first",
            meta.dtype
        )));
    }
    // What combining them checks, of shapes and grids.
    raster.mask(valid, 0).map(drop).map_err(|error| error.while_doing("cannot write a mask"))
}

/// A raster's pixels, wider, and nodata where they are not valid.
///
/// # Errors
/// `Unsupported` for pixels that have no wider dtype.
pub(super) fn masked(raster: &LazyRaster, valid: &LazyRaster) -> Result<LazyRaster> {
    let dtype = raster.meta()?.dtype;
    let (wide, nodata) = wider(dtype).ok_or_else(|| Error::unsupported(format!("no mask beside {dtype}")))?;
    raster.cast(wide, Overflow::Error)?.with_nodata(nodata)?.where_(valid, Fill::Nodata)
}

/// The rasters of all levels and their masks, and what takes their blocks.
pub(super) fn levels(
    raster: &LazyRaster,
    valid: &LazyRaster,
    masked: &LazyRaster,
    cog: &CogSink,
) -> Result<Vec<Opened>> {
    let dtype = raster.meta()?.dtype;
    let (mut raster, mut valid, mut masked) = (raster.clone(), valid.clone(), masked.clone());
    let mut all = Vec::with_capacity(2 * cog.levels().len());
    for (number, (level, mask)) in cog.levels().iter().zip(cog.masks()).enumerate() {
        if number > 0 {
            masked = masked.downsample(level.size(), cog.resampling())?;
            raster = masked.fill_nodata(0)?.without_nodata()?.cast(dtype, Overflow::Saturate)?;
            valid = masked.band(0)?.valid()?;
        }
        all.push(Opened::sink(&raster, Arc::clone(level) as _));
        all.push(Opened::sink(&valid, Arc::clone(mask) as _));
    }
    Ok(all)
}
