//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use swath::prelude::*;
use swath::{
    BigTiff, CogOptions, Compression, Detail, GeoTiffOptions, Info, Interleave, Io, LazyRaster, Overlap, Overviews,
    Predictor, Resampling, Scalar, Sink,
};

use crate::store::StoreArgs;
use crate::units::{parse_duration, parse_range, parse_rate, parse_scalar, parse_share, parse_size};
use crate::{calc, composite, stats};

const TOUR: &str = "\
A short tour:
  swath demo
      makes a scene, masks its clouds serially and in parallel, and compares
  swath info swath-demo/scene/*/visual.tif
      tells what is in a file; a URL works as well, with one request
  swath stats swath-demo/scene/*/visual.tif
      tells what its pixels are: least, greatest, mean, deviation, by band
  swath calc 'mask(v, isin(scl, [8, 9]), 0)' v=visual.tif@0 scl=SCL.tif -o out.tif
      reads, computes and writes block by block; --explain tells what it would do

Exit codes: 0 done, 1 failed, 2 the command line is wrong.
Results go to standard output, all else to standard error.";

const INFO_EXAMPLES: &str = "\
Examples:
  swath info SCL.tif
  swath info https://example.com/S2A_31UFU/visual.tif
  swath info --json SCL.tif | jq '.overviews | length'";

const DEMO_ABOUT: &str = "\
Generates a scene of land cover and clouds, serves it on loopback over HTTP with a latency that feels like the internet, \
and masks its clouds three times: one step after the other, with one worker that fetches ahead, and with several. \
Prints how long each took, checks that all wrote the same bytes, and leaves the result, its task graph and a preview.

What lies in the folder under the names of those files is replaced.";

/// Lazy raster algebra over Cloud-Optimized GeoTIFF, in parallel, inside a memory limit.
#[derive(Debug, Parser)]
#[command(name = "swath", version, propagate_version = true, arg_required_else_help = true, after_help = TOUR)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what a file says of itself: size, grid, blocks, bands, overviews, masks, pages, metadata.
    #[command(after_help = INFO_EXAMPLES)]
    Info(InfoArgs),
    /// Compute an expression of rasters, and write it as a GeoTIFF, or print its numbers.
    #[command(long_about = calc::ABOUT, after_long_help = calc::help(), after_help = calc::EXAMPLES)]
    Calc(CalcArgs),
    /// Print statistics of all pixels of a file, band by band.
    #[command(long_about = stats::ABOUT, after_help = stats::EXAMPLES)]
    Stats(StatsArgs),
    /// Put rasters of several times together: the median of what is valid, or another statistic.
    #[command(long_about = composite::ABOUT, after_help = composite::EXAMPLES)]
    Composite(CompositeArgs),
    /// Mask the clouds of a generated scene over HTTP, serially and in parallel, and compare.
    #[command(long_about = DEMO_ABOUT)]
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Path or URI (http, https, file, s3, gs, az) of a GeoTIFF.
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    /// Which of its images, counted from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) page: usize,
    /// Look for overviews and a mask in URI.ovr and URI.msk, too.
    #[arg(long)]
    pub(crate) sidecars: bool,
    /// Print JSON, whose keys stay the same from version to version.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CalcArgs {
    /// The expression, such as 'mask(visual, isin(scl, [8, 9]), 0)'; --help lists the functions.
    #[arg(value_name = "EXPR")]
    pub(crate) expression: String,
    /// A raster by name. Behind its URI, in any order: @0 for the first overview, as GDAL's OVERVIEW_LEVEL, @full for full
    /// resolution, as without; @page1 for the second image of a file; @scaled for physical values, by its own scale and
    /// offset; @valid for which pixels are valid, by its mask, nodata or alpha, as bool; @sidecars to use overviews and
    /// mask in URI.ovr and URI.msk.
    #[arg(value_name = "NAME=URI[@WORD]", required = true, value_parser = calc::Input::parse)]
    pub(crate) inputs: Vec<calc::Input>,
    /// The GeoTIFF to write, a path or a URI (s3://, gs://, az://, http://); one that exists is replaced when the new one
    /// is complete.
    #[arg(short, long, value_name = "OUT.tif")]
    pub(crate) output: Option<PathBuf>,
    /// The value of pixels that are none, in the file; those that were none by another value get this one.
    #[arg(long, value_name = "VALUE", value_parser = parse_scalar, allow_hyphen_values = true)]
    pub(crate) nodata: Option<Scalar>,
    /// Which pixels are valid, as an expression that gives one band of bool, such as v of v=in.tif@valid: the file then has
    /// a mask inside.
    #[arg(long, value_name = "EXPR", conflicts_with = "nodata")]
    pub(crate) mask: Option<String>,
    /// Print numbers as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Path or URL of a GeoTIFF; @0 is its first overview, without @ it is full resolution. As for swath calc, @page1,
    /// @scaled, @valid and @sidecars may follow.
    #[arg(value_name = "URI[@WORD]")]
    pub(crate) uri: String,
    /// A raster of classes on the same grid: statistics of each class.
    #[arg(long, value_name = "URI[@LEVEL]")]
    pub(crate) zones: Option<String>,
    /// Counts of pixels in so many bins of equal width.
    #[arg(long, value_name = "BINS")]
    pub(crate) histogram: Option<usize>,
    /// The outer edges of the bins; by default the least and the greatest pixel of all bands.
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    pub(crate) range: Option<(f64, f64)>,
    /// Values below which such shares of the pixels lie, such as 0.02,0.5,0.98; of integers.
    #[arg(long, value_name = "Q,…", value_delimiter = ',', value_parser = parse_share)]
    pub(crate) quantiles: Vec<f64>,
    /// Print JSON, whose keys stay the same from version to version.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the plan with its requests, bytes, tasks and memory; with this, nothing is told of the pixels.
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompositeArgs {
    /// Paths or URLs of GeoTIFFs, those first that win where --statistic is first; @0 is the first overview.
    #[arg(value_name = "URI[@LEVEL]", required = true)]
    pub(crate) rasters: Vec<String>,
    /// A raster of classes for each, in the same order.
    #[arg(long, value_name = "URI[@LEVEL]", num_args = 1.., requires = "without")]
    pub(crate) classes: Vec<String>,
    /// The classes whose pixels do not count, such as 3,8,9,10 of a Sentinel-2 scene classification.
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',', requires = "classes")]
    pub(crate) without: Vec<i64>,
    /// What each pixel is: first, last, min, max, mean, median, sum or count.
    #[arg(long, value_name = "STATISTIC", default_value = "median", value_parser = parse_overlap)]
    pub(crate) statistic: Overlap,
    /// The value of pixels that are none, where the rasters do not name one, or another.
    #[arg(long, value_name = "VALUE", value_parser = parse_scalar, allow_hyphen_values = true)]
    pub(crate) nodata: Option<Scalar>,
    /// The GeoTIFF to write, a path or a URI (s3://, gs://, az://, http://); one that exists is replaced when the new one
    /// is complete.
    #[arg(short, long, value_name = "OUT.tif")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

