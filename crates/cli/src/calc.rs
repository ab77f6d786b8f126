//! `swath calc`: an expression over named rasters, explained, drawn or run.

mod ast;
mod complaint;
mod evaluate;
mod functions;
mod input;
mod parse;

pub(crate) use functions::Told;
pub(crate) use input::Input;

use std::path::Path;

use swath::prelude::*;
use swath::{Detail, DotOptions, Explain, Run, Sink, Times, Trace};

use crate::args::{CalcArgs, ShowArgs};
use crate::failure::Failure;
use crate::{output, progress, run, stats};
use evaluate::Whole;
use functions::Numbers;

pub(crate) const ABOUT: &str = "\
Compute an expression of rasters, and write it as a GeoTIFF; or print it, where it is numbers.

Files are opened with one request each; only the blocks that the result needs are read, computed and written, in \
parallel and inside the memory limit. A fill that does not fit the dtype, grids that differ or a condition that is none \
are errors before anything runs. The output appears when it is complete: an error leaves nothing of it, an interrupt at \
most a hidden temporary file beside it.";

pub(crate) const EXAMPLES: &str = "\
Examples:
  Clouds become 0; the image's first overview has the classes' 20 m pixels:
    swath calc 'mask(v, isin(scl, [8, 9]), 0)' v=visual.tif@0 scl=SCL.tif -o out.tif
  What that would read and hold, without running it, and its graph:
    swath calc 'mask(v, isin(scl, [8, 9]), 0)' v=visual.tif@0 scl=SCL.tif --explain
    swath calc 'isin(scl, [4..=6])' scl=SCL.tif --dot - | dot -Tsvg > graph.svg
  A vegetation index, from -1 to 1, of two bands whose nodata is kept:
    swath calc '(nir - red) / (nir + red)' nir=B08.tif red=B04.tif -o ndvi.tif
  Numbers, which are printed: its mean, and how it is spread:
    swath calc 'mean((nir - red) / (nir + red))' nir=B08.tif red=B04.tif
    swath calc 'histogram((nir - red) / (nir + red), 20, -1, 1)' nir=B08.tif red=B04.tif --json
  A part of a remote file, in half a gibibyte, as ZSTD:
    swath calc 'window(red, 0, 4096, 0, 4096) > 1200' -o bright.tif \\
        red=https://example.com/B04.tif --memory 512M --compress zstd";

/// The language and the examples, for `--help`.
pub(crate) fn help() -> String {
    format!(
        "Functions:\n{}\n\
         Operators, the tightest first: **; - ~ or ! before a raster; * / // %; + -; << >>; &; ^; |;\n\
         < <= > >= == !=; not; and; or. As in NumPy, & and | bind tighter than comparisons:\n\
         write (a > 1) & (b < 2), or a > 1 and b < 2.\n\
         Integers cannot overflow: results have the smallest dtype that holds them; / gives floats.\n\n\
         Numbers: 7, -1.5, 1e3, 0xff, nan, inf; true and false.\n\n{EXAMPLES}",
        functions::help()
    )
}

pub(crate) fn run(args: &CalcArgs) -> Result<(), Failure> {
    let expression = parse(args)?;
    let gives_numbers = evaluate::gives_numbers(&expression);
    if gives_numbers && args.output.is_some() {
        return Err(Failure::Usage("this gives numbers, which are printed: leave out -o".to_owned()));
    }
    if !gives_numbers {
        check_raster_options(args)?;
    }
    let run = run::settings(&args.run);
    let raster = match open(args, &expression)? {
        Whole::Raster(raster) => raster,
        Whole::Numbers(numbers) if args.show.explain || args.show.dot.is_some() => {
            return show(args, &run, &numbers.statistics);
        }
        Whole::Numbers(Numbers { statistics, told }) => {
            let computed = stats::compute(&args.expression, &args.run, &run, &statistics)?;
            return stats::print(&args.expression, &computed, &told, args.json);
        }
    };
    match &args.output {
        Some(path) => {
            let sink = raster.to_geotiff_with(path, args.format.options())?;
            if args.show.explain { show(args, &run, &sink) } else { write(args, run, &sink) }
        }
        None => show(args, &run, &raster),
    }
}

/// What makes no sense where an expression gives a raster.
fn check_raster_options(args: &CalcArgs) -> Result<(), Failure> {
    let message = match &args.output {
        _ if args.json => "--json is for numbers: mean(x), statistics(x) and their like",
        None if args.run.trace.is_some() => "--trace tells of a run: name its output with -o OUT.tif",
        None if !args.show.explain && args.show.dot.is_none() => {
            "nothing to do: name the output with -o OUT.tif, or ask for --explain or --dot FILE"
        }
        _ => return Ok(()),
    };
    Err(Failure::Usage(message.to_owned()))
}

/// What the text alone says wrong is told before any file is opened.
fn parse(args: &CalcArgs) -> Result<ast::Expr, Failure> {
    let names: Vec<_> = args.inputs.iter().map(|input| input.name.as_str()).collect();
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(Failure::Usage(format!("the input {twice} is given twice")));
    }
    let complain = |complaint: complaint::Complaint| complaint.into_failure(&args.expression);
    let expression = parse::parse(&args.expression).map_err(complain)?;
    evaluate::check_names(&expression, &names).map_err(complain)?;
    Ok(expression)
}

/// What an expression stands for, its files opened.
fn open(args: &CalcArgs, expression: &ast::Expr) -> Result<Whole, Failure> {
    let complain = |complaint: complaint::Complaint| complaint.into_failure(&args.expression);
    let names: Vec<_> = args.inputs.iter().map(|input| input.name.as_str()).collect();
    let used = evaluate::check_names(expression, &names).map_err(complain)?;
    let mut rasters = evaluate::Inputs::new();
    for input in args.inputs.iter().filter(|input| used.contains(&input.name.as_str())) {
        rasters.insert(input.name.clone(), input.open()?);
    }
    evaluate::evaluate_whole(expression, &rasters).map_err(complain)
}

/// Prints the plan and writes the graph, where asked for.
fn show<'a>(args: &CalcArgs, run: &Run, what: impl Into<Explain<'a>>) -> Result<(), Failure> {
    let what = what.into();
    if args.show.explain {
        output::print(&run.explain(what)?)?;
    }
    draw(&args.show, run, what, None)
}

/// Writes the graph, where asked for, with what was measured of it.
fn draw(args: &ShowArgs, run: &Run, what: Explain<'_>, times: Option<Times>) -> Result<(), Failure> {
    let Some(path) = &args.dot else { return Ok(()) };
    let dot = run.to_dot(what, DotOptions::from(Detail::from(args.dot_detail)).with_times(times))?;
    if path == Path::new("-") { output::print(&dot) } else { output::write_file(path, dot) }
}

fn write(args: &CalcArgs, run: Run, sink: &Sink) -> Result<(), Failure> {
    let trace = Trace::new();
    let is_watched = args.run.trace.is_some() || args.show.dot.is_some();
    let run = if is_watched { run.traced_by(&trace) } else { run };
    let written = if args.run.progress {
        let (run, _bar) = progress::shown(run.clone());
        sink.run(&run)
    } else {
        sink.run(&run)
    };
    // First, as a run that failed is one to look at.
    let traced = args.run.trace.as_ref().map_or(Ok(()), |path| trace.write(path));
    let drawn = draw(&args.show, &run, sink.into(), trace.times());
    let report = written?;
    traced?;
    drawn?;
    if !args.run.quiet {
        output::note(format_args!("{}: {report}", sink.path()));
    }
    Ok(())
}
