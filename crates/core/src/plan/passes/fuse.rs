//! Joins all elementwise steps between the sources' views and an output into one program, run strip by strip.

use petgraph::graph::NodeIndex;

use crate::plan::program::ProgramBuilder;
use crate::plan::rewrite::needed;
use crate::plan::{Plan, Step, StepKind};

pub(super) fn fuse(plan: Plan) -> Plan {
    let mut out = Plan::default();
    let mut leaves: Vec<Option<NodeIndex>> = vec![None; plan.graph.node_count()];
    // Sources and views are copied once, whichever outputs use them.
    for node in needed(&plan) {
        let step = plan.step(node);
        if !step.is_elementwise() && !matches!(step.kind, StepKind::Output { .. }) {
            let inputs: Vec<_> = plan.inputs(node).into_iter().filter_map(|input| leaves[input.index()]).collect();
            leaves[node.index()] = Some(out.add(step.clone(), &inputs));
        }
    }
    for output in &plan.outputs {
        let (step, inputs) = fuse_output(&plan, plan.inputs(*output)[0]);
        let inputs: Vec<_> = inputs.into_iter().filter_map(|leaf| leaves[leaf.index()]).collect();
        let fused = out.add(step, &inputs);
        out.add(plan.step(*output).clone(), &[fused]);
    }
    out
}

/// The program that computes `root`, and the steps whose pixels it reads.
fn fuse_output(plan: &Plan, root: NodeIndex) -> (Step, Vec<NodeIndex>) {
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
