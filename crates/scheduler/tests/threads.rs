//! Real threads: the same results, errors and deliveries as the serial run, and no hang.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use common::{Rng, random_graph};
use parking_lot::Mutex;
use swath_scheduler::{
    Cancel, Control, Error, Execution, Graph, GraphBuilder, Lane, Limits, Observer, Reply, Step, Summary, TaskEvent,
    TaskId, TaskSpec, Work, execute, execute_serial, serial_peak,
};

const CPU: TaskSpec = TaskSpec { lane: Lane::Cpu, scratch: 0, output: 8, deliver: false };
const IO: TaskSpec = TaskSpec { lane: Lane::Io, ..CPU };
const SINK: TaskSpec = TaskSpec { deliver: true, ..CPU };

type TestReply = Reply<Vec<u8>, String>;

type Inputs = Vec<Arc<Vec<u8>>>;
type Execute<'a> = dyn Fn(TaskId, &mut Inputs) -> Result<Vec<u8>, String> + Sync + 'a;
type ByteLen<'a> = dyn Fn(&Vec<u8>) -> u64 + Sync + 'a;

/// Work of closures; what a test does not set does nothing.
struct Script<'a> {
    execute: Box<Execute<'a>>,
    begin: Box<dyn Fn(TaskId, TestReply) + Sync + 'a>,
    deliver: Box<dyn Fn(TaskId, Vec<u8>) -> Result<(), String> + Sync + 'a>,
    byte_len: Box<ByteLen<'a>>,
}

impl Default for Script<'_> {
    fn default() -> Self {
        Self {
            execute: Box::new(|_, _| Ok(Vec::new())),
            begin: Box::new(|_, reply| reply.send(Ok(Vec::new()))),
            deliver: Box::new(|_, _| Ok(())),
            byte_len: Box::new(|value| value.len() as u64),
        }
    }
}

impl Work for Script<'_> {
    type Value = Vec<u8>;
    type Error = String;

    fn execute(&self, task: TaskId, inputs: &mut Inputs) -> Result<Vec<u8>, String> {
        (self.execute)(task, inputs)
    }
    fn begin(&self, task: TaskId, _: &[Arc<Vec<u8>>], reply: TestReply) {
        (self.begin)(task, reply);
    }
    fn deliver(&self, task: TaskId, value: Vec<u8>) -> Result<(), String> {
        (self.deliver)(task, value)
    }
    fn byte_len(&self, value: &Vec<u8>) -> u64 {
        (self.byte_len)(value)
    }
}

fn graph(tasks: &[(TaskSpec, &[u32])]) -> Graph {
    let mut builder = GraphBuilder::new();
    for (spec, inputs) in tasks {
        let inputs: Vec<TaskId> = inputs.iter().copied().map(TaskId).collect();
        builder.push(*spec, &inputs).expect("tasks are in order");
    }
    builder.build()
}

fn limits(threads: usize) -> Limits {
    Limits { threads, io_in_flight: 4, bytes: 1 << 20 }
}

fn run(graph: &Graph, work: &Script<'_>, threads: usize) -> Result<Summary, Error<String>> {
    execute(graph, work, &limits(threads), &Control::default())
}

/// Runs on one, two and four threads and serially.
fn every_way(graph: &Graph, work: &Script<'_>, check: impl Fn(Result<Summary, Error<String>>)) {
    for threads in [1, 2, 4] {
        check(run(graph, work, threads));
    }
    check(execute_serial(graph, work, &Control::default()));
}

/// Values that depend on everything before them, and failures, replies and sizes that depend on the seed.
struct Hashing<'g> {
    graph: &'g Graph,
    seed: u64,
    failing: usize,
    delivered: Mutex<Vec<(u32, Vec<u8>)>>,
}

