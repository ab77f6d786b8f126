//! What threads do at once, in every order in which they can, and with every stale value that a load may return.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p swath-scheduler --release --lib interleavings`
//!
//! Loom runs each model again and again. A thread that sleeps for ever is a deadlock, which fails the test; so is, in
//! effect, one that spins for ever. The contents of values are relaxed atomics: whoever reads the new one was given it
//! by the code under test, as nothing else orders the two.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use crate::bell::Bell;
use crate::desk::{Desk, Job};
use crate::graph::{GraphBuilder, Lane, TaskId, TaskSpec};
use crate::inbox::Inbox;
use crate::slots::Slots;
use crate::state::Event;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::work::Cancel;

/// Checks all interleavings in which threads are interrupted at most so many times, beside those where they wait.
fn check(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// Runs what a thread does with what all share.
fn spawn<S: 'static, R: 'static>(shared: &Arc<S>, run: impl FnOnce(&S) -> R + 'static) -> JoinHandle<R> {
    let shared = Arc::clone(shared);
    thread::spawn(move || run(&shared))
}

fn join<R>(threads: impl IntoIterator<Item = JoinHandle<R>>) -> Vec<R> {
    threads.into_iter().map(|thread| thread.join().expect("loom passes panics on")).collect()
}

/// Jobs that are only counted, without a lock, and the bell that tells of them.
#[derive(Default)]
struct Counted {
    jobs: AtomicUsize,
    bell: Bell,
}

impl Counted {
    fn add(&self, jobs: usize) {
        self.jobs.fetch_add(jobs, Relaxed);
        self.bell.ring(jobs);
    }

    /// Takes one job, and never comes back, as if it took for ever.
    fn take(&self) {
        while self.jobs.fetch_update(Relaxed, Relaxed, |jobs| jobs.checked_sub(1)).is_err() {
            self.bell.sleep_unless(|| self.jobs.load(Relaxed) > 0);
        }
    }
}

#[test]
fn a_sleeper_hears_of_a_job() {
    check(None, || {
        let counted = Arc::new(Counted::default());
        let sleeper = spawn(&counted, Counted::take);
        counted.add(1);
        join([sleeper]);
    });
}

#[test]
fn two_sleepers_hear_of_two_jobs_at_once() {
    check(Some(4), || {
        let counted = Arc::new(Counted::default());
        let sleepers = [spawn(&counted, Counted::take), spawn(&counted, Counted::take)];
        counted.add(2);
        join(sleepers);
    });
}

#[test]
fn two_sleepers_hear_of_a_job_each_from_two_ringers() {
    check(Some(2), || {
        let counted = Arc::new(Counted::default());
        let sleepers = [spawn(&counted, Counted::take), spawn(&counted, Counted::take)];
        let ringer = spawn(&counted, |counted| counted.add(1));
        counted.add(1);
        join([ringer]);
        join(sleepers);
    });
}

#[test]
fn all_sleepers_hear_of_the_end() {
    check(Some(4), || {
        let ended = Arc::new((AtomicBool::new(false), Bell::default()));
        let sleep = |(over, bell): &(AtomicBool, Bell)| {
            while !over.load(Relaxed) {
                bell.sleep_unless(|| over.load(Relaxed));
            }
        };
        let sleepers = [spawn(&ended, sleep), spawn(&ended, sleep)];
        ended.0.store(true, Relaxed);
        ended.1.ring_all();
        join(sleepers);
    });
}

/// What a task made; counts how often it is dropped.
struct Value {
    content: AtomicUsize,
    drops: Arc<AtomicUsize>,
}

impl Value {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        let value = Self { content: AtomicUsize::new(0), drops: Arc::clone(drops) };
        value.content.store(7, Relaxed);
        value
    }

    fn assert_whole(&self) {
        assert_eq!(self.content.load(Relaxed), 7);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.drops.fetch_add(1, AcqRel);
    }
}

const PRODUCER: TaskId = TaskId(0);

