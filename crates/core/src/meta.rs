//! What is known of a raster without its pixels.

use std::sync::Arc;

use crate::dtype::{DType, Scalar};
use crate::grid::Grid;
use crate::interval::Interval;
use crate::shape::{ChunkGrid, Dims, Shape, volume};

/// Axes, shape, dtype, chunks, nodata and grid of a raster.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// Which axes it has.
    pub dims: Dims,
    /// Lengths of the axes, 1 where absent.
    pub shape: Shape,
    /// Type of its pixels.
    pub dtype: DType,
    /// Lengths of a whole chunk.
    pub chunks: Shape,
    /// The in-band value that means "no pixel here", a value that `dtype` holds.
    pub nodata: Option<Scalar>,
    /// Where it lies, if it says so.
    pub grid: Option<Arc<Grid>>,
    /// The values that its valid pixels can have.
    pub interval: Interval,
}

impl Meta {
    /// A raster of one chunk, without nodata and grid, whose pixels may have any value of `dtype`.
    pub fn new(dims: Dims, shape: Shape, dtype: DType) -> Self {
        Self { dims, shape, dtype, chunks: shape, nodata: None, grid: None, interval: Interval::of_dtype(dtype) }
    }

    /// The grid of its chunks.
    pub fn chunk_grid(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape, self.chunks)
    }

    /// Bytes of all its pixels.
    pub fn byte_len(&self) -> u64 {
        volume(self.shape) as u64 * self.dtype.size() as u64
    }
}
