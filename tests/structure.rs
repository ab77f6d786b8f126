//! Rasters side by side, padded, shifted, flipped and thinned: pixels, grids, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use swath::{Affine, Boundary, Crs, DType, Dim, Grid, LazyRaster, Overlap, Run, Scalar, concat, mosaic, stack};

/// One band of these rows.
fn rows<T: swath::Pixel, const W: usize, const H: usize>(pixels: [[T; W]; H]) -> LazyRaster {
    swath::raster([1, H, W], |_, y, x| pixels[y][x]).unwrap()
}

#[track_caller]
fn gives<T: swath::Pixel>(raster: &LazyRaster, expected: &[T]) {
    for run in [Run::threads(2), Run::serial()] {
        let computed = run.compute(raster).unwrap();
        let pixels = computed.data().as_slice::<T>().unwrap();
        let is_same = |(a, b): (&T, &T)| a == b || a.is_nan() && b.is_nan();
        assert!(
            pixels.len() == expected.len() && pixels.iter().zip(expected).all(is_same),
            "{pixels:?}, not {expected:?}"
        );
    }
}

#[track_caller]
fn refused<T>(result: swath::Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("this should be refused, naming {words:?}") };
    for word in words {
        assert!(error.chain().contains(word), "{word:?} is missing from: {}", error.chain());
    }
}

/// A raster whose first pixel lies so many pixels of 10 m right of, and below, a corner.
fn at(raster: &LazyRaster, left: f64, top: f64) -> LazyRaster {
    let [.., height, width] = raster.shape()[..] else { unreachable!() };
    let affine = Affine::north_up(1000.0 + 10.0 * left, 2000.0 - 10.0 * top, 10.0, 10.0);
    raster.with_grid(Grid { crs: Some(Crs::from_epsg(32631)), affine, width, height }).unwrap()
}

#[test]
fn stacked_rasters_have_a_new_axis_and_the_dtype_that_holds_all() {
    let (a, b) = (rows([[1u8, 2], [3, 4]]).squeeze().unwrap(), rows([[-5i16, 6], [7, 800]]).squeeze().unwrap());
    let both = stack([&a, &b], Dim::Band).unwrap();
    assert_eq!((both.shape(), both.dtype()), (vec![2, 2, 2], DType::I16));
    gives(&both, &[1i16, 2, 3, 4, -5, 6, 7, 800]);
    gives(&both.band(1).unwrap(), &[-5i16, 6, 7, 800]);
    let dates = stack([rows([[1u8, 9]]), rows([[3u8, 5]]), rows([[2u8, 1]])], Dim::Time).unwrap();
    assert_eq!(dates.shape(), [3, 1, 1, 2]);
    gives(&dates.over(Dim::Time).unwrap().median().unwrap(), &[2f32, 5.0]);
    refused(stack([&both, &both], Dim::Band), &["stack", "band axis"]);
    refused(
        stack([&a, &rows([[1u8]]).squeeze().unwrap()], Dim::Band),
        &["stack", "raster 1", "[1, 1, 1]", "[1, 2, 2]"],
    );
    refused(stack(Vec::<LazyRaster>::new(), Dim::Band), &["no raster"]);
    refused(stack([a, rows([[true, false], [true, true]]).squeeze().unwrap()], Dim::Band), &["bool", "cast"]);
}

#[test]
fn stacked_rasters_have_the_nodata_of_the_first() {
    let a = rows([[0u8, 1]]).with_nodata(0).unwrap();
    let b = rows([[300u16, 65535]]).with_nodata(65535).unwrap().maximum(1).unwrap();
    let both = stack([&b, &a.cast(DType::U16, Default::default()).unwrap()], Dim::Time).unwrap();
    assert_eq!(both.nodata(), Some(Scalar::Int(65535)));
    gives(&both, &[300u16, 65535, 65535, 1]);
    refused(stack([&a, &rows([[0u8, 1]])], Dim::Time), &["raster 1", "nodata here"]);
    refused(stack([&rows([[0u8, 1]]), &a], Dim::Time), &["raster 1", "first has none"]);
}

