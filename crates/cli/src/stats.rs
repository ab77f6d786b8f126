//! `swath stats`: what is told of all pixels of a file, for a person or as JSON.

mod json;

use swath::{Bins, Group, Histogram, Io, LazyRaster, LazyStatistics, Run, Scalar, Statistics, Summary, Trace, text};

use crate::args::{RunArgs, StatsArgs};
use crate::calc::{Input, Told};
use crate::failure::Failure;
use crate::table::Table;
use crate::{interrupt, output, progress, run};

pub(crate) const ABOUT: &str = "\
Print statistics of all pixels of a file, band by band: how many are valid, their least and greatest value, mean and \
standard deviation.

Nodata is left out. Sums are exact, so that the numbers are the same for any threads, memory and blocks. The file is read \
once, block by block and inside the memory limit; a histogram without --range reads it twice.";

pub(crate) const EXAMPLES: &str = "\
Examples:
  swath stats https://example.com/S2A_31UFU/B04.tif
  swath stats visual.tif@2 --histogram 16 --range 0,255
  swath stats SCL.tif --quantiles 0.02,0.5,0.98 --json | jq '.bands[0].quantiles'
  swath stats ndvi.tif --zones fields.tif";

/// What is told of each group beside its moments.
pub(super) struct Asked<'a> {
    pub(super) quantiles: &'a [f64],
    pub(super) by_zone: bool,
}

pub(crate) fn run(args: &StatsArgs) -> Result<(), Failure> {
    if args.histogram.is_none() && args.range.is_some() {
        return Err(Failure::Usage("--range is of a histogram: ask for one with --histogram BINS".to_owned()));
    }
    if args.histogram.is_some() && !args.quantiles.is_empty() {
        return Err(Failure::Usage("--histogram and --quantiles cannot be asked for at once".to_owned()));
    }
    let io = args.store.io()?;
    let raster = open(&io, &args.uri)?;
    let run = run::settings(&args.run);
    let mut statistics = raster.statistics()?;
    if let Some(zones) = &args.zones {
        statistics = statistics.by(&open(&io, zones)?)?;
    }
    if !args.quantiles.is_empty() {
        statistics = statistics.value_counts()?;
    }
    if let Some(count) = args.histogram {
        let (low, high) = match args.range {
            Some(range) => range,
            None => extent(&compute(&args.uri, &args.run, &run, &raster.statistics()?)?)?,
        };
        statistics = statistics.histogram(Bins::new(low, high, count)?)?;
    }
    if args.explain {
        return output::print(&run.explain(&statistics)?);
    }
    let told = compute(&args.uri, &args.run, &run, &statistics)?;
    let asked = Asked { quantiles: &args.quantiles, by_zone: args.zones.is_some() };
    output::print(&if args.json { json::render(&args.uri, &told, &asked) } else { render(&told, &asked) })
}

fn open(io: &Io, uri: &str) -> Result<LazyRaster, Failure> {
    let wanted = Input::split(uri).map_err(Failure::Usage)?;
    Ok(Input::open_all(io, &[wanted])?.swap_remove(0))
}

/// Computes statistics of what is called `name`, as asked for.
pub(crate) fn compute(
    name: &str,
    args: &RunArgs,
    run: &Run,
    statistics: &LazyStatistics,
) -> Result<Statistics, Failure> {
    let trace = Trace::new();
    let run = interrupt::cancelling(if args.trace.is_some() { run.clone().traced_by(&trace) } else { run.clone() });
    let told = if args.progress {
        let (run, _bar) = progress::shown(run);
        run.statistics_with_report(statistics)
    } else {
        run.statistics_with_report(statistics)
    };
    // First, as a run that failed is one to look at.
    args.trace.as_ref().map_or(Ok(()), |path| trace.write(path))?;
    let (told, report) = told?;
    if !args.quiet {
        output::note(format_args!("{name}: {report}"));
    }
    Ok(told)
}

