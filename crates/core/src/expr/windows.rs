//! Statistics of windows: under each pixel of a coarser raster, or around each pixel.

use std::sync::Arc;

use super::LazyRaster;
use super::arithmetic::{Kind, blank, holding};
use super::join::Boundary;
use super::node::{Node, Op};
use crate::area::{AxisFootprint, Footprint, Statistic, WindowKernel};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
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
    #[track_caller]
    pub fn coarsen(&self, factors: [usize; 3]) -> Result<Windows> {
        located(|| {
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
        })
    }

    /// All pixels along Band or Time, in one place: one pixel of a raster without that axis.
    ///
    /// ```
    /// # use swath_core::{shape::Dim, testing::raster};
    /// let bands = raster([3, 100, 80], |b, y, x| (b + y + x) as u16);
    /// let brightest = bands.over(Dim::Band)?.max()?;
    /// assert_eq!(brightest.shape(), [100, 80]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the axis is absent, or is Y or X, which a raster cannot lose.
    #[doc(alias = "reduce")]
    #[track_caller]
    pub fn over(&self, dim: Dim) -> Result<Windows> {
        located(|| {
            let node = self.node()?;
            let meta = &node.meta;
            if matches!(dim, Dim::Y | Dim::X) {
                return Err(Error::invalid(format!("cannot apply over: a raster cannot lose {dim}; use coarsen")));
            }
            if !meta.dims.has(dim) {
                return Err(Error::invalid(format!(
                    "cannot apply over: the raster has no {dim} axis, it has {}",
                    meta.dims
                )));
            }
            let axis = dim.axis();
            let mut footprint = Footprint { axes: [AxisFootprint::SAME; 4] };
            footprint.axes[axis] = AxisFootprint::all(meta.shape[axis]);
            let mut out = Meta { dims: meta.dims.without(dim), ..meta.clone() };
            (out.shape[axis], out.chunks[axis]) = (1, 1);
            Ok(Windows { name: format!("all along {dim}"), footprint, node: Arc::clone(node), meta: out })
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
    #[track_caller]
    pub fn focal(&self, size: [usize; 2]) -> Result<Windows> {
        located(|| {
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
                footprint: Footprint {
                    axes: [AxisFootprint::SAME, AxisFootprint::SAME, around(rows), around(columns)],
                },
                node: Arc::clone(node),
                meta: node.meta.clone(),
            })
        })
    }
}

impl Windows {
    /// These windows, those at edges as large as all others: `boundary` says what lies beyond. Of
    /// [`focal`](LazyRaster::focal) alone; without this, they have what the raster has of them.
    ///
    /// ```
    /// # use swath_core::{expr::Boundary, testing::raster};
    /// let noisy = raster([1, 100, 80], |_, y, x| (y * 7 + x * 3) as u8);
    /// let smooth = noisy.focal([3, 3])?.with_boundary(Boundary::Reflect)?.mean()?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the windows are side by side or along an axis; as [`pad`](LazyRaster::pad).
    #[track_caller]
    pub fn with_boundary(self, boundary: Boundary) -> Result<Self> {
        located(|| {
            let axes = self.footprint.axes;
            if axes.iter().any(|axis| *axis != AxisFootprint::around(axis.before, axis.before)) {
                return Err(Error::invalid(format!(
                    "cannot apply with_boundary: {} has no windows that reach beyond the raster; focal has",
                    self.name
                )));
            }
            let raster = LazyRaster(Ok(Arc::clone(&self.node)));
            let around = [axes[2].before, axes[3].before].map(|around| [around, around]);
            let padded = raster.padded("with_boundary", around, boundary, None)?;
            let footprint = Footprint { axes: axes.map(|axis| AxisFootprint::onwards(axis.length())) };
            let padded = padded.node()?;
            // A constant beyond the edge may be what no pixel of the raster can be.
            let meta = Meta { interval: padded.meta.interval, ..self.meta };
            Ok(Self { node: Arc::clone(padded), footprint, meta, ..self })
        })
    }

