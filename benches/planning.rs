//! What planning costs: time and memory until a run's tasks are there, and the time to its first request.
//!
//! `cargo bench --bench planning`
//!
//! The lesson's expression over files that claim any number of blocks and never answer: a mask of classes (blocks of
//! 1024²) over three bands of u8 (blocks of 512²), written as GeoTIFF. The run is cancelled by its first request.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout as MemoryLayout, System};
use std::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use swath::embed::{Chunk, ChunkSource, Fetching, Meta, Place, Reply, Shape};
use swath::{Cancel, DType, Dims, ErrorKind, LazyRaster, Result, Run, prelude::*};

/// Rows and columns of blocks of the image.
const SIDES: [usize; 3] = [11, 100, 1000];
const ROUNDS: usize = 5;

/// A remote file that answers nothing.
#[derive(Debug)]
struct Silent {
    meta: Meta,
    block: Shape,
    heard: Arc<Heard>,
}

/// What silent files were asked.
#[derive(Default)]
struct Heard {
    first: Mutex<Option<Instant>>,
    kept: Mutex<Vec<Reply>>,
    cancel: Cancel,
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heard").finish_non_exhaustive()
    }
}

/// Bytes of a compressed block, and of the gap behind it.
const BLOCK_BYTES: u64 = 150_000;

impl ChunkSource for Silent {
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn name(&self) -> &str {
        "silent"
    }
    fn block_shape(&self) -> Shape {
        self.block
    }
    fn place(&self, block: usize) -> Result<Place> {
        let start = block as u64 * (BLOCK_BYTES + 8);
        Ok(Place::Remote(start..start + BLOCK_BYTES))
    }
    fn begin_fetch(&self, _: Range<u64>, reply: Reply) -> Fetching {
        self.heard.first.lock().expect("nobody panics with it").get_or_insert_with(Instant::now);
        self.heard.kept.lock().expect("nobody panics with it").push(reply);
        self.heard.cancel.cancel();
        Fetching::none()
    }
    fn decode(&self, _: usize, _: &[u8]) -> Result<Arc<Chunk>> {
        unreachable!("nothing is ever fetched")
    }
}

/// The lesson's mask over an image of `side` by `side` blocks.
fn lesson(side: usize, heard: &Arc<Heard>) -> Result<LazyRaster> {
    let file = |bands: usize, block: usize| {
        let shape = [1, bands, side * 512, side * 512];
        let block = [1, bands, block, block];
        let meta = Meta { chunks: [1, bands, 2048, 2048], ..Meta::new(Dims::BYX, shape, DType::U8) };
        LazyRaster::from_source(Arc::new(Silent { meta, block, heard: Arc::clone(heard) }))
    };
    file(3, 512).mask(&file(1, 1024).squeeze()?.isin([8, 9])?, 0)
}

/// Live bytes of the heap, and the most of them.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all memory is the system allocator's; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: MemoryLayout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: MemoryLayout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: MemoryLayout, size: usize) -> *mut u8 {
        let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
        // Where the block cannot grow in place, both exist for a moment: the most that this can take.
        PEAK.fetch_max(live, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    println!("| chunks | tasks | planning, ms | first request, ms | heap, MB | bytes a chunk |");
    println!("|---|---|---|---|---|---|");
    for side in SIDES {
        let (mut planning, mut request) = (Duration::MAX, Duration::MAX);
        let (mut tasks, mut heap) = (0, 0);
        for _ in 0..ROUNDS {
            let heard = Arc::new(Heard::default());
            let run = Run::threads(2).cancelled_by(&heard.cancel);
            let sink = lesson(side, &heard)?.to_geotiff(folder.path().join("out.tif"))?;
            let before = LIVE.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            let started = Instant::now();
            tasks = run.predict(&sink)?.tasks;
            planning = planning.min(started.elapsed());
            heap = PEAK.load(Ordering::Relaxed) - before;
            let started = Instant::now();
            let ended = sink.run(&run);
            assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
            let first = heard.first.lock().expect("nobody panics with it").ok_or("nothing was asked for")?;
            request = request.min(first - started);
        }
        let chunks = side * side;
        println!(
            "| {chunks} | {tasks} | {:.1} | {:.1} | {:.1} | {:.0} |",
            planning.as_secs_f64() * 1e3,
            request.as_secs_f64() * 1e3,
            heap as f64 / 1e6,
            heap as f64 / chunks as f64
        );
    }
    Ok(())
}