#[test]
fn rasters_are_joined_where_the_ones_before_end() {
    let (north, south) = (at(&rows([[1u8, 2]]), 0.0, 0.0), at(&rows([[3u8, 4], [5, 6]]), 0.0, 1.0));
    let both = concat([&north, &south], Dim::Y).unwrap();
    gives(&both, &[1u8, 2, 3, 4, 5, 6]);
    let grid = both.grid().unwrap();
    assert_eq!((grid.width, grid.height, grid.affine), (2, 3, north.grid().unwrap().affine));
    refused(concat([&south, &north], Dim::Y), &["raster 1", "does not begin where", "grids differ"]);
    gives(&concat([rows([[1u8], [2]]), rows([[3u8, 4], [5, 6]])], Dim::X).unwrap(), &[1u8, 3, 4, 2, 5, 6]);
    gives(&concat([rows([[1u8, 2]]), rows([[3u8, 4]])], Dim::Band).unwrap(), &[1u8, 2, 3, 4]);
    refused(concat([rows([[1u8, 2]]), rows([[3u8, 4]])], Dim::Time), &["time", "stack"]);
    refused(concat([rows([[1u8, 2]]), rows([[3u8]])], Dim::Y), &["raster 1", "[1, 1, 1]"]);
}

#[test]
fn what_lies_beyond_edges_is_what_a_boundary_says() {
    let small = rows([[1u8, 2, 3], [4, 5, 6]]);
    let pad = |boundary| small.pad([1, 0], [2, 1], boundary).unwrap();
    gives(&pad(Boundary::Constant(9.into())), &[9u8, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9]);
    gives(&pad(Boundary::Nearest), &[1u8, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6]);
    gives(&pad(Boundary::Reflect), &[2u8, 1, 1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 5, 4, 4, 5, 6, 6]);
    refused(small.pad([0, 0], [1, 1], Boundary::Nodata), &["pad", "with_nodata"]);
    refused(small.pad([3, 0], [0, 0], Boundary::Reflect), &["3 pixels", "reflected along y", "has 2"]);
    refused(small.pad([1, 0], [0, 0], Boundary::Constant(300.into())), &["pad", "300"]);
    refused(small.pad([usize::MAX, 0], [0, 0], Boundary::Nearest), &["too large"]);
    let nodata = small.with_nodata(5).unwrap().pad([0, 1], [0, 0], Boundary::Nodata).unwrap();
    gives(&nodata, &[1u8, 2, 3, 4, 5, 6, 5, 5, 5]);
    let grid = at(&small, 0.0, 0.0).pad([1, 2], [3, 4], Boundary::Nearest).unwrap().grid().unwrap().clone();
    assert_eq!((grid.width, grid.height, grid.affine.c, grid.affine.f), (10, 5, 970.0, 2010.0));
    // Far more pixels than the raster has.
    let far = rows([[7u8]]).pad([0, 0], [0, 5000], Boundary::Nearest).unwrap();
    gives(&far.window(0..1, 4990..4992).unwrap(), &[7u8, 7]);
}

#[test]
fn shifted_pixels_move_and_the_grid_stays() {
    let raster = at(&rows([[1u8, 2, 3], [4, 5, 6]]), 0.0, 0.0);
    let zero = Boundary::Constant(0.into());
    let shifted = raster.shift(1, -1, zero).unwrap();
    gives(&shifted, &[0u8, 0, 0, 2, 3, 0]);
    assert_eq!((shifted.grid(), shifted.shape()), (raster.grid(), raster.shape()));
    gives(&raster.shift(0, 1, Boundary::Nearest).unwrap(), &[1u8, 1, 2, 4, 4, 5]);
    gives(&raster.shift(-5, 0, zero).unwrap(), &[0u8; 6]);
    gives(&raster.shift(0, 0, Boundary::Reflect).unwrap(), &[1u8, 2, 3, 4, 5, 6]);
    gives(&raster.sub(raster.shift(0, 1, zero).unwrap()).unwrap(), &[1i16, 1, 1, 4, 1, 1]);
}

