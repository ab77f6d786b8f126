//! Tasks whose inputs are there, lowest id first.

use super::set::TaskSet;
use crate::graph::{Graph, Lane, TaskId};

/// The four sorts of ready tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// CPU tasks that have inputs: finishing them frees memory.
    CpuInner,
    /// CPU tasks that are ready from the start.
    CpuRoot,
    /// I/O tasks that had to wait for others.
    IoInner,
    /// I/O tasks that are ready from the start.
    IoRoot,
}

/// All ready tasks. Roots, often a million of them, take no memory: a cursor per lane walks the graph.
#[derive(Debug)]
pub(super) struct Ready {
    cpu_inner: TaskSet,
    io_inner: TaskSet,
    cpu_root: u32,
    io_root: u32,
}

impl Ready {
    pub(super) fn new(graph: &Graph) -> Self {
        let len = graph.len();
        Self { cpu_inner: TaskSet::new(len), io_inner: TaskSet::new(len), cpu_root: 0, io_root: 0 }
    }

    /// Adds a task whose last input has just arrived.
    pub(super) fn push(&mut self, task: TaskId, lane: Lane) {
        match lane {
            Lane::Cpu => self.cpu_inner.insert(task),
            Lane::Io => self.io_inner.insert(task),
        }
    }

    /// The lowest task of a queue.
    pub(super) fn head(&mut self, queue: Queue, graph: &Graph) -> Option<TaskId> {
        match queue {
            Queue::CpuInner => self.cpu_inner.first(),
            Queue::IoInner => self.io_inner.first(),
            Queue::CpuRoot => next_root(&mut self.cpu_root, graph, Lane::Cpu),
            Queue::IoRoot => next_root(&mut self.io_root, graph, Lane::Io),
        }
    }

    /// Removes the task that [`head`](Self::head) has just returned.
    pub(super) fn remove_head(&mut self, queue: Queue, head: TaskId) {
        match queue {
            Queue::CpuInner => self.cpu_inner.remove(head),
            Queue::IoInner => self.io_inner.remove(head),
            Queue::CpuRoot => self.cpu_root = head.0 + 1,
            Queue::IoRoot => self.io_root = head.0 + 1,
        }
    }
}

/// Moves the cursor to the next root of a lane.
fn next_root(cursor: &mut u32, graph: &Graph, lane: Lane) -> Option<TaskId> {
    while (*cursor as usize) < graph.len() {
        let task = TaskId(*cursor);
        if graph.dependencies(task).is_empty() && graph.spec(task).lane == lane {
            return Some(task);
        }
        *cursor += 1;
    }
    None
}
