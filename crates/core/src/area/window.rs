//! One number for each window of pixels: what coarsening and focal statistics have in common.

use std::ops::Range;

use super::{AreaKernel, Footprint};
use crate::buffer::Pixel;
use crate::chunk::{Chunk, offset};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::shape::{Region, Shape};

/// The number that stands for a window's valid pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Mean,
    Min,
    Max,
}

impl Statistic {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// A statistic of the window around, or under, each output pixel.
#[derive(Debug)]
pub(crate) struct WindowKernel {
    /// What the user called it.
    pub(crate) name: String,
    pub(crate) statistic: Statistic,
    pub(crate) footprint: Footprint,
    /// What is no pixel in the input, and what stands for a window without one in the result.
    pub(crate) nodata: Option<Scalar>,
    pub(crate) result_nodata: Option<Scalar>,
}

impl AreaKernel for WindowKernel {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn footprint(&self) -> Footprint {
        self.footprint
    }

    fn identity(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }

    fn scratch(&self, input: Shape, _: Shape) -> u64 {
        (input[3] * size_of::<Mean<i128>>()) as u64
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let windows = Windows { footprint: &self.footprint, place, region, cancelled };
        for_dtype!(Buffer, input.data(), pixels => self.run_typed(&windows, pixels, output))
    }
}

impl WindowKernel {
    fn run_typed<T: Summand>(&self, windows: &Windows<'_>, pixels: &[T], output: &mut Chunk) -> Result<()> {
        let nodata = self.nodata.map(T::from_scalar);
        match (self.statistic, output.dtype()) {
            (Statistic::Mean, DType::F32) => {
                let empty = self.empty::<f32>();
                windows.each::<T, Mean<T::Sum>, _>(pixels, nodata, typed(output), |mean| {
                    if mean.count == 0 { empty } else { T::mean(mean.sum, mean.count) as f32 }
                })
            }
            (Statistic::Mean, _) => {
                let empty = self.empty::<f64>();
                windows.each::<T, Mean<T::Sum>, _>(pixels, nodata, typed(output), |mean| {
                    if mean.count == 0 { empty } else { T::mean(mean.sum, mean.count) }
                })
            }
            (Statistic::Min, _) => {
                let empty = self.empty::<T>();
                windows.each::<T, Extreme<T, false>, _>(pixels, nodata, typed(output), |min| min.0.unwrap_or(empty))
            }
            (Statistic::Max, _) => {
                let empty = self.empty::<T>();
                windows.each::<T, Extreme<T, true>, _>(pixels, nodata, typed(output), |max| max.0.unwrap_or(empty))
            }
        }
    }

    /// What stands for a window without a valid pixel; there is none where there is no nodata.
    fn empty<T: Pixel>(&self) -> T {
        self.result_nodata.map_or_else(T::default, T::from_scalar)
    }
}

fn typed<T: Pixel>(output: &mut Chunk) -> &mut [T] {
    output.data_mut().as_mut_slice().expect("the result has the dtype that its expression says")
}

/// What is gathered of a window: first of each of its columns, then of these from left to right, so that the order
/// depends on the window alone.
trait Gathered<T>: Copy + Default {
    fn add(&mut self, pixel: T);
    fn join(&mut self, other: &Self);
}

/// Sum and count.
#[derive(Debug, Clone, Copy, Default)]
struct Mean<S> {
    sum: S,
    count: u64,
}

impl<T: Summand> Gathered<T> for Mean<T::Sum> {
    fn add(&mut self, pixel: T) {
        self.sum = T::add(self.sum, pixel.widen());
        self.count += 1;
    }

    fn join(&mut self, other: &Self) {
        self.sum = T::add(self.sum, other.sum);
        self.count += other.count;
    }
}

/// The least pixel, or the greatest; NaN if one is.
#[derive(Debug, Clone, Copy)]
struct Extreme<T, const GREATEST: bool>(Option<T>);

impl<T, const GREATEST: bool> Default for Extreme<T, GREATEST> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Pixel, const GREATEST: bool> Gathered<T> for Extreme<T, GREATEST> {
    fn add(&mut self, pixel: T) {
        let is_beyond =
            |known: T| !known.is_nan() && (pixel.is_nan() || if GREATEST { pixel > known } else { pixel < known });
        if self.0.is_none_or(is_beyond) {
            self.0 = Some(pixel);
        }
    }

    fn join(&mut self, other: &Self) {
        if let Some(pixel) = other.0 {
            self.add(pixel);
        }
    }
}

/// The windows of a region's pixels.
struct Windows<'a> {
    footprint: &'a Footprint,
    /// Where the input's pixels lie.
    place: &'a Region,
    region: &'a Region,
    cancelled: &'a dyn Fn() -> bool,
}

