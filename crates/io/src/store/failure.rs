//! Why a request failed, and whether asking again may help.

use std::fmt;
use std::sync::atomic::Ordering;

use object_store::client::{HttpError, HttpErrorKind};
use swath_core::error::{Error, ErrorKind};

use super::client::Observed;

/// Why an attempt failed.
pub(super) struct Failure {
    kind: ErrorKind,
    cause: String,
    /// Whether asking again may help.
    pub(super) is_passing: bool,
    /// Whether fewer requests at once may help.
    pub(super) throttled: bool,
    pub(super) range_ignored: bool,
    pub(super) retry_after: Option<u64>,
}

impl Failure {
    pub(super) fn lasting(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), is_passing: false, throttled: false, range_ignored: false, retry_after: None }
    }

    pub(super) fn passing(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { is_passing: true, ..Self::lasting(kind, cause) }
    }

    /// A body that ended early: asking again may help, whether or not the server sent an ETag.
    pub(super) fn of_body(cause: impl fmt::Display) -> Self {
        let cause = format!("the connection broke off ({})", innermost(cause.to_string()));
        Self { throttled: true, ..Self::passing(ErrorKind::Unavailable, cause) }
    }

    /// A request without an answer that can be used.
    pub(super) fn of(error: &object_store::Error, observed: &Observed) -> Self {
        let failure = match observed.status.load(Ordering::Relaxed) {
            // Nothing was sent: there was no way to sign it.
            0 if is_of_credentials(error) => {
                let cause = format!("there are no credentials ({}): set them, or ask anonymously", transport(error));
                Self::passing(ErrorKind::Unavailable, cause)
            }
            // No answer at all: refused, reset, timed out. A name that does not resolve is also one.
            0 => Self { throttled: true, ..Self::passing(ErrorKind::Unavailable, transport(error)) },
            200 if matches!(error, object_store::Error::NotSupported { .. }) => {
                let cause = "the server ignores byte ranges";
                Self { range_ignored: true, ..Self::lasting(ErrorKind::Unsupported, cause) }
            }
            status @ 300.. => Self::of_status(status),
            _ => Self::lasting(ErrorKind::Unavailable, format!("unusable answer: {}", innermost(error.to_string()))),
        };
        failure.asked_to_wait(observed.retry_after.load(Ordering::Relaxed))
    }

    /// An answer of a status that says no.
    pub(super) fn of_status(status: u32) -> Self {
        let code = |text: &str| format!("the server answered {status} {text}").trim_end().to_owned();
        match status {
            301 | 302 | 307 => Self::lasting(
                ErrorKind::Unavailable,
                code("Redirect (is the bucket in another region than the one set?)"),
            ),
            404 | 410 => Self::lasting(ErrorKind::NotFound, code("Not Found")),
            401 | 403 => Self::lasting(ErrorKind::Unavailable, code("Forbidden (missing or expired credentials?)")),
            416 => Self::lasting(ErrorKind::Corrupt, "it is empty, or shorter than its index says (status 416)"),
            408 | 429 | 500.. => Self {
                throttled: matches!(status, 408 | 429 | 503 | 504),
                ..Self::passing(ErrorKind::Unavailable, code(reason(status)))
            },
            _ => Self::lasting(ErrorKind::Unavailable, code(reason(status))),
        }
    }

    /// With the seconds that the server asked to wait before the next attempt, if it did.
    pub(super) fn asked_to_wait(self, seconds: u64) -> Self {
        Self { retry_after: (self.is_passing && seconds > 0).then_some(seconds), ..self }
    }

    /// With what the server said of it.
    pub(super) fn with_message(self, message: &str) -> Self {
        Self { cause: format!("{} ({message})", self.cause), ..self }
    }

    pub(super) fn into_error(self, doing: &str, attempts: u32) -> Error {
        let Self { kind, cause, .. } = self;
        match attempts {
            1 => Error::new(kind, format!("{doing}: {cause}")),
            _ => Error::new(kind, format!("{doing}: {cause} after {attempts} attempts")),
        }
    }
}

fn reason(status: u32) -> &'static str {
    match status {
        400 => "Bad Request",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// What went wrong below HTTP, from the innermost cause; the outer ones repeat the URL with its query.
pub(super) fn transport(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    let mut timed_out = false;
    while let Some(next) = cause.source() {
        cause = next;
        timed_out |= cause.downcast_ref::<HttpError>().is_some_and(|error| error.kind() == HttpErrorKind::Timeout);
    }
    match timed_out {
        true => "timed out".to_owned(),
        false => cause.to_string(),
    }
}

/// Whether what failed is a request of credentials, which object_store makes by itself: to the metadata service of a
/// machine of a cloud, which other machines do not reach, or answered by another status than the object's server could have.
fn is_of_credentials(error: &object_store::Error) -> bool {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    chain
        .map(ToString::to_string)
        .any(|text| ["169.254.", "metadata.google", "status code: "].iter().any(|part| text.contains(part)))
}

/// What went wrong, without who says so.
pub(super) fn innermost(chain: String) -> String {
    chain.rsplit(": ").next().unwrap_or_default().trim().to_owned()
}
