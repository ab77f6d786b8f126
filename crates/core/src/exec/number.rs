//! From stages to tasks: which blocks are needed how often, which bytes travel together, and each task's rank and cost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::leaf::{Leaf, Part, Supplies, Supply};
use super::output::{Target, programs, sink_of, stage_parts};
use super::ranges::{Merged, RangePolicy, Wanted, merge};
use super::stage::{SourceUse, Stage};
use super::tasks::{BlockUses, Cost, NONE, Need, PackedKind, TaskKind, Tasks, Totals};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::shape::volume;
use crate::source::Place;

impl Tasks {
    pub(super) fn new(plan: &Plan, targets: &[Target], policy: &RangePolicy, passthrough: bool) -> Result<Self> {
        let (sources, stages) = stages(plan, targets, passthrough)?;
        let mut tasks = Self {
            uses: (0..sources.len()).map(|source| BlockUses::unused(source, &sources, &stages)).collect(),
            totals: vec![Totals::default(); sources.len()],
            computations: Vec::new(),
            outputs: targets.len(),
            sources,
            stages,
            kinds: Vec::new(),
            dependency_ends: Vec::new(),
            dependencies: Vec::new(),
        };
        if tasks.sources.len().max(tasks.stages.len()) >= PackedKind::OWNERS_MAX {
            return Err(Error::invalid("the run has 2^30 sources or stages"));
        }
        let (order, uses) = tasks.count_uses();
        tasks.plan_ranges(order, policy)?;
        let waiting = Waiting::new(&tasks, uses);
        Numbering::new(&mut tasks, waiting).number()?;
        Ok(tasks)
    }

    /// The computations of all stages: stage, and position among the stage's tasks.
    fn all_computations(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let counts: Vec<_> = self.stages.iter().map(Stage::task_count).collect();
        counts.into_iter().enumerate().flat_map(|(stage, count)| (0..count).map(move |index| (stage, index)))
    }

    /// Counts the uses of every block. Returns the blocks of each source in order of first use, and the uses of those
    /// that may be hidden by conditions.
    fn count_uses(&mut self) -> (Vec<Vec<u32>>, Vec<GuardedUse>) {
        let mut uses = Uses { order: vec![Vec::new(); self.sources.len()], ..Uses::default() };
        let firsts = self.first_computations();
        // Of the stages that others read, only what is needed is computed.
        let mut is_needed: Vec<_> =
            self.stages[self.outputs..].iter().map(|stage| vec![false; stage.task_count()]).collect();
        // Users before what they use: how often something is used is known when it is reached.
        for stage in (0..self.outputs).chain((self.outputs..self.stages.len()).rev()) {
            for index in self.stages[stage].task_order() {
                if stage < self.outputs || is_needed[stage - self.outputs][index] {
                    self.count_uses_of(stage, index, firsts[stage] + index, &mut uses, &mut is_needed);
                }
            }
        }
        let Uses { order, mut guarded, .. } = uses;
        guarded.retain(|of| self.uses[of.source as usize].is_guarded(of.block as usize));
        (order, guarded)
    }

    fn count_uses_of(
        &mut self,
        stage: usize,
        index: usize,
        computation: usize,
        found: &mut Uses,
        is_needed: &mut [Vec<bool>],
    ) {
        let looks = self.stages[stage].looks;
        let mut needs = std::mem::take(&mut found.needs);
        self.find_needs(stage, index, &mut needs);
        for Need { supply, block, by_look, by_compute } in needs.iter().copied() {
            let source = match supply {
                Supply::Source(source) => source,
                Supply::Stage(stage) => {
                    is_needed[stage - self.outputs][self.stages[stage].task_of(block)] = true;
                    continue;
                }
            };
            let uses = &mut self.uses[source];
            if uses.counts[block] == 0 {
                found.order[source].push(block as u32);
            }
            // Where a stage looks, its looks and its computations are users of their own.
            uses.counts[block] += if looks { u32::from(by_look) + u32::from(by_compute) } else { 1 };
            if looks && !by_look {
                let (source, block) = (source as u32, block as u32);
                found.guarded.push(GuardedUse { source, block, computation: computation as u32 });
            } else if let Some(guarded) = uses.guarded.get_mut(block) {
                *guarded = false;
            }
        }
        found.needs = needs;
    }

    /// The number of each stage's first computation among those of all.
    fn first_computations(&self) -> Vec<usize> {
        let starts = self.stages.iter().scan(0, |next, stage| {
            let first = *next;
            *next += stage.task_count();
            Some(first)
        });
        starts.collect()
    }

