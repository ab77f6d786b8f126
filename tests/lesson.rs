//! The lesson end to end, on a served scene: pixels, requests, bytes, and the same output for any way to run it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use common::{Served, naive_mask, read_pixels};
use swath::{Chunks, Dim, Fill, LazyRaster, OpenOptions, Overview, Run, Scalar, prelude::*};

fn open(served: &Served, chunks: Chunks) -> (LazyRaster, LazyRaster) {
    let items = swath::ItemCollection::open(served.server.url("search.json")).unwrap();
    let scene = items.last().unwrap();
    let scl = OpenOptions::new().chunks(spatial(chunks)).open(scene.asset("SCL").unwrap()).unwrap();
    let visual =
        OpenOptions::new().overview(Overview::Level(0)).chunks(chunks).open(scene.asset("visual").unwrap()).unwrap();
    (scl, visual)
}

/// The same rows and columns for a raster of one band.
fn spatial(chunks: Chunks) -> Chunks {
    match chunks {
        Chunks::Shape([_, rows, columns]) => Chunks::Shape([1, rows, columns]),
        other => other,
    }
}

fn masked(scl: &LazyRaster, visual: &LazyRaster) -> LazyRaster {
    let clouds = scl.squeeze().unwrap().isin([8, 9]).unwrap();
    visual.mask(&clouds, 0).unwrap()
}

const CHUNKINGS: [Chunks; 5] = [
    Chunks::Auto,
    Chunks::Shape([3, 256, 256]),
    Chunks::Shape([3, 1000, 1000]),
    Chunks::Shape([1, 2048, 2048]),
    Chunks::Whole,
];

#[test]
fn the_lesson_is_what_numpy_would_compute() {
    let served = Served::new(2200);
    let (scl, visual) = open(&served, Chunks::Auto);
    let run = Run::threads(3);
    let (scl, visual) = run.persist((&scl, &visual)).unwrap();
    let out = served.path("band_masked.tif");
    masked(&scl, &visual).to_geotiff(&out).unwrap().run(&run).unwrap();

    let expected = naive_mask(&read_pixels(&scl), &read_pixels(&visual));
    let written = swath::open(out.to_str().unwrap()).unwrap();
    assert_eq!(read_pixels(&written), expected);
    assert_eq!(written.nodata(), Some(Scalar::Int(0)));
    assert!(written.grid().unwrap().matches(visual.grid().unwrap()));
}

