//! Sources keep their contract: files, servers and memory alike.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;
/// A program with threads, a runtime, a source, kernels and a sink of its own, which checks each of them.
#[allow(dead_code, reason = "a program, of which tests run parts")]
#[path = "../examples/embed.rs"]
mod program;

use common::Served;
use swath::{LazyRaster, Run, embed, prelude::*};

/// Checks the source that a raster reads.
fn check(raster: &LazyRaster) {
    let swath_core::expr::Op::Source(source) = &raster.node().unwrap().op else { panic!("this is a source") };
    embed::check_source(source.as_ref());
}

#[test]
fn files_servers_and_memory_keep_the_contract_of_sources() {
    let served = Served::new(1200);
    for key in ["SCL", "visual"] {
        let local = swath::open(served.path(&served.asset(key)).to_str().unwrap()).unwrap();
        let remote = swath::open(served.server.url(&served.asset(key))).unwrap();
        check(&local);
        check(&remote);
        check(&Run::threads(2).persist(&remote).unwrap());
        assert_eq!(local.compute().unwrap(), remote.compute().unwrap());
    }
}

#[test]
fn a_program_that_embeds_swath_brings_threads_runtime_source_kernels_and_sink() {
    program::main().unwrap();
}

#[test]
fn a_sink_that_takes_another_shape_is_refused() {
    let raster = swath::raster([1, 4, 4], |_, y, x| (y + x) as u8).unwrap();
    let sink = || Ok(std::sync::Arc::new(program::Tiles::new(std::sync::Arc::default())) as _);
    let error = raster.to_sink(sink).unwrap_err();
    assert!(error.to_string().contains("cannot write to tile store"), "{error}");
}

#[test]
fn a_prediction_of_requests_and_bytes_is_what_then_happens() {
    let served = Served::new(1200);
    let remote = swath::open(served.server.url(&served.asset("visual"))).unwrap();
    let run = Run::threads(2);
    let explained = run.explain(&remote).unwrap();
    let (_, report) = run.compute_with_report(&remote).unwrap();
    let read = format!("{} requests, {}", report.requests, swath::text::bytes(report.bytes));
    assert!(explained.contains(&read), "{report}\n{explained}");
}
