//! What a sink leaves on the disk: the pixels it was given, the same bytes whoever encodes them, or nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod cog;
mod lossy;
mod oracle;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use expect_test::{Expect, expect};
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::for_dtype;
use swath_core::grid::{Affine, Crs, Grid};
use swath_core::meta::Meta;
use swath_core::shape::{Dims, Region, Shape, volume};
use swath_core::sink::{ChunkSink, Encoded, Layout};
use swath_core::source::ChunkSource;
use swath_io::codec::{Compression, Predictor};
use swath_io::read::{Chunks, GeoTiff, Interleave, Overview};
use swath_io::store::Io;
use swath_io::write::{BigTiff, GeoTiffOptions, GeoTiffSink};

/// An image without symmetry, from dark to bright, using all bytes of its pixels.
fn image(shape: Shape, dtype: DType) -> Chunk {
    let mut data = Buffer::zeros(dtype, volume(shape));
    let value = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 61);
    match &mut data {
        Buffer::Bool(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) & 1 == 1),
        Buffer::U8(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as u8),
        Buffer::U16(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as u16),
        Buffer::U32(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as u32),
        Buffer::U64(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i)),
        Buffer::I8(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as i8),
        Buffer::I16(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as i16),
        Buffer::I32(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as i32),
        Buffer::I64(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as i64),
        Buffer::F32(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as f32 * -0.37),
        Buffer::F64(pixels) => pixels.iter_mut().enumerate().for_each(|(i, p)| *p = value(i) as f64 * -0.37),
    }
    Chunk::new(shape, data)
}

trait ToBytes {
    fn to_bytes(&self) -> Vec<u8>;
}

impl ToBytes for bool {
    fn to_bytes(&self) -> Vec<u8> {
        vec![u8::from(*self)]
    }
}

macro_rules! to_bytes {
    ($($type:ty),*) => {
        $(impl ToBytes for $type {
            fn to_bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        })*
    };
}
to_bytes!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

fn little_endian(chunk: &Chunk) -> Vec<u8> {
    for_dtype!(Buffer, chunk.data(), pixels => pixels.iter().flat_map(ToBytes::to_bytes).collect())
}

fn cut(image: &Chunk, region: &Region) -> Chunk {
    let mut chunk = Chunk::new(region.shape, Buffer::zeros(image.dtype(), region.volume()));
    image.copy_region(region, &mut chunk, [0; 4]);
    chunk
}

fn meta_of(image: &Chunk) -> Meta {
    Meta::new(Dims::BYX, image.shape(), image.dtype())
}

fn encode(sink: &GeoTiffSink, image: &Chunk, block: usize) -> Result<Encoded> {
    sink.encode(block, &cut(image, &sink.blocks().region(block)))
}

/// Writes all of `image` on this thread.
fn run(sink: &GeoTiffSink, image: &Chunk) -> Result<u64> {
    sink.begin()?;
    for block in 0..sink.blocks().len() {
        sink.commit(encode(sink, image, block)?)?;
    }
    sink.finish()
}

