//! What a run would do, as text.

use std::fmt::Write as _;

use swath_core::error::Result;
use swath_core::exec::{self, Target, TaskKind, Tasks};
use swath_core::expr::{LazyRaster, LazyStatistics};
use swath_core::plan::dot::{self, DotOptions};
use swath_core::plan::explain::tree;
use swath_core::text::{bytes, count, counted, short};

use crate::job::{self, Job};
use crate::run::{Run, engine};
use crate::sink::Sink;

/// What can be explained and drawn: a lazy raster (as if computed), statistics, a sink, or several [jobs](Job) together.
#[derive(Debug, Clone, Copy)]
pub enum Explain<'a> {
    /// A raster, computed into memory.
    Raster(&'a LazyRaster),
    /// A sink.
    Sink(&'a Sink),
    /// Statistics.
    Statistics(&'a LazyStatistics),
    /// What [`Run::all`] would do.
    Jobs(&'a [&'a dyn Job]),
}

impl<'a> From<&'a [&'a dyn Job]> for Explain<'a> {
    fn from(jobs: &'a [&'a dyn Job]) -> Self {
        Self::Jobs(jobs)
    }
}

impl<'a> From<&'a LazyStatistics> for Explain<'a> {
    fn from(statistics: &'a LazyStatistics) -> Self {
        Self::Statistics(statistics)
    }
}

impl<'a> From<&'a LazyRaster> for Explain<'a> {
    fn from(raster: &'a LazyRaster) -> Self {
        Self::Raster(raster)
    }
}

impl<'a> From<&'a Sink> for Explain<'a> {
    fn from(sink: &'a Sink) -> Self {
        Self::Sink(sink)
    }
}

impl Explain<'_> {
    /// What a run is asked for, and which of its outputs are shown: of a file, whose overviews are outputs too, the file's.
    fn plans(&self) -> Result<(exec::Plans, Vec<usize>)> {
        let of_all = |jobs: &[&dyn Job]| {
            let (mut opened, mut shown) = (Vec::new(), Vec::with_capacity(jobs.len()));
            for job in jobs {
                shown.push(opened.len());
                opened.extend(job.open()?);
            }
            Ok((exec::Plans::new(&job::targets(&opened))?, shown))
        };
        match self {
            Explain::Raster(raster) => Ok((exec::Plans::new(&[(*raster, Target::Pieces)])?, vec![0])),
            Explain::Sink(sink) => of_all(&[*sink]),
            Explain::Statistics(statistics) => {
                Ok((exec::Plans::new(&[(statistics.raster(), statistics.target()?.1)])?, vec![0]))
            }
            Explain::Jobs(jobs) => of_all(jobs),
        }
    }

    fn result_bytes(&self) -> Result<u64> {
        match self {
            Explain::Raster(raster) => Ok(raster.meta()?.byte_len()),
            Explain::Sink(_) | Explain::Statistics(_) | Explain::Jobs(_) => Ok(0),
        }
    }
}

/// What a run would do, in numbers. Requests, bytes and blocks are exact, unless `guarded_blocks` of them lie under
/// conditions: then they are the most, and the [`Report`](crate::Report) of the run tells what was skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prediction {
    /// Tasks.
    pub tasks: usize,
    /// Requests to remote files, retries apart.
    pub requests: u64,
    /// Bytes read from remote and local files.
    pub bytes: u64,
    /// Blocks that are read.
    pub blocks: u64,
    /// Of these, blocks that a condition may hide.
    pub guarded_blocks: u64,
    /// Bytes of memory that the run holds at least, results and pinned chunks included; a lower limit is refused. (Of more
    /// than 2¹⁷ tasks that stay far below the limit, what they hold in their own order: another could need less.)
    pub memory_least: u64,
    /// Bytes of memory that it holds at most: where nothing is in its way, and never more than its limit.
    pub memory_most: u64,
}

/// A planned run.
struct Planned {
    plans: exec::Plans,
    shown: Vec<usize>,
    tasks: Tasks,
    prediction: Prediction,
}

