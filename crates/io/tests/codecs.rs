//! Each codec reads what GDAL wrote (`fixtures/make.py`), and damaged blocks are errors or pixels.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![cfg(all(feature = "ccitt", feature = "jpeg", feature = "lerc", feature = "lzma", feature = "webp"))]

mod common;

use std::sync::Arc;

use common::{Patch, read_level, read_source, write};
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::source::ChunkSource;
use swath_io::codec::{BlockCodec, BlockSpec, Codecs, Compression};
use swath_io::read::{Chunks, GeoTiff, Overview};
use swath_io::store::{Io, IoOptions};

const ROWS: usize = 33;
const COLUMNS: usize = 17;

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("fixtures/", $name, ".tif")).as_slice())),*]
    };
}

const LOSSLESS: [(&str, &[u8]); 5] = fixtures!["packbits", "lzma", "lerc", "lerc_deflate", "webp_lossless"];
const LOSSY: [(&str, &[u8]); 4] = fixtures!["webp_lossy", "jpeg_grey", "jpeg_ycbcr", "jpeg_rgb"];
const BITS: [(&str, &[u8]); 3] = fixtures!["ccitt_rle", "ccitt_fax3", "ccitt_fax4"];
const HOLES: [(&str, &[u8]); 1] = fixtures!["lerc_zstd_holes"];

fn open(folder: &tempfile::TempDir, bytes: &[u8]) -> Result<GeoTiff> {
    let path = write(folder.path(), "a file.tif", bytes);
    GeoTiff::open(&Io::shared()?, path.to_str().unwrap())
}

fn values(chunk: &Chunk) -> Vec<f64> {
    match chunk.data() {
        Buffer::U8(data) => data.iter().map(|value| f64::from(*value)).collect(),
        Buffer::U16(data) => data.iter().map(|value| f64::from(*value)).collect(),
        Buffer::I32(data) => data.iter().map(|value| f64::from(*value)).collect(),
        Buffer::F32(data) => data.iter().map(|value| f64::from(*value)).collect(),
        other => panic!("no fixture has {other:?}"),
    }
}

/// Of the bands that `fixtures/make.py` writes.
fn formula(bands: usize) -> impl Iterator<Item = f64> {
    let pixels = |band| (0..ROWS * COLUMNS).map(move |at| (at % COLUMNS * 3 + at / COLUMNS * 5 + 11 * band) % 200);
    (0..bands).flat_map(pixels).map(|value| value as f64)
}

fn bit(at: usize) -> f64 {
    let (x, y) = (at % COLUMNS, at / COLUMNS);
    f64::from(u8::from((x / 3 + y / 4) % 2 == 1 || x * y % 7 == 0))
}

#[test]
fn lossless_codecs_give_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in LOSSLESS {
        let chunk = read_level(&open(&folder, bytes).unwrap(), &Overview::Full).unwrap();
        let wanted: Vec<_> = formula(chunk.shape()[1]).collect();
        assert_eq!(values(&chunk), wanted, "{name}");
    }
    for (name, bytes) in BITS {
        let chunk = read_level(&open(&folder, bytes).unwrap(), &Overview::Full).unwrap();
        let wanted: Vec<_> = (0..ROWS * COLUMNS).map(bit).collect();
        assert!(values(&chunk) == wanted, "{name}");
    }
}

#[test]
fn lossy_codecs_stay_close_to_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in LOSSY {
        let chunk = read_level(&open(&folder, bytes).unwrap(), &Overview::Full).unwrap();
        let values = values(&chunk);
        let apart = formula(chunk.shape()[1]).zip(&values).map(|(wanted, got)| (wanted - got).abs());
        let mean = apart.sum::<f64>() / values.len() as f64;
        // Where the formula starts anew, colours of neighbours are mixed.
        assert!(mean < 6.0, "{name}: {mean}");
    }
}

#[test]
fn pixels_that_a_lerc_mask_excludes_are_nan() {
    let folder = tempfile::tempdir().unwrap();
    let chunk = read_level(&open(&folder, HOLES[0].1).unwrap(), &Overview::Full).unwrap();
    for (at, (got, wanted)) in values(&chunk).into_iter().zip(formula(1)).enumerate() {
        let hole = (5..9).contains(&(at / COLUMNS)) && (3..7).contains(&(at % COLUMNS));
        assert!(if hole { got.is_nan() } else { got == wanted }, "{at}: {got} instead of {wanted}");
    }
}

