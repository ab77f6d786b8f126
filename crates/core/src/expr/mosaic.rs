//! Rasters that lie beside and over each other on one lattice of pixels, as one.

use std::borrow::Borrow;
use std::sync::Arc;

use super::join::{join, too_large, unified};
use super::node::Node;
use super::{LazyRaster, Windows};
use crate::error::{Error, Result, located};
use crate::grid::Grid;
use crate::meta::Meta;
use crate::shape::{Dim, Region, check_addressable};

/// What a mosaic's pixel is where several rasters have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overlap {
    /// That of the first raster that has one, in the order given.
    #[default]
    First,
    /// That of the last.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The mean, as [`Windows::mean`](super::Windows::mean) has it.
    Mean,
    /// The median.
    Median,
    /// The sum.
    Sum,
    /// How many there are.
    Count,
}

/// Rasters that lie on one lattice of pixels, beside and over each other, as one raster that covers them all.
///
/// A pixel is one where any raster has a valid one there; `overlap` says which where several have. Rasters may differ in
/// dtype as those of [`stack`](super::stack) may: the nodata is that of the first. Where a raster without nodata lies first
/// (or last), what it covers is not read.
///
/// ```
/// # use swath_core::{expr::{mosaic, Overlap}, grid::{Affine, Grid}, testing::raster};
/// let tile = |left: f64| {
///     let affine = Affine::north_up(left, 600.0, 10.0, 10.0);
///     raster([1, 20, 30], |_, y, x| (1 + y + x) as u8)
///         .with_nodata(0)?
///         .with_grid(Grid { crs: None, affine, width: 30, height: 20 })
/// };
/// let both = mosaic([&tile(0.0)?, &tile(250.0)?], Overlap::First)?;
/// assert_eq!(both.shape(), [1, 20, 55]);
/// # Ok::<(), swath_core::error::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` where there is no raster, one has no grid, or another CRS or lattice than the first (pixels that are
/// shifted or of another size by more than 1e-6 of a pixel), bands differ in count, there are pixels that no raster covers
/// and no nodata, or, without nodata, rasters overlap that are to be put together otherwise than first or last.
#[doc(alias = "merge")]
#[track_caller]
pub fn mosaic<R: Borrow<LazyRaster>>(rasters: impl IntoIterator<Item = R>, overlap: Overlap) -> Result<LazyRaster> {
    located(|| {
        let rasters: Vec<LazyRaster> = rasters.into_iter().map(|raster| raster.borrow().clone()).collect();
        let (nodes, meta) = unified("mosaic", &rasters)?;
        for (index, node) in nodes.iter().enumerate() {
            if node.meta.dims != meta.dims || node.meta.shape[1] != meta.shape[1] || node.meta.dims.has(Dim::Time) {
                return Err(Error::invalid(format!(
                    "cannot apply mosaic: raster {index} has the axes {} with {} bands, the first {} with {}; \
                 all must have the same, and none Time, which over makes one of",
                    node.meta.dims, node.meta.shape[1], meta.dims, meta.shape[1]
                )));
            }
        }
        let (places, grid) = places(&nodes)?;
        let mut meta = Meta { grid: Some(Arc::new(grid.clone())), ..meta };
        (meta.shape[2], meta.shape[3]) = (grid.height, grid.width);
        check_addressable(meta.shape, meta.dtype.size()).map_err(|_| too_large("mosaic"))?;
        match meta.nodata {
            None => covered(&nodes, &places, overlap, meta),
            Some(_) => layered(nodes, &places, overlap, meta),
        }
    })
}

/// Where each raster lies in an array that covers them all, and the grid of that.
fn places(nodes: &[Arc<Node>]) -> Result<(Vec<Region>, Grid)> {
    let grid = |index: usize| {
        nodes[index].meta.grid.as_deref().ok_or_else(|| {
            Error::invalid(format!("cannot apply mosaic: raster {index} has no grid; set one with with_grid"))
        })
    };
    let first = grid(0)?;
    let mut corners = Vec::with_capacity(nodes.len());
    for index in 0..nodes.len() {
        let this = grid(index)?;
        let corner =
            first.affine.invert(this.affine.c, this.affine.f).map(|(column, row)| (column.round(), row.round()));
        let on_lattice = |&(column, row): &(f64, f64)| {
            let affine = first.affine.shifted(column, row);
            Grid { affine, width: this.width, height: this.height, crs: first.crs.clone() }.matches(this)
        };
        // Beyond these, pixels are no longer told apart.
        let is_near = |&(column, row): &(f64, f64)| column.abs().max(row.abs()) < (1_u64 << 53) as f64;
        let (column, row) = corner.filter(is_near).filter(on_lattice).ok_or_else(|| {
            Error::invalid(format!(
                "cannot apply mosaic: raster {index} does not lie on the lattice of the first: {this} against {first}"
            ))
        })?;
        corners.push((row as i64, column as i64));
    }
    let top = corners.iter().map(|(row, _)| *row).min().unwrap_or(0);
    let left = corners.iter().map(|(_, column)| *column).min().unwrap_or(0);
    let places: Vec<_> = corners
        .iter()
        .zip(nodes)
        .map(|((row, column), node)| Region {
            start: [0, 0, (row - top) as usize, (column - left) as usize],
            shape: node.meta.shape,
        })
        .collect();
    let end = |axis: usize| places.iter().map(|place| place.end()[axis]).max().unwrap_or(0);
    let affine = first.affine.shifted(left as f64, top as f64);
    let grid = Grid { affine, width: end(3), height: end(2), crs: first.crs.clone() };
    Ok((places, grid))
}

