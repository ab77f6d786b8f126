//! Pixels to classes: tables, edges, and ranges of values.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};
use std::sync::Arc;

use super::arithmetic::{Kind, blank, holding};
use super::elementwise::comparable;
use super::node::{Node, Op};
use super::select::common_literals;
use super::{Fill, LazyRaster, Values};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;

/// The pixels of a class: those of one value, or of a range whose ends may be fractions and infinities.
///
/// Made from a number and from any range of numbers: `7`, `0..10` (without 10), `0..=10`, `..0.5`, `10..`, `..`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange {
    low: Bound<Scalar>,
    high: Bound<Scalar>,
}

impl ValueRange {
    fn new<T: Into<Scalar>>(low: Bound<T>, high: Bound<T>) -> Self {
        Self { low: low.map(Into::into), high: high.map(Into::into) }
    }

    /// Its one value, if that is all it has.
    fn single(&self) -> Option<Scalar> {
        match (self.low, self.high) {
            (Bound::Included(low), Bound::Included(high)) if low == high => Some(low),
            _ => None,
        }
    }

    /// That its ends are numbers, the first below the second.
    fn check(&self) -> Result<()> {
        let end = |bound: Bound<Scalar>, open: f64| match bound {
            Bound::Included(value) | Bound::Excluded(value) => value,
            Bound::Unbounded => Scalar::Float(open),
        };
        let (low, high) = (end(self.low, f64::NEG_INFINITY), end(self.high, f64::INFINITY));
        number("reclassify", low)?;
        number("reclassify", high)?;
        let is_closed = !matches!(self.high, Bound::Excluded(_));
        match compare(low, high) {
            Some(Ordering::Less) => Ok(()),
            Some(Ordering::Equal) if is_closed => Ok(()),
            _ => Err(Error::invalid(format!("cannot apply reclassify: the range {self} is empty"))),
        }
    }
}

impl<T: Into<Scalar>> From<T> for ValueRange {
    fn from(value: T) -> Self {
        let value = value.into();
        Self::new(Bound::Included(value), Bound::Included(value))
    }
}

impl<T: Into<Scalar>> From<Range<T>> for ValueRange {
    fn from(range: Range<T>) -> Self {
        Self::new(Bound::Included(range.start), Bound::Excluded(range.end))
    }
}

impl<T: Into<Scalar>> From<RangeInclusive<T>> for ValueRange {
    fn from(range: RangeInclusive<T>) -> Self {
        let (low, high) = range.into_inner();
        Self::new(Bound::Included(low), Bound::Included(high))
    }
}

impl<T: Into<Scalar>> From<RangeFrom<T>> for ValueRange {
    fn from(range: RangeFrom<T>) -> Self {
        Self::new(Bound::Included(range.start), Bound::Unbounded)
    }
}

impl<T: Into<Scalar>> From<RangeTo<T>> for ValueRange {
    fn from(range: RangeTo<T>) -> Self {
        Self::new(Bound::Unbounded, Bound::Excluded(range.end))
    }
}

impl<T: Into<Scalar>> From<RangeToInclusive<T>> for ValueRange {
    fn from(range: RangeToInclusive<T>) -> Self {
        Self::new(Bound::Unbounded, Bound::Included(range.end))
    }
}

impl From<RangeFull> for ValueRange {
    fn from(_: RangeFull) -> Self {
        Self { low: Bound::Unbounded, high: Bound::Unbounded }
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.single() {
            return value.fmt(f);
        }
        if let Bound::Included(low) | Bound::Excluded(low) = self.low {
            low.fmt(f)?;
        }
        match self.high {
            Bound::Included(high) => write!(f, "..={high}"),
            Bound::Excluded(high) => write!(f, "..{high}"),
            Bound::Unbounded => f.write_str(".."),
        }
    }
}

