//! Which input pixel an output pixel reads, axis by axis: windows, dropped axes and repeats, composed into one.

use std::fmt;

use crate::shape::{ChunkGrid, Dim, Region, Shape};

/// One axis of a [`View`]: output pixel `i` reads input pixel `(i + phase) / repeat + start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AxisView {
    /// First input pixel.
    pub start: usize,
    /// Count of output pixels.
    pub length: usize,
    /// Output pixels that read the same input pixel.
    pub repeat: usize,
    /// How many of the first input pixel's output pixels are cut off; less than `repeat`.
    pub phase: usize,
}

impl AxisView {
    /// All of an axis of this length.
    pub const fn whole(length: usize) -> Self {
        Self { start: 0, length, repeat: 1, phase: 0 }
    }

    /// The input pixel that output pixel `index` reads.
    pub const fn read(&self, index: usize) -> usize {
        (index + self.phase) / self.repeat + self.start
    }

    /// The view that reads `inner` through `self`.
    fn after(&self, inner: &Self) -> Self {
        let offset = self.phase + (self.start + inner.phase) * self.repeat;
        let repeat = self.repeat * inner.repeat;
        Self { start: inner.start + offset / repeat, length: self.length, repeat, phase: offset % repeat }
    }
}

/// A view of all four axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View {
    /// Time, Band, Y, X.
    pub axes: [AxisView; 4],
}

impl View {
    /// All of an array.
    pub fn whole(shape: Shape) -> Self {
        Self { axes: shape.map(AxisView::whole) }
    }

    /// The pixels of `region`.
    pub fn window(region: &Region) -> Self {
        let axis = |axis| AxisView { start: region.start[axis], ..AxisView::whole(region.shape[axis]) };
        Self { axes: std::array::from_fn(axis) }
    }

    /// Every pixel of an array repeated so often on each axis.
    pub fn repeat(shape: Shape, factors: [usize; 4]) -> Self {
        let axis = |axis: usize| AxisView { repeat: factors[axis], ..AxisView::whole(shape[axis] * factors[axis]) };
        Self { axes: std::array::from_fn(axis) }
    }

    /// Shape of what is seen.
    pub fn shape(&self) -> Shape {
        self.axes.map(|axis| axis.length)
    }

    /// Whether it shows all of an array of `shape` as it is.
    pub fn is_whole(&self, shape: Shape) -> bool {
        *self == Self::whole(shape)
    }

    /// The view that reads `inner` through `self`.
    #[must_use]
    pub fn after(&self, inner: &Self) -> Self {
        Self { axes: std::array::from_fn(|axis| self.axes[axis].after(&inner.axes[axis])) }
    }

    /// The input pixels that the output pixels of `region` read.
    pub fn source_region(&self, region: &Region) -> Region {
        let start = std::array::from_fn(|axis| self.axes[axis].read(region.start[axis]));
        let shape = std::array::from_fn(|axis| match region.shape[axis] {
            0 => 0,
            length => self.axes[axis].read(region.start[axis] + length - 1) + 1 - start[axis],
        });
        Region { start, shape }
    }

    /// The grid over the output whose borders are those of `blocks` over the input.
    pub fn seen_blocks(&self, blocks: &ChunkGrid) -> ChunkGrid {
        let block = blocks.chunk_shape();
        let chunk = std::array::from_fn(|axis| block[axis] * self.axes[axis].repeat);
        let phase = std::array::from_fn(|axis| {
            let AxisView { start, repeat, phase, .. } = self.axes[axis];
            // From the block border before input pixel `start` to the first output pixel.
            (start + blocks.phase()[axis]) % block[axis] * repeat + phase
        });
        ChunkGrid::with_phase(self.shape(), chunk, phase)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for dim in Dim::ALL {
            let AxisView { start, length, repeat, .. } = self.axes[dim.axis()];
            if length == 1 && start == 0 {
                continue;
            }
            let gap = if first { "" } else { ", " };
            first = false;
            match repeat {
                1 => write!(f, "{gap}{dim} {start}..{}", start + length)?,
                _ => write!(f, "{gap}{dim} × {repeat}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_views_read_what_the_steps_read() {
        let shape = [1, 1, 20, 12];
        let region = |y, x, h, w| Region { start: [0, 0, y, x], shape: [1, 1, h, w] };
        let steps = [
            View::window(&region(3, 1, 15, 10)),
            View::repeat([1, 1, 15, 10], [1, 1, 2, 3]),
            View::window(&region(5, 4, 21, 20)),
            View::repeat([1, 1, 21, 20], [1, 1, 3, 1]),
            View::window(&region(2, 7, 50, 9)),
        ];
        let composed = steps.iter().fold(View::whole(shape), |inner, outer| outer.after(&inner));
        for axis in 2..4 {
            for index in 0..composed.axes[axis].length {
                let stepwise = steps.iter().rev().fold(index, |i, view| view.axes[axis].read(i));
                assert_eq!(composed.axes[axis].read(index), stepwise);
            }
        }
        assert_eq!(composed.shape(), [1, 1, 50, 9]);
    }

    #[test]
    fn the_borders_of_blocks_are_kept_through_a_window_and_a_repeat() {
        let blocks = ChunkGrid::new([1, 1, 20, 20], [1, 1, 8, 8]);
        let view = View::repeat([1, 1, 10, 10], [1, 1, 2, 2])
            .after(&View::window(&Region { start: [0, 0, 5, 8], shape: [1, 1, 10, 10] }));
        let seen = view.seen_blocks(&blocks);
        for index in 0..seen.len() {
            let source = view.source_region(&seen.region(index));
            assert_eq!(blocks.touching(&source).count(), 1, "{:?}", seen.region(index));
        }
        assert_eq!(seen.len(), 2 * 2);
    }
}