/// The mosaic of rasters whose pixels are all valid: what lies over others hides them.
fn covered(nodes: &[Arc<Node>], places: &[Region], overlap: Overlap, meta: Meta) -> Result<LazyRaster> {
    let overlaps = |index: usize| places[..index].iter().any(|place| place.intersect(&places[index]).is_some());
    let by_order = matches!(overlap, Overlap::First | Overlap::Last);
    if !by_order && (0..places.len()).any(overlaps) {
        return Err(Error::invalid(
            "cannot apply mosaic: the rasters overlap, and have no nodata to tell where each has pixels; \
             set one with with_nodata, or take the first or last",
        ));
    }
    let mut order: Vec<_> = (0..nodes.len()).collect();
    if overlap == Overlap::Last {
        order.reverse();
    }
    let mut parts: Vec<(usize, Region)> = Vec::new();
    for index in order {
        let mut left = vec![places[index]];
        for (_, above) in &parts {
            left = left.iter().flat_map(|region| without(region, above)).collect();
        }
        parts.extend(left.into_iter().map(|region| (index, region)));
    }
    if parts.iter().map(|(_, region)| region.volume()).sum::<usize>() < crate::shape::volume(meta.shape) {
        return Err(Error::invalid(
            "cannot apply mosaic: there are pixels that no raster covers, and the first raster has no nodata for them; \
             set one with with_nodata",
        ));
    }
    let inputs = parts.iter().map(|(index, region)| {
        let [_, _, y, x] = places[*index].start;
        let rows = region.start[2] - y..region.end()[2] - y;
        let columns = region.start[3] - x..region.end()[3] - x;
        let window = LazyRaster(Ok(Arc::clone(&nodes[*index]))).window(rows, columns)?;
        window.node().cloned()
    });
    let (inputs, fill) = (inputs.collect::<Result<_>>()?, meta.dtype.zero());
    let joined = join("mosaic", inputs, parts.into_iter().map(|(_, region)| region).collect(), fill, meta)?;
    match overlap {
        Overlap::Mean | Overlap::Median | Overlap::Sum | Overlap::Count => {
            statistic(&joined.insert_axis(Dim::Time)?.over(Dim::Time)?, overlap)
        }
        _ => Ok(joined),
    }
}

/// What of `region` lies outside `other`: above, below, left and right of it.
fn without(region: &Region, other: &Region) -> Vec<Region> {
    let Some(common) = region.intersect(other) else { return vec![*region] };
    let part = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        let mut part = *region;
        (part.start[2], part.shape[2]) = (rows.start, rows.len());
        (part.start[3], part.shape[3]) = (columns.start, columns.len());
        part
    };
    let (rows, columns) = (region.range(Dim::Y), region.range(Dim::X));
    let (hidden_rows, hidden_columns) = (common.range(Dim::Y), common.range(Dim::X));
    let parts = [
        part(rows.start..hidden_rows.start, columns.clone()),
        part(hidden_rows.clone(), columns.start..hidden_columns.start),
        part(hidden_rows.clone(), hidden_columns.end..columns.end),
        part(hidden_rows.end..rows.end, columns),
    ];
    parts.into_iter().filter(|part| part.volume() > 0).collect()
}

/// The mosaic of rasters that may have pixels missing: in layers, each of rasters that do not overlap, over which a
/// statistic is taken.
fn layered(nodes: Vec<Arc<Node>>, places: &[Region], overlap: Overlap, meta: Meta) -> Result<LazyRaster> {
    // Those that overlap stay in order.
    let mut layers: Vec<usize> = Vec::with_capacity(places.len());
    for (index, place) in places.iter().enumerate() {
        let below = places[..index].iter().zip(&layers).filter(|(other, _)| other.intersect(place).is_some());
        layers.push(below.map(|(_, layer)| layer + 1).max().unwrap_or(0));
    }
    let count = layers.iter().max().map_or(1, |last| last + 1);
    let fill = meta.nodata.unwrap_or(meta.dtype.zero());
    let on_layer =
        |(place, layer): (&Region, usize)| Region { start: [layer, 0, place.start[2], place.start[3]], ..*place };
    let parts = places.iter().zip(layers).map(on_layer).collect();
    let mut stacked = Meta { dims: meta.dims.with(Dim::Time), ..meta };
    stacked.shape[0] = count;
    let joined = join("mosaic", nodes, parts, fill, stacked)?;
    if count == 1 && !matches!(overlap, Overlap::Mean | Overlap::Median | Overlap::Sum | Overlap::Count) {
        return joined.without_axis(Dim::Time);
    }
    statistic(&joined.over(Dim::Time)?, overlap)
}

fn statistic(layers: &Windows, overlap: Overlap) -> Result<LazyRaster> {
    match overlap {
        Overlap::First => layers.first(),
        Overlap::Last => layers.last(),
        Overlap::Min => layers.min(),
        Overlap::Max => layers.max(),
        Overlap::Mean => layers.mean(),
        Overlap::Median => layers.median(),
        Overlap::Sum => layers.sum(),
        Overlap::Count => layers.count(),
    }
}
