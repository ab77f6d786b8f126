//! How far a file is: not begun, being written, or over.

use swath_core::error::{Error, Result};

/// What becomes of a file; `W` is what writes it.
#[derive(Debug)]
pub(super) enum State<W> {
    /// Nothing exists yet.
    Ready,
    /// The temporary file exists.
    Writing(W),
    /// Finished, failed or given up; says which.
    Over(&'static str),
}

impl<W> State<W> {
    /// Does step `what` of writing; one that fails is the last. `refuse` makes an error of what is wrong with its moment.
    pub(super) fn step<R>(
        &mut self,
        what: &str,
        refuse: impl FnOnce(String) -> Error,
        step: impl FnOnce(&mut W) -> Result<R>,
    ) -> Result<R> {
        let done = match self {
            Self::Writing(writing) => step(writing),
            Self::Ready | Self::Over(_) => return Err(refuse(self.refusal(what))),
        };
        if done.is_err() {
            *self = Self::Over("failed");
        }
        done
    }

    /// Does the last step; whether or not it succeeds, nothing is written after it.
    pub(super) fn finish<R>(
        &mut self,
        refuse: impl FnOnce(String) -> Error,
        finish: impl FnOnce(W) -> Result<R>,
    ) -> Result<R> {
        if !matches!(self, Self::Writing(_)) {
            return Err(refuse(self.refusal("finish")));
        }
        match std::mem::replace(self, Self::Over("failed")) {
            Self::Writing(writing) => finish(writing).inspect(|_| *self = Self::Over("was finished")),
            Self::Ready | Self::Over(_) => unreachable!("it was being written a moment ago"),
        }
    }

    /// Why `what` cannot be done now.
    pub(super) fn refusal(&self, what: &str) -> String {
        match self {
            Self::Ready => format!("a {what} before the begin"),
            Self::Writing(_) => format!("a second {what}"),
            Self::Over(how) => format!("a {what} after it {how}"),
        }
    }

    /// Lets go of what was written, unless all is over.
    pub(super) fn abort(&mut self) {
        if !matches!(self, Self::Over(_)) {
            *self = Self::Over("was given up");
        }
    }
}
