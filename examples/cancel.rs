//! How long a cancel takes: from the call until the sockets of all requests in flight are closed, as the server sees it,
//! and until the run has returned, all of its threads with it.
//!
//! ```text
//! cargo run --release --example cancel -- [--moments N] [--size PIXELS] [--latency MS] [--mbit RATE] [--threads N]
//! ```
//!
//! The lesson streams from a loopback server into a file again and again, and is cancelled at moments spread evenly over
//! the time that it takes when nobody stops it.

use std::error::Error;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use swath::{Cancel, ErrorKind, OpenOptions, Overview, Run, Sink, prelude::*};
use swath_demo::scene::{Scene, SceneOptions};
use swath_demo::server::RangeServer;

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { moments, size, latency, mbit, threads } = Arguments::parse(std::env::args().skip(1))?;
    let folder = tempfile::tempdir()?;
    Scene::write(folder.path(), &SceneOptions::default().size(size), None)?;
    let server = RangeServer::builder(folder.path()).latency(latency).bandwidth_mbit(mbit).start()?;
    let sink = lesson(&server.url("search.json"), &folder.path().join("out.tif"))?;

    let started = Instant::now();
    sink.run(&Run::threads(threads))?;
    let whole = started.elapsed();

    let mut measured = Measured::default();
    for moment in 0..moments {
        // The very ends are left out: nothing is in flight there.
        measured.add(&server, &sink, threads, whole.mul_f64((f64::from(moment) + 0.5) / f64::from(moments)))?;
    }
    let mut out = io::stdout();
    writeln!(out, "scene of {size}², {latency:?}, {mbit} Mbit/s a connection, {threads} threads; a run: {whole:.2?}")?;
    let Measured { complete, in_flight, served, mut closed, mut idle } = measured;
    writeln!(
        out,
        "{moments} cancels, {complete} of them too late; {in_flight} requests in flight, {served} yet served"
    )?;
    for (what, times) in [("sockets closed", &mut closed), ("threads idle", &mut idle)] {
        times.sort();
        let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        writeln!(
            out,
            "{what:>14} after: min {:.1} ms, median {:.1} ms, max {:.1} ms ({} moments)",
            milliseconds(times.first()),
            milliseconds(times.get(times.len() / 2)),
            milliseconds(times.last()),
            times.len()
        )?;
    }
    Ok(())
}

fn lesson(search: &str, out: &std::path::Path) -> swath::Result<Sink> {
    let items = swath::ItemCollection::open(search)?;
    let scene = items.last()?;
    let scl = swath::open(scene.asset("SCL")?)?;
    let visual = OpenOptions::new().overview(Overview::Level(0)).open(scene.asset("visual")?)?;
    visual.mask(&scl.squeeze()?.isin([8, 9])?, 0)?.to_geotiff(out)
}

/// What came of the cancels.
#[derive(Default)]
struct Measured {
    complete: usize,
    in_flight: usize,
    served: usize,
    /// Only of moments at which something was in flight.
    closed: Vec<Duration>,
    idle: Vec<Duration>,
}

impl Measured {
    fn add(&mut self, server: &RangeServer, sink: &Sink, threads: usize, moment: Duration) -> swath::Result<()> {
        let cancel = Cancel::new();
        let run = Run::threads(threads).cancelled_by(&cancel);
        server.reset();
        thread::scope(|scope| {
            let running = scope.spawn(|| (sink.run(&run), server.now()));
            thread::sleep(moment);
            let in_flight = server.log().iter().filter(|request| request.ended.is_none()).count();
            let at = server.now();
            cancel.cancel();
            while server.log().iter().any(|request| request.ended.is_none()) {
                thread::sleep(Duration::from_micros(200));
            }
            let (result, ended) = running.join().expect("a run does not panic");
            match result {
                Ok(_) => self.complete += 1,
                Err(error) if error.kind() == ErrorKind::Cancelled => self.idle.push(ended.saturating_sub(at)),
                Err(error) => return Err(error),
            }
            let log = server.log();
            let after = || log.iter().filter(|request| request.ended > Some(at));
            self.in_flight += in_flight;
            self.served += after().filter(|request| !request.abandoned).count();
            if let (true, Some(last)) = (in_flight > 0, after().filter_map(|request| request.ended).max()) {
                self.closed.push(last.saturating_sub(at));
            }
            Ok(())
        })
    }
}

struct Arguments {
    moments: u32,
    size: u32,
    latency: Duration,
    mbit: f64,
    threads: usize,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        const USAGE: &str = "usage: cancel [--moments N] [--size PIXELS] [--latency MS] [--mbit RATE] [--threads N]";
        let latency = Duration::from_millis(50);
        let mut arguments = Self { moments: 100, size: 5490, latency, mbit: 40.0, threads: 2 };
        while let Some(word) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            match word.as_str() {
                "--moments" => arguments.moments = value.parse()?,
                "--size" => arguments.size = value.parse()?,
                "--latency" => arguments.latency = Duration::from_millis(value.parse()?),
                "--mbit" => arguments.mbit = value.parse()?,
                "--threads" => arguments.threads = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(arguments)
    }
}
