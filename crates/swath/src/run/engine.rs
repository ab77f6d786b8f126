//! The one place that knows both a plan's tasks and the scheduler: what is a task there is a number here.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::exec::{Lane, Origin, Stage, Step, Target, TaskKind, Tasks, Value, Watch};
use swath_core::source::Fetched;
use swath_core::text::bytes;
use swath_scheduler::{
    Cancel, Control, Error as SchedulerError, Execution, Graph, GraphBuilder, Limits, Observer, Reply, SerialPeak,
    Summary, TaskEvent, TaskId, TaskSpec, Work,
    order::{self, Order},
};

use super::in_flight::InFlight;
use super::progress::Watcher;
use super::report::OutputBlocks;
use super::spans::{self, Output, Spans};
use super::{Report, Run, Threads, Workers};
use crate::trace::{About, Activity, Answer, Recorder, TaskNote};

/// The tasks of a plan as a graph that can be scheduled.
fn graph(tasks: &Tasks) -> Graph {
    let mut graph = GraphBuilder::with_capacity(tasks.len(), tasks.dependency_count());
    let mut dependencies = Vec::new();
    for (task, cost) in tasks.costs().enumerate() {
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

/// Tasks that fit a run's memory limit, ready to be run.
pub(crate) struct Planned {
    pub(crate) tasks: Tasks,
    /// The tasks as a graph, their ids being ranks in `order`.
    graph: Graph,
    order: Order,
    /// Bytes that are held throughout: pinned chunks that are read, results, and what sinks hold.
    held: u64,
}

impl Planned {
    /// Checks before anything runs that `tasks` can be run beside `results` bytes of results.
    ///
    /// # Errors
    /// `Memory`, naming the stage and the chunk size that would fit.
    pub(super) fn new(run: &Run, tasks: Tasks, results: u64) -> Result<Self> {
        let held = results + bytes_of_ends(&tasks);
        let (graph, order) = ordered(graph(&tasks), run.memory().saturating_sub(held));
        refuse(run, &tasks, held, order.peak()).inspect_err(spans::refused)?;
        Ok(Self { tasks, graph, order, held })
    }

    /// The task of this rank.
    fn task(&self, rank: TaskId) -> usize {
        self.order.given(rank).0 as usize
    }
}

/// A graph in the order that needs least memory; in its own, if that leaves most of `limit` to what runs ahead of it.
///
/// The output does not depend on it: deliveries keep their order.
fn ordered(graph: Graph, limit: u64) -> (Graph, Order) {
    let own = order::as_given(&graph);
    let order = if own.peak().bytes <= limit / 4 { own } else { order::choose(&graph, |_| None) };
    (graph.reordered(&order), order)
}

/// Up to so many tasks, the order that needs least memory is looked for even where nobody asks for it.
const ORDERED_MAX: usize = 1 << 17;

/// Bytes that a run holds beside results and pinned chunks: at least, by the serial peak in the order that needs least,
/// which a run takes where its limit asks for it (of more than [`ORDERED_MAX`] tasks only if `limit` asks for it); and at most, where everything is read ahead while every one of
/// `workers` is at its largest task.
pub(crate) fn held_bytes(tasks: &Tasks, limit: u64, workers: usize) -> (u64, u64) {
    let graph = graph(tasks);
    let (mut ahead, mut largest) = (0, 0);
    for task in graph.tasks() {
        let TaskSpec { scratch, output, deliver, .. } = graph.spec(task);
        if deliver {
            largest = largest.max(scratch + output);
        } else {
            ahead += output;
        }
    }
    let own = order::as_given(&graph).peak().bytes;
    // Of a graph this large, looking for another order would take as long as planning it.
    let least = match graph.len() > ORDERED_MAX && own <= limit / 4 {
        true => own,
        false => order::choose(&graph, |_| None).peak().bytes,
    };
    (least, ahead + largest * workers as u64)
}

/// Bytes that the sources of a run, each once, and its sinks hold throughout.
pub(crate) fn bytes_of_ends(tasks: &Tasks) -> u64 {
    let of_sink = |stage: &Stage| match &stage.target {
        Target::Sink(sink) => sink.held_bytes(),
        _ => 0,
    };
    let pinned = tasks.sources().iter().map(|used| used.pinned_bytes);
    pinned.chain(tasks.stages().iter().map(of_sink)).sum()
}

fn refuse(run: &Run, tasks: &Tasks, held: u64, peak: SerialPeak) -> Result<()> {
    let (limit, needed) = (run.memory(), peak.bytes + held);
    if needed <= limit {
        return Ok(());
    }
    let stage = &tasks.stages()[stage_of(tasks, peak.task.0 as usize)];
    let [_, bands, rows, columns] = stage.pieces.chunk_shape();
    // What a piece holds grows with its area, that of the blocks it reads included.
    let share = limit.saturating_sub(held) as f64 / peak.bytes.max(1) as f64;
    let side = ((rows * columns) as f64 * share).sqrt() as usize / 16 * 16;
    let advice = match &stage.target {
        // What other stages read is cut along the blocks of files.
        Target::Stages(_) => String::new(),
        _ if side == 0 => String::new(),
        Target::Sink(_) => format!(", or write blocks of about {side} × {side} pixels"),
        Target::Chunks => format!(", or make chunks of about {side} × {side} pixels"),
        Target::Reduce { .. } => String::new(),
        Target::Pieces | Target::Pinned => String::from(", or take it in chunks of your size with chunks()"),
    };
    let pinned = if held > 0 {
        format!(" ({} of it pinned, result, or waiting to be sent)", bytes(held))
    } else {
        String::new()
    };
    Err(Error::new(
        ErrorKind::Memory,
        format!(
            "the memory limit of {} is too small: {} needs {} for pieces of {bands} × {rows} × {columns}{pinned}; \
             raise the limit to that{advice}",
            bytes(limit),
            stage.name,
            bytes(needed)
        ),
    ))
}

/// The stage whose computation task `task` is, or serves.
fn stage_of(tasks: &Tasks, task: usize) -> usize {
    (task..tasks.len())
        .find_map(|task| match tasks.kind(task) {
            TaskKind::Look { stage, .. } | TaskKind::Compute { stage, .. } => Some(stage as usize),
            TaskKind::Fetch { .. } | TaskKind::Decode { .. } => None,
        })
        .expect("every fetch and decode serves a later computation")
}

/// CPU time that this process has used, all threads.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// No portable clock counts CPU time: the time in which workers were busy stands for it.
#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

/// Runs tasks on the run's workers; `deliver` gets each part of an output with the number of its stage, in order.
pub(super) fn execute<D>(run: &Run, planned: &Planned, deliver: &Mutex<D>) -> Result<Report>
where
    D: FnMut(usize, Value) -> Result<()> + Send,
{
    let outputs = planned.tasks.stages().iter().map(|stage| Output { name: &stage.name, parts: stage.task_count() });
    let spans = Spans::begin(run, planned.tasks.len(), outputs);
    let report = execute_inside(&spans, run, planned, deliver);
    spans.end(&report);
    report
}

fn execute_inside<D>(spans: &Spans, run: &Run, planned: &Planned, deliver: &Mutex<D>) -> Result<Report>
where
    D: FnMut(usize, Value) -> Result<()> + Send,
{
    let Planned { tasks, graph, held, .. } = planned;
    let (started, cpu_started) = (Instant::now(), cpu_time());
    let counters = Arc::new(Counters::default());
    let in_flight = Arc::new(InFlight::default());
    let _at_the_end = AbortAll(&in_flight);
    // From the cancelling thread: workers may be in a decode for a while before they look.
    let _at_a_cancel = run.cancel.on_cancel({
        let in_flight = Arc::clone(&in_flight);
        move || in_flight.abort_from(0)
    });
    let recorder = run.trace.as_ref().map(|trace| trace.begin(run.worker_count(), tasks.len()));
    let planned_bytes = tasks.totals().iter().map(|totals| totals.bytes).sum();
    let observers = Observers {
        progress: run.progress.clone().map(|watch| Watcher::new(watch, tasks.len(), planned_bytes)),
        recorder: recorder.clone(),
        counters: Arc::clone(&counters),
    };
    let work = TaskWork {
        planned,
        deliver,
        cancel: &run.cancel,
        counters: &counters,
        in_flight: &in_flight,
        recorder: recorder.as_ref(),
        spans,
    };
    let control = Control { cancel: run.cancel.clone(), observer: observers.shared() };
    let bytes = run.memory().saturating_sub(*held);
    let limits = Limits { threads: run.worker_count(), io_in_flight: run.io_in_flight, bytes };
    let result = match &run.workers {
        Workers::Serial => swath_scheduler::execute_serial(graph, &work, &control),
        Workers::Threads(_) => swath_scheduler::execute(graph, &work, &limits, &control),
        Workers::Brought(threads, _) => execute_on(threads.as_ref(), graph, &work, &limits, &control),
    };
    if let (Some(trace), Some(recorder)) = (&run.trace, recorder) {
        trace.end(&recorder, about(run, planned, result.as_ref().err()));
    }
    let summary = result.map_err(|error| to_error(planned, error))?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (decoded, copied) = (count(&counters.decoded), count(&counters.copied));
    let planned: u64 = tasks.totals().iter().map(|totals| totals.blocks).sum();
    Ok(Report {
        wall: started.elapsed(),
        cpu: cpu_time().zip(cpu_started).map_or(summary.cpu_busy, |(now, then)| now.saturating_sub(then)),
        tasks: tasks.len(),
        requests: count(&counters.requests),
        bytes: count(&counters.bytes),
        blocks: decoded,
        blocks_skipped: planned.saturating_sub(decoded + copied),
        peak_memory: summary.peak_bytes + held,
        output: OutputBlocks {
            copied: count(&counters.outputs[Origin::Copied as usize]),
            constant: count(&counters.outputs[Origin::Constant as usize]),
            computed: count(&counters.outputs[Origin::Computed as usize]),
        },
        output_bytes: 0,
    })
}

/// Runs tasks on threads that the caller brings, and on this one if none of them came.
fn execute_on<W: Work>(
    threads: &dyn Threads,
    graph: &Graph,
    work: &W,
    limits: &Limits,
    control: &Control,
) -> Result<Summary, SchedulerError<W::Error>> {
    let execution = Execution::new(graph, work, limits, control)?;
    let came = AtomicUsize::new(0);
    threads.run(limits.threads, &|| {
        let worker = came.fetch_add(1, Ordering::Relaxed);
        if worker < limits.threads {
            execution.worker_loop(worker);
        }
    });
    execution.finish()
}

/// Aborts what is under way when a run ends, in whichever way.
struct AbortAll<'a>(&'a InFlight);

impl Drop for AbortAll<'_> {
    fn drop(&mut self) {
        self.0.abort_from(0);
    }
}

