//! Measures what the scheduler itself costs: tasks that do nothing, in nanoseconds a task.
//!
//! `cargo run --release -p swath-scheduler --example overhead -- [tasks] [rounds]`

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use swath_scheduler::{
    Control, Graph, GraphBuilder, GraphError, Lane, Limits, Reply, TaskId, TaskSpec, Work, execute, execute_serial,
};

struct Nothing;

impl Work for Nothing {
    type Value = u64;
    type Error = Infallible;

    fn execute(&self, task: TaskId, inputs: Vec<Arc<u64>>) -> Result<u64, Infallible> {
        Ok(inputs.iter().fold(u64::from(task.0), |sum, input| sum.wrapping_add(**input)))
    }
    fn begin(&self, task: TaskId, _: Vec<Arc<u64>>, reply: Reply<u64, Infallible>) {
        reply.send(Ok(u64::from(task.0)));
    }
    fn deliver(&self, _: TaskId, _: u64) -> Result<(), Infallible> {
        Ok(())
    }
    fn byte_len(&self, _: &u64) -> u64 {
        8
    }
}

const CPU: TaskSpec = TaskSpec { lane: Lane::Cpu, scratch: 0, output: 8, deliver: false };

fn build(len: u32, spec: impl Fn(u32) -> TaskSpec, inputs: impl Fn(u32) -> Vec<TaskId>) -> Result<Graph, GraphError> {
    let mut builder = GraphBuilder::new();
    for task in 0..len {
        builder.push(spec(task), &inputs(task))?;
    }
    Ok(builder.build())
}

/// The fastest of some rounds, in nanoseconds a task.
fn fastest(graph: &Graph, rounds: usize, run: impl Fn(&Graph)) -> f64 {
    let mut fastest = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        run(graph);
        fastest = fastest.min(start.elapsed().as_nanos() as f64 / graph.len() as f64);
    }
    fastest
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let len: u32 = arguments.next().map_or(Ok(100_000), |word| word.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(10), |word| word.parse())?;
    let io = |task: u32| TaskSpec { lane: if task.is_multiple_of(2) { Lane::Io } else { Lane::Cpu }, ..CPU };
    let shapes = [
        ("flat", build(len, |_| CPU, |_| Vec::new())?),
        ("flat, delivered", build(len, |_| TaskSpec { deliver: true, ..CPU }, |_| Vec::new())?),
        (
            "chains of 4",
            build(len, |_| CPU, |task| if task.is_multiple_of(4) { vec![] } else { vec![TaskId(task - 1)] })?,
        ),
        ("tree of 4", build(len, |_| CPU, |task| if task == 0 { vec![] } else { vec![TaskId((task - 1) / 4)] })?),
        (
            "fetch, compute",
            build(len, io, |task| if task.is_multiple_of(2) { vec![] } else { vec![TaskId(task - 1)] })?,
        ),
    ];
    let control = Control::default();
    println!("{len} tasks, ns a task, fastest of {rounds}");
    println!("{:<16} {:>8} {:>8} {:>8} {:>8}", "", "serial", "1", "2", "4");
    for (name, graph) in &shapes {
        let serial = fastest(graph, rounds, |graph| drop(execute_serial(graph, &Nothing, &control)));
        print!("{name:<16} {serial:>8.0}");
        for threads in [1, 2, 4] {
            let limits = Limits { threads, io_in_flight: 64, bytes: 1 << 40 };
            print!(" {:>8.0}", fastest(graph, rounds, |graph| drop(execute(graph, &Nothing, &limits, &control))));
        }
        println!();
    }
    Ok(())
}
