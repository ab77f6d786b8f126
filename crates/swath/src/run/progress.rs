//! Telling how far a run is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use swath_scheduler::{Step, TaskEvent};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Tasks that ended.
    pub tasks_done: usize,
    /// Tasks in all.
    pub tasks: usize,
    /// Bytes read from remote and local files.
    pub bytes_read: u64,
    /// Bytes to read in all; the most, where conditions may hide blocks.
    pub bytes: u64,
    /// Bytes accounted just now.
    pub live_bytes: u64,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Time to go, if the rest goes on as what is done did: a guess, and a bad one at the beginning.
    pub eta: Duration,
}

/// Who is told.
pub(super) type Watch = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Passes the scheduler's events on as counts.
pub(super) struct Watcher {
    watch: Watch,
    began: Instant,
    done: AtomicUsize,
    tasks: usize,
    bytes: u64,
}

impl Watcher {
    /// Tells `watch` of a run of so many tasks, which begins now and will read so many bytes.
    pub(super) fn new(watch: Watch, tasks: usize, bytes: u64) -> Self {
        Self { watch, began: Instant::now(), done: AtomicUsize::new(0), tasks, bytes }
    }

    pub(super) fn event(&self, event: &TaskEvent, bytes_read: u64) {
        let Step::Finished { .. } = event.step else { return };
        let tasks_done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let elapsed = self.began.elapsed();
        (self.watch)(&Progress {
            tasks_done,
            tasks: self.tasks,
            bytes_read,
            bytes: self.bytes,
            live_bytes: event.live_bytes,
            elapsed,
            eta: eta(elapsed, tasks_done, self.tasks),
        });
    }
}

/// Tasks of all kinds take their turns from begin to end, so that their count goes on much as time does.
fn eta(elapsed: Duration, done: usize, tasks: usize) -> Duration {
    elapsed.mul_f64(tasks.saturating_sub(done) as f64 / done.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done_did() {
        let second = Duration::from_secs(1);
        assert_eq!(eta(second, 1, 5), second * 4);
        assert_eq!(eta(second * 4, 4, 5), second);
        assert_eq!(eta(second * 5, 5, 5), Duration::ZERO);
    }
}
