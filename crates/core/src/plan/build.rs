//! Expressions to a plan: nodes shared by handle become shared steps.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::graph::NodeIndex;

use super::{Plan, Step, StepKind};
use crate::error::Result;
use crate::expr::{LazyRaster, Node};

impl Plan {
    /// The plan that computes these rasters, as written; each output has the name it will show, and may have the classes by
    /// which its pixels are told apart.
    ///
    /// # Errors
    /// That of a failed operator in one of the expressions.
    pub fn new<'a>(
        outputs: impl IntoIterator<Item = (&'a LazyRaster, Option<&'a LazyRaster>, String)>,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        for (index, (raster, zones, name)) in outputs.into_iter().enumerate() {
            let node = raster.node()?;
            let mut inputs = vec![plan.add_expression(node, &mut known)];
            if let Some(zones) = zones {
                inputs.push(plan.add_expression(zones.node()?, &mut known));
            }
            let step = Step { kind: StepKind::Output { index, name }, meta: node.meta.clone() };
            plan.add(step, &inputs);
        }
        Ok(plan)
    }

    /// Adds a node after its inputs, without recursion: expressions made in a loop can be deep.
    fn add_expression(&mut self, root: &Arc<Node>, known: &mut HashMap<*const Node, NodeIndex>) -> NodeIndex {
        let mut stack = vec![root];
        while let Some(node) = stack.last().copied() {
            let key = Arc::as_ptr(node);
            let missing: Vec<_> = node.inputs.iter().filter(|input| !known.contains_key(&Arc::as_ptr(input))).collect();
            if known.contains_key(&key) {
                stack.pop();
            } else if missing.is_empty() {
                let inputs: Vec<_> = node.inputs.iter().map(|input| known[&Arc::as_ptr(input)]).collect();
                let step = Step { kind: StepKind::Operation(node.op.clone()), meta: node.meta.clone() };
                known.insert(key, self.add(step, &inputs));
                stack.pop();
            } else {
                stack.extend(missing);
            }
        }
        known[&Arc::as_ptr(root)]
    }
}
