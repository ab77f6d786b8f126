//! Statistics of windows, and weights around each pixel.

use swath::ndarray::Array2;
use swath::{LazyRaster, Resampling, Windows};

use super::{Function, dim};
use crate::calc::arguments::Arguments;
use crate::calc::complaint::Complaint;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "coarsen",
        usage: "coarsen(x, [band, y, x], statistic)",
        about: "one pixel for so many: their mean, sum, product, count, min, max, median, quantile, mode, std, var, first, \
                last, any or all; a quantile has its share behind it, as in coarsen(x, [1, 2, 2], quantile, 0.9), and std and \
                var may have 1 there, for a sample",
        counts: 3..=4,
        numbers: None,
        build: |args| {
            let (x, factors) = (args.raster()?, args.lengths_of("[band, y, x]")?);
            let statistic = args.statistic()?;
            args.finish(x.coarsen(factors).and_then(|windows| statistic.of(&windows)))
        },
    },
    Function {
        name: "focal",
        usage: "focal(x, [rows, columns], statistic, value|nodata|nearest|reflect)",
        about: "the same of the window around each pixel, both sizes odd; at edges of what there is, or with what is said beyond",
        counts: 3..=5,
        numbers: None,
        build: |args| {
            let (x, size) = (args.raster()?, args.lengths_of("[rows, columns]")?);
            let statistic = args.statistic()?;
            let windows = match args.left() {
                0 => x.focal(size),
                _ => {
                    let boundary = args.boundary()?;
                    x.focal(size).and_then(|windows| windows.with_boundary(boundary))
                }
            };
            args.finish(windows.and_then(|windows| statistic.of(&windows)))
        },
    },
    Function {
        name: "over",
        usage: "over(x, band|time, statistic)",
        about: "the same of all pixels along an axis, which the result lacks; argmin and argmax tell where they are, from 0",
        counts: 3..=4,
        numbers: None,
        build: |args| {
            let (x, dim) = (args.raster()?, args.word("an axis", dim)?);
            let statistic = args.statistic()?;
            args.finish(x.over(dim).and_then(|windows| statistic.of(&windows)))
        },
    },
    Function {
        name: "downsample",
        usage: "downsample(x, [rows, columns], nearest|average|bilinear|rms|mode|min|max)",
        about: "the same extent in fewer pixels, each made of those that it covers, as overviews are",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, size) = (args.raster()?, args.lengths_of("[rows, columns]")?);
            let by = args.word("nearest, average, bilinear, rms, mode, min or max", Resampling::from_name)?;
            args.finish(x.downsample(size, by))
        },
    },
    Function {
        name: "convolve",
        usage: "convolve(x, [[weights], …], value|nodata|nearest|reflect)",
        about: "the sum of the pixels around each, each times the weight on the other side of the middle, as SciPy's",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, weights, boundary) = (args.raster()?, args.weights()?, args.boundary()?);
            args.finish(x.convolve(&weights, boundary))
        },
    },
];

const STATISTICS: &str =
    "mean, sum, product, count, min, max, median, quantile, mode, std, var, first, last, argmin, argmax, any or all";

/// A statistic of windows, with the number that stands behind its name.
struct Statistic {
    kind: Kind,
    number: f64,
}

#[derive(Clone, Copy)]
enum Kind {
    Alone(fn(&Windows) -> swath::Result<LazyRaster>),
    Quantile,
    Variance,
    Deviation,
}

fn statistic(name: &str) -> Option<Kind> {
    Some(match name {
        "quantile" => Kind::Quantile,
        "std" => Kind::Deviation,
        "var" => Kind::Variance,
        _ => Kind::Alone(match name {
            "mean" => Windows::mean,
            "sum" => Windows::sum,
            "product" => Windows::product,
            "count" => Windows::count,
            "min" => Windows::min,
            "max" => Windows::max,
            "median" => Windows::median,
            "mode" => Windows::mode,
            "first" => Windows::first,
            "last" => Windows::last,
            "argmin" => Windows::argmin,
            "argmax" => Windows::argmax,
            "any" => Windows::any,
            "all" => Windows::all,
            _ => return None,
        }),
    })
}

impl Statistic {
    fn of(&self, windows: &Windows) -> swath::Result<LazyRaster> {
        match self.kind {
            Kind::Alone(of) => of(windows),
            Kind::Quantile => windows.quantile(self.number),
            Kind::Variance => windows.variance(self.number as u64),
            Kind::Deviation => windows.standard_deviation(self.number as u64),
        }
    }
}

impl Arguments<'_> {
    /// A statistic, and its number: a quantile must have one, a variance may, and of others there is none.
    fn statistic(&mut self) -> Result<Statistic, Complaint> {
        let kind = self.word(STATISTICS, statistic)?;
        let number = match kind {
            Kind::Alone(_) => 0.0,
            Kind::Quantile => self.number()?,
            Kind::Variance | Kind::Deviation if self.is_literal_next() => self.index()? as f64,
            Kind::Variance | Kind::Deviation => 0.0,
        };
        Ok(Statistic { kind, number })
    }

    /// A list of rows, each a list of as many numbers.
    fn weights(&mut self) -> Result<Array2<f64>, Complaint> {
        let rows = self.rows()?;
        let columns = rows.first().map_or(0, Vec::len);
        let shape = (rows.len(), columns);
        Array2::from_shape_vec(shape, rows.concat()).map_err(|_| self.lacks("rows of equal length"))
    }
}
