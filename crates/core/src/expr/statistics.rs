//! Statistics of all pixels of a raster: numbers, not a raster.

use std::sync::Arc;

use super::LazyRaster;
use super::elementwise::meet;
use crate::error::{Error, Result, located};
use crate::exec::Target;
use crate::reduce::{Bins, Counting, Reduction};

/// Statistics of a raster that are not computed yet: for each band (and each Time) count, least and greatest value, sum,
/// mean and variance of the valid pixels, in one pass; and more, where it is asked for.
///
/// They are exact: the same bits for any chunks, threads and memory.
///
/// ```
/// # use swath_core::testing::raster;
/// let raster = raster([3, 100, 80], |b, y, x| (b + y + x) as u16);
/// let with_counts = raster.statistics()?.value_counts()?;
/// # Ok::<(), swath_core::error::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is computed before a run is asked to"]
pub struct LazyStatistics {
    raster: LazyRaster,
    counting: Counting,
    places: bool,
    zones: Option<LazyRaster>,
}

impl LazyRaster {
    /// Statistics of all its pixels, band by band.
    ///
    /// # Errors
    /// That of a failed operator before.
    #[doc(alias = "describe")]
    #[doc(alias = "zonal")]
    #[track_caller]
    pub fn statistics(&self) -> Result<LazyStatistics> {
        located(|| {
            self.node()?;
            Ok(LazyStatistics { raster: self.clone(), counting: Counting::None, places: false, zones: None })
        })
    }
}

impl LazyStatistics {
    /// Counts every value, too: for quantiles, the median, the mode, and counts of classes.
    ///
    /// A run fails where more than 2²⁰ values occur.
    ///
    /// # Errors
    /// `InvalidInput` for floats, whose values are counted in [bins](Self::histogram).
    #[doc(alias = "unique")]
    #[track_caller]
    pub fn value_counts(mut self) -> Result<Self> {
        located(|| {
            let dtype = self.raster.meta()?.dtype;
            if dtype.is_float() {
                return Err(Error::invalid(format!(
                    "cannot count the values of {dtype}: nearly every pixel has its own; count them in bins, by histogram"
                )));
            }
            self.counting = Counting::Values;
            Ok(self)
        })
    }

    /// Counts values in bins, too, instead of one by one.
    ///
    /// # Errors
    /// That of a failed operator before.
    #[track_caller]
    pub fn histogram(mut self, bins: Bins) -> Result<Self> {
        located(|| {
            self.raster.node()?;
            self.counting = Counting::Bins(bins);
            Ok(self)
        })
    }

    /// Tells where the least and the greatest pixel are, too, in each band and Time by itself:
    /// [`argmin`](crate::reduce::Summary::argmin), [`argmax`](crate::reduce::Summary::argmax).
    ///
    /// # Errors
    /// `InvalidInput` where pixels are told apart by class.
    #[doc(alias = "argmin")]
    #[doc(alias = "argmax")]
    #[track_caller]
    pub fn places(mut self) -> Result<Self> {
        located(|| {
            self.places = true;
            self.checked()
        })
    }

    fn checked(self) -> Result<Self> {
        self.raster.node()?;
        match self.places && self.zones.is_some() {
            true => Err(Error::invalid("cannot tell the places of extremes by class")),
            false => Ok(self),
        }
    }

    /// Tells pixels apart by their class, too: a raster of integers or bools on the same grid, of one band for all of
    /// this one's, or as many. Pixels whose class is nodata are left out.
    ///
    /// # Errors
    /// `InvalidInput` where the grids differ, or the classes are floats, or have Times or Bands that the raster has not.
    #[doc(alias = "zonal")]
    #[doc(alias = "groupby")]
    #[track_caller]
    pub fn by(mut self, zones: &LazyRaster) -> Result<Self> {
        located(|| {
            let (own, classes) = (self.raster.meta()?, zones.meta()?);
            if classes.dtype.is_float() {
                return Err(Error::invalid(format!(
                    "cannot tell pixels apart by classes of {}; cast them to integers",
                    classes.dtype
                )));
            }
            let meta = meet("statistics by class", own, classes)?;
            if meta.shape != own.shape {
                return Err(Error::invalid(
                    "cannot apply statistics by class: the classes have bands that the raster has not",
                ));
            }
            self.zones = Some(zones.clone());
            self.checked()
        })
    }

    /// The raster whose pixels are told of.
    pub const fn raster(&self) -> &LazyRaster {
        &self.raster
    }

    /// What a run gathers for it.
    ///
    /// # Errors
    /// That of a failed operator before.
    pub fn target(&self) -> Result<(Arc<Reduction>, Target)> {
        let meta = self.raster.meta()?;
        let (dtype, nodata, counting) = (meta.dtype, meta.nodata, self.counting.clone());
        let reduction = Arc::new(Reduction { dtype, nodata, counting, places: self.places });
        Ok((Arc::clone(&reduction), Target::Reduce { reduction, zones: self.zones.clone() }))
    }
}