/// What tasks did, counted while they run.
#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    decoded: AtomicU64,
    copied: AtomicU64,
    /// Blocks of sinks, by [`Origin`].
    outputs: [AtomicU64; 3],
}

/// Those who are told of a run.
struct Observers {
    progress: Option<Watcher>,
    recorder: Option<Arc<Recorder>>,
    counters: Arc<Counters>,
}

impl Observers {
    /// As the scheduler wants it: nobody at all where there is none.
    fn shared(self) -> Option<Arc<dyn Observer>> {
        let is_any = self.progress.is_some() || self.recorder.is_some();
        is_any.then(|| Arc::new(self) as Arc<dyn Observer>)
    }
}

impl Observer for Observers {
    fn event(&self, event: &TaskEvent) {
        if let Some(recorder) = &self.recorder {
            recorder.event(event);
        }
        if let Some(progress) = &self.progress {
            progress.event(event, self.counters.bytes.load(Ordering::Relaxed));
        }
    }
}

/// What a trace says of a run beside its events.
fn about(run: &Run, planned: &Planned, error: Option<&SchedulerError<Error>>) -> About {
    let Planned { tasks, graph, held, .. } = planned;
    let note = |rank: TaskId| {
        let task = planned.task(rank);
        let (kind, source) = match tasks.kind(task) {
            TaskKind::Fetch { source, .. } => ("fetch", Some(source)),
            TaskKind::Decode { source, .. } => ("decode", Some(source)),
            TaskKind::Look { .. } => ("look", None),
            TaskKind::Compute { .. } => ("compute", None),
        };
        TaskNote { number: task as u32, kind, source, label: tasks.label(task).0.into() }
    };
    About {
        outputs: tasks.stages().iter().map(|stage| stage.name.clone()).collect(),
        sources: tasks.sources().iter().map(|used| used.source.name().to_owned()).collect(),
        tasks: graph.tasks().map(note).collect(),
        memory_limit: run.memory(),
        held_bytes: *held,
        cancelled: matches!(error, Some(SchedulerError::Cancelled)),
        error: error.map(|error| match error {
            SchedulerError::Task { source, .. } => source.chain(),
            other => other.to_string(),
        }),
    }
}

