//! Computes what no pixel can change: comparisons that the interval of values decides, and what follows from them.
//!
//! Intervals are those of valid pixels, and comparisons are false at nodata: "always false" folds in any case, "always
//! true" only where there is no nodata.

use petgraph::graph::NodeIndex;

use crate::dtype::{DType, Scalar};
use crate::expr::{CompareOp, LogicOp, Op, Operand};
use crate::interval::Interval;
use crate::meta::Meta;
use crate::plan::rewrite::rewrite;
use crate::plan::{Plan, Step, StepKind};

pub(super) fn fold(plan: Plan) -> Plan {
    rewrite(&plan, |out, step, inputs| {
        let StepKind::Operation(op) = &step.kind else { return out.add(step.clone(), inputs) };
        match folded(out, op, &step.meta, inputs) {
            Some(Folded::Value(value)) => {
                let kind = StepKind::Operation(Op::Constant(value));
                out.add(Step { kind, meta: step.meta.clone() }, &[])
            }
            Some(Folded::Input(input)) => input,
            Some(Folded::Valid { nodata }) => {
                let kind = StepKind::Operation(Op::Valid { nodata: Some(nodata) });
                out.add(Step { kind, meta: step.meta.clone() }, inputs)
            }
            None => out.add(step.clone(), inputs),
        }
    })
}

/// What stands for a step.
enum Folded {
    /// One value everywhere.
    Value(Scalar),
    /// Another step.
    Input(NodeIndex),
    /// True where the input is valid.
    Valid { nodata: Scalar },
}

fn folded(plan: &Plan, op: &Op, meta: &Meta, inputs: &[NodeIndex]) -> Option<Folded> {
    let decided = |value: bool| Some(Folded::Value(Scalar::Bool(value)));
    match op {
        Op::Compare { op, value, nodata } => {
            match (compare(interval(plan, inputs[0], *nodata), *op, *value)?, nodata) {
                (false, _) => decided(false),
                (true, None) => decided(true),
                (true, Some(nodata)) => Some(Folded::Valid { nodata: *nodata }),
            }
        }
        Op::IsIn(values) => {
            let interval = interval(plan, inputs[0], None);
            if values.iter().any(|value| interval.holds(*value)) { None } else { decided(false) }
        }
        Op::Valid { nodata: None } => decided(true),
        Op::Not => decided(!boolean(plan, inputs[0])?),
        Op::Logic(op) if meta.dtype == DType::Bool => {
            let (a, b) = (inputs[0], inputs[1]);
            logic(plan, *op, a, b, meta).or_else(|| logic(plan, *op, b, a, meta))
        }
        Op::Select { yes, no } => match if boolean(plan, inputs[0])? { yes } else { no } {
            Operand::Constant(value) => Some(Folded::Value(*value)),
            Operand::Input(index) => input(plan, inputs[*index], meta),
        },
        _ => None,
    }
}

/// The values that pixels of a step can have but for `nodata`. A step says so of its valid pixels; its nodata is a value
/// like others to one who had it relabelled.
fn interval(plan: &Plan, node: NodeIndex, nodata: Option<Scalar>) -> Interval {
    let Meta { interval, nodata: own, .. } = &plan.step(node).meta;
    match (own, nodata) {
        (Some(own), Some(nodata)) if own.is_same(nodata) => *interval,
        (Some(own), _) => interval.union(Interval::of_scalar(*own)),
        (None, _) => *interval,
    }
}

/// A step that stands for one of `meta`, unless it would have to be broadcast.
fn input(plan: &Plan, input: NodeIndex, meta: &Meta) -> Option<Folded> {
    (plan.step(input).meta.shape == meta.shape).then_some(Folded::Input(input))
}

/// The one value of a bool step.
fn boolean(plan: &Plan, node: NodeIndex) -> Option<bool> {
    match plan.step(node).kind {
        StepKind::Operation(Op::Constant(Scalar::Bool(value))) => Some(value),
        _ => None,
    }
}

/// `a op b` where `a` is known.
fn logic(plan: &Plan, op: LogicOp, a: NodeIndex, b: NodeIndex, meta: &Meta) -> Option<Folded> {
    match (op, boolean(plan, a)?) {
        (LogicOp::And, true) | (LogicOp::Or | LogicOp::Xor, false) => input(plan, b, meta),
        (LogicOp::And, false) => Some(Folded::Value(Scalar::Bool(false))),
        (LogicOp::Or, true) => Some(Folded::Value(Scalar::Bool(true))),
        (LogicOp::Xor, true) => None,
    }
}

/// Whether every valid pixel compares so, or none does.
fn compare(interval: Interval, op: CompareOp, value: Scalar) -> Option<bool> {
    let Interval::Integer { low, high } = interval else { return None };
    let value = value.to_integer()?;
    let all = |holds: bool, fails: bool| if holds { Some(true) } else { fails.then_some(false) };
    match op {
        CompareOp::Lt => all(high < value, low >= value),
        CompareOp::Le => all(high <= value, low > value),
        CompareOp::Gt => all(low > value, high <= value),
        CompareOp::Ge => all(low >= value, high < value),
        CompareOp::Eq => all(low == value && high == value, value < low || high < value),
        CompareOp::Ne => all(value < low || high < value, low == value && high == value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_decided_only_if_every_value_agrees() {
        let interval = Interval::Integer { low: 3, high: 6 };
        for op in [CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge, CompareOp::Eq, CompareOp::Ne] {
            for value in 0..10 {
                let holds = |pixel: i128| match op {
                    CompareOp::Lt => pixel < value,
                    CompareOp::Le => pixel <= value,
                    CompareOp::Gt => pixel > value,
                    CompareOp::Ge => pixel >= value,
                    CompareOp::Eq => pixel == value,
                    CompareOp::Ne => pixel != value,
                };
                let expected = match (3..=6).filter(|pixel| holds(*pixel)).count() {
                    4 => Some(true),
                    0 => Some(false),
                    _ => None,
                };
                assert_eq!(compare(interval, op, Scalar::Int(value)), expected, "3..=6 {} {value}", op.symbol());
            }
        }
    }
}
