//! The tasks of a run: fetches, decodes and computations, numbered so that the number is the rank.
//!
//! A block that one task needs is decoded inside that task; one that several need is a task of its own, so that it is
//! fetched and decoded once in any chunking.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::output::{Target, output_parts};
use super::ranges::{FetchRange, RangePolicy, Wanted, merge};
use super::stage::{BlockPixels, SourceUse, Stage};
use crate::chunk::Chunk;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::shape::volume;
use crate::sink::Encoded;
use crate::source::{ChunkSource, Fetched, Fetching, Place};

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Fetches range `range` of source `source`.
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
    /// Computes the pieces of task `index` of a stage, and encodes them for a sink.
    Compute {
        /// Position among the run's outputs.
        stage: u32,
        /// Position among the stage's tasks.
        index: u32,
    },
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
#[derive(Debug, Clone)]
pub enum Value {
    /// Bytes of a fetch.
    Bytes(Fetched),
    /// Pixels of a decoded block.
    Block(Arc<Chunk>),
    /// Computed pieces: number and pixels.
    Pieces(Vec<(usize, Arc<Chunk>)>),
    /// Encoded blocks of a sink, in order.
    Encoded(Vec<Encoded>),
}

/// Bytes that tasks will hold, as the plan knows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Held only while the task runs.
    pub scratch: u64,
    /// Held by its result: an upper bound.
    pub output: u64,
}

/// What a run will do, in numbers, per source and in all.
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
}

/// All tasks of a run.
#[derive(Debug)]
pub struct Tasks {
    sources: Vec<SourceUse>,
    stages: Vec<Stage>,
    uses: Vec<BlockUses>,
    kinds: Vec<TaskKind>,
    costs: Vec<Cost>,
    dependency_ends: Vec<u32>,
    dependencies: Vec<u32>,
    totals: Vec<Totals>,
}

