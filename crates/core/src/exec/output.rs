//! A stage to be: where its pixels go, in which pieces they are computed, and what the plan says of it.

use std::sync::Arc;

use petgraph::graph::NodeIndex;

use super::leaf::{Area, Reading, Seen, Supplies, Supply};
use super::stage::SourceUse;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{LazyRaster, Op};
use crate::meta::Meta;
use crate::plan::program::Program;
use crate::plan::{Plan, StepKind};
use crate::reduce::Reduction;
use crate::shape::{ChunkGrid, volume};
use crate::sink::ChunkSink;
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
    /// Gathered to numbers, piece by piece.
    Reduce {
        /// What is gathered.
        reduction: Arc<Reduction>,
        /// The classes by which pixels are told apart.
        zones: Option<LazyRaster>,
    },
    /// Kept piece by piece until the stages that read them are done; pieces are the blocks of the sink that they go to as
    /// they are, if they go to one, else follow the blocks of the first source that covers the stage.
    Stages(Option<Arc<dyn ChunkSink>>),
}

/// Bytes below which blocks are joined into one task, and above which a task is split where its target allows: a task
/// must be worth its scheduling, and small enough that workers finish together.
const TASK_BYTES_MIN: usize = 1 << 20;
const TASK_BYTES_MAX: usize = 16 << 20;

/// Blocks below this are joined even where they are better apart, as they may be copied later or not be needed at all: a
/// list of strips of one row would cost more than it saves.
const BLOCK_BYTES_MIN: usize = 32 << 10;

/// The pieces in which an output is computed, and how many of them one task takes.
pub(super) fn pieces(target: &Target, output: &StageParts, supplies: &Supplies<'_>) -> (ChunkGrid, usize) {
    let meta = &output.meta;
    let size = meta.dtype.size();
    if let Some(chunks) = output.chunks() {
        return (chunks, 1);
    }
    match target {
        Target::Sink(sink) | Target::Stages(Some(sink)) => {
            let blocks = sink.blocks();
            let bytes = volume(blocks.chunk_shape()) * size;
            (blocks, (TASK_BYTES_MIN / bytes.max(1)).clamp(1, 4096))
        }
        Target::Chunks => (meta.chunk_grid(), 1),
        Target::Pieces | Target::Pinned | Target::Stages(None) | Target::Reduce { .. } => {
            // A broadcast leaf has shorter axes than the output; its blocks do not cover it.
            let mut seen =
                output.leaves.iter().chain(&output.zones).filter_map(|reading| reading.seen_blocks(supplies));
            let grid = seen.find(|grid| grid.array_shape() == meta.shape).unwrap_or_else(|| meta.chunk_grid());
            let bytes = volume(grid.chunk_shape()) * size;
            match target {
                // Blocks stay apart, so that they can be copied later.
                Target::Pinned if (BLOCK_BYTES_MIN..=TASK_BYTES_MAX).contains(&bytes) => {
                    (grid, (TASK_BYTES_MIN / bytes).max(1))
                }
                // A window of what reads the stage may need few of its blocks.
                Target::Stages(_) => (sized(grid, size, BLOCK_BYTES_MIN), 1),
                _ => (sized(grid, size, TASK_BYTES_MIN), 1),
            }
        }
    }
}

/// `grid` with its boxes joined along X, then Y, up to `bytes_min`, or cut by rows above the greatest size of a task.
fn sized(grid: ChunkGrid, size: usize, bytes_min: usize) -> ChunkGrid {
    let shape = grid.array_shape();
    let mut chunk: [usize; 4] = std::array::from_fn(|axis| grid.chunk_shape()[axis].min(shape[axis].max(1)));
    if volume(chunk) * size > TASK_BYTES_MAX {
        let row = chunk[0] * chunk[1] * chunk[3] * size;
        chunk[2] = (TASK_BYTES_MAX / row).max(1);
        return ChunkGrid::with_phase(shape, chunk, grid.phase());
    }
    for axis in [3, 2] {
        let unit = grid.chunk_shape()[axis];
        while chunk[axis] < shape[axis] && volume(chunk) * size < bytes_min {
            chunk[axis] = chunk[axis].next_multiple_of(unit) + unit;
        }
    }
    ChunkGrid::with_phase(shape, chunk, grid.phase())
}

/// A program of an optimised plan, taken apart.
pub(super) struct StageParts {
    pub(super) meta: Meta,
    pub(super) program: Program,
    pub(super) leaves: Vec<Reading>,
    /// The classes by which an output's pixels are told apart.
    pub(super) zones: Option<Reading>,
    pub(super) name: String,
    pub(super) operations: Vec<String>,
}

impl StageParts {
    /// The pieces that an operation on areas wants to compute by.
    fn chunks(&self) -> Option<ChunkGrid> {
        self.leaves.iter().find_map(|reading| reading.area.as_ref()?.kernel.chunks())
    }
}

/// The sink to which the pieces of program `index` go as they are: that of an output which is just this program, if it is
/// computed pixel by pixel. What is computed of areas is better cut as these are, and put together for a sink.
pub(super) fn sink_of(index: usize, parts: &[StageParts], targets: &[Target]) -> Option<Arc<dyn ChunkSink>> {
    if parts[index].leaves.iter().any(|leaf| leaf.area.is_some()) {
        return None;
    }
    let is_it = |output: &StageParts| {
        let leaf = output.program.leaf().and_then(|leaf| output.leaves.get(leaf));
        let seen = leaf.filter(|leaf| leaf.area.is_none()).map(|leaf| leaf.seen.as_slice());
        matches!(seen, Some([seen]) if seen.supply == Supply::Stage(index) && seen.view == View::whole(output.meta.shape))
    };
    parts.iter().zip(targets).find_map(|(output, target)| match target {
        Target::Sink(sink) if is_it(output) => Some(Arc::clone(sink)),
        _ => None,
    })
}

