//! Runs that are stopped, at any moment and in any way: connections are closed, outputs are all or nothing, and the same
//! handles can be computed again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::print_stdout, reason = "times are to be seen, and not to be asserted on noisy machines")]

mod common;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Random, Served};
use swath::{Cancel, Chunks, ErrorKind, LazyRaster, OpenOptions, Overview, Run, Sink, prelude::*};
use swath_demo::server::{Fault, Faults};
use tempfile::TempDir;

const OLD: &[u8] = b"yesterday's";

/// The lesson over a slow line, the file it gives, and how long it takes.
struct Lesson {
    served: Served,
    visual: LazyRaster,
    masked: LazyRaster,
    folder: TempDir,
    whole: Vec<u8>,
    wall: Duration,
}

fn masked(search: &str) -> (LazyRaster, LazyRaster) {
    let items = swath::ItemCollection::open(search).unwrap();
    let scene = items.last().unwrap();
    let scl = swath::open(scene.asset("SCL").unwrap()).unwrap();
    let options = OpenOptions::new().overview(Overview::Level(0)).chunks(Chunks::Shape([3, 256, 256]));
    let visual = options.open(scene.asset("visual").unwrap()).unwrap();
    let clouds = scl.squeeze().unwrap().isin([8, 9]).unwrap();
    (visual.mask(&clouds, 0).unwrap(), visual)
}

impl Lesson {
    fn new() -> Self {
        let served = Served::with(2200, |server| server.bandwidth_mbit(40.0));
        let (masked, visual) = masked(&served.server.url("search.json"));
        served.server.set_latency(Duration::from_millis(35));
        let folder = tempfile::tempdir().unwrap();
        let mut lesson = Self { served, visual, masked, folder, whole: Vec::new(), wall: Duration::ZERO };
        let started = Instant::now();
        lesson.sink().run(&Run::threads(2)).unwrap();
        lesson.wall = started.elapsed();
        lesson.whole = std::fs::read(lesson.target()).unwrap();
        lesson
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("out.tif")
    }

    fn sink(&self) -> Sink {
        self.masked.to_geotiff(self.target()).unwrap()
    }

    /// Makes the target old and the log empty.
    fn prepare(&self) {
        std::fs::write(self.target(), OLD).unwrap();
        self.served.server.reset();
    }

    /// Whether the target is the new file; else it must be the old one, and nothing may lie beside either.
    fn is_complete(&self, case: &str) -> bool {
        assert_eq!(names(self.folder.path()), ["out.tif"], "{case}: nothing else is left");
        complete(&self.target(), &self.whole, case)
    }

    /// Requests that have not ended.
    fn in_flight(&self) -> usize {
        self.served.server.log().iter().filter(|request| request.ended.is_none()).count()
    }

