//! Programs that are wrong are told so where they are written: by the call's file and line, before a pixel is asked for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fmt::Debug;

use common::Served;
use swath::{
    Bins, Block, Boundary, Crs, DType, Dim, ErrorKind, Fill, GeoTiffOptions, Grid, LazyRaster, Overflow, Overlap,
    concat, mosaic, ndarray, prelude::*, stack,
};

/// Checks that a call is refused in these words, and that the error says where `call` stands in this file.
#[track_caller]
fn wrong<T: Debug>(call: &str, result: swath::Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("{call} should be refused, naming {words:?}") };
    let text = error.chain();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing from: {text}");
    }
    let place = error.place().unwrap_or_else(|| panic!("no place is named: {text}"));
    assert_eq!(place.file(), file!(), "{text}");
    let line = include_str!("wrong_programs.rs").lines().nth(place.line() as usize - 1).unwrap();
    assert!(line.contains(call), "line {} has no {call}: {line}\n{text}", place.line());
}

/// The raster on a grid that is moved right by so many pixels.
fn moved(raster: &LazyRaster, pixels: f64) -> LazyRaster {
    let grid = raster.grid().unwrap();
    raster.with_grid(Grid { affine: grid.affine.shifted(pixels, 0.0), ..grid.clone() }).unwrap()
}

/// `visual` is u8 with nodata 0, `clouds` are conditions on its grid, `classes` lie on one of half the size.
struct Rasters {
    visual: LazyRaster,
    clouds: LazyRaster,
    classes: LazyRaster,
}

impl Rasters {
    fn open(served: &Served) -> Self {
        let open = |key: &str| swath::open(served.server.url(&served.asset(key))).unwrap();
        let (visual, classes) = (open("visual"), open("SCL"));
        let clouds = classes.repeat([1, 2, 2]).unwrap().squeeze().unwrap().isin([8, 9]).unwrap();
        Self { visual, clouds, classes }
    }

    fn values(&self) {
        let Self { visual, clouds, .. } = self;
        wrong("mask", visual.mask(clouds, 300), &["300", "0 to 255"]);
        wrong("mask", visual.mask(clouds, -1), &["-1"]);
        wrong("where_", visual.where_(clouds, 0.5), &["0.5", "u8"]);
        wrong("mask", visual.mask(visual, 0), &["condition is u8", "isin"]);
        wrong("if_else", visual.if_else(1, 2), &["condition is u8"]);
        wrong("mask", visual.without_nodata().unwrap().mask(clouds, Fill::Nodata), &["nodata"]);
        wrong("isin", visual.isin([1, 300]), &["300"]);
        wrong("isin", visual.isin([0]), &["nodata", "valid()"]);
        wrong("gt", visual.gt(300), &["300"]);
        wrong("eq", visual.eq(0), &["nodata", "without_nodata()"]);
        wrong("ne", visual.ne(true), &["true"]);
        wrong("lt", visual.lt(clouds), &["bool"]);
        wrong("cast", visual.with_nodata(255).unwrap().cast(DType::I8, Overflow::Error), &["nodata 255", "i8"]);
        let wide = visual.add(1000).unwrap().with_nodata(255).unwrap();
        wrong("cast", wide.cast(DType::U8, Overflow::Saturate), &["255", "nodata"]);
        wrong("with_nodata", visual.with_nodata(300), &["300"]);
        wrong("with_nodata", clouds.with_nodata(1), &["bool"]);
        wrong("fill_nodata", visual.fill_nodata(256), &["256"]);
        let other = visual.without_nodata().unwrap();
        wrong("mask", visual.mask(clouds, &other), &["nodata"]);
        wrong("reclassify", visual.reclassify([(0..0, 1)], 0), &["0..0"]);
        wrong("lookup", visual.lookup([1, 2, 3]), &["255"]);
        wrong("digitize", visual.digitize([3, 3]), &["3"]);
    }

    fn numbers(&self) {
        let Self { visual, clouds, .. } = self;
        let large = visual.without_nodata().unwrap().cast(DType::U64, Overflow::Error).unwrap();
        let large = (&large * (1_i64 << 50)).check().unwrap();
        wrong("mul", large.mul(&large), &["64 bits", "F64"]);
        wrong("pow", visual.pow(64), &["64 bits"]);
        wrong("add", visual.add(true), &["bool literal"]);
        wrong("floor_div", visual.floor_div(0), &["0"]);
        wrong("clamp", visual.clamp(9, 3), &["9", "3"]);
        wrong("bits", visual.bits(5..5), &["5"]);
        wrong("shl", visual.div(2).unwrap().shl(1), &["f32"]);
        // Operators cannot return errors; the handle does, later, and names the operator's line.
        let bitwise = &visual.div(2).unwrap() & visual;
        wrong("let bitwise =", bitwise.check(), &["f32"]);
        let bools = clouds & &visual.without_nodata().unwrap();
        wrong("let bools =", visual.mask(&bools, 0), &["bool and u8"]);
        wrong("map", visual.map("half", |_: &[u16], _: &mut [u16]| {}), &["u8", "u16", "cast"]);
        let same = |block: Block<'_, f32>| Ok(block.pixels.to_owned());
        wrong("map_blocks", visual.map_blocks("same", same), &["u8", "f32"]);
    }

