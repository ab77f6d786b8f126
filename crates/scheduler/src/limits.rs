//! What a run may use, what steers it, and what it used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::Observer;
use crate::work::Cancel;

/// What a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Worker threads that [`execute`](crate::execute) starts; 0 counts as 1.
    pub threads: usize,
    /// I/O tasks begun and not yet answered; 0 counts as 1.
    pub io_in_flight: usize,
    /// Bytes of values and scratch at any time.
    pub bytes: u64,
}

/// What steers and watches a run; by default nothing does.
#[derive(Clone, Default)]
pub struct Control {
    /// Stops the run from elsewhere.
    pub cancel: Cancel,
    /// Is told what happens.
    pub observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = self.observer.is_some();
        f.debug_struct("Control").field("cancel", &self.cancel).field("observed", &observed).finish()
    }
}

/// What a completed run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Tasks run: all of the graph's.
    pub tasks: usize,
    /// The most bytes accounted at once.
    pub peak_bytes: u64,
    /// Time in which workers had a task in hand, summed over them: [`Work::execute`](crate::Work::execute) and
    /// [`Work::deliver`](crate::Work::deliver), and what the scheduler does between one task and the next.
    pub cpu_busy: Duration,
    /// I/O tasks begun.
    pub io_started: usize,
}
