//! Orders that need little memory: several are tried, the best is taken.
//!
//! A task's id is its rank, so a graph is run in the order in which it was built. [`choose`] simulates that order and a
//! few others byte by byte and returns the one with the smallest [`SerialPeak`]; [`Graph::reordered`] gives the tasks
//! ids by it. What the candidates are, and why no single one would do, is in this folder's `README.md`.
//!
//! ```
//! use swath_scheduler::{GraphBuilder, Lane, TaskSpec, order, serial_peak};
//!
//! let source = TaskSpec { lane: Lane::Io, scratch: 0, output: 100, deliver: false };
//! let sink = TaskSpec { lane: Lane::Cpu, output: 10, deliver: true, ..source };
//! let mut builder = GraphBuilder::new();
//! // All is read before anything is made of it: 8 values at once.
//! let sources = [(); 8].map(|()| builder.push(source, &[]).expect("a root"));
//! for source in sources {
//!     builder.push(sink, &[source])?;
//! }
//! let given = builder.build();
//! assert_eq!(serial_peak(&given).bytes, 810);
//!
//! let order = order::choose(&given, |_| None);
//! assert_eq!((order.candidate(), order.peak().bytes), (order::Candidate::Pull, 110));
//!
//! // What is task 2 now was task 1; a `Work` that knows the graph as given asks the order.
//! let graph = given.reordered(&order);
//! assert_eq!(serial_peak(&graph).bytes, 110);
//! assert_eq!(order.given(graph.dependencies(swath_scheduler::TaskId(3))[0]), sources[1]);
//! # Ok::<(), swath_scheduler::GraphError>(())
//! ```

mod morton;
mod walk;

use std::fmt;

use crate::graph::{Graph, GraphBuilder, TaskId};
use crate::peak::{SerialPeak, peak_in_order};
use walk::{Unasked, Walk};

/// The order with the smallest serial peak; of equal ones, the first of [`candidates`].
///
/// Once an order needs no more than its largest task does by itself, no further one is tried.
pub fn choose(graph: &Graph, position: impl Fn(TaskId) -> Option<Position>) -> Order {
    let floor = largest_task(graph);
    let mut best: Option<Order> = None;
    for order in candidates(graph, position) {
        let done = order.peak.bytes <= floor;
        if best.as_ref().is_none_or(|best| order.peak.bytes < best.peak.bytes) {
            best = Some(order);
        }
        if done {
            break;
        }
    }
    best.expect("the order as given is always a candidate")
}

/// The order of the graph's own ids, with its peak.
pub fn as_given(graph: &Graph) -> Order {
    Order { candidate: Candidate::AsGiven, tasks: None, peak: peak_in_order(graph, graph.tasks()) }
}

/// All candidates with their peaks, in the order of [`Candidate`], each made when it is asked for.
///
/// `position` says where in the picture a task is; it may know this of no task, of all, or only of the outputs.
pub fn candidates(graph: &Graph, position: impl Fn(TaskId) -> Option<Position>) -> impl Iterator<Item = Order> {
    Candidate::ALL.into_iter().filter_map(move |candidate| Order::new(graph, candidate, &position))
}

/// Where in the picture a task is, in units of which only the proportions matter: those of the smallest chunks will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// From the top.
    pub row: u32,
    /// From the left.
    pub column: u32,
}

/// A way to order tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Candidate {
    /// By the ids of the graph.
    AsGiven,
    /// Each task that nobody uses, in id order, after what it needs, depth first.
    Pull,
    /// As `Pull`, but a task whose inputs are there runs at once if it frees at least what it adds.
    Release,
    /// As `Release`, but whoever uses what has just been made comes before the next task by id.
    Nearby,
    /// The sources in id order; every other task runs as soon as its inputs are there.
    Eager,
    /// As `Eager`, but the sources along a Morton curve; only if some task has a position.
    Morton,
}