/// Slots for a task that so many others use, and that may be delivered.
fn slots_for(users: usize, deliver: bool) -> Slots<Value> {
    let mut graph = GraphBuilder::new();
    let spec = TaskSpec { lane: Lane::Cpu, scratch: 0, output: 0, deliver };
    let producer = graph.push(spec, &[]).expect("a task without inputs fits");
    for _ in 0..users {
        graph.push(TaskSpec { deliver: false, ..spec }, &[producer]).expect("its input is there");
    }
    Slots::new(&graph.build())
}

fn fetch(slots: &Slots<Value>) -> Arc<Value> {
    let mut inputs = Vec::new();
    slots.fetch(&[PRODUCER], &mut inputs);
    inputs.pop().expect("there is one input")
}

fn check_users(users: usize, preemptions: Option<usize>) {
    // Of the test, not of the model: it counts over all interleavings.
    let owners = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = Arc::clone(&owners);
    check(preemptions, move || {
        let (drops, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&seen));
        let shared = Arc::new((slots_for(users, false), AtomicUsize::new(0)));
        shared.0.put(PRODUCER, Value::new(&drops));
        let work = move |(slots, finished): &(Slots<Value>, AtomicUsize)| {
            let value = fetch(slots);
            value.assert_whole();
            if finished.load(Acquire) == users - 1 {
                assert_eq!(Arc::strong_count(&value), 1, "the last user cannot work in place");
                seen.fetch_add(1, Relaxed);
            }
            drop(value);
            finished.fetch_add(1, AcqRel);
        };
        let others: Vec<_> = (1..users).map(|_| spawn(&shared, work.clone())).collect();
        work(&shared);
        join(others);
        assert_eq!(drops.load(Acquire), 1, "the slots keep no value that was used");
    });
    assert!(owners.load(Relaxed) > 0, "no interleaving had a last user");
}

#[test]
fn two_users_get_a_value_and_the_last_owns_it() {
    check_users(2, None);
}

#[test]
fn three_users_get_a_value_and_the_last_owns_it() {
    check_users(3, Some(4));
}

/// One worker puts a value and lays down the job that uses it, another sleeps until it finds the job.
fn check_handover(deliver: bool) {
    check(None, move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let slots = slots_for(usize::from(!deliver), deliver);
        let shared = Arc::new((slots, Desk::default(), Bell::default()));
        let worker = spawn(&shared, |(slots, desk, bell)| {
            let job = loop {
                if let Some(job) = desk.rob(&mut Vec::new(), &mut Vec::new()) {
                    break job;
                }
                bell.sleep_unless(|| !desk.is_empty());
            };
            match job {
                Job::Execute(_) => fetch(slots).assert_whole(),
                Job::Deliver(task) => slots.take(task).assert_whole(),
            }
        });
        let (slots, desk, bell) = &*shared;
        slots.put(PRODUCER, Value::new(&drops));
        desk.put(&mut vec![if deliver { Job::Deliver(PRODUCER) } else { Job::Execute(TaskId(1)) }]);
        bell.ring(1);
        join([worker]);
        assert_eq!(drops.load(Acquire), 1);
    });
}

#[test]
fn a_job_found_on_a_desk_finds_its_input() {
    check_handover(false);
}

#[test]
fn a_delivery_found_on_a_desk_owns_its_value() {
    check_handover(true);
}

fn computed(task: u32) -> Event {
    Event::Computed { task: TaskId(task), bytes: 0 }
}

#[test]
fn a_job_is_done_once_and_an_event_told_once() {
    check(None, || {
        let desk = Arc::new(Desk::default());
        desk.put(&mut (0..3).map(|task| Job::Execute(TaskId(task))).collect());
        let robber = spawn(&desk, |desk| {
            let (mut jobs, mut events) = (Vec::new(), Vec::new());
            let first = desk.rob(&mut jobs, &mut events);
            jobs.extend(first);
            (jobs, events)
        });
        let (mut jobs, mut events, mut before) = (Vec::new(), Vec::new(), 10);
        while let Some(job) = desk.finish(computed(before), || false, &mut events) {
            jobs.push(job);
            before += 1;
        }
        let (robbed_jobs, robbed_events) = join([robber]).remove(0);
        let told: Vec<_> = robbed_events.into_iter().chain(events).collect();
        assert_eq!(told, (10..=before).map(computed).collect::<Vec<_>>());
        for task in 0..3 {
            let job = Job::Execute(TaskId(task));
            assert_eq!(jobs.iter().chain(&robbed_jobs).filter(|&&other| other == job).count(), 1);
        }
    });
}