impl Hashing<'_> {
    fn fate(&self, task: TaskId) -> usize {
        Rng(self.seed ^ u64::from(task.0) << 20).below(self.failing)
    }

    /// A value of the size the graph announces.
    fn value(&self, task: TaskId, inputs: &[Arc<Vec<u8>>]) -> Vec<u8> {
        let mut state = self.seed ^ u64::from(task.0);
        for byte in inputs.iter().flat_map(|input| input.iter()) {
            state = Rng(state ^ u64::from(*byte)).next();
        }
        let mut rng = Rng(state);
        (0..self.graph.spec(task).output).map(|_| rng.next() as u8).collect()
    }
}

impl Work for Hashing<'_> {
    type Value = Vec<u8>;
    type Error = String;

    fn execute(&self, task: TaskId, inputs: &mut Inputs) -> Result<Vec<u8>, String> {
        match self.fate(task) {
            1 => Err(format!("task {task}")),
            _ => Ok(self.value(task, inputs)),
        }
    }
    fn begin(&self, task: TaskId, inputs: &[Arc<Vec<u8>>], reply: TestReply) {
        let value = self.value(task, inputs);
        match self.fate(task) {
            1 => reply.send(Err(format!("task {task}"))),
            2 => drop(reply),
            _ if task.0.is_multiple_of(2) => reply.send(Ok(value)),
            _ => drop(std::thread::spawn(move || reply.send(Ok(value)))),
        }
    }
    fn deliver(&self, task: TaskId, value: Vec<u8>) -> Result<(), String> {
        if self.fate(task) == 3 {
            return Err(format!("delivery {task}"));
        }
        self.delivered.lock().push((task.0, value));
        Ok(())
    }
    fn byte_len(&self, value: &Vec<u8>) -> u64 {
        value.len() as u64
    }
}

/// All that a run may be told by.
type Told = (Result<usize, String>, Vec<(u32, Vec<u8>)>);

fn told<E: std::fmt::Debug>(work: Hashing<'_>, result: Result<Summary, Error<E>>) -> Told {
    let result = result.map(|summary| summary.tasks).map_err(|error| format!("{error:?}"));
    (result, work.delivered.into_inner())
}

#[test]
fn threads_equal_serial() {
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let graph = random_graph(&mut rng, 120);
        // 0: nothing fails; otherwise one task in so many.
        let failing = [0, 20, 200][rng.below(3)];
        let work = || Hashing { graph: &graph, seed, failing, delivered: Mutex::default() };
        let (serial, peak) = {
            let work = work();
            let result = execute_serial(&graph, &work, &Control::default());
            let measured = result.as_ref().ok().map(|summary| summary.peak_bytes);
            (told(work, result), measured)
        };
        let predicted = serial_peak(&graph).bytes;
        assert!(peak.is_none_or(|peak| peak == predicted), "seed {seed}: {peak:?} is not {predicted}");
        for (threads, extra) in [(1, 0), (2, 0), (2, 60), (4, 500), (4, 1 << 30)] {
            let limits = Limits { threads, io_in_flight: 1 + rng.below(8), bytes: predicted + extra };
            let work = work();
            let result = execute(&graph, &work, &limits, &Control::default());
            if let Ok(summary) = &result {
                assert!(summary.peak_bytes <= limits.bytes, "seed {seed}: {summary:?} under {limits:?}");
            }
            assert_eq!(told(work, result), serial, "seed {seed}, {limits:?}");
        }
    }
}

#[test]
fn a_panic_anywhere_is_an_error_with_its_payload() {
    let graph = graph(&[(IO, &[]), (CPU, &[0]), (SINK, &[1])]);
    let panics = |error: Error<String>, at: u32| match error {
        Error::Panic { task, payload } => {
            assert_eq!((task, payload.downcast_ref::<&str>()), (TaskId(at), Some(&"no")));
        }
        other => panic!("{other:?}"),
    };
    let scripts = [
        (0, Script { begin: Box::new(|_, _| panic!("no")), ..Script::default() }),
        (0, Script { byte_len: Box::new(|_| panic!("no")), ..Script::default() }),
        (1, Script { execute: Box::new(|_, _| panic!("no")), ..Script::default() }),
        (2, Script { deliver: Box::new(|_, _| panic!("no")), ..Script::default() }),
    ];
    for (at, script) in scripts {
        every_way(&graph, &script, |result| panics(result.expect_err("it panics"), at));
    }
}

