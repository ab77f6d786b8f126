//! Reductions: what is told of all pixels of a raster together, band by band, or class by class.
//!
//! Pieces are gathered by themselves and merged in any order: all sums are exact, so that the result is the same.

mod exact;
mod moments;
mod counts;
mod places;

pub(crate) use counts::Counting;
pub use counts::{Bins, Histogram};
pub use moments::Moments;

use std::collections::{BTreeMap, HashMap};

use self::counts::Counts;
use self::moments::Summand;
use self::places::Places;
use crate::buffer::{Buffer, Pixel};
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::shape::{Region, Shape};

/// What is gathered of the pixels of a raster.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    pub(crate) dtype: DType,
    pub(crate) nodata: Option<Scalar>,
    pub(crate) counting: Counting,
    /// Whether it is asked where extremes are.
    pub(crate) places: bool,
}

/// The classes by which the pixels of a region are told apart.
pub(crate) struct Zones<'a> {
    pub(crate) pixels: &'a Chunk,
    /// What is no class.
    pub(crate) nodata: Option<Scalar>,
}

/// A group of pixels: one plane of the raster, or one class of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Position along Time.
    pub time: usize,
    /// Position along Band.
    pub band: usize,
    /// The class, where there are classes.
    pub zone: Option<i128>,
}

/// What was gathered: of a piece, then of all of them.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    groups: BTreeMap<Group, Parts>,
}

/// What is gathered of a group.
#[derive(Debug, Clone)]
struct Parts {
    moments: Moments,
    counts: Counts,
    places: Places,
}

/// What is told of one group of pixels.
#[derive(Debug, Clone)]
pub struct Summary {
    parts: Parts,
    reduction: Reduction,
}

impl std::ops::Deref for Summary {
    type Target = Moments;

    fn deref(&self) -> &Moments {
        &self.parts.moments
    }
}

impl Summary {
    /// The values that occur, the least first, with the count of pixels that have each; where values were asked for.
    pub fn value_counts(&self) -> Option<Vec<(Scalar, u64)>> {
        let scalar = |value: i128| match self.reduction.dtype {
            DType::Bool => Scalar::Bool(value != 0),
            _ => Scalar::Int(value),
        };
        match self.reduction.counting {
            Counting::Values => {
                Some(self.parts.counts.values()?.into_iter().map(|(value, n)| (scalar(value), n)).collect())
            }
            Counting::None | Counting::Bins(_) => None,
        }
    }

    /// Counts in bins, where they were asked for.
    pub fn histogram(&self) -> Option<Histogram> {
        self.parts.counts.histogram(&self.reduction.counting)
    }

    /// Row and column of the least pixel, the first of several row by row; of the first NaN, if there is one. Where
    /// [places](crate::expr::LazyStatistics::places) were asked for, and a pixel is valid.
    #[doc(alias = "idxmin")]
    pub fn argmin(&self) -> Option<[usize; 2]> {
        self.parts.places.least()
    }

    /// Row and column of the greatest pixel, as [`argmin`](Self::argmin).
    #[doc(alias = "idxmax")]
    pub fn argmax(&self) -> Option<[usize; 2]> {
        self.parts.places.greatest()
    }

    /// Whether any pixel is true, of bools; false where there is none.
    pub fn any(&self) -> Option<bool> {
        (self.reduction.dtype == DType::Bool).then(|| self.max() == Some(Scalar::Bool(true)))
    }

    /// Whether all pixels are true, of bools; true where there is none.
    pub fn all(&self) -> Option<bool> {
        (self.reduction.dtype == DType::Bool).then(|| self.min() != Some(Scalar::Bool(false)))
    }

    /// The value below which a share `q` of the valid pixels lies, interpolated as NumPy's default; where values were asked
    /// for, and a pixel is valid.
    ///
    /// # Panics
    /// If `q` does not lie from 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        assert!((0.0..=1.0).contains(&q), "a quantile lies from 0 to 1, not {q}");
        let counts = self.parts.counts.values()?;
        let last = self.count().checked_sub(1)?;
        let position = q * last as f64;
        let (below, part) = (position.floor() as u64, position.fract());
        let nth = |nth: u64| {
            let mut seen = 0;
            counts.iter().find(|(_, count)| {
                seen += count;
                nth < seen
            })
        };
        let (low, high) = (nth(below)?.0 as f64, nth((below + 1).min(last))?.0 as f64);
        Some(if part >= 0.5 { high - (high - low) * (1.0 - part) } else { low + (high - low) * part })
    }

    /// The median: of an even count the mean of the middle two. As [`quantile`](Self::quantile).
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The most frequent value, the least of several; where values were asked for, and a pixel is valid.
    pub fn mode(&self) -> Option<Scalar> {
        let counts = self.value_counts()?;
        let most = counts.iter().map(|(_, count)| *count).max()?;
        counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
    }

    /// What is told of these pixels and those of `other` together.
    ///
    /// # Errors
    /// `InvalidInput` where both are not of one raster, or have too many different values together.
    pub fn with(&self, other: &Self) -> Result<Self> {
        if self.reduction != other.reduction {
            return Err(Error::invalid("summaries of two rasters cannot be joined"));
        }
        let mut joined = self.clone();
        joined.parts.merge(&other.parts)?;
        Ok(joined)
    }
}

