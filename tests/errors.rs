//! What goes wrong says what a user needs, and leaves nothing behind: no output, no temporary file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::Served;
use swath::{
    Cancel, Compression, ErrorKind, Fill, GeoTiffOptions, LazyRaster, OpenOptions, Overview, Run, embed, prelude::*,
};
use swath_demo::server::{Fault, Faults, RangeServer};
use swath_demo::tiff_writer::{Layout, SampleType, TiffSpec};

/// A file of one u8 band, 64 × 64 pixels in blocks of 16.
fn small_tiff() -> (TiffSpec, Vec<u8>) {
    let spec = TiffSpec { layout: Layout::Tiled { width: 16, height: 16 }, ..TiffSpec::new(64, 64, SampleType::U8) };
    let pixels = vec![spec.render(0, |at| f64::from((at.y * 7 + at.x) as u8))];
    let bytes = spec.to_bytes(&pixels).unwrap();
    (spec, bytes)
}

/// A folder with a file of these bytes.
fn folder_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

/// Checks the error of opening: its kind, and that its text has these words.
#[track_caller]
fn open_fails(uri: &str, kind: ErrorKind, words: &[&str]) {
    fails(swath::open(uri), kind, words);
}

#[track_caller]
fn fails<T>(result: swath::Result<T>, kind: ErrorKind, words: &[&str]) {
    let Err(error) = result else { panic!("this should fail, naming {words:?}") };
    let text = error.chain();
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing from: {text}");
    }
}

/// Runs a sink into `folder` that must fail; nothing but `kept` may be left there.
#[track_caller]
fn write_fails(raster: &LazyRaster, out: &Path, run: &Run, kind: ErrorKind, words: &[&str]) {
    let folder = out.parent().unwrap();
    let before = listing(folder);
    fails(raster.to_geotiff(out).and_then(|sink| sink.run(run)), kind, words);
    assert_eq!(listing(folder), before, "nothing is left");
}