/// Prints what an expression asks for: all, or a number for each band.
pub(crate) fn print(name: &str, told: &Statistics, asked: &Told, as_json: bool) -> Result<(), Failure> {
    let all = Asked { quantiles: &[], by_zone: false };
    let of_each = |of: &dyn Fn(&Summary) -> Option<Vec<Scalar>>| told.iter().map(|(_, summary)| of(summary)).collect();
    let numbers: Vec<Option<Vec<Scalar>>> = match asked {
        Told::All => return output::print(&if as_json { json::render(name, told, &all) } else { render(told, &all) }),
        Told::One(one) => of_each(&|summary| one(summary).map(|number| vec![number])),
        Told::Quantile(share) => of_each(&|summary| summary.quantile(*share).map(|number| vec![number.into()])),
        Told::Place(place) => of_each(&|summary| place(summary).map(|place| place.map(Scalar::from).to_vec())),
    };
    output::print(&if as_json {
        json::numbers(&numbers)
    } else {
        let line = |numbers: &Vec<Scalar>| numbers.iter().map(Scalar::to_string).collect::<Vec<_>>().join(" ");
        numbers.iter().map(|one| format!("{}\n", one.as_ref().map_or("none".to_owned(), line))).collect()
    })
}

/// From the least to the greatest pixel, as NumPy's `histogram` has it.
fn extent(told: &Statistics) -> Result<(f64, f64), Failure> {
    let all = told.all()?;
    let ends = all.min().zip(all.max()).map(|(least, greatest)| (least.to_f64(), greatest.to_f64()));
    match ends {
        Some((low, high)) if low < high => Ok((low, high)),
        Some((low, high)) if low == high => Ok((low - 0.5, high + 0.5)),
        Some(_) => Err(Failure::Failed("a pixel is NaN: give the bins a --range LOW,HIGH".to_owned())),
        None => Err(Failure::Failed("no pixel is valid: give the bins a --range LOW,HIGH".to_owned())),
    }
}

/// A line for each group of pixels, then their histograms.
fn render(told: &Statistics, asked: &Asked<'_>) -> String {
    let mut table = Table::default();
    let mut head = vec!["band".to_owned()];
    head.extend(asked.by_zone.then(|| "zone".to_owned()));
    head.extend(["valid", "missing", "min", "max", "mean", "std"].map(str::to_owned));
    head.extend(asked.quantiles.iter().map(|q| format!("q {q}")));
    table.row(head);
    for (group, summary) in told.iter() {
        table.row(cells(group, summary, asked));
    }
    let mut out = table.render(0);
    for (group, summary) in told.iter() {
        if let Some(histogram) = summary.histogram() {
            out.push_str(&bins(group, &histogram));
        }
    }
    out
}

fn cells(group: &Group, summary: &Summary, asked: &Asked<'_>) -> Vec<String> {
    let float = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let scalar = |value: Option<Scalar>| match value {
        Some(Scalar::Float(value)) => short(value),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let mut cells = vec![group.band.to_string()];
    cells.extend(group.zone.map(|zone| zone.to_string()));
    cells.extend([text::count(summary.count()), text::count(summary.missing())]);
    cells.extend([scalar(summary.min()), scalar(summary.max())]);
    cells.extend([float(summary.mean()), float(summary.standard_deviation(0))]);
    cells.extend(asked.quantiles.iter().map(|q| float(summary.quantile(*q))));
    cells
}

fn bins(group: &Group, histogram: &Histogram) -> String {
    let zone = group.zone.map_or_else(String::new, |zone| format!(", zone {zone}"));
    let mut table = Table::default();
    table.row(["from", "to", "pixels"]);
    let edges = histogram.bins.edges();
    for (edges, count) in edges.windows(2).zip(&histogram.counts) {
        table.row([short(edges[0]), short(edges[1]), text::count(*count)]);
    }
    for (name, count) in [("below", histogram.below), ("above", histogram.above)] {
        if count > 0 {
            table.row([name.to_owned(), String::new(), text::count(count)]);
        }
    }
    format!("\nband {}{zone}\n{}", group.band, table.render(2))
}

/// Six digits, as many as a table has room for; JSON has them all.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 5 - value.abs().log10().floor() as i32;
    match digits {
        0..=12 => {
            let text = format!("{value:.*}", digits as usize);
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        -9..=-1 => format!("{value:.0}"),
        _ => format!("{value:.5e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_tables_have_six_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (1.0 / 3.0, "0.333333"),
            (1234.5678, "1234.57"),
            (123_456_789.0, "123456789"),
            (1e-12, "1.00000e-12"),
            (1e20, "1.00000e20"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
