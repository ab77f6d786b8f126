//! One number for each window of pixels: what coarsening and focal statistics have in common.

mod columns;
mod order;

use std::fmt;
use std::ops::Range;

pub(super) use self::columns::Summand;
use self::columns::{
    Columns, Ends, Extremes, Mean, Moments, OneByOne, Places, Product, Series, Sums, add_row, join, write,
};
use self::order::{Sorting, TILE, mode, quantile};
use super::row::{Numbers, Pixels, Rows};
use super::{AreaKernel, AxisFootprint, Footprint};
use crate::buffer::Pixel;
use crate::chunk::{Chunk, offset};
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::shape::{Region, Shape};

/// The number that stands for a window's valid pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    Mean,
    Sum,
    Product,
    Count,
    Min,
    Max,
    /// With so many degrees of freedom taken off.
    Variance(u64),
    Deviation(u64),
    /// Between the two pixels around it by their distance, as NumPy's `linear`.
    Quantile(f64),
    /// The most frequent; of several the least.
    Mode,
    First,
    Last,
    /// Where the least is, or the greatest: how many pixels of the window come before the first of them. Of windows that have
    /// one pixel of each row.
    ArgMin,
    ArgMax,
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Sum => f.write_str("sum"),
            Self::Product => f.write_str("product"),
            Self::Count => f.write_str("count"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Variance(0) => f.write_str("variance"),
            Self::Variance(ddof) => write!(f, "variance, ddof {ddof},"),
            Self::Deviation(0) => f.write_str("standard deviation"),
            Self::Deviation(ddof) => write!(f, "standard deviation, ddof {ddof},"),
            Self::Quantile(0.5) => f.write_str("median"),
            Self::Quantile(q) => write!(f, "quantile {q}"),
            Self::Mode => f.write_str("mode"),
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::ArgMin => f.write_str("argmin"),
            Self::ArgMax => f.write_str("argmax"),
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

    fn scratch(&self, input: Shape, output: Shape) -> u64 {
        // Two rows of what is gathered, or all pixels of a window, or of some.
        let together = if self.is_sorted_in_tiles() { TILE } else { 1 };
        let windows = self.footprint.pixels(input) * together * size_of::<u64>();
        ((input[3] + output[3]) * size_of::<Moments>() + windows) as u64
    }

    fn passes_over_times_of(&self, value: Scalar) -> bool {
        self.footprint.axes[0].step == 0 && self.nodata.is_some_and(|nodata| nodata.is_same(value))
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
        let (nodata, empty) = (self.nodata.map(T::from_scalar), self.result_nodata);
        match self.statistic {
            Statistic::Min => windows.each::<T, Extremes<T, false>>(pixels, nodata, Pixels::of(output, empty)),
            Statistic::Max => windows.each::<T, Extremes<T, true>>(pixels, nodata, Pixels::of(output, empty)),
            Statistic::First if self.is_of_planes() => {
                windows.each::<T, Ends<T, false>>(pixels, nodata, Pixels::of(output, empty))
            }
            Statistic::Last if self.is_of_planes() => {
                windows.each::<T, Ends<T, true>>(pixels, nodata, Pixels::of(output, empty))
            }
            Statistic::First => {
                windows.collect(pixels, nodata, Pixels::of(output, empty), |window| window.first().copied())
            }
            Statistic::Last => {
                windows.collect(pixels, nodata, Pixels::of(output, empty), |window| window.last().copied())
            }
            Statistic::Mode => windows.collect(pixels, nodata, Pixels::of(output, empty), mode),
            Statistic::Mean => {
                let mean = |sum: Mean<T::Sum>| (sum.count > 0).then(|| T::mean(sum.sum, sum.count));
                windows.each::<T, Sums<T::Sum>>(pixels, nodata, Numbers::of(output, empty, mean))
            }
            Statistic::Sum => {
                let sum = |sum: Mean<T::Sum>| (sum.count > 0).then_some(sum.sum);
                windows.each::<T, Sums<T::Sum>>(pixels, nodata, Numbers::of(output, empty, sum))
            }
            Statistic::Count => {
                let count = |sum: Mean<T::Sum>| Some(i64::from(sum.count));
                windows.each::<T, Sums<T::Sum>>(pixels, nodata, Numbers::of(output, empty, count))
            }
            Statistic::Product => {
                let product = |product: Product<T::Wide>| product.value();
                windows.each::<T, OneByOne<Product<T::Wide>>>(pixels, nodata, Numbers::of(output, empty, product))
            }
            Statistic::ArgMin => {
                windows.each::<T, Places<T, false>>(pixels, nodata, Numbers::of(output, empty, |place| place))
            }
            Statistic::ArgMax => {
                windows.each::<T, Places<T, true>>(pixels, nodata, Numbers::of(output, empty, |place| place))
            }
            Statistic::Variance(ddof) | Statistic::Deviation(ddof) => self.spread(ddof, windows, pixels, output),
            Statistic::Quantile(q) => {
                let numbers = Numbers::of(output, empty, |quantile| quantile);
                match self.is_sorted_in_tiles() {
                    true => windows.sorted(pixels, nodata, numbers, |sorted, window| sorted.quantile(window, q)),
                    false => windows.collect(pixels, nodata, numbers, |window| quantile(window, q)),
                }
            }
        }
    }

    /// The variance or its root.
    fn spread<T: Summand>(&self, ddof: u64, windows: &Windows<'_>, pixels: &[T], output: &mut Chunk) -> Result<()> {
        let (nodata, is_root) = (self.nodata.map(T::from_scalar), matches!(self.statistic, Statistic::Deviation(_)));
        let spread = |variance: Option<f64>| match variance? {
            // Rounding can leave a little less than 0; NaN stays what it is.
            variance if variance < 0.0 => Some(0.0),
            variance => Some(if is_root { variance.sqrt() } else { variance }),
        };
        if T::SQUARES_ARE_EXACT {
            let numbers = Numbers::of(output, self.result_nodata, |moments: Moments| spread(moments.variance(ddof)));
            windows.each::<T, OneByOne<Moments>>(pixels, nodata, numbers)
        } else {
            let numbers = Numbers::of(output, self.result_nodata, spread);
            windows.collect(pixels, nodata, numbers, |window| variance(window, ddof))
        }
    }

    /// Whether each window is of pixels at one row and column, along Time and Band.
    fn is_of_planes(&self) -> bool {
        self.footprint.axes[2..].iter().all(|axis| *axis == AxisFootprint::SAME)
    }

    /// Whether windows are sorted side by side: of so many pixels that it does not pay, one after the other.
    fn is_sorted_in_tiles(&self) -> bool {
        const PIXELS_MAX: usize = 512;
        let [times, bands, ..] = self.footprint.axes.map(|axis| axis.length());
        self.is_of_planes()
            && matches!(self.statistic, Statistic::Quantile(_))
            && times.saturating_mul(bands) <= PIXELS_MAX
    }
}

