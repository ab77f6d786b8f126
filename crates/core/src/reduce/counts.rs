//! How often which values occur: of each value, or of each of a row of bins.

use std::collections::BTreeMap;

use super::moments::Summand;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};

/// Bins of equal width: each from its lower edge up to the next, which belongs to the next but for the last one.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    low: f64,
    high: f64,
    count: usize,
    width: f64,
    /// Bins for a unit of value, rounded.
    per_unit: f64,
}

impl Bins {
    /// The most bins that a histogram may have.
    pub const COUNT_MAX: usize = 1 << 20;

    /// `count` bins from `low` to `high`.
    ///
    /// # Errors
    /// `InvalidInput` where there is no bin, or more than [`COUNT_MAX`](Self::COUNT_MAX), or `low` is not below `high`, or
    /// one of them is not finite.
    pub fn new(low: f64, high: f64, count: usize) -> Result<Self> {
        if !(1..=Self::COUNT_MAX).contains(&count) {
            return Err(Error::invalid(format!("a histogram has 1 to {} bins, not {count}", Self::COUNT_MAX)));
        }
        if !(low.is_finite() && high.is_finite() && low < high && (high - low).is_finite()) {
            return Err(Error::invalid(format!("bins from {low} to {high} have no width")));
        }
        Ok(Self { low, high, count, width: (high - low) / count as f64, per_unit: count as f64 / (high - low) })
    }

    /// The edges, one more than there are bins; as NumPy's `linspace`.
    pub fn edges(&self) -> Vec<f64> {
        (0..=self.count).map(|bin| self.edge(bin)).collect()
    }

    fn edge(&self, bin: usize) -> f64 {
        if bin == self.count { self.high } else { self.low + bin as f64 * self.width }
    }

    /// The bin of a value that lies between the outer edges; as NumPy's `histogram`.
    fn of(&self, value: f64) -> usize {
        let guess = ((value - self.low) * self.per_unit) as usize;
        let bin = guess.min(self.count - 1);
        // The guess is rounded; the edges decide.
        if value < self.edge(bin) {
            bin - 1
        } else if bin + 1 < self.count && value >= self.edge(bin + 1) {
            bin + 1
        } else {
            bin
        }
    }
}

/// Counts of pixels in [`Bins`].
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The bins.
    pub bins: Bins,
    /// Valid pixels in each.
    pub counts: Vec<u64>,
    /// Valid pixels below the first.
    pub below: u64,
    /// Valid pixels above the last.
    pub above: u64,
}

impl Histogram {
    fn new(bins: &Bins) -> Self {
        Self { counts: vec![0; bins.count], bins: bins.clone(), below: 0, above: 0 }
    }

    fn add(&mut self, value: f64, count: u64) {
        if value < self.bins.low {
            self.below += count;
        } else if value > self.bins.high {
            self.above += count;
        } else if !value.is_nan() {
            self.counts[self.bins.of(value)] += count;
        }
    }
}

/// What is to be counted beside moments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Counting {
    /// Nothing.
    None,
    /// Each value of an integer or bool.
    Values,
    /// Values in bins.
    Bins(Bins),
}

/// Counts of one group of pixels.
#[derive(Debug, Clone)]
pub(super) enum Counts {
    None,
    /// Of each value of a bool, or an integer of up to 16 bits, from the least of its dtype on.
    Table {
        least: i128,
        counts: Vec<u64>,
    },
    Values(BTreeMap<i128, u64>),
    Bins(Histogram),
}

/// Values of integers beyond 16 bits that are counted at most.
const VALUES_MAX: usize = 1 << 20;

impl Counts {
    pub(super) fn new(counting: &Counting, dtype: DType) -> Self {
        match (counting, dtype.integer_range()) {
            (Counting::None, _) => Self::None,
            (Counting::Bins(bins), None) => Self::Bins(Histogram::new(bins)),
            // Values are counted faster than bins are found.
            (_, Some((least, greatest))) if dtype.size() <= 2 => {
                Self::Table { least, counts: vec![0; (greatest - least + 1) as usize] }
            }
            (Counting::Bins(bins), Some(_)) => Self::Bins(Histogram::new(bins)),
            (Counting::Values, _) => Self::Values(BTreeMap::new()),
        }
    }

