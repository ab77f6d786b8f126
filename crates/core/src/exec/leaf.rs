//! What a stage reads: a source's pixels, or another stage's, as a view shows them, or what is computed from areas of them.

use std::sync::Arc;

use super::chunk_map::{ChunkMap, Extents};
use super::stage::{Blocks, SourceUse, Stage};
use super::watch::Watch;
use crate::area::{AreaKernel, Footprint};
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::Gathering;
use crate::shape::{ChunkGrid, Dim, Region, Shape, volume};
use crate::source::Place;
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

/// A leaf of a stage's program: what it sees of which sources and stages.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Where its pixels come from: one supply, or several side by side.
    pub parts: Vec<Part>,
    /// The value of pixels that no part has.
    fill: Scalar,
    dtype: DType,
    /// What is computed from the parts, if anything is.
    pub(super) area: Option<Area>,
    /// Shape of the leaf.
    shape: Shape,
    extents: Extents,
    /// Whether it is read only where a condition that is computed without it says so.
    pub guarded: bool,
    /// Whether it is read beside pixels that are computed, by a reduction, and not by the program.
    pub(super) beside: bool,
}

/// What a leaf reads of one supply.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where its blocks come from.
    pub supply: Supply,
    seen: Seen,
    /// Which blocks each piece reads.
    pub map: ChunkMap,
    /// Whether its blocks, untouched, can be copied to the stage's sink as they are stored.
    pub copied: bool,
    /// Whether no block of it is read twice by the stage.
    pub once: bool,
}

/// How pixels of a leaf come from those of its supplies.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// What is seen of which supply; no two show the same pixel.
    pub(super) seen: Vec<Seen>,
    /// The value of pixels that none of them shows.
    pub(super) fill: Scalar,
    pub(super) dtype: DType,
    /// Shape of what they show together.
    pub(super) shape: Shape,
    /// What is computed from that, if anything is.
    pub(super) area: Option<Area>,
}

/// What is seen of one supply.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) supply: Supply,
    /// Which of its pixels each shown pixel is.
    pub(super) view: View,
    /// The pixels that it shows, of those that all show together.
    pub(super) shown: Region,
}

/// An operation on areas between supplies and a leaf.
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
    /// A view of one supply, and nothing more.
    pub(super) fn of(supply: Supply, view: View, dtype: DType) -> Self {
        let shape = view.shape();
        let seen = vec![Seen { supply, view, shown: Region::whole(shape) }];
        Self { seen, fill: dtype.zero(), dtype, shape, area: None }
    }

    /// Shape of the leaf.
    pub(super) fn outer_shape(&self) -> Shape {
        self.area.as_ref().map_or(self.shape, |area| area.view.shape())
    }

    /// What the supplies must show for pixels `start..start + length` of the leaf along one axis: first pixel and count.
    pub(super) fn along(&self, axis: usize, start: usize, length: usize) -> (usize, usize) {
        let Some(area) = &self.area else { return (start, length) };
        let seen = area.view.axes[axis];
        let read = seen.read(start)..seen.read(start + length - 1) + 1;
        let read = area.footprint.axes[axis].read(read, area.input[axis]);
        (read.start, read.len())
    }

    /// A grid over the leaf whose borders follow those of the blocks of its first supply, as far as they can.
    pub(super) fn seen_blocks(&self, supplies: &Supplies<'_>) -> Option<ChunkGrid> {
        let Seen { supply, view, shown } = self.seen.first()?;
        let part = view.seen_blocks(&supplies.of(*supply).0);
        let (chunk, phase) = (part.chunk_shape(), part.phase());
        // The first border of the part's blocks, as many blocks before as there are.
        let phase = std::array::from_fn(|axis| phase[axis] + chunk[axis] - shown.start[axis] % chunk[axis]);
        let seen = ChunkGrid::with_phase(self.shape, chunk, phase);
        let Some(area) = &self.area else { return Some(seen) };
        let phase = seen.phase();
        let step = |axis: usize| area.footprint.axes[axis].step;
        let aligned = |axis: usize| {
            step(axis) > 0 && chunk[axis].is_multiple_of(step(axis)) && phase[axis].is_multiple_of(step(axis))
        };
        let phase = |axis: usize| match area.footprint.axes[axis].flipped {
            // From the last border to the end.
            Some(length) => chunk[axis] - (length + phase[axis]) % chunk[axis],
            None if aligned(axis) => phase[axis] / step(axis),
            None => 0,
        };
        let computed = ChunkGrid::with_phase(
            area.shape,
            std::array::from_fn(|axis| chunk[axis].div_ceil(step(axis).max(1)).min(area.shape[axis])),
            std::array::from_fn(phase),
        );
        Some(area.view.seen_blocks(&computed))
    }
}

