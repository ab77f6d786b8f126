//! Pixels of a lower resolution, each from those that it covers: what overviews are made of.
//!
//! Of an axis of `n` pixels that becomes one of `m`, pixel `i` covers `i·n/m` to `(i + 1)·n/m`, so that both show the same
//! extent; where `n/m` is no integer, pixels at its ends are covered in part. GDAL reckons its overviews so.

mod mean;

use std::fmt;
use std::ops::Range;

use self::mean::Mean;
use super::{AreaKernel, AxisFootprint, Footprint};
use crate::buffer::Pixel;
use crate::chunk::{Chunk, offset};
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::kernel::dispatch::dispatched;
use crate::shape::{Region, Shape};

/// How a pixel of a lower resolution comes from the pixels that it covers. All but `Nearest` leave out nodata pixels; a
/// pixel that covers nothing else is nodata.
///
/// A number that is reckoned of valid pixels and happens to be the nodata value becomes the next greater one, at the end of
/// the dtype the next smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// The pixel whose middle is nearest to that of the first pixel covered: `⌊i·n/m + ½⌋`, GDAL's rule. Never a value that
    /// the raster does not have.
    Nearest,
    /// The mean, weighted by the covered area; of integers rounded to the nearest, halves up. Bool: whether at least half is
    /// true.
    Average,
    /// The mean weighted by a triangle twice as wide as a pixel of the result, as GDAL's; rounded as `Average`.
    Bilinear,
    /// The root of the mean square, weighted by the covered area; rounded as `Average`.
    Rms,
    /// The most frequent value; of several the one that is first so often, row by row. For classes.
    Mode,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
}

impl Resampling {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Nearest, Self::Average, Self::Bilinear, Self::Rms, Self::Mode, Self::Min, Self::Max];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Average => "average",
            Self::Bilinear => "bilinear",
            Self::Rms => "rms",
            Self::Mode => "mode",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A raster at a lower resolution.
#[derive(Debug)]
pub(crate) struct Resample {
    pub(crate) resampling: Resampling,
    /// Rows and columns of the raster, and of what it becomes.
    pub(crate) from: [usize; 2],
    pub(crate) to: [usize; 2],
    /// What is no pixel, before and after.
    pub(crate) nodata: Option<Scalar>,
}

impl AreaKernel for Resample {
    fn name(&self) -> String {
        let [rows, columns] = self.to;
        format!("downsample to {rows} × {columns} by {}", self.resampling)
    }

    fn footprint(&self) -> Footprint {
        let along = |axis: usize| {
            let covered = AxisFootprint::scaled(self.from[axis], self.to[axis]);
            // A triangle reaches half a pixel of the result further on both sides.
            let beside =
                if self.resampling == Resampling::Bilinear { self.from[axis].div_ceil(2 * self.to[axis]) } else { 0 };
            AxisFootprint { before: covered.before + beside, after: covered.after + beside, ..covered }
        };
        Footprint { axes: [AxisFootprint::SAME, AxisFootprint::SAME, along(0), along(1)] }
    }

    fn identity(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }

    fn is_stage(&self) -> bool {
        // A block of the result covers four or more of what it is made of: these need not be there at once.
        true
    }

    fn scratch(&self, input: Shape, output: Shape) -> u64 {
        let taps = (output[2] + output[3]) * size_of::<Taps>() + (input[2] + input[3]) * 2 * size_of::<f64>();
        (taps + 2 * input[3] * size_of::<f64>()) as u64
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let taps = |axis: usize| -> Vec<Taps> {
            let (at, scale) = (axis + 2, Scale { from: self.from[axis], to: self.to[axis] });
            let output = region.start[at]..region.end()[at];
            output.map(|index| scale.taps(self.resampling, index, place.start[at])).collect()
        };
        let areas = Areas { place: place.shape, region: region.shape, rows: taps(0), columns: taps(1), cancelled };
        for_dtype!(Buffer, input.data(), pixels => self.run_typed(pixels, &areas, output))
    }
}

impl Resample {
    fn run_typed<T: Mean>(&self, pixels: &[T], areas: &Areas<'_>, output: &mut Chunk) -> Result<()> {
        let output = output.data_mut().as_mut_slice::<T>().expect("resampled pixels keep their dtype");
        let valid = Valid { nodata: self.nodata.map(T::from_scalar) };
        match self.resampling {
            Resampling::Nearest => areas.nearest(pixels, output),
            Resampling::Average if self.from == self.to.map(|length| 2 * length) => areas.halved(pixels, output, valid),
            Resampling::Average | Resampling::Bilinear => {
                areas.weighted(pixels, output, valid, |value| value, |mean| mean)
            }
            Resampling::Rms => areas.weighted(pixels, output, valid, |value| value * value, f64::sqrt),
            Resampling::Mode => areas.collected(pixels, output, valid, &mut Counts::default()),
            Resampling::Min => areas.collected(pixels, output, valid, &mut Least { greatest: false }),
            Resampling::Max => areas.collected(pixels, output, valid, &mut Least { greatest: true }),
        }
    }
}

