//! What is to be written: a value that can be explained, drawn and run.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use swath_core::error::{Error, Result};
use swath_core::exec::{Job, Target, source_layout};
use swath_core::expr::LazyRaster;
use swath_core::plan::dot::DotOptions;
use swath_core::sink::ChunkSink;
use swath_io::write::{GeoTiffOptions, GeoTiffSink};

use crate::run::{Report, Run, RunFuture};

/// A raster and the file that it is to become. Nothing runs, and no file is touched, until it is [run](Self::run).
///
/// The output is visible only when it is complete; after an error or a cancel nothing of it is left, and a file that
/// was there before is untouched.
#[must_use = "a sink writes nothing until it is run"]
#[derive(Clone)]
pub struct Sink {
    raster: LazyRaster,
    name: String,
    target: SinkTarget,
}

/// How a target that nothing was written to comes about: one for each run.
#[derive(Clone)]
enum SinkTarget {
    /// The file of the sink's name.
    GeoTiff(GeoTiffOptions),
    Own(Arc<OpenSink>),
}

type OpenSink = dyn Fn() -> Result<Arc<dyn ChunkSink>> + Send + Sync;

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Sink");
        told.field("raster", &self.raster).field("name", &self.name);
        match &self.target {
            SinkTarget::GeoTiff(options) => told.field("options", options).finish(),
            SinkTarget::Own(_) => told.finish_non_exhaustive(),
        }
    }
}

impl Sink {
    pub(crate) fn geotiff(raster: &LazyRaster, path: &Path, options: GeoTiffOptions) -> Result<Self> {
        let path = path.to_str().ok_or_else(|| Error::invalid(format!("{} is not a path in UTF-8", path.display())))?;
        let target = SinkTarget::GeoTiff(options);
        let sink = Self { raster: raster.clone().check()?, name: path.to_owned(), target };
        // Wrong options are an error here, at the line that asks for them.
        sink.open()?;
        Ok(sink)
    }

    pub(crate) fn own(raster: &LazyRaster, open: Arc<OpenSink>) -> Result<Self> {
        let meta = raster.meta()?;
        let target = open()?;
        let name = target.name().to_owned();
        if target.blocks().array_shape() != meta.shape || target.dtype() != meta.dtype {
            return Err(Error::invalid(format!(
                "cannot write to {name}: it takes {:?} pixels of {} along Time, Band, Y and X, and the raster has {:?} of {}",
                target.blocks().array_shape(),
                target.dtype(),
                meta.shape,
                meta.dtype
            )));
        }
        Ok(Self { raster: raster.clone(), name, target: SinkTarget::Own(open) })
    }

    /// The raster that it writes.
    pub const fn raster(&self) -> &LazyRaster {
        &self.raster
    }

    /// Where it writes: a path, or what a sink of one's own calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Computes and writes it; see [`Run::run`].
    ///
    /// # Errors
    /// As [`Run::run`].
    pub fn run(&self, run: &Run) -> Result<Report> {
        run.run(self)
    }

    /// As [`run`](Self::run), as a future.
    pub fn run_async(&self, run: &Run) -> RunFuture<Report> {
        run.run_async(self)
    }

    /// What a run with [`Run::default`] would do: plan, requests, bytes, tasks, peak memory.
    ///
    /// # Errors
    /// Those of the sources' indices.
    pub fn explain(&self) -> Result<String> {
        Run::default().explain(self)
    }

    /// Its task graph as DOT text for Graphviz; see [`Run::to_dot`].
    ///
    /// # Errors
    /// As [`Run::to_dot`].
    #[doc(alias = "visualize")]
    pub fn to_dot(&self, options: impl Into<DotOptions>) -> Result<String> {
        Run::default().to_dot(self, options)
    }

    pub(crate) fn job(&self) -> Result<Job> {
        Job::new(&[(&self.raster, Target::Sink(self.open()?))])
    }

    /// A target that nothing was written to.
    pub(crate) fn open(&self) -> Result<Arc<dyn ChunkSink>> {
        match &self.target {
            SinkTarget::GeoTiff(options) => {
                let layout = source_layout(&self.raster)?;
                Ok(Arc::new(GeoTiffSink::new(&self.name, self.raster.meta()?, layout, options.clone())?))
            }
            SinkTarget::Own(open) => open(),
        }
    }
}
