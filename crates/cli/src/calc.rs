//! `swath calc`: an expression over named rasters, explained, drawn or run.

mod ast;
mod complaint;
mod evaluate;
mod arguments;
mod functions;
mod input;
mod parse;

pub(crate) use functions::{Told, overlap};
pub(crate) use input::Input;

use swath::{Io, OpenOptions};

use crate::args::CalcArgs;
use crate::failure::Failure;
use crate::{deliver, run, stats};
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
  Two scenes as one, and the median of three dates of the ground they cover:
    swath calc 'mosaic(west, east)' west=a.tif east=b.tif -o both.tif
    swath calc 'mosaic(may, june, july, median)' may=5.tif june=6.tif july=7.tif -o summer.tif
  A part of a remote file, in half a gibibyte, as ZSTD:
    swath calc 'window(red, 0, 4096, 0, 4096) > 1200' -o bright.tif \\
        red=https://example.com/B04.tif --memory 512M --compress zstd";

/// The language and the examples, for `--help`.
pub(crate) fn help() -> String {
    format!(
        "Functions:\n{}\n\
         Operators, the tightest first: x[0], the first band; **; - ~ or ! before a raster; * / // %; + -; << >>; &; ^; |;\n\
         < <= > >= == !=; not; and; or. As in NumPy, & and | bind tighter than comparisons:\n\
         write (a > 1) & (b < 2), or a > 1 and b < 2.\n\
         Integers cannot overflow: results have the smallest dtype that holds them; / gives floats.\n\n\
         Numbers: 7, -1.5, 1e3, 0xff, nan, inf; true and false.\n\n{EXAMPLES}",
        functions::help()
    )
}

pub(crate) fn run(args: &CalcArgs) -> Result<(), Failure> {
    let expression = parse(args, &args.expression)?;
    let mask = args.mask.as_deref().map(|text| parse(args, text)).transpose()?;
    let gives_numbers = evaluate::gives_numbers(&expression);
    if gives_numbers && args.output.is_some() {
        return Err(Failure::Usage("this gives numbers, which are printed: leave out -o".to_owned()));
    }
    if !gives_numbers {
        check_raster_options(args)?;
    }
    let run = run::settings(&args.run);
    let io = args.store.io()?;
    let opened = open(&io, args, [Some(&expression), mask.as_ref()].into_iter().flatten())?;
    let in_mask = |complaint: complaint::Complaint| complaint.into_failure(args.mask.as_deref().unwrap_or_default());
    let mask = mask.map(|mask| evaluate::evaluate(&mask, &opened).map_err(in_mask)).transpose()?;
    let complain = |complaint: complaint::Complaint| complaint.into_failure(&args.expression);
    let raster = match evaluate::evaluate_whole(&expression, &opened).map_err(complain)? {
        Whole::Raster(raster) => raster,
        Whole::Numbers(numbers) if args.show.explain || args.show.dot.is_some() => {
            return deliver::show(&args.show, &run, &numbers.statistics);
        }
        Whole::Numbers(Numbers { statistics, told }) => {
            let computed = stats::compute(&args.expression, &args.run, &run, &statistics)?;
            return stats::print(&args.expression, &computed, &told, args.json);
        }
    };
    let raster = match args.nodata {
        Some(value) => raster.fill_nodata(value)?.with_nodata(value)?,
        None => raster,
    };
    let like = args.output.as_ref().and_then(|_| as_it_is(args, &expression));
    let like = like.map(|input| OpenOptions::new().io(&io).info(&input.uri)).transpose()?;
    let (path, like, mask) = (args.output.as_deref(), like.as_ref(), mask.as_ref());
    let output = deliver::Output { path, format: &args.format, io: &io, like, mask };
    deliver::raster(&raster, &output, run, &args.show, &args.run)
}

/// What makes no sense where an expression gives a raster.
fn check_raster_options(args: &CalcArgs) -> Result<(), Failure> {
    if args.json {
        return Err(Failure::Usage("--json is for numbers: mean(x), statistics(x) and their like".to_owned()));
    }
    deliver::check(args.output.as_deref(), &args.show, &args.run)
}

/// The input that an expression is, if it is one and no more: what its file says of its bands holds of the output, too.
fn as_it_is<'a>(args: &'a CalcArgs, expression: &ast::Expr) -> Option<&'a Input> {
    let ast::Kind::Name(name) = &expression.inner().kind else { return None };
    args.inputs.iter().find(|input| input.name == *name && input.is_stored())
}

/// What the text alone says wrong is told before any file is opened.
fn parse(args: &CalcArgs, text: &str) -> Result<ast::Expr, Failure> {
    let names: Vec<_> = args.inputs.iter().map(|input| input.name.as_str()).collect();
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(Failure::Usage(format!("the input {twice} is given twice")));
    }
    let complain = |complaint: complaint::Complaint| complaint.into_failure(text);
    let expression = parse::parse(text).map_err(complain)?;
    evaluate::check_names(&expression, &names).map_err(complain)?;
    Ok(expression)
}

/// The files that expressions name, which were [parsed](parse), by their names.
fn open<'a>(
    io: &Io,
    args: &CalcArgs,
    expressions: impl Iterator<Item = &'a ast::Expr>,
) -> Result<evaluate::Inputs, Failure> {
    let names: Vec<_> = args.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut used = Vec::new();
    for expression in expressions {
        used.extend(
            evaluate::check_names(expression, &names).map_err(|unknown| unknown.into_failure(&args.expression))?,
        );
    }
    let inputs = args.inputs.iter().filter(|input| used.contains(&input.name.as_str()));
    let wanted: Vec<_> = inputs.clone().map(Input::wanted).collect();
    Ok(inputs.map(|input| input.name.clone()).zip(Input::open_all(io, &wanted)?).collect())
}
