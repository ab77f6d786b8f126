//! Spans and events of the `tracing` crate: one span for a run, one for each output inside it, none for a task. Without
//! the feature, the same names do nothing.

#[cfg(feature = "tracing")]
pub(super) use on::{Here, Spans, refused};

#[cfg(not(feature = "tracing"))]
pub(super) use off::{Here, Spans, refused};

/// An output of a run: its name, and of how many parts it is.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only spans tell it"))]
pub(super) struct Output<'a> {
    pub(super) name: &'a str,
    pub(super) parts: usize,
}

#[cfg(feature = "tracing")]
mod on {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use parking_lot::Mutex;
    use swath_core::error::{Error, ErrorKind, Result};
    use tracing::Span;
    use tracing::span::EnteredSpan;

    use super::Output;
    use crate::run::{Report, Run};

    /// The spans of a run.
    #[derive(Debug)]
    pub(in crate::run) struct Spans {
        run: Span,
        outputs: Vec<Part>,
    }

    /// The span of an output, open until its last part is delivered.
    #[derive(Debug)]
    struct Part {
        span: Mutex<Option<Span>>,
        left: AtomicUsize,
    }

    impl Spans {
        pub(in crate::run) fn begin<'a>(run: &Run, tasks: usize, outputs: impl Iterator<Item = Output<'a>>) -> Self {
            let (workers, memory_limit) = (run.worker_count(), run.memory());
            let span = tracing::info_span!("run", tasks, workers, memory_limit);
            let part = |output: Output<'_>| Part {
                span: Mutex::new(Some(tracing::info_span!(parent: &span, "output", name = output.name))),
                left: AtomicUsize::new(output.parts),
            };
            let outputs = outputs.map(part).collect();
            Self { run: span, outputs }
        }

        /// Enters the span of an output, or that of the run, on this thread.
        pub(in crate::run) fn enter(&self, output: Option<u32>) -> EnteredSpan {
            let output = output.and_then(|output| self.outputs[output as usize].span.lock().clone());
            output.unwrap_or_else(|| self.run.clone()).entered()
        }

        pub(in crate::run) fn delivered(&self, output: u32) {
            let output = &self.outputs[output as usize];
            if output.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                output.span.lock().take();
            }
        }

        pub(in crate::run) fn end(&self, result: &Result<Report>) {
            let _inside = self.run.enter();
            match result {
                Ok(Report { requests, bytes, blocks, peak_memory, .. }) => {
                    tracing::info!(requests, bytes, blocks, peak_memory, "run done");
                }
                Err(error) if error.kind() == ErrorKind::Cancelled => tracing::info!("run cancelled"),
                Err(error) => tracing::warn!(error = error.chain(), "run failed"),
            }
        }
    }

    /// Tells that a run was not begun.
    pub(in crate::run) fn refused(error: &Error) {
        tracing::warn!(error = error.chain(), "run refused");
    }

    /// The span that is entered here, for a thread that goes on elsewhere.
    #[derive(Debug)]
    pub(in crate::run) struct Here(Span);

    impl Here {
        pub(in crate::run) fn new() -> Self {
            Self(Span::current())
        }

        pub(in crate::run) fn enter(self) -> EnteredSpan {
            self.0.entered()
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use swath_core::error::{Error, Result};

    use super::Output;
    use crate::run::{Report, Run};

    #[derive(Debug)]
    pub(in crate::run) struct Spans;

    /// Stands for a span that is entered.
    #[derive(Debug)]
    pub(in crate::run) struct Entered;

    impl Spans {
        pub(in crate::run) fn begin<'a>(_: &Run, _: usize, _: impl Iterator<Item = Output<'a>>) -> Self {
            Self
        }

        pub(in crate::run) const fn enter(&self, _: Option<u32>) -> Entered {
            Entered
        }

        pub(in crate::run) const fn delivered(&self, _: u32) {}

        pub(in crate::run) const fn end(&self, _: &Result<Report>) {}
    }

    pub(in crate::run) const fn refused(_: &Error) {}

    #[derive(Debug)]
    pub(in crate::run) struct Here;

    impl Here {
        pub(in crate::run) const fn new() -> Self {
            Self
        }

        pub(in crate::run) const fn enter(self) -> Entered {
            Entered
        }
    }
}
