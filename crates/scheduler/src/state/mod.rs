//! What decides: events in, commands out. No thread, no clock, no channel.
//!
//! The algorithm, and why it neither deadlocks nor exceeds the limit, is in this folder's `README.md`.

mod budget;
mod ready;
mod set;

pub use budget::Budget;

use crate::graph::{Graph, Lane, TaskId};
use ready::{Queue, Ready};
use set::TaskSet;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A worker takes `now` jobs at a time where it took `before`; one that joins took none. Workers stay to the end.
    Appetite {
        /// Jobs it took at a time so far.
        before: usize,
        /// Jobs it takes at a time from now on.
        now: usize,
    },
    /// A task's value is there.
    Computed {
        /// The task, which was executed or begun.
        task: TaskId,
        /// The value's real size.
        bytes: u64,
    },
    /// A value was delivered.
    Delivered {
        /// The task whose value it was.
        task: TaskId,
    },
    /// A task, or the delivery of its value, failed.
    Failed {
        /// The task.
        task: TaskId,
    },
    /// Nobody wants the rest any more. Without effect once the outcome is known.
    Cancelled,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run this CPU task on a worker.
    Execute(TaskId),
    /// Begin this I/O task.
    Begin(TaskId),
    /// Deliver this task's value on a worker.
    Deliver(TaskId),
    /// Forget this task's value.
    Free(TaskId),
}

/// The progress of one run.
///
/// A shell feeds it events and carries out its commands. Of the commands of one event, the shell's worker does best to
/// take the first [`Execute`](Command::Execute) or [`Deliver`](Command::Deliver) itself.
#[derive(Debug)]
pub struct State<'g> {
    graph: &'g Graph,
    budget: Budget,
    /// Before a task has its value: inputs still missing. Afterwards: users still unfinished.
    counts: Vec<u32>,
    /// Accounted bytes of each task: what it takes while it runs, then its value.
    held: Vec<u64>,
    /// Tasks that run no more: they have their value, or failed.
    settled: TaskSet,
    ready: Ready,
    /// Executions and deliveries that workers have before them, and those they have an appetite for.
    jobs: usize,
    jobs_max: usize,
    io_in_flight: usize,
    io_in_flight_max: usize,
    io_started: usize,
    /// The lowest task whose value is still to be delivered, and whether that is under way.
    next_delivery: u32,
    delivering: bool,
    /// The lowest unfinished task.
    lowest: u32,
    /// The lowest failed task, or the number of tasks: nothing from here on matters.
    bound: u32,
    cancelled: bool,
}

impl<'g> State<'g> {
    /// The state before anything has happened. At most `io_in_flight` I/O tasks run at once; 0 counts as 1.
    pub fn new(graph: &'g Graph, io_in_flight: usize, budget: Budget) -> Self {
        let mut state = Self {
            graph,
            budget,
            counts: graph.tasks().map(|task| graph.dependencies(task).len() as u32).collect(),
            held: vec![0; graph.len()],
            settled: TaskSet::new(graph.len()),
            ready: Ready::new(graph),
            jobs: 0,
            jobs_max: 0,
            io_in_flight: 0,
            io_in_flight_max: io_in_flight.max(1),
            io_started: 0,
            next_delivery: 0,
            delivering: false,
            lowest: 0,
            bound: graph.len() as u32,
            cancelled: false,
        };
        state.find_delivery();
        state
    }

    /// Takes note of an event and appends what is to be done now.
    pub fn on_event(&mut self, event: Event, commands: &mut Vec<Command>) {
        let mut successor = None;
        match event {
            Event::Appetite { before, now } => self.jobs_max = self.jobs_max - before + now,
            Event::Computed { task, bytes } => successor = self.computed(task, bytes, commands),
            Event::Delivered { task } => self.delivered(task, commands),
            Event::Failed { task } => self.failed(task),
            Event::Cancelled => self.cancelled = !self.is_settled(),
        }
        self.advance_lowest();
        if !self.is_over() {
            self.start_delivery(commands);
            self.admit(successor, commands);
        }
    }

    /// Whether nothing is left to do: all is done, all below a failure is done, or the run was cancelled.
    pub fn is_over(&self) -> bool {
        self.cancelled || self.lowest >= self.bound
    }

    /// Whether the run's outcome was known before it was cancelled, if ever: every task below the lowest failure is
    /// finished, its value delivered.
    pub fn is_settled(&self) -> bool {
        !self.cancelled && self.lowest >= self.bound
    }

    /// The account of bytes.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// I/O tasks begun so far.
    pub fn io_started(&self) -> usize {
        self.io_started
    }

