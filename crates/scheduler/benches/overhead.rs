//! What the scheduler itself costs: time and memory of tasks that do nothing, beside Dask's threaded scheduler.
//!
//! `cargo bench -p swath-scheduler`
//!
//! Dask is measured by `dask_tasks.py` where there is a Python that has it: the one that `SWATH_PYTHON` names, or
//! `.venv/bin/python` at the top of the repository. It gets graphs of up to `SWATH_DASK_TASKS` tasks, by default
//! 100 000: a million takes it minutes.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use swath_scheduler::{
    Control, Graph, GraphBuilder, GraphError, Lane, Limits, Reply, TaskId, TaskSpec, Work, execute, execute_serial,
};

/// Odd, so that the tree is complete.
const COUNTS: [u32; 2] = [99_999, 999_999];
const ROUNDS: usize = 5;
const THREADS: [usize; 3] = [1, 2, 4];

struct Nothing;

impl Work for Nothing {
    type Value = u64;
    type Error = Infallible;

    fn execute(&self, task: TaskId, inputs: &mut Vec<Arc<u64>>) -> Result<u64, Infallible> {
        Ok(inputs.iter().fold(u64::from(task.0), |sum, input| sum.wrapping_add(**input)))
    }
    fn begin(&self, task: TaskId, _: &[Arc<u64>], reply: Reply<u64, Infallible>) {
        reply.send(Ok(u64::from(task.0)));
    }
    fn deliver(&self, _: TaskId, _: u64) -> Result<(), Infallible> {
        Ok(())
    }
    fn byte_len(&self, _: &u64) -> u64 {
        8
    }
}

/// The shapes, by the names that `dask_tasks.py` knows them by, and the inputs of a task.
type Shape = (&'static str, fn(task: u32, count: u32) -> Vec<TaskId>);

const SHAPES: [Shape; 3] = [
    ("flat", |_, _| Vec::new()),
    ("chains of four", |task, _| if task.is_multiple_of(4) { Vec::new() } else { vec![TaskId(task - 1)] }),
    ("binary tree", |task, count| {
        // Leaves first; each of the others reads the two lowest values that nobody has read.
        let leaves = count.div_ceil(2);
        task.checked_sub(leaves).map_or(Vec::new(), |inner| vec![TaskId(2 * inner), TaskId(2 * inner + 1)])
    }),
];

fn build(count: u32, inputs: fn(u32, u32) -> Vec<TaskId>) -> Result<Graph, GraphError> {
    let mut builder = GraphBuilder::new();
    for task in 0..count {
        builder.push(TaskSpec { lane: Lane::Cpu, scratch: 0, output: 8, deliver: false }, &inputs(task, count))?;
    }
    Ok(builder.build())
}

/// The fastest of some rounds, in nanoseconds a task.
fn fastest(graph: &Graph, run: impl Fn(&Graph)) -> f64 {
    let nanos = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        run(graph);
        start.elapsed().as_nanos() as f64 / graph.len() as f64
    });
    nanos.fold(f64::INFINITY, f64::min)
}

/// Live bytes of the heap, while somebody wants to know.
struct Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all memory is the system allocator's; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_COUNTING.load(Ordering::Relaxed) {
            let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            PEAK.fetch_max(live, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if IS_COUNTING.load(Ordering::Relaxed) {
            LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most heap bytes at once, per task, of a graph and of its execution, values included; what building the graph
/// takes on top is not counted.
fn bytes(count: u32, inputs: fn(u32, u32) -> Vec<TaskId>, run: impl Fn(&Graph)) -> Result<f64, GraphError> {
    LIVE.store(0, Ordering::Relaxed);
    IS_COUNTING.store(true, Ordering::Relaxed);
    let graph = build(count, inputs)?;
    PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
    run(&graph);
    IS_COUNTING.store(false, Ordering::Relaxed);
    Ok(PEAK.load(Ordering::Relaxed) as f64 / graph.len() as f64)
}

/// What Dask takes per task, in microseconds and bytes, if it is there.
fn dask(shape: &str, count: u32) -> Option<(f64, f64)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("SWATH_PYTHON").map_or(root.join(".venv/bin/python"), PathBuf::from);
    let most = std::env::var("SWATH_DASK_TASKS").ok().and_then(|tasks| tasks.parse().ok()).unwrap_or(100_000);
    if count > most {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dask_tasks.py");
    let output = Command::new(python).arg(script).args([shape, &count.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (micros, bytes) = text.trim().split_once(' ')?;
    Some((micros.parse().ok()?, bytes.parse().ok()?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let control = Control::default();
    let limits = |threads| Limits { threads, io_in_flight: 64, bytes: 1 << 40 };
    println!(
        "| graph | tasks | serial, ns | 1 thread, ns | 2, ns | 4, ns | bytes | Dask, ns | Dask, bytes | times faster |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (shape, inputs) in SHAPES {
        for count in COUNTS {
            let graph = build(count, inputs)?;
            let serial = fastest(&graph, |graph| drop(execute_serial(graph, &Nothing, &control)));
            let [one, two, four] = THREADS
                .map(|threads| fastest(&graph, |graph| drop(execute(graph, &Nothing, &limits(threads), &control))));
            drop(graph);
            let mut most = 0_f64;
            for threads in THREADS {
                let run = |graph: &Graph| drop(execute(graph, &Nothing, &limits(threads), &control));
                most = most.max(bytes(count, inputs, run)?);
            }
            print!("| {shape} | {count} | {serial:.0} | {one:.0} | {two:.0} | {four:.0} | {most:.0} |");
            match dask(shape, count) {
                Some((micros, bytes)) => {
                    println!(" {:.0} | {bytes:.0} | {:.0} |", micros * 1e3, micros * 1e3 / two);
                }
                None => println!(" - | - | - |"),
            }
        }
    }
    Ok(())
}
