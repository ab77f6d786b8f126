//! Makes all elementwise steps before an output, before an operation on areas, or before a part of what is joined, one
//! program, run strip by strip.
//!
//! What an operation on areas reads must be there as a whole, and so must parts: where that is computed, it becomes a
//! program of its own, and later a stage.

use std::collections::HashMap;

use petgraph::graph::NodeIndex;

use crate::expr::Op;
use crate::plan::program::ProgramBuilder;
use crate::plan::rewrite::needed;
use crate::plan::{Plan, Step, StepKind};

pub(super) fn fuse(plan: Plan) -> Plan {
    let copies = vec![None; plan.graph.node_count()];
    let mut fusing = Fusing { plan: &plan, out: Plan::default(), copies, programs: HashMap::new() };
    for node in needed(&plan) {
        let step = plan.step(node);
        match &step.kind {
            // Sources, views, areas and what is joined are copied once, whichever programs use them.
            StepKind::Operation(op @ (Op::Area(_) | Op::Join { .. })) => {
                let inputs = plan.inputs(node).into_iter();
                let inputs: Vec<_> = inputs.map(|input| fusing.whole(input, matches!(op, Op::Area(_)))).collect();
                let copy = fusing.out.add(step.clone(), &inputs);
                // What is computed by chunks of its own is a stage of its own, too.
                let is_alone = matches!(op, Op::Area(kernel) if kernel.is_stage() || kernel.chunks().is_some());
                let copy = if is_alone { fusing.alone(step, copy) } else { copy };
                fusing.copies[node.index()] = Some(copy);
            }
            StepKind::Operation(_) if !step.is_elementwise() => {
                let inputs = fusing.copied(&plan.inputs(node));
                fusing.copies[node.index()] = Some(fusing.out.add(step.clone(), &inputs));
            }
            _ => {}
        }
    }
    for output in &plan.outputs {
        let inputs = plan.inputs(*output);
        let root = inputs[0];
        // What another step reads as a whole is computed once, for both.
        let program = match fusing.programs.get(&root).copied() {
            Some(program) => fusing.alone(plan.step(root), program),
            None => fusing.fuse(root),
        };
        let mut fused = vec![program];
        fused.extend(inputs[1..].iter().map(|zones| fusing.whole(*zones, true)));
        fusing.out.add(plan.step(*output).clone(), &fused);
    }
    fusing.out
}

struct Fusing<'a> {
    plan: &'a Plan,
    out: Plan,
    /// The copy of each source and view, of each operation on areas, and of what is joined.
    copies: Vec<Option<NodeIndex>>,
    /// The program for each step that another reads as a whole and that must be computed.
    programs: HashMap<NodeIndex, NodeIndex>,
}

impl Fusing<'_> {
    fn copied(&self, nodes: &[NodeIndex]) -> Vec<NodeIndex> {
        nodes.iter().map(|node| self.copies[node.index()].expect("inputs come before users")).collect()
    }

    /// The new step that another reads as a whole in place of `node`: what is seen of a source, of parts that are joined, if
    /// these may be read piece by piece, or a program.
    fn whole(&mut self, node: NodeIndex, may_be_joined: bool) -> NodeIndex {
        let is_read = |of: NodeIndex| match &self.plan.step(of).kind {
            StepKind::Operation(Op::Source(_)) => true,
            StepKind::Operation(Op::Join { .. }) => may_be_joined,
            _ => false,
        };
        let is_view = matches!(self.plan.step(node).kind, StepKind::Operation(Op::View { .. }));
        if is_read(node) || is_view && is_read(self.plan.inputs(node)[0]) {
            return self.copied(&[node])[0];
        }
        if let Some(copy) = self.copies[node.index()]
            && matches!(self.out.step(copy).kind, StepKind::Fused { .. })
        {
            return copy;
        }
        if let Some(known) = self.programs.get(&node) {
            return *known;
        }
        let program = self.fuse(node);
        self.programs.insert(node, program);
        program
    }

    /// Adds a program that has the pixels of `copy`, the copy of `step`, and nothing more.
    fn alone(&mut self, step: &Step, copy: NodeIndex) -> NodeIndex {
        let mut program = ProgramBuilder::new();
        let leaf = program.leaf(&step.meta);
        let kind = StepKind::Fused { program: program.finish(leaf), names: Vec::new() };
        self.out.add(Step { kind, meta: step.meta.clone() }, &[copy])
    }

    /// Adds the program that computes `root`.
    fn fuse(&mut self, root: NodeIndex) -> NodeIndex {
        let (step, leaves) = fuse_up_to(self.plan, root);
        let leaves = self.copied(&leaves);
        self.out.add(step, &leaves)
    }
}

/// The program that computes `root`, and the steps whose pixels it reads.
fn fuse_up_to(plan: &Plan, root: NodeIndex) -> (Step, Vec<NodeIndex>) {
    let mut program = ProgramBuilder::new();
    let mut registers = vec![None; plan.graph.node_count()];
    let mut leaves = Vec::new();
    let mut names = Vec::new();
    let mut stack = vec![root];
    while let Some(node) = stack.last().copied() {
        let step = plan.step(node);
        let inputs = if step.is_elementwise() { plan.inputs(node) } else { Vec::new() };
        let missing: Vec<_> = inputs.iter().copied().filter(|input| registers[input.index()].is_none()).collect();
        if registers[node.index()].is_none() && !missing.is_empty() {
            stack.extend(missing.into_iter().rev());
            continue;
        }
        stack.pop();
        if registers[node.index()].is_some() {
            continue;
        }
        let register = match &step.kind {
            StepKind::Operation(op) if step.is_elementwise() => {
                let inputs: Vec<_> = inputs.iter().filter_map(|input| registers[input.index()]).collect();
                names.push(op.to_string());
                program.push(op, &inputs, &step.meta)
            }
            _ => {
                leaves.push(node);
                program.leaf(&step.meta)
            }
        };
        registers[node.index()] = Some(register);
    }
    let root_register = registers[root.index()].expect("the root was pushed last");
    let meta = plan.step(root).meta.clone();
    (Step { kind: StepKind::Fused { program: program.finish(root_register), names }, meta }, leaves)
}
