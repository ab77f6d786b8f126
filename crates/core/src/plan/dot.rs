//! Plans drawn: DOT text for Graphviz at three zooms. Own writer, so that golden files depend on no other crate's text.

mod times;

pub use times::{TaskState, TaskTimes, Times};

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use petgraph::graph::NodeIndex;

use self::times::{Layer, Mark, Marks};
use super::explain::describe;
use super::{Plan, StepKind};
use crate::exec::{Plans, Supply, TaskKind, Tasks, Totals};
use crate::expr::Op;
use crate::shape::{ChunkGrid, Region};
use crate::text::{bytes, count, counted, short};

/// How close a drawing looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// A node for each operation; the same size for ten chunks and for a million.
    Operations,
    /// A node for each kind of task of each stage, with how many there are.
    Layers,
    /// A node for each task, up to [`CHUNK_NODES_MAX`].
    Chunks,
}

/// More tasks than this are summed up in one node.
pub const CHUNK_NODES_MAX: usize = 400;

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DotOptions {
    /// How close it looks.
    pub detail: Detail,
    /// After the optimiser, as it runs (the default); else as written.
    pub optimized: bool,
    /// What was measured of a run, for layers and chunks as they run.
    pub times: Option<Times>,
}

impl DotOptions {
    /// The plan as written, before the optimiser.
    pub const fn as_written(detail: Detail) -> Self {
        Self { detail, optimized: false, times: None }
    }

    /// With times and states of a run on layers and chunks: white to orange by the share of the work (of the longest
    /// task, for chunks), red what failed, grey what did not come to an end.
    #[must_use]
    pub fn with_times(self, times: impl Into<Option<Times>>) -> Self {
        Self { times: times.into(), ..self }
    }
}

impl From<Detail> for DotOptions {
    fn from(detail: Detail) -> Self {
        Self { detail, optimized: true, times: None }
    }
}

/// Draws what a run is asked for; `tasks` is asked for only where they are drawn.
///
/// # Errors
/// That of `tasks`.
pub fn draw<E>(plans: &Plans, options: &DotOptions, tasks: impl FnOnce() -> Result<Tasks, E>) -> Result<String, E> {
    // Many chunks side by side are a strip that no screen can show; below each other they can be scrolled.
    let mut dot = Dot::new(if options.detail == Detail::Chunks { "LR" } else { "BT" });
    match (options.detail, options.optimized) {
        (Detail::Operations, true) => operations(&mut dot, plans.unfused(), true),
        (Detail::Operations, false) => operations(&mut dot, plans.written(), false),
        (Detail::Layers, true) => layers(&mut dot, &tasks()?, options.times.as_ref()),
        (Detail::Layers, false) => written_layers(&mut dot, plans.written()),
        (Detail::Chunks, true) => chunks(&mut dot, &tasks()?, options.times.as_ref()),
        (Detail::Chunks, false) => written_chunks(&mut dot, plans.written()),
    }
    Ok(dot.finish())
}

/// Kinds of nodes, and how each looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Source,
    Fetch,
    Decode,
    View,
    Compute,
    Output,
    Note,
}

impl Look {
    const fn shape(self) -> &'static str {
        match self {
            Self::Source => "shape=cylinder, ",
            Self::Fetch => "shape=cds, ",
            Self::Output => "shape=folder, ",
            Self::Note => "shape=plaintext, ",
            Self::Decode | Self::View | Self::Compute => "",
        }
    }

    const fn fill(self) -> &'static str {
        match self {
            Self::Source | Self::Fetch => "#cfe2f3",
            Self::Decode => "#d9d2e9",
            Self::View => "#eeeeee",
            Self::Compute => "#d9ead3",
            Self::Output => "#fce5cd",
            Self::Note => "#ffffff",
        }
    }
}

/// DOT text under construction.
struct Dot {
    text: String,
    depth: usize,
}

