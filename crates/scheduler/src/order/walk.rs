//! One walk through a graph, with a choice of what comes next.

use crate::graph::{Graph, TaskId};

/// Which tasks run, unasked, as soon as their inputs are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    /// None: a task runs when somebody wants it.
    Never,
    /// Those that free at least as many bytes as they add.
    IfSmaller,
    /// All.
    Always,
}

/// An order in the making: only tasks whose inputs are there are added, and delivered tasks in the order of their ids.
#[derive(Debug)]
pub(super) struct Walk<'g> {
    graph: &'g Graph,
    unasked: Unasked,
    order: Vec<TaskId>,
    done: Vec<bool>,
    /// Inputs that are missing. A delivered task also waits for the one that is delivered before it.
    missing: Vec<u32>,
    /// Users of each value that are not done.
    users: Vec<u32>,
    /// The next task to be delivered.
    next_delivery: u32,
    /// Tasks that may run, the best last.
    ready: Vec<TaskId>,
    /// Tasks that are wanted, each by the one below it, and how many of their inputs have been looked at.
    wanted: Vec<(TaskId, usize)>,
}

impl<'g> Walk<'g> {
    pub(super) fn new(graph: &'g Graph, unasked: Unasked) -> Self {
        let mut walk = Self {
            graph,
            unasked,
            order: Vec::with_capacity(graph.len()),
            done: vec![false; graph.len()],
            missing: Vec::with_capacity(graph.len()),
            users: graph.tasks().map(|task| graph.dependents(task).len() as u32).collect(),
            next_delivery: 0,
            ready: Vec::new(),
            wanted: Vec::new(),
        };
        for task in graph.tasks() {
            let waits_for_turn = u32::from(graph.delivers(task));
            walk.missing.push(graph.dependencies(task).len() as u32 + waits_for_turn);
        }
        walk.find_delivery();
        walk
    }

    /// Adds each source, and after it all that it makes ready and that may run unasked.
    pub(super) fn after_sources(mut self, sources: impl Iterator<Item = TaskId>) -> Vec<TaskId> {
        for source in sources {
            // A source that is delivered comes when it is its turn.
            if self.missing[source.index()] == 0 {
                self.run(source);
            }
        }
        self.order
    }

    /// Adds each task that nobody uses, in id order, and before it what it needs, depth first.
    pub(super) fn on_demand(mut self) -> Vec<TaskId> {
        for task in self.graph.tasks() {
            if self.graph.dependents(task).is_empty() {
                self.pull(task);
            }
        }
        self.order
    }

    /// As [`on_demand`](Self::on_demand), but whoever uses what has just been made is wanted next.
    pub(super) fn on_demand_nearby(mut self) -> Vec<TaskId> {
        let mut nearby = Vec::new();
        for task in self.graph.tasks() {
            if !self.graph.dependents(task).is_empty() {
                continue;
            }
            nearby.push(task);
            while let Some(task) = nearby.pop() {
                let before = self.order.len();
                if self.may_be_wanted(task) {
                    self.pull(task);
                }
                for &made in &self.order[before..] {
                    nearby.extend(self.graph.dependents(made).iter().rev());
                }
            }
        }
        self.order
    }

    fn may_be_wanted(&self, task: TaskId) -> bool {
        !self.done[task.index()] && (task.0 == self.next_delivery || !self.graph.delivers(task))
    }

    /// Adds a task after all that it needs.
    fn pull(&mut self, task: TaskId) {
        self.wanted.push((task, 0));
        while let Some((task, seen)) = self.wanted.last_mut() {
            let task = *task;
            let unseen = &self.graph.dependencies(task)[*seen..];
            if let Some(skip) = unseen.iter().position(|input| !self.done[input.index()]) {
                *seen += skip + 1;
                self.wanted.push((unseen[skip], 0));
            } else {
                self.wanted.pop();
                self.run(task);
            }
        }
    }

    /// Adds a task, and what may follow it unasked.
    fn run(&mut self, task: TaskId) {
        self.add(task);
        while let Some(task) = self.ready.pop() {
            if self.may_run_unasked(task) {
                self.add(task);
            }
        }
    }

    fn may_run_unasked(&mut self, task: TaskId) -> bool {
        match self.unasked {
            Unasked::Never => false,
            Unasked::IfSmaller => self.bytes_freed(task) >= self.bytes_added(task),
            Unasked::Always => true,
        }
    }

    fn bytes_added(&self, task: TaskId) -> u64 {
        if self.users[task.index()] > 0 { self.graph.spec(task).output } else { 0 }
    }

    /// The bytes of the values whose last user this task is.
    fn bytes_freed(&mut self, task: TaskId) -> u64 {
        let inputs = self.graph.dependencies(task);
        let mut freed = 0_u64;
        // As if the task ran, since it may use a value several times.
        for input in inputs {
            self.users[input.index()] -= 1;
            if self.users[input.index()] == 0 {
                freed = freed.saturating_add(self.graph.spec(*input).output);
            }
        }
        for input in inputs {
            self.users[input.index()] += 1;
        }
        freed
    }

    /// Adds a task, unless it is there, and tells whom it was the last to keep waiting.
    fn add(&mut self, task: TaskId) {
        if std::mem::replace(&mut self.done[task.index()], true) {
            return;
        }
        self.order.push(task);
        for input in self.graph.dependencies(task) {
            self.users[input.index()] -= 1;
        }
        // Backwards, so that the first is on top.
        for &user in self.graph.dependents(task).iter().rev() {
            self.no_longer_waits(user);
        }
        if task.0 == self.next_delivery {
            self.next_delivery += 1;
            self.find_delivery();
        }
    }

    fn no_longer_waits(&mut self, task: TaskId) {
        self.missing[task.index()] -= 1;
        if self.missing[task.index()] == 0 {
            self.ready.push(task);
        }
    }

    fn find_delivery(&mut self) {
        while (self.next_delivery as usize) < self.graph.len() {
            let task = TaskId(self.next_delivery);
            if self.graph.delivers(task) {
                return self.no_longer_waits(task);
            }
            self.next_delivery += 1;
        }
    }
}
