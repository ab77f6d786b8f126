//! The tasks, their costs and their edges, as arrays of numbers.

use std::fmt;

use thiserror::Error;

use crate::specs::Specs;

/// A task's place in its graph, and its priority: a task's dependencies have smaller ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u32);

impl TaskId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// On a worker thread, which it occupies.
    Cpu,
    /// Elsewhere: a worker only begins it, and its reply arrives from any thread.
    Io,
}

/// What a task costs and where it runs.
///
/// Sizes are in bytes and should be upper bounds: the memory limit holds as far as they do. They are stored in
/// 62 bits; larger ones saturate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Where the task runs.
    pub lane: Lane,
    /// Bytes held only while the task runs.
    pub scratch: u64,
    /// Bytes of the task's value; replaced by [`Work::byte_len`](crate::Work::byte_len) once it is there.
    pub output: u64,
    /// Whether the value is handed to [`Work::deliver`](crate::Work::deliver), in id order. Such a value belongs to
    /// the receiver, so no other task can depend on it.
    pub deliver: bool,
}

/// An immutable task graph: per task 12 bytes, per edge 8, and 16 for each of the specs that differ.
#[derive(Clone, Debug)]
pub struct Graph {
    specs: Specs,
    dependencies: Adjacency,
    dependents: Adjacency,
}

impl Graph {
    /// The number of tasks.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there is no task at all.
    pub fn is_empty(&self) -> bool {
        self.specs.len() == 0
    }

    /// All tasks, in id order.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = TaskId> + ExactSizeIterator + use<> {
        (0..self.specs.len() as u32).map(TaskId)
    }

    /// What a task costs and where it runs.
    ///
    /// # Panics
    ///
    /// If the task is not one of this graph; so do the other accessors.
    pub fn spec(&self, task: TaskId) -> TaskSpec {
        self.specs.get(task.index())
    }

    /// Whether an I/O task depends on this task, directly or through others.
    pub fn leads_to_io(&self, task: TaskId) -> bool {
        self.specs.leads_to_io(task.index())
    }

    /// Where a task runs.
    pub(crate) fn lane(&self, task: TaskId) -> Lane {
        self.specs.lane(task.index())
    }

    /// Whether a task's value is delivered.
    pub(crate) fn delivers(&self, task: TaskId) -> bool {
        self.specs.deliver(task.index())
    }

    /// The tasks whose values this task reads, as given to [`GraphBuilder::push`].
    pub fn dependencies(&self, task: TaskId) -> &[TaskId] {
        self.dependencies.of(task)
    }

    /// The tasks that read this task's value, ascending; a task that reads it twice is there twice.
    pub fn dependents(&self, task: TaskId) -> &[TaskId] {
        self.dependents.of(task)
    }
}

/// Collects tasks into a [`Graph`].
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    specs: Specs,
    dependencies: Adjacency,
}

impl GraphBuilder {
    /// A builder without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder without tasks that has room for so many, and for so many dependencies in all.
    pub fn with_capacity(tasks: usize, dependencies: usize) -> Self {
        Self { specs: Specs::with_capacity(tasks), dependencies: Adjacency::with_capacity(tasks, dependencies) }
    }

    /// Adds a task that reads the values of `dependencies`, in this order, and returns its id, which is the number of
    /// tasks pushed before it.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; the builder is then as before the call.
    pub fn push(&mut self, spec: TaskSpec, dependencies: &[TaskId]) -> Result<TaskId, GraphError> {
        let task = self.next_id(dependencies.len())?;
        for &dependency in dependencies {
            self.check_edge(task, dependency)?;
        }
        if !self.specs.push(spec) {
            return Err(GraphError::TooLarge);
        }
        self.dependencies.push(dependencies);
        Ok(task)
    }

    /// The finished graph.
    pub fn build(mut self) -> Graph {
        self.specs.shrink();
        self.dependencies.starts.shrink_to_fit();
        self.dependencies.targets.shrink_to_fit();
        let dependents = self.dependencies.reversed();
        // Dependents have higher ids, so they are marked before the tasks that lead to them.
        for index in (0..self.specs.len()).rev() {
            let begins_io = |dependent: &TaskId| {
                let dependent = dependent.index();
                self.specs.leads_to_io(dependent) || self.specs.lane(dependent) == Lane::Io
            };
            if dependents.of(TaskId(index as u32)).iter().any(begins_io) {
                self.specs.set_leads_to_io(index);
            }
        }
        Graph { specs: self.specs, dependencies: self.dependencies, dependents }
    }

    /// The last id and the last edge index stay free: both serve as ends of ranges.
    fn next_id(&self, more_edges: usize) -> Result<TaskId, GraphError> {
        let edges = self.dependencies.targets.len().checked_add(more_edges);
        if edges.is_none_or(|edges| edges >= u32::MAX as usize) {
            return Err(GraphError::TooLarge);
        }
        match u32::try_from(self.specs.len()) {
            Ok(id) if id < u32::MAX => Ok(TaskId(id)),
            _ => Err(GraphError::TooLarge),
        }
    }

