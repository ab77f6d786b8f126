//! What a run is asked for: outputs, their targets, and the plans that give them.

use std::sync::Arc;

use super::output::Target;
use super::ranges::RangePolicy;
use super::tasks::Tasks;
use crate::error::Result;
use crate::expr::{LazyRaster, Op};
use crate::plan::{Plan, optimize};
use crate::sink::Layout;
use crate::source::ChunkSource;

/// The outputs of one run, and the plan that computes them: as written, and as rewritten.
#[derive(Debug, Clone)]
pub struct Plans {
    written: Plan,
    unfused: Plan,
    optimized: Plan,
    targets: Vec<Target>,
}

impl Plans {
    /// The plans of a run that computes each raster into its target.
    ///
    /// # Errors
    /// That of a failed operator in one of the expressions.
    pub fn new<'a>(outputs: &'a [(&'a LazyRaster, Target)]) -> Result<Self> {
        let name = |index: usize, target: &Target| match target {
            Target::Sink(sink) => sink.name().to_owned(),
            Target::Reduce { .. } if outputs.len() == 1 => "statistics".to_owned(),
            Target::Reduce { .. } => format!("statistics {index}"),
            _ if outputs.len() == 1 => "result".to_owned(),
            _ => format!("result {index}"),
        };
        let zones = |target: &'a Target| match target {
            Target::Reduce { zones, .. } => zones.as_ref(),
            _ => None,
        };
        let named =
            outputs.iter().enumerate().map(|(index, (raster, target))| (*raster, zones(target), name(index, target)));
        let written = Plan::new(named)?;
        let mut unfused = written.clone();
        let optimized = optimize(written.clone(), |pass, plan| {
            if pass.name != "fuse" {
                unfused = plan.clone();
            }
        });
        Ok(Self { written, unfused, optimized, targets: outputs.iter().map(|(_, target)| target.clone()).collect() })
    }

    /// The plan as written.
    pub const fn written(&self) -> &Plan {
        &self.written
    }

    /// The plan after all passes but the last: what is computed, with its operations still apart.
    pub const fn unfused(&self) -> &Plan {
        &self.unfused
    }

    /// The plan after all passes.
    pub const fn optimized(&self) -> &Plan {
        &self.optimized
    }

    /// Where the outputs go.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Cuts the plan into tasks. With `passthrough` conditions are looked at before the blocks under them are fetched,
    /// and untouched blocks are copied as they are stored; the pixels are the same either way.
    ///
    /// # Errors
    /// `Corrupt` where the index of a source names blocks that cannot be; `InvalidInput` for more tasks than 2³².
    pub fn tasks(&self, policy: &RangePolicy, passthrough: bool) -> Result<Tasks> {
        Tasks::new(&self.optimized, &self.targets, policy, passthrough)
    }
}

/// The layout that a sink of `raster` should take over: that of its first pixel source, conditions not counted.
///
/// # Errors
/// That of a failed operator in the expression.
pub fn source_layout(raster: &LazyRaster) -> Result<Option<Layout>> {
    Ok(pixel_source(raster)?.and_then(|source| source.layout()))
}

fn pixel_source(raster: &LazyRaster) -> Result<Option<Arc<dyn ChunkSource>>> {
    use crate::expr::Operand;
    let mut node = raster.node()?;
    loop {
        node = match &node.op {
            Op::Source(source) => return Ok(Some(Arc::clone(source))),
            // The condition is the first input; pixels come from the branches.
            Op::Select { yes, no } => match [yes, no].into_iter().find_map(|operand| match operand {
                Operand::Input(index) => node.inputs.get(*index),
                Operand::Constant(_) => None,
            }) {
                Some(branch) => branch,
                None => return Ok(None),
            },
            _ => match node.inputs.first() {
                Some(input) => input,
                None => return Ok(None),
            },
        };
    }
}
