//! Operations each of whose pixels is computed from an area of the input: what they read, and what runs them.

mod blocks;
mod convolve;
mod pick;
mod resample;
mod row;
mod window;

pub use blocks::Block;
pub(crate) use blocks::BlockKernel;
pub(crate) use convolve::Convolution;
pub(crate) use pick::Pick;
pub(crate) use resample::Resample;
pub use resample::Resampling;
pub(crate) use window::{Statistic, WindowKernel};

use std::fmt;
use std::ops::Range;

use crate::chunk::Chunk;
use crate::dtype::Scalar;
use crate::error::Result;
use crate::shape::{ChunkGrid, Region, Shape};

/// Along one axis, which input pixels an output pixel is computed from: pixel `i` reads `i * step - before` to
/// `i * step + after`, both included, as far as the axis has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AxisFootprint {
    /// Input pixels from one output pixel to the next; 0 where all read the same.
    pub step: usize,
    /// Input pixels before the first.
    pub before: usize,
    /// Input pixels after the first.
    pub after: usize,
    /// The length of an axis that is read from its end: all that is said above counts from there.
    pub flipped: Option<usize>,
    /// Lengths of the axis and of the output's, where that of the output is a part that is no whole one: pixel `i` then
    /// reads what it covers of the same extent, beside `before` and `after` pixels more, and `step` is near to it.
    pub ratio: Option<(usize, usize)>,
}

impl AxisFootprint {
    const ONE: Self = Self { step: 1, before: 0, after: 0, flipped: None, ratio: None };

    /// The pixel in the same place alone.
    pub const SAME: Self = Self::ONE;

    /// The pixel in the same place, so many before it and so many after it.
    pub const fn around(before: usize, after: usize) -> Self {
        Self { step: 1, before, after, ..Self::ONE }
    }

    /// `count` pixels, and the next output pixel the next `count`.
    pub const fn every(count: usize) -> Self {
        Self { step: count, after: count.saturating_sub(1), ..Self::ONE }
    }

    /// All of an axis of this length.
    pub const fn all(length: usize) -> Self {
        Self { step: 0, after: length.saturating_sub(1), ..Self::ONE }
    }

    /// One pixel, and the next output pixel the one so many further on.
    pub const fn one_in(count: usize) -> Self {
        Self { step: count, ..Self::ONE }
    }

    /// The pixel in the same place and those that follow it, so many in all.
    pub const fn onwards(count: usize) -> Self {
        Self::around(0, count.saturating_sub(1))
    }

    /// What each of `to` pixels covers of `from`, which are at least as many: see [`ratio`](Self::ratio).
    pub const fn scaled(from: usize, to: usize) -> Self {
        if from.is_multiple_of(to) {
            return Self::every(from / to);
        }
        Self { step: (from + to / 2) / to, ratio: Some((from, to)), ..Self::ONE }
    }

    /// One pixel, of an axis of this length from its end.
    pub const fn flipped(length: usize) -> Self {
        Self { flipped: Some(length), ..Self::ONE }
    }

    /// The most input pixels that one output pixel is computed from.
    pub const fn length(&self) -> usize {
        let more = self.before.saturating_add(self.after);
        match self.ratio {
            // Covered in part at both ends.
            Some((from, to)) => more.saturating_add(from / to + 2),
            None => more.saturating_add(1),
        }
    }

    /// The pixels of an axis of `length` that the output pixels of a range that is not empty read.
    pub fn read(&self, output: Range<usize>, length: usize) -> Range<usize> {
        if let Some((from, to)) = self.ratio {
            let covered = output.start * from / to..(output.end * from).div_ceil(to);
            return covered.start.saturating_sub(self.before)..(covered.end + self.after).min(length);
        }
        let start = (output.start * self.step).saturating_sub(self.before);
        let end = (output.end - 1).saturating_mul(self.step).saturating_add(self.after).saturating_add(1);
        match self.flipped {
            None => start..end.min(length),
            Some(length) => length.saturating_sub(end)..length.saturating_sub(start),
        }
    }
}