impl Dot {
    fn new(direction: &str) -> Self {
        let mut dot = Self { text: String::from("digraph swath {\n"), depth: 1 };
        dot.line(&format!(
            "graph [rankdir={direction}, fontname=\"Helvetica\", fontsize=11, nodesep=0.2, ranksep=0.5];"
        ));
        dot.line("node [shape=box, style=\"filled,rounded\", fontname=\"Helvetica\", fontsize=10, color=\"#666666\"];");
        dot.line("edge [color=\"#666666\", arrowsize=0.6, fontname=\"Helvetica\", fontsize=9];");
        dot
    }

    fn line(&mut self, line: &str) {
        let indent = self.depth * 2;
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    fn node(&mut self, id: &str, label: &str, look: Look) {
        self.marked(id, label, look, &Mark::default());
    }

    fn marked(&mut self, id: &str, label: &str, look: Look, mark: &Mark) {
        let label = quoted(&format!("{label}{}", mark.text));
        let fill = mark.fill.as_deref().unwrap_or(look.fill());
        // Cylinders and folders have no rounded style to set.
        self.line(&format!("{id} [label={label}, {}fillcolor=\"{fill}\"];", look.shape()));
    }

    fn edge(&mut self, from: &str, to: &str) {
        self.line(&format!("{from} -> {to};"));
    }

    fn cluster(&mut self, name: &str, label: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("subgraph cluster_{name} {{"));
        self.depth += 1;
        self.line(&format!("label={}; style=\"rounded,dashed\"; color=\"#999999\";", quoted(label)));
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    fn finish(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }
}

/// A DOT string: quotes and backslashes escaped, line ends as `\n`, control characters dropped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn look(kind: &StepKind) -> Look {
    match kind {
        StepKind::Operation(Op::Source(_)) => Look::Source,
        StepKind::Operation(Op::View { .. } | Op::Relabel { .. }) => Look::View,
        StepKind::Operation(_) | StepKind::Fused { .. } => Look::Compute,
        StepKind::Output { .. } => Look::Output,
    }
}

fn step_id(node: NodeIndex) -> String {
    format!("s{}", node.index())
}

fn step_label(plan: &Plan, node: NodeIndex) -> String {
    let step = plan.step(node);
    let name = match &step.kind {
        StepKind::Operation(Op::Source(source)) => short(source.name()),
        StepKind::Output { name, .. } => short(name),
        _ => step.label(),
    };
    format!("{name}\n{}", describe(&step.meta))
}

/// One node a step; with `stages`, those that will run as one task are boxed together.
fn operations(dot: &mut Dot, plan: &Plan, stages: bool) {
    let order = plan.in_order();
    let (inner, outer): (Vec<_>, Vec<_>) =
        order.iter().copied().partition(|node| stages && plan.step(*node).is_elementwise());
    for node in outer {
        dot.node(&step_id(node), &step_label(plan, node), look(&plan.step(node).kind));
    }
    let roots = roots(plan, &order);
    let mut drawn = Vec::new();
    for node in &inner {
        let root = roots[node.index()];
        if drawn.contains(&root) {
            continue;
        }
        // The first has the plain name: most plans have one.
        let key = if drawn.is_empty() { "fused".to_owned() } else { format!("fused{}", drawn.len()) };
        drawn.push(root);
        dot.cluster(&key, "one task per run of output blocks", |dot| {
            for node in inner.iter().filter(|node| roots[node.index()] == root) {
                dot.node(&step_id(*node), &step_label(plan, *node), look(&plan.step(*node).kind));
            }
        });
    }
    for node in order {
        for input in plan.inputs(node) {
            dot.edge(&step_id(input), &step_id(node));
        }
    }
}

/// For each elementwise step, the first step after it that is not: what its program is for. Of several, the first.
fn roots(plan: &Plan, order: &[NodeIndex]) -> Vec<Option<NodeIndex>> {
    let mut roots: Vec<Option<NodeIndex>> = vec![None; plan.graph().node_count()];
    for user in order.iter().rev().copied() {
        let root = if plan.step(user).is_elementwise() { roots[user.index()] } else { Some(user) };
        for input in plan.inputs(user) {
            roots[input.index()] = [roots[input.index()], root].into_iter().flatten().min();
        }
    }
    roots
}