    /// Finds out where the needed blocks are, and merges what must be fetched, in order of first use.
    fn plan_ranges(&mut self, order: Vec<Vec<u32>>, policy: &RangePolicy) -> Result<()> {
        let mut wanted: Vec<Vec<Wanted>> = vec![Vec::new(); self.sources.len()];
        for (source, blocks) in order.into_iter().enumerate() {
            let (totals, uses) = (&mut self.totals[source], &self.uses[source]);
            for block in blocks {
                let is_guarded = uses.is_guarded(block as usize);
                match self.sources[source].source.place(block as usize)? {
                    Place::Constant(_) => {
                        totals.constant_blocks += 1;
                        continue;
                    }
                    Place::Direct { bytes } => totals.bytes += bytes,
                    Place::Remote(bytes) => wanted[source].push(Wanted { block, bytes, may_be_skipped: is_guarded }),
                }
                totals.blocks += 1;
                totals.guarded_blocks += u64::from(is_guarded);
            }
        }
        // What travels at the same time shares the connections: conditions first, then what lies under them.
        let mut total = [0, 0];
        for Wanted { bytes, may_be_skipped, .. } in wanted.iter().flatten() {
            total[usize::from(*may_be_skipped)] += bytes.end - bytes.start;
        }
        for (source, wanted) in wanted.into_iter().enumerate().filter(|(_, wanted)| !wanted.is_empty()) {
            let is_guarded = !self.uses[source].guarded.is_empty();
            let Merged { ranges, range_of, gap_bytes } = merge(&wanted, total[usize::from(is_guarded)], policy);
            let (totals, uses) = (&mut self.totals[source], &mut self.uses[source]);
            totals.requests = ranges.len() as u64;
            totals.bytes += ranges.iter().map(|range| range.end - range.start).sum::<u64>();
            totals.gap_bytes = gap_bytes;
            uses.range_of = vec![NONE; uses.counts.len()];
            for (wanted, range) in wanted.iter().zip(range_of) {
                uses.range_of[wanted.block as usize] = range;
            }
            uses.range_tasks = vec![NONE; ranges.len()];
            uses.ranges = ranges;
        }
        Ok(())
    }
}

impl BlockUses {
    fn unused(source: usize, sources: &[SourceUse], stages: &[Stage]) -> Self {
        let len = sources[source].blocks.len();
        let leaves = || stages.iter().flat_map(|stage| stage.leaves.iter().map(move |leaf| (stage, leaf)));
        let reads = |part: &Part| part.supply == Supply::Source(source);
        let is_guarded = leaves().any(|(stage, leaf)| stage.looks && leaf.guarded && leaf.parts.iter().any(reads));
        Self {
            counts: vec![0; len],
            guarded: if is_guarded { vec![true; len] } else { Vec::new() },
            tasks: vec![NONE; len],
            copied: leaves().any(|(_, leaf)| leaf.parts.iter().any(|part| part.copied && reads(part))),
            ..Self::default()
        }
    }
}

/// What is found out while uses are counted.
#[derive(Default)]
struct Uses {
    /// The blocks of each source in order of first use.
    order: Vec<Vec<u32>>,
    guarded: Vec<GuardedUse>,
    /// Room for the needs of a computation, used again and again.
    needs: Vec<Need>,
}

/// The stages of a plan, outputs first, and the sources that they read.
fn stages(plan: &Plan, targets: &[Target], passthrough: bool) -> Result<(Vec<SourceUse>, Vec<Stage>)> {
    let programs = programs(plan)?;
    let (mut sources, mut inner) = (Vec::new(), Vec::new());
    let outputs = targets.len();
    let parts = (0..programs.len()).map(|index| stage_parts(plan, &programs, index, &mut sources));
    let mut parts = parts.collect::<Result<Vec<_>>>()?;
    let kept: Vec<_> = (outputs..parts.len()).map(|index| Target::Stages(sink_of(index, &parts, targets))).collect();
    for (parts, target) in parts.drain(outputs..).zip(&kept) {
        let supplies = Supplies { sources: &sources, inner: &inner, outputs };
        inner.push(Stage::new(parts, target, &supplies, passthrough));
    }
    let supplies = Supplies { sources: &sources, inner: &inner, outputs };
    let stage = |(parts, target)| Stage::new(parts, target, &supplies, passthrough);
    let mut stages: Vec<_> = parts.into_iter().zip(targets).map(stage).collect();
    stages.extend(inner);
    Ok((sources, stages))
}

