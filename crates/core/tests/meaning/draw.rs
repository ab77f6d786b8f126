//! Random expressions over random sources.

use std::sync::Arc;

use swath_core::area::Resampling;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::Result;
use swath_core::expr::{
    Boundary, Fill, LazyRaster, Overflow, Overlap, Term, ValueRange, Values, Windows, concat, mosaic, stack,
};
use swath_core::grid::{Affine, Grid};
use swath_core::meta::Meta;
use swath_core::shape::{Dim, Dims};

use crate::stored::{Kind, Stored};

/// splitmix64: enough to draw expressions, and reproducible from its seed.
pub(crate) struct Rng {
    state: u64,
    /// What was drawn, to be used again: a block that several stages read is another matter than one of its own.
    drawn: Vec<LazyRaster>,
}

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed, drawn: Vec::new() }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

fn source(rng: &mut Rng, bands: usize, rows: usize, columns: usize) -> LazyRaster {
    let seed = rng.below(1 << 20);
    // Pixels in squares make conditions that are the same over a whole block.
    let square = [1, 1, 6, 12][rng.below(4)];
    let meta = Meta {
        chunks: [1, 1 + rng.below(bands), 1 + rng.below(rows), 1 + rng.below(columns)],
        nodata: (rng.below(3) == 0).then_some(Scalar::Int(0)),
        ..Meta::new(Dims::BYX, [1, bands, rows, columns], DType::U8)
    };
    let value = move |b: usize, y: usize, x: usize| {
        (Rng::new((seed + b * 7919 + y / square * 104_729 + x / square) as u64).below(12)) as u8
    };
    let kind = [Kind::InMemory, Kind::Local, Kind::Remote, Kind::Remote, Kind::Remote, Kind::Late][rng.below(6)];
    LazyRaster::from_source(Arc::new(Stored::new(meta, kind, value)))
}

/// A random u8 raster of `bands`, `rows`, `columns`, made of `depth` operations, or one that was drawn before.
pub(crate) fn expression(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    if rng.below(3) == 0 {
        let known: Vec<_> = rng.drawn.iter().filter(|raster| raster.shape() == shape).cloned().collect();
        if !known.is_empty() {
            return Ok(known[rng.below(known.len())].clone());
        }
    }
    let raster = new_expression(rng, shape, depth)?;
    if raster.shape() == shape {
        rng.drawn.push(raster.clone());
    }
    Ok(raster)
}

