//! The meaning of a run: one task at a time, in id order, on the caller's thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bell::Bell;
use crate::error::Error;
use crate::graph::{Graph, Lane, TaskId};
use crate::inbox::{Answer, Inbox};
use crate::limits::{Control, Summary};
use crate::observe::{Step, TaskEvent};
use crate::outcome::{Failure, Outcome, contain};
use crate::slots::Slots;
use crate::work::{Reply, Work};

/// Runs all tasks of `graph` on the calling thread, one by one in id order, I/O tasks included.
///
/// It keeps no limit: it needs what [`serial_peak`](crate::serial_peak) says, and `Summary::peak_bytes` is what it
/// needed.
///
/// # Errors
///
/// As [`execute`](crate::execute), `Error::Memory` apart.
pub fn execute_serial<W: Work>(graph: &Graph, work: &W, control: &Control) -> Result<Summary, Error<W::Error>> {
    let start = Instant::now();
    let mut run = Serial::new(graph, work, control);
    for task in graph.tasks() {
        let stepped = if control.cancel.is_cancelled() { Ok(()) } else { run.step(task) };
        // Also afterwards: a task that fails because it saw the cancel is not the outcome.
        if control.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        stepped?;
    }
    Ok(Summary { cpu_busy: start.elapsed() - run.waited, ..run.summary })
}

struct Serial<'a, W: Work> {
    graph: &'a Graph,
    work: &'a W,
    control: &'a Control,
    slots: Slots<W::Value>,
    inputs: Vec<Arc<W::Value>>,
    /// Unfinished users of each value.
    users: Vec<u32>,
    bytes: Vec<u64>,
    live_bytes: u64,
    inbox: Arc<Inbox<W::Value, W::Error>>,
    bell: Arc<Bell>,
    /// Time asleep, for replies.
    waited: Duration,
    summary: Summary,
}

impl<'a, W: Work> Serial<'a, W> {
    fn new(graph: &'a Graph, work: &'a W, control: &'a Control) -> Self {
        let bell = Arc::new(Bell::default());
        control.cancel.subscribe(&bell);
        Self {
            graph,
            work,
            control,
            slots: Slots::new(graph),
            inputs: Vec::new(),
            users: graph.tasks().map(|task| graph.dependents(task).len() as u32).collect(),
            bytes: vec![0; graph.len()],
            live_bytes: 0,
            inbox: Arc::new(Inbox::new(Arc::clone(&bell))),
            bell,
            waited: Duration::ZERO,
            summary: Summary { tasks: 0, peak_bytes: 0, cpu_busy: Duration::ZERO, io_started: 0 },
        }
    }

    fn step(&mut self, task: TaskId) -> Result<(), Error<W::Error>> {
        let spec = self.graph.spec(task);
        self.take_bytes(spec.scratch + spec.output);
        self.observe(task, Step::Started { lane: spec.lane });
        let value = match spec.lane {
            Lane::Cpu => self.execute(task),
            Lane::Io => self.await_reply(task).ok_or(Error::Cancelled)?,
        };
        let (value, bytes) = self.measure(value).map_err(|failure| self.fail(task, failure))?;
        self.give_back(spec.scratch + spec.output);
        self.take_bytes(bytes);
        self.bytes[task.index()] = bytes;
        self.observe(task, Step::Finished { bytes });
        self.summary.tasks += 1;
        self.release_inputs(task);
        self.place(task, value, spec.deliver)
    }

    fn execute(&mut self, task: TaskId) -> Outcome<W::Value, W::Error> {
        self.slots.fetch(self.graph.dependencies(task), &mut self.inputs);
        let outcome = contain(|| {
            let value = self.work.execute(task, &mut self.inputs);
            self.inputs.clear();
            value
        });
        self.inputs.clear();
        outcome
    }

    /// Begins an I/O task and sleeps until it has answered; nothing if the run is cancelled first.
    fn await_reply(&mut self, task: TaskId) -> Option<Outcome<W::Value, W::Error>> {
        self.summary.io_started += 1;
        self.slots.fetch(self.graph.dependencies(task), &mut self.inputs);
        let reply = Reply::new(task, &self.inbox);
        let begun = contain(|| {
            self.work.begin(task, &self.inputs, reply);
            Ok(())
        });
        self.inputs.clear();
        if let Err(failure) = begun {
            return Some(Err(failure));
        }
        let mut answers: Vec<Answer<W::Value, W::Error>> = Vec::new();
        loop {
            self.inbox.take(&mut answers);
            if let Some((_, outcome)) = answers.pop() {
                return Some(outcome);
            }
            let cancel = &self.control.cancel;
            if cancel.is_cancelled() {
                return None;
            }
            let asleep = Instant::now();
            self.bell.sleep_unless(|| self.inbox.has_mail() || cancel.is_cancelled());
            self.waited += asleep.elapsed();
        }
    }

    fn measure(&self, outcome: Outcome<W::Value, W::Error>) -> Outcome<(W::Value, u64), W::Error> {
        let value = outcome?;
        let bytes = contain(|| Ok(self.work.byte_len(&value)))?;
        Ok((value, bytes))
    }

    /// Delivers a value, keeps it for its users, or drops it.
    fn place(&mut self, task: TaskId, value: W::Value, deliver: bool) -> Result<(), Error<W::Error>> {
        if self.users[task.index()] > 0 {
            self.slots.put(task, value);
            return Ok(());
        }
        if deliver {
            self.observe(task, Step::Delivering);
            let delivered = contain(|| self.work.deliver(task, value));
            delivered.map_err(|failure| self.fail(task, failure))?;
            self.observe(task, Step::Delivered);
        }
        self.free(task);
        Ok(())
    }

    fn release_inputs(&mut self, task: TaskId) {
        for &input in self.graph.dependencies(task) {
            self.users[input.index()] -= 1;
            if self.users[input.index()] == 0 {
                self.free(input);
            }
        }
    }

    fn free(&mut self, task: TaskId) {
        self.give_back(self.bytes[task.index()]);
        self.observe(task, Step::Freed);
    }

    fn fail(&self, task: TaskId, failure: Failure<W::Error>) -> Error<W::Error> {
        self.observe(task, Step::Failed);
        failure.into_error(task)
    }

    fn take_bytes(&mut self, bytes: u64) {
        self.live_bytes = self.live_bytes.saturating_add(bytes);
        self.summary.peak_bytes = self.summary.peak_bytes.max(self.live_bytes);
    }

    fn give_back(&mut self, bytes: u64) {
        self.live_bytes = self.live_bytes.saturating_sub(bytes);
    }

    fn observe(&self, task: TaskId, step: Step) {
        if let Some(observer) = &self.control.observer {
            observer.event(&TaskEvent { task, step, worker: 0, live_bytes: self.live_bytes });
        }
    }
}

impl<W: Work> Drop for Serial<'_, W> {
    fn drop(&mut self) {
        self.control.cancel.unsubscribe(&self.bell);
        self.inbox.close();
    }
}