fn write(path: &Path, image: &Chunk, options: GeoTiffOptions) -> GeoTiffSink {
    let sink = GeoTiffSink::new(path, &meta_of(image), None, options).unwrap();
    let size = run(&sink, image).unwrap();
    assert_eq!(size, fs::metadata(path).unwrap().len(), "the size that finish reports");
    sink
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.tif");
    (directory, path)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn predictors(dtype: DType, compression: Compression) -> Vec<Predictor> {
    match compression {
        Compression::None => vec![Predictor::None],
        _ if dtype.is_float() => vec![Predictor::None, Predictor::Horizontal, Predictor::FloatingPoint],
        _ => vec![Predictor::None, Predictor::Horizontal],
    }
}

#[test]
fn every_dtype_codec_predictor_and_interleave_keeps_the_pixels() {
    let (_directory, path) = directory();
    let shapes = [[1, 1, 1, 1], [1, 3, 37, 50], [1, 2, 32, 32], [1, 4, 16, 33], [1, 6, 5, 90]];
    for (dtype, shape) in DType::ALL.iter().flat_map(|dtype| shapes.map(|shape| (*dtype, shape))) {
        let image = image(shape, dtype);
        let expected = little_endian(&image);
        for compression in [Compression::None, Compression::Lzw, Compression::Deflate, Compression::Zstd] {
            for predictor in predictors(dtype, compression) {
                for (interleave, big) in [(Interleave::Pixel, BigTiff::Always), (Interleave::Band, BigTiff::Auto)] {
                    let options = GeoTiffOptions::new()
                        .block(16, 32)
                        .compression(compression)
                        .predictor(predictor)
                        .interleave(interleave)
                        .big_tiff(big);
                    let sink = write(&path, &image, options);
                    let read = oracle::read(&path);
                    assert!(read.samples == expected, "{dtype} {shape:?} {}", sink.describe());
                    assert_eq!(read.is_big, big == BigTiff::Always);
                }
            }
        }
    }
}

#[test]
fn the_file_says_what_it_holds() {
    let (_directory, path) = directory();
    let image = image([1, 4, 20, 40], DType::U8);
    let meta = Meta {
        nodata: Some(Scalar::from(255)),
        grid: Some(Arc::new(Grid {
            crs: Some(Crs::from_epsg(32631)),
            affine: Affine::north_up(600_000.0, 5_900_040.0, 20.0, 10.0),
            width: 40,
            height: 20,
        })),
        ..meta_of(&image)
    };
    let sink = GeoTiffSink::new(&path, &meta, None, GeoTiffOptions::new().block(16, 16)).unwrap();
    run(&sink, &image).unwrap();
    let text: String = oracle::read(&path).tags.into_iter().map(|(tag, value)| format!("{tag} {value}\n")).collect();
    expect![[r#"
        256 Unsigned(40)
        257 Unsigned(20)
        258 List([Short(8), Short(8), Short(8), Short(8)])
        259 Short(8)
        262 Short(2)
        277 Short(4)
        284 Short(1)
        317 Short(2)
        322 Unsigned(16)
        323 Unsigned(16)
        324 List([Unsigned(400), Unsigned(1435), Unsigned(2470), Unsigned(3072), Unsigned(3357), Unsigned(3642)])
        325 List([Unsigned(1035), Unsigned(1035), Unsigned(602), Unsigned(285), Unsigned(285), Unsigned(163)])
        338 Short(0)
        339 List([Short(1), Short(1), Short(1), Short(1)])
        33550 List([Double(20.0), Double(10.0), Double(0.0)])
        33922 List([Double(0.0), Double(0.0), Double(0.0), Double(600000.0), Double(5900040.0), Double(0.0)])
        34735 List([Short(1), Short(1), Short(0), Short(3), Short(1024), Short(0), Short(1), Short(1), Short(1025), Short(0), Short(1), Short(1), Short(3072), Short(0), Short(1), Short(32631)])
        42113 Ascii("255")
    "#]]
    .assert_eq(&text);
    assert_eq!(sink.describe(), "GeoTIFF, 16 × 16 blocks, DEFLATE level 4, predictor 2, pixel interleave");
}

#[test]
fn what_was_written_is_read_back_with_nodata_grid_and_layout() {
    let (_directory, path) = directory();
    let io = Io::new().unwrap();
    let affines =
        [Affine::north_up(600_000.5, 10.25, 20.0, 10.0), Affine { b: 1.5, ..Affine::north_up(1.0, 2.0, 3.0, 4.0) }];
    let nodatas =
        [(DType::U8, Scalar::from(255)), (DType::I64, Scalar::from(i64::MIN)), (DType::F32, Scalar::from(f64::NAN))];
    for (affine, (dtype, nodata)) in affines.into_iter().flat_map(|affine| nodatas.map(|nodata| (affine, nodata))) {
        for (interleave, epsg) in [(Interleave::Pixel, 32631), (Interleave::Band, 4326)] {
            let image = image([1, 3, 40, 70], dtype);
            let grid = Grid { crs: Some(Crs::from_epsg(epsg)), affine, width: 70, height: 40 };
            let meta = Meta { nodata: Some(nodata), grid: Some(Arc::new(grid)), ..meta_of(&image) };
            let options = GeoTiffOptions::new().block(16, 32).interleave(interleave).compression(Compression::Zstd);
            run(&GeoTiffSink::new(&path, &meta, None, options).unwrap(), &image).unwrap();

            let file = GeoTiff::open(&io, path.to_str().unwrap()).unwrap();
            let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
            assert_eq!((source.meta().nodata, &source.meta().grid), (meta.nodata, &meta.grid));
            let layout = Layout {
                block: (16, 32),
                pixel_interleaved: interleave == Interleave::Pixel,
                compression: Compression::Zstd.tag(),
                predictor: if dtype.is_float() { 3 } else { 2 },
                dtype,
                little_endian: true,
            };
            assert_eq!(source.layout(), Some(layout));
            for block in 0..source.blocks().len() {
                let expected = cut(&image, &source.blocks().region(block));
                assert_eq!(little_endian(&source.decode(block, &[]).unwrap()), little_endian(&expected), "{dtype}");
            }
        }
    }
}

#[test]
fn blocks_lie_in_their_order_without_gaps() {
    let (_directory, path) = directory();
    let image = image([1, 3, 40, 40], DType::U16);
    write(&path, &image, GeoTiffOptions::new().block(16, 16).interleave(Interleave::Band));
    let read = oracle::read(&path);
    assert_eq!(read.blocks.len(), 27);
    assert!(read.blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
}

#[test]
fn the_bytes_do_not_depend_on_which_thread_encodes_when() {
    let (_directory, path) = directory();
    let image = image([1, 3, 200, 300], DType::U16);
    let options = GeoTiffOptions::new().block(32, 32);
    write(&path, &image, options.clone());
    let expected = fs::read(&path).unwrap();
    for threads in [1, 3, 8] {
        let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options.clone()).unwrap();
        run_on_threads(&sink, &image, threads);
        assert!(fs::read(&path).unwrap() == expected, "{threads} threads");
    }
}

/// Blocks are encoded on many threads, the last ones first, and committed in order.
fn run_on_threads(sink: &GeoTiffSink, image: &Chunk, threads: usize) {
    let count = sink.blocks().len();
    sink.begin().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                for block in (0..count).rev().filter(|block| block % threads == thread) {
                    sender.send(encode(sink, image, block).unwrap()).unwrap();
                }
            });
        }
    });
    drop(sender);
    let mut encoded: Vec<_> = receiver.into_iter().collect();
    encoded.sort_by_key(|encoded| encoded.block);
    encoded.into_iter().for_each(|encoded| sink.commit(encoded).unwrap());
    sink.finish().unwrap();
}

