//! Codecs of images: near what was written, or equal where they lose nothing; the same bytes whoever encodes them.
#![cfg(all(feature = "jpeg", feature = "lerc", feature = "webp"))]

use super::*;
use swath_io::read::ColorInterpretation;
use swath_io::write::{CogOptions, CogSink};

/// Slow waves of colour, and a hard edge, with some noise.
fn picture([_, bands, rows, columns]: Shape) -> Chunk {
    let of = |i: usize| {
        let (band, y, x) = (i / (rows * columns), i / columns % rows, i % columns);
        let wave = ((x as f64 / 19.0).sin() * (y as f64 / 13.0).cos() * 50.0) + 100.0 + 20.0 * band as f64;
        let noise = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62;
        (wave + noise as f64 + if x > columns / 2 { 30.0 } else { 0.0 }) as u8
    };
    Chunk::new([1, bands, rows, columns], Buffer::U8((0..bands * rows * columns).map(of).collect()))
}

fn read(path: &Path) -> Vec<u8> {
    read_chunk(path).data().as_slice::<u8>().unwrap().to_vec()
}

fn read_chunk(path: &Path) -> Chunk {
    let file = GeoTiff::open(&Io::new().unwrap(), path.to_str().unwrap()).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let mut all = Chunk::new(source.meta().shape, Buffer::zeros(source.meta().dtype, volume(source.meta().shape)));
    for block in 0..source.blocks().len() {
        let region = source.blocks().region(block);
        let pixels = source.decode(block, &[]).unwrap();
        pixels.copy_region(&Region::whole(region.shape), &mut all, region.start);
    }
    all
}

/// The mean of what pixels are apart.
fn apart(image: &Chunk, read: &[u8]) -> f64 {
    let pixels = image.data().as_slice::<u8>().unwrap();
    assert_eq!(pixels.len(), read.len());
    pixels.iter().zip(read).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / pixels.len() as f64
}

fn options(compression: Compression, level: i32) -> GeoTiffOptions {
    GeoTiffOptions::new().block(32, 48).compression(compression).level(level)
}

/// No two neighbours alike: the worst case of each codec.
fn noise(shape: Shape, value: impl Fn(u64) -> u8) -> Chunk {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value(state >> 32)
    };
    Chunk::new(shape, Buffer::U8(std::iter::repeat_with(next).take(volume(shape)).collect()))
}

#[test]
fn pixels_come_back_nearly_as_they_were_at_any_edge() {
    let (_directory, path) = directory();
    let sides = [(1, 1), (1, 90), (33, 1), (32, 48), (70, 101)];
    // Chroma has half the resolution of luma, and hard edges between colours.
    let ways = [
        (Compression::Jpeg, 1, Interleave::Pixel, [(75, 2.0), (100, 0.5)]),
        (Compression::Jpeg, 5, Interleave::Band, [(75, 2.0), (100, 0.5)]),
        (Compression::Jpeg, 3, Interleave::Pixel, [(75, 3.0), (95, 2.0)]),
        (Compression::WebP, 3, Interleave::Pixel, [(75, 4.0), (99, 2.5)]),
        (Compression::WebP, 4, Interleave::Pixel, [(75, 4.0), (99, 2.5)]),
    ];
    for ((compression, bands, interleave, limits), (rows, columns)) in
        ways.iter().flat_map(|way| sides.map(|side| (*way, side)))
    {
        let image = picture([1, bands, rows, columns]);
        for (level, limit) in limits {
            let sink = write(&path, &image, options(compression, level).interleave(interleave));
            let apart = apart(&image, &read(&path));
            assert!(apart <= limit, "{} of {rows} × {columns}, {bands} bands: {apart}", sink.describe());
        }
    }
}

#[test]
fn webp_of_level_100_loses_nothing_not_even_under_a_fourth_band_of_0() {
    let (_directory, path) = directory();
    for bands in [3, 4] {
        for image in [picture([1, bands, 70, 101]), noise([1, bands, 70, 101], |value| (value % 3) as u8)] {
            write(&path, &image, options(Compression::WebP, 100));
            assert!(read(&path) == image.data().as_slice::<u8>().unwrap(), "{bands} bands");
        }
    }
}

