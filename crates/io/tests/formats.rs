//! Every sample type, layout, compression and predictor reads back what was written, by code that shares none of ours.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod common;

use std::collections::BTreeSet;

use common::{Patch, native_bytes, read_level, write};
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::ErrorKind;
use swath_core::grid::{Affine, Crs};
use swath_core::shape::Shape;
use swath_core::source::{ChunkSource, Place};
use swath_demo::tiff_writer::{
    At, ByteOrder, Compression, Geo, Layout, Overview as Halving, Photometric, Predictor, Resampling, SampleType,
    TiffSpec,
};
use swath_io::read::{Chunks, GeoTiff, Interleave, Overview};
use swath_io::store::Io;

fn value(at: At) -> f64 {
    let mixed = (at.x * 7 + at.y * 13 + u32::from(at.band) * 29) % 127;
    f64::from(mixed) + if at.x.is_multiple_of(5) { 0.37 } else { 0.0 }
}

fn open(folder: &tempfile::TempDir, bytes: &[u8]) -> swath_core::error::Result<GeoTiff> {
    let path = write(folder.path(), "a file.tif", bytes);
    GeoTiff::open(&Io::shared()?, path.to_str().unwrap())
}

/// What a file holds after it was recompressed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scheme {
    None,
    Deflate,
    OldDeflate,
    Lzw,
    Zstd,
}

impl Scheme {
    const ALL: [Self; 5] = [Self::None, Self::Deflate, Self::OldDeflate, Self::Lzw, Self::Zstd];

    fn write(self, spec: &TiffSpec, levels: &[Vec<u8>]) -> Vec<u8> {
        let compression = if self == Self::Deflate { Compression::Deflate(1) } else { Compression::None };
        let bytes = TiffSpec { compression, ..spec.clone() }.to_bytes(levels).unwrap();
        let mut patch = Patch::new(bytes);
        match self {
            Self::None | Self::Deflate => {}
            Self::OldDeflate => patch.recompress(32946, |bytes| {
                let mut encoder = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
                let mut out = vec![0; encoder.zlib_compress_bound(bytes.len())];
                let len = encoder.zlib_compress(bytes, &mut out).unwrap();
                out.truncate(len);
                out
            }),
            Self::Lzw => patch.recompress(5, |bytes| {
                weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(bytes).unwrap()
            }),
            Self::Zstd => patch.recompress(50000, |bytes| zstd::bulk::compress(bytes, 1).unwrap()),
        }
        patch.bytes
    }
}

#[test]
fn every_combination_reads_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for dtype in SampleType::ALL {
        for (layout, planar, bands) in combinations() {
            let photometric = if bands == 3 { Photometric::Rgb } else { Photometric::MinIsBlack };
            let spec = TiffSpec { layout, planar, bands, photometric, ..TiffSpec::new(45, 37, dtype) };
            let pixels = spec.render(0, value);
            for predictor in [Predictor::None, Predictor::Horizontal, Predictor::FloatingPoint] {
                if predictor == Predictor::FloatingPoint && !dtype.is_float() {
                    continue;
                }
                for (nth, scheme) in Scheme::ALL.into_iter().enumerate() {
                    // Readers do not look at the predictor of uncompressed files.
                    if scheme == Scheme::None && predictor != Predictor::None {
                        continue;
                    }
                    for byte_order in [ByteOrder::Little, ByteOrder::Big] {
                        files += 1;
                        let big_tiff = (nth + files).is_multiple_of(2);
                        let spec = TiffSpec { predictor, byte_order, big_tiff, ..spec.clone() };
                        let bytes = scheme.write(&spec, std::slice::from_ref(&pixels));
                        let file = open(&folder, &bytes).unwrap();
                        let read = read_level(&file, &Overview::Full).unwrap();
                        assert!(native_bytes(&read) == pixels, "{scheme:?} {spec:?}");
                        assert_eq!(file.info().big_tiff, big_tiff);
                    }
                }
            }
        }
    }
    assert!(files > 2000, "{files}");
}

fn combinations() -> Vec<(Layout, bool, u16)> {
    let layouts = [Layout::Tiled { width: 16, height: 32 }, Layout::Striped { rows: 8 }];
    let shapes = [(false, 1), (false, 2), (false, 3), (false, 4), (false, 5), (true, 1), (true, 3)];
    layouts.into_iter().flat_map(|layout| shapes.map(|(planar, bands)| (layout, planar, bands))).collect()
}

