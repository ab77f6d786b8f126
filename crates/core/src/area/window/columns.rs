//! What is gathered of windows column by column: sums, extremes, moments.

use std::ops::{Mul, Range};

use crate::area::row::{Number, Rows};
use crate::buffer::Pixel;
use crate::kernel::dispatch::dispatched;

/// What is gathered of a window: first of each of its columns, then of these from left to right, so that the order
/// depends on the window alone.
pub(super) trait Gathered<T>: Copy + Default {
    fn add(&mut self, pixel: T);
    fn join(&mut self, other: &Self);
}

/// What is gathered of many columns, or windows, at once.
pub(super) trait Columns<T> {
    /// Of one of them.
    type One;

    fn new(count: usize) -> Self;

    fn clear(&mut self);

    /// Adds the valid ones of a row of pixels, each to its column.
    fn add_row(&mut self, row: &[T], nodata: Option<T>);

    /// Joins to each of these columns `at` one of `other`: the first to the first of them, the next to the one that is
    /// `step` further.
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize);

    fn each(&self) -> impl ExactSizeIterator<Item = Self::One>;
}

// Methods of these traits are inlined into the loops that `dispatched!` compiles, so that they have its vectors.

dispatched! {
    /// Adds the valid ones of a row of pixels, each to its column.
    pub(super) fn add_row[T: Pixel, C: Columns<T>](columns: &mut C, row: &[T], nodata: Option<T>) => add_row_to;
}

#[inline(always)]
fn add_row_to<T: Pixel, C: Columns<T>>(columns: &mut C, row: &[T], nodata: Option<T>) {
    columns.add_row(row, nodata);
}

dispatched! {
    /// Joins the columns of each window from left to right: of windows that are equally long and equally far apart, all
    /// first columns at once, then all second ones.
    pub(super) fn join[T: Pixel, C: Columns<T>](series: &[Series], columns: &C, windows: &mut C) => join_to;
}

#[inline(always)]
fn join_to<T: Pixel, C: Columns<T>>(series: &[Series], columns: &C, windows: &mut C) {
    for Series { windows: at, first, step } in series {
        for column in first.clone() {
            windows.join(at.clone(), columns, column, *step);
        }
    }
}

dispatched! {
    /// Writes what was gathered, beginning at the output's pixel `first`.
    pub(super) fn write[T: Pixel, C: Columns<T>, R: Rows<C::One>](output: &mut R, first: usize, windows: &C) => write_to;
}

#[inline(always)]
fn write_to<T: Pixel, C: Columns<T>, R: Rows<C::One>>(output: &mut R, first: usize, windows: &C) {
    output.write(first, windows.each());
}

/// Windows side by side that are equally long and equally far apart.
#[derive(Debug)]
pub(super) struct Series {
    windows: Range<usize>,
    /// The columns of the first of them.
    first: Range<usize>,
    step: usize,
}

impl Series {
    /// Of windows whose columns are `spans`.
    pub(super) fn of(spans: &[Range<usize>]) -> Vec<Self> {
        let mut series = Vec::new();
        let mut at = 0;
        while let Some(first) = spans.get(at) {
            let distance = |span: &Range<usize>| span.start.saturating_sub(first.start);
            let step = spans.get(at + 1).map_or(1, distance).max(1);
            let follows =
                |(index, span): &(usize, &Range<usize>)| span.len() == first.len() && distance(span) == index * step;
            let count = spans[at..].iter().enumerate().take_while(follows).count();
            series.push(Self { windows: at..at + count, first: first.clone(), step });
            at += count;
        }
        series
    }
}

/// Columns of which each is gathered by itself.
pub(super) struct OneByOne<G>(Vec<G>);

impl<T: Pixel, G: Gathered<T>> Columns<T> for OneByOne<G> {
    type One = G;

    fn new(count: usize) -> Self {
        Self(vec![G::default(); count])
    }

    fn clear(&mut self) {
        self.0.fill(G::default());
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[T], nodata: Option<T>) {
        let pairs = self.0.iter_mut().zip(row);
        match nodata {
            None => pairs.for_each(|(column, pixel)| column.add(*pixel)),
            Some(nodata) => pairs.for_each(|(column, pixel)| {
                if *pixel != nodata && !pixel.is_nan() {
                    column.add(*pixel);
                }
            }),
        }
    }

