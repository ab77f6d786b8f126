//! What the writer writes, as the `tiff` crate reads it.

use std::error::Error;
use std::io::{self, Cursor};
use std::num::NonZeroUsize;

use swath_demo::tiff_writer::{
    At, ByteOrder, Compression, Geo, Layout, Overview, Photometric, Predictor, Resampling, SampleType, TiffSpec,
};
use tiff::decoder::Decoder;
use tiff::tags::Tag;

type Outcome = Result<(), Box<dyn Error>>;

/// Some pattern in which neighbouring pixels, rows and bands differ, negative and fractional where the type can hold it.
fn pattern(dtype: SampleType, at: At) -> f64 {
    let value = f64::from((at.x * 7 + at.y * 13 + u32::from(at.band) * 31) % 200);
    match dtype {
        SampleType::F32 | SampleType::F64 => value * 1.37 - 100.0,
        SampleType::I8 | SampleType::I16 | SampleType::I32 | SampleType::I64 => value - 100.0,
        SampleType::U8 => value,
        _ => value * 300.0,
    }
}

fn pixels(spec: &TiffSpec) -> Vec<Vec<u8>> {
    (0..spec.level_count()).map(|level| spec.render(level, |at| pattern(spec.dtype, at))).collect()
}

/// Planar native-endian bytes of a directory, assembled from the blocks that the `tiff` crate decodes.
fn decode(file: &[u8], spec: &TiffSpec, level: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut decoder = Decoder::new(Cursor::new(file))?;
    decoder.seek_to_image(level)?;
    let size = spec.dtype.size();
    let (width, height) = decoder.dimensions()?;
    assert_eq!((width, height), spec.level_size(level));
    let (block_width, block_height) = decoder.chunk_dimensions();
    let across = width.div_ceil(block_width) as usize;
    let per_plane = across * height.div_ceil(block_height) as usize;
    let (block_bands, plane_bytes) =
        (if spec.planar { 1 } else { usize::from(spec.bands) }, width as usize * height as usize * size);
    let mut planes = vec![0; usize::from(spec.bands) * plane_bytes];
    for block in 0..spec.block_count(level) {
        let decoded = {
            let mut result = decoder.read_chunk(block as u32)?;
            result.as_buffer(0).as_bytes().to_vec()
        };
        let (columns, rows) = decoder.chunk_data_dimensions(block as u32);
        let (first_band, in_plane) = if spec.planar { (block / per_plane, block % per_plane) } else { (0, block) };
        let (left, top) = (in_plane % across * block_width as usize, in_plane / across * block_height as usize);
        for (index, sample) in
            decoded.chunks_exact(size).take(columns as usize * rows as usize * block_bands).enumerate()
        {
            let (pixel, band) = (index / block_bands, first_band + index % block_bands);
            let (x, y) = (left + pixel % columns as usize, top + pixel / columns as usize);
            let at = band * plane_bytes + (y * width as usize + x) * size;
            planes[at..at + size].copy_from_slice(sample);
        }
    }
    Ok(planes)
}

fn check(spec: &TiffSpec) -> Outcome {
    let levels = pixels(spec);
    let file = spec.to_bytes(&levels)?;
    for (level, expected) in levels.iter().enumerate() {
        assert!(decode(&file, spec, level)? == *expected, "level {level} differs: {spec:?}");
    }
    Ok(())
}

#[test]
fn every_sample_type_survives_in_both_byte_orders_with_every_predictor() -> Outcome {
    for dtype in SampleType::ALL {
        for byte_order in [ByteOrder::Little, ByteOrder::Big] {
            let other = if dtype.is_float() { Predictor::FloatingPoint } else { Predictor::Horizontal };
            for predictor in [Predictor::None, other] {
                let layout = Layout::Tiled { width: 32, height: 16 };
                check(&TiffSpec { layout, byte_order, predictor, ..TiffSpec::new(75, 41, dtype) })?;
            }
        }
    }
    Ok(())
}

