//! The one way in which passes change a plan: copy it step by step, inputs first, dropping what no output needs.

use petgraph::graph::NodeIndex;

use super::{Plan, Step};

/// A copy of `plan` in which each step is what `replace` adds for it. `replace` gets the new plan, the old step and its
/// inputs in the new plan, and returns the step that takes its place.
pub(super) fn rewrite(plan: &Plan, mut replace: impl FnMut(&mut Plan, &Step, &[NodeIndex]) -> NodeIndex) -> Plan {
    let mut out = Plan::default();
    let mut new: Vec<Option<NodeIndex>> = vec![None; plan.graph.node_count()];
    for node in needed(plan) {
        let inputs: Vec<_> =
            plan.inputs(node).into_iter().map(|input| new[input.index()].expect("inputs come before users")).collect();
        new[node.index()] = Some(replace(&mut out, plan.step(node), &inputs));
    }
    out
}

/// The steps that outputs need, inputs before users, in an order that depends on the plan alone.
pub(super) fn needed(plan: &Plan) -> Vec<NodeIndex> {
    let mut order = Vec::new();
    let mut seen = vec![false; plan.graph.node_count()];
    for output in &plan.outputs {
        let mut stack = vec![(*output, false)];
        while let Some((node, inputs_done)) = stack.pop() {
            if inputs_done {
                order.push(node);
            } else if !std::mem::replace(&mut seen[node.index()], true) {
                stack.push((node, true));
                stack.extend(plan.inputs(node).into_iter().rev().map(|input| (input, false)));
            }
        }
    }
    order
}