/// One node a step as written, with what Dask would call its layer: a task for each chunk.
fn written_layers(dot: &mut Dot, plan: &Plan) {
    for node in plan.in_order() {
        let step = plan.step(node);
        let tasks = step.meta.chunk_grid().len() as u64;
        let label = format!("{}\n{}", step_label(plan, node), counted(tasks, "task"));
        dot.node(&step_id(node), &label, look(&step.kind));
        for input in plan.inputs(node) {
            dot.edge(&step_id(input), &step_id(node));
        }
    }
}

/// Fetches, decodes and computations of each source and stage, counted.
fn layers(dot: &mut Dot, tasks: &Tasks, times: Option<&Times>) {
    let counts = Counts::of(tasks);
    let marks = Marks::new(tasks, times);
    for (index, (used, totals)) in tasks.sources().iter().zip(tasks.totals()).enumerate() {
        dot.cluster(&format!("source{index}"), &short(used.source.name()), |dot| {
            source_layer(dot, index, totals, &counts, &marks);
        });
    }
    for (index, stage) in tasks.stages().iter().enumerate() {
        let computes = tasks.computation_count(index) as u64;
        // Of what only other stages read, a task computes one piece.
        let blocks = if index < tasks.outputs().len() { stage.pieces.len() as u64 } else { computes };
        dot.cluster(&format!("stage{index}"), &format!("stage {index}"), |dot| {
            let what = if stage.operations.is_empty() { "pass on".to_owned() } else { stage.operations.join("\n") };
            let label = format!("{what}\n{}, {}", counted(computes, "task"), counted(blocks, "block"));
            dot.marked(&format!("compute{index}"), &label, Look::Compute, &marks.layer(Layer::Compute(index)));
            if stage.looks() {
                let label = format!("look at conditions\n{}", counted(computes, "task"));
                dot.marked(&format!("look{index}"), &label, Look::Decode, &marks.layer(Layer::Look(index)));
            }
        });
        if index < tasks.outputs().len() {
            let label = format!("{}\n{}", short(&stage.name), describe(&stage.meta));
            dot.marked(&format!("out{index}"), &label, Look::Output, &marks.output(index));
            dot.edge(&format!("compute{index}"), &format!("out{index}"));
        }
        let mut seen = HashSet::new();
        for leaf in &stage.leaves {
            let user = if stage.looks() && !leaf.guarded { "look" } else { "compute" };
            for supply in leaf.parts.iter().map(|part| part.supply) {
                if !seen.insert((supply, user)) {
                    continue;
                }
                dot.edge(&counts.last_layer(supply), &format!("{user}{index}"));
                if let Supply::Source(source) = supply
                    && stage.looks()
                    && leaf.guarded
                {
                    dot.edge(&format!("look{index}"), &format!("fetch{source}"));
                }
            }
        }
        if stage.looks() {
            dot.edge(&format!("look{index}"), &format!("compute{index}"));
        }
    }
}

fn source_layer(dot: &mut Dot, index: usize, totals: &Totals, counts: &Counts, marks: &Marks<'_>) {
    let Totals { requests, bytes: read, blocks, .. } = totals;
    let blocks = counted(*blocks, "block");
    let (label, look) = match (requests, read) {
        (0, 0) => (format!("in memory\n{blocks}"), Look::Source),
        (0, _) => (format!("read\n{blocks}, {}", bytes(*read)), Look::Source),
        _ => (format!("fetch\n{}, {}", counted(*requests, "request"), bytes(*read)), Look::Fetch),
    };
    dot.marked(&format!("fetch{index}"), &label, look, &marks.layer(Layer::Fetch(index)));
    let decodes = counts.decodes[index];
    if decodes > 0 {
        let label = format!("decode once for several\n{}", counted(decodes, "block"));
        dot.marked(&format!("decode{index}"), &label, Look::Decode, &marks.layer(Layer::Decode(index)));
        dot.edge(&format!("fetch{index}"), &format!("decode{index}"));
    }
}

struct Counts {
    decodes: Vec<u64>,
}

