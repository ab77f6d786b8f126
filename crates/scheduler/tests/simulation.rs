//! The pure state against a model that knows the rules but not the algorithm: random graphs, budgets, completion
//! orders, failures and cancels; no thread.

mod common;

use common::{Rng, random_graph};
use swath_scheduler::{Budget, Command, Event, Graph, Lane, State, TaskId, serial_peak};

const SEEDS: u64 = 12_000;

#[test]
fn random_runs_keep_every_rule() {
    for seed in 0..SEEDS {
        let run = std::panic::catch_unwind(|| Simulation::check(seed));
        if let Err(panic) = run {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            panic!("seed {seed}: {}", message.or(panic.downcast_ref().copied()).unwrap_or("?"));
        }
    }
}

/// What is to become of a task, fixed before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Completes,
    Fails,
    /// As an I/O task whose reply is dropped by the panic of its begin.
    FailsTwice,
    /// As an I/O task whose begin replies and then panics.
    FailsAndReplies,
    FailsToDeliver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    HasValue,
    Delivering,
    Delivered,
    Freed,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    Exact,
    Smaller,
    Larger,
}

struct Simulation<'g> {
    graph: &'g Graph,
    rng: Rng,
    state: State<'g>,
    fates: Vec<Fate>,
    /// Real sizes of the values.
    bytes: Vec<u64>,
    stages: Vec<Stage>,
    /// Jobs that each worker takes at a time.
    appetites: Vec<usize>,
    io_in_flight_max: usize,
    limit: u64,
    keeps_limit: bool,
    /// Tasks and deliveries under way.
    running: Vec<TaskId>,
    delivered: Vec<TaskId>,
    lowest_failure: Option<TaskId>,
    last_io_root: Option<TaskId>,
}

impl<'g> Simulation<'g> {
    fn check(seed: u64) {
        let mut rng = Rng(seed);
        let tasks_max = if rng.chance(10) { 150 } else { 30 };
        let graph = random_graph(&mut rng, tasks_max);
        let cancels = rng.chance(10);
        let mut simulation = Simulation::new(&graph, rng);
        simulation.run(cancels);
    }

    fn new(graph: &'g Graph, mut rng: Rng) -> Self {
        let peak = serial_peak(graph).bytes;
        let extra = [0, 1, 10, 40, 200, u64::MAX - peak][rng.below(6)];
        let limit = peak + extra;
        let io_in_flight_max = 1 + rng.below(6);
        let sizes = [Sizes::Exact, Sizes::Exact, Sizes::Smaller, Sizes::Larger][rng.below(4)];
        let failing = [0, 0, 2, 10][rng.below(4)];
        let bytes = graph.tasks().map(|task| real_size(graph, task, sizes, &mut rng)).collect();
        let fates = graph.tasks().map(|task| fate(graph, task, failing, &mut rng)).collect();
        Self {
            graph,
            state: State::new(graph, io_in_flight_max, Budget::new(limit, peak)),
            rng,
            fates,
            bytes,
            stages: vec![Stage::Waiting; graph.len()],
            appetites: Vec::new(),
            io_in_flight_max,
            limit,
            keeps_limit: sizes != Sizes::Larger,
            running: Vec::new(),
            delivered: Vec::new(),
            lowest_failure: None,
            last_io_root: None,
        }
    }

    fn run(&mut self, cancels: bool) {
        let workers_max = 1 + self.rng.below(4);
        let batches = self.rng.chance(50);
        while !self.state.is_over() {
            if cancels && self.rng.chance(5) {
                return self.cancel();
            }
            if self.appetites.is_empty() || (self.appetites.len() < workers_max && self.rng.chance(30)) {
                self.appetites.push(1);
                self.send(Event::Appetite { before: 0, now: 1 });
            } else if batches && self.rng.chance(20) {
                self.change_appetite();
            } else {
                self.end_something();
            }
        }
        self.check_end();
    }

    fn change_appetite(&mut self) {
        let worker = self.rng.below(self.appetites.len());
        let now = 1 + self.rng.below(8);
        let before = std::mem::replace(&mut self.appetites[worker], now);
        self.send(Event::Appetite { before, now });
    }

    /// Ends a random task or delivery that is under way.
    fn end_something(&mut self) {
        assert!(!self.running.is_empty(), "stuck: nothing runs, and the run is not over");
        let index = self.rng.below(self.running.len());
        let task = self.running.swap_remove(index);
        let fate = self.fates[task.0 as usize];
        match (self.stage(task), fate) {
            (Stage::Delivering, Fate::FailsToDeliver) => self.end(task, Stage::Failed),
            (Stage::Delivering, _) => self.end(task, Stage::Delivered),
            (Stage::Running, Fate::Fails) => self.end(task, Stage::Failed),
            (Stage::Running, Fate::FailsAndReplies) => {
                self.end(task, Stage::Failed);
                self.send(Event::Computed { task, bytes: 1 });
            }
            (Stage::Running, Fate::FailsTwice) => {
                self.end(task, Stage::Failed);
                self.send(Event::Failed { task });
            }
            (Stage::Running, _) => self.end(task, Stage::HasValue),
            (stage, _) => panic!("task {task} is under way and {stage:?}"),
        }
    }