/// A computation that needs a block only where its conditions say so.
#[derive(Debug, Clone, Copy)]
struct GuardedUse {
    source: u32,
    block: u32,
    computation: u32,
}

/// Whose looks each fetch, or decode of a local block, must wait for, in compressed rows.
struct Waiting {
    /// The first row of each source.
    first_rows: Vec<usize>,
    ends: Vec<u32>,
    computations: Vec<u32>,
}

impl Waiting {
    fn new(tasks: &Tasks, uses: Vec<GuardedUse>) -> Self {
        let mut first_rows = Vec::with_capacity(tasks.uses.len());
        let mut rows = 0;
        for uses in &tasks.uses {
            first_rows.push(rows);
            rows += if uses.guarded.is_empty() { 0 } else { uses.counts.len() + uses.ranges.len() };
        }
        let row = |of: &GuardedUse| {
            let (source, block) = (of.source as usize, of.block as usize);
            let uses = &tasks.uses[source];
            let range = uses.range_of.get(block).copied().unwrap_or(NONE);
            // The rows of ranges stand behind those of blocks.
            first_rows[source] + if range == NONE { block } else { uses.counts.len() + range as usize }
        };
        let mut starts = vec![0_u32; rows + 1];
        uses.iter().for_each(|of| starts[row(of) + 1] += 1);
        (0..rows).for_each(|row| starts[row + 1] += starts[row]);
        let mut computations = vec![0; uses.len()];
        for of in &uses {
            let place = &mut starts[row(of)];
            computations[*place as usize] = of.computation;
            *place += 1;
        }
        // Filling moved each start to its row's end.
        Self { first_rows, ends: starts, computations }
    }

    fn for_block(&self, source: usize, block: usize) -> std::ops::Range<usize> {
        self.row(self.first_rows[source] + block)
    }

    fn for_range(&self, source: usize, blocks: usize, range: usize) -> std::ops::Range<usize> {
        self.row(self.first_rows[source] + blocks + range)
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        start as usize..self.ends[row] as usize
    }
}

/// Several sequences as one, each in its order: next comes the least of those at their heads, of equal ones that of the
/// first sequence. Gives the number of the sequence with each.
fn side_by_side<T: Ord>(sequences: Vec<impl Iterator<Item = T>>) -> impl Iterator<Item = (usize, T)> {
    let mut sequences: Vec<_> = sequences.into_iter().map(Iterator::fuse).collect();
    let mut heads: BinaryHeap<_> =
        sequences.iter_mut().enumerate().filter_map(|(at, sequence)| Some(Reverse((sequence.next()?, at)))).collect();
    std::iter::from_fn(move || {
        let Reverse((item, at)) = heads.pop()?;
        heads.extend(sequences[at].next().map(|next| Reverse((next, at))));
        Some((at, item))
    })
}

/// Gives tasks their numbers: a computation right after what it alone still lacks, in the order of the outputs' blocks; of
/// several outputs side by side, as they reach the same row of their rasters, so that what they share is not held for long.
struct Numbering<'a> {
    tasks: &'a mut Tasks,
    waiting: Waiting,
    /// All computations, those of the outputs first; and the first of each stage.
    computations: Vec<(u32, u32)>,
    firsts: Vec<usize>,
    /// The look of each computation, and its own task.
    looks: Vec<u32>,
    computed: Vec<u32>,
    /// Computations that wait for others to be numbered.
    stack: Vec<usize>,
    /// Room for what a computation needs and depends on, used again and again.
    needs: Vec<Need>,
    dependencies: Vec<u32>,
}

impl<'a> Numbering<'a> {
    fn new(tasks: &'a mut Tasks, waiting: Waiting) -> Self {
        let computations: Vec<_> =
            tasks.all_computations().map(|(stage, index)| (stage as u32, index as u32)).collect();
        Self {
            looks: vec![NONE; computations.len()],
            computed: vec![NONE; computations.len()],
            firsts: tasks.first_computations(),
            computations,
            stack: Vec::new(),
            needs: Vec::new(),
            dependencies: Vec::new(),
            tasks,
            waiting,
        }
    }