    /// The mean of each window: `f32` where values lie within ±2²⁴ or are `f32`, else `f64`.
    ///
    /// Integers are summed exactly; floats as `f64`, each column of the window from above, then the columns from the
    /// left, so that the result does not depend on chunks. Nodata of the result is NaN.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<f32>(&windows.mean()?)?, [2.5]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// None: what could be wrong is told where the windows are made.
    pub fn mean(&self) -> Result<LazyRaster> {
        self.float(Statistic::Mean)
    }

    /// The sum of each window. Of integers, exactly, in the smallest dtype that holds it; of floats as `f64`, given as
    /// their own dtype, with NaN as nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u16>(&windows.sum()?)?, [10]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a sum could be an integer beyond 64 bits.
    #[track_caller]
    pub fn sum(&self) -> Result<LazyRaster> {
        located(|| {
            let input = &self.node.meta;
            let Interval::Integer { low, high } = input.interval else {
                // Any float can be a sum: none but NaN is left for nodata.
                let nodata = input.nodata.map(|_| Scalar::Float(f64::NAN));
                return Ok(self.statistic(Statistic::Sum, Meta { nodata, ..self.meta.clone() }));
            };
            let count = self.count_max();
            let interval = Interval::Integer {
                low: low.min(low.saturating_mul(count)),
                high: high.max(high.saturating_mul(count)),
            };
            let dtype = holding("sum", interval)?;
            self.integers(Statistic::Sum, Kind { working: dtype, dtype, interval }, input.nodata)
        })
    }

    /// The product of each window. Of integers, exactly, in the smallest dtype that holds what one pixel to all of a window
    /// can give; of floats as `f64`, in the order of [`mean`](Self::mean), given as their own dtype, with NaN as nodata.
    ///
    /// ```
    /// # use swath_core::{dtype::DType, shape::Dim, testing::raster};
    /// let masks = raster([3, 100, 80], |b, y, x| (y + x) % (b + 2) != 0);
    /// let all = masks.over(Dim::Band)?.product()?;
    /// assert_eq!(all.dtype(), DType::U8);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a product could be an integer beyond 64 bits.
    #[doc(alias = "prod")]
    #[track_caller]
    pub fn product(&self) -> Result<LazyRaster> {
        located(|| {
            let input = &self.node.meta;
            let Interval::Integer { low, high } = input.interval else {
                let nodata = input.nodata.map(|_| Scalar::Float(f64::NAN));
                return Ok(self.statistic(Statistic::Product, Meta { nodata, ..self.meta.clone() }));
            };
            let interval = products([low, high], self.count_max());
            let dtype = holding("product", interval)?;
            self.integers(Statistic::Product, Kind { working: dtype, dtype, interval }, input.nodata)
        })
    }

    /// Along an axis, where the least pixel is, the first of several; from 0. Nodata pixels are passed over and counted; the
    /// first NaN of a raster without nodata is the least.
    ///
    /// ```
    /// # use swath_core::{shape::Dim, testing::raster};
    /// let bands = raster([3, 100, 80], |b, y, x| (b + y + x) as u16);
    /// let darkest = bands.over(Dim::Band)?.argmin()?;
    /// assert_eq!(darkest.shape(), [100, 80]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the windows are not those of [`over`](LazyRaster::over).
    #[doc(alias = "idxmin")]
    #[track_caller]
    pub fn argmin(&self) -> Result<LazyRaster> {
        located(|| self.place(Statistic::ArgMin))
    }

    /// Along an axis, where the greatest pixel is, as [`argmin`](Self::argmin).
    ///
    /// ```
    /// # use swath_core::expr::stack;
    /// # use swath_core::shape::Dim;
    /// # use swath_core::testing::{pixels, row};
    /// let dates = stack([&row([1_u8, 9]), &row([5_u8, 9])], Dim::Time)?;
    /// assert_eq!(pixels::<u8>(&dates.over(Dim::Time)?.argmax()?)?, [1, 0]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`argmin`](Self::argmin).
    #[doc(alias = "idxmax")]
    #[track_caller]
    pub fn argmax(&self) -> Result<LazyRaster> {
        located(|| self.place(Statistic::ArgMax))
    }

