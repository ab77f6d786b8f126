//! Pixels in memory, with what is known of them: what `compute` gives.

use ndarray::{ArrayViewD, IxDyn};

use crate::buffer::{Buffer, Pixel};
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::meta::Meta;
use crate::shape::{Dims, visible};

/// A raster in memory: a contiguous array in the order of its axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    meta: Meta,
    data: Buffer,
}

impl Raster {
    /// A raster of these pixels.
    ///
    /// # Errors
    /// `InvalidInput` where count or dtype of the pixels are not those of `meta`.
    pub fn new(meta: Meta, chunk: Chunk) -> Result<Self> {
        if chunk.shape() != meta.shape || chunk.dtype() != meta.dtype {
            return Err(Error::invalid("the pixels do not have the raster's shape and dtype"));
        }
        Ok(Self { meta, data: chunk.into_data() })
    }

    /// What is known of it.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its axes, in order.
    pub const fn dims(&self) -> Dims {
        self.meta.dims
    }

    /// Lengths of its axes.
    pub fn shape(&self) -> Vec<usize> {
        visible(self.meta.shape, self.meta.dims)
    }

    /// Type of its pixels.
    pub const fn dtype(&self) -> DType {
        self.meta.dtype
    }

    /// The in-band value that means "no pixel here".
    pub const fn nodata(&self) -> Option<Scalar> {
        self.meta.nodata
    }

    /// CRS, affine transform and size, if it has them.
    pub fn grid(&self) -> Option<&Grid> {
        self.meta.grid.as_deref()
    }

    /// The pixels, row-major in the order of the axes.
    pub const fn data(&self) -> &Buffer {
        &self.data
    }

    /// The pixels as an ndarray view of the raster's axes.
    ///
    /// # Errors
    /// `InvalidInput` where `T` is not the raster's dtype.
    pub fn view<T: Pixel>(&self) -> Result<ArrayViewD<'_, T>> {
        let pixels = self
            .data
            .as_slice::<T>()
            .ok_or_else(|| Error::invalid(format!("the raster is {}, not {}", self.meta.dtype, T::DTYPE)))?;
        let view = ArrayViewD::from_shape(IxDyn(&self.shape()), pixels);
        Ok(view.expect("a raster has as many pixels as its shape"))
    }
}