fn plan(run: &Run, what: &Explain<'_>) -> Result<Planned> {
    let ((plans, shown), result_bytes) = (what.plans()?, what.result_bytes()?);
    let tasks = run.tasks(&plans)?;
    let held = result_bytes + engine::bytes_of_ends(&tasks);
    let limit = run.memory();
    let (least, most) = engine::held_bytes(&tasks, limit.saturating_sub(held), run.worker_count());
    let memory_least = held + least;
    let mut prediction = Prediction { tasks: tasks.len(), memory_least, ..Prediction::default() };
    for totals in tasks.totals() {
        prediction.requests += totals.requests;
        prediction.bytes += totals.bytes;
        prediction.blocks += totals.blocks;
        prediction.guarded_blocks += totals.guarded_blocks;
    }
    prediction.memory_most = (held + most).clamp(memory_least, limit.max(memory_least));
    Ok(Planned { plans, shown, tasks, prediction })
}

pub(crate) fn draw(run: &Run, what: &Explain<'_>, options: &DotOptions) -> Result<String> {
    let (plans, _) = what.plans()?;
    dot::draw(&plans, options, || {
        let tasks = run.tasks(&plans)?;
        options.times.iter().try_for_each(|times| times.check(&tasks))?;
        Ok(tasks)
    })
}

pub(crate) fn predict(run: &Run, what: &Explain<'_>) -> Result<Prediction> {
    Ok(plan(run, what)?.prediction)
}

pub(crate) fn explain(run: &Run, what: &Explain<'_>) -> Result<String> {
    let Planned { plans, shown, tasks, prediction } = plan(run, what)?;
    let mut out = tree(plans.unfused(), &shown);
    writes(&mut out, &tasks);
    out.push_str("\nreads\n");
    reads(&mut out, &tasks);
    let _ = writeln!(out, "\ntasks    {}", task_counts(&tasks));
    let (least, limit) = (prediction.memory_least, run.memory());
    let _ = match least > limit {
        true => writeln!(
            out,
            "memory   {} needed, more than the limit of {}: this run would be refused",
            bytes(least),
            bytes(limit)
        ),
        false => {
            writeln!(out, "memory   {} to {}, limit {}", bytes(least), bytes(prediction.memory_most), bytes(limit))
        }
    };
    Ok(out)
}

/// What sinks there are: the file, and the overviews that it is to have; and what is told beside them.
fn writes(out: &mut String, tasks: &Tasks) {
    let outputs = tasks.outputs();
    let about = outputs.iter().filter_map(|stage| match &stage.target {
        Target::Sink(sink) => Some(sink.describe()),
        Target::Reduce { .. } if outputs.len() > 1 => Some("statistics".to_owned()),
        _ => None,
    });
    for (index, about) in about.enumerate() {
        let _ = writeln!(out, "{}  {about}", if index == 0 { "\nwrites\n" } else { "" });
    }
}

fn reads(out: &mut String, tasks: &Tasks) {
    for (used, totals) in tasks.sources().iter().zip(tasks.totals()) {
        let mut line = format!(
            "  {:<58} {} of {} blocks",
            short(used.source.name()),
            count(totals.blocks),
            count(used.blocks.len() as u64)
        );
        let _ = match (totals.requests, totals.bytes) {
            (0, 0) => write!(line, " in memory"),
            (0, read) => write!(line, ", {}", bytes(read)),
            (requests, read) => write!(line, ", {}, {}", counted(requests, "request"), bytes(read)),
        };
        if totals.gap_bytes > 0 {
            let _ = write!(line, " ({} of gaps)", bytes(totals.gap_bytes));
        }
        if totals.guarded_blocks > 0 {
            let _ = write!(line, ", at most ({} under conditions)", counted(totals.guarded_blocks, "block"));
        }
        if totals.constant_blocks > 0 {
            let _ = write!(line, ", {} sparse", count(totals.constant_blocks));
        }
        let _ = writeln!(out, "{line}");
    }
}

fn task_counts(tasks: &Tasks) -> String {
    let mut counts = [0u64; 4];
    for task in 0..tasks.len() {
        counts[match tasks.kind(task) {
            TaskKind::Fetch { .. } => 0,
            TaskKind::Decode { .. } => 1,
            TaskKind::Look { .. } => 2,
            TaskKind::Compute { .. } => 3,
        }] += 1;
    }
    let [fetch, decode, look, compute] = counts.map(count);
    let look = if counts[2] > 0 { format!("{look} look, ") } else { String::new() };
    format!("{fetch} fetch, {decode} decode, {look}{compute} compute")
}
