//! Traces, drawings with times, and progress: that they tell what happened, however a run ended.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Random, Served};
use serde_json::Value;
use swath::{
    Cancel, Chunks, Detail, DotOptions, ErrorKind, LazyRaster, OpenOptions, Overview, Progress, Report, Run, Sink,
    TaskState, TaskTimes, Trace, prelude::*,
};
use swath_demo::server::{Fault, Faults};

/// The lesson, lazily: conditions are looked at, blocks copied, skipped and computed.
fn sink(served: &Served) -> Sink {
    let (scl, visual) = open(served);
    let clouds = scl.squeeze().unwrap().isin([8, 9]).unwrap();
    visual.mask(&clouds, 0).unwrap().to_geotiff(served.path("out.tif")).unwrap()
}

fn open(served: &Served) -> (LazyRaster, LazyRaster) {
    let scl = swath::open(served.server.url(&served.asset("SCL"))).unwrap();
    let options = OpenOptions::new().overview(Overview::Level(0)).chunks(Chunks::Shape([3, 256, 256]));
    (scl, options.open(served.server.url(&served.asset("visual"))).unwrap())
}

/// A trace as a viewer reads it: by (process, thread) the slices, and what else is needed.
struct Seen {
    file: Value,
    lanes: BTreeMap<(u64, u64), Vec<Slice>>,
}

/// Name, begin and end.
type Slice = (String, u64, u64);

impl Seen {
    /// Reads a trace and checks what every trace must keep.
    fn new(trace: &Trace) -> Self {
        let mut json = Vec::new();
        trace.write_to(&mut json).unwrap();
        let file: Value = serde_json::from_slice(&json).unwrap();
        let mut lanes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in file["traceEvents"].as_array().unwrap() {
            let lane = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
            if event["ph"] == "X" {
                let (began, took) = (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap());
                let name = event["name"].as_str().unwrap().to_owned();
                lanes.entry(lane).or_default().push((name, began, began + took));
            }
        }
        let seen = Self { file, lanes };
        seen.lanes.values().for_each(|slices| assert_nested(slices));
        for lane in seen.lanes.keys() {
            let is_name = |event: &&Value| event["name"] == "thread_name" && event["pid"] == lane.0;
            assert!(seen.events().filter(is_name).any(|event| event["tid"] == lane.1), "{lane:?} has no name");
        }
        seen
    }

    fn events(&self) -> impl Iterator<Item = &Value> {
        self.file["traceEvents"].as_array().unwrap().iter()
    }

    fn count(&self, name: &str) -> usize {
        self.lanes.values().flatten().filter(|(of, ..)| of == name).count()
    }

    /// The numbers of the tasks of run `pid` that were done, commits aside, in order.
    fn tasks(&self, pid: u64) -> Vec<u64> {
        let is_task = |event: &&Value| event["cat"] == "task" && event["name"] != "commit" || event["cat"] == "fetch";
        let tasks = self.events().filter(|event| event["pid"] == pid).filter(is_task);
        let mut tasks: Vec<_> = tasks.map(|event| event["args"]["task"].as_u64().unwrap()).collect();
        tasks.sort_unstable();
        tasks
    }

    fn live_bytes(&self) -> Vec<u64> {
        let counters = self.events().filter(|event| event["ph"] == "C" && event["name"] == "live bytes");
        counters.map(|event| event["args"]["bytes"].as_u64().unwrap()).collect()
    }
}

/// Slices of a lane come in order; each lies behind those before it, or inside one that is still open.
fn assert_nested(slices: &[Slice]) {
    let mut open: Vec<u64> = Vec::new();
    let mut last = 0;
    for (name, began, ended) in slices {
        assert!(*began >= last, "{name} begins at {began}, before {last}");
        last = *began;
        while open.last().is_some_and(|end| end <= began) {
            open.pop();
        }
        assert!(open.last().is_none_or(|end| ended <= end), "{name} at {began}..{ended} crosses the end of {open:?}");
        open.push(*ended);
    }
}