    fn grids(&self) {
        let Self { visual, classes, clouds } = self;
        for pixels in [1e-5, 0.5, -1.0] {
            wrong("add", visual.add(moved(visual, pixels)), &["the grids differ"]);
        }
        assert!(visual.add(moved(visual, 1e-9)).is_ok(), "a billionth of a pixel is none");
        wrong("mask", visual.mask(&moved(clouds, 0.5), 0), &["the grids differ"]);
        let grid = visual.grid().unwrap();
        let crs = Some(Crs::from_epsg(32633));
        assert_ne!(grid.crs, crs);
        let elsewhere = visual.with_grid(Grid { crs, ..grid.clone() }).unwrap();
        wrong("minimum", visual.minimum(&elsewhere), &["the grids differ", "32633"]);
        let larger = visual.with_grid(Grid { affine: grid.affine.scaled(2.0, 2.0), ..grid.clone() }).unwrap();
        wrong("hypot", visual.hypot(&larger), &["the grids differ"]);
        wrong("mask", visual.mask(&classes.isin([8]).unwrap(), 0), &["repeat([1, 2, 2])"]);
        wrong("with_grid", visual.with_grid(classes.grid().unwrap().clone()), &["600", "1200"]);
        wrong("clip_box", visual.clip_box(0.0, 0.0, 1.0, 1.0), &["clip_box"]);
        wrong("mosaic", mosaic([visual, &moved(visual, 0.5)], Overlap::First), &["lattice"]);
        wrong("concat", concat([visual, &moved(visual, 7.0)], Dim::X), &["concat"]);
    }

    fn shapes(&self) {
        let Self { visual, clouds, .. } = self;
        let two = visual.slice(Dim::Band, 0..2).unwrap();
        wrong("sub", visual.sub(&two), &["3 and 2", "band"]);
        wrong("stack", stack([visual, &two], Dim::Time), &["stack"]);
        wrong("band", visual.band(7), &["no band 7"]);
        wrong("slice", visual.slice(Dim::Y, 5..5), &["empty"]);
        wrong("window", visual.window(0..10, 0..5000), &["5000"]);
        wrong("slice", clouds.slice(Dim::Band, 0..1), &["band"]);
        wrong("repeat", visual.repeat([1, 0, 1]), &["0"]);
        wrong("rechunk", visual.rechunk(&[64]), &["1"]);
        wrong("insert_axis", visual.insert_axis(Dim::Band), &["band"]);
        wrong("flip", clouds.flip(Dim::Time), &["time"]);
        wrong("step_by", visual.step_by(Dim::X, 0), &["0"]);
        wrong("pad", clouds.pad([1, 1], [0, 0], Boundary::Nodata), &["nodata"]);
        wrong("shift", visual.shift(1, 1, Boundary::Constant(300.into())), &["300"]);
        wrong("convolve", visual.convolve(&ndarray::Array2::zeros((2, 3)), Boundary::Nearest), &["2 × 3", "odd"]);
        let sink = || Err(swath::Error::invalid("a sink of one's own"));
        wrong("to_sink", visual.to_sink(sink), &["a sink of one's own"]);
        let options = GeoTiffOptions::new().block(100, 100);
        wrong("to_geotiff_with", visual.to_geotiff_with("out.tif", options), &["16"]);
    }

    fn statistics(&self) {
        let Self { visual, .. } = self;
        wrong("coarsen", visual.coarsen([1, 0, 2]), &["0"]);
        wrong("focal", visual.focal([2, 3]), &["2 × 3", "odd"]);
        wrong("over", visual.over(Dim::Y), &["coarsen"]);
        wrong("over", visual.over(Dim::Time), &["time"]);
        let focal = visual.focal([3, 3]).unwrap();
        wrong("argmin", focal.argmin(), &["over"]);
        wrong("any", focal.any(), &["u8", "ne(0)"]);
        wrong("quantile", focal.quantile(1.5), &["1.5"]);
        wrong("product", focal.product(), &["64 bits"]);
        let coarse = visual.coarsen([1, 2, 2]).unwrap();
        wrong("with_boundary", coarse.with_boundary(Boundary::Nearest), &["focal has"]);
        let halves = visual.div(2).unwrap();
        wrong("value_counts", halves.statistics().unwrap().value_counts(), &["f32"]);
        wrong("by", visual.statistics().unwrap().by(&halves), &["f32"]);
        let bins = Bins::new(0.0, 256.0, 16).unwrap();
        wrong("by", visual.statistics().unwrap().histogram(bins).unwrap().by(&self.classes), &["by"]);
    }
}

#[test]
fn wrong_programs_are_refused_where_they_are_written_and_nothing_is_fetched() {
    let served = Served::new(1200);
    let rasters = Rasters::open(&served);
    served.server.reset();
    rasters.values();
    rasters.numbers();
    rasters.grids();
    rasters.shapes();
    rasters.statistics();
    assert_eq!(served.server.stats().requests, 0, "what is refused asks for no pixel");
}

#[test]
fn a_main_that_returns_the_error_prints_its_place() {
    let raster = swath::raster([1, 4, 4], |_, y, x| (y + x) as u8).unwrap();
    let error = raster.gt(300).unwrap_err();
    let printed = format!("{error:?}");
    assert!(printed.ends_with(&format!("(at {}:{})", file!(), line!() - 2)), "{printed}");
    assert!(!error.to_string().contains(file!()), "people who did not write the program see what was wrong alone");
}
