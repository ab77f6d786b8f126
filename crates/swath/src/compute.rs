//! The verbs on a lazy raster that need threads or files: one sealed trait, in the prelude.

use std::path::Path;
use std::sync::Arc;

use swath_core::error::{Result, located};
use swath_core::expr::{LazyRaster, LazyStatistics};
use swath_core::meta::Meta;
use swath_core::plan::dot::DotOptions;
use swath_core::raster::Raster;
use swath_core::shape::{ChunkGrid, Dims};
use swath_core::sink::ChunkSink;
use swath_core::source::MemorySource;
use swath_core::{buffer::Pixel, chunk::Chunk, error::Error};
use swath_io::write::{CogOptions, GeoTiffOptions};

use crate::job::StatisticsJob;
use crate::quicklook::{self, Colors};
use crate::run::{ChunkStream, Run, RunFuture};
use crate::sink::Sink;
use crate::statistics::Statistics;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::LazyRaster {}
    impl Sealed for super::LazyStatistics {}
}

/// What runs a lazy raster, or says what a run would do. Each verb without a run uses [`Run::default`].
pub trait Compute: sealed::Sealed {
    /// Computes it into memory; see [`Run::compute`].
    ///
    /// # Errors
    /// As [`Run::compute`].
    fn compute(&self) -> Result<Raster>;

    /// Computes it and keeps its chunks; see [`Run::persist`].
    ///
    /// # Errors
    /// As [`Run::compute`].
    fn persist(&self) -> Result<LazyRaster>;

    /// Computes it chunk by chunk, in order; see [`Run::chunks`].
    ///
    /// # Errors
    /// As [`Run::chunks`].
    fn chunks(&self) -> Result<ChunkStream>;

    /// [`compute`](Self::compute) as a future.
    fn compute_async(&self) -> RunFuture<Raster>;

    /// [`persist`](Self::persist) as a future.
    fn persist_async(&self) -> RunFuture<LazyRaster>;

    /// A tiled GeoTIFF of its pixels, at a path or a URI: `file://`, `s3://`, `gs://`, `az://`, or a server's that takes PUT. Blocks, codec and interleave are those of its first pixel source where that is
    /// tiled and lossless, else 512 × 512 Deflate. Nothing runs until the sink is run.
    ///
    /// # Errors
    /// `InvalidInput` where a GeoTIFF cannot hold the raster, or the URI is none.
    #[doc(alias = "to_raster")]
    #[track_caller]
    fn to_geotiff(&self, path: impl AsRef<Path>) -> Result<Sink>;

    /// As [`to_geotiff`](Self::to_geotiff), with options.
    ///
    /// # Errors
    /// As [`to_geotiff`](Self::to_geotiff); also where the options contradict each other or the dtype.
    #[track_caller]
    fn to_geotiff_with(&self, path: impl AsRef<Path>, options: GeoTiffOptions) -> Result<Sink>;

    /// A Cloud-Optimized GeoTIFF of its pixels, with overviews that are made while they are at hand. Blocks and codec as of
    /// [`to_geotiff`](Self::to_geotiff). Nothing runs until the sink is run.
    ///
    /// ```
    /// use swath::prelude::*;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let raster = swath::raster([3, 1200, 1000], |band, y, x| (band + y + x) as u16)?;
    /// raster.to_cog(folder.path().join("out.tif"))?.run(&swath::Run::threads(2))?;
    /// let overview = swath::OpenOptions::new().overview(swath::Overview::Level(0)).open(folder.path().join("out.tif").to_str().unwrap())?;
    /// assert_eq!(overview.shape(), [3, 600, 500]);
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`to_geotiff`](Self::to_geotiff).
    #[track_caller]
    fn to_cog(&self, path: impl AsRef<Path>) -> Result<Sink>;

    /// As [`to_cog`](Self::to_cog), with options.
    ///
    /// # Errors
    /// As [`to_geotiff_with`](Self::to_geotiff_with).
    #[track_caller]
    fn to_cog_with(&self, path: impl AsRef<Path>, options: CogOptions) -> Result<Sink>;

    /// A quicklook of it: a PNG with at most `side_max` pixels on its longer side (every n-th pixel), at a path or a URI;
    /// nodata is transparent. Of more than three bands the first three are drawn. Nothing runs until the sink is run.
    ///
    /// # Errors
    /// `InvalidInput` where the raster has a Time axis longer than 1, or the URI is none.
    #[doc(alias = "quicklook")]
    #[doc(alias = "thumbnail")]
    #[track_caller]
    fn to_png(&self, path: impl AsRef<Path>, colors: &Colors, side_max: usize) -> Result<Sink>;

    /// A target of one's own, for embedders: `open` gives one that nothing was written to, for each run, and one to see what it
    /// takes. [`check_sink`](crate::embed::check_sink) checks what is asked of it.
    ///
    /// # Errors
    /// That of `open`; `InvalidInput` where it takes another shape or dtype than the raster's.
    #[track_caller]
    fn to_sink(&self, open: impl Fn() -> Result<Arc<dyn ChunkSink>> + Send + Sync + 'static) -> Result<Sink>;

    /// What computing it would do: plan, requests, bytes, tasks, peak memory.
    ///
    /// # Errors
    /// Those of the expression and of the sources' indices.
    fn explain(&self) -> Result<String>;

    /// Its task graph as DOT text for Graphviz; see [`Run::to_dot`].
    ///
    /// # Errors
    /// As [`Run::to_dot`].
    #[doc(alias = "visualize")]
    fn to_dot(&self, options: impl Into<DotOptions>) -> Result<String>;
}

