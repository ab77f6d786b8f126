//! Tasks whose inputs are there, lowest id first.

use super::set::TaskSet;
use crate::graph::{Graph, Lane, TaskId};

/// The sorts of ready tasks. Of CPU tasks, the eager ones are those that lead to I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// CPU tasks that have inputs: finishing them frees memory.
    CpuInner,
    /// The eager ones of these.
    EagerInner,
    /// CPU tasks that are ready from the start.
    CpuRoot,
    /// The eager ones of these.
    EagerRoot,
    /// I/O tasks that had to wait for others.
    IoInner,
    /// I/O tasks that are ready from the start.
    IoRoot,
}

impl Queue {
    pub(super) fn lane(self) -> Lane {
        match self {
            Self::CpuInner | Self::EagerInner | Self::CpuRoot | Self::EagerRoot => Lane::Cpu,
            Self::IoInner | Self::IoRoot => Lane::Io,
        }
    }
}

/// All ready tasks. Roots, often a million of them, take no memory: a cursor per sort walks the graph.
#[derive(Debug)]
pub(super) struct Ready {
    cpu_inner: TaskSet,
    eager_inner: TaskSet,
    io_inner: TaskSet,
    cpu_root: u32,
    eager_root: u32,
    io_root: u32,
}

impl Ready {
    pub(super) fn new(graph: &Graph) -> Self {
        let inner = || TaskSet::new(graph.len());
        Self { cpu_inner: inner(), eager_inner: inner(), io_inner: inner(), cpu_root: 0, eager_root: 0, io_root: 0 }
    }

    /// Adds a task whose last input has just arrived.
    pub(super) fn push(&mut self, task: TaskId, graph: &Graph) {
        match graph.lane(task) {
            Lane::Cpu if graph.leads_to_io(task) => self.eager_inner.insert(task),
            Lane::Cpu => self.cpu_inner.insert(task),
            Lane::Io => self.io_inner.insert(task),
        }
    }

    /// The lowest task of a queue.
    pub(super) fn head(&mut self, queue: Queue, graph: &Graph) -> Option<TaskId> {
        match queue {
            Queue::CpuInner => self.cpu_inner.first(),
            Queue::EagerInner => self.eager_inner.first(),
            Queue::IoInner => self.io_inner.first(),
            Queue::CpuRoot => next_root(&mut self.cpu_root, graph, Lane::Cpu, false),
            Queue::EagerRoot => next_root(&mut self.eager_root, graph, Lane::Cpu, true),
            Queue::IoRoot => next_root(&mut self.io_root, graph, Lane::Io, false),
        }
    }

    /// Removes the task that [`head`](Self::head) has just returned.
    pub(super) fn remove_head(&mut self, queue: Queue, head: TaskId) {
        match queue {
            Queue::CpuInner => self.cpu_inner.remove(head),
            Queue::EagerInner => self.eager_inner.remove(head),
            Queue::IoInner => self.io_inner.remove(head),
            Queue::CpuRoot => self.cpu_root = head.0 + 1,
            Queue::EagerRoot => self.eager_root = head.0 + 1,
            Queue::IoRoot => self.io_root = head.0 + 1,
        }
    }
}

/// Moves the cursor to the next root of a sort; an I/O task is never eager.
fn next_root(cursor: &mut u32, graph: &Graph, lane: Lane, eager: bool) -> Option<TaskId> {
    while (*cursor as usize) < graph.len() {
        let task = TaskId(*cursor);
        let is_eager = lane == Lane::Cpu && graph.leads_to_io(task);
        if graph.dependencies(task).is_empty() && graph.lane(task) == lane && is_eager == eager {
            return Some(task);
        }
        *cursor += 1;
    }
    None
}