    /// Waits until the server has seen the end of every request.
    fn settle(&self, case: &str) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.in_flight() > 0 {
            assert!(Instant::now() < patience, "{case}: connections stay open: {:?}", self.served.server.log());
            thread::yield_now();
        }
    }

    /// The same handles give the right pixels.
    fn check(&self, case: &str) {
        self.served.server.set_latency(Duration::ZERO);
        self.sink().run(&Run::threads(2)).unwrap();
        assert!(self.is_complete(case), "{case}: the same handles can be run again");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Whether a target is the whole new file; else it must be the old one.
fn complete(target: &Path, whole: &[u8], case: &str) -> bool {
    let found = std::fs::read(target).unwrap();
    let complete = found == whole;
    assert!(complete || found == OLD, "{case}: {} bytes are neither the old file nor the new one", found.len());
    complete
}

/// What was measured at one moment, or summed over all.
#[derive(Debug, Default)]
struct Sums {
    completed: usize,
    in_flight: usize,
    served: usize,
    begun: usize,
    closed: Vec<Duration>,
    idle: Vec<Duration>,
}

#[test]
fn a_cancel_at_any_moment_closes_connections_and_leaves_all_or_nothing() {
    let lesson = Lesson::new();
    let server = &lesson.served.server;
    let mut sums = Sums::default();
    for seed in 0..100 {
        let case = format!("seed {seed}");
        let mut random = Random(seed);
        server.set_latency(Duration::from_millis(20) + random.below(Duration::from_millis(30)));
        lesson.prepare();
        let (cancel, moment) = (Cancel::new(), random.below(lesson.wall));
        let run = Run::threads(2).cancelled_by(&cancel);
        let sink = lesson.sink();
        let result = thread::scope(|scope| {
            let running = scope.spawn(|| sink.run(&run));
            thread::sleep(moment);
            let at = server.now();
            sums.in_flight += lesson.in_flight();
            cancel.cancel();
            let cancelled = Instant::now();
            let result = running.join().unwrap();
            sums.idle.push(cancelled.elapsed());
            lesson.settle(&case);
            sums.closed.push(cancelled.elapsed());
            for request in server.log().iter().filter(|request| request.ended > Some(at)) {
                sums.begun += usize::from(request.started > at);
                sums.served += usize::from(!request.abandoned);
            }
            result
        });
        match &result {
            Ok(_) => assert!(lesson.is_complete(&case)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{case}: {error}");
                assert!(!lesson.is_complete(&case), "{case}: a run that was cancelled wrote its target");
            }
        }
        sums.completed += usize::from(result.is_ok());
        if seed % 10 == 9 {
            lesson.check(&case);
        }
    }
    sums.closed.sort();
    sums.idle.sort();
    let Sums { completed, in_flight, served, begun, closed, idle } = sums;
    println!("a run takes {:?}; {completed} of 100 were complete", lesson.wall);
    println!("{in_flight} requests in flight at a cancel; {served} were served after it, {begun} came after it");
    println!("threads idle after {:?} (median), {:?} (most)", idle[50], idle[99]);
    println!("connections closed after {:?} (median), {:?} (most)", closed[50], closed[99]);
    assert!(completed < 50 && in_flight > 100, "the moments lie within the run");
    // Without aborts all of them would be. Some are complete by chance, or before the close reaches the server.
    assert!(served * 2 < in_flight, "{served} of {in_flight} requests were served after the cancel");
}

/// Every reply takes an hour.
fn stall(lesson: &Lesson) {
    lesson.served.server.set_latency(Duration::from_secs(3600));
    lesson.served.server.reset();
}

fn wait_for_requests(lesson: &Lesson) {
    while lesson.in_flight() == 0 {
        thread::yield_now();
    }
}

#[test]
fn whatever_ends_a_run_closes_its_connections() {
    let lesson = Lesson::new();
    let server = &lesson.served.server;
    let all_abandoned = |case: &str| {
        lesson.settle(case);
        assert!(server.log().iter().all(|request| request.abandoned), "{case}: {:?}", server.log());
    };

    // A cancel of a token above the run's.
    for run in [Run::threads(2), Run::serial()] {
        stall(&lesson);
        let above = Cancel::new();
        let run = run.cancelled_by(&above.child());
        thread::scope(|scope| {
            let running = scope.spawn(|| run.compute(&lesson.visual));
            while lesson.in_flight() == 0 {
                thread::yield_now();
            }
            above.cancel();
            assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        });
        all_abandoned("a token above");
    }

    // A serial stream has the caller's thread, so that another one has to stop it.
    stall(&lesson);
    let cancel = Cancel::new();
    let run = Run::serial().cancelled_by(&cancel);
    thread::scope(|scope| {
        let running = scope.spawn(|| run.chunks(&lesson.visual).unwrap().next().unwrap().map(drop));
        while lesson.in_flight() == 0 {
            thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
    all_abandoned("a serial stream");

    // A stream that is dropped.
    stall(&lesson);
    let stream = Run::threads(2).chunks(&lesson.visual).unwrap();
    wait_for_requests(&lesson);
    drop(stream);
    all_abandoned("a stream");

    // A future that is dropped.
    stall(&lesson);
    std::fs::write(lesson.target(), OLD).unwrap();
    let future = lesson.sink().run_async(&Run::threads(2));
    wait_for_requests(&lesson);
    drop(future);
    all_abandoned("a future");
    // Its thread is not waited for: the temporary file goes when it ends.
    while names(lesson.folder.path()).len() > 1 {
        thread::yield_now();
    }
    assert!(!lesson.is_complete("a future"));

    // A failure: of the lowest bytes, which the first task fetches.
    server.set_latency(Duration::ZERO);
    // What the server meets only now of the runs above, it has met when it has answered another.
    lesson.visual.compute().unwrap();
    lesson.settle("what came late");
    server.reset();
    lesson.visual.compute().unwrap();
    let log = server.log();
    let first = log.iter().filter(|request| !request.abandoned).map(|request| request.range.unwrap()).min();
    server.reset();
    server.set_faults(Faults::from_fn(move |request, _| {
        Some(if request.range == first {
            Fault::Status(403, Vec::new())
        } else {
            Fault::Stall(Duration::from_secs(3600))
        })
    }));
    // One worker begins them in order: behind replies that never come, the failing one might not get its turn.
    assert_eq!(Run::threads(1).compute(&lesson.visual).unwrap_err().kind(), ErrorKind::Unavailable);
    lesson.settle("a failure");
    // A request that the server meets only after its connection was closed is in flight for a moment, still.
    let answered = || server.log().iter().filter(|request| !request.abandoned).count();
    let patience = Instant::now() + Duration::from_secs(20);
    while answered() != 1 && Instant::now() < patience {
        thread::yield_now();
    }
    assert_eq!(answered(), 1, "{:?}", server.log());

    server.set_faults(Faults::default());
    lesson.check("after all of it");
}

#[test]
fn streams_and_futures_may_be_dropped_at_any_moment() {
    let lesson = Lesson::new();
    let run = Run::threads(2);
    lesson.served.server.set_latency(Duration::from_millis(20));
    for seed in 1000..1020 {
        let case = format!("seed {seed}");
        let mut random = Random(seed);
        lesson.prepare();
        let mut stream = run.chunks(&lesson.visual).unwrap();
        for _ in 0..random.next() % 20 {
            stream.next().unwrap().unwrap();
        }
        drop(stream);
        lesson.settle(&case);

        lesson.prepare();
        let mut future = Box::pin(lesson.sink().run_async(&run));
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        thread::sleep(random.below(lesson.wall));
        drop(future);
        // This one runs beside what is left of the other.
        let written = common::runtime().block_on(lesson.sink().run_async(&run)).unwrap();
        assert_eq!(written.output_bytes, lesson.whole.len() as u64, "{case}");
        while names(lesson.folder.path()).len() > 1 {
            thread::yield_now();
        }
        lesson.settle(&case);
        assert!(lesson.is_complete(&case));
    }
}

/// Where the child writes, and what it reads.
const CHILD_TARGET: &str = "SWATH_TEST_CHILD_TARGET";
const CHILD_SEARCH: &str = "SWATH_TEST_CHILD_SEARCH";

/// Not a test of its own: the program that the next one starts and kills.
#[test]
fn child_that_writes_the_lesson() {
    let (Ok(target), Ok(search)) = (std::env::var(CHILD_TARGET), std::env::var(CHILD_SEARCH)) else { return };
    masked(&search).0.to_geotiff(target).unwrap().run(&Run::threads(2)).unwrap();
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_file_or_the_new_one() {
    let lesson = Lesson::new();
    let target = lesson.target();
    let child = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_the_lesson"])
            .env(CHILD_TARGET, &target)
            .env(CHILD_SEARCH, lesson.served.server.url("search.json"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    lesson.served.server.set_latency(Duration::from_millis(20));
    lesson.prepare();
    let started = Instant::now();
    assert!(child().wait().unwrap().success());
    let wall = started.elapsed();
    assert!(lesson.is_complete("nobody killed it"));

    let (mut completed, mut interrupted) = (0, 0);
    for seed in 2000..2050 {
        let case = format!("seed {seed}");
        lesson.prepare();
        let moment = Random(seed).below(wall.mul_f64(1.1));
        let mut child = child();
        thread::sleep(moment);
        // SIGKILL, or its like elsewhere.
        child.kill().unwrap();
        child.wait().unwrap();
        completed += usize::from(complete(&target, &lesson.whole, &case));
        for name in names(lesson.folder.path()).iter().filter(|name| *name != "out.tif") {
            assert!(name.starts_with(".out.tif.swath-") && name.ends_with(".tmp"), "{case}: {name}");
            interrupted += 1;
            // Some stay, for the later runs to meet.
            if seed % 5 > 0 {
                std::fs::remove_file(lesson.folder.path().join(name)).unwrap();
            }
        }
    }
    println!("a child takes {wall:?}; of 50 killed ones {completed} were complete, {interrupted} left temporary files");
    assert!(interrupted > 0, "some were killed while they wrote");

    // What a process with this one's number may have left.
    let left = lesson.folder.path().join(format!(".out.tif.swath-{}-0.tmp", std::process::id()));
    std::fs::write(&left, OLD).unwrap();
    lesson.sink().run(&Run::threads(2)).unwrap();
    assert!(complete(&target, &lesson.whole, "a later run"));
    assert_eq!(std::fs::read(&left).unwrap(), OLD);
}
