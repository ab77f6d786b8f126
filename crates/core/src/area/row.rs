//! Where the results of windows go, row by row.
//!
//! What is reckoned in a wide type is given in the result's dtype, whichever that is, only when a row is done: so no loop
//! over windows is compiled for each pair of dtypes.

use crate::buffer::{Pixel, SliceMut};
use crate::chunk::Chunk;
use crate::dtype::Scalar;

/// What takes the results of windows.
pub(super) trait Rows<R> {
    /// Writes results that begin at the output's pixel `first`.
    fn write(&mut self, first: usize, results: impl ExactSizeIterator<Item = R>);
}

/// Results that are pixels of the result's dtype; a value stands for none.
pub(super) struct Pixels<'a, T> {
    pixels: &'a mut [T],
    empty: T,
}

impl<'a, T: Pixel> Pixels<'a, T> {
    pub(super) fn of(output: &'a mut Chunk, empty: Option<Scalar>) -> Self {
        let pixels = output.data_mut().as_mut_slice().expect("the result has the dtype that its expression says");
        Self { pixels, empty: empty.map_or_else(T::default, T::from_scalar) }
    }
}

impl<T: Pixel> Rows<Option<T>> for Pixels<'_, T> {
    #[inline(always)]
    fn write(&mut self, first: usize, results: impl ExactSizeIterator<Item = Option<T>>) {
        let pixels = self.pixels[first..].iter_mut();
        pixels.zip(results).for_each(|(pixel, result)| *pixel = result.unwrap_or(self.empty));
    }
}

/// Results of which numbers are made; a number stands for none.
pub(super) struct Numbers<'a, N, F> {
    output: &'a mut Chunk,
    empty: N,
    number: F,
    row: Vec<N>,
}

impl<'a, N: Number, F> Numbers<'a, N, F> {
    pub(super) fn of(output: &'a mut Chunk, empty: Option<Scalar>, number: F) -> Self {
        Self { output, empty: N::of(empty.unwrap_or(Scalar::Int(0))), number, row: Vec::new() }
    }
}

impl<R, N: Number, F: Fn(R) -> Option<N>> Rows<R> for Numbers<'_, N, F> {
    #[inline(always)]
    fn write(&mut self, first: usize, results: impl ExactSizeIterator<Item = R>) {
        let (number, empty) = (&self.number, self.empty);
        self.row.resize(results.len(), empty);
        self.row.iter_mut().zip(results).for_each(|(row, result)| *row = number(result).unwrap_or(empty));
        N::store(&self.row, self.output.data_mut().slice_mut(first, first + self.row.len()));
    }
}

/// A type in which windows are reckoned.
pub(in crate::area) trait Number: Copy {
    /// The number of a literal; an integer modulo its size, as a pixel is of it.
    fn of(value: Scalar) -> Self;

    /// Writes numbers, all of which the dtype of `pixels` holds.
    fn store(numbers: &[Self], pixels: SliceMut<'_>);
}

macro_rules! integers {
    ($($number:ty),*) => {
        $(impl Number for $number {
            fn of(value: Scalar) -> Self {
                value.to_integer().unwrap_or_default() as Self
            }

            #[inline(always)]
            fn store(numbers: &[Self], pixels: SliceMut<'_>) {
                macro_rules! store {
                    ($pixels:ident as $type:ty) => {
                        $pixels.iter_mut().zip(numbers).for_each(|(pixel, number)| *pixel = *number as $type)
                    };
                }
                match pixels {
                    SliceMut::U8(pixels) => store!(pixels as u8),
                    SliceMut::U16(pixels) => store!(pixels as u16),
                    SliceMut::U32(pixels) => store!(pixels as u32),
                    SliceMut::U64(pixels) => store!(pixels as u64),
                    SliceMut::I8(pixels) => store!(pixels as i8),
                    SliceMut::I16(pixels) => store!(pixels as i16),
                    SliceMut::I32(pixels) => store!(pixels as i32),
                    SliceMut::I64(pixels) => store!(pixels as i64),
                    _ => unreachable!("integers are given as integers"),
                }
            }
        })*
    };
}
integers!(u32, i64, i128);

impl Number for f64 {
    fn of(value: Scalar) -> Self {
        value.to_f64()
    }

    #[inline(always)]
    fn store(numbers: &[Self], pixels: SliceMut<'_>) {
        match pixels {
            SliceMut::F32(pixels) => {
                pixels.iter_mut().zip(numbers).for_each(|(pixel, number)| *pixel = *number as f32);
            }
            SliceMut::F64(pixels) => pixels.copy_from_slice(numbers),
            _ => unreachable!("floats are given as floats"),
        }
    }
}