fn listing(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn ramp() -> LazyRaster {
    swath::raster([1, 64, 64], |_, y, x| (y + x) as u8).unwrap()
}

#[test]
fn a_missing_file_is_named() {
    open_fails("no/such/file.tif", ErrorKind::NotFound, &["no/such/file.tif", "no such file"]);
}

#[test]
fn a_404_is_not_found_and_names_the_url() {
    let server = RangeServer::in_memory().start().unwrap();
    let url = server.url("missing.tif");
    open_fails(&url, ErrorKind::NotFound, &[&url, "404"]);
}

#[test]
fn what_is_not_a_tiff_says_so() {
    let (_folder, path) = folder_with("page.tif", b"<html><body>Not found</body></html>");
    open_fails(&path, ErrorKind::Corrupt, &["page.tif", "not a TIFF"]);
    let (_folder, path) = folder_with("empty.tif", b"");
    open_fails(&path, ErrorKind::Corrupt, &["empty.tif"]);
}

#[test]
fn a_truncated_header_is_corrupt() {
    let (_, bytes) = small_tiff();
    let (_folder, path) = folder_with("cut.tif", &bytes[..60]);
    open_fails(&path, ErrorKind::Corrupt, &["cut.tif"]);
}

#[test]
fn a_truncated_block_names_block_and_bytes() {
    let (_, bytes) = small_tiff();
    let (_folder, path) = folder_with("cut.tif", &bytes[..bytes.len() - 10]);
    let raster = swath::open(&path).unwrap();
    fails(raster.compute(), ErrorKind::Corrupt, &["cut.tif", "row 3, column 3", "bytes"]);
    // Blocks before it are still to be had.
    raster.window(0..16, 0..64).unwrap().compute().unwrap();
    let out = Path::new(&path).with_file_name("out.tif");
    write_fails(&raster, &out, &Run::threads(2), ErrorKind::Corrupt, &["row 3, column 3"]);
}

#[test]
fn an_unsupported_codec_is_named() {
    let (_, mut bytes) = small_tiff();
    // Compression (tag 259) is a short: its entry ends in the value, here replaced by 50002, JPEG XL.
    let entry = bytes.windows(8).position(|w| w == [3, 1, 3, 0, 1, 0, 0, 0]).unwrap();
    bytes[entry + 8..entry + 10].copy_from_slice(&50002u16.to_le_bytes());
    let (_folder, path) = folder_with("jxl.tif", &bytes);
    open_fails(&path, ErrorKind::Unsupported, &["jxl.tif", "JXL", "50002"]);
}

#[test]
fn an_overview_that_does_not_exist_lists_those_that_do() {
    let served = Served::new(1200);
    let uri = served.path(&served.asset("visual"));
    let open = OpenOptions::new().overview(Overview::Level(9)).open(uri.to_str().unwrap());
    fails(open, ErrorKind::InvalidInput, &["visual.tif", "level 9", "600"]);
}

#[test]
fn a_mask_of_another_grid_prints_both_and_the_call_that_helps() {
    let served = Served::new(1200);
    let open = |key: &str| swath::open(served.path(&served.asset(key)).to_str().unwrap()).unwrap();
    let clouds = open("SCL").squeeze().unwrap().isin([8]).unwrap();
    fails(
        open("visual").mask(&clouds, 0),
        ErrorKind::InvalidInput,
        &["grids differ", "1200", "600", "repeat([1, 2, 2])"],
    );
}

#[test]
fn repeat_is_proposed_only_where_it_helps() {
    let served = Served::new(1200);
    let scl = swath::open(served.path(&served.asset("SCL")).to_str().unwrap()).unwrap();
    let part = scl.window(0..300, 0..300).unwrap().isin([8]).unwrap();
    let error = scl.mask(&part, 0).unwrap_err().to_string();
    assert!(error.contains("grids differ") && !error.contains("repeat"), "{error}");
}

#[test]
fn a_fill_that_does_not_fit_is_an_error_where_it_is_written() {
    let cond = ramp().gt(3).unwrap();
    fails(ramp().mask(&cond, 300), ErrorKind::InvalidInput, &["mask", "300", "u8", "0 to 255"]);
    fails(ramp().where_(&cond, -1), ErrorKind::InvalidInput, &["where_", "-1"]);
    fails(ramp().mask(&cond, f64::NAN), ErrorKind::InvalidInput, &["nan"]);
    fails(ramp().mask(&cond, Fill::Nodata), ErrorKind::InvalidInput, &["no nodata", "with_nodata"]);
}

#[test]
fn tables_edges_and_classes_that_cannot_be_are_refused() {
    #[track_caller]
    fn refused(result: swath::Result<LazyRaster>, words: &[&str]) {
        fails(result, ErrorKind::InvalidInput, words);
    }
    let bytes = swath::raster([1, 2, 2], |_, y, x| (y + x) as u8).unwrap();
    let floats = swath::raster([1, 2, 2], |_, y, x| (y + x) as f32).unwrap();
    let bools = bytes.gt(1).unwrap();
    refused(bytes.lookup([1, 2, 3]), &["lookup", "u8", "[0, 255]", "3 entries"]);
    refused(bytes.sub(1).unwrap().lookup(vec![0; 300]), &["[-1, 254]"]);
    refused(floats.lookup([1]), &["f32", "not one of integers"]);
    refused(bools.lookup([0.5.into(), swath::Scalar::Bool(true)]), &["no dtype", "[0.5, true]"]);
    refused(bools.lookup([i128::from(u64::MAX), -1]), &["no dtype", "18446744073709551615"]);
    refused(bytes.digitize([1, 5, 5]), &["digitize", "increase", "5 is followed by 5"]);
    refused(bytes.digitize([1.0, 0.5]), &["1 is followed by 0.5"]);
    refused(floats.digitize([f64::NAN]), &["nan"]);
    refused(floats.digitize([true]), &["true is no number"]);
    refused(bools.digitize([1]), &["digitize", "bool", "lookup"]);
    refused(bytes.reclassify([(0, 0); 0], 0), &["no class"]);
    refused(bytes.reclassify([(5..5, 1)], 0), &["5..5 is empty"]);
    refused(bytes.reclassify([(5.5..=2.0, 1)], 0), &["5.5..=2 is empty"]);
    refused(floats.reclassify([(f64::NAN.., 1)], 0), &["nan"]);
    refused(bytes.reclassify([(300, 1)], 0), &["300", "u8"]);
    refused(bytes.with_nodata(3).unwrap().reclassify([(3, 1)], 0), &["3 is the raster's nodata"]);
    refused(bytes.reclassify([(3, swath::Scalar::Bool(true))], 0.5), &["no dtype"]);
    refused(bytes.reclassify([(0..4, 1)], bytes.with_nodata(0).unwrap()), &["nodata 0", "the first has none"]);
    refused(bools.reclassify([(0..1, 1)], 0), &["reclassify", "bool"]);
}

#[test]
fn a_condition_that_is_not_bool_says_how_to_get_one() {
    fails(ramp().mask(&ramp(), 0), ErrorKind::InvalidInput, &["condition is u8", "isin"]);
}

#[test]
fn an_operators_error_waits_for_the_next_fallible_call_and_names_its_line() {
    let failed = ramp().gt(3).unwrap() & ramp();
    fails(failed.clone().check(), ErrorKind::InvalidInput, &["bool and u8", "errors.rs:"]);
    fails(ramp().mask(&failed, 0), ErrorKind::InvalidInput, &["errors.rs:"]);
    assert!(failed.to_string().contains("cannot be computed"), "{failed}");
}

#[test]
fn a_memory_limit_that_is_too_small_is_refused_before_anything_is_read() {
    let served = Served::new(1200);
    let raster = swath::open(served.server.url(&served.asset("visual"))).unwrap();
    served.server.reset();
    let run = Run::threads(2).memory_limit(1 << 20);
    fails(run.compute(&raster), ErrorKind::Memory, &["4.1 MiB", "1.0 MiB", "chunks()", "sink"]);
    write_fails(
        &raster,
        &served.path("out.tif"),
        &run,
        ErrorKind::Memory,
        &["1.0 MiB", "raise the limit to that", "blocks of about"],
    );
    assert_eq!(served.server.stats().requests, 0);
}

#[test]
fn a_target_directory_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("missing/out.tif");
    write_fails(&ramp(), &out, &Run::threads(2), ErrorKind::NotFound, &["missing"]);
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_target_under_a_plain_file_cannot_be_written() {
    let (folder, path) = folder_with("plain.txt", b"text");
    let result = ramp().to_geotiff(format!("{path}/out.tif")).and_then(|sink| sink.run(&Run::threads(2)));
    let error = result.unwrap_err();
    assert!(error.chain().contains("plain.txt"), "{}", error.chain());
    assert_eq!(listing(folder.path()), ["plain.txt"]);
    // A folder is no target either, and stays.
    fails(
        ramp().to_geotiff(folder.path()).and_then(|s| s.run(&Run::serial())),
        ErrorKind::InvalidInput,
        &["directory"],
    );
}

#[test]
fn an_old_output_survives_a_failed_run() {
    let (_, bytes) = small_tiff();
    let (folder, path) = folder_with("cut.tif", &bytes[..bytes.len() - 10]);
    let out = folder.path().join("out.tif");
    std::fs::write(&out, b"yesterday's").unwrap();
    write_fails(&swath::open(&path).unwrap(), &out, &Run::threads(3), ErrorKind::Corrupt, &["cut.tif"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"yesterday's");
}

/// A source whose blocks say when they are decoded, and wait until they may go on.
#[derive(Debug)]
struct Gated {
    meta: embed::Meta,
    reached: AtomicBool,
    open: AtomicBool,
}

impl embed::ChunkSource for Gated {
    fn meta(&self) -> &embed::Meta {
        &self.meta
    }
    fn name(&self) -> &str {
        "gated"
    }
    fn block_shape(&self) -> embed::Shape {
        self.meta.chunks
    }
    fn place(&self, _block: usize) -> swath::Result<embed::Place> {
        Ok(embed::Place::Direct { bytes: 1 })
    }
    fn begin_fetch(&self, _range: std::ops::Range<u64>, reply: embed::Reply) -> embed::Fetching {
        reply(Err(swath::Error::invalid("nothing to fetch")));
        embed::Fetching::none()
    }
    fn decode(&self, block: usize, _bytes: &[u8]) -> swath::Result<Arc<embed::Chunk>> {
        self.reached.store(true, Ordering::SeqCst);
        while !self.open.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let shape = self.blocks().region(block).shape;
        Ok(Arc::new(embed::Chunk::filled(shape, self.meta.dtype, 1.into())))
    }
}

/// A gated source of 64 blocks, and the raster of it.
fn gated() -> (Arc<Gated>, LazyRaster) {
    let meta = embed::Meta {
        chunks: [1, 1, 64, 64],
        ..embed::Meta::new(swath::Dims::BYX, [1, 1, 4096, 64], swath::DType::U8)
    };
    let gated = Arc::new(Gated { meta, reached: AtomicBool::new(false), open: AtomicBool::new(false) });
    let raster = LazyRaster::from_source(Arc::clone(&gated) as _);
    (gated, raster)
}

#[test]
fn a_cancel_in_the_middle_leaves_nothing() {
    let (gated, raster) = gated();
    let folder = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    let run = Run::threads(2).cancelled_by(&cancel);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !gated.reached.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            cancel.cancel();
            gated.open.store(true, Ordering::SeqCst);
        });
        write_fails(&raster, &folder.path().join("out.tif"), &run, ErrorKind::Cancelled, &["cancelled"]);
    });
}