#[test]
fn bands_may_be_interleaved_or_planar_in_tiles_or_strips() -> Outcome {
    // Whole tiles: tiff 0.11 takes the padding of planar tiles from the first plane alone.
    let size = (64, 96);
    for planar in [false, true] {
        for layout in [Layout::Tiled { width: 16, height: 32 }, Layout::Striped { rows: 7 }] {
            for compression in [Compression::None, Compression::Deflate(1)] {
                let spec = TiffSpec {
                    bands: 3,
                    photometric: Photometric::Rgb,
                    ..TiffSpec::new(size.0, size.1, SampleType::U16)
                };
                check(&TiffSpec { planar, layout, compression, ..spec })?;
            }
        }
    }
    Ok(())
}

#[test]
fn interleaved_bands_are_predicted_each_from_itself() -> Outcome {
    for (dtype, predictor) in [(SampleType::I16, Predictor::Horizontal), (SampleType::F32, Predictor::FloatingPoint)] {
        let spec = TiffSpec { bands: 3, photometric: Photometric::Rgb, predictor, ..TiffSpec::new(50, 45, dtype) };
        check(&TiffSpec { byte_order: ByteOrder::Big, ..spec })?;
    }
    Ok(())
}

#[test]
fn big_tiff_and_overviews_are_read_back() -> Outcome {
    for big_tiff in [false, true] {
        let overviews = Overview::halvings(3, 16);
        check(&TiffSpec { big_tiff, overviews, ..TiffSpec::new(101, 67, SampleType::U8) })?;
    }
    Ok(())
}

#[test]
fn directories_come_first_then_blocks_from_the_smallest_overview_to_the_full_resolution() -> Outcome {
    let layout = Layout::Tiled { width: 64, height: 64 };
    let spec = TiffSpec { layout, overviews: Overview::halvings(2, 32), ..TiffSpec::new(300, 200, SampleType::U8) };
    let file = spec.to_bytes(&pixels(&spec))?;
    let mut decoder = Decoder::new(Cursor::new(&file))?;
    let mut ends = Vec::new();
    for level in 0..3 {
        decoder.seek_to_image(level)?;
        let offsets = decoder.get_tag_u64_vec(Tag::TileOffsets)?;
        assert!(offsets.is_sorted());
        ends.push((offsets[0], offsets[offsets.len() - 1]));
    }
    assert!(ends[2].1 < ends[1].0 && ends[1].1 < ends[0].0);
    assert!(ends[2].0 < 2000, "the head is {} bytes", ends[2].0);
    Ok(())
}

#[test]
fn sparse_blocks_have_offset_and_length_zero() -> Outcome {
    let layout = Layout::Tiled { width: 16, height: 16 };
    let spec = TiffSpec { layout, sparse: [(0, 1), (0, 4)].into(), ..TiffSpec::new(48, 32, SampleType::U8) };
    let file = spec.to_bytes(&pixels(&spec))?;
    let mut decoder = Decoder::new(Cursor::new(&file))?;
    let offsets = decoder.get_tag_u64_vec(Tag::TileOffsets)?;
    let lengths = decoder.get_tag_u64_vec(Tag::TileByteCounts)?;
    for block in 0..6 {
        let absent = [1, 4].contains(&block);
        assert_eq!((offsets[block] == 0, lengths[block] == 0), (absent, absent), "block {block}");
    }
    Ok(())
}

#[test]
fn georeference_and_nodata_are_tags() -> Outcome {
    let geo = Geo { epsg: 32631, scale: (10.0, 10.0), origin: (600_000.0, 5_900_040.0) };
    let spec = TiffSpec { geo: Some(geo), nodata: Some("0".to_owned()), ..TiffSpec::new(10, 10, SampleType::U8) };
    let file = spec.to_bytes(&pixels(&spec))?;
    let mut decoder = Decoder::new(Cursor::new(&file))?;
    assert_eq!(decoder.get_tag_f64_vec(Tag::ModelPixelScaleTag)?, [10.0, 10.0, 0.0]);
    assert_eq!(decoder.get_tag_f64_vec(Tag::ModelTiepointTag)?, [0.0, 0.0, 0.0, 600_000.0, 5_900_040.0, 0.0]);
    let keys = decoder.get_tag_u16_vec(Tag::GeoKeyDirectoryTag)?;
    assert!(keys.chunks(4).any(|key| key == [3072, 0, 1, 32631]));
    assert_eq!(decoder.get_tag_ascii_string(Tag::GdalNodata)?, "0");
    Ok(())
}