/// One axis before and after.
#[derive(Debug, Clone, Copy)]
struct Scale {
    from: usize,
    to: usize,
}

/// What one pixel of the result reads along an axis, counted from the first pixel at hand: a range and a weight for each.
#[derive(Debug, Clone, PartialEq)]
struct Taps {
    range: Range<usize>,
    weights: Vec<f64>,
}

impl Scale {
    /// What pixel `index` of the result reads, of pixels from `first` on.
    fn taps(self, resampling: Resampling, index: usize, first: usize) -> Taps {
        let Self { from, to } = self;
        let covered = index * from / to..((index + 1) * from).div_ceil(to);
        match resampling {
            Resampling::Nearest => {
                let nearest = ((2 * index * from + to) / (2 * to)).min(from - 1);
                Taps { range: nearest - first..nearest + 1 - first, weights: vec![1.0] }
            }
            Resampling::Bilinear => {
                let ratio = from as f64 / to as f64;
                let middle = (index as f64 + 0.5) * ratio;
                let start = ((middle - ratio).floor().max(0.0) as usize).min(covered.start).max(first);
                let end = ((middle + ratio).ceil() as usize).max(covered.end).min(from);
                let weight = |at: &usize| (1.0 - (*at as f64 + 0.5 - middle).abs() / ratio).max(0.0);
                // What weighs nothing is not to be multiplied: it may be infinite.
                let start = (start..end).find(|at| weight(at) > 0.0).unwrap_or(start);
                let end = (start..end).rfind(|at| weight(at) > 0.0).map_or(end, |last| last + 1);
                Taps { range: start - first..end - first, weights: (start..end).map(|at| weight(&at)).collect() }
            }
            _ => {
                // Both ends in units of which a pixel has `to`: whole numbers.
                let share = |at: usize| ((index + 1) * from).min((at + 1) * to) - (index * from).max(at * to);
                let weights = covered.clone().map(|at| share(at) as f64 / to as f64).collect();
                Taps { range: covered.start - first..covered.end - first, weights }
            }
        }
    }
}

/// Which pixels count.
#[derive(Debug, Clone, Copy)]
struct Valid<T> {
    nodata: Option<T>,
}

impl<T: Pixel> Valid<T> {
    #[inline(always)]
    fn has(self, pixel: T) -> bool {
        self.nodata.is_none_or(|nodata| (pixel != nodata) & !pixel.is_nan())
    }

    #[inline(always)]
    fn has_all(self, pixels: &[T]) -> bool {
        let mut has_all = true;
        for pixel in pixels {
            has_all &= self.has(*pixel);
        }
        has_all
    }

    /// The pixel for a value that was reckoned, which is not to be taken for nodata.
    fn pixel(self, value: Option<f64>) -> T
    where
        T: Mean,
    {
        let Some(value) = value else { return self.nodata.unwrap_or_default() };
        let pixel = T::of_mean(value);
        if self.nodata.is_some_and(|nodata| pixel == nodata) { pixel.beside() } else { pixel }
    }
}

/// What the pixels of a region read.
struct Areas<'a> {
    /// Shapes of what is at hand, and of what is asked for.
    place: Shape,
    region: Shape,
    rows: Vec<Taps>,
    columns: Vec<Taps>,
    cancelled: &'a dyn Fn() -> bool,
}

