//! Closures and kernels of users, pixel by pixel.

use std::sync::Arc;

use super::LazyRaster;
use super::elementwise::meet;
use super::node::Op;
use crate::buffer::Pixel;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;
use crate::pixelwise::{Mapped, PixelKernel};
use crate::shape::check_addressable;

impl LazyRaster {
    /// What a closure makes of each pixel: it gets some pixels, in no certain order and count, and fills as many of the
    /// result.
    ///
    /// Unlike [`map_blocks`](Self::map_blocks), it is fused with other operations on pixels, and must give the same for a
    /// pixel whatever stands beside it. It runs on the workers, several at once. Nodata stays nodata, whatever the closure
    /// makes of it: NaN where the result is a float, the same value where it is an integer that holds it, false of bools;
    /// a pixel that becomes that value is nodata, too.
    ///
    /// ```
    /// # use swath_core::{dtype::DType, testing::raster};
    /// let numbers = raster([1, 100, 80], |_, y, x| (y * x) as u16).with_nodata(0)?;
    /// let decibels = numbers.map("decibels", |numbers: &[u16], decibels: &mut [f32]| {
    ///     for (number, decibel) in numbers.iter().zip(decibels) {
    ///         *decibel = 20.0 * f32::from(*number).log10() - 83.0;
    ///     }
    /// })?;
    /// assert_eq!(decibels.dtype(), DType::F32);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster's dtype is not the closure's, or the result's dtype cannot hold its nodata.
    #[doc(alias = "apply")]
    #[doc(alias = "apply_ufunc")]
    #[track_caller]
    pub fn map<T: Pixel, O: Pixel>(
        &self,
        name: impl Into<String>,
        closure: impl Fn(&[T], &mut [O]) + Send + Sync + 'static,
    ) -> Result<Self> {
        located(|| {
            let (meta, name) = (self.meta()?, name.into());
            if meta.dtype != T::DTYPE {
                return Err(Error::invalid(format!(
                    "cannot apply map {name}: the raster is {}, the closure takes {}; cast it first",
                    meta.dtype,
                    T::DTYPE
                )));
            }
            Self::pixelwise(Arc::new(Mapped::new(name, closure)), &[self], O::DTYPE)
        })
    }

    /// What a kernel of one's own makes of the pixels of rasters in the same place: a raster of this dtype. They meet as
    /// operands of arithmetic do; the result is nodata where one of them is, as in [`map`](Self::map).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use swath_core::buffer::{Slice, SliceMut};
    /// use swath_core::{dtype::DType, expr::LazyRaster, pixelwise::PixelKernel, testing::raster};
    ///
    /// /// The enhanced vegetation index of reflectances.
    /// #[derive(Debug)]
    /// struct Evi;
    ///
    /// impl PixelKernel for Evi {
    ///     fn name(&self) -> String {
    ///         "EVI".to_owned()
    ///     }
    ///
    ///     fn run(&self, inputs: &[Slice<'_>], output: SliceMut<'_>) {
    ///         let [Slice::F32(nir), Slice::F32(red), Slice::F32(blue)] = inputs else { panic!("three bands of f32") };
    ///         let SliceMut::F32(output) = output else { panic!("the index is f32") };
    ///         for (((index, nir), red), blue) in output.iter_mut().zip(*nir).zip(*red).zip(*blue) {
    ///             *index = 2.5 * (nir - red) / (nir + 6.0 * red - 7.5 * blue + 1.0);
    ///         }
    ///     }
    /// }
    ///
    /// let bands = raster([3, 100, 80], |b, y, x| (1 + b + y + x) as f32 / 200.0);
    /// let [nir, red, blue] = [bands.band(0)?, bands.band(1)?, bands.band(2)?];
    /// let index = LazyRaster::pixelwise(Arc::new(Evi), &[&nir, &red, &blue], DType::F32)?;
    /// assert_eq!(index.shape(), [100, 80]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where there is no raster, shapes or grids differ, or the dtype can hold the nodata of none.
    #[track_caller]
    pub fn pixelwise(kernel: Arc<dyn PixelKernel>, rasters: &[&Self], dtype: DType) -> Result<Self> {
        located(|| {
            let name = kernel.name();
            let inputs = rasters.iter().map(|raster| raster.node().map(Arc::clone)).collect::<Result<Vec<_>>>()?;
            let Some((first, others)) = inputs.split_first() else {
                return Err(Error::invalid(format!("cannot apply {name}: there is no raster")));
            };
            let met = others.iter().try_fold(first.meta.clone(), |meta, other| meet(&name, &meta, &other.meta))?;
            let nodata: Vec<_> = inputs.iter().map(|input| input.meta.nodata).collect();
            let blank = blank(&name, &nodata, dtype)?;
            let mut interval = Interval::of_dtype(dtype);
            if let Some(blank) = blank {
                interval = interval.without(blank);
            }
            let meta = Meta { dtype, nodata: blank, interval, ..met };
            check_addressable(meta.shape, dtype.size())?;
            Ok(Self::build(Op::Map { kernel, nodata: nodata.into() }, inputs, meta))
        })
    }
}

/// The nodata of a result of any values, where operands have these.
fn blank(name: &str, operands: &[Option<Scalar>], dtype: DType) -> Result<Option<Scalar>> {
    let mut known = operands.iter().flatten().peekable();
    let Some(first) = known.peek().copied() else { return Ok(None) };
    match dtype {
        DType::Bool => Ok(None),
        DType::F32 | DType::F64 => Ok(Some(Scalar::Float(f64::NAN))),
        _ => known.find_map(|nodata| nodata.fit(dtype).ok()).map(Some).ok_or_else(|| {
            Error::invalid(format!(
                "cannot apply {name}: {dtype} cannot hold nodata {first}; give it another first with with_nodata, or drop it \
                 with without_nodata"
            ))
        }),
    }
}
