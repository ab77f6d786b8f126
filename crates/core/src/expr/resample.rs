//! A raster at a lower resolution.

use std::sync::Arc;

use super::LazyRaster;
use super::node::Op;
use crate::area::{Resample, Resampling};
use crate::error::{Error, Result, located};
use crate::grid::Grid;
use crate::interval::Interval;
use crate::meta::Meta;

impl LazyRaster {
    /// The raster with so many rows and columns, at most as many as it has, over the same extent; dtype and nodata stay.
    ///
    /// What overviews are made of; see [`Resampling`] for how. A pixel of the result is made of what it covers, in part at
    /// its ends where lengths do not divide; [`coarsen`](Self::coarsen) takes whole windows instead, with more statistics.
    ///
    /// ```
    /// # use swath_core::{area::Resampling, testing::raster};
    /// let fine = raster([3, 1001, 800], |b, y, x| (b + y + x) as u16);
    /// let overview = fine.downsample([500, 400], Resampling::Average)?;
    /// assert_eq!(overview.shape(), [3, 500, 400]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a length is 0 or more than the raster has.
    #[doc(alias = "overview")]
    #[doc(alias = "resample")]
    #[track_caller]
    pub fn downsample(&self, size: [usize; 2], by: Resampling) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let meta = &node.meta;
            let [times, bands, rows, columns] = meta.shape;
            if size.contains(&0) || size[0] > rows || size[1] > columns {
                return Err(Error::invalid(format!(
                    "cannot apply downsample: {} × {} pixels cannot become {} × {}; ask for at least one row and column, \
                     and no more than there are",
                    rows, columns, size[0], size[1]
                )));
            }
            if size == [rows, columns] {
                return Ok(self.clone());
            }
            let shape = [times, bands, size[0], size[1]];
            let reduced = |grid: &Arc<Grid>| Arc::new(grid.downsampled(size[0], size[1]));
            let chunk =
                |axis: usize| (meta.chunks[axis] * shape[axis]).div_ceil(meta.shape[axis]).clamp(1, shape[axis]);
            let meta = Meta {
                shape,
                chunks: std::array::from_fn(chunk),
                grid: meta.grid.as_ref().map(reduced),
                // A root of mean squares can be greater than what it is made of, which may be negative.
                interval: if by == Resampling::Rms { Interval::of_dtype(meta.dtype) } else { meta.interval },
                ..meta.clone()
            };
            let kernel = Resample { resampling: by, from: [rows, columns], to: size, nodata: meta.nodata };
            Ok(Self::build(Op::Area(Arc::new(kernel)), vec![Arc::clone(node)], meta))
        })
    }
}
