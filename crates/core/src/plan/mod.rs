//! The plan of a run: a graph of array-level steps that passes rewrite until it can be cut into tasks.
//!
//! Chunks are implicit: a plan of a million chunks has tens of nodes.

mod build;
pub mod dot;
pub mod explain;
mod passes;
pub mod program;
mod rewrite;

pub use passes::{PASSES, Pass, optimize};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::expr::Op;
use crate::meta::Meta;
use program::Program;

/// A step of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// What is known of its result.
    pub meta: Meta,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// One operation of the expression.
    Operation(Op),
    /// A chain of operations that run together over strips of a block, in the order they run.
    Fused {
        /// The kernels.
        program: Program,
        /// What a person calls them.
        names: Vec<String>,
    },
    /// The end of the plan: output `index` of the run.
    Output {
        /// Position among the run's outputs.
        index: usize,
        /// What to call it.
        name: String,
    },
}

/// Array-level steps; an edge's weight is the position of the input among its step's inputs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    graph: DiGraph<Step, usize>,
    outputs: Vec<NodeIndex>,
}

impl Plan {
    /// The petgraph graph behind it, for its algorithms.
    pub const fn graph(&self) -> &DiGraph<Step, usize> {
        &self.graph
    }

    /// The output steps, in the order of the run's outputs.
    pub fn outputs(&self) -> &[NodeIndex] {
        &self.outputs
    }

    /// The step at `index`.
    pub fn step(&self, index: NodeIndex) -> &Step {
        &self.graph[index]
    }

    /// The inputs of a step, in its order.
    pub fn inputs(&self, index: NodeIndex) -> Vec<NodeIndex> {
        let mut edges: Vec<_> =
            self.graph.edges_directed(index, Direction::Incoming).map(|edge| (*edge.weight(), edge.source())).collect();
        edges.sort_unstable();
        edges.into_iter().map(|(_, source)| source).collect()
    }

    /// All steps, inputs before users; the order depends on the plan alone.
    pub fn in_order(&self) -> Vec<NodeIndex> {
        petgraph::algo::toposort(&self.graph, None).expect("steps are added after their inputs, so there is no cycle")
    }

    fn add(&mut self, step: Step, inputs: &[NodeIndex]) -> NodeIndex {
        let node = self.graph.add_node(step);
        for (position, input) in inputs.iter().enumerate() {
            self.graph.add_edge(*input, node, position);
        }
        if let StepKind::Output { .. } = self.graph[node].kind {
            self.outputs.push(node);
        }
        node
    }

    /// Checks what every pass must keep: each operation has as many inputs as it needs, operands of one dtype, shapes
    /// that broadcast, and outputs numbered in order.
    ///
    /// # Panics
    /// Where a pass broke the plan: a bug.
    pub fn validate(&self) {
        for node in self.graph.node_indices() {
            let step = self.step(node);
            let inputs: Vec<_> = self.inputs(node).into_iter().map(|input| &self.step(input).meta).collect();
            assert!(arity(&step.kind).contains(&inputs.len()), "{} has the inputs it needs", step.label());
            for input in inputs {
                let moves = matches!(step.kind, StepKind::Operation(Op::View { .. } | Op::Area(_) | Op::Join { .. }));
                for axis in 0..4 {
                    let (from, to) = (input.shape[axis], step.meta.shape[axis]);
                    assert!(moves || from == to || (from == 1 && axis < 2), "{} broadcasts axis {axis}", step.label());
                }
            }
        }
        for (position, node) in self.outputs.iter().enumerate() {
            assert!(
                matches!(self.step(*node).kind, StepKind::Output { index, .. } if index == position),
                "outputs are numbered in order"
            );
        }
    }
}

fn arity(kind: &StepKind) -> std::ops::RangeInclusive<usize> {
    use crate::expr::Operand;
    let inputs = |operands: [&Operand; 2]| operands.iter().filter(|o| matches!(o, Operand::Input(_))).count();
    let count = match kind {
        StepKind::Operation(op) => match op {
            Op::Source(_) | Op::Constant(_) => 0,
            Op::Logic(_) | Op::ComparePixels { .. } => 2,
            Op::Select { yes, no } => 1 + inputs([yes, no]),
            Op::Arithmetic { a, b, .. } => inputs([a, b]),
            Op::Join { parts, .. } => parts.len(),
            Op::Map { nodata, .. } => nodata.len(),
            _ => 1,
        },
        StepKind::Fused { program, .. } => program.leaves().len(),
        // Pixels, and the classes by which they are told apart.
        StepKind::Output { .. } => return 1..=2,
    };
    count..=count
}

impl Step {
    /// What a person calls it.
    pub fn label(&self) -> String {
        match &self.kind {
            StepKind::Operation(op) => op.to_string(),
            StepKind::Fused { names, .. } => names.join(" → "),
            StepKind::Output { name, .. } => name.clone(),
        }
    }

    /// Whether it is a source, computes pixels from areas, or has its inputs side by side: what views are taken of.
    pub(crate) fn is_seen_by_views(&self) -> bool {
        matches!(&self.kind, StepKind::Operation(Op::Source(_) | Op::Area(_) | Op::Join { .. }))
    }

    /// Whether it computes pixels one by one.
    pub(crate) fn is_elementwise(&self) -> bool {
        matches!(&self.kind, StepKind::Operation(op) if !matches!(op, Op::View { .. })) && !self.is_seen_by_views()
    }
}