fn parse_overlap(text: &str) -> Result<Overlap, String> {
    calc::overlap(text).ok_or_else(|| "expected first, last, min, max, mean, median, sum or count".to_owned())
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Showing what will run")]
pub(crate) struct ShowArgs {
    /// Print the plan with its requests, bytes, tasks and memory; with this, nothing is run.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Write the task graph as DOT, to standard output with -; nothing is run unless there is an --output. After a run,
    /// layers and chunks carry its times.
    #[arg(long, value_name = "FILE")]
    pub(crate) dot: Option<PathBuf>,
    /// How close the graph looks: a node for each operation, kind of task, or task (up to 400).
    #[arg(long, value_enum, value_name = "DETAIL", default_value_t = DotDetail::Operations)]
    pub(crate) dot_detail: DotDetail,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Worker threads; as many as cores by default.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Run on one thread, one task and one request after the other.
    #[arg(long, conflicts_with = "threads")]
    pub(crate) serial: bool,
    /// Decode, compute and encode every block, even where nothing changes.
    #[arg(long)]
    pub(crate) no_passthrough: bool,
    /// Bytes held at most, such as 512M or 2G; a quarter of the machine's memory by default.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Write what each thread did when, as JSON for ui.perfetto.dev or chrome://tracing; also where the run fails.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Show on standard error how far it is.
    #[arg(long)]
    pub(crate) progress: bool,
    /// Do not say on standard error what the run took.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output format (by default that of the first raster where possible, else 512 × 512 Deflate)"
)]
pub(crate) struct FormatArgs {
    /// Compression of the blocks.
    #[arg(long, value_enum, value_name = "SCHEME")]
    compress: Option<Compress>,
    /// Effort of the compression: 1 to 12 for deflate, 1 to 22 for zstd; or quality: 1 to 100 for jpeg and webp, by default 75.
    /// webp of 100 is lossless.
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    /// The most that lerc may change a value; 0 by default.
    #[arg(long, value_name = "ERROR")]
    max_error: Option<f64>,
    /// What is done to samples before: 1 nothing, 2 differences, 3 for floats.
    #[arg(long, value_name = "N", value_parser = PossibleValuesParser::new(["1", "2", "3"]))]
    predictor: Option<String>,
    /// Rows and columns of a block, a multiple of 16.
    #[arg(long, value_name = "N")]
    blocksize: Option<usize>,
    /// How the bands of a pixel lie in the file.
    #[arg(long, value_enum, value_name = "WAY")]
    interleave: Option<Interleaving>,
    /// Whether the file has 64-bit offsets; auto where it could exceed 4 GiB.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    bigtiff: Big,
    /// Leave blocks of nothing but nodata, or 0 where there is none, out of the file.
    #[arg(long)]
    sparse: bool,
    /// Note in the file each band's minimum, maximum, mean, standard deviation and share of valid pixels, as GDAL does.
    #[arg(long)]
    statistics: bool,
    /// Write a Cloud-Optimized GeoTIFF, with overviews.
    #[arg(long)]
    cog: bool,
    /// Overviews of a COG: as many as it takes until one fits a block, or a count, 0 for none.
    #[arg(long, value_name = "auto|N", value_parser = parse_overviews, requires = "cog", default_value = "auto")]
    overviews: Overviews,
    /// How overviews are made; nearest by default for bool, a single band of 8 bits and colour maps, else average.
    #[arg(long, value_name = "WAY", value_parser = parse_resampling, requires = "cog")]
    resampling: Option<Resampling>,
    /// Draw it, too: a PNG of at most 1024 pixels a side, transparent where there is nodata.
    #[arg(long, value_name = "OUT.png", requires = "output")]
    pub(crate) quicklook: Option<PathBuf>,
}