    /// Books a value; returns the lowest CPU task it made ready, which is to run next.
    fn computed(&mut self, task: TaskId, bytes: u64, commands: &mut Vec<Command>) -> Option<TaskId> {
        if self.settled.contains(task) {
            // Subtle: a begin that replied and then panicked has failed before its reply is read.
            return None;
        }
        self.leave_lane(task);
        self.take(task, bytes);
        for &input in self.graph.dependencies(task) {
            self.release(input, commands);
        }
        self.counts[task.index()] = self.graph.dependents(task).len() as u32;
        if self.counts[task.index()] == 0 && !self.graph.delivers(task) {
            self.free(task, commands);
        }
        self.wake_dependents(task)
    }

    fn delivered(&mut self, task: TaskId, commands: &mut Vec<Command>) {
        if self.end_delivery(task) {
            self.free(task, commands);
            self.next_delivery += 1;
            self.find_delivery();
        }
    }

    /// What the failed task read stays accounted: only a user that succeeds gives a value back.
    fn failed(&mut self, task: TaskId) {
        if self.end_delivery(task) {
            self.give_back(task);
        } else if !self.settled.contains(task) {
            self.leave_lane(task);
        }
        // Subtle: if the reply was read first, the task of such a begin is settled; the panic still counts.
        self.bound = self.bound.min(task.0);
    }

    /// Gives back what a task holds only while it runs.
    fn leave_lane(&mut self, task: TaskId) {
        match self.graph.lane(task) {
            Lane::Cpu => self.jobs -= 1,
            Lane::Io => self.io_in_flight -= 1,
        }
        self.give_back(task);
        self.settled.insert(task);
    }

    /// One user of this value less.
    fn release(&mut self, input: TaskId, commands: &mut Vec<Command>) {
        let users = &mut self.counts[input.index()];
        *users -= 1;
        if *users == 0 {
            self.free(input, commands);
        }
    }

    fn free(&mut self, task: TaskId, commands: &mut Vec<Command>) {
        self.give_back(task);
        commands.push(Command::Free(task));
    }

    fn take(&mut self, task: TaskId, bytes: u64) {
        self.held[task.index()] = bytes;
        self.budget.take(bytes, task.0 > self.lowest);
    }

    fn give_back(&mut self, task: TaskId) {
        let bytes = std::mem::take(&mut self.held[task.index()]);
        self.budget.give_back(bytes, task.0 > self.lowest);
    }

    fn wake_dependents(&mut self, task: TaskId) -> Option<TaskId> {
        let mut successor = None;
        for &dependent in self.graph.dependents(task) {
            let missing = &mut self.counts[dependent.index()];
            *missing -= 1;
            if *missing > 0 {
                continue;
            }
            if successor.is_none() && self.graph.lane(dependent) == Lane::Cpu {
                successor = Some(dependent);
            } else {
                self.ready.push(dependent, self.graph);
            }
        }
        successor
    }

    /// Ends the delivery under way if it is this task's.
    fn end_delivery(&mut self, task: TaskId) -> bool {
        let ends = self.delivering && self.next_delivery == task.0;
        if ends {
            self.delivering = false;
            self.jobs -= 1;
        }
        ends
    }

    /// Moves on to the next task whose value is delivered.
    fn find_delivery(&mut self) {
        let len = self.graph.len() as u32;
        while self.next_delivery < len && !self.graph.delivers(TaskId(self.next_delivery)) {
            self.next_delivery += 1;
        }
    }

    fn advance_lowest(&mut self) {
        while self.lowest < self.bound && self.is_finished(TaskId(self.lowest)) {
            self.lowest += 1;
            // What the lowest task holds, a serial run would hold now, too.
            if let Some(bytes) = self.held.get(self.lowest as usize) {
                self.budget.catch_up(*bytes);
            }
        }
    }

    fn is_finished(&self, task: TaskId) -> bool {
        self.settled.contains(task) && (task.0 < self.next_delivery || !self.graph.delivers(task))
    }

    /// Delivery goes before execution: it gives memory back.
    ///
    /// It waits for all lower tasks, not only for those delivered before it: one of them may still fail, and nothing
    /// after a failure is delivered.
    fn start_delivery(&mut self, commands: &mut Vec<Command>) {
        let task = TaskId(self.next_delivery);
        let due = self.lowest == task.0 && self.settled.contains(task);
        if due && !self.delivering && self.has_room(Lane::Cpu) {
            self.delivering = true;
            self.jobs += 1;
            commands.push(Command::Deliver(task));
        }
    }