#[test]
fn an_event_left_on_a_desk_is_seen_by_whoever_goes_to_sleep() {
    check(None, || {
        // The lock stands for the state, which is told of the event by the one or the other.
        let shared = Arc::new((Desk::default(), Bell::default(), Mutex::new(false)));
        let sleeper = spawn(&shared, |(desk, bell, told)| {
            let mut events = Vec::new();
            while !*told.lock() && events.is_empty() {
                bell.sleep_unless(|| *told.lock() || !desk.is_empty());
                desk.rob(&mut Vec::new(), &mut events);
            }
        });
        // The desk is shared, and the ring for this job woke somebody else.
        let other = spawn(&shared, |(desk, _, _)| desk.put(&mut vec![Job::Execute(TaskId(1))]));
        let (desk, bell, told) = &*shared;
        let mut events = Vec::new();
        desk.finish(computed(0), || bell.has_sleepers(), &mut events);
        if !events.is_empty() {
            *told.lock() = true;
            bell.ring(1);
        }
        join([other, sleeper]);
    });
}

type Mail = Inbox<Value, ()>;

fn answers(inbox: &Mail) -> usize {
    let mut answers = Vec::new();
    inbox.take(&mut answers);
    answers.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).for_each(Value::assert_whole);
    answers.len()
}

#[test]
fn every_answer_wakes_a_worker_and_is_taken_once() {
    check(Some(4), || {
        let (drops, bell) = (Arc::new(AtomicUsize::new(0)), Arc::new(Bell::default()));
        let inbox = Arc::new(Mail::new(Arc::clone(&bell)));
        let repliers = [0, 1].map(|task| {
            let drops = Arc::clone(&drops);
            spawn(&inbox, move |inbox| inbox.put((TaskId(task), Ok(Value::new(&drops)))))
        });
        let mut taken = 0;
        while taken < 2 {
            bell.sleep_unless(|| inbox.has_mail());
            taken += answers(&inbox);
        }
        join(repliers);
        assert_eq!((taken, drops.load(Acquire)), (2, 2));
    });
}

#[test]
fn an_answer_is_dropped_once_whenever_the_inbox_is_closed() {
    check(None, || {
        let drops = Arc::new(AtomicUsize::new(0));
        let inbox = Arc::new(Mail::new(Arc::default()));
        let value = Value::new(&drops);
        let replier = spawn(&inbox, move |inbox| inbox.put((TaskId(0), Ok(value))));
        answers(&inbox);
        inbox.close();
        join([replier]);
        assert_eq!((answers(&inbox), drops.load(Acquire)), (0, 1));
    });
}

#[test]
fn a_run_that_begins_hears_of_a_cancel_of_the_token_above() {
    check(None, || {
        let token = Arc::new(Cancel::new());
        let canceller = spawn(&token, Cancel::cancel);
        let (child, bell) = (token.child(), Arc::new(Bell::default()));
        child.subscribe(&bell);
        while !child.is_cancelled() {
            bell.sleep_unless(|| child.is_cancelled());
        }
        child.unsubscribe(&bell);
        join([canceller]);
    });
}

#[test]
fn a_callback_is_called_once_whenever_its_token_is_cancelled() {
    check(None, || {
        let (token, calls) = (Arc::new(Cancel::new()), Arc::new(AtomicUsize::new(0)));
        let canceller = spawn(&token, Cancel::cancel);
        let counted = Arc::clone(&calls);
        let kept = token.child().on_cancel(move || {
            counted.fetch_add(1, Relaxed);
        });
        join([canceller]);
        assert_eq!(calls.load(Relaxed), 1);
        drop(kept);
    });
}
