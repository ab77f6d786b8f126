//! Where workers sleep and how they are woken.

use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::{Condvar, Mutex};

/// A condition variable that costs one load to ring while nobody sleeps.
///
/// Whoever rings has published its news first. The two fences make sure that either the ringer sees the sleeper or
/// the sleeper's last look sees the news; the gate covers the step from that look to the wait.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    sleepers: AtomicUsize,
    gate: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    /// Wakes up to `count` sleepers.
    pub(crate) fn ring(&self, count: usize) {
        if count > 0 && self.is_slept_at() {
            // The count is of sleepers: those still short of the wait look again and need no ring.
            let _gate = self.gate.lock();
            for _ in 0..count {
                if !self.rung.notify_one() {
                    break;
                }
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn ring_all(&self) {
        if self.is_slept_at() {
            let _gate = self.gate.lock();
            self.rung.notify_all();
        }
    }

    /// Sleeps until rung, unless there is news already. May return without news.
    pub(crate) fn sleep_unless(&self, news: impl FnOnce() -> bool) {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut gate = self.gate.lock();
        if !news() {
            self.rung.wait(&mut gate);
        }
        drop(gate);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether somebody sleeps, or is about to: exact for whoever holds a lock that sleepers take for their last look.
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed) > 0
    }

    fn is_slept_at(&self) -> bool {
        fence(Ordering::SeqCst);
        self.has_sleepers()
    }
}