impl Areas<'_> {
    /// Hands out each row of the result with the number of its plane among all and of the row.
    fn each_row<T>(&self, output: &mut [T], mut row: impl FnMut(&mut [T], usize, &Taps)) -> Result<()> {
        let rows = self.rows.len();
        for (index, line) in output.chunks_exact_mut(self.region[3].max(1)).enumerate() {
            if index.is_multiple_of(64) && (self.cancelled)() {
                return Err(Error::cancelled());
            }
            row(line, index / rows, &self.rows[index % rows]);
        }
        Ok(())
    }

    /// A row of what is at hand.
    fn line<'p, T>(&self, pixels: &'p [T], plane: usize, row: usize) -> &'p [T] {
        let first = offset(self.place, [0, 0, plane * self.place[2] + row, 0]);
        &pixels[first..first + self.place[3]]
    }

    fn nearest<T: Pixel>(&self, pixels: &[T], output: &mut [T]) -> Result<()> {
        self.each_row(output, |out, plane, row| {
            let line = self.line(pixels, plane, row.range.start);
            out.iter_mut().zip(&self.columns).for_each(|(out, column)| *out = line[column.range.start]);
        })
    }

    /// Means of two by two pixels.
    fn halved<T: Mean>(&self, pixels: &[T], output: &mut [T], valid: Valid<T>) -> Result<()> {
        self.each_row(output, |out, plane, row| {
            let [above, below] = [0, 1].map(|next| self.line(pixels, plane, row.range.start + next));
            halve(above, below, valid, out);
        })
    }

    /// Weighted means of what `term` makes of values, and what `finish` makes of these.
    fn weighted<T: Mean>(
        &self,
        pixels: &[T],
        output: &mut [T],
        valid: Valid<T>,
        term: impl Fn(f64) -> f64 + Copy,
        finish: impl Fn(f64) -> f64,
    ) -> Result<()> {
        let mut gathered = Weighted { sums: vec![0.0; self.place[3]], weights: vec![0.0; self.place[3]] };
        self.each_row(output, |out, plane, row| {
            gathered.sums.fill(0.0);
            gathered.weights.fill(0.0);
            for (at, weight) in row.range.clone().zip(&row.weights) {
                add_line(&mut gathered, self.line(pixels, plane, at), *weight, valid, term);
            }
            for (out, column) in out.iter_mut().zip(&self.columns) {
                let (mut sum, mut total) = (0.0, 0.0);
                for (at, weight) in column.range.clone().zip(&column.weights) {
                    // Of no weight, and perhaps infinite.
                    if gathered.weights[at] > 0.0 {
                        sum += weight * gathered.sums[at];
                        total += weight * gathered.weights[at];
                    }
                }
                *out = valid.pixel((total > 0.0).then(|| finish(sum / total)));
            }
        })
    }

    /// What `choice` makes of the valid pixels of each area, row by row.
    fn collected<T: Pixel>(
        &self,
        pixels: &[T],
        output: &mut [T],
        valid: Valid<T>,
        choice: &mut impl Choice<T>,
    ) -> Result<()> {
        let mut area = Vec::new();
        self.each_row(output, |out, plane, row| {
            for (out, column) in out.iter_mut().zip(&self.columns) {
                area.clear();
                for at in row.range.clone() {
                    let line = &self.line(pixels, plane, at)[column.range.clone()];
                    area.extend(line.iter().copied().filter(|pixel| valid.has(*pixel)));
                }
                *out = choice.of(&area).unwrap_or(valid.nodata.unwrap_or_default());
            }
        })
    }
}

/// Means that are asked at once whether all pixels of theirs are valid.
const RUN: usize = 128;

dispatched! {
    /// Means of two by two pixels of two rows.
    fn halve[T: Mean](above: &[T], below: &[T], valid: Valid<T>, out: &mut [T]) => halve_to;
}

#[inline(always)]
fn halve_to<T: Mean>(above: &[T], below: &[T], valid: Valid<T>, out: &mut [T]) {
    let (above, below) = (above.as_chunks().0, below.as_chunks().0);
    let Some(nodata) = valid.nodata else { return halve_all(above, below, out, |mean| mean) };
    let beside = |mean| if mean == nodata { nodata.beside() } else { mean };
    // Most runs of pixels have no nodata, and need no division.
    for ((out, above), below) in out.chunks_mut(RUN).zip(above.chunks(RUN)).zip(below.chunks(RUN)) {
        if valid.has_all(above.as_flattened()) && valid.has_all(below.as_flattened()) {
            halve_all(above, below, out, beside);
        } else {
            halve_some(above, below, valid, nodata, out);
        }
    }
}

#[inline(always)]
fn halve_all<T: Mean>(above: &[[T; 2]], below: &[[T; 2]], out: &mut [T], finish: impl Fn(T) -> T) {
    for ((out, [a, b]), [c, d]) in out.iter_mut().zip(above).zip(below) {
        *out = finish(T::mean_of([*a, *b, *c, *d]));
    }
}

