//! What waits: worker threads around the [`State`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::{Backoff, CachePadded};
use parking_lot::Mutex;

use crate::bell::Bell;
use crate::desk::{Desk, Job};
use crate::error::Error;
use crate::graph::{Graph, Lane, TaskId};
use crate::inbox::{Answer, Inbox};
use crate::limits::{Control, Limits, Summary};
use crate::observe::{Step, TaskEvent};
use crate::outcome::{Failure, LowestFailure, Outcome, contain};
use crate::pace::Pace;
use crate::peak::serial_peak;
use crate::slots::Slots;
use crate::state::{Budget, Command, Event, State};
use crate::work::{Reply, Work};

/// Runs all tasks of `graph` on [`Limits::threads`] new threads, named `swath-worker-N`, and waits for them.
///
/// # Errors
///
/// - [`Error::Memory`], before anything runs, if [`serial_peak`] exceeds [`Limits::bytes`].
/// - [`Error::Task`], [`Error::Panic`] or [`Error::Abandoned`] for the lowest task that failed. Tasks below it have
///   been run and delivered, no task above it has been delivered.
/// - [`Error::Cancelled`] if the run was cancelled before its outcome was known.
pub fn execute<W: Work>(
    graph: &Graph,
    work: &W,
    limits: &Limits,
    control: &Control,
) -> Result<Summary, Error<W::Error>> {
    let execution = Execution::new(graph, work, limits, control)?;
    std::thread::scope(|scope| {
        for worker in 0..limits.threads.max(1) {
            let execution = &execution;
            let thread = std::thread::Builder::new().name(format!("swath-worker-{worker}"));
            // Without the thread the run is slower, not wrong: finish lends the caller's.
            let _ = thread.spawn_scoped(scope, move || execution.worker_loop(worker));
        }
    });
    execution.finish()
}

/// A run on threads that the caller brings.
///
/// ```
/// # use std::{convert::Infallible, sync::Arc};
/// # use swath_scheduler::{Control, Execution, GraphBuilder, Lane, Limits, Reply, TaskId, TaskSpec, Work};
/// # struct Nothing;
/// # impl Work for Nothing {
/// #     type Value = ();
/// #     type Error = Infallible;
/// #     fn execute(&self, _: TaskId, _: &mut Vec<Arc<()>>) -> Result<(), Infallible> { Ok(()) }
/// #     fn begin(&self, _: TaskId, _: &[Arc<()>], reply: Reply<(), Infallible>) { reply.send(Ok(())) }
/// #     fn deliver(&self, _: TaskId, _: ()) -> Result<(), Infallible> { Ok(()) }
/// #     fn byte_len(&self, _: &()) -> u64 { 0 }
/// # }
/// # let mut builder = GraphBuilder::new();
/// # builder.push(TaskSpec { lane: Lane::Cpu, scratch: 0, output: 0, deliver: false }, &[])?;
/// # let (graph, work, control) = (builder.build(), Nothing, Control::default());
/// # let limits = Limits { threads: 2, io_in_flight: 1, bytes: 0 };
/// let execution = Execution::new(&graph, &work, &limits, &control)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| execution.worker_loop(0));
///     execution.worker_loop(1);
/// });
/// let summary = execution.finish()?;
/// # assert_eq!(summary.tasks, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Execution<'a, W: Work> {
    graph: &'a Graph,
    work: &'a W,
    control: &'a Control,
    state: CachePadded<Mutex<State<'a>>>,
    slots: Slots<W::Value>,
    /// One per thread that is expected; more threads share them.
    desks: Vec<CachePadded<Desk>>,
    inbox: Arc<Inbox<W::Value, W::Error>>,
    bell: Arc<Bell>,
    failures: LowestFailure<W::Error>,
    over: AtomicBool,
    live_bytes: AtomicU64,
    busy_nanos: AtomicU64,
}