    /// The most bytes that counts of so many pixels hold.
    pub(super) fn most_bytes(counting: &Counting, dtype: DType, pixels: usize) -> usize {
        /// A key, a count and its part of a node that is half full.
        const ENTRY: usize = 64;
        match Self::new(counting, dtype) {
            Self::None => 0,
            Self::Table { counts, .. } => counts.len() * size_of::<u64>(),
            Self::Values(_) => pixels.min(VALUES_MAX) * ENTRY,
            Self::Bins(histogram) => histogram.counts.len() * size_of::<u64>(),
        }
    }

    /// Adds the valid ones of pixels.
    pub(super) fn add<T: Summand>(&mut self, pixels: &[T], nodata: Option<T>) -> Result<()> {
        let is_valid = |pixel: &&T| nodata.is_none_or(|nodata| **pixel != nodata && !pixel.is_nan());
        let valid = pixels.iter().filter(is_valid);
        match self {
            Self::None => {}
            Self::Table { counts, .. } => valid.for_each(|pixel| counts[pixel.index()] += 1),
            Self::Values(counts) => {
                for pixel in valid {
                    *counts.entry(integer(pixel.to_scalar())).or_default() += 1;
                }
                check_count(counts)?;
            }
            Self::Bins(histogram) => valid.for_each(|pixel| histogram.add(pixel.to_scalar().to_f64(), 1)),
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        let add = |counts: &mut [u64], more: &[u64]| {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        };
        match (self, other) {
            (Self::Table { counts, .. }, Self::Table { counts: more, .. }) => add(counts, more),
            (Self::Values(counts), Self::Values(more)) => {
                for (value, more) in more {
                    *counts.entry(*value).or_default() += more;
                }
                check_count(counts)?;
            }
            (Self::Bins(histogram), Self::Bins(more)) => {
                add(&mut histogram.counts, &more.counts);
                histogram.below += more.below;
                histogram.above += more.above;
            }
            _ => {}
        }
        Ok(())
    }

    /// The values that occur, the least first, and how often; none where bins were counted.
    pub(super) fn values(&self) -> Option<Vec<(i128, u64)>> {
        Some(match self {
            Self::Table { least, counts } => {
                let occurring = counts.iter().enumerate().filter(|(_, count)| **count > 0);
                occurring.map(|(value, count)| (least + value as i128, *count)).collect()
            }
            Self::Values(counts) => counts.iter().map(|(value, count)| (*value, *count)).collect(),
            Self::None | Self::Bins(_) => return None,
        })
    }

    /// The histogram, where there is one for these bins.
    pub(super) fn histogram(&self, counting: &Counting) -> Option<Histogram> {
        let Counting::Bins(bins) = counting else { return None };
        if let Self::Bins(histogram) = self {
            return Some(histogram.clone());
        }
        let mut histogram = Histogram::new(bins);
        for (value, count) in self.values()? {
            histogram.add(value as f64, count);
        }
        Some(histogram)
    }

    pub(super) fn byte_len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Table { counts, .. } => counts.len() * size_of::<u64>(),
            Self::Values(counts) => counts.len() * 64,
            Self::Bins(histogram) => histogram.counts.len() * size_of::<u64>(),
        }
    }
}

fn integer(value: Scalar) -> i128 {
    match value {
        Scalar::Bool(value) => value.into(),
        Scalar::Int(value) => value,
        // Values of floats are not counted.
        Scalar::Float(_) => 0,
    }
}

fn check_count(counts: &BTreeMap<i128, u64>) -> Result<()> {
    if counts.len() <= VALUES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "cannot count values: there are more than {VALUES_MAX} different ones; count them in bins, by histogram"
    )))
}
