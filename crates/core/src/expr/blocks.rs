//! Closures over chunks, kernels of one's own, and convolutions.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{ArrayD, ArrayView2};

use super::LazyRaster;
use super::join::Boundary;
use super::node::Op;
use crate::area::{AreaKernel, AxisFootprint, Block, BlockKernel, Convolution, Footprint};
use crate::buffer::Pixel;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;
use crate::shape::check_addressable;

impl LazyRaster {
    /// What a closure makes of each chunk: an array of the same shape, of any dtype.
    ///
    /// The chunks are the raster's own ([`chunk_shape`](Self::chunk_shape)), which [`rechunk`](Self::rechunk) sets, and the
    /// closure sees each of them once and as a whole, with its place: unlike those of other operations, its pixels may
    /// depend on the chunks. It runs on the workers, several at once. The nodata stays where the dtype does; else there
    /// is none. Grid and axes stay.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let raster = raster([1, 100, 80], |_, y, x| (y * x) as f32);
    /// let scaled = raster.rechunk(&[1, 50, 80])?.map_blocks("scale by block", |block| {
    ///     let most = block.pixels.iter().copied().fold(f32::MIN, f32::max);
    ///     Ok(block.pixels.mapv(|pixel: f32| pixel / most))
    /// })?;
    /// assert_eq!(scaled.shape(), raster.shape());
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster's dtype is not the closure's; while running where the closure fails, or gives an array
    /// of another shape, naming the chunk.
    #[track_caller]
    pub fn map_blocks<T: Pixel, O: Pixel>(
        &self,
        name: impl Into<String>,
        closure: impl Fn(Block<'_, T>) -> Result<ArrayD<O>> + Send + Sync + 'static,
    ) -> Result<Self> {
        located(|| self.blocks("map_blocks", name.into(), [0, 0], self.clone(), closure))
    }

    /// As [`map_blocks`](Self::map_blocks), with so many rows and columns around each chunk; `boundary` says what lies beyond
    /// the raster.
    ///
    /// The closure may give an array of the chunk's shape, or one as large as what it got, whose surplus is cut off.
    ///
    /// ```
    /// # use swath_core::{area::Block, expr::Boundary, testing::raster};
    /// let raster = raster([1, 100, 80], |_, y, x| (y * x) as i32);
    /// let steps = raster.map_overlap("step down", [1, 0], Boundary::Nearest, |block: Block<'_, i32>| {
    ///     let pixels = block.pixels;
    ///     let rows = |rows: ndarray::Slice| pixels.slice_axis(ndarray::Axis(1), rows);
    ///     let (above, below) = (rows((..-2).into()), rows((2..).into()));
    ///     Ok(&below - &above)
    /// })?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`map_blocks`](Self::map_blocks) and [`pad`](Self::pad).
    #[track_caller]
    pub fn map_overlap<T: Pixel, O: Pixel>(
        &self,
        name: impl Into<String>,
        depth: [usize; 2],
        boundary: Boundary,
        closure: impl Fn(Block<'_, T>) -> Result<ArrayD<O>> + Send + Sync + 'static,
    ) -> Result<Self> {
        located(|| {
            let padded = self.padded("map_overlap", depth.map(|depth| [depth, depth]), boundary, None)?;
            self.blocks("map_overlap", name.into(), depth, padded, closure)
        })
    }

    /// What a closure makes of chunks of this raster, whose pixels and those around them `padded` has.
    fn blocks<T: Pixel, O: Pixel>(
        &self,
        operation: &str,
        name: String,
        depth: [usize; 2],
        padded: Self,
        closure: impl Fn(Block<'_, T>) -> Result<ArrayD<O>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let meta = self.meta()?;
        if meta.dtype != T::DTYPE {
            return Err(Error::invalid(format!(
                "cannot apply {operation} {name}: the raster is {}, the closure takes {}; cast it first",
                meta.dtype,
                T::DTYPE
            )));
        }
        let onwards = |depth: usize| AxisFootprint::onwards(2 * depth + 1);
        let axes = [AxisFootprint::SAME, AxisFootprint::SAME, onwards(depth[0]), onwards(depth[1])];
        let kernel = BlockKernel {
            name,
            footprint: Footprint { axes },
            chunks: meta.chunk_grid(),
            dims: meta.dims,
            depth,
            nodata: meta.nodata,
            closure,
            dtypes: PhantomData,
        };
        let nodata = meta.nodata.filter(|_| T::DTYPE == O::DTYPE);
        let mut interval = Interval::of_dtype(O::DTYPE);
        if let Some(nodata) = nodata {
            interval = interval.without(nodata);
        }
        let meta = Meta { dtype: O::DTYPE, nodata, interval, ..meta.clone() };
        check_addressable(meta.shape, meta.dtype.size())?;
        Ok(Self::build(Op::Area(Arc::new(kernel)), vec![Arc::clone(padded.node()?)], meta))
    }

    /// What a kernel of one's own makes of this raster: an array of shape and dtype of `meta`, in the order Time, Band, Y, X.
    ///
    /// swath decides which regions of it are computed, and when; `testing::check_area` checks that a kernel does not
    /// depend on that.
    ///
    /// # Errors
    /// `InvalidInput` where the nodata is no value of the dtype, or a pixel of the result would read none of this raster.
    #[track_caller]
    pub fn area(&self, kernel: Arc<dyn AreaKernel>, meta: Meta) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let cannot = |what: String| Error::invalid(format!("cannot apply {}: {what}", kernel.name()));
            check_addressable(meta.shape, meta.dtype.size()).map_err(|error| cannot(error.to_string()))?;
            if let Some(nodata) = meta.nodata {
                nodata.fit(meta.dtype).map_err(|error| cannot(error.to_string()))?;
            }
            let footprint = kernel.footprint();
            for (axis, (length, input)) in meta.shape.into_iter().zip(node.meta.shape).enumerate() {
                let reads = |pixel: usize| !footprint.axes[axis].read(pixel..pixel + 1, input).is_empty();
                if length == 0 || !reads(0) || !reads(length - 1) {
                    return Err(cannot(format!(
                        "a result of shape {:?} reads beyond an input of shape {:?}",
                        meta.shape, node.meta.shape
                    )));
                }
            }
            Ok(Self::build(Op::Area(kernel), vec![Arc::clone(node)], meta))
        })
    }

