//! Several jobs of one run: files that note their statistics, quicklooks and statistics beside them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fs;
use std::path::Path;

use common::Served;
use swath::{
    BandStatistics, BigTiff, CogOptions, Colors, Compression, GeoTiffOptions, Job, LazyRaster, Quicklook, Run, Sink,
    prelude::*,
};

/// The sink of a raster, with its statistics, and with a mask if there is one.
fn noting(raster: &LazyRaster, mask: Option<&LazyRaster>, path: &Path, is_cog: bool) -> Sink {
    let file = GeoTiffOptions::new().block(64, 64).statistics(true);
    if !is_cog {
        return raster.to_geotiff_with(path, file).unwrap();
    }
    let cog = raster.to_cog_with(path, CogOptions::from(file)).unwrap();
    mask.map_or(cog.clone(), |valid| cog.with_mask(valid).unwrap())
}

/// What a file notes of each band.
fn noted(path: &Path) -> Vec<Option<BandStatistics>> {
    swath::info(path.to_str().unwrap()).unwrap().bands.into_iter().map(|band| band.statistics).collect()
}

/// The same number, as far as the 14 digits that are written go.
fn is_near(a: Option<f64>, b: Option<f64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= a.abs() * 1e-13)
}

#[test]
fn a_file_notes_the_statistics_of_its_valid_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let plain = swath::raster([3, 300, 211], |b, y, x| (b * 1000 + y * 31 + x * 7 % 50) as u16).unwrap();
    let gaps = plain.with_nodata(31).unwrap();
    let floats = swath::raster([1, 200, 130], |_, y, x| if x < 9 { f32::NAN } else { (y * x) as f32 / 7.0 }).unwrap();
    let valid = swath::raster([1, 300, 211], |_, y, x| x + y > 100).unwrap();
    let masked = plain.with_nodata(65535).unwrap().where_(&valid, swath::Fill::Nodata).unwrap();
    for (what, raster, mask, told, is_cog) in [
        ("plain", &plain, None, &plain, true),
        ("plain, no COG", &plain, None, &plain, false),
        ("gaps", &gaps, None, &gaps, true),
        ("NaN", &floats, None, &floats.with_nodata(f64::NAN).unwrap(), true),
        ("masked", &plain, Some(&valid), &masked, true),
    ] {
        noting(raster, mask, &path, is_cog).run(&Run::threads(2)).unwrap();
        let told = told.statistics().unwrap().compute().unwrap();
        for (band, noted) in noted(&path).into_iter().enumerate() {
            let (noted, told) = (noted.unwrap(), told.band(band).unwrap());
            assert!(is_near(noted.minimum, told.min().map(swath::Scalar::to_f64)), "{what}: {noted:?}");
            assert!(is_near(noted.maximum, told.max().map(swath::Scalar::to_f64)), "{what}: {noted:?}");
            assert!(is_near(noted.mean, told.mean()), "{what}: {noted:?}");
            assert!(is_near(noted.standard_deviation, told.standard_deviation(0)), "{what}: {noted:?}");
            let percent = 100.0 * told.count() as f64 / (told.count() + told.missing()) as f64;
            assert!((noted.valid_percent.unwrap() - percent).abs() < 0.01, "{what}: {noted:?}");
        }
    }
}

#[test]
fn nothing_is_noted_where_nobody_asked_or_nothing_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let raster = swath::raster([2, 90, 90], |band, y, _| if band == 0 { 0.0 } else { y as f64 }).unwrap();
    let nodata = raster.with_nodata(0).unwrap();
    noting(&nodata, None, &path, true).run(&Run::threads(2)).unwrap();
    let of_bands = noted(&path);
    assert!(of_bands[0].is_none() && of_bands[1].is_some(), "{of_bands:?}");
    let infinite = swath::raster([1, 90, 90], |_, y, _| 1.0 / y as f32).unwrap();
    noting(&infinite, None, &path, true).run(&Run::threads(2)).unwrap();
    assert_eq!(noted(&path), [None]);
    raster.to_cog(&path).unwrap().run(&Run::threads(2)).unwrap();
    assert_eq!(noted(&path), [None, None]);
    // A copy of a file leaves its statistics out, or has its own.
    noting(&nodata, None, &path, true).run(&Run::threads(2)).unwrap();
    let info = swath::info(path.to_str().unwrap()).unwrap();
    let half = raster.slice(swath::Dim::Y, 45..90).unwrap();
    let again = folder.path().join("again.tif");
    for (statistics, minimum) in [(false, None), (true, Some(45.0))] {
        let options = CogOptions::new().statistics(statistics).described_by(&info);
        half.to_cog_with(&again, options).unwrap().run(&Run::threads(2)).unwrap();
        assert_eq!(noted(&again)[1].as_ref().and_then(|noted| noted.minimum), minimum);
    }
}