    fn number(mut self) -> Result<()> {
        self.reserve();
        let stages = self.tasks.stages[..self.tasks.outputs].iter();
        let orders: Vec<_> = stages.map(Stage::task_progress).collect();
        for (stage, (_, task)) in side_by_side(orders) {
            self.compute(self.firsts[stage] + task)?;
        }
        let inner = self.tasks.outputs..self.tasks.stages.len();
        self.tasks.computations = inner
            .map(|stage| {
                let first = self.firsts[stage];
                self.computed[first..first + self.tasks.stages[stage].task_count()].to_vec()
            })
            .collect();
        Ok(())
    }

    /// The task of a computation, added if it is new, after those of the computations whose pieces it reads; without
    /// recursion, as stages can be many.
    fn compute(&mut self, computation: usize) -> Result<u32> {
        let bottom = self.stack.len();
        self.stack.push(computation);
        while let Some(computation) = self.stack[bottom..].last().copied() {
            if self.computed[computation] != NONE {
                self.stack.pop();
                continue;
            }
            let (stage, index) = self.computations[computation];
            let mut needs = std::mem::take(&mut self.needs);
            self.tasks.find_needs(stage as usize, index as usize, &mut needs);
            let known = self.stack.len();
            for need in needs.iter().rev() {
                let stage = self.computation_of(need.supply, need.block);
                self.stack.extend(stage.filter(|computation| self.computed[*computation] == NONE));
            }
            if self.stack.len() == known {
                self.stack.pop();
                self.push_computation(computation, &needs)?;
            }
            self.needs = needs;
        }
        Ok(self.computed[computation])
    }

    /// The computation of the piece that a block is, if it is one.
    fn computation_of(&self, supply: Supply, block: usize) -> Option<usize> {
        match supply {
            Supply::Source(_) => None,
            Supply::Stage(stage) => Some(self.firsts[stage] + self.tasks.stages[stage].task_of(block)),
        }
    }

    fn push_computation(&mut self, computation: usize, needs: &[Need]) -> Result<()> {
        let (stage, index) = self.computations[computation];
        let looks = self.tasks.stages[stage as usize].looks;
        let mut dependencies = std::mem::take(&mut self.dependencies);
        dependencies.clear();
        if looks {
            dependencies.push(self.look(computation, needs)?);
        }
        for need in needs.iter().filter(|need| !looks || need.by_compute) {
            dependencies.extend(self.provide(need.supply, need.block)?);
        }
        self.computed[computation] = self.push(TaskKind::Compute { stage, index }, &mut dependencies)?;
        self.dependencies = dependencies;
        Ok(())
    }

    /// Room for all tasks: of a million, growing by doubling would take as long as the rest, and twice the memory.
    fn reserve(&mut self) {
        let looking = |(stage, _): &&(u32, u32)| self.tasks.stages[*stage as usize].looks;
        let looks = self.computations.iter().filter(looking).count();
        let fetches: usize = self.tasks.uses.iter().map(|uses| uses.ranges.len()).sum();
        let decodes: usize =
            self.tasks.uses.iter().map(|uses| uses.counts.iter().filter(|count| **count > 1).count()).sum();
        let (tasks, computations) = (&mut *self.tasks, self.computations.len());
        let count = computations + looks + fetches + decodes;
        tasks.kinds.reserve_exact(count);
        tasks.dependency_ends.reserve_exact(count);
        // A computation waits for its look and a block or two, a look for a decode, a fetch for a look.
        tasks.dependencies.reserve(computations + count);
    }

    /// The look of a computation, added if it is new.
    fn look(&mut self, computation: usize, needs: &[Need]) -> Result<u32> {
        if self.looks[computation] == NONE {
            let (stage, index) = self.computations[computation];
            let mut dependencies = Vec::new();
            for need in needs.iter().filter(|need| need.by_look) {
                dependencies.extend(self.provide(need.supply, need.block)?);
            }
            self.looks[computation] = self.push(TaskKind::Look { stage, index }, &mut dependencies)?;
        }
        Ok(self.looks[computation])
    }

    /// The looks that must have been made before something under conditions is fetched or decoded.
    fn looks_before(&mut self, row: std::ops::Range<usize>) -> Result<Vec<u32>> {
        row.map(|position| {
            let computation = self.waiting.computations[position] as usize;
            let (stage, index) = self.computations[computation];
            match self.looks[computation] {
                NONE => self.look(computation, &self.tasks.needs(stage as usize, index as usize)),
                look => Ok(look),
            }
        })
        .collect()
    }