#[test]
fn jpeg_of_rgb_says_that_it_is_luma_and_chroma() {
    let (_directory, path) = directory();
    let sink = write(&path, &picture([1, 3, 40, 40]), options(Compression::Jpeg, 75));
    assert_eq!(sink.describe(), "GeoTIFF, 32 × 48 blocks, JPEG level 75, pixel interleave");
    let mut decoder = tiff::decoder::Decoder::new(fs::File::open(&path).unwrap()).unwrap();
    let mut tag = |number| format!("{:?}", decoder.find_tag(tiff::tags::Tag::from_u16_exhaustive(number)).unwrap());
    assert_eq!(tag(262), "Some(Short(6))");
    assert_eq!(tag(530), "Some(List([Short(2), Short(2)]))");
    let range = [0, 255, 128, 255, 128, 255].map(|value| format!("Rational({value}, 1)")).join(", ");
    assert_eq!(tag(532), format!("Some(List([{range}]))"));
    assert_eq!(tag(317), "None");
    write(&path, &picture([1, 3, 40, 40]), options(Compression::Jpeg, 75).interleave(Interleave::Band));
    let mut decoder = tiff::decoder::Decoder::new(fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(decoder.get_tag_u32(tiff::tags::Tag::PhotometricInterpretation).unwrap(), 2);
    assert_eq!(decoder.find_tag(tiff::tags::Tag::from_u16_exhaustive(530)).unwrap(), None);
}

#[test]
fn what_a_codec_of_images_cannot_hold_is_an_error_that_says_what_can_be_done() {
    let check = |dtype, bands, options: GeoTiffOptions, expected: Expect| {
        let meta = Meta::new(Dims::BYX, [1, bands, 40, 40], dtype);
        let error = GeoTiffSink::new("out.tif", &meta, None, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        expected.assert_eq(&error.chain().replace("cannot write out.tif: ", ""));
    };
    let of = |compression| GeoTiffOptions::new().compression(compression);
    check(
        DType::U16,
        1,
        of(Compression::Jpeg),
        expect!["compression JPEG holds pixels of u8, not of u16: cast them to u8 or use another compression"],
    );
    check(
        DType::Bool,
        3,
        of(Compression::WebP),
        expect!["compression WEBP holds pixels of u8, not of bool: cast them to u8 or use another compression"],
    );
    check(
        DType::U8,
        4,
        of(Compression::Jpeg),
        expect![
            "compression JPEG holds one band, or red, green and blue in a block, not 4 bands: interleave by band (--interleave band) or use another compression"
        ],
    );
    check(
        DType::U8,
        2,
        of(Compression::Jpeg),
        expect![
            "compression JPEG holds one band, or red, green and blue in a block, not 2 bands: interleave by band (--interleave band) or use another compression"
        ],
    );
    let gray = swath_io::read::BandInfo { color: ColorInterpretation::Gray, ..Default::default() };
    check(
        DType::U8,
        3,
        of(Compression::Jpeg).bands([gray]),
        expect![
            "compression JPEG holds one band, or red, green and blue in a block, not 3 bands of other colours: interleave by band (--interleave band) or use another compression"
        ],
    );
    check(
        DType::U8,
        3,
        of(Compression::WebP).interleave(Interleave::Band),
        expect![
            "compression WEBP holds 3 or 4 bands in a block, not 1 band: interleave by pixel (--interleave pixel) or use another compression"
        ],
    );
    check(
        DType::U8,
        5,
        of(Compression::WebP),
        expect!["compression WEBP holds 3 or 4 bands in a block, not 5 bands: use another compression"],
    );
    check(
        DType::U8,
        1,
        of(Compression::Jpeg).color_map([[1, 2, 3, 255]]),
        expect![
            "compression JPEG changes values, which would get other colours of the colour map: use another compression"
        ],
    );
    check(
        DType::U8,
        1,
        of(Compression::Jpeg).predictor(Predictor::Horizontal),
        expect!["JPEG knows no predictor, but 2 was asked for: leave it at 1"],
    );
    check(
        DType::U8,
        3,
        of(Compression::WebP).block(16, 16_384),
        expect!["compression WEBP holds at most 16383 rows and columns, not blocks of 16 × 16384: make them smaller"],
    );
    check(
        DType::U8,
        1,
        of(Compression::Jpeg).block(65_536, 16),
        expect!["compression JPEG holds at most 65535 rows and columns, not blocks of 65536 × 16: make them smaller"],
    );
    check(DType::U8, 1, of(Compression::Jpeg).level(0), expect!["level 0 is not one of JPEG, which has 1 to 100"]);
    check(
        DType::U8,
        1,
        of(Compression::PackBits),
        expect![
            "compression PACKBITS (32773) is read, but not written: use none, LZW, Deflate, ZSTD, JPEG, WebP or LERC"
        ],
    );
}

#[test]
fn lerc_keeps_every_dtype_unless_it_may_change_values() {
    let (_directory, path) = directory();
    let dtypes = [DType::U8, DType::I8, DType::U16, DType::I16, DType::U32, DType::I32, DType::F32, DType::F64];
    let shapes = [[1, 1, 1, 1], [1, 3, 37, 50], [1, 2, 32, 48], [1, 1, 90, 5]];
    let lerc = || GeoTiffOptions::new().block(32, 48).compression(Compression::Lerc);
    for (dtype, shape) in dtypes.into_iter().flat_map(|dtype| shapes.map(|shape| (dtype, shape))) {
        for image in [image(shape, dtype), Chunk::filled(shape, dtype, 7.into())] {
            for interleave in [Interleave::Pixel, Interleave::Band] {
                let sink = write(&path, &image, lerc().interleave(interleave));
                assert!(little_endian(&read_chunk(&path)) == little_endian(&image), "{dtype}, {}", sink.describe());
                let bound = sink.encode_bound(shape).0;
                assert!(
                    (0..sink.blocks().len()).all(|b| encode(&sink, &image, b).unwrap().bytes.len() as u64 <= bound)
                );
            }
        }
    }
    let image = picture([1, 3, 70, 101]);
    let sink = write(&path, &image, lerc().max_error(3.0));
    assert_eq!(sink.describe(), "GeoTIFF, 32 × 48 blocks, LERC within 3, pixel interleave");
    let pixels = image.data().as_slice::<u8>().unwrap();
    let worst = pixels.iter().zip(read(&path)).map(|(a, b)| a.abs_diff(b)).max();
    assert_eq!(worst, Some(3));
}

#[test]
fn lerc_keeps_nan_of_all_bands_and_of_some() {
    let (_directory, path) = directory();
    let pixels = |is_nan: fn(usize, usize) -> bool| {
        let of = |i: usize| if is_nan(i / 4000, i % 4000) { f32::NAN } else { (i % 4000) as f32 * 0.37 };
        Chunk::new([1, 3, 40, 100], Buffer::F32((0..12_000).map(of).collect()))
    };
    for image in [pixels(|_, at| at % 7 == 3), pixels(|band, at| at % 5 == band), pixels(|_, _| true)] {
        for max_error in [0.0, 0.1] {
            let lerc = GeoTiffOptions::new().block(32, 48).compression(Compression::Lerc).max_error(max_error);
            let meta = Meta { nodata: Some(f64::NAN.into()), ..meta_of(&image) };
            run(&GeoTiffSink::new(&path, &meta, None, lerc).unwrap(), &image).unwrap();
            let read = read_chunk(&path);
            let both = image.data().as_slice::<f32>().unwrap().iter().zip(read.data().as_slice::<f32>().unwrap());
            let is_near =
                |(a, b): (&f32, &f32)| a.is_nan() && b.is_nan() || f64::from((a - b).abs()) <= max_error + 1e-5;
            assert!(both.clone().all(is_near), "within {max_error}");
            assert!(max_error > 0.0 || both.clone().all(|(a, b)| a.is_nan() || a == b));
        }
    }
}

#[test]
fn what_lerc_cannot_hold_is_an_error() {
    let (_directory, path) = directory();
    let error = |dtype, options: GeoTiffOptions| {
        let meta = Meta::new(Dims::BYX, [1, 1, 40, 40], dtype);
        let error = GeoTiffSink::new("out.tif", &meta, None, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.chain().replace("cannot write out.tif: ", "")
    };
    let lerc = || GeoTiffOptions::new().compression(Compression::Lerc);
    expect!["compression LERC holds no i64: cast it to a smaller dtype or use another compression"]
        .assert_eq(&error(DType::I64, lerc()));
    expect!["a largest error of -1 cannot be: it must be finite and at least 0"]
        .assert_eq(&error(DType::U8, lerc().max_error(-1.0)));
    expect!["a largest error of inf cannot be: it must be finite and at least 0"]
        .assert_eq(&error(DType::U8, lerc().max_error(f64::INFINITY)));
    expect!["a largest error (1) is for LERC, not for compression DEFLATE"]
        .assert_eq(&error(DType::U8, GeoTiffOptions::new().max_error(1.0)));
    expect!["compression LERC has no levels, but level 1 was asked for: name a compression that has"]
        .assert_eq(&error(DType::U8, lerc().level(1)));
    expect!["LERC knows no predictor, but 2 was asked for: leave it at 1"]
        .assert_eq(&error(DType::U8, lerc().predictor(Predictor::Horizontal)));
    let infinite = Chunk::filled([1, 1, 40, 40], DType::F32, f64::INFINITY.into());
    let sink = GeoTiffSink::new(&path, &meta_of(&infinite), None, lerc()).unwrap();
    let error = encode(&sink, &infinite, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let told = error.chain().replace(path.to_str().unwrap(), "out.tif");
    expect!["cannot encode block (row 0, column 0) of out.tif: cannot compress with LERC: invalid argument: valid raster samples must be finite"].assert_eq(&told);
}

#[test]
fn nodata_needs_a_codec_that_keeps_values() {
    let meta = Meta { nodata: Some(0.into()), ..Meta::new(Dims::BYX, [1, 3, 40, 40], DType::U8) };
    let sink = |compression, level| GeoTiffSink::new("out.tif", &meta, None, options(compression, level));
    expect!["cannot write out.tif: compression JPEG changes values, and with them which pixels are nodata (0): write a mask instead (without_nodata and with_mask, --mask), or use another compression"].assert_eq(&sink(Compression::Jpeg, 75).unwrap_err().chain());
    assert_eq!(sink(Compression::WebP, 99).unwrap_err().kind(), ErrorKind::InvalidInput);
    sink(Compression::WebP, 100).unwrap();
    let lerc = || GeoTiffOptions::new().compression(Compression::Lerc);
    GeoTiffSink::new("out.tif", &meta, None, lerc()).unwrap();
    GeoTiffSink::new("out.tif", &meta, None, lerc().max_error(1.0)).unwrap_err();
}

#[test]
fn the_bytes_do_not_depend_on_which_thread_encodes_when_nor_on_what_it_encoded_before() {
    let (_directory, path) = directory();
    let image = picture([1, 3, 200, 300]);
    for (compression, level) in [(Compression::Jpeg, 75), (Compression::WebP, 80), (Compression::WebP, 100)] {
        write(&path, &image, options(compression, level));
        let expected = fs::read(&path).unwrap();
        for threads in [1, 3] {
            let sink = GeoTiffSink::new(&path, &meta_of(&image), None, options(compression, level)).unwrap();
            run_on_threads(&sink, &image, threads);
            assert!(fs::read(&path).unwrap() == expected, "{compression}, {threads} threads");
        }
    }
}

#[test]
fn noise_stays_within_the_bound_given_before_and_can_be_read() {
    let (_directory, path) = directory();
    let ways = [(Compression::Jpeg, 1), (Compression::Jpeg, 3), (Compression::WebP, 3), (Compression::WebP, 4)];
    let images = [|value| value as u8, |value| if value & 1 == 1 { 255 } else { 0 }];
    for (((compression, bands), value), level) in ways
        .iter()
        .flat_map(|way| images.map(|image| (*way, image)))
        .flat_map(|way| [1, 99, 100].map(|level| (way, level)))
    {
        let image = noise([1, bands, 128, 144], value);
        let sink = write(&path, &image, options(compression, level).block(128, 144));
        let bytes = encode(&sink, &image, 0).unwrap().bytes.len() as u64;
        let bound = sink.encode_bound(sink.blocks().region(0).shape).0;
        assert!(bytes <= bound, "{}, {bands} bands: {bytes} > {bound}", sink.describe());
        let apart = apart(&image, &read(&path));
        assert!(level < 99 || bands == 3 || apart < 60.0, "{}, {bands} bands: {apart}", sink.describe());
    }
}

#[test]
fn a_block_of_one_value_has_the_same_bytes_wherever_it_is_cut() {
    for compression in [Compression::Jpeg, Compression::WebP] {
        let meta = Meta::new(Dims::BYX, [1, 3, 40, 60], DType::U8);
        let sink = GeoTiffSink::new("out.tif", &meta, None, options(compression, 75)).unwrap();
        let constant = sink.encode_constant(0, 7.into()).unwrap().bytes;
        for block in 0..sink.blocks().len() {
            let chunk = Chunk::filled(sink.blocks().region(block).shape, DType::U8, 7.into());
            assert_eq!(sink.encode(block, &chunk).unwrap().bytes, constant);
        }
    }
}

#[test]
fn blocks_of_images_are_neither_followed_nor_copied() {
    let (_directory, path) = directory();
    for compression in [Compression::Jpeg, Compression::WebP] {
        let sink = write(&path, &picture([1, 3, 40, 60]), options(compression, 75));
        assert_eq!(sink.layout(), None);
        let file = GeoTiff::open(&Io::new().unwrap(), path.to_str().unwrap()).unwrap();
        assert_eq!(file.source(&Overview::Full, Chunks::Auto).unwrap().layout(), None, "{compression}");
    }
}

#[test]
fn a_mask_beside_a_lossy_image_loses_nothing() {
    let meta = Meta::new(Dims::BYX, [1, 3, 40, 60], DType::U8);
    for compression in [Compression::Jpeg, Compression::WebP] {
        let options = CogOptions::from(options(compression, 75));
        let sink = CogSink::with_masks("out.tif", &meta, None, &options).unwrap();
        assert_eq!(sink.masks()[0].describe(), "mask, 32 × 48 blocks, DEFLATE level 4");
    }
}