impl LazyRaster {
    /// For each integer the entry of `table` at this place: 0 becomes the first, 1 the second. Nodata stays nodata.
    ///
    /// The dtype is the smallest that holds all entries: `[0, 300]` gives `u16`, `[0.5, 1]` `f32`. A bool raster counts as
    /// 0 and 1. Of entries that are bools the result is bool, and false at nodata.
    ///
    /// ```
    /// # use swath_core::{dtype::DType, testing::raster};
    /// let classes = raster([1, 2, 2], |_, y, x| (y + x) as u8).minimum(2)?;
    /// let cost = classes.lookup([0.5, 1.0, 4.0])?;
    /// assert_eq!(cost.dtype(), DType::F32);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the raster is not one of integers or bools, has values that the table has no entry for, or no
    /// dtype holds all entries.
    #[doc(alias = "take")]
    #[track_caller]
    pub fn lookup(&self, table: impl Into<Values>) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let Values(table) = table.into();
            let Meta { dtype, interval, .. } = &node.meta;
            let Interval::Integer { low, high } = *interval else {
                return Err(Error::invalid(format!("cannot apply lookup: the raster is {dtype}, not one of integers")));
            };
            if low < 0 || high >= table.len() as i128 {
                return Err(Error::invalid(format!(
                    "cannot apply lookup: pixels of {dtype} have values in {interval}, and the table has {} entries, from 0; \
                 clamp the raster first, or use reclassify",
                    table.len()
                )));
            }
            let (dtype, table) = common_literals("lookup", &table)?;
            entries("lookup", node, dtype, table.into_iter().map(Some).collect(), node.meta.nodata)
        })
    }

    /// How many of `edges` are at most each pixel: 0 below the first, their count from the last on and at NaN, as NumPy's
    /// `digitize` with increasing bins. Nodata stays nodata.
    ///
    /// The dtype is the smallest unsigned one that holds the count of edges. As other literals, an edge means the nearest
    /// `f32` where the raster is `f32`; of integers it may be a fraction.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let slope = raster([1, 2, 2], |_, y, x| (20 * y + x) as f32);
    /// let steepness = slope.digitize([5, 15, 30])?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the edges do not increase or one is NaN, and for a bool raster.
    #[doc(alias = "searchsorted")]
    #[track_caller]
    pub fn digitize(&self, edges: impl Into<Values>) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let Values(edges) = edges.into();
            edges.iter().try_for_each(|edge| number("digitize", *edge))?;
            let falls = |pair: &&[Scalar]| compare(pair[0], pair[1]) != Some(Ordering::Less);
            if let Some(pair) = edges.windows(2).find(falls) {
                return Err(Error::invalid(format!(
                    "cannot apply digitize: edges must increase, and {} is followed by {}",
                    pair[0], pair[1]
                )));
            }
            check_numbers("digitize", node)?;
            let fitted = edges.iter().filter_map(|edge| cut(node.meta.dtype, *edge, false)).collect();
            digits("digitize", node, fitted, edges.len(), false)
        })
    }

    /// For each pixel the value of the first class that has it, and `otherwise` where none does: a number,
    /// [`Fill::Nodata`], or a raster, such as this one to keep its pixels. Nodata stays nodata; NaN is in no class.
    ///
    /// Classes are pairs of a range, or one value, and a new value; see [`ValueRange`]. The dtype is the smallest that holds
    /// all new values, and beside a raster the one of [`if_else`](Self::if_else). As other literals, ends mean the nearest
    /// `f32` where the raster is `f32`.
    ///
    /// ```
    /// # use swath_core::{expr::{Fill, ValueRange}, testing::raster};
    /// let height = raster([1, 2, 2], |_, y, x| (900 * y + x) as f32);
    /// let zones = height.reclassify([(0..500, 1), (500..1500, 2)], Fill::Nodata)?;
    /// // Several kinds of ranges are made one type.
    /// let zones = height.reclassify([(ValueRange::from(..0), 0), ((0..=500).into(), 1)], 2)?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for no class, for a range that is empty or has an end that is NaN, for one value that the dtype cannot
    /// hold or that is nodata; where no dtype holds all new values; for a bool raster; as
    /// [`if_else`](Self::if_else) where `otherwise` is a raster.
    #[doc(alias = "recode")]
    #[track_caller]
    pub fn reclassify(
        &self,
        classes: impl IntoIterator<Item = (impl Into<ValueRange>, impl Into<Scalar>)>,
        otherwise: impl Into<Fill>,
    ) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let (ranges, mut values): (Vec<_>, Vec<_>) =
                classes.into_iter().map(|(range, value)| (range.into(), value.into())).unzip();
            check_numbers("reclassify", node)?;
            check_ranges(&node.meta, &ranges)?;
            let bins = Bins::new(node.meta.dtype, &ranges);
            let otherwise = otherwise.into();
            if let Fill::Value(value) = otherwise {
                values.push(value);
            }
            let (dtype, values) = common_literals("reclassify", &values)?;
            let rest = match (&otherwise, values.last()) {
                (Fill::Value(_), Some(value)) => Entry::Value(*value),
                (Fill::Raster(_), _) => Entry::Unseen,
                _ => Entry::Nodata,
            };
            let classes =
                bins.entries(node, dtype, values[0], |class| class.map_or(rest, |class| Entry::Value(values[class])))?;
            let Fill::Raster(other) = otherwise else { return Ok(classes) };
            let is_some = |class: Option<usize>| Entry::Value(Scalar::Bool(class.is_some()));
            let matched = bins.entries(node, DType::Bool, Scalar::Bool(false), is_some)?;
            let kept = match node.meta.nodata {
                None => matched,
                Some(_) => (matched | !self.valid()?).check()?,
            };
            kept.if_else(&classes, other)
        })
    }
}