fn scene() -> (TiffSpec, Vec<Vec<u8>>) {
    let spec = TiffSpec {
        bands: 3,
        photometric: Photometric::Rgb,
        layout: Layout::Tiled { width: 32, height: 32 },
        overviews: Halving::halvings(2, 16),
        geo: Some(Geo { epsg: 32631, scale: (10.0, 10.0), origin: (600_000.0, 5_900_040.0) }),
        nodata: Some("0".to_owned()),
        sparse: BTreeSet::from([(0, 1), (1, 0)]),
        ..TiffSpec::new(100, 60, SampleType::U8)
    };
    let mut levels = spec.pyramid(spec.render(0, |at| value(at) + 1.0), Resampling::Average).unwrap();
    // Sparse blocks read as nodata.
    clear(&mut levels[0], [3, 60, 100], 0..32, 32..64);
    clear(&mut levels[1], [3, 30, 50], 0..16, 0..16);
    (spec, levels)
}

fn clear(
    pixels: &mut [u8],
    [bands, height, width]: [usize; 3],
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) {
    for band in 0..bands {
        for row in rows.clone() {
            let start = (band * height + row) * width;
            pixels[start + columns.start..start + columns.end].fill(0);
        }
    }
}

#[test]
fn levels_have_their_pixels_grids_and_sparse_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, levels) = scene();
    let file = open(&folder, &spec.to_bytes(&levels).unwrap()).unwrap();
    for (index, overview) in [Overview::Full, Overview::Level(0), Overview::Level(1)].iter().enumerate() {
        let read = read_level(&file, overview).unwrap();
        assert!(native_bytes(&read) == levels[index], "level {index}");
        let grid = file.grid(index).unwrap();
        assert_eq!(grid.bounds(), (600_000.0, 5_899_440.0, 601_000.0, 5_900_040.0));
        assert_eq!(grid.resolution().0, 1000.0 / grid.width as f64);
    }
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    assert_eq!(source.place(1).unwrap(), Place::Constant(Scalar::Int(0)));
    assert!(matches!(source.place(0).unwrap(), Place::Direct { bytes } if bytes > 0));
    assert_eq!(file.source(&Overview::Resolution(20.0), Chunks::Auto).unwrap().meta().shape, [1, 3, 30, 50]);
}

#[test]
fn a_source_tells_what_a_plan_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, levels) = scene();
    let file = open(&folder, &spec.to_bytes(&levels).unwrap()).unwrap();
    let source = file.source(&Overview::Level(0), [3, 2048, 20].into()).unwrap();
    let meta = source.meta();
    assert_eq!((meta.shape, meta.chunks, meta.dtype), ([1, 3, 30, 50], [1, 3, 30, 20], DType::U8));
    assert_eq!(meta.nodata, Some(Scalar::Int(0)));
    assert!(source.name().ends_with("a file.tif level 0"), "{}", source.name());
    assert_eq!((source.block_shape(), source.blocks().len()), ([1, 3, 16, 16], 8));
    assert_eq!(source.decode_scratch(), 16 * 16 * 3);
    let layout = source.layout().unwrap();
    assert_eq!((layout.block, layout.pixel_interleaved, layout.compression), ((16, 16), true, 8));
}

#[test]
fn info_tells_what_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, levels) = scene();
    let bytes = spec.to_bytes(&levels).unwrap();
    let info = open(&folder, &bytes).unwrap().info();
    assert_eq!((info.file_size, info.requests), (bytes.len() as u64, 0));
    assert_eq!((info.shape, info.dtype), ([1, 3, 60, 100], DType::U8));
    assert_eq!(info.crs, Some(Crs::from_epsg(32631)));
    assert_eq!(info.affine, Some(Affine::north_up(600_000.0, 5_900_040.0, 10.0, 10.0)));
    assert_eq!((info.nodata, info.nodata_text.as_deref()), (Some(Scalar::Int(0)), Some("0")));
    assert_eq!((info.block, info.tiled, info.interleave), ((32, 32), true, Interleave::Pixel));
    assert_eq!((info.compression.to_string(), info.photometric_name()), ("DEFLATE".to_owned(), "RGB"));
    assert_eq!(info.blocks, (8, 1));
    assert_eq!(
        info.overviews.iter().map(|level| (level.width, level.block)).collect::<Vec<_>>(),
        [(50, Some((16, 16))), (25, Some((16, 16)))]
    );
    assert_eq!((info.suggested_chunks, info.masks, info.pages.len()), ([3, 60, 100], 0, 1));
}

