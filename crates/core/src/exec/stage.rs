//! A stage: one program of the plan, computed piece by piece from blocks of sources and pieces of other stages.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::leaf::{Leaf, Part, Reading, Supplies, Supply};
use super::output::{StageParts, Target, pieces};
use super::watch::{Step, Watch};
use crate::chunk::Chunk;
use crate::dtype::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::LazyRaster;
use crate::meta::Meta;
use crate::plan::program::{Evaluation, Known, Leaves, Program};
use crate::reduce::{Gathered, Reduction, Zones};
use crate::shape::{ChunkGrid, Region};
use crate::source::{ChunkSource, Place};
use crate::value::ChunkValue;
use crate::view::View;

/// A source of a run and what it needs of it.
#[derive(Debug, Clone)]
pub struct SourceUse {
    /// The source.
    pub source: Arc<dyn ChunkSource>,
    /// The grid of its blocks.
    pub blocks: ChunkGrid,
    /// Bytes that it keeps in memory, asked once.
    pub pinned_bytes: u64,
}

/// What computes one output of a run, or what other stages read.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What to call it.
    pub name: String,
    /// The operations that its program runs, as a person calls them.
    pub operations: Vec<String>,
    /// What is known of its pixels.
    pub meta: Meta,
    /// What computes them.
    pub program: Program,
    /// What it computes them from; behind those of its program the classes of a reduction, if it has any.
    pub leaves: Vec<Leaf>,
    /// The pieces in which they are computed; a sink's blocks.
    pub pieces: ChunkGrid,
    /// Pieces that one task computes, one after the other.
    pub pieces_per_task: usize,
    /// Where they go.
    pub target: Target,
    /// Whether conditions are looked at before pixels are fetched or computed.
    pub(super) passthrough: bool,
    /// Whether looking is a task of its own, because fetches wait for what it finds.
    pub(super) looks: bool,
    /// Whether its pieces wait for looks, its own or those of stages that it reads.
    waits_for_looks: bool,
}

/// What looking at the conditions of a piece told.
#[derive(Debug, Clone)]
pub(super) enum Looked {
    /// This is the piece: one value, or a leaf that looking may read.
    Value(ChunkValue),
    /// The pixels are those of this leaf, which is still to be read.
    Leaf(usize),
    /// They must be computed; the leaves that were read for looking.
    Pixels(Vec<Option<Arc<Chunk>>>),
}

impl Looked {
    pub(super) fn byte_len(&self) -> u64 {
        match self {
            Self::Value(value) => value.byte_len(),
            Self::Leaf(_) => 0,
            Self::Pixels(chunks) => chunks.iter().flatten().map(|chunk| chunk.byte_len() as u64).sum(),
        }
    }
}

/// Gives a task the blocks it computes with, each by its source and number.
pub(super) trait Blocks {
    /// The pixels of a block; `once` tells that nobody will ask for them again, so that they may be the asker's own.
    fn pixels(&mut self, supply: Supply, block: usize, once: bool) -> Result<ChunkValue>;

    /// A block as it is stored, instead of its pixels, if it can be copied.
    fn stored(&mut self, source: usize, block: usize) -> Result<Option<Bytes>>;

    /// The pixels of a block and, if it can be copied later, what is stored.
    fn pixels_and_stored(&mut self, source: usize, block: usize) -> Result<ChunkValue>;
}

impl SourceUse {
    /// The position of a source among those of a run, added if it is new.
    pub(super) fn add(sources: &mut Vec<Self>, source: &Arc<dyn ChunkSource>) -> usize {
        let known = sources.iter().position(|known| Arc::ptr_eq(&known.source, source));
        known.unwrap_or_else(|| {
            let (source, blocks, pinned_bytes) = (Arc::clone(source), source.blocks(), source.pinned_bytes());
            sources.push(Self { source, blocks, pinned_bytes });
            sources.len() - 1
        })
    }

    /// Whether a block is one value and costs nothing.
    pub(super) fn is_constant(&self, block: usize) -> bool {
        matches!(self.source.place(block), Ok(Place::Constant(_)))
    }
}

