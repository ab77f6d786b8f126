//! Blocks that nothing changes: they are not fetched, not decoded, or copied as they are, and the pixels are the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use common::read_pixels;
use swath::{GeoTiffOptions, LazyRaster, Predictor, Report, Run, prelude::*};
use swath_demo::server::RangeServer;
use swath_demo::tiff_writer::{self, At, ByteOrder, Layout, Photometric, SampleType, TiffSpec};
use tempfile::TempDir;

const SIDE: u32 = 512;
/// Rows and columns of a block of the image, which has 16 of them; classes have blocks of twice that.
const BLOCK: u32 = 128;

/// Clouds hide the upper left four blocks, and a disc of them lies where four others meet.
fn is_clouded(y: u32, x: u32) -> bool {
    let (dy, dx) = (y.abs_diff(390), x.abs_diff(380));
    (y < 256 && x < 256) || dy * dy + dx * dx < 40 * 40
}

/// An image of which every block has more bytes than a gap between requests, and its classes.
struct Scene {
    folder: TempDir,
    server: RangeServer,
}

impl Scene {
    fn new() -> Self {
        Self::with(image_spec())
    }

    fn with(image: TiffSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let noise = |At { band, y, x }: At| {
            let position = u64::from(band) << 40 | u64::from(y) << 20 | u64::from(x);
            1.0 + (position.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 % 250.0
        };
        write(&folder.path().join("image.tif"), &image, noise);
        let classes = TiffSpec {
            layout: Layout::Tiled { width: 2 * BLOCK, height: 2 * BLOCK },
            ..TiffSpec::new(SIDE, SIDE, SampleType::U8)
        };
        let class = |At { y, x, .. }: At| if is_clouded(y, x) { 8.0 } else { 4.0 + f64::from(x % 2) };
        write(&folder.path().join("classes.tif"), &classes, class);
        let server = RangeServer::serve(folder.path()).unwrap();
        Self { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Image and classes, local or remote.
    fn open(&self, remote: bool) -> [LazyRaster; 2] {
        ["image.tif", "classes.tif"].map(|name| {
            let uri = if remote { self.server.url(name) } else { self.path(name).display().to_string() };
            swath::open(uri).unwrap()
        })
    }

    fn run(&self, run: &Run, [image, classes]: &[LazyRaster; 2], options: GeoTiffOptions) -> (Report, Vec<u8>) {
        let out = self.path("out.tif");
        let report = masked(image, classes).to_geotiff_with(&out, options).unwrap().run(run).unwrap();
        (report, fs::read(out).unwrap())
    }

    /// The pixels that were written.
    fn written(&self) -> Vec<u8> {
        read_pixels(&swath::open(self.path("out.tif").display().to_string()).unwrap())
    }

    fn expected(&self) -> Vec<u8> {
        let [image, _] = self.open(false);
        let mut pixels = read_pixels(&image);
        for (index, pixel) in pixels.iter_mut().enumerate() {
            let index = index as u32 % (SIDE * SIDE);
            if is_clouded(index / SIDE, index % SIDE) {
                *pixel = 0;
            }
        }
        pixels
    }
}

fn image_spec() -> TiffSpec {
    TiffSpec {
        bands: 3,
        layout: Layout::Tiled { width: BLOCK, height: BLOCK },
        photometric: Photometric::Rgb,
        predictor: tiff_writer::Predictor::Horizontal,
        ..TiffSpec::new(SIDE, SIDE, SampleType::U8)
    }
}

fn write(path: &Path, spec: &TiffSpec, pixel: impl Fn(At) -> f64) {
    spec.write_file(path, &[spec.render(0, pixel)], NonZeroUsize::MIN).unwrap();
}

fn masked(image: &LazyRaster, classes: &LazyRaster) -> LazyRaster {
    image.mask(&classes.squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap()
}

/// Copied, constant and computed blocks.
fn origins(report: &Report) -> [u64; 3] {
    [report.output.copied, report.output.constant, report.output.computed]
}

#[test]
fn hidden_blocks_do_not_travel_and_what_was_predicted_is_the_most() {
    let scene = Scene::new();
    let rasters = scene.open(true);
    for threads in [1, 4] {
        let run = Run::threads(threads);
        let prediction =
            run.predict(&masked(&rasters[0], &rasters[1]).to_geotiff(scene.path("out.tif")).unwrap()).unwrap();
        assert_eq!((prediction.blocks, prediction.guarded_blocks), (20, 16));
        scene.server.reset();
        let (report, _) = scene.run(&run, &rasters, GeoTiffOptions::new());
        let stats = scene.server.stats();
        assert_eq!((report.requests, report.bytes), (stats.requests as u64, stats.bytes));
        assert_eq!(report.blocks_skipped, 4);
        assert_eq!(report.requests, prediction.requests - 4, "each of these blocks is a request of its own");
        assert!(report.bytes < prediction.bytes, "{} of {} bytes", report.bytes, prediction.bytes);
        assert_eq!((origins(&report), report.blocks), ([8, 4, 4], 4 + 4));
        assert_eq!(scene.written(), scene.expected());
    }
}

#[test]
fn switched_off_all_happens_as_predicted() {
    let scene = Scene::new();
    let rasters = scene.open(true);
    let run = Run::threads(2).passthrough(false);
    let prediction = run.predict(&masked(&rasters[0], &rasters[1]).to_geotiff(scene.path("out.tif")).unwrap()).unwrap();
    scene.server.reset();
    let (report, _) = scene.run(&run, &rasters, GeoTiffOptions::new());
    assert_eq!((report.requests, report.bytes), (prediction.requests, prediction.bytes));
    assert_eq!((report.blocks, report.blocks_skipped, prediction.guarded_blocks), (20, 0, 0));
    assert_eq!(origins(&report), [0, 0, 16]);
    assert_eq!(scene.written(), scene.expected());
}

#[test]
fn the_file_is_the_same_for_any_workers_memory_and_place_of_the_source() {
    let scene = Scene::new();
    let (report, expected) = scene.run(&Run::serial(), &scene.open(false), GeoTiffOptions::new());
    assert_eq!((origins(&report), report.blocks_skipped), ([8, 4, 4], 4));
    assert_eq!(scene.written(), scene.expected());
    for remote in [false, true] {
        let rasters = scene.open(remote);
        for run in [Run::serial(), Run::threads(1), Run::threads(3), Run::threads(8).memory_limit(5 << 20)] {
            let (report, bytes) = scene.run(&run, &rasters, GeoTiffOptions::new());
            assert_eq!(bytes, expected, "remote {remote}, {run:?}");
            assert_eq!(origins(&report), [8, 4, 4]);
        }
        for chunks in [[3, 100, 100], [1, 512, 512], [3, 128, 128]] {
            let [image, classes] = &rasters;
            let rechunked = [image.rechunk(&chunks).unwrap(), classes.rechunk(&[1, 77, 77]).unwrap()];
            let (_, bytes) = scene.run(&Run::threads(2), &rechunked, GeoTiffOptions::new());
            assert_eq!(bytes, expected, "remote {remote}, chunks {chunks:?}");
        }
    }
}

#[test]
fn persisted_rasters_keep_what_can_be_copied() {
    let scene = Scene::new();
    for remote in [false, true] {
        let [image, classes] = scene.open(remote);
        let run = Run::threads(2);
        let (image, classes) = run.persist((&image, &classes)).unwrap();
        let (report, _) = scene.run(&run, &[image, classes], GeoTiffOptions::new());
        assert_eq!(origins(&report), [8, 4, 4], "remote {remote}");
        assert_eq!(scene.written(), scene.expected());

        let [image, classes] = scene.open(remote);
        let run = run.passthrough(false);
        let rasters = run.persist((&image, &classes)).unwrap();
        let (report, _) = scene.run(&run, &[rasters.0, rasters.1], GeoTiffOptions::new());
        assert_eq!(origins(&report), [0, 0, 16], "remote {remote}, nothing kept");
        assert_eq!(scene.written(), scene.expected());
    }
}

#[test]
fn a_block_is_copied_only_into_a_file_that_stores_it_so() {
    let scene = Scene::new();
    let rasters = scene.open(false);
    let new = GeoTiffOptions::new;
    for (options, copied) in [
        (new(), 8),
        (new().level(1), 8),
        (new().predictor(Predictor::None), 0),
        (new().compression(swath::Compression::Zstd), 0),
        (new().block(64, 64), 0),
        (new().interleave(swath::Interleave::Band), 0),
    ] {
        let (report, _) = scene.run(&Run::threads(2), &rasters, options.clone());
        assert_eq!(report.output.copied, copied, "{options:?}");
        assert_eq!(scene.written(), scene.expected(), "{options:?}");
    }
    // Part of a block, or blocks at another place, are no blocks of the output.
    let [image, classes] = &rasters;
    for (rows, columns, copied) in [(0..512, 0..500, 6), (1..512, 0..512, 0), (128..512, 128..384, 3)] {
        let cut = |raster: &LazyRaster| raster.window(rows.clone(), columns.clone()).unwrap();
        let (report, _) = scene.run(&Run::threads(2), &[cut(image), cut(classes)], new());
        assert_eq!(report.output.copied, copied, "rows {rows:?}, columns {columns:?}");
        assert_eq!(scene.written(), read_pixels(&cut(&masked(image, classes))), "rows {rows:?}, columns {columns:?}");
    }
}

#[test]
fn a_file_in_the_other_byte_order_is_not_copied_where_order_matters() {
    for (dtype, copied) in [(SampleType::U8, 8), (SampleType::U16, 0)] {
        let scene = Scene::with(TiffSpec { byte_order: ByteOrder::Big, dtype, ..image_spec() });
        let [image, classes] = scene.open(false);
        let (out, run) = (scene.path("out.tif"), Run::threads(2));
        let report = masked(&image, &classes).to_geotiff(&out).unwrap().run(&run).unwrap();
        assert_eq!(report.output.copied, copied, "{dtype:?}");
        let written = swath::open(out.display().to_string()).unwrap().compute().unwrap();
        let computed = run.passthrough(false).compute(&masked(&image, &classes)).unwrap();
        assert_eq!(written.data(), computed.data());
    }
}