#[test]
fn dropping_a_future_stops_its_run_and_leaves_nothing() {
    let (gated, raster) = gated();
    let folder = tempfile::tempdir().unwrap();
    let future = raster.to_geotiff(folder.path().join("out.tif")).unwrap().run_async(&Run::threads(2));
    while !gated.reached.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    drop(future);
    gated.open.store(true, Ordering::SeqCst);
    // The run's thread ends by itself; when it has let go of the raster, nothing may be left.
    drop(raster);
    while Arc::strong_count(&gated) > 1 {
        std::thread::yield_now();
    }
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_server_that_fails_for_good_names_url_bytes_and_attempts() {
    let (_, bytes) = small_tiff();
    let server = RangeServer::in_memory().start().unwrap();
    server.put("small.tif", bytes);
    let raster = swath::open(server.url("small.tif")).unwrap();
    server.set_faults(Faults::always(Fault::Truncate(3)));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.tif");
    write_fails(&raster, &out, &Run::threads(2), ErrorKind::Unavailable, &["small.tif", "bytes", "attempts"]);
}

#[test]
fn a_server_that_fails_now_and_then_changes_nothing() {
    let (_, bytes) = small_tiff();
    let server = RangeServer::in_memory().start().unwrap();
    server.put("small.tif", bytes);
    let raster = swath::open(server.url("small.tif")).unwrap();
    let whole = raster.compute().unwrap();
    server.set_faults(Faults::from_fn(|_, nth| (nth % 3 == 0).then_some(Fault::Truncate(5))));
    assert_eq!(raster.compute().unwrap(), whole);
}

#[test]
fn options_that_contradict_each_other_are_an_error_where_they_are_given() {
    let level = GeoTiffOptions::new().compression(Compression::Lzw).level(6);
    fails(ramp().to_geotiff_with("out.tif", level).map(drop), ErrorKind::InvalidInput, &["level", "LZW"]);
    let block = GeoTiffOptions::new().block(100, 100);
    fails(ramp().to_geotiff_with("out.tif", block).map(drop), ErrorKind::InvalidInput, &["16"]);
}

#[test]
fn a_panic_in_a_source_reaches_the_caller_and_leaves_nothing() {
    #[derive(Debug)]
    struct Bad(embed::Meta);
    impl embed::ChunkSource for Bad {
        fn meta(&self) -> &embed::Meta {
            &self.0
        }
        fn name(&self) -> &str {
            "bad"
        }
        fn block_shape(&self) -> embed::Shape {
            self.0.chunks
        }
        fn place(&self, _block: usize) -> swath::Result<embed::Place> {
            Ok(embed::Place::Direct { bytes: 0 })
        }
        fn begin_fetch(&self, _range: std::ops::Range<u64>, _reply: embed::Reply) -> embed::Fetching {
            embed::Fetching::none()
        }
        fn decode(&self, _block: usize, _bytes: &[u8]) -> swath::Result<Arc<embed::Chunk>> {
            panic!("a user's closure")
        }
    }
    let meta = embed::Meta::new(swath::Dims::BYX, [1, 1, 64, 64], swath::DType::U8);
    let raster = LazyRaster::from_source(Arc::new(Bad(meta)));
    let folder = tempfile::tempdir().unwrap();
    let sink = raster.to_geotiff(folder.path().join("out.tif")).unwrap();
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| sink.run(&Run::threads(2)))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a user's closure"));
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn the_fixture_is_a_little_endian_tiff_of_sixteen_blocks() {
    let (spec, bytes) = small_tiff();
    assert_eq!(spec.block_count(0), 16);
    assert_eq!(&bytes[..4], b"II*\0");
}