    fn end(&mut self, task: TaskId, stage: Stage) {
        self.stages[task.0 as usize] = stage;
        match stage {
            Stage::Delivered => {
                self.delivered.push(task);
                self.send(Event::Delivered { task });
            }
            Stage::Failed => {
                self.lowest_failure = Some(self.lowest_failure.map_or(task, |lowest| lowest.min(task)));
                self.send(Event::Failed { task });
            }
            _ => self.send(Event::Computed { task, bytes: self.bytes[task.0 as usize] }),
        }
    }

    fn send(&mut self, event: Event) {
        let mut commands = Vec::new();
        self.state.on_event(event, &mut commands);
        for &command in &commands {
            self.obey(command);
        }
        self.check_account();
        if !self.state.is_over() {
            self.check_order(&commands);
            self.check_eager(&commands);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Execute(task) => self.start(task, Lane::Cpu),
            Command::Begin(task) => self.start(task, Lane::Io),
            Command::Deliver(task) => self.deliver(task),
            Command::Free(task) => self.free(task),
        }
    }

    fn start(&mut self, task: TaskId, lane: Lane) {
        assert_eq!(self.graph.spec(task).lane, lane, "task {task} is in the wrong lane");
        assert_eq!(self.stage(task), Stage::Waiting, "task {task} starts twice");
        assert!(self.has_inputs(task), "task {task} starts before its inputs, or after they were freed");
        assert!(self.has_room(lane), "task {task} starts in a full lane");
        assert!(self.matters(task), "task {task} starts after a lower one has failed");
        if lane == Lane::Io && self.graph.dependencies(task).is_empty() {
            assert!(self.last_io_root < Some(task), "I/O task {task} starts out of order");
            self.last_io_root = Some(task);
        }
        self.stages[task.0 as usize] = Stage::Running;
        self.running.push(task);
    }

    fn deliver(&mut self, task: TaskId) {
        assert!(self.graph.spec(task).deliver);
        assert_eq!(self.stage(task), Stage::HasValue, "task {task} is delivered without a value");
        assert!(!self.stages.contains(&Stage::Delivering), "two deliveries at once");
        assert!(self.has_room(Lane::Cpu), "task {task} is delivered by no worker");
        assert!(self.matters(task), "task {task} is delivered after a lower one has failed");
        assert_eq!(self.lowest_unfinished(), Some(task), "task {task} is delivered while a lower one may fail");
        let before = self.graph.tasks().filter(|other| *other < task && self.graph.spec(*other).deliver);
        assert!(before.eq(self.delivered.iter().copied()), "task {task} is delivered out of order");
        self.stages[task.0 as usize] = Stage::Delivering;
        self.running.push(task);
    }

    fn free(&mut self, task: TaskId) {
        let expected = if self.graph.spec(task).deliver { Stage::Delivered } else { Stage::HasValue };
        assert_eq!(self.stage(task), expected, "task {task} is freed");
        for &user in self.graph.dependents(task) {
            assert!(self.has_value(user), "task {task} is freed before its user {user} has finished");
        }
        self.stages[task.0 as usize] = Stage::Freed;
    }

    /// The account agrees with an account from first principles, and with the limit.
    fn check_account(&self) {
        let live: u64 = self.graph.tasks().map(|task| self.held(task)).sum();
        assert_eq!(self.state.budget().live(), live, "the account is wrong");
        if self.keeps_limit {
            let peak = self.state.budget().peak();
            assert!(peak <= self.limit, "{peak} bytes exceed the limit of {}", self.limit);
        }
    }

    fn held(&self, task: TaskId) -> u64 {
        let spec = self.graph.spec(task);
        match self.stage(task) {
            Stage::Running => spec.scratch + spec.output,
            Stage::HasValue | Stage::Delivering => self.bytes[task.0 as usize],
            Stage::Waiting | Stage::Delivered | Stage::Freed | Stage::Failed => 0,
        }
    }

    /// Nobody waits without a reason, and who waits for memory is not overtaken.
    fn check_order(&self, commands: &[Command]) {
        let waiting = self.graph.tasks().find(|&task| {
            self.stage(task) == Stage::Waiting && self.has_inputs(task) && self.has_room(self.graph.spec(task).lane)
        });
        let Some(waiting) = waiting.filter(|&task| self.matters(task)) else { return };
        assert!(self.limit < u64::MAX, "task {waiting} waits for memory without a limit");
        assert_ne!(Some(waiting), self.lowest_unfinished(), "the lowest task waits for memory");
        let mut lower_started = false;
        for &command in commands.iter().rev() {
            if let Command::Execute(task) | Command::Begin(task) = command {
                let is_root = self.graph.dependencies(task).is_empty();
                // One that leads to I/O may go before the lowest, beside which it fits.
                let may_overtake = lower_started && self.is_eager(task);
                let keeps_order = !is_root || task < waiting || may_overtake;
                assert!(keeps_order, "root {task} overtakes {waiting}, which waits for memory");
                lower_started |= task < waiting;
            }
        }
    }

