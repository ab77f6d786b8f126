//! What a file's own metadata make of its pixels: physical values, and which are valid.

use swath_core::dtype::{DType, Scalar};
use swath_core::error::Result;
use swath_core::expr::{LazyRaster, Overflow, concat};
use swath_core::shape::Dim;
use swath_io::read::{BandInfo, Validity};

/// Physical values of the stored ones; nodata as NaN. Without any scale or offset the raster itself.
pub(crate) fn scaled(raster: &LazyRaster, bands: &[BandInfo]) -> Result<LazyRaster> {
    if bands.iter().all(|band| band.scale_offset().is_none()) {
        return Ok(raster.clone());
    }
    let pairs: Vec<_> = bands.iter().map(|band| band.scale_offset().unwrap_or((1.0, 0.0))).collect();
    // A sum needs digits that a product does not: those before the offset's point.
    let sums = pairs.iter().any(|(_, offset)| *offset != 0.0);
    let wide = match sums && raster.dtype().is_integer() {
        true => raster.cast(DType::F64, Overflow::Error)?,
        false => raster.clone(),
    };
    let apply = |part: &LazyRaster, (scale, offset): (f64, f64)| {
        let product = part.mul(scale)?;
        let sum = if sums { product.add(offset)? } else { product };
        match sum.nodata() {
            // One value for all bands: what is free in the results of one band need not be in those of another.
            Some(_) => sum.fill_nodata(f64::NAN)?.with_nodata(f64::NAN),
            None => Ok(sum),
        }
    };
    if pairs.iter().all(|pair| *pair == pairs[0]) {
        return apply(&wide, pairs[0]);
    }
    let each = pairs.iter().enumerate().map(|(index, pair)| apply(&wide.slice(Dim::Band, index..index + 1)?, *pair));
    concat(each.collect::<Result<Vec<_>>>()?, Dim::Band)
}

/// Which pixels of a file without a stored mask are valid.
pub(crate) fn valid(raster: &LazyRaster, by: &Validity) -> Result<LazyRaster> {
    let band = |raster: &LazyRaster, index| raster.slice(Dim::Band, index..index + 1);
    match by {
        Validity::Nodata => match near(raster.nodata(), raster.dtype()) {
            Some((low, high)) => {
                let stored = raster.without_nodata()?;
                (stored.lt(low)? | stored.gt(high)?).check()
            }
            None => raster.valid(),
        },
        Validity::Alpha(index) => band(&raster.without_nodata()?, *index)?.ne(0),
        Validity::NodataValues(values) => {
            let stored = raster.without_nodata()?;
            let mut differs = band(&stored, 0)?.ne(values[0])?;
            for (index, value) in values.iter().enumerate().skip(1) {
                differs = (&differs | &band(&stored, index)?.ne(*value)?).check()?;
            }
            Ok(differs)
        }
        Validity::Mask | Validity::All => band(&raster.without_nodata()?, 0)?.valid(),
    }
}

/// The least and the greatest float that GDAL takes for the nodata value: those within four times the distance of single
/// precision's neighbours (`ARE_REAL_EQUAL`), as its text in the file may have lost digits. NaN is not between them, and
/// so no valid pixel, as everywhere. None of what is compared exactly: integers, 0, and what is not finite.
fn near(nodata: Option<Scalar>, dtype: DType) -> Option<(f64, f64)> {
    const TOLERANCE: f64 = 2.0 * f32::EPSILON as f64;
    let value = nodata.map(Scalar::to_f64).filter(|value| dtype.is_float() && value.is_finite() && *value != 0.0)?;
    // |x - value| < tolerance · |x + value|, solved for x.
    let factor = (1.0 + TOLERANCE) / (1.0 - TOLERANCE);
    let edges = [value.abs() / factor, value.abs() * factor];
    let [small, large] = edges.map(|edge| if dtype == DType::F32 { f64::from(edge as f32) } else { edge });
    Some(if value > 0.0 { (small, large) } else { (-large, -small) })
}

#[cfg(test)]
mod tests {
    use swath_core::testing::{pixels, raster};

    use super::*;

    fn band(scale: f64, offset: f64) -> BandInfo {
        BandInfo { scale: Some(scale), offset: Some(offset), ..BandInfo::default() }
    }

    #[test]
    fn bands_have_scales_of_their_own_and_nodata_is_nan() {
        let stored = raster([2, 1, 2], |band, _, x| [0_i16, 100][x] * (band as i16 + 1)).with_nodata(0).unwrap();
        let physical = scaled(&stored, &[band(0.5, 1000.0), band(2.0, 0.0)]).unwrap();
        assert_eq!(physical.dtype(), DType::F64);
        let values = pixels::<f64>(&physical).unwrap();
        assert!(values[0].is_nan() && values[2].is_nan());
        assert_eq!((values[1], values[3]), (1050.0, 400.0));
    }

    #[test]
    fn without_offsets_small_integers_become_f32_and_without_scales_nothing_changes() {
        let stored = raster([2, 1, 1], |band, _, _| band as u16 + 1);
        let physical = scaled(&stored, &[band(0.5, 0.0), BandInfo::default()]).unwrap();
        assert_eq!(pixels::<f32>(&physical).unwrap(), [0.5, 2.0]);
        assert_eq!(scaled(&stored, &[BandInfo::default(), BandInfo::default()]).unwrap().dtype(), DType::U16);
    }

    #[test]
    fn floats_that_are_nodata_but_for_lost_digits_are_not_valid() {
        let told = |pixels_: [f64; 5], nodata: f64| {
            let stored = raster([1, 1, 5], |_, _, x| pixels_[x]).with_nodata(nodata).unwrap();
            pixels::<bool>(&valid(&stored, &Validity::Nodata).unwrap()).unwrap()
        };
        let written = -1.267_650_6e30;
        let pixels_ = [written, -1.267_650_600_228_229_4e30, -1.267_66e30, f64::NAN, 1.267_650_6e30];
        assert_eq!(told(pixels_, written), [false, false, true, false, true]);
        assert_eq!(told([0.0, 1e-300, -1.0, f64::NAN, 1.0], 0.0), [false, true, true, false, true]);
        let largest = f64::from(f32::MAX);
        let stored = raster([1, 1, 2], |_, _, x| [f32::MAX, 1e38][x]).with_nodata(largest).unwrap();
        assert_eq!(pixels::<bool>(&valid(&stored, &Validity::Nodata).unwrap()).unwrap(), [false, true]);
    }

    #[test]
    fn validity_is_told_by_alpha_by_all_bands_together_or_not_at_all() {
        let stored = raster([2, 1, 3], |band, _, x| [[1_u8, 1, 0], [0, 2, 255]][band][x]);
        let told = |by| pixels::<bool>(&valid(&stored, &by).unwrap()).unwrap();
        assert_eq!(told(Validity::Alpha(1)), [false, true, true]);
        let listed = Validity::NodataValues(vec![Scalar::Int(1), Scalar::Int(2)]);
        assert_eq!(told(listed), [true, false, true]);
        assert_eq!(told(Validity::All), [true; 3]);
    }
}
