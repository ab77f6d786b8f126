//! One raster or several: what a verb takes, and gives back in the same form.

use swath_core::expr::LazyRaster;

mod sealed {
    pub trait Sealed {}
}

/// One raster, a tuple of up to four, an array, slice or `Vec` of them: each verb gives its results in the same form.
pub trait Outputs: sealed::Sealed {
    /// The same form with another content.
    type Of<T: 'static>: 'static;

    /// The rasters, in order.
    fn rasters(&self) -> Vec<LazyRaster>;

    /// Puts results into this form; there are as many as rasters, in their order.
    fn collect<T: 'static>(results: Vec<T>) -> Self::Of<T>;
}

impl sealed::Sealed for &LazyRaster {}
impl Outputs for &LazyRaster {
    type Of<T: 'static> = T;
    fn rasters(&self) -> Vec<LazyRaster> {
        vec![(*self).clone()]
    }
    fn collect<T: 'static>(results: Vec<T>) -> T {
        take(&mut results.into_iter())
    }
}

fn take<T>(results: &mut impl Iterator<Item = T>) -> T {
    results.next().expect("a run gives one result for each raster")
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {
        $(impl sealed::Sealed for ($(tuples!(@raster $name),)+) {}
        impl Outputs for ($(tuples!(@raster $name),)+) {
            type Of<T: 'static> = ($(tuples!(@result $name),)+);
            fn rasters(&self) -> Vec<LazyRaster> {
                vec![$(self.$index.clone()),+]
            }
            fn collect<T: 'static>(results: Vec<T>) -> Self::Of<T> {
                let mut results = results.into_iter();
                ($({ let $name = take(&mut results); $name },)+)
            }
        })*
    };
    (@raster $name:ident) => { &LazyRaster };
    (@result $name:ident) => { T };
}
tuples! {
    (a 0, b 1)
    (a 0, b 1, c 2)
    (a 0, b 1, c 2, d 3)
}

impl<const N: usize> sealed::Sealed for [&LazyRaster; N] {}
impl<const N: usize> Outputs for [&LazyRaster; N] {
    type Of<T: 'static> = Vec<T>;
    fn rasters(&self) -> Vec<LazyRaster> {
        self.iter().map(|raster| (*raster).clone()).collect()
    }
    fn collect<T: 'static>(results: Vec<T>) -> Vec<T> {
        results
    }
}

impl sealed::Sealed for &[LazyRaster] {}
impl Outputs for &[LazyRaster] {
    type Of<T: 'static> = Vec<T>;
    fn rasters(&self) -> Vec<LazyRaster> {
        self.to_vec()
    }
    fn collect<T: 'static>(results: Vec<T>) -> Vec<T> {
        results
    }
}

impl sealed::Sealed for &Vec<LazyRaster> {}
impl Outputs for &Vec<LazyRaster> {
    type Of<T: 'static> = Vec<T>;
    fn rasters(&self) -> Vec<LazyRaster> {
        (*self).clone()
    }
    fn collect<T: 'static>(results: Vec<T>) -> Vec<T> {
        results
    }
}