impl Leaf {
    /// The leaf that pieces read so; its parts are not copied, and may be read again.
    pub(super) fn new(reading: Reading, pieces: &ChunkGrid, supplies: &Supplies<'_>) -> Self {
        let extents = Extents::new(&reading, pieces);
        let shape = reading.outer_shape();
        let Reading { seen, fill, dtype, area, .. } = reading;
        let part = |seen: Seen| Part {
            supply: seen.supply,
            map: ChunkMap::new(&seen, &extents, &supplies.of(seen.supply).0),
            seen,
            copied: false,
            once: false,
        };
        let parts = seen.into_iter().map(part).collect();
        Self { parts, fill, dtype, area, shape, extents, guarded: false, beside: false }
    }

    /// The blocks that the piece at `position` reads.
    pub fn blocks(&self, position: [usize; 4]) -> impl Iterator<Item = (Supply, usize)> + '_ {
        self.parts.iter().flat_map(move |part| part.map.blocks(position).map(|block| (part.supply, block)))
    }

    /// The block whose pixels are just those of the piece at `position`, and its part, if there is one.
    pub(super) fn whole_block(&self, position: [usize; 4]) -> Option<(&Part, usize)> {
        if self.area.is_some() { None } else { self.block_read(position) }
    }

    /// The block that is all that the piece at `position` reads.
    fn block_read(&self, position: [usize; 4]) -> Option<(&Part, usize)> {
        self.parts.iter().find_map(|part| Some((part, part.map.whole_block(position)?)))
    }

    /// Whether all its parts are sources.
    pub(super) fn is_of_sources(&self) -> bool {
        self.parts.iter().all(|part| part.source().is_some())
    }

    /// The one value of its pixels of the piece at `position`, if blocks tell that before they are read.
    pub(super) fn constant(&self, supplies: &Supplies<'_>, position: [usize; 4]) -> Result<Option<Scalar>> {
        if self.area.is_some() || !self.is_of_sources() {
            return Ok(None);
        }
        let mut value = if self.is_covered(position) { None } else { Some(self.fill) };
        for (supply, block) in self.blocks(position) {
            let Supply::Source(source) = supply else { return Ok(None) };
            match (supplies.sources[source].source.place(block)?, value) {
                (Place::Constant(this), None) => value = Some(this),
                (Place::Constant(this), Some(other)) if this.is_same(other) => {}
                _ => return Ok(None),
            }
        }
        Ok(value)
    }

    /// Whether parts have all pixels that the piece at `position` reads.
    fn is_covered(&self, position: [usize; 4]) -> bool {
        let input = self.extents.input(position);
        let shown = |part: &Part| part.seen.shown.intersect(&input).map_or(0, |region| region.volume());
        self.parts.iter().map(shown).sum::<usize>() == input.volume()
    }

    /// Bytes that its pixels of the piece at `position` take, and those that it holds beside while they are made.
    pub(super) fn gathered_bytes(&self, position: [usize; 4]) -> (u64, u64) {
        let output = self.extents.shape(position);
        let Some(area) = &self.area else { return ((volume(output) * self.dtype.size()) as u64, 0) };
        let mut input = self.extents.input(position).shape;
        if let Some(times) = self.times(position) {
            input[0] = times.len();
        }
        let gathered = match self.block_read(position) {
            Some(_) => 0,
            None => (volume(input) * self.dtype.size()) as u64,
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
        let Some(area) = &self.area else { return self.gather(supplies, position, None, blocks) };
        let output = self.output(region);
        let wanted = area.view.source_region(&output);
        let times = self.times(position);
        let mut place = self.extents.input(position);
        let input = self.gather(supplies, position, times.as_deref(), blocks)?;
        if times.is_some() {
            (place.start[0], place.shape[0]) = (0, input.shape()[0]);
        }
        let mut computed = Chunk::filled(wanted.shape, area.dtype, area.dtype.zero());
        area.kernel.run(&input, &place, &mut computed, &wanted, &|| watch.is_cancelled())?;
        if area.view.axes.iter().all(|axis| axis.repeat == 1) {
            return Ok(Arc::new(computed));
        }
        let mut target = Chunk::filled(output.shape, area.dtype, area.dtype.zero());
        let mut gathering = Gathering { view: &area.view, region: output, target: &mut target, at: [0; 4] };
        gathering.gather(&computed, &wanted);
        Ok(Arc::new(target))
    }

    /// The pixels that the piece at `position` reads of the parts; of `times` alone, if they are given.
    fn gather(
        &self,
        supplies: &Supplies<'_>,
        position: [usize; 4],
        times: Option<&[usize]>,
        blocks: &mut dyn Blocks,
    ) -> Result<Arc<Chunk>> {
        let no_pixels =
            || Error::new(ErrorKind::Internal, "the bytes of a block were kept where its pixels are needed");
        if let Some((part, index)) = self.block_read(position) {
            let value = blocks.pixels(part.supply, index, part.once)?;
            let shape = supplies.of(part.supply).0.region(index).shape;
            return value.pixels(shape, self.dtype).ok_or_else(no_pixels);
        }
        let wanted = self.extents.input(position);
        let mut shape = wanted.shape;
        if let Some(times) = times {
            shape[0] = times.len();
        }
        let mut target = Chunk::filled(shape, self.dtype, self.fill);
        for part in self.parts.iter().filter(|part| part.map.is_read(position)) {
            let grid = supplies.of(part.supply).0;
            for index in part.map.blocks(position) {
                let value = blocks.pixels(part.supply, index, part.once)?;
                let place = grid.region(index);
                let pixels = match value {
                    ChunkValue::Constant(_) => None,
                    _ => Some(value.pixels(place.shape, self.dtype).ok_or_else(no_pixels)?),
                };
                for (region, at) in part.seen.slabs(&wanted, times) {
                    let mut gathering = Gathering { view: &part.seen.view, region, target: &mut target, at };
                    match (&value, &pixels) {
                        (ChunkValue::Constant(value), _) => gathering.gather_constant(*value, &place),
                        (_, Some(pixels)) => gathering.gather(pixels, &place),
                        _ => {}
                    }
                }
            }
        }
        Ok(Arc::new(target))
    }

    /// The Times of which some part has pixels, where the others may be left out: they have none, and the operation on
    /// areas passes over these.
    fn times(&self, position: [usize; 4]) -> Option<Vec<usize>> {
        let area = self.area.as_ref()?;
        if self.parts.len() < 2 || !area.kernel.passes_over_times_of(self.fill) {
            return None;
        }
        let all = self.extents.input(position);
        let mut is_there = vec![false; all.shape[0]];
        for part in self.parts.iter().filter(|part| part.map.is_read(position)) {
            let shown = part.seen.shown.range(Dim::Time);
            let range = shown.start.max(all.start[0])..shown.end.min(all.end()[0]);
            range.for_each(|time| is_there[time - all.start[0]] = true);
        }
        let mut times: Vec<_> =
            (0..is_there.len()).filter(|time| is_there[*time]).map(|time| time + all.start[0]).collect();
        // An operation needs something to compute from.
        if times.is_empty() {
            times.push(all.start[0]);
        }
        (times.len() < all.shape[0]).then_some(times)
    }

    /// The pixels of the leaf that meet `region`: all of an axis along which it is broadcast.
    fn output(&self, region: &Region) -> Region {
        let mut out = *region;
        for axis in (0..2).filter(|axis| self.shape[*axis] == 1) {
            (out.start[axis], out.shape[axis]) = (0, 1);
        }
        out
    }
}