    /// How many pixels of each window are valid; 0 where none is.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 0, 0, 2]).with_nodata(0)?.coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.count()?)?, [2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    #[track_caller]
    pub fn count(&self) -> Result<LazyRaster> {
        located(|| {
            let interval = Interval::Integer { low: 0, high: self.count_max() };
            let dtype = holding("count", interval)?;
            self.integers(Statistic::Count, Kind { working: dtype, dtype, interval }, None)
        })
    }

    /// The least value of each window, in the raster's dtype and with its nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.min()?)?, [1]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn min(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Min, self.meta.clone()))
    }

    /// The greatest value of each window, in the raster's dtype and with its nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.max()?)?, [5]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn max(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Max, self.meta.clone()))
    }

    /// The variance of each window: the squared distances from its mean, divided by their count less `ddof`, which is 0
    /// for all there is and 1 for a sample. Nodata where there are not more pixels than that.
    ///
    /// Exact until the division for integers up to 32 bits; else from the distances to the mean, which is found first.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<f32>(&windows.variance(1)?)?, [3.0]); // of a sample
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn variance(&self, ddof: u64) -> Result<LazyRaster> {
        self.float(Statistic::Variance(ddof))
    }

    /// The standard deviation of each window: the root of its [`variance`](Self::variance).
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<f32>(&windows.standard_deviation(0)?)?, [1.5]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    #[doc(alias = "std")]
    pub fn standard_deviation(&self, ddof: u64) -> Result<LazyRaster> {
        self.float(Statistic::Deviation(ddof))
    }

    /// The median of each window: of an even count the mean of the middle two.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<f32>(&windows.median()?)?, [2.0]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn median(&self) -> Result<LazyRaster> {
        self.float(Statistic::Quantile(0.5))
    }

    /// The value below which a share `q` of each window lies, interpolated as NumPy's default; 0 is the least, 1 the
    /// greatest.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<f32>(&windows.quantile(0.75)?)?, [2.75]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where `q` does not lie from 0 to 1.
    #[track_caller]
    pub fn quantile(&self, q: f64) -> Result<LazyRaster> {
        located(|| {
            if !(0.0..=1.0).contains(&q) {
                return Err(Error::invalid(format!("cannot apply quantile: {q} does not lie from 0 to 1")));
            }
            self.float(Statistic::Quantile(q))
        })
    }

    /// The most frequent value of each window, the least of several: for classes. In the raster's dtype, with its nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.mode()?)?, [2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    #[doc(alias = "majority")]
    pub fn mode(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Mode, self.meta.clone()))
    }

    /// The first valid pixel of each window, row by row, band by band.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.first()?)?, [1]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn first(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::First, self.meta.clone()))
    }

    /// The last valid pixel of each window.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([1_u8, 5, 2, 2]).coarsen([1, 1, 4])?;
    /// assert_eq!(pixels::<u8>(&windows.last()?)?, [2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn last(&self) -> Result<LazyRaster> {
        Ok(self.statistic(Statistic::Last, self.meta.clone()))
    }

    /// Whether any pixel of each window is true.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([false, true, false, false]).coarsen([1, 1, 2])?;
    /// assert_eq!(pixels::<bool>(&windows.any()?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster is not bool.
    #[track_caller]
    pub fn any(&self) -> Result<LazyRaster> {
        located(|| {
            self.check_bool("any")?;
            self.max()
        })
    }

    /// Whether all pixels of each window are true.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let windows = row([true, true, false, true]).coarsen([1, 1, 2])?;
    /// assert_eq!(pixels::<bool>(&windows.all()?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`any`](Self::any).
    #[track_caller]
    pub fn all(&self) -> Result<LazyRaster> {
        located(|| {
            self.check_bool("all")?;
            self.min()
        })
    }

    fn place(&self, statistic: Statistic) -> Result<LazyRaster> {
        if self.footprint.axes.iter().all(|axis| axis.step != 0) {
            return Err(Error::invalid(format!(
                "cannot apply {statistic}: {} has pixels beside each other, and no one place; over has",
                self.name
            )));
        }
        let interval = Interval::Integer { low: 0, high: self.count_max() - 1 };
        let dtype = holding("argmin", interval)?;
        self.integers(statistic, Kind { working: dtype, dtype, interval }, self.node.meta.nodata)
    }

    fn check_bool(&self, name: &str) -> Result<()> {
        match self.node.meta.dtype {
            DType::Bool => Ok(()),
            dtype => Err(Error::invalid(format!(
                "cannot apply {name}: the raster is {dtype}, not bool; compare it first, for example with ne(0)"
            ))),
        }
    }

    /// The most pixels that a window can have.
    fn count_max(&self) -> i128 {
        let shape = self.node.meta.shape;
        self.footprint.pixels(shape) as i128
    }

    fn float(&self, statistic: Statistic) -> Result<LazyRaster> {
        let input = &self.node.meta;
        let is_narrow = input.dtype == DType::F32 || input.interval.fits(DType::F32);
        let dtype = if is_narrow { DType::F32 } else { DType::F64 };
        let can_be_empty = matches!(statistic, Statistic::Variance(1..) | Statistic::Deviation(1..));
        let nodata = (input.nodata.is_some() || can_be_empty).then_some(Scalar::Float(f64::NAN));
        let meta = Meta { dtype, nodata, interval: Interval::Float, ..self.meta.clone() };
        Ok(self.statistic(statistic, meta))
    }

    fn integers(&self, statistic: Statistic, mut kind: Kind, nodata: Option<Scalar>) -> Result<LazyRaster> {
        let nodata = nodata.map(|nodata| blank(&statistic.to_string(), [Some(nodata), None], &mut kind)).transpose()?;
        let meta = Meta { dtype: kind.dtype, nodata, interval: kind.interval, ..self.meta.clone() };
        Ok(self.statistic(statistic, meta))
    }

    fn statistic(&self, statistic: Statistic, meta: Meta) -> LazyRaster {
        let kernel = WindowKernel {
            name: format!("{statistic} of {}", self.name),
            statistic,
            footprint: self.footprint,
            nodata: self.node.meta.nodata,
            result_nodata: meta.nodata,
        };
        LazyRaster::build(Op::Area(Arc::new(kernel)), vec![Arc::clone(&self.node)], meta)
    }
}