impl Compute for LazyRaster {
    fn compute(&self) -> Result<Raster> {
        Run::default().compute(self)
    }

    fn persist(&self) -> Result<LazyRaster> {
        Run::default().persist(self)
    }

    fn chunks(&self) -> Result<ChunkStream> {
        Run::default().chunks(self)
    }

    fn compute_async(&self) -> RunFuture<Raster> {
        Run::default().compute_async(self)
    }

    fn persist_async(&self) -> RunFuture<LazyRaster> {
        Run::default().persist_async(self)
    }

    #[track_caller]
    fn to_geotiff(&self, path: impl AsRef<Path>) -> Result<Sink> {
        self.to_geotiff_with(path, GeoTiffOptions::new())
    }

    #[track_caller]
    fn to_geotiff_with(&self, path: impl AsRef<Path>, options: GeoTiffOptions) -> Result<Sink> {
        located(|| Sink::geotiff(self, path.as_ref(), options))
    }

    #[track_caller]
    fn to_cog(&self, path: impl AsRef<Path>) -> Result<Sink> {
        self.to_cog_with(path, CogOptions::new())
    }

    #[track_caller]
    fn to_cog_with(&self, path: impl AsRef<Path>, options: CogOptions) -> Result<Sink> {
        located(|| Sink::cog(self, path.as_ref(), options))
    }

    #[track_caller]
    fn to_png(&self, path: impl AsRef<Path>, colors: &Colors, side_max: usize) -> Result<Sink> {
        located(|| quicklook::sink(self, path.as_ref(), colors, side_max))
    }

    #[track_caller]
    fn to_sink(&self, open: impl Fn() -> Result<Arc<dyn ChunkSink>> + Send + Sync + 'static) -> Result<Sink> {
        located(|| Sink::own(self, Arc::new(open)))
    }

    fn explain(&self) -> Result<String> {
        Run::default().explain(self)
    }

    fn to_dot(&self, options: impl Into<DotOptions>) -> Result<String> {
        Run::default().to_dot(self, options)
    }
}

/// What runs lazy statistics, or says what a run would do. Each verb without a run uses [`Run::default`].
pub trait ComputeStatistics: sealed::Sealed {
    /// Computes them; see [`Run::statistics`].
    ///
    /// # Errors
    /// As [`Run::statistics`].
    fn compute(&self) -> Result<Statistics>;

    /// [`compute`](Self::compute) as a future.
    fn compute_async(&self) -> RunFuture<Statistics>;

    /// A job that a run does [beside others](Run::all), such as the sink that writes the same pixels.
    fn job(&self) -> StatisticsJob;

    /// What computing them would do: plan, requests, bytes, tasks, peak memory.
    ///
    /// # Errors
    /// Those of the expression and of the sources' indices.
    fn explain(&self) -> Result<String>;
}

impl ComputeStatistics for LazyStatistics {
    fn compute(&self) -> Result<Statistics> {
        Run::default().statistics(self)
    }

    fn compute_async(&self) -> RunFuture<Statistics> {
        Run::default().statistics_async(self)
    }

    fn job(&self) -> StatisticsJob {
        StatisticsJob::new(self)
    }

    fn explain(&self) -> Result<String> {
        Run::default().explain(self)
    }
}

/// A lazy raster (band, y, x) of pixels in memory: for tests, and for arrays of one's own.
///
/// ```
/// let ramp = swath::raster([1, 4, 4], |_, y, x| (y * 4 + x) as u8)?;
/// assert_eq!(ramp.shape(), [1, 4, 4]);
/// # Ok::<(), swath::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` where an axis has no pixel.
#[track_caller]
pub fn raster<T: Pixel>(shape: [usize; 3], pixel: impl Fn(usize, usize, usize) -> T) -> Result<LazyRaster> {
    located(|| in_memory(shape, pixel))
}

fn in_memory<T: Pixel>(shape: [usize; 3], pixel: impl Fn(usize, usize, usize) -> T) -> Result<LazyRaster> {
    let [bands, rows, columns] = shape;
    if shape.contains(&0) {
        return Err(Error::invalid(format!("a raster of shape {shape:?} has no pixel")));
    }
    let meta = Meta::new(Dims::BYX, [1, bands, rows, columns], T::DTYPE);
    let mut data = Vec::with_capacity(bands * rows * columns);
    for band in 0..bands {
        for y in 0..rows {
            data.extend((0..columns).map(|x| pixel(band, y, x)));
        }
    }
    let chunk = Chunk::new(meta.shape, swath_core::buffer::Buffer::from_vec(data));
    let blocks = ChunkGrid::new(meta.shape, meta.shape);
    Ok(LazyRaster::from_source(Arc::new(MemorySource::new("array in memory", meta, blocks, vec![Arc::new(chunk)])?)))
}