fn check_numbers(operation: &str, node: &Node) -> Result<()> {
    match node.meta.dtype {
        DType::Bool => Err(Error::invalid(format!(
            "cannot apply {operation}: the raster is bool; choose by it with if_else, or use lookup"
        ))),
        _ => Ok(()),
    }
}

fn check_ranges(meta: &Meta, ranges: &[ValueRange]) -> Result<()> {
    if ranges.is_empty() {
        return Err(Error::invalid("cannot apply reclassify: there is no class"));
    }
    ranges.iter().try_for_each(|range| match range.single() {
        Some(value) => comparable(meta, value, "reclassify").and_then(|value| number("reclassify", value)),
        None => range.check(),
    })
}

/// That a value can be compared with pixels of all dtypes but bool.
fn number(operation: &str, value: Scalar) -> Result<()> {
    match value {
        Scalar::Bool(_) => Err(Error::invalid(format!("cannot apply {operation}: {value} is no number"))),
        _ if value.is_nan() => Err(Error::invalid(format!("cannot apply {operation}: nan lies between no others"))),
        _ => Ok(()),
    }
}

/// By value; none beside NaN.
fn compare(a: Scalar, b: Scalar) -> Option<Ordering> {
    match (a.to_integer(), b.to_integer()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.to_f64().partial_cmp(&b.to_f64()),
    }
}

/// The least value of `dtype` that is at least `value`, or `above` it; none where there is none.
fn cut(dtype: DType, value: Scalar, above: bool) -> Option<Scalar> {
    match dtype.integer_range() {
        Some((least, greatest)) => {
            let first = match value {
                Scalar::Float(value) if above => (value.floor() as i128).saturating_add(1),
                Scalar::Float(value) => value.ceil() as i128,
                value => value.to_integer()?.saturating_add(i128::from(above)),
            };
            (first <= greatest).then_some(Scalar::Int(first.max(least)))
        }
        None => float_cut(dtype, value, above).map(Scalar::Float),
    }
}

fn float_cut(dtype: DType, value: Scalar, above: bool) -> Option<f64> {
    let next_up = |value: f64| match dtype {
        DType::F32 => f64::from((value as f32).next_up()),
        _ => value.next_up(),
    };
    let narrow = |value: f64| if dtype == DType::F32 { f64::from(value as f32) } else { value };
    let (nearest, side) = match value {
        Scalar::Int(value) => {
            let nearest = if dtype == DType::F32 { f64::from(value as f32) } else { value as f64 };
            (nearest, (nearest as i128).cmp(&value))
        }
        value if narrow(value.to_f64()).is_finite() => (narrow(value.to_f64()), Ordering::Equal),
        value => (narrow(value.to_f64()), narrow(value.to_f64()).partial_cmp(&value.to_f64())?),
    };
    match side {
        Ordering::Less => Some(next_up(nearest)),
        Ordering::Equal if above && nearest == f64::INFINITY => None,
        Ordering::Equal if above => Some(next_up(nearest)),
        Ordering::Equal | Ordering::Greater => Some(nearest),
    }
}

/// Pixels between edges, and the class that each bin of them has.
struct Bins {
    /// Values of the dtype that increase.
    edges: Vec<Scalar>,
    /// Below the first edge, from each edge to the next, and from the last on.
    classes: Vec<Option<usize>>,
}