impl<'a, W: Work> Execution<'a, W> {
    /// Prepares a run; nothing is executed yet.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if [`serial_peak`] exceeds [`Limits::bytes`].
    pub fn new(graph: &'a Graph, work: &'a W, limits: &Limits, control: &'a Control) -> Result<Self, Error<W::Error>> {
        let peak = serial_peak(graph);
        if peak.bytes > limits.bytes {
            return Err(Error::Memory { needed: peak.bytes, limit: limits.bytes, task: peak.task });
        }
        let state = State::new(graph, limits.io_in_flight, Budget::new(limits.bytes, peak.bytes));
        let bell = Arc::new(Bell::default());
        control.cancel.subscribe(&bell);
        Ok(Self {
            graph,
            work,
            control,
            over: AtomicBool::new(state.is_over()),
            state: CachePadded::new(Mutex::new(state)),
            slots: Slots::new(graph),
            desks: (0..limits.threads.max(1)).map(|_| CachePadded::default()).collect(),
            inbox: Arc::new(Inbox::new(Arc::clone(&bell))),
            bell,
            failures: LowestFailure::default(),
            live_bytes: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
        })
    }

    /// Works until the run is over. Any number of threads may be in here; `worker` only names this one to observers.
    ///
    /// # Panics
    ///
    /// If an observer, or the drop of a value, does; the run is then over for the other workers, too.
    pub fn worker_loop(&self, worker: usize) {
        let _stop = StopOnUnwind(self);
        let mut hands = Hands::new(worker, &self.desks[worker % self.desks.len()]);
        self.report(&mut hands);
        while !self.is_over() {
            if hands.job.is_none() && hands.events.is_empty() {
                self.rob(&mut hands);
            }
            if self.inbox.has_mail() || !hands.events.is_empty() {
                self.report(&mut hands);
            }
            if hands.job.is_some() {
                self.run_streak(&mut hands);
            } else if hands.events.is_empty() {
                self.idle();
            }
        }
        self.busy_nanos.fetch_add(hands.busy.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The outcome. Works on the calling thread first if the run is not over, so it also runs without other workers.
    ///
    /// # Errors
    ///
    /// As [`execute`], [`Error::Memory`] apart. [`Error::Cancelled`], too, if a worker's panic ended the run.
    pub fn finish(self) -> Result<Summary, Error<W::Error>> {
        if !self.is_over() {
            self.worker_loop(0);
        }
        let state = self.state.lock();
        if !state.is_settled() {
            return Err(Error::Cancelled);
        }
        if let Some(error) = self.failures.take() {
            return Err(error);
        }
        Ok(Summary {
            tasks: self.graph.len(),
            peak_bytes: state.budget().peak(),
            cpu_busy: Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed)),
            io_started: state.io_started(),
        })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.control.cancel.is_cancelled()
    }

    fn stop(&self) {
        self.over.store(true, Ordering::Release);
        self.bell.ring_all();
    }

    /// Runs the job in hand and those that follow from it.
    fn run_streak(&self, hands: &mut Hands<'_, W>) {
        // The clock is read per streak and per handful: twice a task it would cost as much as all the rest.
        let start = Instant::now();
        hands.pace.resume(start);
        while let Some(job) = hands.job
            && !self.is_over()
        {
            let event = self.run(job, hands);
            hands.pace.count();
            hands.job = hands.desk.finish(event, || self.has_to_report(event, &hands.pace), &mut hands.events);
            if !hands.events.is_empty() {
                self.report(hands);
            }
        }
        hands.busy += start.elapsed();
    }

    /// Whether an event, and those before it on the desk, must not wait for more of them.
    ///
    /// Subtle: asked under the desk's lock. A worker about to sleep counts itself and then looks at the desks, so it
    /// either sees the event there, or is seen here.
    fn has_to_report(&self, event: Event, pace: &Pace) -> bool {
        let is_value = matches!(event, Event::Computed { .. });
        let is_due = pace.is_due() && !self.state.is_locked();
        !is_value || is_due || self.bell.has_sleepers() || self.inbox.has_mail()
    }