    /// The convolution with `weights`: each pixel is the sum of those around it, each times the weight on the other side of
    /// the middle, as SciPy's `ndimage.convolve`. Rows and columns of the weights are odd in count.
    ///
    /// Summed as `f64` in the order of the weights from the last to the first, row by row, whatever the chunks. The result is
    /// `f32` where values lie within ±2²⁴ or are `f32`, else `f64`, and NaN where a pixel under a weight is nodata.
    ///
    /// ```
    /// # use swath_core::{expr::Boundary, testing::raster};
    /// let raster = raster([1, 100, 80], |_, y, x| (y * x) as u8);
    /// let sobel = [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]];
    /// let edges = raster.convolve(&sobel, Boundary::Nearest)?;
    /// assert_eq!(edges.shape(), raster.shape());
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a side of the weights is even or a weight is not finite; as [`pad`](Self::pad).
    #[doc(alias = "filter")]
    #[doc(alias = "correlate")]
    #[track_caller]
    pub fn convolve<'a>(&self, weights: impl Into<ArrayView2<'a, f64>>, boundary: Boundary) -> Result<Self> {
        located(|| {
            let weights = weights.into();
            let (rows, columns) = weights.dim();
            let meta = self.meta()?;
            if rows.is_multiple_of(2) || columns.is_multiple_of(2) {
                return Err(Error::invalid(format!(
                    "cannot apply convolve: weights of {rows} × {columns} have no middle; both sizes must be odd"
                )));
            }
            if let Some(weight) = weights.iter().find(|weight| !weight.is_finite()) {
                return Err(Error::invalid(format!("cannot apply convolve: the weight {weight} is not finite")));
            }
            let around = [rows / 2, columns / 2].map(|around| [around, around]);
            let padded = self.padded("convolve", around, boundary, None)?;
            let mut mirrored: Vec<_> = weights.iter().copied().collect();
            mirrored.reverse();
            let kernel = Convolution { weights: mirrored, rows, columns, nodata: padded.meta()?.nodata };
            let is_narrow = meta.dtype == DType::F32 || meta.interval.fits(DType::F32);
            let dtype = if is_narrow { DType::F32 } else { DType::F64 };
            let nodata = meta.nodata.map(|_| Scalar::Float(f64::NAN));
            let meta = Meta { dtype, nodata, interval: Interval::Float, ..meta.clone() };
            check_addressable(meta.shape, meta.dtype.size())?;
            Ok(Self::build(Op::Area(Arc::new(kernel)), vec![Arc::clone(padded.node()?)], meta))
        })
    }
}
