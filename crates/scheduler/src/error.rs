//! How a run can fail.

use std::any::Any;

use thiserror::Error;

use crate::graph::TaskId;

/// Why a run did not complete.
///
/// Of several failures the one with the lowest task id is reported, whatever the threads and the timing.
#[derive(Debug, Error)]
pub enum Error<E> {
    /// A task, or the delivery of its value, returned an error.
    #[error("task {task} failed")]
    Task {
        /// The task that failed.
        task: TaskId,
        /// What it returned.
        source: E,
    },
    /// A task, or the delivery of its value, panicked.
    #[error("task {task} panicked: {}", panic_message(&**payload))]
    Panic {
        /// The task that panicked.
        task: TaskId,
        /// What it panicked with, for `std::panic::resume_unwind`.
        payload: Box<dyn Any + Send>,
    },
    /// The reply of an I/O task was dropped without an answer.
    #[error("task {task} was abandoned: its reply was dropped without an answer")]
    Abandoned {
        /// The task without an answer.
        task: TaskId,
    },
    /// The run was cancelled before it was complete.
    #[error("the run was cancelled")]
    Cancelled,
    /// Not even one task at a time fits into the limit; nothing was run.
    #[error("task {task} needs {needed} bytes with the values alive beside it, but the limit is {limit}")]
    Memory {
        /// The smallest limit that would do.
        needed: u64,
        /// The limit given.
        limit: u64,
        /// The task that needs the most.
        task: TaskId,
    },
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "a payload that is not text"
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use expect_test::{Expect, expect};

    use super::*;

    const TASK: TaskId = TaskId(7);

    fn check(error: Error<fmt::Error>, expected: Expect) {
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn messages_name_the_task() {
        check(Error::Task { task: TASK, source: fmt::Error }, expect!["task 7 failed"]);
        check(
            Error::Abandoned { task: TASK },
            expect!["task 7 was abandoned: its reply was dropped without an answer"],
        );
        check(
            Error::Memory { needed: 20, limit: 10, task: TASK },
            expect!["task 7 needs 20 bytes with the values alive beside it, but the limit is 10"],
        );
    }

    #[test]
    fn a_panic_shows_its_message() {
        let panic = |payload| Error::Panic { task: TASK, payload };
        check(panic(Box::new("no")), expect!["task 7 panicked: no"]);
        check(panic(Box::new(String::from("never"))), expect!["task 7 panicked: never"]);
        check(panic(Box::new(1)), expect!["task 7 panicked: a payload that is not text"]);
    }
}