/// One task on a worker.
struct Watched<'a> {
    rank: TaskId,
    cancel: &'a Cancel,
    counters: &'a Counters,
    recorder: Option<&'a Recorder>,
}

impl Watch for Watched<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn begin(&self, step: Step) {
        if let Some(recorder) = self.recorder {
            recorder.began(self.rank, activity(step));
        }
        let (counter, read) = match step {
            Step::Decode { local_bytes, .. } => (&self.counters.decoded, local_bytes),
            Step::Copy { local_bytes, .. } => (&self.counters.copied, local_bytes),
            Step::Compute | Step::Encode => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(read, Ordering::Relaxed);
    }
}

fn activity(step: Step) -> Activity {
    match step {
        Step::Decode { source, block, .. } => Activity::Decode { source: source as u32, block: block as u32 },
        Step::Copy { source, block, .. } => Activity::Copy { source: source as u32, block: block as u32 },
        Step::Compute => Activity::Compute,
        Step::Encode => Activity::Encode,
    }
}

fn answer(result: &Result<Value>) -> Answer {
    match result {
        Ok(Value::Bytes(Fetched { offset, bytes, requests })) => {
            Answer::Bytes { first: *offset, len: bytes.len() as u64, requests: *requests }
        }
        Ok(_) => Answer::Skipped,
        Err(_) => Answer::Failed,
    }
}

