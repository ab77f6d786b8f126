//! Runs a stage with real buffers and says how much memory the process took.
//!
//! `cargo run --release -p swath-scheduler --example peak_memory -- halo|pyramid|regrid|mean LIMIT_MIB THREADS`
//!
//! The raster has 10980 x 10980 x 3 bytes in 22 x 22 chunks of 512 x 512 x 3, whole ones at the edges, too, as a tiled
//! file stores them. A fetch answers from another thread with half the bytes of a chunk, which stand for compressed
//! ones; a decode doubles them, an encode halves them. `benches/memory.py` measures this program from outside.
//!
//! Buffers are reused by a pool of strips of one size: what is resident is then what is accounted. An allocator keeps
//! memory that other threads have freed, or is slow; see `docs/benchmarks.md`.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::convert::Infallible;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use swath_scheduler::order::{self, Order, Position};
use swath_scheduler::{
    Control, GraphBuilder, GraphError, Lane, Limits, Reply, TaskId, TaskSpec, Work, execute, serial_peak,
};

const RASTER_SIDE: u32 = 10_980;
const CHUNK_SIDE: u32 = 512;
const BANDS: usize = 3;
const CHUNKS: u32 = RASTER_SIDE.div_ceil(CHUNK_SIDE);
const DATES: u32 = 24;
const ROW_BYTES: usize = CHUNK_SIDE as usize * BANDS;
/// Half a chunk, and all of a compressed one.
const STRIP_BYTES: usize = CHUNK_SIDE as usize / 2 * ROW_BYTES;
const CHUNK_STRIPS: usize = 2;
const ENCODED_STRIPS: usize = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stage, limit_mib, threads] = &arguments[..] else {
        return Err("usage: peak_memory halo|pyramid|regrid|mean LIMIT_MIB THREADS".into());
    };
    let (limit_mib, threads): (u64, usize) = (limit_mib.parse()?, threads.parse()?);
    let plan = match stage.as_str() {
        "halo" => Plan::halo()?,
        "pyramid" => Plan::pyramid()?,
        "regrid" => Plan::regrid()?,
        "mean" => Plan::mean()?,
        _ => return Err(format!("there is no stage {stage}").into()),
    };
    let Plan { graph, steps } = plan;
    let graph = graph.build();
    let order = order::choose(&graph, |task| steps[task.0 as usize].position());
    let graph = graph.reordered(&order);

    let limits = Limits { threads, io_in_flight: 64, bytes: limit_mib << 20 };
    let pool = Arc::new(Pool::default());
    let requests = start_source(Arc::clone(&pool));
    let work = Stage { steps: &steps, order: &order, pool, requests, checksum: AtomicU64::new(0) };
    let start = Instant::now();
    let summary = execute(&graph, &work, &limits, &Control::default())?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"stage\": \"{stage}\", \"limit_mib\": {limit_mib}, \"threads\": {threads}, \"tasks\": {}, \
         \"order\": \"{}\", \"serial_peak\": {}, \"accounted_peak\": {}, \"resident_peak\": {}, \
         \"seconds\": {seconds:.3}, \"checksum\": \"{:016x}\"}}",
        summary.tasks,
        order.candidate(),
        serial_peak(&graph).bytes,
        summary.peak_bytes,
        resident_peak().map_or(String::from("null"), |bytes| bytes.to_string()),
        work.checksum.load(Ordering::Relaxed),
    );
    Ok(())
}

/// The most memory this process has had, as far as the system tells.
fn resident_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// What a task does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Gets a compressed chunk, all of whose bytes are `byte`.
    Fetch {
        row: u32,
        column: u32,
        byte: u8,
    },
    Decode,
    /// Means of 2 x 2 pixels of up to four chunks, this many beside each other.
    Halve {
        columns: usize,
    },
    Encode,
    /// The mean of any number of chunks, encoded.
    MeanEncoded,
}

