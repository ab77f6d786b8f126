//! Where values wait for their users.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use crate::graph::{Graph, TaskId};

/// A place per task for its value.
#[derive(Debug)]
pub(crate) struct Slots<V> {
    values: Vec<Mutex<Option<Arc<V>>>>,
    /// Users that have not fetched a value yet. The last one takes it out, so that it holds the only handle once the
    /// others have finished and can work in place.
    users: Vec<AtomicU32>,
}

impl<V> Slots<V> {
    pub(crate) fn new(graph: &Graph) -> Self {
        Self {
            values: graph.tasks().map(|_| Mutex::new(None)).collect(),
            users: graph.tasks().map(|task| AtomicU32::new(graph.dependents(task).len() as u32)).collect(),
        }
    }

    pub(crate) fn put(&self, task: TaskId, value: V) {
        *self.values[task.index()].lock() = Some(Arc::new(value));
    }

    /// The values of the inputs of a task that is about to run.
    pub(crate) fn inputs(&self, tasks: &[TaskId]) -> Vec<Arc<V>> {
        tasks.iter().map(|&task| self.fetch(task)).collect()
    }

    /// The value of a task that nobody else uses.
    pub(crate) fn take(&self, task: TaskId) -> V {
        let value = self.values[task.index()].lock().take();
        value.and_then(Arc::into_inner).expect("a delivered value has one owner")
    }

    pub(crate) fn free(&self, task: TaskId) {
        let value = self.values[task.index()].lock().take();
        // The value's drop is the caller's code, so it runs outside the lock.
        drop(value);
    }

    fn fetch(&self, task: TaskId) -> Arc<V> {
        let mut slot = self.values[task.index()].lock();
        // Relaxed: the slot's lock orders it.
        let is_last = self.users[task.index()].fetch_sub(1, Ordering::Relaxed) == 1;
        let value = if is_last { slot.take() } else { slot.clone() };
        value.expect("a task starts after its inputs")
    }
}
