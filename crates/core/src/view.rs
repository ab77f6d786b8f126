//! Which input pixel an output pixel reads, axis by axis: windows, dropped axes and repeats, composed into one.

use std::fmt;
use std::ops::Range;

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

    /// The output pixels that read the input pixels `input`.
    pub fn seen(&self, input: Range<usize>) -> Range<usize> {
        let first = |pixel: usize| (pixel.saturating_sub(self.start) * self.repeat).saturating_sub(self.phase);
        let end = if input.end > self.start { first(input.end).min(self.length) } else { 0 };
        first(input.start).min(end)..end
    }

    /// What it shows of a part of its input: of which output pixels, counted from the first of these, to the pixels of the
    /// part.
    fn within(&self, part: Range<usize>) -> (Range<usize>, Self) {
        let seen = self.seen(part.clone());
        let offset = seen.start + self.phase;
        let start = (offset / self.repeat + self.start).saturating_sub(part.start);
        (seen.clone(), Self { start, length: seen.len(), repeat: self.repeat, phase: offset % self.repeat })
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

    /// What it shows of a part of its input, if anything: which output pixels, and the view, counted from the first of
    /// these, of the part by itself.
    pub fn within(&self, part: &Region) -> Option<(Region, Self)> {
        let axes: [_; 4] =
            std::array::from_fn(|axis| self.axes[axis].within(part.start[axis]..part.start[axis] + part.shape[axis]));
        let region = Region {
            start: std::array::from_fn(|axis| axes[axis].0.start),
            shape: std::array::from_fn(|axis| axes[axis].0.len()),
        };
        (region.volume() > 0).then(|| (region, Self { axes: axes.map(|(_, view)| view) }))
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
    fn a_part_is_seen_where_the_whole_shows_it() {
        let axes = [
            AxisView::whole(20),
            AxisView { start: 3, length: 11, repeat: 1, phase: 0 },
            AxisView { start: 2, length: 30, repeat: 3, phase: 2 },
        ];
        for axis in axes {
            for part in [0..20, 0..3, 2..5, 5..6, 12..20, 13..14] {
                let (seen, view) = axis.within(part.clone());
                let expected: Vec<_> = (0..axis.length).filter(|index| part.contains(&axis.read(*index))).collect();
                assert_eq!(seen.clone().collect::<Vec<_>>(), expected, "{axis:?} of {part:?}");
                for index in seen.clone() {
                    assert_eq!(view.read(index - seen.start) + part.start, axis.read(index), "{axis:?} of {part:?}");
                }
            }
        }
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
