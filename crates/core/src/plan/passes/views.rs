//! Pushes windows, bands and repeats through elementwise steps down to the sources, to what is computed from areas, and
//! to what is joined, where they decide what is read.

use std::collections::HashMap;

use petgraph::graph::NodeIndex;

use crate::expr::Op;
use crate::meta::Meta;
use crate::plan::{Plan, Step, StepKind};
use crate::view::{AxisView, View};

pub(super) fn push_views(plan: Plan) -> Plan {
    let mut pushed = Pushed { plan: &plan, out: Plan::default(), known: HashMap::new() };
    for output in &plan.outputs {
        let whole = |input: NodeIndex| (input, View::whole(plan.step(input).meta.shape));
        let inputs: Vec<_> = plan.inputs(*output).into_iter().map(|input| pushed.push(whole(input))).collect();
        pushed.out.add(plan.step(*output).clone(), &inputs);
    }
    pushed.out
}

/// A step, and what is wanted of it.
type Wanted = (NodeIndex, View);

struct Pushed<'a> {
    plan: &'a Plan,
    out: Plan,
    known: HashMap<Wanted, NodeIndex>,
}

impl Pushed<'_> {
    /// The new step that gives what is wanted; without recursion, as expressions can be deep.
    fn push(&mut self, wanted: Wanted) -> NodeIndex {
        let mut stack = vec![wanted];
        while let Some(wanted) = stack.last().copied() {
            let inputs = self.inputs(wanted);
            let missing: Vec<_> = inputs.iter().copied().filter(|input| !self.known.contains_key(input)).collect();
            if !self.known.contains_key(&wanted) && !missing.is_empty() {
                stack.extend(missing.into_iter().rev());
                continue;
            }
            stack.pop();
            if !self.known.contains_key(&wanted) {
                let inputs: Vec<_> = inputs.iter().map(|input| self.known[input]).collect();
                let node = self.build(wanted, &inputs);
                self.known.insert(wanted, node);
            }
        }
        self.known[&wanted]
    }

    /// What a step needs of its inputs to give what is wanted of it.
    fn inputs(&self, (node, view): Wanted) -> Vec<Wanted> {
        let step = self.plan.step(node);
        let inputs = self.plan.inputs(node);
        match &step.kind {
            StepKind::Operation(Op::View { view: inner, .. }) => vec![(inputs[0], view.after(inner))],
            // A view of what else than elementwise steps give stands on that as a whole.
            _ if step.is_seen_by_views() && !view.is_whole(step.meta.shape) => {
                vec![(node, View::whole(step.meta.shape))]
            }
            StepKind::Operation(Op::Area(_) | Op::Join { .. }) => {
                let whole = |input: NodeIndex| (input, View::whole(self.plan.step(input).meta.shape));
                inputs.into_iter().map(whole).collect()
            }
            _ => inputs
                .into_iter()
                .map(|input| (input, narrowed(&view, &step.meta, &self.plan.step(input).meta)))
                .collect(),
        }
    }

    fn build(&mut self, (node, view): Wanted, inputs: &[NodeIndex]) -> NodeIndex {
        let step = self.plan.step(node);
        let meta = Meta { shape: view.shape(), ..step.meta.clone() };
        match &step.kind {
            StepKind::Operation(Op::View { .. }) => inputs[0],
            _ if step.is_seen_by_views() && !view.is_whole(step.meta.shape) => {
                let kind = StepKind::Operation(Op::View { name: "view", view });
                self.out.add(Step { kind, meta }, inputs)
            }
            kind => self.out.add(Step { kind: kind.clone(), meta }, inputs),
        }
    }
}

/// The view of an input that gives `view` of its user: an axis along which the input is broadcast stays whole.
fn narrowed(view: &View, user: &Meta, input: &Meta) -> View {
    let axis = |axis: usize| match input.shape[axis] {
        1 if user.shape[axis] != 1 => AxisView::whole(1),
        _ => view.axes[axis],
    };
    View { axes: std::array::from_fn(axis) }
}