fn new_expression(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let [bands, rows, columns] = shape;
    if depth == 0 {
        return Ok(source(rng, bands, rows, columns));
    }
    Ok(match rng.below(18) {
        0 => {
            let (top, left) = (rng.below(5), rng.below(5));
            let larger = expression(rng, [bands, rows + top + 2, columns + left + 1], depth - 1)?;
            larger.window(top..top + rows, left..left + columns)?
        }
        1 if rows.is_multiple_of(2) && columns.is_multiple_of(3) => {
            expression(rng, [bands, rows / 2, columns / 3], depth - 1)?.repeat([1, 2, 3])?
        }
        2 => {
            let a = expression(rng, shape, depth - 1)?;
            let mask = condition(rng, [1, rows, columns], depth - 1)?.squeeze()?;
            a.mask(&mask, rng.below(256))?
        }
        3 => {
            let (a, b) = (expression(rng, shape, depth - 1)?, expression(rng, shape, depth - 1)?);
            condition(rng, shape, depth - 1)?.if_else(&a.without_nodata()?, &b.without_nodata()?)?
        }
        4 => {
            let a = expression(rng, shape, depth - 1)?.without_nodata()?;
            a.rechunk(&[1, 1 + rng.below(rows), 1 + rng.below(columns)])?
        }
        5 => {
            let first = rng.below(3);
            expression(rng, [bands + 3, rows, columns], depth - 1)?.slice(Dim::Band, first..first + bands)?
        }
        6 if rng.below(2) == 0 => {
            let finer = [bands, rows + rng.below(2 * rows + 1), columns + rng.below(2 * columns + 1)];
            let finer = expression(rng, finer, depth - 1)?;
            let finer = if rng.below(2) == 0 { finer.with_nodata(3)? } else { finer };
            finer.downsample([rows, columns], Resampling::ALL[rng.below(Resampling::ALL.len())])?.without_nodata()?
        }
        6 => {
            let (y, x) = (1 + rng.below(3), 1 + rng.below(3));
            // The last windows may be cut by the edge.
            let (cut_rows, cut_columns) = (rng.below(y), rng.below(x));
            let finer = expression(rng, [bands, rows * y - cut_rows, columns * x - cut_columns], depth - 1)?;
            statistic(rng, &finer, |raster| raster.coarsen([1, y, x]))?
        }
        7 if bands == 1 => {
            let count = 1 + rng.below(4);
            let several = expression(rng, [count, rows, columns], depth - 1)?;
            let one = statistic(rng, &several, |raster| raster.coarsen([count, 1, 1]))?;
            // As a raster without the axis, which the next operation broadcasts.
            let over = statistic(rng, &several, |raster| raster.over(Dim::Band))?;
            one.maximum(&over)?
        }
        7 => {
            let size = [1 + 2 * rng.below(3), 1 + 2 * rng.below(3)];
            let raster = expression(rng, shape, depth - 1)?;
            statistic(rng, &raster, |raster| raster.focal(size))?
        }
        17 => expression(rng, shape, depth - 1)?.map("half and one", |pixels: &[u8], out: &mut [u8]| {
            out.iter_mut().zip(pixels).for_each(|(out, pixel)| *out = pixel / 2 + 1);
        })?,
        12 | 13 => side_by_side(rng, shape, depth)?,
        14 => {
            let (dim, axis) = [(Dim::Band, 0), (Dim::Y, 1), (Dim::X, 2)][rng.below(3)];
            let step = 1 + rng.below(3);
            let mut longer = shape;
            longer[axis] = (longer[axis] - 1) * step + 1 + rng.below(step);
            expression(rng, longer, depth - 1)?.step_by(dim, step)?.flip(dim)?
        }
        8 | 9 => {
            let a = expression(rng, shape, depth - 1)?;
            let b = match rng.below(3) {
                0 => Term::from(rng.below(9)),
                _ => expression(rng, [1, rows, columns], depth - 1)?.squeeze()?.into(),
            };
            arithmetic(rng, &a, b)?.without_nodata()?.cast(DType::U8, Overflow::Wrap)?
        }
        10 => {
            let (a, b) = (expression(rng, shape, depth - 1)?, expression(rng, shape, depth - 1)?);
            let mixed = match rng.below(3) {
                0 => (&a - &b) / (&a + &b),
                1 => (2.5 * a / 1.5 - b).check()?.sqrt()?,
                _ => (-(a - b)).check()?.abs()?.sign()? * 0.25,
            };
            mixed.check()?.without_nodata()?.cast(DType::U8, Overflow::Saturate)?
        }
        11 => classes(rng, shape, depth)?.without_nodata()?.cast(DType::U8, Overflow::Saturate)?,
        _ => {
            let a = expression(rng, shape, depth - 1)?.without_nodata()?;
            let b = expression(rng, shape, depth - 1)?.without_nodata()?;
            ((&a & &b) | !(&a ^ &b)).check()?
        }
    })
}

/// Rasters beside and over each other.
fn side_by_side(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let [bands, rows, columns] = shape;
    let boundary =
        [Boundary::Constant(Scalar::Int(9)), Boundary::Nearest, Boundary::Reflect, Boundary::Constant(Scalar::Int(0))]
            [rng.below(4)];
    let plain = |raster: LazyRaster| raster.without_nodata();
    match rng.below(5) {
        0 if rows > 4 && columns > 4 => {
            let (top, bottom, left, right) = (rng.below(3), rng.below(3), rng.below(3), rng.below(3));
            let smaller = expression(rng, [bands, rows - top - bottom, columns - left - right], depth - 1)?;
            smaller.pad([top, bottom], [left, right], boundary)
        }
        1 => {
            let by = |rng: &mut Rng, length: usize| rng.below(length.min(4)) as isize * (1 - 2 * rng.below(2) as isize);
            let (down, right) = (by(rng, rows), by(rng, columns));
            expression(rng, shape, depth - 1)?.shift(down, right, boundary)
        }
        2 => {
            let (dim, axis) = [(Dim::Band, 0), (Dim::Y, 1), (Dim::X, 2)][rng.below(3)];
            let first = rng.below(shape[axis]);
            let mut lengths = vec![first, shape[axis] - first];
            lengths.retain(|length| *length > 0);
            let part = |length: usize| {
                let mut part = shape;
                part[axis] = length;
                plain(expression(rng, part, depth - 1)?)
            };
            concat(lengths.into_iter().map(part).collect::<Result<Vec<_>>>()?, dim)
        }
        3 => {
            let count = 1 + rng.below(3);
            let dates = (0..count).map(|_| plain(expression(rng, shape, depth - 1)?)).collect::<Result<Vec<_>>>()?;
            statistic(rng, &stack(dates, Dim::Time)?, |raster| raster.over(Dim::Time))
        }
        _ => {
            // One in each corner, and one over some of them: together they have the shape. Five of any depth would be many.
            let depth = depth.min(2);
            let nodata = rng.below(3) > 0;
            let mut tiles = Vec::new();
            for corner in 0..4 + rng.below(2) {
                let (height, width) = (rows - rng.below(rows.div_ceil(2)), columns - rng.below(columns.div_ceil(2)));
                let top = if corner % 2 == 0 { 0 } else { rows - height };
                let left = if corner / 2 % 2 == 0 { 0 } else { columns - width };
                let tile = plain(expression(rng, [bands, height, width], depth - 1)?)?;
                let affine = Affine::north_up(left as f64, -(top as f64), 1.0, 1.0);
                let tile = tile.with_grid(Grid { crs: None, affine, width, height })?;
                tiles.push(if nodata { tile.with_nodata(3)? } else { tile });
            }
            let overlaps = match nodata {
                true => {
                    &[Overlap::First, Overlap::Last, Overlap::Max, Overlap::Sum, Overlap::Count, Overlap::Median][..]
                }
                false => &[Overlap::First, Overlap::Last],
            };
            let mosaic = mosaic(tiles, overlaps[rng.below(overlaps.len())])?;
            mosaic.without_grid()?.without_nodata()?.cast(DType::U8, Overflow::Saturate)
        }
    }
}