    /// The task that a user of a block depends on, added if it is new; none for a block that its only user decodes
    /// without a fetch.
    fn provide(&mut self, supply: Supply, block: usize) -> Result<Option<u32>> {
        let source = match (supply, self.computation_of(supply, block)) {
            (Supply::Source(source), _) => source,
            (Supply::Stage(_), computation) => {
                return computation.map(|computation| self.compute(computation)).transpose();
            }
        };
        let known = self.tasks.uses[source].tasks[block];
        if known != NONE {
            return Ok(Some(known));
        }
        let is_shared = self.tasks.uses[source].counts[block] > 1;
        let mut before = match self.tasks.sources[source].source.place(block)? {
            Place::Constant(_) => return Ok(None),
            // Pinned pixels are there already: nothing to share, nothing to wait for.
            Place::Direct { .. } if self.tasks.sources[source].pinned_bytes > 0 => return Ok(None),
            Place::Direct { .. } if !is_shared => return Ok(None),
            Place::Direct { .. } if self.tasks.uses[source].is_guarded(block) => {
                self.looks_before(self.waiting.for_block(source, block))?
            }
            Place::Direct { .. } => Vec::new(),
            Place::Remote(_) => vec![self.provide_range(source, self.tasks.uses[source].range_of[block])?],
        };
        let task = match is_shared {
            false => before[0],
            true => self.push(TaskKind::Decode { source: source as u32, block: block as u32 }, &mut before)?,
        };
        self.tasks.uses[source].tasks[block] = task;
        Ok(Some(task))
    }

    fn provide_range(&mut self, source: usize, range: u32) -> Result<u32> {
        let uses = &self.tasks.uses[source];
        let known = uses.range_tasks[range as usize];
        if known != NONE {
            return Ok(known);
        }
        let mut before = match uses.guarded.is_empty() {
            true => Vec::new(),
            false => self.looks_before(self.waiting.for_range(source, uses.counts.len(), range as usize))?,
        };
        let task = self.push(TaskKind::Fetch { source: source as u32, range }, &mut before)?;
        self.tasks.uses[source].range_tasks[range as usize] = task;
        Ok(task)
    }

    fn push(&mut self, kind: TaskKind, dependencies: &mut Vec<u32>) -> Result<u32> {
        dependencies.sort_unstable();
        dependencies.dedup();
        let tasks = &mut *self.tasks;
        let task = u32::try_from(tasks.kinds.len()).ok().filter(|task| *task != NONE);
        let task = task.ok_or_else(|| Error::invalid("the run has more than 2^32 tasks: make chunks larger"))?;
        tasks.kinds.push(PackedKind::pack(kind));
        tasks.dependencies.extend_from_slice(dependencies);
        tasks.dependency_ends.push(tasks.dependencies.len() as u32);
        Ok(task)
    }
}

/// What tasks will hold.
impl Tasks {
    /// Bytes that each task will hold, in order; found anew each time, as they are asked for once.
    pub fn costs(&self) -> impl Iterator<Item = Cost> {
        let mut needs = Vec::new();
        (0..self.len()).map(move |task| match self.kind(task) {
            TaskKind::Fetch { source, range } => {
                let bytes = self.range(source as usize, range as usize);
                Cost { scratch: 0, output: bytes.end - bytes.start }
            }
            TaskKind::Decode { source, block } => self.decode_cost(source as usize, block as usize),
            TaskKind::Look { stage, index } => self.look_cost(stage as usize, index as usize, &mut needs),
            TaskKind::Compute { stage, index } => self.compute_cost(stage as usize, index as usize, &mut needs),
        })
    }

    /// Bytes that stored blocks take beside the pixels of rasters that are kept.
    pub fn kept_bytes(&self) -> u64 {
        let stages = self.stages.iter().filter(|stage| matches!(stage.target, Target::Pinned));
        let kept = |stage: &Stage| -> u64 {
            (0..stage.pieces.len()).map(|piece| self.copied_bytes(stage, stage.pieces.position(piece), true)).sum()
        };
        stages.map(kept).sum()
    }

    fn decode_scratch(&self, source: usize, block: usize) -> u64 {
        let read = match self.sources[source].source.place(block) {
            Ok(Place::Direct { bytes }) => bytes,
            Ok(Place::Constant(_) | Place::Remote(_)) | Err(_) => 0,
        };
        read + self.sources[source].source.decode_scratch()
    }