struct TaskWork<'a, D> {
    planned: &'a Planned,
    deliver: &'a Mutex<D>,
    cancel: &'a Cancel,
    counters: &'a Arc<Counters>,
    in_flight: &'a Arc<InFlight>,
    recorder: Option<&'a Arc<Recorder>>,
    spans: &'a Spans,
}

impl<D> TaskWork<'_, D> {
    /// A failure makes all later tasks void; earlier ones go on, as one of them may fail, too, and be the one to report.
    fn abort_after<T>(&self, task: TaskId, result: Result<T>) -> Result<T> {
        result.inspect_err(|_| self.in_flight.abort_from(task.0 + 1))
    }
}

impl<D: FnMut(usize, Value) -> Result<()> + Send> Work for TaskWork<'_, D> {
    type Value = Value;
    type Error = Error;

    fn execute(&self, task: TaskId, inputs: &mut Vec<Arc<Value>>) -> Result<Value> {
        let recorder = self.recorder.map(AsRef::as_ref);
        let watch = Watched { rank: task, cancel: self.cancel, counters: self.counters, recorder };
        let task_index = self.planned.task(task);
        let stage = match self.planned.tasks.kind(task_index) {
            TaskKind::Look { stage, .. } | TaskKind::Compute { stage, .. } => Some(stage),
            TaskKind::Fetch { .. } | TaskKind::Decode { .. } => None,
        };
        let _inside = self.spans.enter(stage);
        let result = self.planned.tasks.execute(task_index, inputs, &watch);
        self.abort_after(task, result)
    }

    fn begin(&self, task: TaskId, inputs: &[Arc<Value>], reply: Reply<Value, Error>) {
        let (counters, in_flight) = (Arc::clone(self.counters), Arc::clone(self.in_flight));
        let _inside = self.spans.enter(None);
        let recorded = self.recorder.map(|recorder| recorder.fetch(task));
        let send = move |result: Result<Value>| {
            in_flight.ended(task.0);
            if let Some(fetch) = recorded {
                fetch.end(answer(&result));
            }
            if let Ok(Value::Bytes(fetched)) = &result {
                counters.requests.fetch_add(u64::from(fetched.requests), Ordering::Relaxed);
                counters.bytes.fetch_add(fetched.bytes.len() as u64, Ordering::Relaxed);
            }
            if result.is_err() {
                in_flight.abort_from(task.0 + 1);
            }
            reply.send(result);
        };
        self.in_flight.begin(task.0, || self.planned.tasks.begin(self.planned.task(task), inputs, Box::new(send)));
    }

    fn deliver(&self, task: TaskId, value: Value) -> Result<()> {
        let kind = self.planned.tasks.kind(self.planned.task(task));
        let TaskKind::Compute { stage, .. } = kind else { return Ok(()) };
        if let Value::Encoded(blocks) = &value {
            for (_, origin) in blocks {
                self.counters.outputs[*origin as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
        let result = {
            let _inside = self.spans.enter(Some(stage));
            (self.deliver.lock())(stage as usize, value)
        };
        self.spans.delivered(stage);
        self.abort_after(task, result)
    }

    fn byte_len(&self, value: &Value) -> u64 {
        self.planned.tasks.byte_len(value)
    }
}

fn to_error(planned: &Planned, error: SchedulerError<Error>) -> Error {
    let label = |task: TaskId| planned.tasks.label(planned.task(task)).0;
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
