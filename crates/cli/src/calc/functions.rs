//! The functions of the language: a table of names, arguments and the operations of the library behind them.

mod structure;
mod windows;

use std::ops::RangeInclusive;

use swath::{ArithmeticOp, Bins, DType, Dim, LazyRaster, LazyStatistics, Overflow, Scalar, Summary, when};

use super::arguments::Arguments;
use super::ast::Span;
use super::complaint::{Complaint, suggestion};

pub(crate) use structure::overlap;

/// A function that an expression can call.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How it is called.
    pub(super) usage: &'static str,
    /// What it gives.
    about: &'static str,
    counts: RangeInclusive<usize>,
    /// Of one that gives numbers and no raster, and so can only be all of an expression.
    pub(super) numbers: Option<Build<Numbers>>,
    pub(super) build: Build<LazyRaster>,
}

/// Makes of the arguments what a function gives.
type Build<T> = fn(&mut Arguments<'_>) -> Result<T, Complaint>;

/// Numbers that an expression asks for.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) statistics: LazyStatistics,
    pub(crate) told: Told,
}

/// Which of a raster's statistics.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    /// All that `swath stats` tells.
    All,
    /// One for each band.
    One(fn(&Summary) -> Option<Scalar>),
    /// The value below which this share of each band lies.
    Quantile(f64),
    /// Row and column in each band.
    Place(fn(&Summary) -> Option<[usize; 2]>),
}

/// Of arguments, as many as one likes.
const ANY: usize = usize::MAX;

