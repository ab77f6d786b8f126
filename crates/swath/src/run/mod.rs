//! Running: how many threads, how much memory, who watches, and the verbs.

mod chunks;
pub(crate) mod engine;
mod future;
mod in_flight;
mod outputs;
mod progress;
mod report;
mod spans;
mod threads;

pub use chunks::{ChunkStream, StreamedChunk};
pub use future::RunFuture;
pub use outputs::Outputs;
pub use progress::Progress;
pub use report::{OutputBlocks, Report};
pub use swath_scheduler::Cancel;
pub use threads::Threads;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use swath_core::chunk::Chunk;
use swath_core::dtype::DType;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::exec::{self, RangePolicy, Target, Tasks, Value};
use swath_core::expr::{LazyRaster, LazyStatistics};
use swath_core::meta::Meta;
use swath_core::plan::dot::DotOptions;
use swath_core::raster::Raster;
use swath_core::reduce::Gathered;
use swath_core::shape::Region;
use swath_core::sink::ChunkSink;
use swath_core::source::{ChunkSource, MemorySource};
use swath_core::text::bytes;
use swath_core::value::ChunkValue;

use self::engine::Planned;
use crate::job::{self, End, Job, Opened, StatisticsJob};
use crate::memory::default_limit;
use crate::sink::Sink;
use crate::statistics::Statistics;
use crate::trace::Trace;

/// How expressions are run: on how many threads, in how much memory, watched and stopped by whom.
///
/// The default uses every core and a quarter of the machine's (or its cgroup's) memory. A `Run` is a value: clone it,
/// keep it, use it for many runs; it holds no thread.
///
/// ```
/// use swath::{Run, prelude::*};
///
/// let raster = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?;
/// let bright = raster.gt(500)?;
/// let pixels = Run::threads(2).memory_limit(64 << 20).compute(&bright)?;
/// assert_eq!(pixels.view::<bool>()?[[2, 599, 499]], true);
/// # Ok::<(), swath::Error>(())
/// ```
#[derive(Clone)]
pub struct Run {
    workers: Workers,
    memory: Option<u64>,
    io_in_flight: usize,
    ranges: RangePolicy,
    passthrough: bool,
    cancel: Cancel,
    progress: Option<progress::Watch>,
    trace: Option<Trace>,
}

#[derive(Clone)]
enum Workers {
    /// The caller's thread, one task and one request at a time.
    Serial,
    /// So many new ones.
    Threads(usize),
    /// So many of the caller's.
    Brought(Arc<dyn Threads>, usize),
}

/// Requests begun and not answered at most, unless told otherwise: as many as an [`Io`](crate::Io) lets one
/// host have. It decides how many of them are sent at once, and the memory limit bounds what they bring.
const IO_IN_FLIGHT: usize = 256;

