//! What a stage reads: a source's pixels, or another stage's, as a view shows them, or what is computed from areas of them.

use std::sync::Arc;

use super::chunk_map::ChunkMap;
use super::stage::{Blocks, SourceUse, Stage};
use super::watch::Watch;
use crate::area::{AreaKernel, Footprint};
use crate::chunk::Chunk;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{gather, gather_constant};
use crate::shape::{ChunkGrid, Region, Shape, volume};
use crate::value::ChunkValue;
use crate::view::View;

/// Where blocks come from, each by its position: among the run's sources, or its stages, whose pieces they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Supply {
    /// A source.
    Source(usize),
    /// A stage that is read by others.
    Stage(usize),
}

/// A leaf of a stage's program: what it sees of which source or stage.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Where its blocks come from.
    pub supply: Supply,
    /// What it reads of them.
    pub(super) reading: Reading,
    /// Which blocks each piece reads.
    pub map: ChunkMap,
    /// Whether it is read only where a condition that is computed without it says so.
    pub guarded: bool,
    /// Whether its blocks, untouched, can be copied to the stage's sink as they are stored.
    pub copied: bool,
    /// Whether it is read beside pixels that are computed, by a reduction, and not by the program.
    pub(super) beside: bool,
    /// Whether no block of it is read twice by the stage.
    pub once: bool,
}

/// How pixels of a leaf come from those of its supply.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// What is seen of the supply.
    pub(super) view: View,
    /// What is computed from that, if anything is.
    pub(super) area: Option<Area>,
}

/// An operation on areas between a supply and a leaf.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) kernel: Arc<dyn AreaKernel>,
    pub(super) footprint: Footprint,
    /// Shape of what it reads, and of what it gives.
    pub(super) input: Shape,
    pub(super) shape: Shape,
    pub(super) dtype: DType,
    /// What is seen of its result.
    pub(super) view: View,
}

impl Reading {
    /// A view of a supply, and nothing more.
    pub(super) const fn plain(view: View) -> Self {
        Self { view, area: None }
    }

    /// The view that shows the leaf's pixels, of the supply or of what is computed.
    pub(super) fn outer_view(&self) -> &View {
        self.area.as_ref().map_or(&self.view, |area| &area.view)
    }

    /// What the view of the supply must show for pixels `start..start + length` of the leaf along one axis: first pixel and
    /// count.
    pub(super) fn along(&self, axis: usize, start: usize, length: usize) -> (usize, usize) {
        let Some(area) = &self.area else { return (start, length) };
        let seen = area.view.axes[axis];
        let read = seen.read(start)..seen.read(start + length - 1) + 1;
        let read = area.footprint.axes[axis].read(read, area.input[axis]);
        (read.start, read.len())
    }

    /// A grid over the leaf whose borders follow those of `blocks` of the supply, as far as they can.
    pub(super) fn seen_blocks(&self, blocks: &ChunkGrid) -> ChunkGrid {
        let seen = self.view.seen_blocks(blocks);
        let Some(area) = &self.area else { return seen };
        let (chunk, phase) = (seen.chunk_shape(), seen.phase());
        let step = |axis: usize| area.footprint.axes[axis].step;
        let aligned = |axis: usize| {
            step(axis) > 0 && chunk[axis].is_multiple_of(step(axis)) && phase[axis].is_multiple_of(step(axis))
        };
        let computed = ChunkGrid::with_phase(
            area.shape,
            std::array::from_fn(|axis| chunk[axis].div_ceil(step(axis).max(1)).min(area.shape[axis])),
            std::array::from_fn(|axis| if aligned(axis) { phase[axis] / step(axis) } else { 0 }),
        );
        area.view.seen_blocks(&computed)
    }
}

impl Leaf {
    /// The block whose pixels are just those of the piece at `position`, if there is one.
    pub(super) fn whole_block(&self, position: [usize; 4]) -> Option<usize> {
        self.map.whole_block(position).filter(|_| self.reading.area.is_none())
    }

    /// Its source.
    pub(super) const fn source(&self) -> Option<usize> {
        match self.supply {
            Supply::Source(source) => Some(source),
            Supply::Stage(_) => None,
        }
    }

