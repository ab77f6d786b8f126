//! Spans and events of runs, as a subscriber sees them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use common::Served;
use swath::{Cancel, DType, Overflow, Run, prelude::*};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Writes down what is told, without the values of numbers.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

impl Collector {
    fn dispatch(&self) -> Dispatch {
        Dispatch::new(Registry::default().with(self.clone()))
    }

    fn tell(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

/// The words of an event or span: its texts, and the names of all else.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}"),
        };
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut words = Words::default();
        attributes.record(&mut words);
        let scope: Vec<_> = context.span_scope(id).unwrap().from_root().map(|span| span.name()).collect();
        self.tell(format!("open {}:{}", scope.join("/"), words.0));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let place = context.lookup_current().map(|span| format!(" in {}", span.name())).unwrap_or_default();
        self.tell(format!("{}{place}:{}", event.metadata().level(), words.0));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.tell(format!("close {}", context.span(&id).unwrap().name()));
    }
}

/// What is told while `work` runs with a subscriber of its own.
fn told(work: impl FnOnce()) -> Vec<String> {
    let collector = Collector::default();
    tracing::dispatcher::with_default(&collector.dispatch(), work);
    std::mem::take(&mut *collector.0.lock().unwrap())
}

#[test]
fn a_run_is_a_span_and_each_output_one_inside_it() {
    let served = Served::new(1200);
    let scl = swath::open(served.server.url(&served.asset("SCL"))).unwrap();
    let other = scl.isin([8, 9]).unwrap();
    for run in [Run::serial(), Run::on(|_: usize, worker: &(dyn Fn() + Sync)| worker(), 1)] {
        let lines = told(|| drop(run.compute((&scl, &other)).unwrap()));
        assert_eq!(
            lines,
            [
                "open run: tasks workers memory_limit",
                "open run/output: name=result 0",
                "open run/output: name=result 1",
                "close output",
                "close output",
                "INFO in run: run done requests bytes blocks peak_memory",
                "close run",
            ]
        );
    }
}

#[test]
fn a_refusal_a_cancel_and_a_failure_are_events() {
    let raster = swath::raster([1, 512, 512], |_, y, x| (y + x) as u16).unwrap();
    let small = Run::serial().memory_limit(1000);
    let lines = told(|| drop(small.compute(&raster).unwrap_err()));
    assert!(lines.len() == 1 && lines[0].starts_with("WARN: run refused error=cannot compute"), "{lines:?}");
    let folder = tempfile::tempdir().unwrap();
    let sink = raster.to_geotiff(folder.path().join("out.tif")).unwrap();
    let lines = told(|| drop(small.run(&sink).unwrap_err()));
    assert!(lines.len() == 1 && lines[0].starts_with("WARN: run refused error=the memory limit"), "{lines:?}");

    let cancel = Cancel::new();
    cancel.cancel();
    let lines = told(|| drop(Run::serial().cancelled_by(&cancel).compute(&raster).unwrap_err()));
    assert!(lines.contains(&"INFO in run: run cancelled".to_owned()), "{lines:?}");

    let narrow = raster.cast(DType::U8, Overflow::Error).unwrap();
    let lines = told(|| drop(Run::threads(2).compute(&narrow).unwrap_err()));
    assert!(lines.iter().any(|line| line.starts_with("WARN in run: run failed error=")), "{lines:?}");
}

#[test]
fn a_run_on_a_thread_of_its_own_stays_inside_the_span_that_began_it() {
    let collector = Collector::default();
    tracing::dispatcher::set_global_default(collector.dispatch()).unwrap();
    let raster = swath::raster([1, 64, 64], |_, y, x| (y + x) as u8).unwrap();
    let running = tracing::info_span!("mine").in_scope(|| raster.compute_async());
    common::runtime().block_on(running).unwrap();
    let lines = collector.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("open mine/run/output")), "{lines:?}");
}