#[test]
fn flipped_and_thinned_pixels_stay_where_they_are_on_the_ground() {
    let raster = at(&rows([[1u8, 2, 3], [4, 5, 6], [7, 8, 9]]), 0.0, 0.0);
    let flipped = raster.flip(Dim::Y).unwrap();
    gives(&flipped, &[7u8, 8, 9, 4, 5, 6, 1, 2, 3]);
    gives(&raster.flip(Dim::X).unwrap(), &[3u8, 2, 1, 6, 5, 4, 9, 8, 7]);
    let (before, after) = (raster.grid().unwrap(), flipped.grid().unwrap());
    assert_eq!(before.affine.apply(0.5, 2.5), after.affine.apply(0.5, 0.5));
    assert!(flipped.flip(Dim::Y).unwrap().grid().unwrap().matches(before));
    let thinned = raster.step_by(Dim::Y, 2).unwrap().step_by(Dim::X, 2).unwrap();
    gives(&thinned, &[1u8, 3, 7, 9]);
    let after = thinned.grid().unwrap();
    assert_eq!(before.affine.apply(2.5, 2.5), after.affine.apply(1.5, 1.5));
    refused(raster.step_by(Dim::Y, 0), &["step is 0"]);
    refused(raster.flip(Dim::Time), &["no time axis"]);
    let bands = concat([&raster, &raster.mul(2).unwrap()], Dim::Band).unwrap();
    gives(&bands.flip(Dim::Band).unwrap().window(0..1, 0..2).unwrap(), &[2u16, 4, 1, 2]);
    assert_eq!(rows([[1u8]]).insert_axis(Dim::Time).unwrap().shape(), [1, 1, 1, 1]);
    refused(rows([[1u8]]).insert_axis(Dim::Band), &["has a band axis"]);
}

#[test]
fn a_mosaic_covers_all_and_takes_valid_pixels_as_it_is_told() {
    let a = at(&rows([[1u8, 2, 0]]).with_nodata(0).unwrap(), 0.0, 0.0);
    let b = at(&rows([[5u8, 6, 7], [8, 9, 10]]).with_nodata(0).unwrap(), 1.0, 0.0);
    let both = |overlap| mosaic([&a, &b], overlap).unwrap();
    gives(&both(Overlap::First), &[1u8, 2, 6, 7, 0, 8, 9, 10]);
    gives(&both(Overlap::Last), &[1u8, 5, 6, 7, 0, 8, 9, 10]);
    gives(&both(Overlap::Min), &[1u8, 2, 6, 7, 0, 8, 9, 10]);
    gives(&both(Overlap::Max), &[1u8, 5, 6, 7, 0, 8, 9, 10]);
    gives(&both(Overlap::Mean), &[1f32, 3.5, 6.0, 7.0, f32::NAN, 8.0, 9.0, 10.0]);
    gives(&both(Overlap::Sum), &[1u16, 7, 6, 7, 0, 8, 9, 10]);
    gives(&both(Overlap::Count), &[1u8, 2, 1, 1, 0, 1, 1, 1]);
    let grid = both(Overlap::First).grid().unwrap().clone();
    assert_eq!((grid.width, grid.height, grid.affine.c, grid.affine.f), (4, 2, 1000.0, 2000.0));
    // In the other order, and from the other corner.
    gives(&mosaic([&b, &a], Overlap::First).unwrap(), &[1u8, 5, 6, 7, 0, 8, 9, 10]);
    gives(&mosaic([&a], Overlap::Median).unwrap(), &[1f32, 2.0, f32::NAN]);
}

