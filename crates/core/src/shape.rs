//! Axes, shapes, regions and regular grids of chunks. Every array has four axes inside; absent ones have length 1.

use std::fmt;
use std::ops::Range;

use crate::error::{Error, Result};

/// An axis, in the order in which arrays have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// Acquisition times.
    Time,
    /// Spectral bands, 0-based.
    Band,
    /// Rows, from the top.
    Y,
    /// Columns, from the left.
    X,
}

impl Dim {
    /// The four axes in order.
    pub const ALL: [Dim; 4] = [Dim::Time, Dim::Band, Dim::Y, Dim::X];

    /// Position among the four axes.
    pub const fn axis(self) -> usize {
        self as usize
    }

    /// `time`, `band`, `y` or `x`.
    pub const fn name(self) -> &'static str {
        ["time", "band", "y", "x"][self as usize]
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which axes an array has; Y and X are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dims {
    present: [bool; 4],
}

impl Dims {
    /// Y and X alone.
    pub const YX: Dims = Dims { present: [false, false, true, true] };
    /// Band, Y and X: what opening a file gives.
    pub const BYX: Dims = Dims { present: [false, true, true, true] };
    /// All four.
    pub const TBYX: Dims = Dims { present: [true; 4] };

    /// Whether the array has this axis.
    pub const fn has(self, dim: Dim) -> bool {
        self.present[dim.axis()]
    }

    /// The axes, in order.
    pub fn iter(self) -> impl Iterator<Item = Dim> {
        Dim::ALL.into_iter().filter(move |dim| self.has(*dim))
    }

    /// Count of axes.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Never: Y and X are always there.
    pub const fn is_empty(self) -> bool {
        false
    }

    /// The axes of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { present: std::array::from_fn(|axis| self.present[axis] || other.present[axis]) }
    }

    /// With `dim`.
    #[must_use]
    pub fn with(mut self, dim: Dim) -> Self {
        self.present[dim.axis()] = true;
        self
    }

    /// Without `dim`, which must be Time or Band.
    #[must_use]
    pub fn without(mut self, dim: Dim) -> Self {
        debug_assert!(matches!(dim, Dim::Time | Dim::Band), "Y and X are always there");
        self.present[dim.axis()] = false;
        self
    }
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Dim::name).collect();
        write!(f, "({})", names.join(", "))
    }
}

/// Lengths of the axes Time, Band, Y, X; 1 where an axis is absent.
pub type Shape = [usize; 4];

/// Count of pixels of a shape.
pub fn volume(shape: Shape) -> usize {
    shape.iter().product()
}

/// The lengths of the axes in `dims` only, in order; what a user sees.
pub fn visible(shape: Shape, dims: Dims) -> Vec<usize> {
    dims.iter().map(|dim| shape[dim.axis()]).collect()
}

/// A box of pixels: where it starts, and how long it is, on each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// First pixel on each axis.
    pub start: [usize; 4],
    /// Count of pixels on each axis.
    pub shape: Shape,
}

impl Region {
    /// All of an array of this shape.
    pub const fn whole(shape: Shape) -> Self {
        Self { start: [0; 4], shape }
    }

    /// One past the last pixel on each axis.
    pub fn end(&self) -> [usize; 4] {
        std::array::from_fn(|axis| self.start[axis] + self.shape[axis])
    }

    /// The pixels on one axis.
    pub fn range(&self, dim: Dim) -> Range<usize> {
        let axis = dim.axis();
        self.start[axis]..self.start[axis] + self.shape[axis]
    }

    /// Count of pixels.
    pub fn volume(&self) -> usize {
        volume(self.shape)
    }

    /// The pixels of both, if there are any.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut out = *self;
        for axis in 0..4 {
            let start = self.start[axis].max(other.start[axis]);
            let end = self.end()[axis].min(other.end()[axis]);
            if start >= end {
                return None;
            }
            out.start[axis] = start;
            out.shape[axis] = end - start;
        }
        Some(out)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, y, x] = self.start;
        let [_, _, y_end, x_end] = self.end();
        write!(f, "rows {y}..{y_end}, columns {x}..{x_end}")
    }
}

/// A regular grid of boxes over an array: all of one shape, but for those cut by the array's edges.
///
/// `phase` says how far the first box reaches beyond the array's start, so that a window of a blocked array can keep
/// the borders of its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkGrid {
    shape: Shape,
    chunk: Shape,
    phase: [usize; 4],
}

impl ChunkGrid {
    /// A grid of `chunk` boxes over an array of `shape`, starting at its first pixel. Lengths of 0 count as 1.
    pub fn new(shape: Shape, chunk: Shape) -> Self {
        Self::with_phase(shape, chunk, [0; 4])
    }

    /// A grid whose first box starts `phase` pixels before the array; `phase` is taken modulo the box.
    pub fn with_phase(shape: Shape, chunk: Shape, phase: [usize; 4]) -> Self {
        let chunk = chunk.map(|length| length.max(1));
        let phase = std::array::from_fn(|axis| phase[axis] % chunk[axis]);
        Self { shape, chunk, phase }
    }