#[test]
fn damaged_blocks_of_any_codec_are_errors_or_pixels_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let rounds = std::env::var("SWATH_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 16) as usize
    };
    for (name, bytes) in LOSSLESS.into_iter().chain(LOSSY).chain(BITS).chain(HOLES) {
        let source = open(&folder, bytes).unwrap().source(&Overview::Full, Chunks::Auto).unwrap();
        let blocks: Vec<_> =
            (0..source.blocks().len()).filter_map(|block| source.block_range(block).unwrap()).collect();
        let mut errors = 0;
        for round in 0..rounds {
            let mut damaged = bytes.to_vec();
            for _ in 0..1 + next() % 3 {
                let range = &blocks[next() % blocks.len()];
                let at = range.start as usize + next() % (range.end - range.start) as usize;
                match next() % 4 {
                    0 => damaged[at] = 0xff,
                    1 => damaged[at] = 0,
                    2 => damaged[at] = next() as u8,
                    _ => damaged[at] ^= 1 << (next() % 8),
                }
            }
            let result = std::panic::catch_unwind(|| {
                let source = open(&folder, &damaged).unwrap().source(&Overview::Full, Chunks::Auto).unwrap();
                read_source(&source).map(drop)
            });
            errors += usize::from(result.unwrap_or_else(|_| panic!("{name} panics in round {round}")).is_err());
        }
        // What has neither checksum nor structure gives other pixels, and rows of a fax are mended.
        let silent = ["packbits", "webp_lossless", "webp_lossy", "ccitt_fax3"].contains(&name);
        assert!(errors > 0 || silent, "{name}: no damage is found");
    }
}

#[test]
fn cut_blocks_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in LOSSLESS.into_iter().chain(LOSSY).chain(BITS).chain(HOLES) {
        let mut patch = Patch::new(bytes.to_vec());
        let directories = patch.directories();
        let counts = directories[0].iter().find(|entry| matches!(entry.tag, 279 | 325)).unwrap();
        let (at, size) = (counts.values[0], counts.size);
        let count = patch.get(at, size);
        for part in 0..10 {
            patch.set(at, size, (count * part / 12).max(1));
            let file = open(&folder, &patch.bytes).unwrap();
            let result = read_level(&file, &Overview::Full);
            let error = result.err().unwrap_or_else(|| panic!("{name} {part} is read"));
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name} {part}: {}", error.chain());
        }
    }
}

#[test]
fn a_stream_of_another_size_is_refused_before_it_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in LOSSY.into_iter().chain(HOLES) {
        let mut patch = Patch::new(bytes.to_vec());
        // Strips and tiles of fewer columns than their streams.
        let narrow = if name == "jpeg_ycbcr" { 322 } else { 256 };
        patch.set_tag(narrow, 8);
        let error = match open(&folder, &patch.bytes).and_then(|file| read_level(&file, &Overview::Full)) {
            Err(error) => error,
            Ok(_) => panic!("{name} is read"),
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {}", error.chain());
    }
}

/// Deflate without its checks, as numbers 65000.
#[derive(Debug)]
struct Halved;

impl BlockCodec for Halved {
    fn name(&self) -> &str {
        "halved"
    }

    fn bytes_max(&self, _block: &BlockSpec<'_>, input: &[u8]) -> usize {
        2 * input.len()
    }

    fn decode(&self, block: &BlockSpec<'_>, input: &[u8], out: &mut [u8]) -> Result<()> {
        if input.len() * 2 != block.bytes() {
            return Err(Error::corrupt("it is not halved"));
        }
        out.iter_mut().enumerate().for_each(|(at, byte)| *byte = input[at / 2]);
        Ok(())
    }
}

#[test]
fn a_program_can_add_a_codec() {
    let folder = tempfile::tempdir().unwrap();
    let spec = swath_demo::tiff_writer::TiffSpec::new(40, 30, swath_demo::tiff_writer::SampleType::U8);
    let spec = swath_demo::tiff_writer::TiffSpec {
        compression: swath_demo::tiff_writer::Compression::None,
        layout: swath_demo::tiff_writer::Layout::Striped { rows: 8 },
        ..spec
    };
    let pixels = spec.render(0, |at| f64::from(at.x / 2 + at.y));
    let mut patch = Patch::new(spec.to_bytes(std::slice::from_ref(&pixels)).unwrap());
    patch.recompress(65_000, |bytes| bytes.iter().step_by(2).copied().collect());
    let path = write(folder.path(), "halved.tif", &patch.bytes);
    let error = GeoTiff::open(&Io::shared().unwrap(), path.to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("compression unknown (65000) is not supported"), "{error}");
    let codecs = Codecs::new().with(65_000, Arc::new(Halved));
    let io = Io::with_options(IoOptions { codecs, ..IoOptions::default() }).unwrap();
    let file = GeoTiff::open(&io, path.to_str().unwrap()).unwrap();
    assert_eq!(file.info().compression, Compression::Other(65_000));
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    assert!(common::native_bytes(&read_source(&source).unwrap()) == pixels);
    assert!(source.encoded(0, &[]).unwrap().is_none(), "blocks of a foreign codec are not copied");
    // A block that claims more than the codec says it can hold.
    patch.set_tag(256, 400);
    let path = write(folder.path(), "too large.tif", &patch.bytes);
    let file = GeoTiff::open(&io, path.to_str().unwrap()).unwrap();
    let error = read_level(&file, &Overview::Full).unwrap_err();
    assert!(error.chain().contains("160 bytes of halved cannot hold 3200"), "{}", error.chain());
}