#[test]
fn memory_of_a_written_block_serves_a_later_one_unless_somebody_has_it() {
    let (_directory, path) = directory();
    let image = image([1, 1, 40, 40], DType::U8);
    let options = GeoTiffOptions::new().block(16, 16).compression(Compression::None);
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options).unwrap();
    sink.begin().unwrap();
    let first = encode(&sink, &image, 0).unwrap();
    let memory = first.bytes.as_ptr();
    sink.commit(first).unwrap();
    let second = encode(&sink, &image, 1).unwrap();
    assert_eq!(second.bytes.as_ptr(), memory);
    let (held, expected) = (second.bytes.clone(), second.bytes.to_vec());
    sink.commit(second).unwrap();
    let third = encode(&sink, &image, 2).unwrap();
    assert_ne!(third.bytes.as_ptr(), memory);
    assert_eq!(held, expected);
}

#[test]
fn an_encoded_block_stays_within_the_bound_given_before() {
    let image = image([1, 3, 40, 70], DType::F64);
    for compression in [Compression::None, Compression::Lzw, Compression::Deflate, Compression::Zstd] {
        let options = GeoTiffOptions::new().block(32, 32).compression(compression);
        let sink = GeoTiffSink::new("out.tif", &meta_of(&image), None, options).unwrap();
        for block in 0..sink.blocks().len() {
            let bytes = encode(&sink, &image, block).unwrap().bytes.len() as u64;
            assert!(bytes <= sink.encode_bound(sink.blocks().region(block).shape).0, "{}", sink.describe());
        }
    }
}

