//! What becomes of a raster: it is written, explained or drawn.

use std::path::Path;

use swath::prelude::*;
use swath::{Colors, Detail, DotOptions, Explain, Info, Io, Job, LazyRaster, Run, Times, Trace};

use crate::args::{FormatArgs, RunArgs, ShowArgs};
use crate::failure::Failure;
use crate::{interrupt, output, progress};

/// Pixels on the longer side of a quicklook at most.
const QUICKLOOK_SIDE_MAX: usize = 1024;

/// What makes no sense for a raster that goes to `path`, or nowhere.
pub(crate) fn check(path: Option<&Path>, show: &ShowArgs, run: &RunArgs) -> Result<(), Failure> {
    let message = match path {
        None if run.trace.is_some() => "--trace tells of a run: name its output with -o OUT.tif",
        None if !show.explain && show.dot.is_none() => {
            "nothing to do: name the output with -o OUT.tif, or ask for --explain or --dot FILE"
        }
        _ => return Ok(()),
    };
    Err(Failure::Usage(message.to_owned()))
}

/// Where a raster goes, and how.
pub(crate) struct Output<'a> {
    pub(crate) path: Option<&'a Path>,
    pub(crate) format: &'a FormatArgs,
    pub(crate) io: &'a Io,
    /// Of a file whose bands it has.
    pub(crate) like: Option<&'a Info>,
    /// Which of its pixels are valid, if the file is to tell it by a mask.
    pub(crate) mask: Option<&'a LazyRaster>,
}

/// Writes a raster, or shows what would run.
pub(crate) fn raster(
    raster: &LazyRaster,
    output: &Output<'_>,
    run: Run,
    show_args: &ShowArgs,
    run_args: &RunArgs,
) -> Result<(), Failure> {
    let Some(path) = output.path else { return show(show_args, &run, raster) };
    let sink = output.format.sink(raster, path, output.io, output.like, output.mask)?;
    let picture = output.format.quicklook.as_deref();
    let picture = picture.map(|path| raster.to_png(path, &Colors::Auto, QUICKLOOK_SIDE_MAX)).transpose()?;
    let jobs: Vec<&dyn Job> = std::iter::once(&sink).chain(&picture).map(|sink| sink as &dyn Job).collect();
    if show_args.explain {
        show(show_args, &run, jobs.as_slice())
    } else {
        write(sink.name(), &jobs, run, show_args, run_args)
    }
}

/// Prints the plan and writes the graph, where asked for.
pub(crate) fn show<'a>(args: &ShowArgs, run: &Run, what: impl Into<Explain<'a>>) -> Result<(), Failure> {
    let what = what.into();
    if args.explain {
        output::print(&run.explain(what)?)?;
    }
    draw(args, run, what, None)
}

/// Writes the graph, where asked for.
fn draw(args: &ShowArgs, run: &Run, what: Explain<'_>, times: Option<Times>) -> Result<(), Failure> {
    let Some(path) = &args.dot else { return Ok(()) };
    let dot = run.to_dot(what, DotOptions::from(Detail::from(args.dot_detail)).with_times(times))?;
    if path == Path::new("-") { output::print(&dot) } else { output::write_file(path, dot) }
}

fn write(name: &str, jobs: &[&dyn Job], run: Run, show: &ShowArgs, args: &RunArgs) -> Result<(), Failure> {
    let trace = Trace::new();
    let is_watched = args.trace.is_some() || show.dot.is_some();
    let run = interrupt::cancelling(if is_watched { run.traced_by(&trace) } else { run });
    let written = if args.progress {
        let (run, _bar) = progress::shown(run.clone());
        run.all(jobs)
    } else {
        run.all(jobs)
    };
    // First, as a run that failed is one to look at.
    let traced = args.trace.as_ref().map_or(Ok(()), |path| trace.write(path));
    let drawn = draw(show, &run, jobs.into(), trace.times());
    let report = written?;
    traced?;
    drawn?;
    if !args.quiet {
        output::note(format_args!("{name}: {report}"));
    }
    Ok(())
}
