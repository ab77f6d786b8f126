//! Functions that put rasters beside each other, or move their pixels.

use swath::{Boundary, Dim, LazyRaster, Overlap, concat, mosaic};

use super::super::arguments::Arguments;
use super::super::complaint::Complaint;
use super::{ANY, Function, dim};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "stack",
        usage: "stack(a, b, …, band|time)",
        about: "one after the other as bands, or times: with an axis of their own where they have none; band by default",
        counts: 1..=ANY,
        numbers: None,
        build: |args| {
            let (rasters, dim) = args.rasters_and_word("band or time", band_or_time)?;
            let dim = dim.unwrap_or(Dim::Band);
            let with_axis = |raster: LazyRaster| match raster.dims().has(dim) {
                true => Ok(raster),
                false => raster.insert_axis(dim),
            };
            let rasters = rasters.into_iter().map(with_axis).collect::<swath::Result<Vec<_>>>();
            args.finish(rasters.and_then(|rasters| concat(rasters, dim)))
        },
    },
    Function {
        name: "concat",
        usage: "concat(a, b, …, time|band|y|x)",
        about: "one after the other along an axis that all have; along y and x each must begin where the one before ends",
        counts: 2..=ANY,
        numbers: None,
        build: |args| {
            let (rasters, dim) = args.rasters_and_word("an axis", dim)?;
            let dim = dim.ok_or_else(|| args.lacks("an axis at the end"))?;
            args.finish(concat(rasters, dim))
        },
    },
    Function {
        name: "mosaic",
        usage: "mosaic(a, b, …, first|last|min|max|mean|median|sum|count)",
        about: "one raster that covers all, by their grids; where several have a pixel, the first by default",
        counts: 1..=ANY,
        numbers: None,
        build: |args| {
            let (rasters, how) = args.rasters_and_word(OVERLAPS, overlap)?;
            args.finish(mosaic(rasters, how.unwrap_or_default()))
        },
    },
    Function {
        name: "pad",
        usage: "pad(x, [top, bottom, left, right], value|nodata|nearest|reflect)",
        about: "so many rows and columns more, of a value, or made of the pixels at the edge",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, [top, bottom, left, right]) = (args.raster()?, args.lengths_of("[top, bottom, left, right]")?);
            let boundary = args.boundary()?;
            args.finish(x.pad([top, bottom], [left, right], boundary))
        },
    },
    Function {
        name: "shift",
        usage: "shift(x, rows, columns, value|nodata|nearest|reflect)",
        about: "every pixel so many rows down and columns right, or up and left where negative",
        counts: 4..=4,
        numbers: None,
        build: |args| {
            let (x, rows, columns, boundary) = (args.raster()?, args.offset()?, args.offset()?, args.boundary()?);
            args.finish(x.shift(rows, columns, boundary))
        },
    },
    Function {
        name: "flip",
        usage: "flip(x, time|band|y|x)",
        about: "the pixels along an axis in reverse",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, dim) = (args.raster()?, args.word("an axis", dim)?);
            args.finish(x.flip(dim))
        },
    },
    Function {
        name: "step_by",
        usage: "step_by(x, time|band|y|x, step)",
        about: "every so manyth pixel along an axis, beginning with the first",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, dim, step) = (args.raster()?, args.word("an axis", dim)?, args.index()?);
            args.finish(x.step_by(dim, step))
        },
    },
];

fn band_or_time(name: &str) -> Option<Dim> {
    dim(name).filter(|dim| matches!(dim, Dim::Band | Dim::Time))
}

const OVERLAPS: &str = "first, last, min, max, mean, median, sum or count";

/// What a word means for pixels that several rasters have.
pub(crate) fn overlap(name: &str) -> Option<Overlap> {
    Some(match name {
        "first" => Overlap::First,
        "last" => Overlap::Last,
        "min" => Overlap::Min,
        "max" => Overlap::Max,
        "mean" => Overlap::Mean,
        "median" => Overlap::Median,
        "sum" => Overlap::Sum,
        "count" => Overlap::Count,
        _ => return None,
    })
}

impl Arguments<'_> {
    /// A boundary by its name, or the value beyond it.
    pub(super) fn boundary(&mut self) -> Result<Boundary, Complaint> {
        match self.word_or_scalar("a value, nodata, nearest or reflect", |name| match name {
            "nodata" => Some(Boundary::Nodata),
            "nearest" => Some(Boundary::Nearest),
            "reflect" => Some(Boundary::Reflect),
            _ => None,
        })? {
            Ok(boundary) => Ok(boundary),
            Err(value) => Ok(Boundary::Constant(value)),
        }
    }
}
