//! What was measured of a run, on its drawing. The numbers come from outside: nothing here has a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exec::{TaskKind, Tasks};
use crate::text::{bytes, count, seconds};

/// What was measured of a run's tasks, by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// One for each task of the run.
    pub tasks: Vec<TaskTimes>,
}

/// What was measured of one task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskTimes {
    /// How far it came.
    pub state: TaskState,
    /// From request to reply.
    pub fetch: Duration,
    /// Bytes that the reply had.
    pub fetched_bytes: u64,
    /// Decoding blocks.
    pub decode: Duration,
    /// All else that it did on a processor before encoding: conditions, kernels, copies.
    pub compute: Duration,
    /// Encoding blocks.
    pub encode: Duration,
    /// Handing its part of the output over.
    pub commit: Duration,
}

/// How far a task came. What is told later of a task outweighs what is told before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// It was not begun.
    #[default]
    NotReached,
    /// It was stopped, or nobody waited for it any more.
    Cancelled,
    /// It gave its value.
    Done,
    /// It failed.
    Failed,
}

impl Times {
    /// Checks that these are times of `tasks`.
    ///
    /// # Errors
    /// `InvalidInput` where there are more or fewer of them.
    pub fn check(&self, tasks: &Tasks) -> Result<()> {
        if self.tasks.len() == tasks.len() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "cannot draw times: they are of a run of {} tasks, and what is drawn has {}",
            count(self.tasks.len() as u64),
            count(tasks.len() as u64)
        )))
    }
}

impl TaskTimes {
    /// Time on a processor.
    pub fn work(&self) -> Duration {
        self.decode + self.compute + self.encode + self.commit
    }
}

/// What is added to a node: lines below its label, and another colour.
#[derive(Debug, Default)]
pub(super) struct Mark {
    pub(super) text: String,
    pub(super) fill: Option<String>,
}

/// Nodes of layers: all tasks of a kind that serve one source or stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Fetch(usize),
    Decode(usize),
    Look(usize),
    Compute(usize),
}

impl Layer {
    fn of(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Fetch { source, .. } => Self::Fetch(source as usize),
            TaskKind::Decode { source, .. } => Self::Decode(source as usize),
            TaskKind::Look { stage, .. } => Self::Look(stage as usize),
            TaskKind::Compute { stage, .. } => Self::Compute(stage as usize),
        }
    }
}

/// Times summed up; empty where nothing was measured, and then no node is marked.
#[derive(Debug, Default)]
pub(super) struct Marks<'a> {
    times: Option<&'a Times>,
    layers: BTreeMap<Layer, Sum>,
    /// Time on processors, of all tasks.
    work: Duration,
    /// The longest time on a processor of a task.
    longest: Duration,
}

#[derive(Debug, Default)]
struct Sum {
    times: TaskTimes,
    /// How many came how far.
    states: BTreeMap<TaskState, u64>,
}

impl<'a> Marks<'a> {
    pub(super) fn new(tasks: &Tasks, times: Option<&'a Times>) -> Self {
        let mut marks = Self { times, ..Self::default() };
        for (task, measured) in times.iter().flat_map(|times| times.tasks.iter().enumerate()).take(tasks.len()) {
            marks.layers.entry(Layer::of(tasks.kind(task))).or_default().add(measured);
            marks.work += measured.work();
            marks.longest = marks.longest.max(measured.work());
        }
        marks
    }

    /// All tasks of a layer: their times, share of the run's work, and states unless all are done.
    pub(super) fn layer(&self, layer: Layer) -> Mark {
        let Some(sum) = self.layers.get(&layer) else { return Mark::default() };
        let mut lines = lines(&sum.times);
        let share = ratio(sum.times.work(), self.work);
        if share > 0.0 {
            lines.push(format!("{:.0} % of the work", share * 100.0));
        }
        if sum.states.keys().any(|state| *state != TaskState::Done) {
            let states = sum.states.iter().map(|(state, tasks)| format!("{} {}", count(*tasks), word(*state)));
            lines.push(states.collect::<Vec<_>>().join(", "));
        }
        let furthest = sum.states.keys().next_back().copied().unwrap_or_default();
        Mark { text: below(&lines), fill: fill(furthest, share) }
    }

    /// Handing over what a stage gives.
    pub(super) fn output(&self, stage: usize) -> Mark {
        let Some(sum) = self.layers.get(&Layer::Compute(stage)) else { return Mark::default() };
        Mark { text: below(&[format!("commit {}", seconds(sum.times.commit))]), fill: None }
    }

    /// One task: its times, and its state unless it is done.
    pub(super) fn task(&self, task: usize) -> Mark {
        let Some(measured) = self.times.and_then(|times| times.tasks.get(task)) else { return Mark::default() };
        let mut lines = lines(measured);
        if measured.state != TaskState::Done {
            lines.push(word(measured.state).to_owned());
        }
        Mark { text: below(&lines), fill: fill(measured.state, ratio(measured.work(), self.longest)) }
    }
}

impl Sum {
    fn add(&mut self, measured: &TaskTimes) {
        let TaskTimes { state, fetch, fetched_bytes, decode, compute, encode, commit } = measured;
        let times = &mut self.times;
        times.fetch += *fetch;
        times.fetched_bytes += fetched_bytes;
        times.decode += *decode;
        times.compute += *compute;
        times.encode += *encode;
        times.commit += *commit;
        *self.states.entry(*state).or_default() += 1;
    }
}

/// What took time; commits stand at the output.
fn lines(times: &TaskTimes) -> Vec<String> {
    let mut lines = Vec::new();
    if times.fetch > Duration::ZERO {
        lines.push(format!("{} in {}", bytes(times.fetched_bytes), seconds(times.fetch)));
    }
    for (name, time) in [("decode", times.decode), ("compute", times.compute), ("encode", times.encode)] {
        if time > Duration::ZERO {
            lines.push(format!("{name} {}", seconds(time)));
        }
    }
    lines
}

fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n{line}")).collect()
}

const fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::NotReached => "not reached",
        TaskState::Cancelled => "cancelled",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
    }
}

fn ratio(part: Duration, all: Duration) -> f64 {
    if all.is_zero() { 0.0 } else { part.as_secs_f64() / all.as_secs_f64() }
}

/// White to orange by `share`; what failed is red, what did not come to an end grey, and what is no work stays.
fn fill(state: TaskState, share: f64) -> Option<String> {
    match state {
        TaskState::Failed => Some("#ea9999".to_owned()),
        TaskState::NotReached | TaskState::Cancelled => Some("#d9d9d9".to_owned()),
        TaskState::Done if share == 0.0 => None,
        TaskState::Done => {
            let between =
                |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
            Some(format!("#{:02x}{:02x}{:02x}", between(0xff, 0xf6), between(0xff, 0xa0), between(0xff, 0x4d)))
        }
    }
}
