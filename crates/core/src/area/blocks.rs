//! Closures of users, which see whole chunks.

use std::fmt;

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};

use super::{AreaKernel, Footprint};
use crate::buffer::{Buffer, Pixel};
use crate::chunk::Chunk;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::shape::{ChunkGrid, Dim, Dims, Region, Shape, visible, volume};

/// What a closure of [`map_blocks`](crate::expr::LazyRaster::map_blocks) gets: the pixels of a chunk, and where it lies.
#[derive(Debug)]
pub struct Block<'a, T: Pixel> {
    /// The pixels, along the raster's axes; with those around the chunk where there are any.
    pub pixels: ArrayViewD<'a, T>,
    /// The pixels of the result that are wanted, without those around them.
    pub region: Region,
    /// The value of pixels that are none.
    pub nodata: Option<T>,
}

/// A closure over the chunks of a grid.
pub(crate) struct BlockKernel<T, O, F> {
    pub(crate) name: String,
    pub(crate) footprint: Footprint,
    /// The chunks of the result.
    pub(crate) chunks: ChunkGrid,
    pub(crate) dims: Dims,
    /// Rows and columns around each chunk.
    pub(crate) depth: [usize; 2],
    pub(crate) nodata: Option<Scalar>,
    pub(crate) closure: F,
    pub(crate) dtypes: std::marker::PhantomData<fn(T) -> O>,
}

impl<T, O, F> fmt::Debug for BlockKernel<T, O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<T, O, F> AreaKernel for BlockKernel<T, O, F>
where
    T: Pixel,
    O: Pixel,
    F: Fn(Block<'_, T>) -> Result<ArrayD<O>> + Send + Sync,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn footprint(&self) -> Footprint {
        self.footprint
    }

    fn chunks(&self) -> Option<ChunkGrid> {
        Some(self.chunks)
    }

    fn scratch(&self, input: Shape, output: Shape) -> u64 {
        // What the closure gives, which may be as large as what it gets.
        (volume(input).max(volume(output)) * size_of::<O>()) as u64
    }

    fn run(
        &self,
        input: &Chunk,
        _place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        if cancelled() {
            return Err(Error::cancelled());
        }
        let wrong = |what: String| Error::invalid(format!("{} of {region}: {what}", self.name));
        let pixels = input.data().as_slice::<T>().ok_or_else(|| wrong(format!("pixels are {}", input.dtype())))?;
        let pixels = ArrayViewD::from_shape(IxDyn(&visible(input.shape(), self.dims)), pixels);
        let pixels = pixels.map_err(|error| wrong(error.to_string()))?;
        let block = Block { pixels, region: *region, nodata: self.nodata.map(T::from_scalar) };
        let result = (self.closure)(block).map_err(|error| error.context(format!("{} of {region}", self.name)))?;
        let (wanted, padded) = (visible(region.shape, self.dims), visible(input.shape(), self.dims));
        let result = match result.shape() {
            shape if shape == wanted => result,
            shape if shape == padded => self.trimmed(result, region),
            shape => {
                return Err(wrong(format!(
                    "the closure gave an array of shape {shape:?}, where {wanted:?} was wanted"
                )));
            }
        };
        *output = Chunk::new(region.shape, Buffer::from_vec(result.iter().copied().collect::<Vec<O>>()));
        Ok(())
    }
}

impl<T, O: Pixel, F> BlockKernel<T, O, F> {
    /// Without the rows and columns around the chunk.
    fn trimmed(&self, mut result: ArrayD<O>, region: &Region) -> ArrayD<O> {
        let axes = self.dims.len();
        for (from_end, (dim, depth)) in [(2, (Dim::Y, self.depth[0])), (1, (Dim::X, self.depth[1]))] {
            let length = region.shape[dim.axis()];
            result.slice_axis_inplace(Axis(axes - from_end), Slice::from(depth..depth + length));
        }
        result
    }
}
