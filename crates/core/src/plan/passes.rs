//! The passes that turn a plan as written into one that can be run, in their order.

mod fold;
mod fuse;
mod merge;
mod simplify;
mod views;
#[cfg(test)]
mod tests;

use super::Plan;

/// A rewriting of plans: a plain function, so that it can hold no state.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// What to call it.
    pub name: &'static str,
    /// What it does.
    pub run: fn(Plan) -> Plan,
}

/// Every pass, in the order in which they run.
pub const PASSES: &[Pass] = &[
    // First: fewer steps for all the others. Relabelled chunks, nodata and grids have done their work at build.
    Pass { name: "simplify", run: simplify::simplify },
    // Before views are pushed: what is decided needs no pixels of anything.
    Pass { name: "fold constants", run: fold::fold },
    // Before merging: windows and repeats that meet at a source become one view, and equal views one step.
    Pass { name: "push views to the sources", run: views::push_views },
    // Before fusing: a step that two users share is one register of their program.
    Pass { name: "merge equal steps", run: merge::merge },
    // Last: it needs the sources' views in their final place, and leaves nothing elementwise to the others.
    Pass { name: "fuse", run: fuse::fuse },
];

/// Runs every pass; `after` sees the plan after each. In debug builds each plan is validated.
pub fn optimize(plan: Plan, mut after: impl FnMut(&Pass, &Plan)) -> Plan {
    PASSES.iter().fold(plan, |plan, pass| {
        let plan = (pass.run)(plan);
        if cfg!(debug_assertions) {
            plan.validate();
        }
        after(pass, &plan);
        plan
    })
}
