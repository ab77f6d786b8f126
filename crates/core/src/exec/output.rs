//! An output of a run: where its pixels go, and in which pieces they are computed.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::expr::Op;
use crate::meta::Meta;
use crate::plan::program::Program;
use crate::plan::{Plan, StepKind};
use crate::shape::{ChunkGrid, volume};
use crate::sink::ChunkSink;
use crate::source::ChunkSource;
use crate::view::View;

/// Where an output's pixels go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Put together in memory, in pieces whose borders follow the blocks of the first source that covers the output.
    Pieces,
    /// Kept in memory piece by piece, along the blocks of the first source that covers the output, and where a piece is
    /// an untouched block, with the block as it is stored.
    Pinned,
    /// Handed out chunk by chunk, as the raster's chunks say.
    Chunks,
    /// Encoded block by block into a sink.
    Sink(Arc<dyn ChunkSink>),
}

/// Bytes below which blocks are joined into one task, and above which a task is split where its target allows: a task
/// must be worth its scheduling, and small enough that workers finish together.
const TASK_BYTES_MIN: usize = 1 << 20;
const TASK_BYTES_MAX: usize = 16 << 20;

/// Blocks below this are joined even where they are kept: a list of strips of one row would cost more than it saves.
const PINNED_BYTES_MIN: usize = 32 << 10;

/// The pieces in which an output is computed, and how many of them one task takes.
pub(super) fn pieces(target: &Target, output: &OutputParts) -> (ChunkGrid, usize) {
    let meta = &output.meta;
    let size = meta.dtype.size();
    match target {
        Target::Sink(sink) => {
            let blocks = sink.blocks();
            let bytes = volume(blocks.chunk_shape()) * size;
            (blocks, (TASK_BYTES_MIN / bytes.max(1)).clamp(1, 4096))
        }
        Target::Chunks => (meta.chunk_grid(), 1),
        Target::Pieces | Target::Pinned => {
            // A broadcast leaf has shorter axes than the output; its blocks do not cover it.
            let mut seen = output.leaves.iter().map(|(source, view)| view.seen_blocks(&source.blocks()));
            let grid = seen.find(|grid| grid.array_shape() == meta.shape).unwrap_or_else(|| meta.chunk_grid());
            let bytes = volume(grid.chunk_shape()) * size;
            match target {
                // Blocks stay apart, so that they can be copied later.
                Target::Pinned if (PINNED_BYTES_MIN..=TASK_BYTES_MAX).contains(&bytes) => {
                    (grid, (TASK_BYTES_MIN / bytes).max(1))
                }
                _ => (sized(grid, size), 1),
            }
        }
    }
}

/// `grid` with its boxes joined along X, then Y, up to the least size of a task, or cut by rows above the greatest.
fn sized(grid: ChunkGrid, size: usize) -> ChunkGrid {
    let shape = grid.array_shape();
    let mut chunk: [usize; 4] = std::array::from_fn(|axis| grid.chunk_shape()[axis].min(shape[axis].max(1)));
    if volume(chunk) * size > TASK_BYTES_MAX {
        let row = chunk[0] * chunk[1] * chunk[3] * size;
        chunk[2] = (TASK_BYTES_MAX / row).max(1);
        return ChunkGrid::with_phase(shape, chunk, grid.phase());
    }
    for axis in [3, 2] {
        let unit = grid.chunk_shape()[axis];
        while chunk[axis] < shape[axis] && volume(chunk) * size < TASK_BYTES_MIN {
            chunk[axis] = chunk[axis].next_multiple_of(unit) + unit;
        }
    }
    ChunkGrid::with_phase(shape, chunk, grid.phase())
}

/// An output of an optimised plan, taken apart.
pub(super) struct OutputParts {
    pub(super) meta: Meta,
    pub(super) program: Program,
    pub(super) leaves: Vec<(Arc<dyn ChunkSource>, View)>,
    pub(super) name: String,
    pub(super) operations: Vec<String>,
}

/// Takes apart output `index`: its program, and the source and view of each leaf.
pub(super) fn output_parts(plan: &Plan, index: usize) -> Result<OutputParts> {
    let broken = || Error::new(ErrorKind::Internal, "the optimised plan has a shape that cannot be cut into tasks");
    let output = plan.outputs()[index];
    let fused = *plan.inputs(output).first().ok_or_else(broken)?;
    let StepKind::Fused { program, names } = &plan.step(fused).kind else { return Err(broken()) };
    let leaves = plan
        .inputs(fused)
        .into_iter()
        .map(|leaf| match &plan.step(leaf).kind {
            StepKind::Operation(Op::Source(source)) => Ok((Arc::clone(source), View::whole(source.meta().shape))),
            StepKind::Operation(Op::View { view, .. }) => match &plan.step(plan.inputs(leaf)[0]).kind {
                StepKind::Operation(Op::Source(source)) => Ok((Arc::clone(source), *view)),
                _ => Err(broken()),
            },
            _ => Err(broken()),
        })
        .collect::<Result<_>>()?;
    Ok(OutputParts {
        meta: plan.step(output).meta.clone(),
        program: program.clone(),
        leaves,
        name: plan.step(output).label(),
        operations: names.clone(),
    })
}
