//! Closures over chunks, kernels of one's own, convolutions, and windows that reach beyond the edges.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ndarray::{ArrayD, Axis, Slice};
use swath::embed::{AreaKernel, AxisFootprint, Chunk, Footprint, Meta, Shape, check_area};
use swath::{Block, Boundary, Buffer, DType, Dim, ErrorKind, LazyRaster, Region, Run, Scalar, ndarray};

const ROWS: usize = 37;
const COLUMNS: usize = 23;

fn value(b: usize, y: usize, x: usize) -> f32 {
    ((b * 31 + y * 7 + x * 3) % 17) as f32
}

fn image() -> LazyRaster {
    swath::raster([2, ROWS, COLUMNS], value).unwrap().rechunk(&[1, 10, 8]).unwrap()
}

#[track_caller]
fn compute(raster: &LazyRaster) -> ArrayD<f32> {
    let one = Run::serial().compute(raster).unwrap();
    for threads in [1, 3] {
        assert_eq!(Run::threads(threads).compute(raster).unwrap().data(), one.data());
    }
    one.view::<f32>().unwrap().to_owned()
}

#[test]
fn a_closure_sees_each_chunk_once_and_as_a_whole() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let raster = image()
        .map_blocks("less the first", move |block: Block<'_, f32>| {
            noted.lock().unwrap().push(block.region);
            let first = block.pixels[[0, 0, 0]];
            Ok(block.pixels.mapv(|pixel| pixel - first))
        })
        .unwrap();
    // A window that touches four chunks of one band, and a neighbour that reads the same ones.
    let window = raster.band(1).unwrap().window(5..15, 3..12).unwrap();
    let got = Run::threads(2).compute(&window.add(window.shift(0, 1, Boundary::Nearest).unwrap()).unwrap()).unwrap();
    let at = |y: usize, x: usize| value(1, y, x) - value(1, y / 10 * 10, x / 8 * 8);
    let left = |x: usize| if x == 3 { 3 } else { x - 1 };
    let expected: Vec<_> =
        (5..15).flat_map(|y| (3..12).map(move |x| (y, x))).map(|(y, x)| at(y, x) + at(y, left(x))).collect();
    assert_eq!(got.view::<f32>().unwrap().iter().copied().collect::<Vec<_>>(), expected);
    let regions = seen.lock().unwrap();
    assert_eq!(regions.len(), 4, "{regions:?}");
    let starts: BTreeSet<_> = regions.iter().map(|region| region.start).collect();
    assert_eq!(starts, BTreeSet::from([[0, 1, 0, 0], [0, 1, 0, 8], [0, 1, 10, 0], [0, 1, 10, 8]]));
    assert!(regions.iter().all(|region| region.shape == [1, 1, 10, 8]));
}

#[test]
fn closures_over_pixels_leave_nodata_and_are_fused() {
    let raster = swath::raster([2, ROWS, COLUMNS], |b, y, x| (b + y + x) as u16 % 5).unwrap().with_nodata(3).unwrap();
    let halves = |pixels: &[u16], halves: &mut [f32]| {
        halves.iter_mut().zip(pixels).for_each(|(half, pixel)| *half = f32::from(*pixel) / 2.0);
    };
    let mapped = raster.map("halves", halves).unwrap();
    assert!(mapped.nodata().unwrap().is_nan());
    let all = compute(&mapped.add(1).unwrap().fill_nodata(-1).unwrap());
    for ([b, y, x], got) in all.indexed_iter().map(|(at, got)| ([at[0], at[1], at[2]], *got)) {
        let pixel = (b + y + x) % 5;
        let expected = if pixel == 3 { -1.0 } else { pixel as f32 / 2.0 + 1.0 };
        assert_eq!(got, expected, "band {b}, row {y}, column {x}");
    }
    let tasks = |raster: &LazyRaster| Run::serial().predict(raster).unwrap().tasks;
    assert_eq!(tasks(&mapped.add(1).unwrap()), tasks(&raster), "a closure over pixels is no stage of its own");
    let odd =
        |pixels: &[u16], odd: &mut [bool]| odd.iter_mut().zip(pixels).for_each(|(odd, pixel)| *odd = pixel % 2 == 1);
    let odd = raster.map("odd", odd).unwrap();
    assert_eq!(odd.nodata(), None);
    assert!(!Run::serial().compute(&odd).unwrap().view::<bool>().unwrap()[[0, 0, 3]], "false at nodata");
    let none = |_: &[u16], _: &mut [u8]| {};
    let error = raster.with_nodata(999).unwrap().map("none", none).unwrap_err();
    assert!(error.to_string().contains("u8 cannot hold nodata 999"), "{error}");
}