impl Stage {
    /// The stage of these parts; `supplies` has what it reads.
    pub(super) fn new(parts: StageParts, target: &Target, supplies: &Supplies<'_>, passthrough: bool) -> Self {
        let (pieces, pieces_per_task) = pieces(target, &parts, supplies);
        let guarded = if passthrough { parts.program.guarded_leaves() } else { vec![false; parts.leaves.len()] };
        let leaf = |(reading, guarded): (Reading, bool)| {
            let mut leaf = Leaf::new(reading, &pieces, supplies);
            // What another stage computes is computed whatever conditions say.
            leaf.guarded = guarded && leaf.is_of_sources();
            let can_copy = |part: &Part| {
                let source = part.source().map(|source| &supplies.sources[source].source);
                source.is_some_and(|source| can_copy(target, source.as_ref(), part.view()))
            };
            let is_copied = passthrough && leaf.area.is_none();
            leaf.parts.iter_mut().for_each(|part| part.copied = is_copied && can_copy(part));
            leaf
        };
        let zones = parts.zones.map(|zones| (zones, false));
        let read_by_program = parts.leaves.len();
        let mut leaves: Vec<_> = parts.leaves.into_iter().zip(guarded).chain(zones).map(leaf).collect();
        leaves[read_by_program..].iter_mut().for_each(|leaf| leaf.beside = true);
        let mut readers: HashMap<Supply, usize> = HashMap::new();
        leaves.iter().flat_map(|leaf| &leaf.parts).for_each(|part| *readers.entry(part.supply).or_default() += 1);
        for part in leaves.iter_mut().flat_map(|leaf| &mut leaf.parts) {
            part.once = readers[&part.supply] == 1 && part.map.is_disjoint();
        }
        let is_given = |leaf: &Leaf| leaf.parts.iter().any(|part| is_given(part, supplies));
        let waits = readers.keys().any(|supply| match supply {
            Supply::Source(_) => false,
            Supply::Stage(stage) => supplies.inner[stage - supplies.outputs].waits_for_looks,
        });
        // Subtle: a block under conditions waits for the looks of all its users. A look that waited for another stage's
        // pieces, and these for such a block, could be waiting for itself.
        let looks = !waits && leaves.iter().any(|leaf| leaf.guarded && is_given(leaf));
        Self {
            looks,
            waits_for_looks: waits || looks,
            name: parts.name,
            operations: parts.operations,
            meta: parts.meta,
            program: parts.program,
            leaves,
            pieces,
            pieces_per_task,
            target: target.clone(),
            passthrough,
        }
    }

    /// Whether looking at conditions is a task of its own.
    pub const fn looks(&self) -> bool {
        self.looks
    }

    /// Count of its computations.
    pub fn task_count(&self) -> usize {
        self.pieces.len().div_ceil(self.pieces_per_task)
    }

    /// Its tasks in the order in which they are numbered. Of an output whose bands lie in pieces of their own, those of one
    /// place follow each other: what they share, such as a mask, is held for one place and not for all of a band. Chunks are
    /// handed out by number.
    pub(super) fn task_order(&self) -> Box<dyn Iterator<Item = usize>> {
        let count = self.task_count();
        if self.pieces.counts()[1] == 1 || matches!(self.target, Target::Chunks) {
            return Box::new(0..count);
        }
        let mut order: Vec<_> = (0..count).collect();
        order.sort_by_cached_key(|task| {
            let [t, b, y, x] = self.pieces.position(task * self.pieces_per_task);
            [t, y, x, b]
        });
        Box::new(order.into_iter())
    }

    /// Its tasks in the order in which they are numbered, each behind how far it is: its Time, and the share of all rows
    /// that it reaches, in 2⁻³² of them.
    pub(super) fn task_progress(&self) -> impl Iterator<Item = ((usize, u64), usize)> + use<> {
        let (pieces, each) = (self.pieces, self.pieces_per_task);
        let rows = pieces.array_shape()[2].max(1) as u64;
        self.task_order().map(move |task| {
            let last = pieces.region(((task + 1) * each).min(pieces.len()) - 1);
            ((last.start[0], ((last.end()[2] as u64) << 32) / rows), task)
        })
    }

    /// The task that computes a piece.
    pub(super) const fn task_of(&self, piece: usize) -> usize {
        piece / self.pieces_per_task
    }

    /// The pieces of task `index`.
    pub fn task_pieces(&self, index: usize) -> std::ops::Range<usize> {
        let first = index * self.pieces_per_task;
        first..(first + self.pieces_per_task).min(self.pieces.len())
    }

