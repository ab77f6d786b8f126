//! The one place that knows both a plan's tasks and the scheduler: what is a task there is a number here.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::exec::{Lane, TaskKind, Tasks, Value};
use swath_core::text::bytes;
use swath_scheduler::{
    Cancel, Control, Error as SchedulerError, Graph, GraphBuilder, Limits, Observer, Reply, SerialPeak, TaskId,
    TaskSpec, Work, serial_peak,
};

use super::progress::Watcher;
use super::{Report, Run, Workers};

/// The tasks of a plan as a graph that can be scheduled.
pub(crate) fn graph(tasks: &Tasks) -> Graph {
    let mut graph = GraphBuilder::new();
    let mut dependencies = Vec::new();
    for task in 0..tasks.len() {
        let cost = tasks.cost(task);
        let lane = match tasks.lane(task) {
            Lane::Cpu => swath_scheduler::Lane::Cpu,
            Lane::Io => swath_scheduler::Lane::Io,
        };
        dependencies.clear();
        dependencies.extend(tasks.dependencies(task).iter().map(|task| TaskId(*task)));
        let spec = TaskSpec { lane, scratch: cost.scratch, output: cost.output, deliver: tasks.is_delivered(task) };
        graph.push(spec, &dependencies).expect("a plan's tasks depend on earlier ones only");
    }
    graph.build()
}

/// Checks before anything runs that the tasks can be run inside the limit, beside the bytes held throughout.
pub(crate) fn admit(run: &Run, tasks: &Tasks, held: u64) -> Result<()> {
    refuse(run, tasks, held, serial_peak(&graph(tasks)))
}

fn refuse(run: &Run, tasks: &Tasks, held: u64, peak: SerialPeak) -> Result<()> {
    let (limit, needed) = (run.memory(), peak.bytes + held);
    if needed <= limit {
        return Ok(());
    }
    let TaskKind::Compute { stage, .. } = stage_of(tasks, peak.task.0 as usize) else {
        return Err(Error::new(ErrorKind::Memory, "the memory limit is too small"));
    };
    let stage = &tasks.stages()[stage as usize];
    let [_, bands, rows, columns] = stage.pieces.chunk_shape();
    let pixel = (stage.meta.dtype.size() * bands) as u64;
    // What a chunk holds grows with its area; two thirds of the room are left to what it is computed from.
    let room = limit.saturating_sub(held) / 3;
    let side = ((room / pixel.max(1)) as f64).sqrt() as usize;
    let advice = match side {
        0..16 => String::from("raise the limit"),
        _ => format!("raise the limit, or make chunks of at most about {side} × {side} pixels"),
    };
    let pinned = if held > 0 { format!(" ({} of it pinned or result)", bytes(held)) } else { String::new() };
    Err(Error::new(
        ErrorKind::Memory,
        format!(
            "the memory limit of {} is too small: {} needs {} for chunks of {bands} × {rows} × {columns}{pinned}; {advice}",
            bytes(limit),
            stage.name,
            bytes(needed)
        ),
    ))
}

/// The computation that task `task` is, or that it serves.
fn stage_of(tasks: &Tasks, task: usize) -> TaskKind {
    (task..tasks.len())
        .map(|task| tasks.kind(task))
        .find(|kind| matches!(kind, TaskKind::Compute { .. }))
        .unwrap_or(TaskKind::Compute { stage: 0, index: 0 })
}

/// Runs tasks on the run's workers; `deliver` gets each part of an output with the number of its stage, in order.
pub(super) fn execute<D>(run: &Run, tasks: &Tasks, held: u64, deliver: &Mutex<D>) -> Result<Report>
where
    D: FnMut(usize, Value) -> Result<()> + Send,
{
    let started = Instant::now();
    let graph = graph(tasks);
    let counters = Arc::new(Counters::default());
    let work = TaskWork { tasks, deliver, cancel: &run.cancel, counters: Arc::clone(&counters) };
    let observer = run.progress.clone().map(|watch| Arc::new(Watcher::new(watch, tasks.len())) as Arc<dyn Observer>);
    let control = Control { cancel: run.cancel.clone(), observer };
    let result = match run.workers {
        Workers::Serial => swath_scheduler::execute_serial(&graph, &work, &control),
        Workers::Threads(threads) => {
            let bytes = run.memory().saturating_sub(held);
            let limits = Limits { threads, io_in_flight: run.io_in_flight, bytes };
            swath_scheduler::execute(&graph, &work, &limits, &control)
        }
    };
    let summary = result.map_err(|error| to_error(tasks, error))?;
    let planned = tasks.totals();
    let local: u64 = planned.iter().filter(|totals| totals.requests == 0).map(|totals| totals.bytes).sum();
    Ok(Report {
        wall: started.elapsed(),
        cpu: summary.cpu_busy,
        tasks: tasks.len(),
        requests: counters.requests.load(Ordering::Relaxed),
        bytes: counters.bytes.load(Ordering::Relaxed) + local,
        blocks: planned.iter().map(|totals| totals.blocks).sum(),
        peak_memory: summary.peak_bytes + held,
        output_bytes: 0,
    })
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
}

struct TaskWork<'a, D> {
    tasks: &'a Tasks,
    deliver: &'a Mutex<D>,
    cancel: &'a Cancel,
    counters: Arc<Counters>,
}

impl<D: FnMut(usize, Value) -> Result<()> + Send> Work for TaskWork<'_, D> {
    type Value = Value;
    type Error = Error;

    fn execute(&self, task: TaskId, inputs: Vec<Arc<Value>>) -> Result<Value> {
        self.tasks.execute(task.0 as usize, &inputs, &|| self.cancel.is_cancelled())
    }

    fn begin(&self, task: TaskId, reply: Reply<Value, Error>) {
        let counters = Arc::clone(&self.counters);
        let answer = move |result: Result<Value>| {
            if let Ok(Value::Bytes(fetched)) = &result {
                counters.requests.fetch_add(u64::from(fetched.requests), Ordering::Relaxed);
                counters.bytes.fetch_add(fetched.bytes.len() as u64, Ordering::Relaxed);
            }
            reply.send(result);
        };
        self.tasks.begin(task.0 as usize, Box::new(answer));
    }

    fn deliver(&self, task: TaskId, value: Value) -> Result<()> {
        let TaskKind::Compute { stage, .. } = self.tasks.kind(task.0 as usize) else { return Ok(()) };
        (self.deliver.lock())(stage as usize, value)
    }

    fn byte_len(&self, value: &Value) -> u64 {
        self.tasks.byte_len(value)
    }
}

fn to_error(tasks: &Tasks, error: SchedulerError<Error>) -> Error {
    let label = |task: TaskId| tasks.label(task.0 as usize).0;
    match error {
        SchedulerError::Task { source, .. } => source,
        // Our own kernels do not panic; a user's closure may, and its panic is his to see.
        SchedulerError::Panic { payload, .. } => resume_unwind(payload),
        SchedulerError::Abandoned { task } => {
            Error::new(ErrorKind::Internal, format!("cannot {}: the source forgot to reply", label(task)))
        }
        SchedulerError::Cancelled => Error::cancelled(),
        SchedulerError::Memory { needed, limit, task } => Error::new(
            ErrorKind::Memory,
            format!("the memory limit is too small: {} needs {} of {}", label(task), bytes(needed), bytes(limit)),
        ),
    }
}
