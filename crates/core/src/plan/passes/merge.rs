//! Makes equal steps one: the same operation on the same inputs is computed once.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::graph::NodeIndex;

use crate::expr::Op;
use crate::meta::Meta;
use crate::plan::rewrite::rewrite;
use crate::plan::{Plan, Step, StepKind};

pub(super) fn merge(plan: Plan) -> Plan {
    let mut known: HashMap<(String, Vec<NodeIndex>), NodeIndex> = HashMap::new();
    rewrite(&plan, |out, step, inputs| {
        let Some(what) = identity(step) else { return out.add(step.clone(), inputs) };
        *known.entry((what, inputs.to_vec())).or_insert_with(|| out.add(step.clone(), inputs))
    })
}

/// A text that two steps share only if they compute the same from the same inputs; none for outputs.
fn identity(step: &Step) -> Option<String> {
    match &step.kind {
        StepKind::Operation(Op::Source(source)) => Some(format!("source {:?}", Arc::as_ptr(source).cast::<()>())),
        StepKind::Operation(Op::Area(kernel)) => {
            Some(kernel.identity().unwrap_or_else(|| format!("area {:?}", Arc::as_ptr(kernel).cast::<()>())))
        }
        StepKind::Operation(op) => {
            let Meta { shape, dtype, nodata, .. } = &step.meta;
            Some(format!("{op:?} {shape:?} {dtype} {nodata:?}"))
        }
        StepKind::Fused { .. } | StepKind::Output { .. } => None,
    }
}