/// What a run needs of one source's blocks.
#[derive(Debug, Default)]
struct BlockUses {
    /// Count of tasks that need the block.
    counts: Vec<u32>,
    /// Where the block is.
    places: Vec<Option<Place>>,
    /// The task that gives it: a decode, else a fetch.
    tasks: Vec<u32>,
    ranges: Vec<FetchRange>,
    range_of: Vec<u32>,
    range_tasks: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Tasks {
    pub(super) fn new(plan: &Plan, targets: &[Target], policy: &RangePolicy) -> Result<Self> {
        let mut sources = Vec::new();
        let stages = targets
            .iter()
            .enumerate()
            .map(|(index, target)| Ok(Stage::new(output_parts(plan, index)?, target, &mut sources)))
            .collect::<Result<Vec<_>>>()?;
        let mut tasks = Self {
            uses: sources
                .iter()
                .map(|s| BlockUses { counts: vec![0; s.blocks.len()], ..BlockUses::default() })
                .collect(),
            totals: vec![Totals::default(); sources.len()],
            sources,
            stages,
            kinds: Vec::new(),
            costs: Vec::new(),
            dependency_ends: Vec::new(),
            dependencies: Vec::new(),
        };
        tasks.plan_ranges(policy)?;
        tasks.number()?;
        Ok(tasks)
    }

    /// Counts the uses of every block and merges what must be fetched, in order of first use.
    fn plan_ranges(&mut self, policy: &RangePolicy) -> Result<()> {
        let mut order: Vec<Vec<u32>> = vec![Vec::new(); self.sources.len()];
        for stage in 0..self.stages.len() {
            for index in 0..self.stages[stage].task_count() {
                for (source, block) in self.needs(stage, index) {
                    let count = &mut self.uses[source].counts[block];
                    if *count == 0 {
                        order[source].push(block as u32);
                    }
                    *count += 1;
                }
            }
        }
        let mut wanted: Vec<Vec<Wanted>> = vec![Vec::new(); self.sources.len()];
        for (source, blocks) in order.iter().enumerate() {
            let totals = &mut self.totals[source];
            let uses = &mut self.uses[source];
            uses.places = vec![None; uses.counts.len()];
            for block in blocks {
                let place = self.sources[source].source.place(*block as usize)?;
                match &place {
                    Place::Constant(_) => totals.constant_blocks += 1,
                    Place::Direct { bytes } => {
                        totals.blocks += 1;
                        totals.bytes += bytes;
                    }
                    Place::Remote(bytes) => {
                        totals.blocks += 1;
                        wanted[source].push(Wanted { block: *block, bytes: bytes.clone() });
                    }
                }
                uses.places[*block as usize] = Some(place);
            }
        }
        let remote = wanted.iter().flatten().map(|wanted| wanted.bytes.end - wanted.bytes.start).sum();
        for (source, wanted) in wanted.into_iter().enumerate() {
            let (ranges, range_of) = merge(&wanted, remote, policy);
            let (totals, uses) = (&mut self.totals[source], &mut self.uses[source]);
            totals.requests = ranges.len() as u64;
            totals.bytes += ranges.iter().map(|range| range.bytes.end - range.bytes.start).sum::<u64>();
            totals.gap_bytes = ranges.iter().map(|range| range.gap_bytes).sum();
            uses.range_of = vec![NONE; uses.counts.len()];
            for (wanted, range) in wanted.iter().zip(range_of) {
                uses.range_of[wanted.block as usize] = range;
            }
            uses.range_tasks = vec![NONE; ranges.len()];
            uses.tasks = vec![NONE; uses.counts.len()];
            uses.ranges = ranges;
        }
        Ok(())
    }

    /// Numbers the tasks: a computation right after what it alone still lacks, in the order of the outputs' blocks.
    fn number(&mut self) -> Result<()> {
        for stage in 0..self.stages.len() {
            for index in 0..self.stages[stage].task_count() {
                let mut dependencies = Vec::new();
                for (source, block) in self.needs(stage, index) {
                    dependencies.extend(self.provide(source, block)?);
                }
                dependencies.sort_unstable();
                dependencies.dedup();
                let kind = TaskKind::Compute { stage: stage as u32, index: index as u32 };
                let cost = self.compute_cost(stage, index);
                self.push(kind, cost, &dependencies)?;
            }
        }
        Ok(())
    }

    /// The task that a user of a block depends on, added if it is new; none for a block that its only user decodes
    /// without a fetch.
    fn provide(&mut self, source: usize, block: usize) -> Result<Option<u32>> {
        let known = self.uses[source].tasks[block];
        if known != NONE {
            return Ok(Some(known));
        }
        let fetch = match self.place(source, block) {
            Place::Constant(_) => return Ok(None),
            // Pinned pixels are there already: nothing to share, nothing to wait for.
            Place::Direct { .. } if self.sources[source].pinned_bytes > 0 => return Ok(None),
            Place::Direct { .. } => None,
            Place::Remote(_) => Some(self.provide_range(source, self.uses[source].range_of[block])?),
        };
        let task = match self.uses[source].counts[block] {
            1 => fetch,
            _ => {
                let kind = TaskKind::Decode { source: source as u32, block: block as u32 };
                let cost =
                    Cost { scratch: self.decode_scratch(source, block), output: self.block_bytes(source, block) };
                Some(self.push(kind, cost, fetch.as_slice())?)
            }
        };
        self.uses[source].tasks[block] = task.unwrap_or(NONE);
        Ok(task)
    }

    fn provide_range(&mut self, source: usize, range: u32) -> Result<u32> {
        let known = self.uses[source].range_tasks[range as usize];
        if known != NONE {
            return Ok(known);
        }
        let bytes = &self.uses[source].ranges[range as usize].bytes;
        let cost = Cost { scratch: 0, output: bytes.end - bytes.start };
        let task = self.push(TaskKind::Fetch { source: source as u32, range }, cost, &[])?;
        self.uses[source].range_tasks[range as usize] = task;
        Ok(task)
    }

    fn push(&mut self, kind: TaskKind, cost: Cost, dependencies: &[u32]) -> Result<u32> {
        let task = u32::try_from(self.kinds.len()).ok().filter(|task| *task != NONE);
        let task = task.ok_or_else(|| Error::invalid("the run has more than 2^32 tasks: make chunks larger"))?;
        self.kinds.push(kind);
        self.costs.push(cost);
        self.dependencies.extend_from_slice(dependencies);
        self.dependency_ends.push(self.dependencies.len() as u32);
        Ok(task)
    }

    /// The blocks that a computation reads, each once.
    fn needs(&self, stage: usize, index: usize) -> Vec<(usize, usize)> {
        let stage = &self.stages[stage];
        let mut needs = Vec::new();
        for piece in stage.task_pieces(index) {
            let region = stage.pieces.region(piece);
            for leaf in &stage.leaves {
                let wanted = stage.leaf_region(leaf, &region);
                needs.extend(self.sources[leaf.source].blocks.touching(&wanted).map(|block| (leaf.source, block)));
            }
        }
        if needs.len() > 1 {
            // In order of first need, which is the order in which ranges should travel.
            let mut seen = HashSet::with_capacity(needs.len());
            needs.retain(|need| seen.insert(*need));
        }
        needs
    }

    fn place(&self, source: usize, block: usize) -> &Place {
        self.uses[source].places[block].as_ref().expect("every needed block was placed when ranges were planned")
    }

    fn block_bytes(&self, source: usize, block: usize) -> u64 {
        let SourceUse { source, blocks, pinned_bytes } = &self.sources[source];
        // Pinned pixels are counted where they are pinned.
        if *pinned_bytes > 0 { 0 } else { (blocks.region(block).volume() * source.meta().dtype.size()) as u64 }
    }

    fn decode_scratch(&self, source: usize, block: usize) -> u64 {
        let read = match self.place(source, block) {
            Place::Direct { bytes } => *bytes,
            Place::Constant(_) | Place::Remote(_) => 0,
        };
        read + self.sources[source].source.decode_scratch()
    }

    fn compute_cost(&self, stage: usize, index: usize) -> Cost {
        let own_blocks: u64 = self
            .needs(stage, index)
            .into_iter()
            .filter(|(source, block)| self.uses[*source].counts[*block] == 1)
            .map(|(source, block)| self.block_bytes(source, block) + self.decode_scratch(source, block))
            .sum();
        let stage = &self.stages[stage];
        let mut cost = Cost { scratch: own_blocks, output: 0 };
        let mut piece_scratch = 0;
        for piece in stage.task_pieces(index) {
            let region = stage.pieces.region(piece);
            let pixels = (volume(region.shape) * stage.meta.dtype.size()) as u64;
            let mut scratch = stage.scratch(&self.sources, &region);
            match &stage.target {
                Target::Sink(sink) => {
                    let (bound, encode_scratch) = sink.encode_bound(region.shape);
                    scratch += pixels + encode_scratch;
                    cost.output += bound;
                }
                Target::Pieces | Target::Chunks => cost.output += pixels,
            }
            piece_scratch = piece_scratch.max(scratch);
        }
        cost.scratch += piece_scratch;
        cost
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

    /// The stages of the run, one for each output.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// What the run will read, for each source.
    pub fn totals(&self) -> &[Totals] {
        &self.totals
    }

    /// Range `range` of source `source`.
    pub fn range(&self, source: usize, range: usize) -> &FetchRange {
        &self.uses[source].ranges[range]
    }

    /// What task `task` does.
    pub fn kind(&self, task: usize) -> TaskKind {
        self.kinds[task]
    }

    /// What task `task` waits for.
    pub fn lane(&self, task: usize) -> Lane {
        match self.kinds[task] {
            TaskKind::Fetch { .. } => Lane::Io,
            TaskKind::Decode { .. } | TaskKind::Compute { .. } => Lane::Cpu,
        }
    }

    /// Bytes that task `task` will hold.
    pub fn cost(&self, task: usize) -> Cost {
        self.costs[task]
    }

    /// The tasks whose values task `task` takes; all have smaller numbers.
    pub fn dependencies(&self, task: usize) -> &[u32] {
        let start = if task == 0 { 0 } else { self.dependency_ends[task - 1] };
        &self.dependencies[start as usize..self.dependency_ends[task] as usize]
    }

    /// The blocks, as (source, block), that a computation reads by itself, without a task that gives them: pixels in
    /// memory, and blocks of local files that nothing else needs.
    pub fn own_blocks(&self, task: usize) -> Vec<(usize, usize)> {
        let TaskKind::Compute { stage, index } = self.kinds[task] else { return Vec::new() };
        let mut needs = self.needs(stage as usize, index as usize);
        needs.retain(|(source, block)| self.uses[*source].tasks[*block] == NONE);
        needs
    }

    /// Whether the value of task `task` is part of an output.
    pub fn is_delivered(&self, task: usize) -> bool {
        matches!(self.kinds[task], TaskKind::Compute { .. })
    }

    /// Task `task` as a person would name it.
    pub fn label(&self, task: usize) -> TaskLabel {
        TaskLabel(match self.kinds[task] {
            TaskKind::Fetch { source, range } => {
                let FetchRange { bytes, .. } = &self.uses[source as usize].ranges[range as usize];
                format!("fetch {} bytes {}..{}", self.sources[source as usize].source.name(), bytes.start, bytes.end)
            }
            TaskKind::Decode { source, block } => {
                let SourceUse { source, blocks, .. } = &self.sources[source as usize];
                format!("decode {}, {}", source.name(), blocks.region(block as usize))
            }
            TaskKind::Compute { stage, index } => {
                let stage = &self.stages[stage as usize];
                let pieces = stage.task_pieces(index as usize);
                format!("compute {}, {}", stage.name, stage.pieces.region(pieces.start))
            }
        })
    }

    /// Starts a task of the I/O lane; `reply` gets its value, unless the fetch is aborted before.
    pub fn begin(&self, task: usize, reply: Box<dyn FnOnce(Result<Value>) + Send>) -> Fetching {
        let TaskKind::Fetch { source, range } = self.kinds[task] else {
            reply(Err(Error::new(ErrorKind::Internal, "only fetches run in the I/O lane")));
            return Fetching::none();
        };
        let bytes = self.uses[source as usize].ranges[range as usize].bytes.clone();
        self.sources[source as usize]
            .source
            .begin_fetch(bytes, Box::new(move |fetched| reply(fetched.map(Value::Bytes))))
    }

    /// Runs a task of the processor lane; `inputs` are the values of its [`dependencies`](Self::dependencies).
    ///
    /// # Errors
    /// Those of decoding, computing and encoding; `Cancelled` when `cancelled` says so.
    pub fn execute(&self, task: usize, inputs: &[Arc<Value>], cancelled: &dyn Fn() -> bool) -> Result<Value> {
        match self.kinds[task] {
            TaskKind::Fetch { .. } => Err(Error::new(ErrorKind::Internal, "fetches run in the I/O lane")),
            TaskKind::Decode { source, block } => {
                self.decode(source as usize, block as usize, inputs.first().map(AsRef::as_ref)).map(Value::Block)
            }
            TaskKind::Compute { stage, index } => self.compute(task, stage as usize, index as usize, inputs, cancelled),
        }
    }

    fn compute(
        &self,
        task: usize,
        stage: usize,
        index: usize,
        inputs: &[Arc<Value>],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Value> {
        let stage = &self.stages[stage];
        let pieces = stage.task_pieces(index);
        let mut decoded: HashMap<(usize, usize), BlockPixels> = HashMap::new();
        let mut block = |source: usize, block: usize| {
            if let Some(known) = decoded.get(&(source, block)) {
                return Ok(known.clone());
            }
            let pixels = self.block(task, source, block, inputs)?;
            decoded.insert((source, block), pixels.clone());
            Ok(pixels)
        };
        let mut computed = Vec::with_capacity(pieces.len());
        let mut encoded = Vec::new();
        for piece in pieces {
            if cancelled() {
                return Err(Error::cancelled());
            }
            let chunk = stage.compute(&self.sources, piece, &mut block, cancelled)?;
            match &stage.target {
                Target::Sink(sink) => encoded.push(sink.encode(piece, &chunk)?),
                Target::Pieces | Target::Chunks => computed.push((piece, chunk)),
            }
        }
        Ok(match &stage.target {
            Target::Sink(_) => Value::Encoded(encoded),
            Target::Pieces | Target::Chunks => Value::Pieces(computed),
        })
    }

    /// The pixels of a block that a computation needs: a constant, another task's, or decoded here.
    fn block(&self, task: usize, source: usize, block: usize, inputs: &[Arc<Value>]) -> Result<BlockPixels> {
        if let Place::Constant(value) = self.place(source, block) {
            return Ok(BlockPixels::Constant(*value));
        }
        let provider = self.uses[source].tasks[block];
        let input = self.dependencies(task).binary_search(&provider).ok().and_then(|index| inputs.get(index));
        match input.map(AsRef::as_ref) {
            Some(Value::Block(chunk)) => Ok(BlockPixels::Dense(Arc::clone(chunk))),
            bytes => self.decode(source, block, bytes).map(BlockPixels::Dense),
        }
    }

    fn decode(&self, source: usize, block: usize, fetched: Option<&Value>) -> Result<Arc<Chunk>> {
        let source_use = &self.sources[source];
        let bytes = match (self.place(source, block), fetched) {
            (Place::Remote(range), Some(Value::Bytes(fetched))) => part(fetched, range, source_use.source.as_ref())?,
            (Place::Remote(_), _) => {
                return Err(Error::new(ErrorKind::Internal, "a block was decoded before it was fetched"));
            }
            _ => Bytes::new(),
        };
        source_use.source.decode(block, &bytes)
    }

    /// Bytes that a value holds.
    pub fn byte_len(&self, value: &Value) -> u64 {
        match value {
            Value::Bytes(fetched) => fetched.bytes.len() as u64,
            Value::Block(chunk) => chunk.byte_len() as u64,
            Value::Pieces(pieces) => pieces.iter().map(|(_, chunk)| chunk.byte_len() as u64).sum(),
            Value::Encoded(blocks) => blocks.iter().map(|block| block.bytes.len() as u64).sum(),
        }
    }
}

fn part(fetched: &Fetched, range: &std::ops::Range<u64>, source: &dyn ChunkSource) -> Result<Bytes> {
    let start = range.start.checked_sub(fetched.offset).and_then(|start| usize::try_from(start).ok());
    let part = start.and_then(|start| {
        let end = start + (range.end - range.start) as usize;
        (end <= fetched.bytes.len()).then(|| fetched.bytes.slice(start..end))
    });
    part.ok_or_else(|| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot read {}: bytes {}..{} are missing from the reply", source.name(), range.start, range.end),
        )
    })
}
