//! What is to be written: a value that can be explained, drawn and run.

mod masked;
mod noted;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use swath_core::error::{Error, Result, located};
use swath_core::exec::source_layout;
use swath_core::expr::LazyRaster;
use swath_core::plan::dot::DotOptions;
use swath_core::sink::ChunkSink;
use swath_io::write::{CogOptions, CogSink, GeoTiffOptions, GeoTiffSink, Overviews};

use crate::job::Opened;
use crate::job::sealed::Sealed;
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
    /// That, with overviews, and with a mask if that is said.
    Cog(CogOptions, Option<LazyRaster>),
    Own(Arc<OpenSink>),
}

type OpenSink = dyn Fn() -> Result<Arc<dyn ChunkSink>> + Send + Sync;

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Sink");
        told.field("raster", &self.raster).field("name", &self.name);
        match &self.target {
            SinkTarget::GeoTiff(options) => told.field("options", options).finish(),
            SinkTarget::Cog(options, mask) => told.field("options", options).field("mask", mask).finish(),
            SinkTarget::Own(_) => told.finish_non_exhaustive(),
        }
    }
}

impl Sink {
    pub(crate) fn geotiff(raster: &LazyRaster, path: &Path, options: GeoTiffOptions) -> Result<Self> {
        Self::file(raster, path, SinkTarget::GeoTiff(options))
    }

    pub(crate) fn cog(raster: &LazyRaster, path: &Path, options: CogOptions) -> Result<Self> {
        Self::file(raster, path, SinkTarget::Cog(options, None))
    }

    fn file(raster: &LazyRaster, path: &Path, target: SinkTarget) -> Result<Self> {
        let path = path.to_str().ok_or_else(|| Error::invalid(format!("{} is not a path in UTF-8", path.display())))?;
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

    /// With a mask inside: `valid` says which pixels are valid, as bool of one band on the raster's grid, and goes into the
    /// file as a bit for each. Pixels that are not are left out of overviews, and one of an overview is valid where any of
    /// those that it covers is (by the resampling: nearest takes one). A GeoTIFF with a mask is laid out as a COG without
    /// overviews.
    ///
    /// ```
    /// use swath::prelude::*;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("out.tif");
    /// let raster = swath::raster([3, 1200, 1000], |band, y, x| (band + y + x) as u16)?;
    /// let valid = swath::raster([1, 1200, 1000], |_, y, x| x + y > 700)?;
    /// raster.to_cog(&path)?.with_mask(&valid)?.run(&swath::Run::threads(2))?;
    /// let read = swath::OpenOptions::new().valid(path.to_str().unwrap())?.compute()?;
    /// assert_eq!(read.data(), valid.compute()?.data());
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the sink is neither GeoTIFF nor COG, where the raster has nodata, which says the same, or where
    /// `valid` is not bool, of one band and on the raster's grid; `Unsupported` for pixels of 64-bit integers and bool.
    #[track_caller]
    pub fn with_mask(&self, valid: &LazyRaster) -> Result<Self> {
        located(|| {
            let options = match &self.target {
                SinkTarget::Cog(options, _) => options.clone(),
                SinkTarget::GeoTiff(options) => CogOptions::from(options.clone()).overviews(Overviews::Levels(0)),
                SinkTarget::Own(_) => return Err(Error::invalid("a mask is written into GeoTIFFs and COGs only")),
            };
            masked::check(&self.raster, valid)?;
            let target = SinkTarget::Cog(options, Some(valid.clone()));
            let sink = Self { target, ..self.clone() };
            sink.open()?;
            Ok(sink)
        })
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

    /// Each level from the one before; the first is the raster itself.
    fn levels(raster: &LazyRaster, cog: &CogSink) -> Result<Vec<Opened>> {
        let mut raster = raster.clone();
        let mut all = Vec::with_capacity(cog.levels().len());
        for level in cog.levels() {
            raster = raster.downsample(level.size(), cog.resampling())?;
            all.push(Opened::sink(&raster, Arc::clone(level) as _));
        }
        Ok(all)
    }
}

impl Sealed for Sink {
    fn output(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn open(&self) -> Result<Vec<Opened>> {
        match &self.target {
            SinkTarget::GeoTiff(options) => {
                let layout = source_layout(&self.raster)?;
                let sink = Arc::new(GeoTiffSink::new(&self.name, self.raster.meta()?, layout, options.clone())?);
                let mut opened = vec![Opened::sink(&self.raster, Arc::clone(&sink) as _)];
                if sink.wants_statistics() {
                    opened.push(noted::output(&self.raster, move |bands| sink.note_statistics(bands))?);
                }
                Ok(opened)
            }
            SinkTarget::Cog(options, mask) => {
                let (meta, layout) = (self.raster.meta()?, source_layout(&self.raster)?);
                let (cog, mut opened, described) = match mask {
                    None => {
                        let cog = CogSink::new(&self.name, meta, layout, options)?;
                        let levels = Self::levels(&self.raster, &cog)?;
                        (cog, levels, self.raster.clone())
                    }
                    Some(valid) => {
                        let cog = CogSink::with_masks(&self.name, meta, layout, options)?;
                        let masked = masked::masked(&self.raster, valid)?;
                        let levels = masked::levels(&self.raster, valid, &masked, &cog)?;
                        (cog, levels, masked)
                    }
                };
                if cog.wants_statistics() {
                    opened.push(noted::output(&described, move |bands| cog.note_statistics(bands))?);
                }
                Ok(opened)
            }
            SinkTarget::Own(open) => Ok(vec![Opened::sink(&self.raster, open()?)]),
        }
    }
}