impl Default for Run {
    fn default() -> Self {
        Self::threads(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Run {
    /// Runs on `count` threads of its own (at least one).
    pub fn threads(count: usize) -> Self {
        Self::new(Workers::Threads(count.max(1)))
    }

    /// Runs on the caller's thread, one task after the other, with one request at a time: what a program without
    /// swath would do.
    pub fn serial() -> Self {
        Self::new(Workers::Serial)
    }

    /// Runs on threads that you have, `count` of them at most: a pool, or the calling thread alone; see [`Threads`].
    ///
    /// [`chunks`](Self::chunks) has as many threads of its own instead: whoever takes the chunks and the run that
    /// computes them go on at the same time, and a pool whose threads all wait for chunks would never compute any.
    pub fn on(threads: impl Threads + 'static, count: usize) -> Self {
        Self::new(Workers::Brought(Arc::new(threads), count.max(1)))
    }

    fn new(workers: Workers) -> Self {
        Self {
            workers,
            memory: None,
            io_in_flight: IO_IN_FLIGHT,
            ranges: RangePolicy::default(),
            passthrough: true,
            cancel: Cancel::new(),
            progress: None,
            trace: None,
        }
    }

    /// Holds at most so many bytes: decoded and compressed blocks, results, scratch, pinned chunks.
    #[must_use]
    pub const fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Has at most so many requests begun and not answered, whatever the number of threads (default 256).
    ///
    /// Fewer may be in flight: the memory limit bounds what they may bring, and the `Io` finds out how many at once are
    /// good for each host ([`IoOptions::requests_per_host`](crate::IoOptions::requests_per_host)).
    #[must_use]
    pub fn io_in_flight(mut self, count: usize) -> Self {
        self.io_in_flight = count.max(1);
        self
    }

    /// Merges byte ranges so.
    #[must_use]
    pub const fn ranges(mut self, policy: RangePolicy) -> Self {
        self.ranges = policy;
        self
    }

    /// Whether blocks pass through that nothing changes (on unless switched off).
    ///
    /// Conditions are then looked at first. Where one hides a whole block, the block is neither fetched nor decoded;
    /// where it leaves a whole block alone, and the file that is written stores blocks as the source does (codec,
    /// predictor, block shape, dtype), the stored bytes are copied; blocks of one value are encoded once. Persisted
    /// rasters keep the stored bytes of their blocks beside the pixels, so that they can be copied later. Off, every
    /// block is decoded, computed and encoded. The pixels are the same; the bytes of the file may differ, as the source
    /// may have been compressed by another program.
    #[must_use]
    pub const fn passthrough(mut self, on: bool) -> Self {
        self.passthrough = on;
        self
    }

    /// Stops when `cancel` is cancelled.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Tells `watch` how far it is, each time a task ends; from any thread.
    #[must_use]
    pub fn on_progress(mut self, watch: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(watch));
        self
    }

    /// Records in `trace` what each thread does when; several runs may share it. Chunks of a [`serial`](Self::serial)
    /// run, which are computed when they are asked for, are not recorded.
    #[must_use]
    pub fn traced_by(mut self, trace: &Trace) -> Self {
        self.trace = Some(trace.clone());
        self
    }

    /// The bytes that a run may hold.
    pub fn memory(&self) -> u64 {
        self.memory.unwrap_or_else(default_limit)
    }

    /// Computes rasters into memory, several in one pass.
    ///
    /// # Errors
    /// Those of the expression, of reading and decoding; `Memory` where the results do not fit the limit; `Cancelled`.
    pub fn compute<O: Outputs>(&self, outputs: O) -> Result<O::Of<Raster>> {
        Ok(self.compute_with_report(outputs)?.0)
    }

    /// As [`compute`](Self::compute), with what it took.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn compute_with_report<O: Outputs>(&self, outputs: O) -> Result<(O::Of<Raster>, Report)> {
        let (rasters, report) = self.compute_all(&outputs.rasters())?;
        Ok((O::collect(rasters), report))
    }

    fn compute_all(&self, rasters: &[LazyRaster]) -> Result<(Vec<Raster>, Report)> {
        let planned = self.prepare(rasters, &Target::Pieces, "compute")?;
        let metas = metas(rasters)?;
        let mut results: Vec<_> =
            metas.iter().map(|meta| Chunk::filled(meta.shape, meta.dtype, meta.dtype.zero())).collect();
        let report = self.execute(&planned, |stage, value| {
            let grid = planned.tasks.outputs()[stage].pieces;
            for (piece, chunk) in pieces(value) {
                let region = grid.region(piece);
                let chunk = pixels(&chunk, &region, results[stage].dtype())?;
                chunk.copy_region(&Region::whole(region.shape), &mut results[stage], region.start);
            }
            Ok(())
        })?;
        let rasters =
            metas.into_iter().zip(results).map(|(meta, chunk)| Raster::new(meta, chunk)).collect::<Result<_>>()?;
        Ok((rasters, report))
    }

    /// Computes rasters and keeps their chunks in memory: new lazy rasters, several in one pass.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn persist<O: Outputs>(&self, outputs: O) -> Result<O::Of<LazyRaster>> {
        Ok(self.persist_with_report(outputs)?.0)
    }