impl Candidate {
    /// Every candidate; the first of equals is chosen.
    pub const ALL: [Self; 6] = [Self::AsGiven, Self::Pull, Self::Release, Self::Nearby, Self::Eager, Self::Morton];
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsGiven => "as given",
            Self::Pull => "pull",
            Self::Release => "release",
            Self::Nearby => "nearby",
            Self::Eager => "eager",
            Self::Morton => "morton",
        })
    }
}

/// An order of a graph's tasks, inputs before their users and delivered tasks as they were.
#[derive(Clone, Debug)]
pub struct Order {
    candidate: Candidate,
    /// The tasks as given, by their new rank; nothing if that is the same.
    tasks: Option<Vec<TaskId>>,
    peak: SerialPeak,
}

impl Order {
    fn new(graph: &Graph, candidate: Candidate, position: impl Fn(TaskId) -> Option<Position>) -> Option<Self> {
        let walk = |unasked| Walk::new(graph, unasked);
        let sources = || graph.tasks().filter(|task| graph.dependencies(*task).is_empty());
        let tasks = match candidate {
            Candidate::AsGiven => return Some(as_given(graph)),
            Candidate::Pull => walk(Unasked::Never).on_demand(),
            Candidate::Release => walk(Unasked::IfSmaller).on_demand(),
            Candidate::Nearby => walk(Unasked::IfSmaller).on_demand_nearby(),
            Candidate::Eager => walk(Unasked::Always).after_sources(sources()),
            Candidate::Morton => {
                let sources = morton::sources(graph, position)?;
                walk(Unasked::Always).after_sources(sources.into_iter())
            }
        };
        let peak = peak_in_order(graph, tasks.iter().copied());
        Some(Self { candidate, tasks: Some(tasks), peak })
    }

    /// How the order came about.
    pub fn candidate(&self) -> Candidate {
        self.candidate
    }

    /// What a serial run in this order needs; its task is one of the graph as given.
    pub fn peak(&self) -> SerialPeak {
        self.peak
    }

    /// The task, in the graph as given, that has the id `rank` in the reordered one.
    ///
    /// # Panics
    ///
    /// If the graph has no such task.
    pub fn given(&self, rank: TaskId) -> TaskId {
        self.tasks.as_ref().map_or(rank, |tasks| tasks[rank.index()])
    }
}

impl Graph {
    /// The same tasks with ids by their ranks in `order`; [`Order::given`] leads back.
    ///
    /// Each task keeps the order of its inputs, and delivered tasks keep theirs.
    ///
    /// # Panics
    ///
    /// If `order` is that of another graph.
    #[must_use]
    pub fn reordered(self, order: &Order) -> Self {
        let Some(tasks) = &order.tasks else { return self };
        assert_eq!(tasks.len(), self.len(), "an order is of one graph only");
        let mut ranks = vec![TaskId(u32::MAX); self.len()];
        let mut builder = GraphBuilder::new();
        let mut inputs = Vec::new();
        for &task in tasks {
            inputs.clear();
            inputs.extend(self.dependencies(task).iter().map(|input| ranks[input.index()]));
            let rank = builder.push(self.spec(task), &inputs);
            ranks[task.index()] = rank.expect("an order is of one graph only, and has inputs before their users");
        }
        builder.build()
    }
}

/// The bytes that the task with the largest inputs, output and scratch needs, which no order can avoid.
fn largest_task(graph: &Graph) -> u64 {
    // A task may read a value twice, but holds it once.
    let mut last_user = vec![None; graph.len()];
    let bytes = |task| {
        let spec = graph.spec(task);
        let inputs = graph.dependencies(task).iter();
        inputs.fold(spec.scratch.saturating_add(spec.output), |sum, input| {
            let counted = last_user[input.index()].replace(task) == Some(task);
            if counted { sum } else { sum.saturating_add(graph.spec(*input).output) }
        })
    };
    graph.tasks().map(bytes).max().unwrap_or(0)
}
