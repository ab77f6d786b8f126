//! Cloud-Optimized GeoTIFFs from lazy rasters: the same bytes however they are run, overviews that are what `downsample`
//! gives, and nothing read or computed twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use common::{Random, Served};
use swath::{
    CogOptions, Colors, Compression, DType, Fill, Interleave, LazyRaster, OpenOptions, Overflow, Overview, Overviews,
    Report, Resampling, Run, prelude::*,
};
use tempfile::TempDir;

/// A raster without symmetry whose sides are no multiples of anything, with nodata here and there.
fn raster() -> LazyRaster {
    let value = |band: usize, y: usize, x: usize| match (y / 50 + x / 70) % 5 {
        0 => 0,
        _ => (band * 31 + y * 7 + x * x / 40) as u16,
    };
    swath::raster([3, 611, 743], value).unwrap().with_nodata(0).unwrap()
}

fn bytes_of(raster: &LazyRaster, options: CogOptions, run: &Run) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let report = raster.to_cog_with(&path, options).unwrap().run(run).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["out.tif"]);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(report.output_bytes, bytes.len() as u64);
    bytes
}

#[test]
fn the_bytes_are_the_same_for_any_threads_limits_and_chunks() {
    for (raster, options) in [
        (raster(), CogOptions::new().block(64, 64)),
        (raster(), CogOptions::new().block(64, 64).interleave(Interleave::Band).resampling(Resampling::Bilinear)),
        ((raster() * 2).check().unwrap(), CogOptions::new().block(128, 64).compression(Compression::Zstd)),
        (raster().gt(900).unwrap(), CogOptions::new().block(32, 32).resampling(Resampling::Mode)),
    ] {
        let expected = bytes_of(&raster, options.clone(), &Run::serial());
        for (threads, memory) in [(1, 24 << 20), (2, 1 << 30), (8, 32 << 20), (3, 100 << 20)] {
            let run = Run::threads(threads).memory_limit(memory);
            assert!(bytes_of(&raster, options.clone(), &run) == expected, "{threads} threads, {memory} bytes");
        }
        for chunks in [[1, 100, 37], [3, 611, 9], [2, 64, 64]] {
            let chunked = raster.rechunk(&chunks).unwrap();
            assert!(bytes_of(&chunked, options.clone(), &Run::threads(2)) == expected, "chunks of {chunks:?}");
        }
        assert!(bytes_of(&raster.persist().unwrap(), options.clone(), &Run::threads(2)) == expected, "persisted");
    }
}

/// A raster and which of its pixels are valid: none of whole blocks, of pixels by themselves, of an edge.
fn masked(dtype: DType) -> (LazyRaster, LazyRaster) {
    let raster = swath::raster([3, 611, 743], |band, y, x| (band * 13 + y / 7 + x / 9) as u8).unwrap();
    let valid = swath::raster([1, 611, 743], |_, y, x| {
        y.abs_diff(300) + x.abs_diff(200) > 150 && (y * 31 + x * 17) % 11 != 0 && y < 600
    });
    (raster.cast(dtype, Overflow::Saturate).unwrap(), valid.unwrap())
}

#[test]
fn masks_are_written_and_what_they_hide_is_left_out_of_overviews() {
    let dtypes = [DType::U8, DType::I8, DType::U16, DType::I16, DType::U32, DType::F32, DType::F64];
    for (number, dtype) in dtypes.into_iter().enumerate() {
        let resampling = Resampling::ALL[number % Resampling::ALL.len()];
        let (raster, valid) = masked(dtype);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tif");
        let options = CogOptions::new().block(64, 64).resampling(resampling).interleave(match number % 2 {
            0 => Interleave::Pixel,
            _ => Interleave::Band,
        });
        let sink = raster.to_cog_with(&path, options).unwrap().with_mask(&valid).unwrap();
        sink.run(&Run::threads(2)).unwrap();
        let bytes = fs::read(&path).unwrap();
        sink.run(&Run::serial().memory_limit(24 << 20)).unwrap();
        assert!(fs::read(&path).unwrap() == bytes);
        let info = swath::info(path.to_str().unwrap()).unwrap();
        assert!(info.is_cog && info.overviews.len() == 4, "{info:?}");
        // By way of nodata, whose overviews have tests of their own.
        let hidden = raster.cast(DType::F64, Overflow::Error).unwrap().with_nodata(f64::NAN).unwrap();
        let mut expected = hidden.where_(&valid, Fill::Nodata).unwrap();
        for index in 0..5 {
            let overview = if index == 0 { Overview::Full } else { Overview::Level(index - 1) };
            let options = OpenOptions::new().overview(overview);
            let read = options.open(path.to_str().unwrap()).unwrap();
            let read_valid = options.valid(path.to_str().unwrap()).unwrap();
            if index > 0 {
                let [_, rows, columns] = read.shape()[..] else { panic!("three axes") };
                expected = expected.downsample([rows, columns], resampling).unwrap();
            }
            assert_eq!(read_valid.shape()[..1], [1], "of all bands");
            let told = expected.band(0).unwrap().valid().unwrap().compute().unwrap();
            assert_eq!(read_valid.compute().unwrap().data(), told.data(), "{dtype}, level {index}");
            let apart = (read.cast(DType::F64, Overflow::Error).unwrap() - &expected).abs().unwrap();
            // Integers are rounded once a level.
            let limit = if dtype.is_float() { 1e-4 } else { 0.51 * index as f64 };
            let most = apart.statistics().unwrap().compute().unwrap();
            let worst =
                (0..3).filter_map(|band| most.band(band).unwrap().max()).map(|max| max.to_f64()).fold(0.0, f64::max);
            assert!(worst <= limit, "{dtype} by {resampling}, level {index}: {worst} apart");
        }
    }
}

