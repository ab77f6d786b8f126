//! What the sinks of a COG leave on the disk: a layout that keeps its promises, whichever order levels come in, or nothing.

use swath_core::shape::ChunkGrid;
use swath_io::read::header::Image;
use swath_io::write::{CogLevel, CogOptions, CogSink, Overviews};

use super::*;

/// Block sizes and bytes as they lie in small files: many blocks, several levels.
fn options() -> CogOptions {
    CogOptions::new().block(16, 16)
}

fn sinks(path: &Path, image: &Chunk, options: &CogOptions) -> CogSink {
    CogSink::new(path, &meta_of(image), None, options).unwrap()
}

/// Any pixels of a level: each level's are others.
fn level_image(level: &CogLevel, bands: usize) -> Chunk {
    let [rows, columns] = level.size();
    image([1, bands, rows, columns], level.dtype())
}

fn encode(level: &CogLevel, image: &Chunk, block: usize) -> Encoded {
    level.encode(block, &cut(image, &level.blocks().region(block))).unwrap()
}

/// Writes all levels, their blocks in the order that `order` gives of (level, block) pairs.
fn run(sink: &CogSink, bands: usize, order: impl Fn(&mut Vec<(usize, usize)>)) -> Result<u64> {
    let images: Vec<_> = sink.levels().iter().map(|level| level_image(level, bands)).collect();
    let blocks = |level: usize| (0..sink.levels()[level].blocks().len()).map(move |block| (level, block));
    let mut all: Vec<_> = (0..images.len()).flat_map(blocks).collect();
    order(&mut all);
    sink.levels().iter().try_for_each(|level| level.begin())?;
    for (level, block) in all {
        sink.levels()[level].commit(encode(&sink.levels()[level], &images[level], block))?;
    }
    sink.levels().iter().map(|level| level.finish()).sum()
}

fn in_order(_: &mut Vec<(usize, usize)>) {}

/// The images of a file, the main one first.
fn images(path: &Path) -> Vec<Image> {
    let tiff = GeoTiff::open(&Io::new().unwrap(), path.to_str().unwrap()).unwrap();
    assert!(tiff.info().is_cog, "{:?}", tiff.info().structure);
    tiff.header().images.clone()
}