    /// Of tasks alike, those that lead to I/O are the first to get a worker, if there is memory for all.
    fn check_eager(&self, commands: &[Command]) {
        let is_inner = |task: TaskId| !self.graph.dependencies(task).is_empty();
        let waits = |task: &TaskId| {
            self.stage(*task) == Stage::Waiting && self.has_inputs(*task) && self.matters(*task) && self.is_eager(*task)
        };
        for &command in commands {
            if let Command::Execute(task) = command
                && self.limit == u64::MAX
                && !self.is_eager(task)
                && let Some(eager) = self.graph.tasks().filter(waits).find(|eager| is_inner(*eager) == is_inner(task))
            {
                panic!("task {task} takes the worker that {eager}, which leads to I/O, waits for");
            }
        }
    }

    /// Whether this is a CPU task that leads to I/O, by a search.
    fn is_eager(&self, task: TaskId) -> bool {
        let leads = |&user: &TaskId| self.graph.spec(user).lane == Lane::Io || self.is_eager(user);
        self.graph.spec(task).lane == Lane::Cpu && self.graph.dependents(task).iter().any(leads)
    }

    fn cancel(&mut self) {
        self.send(Event::Cancelled);
        assert!(self.state.is_over() && !self.state.is_settled());
        while !self.running.is_empty() {
            let before = self.running.len();
            self.end_something();
            assert!(self.running.len() < before, "something starts after the cancel");
        }
    }

    fn check_end(&mut self) {
        assert!(self.state.is_settled());
        // Whatever the order of events, the outcome is that of a serial run.
        let first = self.graph.tasks().find(|task| self.fates[task.0 as usize] != Fate::Completes);
        assert_eq!(self.lowest_failure, first, "not the failure of a serial run");
        let due = self.graph.tasks().filter(|&task| self.matters(task) && self.graph.spec(task).deliver);
        assert!(due.eq(self.delivered.iter().copied()), "not the deliveries of a serial run");
        for task in self.graph.tasks().filter(|&task| self.matters(task)) {
            let finished = if self.graph.spec(task).deliver { Stage::Freed } else { Stage::HasValue };
            assert!([finished, Stage::Freed].contains(&self.stage(task)), "task {task} is not finished");
        }
        if first.is_none() {
            assert!(self.running.is_empty());
            assert!(self.stages.iter().all(|stage| *stage == Stage::Freed), "a value was not freed");
            assert_eq!(self.state.budget().live(), 0);
        }
        self.state.on_event(Event::Cancelled, &mut Vec::new());
        assert!(self.state.is_settled(), "a cancel after the end changes the outcome");
    }

    fn stage(&self, task: TaskId) -> Stage {
        self.stages[task.0 as usize]
    }

    fn has_value(&self, task: TaskId) -> bool {
        matches!(self.stage(task), Stage::HasValue | Stage::Delivering | Stage::Delivered | Stage::Freed)
            || (self.stage(task) == Stage::Failed && self.fates[task.0 as usize] == Fate::FailsToDeliver)
    }

    fn has_inputs(&self, task: TaskId) -> bool {
        self.graph.dependencies(task).iter().all(|&input| self.stage(input) == Stage::HasValue)
    }

    fn matters(&self, task: TaskId) -> bool {
        self.lowest_failure.is_none_or(|failure| task < failure)
    }

    fn has_room(&self, lane: Lane) -> bool {
        let occupies =
            |task: &&TaskId| self.stage(**task) == Stage::Delivering || self.graph.spec(**task).lane == Lane::Cpu;
        let busy = self.running.iter().filter(occupies).count();
        match lane {
            Lane::Cpu => busy < self.appetites.iter().sum(),
            Lane::Io => self.running.len() - busy < self.io_in_flight_max,
        }
    }

    fn lowest_unfinished(&self) -> Option<TaskId> {
        self.graph.tasks().find(|&task| {
            let finished = if self.graph.spec(task).deliver { Stage::Freed } else { Stage::HasValue };
            ![finished, Stage::Freed].contains(&self.stage(task))
        })
    }
}

fn real_size(graph: &Graph, task: TaskId, sizes: Sizes, rng: &mut Rng) -> u64 {
    let estimate = graph.spec(task).output;
    match sizes {
        Sizes::Exact => estimate,
        Sizes::Smaller => rng.below(estimate as usize + 1) as u64,
        Sizes::Larger => estimate + rng.below(20) as u64,
    }
}

fn fate(graph: &Graph, task: TaskId, failing: usize, rng: &mut Rng) -> Fate {
    let spec = graph.spec(task);
    if !rng.chance(failing) {
        Fate::Completes
    } else if spec.deliver && rng.chance(50) {
        Fate::FailsToDeliver
    } else if spec.lane == Lane::Io && rng.chance(60) {
        if rng.chance(50) { Fate::FailsTwice } else { Fate::FailsAndReplies }
    } else {
        Fate::Fails
    }
}