/// Integers with integers: any dtype, and nodata where an operand has it or is divided by 0.
fn arithmetic(rng: &mut Rng, a: &LazyRaster, b: Term) -> Result<LazyRaster> {
    match rng.below(7) {
        0 => a.add(b),
        1 => a.sub(b),
        2 => a.mul(b),
        3 => a.floor_div(b),
        4 => a.rem(b),
        5 => a.minimum(b),
        _ => a.maximum(b),
    }
}

/// Pixels told apart by their values.
fn classes(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let raster = expression(rng, shape, depth - 1)?;
    // Of more than 256 values, of floats, and of floats with NaN.
    let raster = match rng.below(4) {
        0 => raster.sub(3)?,
        1 => raster.mul(0.5)?,
        2 => (&raster.sub(4)? / &raster.sub(4)?).check()?,
        _ => raster,
    };
    let edge = |rng: &mut Rng| Scalar::from(rng.below(40) as f64 / 4.0 - 1.0);
    match rng.below(3) {
        0 => {
            let count = [2, 5, 40][rng.below(3)];
            let first = edge(rng).to_f64();
            raster.digitize((0..count).map(|step| first + f64::from(step) / 4.0).collect::<Values>())
        }
        1 => {
            let table: Vec<_> = (0..256).map(|entry| rng.below(3 + entry)).collect();
            raster.lookup(table)
        }
        _ => {
            let ranges: Vec<_> = (0..1 + rng.below(5))
                .map(|_| {
                    let range = match rng.below(4) {
                        0 => ValueRange::from(edge(rng)..),
                        1 => ValueRange::from(..=edge(rng)),
                        2 => ValueRange::from(rng.below(9)),
                        _ => ValueRange::from(-1.5..edge(rng).to_f64()),
                    };
                    (range, rng.below(9))
                })
                .collect();
            let otherwise = match rng.below(3) {
                0 => Fill::Nodata,
                1 => Fill::Raster(raster.clone()),
                _ => Fill::from(rng.below(20)),
            };
            raster.reclassify(ranges, otherwise)
        }
    }
}

/// A statistic of windows, as u8.
fn statistic(
    rng: &mut Rng,
    raster: &LazyRaster,
    windows: impl Fn(&LazyRaster) -> Result<Windows>,
) -> Result<LazyRaster> {
    let of = windows;
    let windows = || of(raster);
    match rng.below(11) {
        9 => of(&raster.rem(3)?)?.product(),
        // Only along an axis.
        10 => windows()?.argmax().or_else(|_| windows()?.last()),
        0 => windows()?.min(),
        1 => windows()?.max(),
        2 => windows()?.mode(),
        3 => windows()?.first(),
        4 => windows()?.sum(),
        5 => windows()?.count(),
        6 => windows()?.median(),
        7 => windows()?.standard_deviation(rng.below(2) as u64),
        _ => windows()?.mean(),
    }?
    .without_nodata()?
    .cast(DType::U8, Overflow::Saturate)
}

pub(crate) fn condition(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let raster = expression(rng, shape, depth)?;
    let (a, b) = (raster.isin([1 + rng.below(5), 6, 7])?, raster.gt(1 + rng.below(9))?);
    Ok(match rng.below(6) {
        0 => a,
        5 => {
            let other = expression(rng, [1, shape[1], shape[2]], depth)?;
            match rng.below(3) {
                0 => raster.lt(&other)?,
                1 => raster.eq(&(&raster + &other))?,
                _ => raster.ne(&other.sub(7)?)?,
            }
        }
        // What the interval decides, but for nodata.
        4 => (&raster.le(255)? & &a).check()?,
        1 => (!&b).check()?,
        2 => (&a | &b).check()?,
        _ => raster.valid()?,
    })
}