    /// As [`persist`](Self::persist), with what it took.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn persist_with_report<O: Outputs>(&self, outputs: O) -> Result<(O::Of<LazyRaster>, Report)> {
        let (rasters, report) = self.persist_all(&outputs.rasters())?;
        Ok((O::collect(rasters), report))
    }

    fn persist_all(&self, rasters: &[LazyRaster]) -> Result<(Vec<LazyRaster>, Report)> {
        let planned = self.prepare(rasters, &Target::Pinned, "persist")?;
        let mut pinned: Vec<Vec<_>> =
            planned.tasks.outputs().iter().map(|stage| vec![None; stage.pieces.len()]).collect();
        let report = self.execute(&planned, |stage, value| {
            for (piece, chunk) in pieces(value) {
                pinned[stage][piece] = Some(chunk);
            }
            Ok(())
        })?;
        let mut out = Vec::with_capacity(rasters.len());
        for ((raster, stage), chunks) in rasters.iter().zip(planned.tasks.outputs()).zip(pinned) {
            let chunks: Option<Vec<_>> = chunks.into_iter().collect();
            let chunks = chunks.expect("a run that succeeds delivers every piece");
            let name = format!("persisted {}", source_name(raster)?);
            let layout = exec::source_layout(raster)?;
            let source =
                MemorySource::of_values(name, raster.meta()?.clone(), stage.pieces, chunks)?.with_layout(layout);
            out.push(LazyRaster::from_source(Arc::new(source)));
        }
        Ok((out, report))
    }

    /// Computes statistics of all pixels of a raster, in one pass and without keeping its pixels.
    ///
    /// ```
    /// use swath::{Run, prelude::*};
    ///
    /// let raster = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?;
    /// let statistics = Run::threads(2).statistics(&raster.statistics()?)?;
    /// let band = statistics.band(2)?;
    /// assert_eq!((band.count(), band.mean()), (300_000, Some(551.0)));
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the expression, of reading and decoding; `InvalidInput` where values are counted and there are too many;
    /// `Memory`; `Cancelled`.
    pub fn statistics(&self, statistics: &LazyStatistics) -> Result<Statistics> {
        Ok(self.statistics_with_report(statistics)?.0)
    }

    /// As [`statistics`](Self::statistics), with what it took.
    ///
    /// # Errors
    /// As [`statistics`](Self::statistics).
    pub fn statistics_with_report(&self, statistics: &LazyStatistics) -> Result<(Statistics, Report)> {
        let job = StatisticsJob::new(statistics);
        let report = self.all(&[&job])?;
        let told = job.result().expect("a run that succeeds has told them");
        Ok((told, report))
    }

    /// As [`statistics`](Self::statistics), as a future that any executor can poll; dropping it stops the run.
    pub fn statistics_async(&self, statistics: &LazyStatistics) -> RunFuture<Statistics> {
        let statistics = statistics.clone();
        RunFuture::spawn(self, move |run| run.statistics(&statistics), |statistics| statistics)
    }

    /// Computes a raster chunk by chunk, in order; only some are in memory at a time.
    ///
    /// Dropping the iterator stops the run. A [`serial`](Self::serial) run computes a chunk when it is asked for.
    ///
    /// # Errors
    /// Those of the expression; later ones come from the iterator.
    pub fn chunks(&self, raster: &LazyRaster) -> Result<ChunkStream> {
        let planned = self.prepare(std::slice::from_ref(raster), &Target::Chunks, "chunks")?;
        ChunkStream::start(self, planned)
    }

    /// Computes and writes everything that a sink describes; its output is visible only when it is complete.
    ///
    /// # Errors
    /// Those of the expression, of reading, decoding and encoding; `NotFound` or `Unavailable` where the target cannot
    /// be written; `Memory`; `Cancelled`. After any of them nothing of the output is left.
    pub fn run(&self, sink: &Sink) -> Result<Report> {
        self.all(&[sink])
    }

    /// As [`run`](Self::run), of several jobs together, sinks and [statistics](StatisticsJob): what they share is read and
    /// computed once.
    ///
    /// Each output appears when all of them are complete; the report is that of all.
    ///
    /// ```
    /// use swath::{Colors, Run, prelude::*};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let raster = swath::raster([1, 600, 500], |_, y, x| (y + x) as u16)?;
    /// let cog = raster.to_cog(folder.path().join("all.tif"))?;
    /// let quicklook = raster.to_png(folder.path().join("all.png"), &Colors::Auto, 256)?;
    /// let told = raster.statistics()?.job();
    /// Run::threads(2).all(&[&cog, &quicklook, &told])?;
    /// assert_eq!(told.result().unwrap().band(0)?.count(), 300_000);
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run); `InvalidInput` where two of them write the same file. After any of them, nothing of the
    /// outputs is left but those that were already complete.
    pub fn all(&self, jobs: &[&dyn Job]) -> Result<Report> {
        let outputs: Vec<_> = jobs.iter().filter_map(|job| job.output()).collect();
        let repeated = outputs.iter().enumerate().find(|(at, output)| outputs[..*at].contains(output));
        if let Some((_, twice)) = repeated {
            return Err(Error::invalid(format!(
                "cannot write {twice} twice in one run: give each output its own name"
            )));
        }
        let opened = jobs.iter().map(|job| job.open()).collect::<Result<Vec<_>>>()?;
        let opened: Vec<_> = opened.into_iter().flatten().collect();
        let planned = Planned::new(self, self.tasks(&exec::Plans::new(&job::targets(&opened))?)?, 0)?;
        let completed = self.complete(&planned, &opened);
        if completed.is_err() {
            opened.iter().filter_map(Opened::as_sink).for_each(ChunkSink::abort);
        }
        completed
    }

    fn complete(&self, planned: &Planned, opened: &[Opened]) -> Result<Report> {
        let started = Instant::now();
        let sinks = || opened.iter().filter_map(Opened::as_sink);
        sinks().try_for_each(ChunkSink::begin)?;
        let mut gathered: Vec<_> = opened.iter().map(|_| Gathered::default()).collect();
        let report = self.execute(planned, |stage, value| match (&opened[stage].end, value) {
            (End::Sink(sink), Value::Encoded(blocks)) => {
                blocks.into_iter().try_for_each(|(block, _)| sink.commit(block))
            }
            (End::Statistics { .. }, Value::Gathered(part)) => gathered[stage].merge(part),
            _ => Err(Error::new(ErrorKind::Internal, "a task gave what its output does not take")),
        })?;
        for (opened, gathered) in opened.iter().zip(gathered) {
            if let End::Statistics { target: Target::Reduce { reduction, .. }, tell } = &opened.end {
                tell(Statistics::new(gathered.summaries(reduction)));
            }
        }
        let output_bytes = sinks().map(ChunkSink::finish).sum::<Result<u64>>()?;
        Ok(Report { output_bytes, wall: started.elapsed(), ..report })
    }

    pub(crate) const fn worker_count(&self) -> usize {
        match self.workers {
            Workers::Serial => 1,
            Workers::Threads(count) | Workers::Brought(_, count) => count,
        }
    }

    /// The tasks of plans, as this run would run them.
    pub(crate) fn tasks(&self, plans: &exec::Plans) -> Result<Tasks> {
        plans.tasks(&self.ranges, self.passthrough)
    }

    /// What a run of `what` would do, in numbers.
    ///
    /// ```
    /// use swath::{Run, prelude::*};
    ///
    /// let raster = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?;
    /// let prediction = Run::threads(2).predict(&raster.gt(500)?)?;
    /// assert_eq!((prediction.requests, prediction.bytes), (0, 0));
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the expression and of the sources' indices. A run that would be refused is predicted, too.
    pub fn predict<'a>(&self, what: impl Into<crate::Explain<'a>>) -> Result<crate::Prediction> {
        crate::explain::predict(self, &what.into())
    }

    /// What a run of `what` would do: the optimised plan with requests, bytes and tasks, and its peak memory.
    ///
    /// # Errors
    /// Those of the expression and of the sources' indices.
    pub fn explain<'a>(&self, what: impl Into<crate::Explain<'a>>) -> Result<String> {
        crate::explain::explain(self, &what.into())
    }

    /// The task graph of `what` as DOT text for Graphviz: as this run would run it, or
    /// [as written](DotOptions::as_written); after a run with its times, by
    /// [`with_times`](DotOptions::with_times).
    ///
    /// # Errors
    /// As [`explain`](Self::explain); `InvalidInput` where the times are those of other tasks.
    #[doc(alias = "visualize")]
    pub fn to_dot<'a>(&self, what: impl Into<crate::Explain<'a>>, options: impl Into<DotOptions>) -> Result<String> {
        crate::explain::draw(self, &what.into(), &options.into())
    }

    /// As [`compute`](Self::compute), as a future that any executor can poll; dropping it stops the run.
    pub fn compute_async<O: Outputs>(&self, outputs: O) -> RunFuture<O::Of<Raster>> {
        let rasters = outputs.rasters();
        RunFuture::spawn(self, move |run| Ok(run.compute_all(&rasters)?.0), O::collect)
    }

    /// As [`persist`](Self::persist), as a future that any executor can poll; dropping it stops the run.
    pub fn persist_async<O: Outputs>(&self, outputs: O) -> RunFuture<O::Of<LazyRaster>> {
        let rasters = outputs.rasters();
        RunFuture::spawn(self, move |run| Ok(run.persist_all(&rasters)?.0), O::collect)
    }

    /// As [`run`](Self::run), as a future that any executor can poll; dropping it stops the run and leaves nothing.
    pub fn run_async(&self, sink: &Sink) -> RunFuture<Report> {
        let sink = sink.clone();
        RunFuture::spawn(self, move |run| run.run(&sink), |report| report)
    }

    /// The tasks that compute `rasters` into `target`.
    fn prepare(&self, rasters: &[LazyRaster], target: &Target, verb: &str) -> Result<Planned> {
        let outputs: Vec<_> = rasters.iter().map(|raster| (raster, target.clone())).collect();
        let tasks = self.tasks(&exec::Plans::new(&outputs)?)?;
        let results: u64 = match target {
            Target::Pieces => metas(rasters)?.iter().map(Meta::byte_len).sum(),
            Target::Pinned => metas(rasters)?.iter().map(Meta::byte_len).sum::<u64>() + tasks.kept_bytes(),
            Target::Chunks | Target::Sink(_) | Target::Stages(_) | Target::Reduce { .. } => 0,
        };
        let limit = self.memory();
        if results > limit {
            let message = format!(
                "cannot {verb}: the result has {}, the memory limit is {}; \
                 take it chunk by chunk with chunks(), write it with a sink, or raise the limit",
                bytes(results),
                bytes(limit)
            );
            let error = Error::new(ErrorKind::Memory, message);
            spans::refused(&error);
            return Err(error);
        }
        Planned::new(self, tasks, results)
    }

    /// Runs tasks; `deliver` gets each part of an output with the number of its stage, in order.
    fn execute(&self, planned: &Planned, deliver: impl FnMut(usize, Value) -> Result<()> + Send) -> Result<Report> {
        engine::execute(self, planned, &Mutex::new(deliver))
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("workers", &self.worker_count())
            .field("memory", &self.memory())
            .field("io_in_flight", &self.io_in_flight)
            .finish_non_exhaustive()
    }
}

fn metas(rasters: &[LazyRaster]) -> Result<Vec<Meta>> {
    rasters.iter().map(|raster| raster.meta().cloned()).collect()
}

/// The pixels of a piece, in memory.
fn pixels(piece: &ChunkValue, region: &Region, dtype: DType) -> Result<Arc<Chunk>> {
    let pixels = piece.pixels(region.shape, dtype);
    pixels.ok_or_else(|| Error::new(ErrorKind::Internal, "a piece in memory has no pixels"))
}

fn pieces(value: Value) -> Vec<(usize, ChunkValue)> {
    match value {
        Value::Pieces(pieces) => pieces,
        _ => Vec::new(),
    }
}

/// What to call the pixels of a raster: its source, if it is one, else its operation.
fn source_name(raster: &LazyRaster) -> Result<String> {
    use swath_core::expr::Op;
    Ok(match &raster.node()?.op {
        Op::Source(source) => ChunkSource::name(source.as_ref()).to_owned(),
        op => op.to_string(),
    })
}