impl Bins {
    fn new(dtype: DType, ranges: &[ValueRange]) -> Self {
        let least = match dtype.integer_range() {
            Some((least, _)) => Scalar::Int(least),
            None => Scalar::Float(f64::NEG_INFINITY),
        };
        // Where a class begins and, stably after it, where it ends.
        let mut ends = Vec::with_capacity(2 * ranges.len());
        for (class, range) in ranges.iter().enumerate() {
            let low = match range.low {
                Bound::Included(low) => cut(dtype, low, false),
                Bound::Excluded(low) => cut(dtype, low, true),
                Bound::Unbounded => Some(least),
            };
            let high = match range.high {
                Bound::Included(high) => cut(dtype, high, true),
                Bound::Excluded(high) => cut(dtype, high, false),
                Bound::Unbounded => None,
            };
            ends.extend(low.map(|low| (low, true, class)));
            ends.extend(high.map(|high| (high, false, class)));
        }
        let order = |a: Scalar, b: Scalar| compare(a, b).unwrap_or(Ordering::Equal);
        ends.sort_by(|a, b| order(a.0, b.0));
        let (mut edges, mut classes, mut open) = (Vec::new(), Vec::new(), BTreeSet::new());
        for here in ends.chunk_by(|a, b| order(a.0, b.0).is_eq()) {
            if order(here[0].0, least).is_gt() {
                edges.push(here[0].0);
                classes.push(open.first().copied());
            }
            for (_, begins, class) in here {
                if *begins {
                    open.insert(*class)
                } else {
                    open.remove(class)
                };
            }
        }
        classes.push(open.first().copied());
        Self { edges, classes }
    }

    /// The entry of each pixel's class, in `dtype`.
    fn entries(
        &self,
        node: &Arc<Node>,
        dtype: DType,
        any: Scalar,
        entry: impl Fn(Option<usize>) -> Entry,
    ) -> Result<LazyRaster> {
        let operation = "reclassify";
        let Meta { interval, nodata, .. } = node.meta;
        if let Interval::Integer { low: low @ 0.., high: high @ 0..256 } = interval {
            let class = |pixel| self.classes[count(&self.edges, pixel)];
            let table = (0..=high).map(|pixel| (entry(class(pixel)), pixel >= low));
            return entries(operation, node, dtype, reached(table.collect(), any), nodata);
        }
        // NaN is in no class, unlike what lies above all edges.
        let bins = digits(operation, node, self.edges.clone(), self.classes.len(), true)?;
        let is_reached = |bin: usize| match interval {
            Interval::Integer { low, high } => (count(&self.edges, low)..=count(&self.edges, high)).contains(&bin),
            Interval::Float => bin < self.classes.len() || nodata.is_none(),
        };
        let nan = (interval == Interval::Float).then_some(None);
        let table = self.classes.iter().copied().chain(nan).enumerate();
        let table = table.map(|(bin, class)| (entry(class), is_reached(bin)));
        entries(operation, bins.node()?, dtype, reached(table.collect(), any), nodata)
    }
}

/// What a class becomes.
#[derive(Clone, Copy)]
enum Entry {
    Value(Scalar),
    Nodata,
    /// Whatever it is, something else stands there in the end.
    Unseen,
}

/// A table without what no pixel becomes: one of the other values stands there, or `any` where there is none, so that
/// nothing follows from it.
fn reached(table: Vec<(Entry, bool)>, any: Scalar) -> Vec<Option<Scalar>> {
    let value = |(entry, is_reached): &(Entry, bool)| match entry {
        Entry::Value(value) if *is_reached => Some(*value),
        _ => None,
    };
    let filler = table.iter().find_map(value).unwrap_or(any);
    let entry = |(entry, is_reached)| match entry {
        Entry::Value(value) if is_reached => Some(value),
        Entry::Nodata if is_reached => None,
        _ => Some(filler),
    };
    table.into_iter().map(entry).collect()
}

/// How many edges are at most this pixel.
fn count(edges: &[Scalar], pixel: i128) -> usize {
    edges.partition_point(|edge| compare(*edge, Scalar::Int(pixel)).is_some_and(Ordering::is_le))
}

/// How many of `edges`, values of the dtype, are at most each pixel, in a dtype that holds up to `most`.
fn digits(operation: &str, node: &Arc<Node>, edges: Vec<Scalar>, most: usize, nan_apart: bool) -> Result<LazyRaster> {
    let whole = |high: usize| Interval::Integer { low: 0, high: high as i128 };
    let interval = match node.meta.interval {
        Interval::Integer { low, high } => {
            Interval::Integer { low: count(&edges, low) as i128, high: count(&edges, high) as i128 }
        }
        Interval::Float => whole(most),
    };
    let dtype = holding(operation, whole(most))?;
    let nodata = node.meta.nodata;
    let mut kind = Kind { working: dtype, dtype, interval };
    let blank = nodata.map(|nodata| blank(operation, [Some(nodata), None], &mut kind)).transpose()?;
    let meta = Meta { dtype: kind.dtype, interval, nodata: blank, ..node.meta.clone() };
    let op = Op::Digitize { edges: edges.into(), nan_apart, nodata };
    Ok(LazyRaster::build(op, vec![Arc::clone(node)], meta))
}