impl Windows<'_> {
    /// Gathers the valid pixels of each window, and writes what `finish` makes of them.
    fn each<T: Pixel, G: Gathered<T>, O: Pixel>(
        &self,
        pixels: &[T],
        nodata: Option<T>,
        output: &mut [O],
        finish: impl Fn(&G) -> O,
    ) -> Result<()> {
        let [times, bands, rows, columns] = self.region.shape;
        let mut gathered = vec![G::default(); self.place.shape[3]];
        for t in 0..times {
            for b in 0..bands {
                for y in 0..rows {
                    if (self.cancelled)() {
                        return Err(Error::cancelled());
                    }
                    gathered.fill(G::default());
                    for row in self.rows([t, b, y], pixels) {
                        add_row(&mut gathered, row, nodata);
                    }
                    let first = offset(self.region.shape, [t, b, y, 0]);
                    for (x, out) in output[first..first + columns].iter_mut().enumerate() {
                        let mut window = G::default();
                        gathered[self.window(3, x)].iter().for_each(|column| window.join(column));
                        *out = finish(&window);
                    }
                }
            }
        }
        Ok(())
    }

    /// The input's rows that the windows of an output row read, in order.
    fn rows<'p, T>(&self, at: [usize; 3], pixels: &'p [T]) -> impl Iterator<Item = &'p [T]> + use<'p, T> {
        let [times, bands, rows] = std::array::from_fn(|axis| self.window(axis, at[axis]));
        let shape = self.place.shape;
        let row = move |t: usize, b: usize, y: usize| {
            let first = offset(shape, [t, b, y, 0]);
            &pixels[first..first + shape[3]]
        };
        times.flat_map(move |t| {
            let rows = rows.clone();
            bands.clone().flat_map(move |b| rows.clone().map(move |y| row(t, b, y)))
        })
    }

    /// What the output pixel at `position` of the region reads along an axis, counted from the input's first pixel.
    fn window(&self, axis: usize, position: usize) -> Range<usize> {
        let (first, length) = (self.place.start[axis], self.place.shape[axis]);
        let at = self.region.start[axis] + position;
        let read = self.footprint.axes[axis].read(at..at + 1, first + length);
        read.start - first..read.end - first
    }
}

fn add_row<T: Pixel, G: Gathered<T>>(gathered: &mut [G], row: &[T], nodata: Option<T>) {
    let pairs = gathered.iter_mut().zip(row);
    match nodata {
        None => pairs.for_each(|(column, pixel)| column.add(*pixel)),
        Some(nodata) => pairs.for_each(|(column, pixel)| {
            if *pixel != nodata && !pixel.is_nan() {
                column.add(*pixel);
            }
        }),
    }
}

/// A pixel that can be summed without overflow: integers exactly, floats as `f64`.
trait Summand: Pixel {
    type Sum: Copy + Default;

    fn widen(self) -> Self::Sum;

    fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum;

    fn mean(sum: Self::Sum, count: u64) -> f64;
}

macro_rules! summand {
    ($($type:ty => $sum:ty),* $(,)?) => {
        $(impl Summand for $type {
            type Sum = $sum;

            fn widen(self) -> $sum {
                self.into()
            }

            fn add(a: $sum, b: $sum) -> $sum {
                a + b
            }

            fn mean(sum: $sum, count: u64) -> f64 {
                sum as f64 / count as f64
            }
        })*
    };
}
// Windows of 2³¹ pixels, as large as an array can be read at once, do not overflow.
summand!(
    bool => i64, u8 => i64, u16 => i64, u32 => i64, u64 => i128, i8 => i64, i16 => i64, i32 => i64, i64 => i128,
    f32 => f64, f64 => f64,
);

#[cfg(test)]
mod tests {
    use super::super::AxisFootprint;
    use super::*;
    use crate::buffer::Buffer;

    const SHAPE: Shape = [1, 2, 7, 9];

    fn kernel(
        statistic: Statistic,
        footprint: Footprint,
        nodata: Option<Scalar>,
        empty: Option<Scalar>,
    ) -> WindowKernel {
        WindowKernel { name: "test".to_owned(), statistic, footprint, nodata, result_nodata: empty }
    }

    fn footprints() -> [Footprint; 3] {
        let same = AxisFootprint::SAME;
        [
            Footprint { axes: [same, same, AxisFootprint::around(1, 1), AxisFootprint::around(2, 0)] },
            Footprint { axes: [same, AxisFootprint::every(2), AxisFootprint::every(3), AxisFootprint::every(2)] },
            Footprint { axes: [same, same, AxisFootprint::all(7), AxisFootprint::all(9)] },
        ]
    }

