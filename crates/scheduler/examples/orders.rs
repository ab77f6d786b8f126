//! Measures what finding an order costs: nanoseconds a task for each candidate, and the peaks it finds.
//!
//! `cargo run --release -p swath-scheduler --example orders -- [tasks] [rounds]`

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "../tests/order/shapes.rs"]
mod shapes;

use std::time::Instant;

use shapes::{Numbering, Outputs, Shape};
use swath_scheduler::order;
use swath_scheduler::{TaskId, serial_peak};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let tasks: u32 = arguments.next().map_or(Ok(1_000_000), |word| word.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |word| word.parse())?;
    // Halves, thirds and powers of two, so that every shape comes out even.
    let side = |share: f64| (f64::from(tasks) * share).sqrt() as u32;
    let shapes = [
        ("mask", shapes::mask(tasks / 6, Outputs::Delivered)),
        ("3x3 halo", shapes::halo(side(0.5), Outputs::Delivered)),
        ("pyramid", shapes::pyramid(side(0.4).next_power_of_two(), Outputs::Stored)),
        ("means", shapes::means((tasks / 8).next_power_of_two(), Numbering::Alternating)),
        ("means, u before v", shapes::means((tasks / 8).next_power_of_two(), Numbering::OneAfterTheOther)),
        ("3:2 regrid", shapes::regrid(side(0.69) / 3 * 3, Outputs::Delivered)),
    ];
    println!("ns a task, fastest of {rounds}, with the peak in chunks");
    for (name, shape) in &shapes {
        let rounds = (0..rounds.max(1)).map(|_| round(shape));
        let fastest = rounds.reduce(|fastest, next| {
            let both = fastest.into_iter().zip(next);
            both.map(|((step, time), (_, other))| (step, f64::min(time, other))).collect()
        });
        print!("{name:<18} {:>8} tasks:", shape.graph.len());
        for (step, time) in fastest.unwrap_or_default() {
            print!(" {step} {time:.0}");
        }
        println!();
    }
    Ok(())
}

/// What each step takes, in nanoseconds a task.
fn round(shape: &Shape) -> Vec<(String, f64)> {
    let Shape { graph, positions } = shape;
    let position = |task: TaskId| positions[task.0 as usize];
    let mut steps = Vec::new();
    let mut start = Instant::now();
    let mut lap = |step: String| {
        steps.push((step, start.elapsed().as_nanos() as f64 / graph.len() as f64));
        start = Instant::now();
    };
    for order in order::candidates(graph, position) {
        lap(format!("{} ({})", order.candidate(), order.peak().bytes));
    }
    let order = order::choose(graph, position);
    lap(String::from("= choose"));
    let given = graph.clone();
    lap(String::from("copy"));
    let reordered = given.reordered(&order);
    lap(String::from("reorder"));
    assert_eq!(serial_peak(&reordered).bytes, order.peak().bytes, "an order needs what it says");
    steps
}
