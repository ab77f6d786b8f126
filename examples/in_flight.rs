//! How long it takes to fetch all blocks of an image from a host, by the number of requests in flight: fixed ones and
//! the one that an `Io` finds out by itself.
//!
//! ```text
//! cargo run --release --example in_flight -- [--blocks N] [--rounds N]
//! ```
//!
//! The image is not compressed, so that the time is that of the requests. The line of the loopback server is that of each
//! connection: what all of them share is the machine.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use swath::{Io, IoOptions, RangePolicy, Run};
use swath_demo::server::{Builder, RangeServer};
use swath_demo::tiff_writer::{Compression, Layout, SampleType, TiffSpec};

/// Of u8: 64 KiB.
const BLOCK: u32 = 256;

/// Blocks a side, and measurements of each case.
fn arguments() -> Result<(u32, usize), Box<dyn Error>> {
    const USAGE: &str = "usage: in_flight [--blocks N] [--rounds N]";
    let (mut blocks, mut rounds) = (1024, 3);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match word.as_str() {
            "--blocks" => blocks = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((f64::from(blocks).sqrt().ceil() as u32, rounds))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (blocks, rounds) = arguments()?;
    let side = BLOCK * blocks;
    let layout = Layout::Tiled { width: BLOCK, height: BLOCK };
    let spec = TiffSpec { layout, compression: Compression::None, ..TiffSpec::new(side, side, SampleType::U8) };
    let image = spec.to_bytes(&[spec.render(0, |at| f64::from((at.x ^ at.y) % 251))])?;
    let mut out = io::stdout();
    writeln!(out, "{} blocks of 64 KiB; median of {rounds}, requests in flight at most", blocks * blocks)?;
    writeln!(out, "| latency, Mbit/s a connection | fixed 32 | adaptive | ratio |")?;
    writeln!(out, "|---|---|---|---|")?;
    for latency in [0, 20, 50] {
        for mbit in [None, Some(100.0)] {
            let latency = Duration::from_millis(latency);
            let builder = RangeServer::in_memory().latency(latency);
            let server = mbit.into_iter().fold(builder, Builder::bandwidth_mbit).start()?;
            server.put("image.tif", image.clone());
            let mut results = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                // In turns: who is first meets a machine in another state.
                for index in [round % 2, 1 - round % 2] {
                    results[index].push(measure(&server, [32, 256][index])?);
                }
            }
            let [fixed, adaptive] = results.map(|mut result| {
                result.sort();
                result[result.len() / 2]
            });
            let line = mbit.map_or("none".to_owned(), |mbit| mbit.to_string());
            writeln!(
                out,
                "| {latency:?}, {line} | {:.3?} ({}) | {:.3?} ({}) | {:.2} |",
                fixed.0,
                fixed.1,
                adaptive.0,
                adaptive.1,
                fixed.0.as_secs_f64() / adaptive.0.as_secs_f64()
            )?;
        }
    }
    Ok(())
}

/// The time that it takes, and the most requests in flight.
fn measure(server: &RangeServer, requests_max: usize) -> Result<(Duration, usize), Box<dyn Error>> {
    let io = Io::with_options(IoOptions { requests_per_host: requests_max, ..IoOptions::default() })?;
    let image = swath::OpenOptions::new().io(&io).open(server.url("image.tif"))?;
    // One block a request, as in images whose blocks are large.
    let run = Run::threads(2).ranges(RangePolicy { bytes_max: 64 << 10, ..RangePolicy::default() });
    server.reset();
    let started = Instant::now();
    for chunk in run.chunks(&image)? {
        chunk?;
    }
    Ok((started.elapsed(), server.stats().peak_in_flight))
}
