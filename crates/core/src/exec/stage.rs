//! A stage: one output of the plan, computed piece by piece from blocks of sources.

use std::sync::Arc;

use super::output::{OutputParts, Target, pieces};
use crate::chunk::Chunk;
use crate::dtype::Scalar;
use crate::error::Result;
use crate::kernel::gather;
use crate::meta::Meta;
use crate::plan::program::Program;
use crate::shape::{ChunkGrid, Region, volume};
use crate::source::ChunkSource;
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

/// A leaf of a stage's program: what it sees of which source.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    /// Position among the run's sources.
    pub source: usize,
    /// What it sees of it.
    pub view: View,
}

/// One output of a run.
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
    /// What it computes them from.
    pub leaves: Vec<Leaf>,
    /// The pieces in which they are computed; a sink's blocks.
    pub pieces: ChunkGrid,
    /// Pieces that one task computes, one after the other.
    pub pieces_per_task: usize,
    /// Where they go.
    pub target: Target,
}

impl Stage {
    pub(super) fn new(parts: OutputParts, target: &Target, sources: &mut Vec<SourceUse>) -> Self {
        let (pieces, pieces_per_task) = pieces(target, &parts);
        let leaves =
            parts.leaves.iter().map(|(source, view)| Leaf { source: position(sources, source), view: *view }).collect();
        let OutputParts { meta, program, name, operations, .. } = parts;
        Self { name, operations, meta, program, leaves, pieces, pieces_per_task, target: target.clone() }
    }

    /// Count of its tasks.
    pub fn task_count(&self) -> usize {
        self.pieces.len().div_ceil(self.pieces_per_task)
    }

    /// The pieces of task `index`.
    pub fn task_pieces(&self, index: usize) -> std::ops::Range<usize> {
        let first = index * self.pieces_per_task;
        first..(first + self.pieces_per_task).min(self.pieces.len())
    }

    /// What leaf `leaf` reads of its source for the piece that covers `region`.
    pub fn leaf_region(&self, leaf: &Leaf, region: &Region) -> Region {
        leaf.view.source_region(&leaf_output(leaf, region))
    }

    /// Computes one piece; `block` gives the pixels of a source's block, or the value that all of them have.
    pub(super) fn compute(
        &self,
        sources: &[SourceUse],
        piece: usize,
        block: &mut dyn FnMut(usize, usize) -> Result<BlockPixels>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Arc<Chunk>> {
        let region = self.pieces.region(piece);
        let leaves: Vec<_> =
            self.leaves.iter().map(|leaf| read_leaf(sources, leaf, &region, block)).collect::<Result<_>>()?;
        if let Some(leaf) = self.program.passes_through()
            && leaves[leaf].shape() == region.shape
        {
            return Ok(Arc::clone(&leaves[leaf]));
        }
        let leaves: Vec<&Chunk> = leaves.iter().map(AsRef::as_ref).collect();
        self.program.run(&leaves, &region, cancelled).map(Arc::new)
    }

    /// Bytes that computing one piece of `region` needs beside the blocks it reads and its result.
    pub(super) fn scratch(&self, sources: &[SourceUse], region: &Region) -> u64 {
        let gathered = self.leaves.iter().map(|leaf| match whole_block(sources, leaf, region) {
            Some(_) => 0,
            None => {
                let shape = leaf_output(leaf, region).shape;
                (volume(shape) * sources[leaf.source].source.meta().dtype.size()) as u64
            }
        });
        gathered.sum::<u64>() + self.program.scratch()
    }
}

/// Pixels of a block.
#[derive(Debug, Clone)]
pub(super) enum BlockPixels {
    /// One value everywhere.
    Constant(Scalar),
    /// Decoded.
    Dense(Arc<Chunk>),
}

fn position(sources: &mut Vec<SourceUse>, source: &Arc<dyn ChunkSource>) -> usize {
    let known = sources.iter().position(|known| Arc::ptr_eq(&known.source, source));
    known.unwrap_or_else(|| {
        sources.push(SourceUse {
            source: Arc::clone(source),
            blocks: source.blocks(),
            pinned_bytes: source.pinned_bytes(),
        });
        sources.len() - 1
    })
}

/// The pixels of a leaf's view that meet `region`: all of an axis along which the leaf is broadcast.
fn leaf_output(leaf: &Leaf, region: &Region) -> Region {
    let mut out = *region;
    for axis in 0..2 {
        if leaf.view.axes[axis].length == 1 {
            (out.start[axis], out.shape[axis]) = (0, 1);
        }
    }
    out
}

/// The block that holds exactly the pixels that a leaf needs for `region`, if there is one.
fn whole_block(sources: &[SourceUse], leaf: &Leaf, region: &Region) -> Option<usize> {
    let wanted = leaf.view.source_region(&leaf_output(leaf, region));
    let blocks = &sources[leaf.source].blocks;
    let block = blocks.touching(&wanted).next()?;
    let as_is = leaf.view.axes.iter().all(|axis| axis.repeat == 1);
    (as_is && blocks.region(block) == wanted).then_some(block)
}

/// The pixels of a leaf for `region`: a block as it is where that is all, else gathered from every block it touches.
fn read_leaf(
    sources: &[SourceUse],
    leaf: &Leaf,
    region: &Region,
    block: &mut dyn FnMut(usize, usize) -> Result<BlockPixels>,
) -> Result<Arc<Chunk>> {
    let SourceUse { source, blocks, .. } = &sources[leaf.source];
    let dtype = source.meta().dtype;
    if let Some(index) = whole_block(sources, leaf, region) {
        return Ok(match block(leaf.source, index)? {
            BlockPixels::Dense(chunk) => chunk,
            BlockPixels::Constant(value) => Arc::new(Chunk::filled(blocks.region(index).shape, dtype, value)),
        });
    }
    let output = leaf_output(leaf, region);
    let mut target = Chunk::filled(output.shape, dtype, zero(dtype));
    for index in blocks.touching(&leaf.view.source_region(&output)) {
        let place = blocks.region(index);
        match block(leaf.source, index)? {
            BlockPixels::Dense(chunk) => gather(&leaf.view, &chunk, &place, &mut target, &output),
            BlockPixels::Constant(value) => {
                let chunk = Chunk::filled(place.shape, dtype, value);
                gather(&leaf.view, &chunk, &place, &mut target, &output);
            }
        }
    }
    Ok(Arc::new(target))
}

fn zero(dtype: crate::dtype::DType) -> Scalar {
    match dtype {
        crate::dtype::DType::Bool => Scalar::Bool(false),
        _ => Scalar::Int(0),
    }
}