impl Counts {
    fn of(tasks: &Tasks) -> Self {
        let mut decodes = vec![0; tasks.sources().len()];
        for task in 0..tasks.len() {
            if let TaskKind::Decode { source, .. } = tasks.kind(task) {
                decodes[source as usize] += 1;
            }
        }
        Self { decodes }
    }

    fn last_layer(&self, supply: Supply) -> String {
        match supply {
            Supply::Source(source) if self.decodes[source] > 0 => format!("decode{source}"),
            Supply::Source(source) => format!("fetch{source}"),
            Supply::Stage(stage) => format!("compute{stage}"),
        }
    }
}

/// One node a task, and one for each block that a task reads by itself, grouped by source and stage.
fn chunks(dot: &mut Dot, tasks: &Tasks, times: Option<&Times>) {
    let marks = Marks::new(tasks, times);
    let drawn = first_tasks(tasks);
    for (source, used) in tasks.sources().iter().enumerate() {
        let reads = drawn.blocks.iter().filter(|(of, _)| *of == source);
        let reads = reads.map(|(of, block)| block_node(*of, *block, &used.blocks));
        let serves = (0..drawn.tasks)
            .filter(|task| serves(tasks.kind(*task), source))
            .map(|task| task_node(tasks, task, &marks));
        group(dot, &format!("source{source}"), used.source.name(), reads.chain(serves));
    }
    for (index, stage) in tasks.stages().iter().enumerate() {
        let computes = |kind| matches!(kind, TaskKind::Look { stage, .. } | TaskKind::Compute { stage, .. } if stage as usize == index);
        let members =
            (0..drawn.tasks).filter(|task| computes(tasks.kind(*task))).map(|task| task_node(tasks, task, &marks));
        group(dot, &format!("stage{index}"), &stage.name, members);
    }
    for task in 0..drawn.tasks {
        for dependency in tasks.dependencies(task) {
            dot.edge(&format!("t{dependency}"), &format!("t{task}"));
        }
        for (source, block) in tasks.own_blocks(task) {
            dot.edge(&block_id(source, block), &format!("t{task}"));
        }
    }
    more(dot, tasks.len() - drawn.tasks);
}

/// The tasks that are drawn, a prefix of all, and the blocks that they read by themselves.
struct Drawn {
    tasks: usize,
    blocks: BTreeSet<(usize, usize)>,
}

/// As many tasks as fit a drawing with the blocks that they read.
fn first_tasks(tasks: &Tasks) -> Drawn {
    let mut drawn = Drawn { tasks: 0, blocks: BTreeSet::new() };
    while drawn.tasks < tasks.len() {
        let mut blocks = drawn.blocks.clone();
        blocks.extend(tasks.own_blocks(drawn.tasks));
        if drawn.tasks + 1 + blocks.len() > CHUNK_NODES_MAX {
            break;
        }
        drawn = Drawn { tasks: drawn.tasks + 1, blocks };
    }
    drawn
}

fn serves(kind: TaskKind, wanted: usize) -> bool {
    match kind {
        TaskKind::Fetch { source, .. } | TaskKind::Decode { source, .. } => source as usize == wanted,
        TaskKind::Look { .. } | TaskKind::Compute { .. } => false,
    }
}

fn block_id(source: usize, block: usize) -> String {
    format!("b{source}_{block}")
}

/// A node that stands with others.
struct Node {
    id: String,
    label: String,
    look: Look,
    mark: Mark,
}

fn block_node(source: usize, block: usize, grid: &ChunkGrid) -> Node {
    Node { id: block_id(source, block), label: place(grid, block), look: Look::Source, mark: Mark::default() }
}

fn task_node(tasks: &Tasks, task: usize, marks: &Marks<'_>) -> Node {
    let (label, look) = task_label(tasks, task);
    Node { id: format!("t{task}"), label, look, mark: marks.task(task) }
}

/// Nodes boxed together; nothing where there are none.
fn group(dot: &mut Dot, key: &str, name: &str, members: impl Iterator<Item = Node>) {
    let mut members = members.peekable();
    if members.peek().is_some() {
        dot.cluster(key, &short(name), |dot| {
            members.for_each(|Node { id, label, look, mark }| dot.marked(&id, &label, look, &mark))
        });
    }
}

