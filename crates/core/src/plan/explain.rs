//! A plan as text: the steps of an output as a tree, its end first.

use std::fmt::Write as _;

use petgraph::graph::NodeIndex;

use super::{Plan, Step, StepKind};
use crate::expr::{Op, Operand};
use crate::meta::Meta;
use crate::shape::visible;
use crate::text::{counted, lengths, short};

/// The steps that lead to these outputs, by their numbers, one a line, each under its user. A step that several use is printed
/// once.
pub fn tree(plan: &Plan, outputs: &[usize]) -> String {
    let mut out = String::new();
    let mut seen = vec![false; plan.graph().node_count()];
    // (step, what to print before its name, what to print before its inputs' names)
    let root = |index: &usize| (plan.outputs()[*index], String::new(), String::new());
    let mut stack: Vec<_> = outputs.iter().rev().map(root).collect();
    while let Some((node, lead, below)) = stack.pop() {
        let step = plan.step(node);
        let known = std::mem::replace(&mut seen[node.index()], true);
        let title = format!("{lead}{}", short_label(step));
        let note = if known { "as above".to_owned() } else { describe(&step.meta) };
        let _ = writeln!(out, "{title:<60} {note}{}", remark(plan, node));
        if known {
            continue;
        }
        let inputs = plan.inputs(node);
        for (position, input) in inputs.iter().enumerate().rev() {
            let last = position + 1 == inputs.len();
            let (branch, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            stack.push((*input, format!("{below}{branch}"), format!("{below}{rest}")));
        }
    }
    out
}

fn short_label(step: &Step) -> String {
    match &step.kind {
        StepKind::Operation(Op::Source(source)) => format!("read {}", short(source.name())),
        StepKind::Output { name, .. } => short(name),
        _ => step.label(),
    }
}

/// Shape, dtype and chunks of a step's result.
pub(super) fn describe(meta: &Meta) -> String {
    let chunks = counted(meta.chunk_grid().len() as u64, "chunk");
    format!("{} {}, {chunks}", lengths(&visible(meta.shape, meta.dims)), meta.dtype)
}

/// What a person should know of a step that its name does not say.
fn remark(plan: &Plan, node: NodeIndex) -> String {
    let step = plan.step(node);
    match &step.kind {
        StepKind::Operation(Op::Select { yes, no }) => [yes, no]
            .into_iter()
            .find_map(|operand| match operand {
                Operand::Constant(value) if Some(*value) == step.meta.nodata => {
                    Some(format!(" ({value} is nodata: the pixels it replaces become nodata)"))
                }
                _ => None,
            })
            .unwrap_or_default(),
        _ => String::new(),
    }
}