impl Step {
    fn position(self) -> Option<Position> {
        match self {
            Self::Fetch { row, column, .. } => Some(Position { row, column }),
            _ => None,
        }
    }

    fn spec(self) -> TaskSpec {
        let (scratch, output) = match self {
            Self::Fetch { .. } | Self::Encode => (0, ENCODED_STRIPS),
            Self::Decode | Self::Halve { .. } => (0, CHUNK_STRIPS),
            Self::MeanEncoded => (CHUNK_STRIPS, ENCODED_STRIPS),
        };
        TaskSpec {
            lane: if matches!(self, Self::Fetch { .. }) { Lane::Io } else { Lane::Cpu },
            scratch: (scratch * STRIP_BYTES) as u64,
            output: (output * STRIP_BYTES) as u64,
            deliver: matches!(self, Self::Encode | Self::MeanEncoded),
        }
    }
}

/// The tasks of a stage. They are numbered layer by layer, which is the worst order there is.
#[derive(Default)]
struct Plan {
    graph: GraphBuilder,
    steps: Vec<Step>,
}

type Grid = Vec<Vec<TaskId>>;

impl Plan {
    /// Each chunk from itself and its neighbours.
    fn halo() -> Result<Self, GraphError> {
        let mut plan = Self::default();
        let chunks = plan.raster(0)?;
        let around = |at: u32| at.saturating_sub(1)..(at + 2).min(CHUNKS);
        plan.outputs(CHUNKS, |row, column| window(&chunks, around(row), around(column)))
    }

    /// Two chunks for every three in both directions.
    fn regrid() -> Result<Self, GraphError> {
        let mut plan = Self::default();
        let chunks = plan.raster(0)?;
        let covered = |at: u32| at * 3 / 2..(at * 3 / 2 + 2).min(CHUNKS);
        plan.outputs((CHUNKS * 2).div_ceil(3), |row, column| window(&chunks, covered(row), covered(column)))
    }

    /// Each chunk from that of every date.
    fn mean() -> Result<Self, GraphError> {
        let mut plan = Self::default();
        let dates = (0..DATES).map(|date| plan.raster(date)).collect::<Result<Vec<Grid>, _>>()?;
        plan.outputs(CHUNKS, |row, column| dates.iter().map(|date| date[row as usize][column as usize]).collect())
    }

    /// All levels down to one chunk. A chunk is delivered after the four that it was made from: delivered level by
    /// level, the second level would have to wait in memory for the end of the first.
    fn pyramid() -> Result<Self, GraphError> {
        let mut plan = Self::default();
        let mut levels = vec![plan.raster(0)?];
        while let Some(finer) = levels.last().filter(|level| level.len() > 1) {
            let coarser = plan.halved(finer)?;
            levels.push(coarser);
        }
        plan.encode_pyramid(&levels, levels.len() - 1, 0, 0)?;
        Ok(plan)
    }

    fn halved(&mut self, finer: &Grid) -> Result<Grid, GraphError> {
        let side = finer.len() as u32;
        let pair = |at: u32| 2 * at..(2 * at + 2).min(side);
        grid(side.div_ceil(2), |row, column| {
            let inputs = window(finer, pair(row), pair(column));
            self.push(Step::Halve { columns: pair(column).len() }, &inputs)
        })
    }