fn more(dot: &mut Dot, hidden: usize) {
    if hidden > 0 {
        dot.node("more", &format!("… and {} more tasks", count(hidden as u64)), Look::Note);
    }
}

fn task_label(tasks: &Tasks, task: usize) -> (String, Look) {
    match tasks.kind(task) {
        TaskKind::Fetch { source, range } => {
            let range = tasks.range(source as usize, range as usize);
            (format!("fetch {}\nat {}", bytes(range.end - range.start), count(range.start)), Look::Fetch)
        }
        TaskKind::Decode { source, block } => {
            (format!("decode\n{}", place(&tasks.sources()[source as usize].blocks, block as usize)), Look::Decode)
        }
        TaskKind::Look { stage, index } => (format!("look\n{}", pieces(tasks, stage, index)), Look::Decode),
        TaskKind::Compute { stage, index } => (format!("compute\n{}", pieces(tasks, stage, index)), Look::Compute),
    }
}

/// The pieces of a computation, by the first.
fn pieces(tasks: &Tasks, stage: u32, index: u32) -> String {
    let stage = &tasks.stages()[stage as usize];
    let pieces = stage.task_pieces(index as usize);
    let more = if pieces.len() > 1 { format!("\nand {} more blocks", pieces.len() - 1) } else { String::new() };
    format!("{}{more}", place(&stage.pieces, pieces.start))
}

/// A block by its place in the grid: `(row, column)`, after the band where there are several.
fn place(grid: &ChunkGrid, index: usize) -> String {
    let [_, band, row, column] = grid.position(index);
    match grid.counts()[1] {
        1 => format!("({row}, {column})"),
        _ => format!("band {band} ({row}, {column})"),
    }
}

/// One node for each chunk of each step as written, as an engine that fuses nothing would run it.
fn written_chunks(dot: &mut Dot, plan: &Plan) {
    let mut drawn = 0;
    let mut hidden = 0;
    let mut visible = vec![0; plan.graph().node_count()];
    for node in plan.in_order() {
        let step = plan.step(node);
        let grid = step.meta.chunk_grid();
        let shown = grid.len().min(CHUNK_NODES_MAX.saturating_sub(drawn));
        (drawn, hidden) = (drawn + shown, hidden + grid.len() - shown);
        visible[node.index()] = shown;
        let name = match &step.kind {
            StepKind::Operation(Op::Source(source)) => short(source.name()),
            _ => step.label(),
        };
        dot.cluster(&step_id(node), &name, |dot| {
            for chunk in 0..shown {
                dot.node(&format!("{}_{chunk}", step_id(node)), &place(&grid, chunk), look(&step.kind));
            }
        });
        for (chunk, input) in
            (0..shown).flat_map(|chunk| plan.inputs(node).into_iter().map(move |input| (chunk, input)))
        {
            let region = input_region(plan, node, input, &grid.region(chunk));
            let from = plan.step(input).meta.chunk_grid();
            for source in from.touching(&region).filter(|source| *source < visible[input.index()]) {
                dot.edge(&format!("{}_{source}", step_id(input)), &format!("{}_{chunk}", step_id(node)));
            }
        }
    }
    more(dot, hidden);
}

/// What a step reads of an input for `region` of its result.
fn input_region(plan: &Plan, node: NodeIndex, input: NodeIndex, region: &Region) -> Region {
    let shape = plan.step(input).meta.shape;
    match &plan.step(node).kind {
        StepKind::Operation(Op::View { view, .. }) => return view.source_region(region),
        StepKind::Operation(Op::Area(kernel)) => return kernel.footprint().read(region, shape),
        _ => {}
    }
    let mut out = *region;
    // Time and Band axes of length 1 are broadcast.
    for (axis, _) in shape.iter().enumerate().take(2).filter(|(_, length)| **length == 1) {
        (out.start[axis], out.shape[axis]) = (0, 1);
    }
    out
}

#[cfg(test)]
mod tests;
