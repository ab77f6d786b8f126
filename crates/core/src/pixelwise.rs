//! Operations of one's own, each of whose pixels is computed from the pixels in the same place.

use std::fmt;
use std::marker::PhantomData;

use crate::buffer::{Pixel, Slice, SliceMut};

/// An operation each of whose pixels is computed from the pixels of its inputs in the same place, and from nothing else.
///
/// It is run on some pixels at a time, and may be run on one alone to learn what becomes of a value: what it gives must
/// not depend on how many there are, nor on what it was run on before.
/// [`check_pixelwise`](crate::testing::check_pixelwise) checks that.
pub trait PixelKernel: fmt::Debug + Send + Sync {
    /// What to call it in plans and messages.
    fn name(&self) -> String;

    /// A text that two kernels have in common only if they compute the same; none for one that is only equal to itself.
    fn identity(&self) -> Option<String> {
        None
    }

    /// Computes `output` from as many pixels of each input, whose dtypes are those of the rasters. What it gives where an
    /// input is nodata is not used.
    fn run(&self, inputs: &[Slice<'_>], output: SliceMut<'_>);
}

/// A closure from pixels of one dtype to pixels of another.
pub(crate) struct Mapped<T, O, F> {
    name: String,
    closure: F,
    dtypes: PhantomData<fn(T) -> O>,
}

impl<T, O, F> Mapped<T, O, F> {
    pub(crate) fn new(name: String, closure: F) -> Self {
        Self { name, closure, dtypes: PhantomData }
    }
}

impl<T, O, F> fmt::Debug for Mapped<T, O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<T: Pixel, O: Pixel, F: Fn(&[T], &mut [O]) + Send + Sync> PixelKernel for Mapped<T, O, F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&self, inputs: &[Slice<'_>], output: SliceMut<'_>) {
        let input = inputs[0].as_slice().expect("the raster's dtype is the closure's where it is built");
        let output = output.into_slice().expect("the result has the closure's dtype");
        (self.closure)(input, output);
    }
}
