//! Rasters side by side: `stack`, `concat`, `pad`, `shift`.

use std::borrow::Borrow;
use std::ops::Range;
use std::sync::Arc;

use super::LazyRaster;
use super::elementwise::meet;
use super::node::{Node, Op};
use super::select::{common_dtype, fit_raster};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::grid::Grid;
use crate::interval::Interval;
use crate::meta::Meta;
use crate::shape::{Dim, Region, check_addressable, visible};
use crate::view::View;

/// What lies beyond the edges of a raster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Boundary {
    /// No pixels: the raster's nodata.
    Nodata,
    /// One value.
    Constant(Scalar),
    /// The pixel at the edge, again and again: NumPy's `edge`, SciPy's `nearest`.
    Nearest,
    /// The pixels before the edge in reverse, that at the edge first: NumPy's `symmetric`, the `reflect` of SciPy and Dask.
    Reflect,
}

/// Rasters of one shape and grid, one after the other along a new axis, Time or Band.
///
/// The dtype is the smallest that holds the pixels of all, and the nodata that of the first, to which that of the others is
/// translated. Their chunks may differ.
///
/// ```
/// # use swath_core::{expr::stack, shape::Dim, testing::raster};
/// let red = raster([1, 20, 30], |_, y, x| (y + x) as u16).squeeze()?;
/// let nir = raster([1, 20, 30], |_, y, x| (y * x) as u16).squeeze()?;
/// let both = stack([&red, &nir], Dim::Band)?;
/// assert_eq!(both.shape(), [2, 20, 30]);
/// # Ok::<(), swath_core::error::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` where there is none, one has the axis already, shapes or grids differ, no dtype holds the pixels of all,
/// or the pixels of one could be taken for nodata.
#[track_caller]
pub fn stack<R: Borrow<LazyRaster>>(rasters: impl IntoIterator<Item = R>, dim: Dim) -> Result<LazyRaster> {
    located(|| {
        let with_axis =
            |raster: R| raster.borrow().insert_axis(dim).map_err(|error| error.while_doing("cannot apply stack"));
        let rasters = rasters.into_iter().map(with_axis).collect::<Result<Vec<_>>>()?;
        side_by_side("stack", &rasters, dim)
    })
}

/// Rasters one after the other along an axis that all have; along Y and X each must lie where the one before ends.
///
/// dtype and nodata are those of [`stack`].
///
/// ```
/// # use swath_core::{expr::concat, shape::Dim, testing::raster};
/// let north = raster([3, 20, 30], |b, y, x| (b + y + x) as u8);
/// let south = raster([3, 10, 30], |b, y, x| (b * y * x) as u8);
/// assert_eq!(concat([&north, &south], Dim::Y)?.shape(), [3, 30, 30]);
/// # Ok::<(), swath_core::error::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` as [`stack`]; also where one lacks the axis, or lies elsewhere on the ground.
#[doc(alias = "concatenate")]
#[track_caller]
pub fn concat<R: Borrow<LazyRaster>>(rasters: impl IntoIterator<Item = R>, dim: Dim) -> Result<LazyRaster> {
    located(|| {
        let rasters: Vec<LazyRaster> = rasters.into_iter().map(|raster| raster.borrow().clone()).collect();
        side_by_side("concat", &rasters, dim)
    })
}

fn side_by_side(operation: &'static str, rasters: &[LazyRaster], dim: Dim) -> Result<LazyRaster> {
    let (nodes, mut meta) = unified(operation, rasters)?;
    let axis = dim.axis();
    let mut parts = Vec::with_capacity(nodes.len());
    let mut length = 0_usize;
    for (index, node) in nodes.iter().enumerate() {
        let this = &node.meta;
        if this.dims != meta.dims || !this.dims.has(dim) {
            return Err(Error::invalid(format!(
                "cannot apply {operation} along {dim}: raster {index} has the axes {}, the first {}{}",
                this.dims,
                meta.dims,
                if meta.dims.has(dim) { "" } else { "; a new axis is made by stack" }
            )));
        }
        // All but the axis is as in the first.
        let mut expected = Meta { shape: meta.shape, grid: meta.grid.clone(), ..this.clone() };
        expected.shape[axis] = this.shape[axis];
        expected.grid = meta.grid.as_deref().map(|grid| Arc::new(continued(grid, dim, length, this)));
        if Dim::ALL.iter().any(|other| expected.shape[other.axis()] != this.shape[other.axis()]) {
            return Err(Error::invalid(format!(
                "cannot apply {operation} along {dim}: raster {index} has {:?} pixels along {}, the first {:?}",
                visible(this.shape, this.dims),
                this.dims,
                visible(meta.shape, meta.dims)
            )));
        }
        meet(operation, &expected, this).map_err(|error| match dim {
            Dim::Y | Dim::X => error
                .context(format!("raster {index} does not begin where the one before ends; mosaic places by the grid")),
            _ => error,
        })?;
        let mut start = [0; 4];
        start[axis] = length;
        parts.push(Region { start, shape: this.shape });
        length = length.checked_add(this.shape[axis]).ok_or_else(|| too_large(operation))?;
    }
    meta.grid = meta.grid.map(|grid| match dim {
        Dim::Y => Arc::new(grid.window(0, 0, length, grid.width)),
        Dim::X => Arc::new(grid.window(0, 0, grid.height, length)),
        _ => grid,
    });
    meta.shape[axis] = length;
    // Parts side by side cover it: no pixel has the fill.
    let fill = meta.dtype.zero();
    join(operation, nodes, parts, fill, meta)
}

