//! Recording a run while it goes on: a few words per event, into a buffer of the worker's own.
//!
//! Nothing is named, sorted or joined here; that waits until the run is over (`recorded.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use swath_scheduler::{Lane, Step, TaskEvent, TaskId};

/// Records one run.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// When time began, for all runs of a trace.
    zero: Instant,
    began: u64,
    workers: Vec<Buffer>,
    /// On which worker each task was started last: its steps do not say.
    worker_of: Vec<AtomicU32>,
    fetches: Mutex<Vec<Fetch>>,
}

/// The events of one worker. Only it writes here, so its lock is free; buffers of two workers share no cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Buffer(Mutex<Vec<Event>>);

/// Something that happened on a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    /// Nanoseconds since time began.
    pub(super) at: u64,
    /// The task, by its rank in the run.
    pub(super) rank: TaskId,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A computation was started; so many bytes are accounted.
    Started {
        live_bytes: u64,
    },
    Began(Activity),
    /// The value of a computation, or the reply of a fetch, is there.
    Finished {
        live_bytes: u64,
    },
    Delivering,
    Delivered,
    Failed,
    /// What else changes the account.
    Accounted {
        live_bytes: u64,
    },
}

/// What a task does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Decodes a block.
    Decode {
        source: u32,
        block: u32,
    },
    /// Takes a block as it is stored.
    Copy {
        source: u32,
        block: u32,
    },
    Compute,
    Encode,
}

/// A request for bytes.
#[derive(Debug, Clone)]
pub(super) struct Fetch {
    pub(super) rank: TaskId,
    pub(super) began: u64,
    /// None while it is under way, and for ever if it was aborted when the run was over.
    pub(super) ended: Option<u64>,
    pub(super) answer: Answer,
}

/// What became of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// These bytes came.
    Bytes {
        first: u64,
        len: u64,
        requests: u32,
    },
    /// No bytes were needed after all.
    Skipped,
    Failed,
    /// Nobody waited for it any more.
    Aborted,
}

/// All that was recorded, as it was recorded.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) began: u64,
    pub(super) ended: u64,
    /// By worker, each in the order of time.
    pub(super) events: Vec<Vec<Event>>,
    pub(super) fetches: Vec<Fetch>,
}

impl Recorder {
    pub(super) fn new(zero: Instant, workers: usize, tasks: usize) -> Self {
        let mut recorder = Self {
            zero,
            began: 0,
            workers: (0..workers).map(|_| Buffer::default()).collect(),
            worker_of: (0..tasks).map(|_| AtomicU32::new(0)).collect(),
            fetches: Mutex::default(),
        };
        recorder.began = recorder.now();
        recorder
    }

    fn now(&self) -> u64 {
        self.zero.elapsed().as_nanos() as u64
    }

    /// Records what the scheduler tells.
    pub(crate) fn event(&self, event: &TaskEvent) {
        let TaskEvent { task, step, worker, live_bytes } = *event;
        let what = match step {
            Step::Started { lane: Lane::Cpu } => {
                self.worker_of[task.0 as usize].store(worker as u32, Ordering::Relaxed);
                What::Started { live_bytes }
            }
            // When a fetch really begins and ends, it tells by itself.
            Step::Started { lane: Lane::Io } | Step::Freed => What::Accounted { live_bytes },
            Step::Finished { .. } => What::Finished { live_bytes },
            Step::Failed => What::Failed,
            Step::Delivering => What::Delivering,
            Step::Delivered => What::Delivered,
        };
        self.push(worker, task, what);
    }

    /// Records that a task on a worker begins to do something else.
    pub(crate) fn began(&self, task: TaskId, activity: Activity) {
        let worker = self.worker_of[task.0 as usize].load(Ordering::Relaxed) as usize;
        self.push(worker, task, What::Began(activity));
    }

    fn push(&self, worker: usize, rank: TaskId, what: What) {
        let at = self.now();
        self.workers[worker].0.lock().push(Event { at, rank, what });
    }

    /// Records that a fetch begins. What is returned goes with its reply.
    pub(crate) fn fetch(self: &Arc<Self>, task: TaskId) -> FetchUnderWay {
        let began = self.now();
        let mut fetches = self.fetches.lock();
        fetches.push(Fetch { rank: task, began, ended: None, answer: Answer::Aborted });
        FetchUnderWay { recorder: Arc::clone(self), index: fetches.len() - 1, answer: Answer::Aborted }
    }

    /// What was recorded; later events are lost.
    pub(super) fn take(&self) -> Tape {
        let events = self.workers.iter().map(|buffer| std::mem::take(&mut *buffer.0.lock())).collect();
        Tape { began: self.began, ended: self.now(), events, fetches: self.fetches.lock().clone() }
    }
}

/// A fetch that has not been answered; dropped so, it was aborted.
#[derive(Debug)]
pub(crate) struct FetchUnderWay {
    recorder: Arc<Recorder>,
    index: usize,
    answer: Answer,
}

impl FetchUnderWay {
    /// Records what became of it.
    pub(crate) fn end(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for FetchUnderWay {
    fn drop(&mut self) {
        let ended = self.recorder.now();
        let fetch = &mut self.recorder.fetches.lock()[self.index];
        (fetch.ended, fetch.answer) = (Some(ended), self.answer);
    }
}
