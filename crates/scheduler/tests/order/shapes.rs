//! Graphs of rasters, every value one byte: bytes are chunks.

use swath_scheduler::order::Position;
use swath_scheduler::{Graph, GraphBuilder, Lane, TaskId, TaskSpec};

pub(crate) struct Shape {
    pub(crate) graph: Graph,
    pub(crate) positions: Vec<Option<Position>>,
}

/// What happens to what comes out at the end.
#[derive(Clone, Copy)]
pub(crate) enum Outputs {
    /// It is dropped, as if each task stored what it made: the order is free.
    Stored,
    /// It is delivered: the order is that of the ids.
    Delivered,
}

/// Which of two rasters' sources come first.
#[derive(Clone, Copy)]
pub(crate) enum Numbering {
    Alternating,
    OneAfterTheOther,
}

#[derive(Default)]
struct Builder {
    tasks: GraphBuilder,
    positions: Vec<Option<Position>>,
}

impl Builder {
    fn task(&mut self, inputs: &[TaskId]) -> TaskId {
        self.push(Lane::Cpu, false, inputs, None)
    }

    fn source(&mut self, row: u32, column: u32) -> TaskId {
        self.push(Lane::Io, false, &[], Some(Position { row, column }))
    }

    fn output(&mut self, outputs: Outputs, inputs: &[TaskId]) -> TaskId {
        self.push(Lane::Cpu, matches!(outputs, Outputs::Delivered), inputs, None)
    }

    fn push(&mut self, lane: Lane, deliver: bool, inputs: &[TaskId], position: Option<Position>) -> TaskId {
        self.positions.push(position);
        let spec = TaskSpec { lane, scratch: 0, output: 1, deliver };
        self.tasks.push(spec, inputs).expect("inputs come before and are not delivered")
    }

    fn build(self) -> Shape {
        Shape { graph: self.tasks.build(), positions: self.positions }
    }
}

/// Classes and colours are read, the mask is made in two steps, the result is encoded: six tasks a chunk, by layers.
pub(crate) fn mask(chunks: u32, outputs: Outputs) -> Shape {
    let mut builder = Builder::default();
    let classes: Vec<TaskId> = (0..chunks).map(|chunk| builder.source(0, chunk)).collect();
    let clouds: Vec<TaskId> = classes.iter().map(|classes| builder.task(&[*classes])).collect();
    let clear: Vec<TaskId> = clouds.iter().map(|clouds| builder.task(&[*clouds])).collect();
    let colours: Vec<TaskId> = (0..chunks).map(|chunk| builder.source(0, chunk)).collect();
    let masked: Vec<TaskId> = clear.iter().zip(&colours).map(|(a, b)| builder.task(&[*a, *b])).collect();
    for masked in masked {
        builder.output(outputs, &[masked]);
    }
    builder.build()
}

/// Each output chunk reads a chunk and its neighbours.
pub(crate) fn halo(side: u32, outputs: Outputs) -> Shape {
    let mut builder = Builder::default();
    let sources = grid(side, |row, column| builder.source(row, column));
    for row in 0..side {
        for column in 0..side {
            let around = |at: u32| at.saturating_sub(1)..(at + 2).min(side);
            builder.output(outputs, &window(&sources, around(row), around(column)));
        }
    }
    builder.build()
}

/// All levels by means of 2 x 2 chunks, and an output for each chunk of each level; level by level.
pub(crate) fn pyramid(side: u32, outputs: Outputs) -> Shape {
    let mut builder = Builder::default();
    let mut levels = vec![grid(side, |row, column| builder.source(row, column))];
    while let Some(finer) = levels.last().filter(|level| level.len() > 1) {
        let pair = |at: u32| 2 * at..2 * at + 2;
        let coarser = grid(finer.len() as u32 / 2, |row, column| builder.task(&window(finer, pair(row), pair(column))));
        levels.push(coarser);
    }
    for chunk in levels.iter().flatten().flatten() {
        builder.output(outputs, &[*chunk]);
    }
    builder.build()
}

/// Means of u², v² and uv over `chunks` chunks of each, by trees of sums of two.
pub(crate) fn means(chunks: u32, numbering: Numbering) -> Shape {
    let mut builder = Builder::default();
    let (u, v): (Vec<TaskId>, Vec<TaskId>) = match numbering {
        Numbering::Alternating => (0..chunks).map(|chunk| (builder.source(0, chunk), builder.source(0, chunk))).unzip(),
        Numbering::OneAfterTheOther => {
            let mut raster = || (0..chunks).map(|chunk| builder.source(0, chunk)).collect();
            (raster(), raster())
        }
    };
    for [left, right] in [[&u, &u], [&v, &v], [&u, &v]] {
        let mut sums: Vec<TaskId> =
            left.iter().zip(right).map(|(left, right)| product(&mut builder, *left, *right)).collect();
        while sums.len() > 1 {
            sums = sums.chunks(2).map(|pair| builder.task(pair)).collect();
        }
    }
    builder.build()
}

fn product(builder: &mut Builder, left: TaskId, right: TaskId) -> TaskId {
    if left == right { builder.task(&[left]) } else { builder.task(&[left, right]) }
}

/// Two output chunks cover three source chunks, so each reads 2 x 2 of them.
pub(crate) fn regrid(side: u32, outputs: Outputs) -> Shape {
    let mut builder = Builder::default();
    let sources = grid(side, |row, column| builder.source(row, column));
    let covered = |at: u32| at * 3 / 2..at * 3 / 2 + 2;
    for row in 0..side / 3 * 2 {
        for column in 0..side / 3 * 2 {
            builder.output(outputs, &window(&sources, covered(row), covered(column)));
        }
    }
    builder.build()
}

fn grid(side: u32, mut task: impl FnMut(u32, u32) -> TaskId) -> Vec<Vec<TaskId>> {
    (0..side).map(|row| (0..side).map(|column| task(row, column)).collect()).collect()
}

fn window(grid: &[Vec<TaskId>], rows: std::ops::Range<u32>, columns: std::ops::Range<u32>) -> Vec<TaskId> {
    let rows = &grid[rows.start as usize..rows.end as usize];
    rows.iter().flat_map(|row| &row[columns.start as usize..columns.end as usize]).copied().collect()
}