#[test]
fn bytes_do_not_depend_on_threads() -> Outcome {
    let spec = TiffSpec { overviews: Overview::halvings(2, 64), ..TiffSpec::new(1000, 900, SampleType::U16) };
    let levels = pixels(&spec);
    let mut parallel = Cursor::new(Vec::new());
    spec.write_to(&mut parallel, &levels, NonZeroUsize::new(4).ok_or("four is not zero")?)?;
    assert!(parallel.into_inner() == spec.to_bytes(&levels)?);
    Ok(())
}

#[test]
fn averages_ignore_nodata_and_round_halves_up() -> io::Result<()> {
    let spec = TiffSpec {
        nodata: Some("0".to_owned()),
        overviews: Overview::halvings(2, 16),
        ..TiffSpec::new(5, 3, SampleType::U8)
    };
    #[rustfmt::skip]
    let full = vec![
        1, 2, 0, 9, 7,
        3, 4, 0, 0, 8,
        0, 0, 5, 5, 0,
    ];
    let levels = spec.pyramid(full, Resampling::Average)?;
    assert_eq!(levels[1], [3, 9, 8, 0, 5, 0]);
    assert_eq!(levels[2], [6, 8]);
    Ok(())
}

#[test]
fn averages_of_negative_integers_and_of_floats() -> io::Result<()> {
    let average = |dtype: SampleType, values: [f64; 4]| {
        let spec = TiffSpec {
            nodata: dtype.is_float().then(|| "nan".to_owned()),
            overviews: Overview::halvings(1, 16),
            ..TiffSpec::new(2, 2, dtype)
        };
        spec.pyramid(dtype.bytes_of(values), Resampling::Average).map(|levels| levels[1].clone())
    };
    assert_eq!(average(SampleType::I16, [-1.0, -2.0, -1.0, -2.0])?, (-1_i16).to_ne_bytes());
    assert_eq!(average(SampleType::I64, [-3.0, -3.0, -3.0, -2.0])?, (-3_i64).to_ne_bytes());
    assert_eq!(average(SampleType::F32, [f64::NAN, 1.0, 2.0, f64::NAN])?, 1.5_f32.to_ne_bytes());
    Ok(())
}

#[test]
fn the_mode_is_the_most_frequent_and_of_equals_the_first() -> io::Result<()> {
    let spec = TiffSpec {
        nodata: Some("0".to_owned()),
        overviews: Overview::halvings(1, 16),
        ..TiffSpec::new(6, 2, SampleType::U8)
    };
    let levels = spec.pyramid(vec![1, 2, 4, 3, 0, 0, 2, 1, 3, 3, 0, 9], Resampling::Mode)?;
    assert_eq!(levels[1], [1, 3, 9]);
    Ok(())
}

#[test]
fn contradictions_are_errors() {
    let refuse = |spec: TiffSpec, levels: &[Vec<u8>], expected: &str| {
        let message = spec.to_bytes(levels).expect_err("a contradiction").to_string();
        assert!(message.contains(expected), "{message}");
    };
    let spec = TiffSpec::new(4, 4, SampleType::U8);
    refuse(spec.clone(), &[vec![0; 15]], "level 0 needs 16 bytes of pixels, not 15");
    refuse(spec.clone(), &[], "pixels of 0 levels for a file of 1");
    refuse(
        TiffSpec { predictor: Predictor::FloatingPoint, ..spec.clone() },
        &[vec![0; 16]],
        "predictor 3 is for floats",
    );
    refuse(TiffSpec { photometric: Photometric::Rgb, ..spec }, &[vec![0; 16]], "RGB needs 3 bands, not 1");
}