    fn encode_pyramid(&mut self, levels: &[Grid], level: usize, row: u32, column: u32) -> Result<(), GraphError> {
        let chunk = levels[level].get(row as usize).and_then(|chunks| chunks.get(column as usize));
        let Some(&chunk) = chunk else { return Ok(()) };
        if let Some(finer) = level.checked_sub(1) {
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                self.encode_pyramid(levels, finer, 2 * row + down, 2 * column + right)?;
            }
        }
        self.push(Step::Encode, &[chunk])?;
        Ok(())
    }

    /// Fetches and decodes a raster of its own for each date.
    fn raster(&mut self, date: u32) -> Result<Grid, GraphError> {
        grid(CHUNKS, |row, column| {
            let byte = 1 + ((date * 89 + row * 31 + column * 7) % 255) as u8;
            let fetched = self.push(Step::Fetch { row, column, byte }, &[])?;
            self.push(Step::Decode, &[fetched])
        })
    }

    /// A mean for each chunk of the output, delivered row by row.
    fn outputs(mut self, side: u32, inputs: impl Fn(u32, u32) -> Vec<TaskId>) -> Result<Self, GraphError> {
        grid(side, |row, column| self.push(Step::MeanEncoded, &inputs(row, column)))?;
        Ok(self)
    }

    fn push(&mut self, step: Step, inputs: &[TaskId]) -> Result<TaskId, GraphError> {
        self.steps.push(step);
        self.graph.push(step.spec(), inputs)
    }
}

fn grid(side: u32, mut task: impl FnMut(u32, u32) -> Result<TaskId, GraphError>) -> Result<Grid, GraphError> {
    (0..side).map(|row| (0..side).map(|column| task(row, column)).collect()).collect()
}

fn window(grid: &Grid, rows: Range<u32>, columns: Range<u32>) -> Vec<TaskId> {
    let rows = &grid[rows.start as usize..rows.end as usize];
    rows.iter().flat_map(|row| &row[columns.start as usize..columns.end as usize]).copied().collect()
}

/// Strips that nobody uses. Never more are made than are in use at once.
#[derive(Default)]
struct Pool(Mutex<Vec<Strip>>);

type Strip = Box<[u8]>;

impl Pool {
    /// Strips with anything in them.
    fn take(self: &Arc<Self>, strips: usize) -> Buffer {
        let mut free = self.0.lock().expect("nobody panics with the pool in hand");
        let rest = free.len().saturating_sub(strips);
        let mut taken = free.split_off(rest);
        drop(free);
        // Not zeros, which an allocator gives without touching a page.
        taken.resize_with(strips, || vec![1; STRIP_BYTES].into_boxed_slice());
        Buffer { strips: taken, pool: Arc::clone(self) }
    }
}

/// A chunk or a compressed one, whose strips go back to the pool.
struct Buffer {
    strips: Vec<Strip>,
    pool: Arc<Pool>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Ok(mut free) = self.pool.0.lock() {
            free.append(&mut self.strips);
        }
    }
}

type Request = (u8, Reply<Buffer, Infallible>);

/// A thread that answers fetches, until nobody can ask any more.
fn start_source(pool: Arc<Pool>) -> Sender<Request> {
    let (requests, incoming) = mpsc::channel::<Request>();
    std::thread::spawn(move || {
        for (byte, reply) in incoming {
            let mut encoded = pool.take(ENCODED_STRIPS);
            encoded.strips.iter_mut().for_each(|strip| strip.fill(byte));
            reply.send(Ok(encoded));
        }
    });
    requests
}

struct Stage<'a> {
    steps: &'a [Step],
    order: &'a Order,
    pool: Arc<Pool>,
    requests: Sender<Request>,
    checksum: AtomicU64,
}

impl Stage<'_> {
    fn step(&self, task: TaskId) -> Step {
        self.steps[self.order.given(task).0 as usize]
    }
}

impl Work for Stage<'_> {
    type Value = Buffer;
    type Error = Infallible;

    fn execute(&self, task: TaskId, inputs: &mut Vec<Arc<Buffer>>) -> Result<Buffer, Infallible> {
        Ok(match self.step(task) {
            Step::Fetch { .. } => unreachable!("an I/O task is not executed"),
            Step::Decode => decode(&inputs[0], &self.pool),
            Step::Halve { columns } => halve(inputs, columns, &self.pool),
            Step::Encode => encode(&inputs[0], &self.pool),
            Step::MeanEncoded => encode(&mean(inputs, &self.pool), &self.pool),
        })
    }

    fn begin(&self, task: TaskId, _: &[Arc<Buffer>], reply: Reply<Buffer, Infallible>) {
        if let Step::Fetch { byte, .. } = self.step(task) {
            // The thread listens as long as this sender is there.
            let _ = self.requests.send((byte, reply));
        }
    }

    fn deliver(&self, _: TaskId, value: Buffer) -> Result<(), Infallible> {
        let bytes = value.strips.iter().flat_map(|strip| strip.iter());
        let before = self.checksum.load(Ordering::Relaxed);
        let sum = bytes.fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        self.checksum.store(sum, Ordering::Relaxed);
        Ok(())
    }

    fn byte_len(&self, value: &Buffer) -> u64 {
        (value.strips.len() * STRIP_BYTES) as u64
    }
}

