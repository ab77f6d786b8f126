//! Where values wait for their users.

use std::sync::Arc;

use crate::graph::{Graph, TaskId};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{AtomicCell, Backoff};

/// A place per task for its value, of 12 bytes; a value that nobody wants is never in it.
pub(crate) struct Slots<V> {
    values: Vec<AtomicCell<Option<Arc<V>>>>,
    /// Users that have not fetched a value yet; a delivery is one.
    users: Vec<AtomicU32>,
}

impl<V> Slots<V> {
    pub(crate) fn new(graph: &Graph) -> Self {
        let users = |task| graph.dependents(task).len() as u32 + u32::from(graph.delivers(task));
        Self {
            values: graph.tasks().map(|_| AtomicCell::new(None)).collect(),
            users: graph.tasks().map(|task| AtomicU32::new(users(task))).collect(),
        }
    }

    /// Keeps a value for its users.
    pub(crate) fn put(&self, task: TaskId, value: V) {
        // Relaxed: no user has started, so nobody else touches the count.
        if self.users[task.index()].load(Ordering::Relaxed) > 0 {
            self.values[task.index()].store(Some(Arc::new(value)));
        }
    }

    /// Appends the values of the inputs of a task that is about to run.
    pub(crate) fn fetch(&self, tasks: &[TaskId], inputs: &mut Vec<Arc<V>>) {
        inputs.extend(tasks.iter().map(|&task| self.fetch_one(task)));
    }

    /// The value of a task that nobody else uses.
    pub(crate) fn take(&self, task: TaskId) -> V {
        Arc::into_inner(self.fetch_one(task)).expect("a delivered value has one owner")
    }

    /// The last user takes the value out, so that it holds the only handle once the others have finished and can work
    /// in place.
    fn fetch_one(&self, task: TaskId) -> Arc<V> {
        let (slot, users) = (&self.values[task.index()], &self.users[task.index()]);
        let value = acquire(slot);
        // Relaxed: whoever holds the value has the count to itself, and the slot hands both on.
        let others = users.load(Ordering::Relaxed) - 1;
        users.store(others, Ordering::Relaxed);
        if others > 0 {
            slot.store(Some(Arc::clone(&value)));
        }
        value
    }
}

/// Takes a value out that is there, or will be as soon as another user has put it back.
fn acquire<V>(slot: &AtomicCell<Option<Arc<V>>>) -> Arc<V> {
    let backoff = Backoff::new();
    loop {
        if let Some(value) = slot.take() {
            return value;
        }
        backoff.snooze();
    }
}
