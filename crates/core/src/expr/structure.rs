//! Operations that move or relabel pixels without computing any: windows, bands, repeats, chunks, nodata, grid.

use std::ops::Range;
use std::sync::Arc;

use super::LazyRaster;
use super::node::{Node, Op};
use crate::area::{AxisFootprint, Footprint, Pick};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::grid::Grid;
use crate::interval::Interval;
use crate::meta::Meta;
use crate::shape::{Dim, Region, check_addressable, visible};
use crate::view::View;

impl LazyRaster {
    /// Without Time and Band axes of length 1; Y and X stay.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// assert_eq!(raster([1, 4, 5], |_, y, x| y + x > 3).squeeze()?.shape(), [4, 5]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[track_caller]
    pub fn squeeze(&self) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let mut meta = node.meta.clone();
            for dim in [Dim::Time, Dim::Band] {
                if meta.dims.has(dim) && meta.shape[dim.axis()] == 1 {
                    meta.dims = meta.dims.without(dim);
                }
            }
            Ok(Self::view(node, "squeeze", View::whole(meta.shape), meta))
        })
    }

    /// Band `index`, counted from 0, without the Band axis.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, raster};
    /// let bands = raster([3, 1, 1], |band, _, _| band as u8);
    /// assert_eq!(pixels::<u8>(&bands.band(2)?)?, [2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where there is no such band, or no Band axis.
    #[track_caller]
    pub fn band(&self, index: usize) -> Result<Self> {
        located(|| {
            let meta = self.meta()?;
            let count = meta.shape[Dim::Band.axis()];
            if meta.dims.has(Dim::Band) && index >= count {
                return Err(Error::invalid(format!(
                    "cannot apply band: there is no band {index}, they are counted 0 to {}",
                    count - 1
                )));
            }
            let sliced = self.part("band", Dim::Band, index..index.saturating_add(1))?;
            let node = sliced.node()?;
            let meta = Meta { dims: node.meta.dims.without(Dim::Band), ..node.meta.clone() };
            let Op::View { view, .. } = &node.op else { return Err(Error::invalid("cannot take a band")) };
            Ok(Self::view(&node.inputs[0], "band", *view, meta))
        })
    }

    /// With an axis of length 1, Time or Band.
    ///
    /// ```
    /// # use swath_core::shape::Dim;
    /// # use swath_core::testing::raster;
    /// let dated = raster([3, 4, 5], |b, _, _| b as u8).insert_axis(Dim::Time)?;
    /// assert_eq!(dated.shape(), [1, 3, 4, 5]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster has the axis.
    #[doc(alias = "expand_dims")]
    #[track_caller]
    pub fn insert_axis(&self, dim: Dim) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            if node.meta.dims.has(dim) {
                return Err(Error::invalid(format!(
                    "cannot apply insert_axis: the raster has a {dim} axis, its axes are {}",
                    node.meta.dims
                )));
            }
            let meta = Meta { dims: node.meta.dims.with(dim), ..node.meta.clone() };
            Ok(Self::relabel(node, "insert_axis", meta))
        })
    }

    /// Without an axis of length 1.
    pub(super) fn without_axis(&self, dim: Dim) -> Result<Self> {
        let node = self.node()?;
        debug_assert_eq!(node.meta.shape[dim.axis()], 1, "an axis of one pixel can go");
        let meta = Meta { dims: node.meta.dims.without(dim), ..node.meta.clone() };
        Ok(Self::relabel(node, "without axis", meta))
    }

    /// The pixels along `dim` in reverse; the grid follows, so that each stays where it is on the ground.
    ///
    /// ```
    /// # use swath_core::shape::Dim;
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u8>(&row([1_u8, 2, 3]).flip(Dim::X)?)?, [3, 2, 1]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the axis is absent.
    #[doc(alias = "reverse")]
    #[track_caller]
    pub fn flip(&self, dim: Dim) -> Result<Self> {
        located(|| {
            let node = self.axis("flip", dim)?;
            let meta = &node.meta;
            let grid = meta.grid.as_deref().map(|grid| {
                let affine = match dim {
                    Dim::Y => grid.affine.shifted(0.0, grid.height as f64).scaled(1.0, -1.0),
                    Dim::X => grid.affine.shifted(grid.width as f64, 0.0).scaled(-1.0, 1.0),
                    Dim::Time | Dim::Band => grid.affine,
                };
                Arc::new(Grid { affine, ..grid.clone() })
            });
            let footprint = AxisFootprint::flipped(meta.shape[dim.axis()]);
            Ok(Self::pick(node, format!("flip {dim}"), dim, footprint, Meta { grid, ..meta.clone() }))
        })
    }

    /// Every `step`th pixel along `dim`, beginning with the first; the grid's pixels become larger, and their middles stay.
    ///
    /// Blocks that have none of these pixels are not read. [`coarsen`](Self::coarsen) computes with the others, too.
    ///
    /// ```
    /// # use swath_core::shape::Dim;
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u8>(&row([1_u8, 2, 3]).step_by(Dim::X, 2)?)?, [1, 3]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the axis is absent, or the step is 0.
    #[doc(alias = "stride")]
    #[doc(alias = "thin")]
    #[track_caller]
    pub fn step_by(&self, dim: Dim, step: usize) -> Result<Self> {
        located(|| {
            let node = self.axis("step_by", dim)?;
            if step == 0 {
                return Err(Error::invalid("cannot apply step_by: the step is 0"));
            }
            let mut meta = node.meta.clone();
            let axis = dim.axis();
            meta.shape[axis] = meta.shape[axis].div_ceil(step);
            meta.chunks[axis] = meta.chunks[axis].div_ceil(step).min(meta.shape[axis]);
            // Each new pixel lies around the middle of the one it is.
            let before = -((step - 1) as f64) / 2.0;
            meta.grid = meta.grid.as_deref().map(|grid| {
                let affine = match dim {
                    Dim::Y => grid.affine.shifted(0.0, before).scaled(1.0, step as f64),
                    Dim::X => grid.affine.shifted(before, 0.0).scaled(step as f64, 1.0),
                    Dim::Time | Dim::Band => grid.affine,
                };
                let [_, _, height, width] = meta.shape;
                Arc::new(Grid { affine, height, width, crs: grid.crs.clone() })
            });
            Ok(Self::pick(node, format!("every {step} along {dim}"), dim, AxisFootprint::one_in(step), meta))
        })
    }

    fn pick(node: &Arc<Node>, name: String, dim: Dim, axis: AxisFootprint, meta: Meta) -> Self {
        let mut footprint = Footprint { axes: [AxisFootprint::SAME; 4] };
        footprint.axes[dim.axis()] = axis;
        Self::build(Op::Area(Arc::new(Pick { name, footprint })), vec![Arc::clone(node)], meta)
    }

    /// The node of a raster that has this axis.
    fn axis(&self, operation: &str, dim: Dim) -> Result<&Arc<Node>> {
        let node = self.node()?;
        match node.meta.dims.has(dim) {
            true => Ok(node),
            false => Err(Error::invalid(format!(
                "cannot apply {operation}: the raster has no {dim} axis, it has {}",
                node.meta.dims
            ))),
        }
    }

    /// The pixels `range` along `dim`; the grid follows.
    ///
    /// ```
    /// # use swath_core::shape::Dim;
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u8>(&row([1_u8, 2, 3]).slice(Dim::X, 1..3)?)?, [2, 3]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the axis is absent, or the range is empty or reaches beyond it.
    #[doc(alias = "isel")]
    #[track_caller]
    pub fn slice(&self, dim: Dim, range: Range<usize>) -> Result<Self> {
        located(|| self.part("slice", dim, range))
    }

    /// The window of these rows and columns; the grid follows. Only the blocks it touches are read.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// assert_eq!(raster([3, 40, 50], |b, _, _| b as u8).window(10..20, 0..50)?.shape(), [3, 10, 50]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where it is empty or reaches beyond the raster.
    #[track_caller]
    pub fn window(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Self> {
        located(|| {
            let rows = self.part("window", Dim::Y, rows)?;
            rows.part("window", Dim::X, columns)
        })
    }

    /// The smallest window that covers a box in CRS units, cut to the raster.
    ///
    /// ```
    /// # use swath_core::grid::{Affine, Grid};
    /// # use swath_core::testing::raster;
    /// let affine = Affine::north_up(500.0, 200.0, 10.0, 10.0);
    /// let raster = raster([1, 20, 30], |_, y, x| (y + x) as u8).with_grid(Grid { crs: None, affine, width: 30, height: 20 })?;
    /// assert_eq!(raster.clip_box(525.0, 90.0, 600.0, 100.0)?.shape(), [1, 1, 8]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster has no grid, or the box is empty or misses it.
    #[track_caller]
    pub fn clip_box(&self, left: f64, bottom: f64, right: f64, top: f64) -> Result<Self> {
        located(|| {
            let grid = self.meta()?.grid.clone().ok_or_else(|| {
                Error::invalid("cannot apply clip_box: the raster has no grid; set one with with_grid, or use window")
            })?;
            let (rows, columns) = grid
                .window_of([left, bottom, right, top])
                .map_err(|error| error.while_doing("cannot apply clip_box"))?;
            self.window(rows, columns)
        })
    }

    fn part(&self, operation: &'static str, dim: Dim, range: Range<usize>) -> Result<Self> {
        let node = self.axis(operation, dim)?;
        let meta = &node.meta;
        let axis = dim.axis();
        let length = meta.shape[axis];
        if range.is_empty() {
            return Err(Error::invalid(format!(
                "cannot apply {operation}: {dim} {}..{} is empty; a raster has a pixel at least",
                range.start, range.end
            )));
        }
        if range.end > length {
            return Err(Error::invalid(format!(
                "cannot apply {operation}: {dim} {}..{} of an axis that has 0..{length}",
                range.start, range.end
            )));
        }
        let mut region = Region::whole(meta.shape);
        region.start[axis] = range.start;
        region.shape[axis] = range.len();
        let [_, _, y, x] = region.start;
        let [_, _, height, width] = region.shape;
        let grid = meta.grid.as_ref().map(|grid| match dim {
            Dim::Y | Dim::X => Arc::new(grid.window(y, x, height, width)),
            _ => Arc::clone(grid),
        });
        let chunks = std::array::from_fn(|axis| meta.chunks[axis].min(region.shape[axis]));
        let out = Meta { shape: region.shape, chunks, grid, ..meta.clone() };
        Ok(Self::view(node, operation, View::window(&region), out))
    }

    /// Every pixel repeated so often along Band, Y and X (nearest neighbour by whole factors); the grid is divided
    /// exactly. `[1, 2, 2]` brings 20 m classes onto a 10 m grid.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<u8>(&row([1_u8, 2]).repeat([1, 1, 3])?)?, [1, 1, 1, 2, 2, 2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a factor is 0, or the result is too large.
    #[track_caller]
    pub fn repeat(&self, factors: [usize; 3]) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let meta = &node.meta;
            let [band, y, x] = factors;
            let factors = [1, band, y, x];
            if factors.contains(&0) {
                return Err(Error::invalid("cannot apply repeat: a factor is 0"));
            }
            if band != 1 && !meta.dims.has(Dim::Band) {
                return Err(Error::invalid("cannot apply repeat: the raster has no band axis to repeat along"));
            }
            let too_large =
                || Error::invalid(format!("cannot apply repeat: {:?} times {factors:?} is too large", meta.shape));
            let mut shape = meta.shape;
            let mut chunks = meta.chunks;
            for axis in 0..4 {
                shape[axis] = shape[axis].checked_mul(factors[axis]).ok_or_else(too_large)?;
                chunks[axis] = chunks[axis].saturating_mul(factors[axis]).min(shape[axis]);
            }
            check_addressable(shape, meta.dtype.size()).map_err(|_| too_large())?;
            let grid = meta.grid.as_ref().map(|grid| Arc::new(grid.divided(y, x)));
            let out = Meta { shape, chunks, grid, ..meta.clone() };
            Ok(Self::view(node, "repeat", View::repeat(meta.shape, factors), out))
        })
    }

    /// The same pixels in chunks of these lengths, one for each axis that the raster has.
    ///
    /// Chunks are what `chunks()` hands out; work is cut by the blocks of files, whatever the chunks.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// assert_eq!(raster([3, 40, 50], |b, _, _| b as u8).rechunk(&[1, 20, 20])?.chunk_count(), 3 * 2 * 3);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the count is not that of the axes, or a length is 0.
    #[track_caller]
    pub fn rechunk(&self, chunks: &[usize]) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let meta = &node.meta;
            if chunks.len() != meta.dims.len() || chunks.contains(&0) {
                return Err(Error::invalid(format!(
                    "cannot apply rechunk: {chunks:?} are not lengths for the axes {}, which have {:?} pixels",
                    meta.dims,
                    visible(meta.shape, meta.dims)
                )));
            }
            let mut out = meta.clone();
            for (dim, length) in meta.dims.iter().zip(chunks) {
                out.chunks[dim.axis()] = (*length).min(meta.shape[dim.axis()]);
            }
            Ok(Self::relabel(node, "rechunk", out))
        })
    }

    /// The same pixels, of which those that equal `nodata` are none.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let x = row([7_u8, 0]).with_nodata(0)?;
    /// assert_eq!(pixels::<bool>(&x.valid()?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the dtype cannot hold the value, or is bool.
    #[track_caller]
    pub fn with_nodata(&self, nodata: impl Into<Scalar>) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            if node.meta.dtype == DType::Bool {
                return Err(Error::invalid("cannot apply with_nodata: a bool raster has no nodata"));
            }
            let value = nodata.into();
            let value = value.fit_stored(node.meta.dtype).map_err(|e| e.while_doing("cannot apply with_nodata"))?;
            // What was nodata before is a pixel now.
            let interval = match (node.meta.nodata, node.meta.dtype.is_float()) {
                (Some(before), false) => node.meta.interval.union(Interval::of_scalar(before)),
                _ => node.meta.interval,
            };
            let meta = Meta { nodata: Some(value), interval: interval.without(value), ..node.meta.clone() };
            Ok(Self::relabel(node, "with_nodata", meta))
        })
    }

    /// The same pixels, all of them valid.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let x = row([7_u8, 0]).with_nodata(0)?.without_nodata()?;
    /// assert_eq!(pixels::<bool>(&x.eq(0)?)?, [false, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[track_caller]
    pub fn without_nodata(&self) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let mut meta = Meta { nodata: None, ..node.meta.clone() };
            if let Some(nodata) = node.meta.nodata.filter(|_| !meta.dtype.is_float()) {
                meta.interval = meta.interval.union(Interval::of_scalar(nodata));
            }
            Ok(Self::relabel(node, "without_nodata", meta))
        })
    }

    /// The same pixels on another grid, whose size must be theirs.
    ///
    /// ```
    /// # use swath_core::grid::{Affine, Grid};
    /// # use swath_core::testing::raster;
    /// let affine = Affine::north_up(0.0, 40.0, 10.0, 10.0);
    /// let placed = raster([1, 4, 5], |_, _, x| x as u8).with_grid(Grid { crs: None, affine, width: 5, height: 4 })?;
    /// assert_eq!(placed.grid().map(|grid| grid.bounds()), Some((0.0, 0.0, 50.0, 40.0)));
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the size differs.
    #[track_caller]
    pub fn with_grid(&self, grid: Grid) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let [_, _, height, width] = node.meta.shape;
            if (grid.width, grid.height) != (width, height) {
                return Err(Error::invalid(format!(
                    "cannot apply with_grid: the grid has {} × {} columns × rows, the raster {width} × {height}",
                    grid.width, grid.height
                )));
            }
            Ok(Self::relabel(node, "with_grid", Meta { grid: Some(Arc::new(grid)), ..node.meta.clone() }))
        })
    }

    /// The same pixels without a grid: only their count is compared with that of others.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// assert!(raster([1, 4, 5], |_, _, x| x as u8).without_grid()?.grid().is_none());
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[track_caller]
    pub fn without_grid(&self) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            Ok(Self::relabel(node, "without_grid", Meta { grid: None, ..node.meta.clone() }))
        })
    }

    pub(super) fn view(node: &Arc<Node>, name: &'static str, view: View, meta: Meta) -> Self {
        Self::build(Op::View { name, view }, vec![Arc::clone(node)], meta)
    }

    fn relabel(node: &Arc<Node>, name: &'static str, meta: Meta) -> Self {
        Self::build(Op::Relabel { name }, vec![Arc::clone(node)], meta)
    }
}