/// What products of one to `count` values between two ends can be; less and more than 64 bits hold where they can be beyond.
fn products([low, high]: [i128; 2], count: i128) -> Interval {
    const BEYOND: i128 = 1 << 65;
    let (mut of_so_many, mut all) = ([low, high], [low, high]);
    for _ in 1..count {
        let ends = of_so_many.map(|end| [low, high].map(|value| end.saturating_mul(value).clamp(-BEYOND, BEYOND)));
        let ends = ends.as_flattened();
        of_so_many = [ends.iter().copied().fold(BEYOND, i128::min), ends.iter().copied().fold(-BEYOND, i128::max)];
        let more = [all[0].min(of_so_many[0]), all[1].max(of_so_many[1])];
        // One more factor adds nothing then, nor does the next.
        if more == all {
            break;
        }
        all = more;
    }
    Interval::Integer { low: all[0], high: all[1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_reach_from_those_of_one_value_to_those_of_all() {
        let check = |ends, count, low, high| assert_eq!(products(ends, count), Interval::Integer { low, high });
        check([0, 1], i128::MAX, 0, 1);
        check([-1, 1], i128::MAX, -1, 1);
        check([2, 3], 3, 2, 27);
        check([-2, 3], 3, -18, 27);
        check([-2, 0], 3, -8, 4);
        check([-3, -2], 2, -3, 9);
        check([0, 255], 1, 0, 255);
        assert!(holding("product", products([0, 2], i128::MAX)).is_err());
        assert_eq!(holding("product", products([0, 255], 8)).unwrap(), DType::U64);
    }
}