#[test]
fn a_closure_may_change_dtype_and_its_errors_name_the_chunk() {
    let bright =
        image().map_blocks("bright", |block: Block<'_, f32>| Ok(block.pixels.mapv(|pixel| pixel > 8.0))).unwrap();
    assert_eq!((bright.dtype(), bright.nodata()), (DType::Bool, None));
    let counted = Run::default().compute(&bright.over(Dim::Band).unwrap().any().unwrap()).unwrap();
    assert_eq!(counted.shape(), [ROWS, COLUMNS]);
    let wrong = image()
        .map_blocks("halve", |block: Block<'_, f32>| Ok(block.pixels.slice_axis(Axis(1), Slice::from(..1)).to_owned()));
    let error = Run::default().compute(&wrong.unwrap()).unwrap_err();
    assert!(error.chain().contains("halve of rows 0..10") && error.chain().contains("[1, 10, 8]"), "{}", error.chain());
    let failing = image().map_blocks("fail", |_: Block<'_, f32>| -> swath::Result<ArrayD<f32>> {
        Err(swath::Error::invalid("no model for this chunk"))
    });
    let error = Run::threads(2).compute(&failing.unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.chain().contains("fail of rows 0..10, columns 0..8") && error.chain().contains("no model"),
        "{error:?}"
    );
    let other = image().map_blocks("u8", |block: Block<'_, u8>| Ok(block.pixels.to_owned())).unwrap_err();
    assert!(other.to_string().contains("the raster is f32, the closure takes u8"), "{other}");
}

#[test]
fn a_closure_that_panics_fails_the_run_alone() {
    let raster =
        image().map_blocks("panic", |_: Block<'_, f32>| -> swath::Result<ArrayD<f32>> { panic!("on purpose") });
    let run = std::panic::AssertUnwindSafe(|| Run::threads(2).compute(&raster.unwrap()));
    let panicked = std::panic::catch_unwind(run);
    assert!(panicked.is_err() || panicked.unwrap().is_err());
    compute(&image());
}

#[test]
fn an_overlap_of_any_depth_gives_what_the_whole_would() {
    for (depth, boundary) in [
        ([1, 1], Boundary::Nearest),
        ([3, 0], Boundary::Reflect),
        ([0, 9], Boundary::Constant(5.into())),
        ([20, 15], Boundary::Reflect),
    ] {
        // The sum of four corners at the full depth.
        let corners = move |pixels: &ndarray::ArrayViewD<'_, f32>| {
            let part = |y: usize, x: usize| {
                let (rows, columns) = (pixels.shape()[1] - 2 * depth[0], pixels.shape()[2] - 2 * depth[1]);
                let rows = pixels.slice_axis(Axis(1), Slice::from(y..y + rows));
                rows.slice_axis_move(Axis(2), Slice::from(x..x + columns))
            };
            let [bottom, right] = depth.map(|depth| 2 * depth);
            (&part(0, 0) + &part(bottom, right)) * 2.0 - &part(0, right) + &part(bottom, 0) * 3.0
        };
        let overlapped =
            image().map_overlap("corners", depth, boundary, move |block: Block<'_, f32>| Ok(corners(&block.pixels)));
        let padded = compute(&image().pad([depth[0]; 2], [depth[1]; 2], boundary).unwrap());
        assert_eq!(compute(&overlapped.unwrap()), corners(&padded.view()), "{depth:?} {boundary:?}");
        // A closure may leave the cutting to swath.
        let doubled =
            image().map_overlap("double", depth, boundary, |block: Block<'_, f32>| Ok(block.pixels.mapv(|p| 2.0 * p)));
        assert_eq!(compute(&doubled.unwrap()), compute(&image().mul(2).unwrap()));
    }
}

#[test]
fn convolutions_are_scipys() {
    // scipy.ndimage.convolve([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 2, 3], [0, 0, 0], [4, 5, 7]], mode="nearest")
    let small = swath::raster([1, 3, 3], |_, y, x| (1 + y * 3 + x) as u8).unwrap();
    let weights = [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [4.0, 5.0, 7.0]];
    let got = compute(&small.convolve(&weights, Boundary::Nearest).unwrap());
    assert_eq!(got.iter().copied().collect::<Vec<_>>(), NEAREST);
    let got = compute(&small.convolve(&weights, Boundary::Constant(0.into())).unwrap());
    assert_eq!(got.iter().copied().collect::<Vec<_>>(), ZEROS);
    let missing = small.with_nodata(9).unwrap().convolve(&weights, Boundary::Nodata).unwrap();
    assert!(missing.nodata().is_some_and(Scalar::is_nan));
    assert!(compute(&missing.fill_nodata(-1).unwrap()).iter().all(|pixel| *pixel == -1.0));
    let identity =
        compute(&small.with_nodata(9).unwrap().convolve(&[[2.0]], Boundary::Nearest).unwrap().fill_nodata(-1).unwrap());
    assert_eq!(identity.iter().copied().collect::<Vec<_>>(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, -1.0]);
    for weights in [ndarray::Array2::zeros((2, 3)), ndarray::Array2::from_elem((1, 1), f64::NAN)] {
        assert!(small.convolve(weights.view(), Boundary::Nearest).is_err());
    }
}

/// As SciPy 1.17 gives them.
const NEAREST: [f32; 9] = [45.0, 57.0, 74.0, 63.0, 75.0, 92.0, 111.0, 123.0, 140.0];
const ZEROS: [f32; 9] = [13.0, 28.0, 27.0, 35.0, 75.0, 71.0, 40.0, 77.0, 65.0];

#[test]
fn windows_reach_beyond_edges_where_they_are_told_to() {
    for boundary in [Boundary::Nearest, Boundary::Reflect, Boundary::Constant(2.into())] {
        let focal = image().focal([5, 3]).unwrap();
        let beyond = focal.clone().with_boundary(boundary).unwrap().sum().unwrap();
        let padded = image().pad([2, 2], [1, 1], boundary).unwrap().focal([5, 3]).unwrap().sum().unwrap();
        assert_eq!(compute(&beyond), compute(&padded.window(2..2 + ROWS, 1..1 + COLUMNS).unwrap()), "{boundary:?}");
        assert_eq!(beyond.grid(), image().grid());
    }
    let own = image().with_nodata(-1).unwrap().focal([3, 3]).unwrap();
    let none_beyond = own.clone().with_boundary(Boundary::Nodata).unwrap().mean().unwrap();
    assert_eq!(compute(&none_beyond), compute(&own.mean().unwrap()));
    let error = image().coarsen([1, 2, 2]).unwrap().with_boundary(Boundary::Nearest).unwrap_err();
    assert!(error.to_string().contains("focal has"), "{error}");
}

/// Each pixel less the one below it; the last row as it is.
#[derive(Debug)]
struct Steps {
    /// A mistake to be found: rows count from the region's first, not the raster's.
    is_wrong: bool,
}

impl AreaKernel for Steps {
    fn name(&self) -> String {
        "steps".to_owned()
    }

    fn footprint(&self) -> Footprint {
        let same = AxisFootprint::SAME;
        Footprint { axes: [same, same, AxisFootprint::around(0, 1), same] }
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> swath::Result<()> {
        if cancelled() {
            return Err(swath::Error::cancelled());
        }
        let width = region.shape[3];
        let pixels = input.data().as_slice::<i16>().unwrap();
        let out = output.data_mut().as_mut_slice::<i16>().unwrap();
        for (row, line) in out.chunks_exact_mut(width).enumerate() {
            let shift = if self.is_wrong && region.start[2] > 0 { 1 } else { 0 };
            for (x, out) in line.iter_mut().enumerate() {
                let below = pixels.get((row + 1) * width + x).filter(|_| row + 1 < place.shape[2]);
                *out = pixels[row * width + x] - below.copied().unwrap_or(0) + shift;
            }
        }
        Ok(())
    }
}

#[test]
fn kernels_of_ones_own_are_checked_and_run() {
    let pixel = |y: usize, x: usize| (y * y + x) as i16;
    let shape: Shape = [1, 1, 20, 9];
    let pixels: Vec<i16> = (0..20).flat_map(|y| (0..9).map(move |x| pixel(y, x))).collect();
    let input = Chunk::new(shape, Buffer::from_vec(pixels));
    check_area(&Steps { is_wrong: false }, &input, shape, DType::I16);
    let found = std::panic::catch_unwind(|| check_area(&Steps { is_wrong: true }, &input, shape, DType::I16));
    assert!(found.is_err(), "a kernel that depends on its region is found");

    let raster = swath::raster([1, 20, 9], |_, y, x| pixel(y, x)).unwrap().rechunk(&[1, 6, 4]).unwrap();
    let meta = Meta { chunks: [1, 1, 6, 4], ..Meta::new(raster.dims(), shape, DType::I16) };
    let steps = raster.area(Arc::new(Steps { is_wrong: false }), meta.clone()).unwrap();
    let got = Run::threads(2).compute(&steps.mul(2).unwrap()).unwrap();
    let expected = |y: usize, x: usize| 2 * (pixel(y, x) - if y == 19 { 0 } else { pixel(y + 1, x) });
    for ((y, x), got) in (0..20).flat_map(|y| (0..9).map(move |x| (y, x))).zip(got.view::<i32>().unwrap()) {
        assert_eq!(*got, i32::from(expected(y, x)), "row {y}, column {x}");
    }
    let too_long = Meta::new(raster.dims(), [1, 1, 22, 9], DType::I16);
    assert!(raster.area(Arc::new(Steps { is_wrong: false }), too_long).is_err());
}