    fn decode_cost(&self, source: usize, block: usize) -> Cost {
        let stored = if self.uses[source].copied { self.stored_bytes(source, block) } else { 0 };
        Cost { scratch: self.decode_scratch(source, block), output: self.block_bytes(source, block) + stored }
    }

    /// Bytes of a block as it is stored.
    fn stored_bytes(&self, source: usize, block: usize) -> u64 {
        match self.sources[source].source.place(block) {
            Ok(Place::Direct { bytes }) => bytes,
            Ok(Place::Remote(range)) => range.end - range.start,
            Ok(Place::Constant(_)) | Err(_) => 0,
        }
    }

    /// Bytes of the blocks that a task of a stage decodes by itself. Those that an operation on areas reads once are
    /// gathered and dropped one after the other.
    fn own_bytes<'a>(&self, stage: &Stage, needs: impl Iterator<Item = &'a Need>) -> u64 {
        let (mut kept, mut passing) = (0, 0);
        for Need { supply, block, .. } in needs {
            let Supply::Source(source) = *supply else { continue };
            if self.uses[source].counts[*block] > 1 || self.sources[source].is_constant(*block) {
                continue;
            }
            let bytes = self.block_bytes(source, *block) + self.decode_scratch(source, *block);
            let passes = |leaf: &Leaf| {
                (leaf.area.is_some() || leaf.parts.len() > 1)
                    && leaf.parts.iter().any(|part| part.supply == *supply && part.once)
            };
            match stage.leaves.iter().any(passes) {
                true => passing = bytes.max(passing),
                false => kept += bytes,
            }
        }
        kept + passing
    }

    /// Bytes of the block whose stored bytes may stand for a piece, the largest of several; 0 where none may. Guarded
    /// leaves count where `guarded` says so.
    fn copied_bytes(&self, stage: &Stage, position: [usize; 4], guarded: bool) -> u64 {
        let leaves = stage.leaves.iter().filter(|leaf| guarded || !leaf.guarded);
        let copied = leaves.filter_map(|leaf| leaf.whole_block(position).filter(|(part, _)| part.copied));
        let blocks = copied.filter_map(|(part, block)| Some((part.source()?, block)));
        blocks.map(|(source, block)| self.stored_bytes(source, block)).max().unwrap_or(0)
    }

    fn look_cost(&self, stage: usize, index: usize, needs: &mut Vec<Need>) -> Cost {
        self.find_needs(stage, index, needs);
        let stage = &self.stages[stage];
        let own = self.own_bytes(stage, needs.iter().filter(|need| need.by_look));
        let (mut output, mut piece_scratch) = (0, 0);
        for piece in stage.task_pieces(index) {
            let position = stage.pieces.position(piece);
            let needed = stage.scratch(&self.supplies(), position);
            output += needed.unguarded + self.copied_bytes(stage, position, false);
            piece_scratch = piece_scratch.max(needed.program);
        }
        Cost { scratch: own + piece_scratch, output }
    }

    fn compute_cost(&self, stage: usize, index: usize, needs: &mut Vec<Need>) -> Cost {
        self.find_needs(stage, index, needs);
        let stage = &self.stages[stage];
        let own = self.own_bytes(stage, needs.iter().filter(|need| !stage.looks || need.by_compute));
        let mut cost = Cost { scratch: own, output: 0 };
        let mut piece_scratch = 0;
        for piece in stage.task_pieces(index) {
            let (shape, position) = (stage.pieces.region(piece).shape, stage.pieces.position(piece));
            let pixels = (volume(shape) * stage.meta.dtype.size()) as u64;
            let needed = stage.scratch(&self.supplies(), position);
            // What looking gathered is a value of its own.
            let mut scratch = needed.program + needed.guarded + if stage.looks { 0 } else { needed.unguarded };
            let copied = self.copied_bytes(stage, position, true);
            match &stage.target {
                Target::Sink(sink) => {
                    let (bound, encode_scratch) = sink.encode_bound(shape);
                    scratch += pixels + encode_scratch;
                    cost.output += bound.max(copied);
                }
                Target::Reduce { reduction, zones } => {
                    scratch += pixels + reduction.scratch(shape, zones.is_some());
                    cost.output += reduction.most_bytes(shape, zones.is_some());
                }
                Target::Pieces | Target::Chunks | Target::Pinned | Target::Stages(_) => cost.output += pixels + copied,
            }
            piece_scratch = piece_scratch.max(scratch);
        }
        cost.scratch += piece_scratch;
        cost
    }
}