/// Arguments are taken in their order: each line reads as the call does.
static FUNCTIONS: &[Function] = &[
    Function {
        name: "isin",
        usage: "isin(x, [values])",
        about: "whether each pixel is one of the values: [8, 9], [4..7] (without 7), [4..=7]",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, values) = (args.raster()?, args.values()?);
            args.finish(x.isin(values))
        },
    },
    Function {
        name: "lookup",
        usage: "lookup(x, [table])",
        about: "for each integer the entry at its place, from 0",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, table) = (args.raster()?, args.values()?);
            args.finish(x.lookup(table))
        },
    },
    Function {
        name: "digitize",
        usage: "digitize(x, [edges])",
        about: "how many of the edges, which increase, are at most each pixel, as NumPy's",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, edges) = (args.raster()?, args.values()?);
            args.finish(x.digitize(edges))
        },
    },
    Function {
        name: "reclassify",
        usage: "reclassify(x, [classes], [values], otherwise)",
        about: "the value of the first class that has the pixel: 7, 0..10 (without 10), 0..=10, -inf..0.5; else a number, a \
                raster, such as x, or nodata",
        counts: 4..=4,
        numbers: None,
        build: |args| {
            let (x, classes, otherwise) = (args.raster()?, args.classes()?, args.fill()?);
            args.finish(x.reclassify(classes, otherwise))
        },
    },
    Function {
        name: "mask",
        usage: "mask(x, condition, fill)",
        about: "x, but fill where the condition is true; fill is a number, a raster or nodata",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, condition, fill) = (args.raster()?, args.raster()?, args.fill()?);
            args.finish(x.mask(&condition, fill))
        },
    },
    Function {
        name: "where",
        usage: "where(x, condition, other)",
        about: "x where the condition is true, elsewhere other, as xarray's",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, condition, other) = (args.raster()?, args.raster()?, args.fill()?);
            args.finish(x.where_(&condition, other))
        },
    },
    Function {
        name: "if_else",
        usage: "if_else(condition, a, b)",
        about: "a where the condition is true, elsewhere b; each a number or a raster",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (condition, a, b) = (args.raster()?, args.fill()?, args.fill()?);
            args.finish(condition.if_else(a, b))
        },
    },
    Function {
        name: "valid",
        usage: "valid(x)",
        about: "whether each pixel is one, not nodata",
        counts: 1..=1,
        numbers: None,
        build: |args| {
            let x = args.raster()?;
            args.finish(x.valid())
        },
    },
    Function {
        name: "cast",
        usage: "cast(x, dtype, error|saturate|wrap)",
        about: "another dtype, such as u8, i16 or f32; by default a pixel that does not fit is an error",
        counts: 2..=3,
        numbers: None,
        build: |args| {
            let (x, dtype, overflow) = (
                args.raster()?,
                args.word("a dtype", dtype)?,
                args.optional_word("error, saturate or wrap", overflow)?,
            );
            args.finish(x.cast(dtype, overflow.unwrap_or_default()))
        },
    },
    Function {
        name: "minimum",
        usage: "minimum(a, b)",
        about: "the lesser of two pixels; each a number or a raster",
        counts: 2..=2,
        numbers: None,
        build: |args| args.arithmetic(ArithmeticOp::Minimum),
    },
    Function {
        name: "maximum",
        usage: "maximum(a, b)",
        about: "the greater of two pixels; each a number or a raster",
        counts: 2..=2,
        numbers: None,
        build: |args| args.arithmetic(ArithmeticOp::Maximum),
    },
    Function {
        name: "clamp",
        usage: "clamp(x, low, high)",
        about: "x, but low where it is less, and high where it is greater; each a number or a raster",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, low, high) = (args.raster()?, args.term()?, args.term()?);
            args.finish(x.clamp(low, high))
        },
    },
    Function {
        name: "hypot",
        usage: "hypot(a, b)",
        about: "the root of the sum of both squares; each a number or a raster",
        counts: 2..=2,
        numbers: None,
        build: |args| args.arithmetic(ArithmeticOp::Hypot),
    },
    Function {
        name: "atan2",
        usage: "atan2(y, x)",
        about: "the angle in radians of the point (x, y); each a number or a raster",
        counts: 2..=2,
        numbers: None,
        build: |args| args.arithmetic(ArithmeticOp::Atan2),
    },
    Function {
        name: "when",
        usage: "when(condition, a, …, otherwise)",
        about: "a where the condition is true, else by further pairs of condition and value, else the last",
        counts: 3..=ANY,
        numbers: None,
        build: |args| {
            let mut choice = when(&args.raster()?).then(args.fill()?);
            while args.left() > 1 {
                choice = choice.when(&args.raster()?).then(args.fill()?);
            }
            let otherwise = args.fill()?;
            args.finish(choice.otherwise(otherwise))
        },
    },
    Function {
        name: "bits",
        usage: "bits(x, first, end)",
        about: "the bits from first up to, not including, end of an integer, the lowest being 0",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, first, end) = (args.raster()?, args.bit()?, args.bit()?);
            args.finish(x.bits(first..end))
        },
    },
    Function {
        name: "bit",
        usage: "bit(x, index)",
        about: "whether a bit of an integer is set, the lowest being 0",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, index) = (args.raster()?, args.bit()?);
            args.finish(x.bit(index))
        },
    },
    Function {
        name: "scale_offset",
        usage: "scale_offset(x, scale, offset)",
        about: "x times the scale, plus the offset",
        counts: 3..=3,
        numbers: None,
        build: |args| {
            let (x, scale, offset) = (args.raster()?, args.number()?, args.number()?);
            args.finish(x.scale_offset(scale, offset))
        },
    },
    Function {
        name: "normalized_difference",
        usage: "normalized_difference(a, b)",
        about: "(a - b) / (a + b)",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (a, b) = (args.raster()?, args.raster()?);
            args.finish(a.normalized_difference(&b))
        },
    },
    unary("is_nan", "is_nan(x)", "whether each pixel is NaN", |args| args.function(LazyRaster::is_nan)),
    unary("is_finite", "is_finite(x)", "whether each pixel is valid, not NaN and not infinite", |args| {
        args.function(LazyRaster::is_finite)
    }),
    unary("abs", "abs(x)", "the absolute value", |args| args.function(LazyRaster::abs)),
    unary("sign", "sign(x)", "-1, 0 or 1", |args| args.function(LazyRaster::sign)),
    unary("sqrt", "sqrt(x)", "the square root", |args| args.function(LazyRaster::sqrt)),
    unary("exp", "exp(x)", "e to the power of x", |args| args.function(LazyRaster::exp)),
    unary("ln", "ln(x)", "the natural logarithm", |args| args.function(LazyRaster::ln)),
    unary("log2", "log2(x)", "the logarithm to base 2", |args| args.function(LazyRaster::log2)),
    unary("log10", "log10(x)", "the logarithm to base 10", |args| args.function(LazyRaster::log10)),
    unary("sin", "sin(x)", "the sine of radians", |args| args.function(LazyRaster::sin)),
    unary("cos", "cos(x)", "the cosine of radians", |args| args.function(LazyRaster::cos)),
    unary("tan", "tan(x)", "the tangent of radians", |args| args.function(LazyRaster::tan)),
    unary("asin", "asin(x)", "the angle in radians whose sine x is", |args| args.function(LazyRaster::asin)),
    unary("acos", "acos(x)", "the angle in radians whose cosine x is", |args| args.function(LazyRaster::acos)),
    unary("atan", "atan(x)", "the angle in radians whose tangent x is", |args| args.function(LazyRaster::atan)),
    unary("floor", "floor(x)", "the next integer below", |args| args.function(LazyRaster::floor)),
    unary("ceil", "ceil(x)", "the next integer above", |args| args.function(LazyRaster::ceil)),
    unary("round", "round(x)", "the nearest integer, the even one of two", |args| args.function(LazyRaster::round)),
    unary("trunc", "trunc(x)", "the next integer towards 0", |args| args.function(LazyRaster::trunc)),
    Function {
        name: "with_nodata",
        usage: "with_nodata(x, value)",
        about: "x, of which pixels of this value are none",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, value) = (args.raster()?, args.scalar()?);
            args.finish(x.with_nodata(value))
        },
    },
    Function {
        name: "fill_nodata",
        usage: "fill_nodata(x, value)",
        about: "x with this value where it is nodata, and no nodata",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, value) = (args.raster()?, args.scalar()?);
            args.finish(x.fill_nodata(value))
        },
    },
    Function {
        name: "without_nodata",
        usage: "without_nodata(x)",
        about: "x with all its pixels valid",
        counts: 1..=1,
        numbers: None,
        build: |args| {
            let x = args.raster()?;
            args.finish(x.without_nodata())
        },
    },
    Function {
        name: "squeeze",
        usage: "squeeze(x)",
        about: "x without time and band axes of length 1",
        counts: 1..=1,
        numbers: None,
        build: |args| {
            let x = args.raster()?;
            args.finish(x.squeeze())
        },
    },
    Function {
        name: "band",
        usage: "band(x, index)",
        about: "one band, counted from 0, without the band axis",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, index) = (args.raster()?, args.index()?);
            args.finish(x.band(index))
        },
    },
    Function {
        name: "slice",
        usage: "slice(x, time|band|y|x, start, end)",
        about: "the pixels from start up to, not including, end along an axis",
        counts: 4..=4,
        numbers: None,
        build: |args| {
            let (x, dim, start, end) = (args.raster()?, args.word("an axis", dim)?, args.index()?, args.index()?);
            args.finish(x.slice(dim, start..end))
        },
    },
    Function {
        name: "window",
        usage: "window(x, row0, row1, column0, column1)",
        about: "these rows and columns, without row1 and column1",
        counts: 5..=5,
        numbers: None,
        build: |args| {
            let x = args.raster()?;
            let [row0, row1, column0, column1] = [args.index()?, args.index()?, args.index()?, args.index()?];
            args.finish(x.window(row0..row1, column0..column1))
        },
    },
    Function {
        name: "clip_box",
        usage: "clip_box(x, left, bottom, right, top)",
        about: "the smallest window that covers a box in units of the CRS",
        counts: 5..=5,
        numbers: None,
        build: |args| {
            let x = args.raster()?;
            let [left, bottom, right, top] = [args.number()?, args.number()?, args.number()?, args.number()?];
            args.finish(x.clip_box(left, bottom, right, top))
        },
    },
    Function {
        name: "repeat",
        usage: "repeat(x, [band, y, x])",
        about: "each pixel so often; [1, 2, 2] brings 20 m onto a 10 m grid",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, factors) = (args.raster()?, args.lengths_of("[band, y, x]")?);
            args.finish(x.repeat(factors))
        },
    },
    Function {
        name: "rechunk",
        usage: "rechunk(x, [lengths])",
        about: "the same pixels in chunks of these lengths, one for each axis",
        counts: 2..=2,
        numbers: None,
        build: |args| {
            let (x, lengths) = (args.raster()?, args.lengths()?);
            args.finish(x.rechunk(&lengths))
        },
    },
    number("count", "count(x)", "alone: how many pixels of each band are valid", |args| {
        args.one(|told| Some(Scalar::from(told.count())))
    }),
    number("sum", "sum(x)", "alone: the sum of each band", |args| args.one(|told| Some(told.sum()))),
    number("mean", "mean(x)", "alone: the mean of each band", |args| args.one(|told| float(told.mean()))),
    number("min", "min(x)", "alone: the least pixel of each band", |args| args.one(|told| told.min())),
    number("max", "max(x)", "alone: the greatest pixel of each band", |args| args.one(|told| told.max())),
    number("std", "std(x)", "alone: the standard deviation of each band", |args| {
        args.one(|told| float(told.standard_deviation(0)))
    }),
    number("var", "var(x)", "alone: the variance of each band", |args| args.one(|told| float(told.variance(0)))),
    number("median", "median(x)", "alone: the median of each band, of integers", |args| {
        args.counted(|told| float(told.median()))
    }),
    number("mode", "mode(x)", "alone: the most frequent value of each band, of integers", |args| {
        args.counted(Summary::mode)
    }),
    Function {
        counts: 2..=2,
        ..number(
            "quantile",
            "quantile(x, share)",
            "alone: the value below which a share of each band lies, of integers",
            |args| {
                let (statistics, share) = (args.counted_statistics()?, args.number()?);
                match (0.0..=1.0).contains(&share) {
                    true => Ok(Numbers { statistics, told: Told::Quantile(share) }),
                    false => Err(args.lacks("a share from 0 to 1")),
                }
            },
        )
    },
    number("any", "any(x)", "alone: whether any pixel of each band is true", |args| {
        args.of_bools(|told| told.any().map(Scalar::from))
    }),
    number("all", "all(x)", "alone: whether all pixels of each band are true", |args| {
        args.of_bools(|told| told.all().map(Scalar::from))
    }),
    number(
        "argmin",
        "argmin(x)",
        "alone: row and column of the least pixel of each band, the first of several",
        |args| args.place(|told| told.argmin()),
    ),
    number("argmax", "argmax(x)", "alone: row and column of the greatest pixel of each band", |args| {
        args.place(|told| told.argmax())
    }),
    number("statistics", "statistics(x)", "alone: what swath stats tells", |args| {
        let statistics = args.raster().and_then(|x| args.finish(x.statistics()))?;
        Ok(Numbers { statistics, told: Told::All })
    }),
    Function {
        counts: 4..=4,
        ..number(
            "histogram",
            "histogram(x, bins, low, high)",
            "alone: how many pixels of each band lie in bins of equal width",
            |args| {
                let (x, bins, low, high) = (args.raster()?, args.index()?, args.number()?, args.number()?);
                let bins = args.finish(Bins::new(low, high, bins))?;
                let statistics = args.finish(x.statistics().and_then(|statistics| statistics.histogram(bins)))?;
                Ok(Numbers { statistics, told: Told::All })
            },
        )
    },
];

