//! A piece of an array in memory.

use crate::buffer::{Buffer, Pixel};
use crate::dtype::{DType, Scalar};
use crate::for_dtype;
use crate::shape::{Region, Shape, volume};

/// Pixels of a region: contiguous, in the order Time, Band, Y, X (band-sequential).
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    shape: Shape,
    data: Buffer,
}

impl Chunk {
    /// A chunk of these pixels.
    ///
    /// # Panics
    /// If the count of pixels is not that of the shape.
    pub fn new(shape: Shape, data: Buffer) -> Self {
        assert_eq!(volume(shape), data.len(), "a chunk's buffer has as many pixels as its shape");
        Self { shape, data }
    }

    /// A chunk of one value, which must be one that `dtype` can hold.
    pub fn filled(shape: Shape, dtype: DType, value: Scalar) -> Self {
        Self::new(shape, Buffer::filled(dtype, volume(shape), value))
    }

    /// Lengths of the axes.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The pixels.
    pub const fn data(&self) -> &Buffer {
        &self.data
    }

    /// The pixels, to be written.
    pub const fn data_mut(&mut self) -> &mut Buffer {
        &mut self.data
    }

    /// The pixels alone.
    pub fn into_data(self) -> Buffer {
        self.data
    }

    /// The dtype of the pixels.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Bytes of the pixels.
    pub fn byte_len(&self) -> usize {
        self.data.byte_len()
    }

    /// Copies `region` of this chunk to `at` in `target`; both of the same dtype, and large enough.
    pub fn copy_region(&self, region: &Region, target: &mut Self, at: [usize; 4]) {
        let (from, to) = (self.shape, target.shape);
        for_dtype!(Buffer, &self.data, source => {
            let target = same_type(source, &mut target.data);
            copy_rows(source, from, region, target, to, at);
        });
    }
}

fn same_type<'a, T: Pixel>(_: &[T], target: &'a mut Buffer) -> &'a mut [T] {
    target.as_mut_slice::<T>().expect("the plan gives source and target one dtype")
}

fn copy_rows<T: Copy>(source: &[T], from: Shape, region: &Region, target: &mut [T], to: Shape, at: [usize; 4]) {
    let width = region.shape[3];
    for t in 0..region.shape[0] {
        for b in 0..region.shape[1] {
            for y in 0..region.shape[2] {
                let s = offset(from, [region.start[0] + t, region.start[1] + b, region.start[2] + y, region.start[3]]);
                let d = offset(to, [at[0] + t, at[1] + b, at[2] + y, at[3]]);
                target[d..d + width].copy_from_slice(&source[s..s + width]);
            }
        }
    }
}

/// Position in a contiguous array of `shape` of the pixel at `at`.
pub(crate) fn offset(shape: Shape, at: [usize; 4]) -> usize {
    ((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]
}