#[test]
fn a_begin_that_replies_and_then_panics_is_an_error() {
    let graph = graph(&[(IO, &[]), (SINK, &[0])]);
    let begin = |_, reply: TestReply| {
        reply.send(Ok(Vec::new()));
        panic!("late");
    };
    let script = Script { begin: Box::new(begin), ..Script::default() };
    every_way(&graph, &script, |result| {
        assert!(matches!(result, Err(Error::Panic { task: TaskId(0), .. })), "{result:?}");
    });
}

/// Passes on what it sees.
struct Tell<F>(F);

impl<F: Fn(&TaskEvent) + Send + Sync> Observer for Tell<F> {
    fn event(&self, event: &TaskEvent) {
        (self.0)(event);
    }
}

fn observed(observer: impl Fn(&TaskEvent) + Send + Sync + 'static) -> Control {
    Control { observer: Some(Arc::new(Tell(observer))), ..Control::default() }
}

#[test]
fn the_lowest_failure_wins_even_if_it_is_the_last() {
    let graph = graph(&[(CPU, &[]), (CPU, &[]), (CPU, &[])]);
    let (failed, wait_for_failure) = mpsc::channel();
    let wait_for_failure = Mutex::new(wait_for_failure);
    let control = observed(move |event| {
        if (event.task, event.step) == (TaskId(1), Step::Failed) {
            failed.send(()).expect("task 0 listens");
        }
    });
    let execute_task = |task: TaskId, _: &mut Inputs| {
        if task == TaskId(0) {
            wait_for_failure.lock().recv().expect("task 1 fails");
        }
        assert_ne!(task, TaskId(2), "a task above the failure must not start");
        Err(format!("task {task}"))
    };
    let script = Script { execute: Box::new(execute_task), ..Script::default() };
    match execute(&graph, &script, &limits(2), &control) {
        Err(Error::Task { task: TaskId(0), source }) => assert_eq!(source, "task 0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_abandoned_reply_is_an_error_not_a_hang() {
    let graph = graph(&[(IO, &[]), (CPU, &[0])]);
    let script = Script { begin: Box::new(|_, reply| drop(reply)), ..Script::default() };
    every_way(&graph, &script, |result| {
        assert!(matches!(result, Err(Error::Abandoned { task: TaskId(0) })), "{result:?}");
    });
    let elsewhere = |_, reply: TestReply| drop(std::thread::spawn(move || drop(reply)));
    let script = Script { begin: Box::new(elsewhere), ..Script::default() };
    every_way(&graph, &script, |result| {
        assert!(matches!(result, Err(Error::Abandoned { task: TaskId(0) })), "{result:?}");
    });
}

#[test]
fn cancel_ends_a_run_whose_tasks_wait_for_it() {
    let graph = graph(&[(CPU, &[]), (CPU, &[]), (CPU, &[]), (IO, &[])]);
    let cancel = Cancel::new();
    let control = Control { cancel: cancel.clone(), observer: None };
    let started = AtomicUsize::new(0);
    let latch = std::sync::Barrier::new(3);
    let execute_task = |_, _: &mut Inputs| {
        started.fetch_add(1, Ordering::Relaxed);
        latch.wait();
        while !cancel.is_cancelled() {
            std::thread::yield_now();
        }
        Err("interrupted".to_owned())
    };
    let script = Script { execute: Box::new(execute_task), ..Script::default() };
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            latch.wait();
            cancel.cancel();
        });
        execute(&graph, &script, &limits(2), &control)
    });
    // What the tasks returned because of the cancel is not the outcome.
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(started.load(Ordering::Relaxed), 2);
}