#[inline(always)]
fn halve_some<T: Mean>(above: &[[T; 2]], below: &[[T; 2]], valid: Valid<T>, nodata: T, out: &mut [T]) {
    for ((out, [a, b]), [c, d]) in out.iter_mut().zip(above).zip(below) {
        let counts = [a, b, c, d].map(|pixel| u8::from(valid.has(*pixel)));
        let pixels = [a, b, c, d].map(|pixel| if valid.has(*pixel) { *pixel } else { T::default() });
        let is_any = counts != [0; 4];
        let mean = T::mean_of_some(pixels, if is_any { counts } else { [1; 4] });
        let mean = if mean == nodata { nodata.beside() } else { mean };
        *out = if is_any { mean } else { nodata };
    }
}

/// Column by column, sums of weighted values and of their weights.
struct Weighted {
    sums: Vec<f64>,
    weights: Vec<f64>,
}

dispatched! {
    /// Adds the valid ones of a row, each to its column.
    fn add_line[T: Mean, F: Fn(f64) -> f64](
        gathered: &mut Weighted, line: &[T], weight: f64, valid: Valid<T>, term: F
    ) => add_line_to;
}

#[inline(always)]
fn add_line_to<T: Mean, F: Fn(f64) -> f64>(gathered: &mut Weighted, line: &[T], weight: f64, valid: Valid<T>, term: F) {
    for ((sum, total), pixel) in gathered.sums.iter_mut().zip(&mut gathered.weights).zip(line) {
        let is_valid = valid.has(*pixel);
        *sum += if is_valid { weight * term(pixel.to_f64()) } else { 0.0 };
        *total += if is_valid { weight } else { 0.0 };
    }
}

/// One of several pixels; none of none.
trait Choice<T> {
    fn of(&mut self, pixels: &[T]) -> Option<T>;
}

/// The least, or the greatest; a NaN where there is one.
struct Least {
    greatest: bool,
}

impl<T: Pixel> Choice<T> for Least {
    fn of(&mut self, pixels: &[T]) -> Option<T> {
        let better = |a: T, b: T| {
            let is_better = if self.greatest { b > a } else { b < a };
            if !a.is_nan() && (is_better || b.is_nan()) { b } else { a }
        };
        pixels.iter().copied().reduce(better)
    }
}

/// How often each value was met.
#[derive(Default)]
struct Counts {
    met: Vec<(u64, usize)>,
}