    #[inline(always)]
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize) {
        let pairs = self.0[at].iter_mut().zip(other.0[first..].iter().step_by(step));
        pairs.for_each(|(window, column)| window.join(column));
    }

    fn each(&self) -> impl ExactSizeIterator<Item = G> {
        self.0.iter().copied()
    }
}

/// Sums and counts, apart from each other, so that loops over them become vectors.
pub(super) struct Sums<S> {
    sums: Vec<S>,
    counts: Vec<u32>,
}

impl<T: Summand> Columns<T> for Sums<T::Sum> {
    type One = Mean<T::Sum>;

    fn new(count: usize) -> Self {
        Self { sums: vec![T::Sum::default(); count], counts: vec![0; count] }
    }

    fn clear(&mut self) {
        self.sums.fill(T::Sum::default());
        self.counts.fill(0);
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[T], nodata: Option<T>) {
        match nodata {
            None => {
                self.sums.iter_mut().zip(row).for_each(|(sum, pixel)| *sum = T::add(*sum, pixel.widen()));
                self.counts.iter_mut().for_each(|count| *count += 1);
            }
            // What is missing adds 0, which changes no sum that began with 0.
            Some(nodata) => {
                for ((sum, count), pixel) in self.sums.iter_mut().zip(&mut self.counts).zip(row) {
                    let is_valid = *pixel != nodata && !pixel.is_nan();
                    *sum = T::add(*sum, if is_valid { pixel.widen() } else { T::Sum::default() });
                    *count += u32::from(is_valid);
                }
            }
        }
    }

    #[inline(always)]
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize) {
        let (sums, counts) = (&mut self.sums[at.clone()], &mut self.counts[at]);
        let (more_sums, more_counts) = (&other.sums[first..], &other.counts[first..]);
        if step == 1 {
            sums.iter_mut().zip(more_sums).for_each(|(sum, more)| *sum = T::add(*sum, *more));
            counts.iter_mut().zip(more_counts).for_each(|(count, more)| *count += more);
        } else {
            sums.iter_mut().zip(more_sums.iter().step_by(step)).for_each(|(sum, more)| *sum = T::add(*sum, *more));
            counts.iter_mut().zip(more_counts.iter().step_by(step)).for_each(|(count, more)| *count += more);
        }
    }

    #[inline(always)]
    fn each(&self) -> impl ExactSizeIterator<Item = Mean<T::Sum>> {
        self.sums.iter().zip(&self.counts).map(|(sum, count)| Mean { sum: *sum, count: *count })
    }
}

/// Sum and count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean<S> {
    pub(super) sum: S,
    pub(super) count: u32,
}

/// The least pixels, or the greatest; NaN where one is.
pub(super) struct Extremes<T, const GREATEST: bool> {
    values: Vec<T>,
    /// Whether there is one.
    seen: Vec<bool>,
}

impl<T: Summand, const GREATEST: bool> Extremes<T, GREATEST> {
    const NONE: T = if GREATEST { T::LEAST } else { T::GREATEST };

    fn pick(known: T, pixel: T) -> T {
        let is_beyond = if GREATEST { pixel > known } else { pixel < known };
        if pixel.is_nan() || !known.is_nan() && is_beyond { pixel } else { known }
    }
}

impl<T: Summand, const GREATEST: bool> Columns<T> for Extremes<T, GREATEST> {
    type One = Option<T>;

    fn new(count: usize) -> Self {
        Self { values: vec![Self::NONE; count], seen: vec![false; count] }
    }

    fn clear(&mut self) {
        self.values.fill(Self::NONE);
        self.seen.fill(false);
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[T], nodata: Option<T>) {
        match nodata {
            None => {
                self.values.iter_mut().zip(row).for_each(|(value, pixel)| *value = Self::pick(*value, *pixel));
                self.seen.fill(true);
            }
            Some(nodata) => {
                for ((value, seen), pixel) in self.values.iter_mut().zip(&mut self.seen).zip(row) {
                    let is_valid = *pixel != nodata && !pixel.is_nan();
                    *value = Self::pick(*value, if is_valid { *pixel } else { Self::NONE });
                    *seen |= is_valid;
                }
            }
        }
    }

