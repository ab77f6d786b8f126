//! The time that reading a file's pixels takes: blocks read from disk and decoded, one after the other or by several threads.
//!
//! ```text
//! cargo run --release -p swath-io --example decode_rate -- FILE.tif [--threads N] [--passes N]
//! ```
//!
//! The last line printed is JSON: wall seconds of each pass over all blocks of the full resolution, and bytes of the pixels.
//! Each pass opens the file anew. Chunks are dropped as soon as they are decoded.

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::json;
use swath_core::source::{ChunkSource, Place};
use swath_io::read::{Chunks, CogSource, GeoTiff, Overview};
use swath_io::store::Io;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let (mut path, mut threads, mut passes) = (None, 1, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|n| n.parse().ok()).ok_or(format!("{argument} wants a number"));
        match argument.as_str() {
            "--threads" => threads = number()?,
            "--passes" => passes = number()?,
            _ => path = Some(argument),
        }
    }
    let path = path.ok_or("which file?")?;
    let io = Io::new()?;
    let (mut walls, mut bytes) = (Vec::new(), 0);
    for _ in 0..passes {
        let start = Instant::now();
        let source = GeoTiff::open(&io, &path)?.source(&Overview::Full, Chunks::Auto)?;
        bytes = read(&source, threads)?;
        walls.push(start.elapsed().as_secs_f64());
    }
    writeln!(std::io::stdout(), "{}", json!({ "walls": walls, "bytes": bytes }))?;
    Ok(())
}

/// Bytes of all pixels.
fn read(source: &CogSource, threads: usize) -> Result<usize> {
    let (next, blocks) = (AtomicUsize::new(0), source.blocks().len());
    let work = || -> Result<usize> {
        let mut bytes = 0;
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= blocks {
                return Ok(bytes);
            }
            if !matches!(source.place(block)?, Place::Constant(_)) {
                bytes += source.decode(block, &[])?.data().byte_len();
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work()?;
        workers.into_iter().try_fold(own, |sum, worker| Ok(sum + worker.join().expect("a worker returns its errors")?))
    })
}