#[test]
fn the_bytes_are_the_same_for_any_threads_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let raster = swath::raster([3, 611, 743], |b, y, x| (b * 31 + y * 7) as f32 + x as f32 / 3.0).unwrap();
    for big_tiff in [BigTiff::Auto, BigTiff::Always] {
        let write = |run: &Run| {
            let path = folder.path().join("out.tif");
            let options =
                CogOptions::new().block(64, 64).statistics(true).compression(Compression::Zstd).big_tiff(big_tiff);
            raster.to_cog_with(&path, options).unwrap().run(run).unwrap();
            fs::read(path).unwrap()
        };
        let expected = write(&Run::serial());
        for (threads, memory) in [(1, 24 << 20), (2, 1 << 30), (8, 32 << 20)] {
            assert!(
                write(&Run::threads(threads).memory_limit(memory)) == expected,
                "{threads} threads, {memory} bytes"
            );
        }
    }
}

#[test]
fn jobs_that_are_run_together_read_once_and_give_what_each_gives_alone() {
    let served = Served::new(1100);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let visual = swath::open(served.server.url(&served.asset("visual"))).unwrap();
    let cog = visual.to_cog(path("cog.tif")).unwrap();
    let noting = visual.to_cog_with(path("noting.tif"), CogOptions::new().statistics(true)).unwrap();
    let quicklook = visual.to_png(path("quicklook.png"), &Colors::Auto, 200).unwrap();
    let told = visual.statistics().unwrap().job();
    let requests = |jobs: &[&dyn Job]| {
        let before = served.server.log().len();
        Run::threads(2).all(jobs).unwrap();
        served.server.log().len() - before
    };
    let alone = requests(&[&cog]);
    assert!(told.result().is_none());
    assert_eq!(requests(&[&noting, &cog, &quicklook, &told]), alone, "the image is read once");
    let of_band = |band| told.result().unwrap().band(band).unwrap().mean();
    let computed = visual.statistics().unwrap().compute().unwrap();
    assert_eq!([0, 1, 2].map(of_band), [0, 1, 2].map(|band| computed.band(band).unwrap().mean()));
    visual.compute().unwrap().to_png(path("memory.png"), &Colors::Auto, 200).unwrap();
    assert!(fs::read(path("quicklook.png")).unwrap() == fs::read(path("memory.png")).unwrap());
    let jobs: [&dyn Job; 3] = [&cog, &quicklook, &told];
    let explained = Run::threads(2).explain(&jobs[..]).unwrap();
    let beginnings: Vec<_> =
        explained.lines().filter(|line| line.contains(" ×") && !line.starts_with([' ', '└'])).collect();
    assert_eq!(beginnings.len(), 3, "{explained}");
    for part in ["cog.tif", "quicklook.png", "\nstatistics 3", "PNG, 184 × 184", "\n  statistics\n", "as above"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
}

#[test]
fn what_fails_leaves_none_of_the_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let raster = swath::raster([1, 700, 700], |_, y, x| (y * x) as i32).unwrap();
    let fails = raster.cast(swath::DType::U8, swath::Overflow::Error).unwrap();
    let quicklook = raster.to_png(path("quicklook.png"), &Colors::Auto, 100).unwrap();
    let cog = fails.to_cog_with(path("cog.tif"), CogOptions::new().statistics(true)).unwrap();
    let told = raster.statistics().unwrap().job();
    let error = Run::threads(2).all(&[&quicklook, &cog, &told]).unwrap_err();
    assert!(error.message().starts_with("cannot cast"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(told.result().is_none());
}
