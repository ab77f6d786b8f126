//! What a run can do together with other things: sinks, and statistics of what they write.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use swath_core::error::Result;
use swath_core::exec::Target;
use swath_core::expr::{LazyRaster, LazyStatistics};
use swath_core::sink::ChunkSink;

use crate::statistics::Statistics;

/// What [`Run::all`](crate::Run::all) can do together with others, so that what they share is read and computed once: a
/// [`Sink`](crate::Sink) (a GeoTIFF, a COG, a quicklook, one of your own), or a [`StatisticsJob`].
pub trait Job: sealed::Sealed {}

impl<T: sealed::Sealed> Job for T {}

pub(crate) mod sealed {
    use std::fmt::Debug;

    use swath_core::error::Result;

    use super::Opened;

    pub trait Sealed: Debug + Send + Sync {
        /// What it writes to, if it does.
        fn output(&self) -> Option<&str>;

        /// Its outputs, of which nothing was computed.
        fn open(&self) -> Result<Vec<Opened>>;
    }
}

/// A raster, and what becomes of its pixels.
pub struct Opened {
    pub(crate) raster: LazyRaster,
    pub(crate) end: End,
}

pub(crate) enum End {
    /// They are written.
    Sink(Arc<dyn ChunkSink>),
    /// They are told of, to somebody who waits for it.
    Statistics { target: Target, tell: Box<Tell> },
}

type Tell = dyn Fn(Statistics) + Send + Sync;

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("raster", &self.raster).field("sink", &self.as_sink()).finish_non_exhaustive()
    }
}

impl Opened {
    pub(crate) fn sink(raster: &LazyRaster, sink: Arc<dyn ChunkSink>) -> Self {
        Self { raster: raster.clone(), end: End::Sink(sink) }
    }

    /// Statistics that `tell` is called with, before any sink is finished.
    ///
    /// # Errors
    /// That of a failed operator before.
    pub(crate) fn statistics(
        statistics: &LazyStatistics,
        tell: impl Fn(Statistics) + Send + Sync + 'static,
    ) -> Result<Self> {
        let (_, target) = statistics.target()?;
        Ok(Self { raster: statistics.raster().clone(), end: End::Statistics { target, tell: Box::new(tell) } })
    }

    pub(crate) fn as_sink(&self) -> Option<&dyn ChunkSink> {
        match &self.end {
            End::Sink(sink) => Some(sink.as_ref()),
            End::Statistics { .. } => None,
        }
    }
}

/// What a run of these computes.
pub(crate) fn targets(opened: &[Opened]) -> Vec<(&LazyRaster, Target)> {
    let target = |end: &End| match end {
        End::Sink(sink) => Target::Sink(Arc::clone(sink)),
        End::Statistics { target, .. } => target.clone(),
    };
    opened.iter().map(|Opened { raster, end }| (raster, target(end))).collect()
}

/// Statistics that a run computes beside other jobs, such as the sink that writes the same pixels.
///
/// ```
/// use swath::{Run, prelude::*};
///
/// let folder = tempfile::tempdir().unwrap();
/// let raster = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?;
/// let cog = raster.to_cog(folder.path().join("out.tif"))?;
/// let told = raster.statistics()?.job();
/// Run::threads(2).all(&[&cog, &told])?;
/// assert_eq!(told.result().unwrap().band(2)?.mean(), Some(551.0));
/// # Ok::<(), swath::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is computed before a run is asked to"]
pub struct StatisticsJob {
    statistics: LazyStatistics,
    told: Arc<Mutex<Option<Statistics>>>,
}

impl StatisticsJob {
    pub(crate) fn new(statistics: &LazyStatistics) -> Self {
        Self { statistics: statistics.clone(), told: Arc::default() }
    }

    /// What the last run with this job, or a clone of it, has told; none before one has computed it.
    pub fn result(&self) -> Option<Statistics> {
        self.told.lock().clone()
    }
}

impl sealed::Sealed for StatisticsJob {
    fn output(&self) -> Option<&str> {
        None
    }

    fn open(&self) -> Result<Vec<Opened>> {
        let told = Arc::clone(&self.told);
        let tell = move |statistics| *told.lock() = Some(statistics);
        Ok(vec![Opened::statistics(&self.statistics, tell)?])
    }
}

impl fmt::Debug for StatisticsJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatisticsJob").field("statistics", &self.statistics).finish_non_exhaustive()
    }
}
