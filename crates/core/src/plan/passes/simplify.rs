//! Drops steps that change no pixel, and negations that a selection can absorb.

use petgraph::graph::NodeIndex;

use crate::expr::{Op, Operand};
use crate::plan::rewrite::rewrite;
use crate::plan::{Plan, Step, StepKind};
use crate::shape::Region;

pub(super) fn simplify(plan: Plan) -> Plan {
    rewrite(&plan, |out, step, inputs| {
        let StepKind::Operation(op) = &step.kind else { return out.add(step.clone(), inputs) };
        match op {
            Op::Relabel { .. } => inputs[0],
            Op::Join { parts, .. } if parts.len() == 1 && parts[0] == Region::whole(step.meta.shape) => inputs[0],
            // Where there is a nodata, NaN becomes it.
            Op::Cast { dtype, nodata, .. }
                if out.step(inputs[0]).meta.dtype == *dtype && !(dtype.is_float() && nodata.is_some()) =>
            {
                inputs[0]
            }
            Op::Not => negated(out, inputs[0]).unwrap_or_else(|| out.add(step.clone(), inputs)),
            Op::Select { yes, no } => select(out, step, *yes, *no, inputs),
            _ => out.add(step.clone(), inputs),
        }
    })
}

/// What `node` negates, if that is all it does.
fn negated(plan: &Plan, node: NodeIndex) -> Option<NodeIndex> {
    matches!(plan.step(node).kind, StepKind::Operation(Op::Not)).then(|| plan.inputs(node)[0])
}

/// `!c ? a : b` is `c ? b : a`.
fn select(out: &mut Plan, step: &Step, yes: Operand, no: Operand, inputs: &[NodeIndex]) -> NodeIndex {
    let Some(condition) = negated(out, inputs[0]) else { return out.add(step.clone(), inputs) };
    let kind = StepKind::Operation(Op::Select { yes: no, no: yes });
    let inputs: Vec<_> = std::iter::once(condition).chain(inputs[1..].iter().copied()).collect();
    out.add(Step { kind, meta: step.meta.clone() }, &inputs)
}