impl Part {
    /// Its source.
    pub(super) const fn source(&self) -> Option<usize> {
        match self.supply {
            Supply::Source(source) => Some(source),
            Supply::Stage(_) => None,
        }
    }

    /// Which of the supply's pixels it shows.
    pub(super) const fn view(&self) -> &View {
        &self.seen.view
    }
}

impl Seen {
    /// The shown pixels among those `wanted`, counted from the first that is shown, and where they lie in a chunk of the
    /// wanted ones; of one that has only some Times, one after the other.
    fn slabs(&self, wanted: &Region, times: Option<&[usize]>) -> Vec<(Region, [usize; 4])> {
        let Some(common) = self.shown.intersect(wanted) else { return Vec::new() };
        let start: [usize; 4] = std::array::from_fn(|axis| common.start[axis] - self.shown.start[axis]);
        let at: [usize; 4] = std::array::from_fn(|axis| common.start[axis] - wanted.start[axis]);
        let Some(times) = times else { return vec![(Region { start, shape: common.shape }, at)] };
        let one = |time: usize| {
            let place = times.binary_search(&time).ok()?;
            let (mut region, mut at) = (Region { start, shape: common.shape }, at);
            (region.start[0], region.shape[0], at[0]) = (time - self.shown.start[0], 1, place);
            Some((region, at))
        };
        common.range(Dim::Time).filter_map(one).collect()
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
