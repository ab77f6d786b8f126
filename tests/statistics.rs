//! Statistics of whole rasters: what they are by definition, and the same bits for any way to run them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use swath::{Bins, DType, LazyRaster, LazyStatistics, Run, Scalar, Summary, prelude::*};

/// splitmix64.
fn random(seed: u64, at: usize) -> u64 {
    let mut z = seed.wrapping_add((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Several pieces in any dtype.
const SHAPE: [usize; 3] = [2, 1197, 641];

fn at(b: usize, y: usize, x: usize) -> usize {
    (b * SHAPE[1] + y) * SHAPE[2] + x
}

/// Runs that must agree to the last bit, in chunks of several shapes.
fn all_ways(raster: &LazyRaster, of: impl Fn(&LazyRaster) -> LazyStatistics) -> Vec<Summary> {
    let expected: Vec<Summary> = bands(&Run::serial(), &of(raster));
    for chunk in [[1, 10, 641], [2, 1197, 7], [2, 512, 512]] {
        // Pieces follow the blocks of a file.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chunks.tif");
        let blocks = swath::GeoTiffOptions::new().block(16 * (1 + chunk[1] / 16), 16 * (1 + chunk[2] / 16));
        let _ = raster.to_geotiff_with(&path, blocks).unwrap().run(&Run::default()).unwrap();
        let mut stored = swath::open(path.display().to_string()).unwrap();
        if raster.dtype() == DType::Bool {
            stored = stored.ne(0).unwrap();
        }
        let stored = stored.rechunk(&chunk).unwrap();
        for run in [Run::threads(1), Run::threads(3), Run::threads(8).memory_limit(64 << 20)] {
            let got = bands(&run, &of(&stored));
            for (got, expected) in got.iter().zip(&expected) {
                let told = |summary: &Summary| {
                    let floats = [summary.mean(), summary.variance(1)].map(|value| value.map(f64::to_bits));
                    let counts = (summary.count(), summary.missing(), summary.value_counts(), summary.histogram());
                    (floats, counts, summary.min(), summary.max(), summary.sum())
                };
                assert_eq!(told(got), told(expected), "chunks of {chunk:?}");
            }
        }
    }
    expected
}

fn bands(run: &Run, statistics: &LazyStatistics) -> Vec<Summary> {
    run.statistics(statistics).unwrap().iter().map(|(_, summary)| summary.clone()).collect()
}

fn pixels(raster: &LazyRaster, band: usize) -> Vec<f64> {
    let computed = raster.band(band).unwrap().cast(DType::F64, swath::Overflow::Saturate).unwrap().compute().unwrap();
    computed.data().as_slice::<f64>().unwrap().to_vec()
}

fn close(got: f64, expected: f64, what: &str) {
    let error = (got - expected).abs();
    assert!(error <= 1e-9 * expected.abs().max(1e-9), "{what}: {got}, not {expected}");
}

#[test]
fn statistics_are_what_they_are_by_definition() {
    let cases: [(LazyRaster, Option<f64>); 6] = [
        (swath::raster(SHAPE, |b, y, x| random(1, at(b, y, x)) as u8).unwrap(), Some(7.0)),
        (swath::raster(SHAPE, |b, y, x| random(2, at(b, y, x)) as i16).unwrap(), None),
        (swath::raster(SHAPE, |b, y, x| (random(3, at(b, y, x)) >> 40) as u32).unwrap(), Some(0.0)),
        (swath::raster(SHAPE, |b, y, x| (random(4, at(b, y, x)) >> 12) as i64 - (1 << 50)).unwrap(), None),
        (swath::raster(SHAPE, |b, y, x| (random(5, at(b, y, x)) % 1000) as f32 / 7.0).unwrap(), Some(0.0)),
        (swath::raster(SHAPE, |b, y, x| (random(6, at(b, y, x)) as f64).sqrt() - 1e9).unwrap(), None),
    ];
    for (raster, nodata) in cases {
        let raster = match nodata {
            Some(nodata) => raster.with_nodata(nodata).unwrap(),
            None => raster,
        };
        let summaries = all_ways(&raster, |raster| raster.statistics().unwrap());
        for (band, summary) in summaries.iter().enumerate() {
            let name = format!("band {band} of {raster}");
            let all = pixels(&raster.without_nodata().unwrap(), band);
            let valid: Vec<f64> = all.iter().copied().filter(|pixel| Some(*pixel) != nodata).collect();
            let count = valid.len() as f64;
            assert_eq!((summary.count(), summary.missing()), (valid.len() as u64, (all.len() - valid.len()) as u64));
            let mean = valid.iter().sum::<f64>() / count;
            let squares: f64 = valid.iter().map(|pixel| (pixel - mean).powi(2)).sum();
            assert_eq!(summary.min().unwrap().to_f64(), valid.iter().copied().fold(f64::INFINITY, f64::min), "{name}");
            assert_eq!(summary.max().unwrap().to_f64(), valid.iter().copied().fold(-f64::INFINITY, f64::max), "{name}");
            close(summary.sum().to_f64(), valid.iter().sum(), &name);
            close(summary.mean().unwrap(), mean, &name);
            close(summary.variance(0).unwrap(), squares / count, &name);
            close(summary.standard_deviation(1).unwrap(), (squares / (count - 1.0)).sqrt(), &name);
        }
    }
}

#[test]
fn places_are_those_of_the_first_extremes_whatever_the_blocks() {
    let raster = swath::raster(SHAPE, |b, y, x| (random(9, at(b, y, x)) % 300) as i16 - 20).unwrap();
    let raster = raster.with_nodata(-20).unwrap();
    let summaries = all_ways(&raster, |raster| raster.statistics().unwrap().places().unwrap());
    for (band, summary) in summaries.iter().enumerate() {
        let all = pixels(&raster.without_nodata().unwrap(), band);
        let columns = SHAPE[2];
        let first = |value: Scalar| {
            let index = all.iter().position(|pixel| *pixel == value.to_f64()).unwrap();
            [index / columns, index % columns]
        };
        assert_eq!(summary.argmin(), Some(first(summary.min().unwrap())));
        assert_eq!(summary.argmax(), Some(first(summary.max().unwrap())));
    }
    let of = |raster: &LazyRaster| raster.statistics().unwrap().places().unwrap().compute().unwrap().all().unwrap();
    let with_nan = swath::raster([1, 2, 2], |_, y, x| [1.0, f32::NAN, f32::NAN, 0.0][y * 2 + x]).unwrap();
    assert_eq!(
        (of(&with_nan).argmin(), of(&with_nan).argmax()),
        (Some([0, 1]), Some([0, 1])),
        "NaN is first, as NumPy's"
    );
    let numbers = of(&with_nan.with_nodata(9).unwrap());
    assert_eq!(
        (numbers.argmin(), numbers.argmax()),
        (Some([1, 1]), Some([0, 0])),
        "NaN is none where there is a nodata"
    );
    assert_eq!(raster.statistics().unwrap().compute().unwrap().all().unwrap().argmin(), None, "nobody asked");
    let bools = |value| swath::raster([1, 2, 2], move |_, y, x| y + x > value).unwrap();
    let told = |value| bools(value).statistics().unwrap().compute().unwrap().all().unwrap();
    assert_eq!((told(0).any(), told(0).all(), told(2).any()), (Some(true), Some(false), Some(false)));
    assert_eq!(of(&raster).any(), None, "numbers are neither true nor false");
}

#[test]
fn numbers_are_exact_where_float_sums_are_not() {
    // Sums of these cancel but for a few.
    let raster = swath::raster([1, 3, 2], |_, y, x| [1e300, 1.0, -1e300, 2.0, 1e-300, 0.5][y * 2 + x]).unwrap();
    let summary = raster.statistics().unwrap().compute().unwrap().all().unwrap();
    assert_eq!((summary.sum(), summary.mean()), (Scalar::Float(3.5), Some(3.5 / 6.0)));
    // Pixels far from 0 and close to each other.
    let far = swath::raster([1, 1, 4], |_, _, x| 1e15 + x as f64).unwrap();
    assert_eq!(far.statistics().unwrap().compute().unwrap().all().unwrap().variance(0), Some(1.25));
    let far = swath::raster([1, 1, 2], |_, _, x| u64::MAX - 2 * x as u64).unwrap();
    let summary = far.statistics().unwrap().compute().unwrap().all().unwrap();
    assert_eq!((summary.sum(), summary.variance(0)), (Scalar::Int(2 * i128::from(u64::MAX) - 2), Some(1.0)));
}

#[test]
fn nan_and_infinities_are_pixels_without_nodata_and_nan_is_none_with_one() {
    let row = |pixels: &[f32]| {
        let pixels = pixels.to_vec();
        swath::raster([1, 1, pixels.len()], move |_, _, x| pixels[x]).unwrap()
    };
    let of = |raster: LazyRaster| raster.statistics().unwrap().compute().unwrap().all().unwrap();
    let nan = of(row(&[1.0, f32::NAN, 3.0]));
    assert_eq!((nan.count(), nan.missing()), (3, 0));
    assert!(nan.mean().unwrap().is_nan() && nan.variance(0).unwrap().is_nan() && nan.max().unwrap().is_nan());
    let none = of(row(&[1.0, f32::NAN, 3.0, 9.0]).with_nodata(9).unwrap());
    assert_eq!((none.count(), none.missing(), none.mean(), none.variance(1)), (2, 2, Some(2.0), Some(2.0)));
    let inf = of(row(&[1.0, f32::INFINITY]));
    assert_eq!(
        (inf.mean(), inf.max(), inf.min()),
        (Some(f64::INFINITY), Some(Scalar::from(f64::INFINITY)), Some(Scalar::Int(1)))
    );
    assert!(inf.variance(0).unwrap().is_nan());
    assert!(of(row(&[f32::INFINITY, f32::NEG_INFINITY])).mean().unwrap().is_nan());
    let zeros = of(row(&[0.0, -0.0, 0.0]));
    assert!(zeros.min().unwrap().to_f64().is_sign_negative() && zeros.max().unwrap().to_f64().is_sign_positive());
}

#[test]
fn what_has_no_valid_pixel_has_no_mean() {
    let raster = swath::raster([2, 5, 5], |b, _, _| b as u8 * 9).unwrap().with_nodata(9).unwrap();
    let statistics = raster.statistics().unwrap().value_counts().unwrap().compute().unwrap();
    let empty = statistics.band(1).unwrap();
    assert_eq!((empty.count(), empty.missing(), empty.sum()), (0, 25, Scalar::Int(0)));
    assert_eq!((empty.min(), empty.mean(), empty.variance(0), empty.median()), (None, None, None, None));
    assert_eq!(statistics.band(0).unwrap().variance(25), None, "no freedom is left");
    assert_eq!(statistics.all().unwrap().mean(), Some(0.0));
    assert!(statistics.band(2).is_err());
}

#[test]
fn values_are_counted_and_give_quantiles() {
    for wide in [false, true] {
        let raster =
            swath::raster(SHAPE, |b, y, x| (random(9, at(b, y, x)) % 37) as u8).unwrap().with_nodata(3).unwrap();
        let raster = if wide { raster.cast(DType::I64, swath::Overflow::Error).unwrap() } else { raster };
        let summaries = all_ways(&raster, |raster| raster.statistics().unwrap().value_counts().unwrap());
        for (band, summary) in summaries.iter().enumerate() {
            let mut valid: Vec<f64> = pixels(&raster.without_nodata().unwrap(), band);
            valid.retain(|pixel| *pixel != 3.0);
            valid.sort_by(f64::total_cmp);
            let mut counts = BTreeMap::new();
            valid.iter().for_each(|pixel| *counts.entry(*pixel as i128).or_insert(0_u64) += 1);
            let counted: BTreeMap<i128, u64> = summary
                .value_counts()
                .unwrap()
                .into_iter()
                .map(|(value, count)| (value.to_integer().unwrap(), count))
                .collect();
            assert_eq!(counted, counts);
            let most = counts.values().max().unwrap();
            let mode = counts.iter().find(|(_, count)| *count == most).unwrap();
            assert_eq!(summary.mode(), Some(Scalar::Int(*mode.0)));
            for q in [0.0, 0.02, 0.25, 0.5, 0.999, 1.0] {
                let position = q * (valid.len() - 1) as f64;
                let (below, above) = (valid[position.floor() as usize], valid[position.ceil() as usize]);
                close(summary.quantile(q).unwrap(), below + (above - below) * position.fract(), "quantile");
            }
        }
    }
}

#[test]
fn negative_values_of_any_size_are_counted() {
    fn check<T: swath::Pixel + PartialOrd>(sorted: [T; 3]) {
        let raster = swath::raster([1, 1, 4], |_, _, x| sorted[[2, 0, 1, 0][x]]).unwrap();
        let told = raster.statistics().unwrap().value_counts().unwrap().compute().unwrap();
        let counts = told.all().unwrap().value_counts().unwrap();
        let expected =
            [(sorted[0], 2), (sorted[1], 1), (sorted[2], 1)].map(|(value, count)| (value.to_scalar(), count));
        assert_eq!(counts, expected);
    }
    check([i8::MIN, -1, i8::MAX]);
    check([i16::MIN, -1, i16::MAX]);
    check([i32::MIN, -1, i32::MAX]);
    check([i64::MIN, -1, i64::MAX]);
}

#[test]
fn pixels_are_counted_in_bins_whose_edges_decide() {
    let bins = Bins::new(-1.0, 2.0, 7).unwrap();
    let edges = bins.edges();
    assert_eq!((edges.len(), edges[0], edges[7]), (8, -1.0, 2.0));
    // Every edge, and its neighbours among floats.
    let pixels: Vec<f64> = edges.iter().flat_map(|edge| [edge.next_down(), *edge, edge.next_up()]).collect();
    let raster = swath::raster([1, 1, pixels.len()], |_, _, x| pixels[x]).unwrap();
    let statistics = raster.statistics().unwrap().histogram(bins).unwrap().compute().unwrap();
    let histogram = statistics.all().unwrap().histogram().unwrap();
    let inside = |bin: usize, pixel: f64| edges[bin] <= pixel && (pixel < edges[bin + 1] || bin == 6 && pixel == 2.0);
    for bin in 0..7 {
        let expected = pixels.iter().filter(|pixel| inside(bin, **pixel)).count() as u64;
        assert_eq!(histogram.counts[bin], expected, "bin {bin}");
    }
    assert_eq!((histogram.below, histogram.above), (1, 1));
    let bytes = swath::raster(SHAPE, |b, y, x| random(11, at(b, y, x)) as u8).unwrap();
    let bins = Bins::new(10.0, 200.0, 19).unwrap();
    for summary in all_ways(&bytes, |raster| raster.statistics().unwrap().histogram(bins.clone()).unwrap()) {
        let histogram = summary.histogram().unwrap();
        assert_eq!(histogram.counts.iter().sum::<u64>() + histogram.below + histogram.above, summary.count());
        assert!(summary.value_counts().is_none());
    }
}

#[test]
fn classes_tell_pixels_apart() {
    // Squares, noise, and one for each pixel.
    for (side, [bands, rows, columns]) in [(200, SHAPE), (1, SHAPE), (0, [3, 97, 61])] {
        let raster = swath::raster([bands, rows, columns], |b, y, x| (random(12, at(b, y, x)) % 5000) as u16).unwrap();
        let zone = move |y: usize, x: usize| match side {
            0 => y * columns + x,
            1 => random(13, y * columns + x) as usize % 9,
            side => (y / side) * 10 + x / side,
        };
        let zones = swath::raster([1, rows, columns], move |_, y, x| zone(y, x) as i32).unwrap();
        let zones = zones.with_nodata(0).unwrap();
        let of = |raster: &LazyRaster| raster.statistics().unwrap().by(&zones.squeeze().unwrap()).unwrap();
        let statistics = Run::threads(2).statistics(&of(&raster)).unwrap();
        let mut expected: BTreeMap<(usize, i128), Vec<u16>> = BTreeMap::new();
        let all = raster.compute().unwrap();
        for (index, pixel) in all.data().as_slice::<u16>().unwrap().iter().enumerate() {
            let (band, y, x) = (index / (rows * columns), index / columns % rows, index % columns);
            if zone(y, x) != 0 {
                expected.entry((band, zone(y, x) as i128)).or_default().push(*pixel);
            }
        }
        assert_eq!(statistics.iter().count(), expected.len());
        for ((group, summary), ((band, zone), pixels)) in statistics.iter().zip(&expected) {
            assert_eq!((group.band, group.zone), (*band, Some(*zone)));
            let sum: i128 = pixels.iter().map(|pixel| i128::from(*pixel)).sum();
            assert_eq!((summary.count(), summary.sum()), (pixels.len() as u64, Scalar::Int(sum)));
            assert_eq!(summary.max(), pixels.iter().max().map(|pixel| Scalar::from(*pixel)));
        }
        let whole = statistics.zone(3).unwrap();
        let parts: u64 = (0..bands).map(|band| expected[&(band, 3)].len() as u64).sum();
        assert_eq!(whole.count(), parts);
        if side > 0 {
            all_ways(&raster, of);
        }
    }
}

#[test]
fn what_cannot_be_told_is_refused_where_it_is_asked() {
    let refused = |result: swath::Result<LazyStatistics>, word: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(word), "{word} is missing from {message}");
    };
    let bytes = swath::raster([2, 4, 4], |_, y, x| (y + x) as u8).unwrap();
    let floats = swath::raster([2, 4, 4], |_, y, x| (y + x) as f32).unwrap();
    refused(floats.statistics().unwrap().value_counts(), "histogram");
    refused(bytes.statistics().unwrap().by(&floats), "cast them");
    refused(bytes.band(0).unwrap().statistics().unwrap().by(&bytes), "bands that the raster has not");
    let small = swath::raster([1, 2, 4], |_, _, _| 0u8).unwrap();
    assert!(bytes.statistics().unwrap().by(&small).is_err());
    for (low, high, count) in
        [(0.0, 1.0, 0), (1.0, 1.0, 3), (0.0, f64::NAN, 3), (0.0, f64::INFINITY, 3), (0.0, 1.0, 1 << 21)]
    {
        assert!(Bins::new(low, high, count).is_err(), "{low} {high} {count}");
    }
    let many = swath::raster([1, 1100, 1000], |_, y, x| (y * 1000 + x) as u32).unwrap();
    let error = many.statistics().unwrap().value_counts().unwrap().compute().unwrap_err();
    assert!(error.to_string().contains("more than 1048576 different"), "{error}");
}

#[test]
fn statistics_of_a_masked_scene_read_what_they_need_once() {
    let image = swath::raster([3, 40, 40], |b, y, x| (1 + b + y + x) as u8).unwrap();
    let clouds = swath::raster([1, 40, 40], |_, y, _| y < 10).unwrap().squeeze().unwrap();
    let masked = image.with_nodata(0).unwrap().mask(&clouds, 0).unwrap();
    let statistics = masked.statistics().unwrap();
    assert!(statistics.explain().unwrap().starts_with("statistics"), "{}", statistics.explain().unwrap());
    let (result, report) = Run::threads(2).statistics_with_report(&statistics).unwrap();
    assert_eq!((result.band(1).unwrap().count(), result.band(1).unwrap().missing()), (1200, 400));
    assert_eq!(report.tasks, Run::threads(2).predict(&statistics).unwrap().tasks);
    let dot = Run::default().to_dot(&statistics, swath::Detail::Operations).unwrap();
    assert!(dot.contains("statistics"), "{dot}");
}
