//! Why the command ends early: what it says, and its exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use swath::ErrorKind;

use crate::{interrupt, output};

/// The end of a command that did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The files, the network or the disk did not allow it; exit code 1.
    Failed(String),
    /// The command line asks for nothing that makes sense, whatever the files hold; exit code 2, as clap's.
    Usage(String),
    /// An interrupt, after which nothing of the output is left.
    Interrupted,
    /// Nobody reads standard output any more, as in `swath info … | head -1`; no failure.
    Hushed,
}

impl Failure {
    pub(crate) fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::Failed(format!("{doing}: {error}"))
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Failed(message) => (message, 1),
            Self::Usage(message) => (message, 2),
            Self::Interrupted => ("interrupted; nothing was written".to_owned(), interrupt::EXIT_CODE),
            Self::Hushed => return ExitCode::SUCCESS,
        };
        output::note(format_args!("swath: {message}"));
        ExitCode::from(code)
    }
}

impl From<swath::Error> for Failure {
    fn from(error: swath::Error) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Interrupted,
            _ => Self::Failed(error.chain()),
        }
    }
}
