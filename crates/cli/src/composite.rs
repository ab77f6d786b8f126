//! `swath composite`: rasters of one place at several times as one.

use swath::{Fill, Io, LazyRaster, mosaic};

use crate::args::CompositeArgs;
use crate::calc::Input;
use crate::failure::Failure;
use crate::{deliver, run};

pub(crate) const ABOUT: &str = "\
Put rasters of one place at several times together: of each pixel the median, or another statistic, of those that have a \
valid one there.

The rasters may cover different parts of the ground, but lie on one lattice of pixels. Each may have a raster of classes, \
such as a scene classification, whose named classes do not count; one of coarser pixels is repeated by whole factors. Only \
what is needed is read, block by block, and however many rasters there are, memory keeps to its limit.";

pub(crate) const EXAMPLES: &str = "\
Examples:
  The median of three dates, without clouds and their shadows:
    swath composite may.tif june.tif july.tif -o summer.tif \\
        --classes may_scl.tif june_scl.tif july_scl.tif --without 3,8,9,10
  The brightest pixel of each place, of scenes that overlap:
    swath composite 31UFT.tif 31UFU.tif --statistic max -o brightest.tif";

pub(crate) fn run(args: &CompositeArgs) -> Result<(), Failure> {
    check(args)?;
    let io = args.store.io()?;
    let opened = open(&io, args.rasters.iter().chain(&args.classes))?;
    let (rasters, classes) = opened.split_at(args.rasters.len());
    let mut dates = Vec::with_capacity(rasters.len());
    for (index, raster) in rasters.iter().enumerate() {
        let valid = with_nodata(raster, args, &args.rasters[index])?;
        dates.push(match classes.get(index) {
            None => valid,
            Some(classes) => without(&valid, classes, args).map_err(|error| {
                error.while_doing(format_args!("{} and {}", args.rasters[index], args.classes[index]))
            })?,
        });
    }
    let composite = mosaic(dates, args.statistic)?;
    let output =
        deliver::Output { path: args.output.as_deref(), format: &args.format, io: &io, like: None, mask: None };
    deliver::raster(&composite, &output, run::settings(&args.run), &args.show, &args.run)
}

fn check(args: &CompositeArgs) -> Result<(), Failure> {
    if !args.classes.is_empty() && args.classes.len() != args.rasters.len() {
        return Err(Failure::Usage(format!(
            "there are {} rasters and {} of classes: give one for each, in the same order",
            args.rasters.len(),
            args.classes.len()
        )));
    }
    deliver::check(args.output.as_deref(), &args.show, &args.run)
}

/// All files at once.
fn open<'a>(io: &Io, uris: impl Iterator<Item = &'a String>) -> Result<Vec<LazyRaster>, Failure> {
    let wanted: Vec<_> = uris.map(|uri| Input::split(uri)).collect::<Result<_, _>>().map_err(Failure::Usage)?;
    Ok(Input::open_all(io, &wanted)?)
}

/// The raster with a value for pixels that are none.
fn with_nodata(raster: &LazyRaster, args: &CompositeArgs, uri: &str) -> Result<LazyRaster, Failure> {
    match (args.nodata, raster.nodata()) {
        (Some(nodata), _) => Ok(raster.with_nodata(nodata)?),
        (None, Some(_)) => Ok(raster.clone()),
        (None, None) => Err(Failure::Usage(format!(
            "{uri} has no nodata to tell which of its pixels are none: name a value with --nodata"
        ))),
    }
}

/// The raster without the pixels of classes that do not count.
fn without(raster: &LazyRaster, classes: &LazyRaster, args: &CompositeArgs) -> swath::Result<LazyRaster> {
    let rows_columns = |raster: &LazyRaster| match raster.shape()[..] {
        [.., rows, columns] => (rows, columns),
        _ => (0, 0),
    };
    let ((rows, columns), (coarse_rows, coarse_columns)) = (rows_columns(raster), rows_columns(classes));
    let is_whole = |fine: usize, coarse: usize| coarse > 0 && fine.is_multiple_of(coarse);
    let classes = match is_whole(rows, coarse_rows) && is_whole(columns, coarse_columns) {
        true => classes.repeat([1, rows / coarse_rows, columns / coarse_columns])?,
        false => classes.clone(),
    };
    raster.mask(&classes.squeeze()?.isin(args.without.clone())?, Fill::Nodata)
}