fn check_complete(seen: &Seen, report: &Report, run: &Run) {
    assert_eq!(seen.tasks(1), (0..report.tasks as u64).collect::<Vec<_>>(), "each task once");
    assert_eq!(seen.count("decode block") as u64, report.blocks);
    assert_eq!(seen.count("copy block") as u64, report.output.copied);
    let requests = seen.events().filter_map(|event| event["args"]["requests"].as_u64());
    assert_eq!(requests.sum::<u64>(), report.requests);
    let read = seen.events().filter(|event| event["name"] == "fetch").filter_map(|e| e["args"]["bytes"].as_u64());
    assert_eq!(read.sum::<u64>(), report.bytes, "all are fetched");
    let live = seen.live_bytes();
    assert!(*live.iter().max().unwrap() <= run.memory() && live.len() > 2, "{live:?}");
    assert!(*live.iter().max().unwrap() <= report.peak_memory, "{report}");
    assert!(seen.count("commit") > 0 && seen.count("kernels") > 0 && seen.count("encode") > 0);
}

#[test]
fn a_trace_has_every_task_once_in_lanes_that_do_not_overlap() {
    let served = Served::new(2200);
    for run in [Run::serial(), Run::threads(1), Run::threads(3), Run::threads(3).memory_limit(16 << 20)] {
        let trace = Trace::new();
        let run = run.traced_by(&trace);
        let report = sink(&served).run(&run).unwrap();
        check_complete(&Seen::new(&trace), &report, &run);
    }
}

#[test]
fn requests_in_flight_have_lanes_of_their_own() {
    let served = Served::new(2200);
    served.server.set_latency(Duration::from_millis(20));
    let trace = Trace::new();
    Run::threads(1).traced_by(&trace).persist(&open(&served).1).unwrap();
    let seen = Seen::new(&trace);
    let lanes = seen.lanes.values().filter(|slices| slices.iter().any(|(name, ..)| name == "fetch"));
    assert!(lanes.count() >= 4);
}