/// The grid that lies `offset` pixels along `dim` from the start of `grid`, and is as large as `part`.
fn continued(grid: &Grid, dim: Dim, offset: usize, part: &Meta) -> Grid {
    let [_, _, height, width] = part.shape;
    match dim {
        Dim::Y => grid.window(offset, 0, height, grid.width),
        Dim::X => grid.window(0, offset, grid.height, width),
        _ => grid.clone(),
    }
}

/// The node of `parts` in an array of `meta`, of which the rest has the value `fill`; chunks are cut to its shape.
pub(super) fn join(
    name: &'static str,
    nodes: Vec<Arc<Node>>,
    parts: Vec<Region>,
    fill: Scalar,
    mut meta: Meta,
) -> Result<LazyRaster> {
    check_addressable(meta.shape, meta.dtype.size()).map_err(|_| too_large(name))?;
    meta.chunks = std::array::from_fn(|axis| meta.chunks[axis].min(meta.shape[axis]).max(1));
    Ok(LazyRaster::build(Op::Join { name, parts: parts.into(), fill }, nodes, meta))
}

pub(super) fn too_large(operation: &str) -> Error {
    Error::invalid(format!("cannot apply {operation}: the result is too large to address"))
}

/// The rasters in one dtype and with the nodata of the first; and what is known of the first, with the values of all.
pub(super) fn unified(operation: &str, rasters: &[LazyRaster]) -> Result<(Vec<Arc<Node>>, Meta)> {
    let metas = rasters.iter().map(LazyRaster::meta).collect::<Result<Vec<_>>>()?;
    let Some(first) = rasters.first() else {
        return Err(Error::invalid(format!("cannot apply {operation}: there is no raster")));
    };
    let dtype = common_dtype(operation, &metas)?;
    let first = first.clone().widened(dtype)?;
    let mut nodes = vec![Arc::clone(first.node()?)];
    let mut meta = first.meta()?.clone();
    for (index, raster) in rasters.iter().enumerate().skip(1) {
        let node = fit_raster(operation, first.meta()?, raster)
            .map_err(|error| error.context(format!("raster {index} of {}", rasters.len())))?;
        meta.interval = meta.interval.union(node.meta.interval);
        nodes.push(node);
    }
    Ok((nodes, meta))
}