impl Reduction {
    /// What is told of a region's pixels, and of the classes of each.
    ///
    /// # Errors
    /// `InvalidInput` for too many different values.
    pub(crate) fn gather(&self, region: &Region, pixels: &Chunk, zones: Option<&Zones<'_>>) -> Result<Gathered> {
        for_dtype!(Buffer, pixels.data(), data => self.gather_typed(region, data, zones))
    }

    fn gather_typed<T: Summand>(&self, region: &Region, pixels: &[T], zones: Option<&Zones<'_>>) -> Result<Gathered> {
        let nodata = self.nodata.map(T::from_scalar);
        let mut groups = BTreeMap::new();
        let mut add = |group: Group, pixels: &[T]| {
            let mut parts = Parts {
                moments: Moments::new::<T>(),
                counts: Counts::new(&self.counting, self.dtype),
                places: Places::default(),
            };
            parts.moments.add(pixels, nodata);
            parts.counts.add(pixels, nodata)?;
            if self.places {
                let extremes = (parts.moments.min(), parts.moments.max());
                parts.places.find(pixels, nodata, extremes, region.shape[3], [region.start[2], region.start[3]]);
            }
            groups.insert(group, parts);
            Ok(())
        };
        let [times, bands, rows, columns] = region.shape;
        let plane = rows * columns;
        for t in 0..times {
            for b in 0..bands {
                let first = (t * bands + b) * plane;
                let pixels = &pixels[first..first + plane];
                let group = |zone| Group { time: region.start[0] + t, band: region.start[1] + b, zone };
                match zones {
                    None => add(group(None), pixels)?,
                    Some(Zones { pixels: zones, nodata }) => {
                        let [zone_times, zone_bands, ..] = zones.shape();
                        // Classes of one plane hold for all.
                        let (t, b) = (t.min(zone_times - 1), b.min(zone_bands - 1));
                        let first = (t * zone_bands + b) * plane;
                        let sorted = for_dtype!(Buffer, zones.data(), zones => {
                            sort(pixels, &zones[first..first + plane], *nodata)
                        });
                        for (zone, pixels) in sorted {
                            add(group(Some(zone)), &pixels)?;
                        }
                    }
                }
            }
        }
        Ok(Gathered { groups })
    }

    /// Bytes that what is gathered of a piece of this shape holds; by class, if it has no more than a thousand.
    pub(crate) fn most_bytes(&self, shape: Shape, by_zone: bool) -> u64 {
        let [times, bands, rows, columns] = shape;
        let plane = rows * columns;
        let counts = Counts::most_bytes(&self.counting, self.dtype, plane);
        let moments = for_dtype!(Buffer, &Buffer::zeros(self.dtype, 0), pixels => Moments::like(pixels).byte_len());
        let zones = if by_zone { plane.min(ZONES_EXPECTED) } else { 1 };
        (times * bands * zones * (moments + counts + size_of::<Group>() + size_of::<Places>())) as u64
    }

    /// Bytes that gathering a piece of this shape holds beside its pixels: those of a plane, by class.
    pub(crate) fn scratch(&self, shape: Shape, by_zone: bool) -> u64 {
        // Lists of pixels grow by doubling.
        if by_zone { (2 * shape[2] * shape[3] * self.dtype.size()) as u64 } else { 0 }
    }
}

/// Classes of a piece for which memory is set aside before they are known.
const ZONES_EXPECTED: usize = 1024;

/// Pixels by class, those of a class in order; those without a class are left out.
fn sort<T: Pixel, Z: Pixel>(pixels: &[T], zones: &[Z], nodata: Option<Scalar>) -> Vec<(i128, Vec<T>)> {
    let nodata = nodata.map(Z::from_scalar);
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut sorted: Vec<(i128, Vec<T>)> = Vec::new();
    let mut start = 0;
    // Neighbours mostly have one class.
    for run in zones.chunk_by(|a, b| a == b) {
        let (zone, end) = (run[0], start + run.len());
        if nodata != Some(zone) {
            let place = *places.entry(zone.to_bits()).or_insert_with(|| {
                sorted.push((integer(zone.to_scalar()), Vec::new()));
                sorted.len() - 1
            });
            sorted[place].1.extend_from_slice(&pixels[start..end]);
        }
        start = end;
    }
    sorted
}

fn integer(zone: Scalar) -> i128 {
    match zone {
        Scalar::Bool(zone) => zone.into(),
        zone => zone.to_integer().unwrap_or_default(),
    }
}

impl Parts {
    fn merge(&mut self, other: &Self) -> Result<()> {
        self.moments.merge(&other.moments);
        self.places.merge(&other.places);
        self.counts.merge(&other.counts)
    }
}

impl Gathered {
    /// Adds what was gathered of other pieces.
    ///
    /// # Errors
    /// `InvalidInput` for too many different values.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        for (group, parts) in other.groups {
            match self.groups.get_mut(&group) {
                None => drop(self.groups.insert(group, parts)),
                Some(known) => known.merge(&parts)?,
            }
        }
        Ok(())
    }

    /// Bytes of memory that it holds.
    pub fn byte_len(&self) -> u64 {
        let group = |parts: &Parts| {
            size_of::<Group>() + size_of::<Places>() + parts.moments.byte_len() + parts.counts.byte_len()
        };
        self.groups.values().map(group).sum::<usize>() as u64
    }

    /// What is told of each group, in order.
    pub fn summaries(self, reduction: &Reduction) -> BTreeMap<Group, Summary> {
        let summary = |parts| Summary { parts, reduction: reduction.clone() };
        self.groups.into_iter().map(|(group, parts)| (group, summary(parts))).collect()
    }
}