    #[inline(always)]
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize) {
        let (values, seen) = (&mut self.values[at.clone()], &mut self.seen[at]);
        let (more, more_seen) = (&other.values[first..], &other.seen[first..]);
        if step == 1 {
            values.iter_mut().zip(more).for_each(|(value, more)| *value = Self::pick(*value, *more));
            seen.iter_mut().zip(more_seen).for_each(|(seen, more)| *seen |= *more);
        } else {
            values
                .iter_mut()
                .zip(more.iter().step_by(step))
                .for_each(|(value, more)| *value = Self::pick(*value, *more));
            seen.iter_mut().zip(more_seen.iter().step_by(step)).for_each(|(seen, more)| *seen |= *more);
        }
    }

    #[inline(always)]
    fn each(&self) -> impl ExactSizeIterator<Item = Option<T>> {
        self.values.iter().zip(&self.seen).map(|(value, seen)| seen.then_some(*value))
    }
}

/// The first valid pixels, or the last, of windows that have one of each row.
pub(super) struct Ends<T, const LAST: bool> {
    values: Vec<T>,
    seen: Vec<bool>,
}

impl<T: Summand, const LAST: bool> Columns<T> for Ends<T, LAST> {
    type One = Option<T>;

    fn new(count: usize) -> Self {
        Self { values: vec![T::LEAST; count], seen: vec![false; count] }
    }

    fn clear(&mut self) {
        self.seen.fill(false);
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[T], nodata: Option<T>) {
        for ((value, seen), pixel) in self.values.iter_mut().zip(&mut self.seen).zip(row) {
            let is_valid = nodata.is_none_or(|nodata| *pixel != nodata && !pixel.is_nan());
            *value = if is_valid && (LAST || !*seen) { *pixel } else { *value };
            *seen |= is_valid;
        }
    }

    #[inline(always)]
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize) {
        for (index, from) in at.zip((first..).step_by(step)) {
            (self.values[index], self.seen[index]) = (other.values[from], other.seen[from]);
        }
    }

    #[inline(always)]
    fn each(&self) -> impl ExactSizeIterator<Item = Option<T>> {
        self.values.iter().zip(&self.seen).map(|(value, seen)| seen.then_some(*value))
    }
}

/// Where the least pixels are, or the greatest, or the first NaN, of windows that have one of each row.
pub(super) struct Places<T, const GREATEST: bool> {
    values: Vec<T>,
    /// The row that the value is of.
    places: Vec<Option<u32>>,
    /// The next row's number.
    row: u32,
}

impl<T: Summand, const GREATEST: bool> Columns<T> for Places<T, GREATEST> {
    type One = Option<u32>;

    fn new(count: usize) -> Self {
        Self { values: vec![T::default(); count], places: vec![None; count], row: 0 }
    }

    fn clear(&mut self) {
        self.places.fill(None);
        self.row = 0;
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[T], nodata: Option<T>) {
        for ((value, place), pixel) in self.values.iter_mut().zip(&mut self.places).zip(row) {
            let is_valid = nodata.is_none_or(|nodata| *pixel != nodata && !pixel.is_nan());
            let is_beyond = if GREATEST { *pixel > *value } else { *pixel < *value };
            let is_found = place.is_none() || !value.is_nan() && (is_beyond || pixel.is_nan());
            if is_valid && is_found {
                (*value, *place) = (*pixel, Some(self.row));
            }
        }
        self.row += 1;
    }

    #[inline(always)]
    fn join(&mut self, at: Range<usize>, other: &Self, first: usize, step: usize) {
        for (index, from) in at.zip((first..).step_by(step)) {
            (self.values[index], self.places[index]) = (other.values[from], other.places[from]);
        }
    }

    #[inline(always)]
    fn each(&self) -> impl ExactSizeIterator<Item = Option<u32>> {
        self.places.iter().copied()
    }
}

/// The product of pixels, of none of them where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Product<W>(Option<W>);

impl<W: Copy + Mul<Output = W>> Product<W> {
    fn times(&mut self, other: Option<W>) {
        self.0 = match (self.0, other) {
            (Some(a), Some(b)) => Some(a * b),
            (a, b) => a.or(b),
        };
    }

    pub(super) fn value(&self) -> Option<W> {
        self.0
    }
}

