//! Statistics that a file notes of its own bands.

use swath_core::dtype::Scalar;
use swath_core::error::Result;
use swath_core::expr::{LazyRaster, LazyStatistics};
use swath_core::reduce::Summary;
use swath_io::read::BandStatistics;

use crate::job::Opened;
use crate::statistics::Statistics;

/// The output that tells `note` what a file notes of each band of a raster.
pub(super) fn output(
    raster: &LazyRaster,
    note: impl Fn(Vec<Option<BandStatistics>>) + Send + Sync + 'static,
) -> Result<Opened> {
    Opened::statistics(&statistics(raster)?, move |told| note(bands(&told)))
}

/// What is gathered of a raster: NaN is no pixel, as for GDAL.
fn statistics(raster: &LazyRaster) -> Result<LazyStatistics> {
    let meta = raster.meta()?;
    match meta.nodata {
        None if meta.dtype.is_float() => raster.with_nodata(f64::NAN)?.statistics(),
        _ => raster.statistics(),
    }
}

/// What is noted of each band: nothing where no pixel is valid, or some are infinite.
fn bands(told: &Statistics) -> Vec<Option<BandStatistics>> {
    let of = |summary: &Summary| {
        let all = summary.count() + summary.missing();
        let statistics = BandStatistics {
            minimum: summary.min().map(Scalar::to_f64),
            maximum: summary.max().map(Scalar::to_f64),
            mean: summary.mean(),
            standard_deviation: summary.standard_deviation(0),
            valid_percent: Some(100.0 * summary.count() as f64 / all as f64),
            approximate: false,
        };
        Some(statistics).filter(|told| told.mean.is_some_and(f64::is_finite))
    };
    // One group for each band: a file has one time, and no classes are asked for.
    told.iter().map(|(_, summary)| of(summary)).collect()
}
