//! Telling somebody what happens.

use crate::graph::{Lane, TaskId};

/// Is told of every step of every task, on the thread that took it and outside the scheduler's lock.
///
/// Steps of one task arrive in order; those of different tasks come from several threads at once. A panic in an
/// observer is not a task's failure: it ends the run and unwinds through the worker.
pub trait Observer: Send + Sync {
    /// Called at each step; should return at once.
    fn event(&self, event: &TaskEvent);
}

/// One step of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEvent {
    /// The task.
    pub task: TaskId,
    /// What happened to it.
    pub step: Step,
    /// The index of the worker that tells it.
    pub worker: usize,
    /// Bytes accounted when the scheduler last decided something.
    pub live_bytes: u64,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is about to run, or to be begun.
    Started {
        /// Where it runs.
        lane: Lane,
    },
    /// Its value is there; of an I/O task, a worker has taken its reply.
    Finished {
        /// The value's real size.
        bytes: u64,
    },
    /// It failed, or its delivery did.
    Failed,
    /// Its value is about to be delivered.
    Delivering,
    /// Its value was delivered.
    Delivered,
    /// Its value was given back to the budget.
    Freed,
}