    /// The only place where memory is handed out.
    ///
    /// `horizon` keeps the order: once a task has been refused for want of memory, no later one is started, or it
    /// would eat what the refused one waits for.
    fn admit(&mut self, successor: Option<TaskId>, commands: &mut Vec<Command>) {
        let mut horizon = self.bound;
        // A task just made ready goes first: its inputs are still in the cache.
        if let Some(task) = successor
            && !(self.is_next(task) && self.has_room(Lane::Cpu) && self.try_start(task, &mut horizon, commands))
        {
            self.ready.push(task, self.graph);
        }
        // Tasks with inputs go before roots: finishing them frees memory.
        self.start_from(Queue::EagerInner, &[Queue::CpuInner], &mut horizon, commands);
        let roots = [Queue::CpuRoot, Queue::IoInner, Queue::IoRoot];
        self.start_from(Queue::EagerRoot, &roots, &mut horizon, commands);
    }

    /// Whether a successor need not stand behind those that begin I/O.
    fn is_next(&mut self, successor: TaskId) -> bool {
        self.is_eager(successor) || self.ready.head(Queue::EagerInner, self.graph).is_none()
    }

    fn is_eager(&self, task: TaskId) -> bool {
        self.graph.leads_to_io(task)
    }

    /// Starts tasks of these queues, lowest first but the eager ones before, until one is refused or the lanes are
    /// full.
    // Inlined, with the two it calls, the queues are known at each call: 60 ns instead of 90 for a task without edges.
    #[inline(always)]
    fn start_from(&mut self, eager: Queue, others: &[Queue], horizon: &mut u32, commands: &mut Vec<Command>) {
        while let Some((task, queue)) = self.next_of(eager, others, *horizon)
            && self.try_start(task, horizon, commands)
        {
            self.ready.remove_head(queue, task);
        }
    }

    /// What begins I/O goes first, or the network would wait for processors; but it overtakes a lower task only for
    /// its worker, never for its memory.
    #[inline(always)]
    fn next_of(&mut self, eager: Queue, others: &[Queue], horizon: u32) -> Option<(TaskId, Queue)> {
        let lowest = self.lowest_of(others);
        let Some(eager) = self.lowest_of(&[eager]).filter(|(task, _)| task.0 < horizon) else { return lowest };
        match lowest {
            Some((other, _)) if other < eager.0 && !self.fits_beside(eager.0, others) => lowest,
            _ => Some(eager),
        }
    }

    /// Whether there is memory for a task and for the lowest of each of these queues, as far as they are lower and have
    /// to ask for it.
    fn fits_beside(&mut self, task: TaskId, queues: &[Queue]) -> bool {
        let mut bytes = self.cost(task);
        for queue in queues {
            let lowest = self.lowest;
            let lower = |(other, _): &(TaskId, Queue)| *other < task && other.0 != lowest;
            if let Some((other, _)) = self.lowest_of(&[*queue]).filter(lower) {
                bytes = bytes.saturating_add(self.cost(other));
            }
        }
        self.budget.fits(bytes)
    }

    /// What a task takes while it runs.
    fn cost(&self, task: TaskId) -> u64 {
        let spec = self.graph.spec(task);
        spec.scratch + spec.output
    }

    #[inline(always)]
    fn lowest_of(&mut self, queues: &[Queue]) -> Option<(TaskId, Queue)> {
        let mut lowest = None;
        for &queue in queues {
            if self.has_room(queue.lane())
                && let Some(head) = self.ready.head(queue, self.graph)
                && lowest.is_none_or(|(other, _)| head < other)
            {
                lowest = Some((head, queue));
            }
        }
        lowest
    }

    fn has_room(&self, lane: Lane) -> bool {
        match lane {
            Lane::Cpu => self.jobs < self.jobs_max,
            Lane::Io => self.io_in_flight < self.io_in_flight_max,
        }
    }

    /// Starts a task if its turn and the memory allow it.
    fn try_start(&mut self, task: TaskId, horizon: &mut u32, commands: &mut Vec<Command>) -> bool {
        if task.0 >= *horizon {
            return false;
        }
        let bytes = self.cost(task);
        // The lowest unfinished task needs no room: without this exception a full budget would be a deadlock.
        if task.0 != self.lowest && !self.budget.fits(bytes) {
            *horizon = task.0;
            return false;
        }
        self.take(task, bytes);
        match self.graph.lane(task) {
            Lane::Cpu => {
                self.jobs += 1;
                commands.push(Command::Execute(task));
            }
            Lane::Io => {
                self.io_in_flight += 1;
                self.io_started += 1;
                commands.push(Command::Begin(task));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