/// The variance of pixels whose squares cannot be summed exactly: from their mean, and corrected by what that lacks.
fn variance<T: Summand>(window: &[T], ddof: u64) -> Option<f64> {
    let count = window.len() as u64;
    let free = count.checked_sub(ddof).filter(|free| *free > 0)?;
    let first = *window.first()?;
    let mean = window.iter().map(|pixel| pixel.distance(first)).sum::<f64>() / count as f64;
    // Once more by what the mean lacks, so that of equal pixels it is exact.
    let lacks = window.iter().map(|pixel| pixel.distance(first) - mean).sum::<f64>();
    let mean = mean + lacks / count as f64;
    let distances = || window.iter().map(|pixel| pixel.distance(first) - mean);
    let (rest, squares): (f64, f64) = (distances().sum(), distances().map(|distance| distance * distance).sum());
    // Squares beyond f64 leave nothing to correct.
    let corrected = if squares == f64::INFINITY { squares } else { squares - rest * rest / count as f64 };
    Some(corrected / free as f64)
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
    /// Gathers the valid pixels of each window.
    fn each<T: Pixel, C: Columns<T>>(
        &self,
        pixels: &[T],
        nodata: Option<T>,
        mut output: impl Rows<C::One>,
    ) -> Result<()> {
        let [times, bands, rows, columns] = self.region.shape;
        let (mut gathered, mut joined) = (C::new(self.place.shape[3]), C::new(columns));
        let spans: Vec<_> = (0..columns).map(|x| self.window(3, x)).collect();
        let series = Series::of(&spans);
        let mut asked = Asked::new(self.cancelled);
        for t in 0..times {
            for b in 0..bands {
                for y in 0..rows {
                    gathered.clear();
                    for row in self.rows([t, b, y], pixels) {
                        asked.after(row.len())?;
                        add_row(&mut gathered, row, nodata);
                    }
                    joined.clear();
                    join(&series, &gathered, &mut joined);
                    write(&mut output, offset(self.region.shape, [t, b, y, 0]), &joined);
                }
            }
        }
        Ok(())
    }

    /// Hands the valid pixels of each window to `finish`.
    fn collect<T: Pixel, R>(
        &self,
        pixels: &[T],
        nodata: Option<T>,
        mut output: impl Rows<R>,
        finish: impl Fn(&mut [T]) -> R,
    ) -> Result<()> {
        let [times, bands, rows, columns] = self.region.shape;
        let is_valid = |pixel: &T| nodata.is_none_or(|nodata| *pixel != nodata && !pixel.is_nan());
        let mut window = Vec::with_capacity(self.footprint.pixels(self.place.shape));
        let mut results = Vec::with_capacity(columns);
        let spans: Vec<_> = (0..columns).map(|x| self.window(3, x)).collect();
        let mut asked = Asked::new(self.cancelled);
        for t in 0..times {
            for b in 0..bands {
                for y in 0..rows {
                    let first = offset(self.region.shape, [t, b, y, 0]);
                    results.clear();
                    for columns in &spans {
                        window.clear();
                        for row in self.rows([t, b, y], pixels) {
                            asked.after(columns.len())?;
                            window.extend(row[columns.clone()].iter().copied().filter(is_valid));
                        }
                        results.push(finish(&mut window));
                    }
                    output.write(first, results.drain(..));
                }
            }
        }
        Ok(())
    }

    /// Sorts windows that have one pixel of each row that they read, and writes what `finish` makes of each.
    fn sorted<T: Summand, R>(
        &self,
        pixels: &[T],
        nodata: Option<T>,
        mut output: impl Rows<R>,
        finish: impl Fn(&Sorting<T>, usize) -> R,
    ) -> Result<()> {
        let [times, bands, rows, columns] = self.region.shape;
        let mut sorting = Sorting::new(0);
        let mut read: Vec<&[T]> = Vec::new();
        let mut asked = Asked::new(self.cancelled);
        let first_column = self.region.start[3] - self.place.start[3];
        for [t, b, y] in (0..times).flat_map(|t| (0..bands).flat_map(move |b| (0..rows).map(move |y| [t, b, y]))) {
            read.clear();
            read.extend(self.rows([t, b, y], pixels));
            if !sorting.is_of(read.len()) {
                sorting = Sorting::new(read.len());
            }
            let first = offset(self.region.shape, [t, b, y, 0]);
            for start in (0..columns).step_by(TILE) {
                let count = TILE.min(columns - start);
                asked.after(read.len() * count)?;
                let from = first_column + start;
                sorting.sort(&read, from..from + count, nodata);
                output.write(first + start, (0..count).map(|window| finish(&sorting, window)));
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

/// Asks from time to time whether to go on.
struct Asked<'a> {
    cancelled: &'a dyn Fn() -> bool,
    pixels: usize,
}

impl<'a> Asked<'a> {
    /// Pixels from one question to the next: a millisecond's worth.
    const EVERY: usize = 1 << 18;

    fn new(cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { cancelled, pixels: Self::EVERY }
    }

    fn after(&mut self, pixels: usize) -> Result<()> {
        self.pixels += pixels;
        if self.pixels >= Self::EVERY {
            self.pixels = 0;
            if (self.cancelled)() {
                return Err(Error::cancelled());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::order::interpolate;
    use super::*;
    use crate::buffer::Buffer;
    use crate::dtype::DType;
    use crate::shape::ChunkGrid;

    const SHAPE: Shape = [1, 5, 7, 9];

    fn kernel(
        statistic: Statistic,
        footprint: Footprint,
        nodata: Option<Scalar>,
        empty: Option<Scalar>,
    ) -> WindowKernel {
        WindowKernel { name: "test".to_owned(), statistic, footprint, nodata, result_nodata: empty }
    }

    fn footprints() -> [Footprint; 4] {
        let same = AxisFootprint::SAME;
        [
            Footprint { axes: [same, same, AxisFootprint::around(1, 1), AxisFootprint::around(2, 0)] },
            Footprint { axes: [same, AxisFootprint::every(2), AxisFootprint::every(3), AxisFootprint::every(2)] },
            Footprint { axes: [same, same, AxisFootprint::all(7), AxisFootprint::all(9)] },
            Footprint { axes: [same, AxisFootprint::all(5), same, same] },
        ]
    }

    /// Every statistic whose result has the pixels' dtype, and every one whose result has not.
    const OWN: [Statistic; 5] = [Statistic::Min, Statistic::Max, Statistic::Mode, Statistic::First, Statistic::Last];
    const OTHER: [Statistic; 5] =
        [Statistic::Mean, Statistic::Sum, Statistic::Count, Statistic::Quantile(0.5), Statistic::Quantile(0.3)];

    /// Checks a statistic of all pixels of [`SHAPE`] against `expected`, which gets a window's pixels, row by row.
    fn check<T: Pixel>(
        pixels: &[T],
        nodata: Option<Scalar>,
        statistic: Statistic,
        (dtype, empty): (DType, Option<Scalar>),
        expected: impl Fn(&[T]) -> Scalar,
    ) {
        let input = Chunk::new(SHAPE, Buffer::from_vec(pixels.to_vec()));
        let place = Region::whole(SHAPE);
        for footprint in footprints() {
            let shape: Shape = std::array::from_fn(|axis| match footprint.axes[axis].step {
                0 => 1,
                step => SHAPE[axis].div_ceil(step),
            });
            let region = Region::whole(shape);
            let mut output = Chunk::filled(shape, dtype, dtype.zero());
            kernel(statistic, footprint, nodata, empty).run(&input, &place, &mut output, &region, &|| false).unwrap();
            let cells = ChunkGrid::new(shape, [1; 4]);
            for cell in 0..cells.len() {
                let at = cells.position(cell);
                let read = footprint.read(&Region { start: at, shape: [1; 4] }, SHAPE);
                let all = ChunkGrid::new(SHAPE, [1; 4]);
                let window: Vec<T> = all.touching(&read).map(|index| pixels[index]).collect();
                let got = output.data().get(cell);
                assert_eq!(got, expected(&window), "{statistic} {footprint:?} at {at:?} of {window:?}");
            }
        }
    }

    /// What a statistic of numbers is, by its definition; none of no numbers.
    fn defined(statistic: Statistic, numbers: &[f64]) -> Option<f64> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = numbers.len() as f64;
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        Some(match statistic {
            Statistic::Mean => numbers.iter().sum::<f64>() / count,
            Statistic::Sum => numbers.iter().sum(),
            Statistic::Count => count,
            Statistic::Min => sorted[0],
            Statistic::Max => sorted[sorted.len() - 1],
            Statistic::Mode => {
                let times = |value: f64| numbers.iter().filter(|other| **other == value).count();
                sorted.iter().copied().rev().max_by_key(|value| times(*value)).unwrap()
            }
            Statistic::First => first,
            Statistic::Last => last,
            Statistic::Quantile(q) => {
                let position = q * (count - 1.0);
                let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
                interpolate(low, high, position.fract())
            }
            Statistic::Product
            | Statistic::Variance(_)
            | Statistic::Deviation(_)
            | Statistic::ArgMin
            | Statistic::ArgMax => unreachable!("a test of their own"),
        })
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

    /// Quotients and floats are given as f32 here.
    fn rounded(value: f64) -> Scalar {
        Scalar::from(value as f32)
    }

    #[test]
    fn nodata_is_left_out_and_a_window_of_nothing_else_is_nodata() {
        let pixels: Vec<u8> = numbers(3).into_iter().map(|value| value as u8).collect();
        let nodata = Some(Scalar::Int(0));
        let valid = |window: &[u8]| -> Vec<f64> { window.iter().filter(|p| **p != 0).map(|p| f64::from(*p)).collect() };
        let nan = Scalar::Float(f64::NAN);
        for statistic in OWN {
            check(&pixels, nodata, statistic, (DType::U8, nodata), |window| {
                defined(statistic, &valid(window)).map_or(Scalar::Int(0), |value| Scalar::Int(value as i128))
            });
        }
        for statistic in OTHER {
            let (dtype, empty) = match statistic {
                Statistic::Sum => (DType::U16, Some(Scalar::Int(999))),
                Statistic::Count => (DType::U16, None),
                _ => (DType::F32, Some(nan)),
            };
            check(&pixels, nodata, statistic, (dtype, empty), |window| {
                let value = defined(statistic, &valid(window));
                match (value, statistic) {
                    (None, Statistic::Sum) => Scalar::Int(999),
                    (None, Statistic::Count) => Scalar::Int(0),
                    (None, _) => nan,
                    (Some(value), Statistic::Sum | Statistic::Count) => Scalar::Int(value as i128),
                    (Some(value), _) => rounded(value),
                }
            });
        }
    }

    #[test]
    fn products_are_of_valid_pixels() {
        let pixels: Vec<u8> = numbers(3).into_iter().map(|value| value as u8).collect();
        let (nodata, empty) = (Some(Scalar::Int(0)), Some(Scalar::Int(-1)));
        check(&pixels, nodata, Statistic::Product, (DType::I64, empty), |window| {
            let valid: Vec<_> = window.iter().filter(|pixel| **pixel != 0).map(|pixel| i128::from(*pixel)).collect();
            Scalar::Int(if valid.is_empty() { -1 } else { valid.iter().product() })
        });
        // Powers of 2, so that the order does not matter.
        let pixels: Vec<f32> = numbers(5).into_iter().map(|value| 2_f32.powi(value as i32 - 2)).collect();
        check(&pixels, None, Statistic::Product, (DType::F32, None), |window| {
            Scalar::from(window.iter().map(|pixel| f64::from(*pixel)).product::<f64>() as f32)
        });
    }

    #[test]
    fn places_are_those_of_the_first_extreme_among_all_pixels() {
        let place = |statistic, pixels: [f32; 5], nodata: Option<Scalar>| {
            let (same, all) = (AxisFootprint::SAME, AxisFootprint::all(5));
            let kernel = kernel(statistic, Footprint { axes: [same, all, same, same] }, nodata, Some(Scalar::Int(9)));
            let (place, region) = (Region::whole([1, 5, 1, 1]), Region::whole([1; 4]));
            let input = Chunk::new(place.shape, Buffer::from_vec(pixels.to_vec()));
            let mut output = Chunk::filled([1; 4], DType::U8, DType::U8.zero());
            kernel.run(&input, &place, &mut output, &region, &|| false).unwrap();
            output.data().as_slice::<u8>().unwrap()[0]
        };
        let (nan, zero) = (f32::NAN, Some(Scalar::Int(0)));
        for (pixels, nodata, least, greatest) in [
            ([2.0, 1.0, 3.0, 1.0, 3.0], None, 1, 2),
            ([0.0, 1.0, nan, 1.0, 3.0], zero, 1, 4),
            ([0.0, 1.0, nan, 1.0, nan], None, 2, 2),
            ([0.0, nan, 0.0, nan, 0.0], zero, 9, 9),
            ([f32::INFINITY; 5], zero, 0, 0),
            ([f32::NEG_INFINITY; 5], None, 0, 0),
            ([nan; 5], None, 0, 0),
        ] {
            assert_eq!(place(Statistic::ArgMin, pixels, nodata), least, "{pixels:?}");
            assert_eq!(place(Statistic::ArgMax, pixels, nodata), greatest, "{pixels:?}");
        }
    }

    #[test]
    fn deviations_and_quantiles_of_what_is_not_finite_are_numpys() {
        let one = |statistic, window: [f64; 2]| {
            let input = Chunk::new([1, 1, 1, 2], Buffer::from_vec(window.to_vec()));
            let all = Footprint {
                axes: [AxisFootprint::SAME, AxisFootprint::SAME, AxisFootprint::SAME, AxisFootprint::all(2)],
            };
            let mut output = Chunk::filled([1; 4], DType::F64, DType::F64.zero());
            let kernel = kernel(statistic, all, None, None);
            kernel.run(&input, &Region::whole([1, 1, 1, 2]), &mut output, &Region::whole([1; 4]), &|| false).unwrap();
            output.data().as_slice::<f64>().unwrap()[0]
        };
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        assert!(one(Statistic::Deviation(0), [1.0, nan]).is_nan());
        assert!(one(Statistic::Variance(0), [1.0, inf]).is_nan());
        assert_eq!(one(Statistic::Variance(0), [1e300, 300.0]), inf);
        assert_eq!(one(Statistic::Variance(0), [1e300 / 3.0, 1e300 / 3.0]), 0.0);
        assert!(one(Statistic::Deviation(0), [inf, inf]).is_nan());
        assert_eq!(one(Statistic::Deviation(0), [0.1, 0.1]), 0.0);
        assert_eq!(one(Statistic::Quantile(0.5), [1.0, inf]), inf);
        assert_eq!(one(Statistic::Quantile(0.5), [inf, inf]), inf);
        assert!(one(Statistic::Quantile(0.5), [-inf, inf]).is_nan());
        assert_eq!(one(Statistic::Quantile(0.5), [-1.7e308, 1.7e308]), 0.0);
        assert_eq!(one(Statistic::Quantile(0.25), [1.0, 2.0]), 1.25);
    }

    #[test]
    fn variances_of_large_integers_do_not_cancel() {
        let window = [u64::MAX, u64::MAX - 2];
        assert_eq!(variance(&window, 0), Some(1.0));
        assert_eq!(variance(&[i64::MIN, i64::MIN + 4], 1), Some(8.0));
    }

    #[test]
    fn sums_of_large_integers_do_not_overflow() {
        let pixels: Vec<u64> = numbers(1 << 30).into_iter().map(|value| u64::MAX - value).collect();
        check(&pixels, None, Statistic::Mean, (DType::F64, None), |window| {
            let sum: u128 = window.iter().map(|pixel| u128::from(*pixel)).sum();
            Scalar::Float(sum as f64 / window.len() as f64)
        });
        check(&pixels, None, Statistic::Max, (DType::U64, None), |window| {
            Scalar::from(window.iter().max().copied().unwrap())
        });
        let pixels: Vec<i32> = numbers(1 << 20).into_iter().map(|value| i32::MIN + value as i32).collect();
        check(&pixels, None, Statistic::Sum, (DType::I64, None), |window| {
            Scalar::Int(window.iter().map(|pixel| i128::from(*pixel)).sum())
        });
    }

    #[test]
    fn nan_is_a_value_where_there_is_no_nodata_and_none_where_there_is() {
        let pixels: Vec<f32> =
            numbers(9).into_iter().map(|value| if value == 0 { f32::NAN } else { value as f32 }).collect();
        for nodata in [None, Some(Scalar::Int(8))] {
            for statistic in OWN.into_iter().chain(OTHER) {
                let told = match statistic {
                    Statistic::Count => (DType::U8, None),
                    _ => (DType::F32, nodata.map(|_| Scalar::Float(f64::NAN))),
                };
                check(&pixels, nodata, statistic, told, |window| {
                    let is_valid = |pixel: &&f32| nodata.is_none() || **pixel != 8.0 && !pixel.is_nan();
                    let valid: Vec<_> = window.iter().filter(is_valid).map(|pixel| f64::from(*pixel)).collect();
                    match statistic {
                        // These take a pixel, or count, whatever the others are.
                        Statistic::First | Statistic::Last | Statistic::Count => {}
                        _ if valid.iter().any(|pixel| pixel.is_nan()) => return Scalar::Float(f64::NAN),
                        _ => {}
                    }
                    match defined(statistic, &valid) {
                        _ if statistic == Statistic::Count => Scalar::from(valid.len()),
                        Some(value) => rounded(value),
                        None => Scalar::Float(f64::NAN),
                    }
                });
            }
        }
    }

    #[test]
    fn variances_are_exact_of_integers_and_do_not_cancel_of_floats() {
        let integers: Vec<u16> = numbers(60_000).into_iter().map(|value| value as u16).collect();
        for ddof in [0, 1] {
            let nan = Some(Scalar::Float(f64::NAN));
            check(&integers, None, Statistic::Variance(ddof), (DType::F64, nan), |window| {
                let count = window.len() as i128;
                let first: i128 = window.iter().map(|pixel| i128::from(*pixel)).sum();
                let second: i128 = window.iter().map(|pixel| i128::from(*pixel).pow(2)).sum();
                match count - i128::from(ddof) {
                    0 => Scalar::Float(f64::NAN),
                    free => Scalar::Float((count * second - first * first) as f64 / count as f64 / free as f64),
                }
            });
        }
        // Far from 0 the squares of all digits would be lost.
        let pixels: Vec<f64> = numbers(1000).into_iter().map(|value| 1e9 + value as f64 / 1000.0).collect();
        let input = Chunk::new(SHAPE, Buffer::from_vec(pixels.clone()));
        let footprint = Footprint { axes: SHAPE.map(AxisFootprint::all) };
        let mut output = Chunk::filled([1; 4], DType::F64, DType::F64.zero());
        let (place, region) = (Region::whole(SHAPE), Region::whole([1; 4]));
        kernel(Statistic::Deviation(0), footprint, None, None)
            .run(&input, &place, &mut output, &region, &|| false)
            .unwrap();
        let mean = pixels.iter().map(|pixel| pixel - 1e9).sum::<f64>() / pixels.len() as f64;
        let squares: f64 = pixels.iter().map(|pixel| (pixel - 1e9 - mean).powi(2)).sum();
        let expected = (squares / pixels.len() as f64).sqrt();
        let got = output.data().get(0).to_f64();
        assert!((got / expected - 1.0).abs() < 1e-12, "{got}, not {expected}");
    }
}
