//! The README's lesson as a program to be measured: swath's side of the scripts in `benches/`.
//!
//! ```text
//! cargo run --release --example bench_lesson -- SEARCH_JSON OUT.tif [OPTION...]
//! cargo run --release --example bench_lesson -- --help
//! ```
//!
//! Persists the class layer and the image, masks the clouds and writes a GeoTIFF; `--stream` does not persist.
//! The last line printed is JSON: wall and CPU seconds of each stage, the peak memory of the process, and what the run
//! that wrote the file reports of requests, bytes and blocks.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value, json};
use swath::prelude::*;
use swath::{
    Compression, GeoTiffOptions, Interleave, ItemCollection, OpenOptions, Overview, Prediction, Predictor, Report, Run,
};

const USAGE: &str = "\
usage: bench_lesson SEARCH_JSON OUT.tif [OPTION...]

  --threads N              threads of the run (2)
  --chunks N               rows and columns of a chunk (2048)
  --stream                 do not persist the rasters first
  --full                   at full resolution, the classes repeated; else at overview 0
  --compress none|deflate  of the output (none)
  --no-passthrough         decode, compute and encode every block
  --predict                run nothing: print what a streamed run would read
  --help                   print this";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        writeln!(io::stdout(), "{USAGE}")?;
        return Ok(());
    }
    let arguments = Arguments::parse(words.into_iter())?;
    let line = lesson(&arguments)?;
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

fn lesson(arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    let Arguments { search, out, threads, chunks, stream, deflate, passthrough, predict, full } = arguments;
    let run = Run::threads(*threads).passthrough(*passthrough);
    let mut stages = Stages::start();

    let items = ItemCollection::open(search)?;
    let scene = items.last()?;
    let level = if *full { Overview::Full } else { Overview::Level(0) };
    let (classes, image) = (scene.asset("SCL")?, scene.asset("visual")?);
    let (scl, visual) = thread::scope(|scope| {
        let scl = scope.spawn(|| OpenOptions::new().chunks([1, *chunks, *chunks]).open(classes));
        let visual = OpenOptions::new().overview(level).chunks([3, *chunks, *chunks]).open(image);
        (scl.join().expect("opening does not panic"), visual)
    });
    let (mut scl, mut visual) = (scl?, visual?);
    stages.end("open");

    if !stream && !predict {
        (scl, visual) = run.persist((&scl, &visual))?;
        stages.end("load");
    }

    let repeated = if *full { scl.repeat([1, 2, 2])? } else { scl };
    let clouds = repeated.squeeze()?.isin([8, 9])?;
    let masked = visual.mask(&clouds, 0)?;
    let sink = masked.to_geotiff_with(out, options(*deflate))?;
    stages.end("graph");

    if *predict {
        return Ok(json!({ "predicted": predicted(run.predict(&sink)?) }));
    }
    let report = sink.run(&run)?;
    stages.end(if *stream { "load+mask+write" } else { "mask+write" });
    Ok(stages.into_json(&report))
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

fn predicted(prediction: Prediction) -> Value {
    let Prediction { tasks, requests, bytes, blocks, guarded_blocks, .. } = prediction;
    json!({ "tasks": tasks, "requests": requests, "bytes": bytes, "blocks": blocks, "guarded": guarded_blocks })
}

fn reported(report: &Report) -> Value {
    let Report { requests, bytes, blocks, blocks_skipped, output, .. } = report;
    json!({
        "requests": requests, "bytes": bytes, "blocks": blocks, "skipped": blocks_skipped,
        "copied": output.copied, "constant": output.constant, "computed": output.computed,
    })
}

struct Arguments {
    search: String,
    out: PathBuf,
    threads: usize,
    chunks: usize,
    stream: bool,
    deflate: bool,
    passthrough: bool,
    predict: bool,
    full: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        const WRONG: &str = "arguments are missing or unknown; see bench_lesson --help";
        let (search, out) = (words.next().ok_or(WRONG)?, words.next().ok_or(WRONG)?.into());
        let mut arguments = Self {
            search,
            out,
            threads: 2,
            chunks: 2048,
            stream: false,
            deflate: false,
            passthrough: true,
            predict: false,
            full: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(WRONG);
            match word.as_str() {
                "--threads" => arguments.threads = value()?.parse()?,
                "--chunks" => arguments.chunks = value()?.parse()?,
                "--stream" => arguments.stream = true,
                "--compress" => arguments.deflate = value()? == "deflate",
                "--no-passthrough" => arguments.passthrough = false,
                "--predict" => arguments.predict = true,
                "--full" => arguments.full = true,
                _ => return Err(WRONG.into()),
            }
        }
        Ok(arguments)
    }
}

/// Wall and CPU seconds by stage, in the form that the Python programs print.
struct Stages {
    last: (Instant, f64),
    total: (f64, f64),
    json: Map<String, Value>,
}

impl Stages {
    fn start() -> Self {
        Self { last: (Instant::now(), cpu_seconds()), total: (0.0, 0.0), json: Map::new() }
    }

    /// Books the time since the previous call under `name`.
    fn end(&mut self, name: &str) {
        let now = (Instant::now(), cpu_seconds());
        let (wall, cpu) = ((now.0 - self.last.0).as_secs_f64(), now.1 - self.last.1);
        self.json.insert(name.to_owned(), json!({ "wall": wall, "cpu": cpu }));
        self.total = (self.total.0 + wall, self.total.1 + cpu);
        self.last = now;
    }

    fn into_json(mut self, report: &Report) -> Value {
        let (wall, cpu) = self.total;
        let more = [
            ("job", json!({ "wall": wall, "cpu": cpu })),
            ("tasks", json!(report.tasks)),
            ("peak_mib", json!(peak_mib())),
            ("report", reported(report)),
        ];
        self.json.extend(more.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(self.json)
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