    /// Shape of the array.
    pub const fn array_shape(&self) -> Shape {
        self.shape
    }

    /// Shape of a whole box.
    pub const fn chunk_shape(&self) -> Shape {
        self.chunk
    }

    /// How far the first box reaches beyond the array's start.
    pub const fn phase(&self) -> [usize; 4] {
        self.phase
    }

    /// Count of boxes on each axis.
    pub fn counts(&self) -> Shape {
        std::array::from_fn(|axis| (self.shape[axis] + self.phase[axis]).div_ceil(self.chunk[axis]))
    }

    /// Count of boxes.
    pub fn len(&self) -> usize {
        volume(self.counts())
    }

    /// Whether the array has no pixel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position of box `index` on each axis; boxes are numbered row-major in the order of the axes.
    pub fn position(&self, index: usize) -> [usize; 4] {
        let counts = self.counts();
        let mut rest = index;
        let mut position = [0; 4];
        for axis in (0..4).rev() {
            position[axis] = rest % counts[axis];
            rest /= counts[axis];
        }
        position
    }

    /// Number of the box at `position`.
    pub fn index(&self, position: [usize; 4]) -> usize {
        let counts = self.counts();
        (0..4).fold(0, |index, axis| index * counts[axis] + position[axis])
    }

    /// The pixels of box `index`, cut to the array.
    pub fn region(&self, index: usize) -> Region {
        let position = self.position(index);
        let start: [usize; 4] =
            std::array::from_fn(|axis| (position[axis] * self.chunk[axis]).saturating_sub(self.phase[axis]));
        let shape = std::array::from_fn(|axis| {
            let end = ((position[axis] + 1) * self.chunk[axis] - self.phase[axis]).min(self.shape[axis]);
            end - start[axis]
        });
        Region { start, shape }
    }

    /// The numbers of the boxes that share pixels with `region`, in order.
    pub fn touching(&self, region: &Region) -> impl Iterator<Item = usize> + use<> {
        let grid = *self;
        let first: [usize; 4] = std::array::from_fn(|axis| (region.start[axis] + grid.phase[axis]) / grid.chunk[axis]);
        let counts: Shape = std::array::from_fn(|axis| {
            let last = region.start[axis] + region.shape[axis].max(1) - 1 + grid.phase[axis];
            last / grid.chunk[axis] - first[axis] + 1
        });
        let empty = region.volume() == 0;
        let boxes = ChunkGrid::new(counts, [1; 4]);
        (0..if empty { 0 } else { boxes.len() }).map(move |index| {
            let offset = boxes.position(index);
            grid.index(std::array::from_fn(|axis| first[axis] + offset[axis]))
        })
    }
}

/// Checks that an array of this shape can be addressed: its volume in bytes must fit 63 bits.
///
/// # Errors
/// `InvalidInput` where it does not.
pub fn check_addressable(shape: Shape, pixel_size: usize) -> Result<()> {
    let bytes = shape.iter().try_fold(pixel_size as u64, |bytes, length| bytes.checked_mul(*length as u64));
    match bytes {
        Some(bytes) if i64::try_from(bytes).is_ok() => Ok(()),
        _ => Err(Error::invalid(format!("an array of shape {shape:?} is too large to address"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_chunks_are_cut() {
        let grid = ChunkGrid::new([1, 3, 10, 7], [1, 3, 4, 4]);
        assert_eq!(grid.counts(), [1, 1, 3, 2]);
        assert_eq!(grid.region(5), Region { start: [0, 0, 8, 4], shape: [1, 3, 2, 3] });
        assert_eq!(grid.index(grid.position(4)), 4);
    }

    #[test]
    fn a_phase_keeps_the_borders_of_the_blocks() {
        let grid = ChunkGrid::with_phase([1, 1, 10, 10], [1, 1, 4, 4], [0, 0, 3, 0]);
        assert_eq!(grid.counts(), [1, 1, 4, 3]);
        assert_eq!(grid.region(0).range(Dim::Y), 0..1);
        assert_eq!(grid.region(3).range(Dim::Y), 1..5);
        assert_eq!(grid.region(9).range(Dim::Y), 9..10);
    }

    #[test]
    fn touching_finds_exactly_the_boxes_that_intersect() {
        let grid = ChunkGrid::with_phase([1, 2, 11, 9], [1, 1, 4, 5], [0, 0, 1, 2]);
        let region = Region { start: [0, 1, 3, 2], shape: [1, 1, 5, 4] };
        let expected: Vec<_> = (0..grid.len()).filter(|i| grid.region(*i).intersect(&region).is_some()).collect();
        assert_eq!(grid.touching(&region).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_empty_array_has_no_chunk() {
        assert!(ChunkGrid::new([1, 1, 0, 5], [1, 1, 4, 4]).is_empty());
    }
}
