//! Telling how far a run is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use swath_scheduler::{Observer, Step, TaskEvent};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Tasks that ended.
    pub tasks_done: usize,
    /// Tasks in all.
    pub tasks: usize,
    /// Bytes accounted just now.
    pub live_bytes: u64,
}

/// Who is told.
pub(super) type Watch = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Passes the scheduler's events on as counts.
pub(super) struct Watcher {
    watch: Watch,
    done: AtomicUsize,
    tasks: usize,
}

impl Watcher {
    pub(super) fn new(watch: Watch, tasks: usize) -> Self {
        Self { watch, done: AtomicUsize::new(0), tasks }
    }
}

impl Observer for Watcher {
    fn event(&self, event: &TaskEvent) {
        if let Step::Finished { .. } = event.step {
            let tasks_done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            (self.watch)(&Progress { tasks_done, tasks: self.tasks, live_bytes: event.live_bytes });
        }
    }
}