#[test]
fn classes_repeated_onto_the_fine_grid_mask_it_as_numpys_repeat_does() {
    let served = Served::new(1300);
    let items = swath::ItemCollection::open(served.server.url("search.json")).unwrap();
    let scene = items.last().unwrap();
    let scl = swath::open(scene.asset("SCL").unwrap()).unwrap();
    let visual = swath::open(scene.asset("visual").unwrap()).unwrap();
    let fine = scl.repeat([1, 2, 2]).unwrap();
    let pixels = masked(&fine, &visual).compute().unwrap();

    let (side, coarse) = (1300, read_pixels(&scl));
    let repeated: Vec<u8> = (0..side * side).map(|i| coarse[(i / side / 2) * (side / 2) + (i % side) / 2]).collect();
    assert_eq!(pixels.data().as_slice::<u8>().unwrap(), naive_mask(&repeated, &read_pixels(&visual)));
    let error = visual.mask(&scl.squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap_err();
    assert!(error.to_string().contains("repeat([1, 2, 2]) on the second"), "{error}");
}

#[test]
fn opening_costs_one_request() {
    let served = Served::new(1200);
    served.server.reset();
    let _scl = swath::open(served.server.url(&served.asset("SCL"))).unwrap();
    assert_eq!(served.server.stats().requests, 1);
}

#[test]
fn every_needed_byte_travels_once_in_any_chunking() {
    let served = Served::new(2200);
    for chunks in CHUNKINGS {
        let (scl, visual) = open(&served, chunks);
        served.server.reset();
        let run = Run::threads(2);
        let (_, report) = run.persist_with_report((&scl, &visual)).unwrap();
        let stats = served.server.stats();
        assert_eq!(
            (report.requests, report.bytes),
            (stats.requests as u64, stats.bytes),
            "the report tells what happened"
        );
        assert_bytes_once(&served, &format!("persist, {chunks:?}"));

        // Streamed, misaligned chunks need the same block several times.
        served.server.reset();
        let pixels: usize = run.chunks(&visual).unwrap().map(|chunk| chunk.unwrap().region.volume()).sum();
        assert_eq!(pixels, 3 * 1100 * 1100);
        assert_bytes_once(&served, &format!("chunks, {chunks:?}"));
    }
}

#[test]
fn a_window_of_one_block_column_reads_that_column() {
    let served = Served::new(2200);
    let (_, visual) = open(&served, Chunks::Auto);
    let column = visual.slice(Dim::X, 512..1024).unwrap();
    served.server.reset();
    let (_, report) = Run::threads(2).compute_with_report(&column).unwrap();
    assert_eq!(report.blocks, 3, "three blocks of 512 rows lie in 1100");
    assert_bytes_once(&served, "one column");
    let all: u64 = visual_bytes(&visual);
    assert!(report.bytes < all / 2, "{} of {all}", report.bytes);
}

/// Bytes of all blocks of the raster.
fn visual_bytes(raster: &LazyRaster) -> u64 {
    Run::threads(1).compute_with_report(raster).unwrap().1.bytes
}

/// Checks the server's log: distinct ranges, whose bytes are at most 2 % more than those that are distinct.
fn assert_bytes_once(served: &Served, case: &str) {
    let log = served.server.log();
    let mut fetched: Vec<_> = log.iter().map(|r| (r.path.clone(), r.range.expect("ranges only"))).collect();
    fetched.sort();
    let total: u64 = fetched.iter().map(|(_, (first, last))| last + 1 - first).sum();
    let mut distinct = 0;
    let mut end: Option<(String, u64)> = None;
    for (path, (first, last)) in fetched {
        let start = match &end {
            Some((known, end)) if *known == path => first.max(*end),
            _ => first,
        };
        distinct += (last + 1).saturating_sub(start);
        end = Some((path, last + 1));
    }
    assert!(total as f64 <= distinct as f64 * 1.02, "{case}: {total} bytes for {distinct}");
    assert_eq!(served.needed_bytes(&log), distinct, "{case}: only bytes of needed blocks");
}

#[test]
fn the_output_has_the_same_bytes_for_any_workers_chunks_and_memory() {
    let served = Served::new(2200);
    let reference = served.path("reference.tif");
    let (scl, visual) = open(&served, Chunks::Auto);
    masked(&scl, &visual).to_geotiff(&reference).unwrap().run(&Run::serial()).unwrap();
    let reference = std::fs::read(reference).unwrap();
    let out = served.path("out.tif");
    for chunks in CHUNKINGS {
        let (scl, visual) = open(&served, chunks);
        let sink = masked(&scl, &visual).to_geotiff(&out).unwrap();
        for (workers, memory) in [(1, 4 << 30), (2, 64 << 20), (3, 4 << 30), (8, 64 << 20), (8, 4 << 30)] {
            let run = Run::threads(workers).memory_limit(memory);
            let report = run.run(&sink).unwrap();
            assert!(report.peak_memory <= memory, "{workers} workers, {chunks:?}: {report}");
            assert!(std::fs::read(&out).unwrap() == reference, "{workers} workers, {memory} bytes, {chunks:?}");
        }
    }
}

#[test]
fn one_request_at_a_time_is_what_serial_means() {
    let served = Served::new(1200);
    let (scl, visual) = open(&served, Chunks::Auto);
    served.server.reset();
    Run::serial().persist((&scl, &visual)).unwrap();
    assert_eq!(served.server.stats().peak_in_flight, 1);
}

#[test]
fn requests_in_flight_do_not_depend_on_workers() {
    let served = Served::new(2200);
    let (_, visual) = open(&served, Chunks::Auto);
    served.server.set_latency(std::time::Duration::from_millis(30));
    served.server.reset();
    Run::threads(1).persist(&visual).unwrap();
    assert!(served.server.stats().peak_in_flight >= 4, "{:?}", served.server.stats());
}

#[test]
fn streamed_chunks_are_those_of_the_whole() {
    let served = Served::new(1200);
    let (scl, visual) = open(&served, Chunks::Shape([2, 250, 170]));
    let masked = masked(&scl, &visual);
    let whole = masked.compute().unwrap();
    let whole = whole.view::<u8>().unwrap();
    for run in [Run::serial(), Run::threads(3)] {
        let mut regions = Vec::new();
        for chunk in run.chunks(&masked).unwrap() {
            let chunk = chunk.unwrap();
            let [_, b, y, x] = chunk.region.start;
            for ((band, row, column), pixel) in
                chunk.raster.view::<u8>().unwrap().indexed_iter().map(|(i, p)| ((i[0], i[1], i[2]), p))
            {
                assert_eq!(whole[[b + band, y + row, x + column]], *pixel);
            }
            regions.push(chunk.region.start);
        }
        assert_eq!(regions.len(), masked.chunk_count());
        assert!(regions.is_sorted(), "chunks come in order");
    }
}

#[test]
fn a_stream_that_is_dropped_stops_its_run() {
    let served = Served::new(2200);
    let (_, visual) = open(&served, Chunks::Shape([3, 100, 100]));
    let mut chunks = Run::threads(2).chunks(&visual).unwrap();
    chunks.next().unwrap().unwrap();
    drop(chunks);
}

#[test]
fn several_outputs_share_what_they_read() {
    let served = Served::new(2200);
    let (scl, visual) = open(&served, Chunks::Auto);
    let (a, b) =
        (masked(&scl, &visual), visual.mask(&scl.squeeze().unwrap().isin([3]).unwrap(), Fill::Nodata).unwrap());
    served.server.reset();
    let (a, b) = Run::threads(2).compute((&a, &b)).unwrap();
    assert_bytes_once(&served, "two outputs");
    assert_ne!(a.data(), b.data());
}

#[test]
fn the_async_doors_give_the_same() {
    let served = Served::new(1200);
    let runtime = common::runtime();
    let (url, out) = (served.server.url(&served.asset("visual")), served.path("async.tif"));
    let whole = swath::open(&url).unwrap().compute().unwrap();
    runtime.block_on(async {
        let raster = OpenOptions::new().open_async(&url).await.unwrap();
        assert_eq!(raster.compute_async().await.unwrap(), whole);
        let pinned = raster.persist_async().await.unwrap();
        let report = pinned.to_geotiff(&out).unwrap().run_async(&Run::threads(2)).await.unwrap();
        assert!(report.output_bytes > 0);
        // A blocking call inside a runtime neither panics nor hangs.
        assert_eq!(swath::open(&url).unwrap().compute().unwrap(), whole);
    });
}