/// The programs of an optimised plan: those of the outputs, in their order, then those that operations on areas read,
/// each before its users.
pub(super) fn programs(plan: &Plan) -> Result<Vec<NodeIndex>> {
    let outputs = plan.outputs().iter().map(|output| plan.inputs(*output).first().copied().ok_or_else(broken));
    let mut programs = outputs.collect::<Result<Vec<_>>>()?;
    let is_program = |node: &NodeIndex| matches!(plan.step(*node).kind, StepKind::Fused { .. });
    let is_output = |node: &NodeIndex| plan.outputs().iter().any(|output| plan.inputs(*output).first() == Some(node));
    programs.extend(plan.in_order().into_iter().filter(|node| is_program(node) && !is_output(node)));
    Ok(programs)
}

/// Takes apart program `index` of `programs`; the sources that it reads are added to `sources`.
pub(super) fn stage_parts(
    plan: &Plan,
    programs: &[NodeIndex],
    index: usize,
    sources: &mut Vec<SourceUse>,
) -> Result<StageParts> {
    let step = plan.step(programs[index]);
    let StepKind::Fused { program, names } = &step.kind else { return Err(broken()) };
    let mut leaves = Vec::new();
    for leaf in plan.inputs(programs[index]) {
        leaves.push(reading(plan, programs, leaf, sources)?);
    }
    let zones = plan.outputs().get(index).and_then(|output| plan.inputs(*output).get(1).copied());
    let zones = zones.map(|zones| reading(plan, programs, zones, sources)).transpose()?;
    let areas = leaves.iter().filter_map(|reading| reading.area.as_ref());
    let operations: Vec<_> = areas.map(|area| area.kernel.name()).chain(names.iter().cloned()).collect();
    // An output has the chunks that its user asked for.
    let (name, meta) = match plan.outputs().get(index) {
        Some(output) => (plan.step(*output).label(), &plan.step(*output).meta),
        None => (operations.join(" → "), &step.meta),
    };
    Ok(StageParts { meta: meta.clone(), program: program.clone(), leaves, zones, name, operations })
}

/// What a leaf of a program reads, or what an operation on areas makes of that; each as it is or in a view.
fn reading(plan: &Plan, programs: &[NodeIndex], leaf: NodeIndex, sources: &mut Vec<SourceUse>) -> Result<Reading> {
    let (shown, view) = seen(plan, leaf)?;
    let StepKind::Operation(Op::Area(kernel)) = &plan.step(shown).kind else {
        return read(plan, programs, (shown, view), sources);
    };
    let input = *plan.inputs(shown).first().ok_or_else(broken)?;
    let area = Area {
        kernel: Arc::clone(kernel),
        footprint: kernel.footprint(),
        input: plan.step(input).meta.shape,
        shape: plan.step(shown).meta.shape,
        dtype: plan.step(shown).meta.dtype,
        view,
    };
    Ok(Reading { area: Some(area), ..read(plan, programs, seen(plan, input)?, sources)? })
}

/// A view of a source, of another program, or of several of them side by side.
fn read(
    plan: &Plan,
    programs: &[NodeIndex],
    (node, view): (NodeIndex, View),
    sources: &mut Vec<SourceUse>,
) -> Result<Reading> {
    let step = plan.step(node);
    let StepKind::Operation(Op::Join { parts, fill, .. }) = &step.kind else {
        return Ok(Reading::of(supply(plan, programs, node, sources)?, view, step.meta.dtype));
    };
    let mut all = Vec::new();
    for (input, part) in plan.inputs(node).into_iter().zip(parts.iter()) {
        let Some((shown, outer)) = view.within(part) else { continue };
        let (node, inner) = seen(plan, input)?;
        let supply = supply(plan, programs, node, sources)?;
        all.push(Seen { supply, view: outer.after(&inner), shown });
    }
    Ok(Reading { seen: all, fill: *fill, dtype: step.meta.dtype, shape: view.shape(), area: None })
}

/// What a view shows, and the view; a step that is none is seen as a whole.
fn seen(plan: &Plan, node: NodeIndex) -> Result<(NodeIndex, View)> {
    match &plan.step(node).kind {
        StepKind::Operation(Op::View { view, .. }) => Ok((*plan.inputs(node).first().ok_or_else(broken)?, *view)),
        _ => Ok((node, View::whole(plan.step(node).meta.shape))),
    }
}

fn supply(plan: &Plan, programs: &[NodeIndex], node: NodeIndex, sources: &mut Vec<SourceUse>) -> Result<Supply> {
    match &plan.step(node).kind {
        StepKind::Operation(Op::Source(source)) => Ok(Supply::Source(SourceUse::add(sources, source))),
        StepKind::Fused { .. } => {
            programs.iter().position(|program| *program == node).map(Supply::Stage).ok_or_else(broken)
        }
        _ => Err(broken()),
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Internal, "the optimised plan has a shape that cannot be cut into tasks")
}
