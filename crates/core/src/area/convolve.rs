//! Sums of the pixels around each pixel, each times a weight.

use std::fmt;

use super::row::{Numbers, Rows};
use super::window::Summand;
use super::{AreaKernel, AxisFootprint, Footprint};
use crate::chunk::{Chunk, offset};
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::shape::{Region, Shape};

/// Weights of the pixels of a window, whose first is in the place of the output pixel.
#[derive(Clone, PartialEq)]
pub(crate) struct Convolution {
    /// Row by row.
    pub(crate) weights: Vec<f64>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// What is no pixel in the input; the result has NaN where one of its window is.
    pub(crate) nodata: Option<Scalar>,
}

impl fmt::Debug for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bits, as this tells kernels apart.
        let weights: Vec<_> = self.weights.iter().map(|weight| weight.to_bits()).collect();
        write!(f, "convolve {} × {} {weights:x?} {:?}", self.rows, self.columns, self.nodata)
    }
}

impl AreaKernel for Convolution {
    fn name(&self) -> String {
        format!("convolve {} × {}", self.rows, self.columns)
    }

    fn footprint(&self) -> Footprint {
        let same = AxisFootprint::SAME;
        Footprint { axes: [same, same, AxisFootprint::onwards(self.rows), AxisFootprint::onwards(self.columns)] }
    }

    fn identity(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }

    fn scratch(&self, input: Shape, output: Shape) -> u64 {
        ((input[3] + output[3]) * (size_of::<f64>() + size_of::<bool>())) as u64
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        for_dtype!(Buffer, input.data(), pixels => self.run_typed(pixels, place, output, region, cancelled))
    }
}

impl Convolution {
    /// Weight by weight, each over a whole row: the order of a pixel's sum is that of the weights, wherever it lies.
    fn run_typed<T: Summand>(
        &self,
        pixels: &[T],
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let [times, bands, rows, columns] = region.shape;
        let nodata = self.nodata.map(T::from_scalar);
        let (mut sums, mut missing) = (vec![0.0; columns], vec![false; columns]);
        let mut line = vec![0.0; place.shape[3]];
        let first = |axis: usize| region.start[axis] - place.start[axis];
        let lines = (0..times).flat_map(|t| (0..bands).flat_map(move |b| (0..rows).map(move |y| [t, b, y])));
        let sum = |(sum, missing): (&f64, &bool)| (!missing).then_some(*sum);
        let mut output = Numbers::of(output, Some(Scalar::Float(f64::NAN)), sum);
        for [t, b, y] in lines {
            if cancelled() {
                return Err(Error::cancelled());
            }
            sums.fill(0.0);
            missing.fill(false);
            for (row, weights) in self.weights.chunks_exact(self.columns).enumerate() {
                let from = offset(place.shape, [t + first(0), b + first(1), y + first(2) + row, 0]);
                let pixels = &pixels[from..from + place.shape[3]];
                line.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = pixel.to_f64());
                for (column, weight) in weights.iter().enumerate() {
                    let start = first(3) + column;
                    let values = &line[start..start + columns];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                    if let Some(nodata) = nodata {
                        let pixels = &pixels[start..start + columns];
                        let pairs = missing.iter_mut().zip(pixels);
                        pairs.for_each(|(missing, pixel)| *missing |= *pixel == nodata || pixel.is_nan());
                    }
                }
            }
            output.write(offset(region.shape, [t, b, y, 0]), sums.iter().zip(&missing));
        }
        Ok(())
    }
}