#[test]
fn a_window_takes_the_blocks_it_touches() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, levels) = scene();
    let file = open(&folder, &spec.to_bytes(&levels).unwrap()).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let region = swath_core::shape::Region { start: [0, 0, 40, 70], shape: [1, 3, 15, 20] };
    let whole = read_level(&file, &Overview::Full).unwrap();
    let mut window = empty(region.shape);
    let touched: Vec<_> = source.blocks().touching(&region).collect();
    assert_eq!(touched, [6]);
    let block = source.decode(6, &[]).unwrap();
    let at = source.blocks().region(6).start;
    let own = swath_core::shape::Region { start: std::array::from_fn(|axis| region.start[axis] - at[axis]), ..region };
    block.copy_region(&own, &mut window, [0; 4]);
    let mut expected = empty(region.shape);
    whole.copy_region(&region, &mut expected, [0; 4]);
    assert_eq!(window, expected);
}

fn empty(shape: Shape) -> Chunk {
    Chunk::filled(shape, DType::U8, Scalar::Int(0))
}

#[test]
fn what_cannot_be_read_is_named_when_the_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = TiffSpec::new(45, 37, SampleType::U8).to_bytes(&[vec![0; 45 * 37]]).unwrap();
    for (tag, value, message) in [
        (259, 34712, "compression JPEG2000 (34712) is not supported: a codec for it can be added by IoOptions::codecs"),
        (258, 40, "samples of 40 bits are not supported"),
        (262, 6, "the color model YCbCr (6) is not supported"),
    ] {
        let mut patch = Patch::new(bytes.clone());
        patch.set_tag(tag, value);
        let error = open(&folder, &patch.bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().starts_with("cannot open ") && error.to_string().contains("a file.tif"), "{error}");
        assert!(error.to_string().ends_with(message), "{error}");
    }
}

#[test]
fn an_overview_that_cannot_be_read_is_an_error_only_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, levels) = scene();
    let mut patch = Patch::new(spec.to_bytes(&levels).unwrap());
    let directories = patch.directories();
    let entry = directories[1].iter().find(|entry| entry.tag == 259).unwrap();
    patch.set(entry.values[0], entry.size, 6);
    let file = open(&folder, &patch.bytes).unwrap();
    assert!(native_bytes(&read_level(&file, &Overview::Full).unwrap()) == levels[0]);
    let error = file.source(&Overview::Level(0), Chunks::Auto).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "level 0: compression old-style JPEG (6) is not supported: a codec for it can be added by IoOptions::codecs"
        ),
        "{error}"
    );
    let error = file.source(&Overview::Level(2), Chunks::Auto).unwrap_err().to_string();
    assert!(error.contains("has no overview level 2; it has full 100 × 60 (pixels of 10), 0 50 × 30"), "{error}");
}

#[test]
fn a_missing_file_and_what_is_no_tiff_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere.tif");
    let error = GeoTiff::open(&Io::shared().unwrap(), missing.to_str().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), format!("cannot open {}: no such file", missing.display()));
    for (bytes, message) in [
        (&b"<html>no</html>"[..], "not a TIFF file (it looks like a web page or XML)"),
        (b"PK\x03\x04", "not a TIFF file (it starts with 50 4b 03 04)"),
        (b"", "not a TIFF file (it is empty)"),
        (b"II\x2a\0", "its header is cut short"),
        (b"II\x2a\0\x08\0\0\0", "a directory at byte 8 lies beyond the end of the file"),
    ] {
        let error = open(&folder, bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().ends_with(message), "{error}");
    }
    let error = GeoTiff::open(&Io::shared().unwrap(), folder.path().to_str().unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("it is a directory"), "{error}");
}

#[test]
fn a_block_that_is_cut_off_is_named_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let spec = TiffSpec::new(600, 300, SampleType::U16);
    let bytes = spec.to_bytes(&[spec.render(0, value)]).unwrap();
    let size = bytes.len() - 10;
    let file = open(&folder, &bytes[..size]).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let last = source.blocks().len() - 1;
    let error = source.place(last).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(text.starts_with("cannot read block (row 1, column 2) of "), "{text}");
    assert!(text.ends_with(&format!("{} lie beyond the end of the file ({size} bytes)", bytes.len())), "{text}");
}

#[test]
fn a_block_that_does_not_decode_is_named_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let spec = TiffSpec::new(600, 300, SampleType::U16);
    let mut bytes = spec.to_bytes(&[spec.render(0, value)]).unwrap();
    let file = open(&folder, &bytes).unwrap();
    let range = file.source(&Overview::Full, Chunks::Auto).unwrap().block_range(4).unwrap().unwrap();
    bytes[range.start as usize + 100..range.start as usize + 200].fill(0xff);
    let file = open(&folder, &bytes).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let error = source.decode(4, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let expected = format!("(bytes {}..{})", range.start, range.end);
    assert!(error.to_string().starts_with("cannot decode block (row 1, column 1) of "), "{error}");
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert!(error.chain().contains("DEFLATE"), "{}", error.chain());
    assert!(source.decode(3, &[]).is_ok());
}