    /// Looks at the conditions of one piece, with the leaves that are not guarded; also tells which of the others the
    /// piece needs.
    pub(super) fn look(
        &self,
        supplies: &Supplies<'_>,
        piece: usize,
        blocks: &mut dyn Blocks,
        watch: &dyn Watch,
    ) -> Result<(Looked, Vec<usize>)> {
        let (region, position) = (self.pieces.region(piece), self.pieces.position(piece));
        let cancelled = || watch.is_cancelled();
        let reader = Reader {
            stage: self,
            supplies,
            watch,
            region: &region,
            position,
            blocks,
            chunks: &[],
            only_unguarded: true,
        };
        let mut evaluation = Evaluation::new(&self.program, &region, reader, &cancelled);
        let known = evaluation.look()?;
        let needed = evaluation.needed();
        let looked = match known {
            Known::Constant(value) => Looked::Value(ChunkValue::Constant(value)),
            Known::Leaf(leaf) if self.leaves[leaf].guarded => Looked::Leaf(leaf),
            Known::Leaf(leaf) => {
                drop(evaluation);
                Looked::Value(self.leaf_value(supplies, leaf, piece, blocks, watch)?)
            }
            Known::Pixels => {
                for leaf in needed.iter().filter(|leaf| !self.leaves[**leaf].guarded) {
                    evaluation.read(*leaf)?;
                }
                // Subtle: also those of conditions that are decided, as computing looks once more, now with all leaves.
                Looked::Pixels(evaluation.into_chunks())
            }
        };
        Ok((looked, needed.into_iter().filter(|leaf| self.leaves[*leaf].guarded).collect()))
    }

    /// Computes one piece, or tells what stands for it; `looked` is what [`look`](Self::look) told, if it was asked.
    pub(super) fn compute(
        &self,
        supplies: &Supplies<'_>,
        piece: usize,
        looked: Option<&Looked>,
        blocks: &mut dyn Blocks,
        watch: &dyn Watch,
    ) -> Result<ChunkValue> {
        let (region, position) = (self.pieces.region(piece), self.pieces.position(piece));
        let cancelled = || watch.is_cancelled();
        let chunks: &[Option<Arc<Chunk>>] = match looked {
            Some(Looked::Value(value)) => return Ok(value.clone()),
            Some(Looked::Leaf(leaf)) => return self.leaf_value(supplies, *leaf, piece, blocks, watch),
            Some(Looked::Pixels(chunks)) => chunks,
            None => &[],
        };
        watch.begin(Step::Compute);
        let reader =
            Reader { stage: self, supplies, watch, region: &region, position, blocks, chunks, only_unguarded: false };
        let mut evaluation = Evaluation::new(&self.program, &region, reader, &cancelled);
        let known = match self.program.leaf() {
            Some(leaf) if evaluation.fills_region(leaf) => Known::Leaf(leaf),
            _ if self.passthrough => evaluation.look()?,
            _ => Known::Pixels,
        };
        match known {
            Known::Constant(value) => Ok(ChunkValue::Constant(value)),
            // What looking alone cannot tell is not copied, so that a file's bytes do not depend on whether looks are tasks
            // of their own; they would have kept the pixels alone.
            Known::Leaf(leaf) if !self.leaves[leaf].guarded && self.has_read_guarded(&evaluation) => {
                evaluation.read(leaf).map(ChunkValue::Dense)
            }
            Known::Leaf(leaf) => {
                drop(evaluation);
                self.leaf_value(supplies, leaf, piece, blocks, watch)
            }
            Known::Pixels => evaluation.compute().map(|chunk| ChunkValue::Dense(Arc::new(chunk))),
        }
    }

    /// Whether an evaluation has read leaves that looking alone does not have.
    fn has_read_guarded<L: Leaves>(&self, evaluation: &Evaluation<'_, L>) -> bool {
        self.leaves.iter().enumerate().any(|(index, leaf)| leaf.guarded && evaluation.has_read(index))
    }

    /// The pixels of an untouched leaf: a block as it is where that is all, else put together.
    fn leaf_value(
        &self,
        supplies: &Supplies<'_>,
        leaf: usize,
        piece: usize,
        blocks: &mut dyn Blocks,
        watch: &dyn Watch,
    ) -> Result<ChunkValue> {
        let (leaf, position) = (&self.leaves[leaf], self.pieces.position(piece));
        let Some((part, index)) = leaf.whole_block(position) else {
            let region = self.pieces.region(piece);
            return leaf.read(supplies, &region, position, blocks, watch).map(ChunkValue::Dense);
        };
        match (&self.target, part.supply) {
            (Target::Sink(_), Supply::Source(source)) if part.copied => match blocks.stored(source, index)? {
                Some(bytes) => Ok(ChunkValue::Encoded { bytes, pixels: None }),
                None => blocks.pixels(part.supply, index, part.once),
            },
            (Target::Pinned | Target::Stages(_), Supply::Source(source)) if part.copied => {
                blocks.pixels_and_stored(source, index)
            }
            _ => blocks.pixels(part.supply, index, part.once),
        }
    }

