//! The one public error: a coarse kind that says what a caller can do, a message, and a source.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong (shape, dtype, grid, value, argument): change the program.
    InvalidInput,
    /// The file or request is valid but this build cannot do it: the message names what is missing.
    Unsupported,
    /// The file is damaged or hostile: get another copy.
    Corrupt,
    /// The file, level or asset does not exist.
    NotFound,
    /// The world failed (network, disk, permission): trying again later may help.
    Unavailable,
    /// The work cannot fit the memory limit: raise it or make chunks smaller.
    Memory,
    /// The run was cancelled.
    Cancelled,
    /// A bug in swath or in a user's closure: report it.
    Internal,
}

/// An error of swath; cheap to clone, so that a failed lazy handle can hand it out more than once.
///
/// `Display` does not repeat the source; [`std::error::Error::source`] has it.
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
    place: Option<Place>,
}

/// Where in the user's program an expression was wrong.
#[derive(Clone, Copy)]
enum Place {
    /// At the call that returned the error, or at one around it.
    Call(&'static Location<'static>),
    /// At an operator, which cannot return it.
    Operator(&'static Location<'static>),
}

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of every fallible call of swath.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `message` is lower case, without a full stop, and names operation, file, block and byte range.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { inner: Arc::new(Inner { kind, message: message.into(), source: None }), place: None }
    }

    /// As [`new`](Self::new), caused by `source`.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let inner = Inner { kind, message: message.into(), source: Some(source.into()) };
        Self { inner: Arc::new(inner), place: None }
    }

    /// A request that is wrong where it is written.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A file that is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Something valid that this build cannot do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A cancelled run.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the run was cancelled")
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The message alone, as `Display` prints it.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Where in the user's program the expression was wrong: the call that returned this error, or the operator that could
    /// not. None of errors that come while running. `Debug` prints it, and so does a `main` that returns the error.
    pub const fn place(&self) -> Option<&'static Location<'static>> {
        match self.place {
            Some(Place::Call(place) | Place::Operator(place)) => Some(place),
            None => None,
        }
    }

    /// This error of an operator at a place, which later calls only hand on.
    pub(crate) fn of_operator(self, place: &'static Location<'static>) -> Self {
        Self { place: Some(Place::Operator(place)), ..self }
    }

    /// This error as the cause of a new one of the same kind that says what was being done.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Self {
        let kind = self.kind();
        Self::with_source(kind, doing.to_string(), self)
    }

    /// This error with its message led by what was being done: for errors found while an expression is built.
    #[must_use]
    pub fn while_doing(&self, doing: impl fmt::Display) -> Self {
        Self::new(self.kind(), format!("{doing}: {self}"))
    }

    /// The messages of this error and all its sources, joined by `: `; what a command prints.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind(), self.chain())?;
        match self.place {
            // An operator's message tells it.
            Some(Place::Call(place)) => write!(f, " (at {}:{})", place.file(), place.line()),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// What `build` gives; its error is placed at the caller's call. A method that is called by another is placed there by both,
/// and the outer one, which the user wrote, wins.
///
/// # Errors
/// That of `build`.
#[track_caller]
pub fn located<T>(build: impl FnOnce() -> Result<T>) -> Result<T> {
    let place = Location::caller();
    build().map_err(|error| match error.place {
        Some(Place::Operator(_)) => error,
        _ => Error { place: Some(Place::Call(place)), ..error },
    })
}