fn parse_overviews(text: &str) -> Result<Overviews, String> {
    match text {
        "auto" => Ok(Overviews::Auto),
        count => count.parse().map(Overviews::Levels).map_err(|_| "expected auto, or a count such as 3".to_owned()),
    }
}

fn parse_resampling(text: &str) -> Result<Resampling, String> {
    let known = || Resampling::ALL.map(Resampling::name).join(", ");
    Resampling::from_name(text).ok_or_else(|| format!("expected one of {}", known()))
}

impl FormatArgs {
    /// What writes a raster to a file, in this format; with the bands, metadata and colours of `like`.
    pub(crate) fn sink(
        &self,
        raster: &LazyRaster,
        path: &Path,
        io: &Io,
        like: Option<&Info>,
        mask: Option<&LazyRaster>,
    ) -> swath::Result<Sink> {
        let mut options = self.options().io(io);
        if let Some(info) = like {
            options = options.described_by(info);
        }
        let sink = match self.cog {
            false => raster.to_geotiff_with(path, options)?,
            true => {
                let mut options = CogOptions::from(options).overviews(self.overviews);
                if let Some(resampling) = self.resampling {
                    options = options.resampling(resampling);
                }
                raster.to_cog_with(path, options)?
            }
        };
        match mask {
            None => Ok(sink),
            Some(valid) => sink.with_mask(valid),
        }
    }

    fn options(&self) -> GeoTiffOptions {
        let mut options =
            GeoTiffOptions::new().big_tiff(self.bigtiff.into()).sparse(self.sparse).statistics(self.statistics);
        if let Some(interleave) = self.interleave {
            options = options.interleave(interleave.into());
        }
        if let Some(compress) = self.compress {
            options = options.compression(compress.into());
        }
        if let Some(level) = self.level {
            options = options.level(level);
        }
        if let Some(error) = self.max_error {
            options = options.max_error(error);
        }
        if let Some(predictor) = self.predictor.as_deref().and_then(|tag| Predictor::from_tag(tag.parse().ok()?)) {
            options = options.predictor(predictor);
        }
        if let Some(side) = self.blocksize {
            options = options.block(side, side);
        }
        options
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DotDetail {
    Operations,
    Layers,
    Chunks,
}

impl From<DotDetail> for Detail {
    fn from(detail: DotDetail) -> Self {
        match detail {
            DotDetail::Operations => Self::Operations,
            DotDetail::Layers => Self::Layers,
            DotDetail::Chunks => Self::Chunks,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compress {
    None,
    Deflate,
    Lzw,
    Zstd,
    Jpeg,
    Webp,
    Lerc,
}

impl From<Compress> for Compression {
    fn from(compress: Compress) -> Self {
        match compress {
            Compress::None => Self::None,
            Compress::Deflate => Self::Deflate,
            Compress::Lzw => Self::Lzw,
            Compress::Zstd => Self::Zstd,
            Compress::Jpeg => Self::Jpeg,
            Compress::Webp => Self::WebP,
            Compress::Lerc => Self::Lerc,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Interleaving {
    Pixel,
    Band,
}

impl From<Interleaving> for Interleave {
    fn from(way: Interleaving) -> Self {
        match way {
            Interleaving::Pixel => Self::Pixel,
            Interleaving::Band => Self::Band,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Big {
    Auto,
    Yes,
    No,
}

impl From<Big> for BigTiff {
    fn from(when: Big) -> Self {
        match when {
            Big::Auto => Self::Auto,
            Big::Yes => Self::Always,
            Big::No => Self::Never,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for everything it writes.
    #[arg(long, value_name = "DIR", default_value = "swath-demo")]
    pub(crate) dir: PathBuf,
    /// Pixels of 10 m along a side of the scene, an even number; a whole Sentinel-2 tile has 10980.
    #[arg(long, value_name = "PIXELS", default_value_t = 5490, value_parser = clap::value_parser!(u32).range(32..=10980))]
    pub(crate) size: u32,
    /// Time that the server waits before each reply.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = parse_duration)]
    pub(crate) latency: Duration,
    /// Mbit/s of each connection; not limited by default.
    #[arg(long, value_name = "MBIT", value_parser = parse_rate)]
    pub(crate) bandwidth: Option<f64>,
    /// Workers of the third run.
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) threads: NonZeroUsize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
