//! Streaming: chunks of a raster in order, with only some of them in memory.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Deref;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use parking_lot::Mutex;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::exec::serial::Serial;
use swath_core::exec::{Tasks, Value};
use swath_core::meta::Meta;
use swath_core::raster::Raster;
use swath_core::shape::{Dim, Region};
use swath_core::value::ChunkValue;

use super::engine::Planned;
use super::spans::Here;
use super::{Cancel, Run, Workers, engine, pieces};

/// One chunk of a raster.
#[derive(Debug, Clone)]
pub struct StreamedChunk {
    /// Where it lies in the raster.
    pub region: Region,
    /// Its pixels, with the grid of their window.
    pub raster: Raster,
}

/// Chunks of a raster, in order; an iterator that stops the run when it is dropped.
pub struct ChunkStream {
    planned: Arc<Planned>,
    state: State,
}

enum State {
    /// Computes a chunk on the caller's thread when it is asked for.
    Serial {
        serial: Serial<Shared>,
        cancel: Cancel,
    },
    /// Computed ahead on other threads, inside the memory limit.
    Threads {
        chunks: Receiver<Result<(usize, ChunkValue)>>,
        cancel: Cancel,
        driver: Option<JoinHandle<()>>,
    },
    Ended,
}

/// The tasks of a plan that outlives the borrow of it.
struct Shared(Arc<Planned>);

impl Deref for Shared {
    type Target = Tasks;

    fn deref(&self) -> &Tasks {
        &self.0.tasks
    }
}

impl ChunkStream {
    pub(super) fn start(run: &Run, planned: Planned) -> Result<Self> {
        let planned = Arc::new(planned);
        let state = match run.workers {
            Workers::Serial => {
                State::Serial { serial: Serial::new(Shared(Arc::clone(&planned))), cancel: run.cancel.clone() }
            }
            Workers::Threads(_) | Workers::Brought(..) => drive(run, Arc::clone(&planned))?,
        };
        Ok(Self { planned, state })
    }

    fn chunk(&self, piece: usize, value: ChunkValue) -> Result<StreamedChunk> {
        let stage = &self.planned.tasks.outputs()[0];
        let region = stage.pieces.region(piece);
        let chunk = super::pixels(&value, &region, stage.meta.dtype)?;
        // Subtle: while it lives, the chunk is shared, and would be copied.
        drop(value);
        let chunk = Arc::try_unwrap(chunk).unwrap_or_else(|shared| (*shared).clone());
        Ok(StreamedChunk { region, raster: Raster::new(window(&stage.meta, &region), chunk)? })
    }
}

/// What is known of a raster's part.
fn window(meta: &Meta, region: &Region) -> Meta {
    let (rows, columns) = (region.range(Dim::Y), region.range(Dim::X));
    let grid =
        meta.grid.as_ref().map(|grid| Arc::new(grid.window(rows.start, columns.start, rows.len(), columns.len())));
    Meta { shape: region.shape, chunks: region.shape, grid, ..meta.clone() }
}

/// Starts a thread that runs the tasks and hands chunks over one by one: a chunk that nobody takes stops the delivery,
/// and the memory limit stops what runs ahead of it.
fn drive(run: &Run, planned: Arc<Planned>) -> Result<State> {
    let (sender, chunks) = bounded(0);
    let cancel = run.cancel.child();
    // Threads that the caller brings may be those that wait for chunks.
    let workers = Workers::Threads(run.worker_count());
    let run = Run { cancel: cancel.clone(), workers, ..run.clone() };
    let here = Here::new();
    let driver = thread::Builder::new().name("swath-chunks".into()).spawn(move || {
        let _inside = here.enter();
        let hand_over = |_: usize, value: Value| {
            for piece in pieces(value) {
                // The stream was dropped: nobody wants the rest.
                sender.send(Ok(piece)).map_err(|_| Error::cancelled())?;
            }
            Ok(())
        };
        let result = engine::execute(&run, &planned, &Mutex::new(hand_over));
        if let Err(error) = result {
            let _ = sender.send(Err(error));
        }
    });
    let driver = driver
        .map_err(|error| Error::with_source(ErrorKind::Unavailable, "cannot start a thread for the run", error))?;
    Ok(State::Threads { chunks, cancel, driver: Some(driver) })
}

impl Iterator for ChunkStream {
    type Item = Result<StreamedChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.state {
            State::Serial { serial, cancel } => match serial.advance(&|| cancel.is_cancelled()) {
                Ok(value) => value.and_then(|(_, value)| pieces(value).pop()).map(Ok),
                Err(error) => Some(Err(error)),
            },
            State::Threads { chunks, driver, .. } => match chunks.recv() {
                Ok(next) => Some(next),
                // The driver ended: by a panic of a user's closure, which is his to see, or because all is done.
                Err(_) => {
                    if let Some(Err(panic)) = driver.take().map(JoinHandle::join) {
                        std::panic::resume_unwind(panic);
                    }
                    None
                }
            },
            State::Ended => None,
        };
        let item = next.map(|next| next.and_then(|(piece, chunk)| self.chunk(piece, chunk)));
        if !matches!(item, Some(Ok(_))) {
            self.state = State::Ended;
        }
        item
    }
}

impl FusedIterator for ChunkStream {}

impl Drop for State {
    fn drop(&mut self) {
        if let Self::Threads { cancel, chunks, driver } = self {
            cancel.cancel();
            // A delivery that waits for a taker must see that there is none.
            *chunks = crossbeam_channel::never();
            if let Some(driver) = driver.take() {
                let _ = driver.join();
            }
        }
    }
}

impl fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStream").field("stages", &self.planned.tasks.stages().len()).finish_non_exhaustive()
    }
}