#[test]
fn a_sparse_block_takes_no_bytes() {
    let (_directory, path) = directory();
    let image = image([1, 1, 16, 32], DType::U8);
    let options = GeoTiffOptions::new().block(16, 16);
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options).unwrap();
    sink.begin().unwrap();
    sink.commit(Encoded { block: 0, bytes: Default::default() }).unwrap();
    sink.commit(encode(&sink, &image, 1).unwrap()).unwrap();
    sink.finish().unwrap();
    let mut decoder = tiff::decoder::Decoder::new(fs::File::open(&path).unwrap()).unwrap();
    let lengths = decoder.get_tag_u64_vec(tiff::tags::Tag::TileByteCounts).unwrap();
    let offsets = decoder.get_tag_u64_vec(tiff::tags::Tag::TileOffsets).unwrap();
    assert_eq!((offsets[0], lengths[0]), (0, 0));
    assert!(offsets[1] > 0 && lengths[1] > 0);
}

#[test]
fn a_full_disk_leaves_nothing_and_names_the_block() {
    let image = image([1, 1, 300, 1000], DType::U32);
    // Blocks of 256 KiB, which are not collected to larger writes.
    let options = GeoTiffOptions::new().block(256, 256).compression(Compression::None);
    let check = |bytes: u64, expected: Expect| {
        let (directory, path) = directory();
        let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options.clone()).unwrap().with_disk_bytes(bytes);
        let error = run(&sink, &image).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        expected.assert_eq(&in_directory(&error, directory.path()));
        assert_eq!(names(directory.path()), [""; 0], "before the sink is dropped");
    };
    check(0, expect!["cannot write block (row 0, column 0) of DIR/out.tif: no storage space"]);
    check(7 << 18, expect!["cannot write block (row 1, column 3) of DIR/out.tif: no storage space"]);
    check(8 << 18, expect!["cannot complete DIR/out.tif: no storage space"]);
}

/// The messages of an error, without the name of the temporary directory.
fn in_directory(error: &Error, directory: &Path) -> String {
    error.chain().replace(directory.to_str().unwrap(), "DIR").replace('\\', "/")
}

#[test]
fn a_target_that_cannot_be_written_is_an_error_of_begin() {
    let image = image([1, 1, 4, 4], DType::U8);
    let (directory, _) = directory();
    fs::write(directory.path().join("file"), "x").unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    let check = |name: &str, kind: ErrorKind, expected: Expect| {
        let path = directory.path().join(name);
        let sink = GeoTiffSink::new(&path, &meta_of(&image), None, GeoTiffOptions::new()).unwrap();
        let error = sink.begin().unwrap_err();
        expected.assert_eq(&in_directory(&error, directory.path()));
        assert_eq!(error.kind(), kind);
        assert_eq!(names(directory.path()), ["file", "folder"]);
    };
    check(
        "missing/out.tif",
        ErrorKind::NotFound,
        expect!["cannot write DIR/missing/out.tif: directory DIR/missing does not exist"],
    );
    check("file/out.tif", ErrorKind::InvalidInput, expect!["cannot write DIR/file/out.tif: DIR/file is no directory"]);
    check("folder", ErrorKind::InvalidInput, expect!["cannot write DIR/folder: it is a directory"]);
}

#[test]
fn abort_and_drop_leave_nothing() {
    let (directory, path) = directory();
    let image = image([1, 1, 40, 40], DType::U8);
    let begun = || {
        let sink = GeoTiffSink::new(&path, &meta_of(&image), None, GeoTiffOptions::new().block(16, 16)).unwrap();
        assert_eq!(names(directory.path()), [""; 0], "nothing is created before the begin");
        sink.begin().unwrap();
        sink.commit(encode(&sink, &image, 0).unwrap()).unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        sink
    };
    begun().abort();
    drop(begun());
    let sink = begun();
    let error = sink.finish().unwrap_err();
    assert!(error.message().starts_with("only 1 of 9 blocks of "), "{error}");
    assert_eq!(names(directory.path()), [""; 0]);
    assert!(sink.begin().is_err(), "a sink writes once");
}