/// What an output pixel is computed from, along each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Footprint {
    /// Time, Band, Y, X.
    pub axes: [AxisFootprint; 4],
}

impl Footprint {
    /// The most pixels of an input of this shape that one output pixel is computed from.
    pub fn pixels(&self, input: Shape) -> usize {
        (0..4).map(|axis| self.axes[axis].length().min(input[axis])).product()
    }

    /// The pixels of an input of this shape that `output` is computed from.
    pub fn read(&self, output: &Region, input: Shape) -> Region {
        let ranges: [Range<usize>; 4] = std::array::from_fn(|axis| {
            self.axes[axis].read(output.start[axis]..output.start[axis] + output.shape[axis], input[axis])
        });
        Region {
            start: std::array::from_fn(|axis| ranges[axis].start),
            shape: std::array::from_fn(|axis| ranges[axis].len()),
        }
    }
}

/// An operation each of whose pixels is computed from an area of its one input.
///
/// Its pixels must depend on the input's pixels alone, and not on the region that is asked for: regions follow blocks
/// and chunks; unless it names [`chunks`](Self::chunks).
pub trait AreaKernel: fmt::Debug + Send + Sync {
    /// What to call it in plans and messages.
    fn name(&self) -> String;

    /// What an output pixel is computed from; each must have at least one pixel of the input.
    fn footprint(&self) -> Footprint;

    /// A text that two kernels have in common only if they compute the same; none for one that is only equal to itself.
    fn identity(&self) -> Option<String> {
        None
    }

    /// The boxes of its result that must be computed as a whole, each once, because its pixels depend on them; none for a
    /// kernel that gives the same for any regions, as it should.
    fn chunks(&self) -> Option<ChunkGrid> {
        None
    }

    /// Whether its result is always a stage of its own, computed as soon as what it reads is there: that of a kernel whose
    /// pixels are so many fewer that they are better kept than those.
    fn is_stage(&self) -> bool {
        false
    }

    /// Bytes that computing a result of shape `output` from pixels of shape `input` needs beside these.
    fn scratch(&self, input: Shape, output: Shape) -> u64 {
        let _ = (input, output);
        0
    }

    /// Whether it computes the same when planes along Time all of whose pixels are `value` are left out of its input.
    fn passes_over_times_of(&self, value: Scalar) -> bool {
        let _ = value;
        false
    }

    /// Computes `output`, which has the pixels of `region`; `input` has those of `place`, which are all that
    /// [`footprint`](Self::footprint) says and the input has.
    ///
    /// # Errors
    /// Those of the operation; `Cancelled` soon after `cancelled` says so.
    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footprint_reads_what_each_pixel_reads() {
        let footprints = [
            AxisFootprint::SAME,
            AxisFootprint::around(2, 1),
            AxisFootprint::every(3),
            AxisFootprint::one_in(3),
            AxisFootprint::all(10),
        ];
        for axis in footprints {
            for length in [10, 11, 12] {
                let outputs = match axis.step {
                    0 => 1,
                    step => usize::div_ceil(length, step),
                };
                let pixel = |i: usize| {
                    let reads =
                        |input: &usize| input + axis.before >= i * axis.step && *input <= i * axis.step + axis.after;
                    (0..length).filter(reads).collect::<Vec<_>>()
                };
                for start in 0..outputs {
                    for end in start + 1..=outputs {
                        // And what lies between.
                        let all = (start..end).flat_map(pixel);
                        let all = all.clone().min().unwrap()..all.max().unwrap() + 1;
                        assert_eq!(axis.read(start..end, length), all, "{axis:?} {start}..{end}");
                        let flipped = AxisFootprint { flipped: Some(length), ..axis };
                        let mirrored = length - all.end..length - all.start;
                        assert_eq!(flipped.read(start..end, length), mirrored, "{axis:?} {start}..{end}");
                    }
                }
            }
        }
    }
}