#[test]
fn a_geotiff_has_a_mask_and_no_overviews() {
    let (raster, valid) = masked(DType::I16);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    raster.to_geotiff(&path).unwrap().with_mask(&valid).unwrap().run(&Run::threads(2)).unwrap();
    let uri = path.to_str().unwrap();
    assert!(swath::info(uri).unwrap().overviews.is_empty());
    assert_eq!(OpenOptions::new().valid(uri).unwrap().compute().unwrap().data(), valid.compute().unwrap().data());
    assert_eq!(swath::open(uri).unwrap().compute().unwrap().data(), raster.compute().unwrap().data());
}

#[test]
fn what_can_be_no_mask_is_an_error_before_anything_runs() {
    let (raster, valid) = masked(DType::U8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let told = |raster: &LazyRaster, valid: &LazyRaster| {
        raster.to_cog(&path).unwrap().with_mask(valid).unwrap_err().to_string()
    };
    assert!(told(&raster.with_nodata(0).unwrap(), &valid).contains("a raster with nodata has no mask beside it"));
    assert_eq!(told(&raster, &raster), "a mask is bool, not u8: compare it first");
    assert!(told(&raster, &raster.gt(3).unwrap()).contains("of all bands together, not of 3: select one"));
    assert!(told(&raster, &valid.window(0..10, 0..10).unwrap()).starts_with("cannot write a mask"));
    let wide = raster.cast(DType::U64, Overflow::Error).unwrap();
    assert!(told(&wide, &valid).contains("masks beside pixels of u64 are not written"));
    let error = raster.to_png(&path, &Colors::Auto, 100).unwrap().with_mask(&valid).unwrap_err();
    assert_eq!(error.message(), "a mask is written into GeoTIFFs and COGs only");
    assert!(error.place().is_some_and(|place| place.file().ends_with("cog.rs")));
}

/// The level of a file at `path`, as an array.
fn level(path: &Path, overview: Overview) -> LazyRaster {
    OpenOptions::new().overview(overview).open(path.to_str().unwrap()).unwrap()
}

#[test]
fn overviews_are_what_downsample_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    for resampling in Resampling::ALL {
        let options = CogOptions::new().block(64, 64).overviews(Overviews::Levels(3)).resampling(resampling);
        raster().to_cog_with(&path, options).unwrap().run(&Run::threads(2)).unwrap();
        let mut expected = raster();
        for (index, size) in [[305, 371], [152, 185], [76, 92]].into_iter().enumerate() {
            expected = expected.downsample(size, resampling).unwrap();
            let read = level(&path, Overview::Level(index));
            assert_eq!((read.shape(), read.nodata()), (expected.shape(), expected.nodata()));
            let [read, expected] = [read, expected.clone()].map(|raster| raster.compute().unwrap());
            assert_eq!(read.view::<u16>().unwrap(), expected.view::<u16>().unwrap(), "{resampling}, overview {index}");
        }
    }
}

#[test]
fn a_raster_without_room_for_an_overview_and_one_pixel_are_cogs_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    for shape in [[1, 1, 1], [2, 512, 512], [1, 1, 2000], [1, 1025, 3]] {
        let raster = swath::raster(shape, |band, y, x| (band + y * 3 + x) as f32).unwrap();
        raster.to_cog(&path).unwrap().run(&Run::threads(2)).unwrap();
        let info = swath::info(path.to_str().unwrap()).unwrap();
        assert!(info.is_cog);
        let [read, expected] = [level(&path, Overview::Full), raster].map(|raster| raster.compute().unwrap());
        assert_eq!(read.view::<f32>().unwrap(), expected.view::<f32>().unwrap());
    }
}

/// The scene's image by HTTP, masked or as it is, and a folder for what is written.
fn served() -> (Served, LazyRaster, LazyRaster, TempDir) {
    let served = Served::new(1100);
    let open = |key: &str| swath::open(served.server.url(&served.asset(key))).unwrap();
    let (visual, scl) = (open("visual"), open("SCL"));
    (served, visual, scl, tempfile::tempdir().unwrap())
}

