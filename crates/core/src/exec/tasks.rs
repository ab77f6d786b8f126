//! The tasks of a run: fetches, decodes, looks and computations, numbered so that the number is the rank.
//!
//! A block that one task needs is decoded inside that task; one that several need is a task of its own, so that it is
//! fetched and decoded once in any chunking. How tasks are made is in `number.rs`, what they do in `work.rs`.

use std::collections::HashMap;
use std::ops::Range;

use super::leaf::{Supplies, Supply};
use super::stage::{Looked, SourceUse, Stage};
use crate::reduce::Gathered;
use crate::shape::volume;
use crate::sink::Encoded;
use crate::source::Fetched;
use crate::value::ChunkValue;

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Fetches range `range` of source `source`; of blocks under a condition, those that the looks before it found
    /// to be needed.
    Fetch {
        /// Position among the run's sources.
        source: u32,
        /// Position among the source's ranges.
        range: u32,
    },
    /// Decodes a block that several tasks need.
    Decode {
        /// Position among the run's sources.
        source: u32,
        /// Number of the block.
        block: u32,
    },
    /// Looks at the conditions of a computation, before the blocks under them are fetched.
    Look {
        /// Position among the run's outputs.
        stage: u32,
        /// Position among the stage's tasks.
        index: u32,
    },
    /// Computes the pieces of task `index` of a stage, and encodes them for a sink.
    Compute {
        /// Position among the run's outputs.
        stage: u32,
        /// Position among the stage's tasks.
        index: u32,
    },
}

/// A [`TaskKind`] in 8 bytes: a plan may have millions of them. The top two bits are the kind, the next 30 the source
/// or stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedKind(u64);

impl PackedKind {
    /// There are fewer sources, and fewer outputs, in a run.
    pub(super) const OWNERS_MAX: usize = 1 << 30;

    pub(super) fn pack(kind: TaskKind) -> Self {
        let (tag, owner, index) = match kind {
            TaskKind::Fetch { source, range } => (0, source, range),
            TaskKind::Decode { source, block } => (1, source, block),
            TaskKind::Look { stage, index } => (2, stage, index),
            TaskKind::Compute { stage, index } => (3, stage, index),
        };
        Self(tag << 62 | u64::from(owner) << 32 | u64::from(index))
    }

    fn unpack(self) -> TaskKind {
        let (owner, index) = ((self.0 >> 32) as u32 & (Self::OWNERS_MAX as u32 - 1), self.0 as u32);
        match self.0 >> 62 {
            0 => TaskKind::Fetch { source: owner, range: index },
            1 => TaskKind::Decode { source: owner, block: index },
            2 => TaskKind::Look { stage: owner, index },
            _ => TaskKind::Compute { stage: owner, index },
        }
    }
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A processor.
    Cpu,
    /// A reply from the world.
    Io,
}

/// A task as a person would name it, in messages and traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLabel(pub String);

/// What a task gives.
#[derive(Debug)]
pub enum Value {
    /// Bytes of a fetch.
    Bytes(Fetched),
    /// A decoded block.
    Block(ChunkValue),
    /// Nothing: conditions hide the block from all who could need it.
    Skipped,
    /// What conditions told.
    Looks(Looks),
    /// Computed pieces: number and pixels.
    Pieces(Vec<(usize, ChunkValue)>),
    /// Encoded blocks of a sink, in order, and how each came about.
    Encoded(Vec<(Encoded, Origin)>),
    /// What a reduction gathered of pieces.
    Gathered(Gathered),
}

/// What looking told of the pieces of one task.
#[derive(Debug)]
pub struct Looks {
    pub(super) pieces: Vec<Looked>,
    /// The blocks under conditions that the pieces need, as (source, block).
    pub(super) needed: Vec<(u32, u32)>,
}

/// How an encoded block came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The bytes of a source's block.
    Copied,
    /// All pixels have one value: encoded once for all such blocks.
    Constant,
    /// Its pixels were encoded.
    Computed,
}

/// Bytes that tasks will hold, as the plan knows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Held only while the task runs.
    pub scratch: u64,
    /// Held by its result: an upper bound.
    pub output: u64,
}

/// What a run will do, in numbers, per source and in all. Where blocks lie under conditions it is the most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests to remote files.
    pub requests: u64,
    /// Bytes that travel or are read from local files, gaps included.
    pub bytes: u64,
    /// Of these, bytes of gaps between blocks.
    pub gap_bytes: u64,
    /// Blocks decoded.
    pub blocks: u64,
    /// Blocks that are one value and cost nothing.
    pub constant_blocks: u64,
    /// Of the blocks, those under conditions, which may turn out not to be needed.
    pub guarded_blocks: u64,
}