#[test]
fn cancel_wakes_sleeping_workers_and_late_replies_are_harmless() {
    let graph = graph(&[(IO, &[]), (CPU, &[0])]);
    for threads in [0, 1, 4] {
        let cancel = Cancel::new();
        let control = Control { cancel: cancel.clone(), observer: None };
        let (kept, keep) = mpsc::channel();
        let script = Script { begin: Box::new(move |_, reply| drop(kept.send(reply))), ..Script::default() };
        let (result, reply) = std::thread::scope(|scope| {
            let canceller = scope.spawn(move || {
                let reply: TestReply = keep.recv().expect("the task is begun");
                cancel.cancel();
                reply
            });
            let result = match threads {
                0 => execute_serial(&graph, &script, &control),
                _ => execute(&graph, &script, &limits(threads), &control),
            };
            (result, canceller.join().expect("it does not panic"))
        });
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
        drop(script);
        assert_eq!(reply.task(), TaskId(0));
        reply.send(Ok(vec![1]));
    }
}

#[test]
fn a_cancelled_token_starts_nothing() {
    let graph = graph(&[(CPU, &[]), (IO, &[])]);
    let started = AtomicUsize::new(0);
    let start = || started.fetch_add(1, Ordering::Relaxed);
    let script = Script {
        execute: Box::new(|task, _| Err(format!("{task} is start {}", start()))),
        begin: Box::new(|_, _| {
            start();
        }),
        ..Script::default()
    };
    let control = Control::default();
    control.cancel.cancel();
    for result in [execute(&graph, &script, &limits(2), &control), execute_serial(&graph, &script, &control)] {
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    }
    assert_eq!(started.load(Ordering::Relaxed), 0);
}

#[test]
fn a_limit_below_the_serial_peak_is_refused_before_anything_runs() {
    let graph = graph(&[(CPU, &[]), (SINK, &[0])]);
    let script = Script { execute: Box::new(|_, _| panic!("nothing runs")), ..Script::default() };
    let limits = Limits { bytes: 15, ..limits(2) };
    let result = execute(&graph, &script, &limits, &Control::default());
    assert!(matches!(result, Err(Error::Memory { needed: 16, limit: 15, task: TaskId(1) })), "{result:?}");
}

#[test]
fn deliveries_come_in_order_and_one_at_a_time() {
    let tasks: Vec<(TaskSpec, &[u32])> = (0..500).map(|_| (SINK, &[][..])).collect();
    let graph = graph(&tasks);
    let next = Mutex::new(0);
    let deliver = |task: TaskId, _| {
        let mut next = next.try_lock().expect("nobody else delivers");
        assert_eq!(task.0, *next);
        *next += 1;
        Ok(())
    };
    let script = Script { deliver: Box::new(deliver), ..Script::default() };
    run(&graph, &script, 4).expect("nothing fails");
    drop(script);
    assert_eq!(next.into_inner(), 500);
}

#[test]
fn tasks_made_ready_together_wake_two_workers() {
    let graph = graph(&[(IO, &[]), (CPU, &[0]), (CPU, &[0])]);
    for _ in 0..50 {
        // Each of the two waits for the other, so a worker that sleeps on is a hang.
        let both = std::sync::Barrier::new(2);
        let begin = |_, reply: TestReply| drop(std::thread::spawn(move || reply.send(Ok(Vec::new()))));
        let execute_task = |_, _: &mut Inputs| {
            both.wait();
            Ok(Vec::new())
        };
        let script = Script { begin: Box::new(begin), execute: Box::new(execute_task), ..Script::default() };
        run(&graph, &script, 2).expect("nothing fails");
    }
}