    /// Checks every statistic of pixels of the whole of [`SHAPE`] against `expected`, which gets a window's pixels.
    fn check<T: Pixel>(
        pixels: &[T],
        nodata: Option<Scalar>,
        mean_dtype: DType,
        expected: impl Fn(Statistic, &[T]) -> Scalar,
    ) {
        let input = Chunk::new(SHAPE, Buffer::from_vec(pixels.to_vec()));
        let place = Region::whole(SHAPE);
        for footprint in footprints() {
            let shape: Shape = std::array::from_fn(|axis| match footprint.axes[axis].step {
                0 => 1,
                step => SHAPE[axis].div_ceil(step),
            });
            let region = Region::whole(shape);
            for statistic in [Statistic::Mean, Statistic::Min, Statistic::Max] {
                let (dtype, empty) = match statistic {
                    Statistic::Mean => (mean_dtype, nodata.map(|_| Scalar::Float(f64::NAN))),
                    _ => (T::DTYPE, nodata),
                };
                let mut output = Chunk::filled(shape, dtype, dtype.zero());
                kernel(statistic, footprint, nodata, empty)
                    .run(&input, &place, &mut output, &region, &|| false)
                    .unwrap();
                let mut window = Vec::new();
                for b in 0..shape[1] {
                    for y in 0..shape[2] {
                        for x in 0..shape[3] {
                            let at = Region { start: [0, b, y, x], shape: [1; 4] };
                            let read = footprint.read(&at, SHAPE);
                            window.clear();
                            for b in read.start[1]..read.end()[1] {
                                for y in read.start[2]..read.end()[2] {
                                    window.extend(
                                        (read.start[3]..read.end()[3]).map(|x| pixels[offset(SHAPE, [0, b, y, x])]),
                                    );
                                }
                            }
                            let got = output.data().get(offset(shape, [0, b, y, x]));
                            assert_eq!(got, expected(statistic, &window), "{statistic:?} {footprint:?} at {y}, {x}");
                        }
                    }
                }
            }
        }
    }

    fn numbers(below: u64) -> Vec<u64> {
        let next = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some((*state >> 33) % below)
        };
        std::iter::repeat_with({
            let mut state = 7;
            move || next(&mut state).unwrap_or_default()
        })
        .take(SHAPE.iter().product())
        .collect()
    }

    #[test]
    fn nodata_is_left_out_and_a_window_of_nothing_else_is_nodata() {
        let pixels: Vec<u8> = numbers(3).into_iter().map(|value| value as u8).collect();
        check(&pixels, Some(Scalar::Int(0)), DType::F32, |statistic, window| {
            let valid: Vec<_> = window.iter().copied().filter(|pixel| *pixel != 0).collect();
            let sum: u32 = valid.iter().map(|pixel| u32::from(*pixel)).sum();
            match statistic {
                Statistic::Mean if valid.is_empty() => Scalar::Float(f64::NAN),
                Statistic::Mean => Scalar::Float(f64::from((f64::from(sum) / valid.len() as f64) as f32)),
                Statistic::Min => Scalar::from(valid.iter().min().copied().unwrap_or(0)),
                Statistic::Max => Scalar::from(valid.iter().max().copied().unwrap_or(0)),
            }
        });
    }

    #[test]
    fn sums_of_large_integers_do_not_overflow() {
        let pixels: Vec<u64> = numbers(1 << 30).into_iter().map(|value| u64::MAX - value).collect();
        check(&pixels, None, DType::F64, |statistic, window| match statistic {
            Statistic::Mean => {
                let sum: u128 = window.iter().map(|pixel| u128::from(*pixel)).sum();
                Scalar::Float(sum as f64 / window.len() as f64)
            }
            Statistic::Min => Scalar::from(window.iter().min().copied().unwrap()),
            Statistic::Max => Scalar::from(window.iter().max().copied().unwrap()),
        });
    }

    #[test]
    fn nan_is_a_value_where_there_is_no_nodata_and_none_where_there_is() {
        let pixels: Vec<f32> =
            numbers(9).into_iter().map(|value| if value == 0 { f32::NAN } else { value as f32 }).collect();
        let extreme = |window: &[f32], pick: fn(f32, f32) -> f32| window.iter().copied().reduce(pick);
        for nodata in [None, Some(Scalar::Int(8))] {
            check(&pixels, nodata, DType::F32, |statistic, window| {
                let is_valid = |pixel: &f32| nodata.is_none() || *pixel != 8.0 && !pixel.is_nan();
                let valid: Vec<_> = window.iter().copied().filter(is_valid).collect();
                if nodata.is_none() && valid.iter().any(|pixel| pixel.is_nan()) {
                    return Scalar::Float(f64::NAN);
                }
                let empty = nodata.unwrap_or(Scalar::Int(0));
                match statistic {
                    Statistic::Mean if valid.is_empty() => Scalar::Float(f64::NAN),
                    // Whole numbers: their sum is exact in any order.
                    Statistic::Mean => {
                        Scalar::from((valid.iter().map(|v| f64::from(*v)).sum::<f64>() / valid.len() as f64) as f32)
                    }
                    Statistic::Min => extreme(&valid, f32::min).map_or(empty, Scalar::from),
                    Statistic::Max => extreme(&valid, f32::max).map_or(empty, Scalar::from),
                }
            });
        }
    }
}
