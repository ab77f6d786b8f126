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
        StepKind::Operation(op) => {
            let what = match op {
                Op::Area(kernel) => own("area", kernel.identity(), Arc::as_ptr(kernel).cast()),
                Op::Map { kernel, .. } => own("map", kernel.identity(), Arc::as_ptr(kernel).cast()),
                op => format!("{op:?}"),
            };
            // The same operation on the same input can have been given a wider dtype for another interval.
            let Meta { shape, dtype, nodata, .. } = &step.meta;
            Some(format!("{what} {shape:?} {dtype} {nodata:?}"))
        }
        StepKind::Fused { .. } | StepKind::Output { .. } => None,
    }
}

/// That of a kernel: by what it says, which only kernels of its kind can share, or by where it is.
fn own(kind: &str, identity: Option<String>, place: *const ()) -> String {
    identity.map_or_else(|| format!("{kind} at {place:?}"), |identity| format!("{kind} called {identity}"))
}