fn decode(encoded: &Buffer, pool: &Arc<Pool>) -> Buffer {
    let mut chunk = pool.take(CHUNK_STRIPS);
    let halves = encoded.strips.iter().flat_map(|strip| strip.chunks_exact(STRIP_BYTES / 2));
    for (strip, half) in chunk.strips.iter_mut().zip(halves) {
        strip.chunks_exact_mut(2).zip(half).for_each(|(pair, byte)| pair.fill(*byte));
    }
    chunk
}

fn encode(chunk: &Buffer, pool: &Arc<Pool>) -> Buffer {
    let mut encoded = pool.take(ENCODED_STRIPS);
    let halves = encoded.strips.iter_mut().flat_map(|strip| strip.chunks_exact_mut(STRIP_BYTES / 2));
    for (half, strip) in halves.zip(&chunk.strips) {
        half.iter_mut().zip(strip.chunks_exact(2)).for_each(|(byte, pair)| *byte = pair[0]);
    }
    encoded
}

/// Row by row, so that sums take next to nothing.
fn mean(chunks: &[Arc<Buffer>], pool: &Arc<Pool>) -> Buffer {
    let mut mean = pool.take(CHUNK_STRIPS);
    let mut sums = [0_u16; ROW_BYTES];
    for (index, strip) in mean.strips.iter_mut().enumerate() {
        for (row, means) in strip.chunks_exact_mut(ROW_BYTES).enumerate() {
            sums.fill(0);
            for chunk in chunks {
                let bytes = &chunk.strips[index][row * ROW_BYTES..][..ROW_BYTES];
                sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += u16::from(*byte));
            }
            means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = (sum / chunks.len() as u16) as u8);
        }
    }
    mean
}

/// Each input becomes a quarter: half of the columns of half a strip for each of its strips.
fn halve(chunks: &[Arc<Buffer>], columns: usize, pool: &Arc<Pool>) -> Buffer {
    let mut halved = pool.take(CHUNK_STRIPS);
    // At the edges some quarters have no input.
    halved.strips.iter_mut().for_each(|strip| strip.fill(0));
    for (index, chunk) in chunks.iter().enumerate() {
        let rows = halved.strips[index / columns].chunks_exact_mut(ROW_BYTES);
        let pairs = chunk.strips.iter().flat_map(|strip| strip.chunks_exact(2 * ROW_BYTES));
        for (row, pair) in rows.zip(pairs) {
            let (upper, lower) = pair.split_at(ROW_BYTES);
            halve_rows(upper, lower, &mut row[index % columns * ROW_BYTES / 2..][..ROW_BYTES / 2]);
        }
    }
    halved
}

fn halve_rows(upper: &[u8], lower: &[u8], means: &mut [u8]) {
    let pixels = upper.chunks_exact(2 * BANDS).zip(lower.chunks_exact(2 * BANDS));
    for (means, (upper, lower)) in means.chunks_exact_mut(BANDS).zip(pixels) {
        for (band, mean) in means.iter_mut().enumerate() {
            let sum = [upper[band], upper[band + BANDS], lower[band], lower[band + BANDS]].map(u16::from);
            *mean = (sum.iter().sum::<u16>() / 4) as u8;
        }
    }
}