    fn run(&self, job: Job, hands: &mut Hands<'_, W>) -> Event {
        match job {
            Job::Execute(task) => self.execute(task, hands),
            Job::Deliver(task) => self.deliver(task, hands.worker),
        }
    }

    fn execute(&self, task: TaskId, hands: &mut Hands<'_, W>) -> Event {
        let inputs = &mut hands.inputs;
        self.slots.fetch(self.graph.dependencies(task), inputs);
        self.observe(task, hands.worker, Step::Started { lane: Lane::Cpu });
        let outcome = contain(|| {
            let value = self.work.execute(task, inputs);
            inputs.clear();
            value
        });
        inputs.clear();
        self.book(task, hands.worker, outcome)
    }

    fn deliver(&self, task: TaskId, worker: usize) -> Event {
        let value = self.slots.take(task);
        self.observe(task, worker, Step::Delivering);
        match contain(|| self.work.deliver(task, value)) {
            Ok(()) => {
                self.observe(task, worker, Step::Delivered);
                Event::Delivered { task }
            }
            Err(failure) => self.fail(task, worker, failure),
        }
    }

    /// Puts a task's value, or failure, where it belongs.
    fn book(&self, task: TaskId, worker: usize, outcome: Outcome<W::Value, W::Error>) -> Event {
        let measured = outcome.and_then(|value| {
            let bytes = contain(|| Ok(self.work.byte_len(&value)))?;
            Ok((value, bytes))
        });
        match measured {
            Ok((value, bytes)) => {
                self.slots.put(task, value);
                self.observe(task, worker, Step::Finished { bytes });
                Event::Computed { task, bytes }
            }
            Err(failure) => self.fail(task, worker, failure),
        }
    }

    fn fail(&self, task: TaskId, worker: usize, failure: Failure<W::Error>) -> Event {
        self.failures.record(task, failure);
        self.observe(task, worker, Step::Failed);
        Event::Failed { task }
    }

    /// Tells the state what happened here and what the inbox says, and carries out its commands.
    fn report(&self, hands: &mut Hands<'_, W>) {
        // The worker's own events go first: the first job of their commands is the best one for this worker.
        self.inbox.take(&mut hands.answers);
        for (task, outcome) in hands.answers.drain(..) {
            hands.events.push(self.book(task, hands.worker, outcome));
        }
        if hands.pace.is_due() {
            hands.pace.measure(Instant::now());
        }
        let over = self.decide(hands);
        if over {
            self.stop();
        }
        self.carry_out(hands);
    }

    /// The critical section.
    fn decide(&self, hands: &mut Hands<'_, W>) -> bool {
        let mut state = self.state.lock();
        // First, so that a task that fails because it saw the cancel is not taken for the outcome.
        if self.control.cancel.is_cancelled() {
            state.on_event(Event::Cancelled, &mut hands.commands);
        }
        let (before, now) = (hands.appetite, hands.pace.tasks());
        if before != now {
            state.on_event(Event::Appetite { before, now }, &mut hands.commands);
            hands.appetite = now;
        }
        for event in hands.events.drain(..) {
            state.on_event(event, &mut hands.commands);
        }
        self.live_bytes.store(state.budget().live(), Ordering::Relaxed);
        state.is_over()
    }

    fn carry_out(&self, hands: &mut Hands<'_, W>) {
        self.take_jobs(hands);
        for command in hands.commands.drain(..) {
            match command {
                Command::Free(task) => self.observe(task, hands.worker, Step::Freed),
                Command::Begin(task) if !self.is_over() => {
                    hands.events.extend(self.begin(task, hands.worker, &mut hands.inputs));
                }
                Command::Begin(_) | Command::Execute(_) | Command::Deliver(_) => {}
            }
        }
    }