#[test]
fn every_block_travels_once_and_untouched_ones_are_copied() {
    let (served, visual, scl, folder) = served();
    let clouds = scl.repeat([1, 2, 2]).unwrap().squeeze().unwrap().isin([8, 9]).unwrap();
    let masked = visual.mask(&clouds, 0).unwrap();
    for raster in [visual, masked] {
        let path = folder.path().join("out.tif");
        let sink = raster.to_cog(&path).unwrap();
        let before = served.server.log().len();
        let report = sink.run(&Run::threads(2)).unwrap();
        let log = served.server.log().split_off(before);
        let read: u64 = log.iter().map(|request| request.range.map_or(0, |(first, last)| last + 1 - first)).sum();
        assert_eq!(read, report.bytes);
        assert!(served.needed_bytes(&log) <= report.bytes && report.bytes < served.needed_bytes(&log) + (64 << 10));
        assert!(report.output.copied > 0, "{:?}", report.output);
        // Whether blocks pass through or not, the pixels are the same.
        let again = folder.path().join("again.tif");
        raster.to_cog(&again).unwrap().run(&Run::threads(2).passthrough(false)).unwrap();
        for overview in [Overview::Full, Overview::Level(0)] {
            let [a, b] = [&path, &again].map(|path| level(path, overview.clone()).compute().unwrap());
            assert_eq!(a.view::<u8>().unwrap(), b.view::<u8>().unwrap());
        }
    }
}

#[test]
fn sinks_that_are_run_together_share_what_they_read() {
    let (served, visual, _scl, folder) = served();
    let path = |name: &str| folder.path().join(name);
    let cog = visual.to_cog(path("cog.tif")).unwrap();
    let bright = visual.gt(100).unwrap().to_geotiff(path("bright.tif")).unwrap();
    let requests = |run: &dyn Fn() -> Report| {
        let before = served.server.log().len();
        run();
        served.server.log().len() - before
    };
    let alone = requests(&|| Run::threads(2).run(&cog).unwrap());
    Run::threads(2).run(&bright).unwrap();
    let [alone_cog, alone_bright] = ["cog.tif", "bright.tif"].map(|name| fs::read(path(name)).unwrap());
    let together = requests(&|| Run::threads(2).all(&[&cog, &bright]).unwrap());
    assert_eq!(together, alone, "the image is read once");
    let error = Run::threads(2).all(&[&cog, &cog]).unwrap_err();
    assert!(error.message().ends_with("twice in one run: give each output its own name"), "{error}");
    assert_eq!(Run::threads(2).all(&[]).unwrap().output_bytes, 0);
    assert!(fs::read(path("cog.tif")).unwrap() == alone_cog && fs::read(path("bright.tif")).unwrap() == alone_bright);
}

/// Where the child writes.
const CHILD_TARGET: &str = "SWATH_TEST_COG_TARGET";

fn to_be_killed(target: &Path) {
    let raster = swath::raster([1, 1500, 1500], |_, y, x| (y * x % 4001) as u16).unwrap();
    raster.to_cog_with(target, CogOptions::new().block(128, 128).level(9)).unwrap().run(&Run::threads(2)).unwrap();
}

/// Not a test of its own: the program that the next one starts and kills.
#[test]
fn child_that_writes_a_cog() {
    if let Ok(target) = std::env::var(CHILD_TARGET) {
        to_be_killed(target.as_ref());
    }
}

#[test]
fn a_kill_at_any_moment_leaves_no_part_of_a_cog() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.tif");
    let child = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child_that_writes_a_cog"]).env(CHILD_TARGET, &target).stdout(Stdio::null());
        child.spawn().unwrap()
    };
    to_be_killed(&target);
    let whole = fs::read(&target).unwrap();
    fs::remove_file(&target).unwrap();
    let started = Instant::now();
    assert!(child().wait().unwrap().success());
    let wall = started.elapsed();
    let mut completed = 0;
    for seed in 0..50 {
        let _ = fs::remove_file(&target);
        let mut child = child();
        std::thread::sleep(Random(seed).below(wall.mul_f64(1.1)));
        // SIGKILL, or its like elsewhere.
        child.kill().unwrap();
        child.wait().unwrap();
        let written = fs::read(&target).ok();
        completed += usize::from(written.is_some());
        assert!(written.is_none_or(|bytes| bytes == whole), "seed {seed}");
        for name in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
        {
            assert!(name == "out.tif" || name.starts_with(".out.tif.swath-"), "seed {seed}: {name}");
        }
    }
    assert!(completed < 50, "some were killed before they were done");
}

#[test]
fn a_plan_tells_of_its_overviews() {
    let sink = raster().to_cog_with("out.tif", CogOptions::new().block(256, 256)).unwrap();
    let plan = sink.explain().unwrap();
    assert!(
        plan.contains("COG, 256 × 256 blocks, DEFLATE level 4, predictor 2, pixel interleave, 2 overviews by average"),
        "{plan}"
    );
    assert!(plan.contains("\n  overview 2 of 2, 152 × 185 by average\n"), "{plan}");
}