    fn check_edge(&self, task: TaskId, dependency: TaskId) -> Result<(), GraphError> {
        if dependency >= task {
            return Err(GraphError::ForwardEdge { task, dependency });
        }
        if self.specs.deliver(dependency.index()) {
            return Err(GraphError::DeliveredInput { task, dependency });
        }
        Ok(())
    }
}

/// Why a task cannot be added to a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// A task depends on itself or on a task that comes later.
    #[error("task {task} cannot depend on task {dependency}, which does not come before it")]
    ForwardEdge {
        /// The task that was to be added.
        task: TaskId,
        /// The dependency that is not before it.
        dependency: TaskId,
    },
    /// A task depends on a value that is delivered.
    #[error("task {task} cannot depend on task {dependency}, whose value is delivered")]
    DeliveredInput {
        /// The task that was to be added.
        task: TaskId,
        /// The dependency whose value is given away.
        dependency: TaskId,
    },
    /// There would be 2³² - 1 tasks or edges.
    #[error("a graph holds fewer than 4294967295 tasks and edges")]
    TooLarge,
}

/// Edges in compressed sparse rows: those of task `i` are `targets[starts[i]..starts[i + 1]]`.
#[derive(Clone, Debug)]
struct Adjacency {
    starts: Vec<u32>,
    targets: Vec<TaskId>,
}

impl Default for Adjacency {
    fn default() -> Self {
        Self { starts: vec![0], targets: Vec::new() }
    }
}

impl Adjacency {
    fn with_capacity(rows: usize, edges: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self { starts, targets: Vec::with_capacity(edges) }
    }

    fn push(&mut self, targets: &[TaskId]) {
        self.targets.extend_from_slice(targets);
        self.starts.push(self.targets.len() as u32);
    }

    fn of(&self, task: TaskId) -> &[TaskId] {
        let index = task.index();
        &self.targets[self.starts[index] as usize..self.starts[index + 1] as usize]
    }

    /// The same edges seen from their other end, by a counting sort, which leaves every row ascending.
    fn reversed(&self) -> Self {
        let mut starts = vec![0_u32; self.starts.len()];
        for target in &self.targets {
            starts[target.index() + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut fill = starts.clone();
        let mut targets = vec![TaskId(0); self.targets.len()];
        for task in (0..starts.len() as u32 - 1).map(TaskId) {
            for target in self.of(task) {
                let place = &mut fill[target.index()];
                targets[*place as usize] = task;
                *place += 1;
            }
        }
        Self { starts, targets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: TaskSpec = TaskSpec { lane: Lane::Cpu, scratch: 1, output: 2, deliver: false };

    fn ids(tasks: &[TaskId]) -> Vec<u32> {
        tasks.iter().map(|task| task.0).collect()
    }

    #[test]
    fn edges_are_seen_from_both_ends() {
        let mut builder = GraphBuilder::new();
        let a = builder.push(CPU, &[]).expect("a root");
        let b = builder.push(CPU, &[a]).expect("in order");
        let c = builder.push(CPU, &[b, a, b]).expect("in order");
        let graph = builder.build();
        assert_eq!(graph.len(), 3);
        assert_eq!(ids(graph.dependencies(c)), [1, 0, 1]);
        assert_eq!(ids(graph.dependents(a)), [1, 2]);
        assert_eq!(ids(graph.dependents(b)), [2, 2]);
        assert!(graph.dependents(c).is_empty());
    }

    #[test]
    fn whoever_an_io_task_needs_leads_to_io() {
        let mut builder = GraphBuilder::new();
        let mut push = |lane, inputs: &[TaskId]| builder.push(TaskSpec { lane, ..CPU }, inputs).expect("in order");
        let far = push(Lane::Cpu, &[]);
        let aside = push(Lane::Cpu, &[far]);
        let near = push(Lane::Cpu, &[far]);
        let fetch = push(Lane::Io, &[near]);
        let after = push(Lane::Cpu, &[fetch, aside]);
        let graph = builder.build();
        let leading: Vec<TaskId> = graph.tasks().filter(|task| graph.leads_to_io(*task)).collect();
        assert_eq!(leading, [far, near]);
        assert_eq!(graph.spec(near), TaskSpec { lane: Lane::Cpu, ..CPU });
        assert!(!graph.leads_to_io(after));
    }

    #[test]
    fn a_refused_task_leaves_no_trace() {
        let mut builder = GraphBuilder::new();
        let task = TaskId(0);
        assert_eq!(builder.push(CPU, &[task]), Err(GraphError::ForwardEdge { task, dependency: task }));
        let sink = builder.push(TaskSpec { deliver: true, ..CPU }, &[]).expect("a root");
        assert_eq!(builder.push(CPU, &[sink]), Err(GraphError::DeliveredInput { task: TaskId(1), dependency: sink }));
        let graph = builder.build();
        assert_eq!(graph.len(), 1);
        assert!(graph.dependents(sink).is_empty());
    }
}