#[test]
fn what_is_finished_is_not_kept_back_by_a_long_task_behind_it() {
    // Tiny tasks, so that workers take them by the handful; a tiny one that another waits for; a long one, which
    // ends when that other has run. Kept back with the one who runs the long one, it would never.
    const TINY: u32 = 500;
    let first = TINY - 1;
    let mut tasks: Vec<(TaskSpec, &[u32])> = (0..TINY).map(|_| (CPU, &[][..])).collect();
    let needs_first = [first];
    tasks.extend([(CPU, &[][..]), (CPU, &needs_first[..])]);
    let graph = graph(&tasks);
    for _ in 0..100 {
        let (done, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let execute_task = |task: TaskId, _: &mut Inputs| {
            if task.0 == TINY {
                wait.lock().recv_timeout(Duration::from_secs(5)).map_err(|_| "kept back".to_owned())?;
            } else if task.0 == TINY + 1 {
                done.send(()).expect("the long task listens");
            }
            Ok(Vec::new())
        };
        let script = Script { execute: Box::new(execute_task), ..Script::default() };
        run(&graph, &script, 2).expect("nothing is kept back");
    }
}

#[test]
fn nothing_is_run_after_a_failure_on_one_thread() {
    // Tiny tasks, so that the worker takes them by the handful, and more lie before it when one fails.
    let tasks: Vec<(TaskSpec, &[u32])> = (0..500).map(|_| (CPU, &[][..])).collect();
    let graph = graph(&tasks);
    for failing in 300..400 {
        let highest = AtomicUsize::new(0);
        let execute_task = |task: TaskId, _: &mut Inputs| {
            highest.fetch_max(task.0 as usize, Ordering::Relaxed);
            if task.0 == failing { Err(String::new()) } else { Ok(Vec::new()) }
        };
        let script = Script { execute: Box::new(execute_task), ..Script::default() };
        run(&graph, &script, 1).expect_err("one task fails");
        drop(script);
        assert_eq!(highest.into_inner(), failing as usize, "a task runs after the failure");
    }
}

#[test]
fn values_do_not_pile_up_before_their_delivery() {
    let tasks: Vec<(TaskSpec, &[u32])> = (0..5000).map(|_| (SINK, &[][..])).collect();
    let script = Script { execute: Box::new(|_, _| Ok(vec![0; 8])), ..Script::default() };
    let summary = run(&graph(&tasks), &script, 1).expect("nothing fails");
    // A handful under way, and as many that wait for their turn.
    assert!(summary.peak_bytes <= 8 * 64, "{summary:?}");
}

#[test]
fn the_last_user_owns_its_input() {
    let graph = graph(&[(IO, &[]), (CPU, &[0]), (CPU, &[1]), (SINK, &[2])]);
    let execute_task = |_, inputs: &mut Inputs| {
        inputs.drain(..).map(|input| Arc::try_unwrap(input).map_err(|_| "shared".to_owned())).next().expect("one")
    };
    let script = Script { execute: Box::new(execute_task), ..Script::default() };
    every_way(&graph, &script, |result| assert!(result.is_ok(), "an input is shared: {result:?}"));
}

#[test]
fn values_are_dropped_with_their_last_user() {
    // Long chains of large values: a leak would exceed the limit that the script itself keeps.
    let tasks: Vec<(TaskSpec, [u32; 1])> = (0..200).map(|task: u32| (CPU, [task.saturating_sub(1)])).collect();
    let tasks: Vec<(TaskSpec, &[u32])> =
        tasks.iter().enumerate().map(|(task, (spec, inputs))| (*spec, &inputs[..task.min(1)])).collect();
    let graph = graph(&tasks);
    let alive = Mutex::new(Vec::<std::sync::Weak<Vec<u8>>>::new());
    let execute_task = |_, inputs: &mut Inputs| {
        let mut alive = alive.lock();
        alive.retain(|value| value.strong_count() > 0);
        alive.extend(inputs.iter().map(Arc::downgrade));
        assert!(alive.len() <= 1, "{} values are alive", alive.len());
        Ok(vec![0; 8])
    };
    let script = Script { execute: Box::new(execute_task), ..Script::default() };
    every_way(&graph, &script, |result| assert_eq!(result.expect("nothing fails").peak_bytes, 16));
}

#[test]
fn a_job_that_its_finder_cannot_take_wakes_a_sleeper() {
    let graph = graph(&[(CPU, &[]), (CPU, &[0]), (CPU, &[0])]);
    for _ in 0..10 {
        let (sender, receiver) = mpsc::channel();
        let (sender, receiver) = (Mutex::new(sender), Mutex::new(receiver));
        let execute_task = |task: TaskId, _: &mut Inputs| match task.0 {
            // Time for the other worker to fall asleep.
            0 => {
                (0..20_000).for_each(|_| std::thread::yield_now());
                Ok(Vec::new())
            }
            // Whoever has this one waits for the other one to be run.
            1 => receiver.lock().recv_timeout(Duration::from_secs(10)).map_err(|_| "nobody was woken".to_owned()),
            _ => sender.lock().send(Vec::new()).map(|()| Vec::new()).map_err(|error| error.to_string()),
        };
        let script = Script { execute: Box::new(execute_task), ..Script::default() };
        execute(&graph, &script, &limits(2), &Control::default()).expect("both are run at once");
    }
}

#[test]
fn callers_bring_their_own_threads() {
    let mut rng = Rng(1);
    let graph = random_graph(&mut rng, 300);
    let work = || Hashing { graph: &graph, seed: 1, failing: 0, delivered: Mutex::default() };
    let (control, limits) = (Control::default(), Limits { bytes: 1 << 30, ..limits(2) });
    let (serial, threaded, alone) = (work(), work(), work());
    let expected = execute_serial(&graph, &serial, &control);
    let expected = told(serial, expected);

    let execution = Execution::new(&graph, &threaded, &limits, &control).expect("it fits");
    std::thread::scope(|scope| {
        scope.spawn(|| execution.worker_loop(0));
        execution.worker_loop(1);
    });
    let result = execution.finish();
    assert_eq!(told(threaded, result), expected);

    // Nobody works: the one who waits does.
    let execution = Execution::new(&graph, &alone, &limits, &control).expect("it fits");
    let result = execution.finish();
    assert_eq!(told(alone, result), expected);
}

#[test]
fn an_observer_sees_every_step_of_a_task_in_order() {
    let graph = graph(&[(IO, &[]), (SINK, &[0]), (CPU, &[0])]);
    let steps = Arc::new(Mutex::new(vec![String::new(); 3]));
    let control = observed({
        let steps = Arc::clone(&steps);
        move |event| {
            let word = format!("{:?}", event.step);
            let word = word.split(' ').next().unwrap_or(&word);
            let line = &mut steps.lock()[event.task.0 as usize];
            line.push_str(word);
            line.push(' ');
        }
    });
    for threads in [0, 1, 3] {
        steps.lock().iter_mut().for_each(String::clear);
        let script = Script::default();
        let result = match threads {
            0 => execute_serial(&graph, &script, &control),
            _ => execute(&graph, &script, &limits(threads), &control),
        };
        assert_eq!(result.expect("nothing fails").io_started, 1);
        let expected =
            ["Started Finished Freed ", "Started Finished Delivering Delivered Freed ", "Started Finished Freed "];
        assert_eq!(*steps.lock(), expected, "{threads} threads");
    }
}

#[test]
fn an_observer_that_panics_ends_the_run() {
    let graph = graph(&[(CPU, &[]), (CPU, &[0]), (CPU, &[1])]);
    let control = observed(|event| assert_ne!((event.task, event.step), (TaskId(1), Step::Finished { bytes: 0 })));
    let script = Script::default();
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(execute(&graph, &script, &limits(4), &control))));
    assert!(unwound.is_err());
}

#[test]
fn an_empty_graph_is_done() {
    let summary = run(&graph(&[]), &Script::default(), 2).expect("nothing can fail");
    assert_eq!((summary.tasks, summary.peak_bytes), (0, 0));
}
