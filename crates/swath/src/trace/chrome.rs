//! Recorded runs as a file of the [Trace Event Format]: its object form, with one event a line.
//!
//! A run is a process, a worker or a fetch under way a thread. Times are whole microseconds: viewers round fractions,
//! begin and duration apart, and drop slices that then overlap by a nanosecond.
//!
//! [Trace Event Format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

use std::io::{self, Write};

use serde::Serialize;

use super::record::{Activity, Answer};
use super::recorded::{Doing, Recorded, Slice};

/// One event; which fields it has depends on its phase.
#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'a str>,
    ph: Phase,
    pid: usize,
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    args: Args<'a>,
}

#[derive(Serialize)]
enum Phase {
    #[serde(rename = "M")]
    Metadata,
    #[serde(rename = "X")]
    Complete,
    #[serde(rename = "C")]
    Counter,
}

#[derive(Default, Serialize)]
struct Args<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
}

/// What the file says of itself, beside its events.
#[derive(Serialize)]
struct RunNote<'a> {
    pid: usize,
    outputs: &'a [String],
    sources: &'a [String],
    tasks: usize,
    workers: usize,
    memory_limit: u64,
    microseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

pub(super) fn write(out: &mut dyn Write, runs: &[Recorded]) -> io::Result<()> {
    write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"program\":\"swath {}\"", env!("CARGO_PKG_VERSION"))?;
    write!(out, ",\"runs\":")?;
    let notes: Vec<_> = runs.iter().enumerate().map(|(index, run)| note(index, run)).collect();
    serde_json::to_writer(&mut *out, &notes)?;
    write!(out, "}},\n\"traceEvents\":[")?;
    let mut events = Events { out, is_first: true };
    for (index, run) in runs.iter().enumerate() {
        events.run(index + 1, run)?;
    }
    events.out.write_all(b"\n]}\n")
}

fn note(index: usize, run: &Recorded) -> RunNote<'_> {
    RunNote {
        pid: index + 1,
        outputs: &run.about.outputs,
        sources: &run.about.sources,
        tasks: run.about.tasks.len(),
        workers: run.worker_count(),
        memory_limit: run.about.memory_limit,
        microseconds: micros(run.tape.ended) - micros(run.tape.began),
        error: run.about.error.as_deref(),
    }
}

const fn micros(nanos: u64) -> u64 {
    nanos / 1000
}

/// The list of events under construction.
struct Events<'w> {
    out: &'w mut dyn Write,
    is_first: bool,
}

impl Events<'_> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let separator: &[u8] = if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" };
        self.out.write_all(separator)?;
        Ok(serde_json::to_writer(&mut *self.out, event)?)
    }

    fn metadata(&mut self, pid: usize, tid: usize, name: &str, args: Args<'_>) -> io::Result<()> {
        self.event(&Event { name, cat: None, ph: Phase::Metadata, pid, tid, ts: None, dur: None, args })
    }

    fn run(&mut self, pid: usize, run: &Recorded) -> io::Result<()> {
        let name = format!("run {pid}: {}", run.about.outputs.join(", "));
        let limit = swath_core::text::bytes(run.about.memory_limit);
        let labels = format!("{} workers, memory limit {limit}", run.worker_count());
        self.metadata(pid, 0, "process_name", Args { name: Some(&name), ..Args::default() })?;
        self.metadata(pid, 0, "process_labels", Args { labels: Some(&labels), ..Args::default() })?;
        self.metadata(pid, 0, "process_sort_index", Args { sort_index: Some(pid), ..Args::default() })?;
        for worker in 0..run.worker_count() {
            self.lane(pid, 1 + worker, &format!("worker {worker}"), run, &run.worker_slices(worker))?;
        }
        for (index, slices) in run.fetch_lanes().iter().enumerate() {
            self.lane(pid, 1 + run.worker_count() + index, &format!("fetch {index}"), run, slices)?;
        }
        for (at, live_bytes) in run.live_bytes() {
            self.event(&Event {
                name: "live bytes",
                cat: None,
                ph: Phase::Counter,
                pid,
                tid: 0,
                ts: Some(micros(at)),
                dur: None,
                args: Args { bytes: Some(live_bytes), ..Args::default() },
            })?;
        }
        Ok(())
    }

    fn lane(&mut self, pid: usize, tid: usize, name: &str, run: &Recorded, slices: &[Slice]) -> io::Result<()> {
        self.metadata(pid, tid, "thread_name", Args { name: Some(name), ..Args::default() })?;
        self.metadata(pid, tid, "thread_sort_index", Args { sort_index: Some(tid), ..Args::default() })?;
        slices.iter().try_for_each(|slice| self.slice(pid, tid, run, slice))
    }

    fn slice(&mut self, pid: usize, tid: usize, run: &Recorded, slice: &Slice) -> io::Result<()> {
        let note = run.note(slice.rank);
        let (name, cat) = match slice.doing {
            Doing::Task => (note.kind, "task"),
            Doing::Part(Activity::Decode { .. }) => ("decode block", "part"),
            Doing::Part(Activity::Copy { .. }) => ("copy block", "part"),
            Doing::Part(Activity::Compute) => ("kernels", "part"),
            Doing::Part(Activity::Encode) => ("encode", "part"),
            Doing::Commit => ("commit", "task"),
            Doing::Fetch(_) => ("fetch", "fetch"),
        };
        let (began, ended) = (micros(slice.began), micros(slice.ended));
        self.event(&Event {
            name,
            cat: Some(cat),
            ph: Phase::Complete,
            pid,
            tid,
            ts: Some(began),
            dur: Some(ended - began),
            args: args(run, slice),
        })
    }
}

fn args<'a>(run: &'a Recorded, slice: &Slice) -> Args<'a> {
    let note = run.note(slice.rank);
    let source = |source: u32| Some(run.about.sources[source as usize].as_str());
    let all = Args { task: Some(note.number), ..Args::default() };
    let all = if slice.failed { Args { outcome: Some("failed"), ..all } } else { all };
    match slice.doing {
        Doing::Task | Doing::Commit => Args { label: Some(&note.label), ..all },
        Doing::Part(Activity::Decode { source: of, block } | Activity::Copy { source: of, block }) => {
            Args { source: source(of), block: Some(block), ..all }
        }
        Doing::Part(Activity::Compute | Activity::Encode) => all,
        Doing::Fetch(answer) => {
            let all = Args { label: Some(&note.label), source: note.source.and_then(source), ..all };
            match answer {
                Answer::Bytes { first, len, requests } => {
                    Args { first_byte: Some(first), bytes: Some(len), requests: Some(requests), ..all }
                }
                Answer::Skipped => Args { outcome: Some("not needed"), ..all },
                Answer::Aborted => Args { outcome: Some("aborted"), ..all },
                Answer::Failed => all,
            }
        }
    }
}