impl LazyRaster {
    /// With so many rows before and after, and columns left and right; the grid follows.
    ///
    /// ```
    /// # use swath_core::{expr::Boundary, testing::raster};
    /// let small = raster([1, 20, 30], |_, y, x| (y + x) as u8);
    /// let padded = small.pad([2, 2], [3, 3], Boundary::Reflect)?;
    /// assert_eq!(padded.shape(), [1, 24, 36]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster has no nodata or cannot hold the constant, more pixels are to be reflected than there
    /// are, or the result is too large.
    #[track_caller]
    pub fn pad(&self, rows: [usize; 2], columns: [usize; 2], boundary: Boundary) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let [_, _, height, width] = node.meta.shape;
            let grid = node.meta.grid.as_deref().map(|grid| {
                let affine = grid.affine.shifted(-(columns[0] as f64), -(rows[0] as f64));
                let (height, width) = (height + rows[0] + rows[1], width + columns[0] + columns[1]);
                Arc::new(Grid { affine, width, height, crs: grid.crs.clone() })
            });
            self.padded("pad", [rows, columns], boundary, grid)
        })
    }

    /// Every pixel so many rows further down, and columns to the right, or up and left where negative; the grid stays.
    ///
    /// What moves in over the edge is [`Boundary::Nodata`] or a [`Boundary::Constant`], or as that says.
    ///
    /// ```
    /// # use swath_core::expr::Boundary;
    /// # use swath_core::testing::{pixels, row};
    /// let right = row([1_u8, 2, 3]).shift(0, 1, Boundary::Constant(9.into()))?;
    /// assert_eq!(pixels::<u8>(&right)?, [9, 1, 2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` as [`pad`](Self::pad).
    #[track_caller]
    pub fn shift(&self, rows: isize, columns: isize, boundary: Boundary) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let beyond = |by: isize| [by.max(0).unsigned_abs(), by.min(0).unsigned_abs()];
            let (rows, columns) = (beyond(rows), beyond(columns));
            let padded = self.padded("shift", [rows, columns], boundary, None)?;
            let padded = padded.node()?;
            let kept = Region { start: [0, 0, rows[1], columns[1]], shape: node.meta.shape };
            let Meta { shape, chunks, ref grid, .. } = node.meta;
            let meta = Meta { shape, chunks, grid: grid.clone(), ..padded.meta.clone() };
            Ok(Self::view(padded, "shift", View::window(&kept), meta))
        })
    }

    /// With `amounts` of pixels before and after along Y and X.
    pub(super) fn padded(
        &self,
        operation: &'static str,
        amounts: [[usize; 2]; 2],
        boundary: Boundary,
        grid: Option<Arc<Grid>>,
    ) -> Result<Self> {
        let node = self.node()?;
        let mut meta = Meta { grid, ..node.meta.clone() };
        for (axis, [before, after]) in [2, 3].into_iter().zip(amounts) {
            let length = meta.shape[axis].checked_add(before).and_then(|length| length.checked_add(after));
            meta.shape[axis] = length.ok_or_else(|| too_large(operation))?;
        }
        check_addressable(meta.shape, meta.dtype.size()).map_err(|_| too_large(operation))?;
        let middle = Region { start: [0, 0, amounts[0][0], amounts[1][0]], shape: node.meta.shape };
        let fill = match boundary {
            Boundary::Nodata => node.meta.nodata.ok_or_else(|| {
                Error::invalid(format!(
                    "cannot apply {operation}: the raster has no nodata; set one with with_nodata, or choose another boundary"
                ))
            })?,
            Boundary::Constant(value) => {
                value.fit(meta.dtype).map_err(|error| error.while_doing(format_args!("cannot apply {operation}: fill")))?
            }
            Boundary::Nearest | Boundary::Reflect => {
                let (nodes, parts) = self.surrounded(operation, amounts, boundary)?;
                let fill = meta.dtype.zero();
                return join(operation, nodes, parts, fill, meta);
            }
        };
        if meta.nodata != Some(fill) && meta.dtype != DType::Bool && !meta.dtype.is_float() {
            meta.interval = meta.interval.union(Interval::of_scalar(fill));
        }
        join(operation, vec![Arc::clone(node)], vec![middle], fill, meta)
    }

    /// The raster and what lies around it, side by side.
    fn surrounded(
        &self,
        operation: &str,
        amounts: [[usize; 2]; 2],
        boundary: Boundary,
    ) -> Result<(Vec<Arc<Node>>, Vec<Region>)> {
        let mut parts = vec![(self.without_grid()?, Region::whole(self.node()?.meta.shape))];
        for (dim, [before, after]) in [Dim::Y, Dim::X].into_iter().zip(amounts) {
            let axis = dim.axis();
            let length = self.node()?.meta.shape[axis];
            if boundary == Boundary::Reflect && before.max(after) > length {
                return Err(Error::invalid(format!(
                    "cannot apply {operation}: {} pixels are to be reflected along {dim}, the raster has {length}",
                    before.max(after)
                )));
            }
            let mut around = Vec::new();
            for (raster, place) in parts {
                let mut add = |raster: Self, start: usize, length: usize| {
                    let mut region = place;
                    (region.start[axis], region.shape[axis]) = (start, length);
                    if length > 0 {
                        around.push((raster, region));
                    }
                };
                let nearest = boundary == Boundary::Nearest;
                let (first, last) =
                    if nearest { (0..1, length - 1..length) } else { (0..before, length - after..length) };
                add(raster.beyond(dim, first, before, boundary)?, 0, before);
                add(raster.beyond(dim, last, after, boundary)?, before + length, after);
                add(raster, before, length);
            }
            parts = around;
        }
        let nodes = parts.iter().map(|(raster, _)| Ok(Arc::clone(raster.node()?))).collect::<Result<_>>()?;
        Ok((nodes, parts.into_iter().map(|(_, region)| region).collect()))
    }

    /// `count` pixels beyond an edge, made of the pixels `from` at it.
    fn beyond(&self, dim: Dim, from: Range<usize>, count: usize, boundary: Boundary) -> Result<Self> {
        match (count, boundary) {
            (0, _) => Ok(self.clone()),
            (_, Boundary::Reflect) => self.slice(dim, from)?.flip(dim),
            (_, _) if dim == Dim::Y => self.slice(dim, from)?.repeat([1, count, 1]),
            (_, _) => self.slice(dim, from)?.repeat([1, 1, count]),
        }
    }
}