/// The entry of `table`, values of `dtype`, for each pixel; none is nodata, which is `own`, if no entry is that.
fn entries(
    operation: &str,
    node: &Arc<Node>,
    dtype: DType,
    table: Vec<Option<Scalar>>,
    own: Option<Scalar>,
) -> Result<LazyRaster> {
    let nodata = node.meta.nodata;
    let interval = match dtype.is_float() || dtype == DType::Bool {
        true => Interval::of_dtype(dtype),
        false => {
            let values = table.iter().flatten().map(|value| Interval::of_scalar(*value));
            values.reduce(Interval::union).unwrap_or(Interval::of_dtype(dtype))
        }
    };
    let mut kind = Kind { working: dtype, dtype, interval };
    let has_blanks = nodata.is_some() || table.iter().any(Option::is_none);
    let blank = match has_blanks && dtype != DType::Bool {
        true => Some(blank(operation, [own, None], &mut kind)?),
        false => None,
    };
    let meta = Meta { dtype: kind.dtype, interval, nodata: blank, ..node.meta.clone() };
    Ok(LazyRaster::build(Op::Lookup { table: table.into(), nodata }, vec![Arc::clone(node)], meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_the_least_value_from_which_pixels_are_above() {
        let int = |value: i128| Some(Scalar::Int(value));
        assert_eq!(cut(DType::U8, Scalar::from(2.5), false), int(3));
        assert_eq!(cut(DType::U8, Scalar::from(2.5), true), int(3));
        assert_eq!(cut(DType::U8, Scalar::from(3.0), true), int(4));
        assert_eq!(cut(DType::U8, Scalar::from(-7), false), int(0));
        assert_eq!(cut(DType::U8, Scalar::from(255), true), None);
        assert_eq!(cut(DType::U8, Scalar::from(f64::INFINITY), false), None);
        assert_eq!(cut(DType::I8, Scalar::from(f64::NEG_INFINITY), true), int(-128));
        let float = |value: f64| Some(Scalar::Float(value));
        assert_eq!(cut(DType::F64, Scalar::from(f64::INFINITY), true), None);
        assert_eq!(cut(DType::F64, Scalar::from(i128::from(i64::MAX)), false), float(2f64.powi(63)));
        assert_eq!(cut(DType::F64, Scalar::from((1i128 << 53) + 1), false), float(2f64.powi(53) + 2.0));
        assert_eq!(cut(DType::F32, Scalar::from(16_777_217), false), float(16_777_218.0));
        assert_eq!(cut(DType::F32, Scalar::from(16_777_219), true), float(16_777_220.0));
        assert_eq!(cut(DType::F32, Scalar::from(0.1), false), float(f64::from(0.1f32)));
        assert_eq!(cut(DType::F32, Scalar::from(0.1), true), float(f64::from(0.1f32.next_up())));
        assert_eq!(cut(DType::F32, Scalar::from(1e300), false), float(f64::INFINITY));
        assert_eq!(cut(DType::F32, Scalar::from(-1e300), true), float(f64::from(f32::MIN)));
    }

    #[test]
    fn the_first_of_classes_that_overlap_has_the_pixel() {
        let ranges: Vec<ValueRange> =
            vec![(3..5).into(), (0.2..0.8).into(), (..=8).into(), 7.into(), (4..20).into(), (300..400).into()];
        let bins = Bins::new(DType::U8, &ranges);
        for pixel in 0..256 {
            let has = |range: &ValueRange| {
                let value = Scalar::Int(pixel);
                let above = match range.low {
                    Bound::Unbounded => true,
                    Bound::Included(low) | Bound::Excluded(low) => compare(low, value) != Some(Ordering::Greater),
                };
                above
                    && match range.high {
                        Bound::Unbounded => true,
                        Bound::Included(high) => compare(value, high) != Some(Ordering::Greater),
                        Bound::Excluded(high) => compare(value, high) == Some(Ordering::Less),
                    }
            };
            assert_eq!(bins.classes[count(&bins.edges, pixel)], ranges.iter().position(has), "{pixel}");
        }
    }

    #[test]
    fn ranges_show_as_they_are_written() {
        let shown = |range: ValueRange| range.to_string();
        assert_eq!(shown(7.into()), "7");
        assert_eq!(shown((0.5..2.5).into()), "0.5..2.5");
        assert_eq!(shown((0..=3).into()), "0..=3");
        assert_eq!(
            shown((..=3).into()) + &shown((..3).into()) + &shown((4..).into()) + &shown((..).into()),
            "..=3..34...."
        );
    }
}