    /// Bytes that its pixels of the piece at `position` take, and those that it holds beside while they are made.
    pub(super) fn gathered_bytes(&self, supplies: &Supplies<'_>, position: [usize; 4]) -> (u64, u64) {
        let (_, dtype) = supplies.of(self.supply);
        let output = self.map.shape(position);
        let Some(area) = &self.reading.area else { return ((volume(output) * dtype.size()) as u64, 0) };
        let input = self.map.input_shape(position);
        let gathered = match self.map.whole_block(position) {
            Some(_) => 0,
            None => (volume(input) * dtype.size()) as u64,
        };
        // No more pixels are computed than seen; those of a view that repeats are put together in another buffer.
        let computed = (volume(output) * area.dtype.size()) as u64;
        let repeats = area.view.axes.iter().any(|axis| axis.repeat > 1);
        (computed, gathered + area.kernel.scratch(input, output) + if repeats { computed } else { 0 })
    }

    /// The pixels for `region` of the stage's output, the piece at `position`: a block as it is where that is all, else
    /// gathered from every block it touches.
    pub(super) fn read(
        &self,
        supplies: &Supplies<'_>,
        region: &Region,
        position: [usize; 4],
        blocks: &mut dyn Blocks,
        watch: &dyn Watch,
    ) -> Result<Arc<Chunk>> {
        let output = self.output(region);
        let Some(area) = &self.reading.area else { return self.gather(supplies, &output, position, blocks) };
        let wanted = area.view.source_region(&output);
        let place = area.footprint.read(&wanted, area.input);
        let input = self.gather(supplies, &place, position, blocks)?;
        let mut computed = Chunk::filled(wanted.shape, area.dtype, area.dtype.zero());
        area.kernel.run(&input, &place, &mut computed, &wanted, &|| watch.is_cancelled())?;
        if area.view.axes.iter().all(|axis| axis.repeat == 1) {
            return Ok(Arc::new(computed));
        }
        let mut target = Chunk::filled(output.shape, area.dtype, area.dtype.zero());
        gather(&area.view, &computed, &wanted, &mut target, &output);
        Ok(Arc::new(target))
    }

    /// The pixels of `seen`, a region of what the view shows of the supply.
    fn gather(
        &self,
        supplies: &Supplies<'_>,
        seen: &Region,
        position: [usize; 4],
        blocks: &mut dyn Blocks,
    ) -> Result<Arc<Chunk>> {
        let (grid, dtype) = supplies.of(self.supply);
        let no_pixels =
            || Error::new(ErrorKind::Internal, "the bytes of a block were kept where its pixels are needed");
        if let Some(index) = self.map.whole_block(position) {
            let value = blocks.pixels(self.supply, index, self.once)?;
            return value.pixels(grid.region(index).shape, dtype).ok_or_else(no_pixels);
        }
        let mut target = Chunk::filled(seen.shape, dtype, dtype.zero());
        for index in self.map.blocks(position) {
            let (view, place) = (&self.reading.view, grid.region(index));
            match blocks.pixels(self.supply, index, self.once)? {
                ChunkValue::Constant(value) => gather_constant(view, value, &place, &mut target, seen),
                value => {
                    let block = value.pixels(place.shape, dtype).ok_or_else(no_pixels)?;
                    gather(view, &block, &place, &mut target, seen);
                }
            }
        }
        Ok(Arc::new(target))
    }

    /// The pixels of the leaf that meet `region`: all of an axis along which it is broadcast.
    fn output(&self, region: &Region) -> Region {
        let mut out = *region;
        for axis in 0..2 {
            if self.reading.outer_view().axes[axis].length == 1 {
                (out.start[axis], out.shape[axis]) = (0, 1);
            }
        }
        out
    }
}

/// What the supplies of a run have: blocks, and their dtype.
#[derive(Clone, Copy)]
pub(super) struct Supplies<'a> {
    pub(super) sources: &'a [SourceUse],
    /// The stages that others read, without the outputs before them.
    pub(super) inner: &'a [Stage],
    /// Count of the outputs.
    pub(super) outputs: usize,
}

impl Supplies<'_> {
    pub(super) fn of(&self, supply: Supply) -> (ChunkGrid, DType) {
        match supply {
            Supply::Source(source) => (self.sources[source].blocks, self.sources[source].source.meta().dtype),
            Supply::Stage(stage) => {
                let stage = &self.inner[stage - self.outputs];
                (stage.pieces, stage.meta.dtype)
            }
        }
    }
}
