//! Random expressions over files that answer late and out of order: the same pixels, and the same bytes of a file, for
//! any workers, memory, order of replies, and whether blocks pass through or not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "../crates/core/tests/meaning/draw.rs"]
mod draw;
#[path = "../crates/core/tests/meaning/stored.rs"]
#[allow(dead_code, reason = "core's tests use more of it")]
mod stored;

use std::fs;

use draw::{Rng, condition, expression};
use swath::{ErrorKind, LazyRaster, Run, prelude::*};

/// A random raster; some that are drawn break a rule on purpose, and are errors.
fn drawn(seed: u64) -> Option<LazyRaster> {
    let mut rng = Rng::new(seed);
    let shape = [1 + rng.below(3), 6 * (1 + rng.below(8)), 6 * (1 + rng.below(8))];
    let depth = rng.below(5);
    match rng.below(3) {
        0 => condition(&mut rng, shape, depth).ok(),
        _ => expression(&mut rng, shape, depth).ok(),
    }
}

/// Runs that must agree: any workers, much memory and as little as is not refused.
fn runs(least: u64) -> impl Iterator<Item = Run> {
    let run = |(threads, memory)| Run::threads(threads).memory_limit(memory);
    [(1, 1 << 30), (2, least), (3, least + least / 3), (4, 1 << 30), (8, least)].into_iter().map(run)
}

#[test]
fn threads_compute_what_a_serial_run_does() {
    let mut compared = 0;
    for (seed, raster) in (0..120).filter_map(|seed| Some((seed, drawn(seed)?))) {
        let expected = Run::serial().passthrough(false).compute(&raster).unwrap();
        for passthrough in [true, false] {
            let least = Run::serial().passthrough(passthrough).predict(&raster).unwrap().memory_least;
            for run in runs(least) {
                let computed = run.passthrough(passthrough).compute(&raster).unwrap();
                assert_eq!(computed.data(), expected.data(), "seed {seed}, passthrough {passthrough}: {raster}");
                compared += 1;
            }
            let refused = Run::threads(2).passthrough(passthrough).memory_limit(least - 1).compute(&raster);
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Memory, "seed {seed}: {raster}");
        }
    }
    assert!(compared > 800, "{compared} runs would test little");
}

#[test]
fn persisted_rasters_have_the_same_pixels() {
    for (seed, raster) in (200..260).filter_map(|seed| Some((seed, drawn(seed)?))) {
        let expected = Run::serial().compute(&raster).unwrap();
        for passthrough in [true, false] {
            let run = Run::threads(3).passthrough(passthrough);
            let persisted = run.persist(&raster).unwrap();
            assert_eq!(run.compute(&persisted).unwrap().data(), expected.data(), "seed {seed}: {raster}");
        }
    }
}

#[test]
fn a_file_has_the_same_bytes_for_any_way_to_run_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    for (seed, raster) in (300..380).filter_map(|seed| Some((seed, drawn(seed)?))) {
        let write = |run: &Run| {
            raster.to_geotiff(&path).unwrap().run(run).unwrap();
            fs::read(&path).unwrap()
        };
        let expected = write(&Run::serial());
        let least = Run::serial().predict(&raster.to_geotiff(&path).unwrap()).unwrap().memory_least;
        for run in runs(least) {
            assert_eq!(write(&run), expected, "seed {seed}, {run:?}: {raster}");
        }
        // Where nothing passes through the file may be another, with the same pixels.
        write(&Run::threads(2).passthrough(false));
        let pixels =
            |raster: &LazyRaster| Run::serial().compute(&raster.cast(swath::DType::U8, swath::Overflow::Error)?);
        let written = swath::open(path.display().to_string()).unwrap().compute().unwrap();
        match raster.dtype() {
            swath::DType::Bool => {
                let bools = raster.compute().unwrap();
                let bytes: Vec<u8> = bools.data().as_slice::<bool>().unwrap().iter().map(|b| u8::from(*b)).collect();
                assert_eq!(written.data().as_slice::<u8>().unwrap(), bytes, "seed {seed}: {raster}");
            }
            _ => assert_eq!(written.data(), pixels(&raster).unwrap().data(), "seed {seed}: {raster}"),
        }
    }
}