#[test]
fn a_cog_keeps_its_promises() {
    let (_directory, path) = directory();
    let bands = 3;
    let sink = sinks(&path, &image([1, bands, 150, 70], DType::U16), &options());
    let size = run(&sink, bands, in_order).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(size, bytes.len() as u64);
    let images = images(&path);
    let sizes: Vec<_> = images.iter().map(|image| (image.height, image.width)).collect();
    assert_eq!(sizes, [(150, 70), (75, 35), (37, 17), (18, 8), (9, 4)]);
    let mut end = 0;
    // The smallest overview first, blocks in the order of their numbers, without gaps.
    for image in images.iter().rev() {
        for (offset, count) in image.offsets.iter().zip(&image.counts) {
            let (offset, count) = (*offset as usize, *count as usize);
            assert!(end == 0 || offset == end + 4, "a gap before byte {offset}");
            assert_eq!(bytes[offset - 4..offset], (count as u32).to_le_bytes());
            assert_eq!(bytes[offset + count..offset + count + 4], bytes[offset + count - 4..offset + count]);
            end = offset + count + 4;
        }
    }
    assert_eq!(end, bytes.len());
    for (index, level) in sink.levels().iter().enumerate() {
        let tiff = GeoTiff::open(&Io::new().unwrap(), path.to_str().unwrap()).unwrap();
        let at = if index == 0 { Overview::Full } else { Overview::Level(index - 1) };
        let source = tiff.source(&at, Chunks::Auto).unwrap();
        let expected = level_image(level, bands);
        let mut read = Chunk::new(expected.shape(), Buffer::zeros(DType::U16, volume(expected.shape())));
        let blocks: ChunkGrid = source.blocks();
        for block in 0..blocks.len() {
            let region = blocks.region(block);
            let pixels = source.decode(block, &bytes::Bytes::new()).unwrap();
            pixels.copy_region(&Region::whole(region.shape), &mut read, region.start);
        }
        assert_eq!(little_endian(&read), little_endian(&expected), "level {index}");
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_order_in_which_levels_come() {
    for interleave in [Interleave::Pixel, Interleave::Band] {
        let of = |order: fn(&mut Vec<(usize, usize)>)| {
            let (_directory, path) = directory();
            let options = options().interleave(interleave);
            run(&sinks(&path, &image([1, 2, 90, 70], DType::U8), &options), 2, order).unwrap();
            images(&path);
            fs::read(&path).unwrap()
        };
        let expected = of(in_order);
        assert_eq!(of(|blocks| blocks.reverse()), expected);
        assert_eq!(of(|blocks| blocks.sort_by_key(|(level, block)| block << level)), expected);
        assert_eq!(of(|blocks| blocks.sort_by_key(|(level, block)| (block * 7 % 11, *level, *block))), expected);
    }
}

#[test]
fn overviews_are_as_many_as_were_asked_for() {
    let check = |shape: [usize; 2], overviews, expected: &[[usize; 2]]| {
        let (_directory, path) = directory();
        let image = image([1, 1, shape[0], shape[1]], DType::U8);
        let sink = sinks(&path, &image, &options().overviews(overviews));
        let sizes: Vec<_> = sink.levels()[1..].iter().map(|level| level.size()).collect();
        assert_eq!(sizes, expected);
        run(&sink, 1, in_order).unwrap();
        assert_eq!(images(&path).len(), 1 + expected.len());
    };
    check([16, 16], Overviews::Auto, &[]);
    check([17, 1], Overviews::Auto, &[[8, 1]]);
    check([1, 1], Overviews::Auto, &[]);
    check([1, 1], Overviews::Levels(3), &[]);
    check([7, 3], Overviews::Levels(9), &[[3, 1], [1, 1]]);
    check([100, 100], Overviews::Levels(1), &[[50, 50]]);
    check([100, 100], Overviews::Levels(0), &[]);
}

#[test]
fn blocks_of_nodata_are_left_out_where_a_sparse_file_is_wanted() {
    let (_directory, path) = directory();
    let mut meta = meta_of(&image([1, 1, 40, 40], DType::F32));
    meta.nodata = Some(Scalar::Float(f64::NAN));
    let sink = CogSink::new(&path, &meta, None, &options().sparse(true)).unwrap();
    for level in sink.levels() {
        level.begin().unwrap();
        for block in 0..level.blocks().len() {
            let value = Scalar::Float(if block == 1 { 7.0 } else { f64::NAN });
            let pixels = Chunk::filled(level.blocks().region(block).shape, DType::F32, value);
            let encoded = level.encode(block, &pixels).unwrap();
            assert_eq!(encoded.bytes, level.encode_constant(block, value).unwrap().bytes);
            level.commit(encoded).unwrap();
        }
        level.finish().unwrap();
    }
    let images = images(&path);
    let absent = |image: &Image| image.offsets.iter().zip(&image.counts).map(|(o, c)| *o == 0 && *c == 0).collect();
    assert_eq!(images.iter().map(absent).collect::<Vec<Vec<_>>>()[0][..3], [true, false, true]);
}

#[test]
fn a_cog_is_all_or_nothing() {
    let (directory, path) = directory();
    let picture = image([1, 1, 40, 40], DType::U8);
    fs::write(&path, "precious").unwrap();
    let begun = || {
        let sink = sinks(&path, &picture, &options());
        assert_eq!(names(directory.path()), ["out.tif"], "nothing is created before the begin");
        for level in sink.levels() {
            level.begin().unwrap();
            level.commit(encode(level, &level_image(level, 1), 0)).unwrap();
        }
        // Blocks wait in files without names.
        assert!(cfg!(windows) || names(directory.path()).len() == 2);
        sink
    };
    let is_untouched = || {
        assert_eq!(names(directory.path()), ["out.tif"]);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    };
    let sink = begun();
    sink.levels().iter().for_each(|level| level.abort());
    is_untouched();
    drop(begun());
    is_untouched();
    let sink = begun();
    let error = sink.levels()[0].finish().unwrap_err();
    assert!(error.message().starts_with("not all blocks of "), "{error}");
    assert!(sink.levels()[1].finish().is_err(), "a file lacks what one of its levels lacks");
    is_untouched();
    let error = begun().levels()[1].begin().unwrap_err();
    assert!(error.message().starts_with("a second begin of overview 1 of "), "{error}");
    let error = begun().levels()[1].commit(Encoded { block: 0, bytes: vec![1].into() }).unwrap_err();
    assert!(error.message().starts_with("block 0 was committed twice"), "{error}");
    // A disk without room for the copy in the end.
    let full = sinks(&path, &picture, &options()).with_disk_bytes(300);
    let error = run(&full, 1, in_order).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(in_directory(&error, directory.path()), "cannot complete DIR/out.tif: no storage space");
    is_untouched();
    run(&sinks(&path, &picture, &options()), 1, in_order).unwrap();
    assert_eq!(names(directory.path()), ["out.tif"]);
    assert_eq!(images(&path).len(), 3);
}

#[test]
fn a_level_tells_what_it_is() {
    let about = |shape, dtype, options: CogOptions| {
        let sink = sinks(Path::new("out.tif"), &image(shape, dtype), &options);
        let each: Vec<_> =
            sink.levels().iter().map(|level| format!("{}: {}\n", level.name(), level.describe())).collect();
        each.concat()
    };
    expect![[r"
        out.tif: COG, 16 × 16 blocks, DEFLATE level 4, predictor 2, 2 overviews by nearest
        overview 1 of out.tif: overview 1 of 2, 20 × 15 by nearest
        overview 2 of out.tif: overview 2 of 2, 10 × 7 by nearest
    "]]
    .assert_eq(&about([1, 1, 40, 30], DType::U8, options()));
    expect![[r"
        out.tif: COG, BigTIFF, 16 × 16 blocks, ZSTD level 9, predictor 3, 1 overview by average
        overview 1 of out.tif: overview 1 of 1, 15 × 10 by average
    "]]
    .assert_eq(&about([1, 1, 30, 20], DType::F32, options().compression(Compression::Zstd).big_tiff(BigTiff::Always)));
}