/// All tasks of a run.
#[derive(Debug)]
pub struct Tasks {
    pub(super) sources: Vec<SourceUse>,
    /// Those of the outputs, then those that others read, each before its users.
    pub(super) stages: Vec<Stage>,
    /// Count of the outputs.
    pub(super) outputs: usize,
    /// For each stage that others read, the task of each of its computations; `NONE` where nothing needs it.
    pub(super) computations: Vec<Vec<u32>>,
    pub(super) uses: Vec<BlockUses>,
    pub(super) kinds: Vec<PackedKind>,
    pub(super) dependency_ends: Vec<u32>,
    pub(super) dependencies: Vec<u32>,
    pub(super) totals: Vec<Totals>,
}

/// What a run needs of one source's blocks.
#[derive(Debug, Default)]
pub(super) struct BlockUses {
    /// Count of tasks that need the block.
    pub(super) counts: Vec<u32>,
    /// Whether conditions may hide the block from all of them; empty if of none.
    pub(super) guarded: Vec<bool>,
    /// The task that gives it: a decode, else a fetch.
    pub(super) tasks: Vec<u32>,
    pub(super) ranges: Vec<Range<u64>>,
    pub(super) range_of: Vec<u32>,
    pub(super) range_tasks: Vec<u32>,
    /// Whether the stored bytes of blocks may be copied.
    pub(super) copied: bool,
}

impl BlockUses {
    pub(super) fn is_guarded(&self, block: usize) -> bool {
        self.guarded.get(block).copied().unwrap_or(false)
    }
}

pub(super) const NONE: u32 = u32::MAX;

/// A block that a computation reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) supply: Supply,
    pub(super) block: usize,
    /// Whether a leaf that is not guarded sees it: looking reads it, if the stage looks.
    pub(super) by_look: bool,
    /// Whether a guarded leaf sees it, or one beside the program.
    pub(super) by_compute: bool,
}

impl Tasks {
    /// The blocks that a computation reads, each once, in order of first need, which is the order in which ranges
    /// should travel.
    pub(super) fn needs(&self, stage: usize, index: usize) -> Vec<Need> {
        let mut needs = Vec::new();
        self.find_needs(stage, index, &mut needs);
        needs
    }

    /// As [`needs`](Self::needs), into a buffer that is used again and again.
    pub(super) fn find_needs(&self, stage: usize, index: usize, needs: &mut Vec<Need>) {
        needs.clear();
        let stage = &self.stages[stage];
        for piece in stage.task_pieces(index) {
            let position = stage.pieces.position(piece);
            for leaf in &stage.leaves {
                let (by_look, by_compute) = (!leaf.guarded, leaf.guarded || leaf.beside);
                let need = |(supply, block)| Need { supply, block, by_look, by_compute };
                needs.extend(leaf.blocks(position).map(need));
            }
        }
        unite(needs);
    }

    /// Count of tasks.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The sources of the run.
    pub fn sources(&self) -> &[SourceUse] {
        &self.sources
    }

    /// The stages of the run: one for each output, in their order, then those that other stages read.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The stages of the outputs alone.
    pub fn outputs(&self) -> &[Stage] {
        &self.stages[..self.outputs]
    }

    /// How many tasks compute pieces of a stage: of one that others read, only those that are needed.
    pub fn computation_count(&self, stage: usize) -> usize {
        match stage.checked_sub(self.outputs) {
            None => self.stages[stage].task_count(),
            Some(inner) => self.computations[inner].iter().filter(|task| **task != NONE).count(),
        }
    }

