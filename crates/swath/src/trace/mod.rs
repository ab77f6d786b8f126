//! What runs did, on which thread and when: recorded while they go on, written as a file for a trace viewer.

mod record;
mod recorded;
mod chrome;
mod times;

pub(crate) use record::{Activity, Answer, Recorder};
pub(crate) use recorded::{About, TaskNote};

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::plan::dot::Times;
use swath_io::write::write_whole;

use recorded::Recorded;

/// What runs did, task by task, to be looked at in [Perfetto](https://ui.perfetto.dev) or `chrome://tracing`.
///
/// Give it to runs by [`Run::traced_by`](crate::Run::traced_by) and write it when they are over. It has a lane for each
/// worker, with what it fetched, decoded, computed, encoded and committed; a lane for each request in flight; and the
/// bytes held over time. Runs that failed or were cancelled are in it, too. Clones are the same trace.
///
/// ```
/// use swath::{Run, Trace, prelude::*};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trace.json");
///
/// let trace = Trace::new();
/// let run = Run::threads(2).traced_by(&trace);
/// let bright = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?.gt(500)?;
/// run.compute(&bright)?;
/// trace.write(&path)?; // open it in ui.perfetto.dev
/// # assert!(std::fs::read_to_string(&path)?.contains("traceEvents"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An event costs some 50 ns, and a task some 400 bytes of memory, which no memory limit counts; without a trace
/// neither is spent.
#[derive(Clone)]
pub struct Trace(Arc<Inner>);

struct Inner {
    zero: Instant,
    runs: Mutex<Vec<Recorded>>,
}

impl Trace {
    /// A trace of no runs, whose time begins now.
    pub fn new() -> Self {
        Self(Arc::new(Inner { zero: Instant::now(), runs: Mutex::default() }))
    }

    /// Writes the runs that are over as JSON in the Trace Event Format: a new file, visible when it is complete.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable` where the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), |out| chrome::write(out, &self.0.runs.lock()))
    }

    /// As [`write`](Self::write), to wherever bytes may go.
    ///
    /// # Errors
    /// `Unavailable` where `out` fails.
    pub fn write_to(&self, mut out: impl Write) -> Result<()> {
        let written = chrome::write(&mut out, &self.0.runs.lock()).and_then(|()| out.flush());
        written.map_err(|error: io::Error| Error::with_source(ErrorKind::Unavailable, "cannot write a trace", error))
    }

    /// What the tasks of the last run that is over took, and how far they came: for a drawing of what was run, by
    /// [`DotOptions::with_times`](crate::DotOptions::with_times).
    ///
    /// ```
    /// use swath::{Detail, DotOptions, Run, Trace, prelude::*};
    ///
    /// let (trace, raster) = (Trace::new(), swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?);
    /// let bright = raster.gt(500)?;
    /// Run::threads(2).traced_by(&trace).compute(&bright)?;
    /// let dot = bright.to_dot(DotOptions::from(Detail::Layers).with_times(trace.times()))?;
    /// assert!(dot.contains("% of the work"));
    /// # Ok::<(), swath::Error>(())
    /// ```
    pub fn times(&self) -> Option<Times> {
        self.0.runs.lock().last().map(Recorded::times)
    }

    /// Begins to record a run.
    pub(crate) fn begin(&self, workers: usize, tasks: usize) -> Arc<Recorder> {
        Arc::new(Recorder::new(self.0.zero, workers, tasks))
    }

    /// Keeps what was recorded of a run that is over.
    pub(crate) fn end(&self, recorder: &Recorder, about: About) {
        self.0.runs.lock().push(Recorded { about, tape: recorder.take() });
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("runs", &self.0.runs.lock().len()).finish()
    }
}
