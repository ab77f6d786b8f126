//! What a run would do, as text.

use std::fmt::Write as _;

use swath_core::error::Result;
use swath_core::exec::{Job, Target, TaskKind, Tasks};
use swath_core::expr::LazyRaster;
use swath_core::plan::explain::tree;
use swath_core::text::{bytes, count, counted, short};

use crate::run::{Run, engine};
use crate::sink::Sink;

/// What can be explained: a lazy raster (as if computed) or a sink.
#[derive(Debug, Clone, Copy)]
pub enum Explain<'a> {
    /// A raster, computed into memory.
    Raster(&'a LazyRaster),
    /// A sink.
    Sink(&'a Sink),
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

pub(crate) fn explain(run: &Run, what: &Explain<'_>) -> Result<String> {
    let (job, result_bytes) = match what {
        Explain::Raster(raster) => (Job::new(&[(*raster, Target::Pieces)])?, raster.meta()?.byte_len()),
        Explain::Sink(sink) => (sink.job()?, 0),
    };
    let tasks = run.tasks(&job)?;
    let mut out = tree(job.unfused(), 0);
    if let Target::Sink(sink) = &tasks.stages()[0].target {
        let _ = writeln!(out, "\nwrites\n  {}", sink.describe());
    }
    out.push_str("\nreads\n");
    reads(&mut out, &tasks);
    let _ = writeln!(out, "\ntasks    {}", task_counts(&tasks));
    out.push_str(&memory(run, &tasks, result_bytes));
    Ok(out)
}

/// What the run will hold: all that is known before it is the least and the most.
fn memory(run: &Run, tasks: &Tasks, result_bytes: u64) -> String {
    let held = result_bytes + engine::pinned_bytes(tasks);
    let limit = run.memory();
    let least = held + engine::least_bytes(tasks, limit.saturating_sub(held));
    if least > limit {
        return format!(
            "memory   {} needed, more than the limit of {}: this run would be refused\n",
            bytes(least),
            bytes(limit)
        );
    }
    // With nothing in its way, everything is read ahead while every worker is at its largest task.
    let (mut ahead, mut largest) = (0, 0);
    for task in 0..tasks.len() {
        let cost = tasks.cost(task);
        match tasks.kind(task) {
            TaskKind::Compute { .. } => largest = largest.max(cost.scratch + cost.output),
            TaskKind::Fetch { .. } | TaskKind::Decode { .. } | TaskKind::Look { .. } => ahead += cost.output,
        }
    }
    let most = (held + ahead + largest * run.worker_count() as u64).clamp(least, limit);
    format!("memory   {} to {}, limit {}\n", bytes(least), bytes(most), bytes(limit))
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
