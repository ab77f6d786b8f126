//! swath does for rasters what polars does for tables: **lazy, chunked arrays over Cloud-Optimized GeoTIFF, executed in
//! parallel inside a memory limit**.
//!
//! Opening, selecting and masking build an expression; nothing runs until `compute`, `persist`, `chunks` or a sink is
//! run. Then only the blocks that are needed travel, by HTTP range requests, and are decoded, computed and encoded on a
//! thread pool of the size you choose.
//!
//! # A tour
//!
//! A scene is found in a STAC document and opened with one request a file; no pixels yet. (`demo` here makes a small
//! scene and serves it on loopback, so that this page runs.)
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use swath::{DotOptions, ItemCollection, OpenOptions, Overview, Run, prelude::*};
//! # let folder = tempfile::tempdir()?;
//! # let options = swath_demo::scene::SceneOptions::default().size(1200);
//! # let server = swath_demo::server::RangeServer::serve(folder.path())?;
//! # swath_demo::scene::Scene::write(folder.path(), &options, None)?;
//! # let (search, out) = (server.url("search.json"), folder.path().join("band_masked.tif"));
//!
//! let items = ItemCollection::open(&search)?; // "search.json", or its URL
//! let scene = items.last()?;
//! let scl = swath::open(scene.asset("SCL")?)?; // 1 request, no pixels
//! let visual = OpenOptions::new().overview(Overview::Level(0)).chunks([3, 512, 512]).open(scene.asset("visual")?)?;
//! println!("{visual}"); // a table: shape, chunks, bytes, dtype, grid
//!
//! let run = Run::threads(4).memory_limit(256 << 20);
//! let (scl, visual) = run.persist((&scl, &visual))?; // now the bytes travel, in parallel
//! let clouds = scl.squeeze()?.isin([8, 9])?;
//! let masked = visual.mask(&clouds, 0)?; // visual.where(~mask, other=0)
//!
//! let sink = masked.to_geotiff(&out)?; // #[must_use]; nothing has run
//! println!("{}", sink.explain()?);
//! std::fs::write(folder.path().join("graph.dot"), sink.to_dot(swath::Detail::Chunks)?)?;
//! let report = sink.run(&run)?; // wall, CPU, bytes, requests, peak memory
//! # assert!(report.output_bytes > 0);
//! # Ok(()) }
//! ```
//!
//! # What to rely on
//!
//! - A fill that does not fit, grids that differ, a condition that is not bool: an error at the line that builds the
//!   expression.
//! - The same pixels, and the same file bytes, for any chunking, thread count and memory limit.
//! - Output is visible only when it is complete.
//! - Handles are `Send + Sync + Clone`; no lock, no environment variable, no GDAL.
//!
//! # Features
//!
//! - `tracing` (off by default): a span for each run and, inside it, for each output; events for refusals, ends, cancels
//!   and failures.

mod compute;
mod explain;
mod job;
mod memory;
mod open;
mod quicklook;
mod run;
mod sink;
mod stac;
mod statistics;
mod stored;
mod trace;

pub use compute::{Compute, ComputeStatistics, raster};
pub use explain::{Explain, Prediction};
pub use job::{Job, StatisticsJob};
pub use open::{OpenOptions, info, open, open_all};
pub use quicklook::{Colors, Quicklook};
pub use run::{Cancel, ChunkStream, OutputBlocks, Outputs, Progress, Report, Run, RunFuture, StreamedChunk, Threads};
pub use sink::Sink;
pub use stac::{Asset, Item, ItemCollection};
pub use statistics::Statistics;
pub use trace::Trace;

pub use ndarray;
pub use swath_core::area::{Block, Resampling};
pub use swath_core::buffer::{Buffer, Pixel};
pub use swath_core::dtype::{DType, Element, Scalar};
pub use swath_core::error::{Error, ErrorKind, Result};
pub use swath_core::exec::RangePolicy;
pub use swath_core::expr::{
    ArithmeticOp, Boundary, CompareOp, Fill, LazyRaster, LazyStatistics, Overflow, Overlap, Term, Then, ValueRange,
    Values, When, Windows, concat, mosaic, stack, when,
};
pub use swath_core::grid::{Affine, Crs, GeoKeys, Grid};
pub use swath_core::plan::dot::{Detail, DotOptions, TaskState, TaskTimes, Times};
pub use swath_core::raster::Raster;
pub use swath_core::reduce::{Bins, Group, Histogram, Moments, Summary};
pub use swath_core::shape::{Dim, Dims, Region};
pub use swath_core::text;
pub use swath_io::codec::{BlockCodec, BlockSpec, CodecTags, Codecs, Compression, Predictor, SampleFormat};
pub use swath_io::read::{
    AreaOrPoint, BandInfo, BandStatistics, Chunks, ColorInterpretation, ControlPoint, Info, Interleave, Limits,
    Metadata, Overview, OverviewInfo, PageInfo, Validity,
};
pub use swath_io::store::{Io, IoOptions, SignerError, StoreOptions};
pub use swath_io::write::{BigTiff, CogOptions, GeoTiffOptions, Overviews};

/// The verbs that need threads or files; every program imports it.
pub mod prelude {
    pub use crate::compute::{Compute, ComputeStatistics};
    pub use crate::quicklook::Quicklook;
}

/// For embedders: sources, sinks and chunks of one's own.
pub mod embed {
    pub use swath_core::area::{AreaKernel, AxisFootprint, Footprint};
    pub use swath_core::buffer::{Slice, SliceMut};
    pub use swath_core::chunk::Chunk;
    pub use swath_core::meta::Meta;
    pub use swath_core::pixelwise::PixelKernel;
    pub use swath_core::shape::{ChunkGrid, Shape};
    pub use swath_core::sink::{ChunkSink, Encoded, Layout};
    pub use swath_core::source::{ChunkSource, Fetched, Fetching, MemorySource, Place, Reply};
    pub use swath_core::testing::{check_area, check_pixelwise, check_sink, check_source};
}

/// The README's example is a test like any other.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide's, too.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../../docs/guide/README.md")]
    struct Overview;
    #[doc = include_str!("../../../docs/guide/arithmetic.md")]
    struct Arithmetic;
    #[doc = include_str!("../../../docs/guide/nodata.md")]
    struct Nodata;
    #[doc = include_str!("../../../docs/guide/selection.md")]
    struct Selection;
    #[doc = include_str!("../../../docs/guide/classes.md")]
    struct Classes;
    #[doc = include_str!("../../../docs/guide/structure.md")]
    struct Structure;
    #[doc = include_str!("../../../docs/guide/together.md")]
    struct Together;
    #[doc = include_str!("../../../docs/guide/windows.md")]
    struct Windows;
    #[doc = include_str!("../../../docs/guide/statistics.md")]
    struct Statistics;
    #[doc = include_str!("../../../docs/guide/stores.md")]
    mod stores {}
    #[doc = include_str!("../../../docs/guide/writing.md")]
    struct Writing;
    #[doc = include_str!("../../../docs/guide/own.md")]
    struct Own;
    #[doc = include_str!("../../../docs/guide/command.md")]
    struct Command;
}