impl<T: Pixel> Choice<T> for Counts {
    fn of(&mut self, pixels: &[T]) -> Option<T> {
        self.met.clear();
        let mut most = (None, 0);
        for pixel in pixels {
            // Zeros of both signs are one value, as all NaNs are.
            let bits = if *pixel == T::default() { T::default() } else { *pixel }.to_bits();
            let place = self.met.iter().position(|(value, _)| *value == bits).unwrap_or_else(|| {
                self.met.push((bits, 0));
                self.met.len() - 1
            });
            self.met[place].1 += 1;
            if self.met[place].1 > most.1 {
                most = (Some(*pixel), self.met[place].1);
            }
        }
        most.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffer;

    /// All of a plane, resampled.
    fn resampled<T: Pixel>(
        pixels: &[T],
        from: [usize; 2],
        to: [usize; 2],
        by: Resampling,
        nodata: Option<Scalar>,
    ) -> Vec<T> {
        let kernel = Resample { resampling: by, from, to, nodata };
        let shape = |[rows, columns]: [usize; 2]| [1, 1, rows, columns];
        let input = Chunk::new(shape(from), Buffer::from_vec(pixels.to_vec()));
        let mut output = Chunk::filled(shape(to), T::DTYPE, T::default().to_scalar());
        let (place, region) = (Region::whole(shape(from)), Region::whole(shape(to)));
        kernel.run(&input, &place, &mut output, &region, &|| false).unwrap();
        output.data().as_slice::<T>().unwrap().to_vec()
    }

    #[test]
    fn a_pixel_is_made_of_those_it_covers() {
        let check = |by, expected: &[u8]| {
            let pixels = [1, 2, 9, 9, 3, 4, 8, 7_u8];
            assert_eq!(resampled(&pixels, [2, 4], [1, 2], by, None), expected, "{by}");
        };
        check(Resampling::Nearest, &[1, 9]);
        check(Resampling::Average, &[3, 8]);
        check(Resampling::Min, &[1, 7]);
        check(Resampling::Max, &[4, 9]);
        check(Resampling::Mode, &[1, 9]);
        check(Resampling::Rms, &[3, 8]);
    }

    #[test]
    fn pixels_that_are_covered_in_part_count_by_their_part() {
        // Each of two covers two and a half of five.
        assert_eq!(resampled(&[0_f64, 0.0, 10.0, 0.0, 5.0], [1, 5], [1, 2], Resampling::Average, None), [2.0, 4.0]);
        assert_eq!(resampled(&[0_u8, 1, 2, 3, 4], [1, 5], [1, 2], Resampling::Nearest, None), [0, 3]);
    }

    #[test]
    fn a_triangle_reaches_into_the_neighbours() {
        // Weights ¼, ¾, ¾, ¼, of which the last pixel lacks one.
        let pixels = [0_f64, 0.0, 0.0, 7.0, 0.0, 0.0];
        assert_eq!(resampled(&pixels, [1, 6], [1, 3], Resampling::Bilinear, None), [0.0, 2.625, 1.0]);
        // To a third, a pixel in the middle of each neighbour weighs nothing.
        let pixels = [1_f64, 1.0, 1.0, 1.0, f64::INFINITY, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(resampled(&pixels, [1, 9], [1, 3], Resampling::Bilinear, None), [1.0, f64::INFINITY, 1.0]);
    }

    #[test]
    fn halves_are_the_means_that_any_area_would_give() {
        fn check<T: Mean>(values: impl Iterator<Item = T>, nodata: Option<Scalar>) {
            let values: Vec<T> = values.collect();
            // Runs with nodata, and such without.
            let mut pixels: Vec<T> = (0..800 * 10).map(|at| values[at * 7 % 13 * 5 % values.len()]).collect();
            for (at, pixel) in pixels.iter_mut().enumerate() {
                if at % 800 >= 300 && !(Valid { nodata: nodata.map(T::from_scalar) }).has(*pixel) {
                    *pixel = values[2];
                }
            }
            let kernel = Resample { resampling: Resampling::Average, from: [10, 800], to: [5, 400], nodata };
            let areas = |axis: usize| {
                let scale = Scale { from: kernel.from[axis], to: kernel.to[axis] };
                (0..scale.to).map(|index| scale.taps(Resampling::Average, index, 0)).collect()
            };
            let areas = Areas {
                place: [1, 1, 10, 800],
                region: [1, 1, 5, 400],
                rows: areas(0),
                columns: areas(1),
                cancelled: &|| false,
            };
            let valid = Valid { nodata: nodata.map(T::from_scalar) };
            let (mut halved, mut weighted) = (vec![T::default(); 2000], vec![T::default(); 2000]);
            areas.halved(&pixels, &mut halved, valid).unwrap();
            areas.weighted(&pixels, &mut weighted, valid, |value| value, |mean| mean).unwrap();
            let bits = |pixels: &[T]| pixels.iter().map(|pixel| pixel.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&halved), bits(&weighted), "{}", T::DTYPE);
        }
        for nodata in [None, Some(Scalar::Int(3))] {
            check((0..=255_u8).step_by(3), nodata);
            check((-128..=127_i8).step_by(5), nodata);
            check((0..=u16::MAX).step_by(771), nodata);
            check((i16::MIN..=i16::MAX).step_by(771), nodata);
            check((0..40).map(|value| u32::MAX - value * 3), nodata);
            check((0..40).map(|value: i32| value * 7 - 100), nodata);
            check((0..40).map(|value: i64| value * 7 - 100), nodata);
            check((0..40).map(|value: u16| f32::from(value) * 0.25 - 3.0), nodata);
            check((0..40).map(|value: u16| f64::from(value) * 0.25 - 3.0), nodata);
        }
        check([f32::NAN, 1.5, 3.0, 1e30].into_iter(), Some(f64::NAN.into()));
        check([true, false, false].into_iter(), None);
    }

    #[test]
    fn nodata_is_left_out_and_never_comes_out() {
        let by = Resampling::Average;
        assert_eq!(resampled(&[255_u8, 4, 255, 255], [1, 4], [1, 2], by, Some(255.into())), [4, 255]);
        assert_eq!(resampled(&[-1_i16, 1], [1, 2], [1, 1], by, Some(0.into())), [1]);
        assert_eq!(resampled(&[1_u8, 1], [1, 2], [1, 1], Resampling::Rms, Some(1.into())), [1]);
        assert_eq!(resampled(&[f32::NAN, 3.0], [1, 2], [1, 1], by, Some(f64::NAN.into())), [3.0]);
        assert!(resampled(&[f32::NAN, 3.0], [1, 2], [1, 1], by, None)[0].is_nan());
        assert_eq!(resampled(&[255_u8, 254], [1, 2], [1, 1], by, Some(254.into())), [255]);
        assert_eq!(resampled(&[7_u8, 9], [1, 2], [1, 1], Resampling::Mode, Some(7.into())), [9]);
    }
}