#[test]
fn several_runs_share_a_trace_and_stand_one_below_the_other() {
    let served = Served::new(1200);
    let trace = Trace::new();
    let run = Run::threads(2).traced_by(&trace);
    let (scl, visual) = open(&served);
    let ((scl, visual), loading) = run.persist_with_report((&scl, &visual)).unwrap();
    let masked = visual.mask(&scl.squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap();
    let writing = masked.to_geotiff(served.path("out.tif")).unwrap().run(&run).unwrap();
    let chunks = run.chunks(&masked).unwrap().count();
    let seen = Seen::new(&trace);
    assert_eq!((seen.tasks(1).len(), seen.tasks(2).len()), (loading.tasks, writing.tasks));
    assert!(chunks > 0 && !seen.tasks(3).is_empty());
    let runs = seen.file["otherData"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert!(runs[1]["outputs"][0].as_str().unwrap().ends_with("out.tif"), "{runs:?}");
}

#[test]
fn a_run_that_fails_leaves_a_trace_that_says_so() {
    let served = Served::new(1200);
    let sink = sink(&served);
    served.server.set_faults(Faults::always(Fault::Status(404, Vec::new())));
    let trace = Trace::new();
    let error = sink.run(&Run::threads(2).traced_by(&trace)).unwrap_err();
    let seen = Seen::new(&trace);
    let told = seen.file["otherData"]["runs"][0]["error"].as_str().unwrap();
    assert!(told.contains(error.message()), "{told}");
    assert!(seen.events().any(|event| event["args"]["outcome"] == "failed"));
}

#[test]
fn a_run_that_is_cancelled_at_any_moment_leaves_a_valid_trace() {
    let served = Served::new(2200);
    let sink = sink(&served);
    served.server.set_latency(Duration::from_millis(5));
    let mut random = Random(0x7ace);
    for case in 0..12 {
        let (trace, cancel) = (Trace::new(), Cancel::new());
        let run = Run::threads(2).cancelled_by(&cancel).traced_by(&trace);
        let ended = std::thread::scope(|scope| {
            let running = scope.spawn(|| sink.run(&run));
            std::thread::sleep(random.below(Duration::from_millis(60)));
            cancel.cancel();
            running.join().unwrap()
        });
        let seen = Seen::new(&trace);
        let mut tasks = seen.tasks(1);
        let count = tasks.len();
        tasks.dedup();
        assert_eq!(tasks.len(), count, "case {case}: no task twice");
        if let Err(error) = ended {
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            assert!(seen.file["otherData"]["runs"][0]["error"].is_string());
        }
    }
}

#[test]
fn a_drawing_after_a_run_has_its_times_and_states() {
    let served = Served::new(2200);
    let (sink, trace) = (sink(&served), Trace::new());
    let run = Run::threads(2).traced_by(&trace);
    let dot = |detail: Detail| run.to_dot(&sink, DotOptions::from(detail).with_times(trace.times())).unwrap();
    assert_eq!(dot(Detail::Layers), sink.to_dot(Detail::Layers).unwrap(), "nothing was measured yet");

    let report = sink.run(&run).unwrap();
    let times = trace.times().unwrap();
    assert!(times.tasks.iter().all(|task| task.state == TaskState::Done));
    assert_eq!(times.tasks.iter().map(|task| task.fetched_bytes).sum::<u64>(), report.bytes);
    let work: Duration = times.tasks.iter().map(TaskTimes::work).sum();
    assert!(work > Duration::ZERO && work <= report.wall * 2, "{work:?} of two workers in {:?}", report.wall);
    let layers = dot(Detail::Layers);
    for word in ["look at conditions", "decode ", "encode ", "commit ", "% of the work", " in "] {
        assert!(layers.contains(word), "{word} in {layers}");
    }
    assert!(dot(Detail::Chunks).matches("\\nencode ").count() > 0);

    served.server.set_faults(Faults::always(Fault::Status(404, Vec::new())));
    sink.run(&run).unwrap_err();
    let times = trace.times().unwrap();
    assert!(times.tasks.iter().any(|task| task.state == TaskState::Failed));
    assert!(times.tasks.iter().any(|task| task.state == TaskState::NotReached));
    assert!(dot(Detail::Layers).contains("failed"));

    let other = swath::raster([1, 8, 8], |_, y, x| (y + x) as u8).unwrap();
    let error = other.to_dot(DotOptions::from(Detail::Layers).with_times(trace.times())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// What a run told of its progress, in the order of tasks done.
fn progress_of(run: &Run, work: impl FnOnce(&Run) -> Report) -> (Vec<Progress>, Report) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let report = work(&run.clone().on_progress(move |progress| teller.lock().unwrap().push(*progress)));
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    told.sort_by_key(|progress| progress.tasks_done);
    (told, report)
}

#[test]
fn progress_counts_tasks_and_bytes_up_to_what_the_report_says() {
    let served = Served::new(1200);
    for run in [Run::serial(), Run::threads(2)] {
        let visual = open(&served).1;
        let (told, report) = progress_of(&run, |run| run.persist_with_report(&visual).unwrap().1);
        let counts: Vec<_> = told.iter().map(|progress| progress.tasks_done).collect();
        assert_eq!(counts, (1..=report.tasks).collect::<Vec<_>>());
        assert!(told.iter().all(|progress| progress.bytes == report.bytes && progress.tasks == report.tasks));
        let last = told.last().unwrap();
        assert_eq!((last.bytes_read, last.eta), (report.bytes, Duration::ZERO));
        assert!(last.elapsed <= report.wall && told[0].eta > Duration::ZERO);

        // Blocks that conditions hide are planned for, and not read.
        let (told, report) = progress_of(&run, |run| sink(&served).run(run).unwrap());
        let last = told.last().unwrap();
        assert!(last.bytes_read == report.bytes && report.bytes <= last.bytes, "{last:?}");
    }
}

#[test]
fn a_trace_file_is_there_when_it_is_complete_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let trace = Trace::new();
    trace.write(folder.path().join("trace.json")).unwrap();
    let text = std::fs::read_to_string(folder.path().join("trace.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&text).unwrap()["traceEvents"].as_array().unwrap().is_empty());
    let error = trace.write(folder.path().join("nowhere/trace.json")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["trace.json"]);
}

#[test]
fn watching_does_not_change_the_file() {
    let served = Served::new(1200);
    let out = served.path("out.tif");
    sink(&served).run(&Run::threads(2)).unwrap();
    let plain = std::fs::read(&out).unwrap();
    sink(&served).run(&Run::threads(2).traced_by(&Trace::new())).unwrap();
    assert!(std::fs::read(&out).unwrap() == plain);
}