#[test]
fn an_existing_file_stays_as_it_was_until_the_new_one_is_complete() {
    let (directory, path) = directory();
    fs::write(&path, "precious").unwrap();
    let image = image([1, 1, 40, 40], DType::U8);
    let options = GeoTiffOptions::new().block(16, 16);
    let full = GeoTiffSink::new(&path, &meta_of(&image), None, options.clone()).unwrap().with_disk_bytes(10);
    run(&full, &image).unwrap_err();
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options.sync(true)).unwrap();
    sink.begin().unwrap();
    for block in 0..sink.blocks().len() {
        sink.commit(encode(&sink, &image, block).unwrap()).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    sink.finish().unwrap();
    assert_eq!(oracle::read(&path).samples, little_endian(&image));
    assert_eq!(names(directory.path()), ["out.tif"]);
    sink.abort();
    drop(sink);
    assert_eq!(names(directory.path()), ["out.tif"], "what was finished stays");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_to_the_new_file() {
    let (directory, path) = directory();
    fs::write(&path, "old").unwrap();
    let link = directory.path().join("link.tif");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let image = image([1, 1, 4, 4], DType::U8);
    write(&link, &image, GeoTiffOptions::new());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(oracle::read(&path).samples, little_endian(&image));
}

#[test]
fn a_block_that_comes_twice_or_never_is_a_bug_that_leaves_nothing() {
    let (directory, path) = directory();
    let image = image([1, 1, 40, 40], DType::U8);
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, GeoTiffOptions::new().block(16, 16)).unwrap();
    assert!(sink.commit(encode(&sink, &image, 0).unwrap()).is_err(), "a commit before the begin");
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, GeoTiffOptions::new().block(16, 16)).unwrap();
    sink.begin().unwrap();
    sink.commit(encode(&sink, &image, 1).unwrap()).unwrap();
    let error = sink.commit(encode(&sink, &image, 1).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let told = "block 1 was committed twice, or is none of 9 of DIR/out.tif";
    assert_eq!(in_directory(&error, directory.path()), told);
    let sink = GeoTiffSink::new(&path, &meta_of(&image), None, GeoTiffOptions::new().block(16, 16)).unwrap();
    sink.begin().unwrap();
    (0..8).rev().for_each(|block| sink.commit(encode(&sink, &image, block).unwrap()).unwrap());
    let told = "only 8 of 9 blocks of DIR/out.tif";
    assert_eq!(in_directory(&sink.finish().unwrap_err(), directory.path()), told);
    assert_eq!(names(directory.path()), [""; 0]);
    let foreign = Chunk::filled([1, 1, 16, 16], DType::U16, Scalar::from(1));
    assert_eq!(sink.encode(0, &foreign).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn targets_are_paths_and_uris() {
    let (directory, path) = directory();
    let image = image([1, 1, 4, 4], DType::U8);
    let uri = format!("file://{}", path.to_str().unwrap());
    write_to_uri(&uri, &image);
    assert_eq!(names(directory.path()), ["out.tif"]);
    let check = |target: &str, kind: ErrorKind, expected: Expect| {
        let error = GeoTiffSink::new(target, &meta_of(&image), None, GeoTiffOptions::new()).unwrap_err();
        expected.assert_eq(&error.chain());
        assert_eq!(error.kind(), kind);
    };
    check(
        "ftp://user:secret@example.com/b.tif",
        ErrorKind::InvalidInput,
        expect![
            "cannot write ftp://example.com/b.tif: the scheme ftp:// is not known; paths, file://, http(s)://, s3://, gs:// and az:// are"
        ],
    );
    check(
        "s3://bucket",
        ErrorKind::InvalidInput,
        expect!["cannot write s3://bucket: it names a bucket, but no object in it"],
    );
    check("", ErrorKind::InvalidInput, expect![[r#"cannot write "": it names no file"#]]);
    check("..", ErrorKind::InvalidInput, expect![[r#"cannot write "..": it names no file"#]]);
}

fn write_to_uri(uri: &str, image: &Chunk) {
    let sink = GeoTiffSink::new(uri, &meta_of(image), None, GeoTiffOptions::new()).unwrap();
    run(&sink, image).unwrap();
}