    /// Takes the first job in hand and lays the others down, where sleepers find them, before anything slow is done.
    fn take_jobs(&self, hands: &mut Hands<'_, W>) {
        for &command in &hands.commands {
            let job = match command {
                Command::Execute(task) => Job::Execute(task),
                Command::Deliver(task) => Job::Deliver(task),
                Command::Begin(_) | Command::Free(_) => continue,
            };
            if hands.job.is_none() {
                hands.job = Some(job);
            } else {
                hands.jobs.push(job);
            }
        }
        let shared = hands.jobs.len();
        hands.desk.put(&mut hands.jobs);
        self.bell.ring(shared);
    }

    /// Begins an I/O task; tells if that panicked.
    fn begin(&self, task: TaskId, worker: usize, inputs: &mut Vec<Arc<W::Value>>) -> Option<Event> {
        self.observe(task, worker, Step::Started { lane: Lane::Io });
        self.slots.fetch(self.graph.dependencies(task), inputs);
        let reply = Reply::new(task, &self.inbox);
        let begun = contain(|| {
            self.work.begin(task, inputs, reply);
            Ok(())
        });
        inputs.clear();
        // Subtle: the panic dropped the reply, and another worker may end the run over it at any time. Recorded here,
        // before this worker leaves, the panic is known to finish in any case.
        begun.err().map(|failure| self.fail(task, worker, failure))
    }

    /// Takes jobs and events from the first desk that has any; the own one may be shared.
    fn rob(&self, hands: &mut Hands<'_, W>) {
        for desk in &self.desks {
            hands.job = desk.rob(&mut hands.jobs, &mut hands.events);
            hands.desk.put(&mut hands.jobs);
            if hands.job.is_some() || !hands.events.is_empty() {
                break;
            }
        }
    }

    /// Spins a little, then sleeps.
    fn idle(&self) {
        let backoff = Backoff::new();
        while !backoff.is_completed() {
            if self.has_news() {
                return;
            }
            backoff.snooze();
        }
        self.bell.sleep_unless(|| self.has_news());
    }

    fn has_news(&self) -> bool {
        self.inbox.has_mail() || self.is_over() || self.desks.iter().any(|desk| !desk.is_empty())
    }

    fn observe(&self, task: TaskId, worker: usize, step: Step) {
        if let Some(observer) = &self.control.observer {
            let live_bytes = self.live_bytes.load(Ordering::Relaxed);
            observer.event(&TaskEvent { task, step, worker, live_bytes });
        }
    }
}

impl<W: Work> Drop for Execution<'_, W> {
    fn drop(&mut self) {
        self.control.cancel.unsubscribe(&self.bell);
        self.inbox.close();
    }
}

impl<W: Work> fmt::Debug for Execution<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("tasks", &self.graph.len())
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}

/// What one worker holds: its next job and its buffers, which grow once.
struct Hands<'e, W: Work> {
    worker: usize,
    desk: &'e Desk,
    job: Option<Job>,
    inputs: Vec<Arc<W::Value>>,
    /// Jobs on their way to the desk.
    jobs: Vec<Job>,
    /// What the next report tells.
    events: Vec<Event>,
    commands: Vec<Command>,
    answers: Vec<Answer<W::Value, W::Error>>,
    pace: Pace,
    /// The pace as the state knows it.
    appetite: usize,
    busy: Duration,
}

impl<'e, W: Work> Hands<'e, W> {
    fn new(worker: usize, desk: &'e Desk) -> Self {
        Self {
            worker,
            desk,
            job: None,
            inputs: Vec::new(),
            jobs: Vec::new(),
            events: Vec::new(),
            commands: Vec::new(),
            answers: Vec::new(),
            pace: Pace::new(Instant::now()),
            appetite: 0,
            busy: Duration::ZERO,
        }
    }
}

/// Ends the run if a worker unwinds: the others would wait for its task forever.
struct StopOnUnwind<'e, 'a, W: Work>(&'e Execution<'a, W>);

impl<W: Work> Drop for StopOnUnwind<'_, '_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