    /// What is gathered of a piece whose pixels are `value`.
    pub(super) fn reduce(
        &self,
        supplies: &Supplies<'_>,
        (reduction, zones): (&Reduction, Option<&LazyRaster>),
        piece: usize,
        value: &ChunkValue,
        blocks: &mut dyn Blocks,
        watch: &dyn Watch,
    ) -> Result<Gathered> {
        let region = self.pieces.region(piece);
        let pixels = value.pixels(region.shape, self.meta.dtype).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the bytes of a block were kept where its pixels are needed")
        })?;
        let Some(raster) = zones else { return reduction.gather(&region, &pixels, None) };
        let leaf = self.leaves.iter().find(|leaf| leaf.beside);
        let leaf = leaf.ok_or_else(|| Error::new(ErrorKind::Internal, "a reduction has lost its classes"))?;
        let classes = leaf.read(supplies, &region, self.pieces.position(piece), blocks, watch)?;
        reduction.gather(&region, &pixels, Some(&Zones { pixels: &classes, nodata: raster.meta()?.nodata }))
    }

    /// What computing the piece at `position` holds beside the blocks it reads and its result.
    pub(super) fn scratch(&self, supplies: &Supplies<'_>, position: [usize; 4]) -> Scratch {
        let mut scratch = Scratch { program: self.program.scratch(), ..Scratch::default() };
        for leaf in &self.leaves {
            let (pixels, beside) = leaf.gathered_bytes(position);
            scratch.program += beside;
            // A block of one value has no pixels before they are laid out.
            let is_stored = |(part, block): (&Part, usize)| {
                part.source().is_none_or(|source| !supplies.sources[source].is_constant(block))
            };
            let is_whole = leaf.whole_block(position).is_some_and(is_stored);
            match leaf.guarded || leaf.beside {
                true if is_whole => {}
                true => scratch.guarded += pixels,
                // What was looked at is kept until it is computed with, blocks too.
                false if is_whole && !self.looks => {}
                false => scratch.unguarded += pixels,
            }
        }
        scratch
    }
}

/// Bytes that computing one piece holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scratch {
    /// Registers, and what operations on areas read.
    pub(super) program: u64,
    /// Pixels put together for guarded leaves, and for those beside the program.
    pub(super) guarded: u64,
    /// Pixels put together for the others.
    pub(super) unguarded: u64,
}

/// Whether untouched blocks of `source`, seen by `view`, are blocks of the target as they are stored.
fn can_copy(target: &Target, source: &dyn ChunkSource, view: &View) -> bool {
    let Some(layout) = source.layout() else { return false };
    match target {
        Target::Sink(sink) | Target::Stages(Some(sink)) => {
            sink.layout().is_some_and(|wanted| layout.stores_as(&wanted))
                && source.blocks().chunk_shape() == sink.blocks().chunk_shape()
        }
        // Bytes are kept for a later sink, which can take them only for whole blocks.
        Target::Pinned => view.axes.iter().all(|axis| axis.repeat == 1),
        Target::Pieces | Target::Chunks | Target::Stages(None) | Target::Reduce { .. } => false,
    }
}

/// Whether blocks of a guarded leaf are fetched or decoded by other tasks than the one that computes with them.
fn is_given(part: &Part, supplies: &Supplies<'_>) -> bool {
    let Some(used) = part.source().map(|source| &supplies.sources[source]) else { return false };
    let is_remote = || (0..used.blocks.len()).any(|block| matches!(used.source.place(block), Ok(Place::Remote(_))));
    used.pinned_bytes == 0 && (!part.map.is_disjoint() || is_remote())
}

/// Reads the leaves of a stage for one piece.
struct Reader<'a, 'b> {
    stage: &'a Stage,
    supplies: &'a Supplies<'a>,
    watch: &'a dyn Watch,
    region: &'a Region,
    position: [usize; 4],
    blocks: &'a mut (dyn Blocks + 'b),
    /// Leaves that were read before.
    chunks: &'a [Option<Arc<Chunk>>],
    /// Whether the others are not to be had yet.
    only_unguarded: bool,
}

impl Leaves for Reader<'_, '_> {
    fn constant(&mut self, leaf: usize) -> Result<Option<Scalar>> {
        self.stage.leaves[leaf].constant(self.supplies, self.position)
    }

    fn pixels(&mut self, leaf: usize) -> Result<Arc<Chunk>> {
        match self.chunks.get(leaf) {
            Some(Some(chunk)) => Ok(Arc::clone(chunk)),
            _ => self.stage.leaves[leaf].read(self.supplies, self.region, self.position, self.blocks, self.watch),
        }
    }

    fn is_there(&self, leaf: usize) -> bool {
        !(self.only_unguarded && self.stage.leaves[leaf].guarded)
    }
}
