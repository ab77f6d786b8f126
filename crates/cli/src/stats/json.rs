//! The same numbers as JSON, with all their digits. Keys are added, never renamed; what there is none of is null.

use serde_json::{Map, Value, json};
use swath::{Group, Statistics, Summary};

use super::Asked;
use crate::output::json_scalar as scalar;

pub(super) fn render(uri: &str, told: &Statistics, asked: &Asked<'_>) -> String {
    let groups: Vec<_> = told.iter().map(|(group, summary)| value(group, summary, asked)).collect();
    format!("{:#}\n", json!({ "uri": uri, "bands": groups }))
}

/// A list of what there is of each band: a number, or a list of several.
pub(super) fn numbers(numbers: &[Option<Vec<swath::Scalar>>]) -> String {
    let value = |numbers: &Vec<swath::Scalar>| match numbers.as_slice() {
        [one] => scalar(*one),
        several => several.iter().copied().map(scalar).collect(),
    };
    let numbers: Vec<_> = numbers.iter().map(|numbers| Value::from(numbers.as_ref().map(value))).collect();
    format!("{}\n", Value::from(numbers))
}

fn value(group: &Group, summary: &Summary, asked: &Asked<'_>) -> Value {
    let float = |value: Option<f64>| value.map(|value| scalar(value.into()));
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    set("band", group.band.into());
    if let Some(zone) = group.zone {
        set("zone", scalar(swath::Scalar::Int(zone)));
    }
    set("valid", summary.count().into());
    set("missing", summary.missing().into());
    set("min", summary.min().map(scalar).into());
    set("max", summary.max().map(scalar).into());
    set("sum", scalar(summary.sum()));
    set("mean", float(summary.mean()).into());
    set("std", float(summary.standard_deviation(0)).into());
    set("std_sample", float(summary.standard_deviation(1)).into());
    if !asked.quantiles.is_empty() {
        let quantiles = asked.quantiles.iter().map(|q| json!({ "q": q, "value": float(summary.quantile(*q)) }));
        set("quantiles", quantiles.collect());
    }
    if let Some(histogram) = summary.histogram() {
        let edges = histogram.bins.edges();
        let (counts, below, above) = (histogram.counts, histogram.below, histogram.above);
        set("histogram", json!({ "edges": edges, "counts": counts, "below": below, "above": above }));
    }
    Value::Object(out)
}
