//! Damaged files: an error or some pixels, never a panic, a hang or an allocation that the file cannot justify.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper is a failed test")]

mod common;

use std::time::{Duration, Instant};

use common::{read_block, write};
use swath_core::shape::volume;
use swath_core::source::ChunkSource;
use swath_demo::tiff_writer::{
    ByteOrder, Compression, Geo, Layout, Overview as Halving, Predictor, Resampling, SampleType, TiffSpec,
};
use swath_io::read::{Chunks, GeoTiff, Overview, ReadOptions};
use swath_io::store::Io;

/// A small generator, so that a failing case is named by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn fixtures() -> Vec<Vec<u8>> {
    let base = TiffSpec {
        overviews: Halving::halvings(1, 16),
        nodata: Some("0".to_owned()),
        geo: Some(Geo { epsg: 4326, scale: (0.1, 0.1), origin: (5.0, 50.0) }),
        ..TiffSpec::new(45, 37, SampleType::U8)
    };
    let tiled = Layout::Tiled { width: 16, height: 16 };
    [
        TiffSpec { layout: tiled, bands: 3, ..base.clone() },
        TiffSpec { layout: Layout::Striped { rows: 8 }, compression: Compression::None, ..base.clone() },
        TiffSpec { layout: tiled, big_tiff: true, planar: true, bands: 2, byte_order: ByteOrder::Big, ..base.clone() },
        TiffSpec { layout: tiled, dtype: SampleType::F32, predictor: Predictor::FloatingPoint, ..base },
    ]
    .iter()
    .map(|spec| {
        let full = spec.render(0, |at| f64::from((at.x * 3 + at.y) % 200));
        spec.to_bytes(&spec.pyramid(full, Resampling::Average).unwrap()).unwrap()
    })
    .collect()
}

#[test]
fn damaged_files_are_errors_or_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let io = Io::shared().unwrap();
    let rounds = std::env::var("SWATH_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    let second = ReadOptions { page: 1, ..ReadOptions::default() };
    let (mut opened, mut slowest) = (0, Duration::ZERO);
    for (index, fixture) in fixtures().into_iter().enumerate() {
        for seed in 0..rounds {
            let damaged = damage(fixture.clone(), 1 + seed * 4 + index as u64);
            let path = write(folder.path(), "damaged.tif", &damaged);
            let started = Instant::now();
            if let Ok(file) = GeoTiff::open(&io, path.to_str().unwrap()) {
                opened += 1;
                for overview in [Overview::Full, Overview::Level(0)] {
                    read_some(&file, &overview);
                    read_mask(&file, &overview);
                }
                let _ = (file.info(), file.validity());
            }
            if let Ok(file) = GeoTiff::open_with(&io, path.to_str().unwrap(), &second) {
                read_some(&file, &Overview::Full);
            }
            slowest = slowest.max(started.elapsed());
            assert!(started.elapsed() < Duration::from_secs(5), "fixture {index} seed {seed} takes too long");
        }
    }
    println!("{opened} of {} opened, the slowest took {slowest:?}", rounds * 4);
    assert!(opened > 0);
}

fn read_mask(file: &GeoTiff, overview: &Overview) {
    if let Ok(Some(mask)) = file.mask(overview, Chunks::Auto)
        && volume(mask.block_shape()) <= 1 << 22
    {
        let _ = (mask.place(0), mask.decode(0, &[]));
    }
}

/// Flips, sets, cuts or copies; mostly in the first kilobyte, where the directories are.
fn damage(mut bytes: Vec<u8>, seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..1 + random.below(4) {
        let end = if random.below(4) == 0 { bytes.len() } else { bytes.len().min(1024) };
        let at = random.below(end);
        match random.below(8) {
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 | 4 => bytes[at] = random.next() as u8,
            5 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
            6 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
            _ => bytes.truncate(1 + random.below(bytes.len())),
        }
        if bytes.len() < 2 {
            break;
        }
    }
    bytes
}

fn read_some(file: &GeoTiff, overview: &Overview) {
    let Ok(source) = file.source(overview, Chunks::Auto) else { return };
    let blocks = source.blocks();
    for block in (0..blocks.len()).take(20).chain(blocks.len().checked_sub(1)) {
        // A sparse block may be as large as the file says, and costs nothing until somebody asks for its pixels.
        if volume(blocks.region(block).shape) < 1 << 20 {
            let _ = read_block(&source, block);
        } else {
            let _ = source.place(block).map(|_| source.decode(block, &[]));
        }
    }
}