    /// What stages read.
    pub(super) fn supplies(&self) -> Supplies<'_> {
        Supplies { sources: &self.sources, inner: &self.stages[self.outputs..], outputs: self.outputs }
    }

    /// The task that computes a piece of a stage that others read.
    pub(super) fn provider(&self, stage: usize, piece: usize) -> u32 {
        self.computations[stage - self.outputs][self.stages[stage].task_of(piece)]
    }

    /// What the run will read, for each source.
    pub fn totals(&self) -> &[Totals] {
        &self.totals
    }

    /// The bytes of range `range` of source `source`.
    pub fn range(&self, source: usize, range: usize) -> &Range<u64> {
        &self.uses[source].ranges[range]
    }

    /// What task `task` does.
    pub fn kind(&self, task: usize) -> TaskKind {
        self.kinds[task].unpack()
    }

    /// What task `task` waits for.
    pub fn lane(&self, task: usize) -> Lane {
        match self.kind(task) {
            TaskKind::Fetch { .. } => Lane::Io,
            TaskKind::Decode { .. } | TaskKind::Look { .. } | TaskKind::Compute { .. } => Lane::Cpu,
        }
    }

    /// Count of all dependencies.
    pub fn dependency_count(&self) -> usize {
        self.dependencies.len()
    }

    /// The tasks whose values task `task` takes; all have smaller numbers.
    pub fn dependencies(&self, task: usize) -> &[u32] {
        let start = if task == 0 { 0 } else { self.dependency_ends[task - 1] };
        &self.dependencies[start as usize..self.dependency_ends[task] as usize]
    }

    /// The blocks, as (source, block), that a look or computation reads by itself, without a task that gives them:
    /// pixels in memory, and blocks of local files that nothing else needs.
    pub fn own_blocks(&self, task: usize) -> Vec<(usize, usize)> {
        let (stage, index, looking) = match self.kind(task) {
            TaskKind::Look { stage, index } => (stage as usize, index as usize, true),
            TaskKind::Compute { stage, index } => (stage as usize, index as usize, false),
            TaskKind::Fetch { .. } | TaskKind::Decode { .. } => return Vec::new(),
        };
        let looks = self.stages[stage].looks;
        let needs = self.needs(stage, index).into_iter();
        let reads = needs.filter(|need| if looking { need.by_look } else { !looks || need.by_compute });
        let own = |need: Need| match need.supply {
            Supply::Source(source) if self.uses[source].tasks[need.block] == NONE => Some((source, need.block)),
            Supply::Source(_) | Supply::Stage(_) => None,
        };
        reads.filter_map(own).collect()
    }

    /// Whether the value of task `task` is part of an output.
    pub fn is_delivered(&self, task: usize) -> bool {
        matches!(self.kind(task), TaskKind::Compute { stage, .. } if (stage as usize) < self.outputs)
    }

    /// Task `task` as a person would name it.
    pub fn label(&self, task: usize) -> TaskLabel {
        TaskLabel(match self.kind(task) {
            TaskKind::Fetch { source, range } => {
                let bytes = self.range(source as usize, range as usize);
                format!("fetch {} bytes {}..{}", self.sources[source as usize].source.name(), bytes.start, bytes.end)
            }
            TaskKind::Decode { source, block } => {
                let SourceUse { source, blocks, .. } = &self.sources[source as usize];
                format!("decode {}, {}", source.name(), blocks.region(block as usize))
            }
            TaskKind::Look { stage, index } => format!("look at conditions of {}", self.place_name(stage, index)),
            TaskKind::Compute { stage, index } => format!("compute {}", self.place_name(stage, index)),
        })
    }

    fn place_name(&self, stage: u32, index: u32) -> String {
        let stage = &self.stages[stage as usize];
        let pieces = stage.task_pieces(index as usize);
        format!("{}, {}", stage.name, stage.pieces.region(pieces.start))
    }

    /// Bytes that a value holds.
    pub fn byte_len(&self, value: &Value) -> u64 {
        match value {
            Value::Bytes(fetched) => fetched.bytes.len() as u64,
            Value::Block(block) => block.byte_len(),
            Value::Skipped => 0,
            Value::Looks(looks) => looks.pieces.iter().map(Looked::byte_len).sum(),
            Value::Pieces(pieces) => pieces.iter().map(|(_, piece)| piece.byte_len()).sum(),
            Value::Encoded(blocks) => blocks.iter().map(|(block, _)| block.bytes.len() as u64).sum(),
            Value::Gathered(gathered) => gathered.byte_len(),
        }
    }

    pub(super) fn block_bytes(&self, source: usize, block: usize) -> u64 {
        let SourceUse { source, blocks, pinned_bytes } = &self.sources[source];
        // Pinned pixels are counted where they are pinned.
        if *pinned_bytes > 0 { 0 } else { (volume(blocks.region(block).shape) * source.meta().dtype.size()) as u64 }
    }
}

/// Makes the needs of one block one, where it is first needed.
fn unite(needs: &mut Vec<Need>) {
    /// Up to here a search is faster than a hash: most tasks need a block or two of each source.
    const SEARCHED_MAX: usize = 32;
    let mut places = HashMap::new();
    let is_hashed = needs.len() > SEARCHED_MAX;
    let mut united = 0;
    for index in 0..needs.len() {
        let need = needs[index];
        let known = match is_hashed {
            true => places.get(&(need.supply, need.block)).copied(),
            false => needs[..united].iter().position(|other| (other.supply, other.block) == (need.supply, need.block)),
        };
        let place = known.unwrap_or(united);
        if known.is_none() {
            needs[place] = need;
            united += 1;
            if is_hashed {
                places.insert((need.supply, need.block), place);
            }
        }
        needs[place].by_look |= need.by_look;
        needs[place].by_compute |= need.by_compute;
    }
    needs.truncate(united);
}
