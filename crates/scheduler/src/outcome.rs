//! What became of one task, and which failure a run reports.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;

use crate::error::Error;
use crate::graph::TaskId;

/// What became of one task.
pub(crate) type Outcome<V, E> = Result<V, Failure<E>>;

/// How one task failed.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    Returned(E),
    Panicked(Box<dyn Any + Send>),
    Abandoned,
}

impl<E> Failure<E> {
    pub(crate) fn into_error(self, task: TaskId) -> Error<E> {
        match self {
            Self::Returned(source) => Error::Task { task, source },
            Self::Panicked(payload) => Error::Panic { task, payload },
            Self::Abandoned => Error::Abandoned { task },
        }
    }
}

/// Runs a piece of the caller's code and turns its panic into a failure.
///
/// Unwind safety is asserted: what the closure touched is the task's own and goes with it, or is shared by the
/// caller's `Work`, whose run ends with this failure.
pub(crate) fn contain<T, E>(code: impl FnOnce() -> Result<T, E>) -> Outcome<T, E> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(returned) => returned.map_err(Failure::Returned),
        Err(payload) => Err(Failure::Panicked(payload)),
    }
}

/// Remembers the failure of the lowest task.
#[derive(Debug)]
pub(crate) struct LowestFailure<E>(Mutex<Option<(TaskId, Failure<E>)>>);

impl<E> Default for LowestFailure<E> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<E> LowestFailure<E> {
    pub(crate) fn record(&self, task: TaskId, failure: Failure<E>) {
        let mut lowest = self.0.lock();
        let wins = match &*lowest {
            None => true,
            // A `begin` that panics also drops its reply: the panic is the cause.
            Some((holder, Failure::Abandoned)) => task <= *holder,
            Some((holder, _)) => task < *holder,
        };
        let loser = if wins { lowest.replace((task, failure)) } else { Some((task, failure)) };
        drop(lowest);
        // The loser's drop is the caller's code, so it runs outside the lock.
        drop(loser);
    }

    pub(crate) fn take(&self) -> Option<Error<E>> {
        self.0.lock().take().map(|(task, failure)| failure.into_error(task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_failure_wins_and_a_panic_explains_an_abandoned_reply() {
        let failures = LowestFailure::<&str>::default();
        failures.record(TaskId(5), Failure::Returned("five"));
        failures.record(TaskId(3), Failure::Abandoned);
        failures.record(TaskId(3), Failure::Panicked(Box::new("three")));
        failures.record(TaskId(3), Failure::Abandoned);
        failures.record(TaskId(4), Failure::Returned("four"));
        let error = failures.take().expect("there were failures");
        assert!(matches!(error, Error::Panic { task: TaskId(3), .. }), "{error:?}");
    }
}