/// All functions, as the help lists them.
fn all() -> impl Iterator<Item = &'static Function> + Clone {
    FUNCTIONS.iter().chain(windows::FUNCTIONS).chain(structure::FUNCTIONS)
}

/// A function of one raster.
const fn unary(name: &'static str, usage: &'static str, about: &'static str, build: Build<LazyRaster>) -> Function {
    Function { name, usage, about, counts: 1..=1, numbers: None, build }
}

/// A function of all pixels of a raster.
const fn number(name: &'static str, usage: &'static str, about: &'static str, numbers: Build<Numbers>) -> Function {
    Function { name, usage, about, counts: 1..=1, numbers: Some(numbers), build: |args| Err(args.alone()) }
}

fn float(value: Option<f64>) -> Option<Scalar> {
    value.map(Scalar::from)
}

impl Function {
    /// The function of a name that stands at `place`.
    pub(super) fn named(name: &str, place: &Span) -> Result<&'static Self, Complaint> {
        all().find(|function| function.name == name).ok_or_else(|| {
            let hint = suggestion(name, all().map(|function| function.name));
            Complaint::new(place, format!("there is no function {name}{hint}"))
        })
    }

    /// Whether its arguments after the first may be words, which it checks itself: `u8`, `saturate`, `band`.
    pub(super) fn takes_words(&self) -> bool {
        const NAMES: [&str; 11] =
            ["cast", "slice", "coarsen", "downsample", "focal", "over", "convolve", "pad", "shift", "flip", "step_by"];
        NAMES.contains(&self.name) || self.takes_rasters()
    }

    /// Whether it takes as many rasters as one likes, and perhaps a word behind them, which a raster of this name wins over.
    pub(super) fn takes_rasters(&self) -> bool {
        ["stack", "concat", "mosaic"].contains(&self.name)
    }

    pub(super) fn check_count(&self, count: usize, call: &Span) -> Result<(), Complaint> {
        if self.counts.contains(&count) {
            return Ok(());
        }
        let (least, most) = (self.counts.start(), self.counts.end());
        let wanted = match (least, most) {
            (1, 1) => "1 argument".to_owned(),
            (1, &ANY) => "1 argument or more".to_owned(),
            (_, &ANY) => format!("{least} arguments or more"),
            _ if least == most => format!("{least} arguments"),
            _ => format!("{least} or {most} arguments"),
        };
        Err(Complaint::new(call, format!("{} takes {wanted}, not {count}: {}", self.name, self.usage)))
    }
}

fn dtype(name: &str) -> Option<DType> {
    DType::from_name(name)
}

fn overflow(name: &str) -> Option<Overflow> {
    Some(match name {
        "error" => Overflow::Error,
        "saturate" => Overflow::Saturate,
        "wrap" => Overflow::Wrap,
        _ => return None,
    })
}

fn dim(name: &str) -> Option<Dim> {
    Dim::ALL.into_iter().find(|dim| dim.name() == name)
}

/// A line or two for each function, for `--help`.
pub(super) fn help() -> String {
    all().map(|Function { usage, about, .. }| format!("  {usage}\n        {about}\n")).collect()
}