impl<T: Summand> Gathered<T> for Product<T::Wide> {
    fn add(&mut self, pixel: T) {
        self.times(Some(pixel.as_wide()));
    }

    #[inline(always)]
    fn join(&mut self, other: &Self) {
        self.times(other.0);
    }
}

/// The sums of integers and of their squares, exactly.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    first: i128,
    second: i128,
    count: u64,
}

impl Moments {
    /// None where there are not more pixels than `ddof`.
    pub(super) fn variance(&self, ddof: u64) -> Option<f64> {
        let Self { first, second, count } = *self;
        let free = count.checked_sub(ddof).filter(|free| *free > 0)?;
        Some((i128::from(count) * second - first * first) as f64 / count as f64 / free as f64)
    }
}

impl<T: Summand> Gathered<T> for Moments {
    fn add(&mut self, pixel: T) {
        let value = pixel.to_integer();
        self.first += value;
        self.second += value * value;
        self.count += 1;
    }

    #[inline(always)]
    fn join(&mut self, other: &Self) {
        self.first += other.first;
        self.second += other.second;
        self.count += other.count;
    }
}

/// A pixel that can be summed without overflow: integers exactly, floats as `f64`.
pub(in crate::area) trait Summand: Pixel {
    type Sum: Number + Default;

    /// Holds every literal of an expression: integers exactly, floats as `f64`.
    type Wide: Number + Default + Mul<Output = Self::Wide>;

    /// No number is less, or greater.
    const LEAST: Self;
    const GREATEST: Self;

    /// Whether the sum of as many squares as a window has pixels fits an `i128`, times their count.
    const SQUARES_ARE_EXACT: bool;

    fn widen(self) -> Self::Sum;

    fn as_wide(self) -> Self::Wide;

    fn to_f64(self) -> f64;

    /// Of an integer.
    fn to_integer(self) -> i128;

    /// How far it is from another, exactly before it is rounded; of floats, from 0: their distances would be rounded, too.
    fn distance(self, from: Self) -> f64;

    fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum;

    fn mean(sum: Self::Sum, count: u32) -> f64;
}

macro_rules! summand {
    (@distance Int, $pixel:ident, $from:ident) => { ($pixel.to_integer() - $from.to_integer()) as f64 };
    (@distance Float, $pixel:ident, $from:ident) => {{
        let _ = $from;
        $pixel.to_f64()
    }};
    ($($type:ty => $sum:ty, $kind:ident as $wide:ty, $exact:literal, $least:expr, $greatest:expr;)*) => {
        $(impl Summand for $type {
            type Sum = $sum;
            type Wide = $wide;

            const LEAST: Self = $least;
            const GREATEST: Self = $greatest;

            const SQUARES_ARE_EXACT: bool = $exact;

            fn widen(self) -> $sum {
                self.into()
            }

            fn as_wide(self) -> $wide {
                self.into()
            }

            fn to_f64(self) -> f64 {
                <$sum>::from(self) as f64
            }

            fn to_integer(self) -> i128 {
                <$sum>::from(self) as i128
            }

            fn distance(self, from: Self) -> f64 {
                summand!(@distance $kind, self, from)
            }

            fn add(a: $sum, b: $sum) -> $sum {
                a + b
            }

            fn mean(sum: $sum, count: u32) -> f64 {
                sum as f64 / f64::from(count)
            }
        })*
    };
}

// Windows of 2³¹ pixels, as large as an array can be read at once, overflow neither sums nor squares.
summand!(
    bool => i64, Int as i128, true, false, true;
    u8 => i64, Int as i128, true, u8::MIN, u8::MAX;
    u16 => i64, Int as i128, true, u16::MIN, u16::MAX;
    u32 => i64, Int as i128, true, u32::MIN, u32::MAX;
    u64 => i128, Int as i128, false, u64::MIN, u64::MAX;
    i8 => i64, Int as i128, true, i8::MIN, i8::MAX;
    i16 => i64, Int as i128, true, i16::MIN, i16::MAX;
    i32 => i64, Int as i128, true, i32::MIN, i32::MAX;
    i64 => i128, Int as i128, false, i64::MIN, i64::MAX;
    f32 => f64, Float as f64, false, f32::NEG_INFINITY, f32::INFINITY;
    f64 => f64, Float as f64, false, f64::NEG_INFINITY, f64::INFINITY;
);