#[test]
fn a_mosaic_of_rasters_without_nodata_reads_what_is_seen() {
    let a = at(&rows([[1u8, 2], [3, 4]]), 0.0, 0.0);
    let b = at(&rows([[5u8, 6, 7], [8, 9, 10]]), 1.0, 0.0);
    gives(&mosaic([&a, &b], Overlap::First).unwrap(), &[1u8, 2, 6, 7, 3, 4, 9, 10]);
    gives(&mosaic([&a, &b], Overlap::Last).unwrap(), &[1u8, 5, 6, 7, 3, 8, 9, 10]);
    refused(mosaic([&a, &b], Overlap::Mean), &["overlap", "with_nodata"]);
    let apart = at(&rows([[5u8]]), 3.0, 0.0);
    refused(mosaic([&a, &apart], Overlap::First), &["no raster covers", "with_nodata"]);
    let beside = at(&rows([[5u8], [6]]), 2.0, 0.0);
    gives(&mosaic([&a, &beside], Overlap::Max).unwrap(), &[1u8, 2, 5, 3, 4, 6]);
}

#[test]
fn a_mosaic_is_of_one_lattice() {
    let a = at(&rows([[1u8, 2], [3, 4]]).with_nodata(0).unwrap(), 0.0, 0.0);
    let like = |left: f64| at(&rows([[1u8]]).with_nodata(0).unwrap(), left, 0.0);
    assert!(mosaic([&a, &like(5.0 + 1e-9)], Overlap::First).is_ok());
    for left in [5.5, 5.00001] {
        refused(mosaic([&a, &like(left)], Overlap::First), &["raster 1", "lattice"]);
    }
    let crs = |raster: &LazyRaster, code| {
        let grid = raster.grid().unwrap().clone();
        raster.with_grid(Grid { crs: Some(Crs::from_epsg(code)), ..grid }).unwrap()
    };
    refused(mosaic([&a, &crs(&like(2.0), 32632)], Overlap::First), &["EPSG:32632", "EPSG:32631"]);
    refused(mosaic([&a, &rows([[1u8]]).with_nodata(0).unwrap()], Overlap::First), &["raster 1 has no grid"]);
    let two = concat([&a, &a], Dim::Band).unwrap();
    refused(mosaic([&a, &two], Overlap::First), &["2 bands", "with 1"]);
}

#[test]
fn many_rasters_side_by_side_are_within_the_memory_limit_and_in_few_layers() {
    // A chessboard of overlapping tiles: four lie over each other at most.
    let tile = |row: usize, column: usize| {
        let tile = swath::raster([1, 300, 300], |_, y, x| (1 + (y + x + row * 7 + column * 3) % 250) as u8).unwrap();
        at(&tile.with_nodata(0).unwrap(), column as f64 * 250.0, row as f64 * 250.0)
    };
    let tiles: Vec<_> = (0..64).map(|index| tile(index / 8, index % 8)).collect();
    let all = mosaic(&tiles, Overlap::Max).unwrap();
    let run = Run::threads(2).memory_limit(48 << 20);
    let computed = run.compute(&all).unwrap();
    let pixels = computed.data().as_slice::<u8>().unwrap();
    let expected = |y: usize, x: usize| {
        let value = |row: usize, column: usize| {
            let (y, x) = (y.checked_sub(row * 250)?, x.checked_sub(column * 250)?);
            (y < 300 && x < 300).then(|| 1 + (y + x + row * 7 + column * 3) % 250)
        };
        (0..64).filter_map(|index| value(index / 8, index % 8)).max().unwrap() as u8
    };
    for (y, x) in (0..2050).step_by(31).flat_map(|y| (0..2050).step_by(17).map(move |x| (y, x))) {
        assert_eq!(pixels[y * 2050 + x], expected(y, x), "row {y}, column {x}");
    }
}
