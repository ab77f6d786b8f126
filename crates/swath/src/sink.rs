//! What is to be written: a value that can be explained, drawn and run.

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
#[derive(Debug, Clone)]
pub struct Sink {
    raster: LazyRaster,
    path: String,
    options: GeoTiffOptions,
}

impl Sink {
    pub(crate) fn geotiff(raster: &LazyRaster, path: &Path, options: GeoTiffOptions) -> Result<Self> {
        let path = path.to_str().ok_or_else(|| Error::invalid(format!("{} is not a path in UTF-8", path.display())))?;
        let sink = Self { raster: raster.clone().check()?, path: path.to_owned(), options };
        // Wrong options are an error here, at the line that asks for them.
        sink.open()?;
        Ok(sink)
    }

    /// The raster that it writes.
    pub const fn raster(&self) -> &LazyRaster {
        &self.raster
    }

    /// Where it writes.
    pub fn path(&self) -> &str {
        &self.path
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
        let layout = source_layout(&self.raster)?;
        let sink = GeoTiffSink::new(&self.path, self.raster.meta()?, layout, self.options.clone())?;
        Ok(Arc::new(sink))
    }
}
