//! Lazy rasters: immutable handles on an expression that nothing has computed yet.
//!
//! An expression that was built is valid: shape, dtype, nodata and grid errors come from the line that builds it, never
//! from running it.

mod arithmetic;
mod display;
mod elementwise;
mod node;
mod operators;
mod select;
mod structure;
mod values;
mod derived;
mod classes;
mod windows;
mod resample;
mod statistics;
mod map;
mod blocks;
mod join;
mod mosaic;

pub use arithmetic::Term;
pub use classes::ValueRange;
pub use derived::{Then, When, when};
pub use join::{Boundary, concat, stack};
pub use mosaic::{Overlap, mosaic};
pub use node::{ArithmeticOp, CompareOp, Function, LogicOp, Node, Op, Operand, Overflow};
pub use select::Fill;
pub use statistics::LazyStatistics;
pub use values::Values;
pub use windows::Windows;

use std::panic::Location;
use std::sync::Arc;

use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::meta::Meta;
use crate::shape::{Dims, visible};
use crate::source::ChunkSource;

/// A raster that is not computed yet: axes, shape, dtype, chunks, nodata and grid are known, its pixels are not.
///
/// Cheap to clone and safe to share between threads. Named operations return `Result`; operators (`+`, `-`, `*`, `/`, `%`,
/// `!`, `&`, `|`, `^`) return a handle that carries the error to the next fallible call, see [`check`](Self::check).
#[derive(Clone)]
pub struct LazyRaster(std::result::Result<Arc<Node>, Error>);

impl LazyRaster {
    /// The raster of a source: all its pixels, in its chunks.
    pub fn from_source(source: Arc<dyn ChunkSource>) -> Self {
        let meta = source.meta().clone();
        Self::build(Op::Source(source), vec![], meta)
    }

    pub(crate) fn build(op: Op, inputs: Vec<Arc<Node>>, meta: Meta) -> Self {
        Self(Ok(Arc::new(Node { op, inputs, meta })))
    }

    /// A handle that carries `error`, with the place in the user's program where it arose.
    pub(crate) fn failed(error: Error, place: &'static Location<'static>) -> Self {
        let message = format!("{error} (in the expression at {}:{})", place.file(), place.line());
        Self(Err(Error::with_source(error.kind(), message, error).of_operator(place)))
    }

    /// The node of the expression.
    ///
    /// # Errors
    /// The error of an operator that failed on the way here.
    pub fn node(&self) -> Result<&Arc<Node>> {
        self.0.as_ref().map_err(Clone::clone)
    }

    /// This handle, unless an operator that led to it failed.
    ///
    /// # Errors
    /// The error of that operator, with the file and line of its expression.
    pub fn check(self) -> Result<Self> {
        self.node()?;
        Ok(self)
    }

    /// What is known of it without its pixels.
    ///
    /// # Errors
    /// The error of an operator that failed on the way here.
    pub fn meta(&self) -> Result<&Meta> {
        Ok(&self.node()?.meta)
    }

    /// The metadata of a handle whose error, if any, was reported before; a failed handle has none to show.
    fn known(&self) -> &Meta {
        match &self.0 {
            Ok(node) => &node.meta,
            Err(error) => panic!("{error}; call check()? after an operator to get this as an error"),
        }
    }

    /// Its axes, in order.
    ///
    /// # Panics
    /// On a handle that an operator failed to build, as do the other accessors: [`check`](Self::check) first.
    pub fn dims(&self) -> Dims {
        self.known().dims
    }

    /// Lengths of its axes, in the order of [`dims`](Self::dims).
    pub fn shape(&self) -> Vec<usize> {
        visible(self.known().shape, self.known().dims)
    }

    /// Type of its pixels.
    pub fn dtype(&self) -> DType {
        self.known().dtype
    }

    /// Lengths of a whole chunk, in the order of [`dims`](Self::dims).
    pub fn chunk_shape(&self) -> Vec<usize> {
        visible(self.known().chunks, self.known().dims)
    }

    /// Count of its chunks.
    pub fn chunk_count(&self) -> usize {
        self.known().chunk_grid().len()
    }

    /// The in-band value that means "no pixel here".
    pub fn nodata(&self) -> Option<Scalar> {
        self.known().nodata
    }

    /// CRS, affine transform and size, if it has them.
    pub fn grid(&self) -> Option<&Grid> {
        self.known().grid.as_deref()
    }

    /// Bytes of all its pixels.
    pub fn byte_len(&self) -> u64 {
        self.known().byte_len()
    }
}
