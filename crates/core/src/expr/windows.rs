//! Statistics of windows: under each pixel of a coarser raster, or around each pixel.

use std::sync::Arc;

use super::LazyRaster;
use super::node::{Node, Op};
use crate::area::{AxisFootprint, Footprint, Statistic, WindowKernel};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::meta::Meta;
use crate::shape::Dim;

/// A raster seen through windows, of which a statistic is to be taken; nodata pixels are left out of it.
///
/// A window without a valid pixel gives nodata. In a raster without nodata, NaN is a value: a window that has one gives
/// NaN.
#[derive(Debug, Clone)]
pub struct Windows {
    node: Arc<Node>,
    name: String,
    footprint: Footprint,
    /// What is known of a result of the same dtype.
    meta: Meta,
}

impl LazyRaster {
    /// Windows of so many pixels along Band, Y and X, side by side: one pixel of a coarser raster each.
    ///
    /// Where a length is no multiple, the last windows have fewer pixels. The grid's pixels become larger; its origin
    /// stays.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let fine = raster([3, 100, 80], |b, y, x| (b + y + x) as u16);
    /// let coarse = fine.coarsen([1, 10, 10])?.mean()?;
    /// assert_eq!(coarse.shape(), [3, 10, 8]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a factor is 0, or there is no Band axis to coarsen.
    #[doc(alias = "downsample")]
    #[doc(alias = "aggregate")]
    pub fn coarsen(&self, factors: [usize; 3]) -> Result<Windows> {
        let node = self.node()?;
        let [band, y, x] = factors;
        if factors.contains(&0) {
            return Err(Error::invalid("cannot apply coarsen: a factor is 0"));
        }
        if band != 1 && !node.meta.dims.has(Dim::Band) {
            return Err(Error::invalid("cannot apply coarsen: the raster has no band axis"));
        }
        let factors = [1, band, y, x];
        let meta = &node.meta;
        let shape = std::array::from_fn(|axis| meta.shape[axis].div_ceil(factors[axis]));
        let meta = Meta {
            shape,
            chunks: std::array::from_fn(|axis| meta.chunks[axis].div_ceil(factors[axis]).min(shape[axis])),
            grid: meta.grid.as_ref().map(|grid| Arc::new(grid.coarsened(y, x))),
            ..meta.clone()
        };
        Ok(Windows {
            name: format!("coarsen {band} × {y} × {x}"),
            footprint: Footprint { axes: factors.map(AxisFootprint::every) },
            node: Arc::clone(node),
            meta,
        })
    }

    /// The window of so many rows and columns around each pixel; at edges, what the raster has of it.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let noisy = raster([1, 100, 80], |_, y, x| (y * 7 + x * 3) as u8);
    /// let smooth = noisy.focal([3, 3])?.mean()?;
    /// assert_eq!(smooth.shape(), noisy.shape());
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a size is even: such a window has no middle.
    #[doc(alias = "rolling")]
    #[doc(alias = "neighborhood")]
    pub fn focal(&self, size: [usize; 2]) -> Result<Windows> {
        let node = self.node()?;
        let [rows, columns] = size;
        if size.iter().any(|length| length.is_multiple_of(2)) {
            return Err(Error::invalid(format!(
                "cannot apply focal: a window of {rows} × {columns} pixels has no middle; both sizes must be odd"
            )));
        }
        let around = |length: usize| AxisFootprint::around(length / 2, length / 2);
        Ok(Windows {
            name: format!("focal {rows} × {columns}"),
            footprint: Footprint { axes: [AxisFootprint::SAME, AxisFootprint::SAME, around(rows), around(columns)] },
            node: Arc::clone(node),
            meta: node.meta.clone(),
        })
    }
}

impl Windows {
    /// The mean of each window: `f32` where values lie within ±2²⁴ or are `f32`, else `f64`.
    ///
    /// Integers are summed exactly; floats as `f64`, each column of the window from above, then the columns from the
    /// left, so that the result does not depend on chunks. Nodata stays what it is if no mean can have that value, else
    /// it is NaN.
    ///
    /// # Errors
    /// None: what could be wrong is told where the windows are made.
    pub fn mean(&self) -> Result<LazyRaster> {
        let input = &self.node.meta;
        let is_narrow = input.dtype == DType::F32 || input.interval.fits(DType::F32);
        let dtype = if is_narrow { DType::F32 } else { DType::F64 };
        let kept = |nodata: Scalar| nodata.fit(dtype).ok().filter(|value| !input.interval.holds(*value));
        let nodata = input.nodata.map(|nodata| kept(nodata).unwrap_or(Scalar::Float(f64::NAN)));
        let meta = Meta { dtype, nodata, interval: Interval::Float, ..self.meta.clone() };
        Ok(self.statistic(Statistic::Mean, meta))
    }

    /// The least value of each window, in the raster's dtype and with its nodata.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn min(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Min, self.meta.clone()))
    }

    /// The greatest value of each window, in the raster's dtype and with its nodata.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn max(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Max, self.meta.clone()))
    }

    fn statistic(&self, statistic: Statistic, meta: Meta) -> LazyRaster {
        let kernel = WindowKernel {
            name: format!("{} of {}", statistic.name(), self.name),
            statistic,
            footprint: self.footprint,
            nodata: self.node.meta.nodata,
            result_nodata: meta.nodata,
        };
        LazyRaster::build(Op::Area(Arc::new(kernel)), vec![Arc::clone(&self.node)], meta)
    }
}
