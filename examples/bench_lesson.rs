//! The README's lesson as a program to be measured: swath's side of `benches/side_by_side`.
//!
//! ```text
//! cargo run --release --example bench_lesson -- SEARCH_JSON OUT.tif [--threads N] [--stream] [--compress none|deflate]
//! ```
//!
//! Persists the class layer and the image, masks the clouds and writes a GeoTIFF; `--stream` does not persist.
//! The last line printed is JSON: wall and CPU seconds of each stage, and the peak memory of the process.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use swath::prelude::*;
use swath::{Compression, GeoTiffOptions, Interleave, ItemCollection, OpenOptions, Overview, Predictor, Run};

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { search, out, threads, stream, deflate } = Arguments::parse(std::env::args().skip(1))?;
    let run = Run::threads(threads);
    let mut stages = Stages::start();

    let items = ItemCollection::open(&search)?;
    let scene = items.last()?;
    let mut scl = OpenOptions::new().chunks([1, 2048, 2048]).open(scene.asset("SCL")?)?;
    let mut visual =
        OpenOptions::new().overview(Overview::Level(0)).chunks([3, 2048, 2048]).open(scene.asset("visual")?)?;
    stages.end("open");

    if !stream {
        (scl, visual) = run.persist((&scl, &visual))?;
        stages.end("load");
    }

    let clouds = scl.squeeze()?.isin([8, 9])?;
    let masked = visual.mask(&clouds, 0)?;
    let sink = masked.to_geotiff_with(&out, options(deflate))?;
    stages.end("graph");

    let report = sink.run(&run)?;
    stages.end(if stream { "load+mask+write" } else { "mask+write" });

    writeln!(io::stdout(), "{report}\n{}", stages.into_json(report.tasks))?;
    Ok(())
}

/// The same files as the other programs write: what GDAL makes of `tiled=True`, or 512 × 512 Deflate with predictor.
fn options(deflate: bool) -> GeoTiffOptions {
    let options = GeoTiffOptions::new().interleave(Interleave::Pixel);
    if deflate {
        options.block(512, 512).compression(Compression::Deflate).level(6).predictor(Predictor::Horizontal)
    } else {
        options.block(256, 256).compression(Compression::None)
    }
}

struct Arguments {
    search: String,
    out: PathBuf,
    threads: usize,
    stream: bool,
    deflate: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        const USAGE: &str =
            "usage: bench_lesson SEARCH_JSON OUT.tif [--threads N] [--stream] [--compress none|deflate]";
        let (search, out) = (words.next().ok_or(USAGE)?, words.next().ok_or(USAGE)?.into());
        let mut arguments = Self { search, out, threads: 2, stream: false, deflate: false };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--threads" => arguments.threads = value()?.parse()?,
                "--stream" => arguments.stream = true,
                "--compress" => arguments.deflate = value()? == "deflate",
                _ => return Err(USAGE.into()),
            }
        }
        Ok(arguments)
    }
}

/// Wall and CPU seconds by stage, in the form that the Python programs print.
struct Stages {
    last: (Instant, f64),
    total: (f64, f64),
    json: String,
}

impl Stages {
    fn start() -> Self {
        Self { last: (Instant::now(), cpu_seconds()), total: (0.0, 0.0), json: String::new() }
    }

    /// Books the time since the previous call under `name`.
    fn end(&mut self, name: &str) {
        let now = (Instant::now(), cpu_seconds());
        let (wall, cpu) = ((now.0 - self.last.0).as_secs_f64(), now.1 - self.last.1);
        self.add(name, wall, cpu);
        self.total = (self.total.0 + wall, self.total.1 + cpu);
        self.last = now;
    }

    fn add(&mut self, name: &str, wall: f64, cpu: f64) {
        write!(self.json, "\"{name}\": {{\"wall\": {wall:.6}, \"cpu\": {cpu:.3}}}, ").expect("a String takes all");
    }

    fn into_json(mut self, tasks: usize) -> String {
        let (wall, cpu) = self.total;
        self.add("job", wall, cpu);
        format!("{{{}\"tasks\": {tasks}, \"peak_mib\": {:.1}}}", self.json, peak_mib())
    }
}

/// CPU seconds of this process, in the kernel's steps of 10 ms; 0 where there is no /proc.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces; utime and stime are the fields 14 and 15.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory this process had resident, in MiB; 0 where there is no /proc.
fn peak_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
