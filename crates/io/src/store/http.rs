//! One HTTP object: ranges with retries, and the fallback for servers that ignore ranges.
//!
//! object_store sends the requests and checks what comes back; it is told to try once, so that the attempts
//! counted, paused between and named in messages are these.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::http::{HttpBuilder, HttpStore};
use object_store::path::Path;
use object_store::{ClientOptions, Extensions, GetOptions, GetRange, ObjectStore, RetryConfig};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::source::Fetched;
use url::Url;

use super::file::Start;
use super::host::Host;
use super::io::{Io, IoOptions};
use super::retry;

/// An object behind a URL. Holds no [`Io`], so that requests under way do not keep the runtime they run on.
pub(super) struct HttpObject {
    name: String,
    store: HttpStore,
    host: Arc<Host>,
    options: IoOptions,
    identity: OnceLock<Identity>,
    whole: OnceLock<Bytes>,
}

/// What must not change while a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    size: u64,
    e_tag: Option<String>,
}

/// A client whose connections all stores share, and which tells each request's [`Observed`] how it went.
pub(super) fn connect(options: &ClientOptions) -> Result<HttpClient> {
    let client = ReqwestConnector::default().connect(options).map_err(|cause| {
        Error::with_source(
            ErrorKind::Unavailable,
            "cannot set up HTTP (are the system's certificates readable?)",
            cause,
        )
    })?;
    Ok(HttpClient::new(Observing(client)))
}

impl HttpObject {
    pub(super) fn new(io: &Io, name: &str, url: &Url, host: String) -> Result<Self> {
        // The store's root is the whole URL and its paths are empty: the URL is sent as the user wrote it, query,
        // double slashes, percent signs and all.
        let store = HttpBuilder::new()
            .with_url(url.as_str())
            .with_http_connector(Shared(io.client()?))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .map_err(|cause| Error::with_source(ErrorKind::InvalidInput, format!("cannot open {name}"), cause))?;
        Ok(Self {
            name: name.to_owned(),
            store,
            host: io.host(host),
            options: io.options().clone(),
            identity: OnceLock::new(),
            whole: OnceLock::new(),
        })
    }

    /// All bytes, where they had to be fetched at once.
    pub(super) fn whole(&self) -> Option<&Bytes> {
        self.whole.get()
    }

    /// The first `len` bytes, or all of a shorter object, and its size: one request, unless the server ignores ranges.
    pub(super) async fn start(&self, len: u64) -> Result<Start> {
        let doing = || format!("cannot open {}", self.name);
        let first = self.attempts(&doing, || self.get_start(len)).await;
        let (got, requests) = match first {
            Ok((Some(got), requests)) => (got, requests),
            Ok((None, requests)) => {
                let (got, more) = self.attempts(&doing, || self.get_whole(self.options.whole_bytes_max)).await?;
                let _ = self.whole.set(got.bytes.clone());
                (got, requests + more)
            }
            Err(error) => return Err(error),
        };
        let _ = self.identity.set(got.identity.clone());
        let bytes = got.bytes.slice(..got.bytes.len().min(usize::try_from(len).unwrap_or(usize::MAX)));
        Ok(Start { bytes, size: got.identity.size, requests })
    }

    /// The bytes of `range`, which must lie within the object.
    pub(super) async fn fetch(&self, range: Range<u64>) -> Result<Fetched> {
        if let Some(whole) = self.whole.get() {
            let bytes = slice(whole, &range).ok_or_else(|| self.outside(&range))?;
            return Ok(Fetched { offset: range.start, bytes, requests: 0 });
        }
        if range.is_empty() {
            return Ok(Fetched { offset: range.start, bytes: Bytes::new(), requests: 0 });
        }
        let doing = || format!("cannot read bytes {}..{} of {}", range.start, range.end, self.name);
        let (got, requests) = self.attempts(&doing, || self.get_range(range.clone())).await?;
        Ok(Fetched { offset: range.start, bytes: got.bytes, requests })
    }

    /// All bytes of an object of at most `bytes_max`.
    pub(super) async fn all(&self, bytes_max: u64) -> Result<Bytes> {
        let doing = || format!("cannot read {}", self.name);
        Ok(self.attempts(&doing, || self.get_whole(bytes_max)).await?.0.bytes)
    }

    /// Asks until there is an answer, a failure that lasts, or no attempt left; also tells how often it asked.
    async fn attempts<T, F>(&self, doing: &(dyn Fn() -> String + Sync), ask: impl Fn() -> F) -> Result<(T, u32)>
    where
        T: Answer,
        F: Future<Output = Result<T, Failure>>,
    {
        // Files take turns: which run asks is not known here.
        let who = std::ptr::from_ref(self).addr();
        let mut attempt = 1;
        loop {
            let failure = {
                let permit = self.host.permit(who).await;
                match ask().await {
                    Ok(answer) => {
                        permit.answered(answer.byte_len());
                        return Ok((answer, attempt));
                    }
                    Err(failure) => {
                        if failure.throttled {
                            permit.throttled();
                        }
                        failure
                    }
                }
            };
            if !failure.passing || attempt >= self.options.attempts.max(1) {
                return Err(failure.into_error(&doing(), attempt));
            }
            let pause = match failure.retry_after {
                Some(seconds) => retry::asked_pause(seconds),
                None => retry::pause(self.options.backoff, attempt),
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// None where the server ignores ranges.
    async fn get_start(&self, len: u64) -> Result<Option<Got>, Failure> {
        match self.get(Some(0..len.max(1))).await {
            Err(failure) if failure.range_ignored => Ok(None),
            other => other.map(Some),
        }
    }

    async fn get_range(&self, range: Range<u64>) -> Result<Got, Failure> {
        let got = self.get(Some(range.clone())).await?;
        if self.identity.get().is_some_and(|opened| *opened != got.identity) {
            return Err(Failure::lasting(ErrorKind::Unavailable, "the file was changed while being read"));
        }
        if got.bytes.len() as u64 != range.end - range.start {
            let short = format!("the server sent {} of {} bytes", got.bytes.len(), range.end - range.start);
            return Err(Failure { passing: true, ..Failure::lasting(ErrorKind::Unavailable, short) });
        }
        Ok(got)
    }

    async fn get_whole(&self, bytes_max: u64) -> Result<Got, Failure> {
        let too_large = |size: u64| {
            let cause = format!(
                "the server ignores byte ranges or the file must be read whole, and {size} bytes are more than \
                 {bytes_max}"
            );
            Failure::lasting(ErrorKind::Unsupported, cause)
        };
        let observed = Arc::new(Observed::default());
        let answer = self.store.get_opts(&Path::default(), options(None, &observed)).await;
        let answer = answer.map_err(|cause| Failure::of(&cause, &observed))?;
        if answer.meta.size > bytes_max {
            return Err(too_large(answer.meta.size));
        }
        let identity = Identity { size: answer.meta.size, e_tag: answer.meta.e_tag.clone() };
        let bytes = answer.bytes().await.map_err(|cause| Failure::of_body(&cause))?;
        match bytes.len() as u64 == identity.size {
            true => Ok(Got { bytes, identity }),
            false => Err(Failure::of_body("the body is shorter than its header says")),
        }
    }

    async fn get(&self, range: Option<Range<u64>>) -> Result<Got, Failure> {
        let observed = Arc::new(Observed::default());
        let answer = self.store.get_opts(&Path::default(), options(range, &observed)).await;
        let answer = answer.map_err(|cause| Failure::of(&cause, &observed))?;
        let expected = answer.range.end - answer.range.start;
        let identity = Identity { size: answer.meta.size, e_tag: answer.meta.e_tag.clone() };
        let bytes = answer.bytes().await.map_err(|cause| Failure::of_body(&cause))?;
        match bytes.len() as u64 == expected {
            true => Ok(Got { bytes, identity }),
            false => Err(Failure::of_body("the body is shorter than its header says")),
        }
    }

    fn outside(&self, range: &Range<u64>) -> Error {
        Error::corrupt(format!("bytes {}..{} lie beyond the end of {}", range.start, range.end, self.name))
    }
}

fn slice(whole: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    (start <= end && end <= whole.len()).then(|| whole.slice(start..end))
}

fn options(range: Option<Range<u64>>, observed: &Arc<Observed>) -> GetOptions {
    let mut extensions = Extensions::new();
    extensions.insert(Arc::clone(observed));
    GetOptions { range: range.map(GetRange::Bounded), extensions, ..GetOptions::default() }
}

struct Got {
    bytes: Bytes,
    identity: Identity,
}

/// What an attempt brought.
trait Answer {
    fn byte_len(&self) -> u64;
}

impl Answer for Got {
    fn byte_len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Answer for Option<Got> {
    fn byte_len(&self) -> u64 {
        self.as_ref().map_or(0, Answer::byte_len)
    }
}

/// Why an attempt failed.
struct Failure {
    kind: ErrorKind,
    cause: String,
    /// Whether asking again may help.
    passing: bool,
    /// Whether fewer requests at once may help.
    throttled: bool,
    range_ignored: bool,
    retry_after: Option<u64>,
}

impl Failure {
    fn lasting(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), passing: false, throttled: false, range_ignored: false, retry_after: None }
    }

    /// A body that ended early: asking again may help, whether or not the server sent an ETag.
    fn of_body(cause: impl fmt::Display) -> Self {
        let cause = format!("the connection broke off ({})", innermost(cause.to_string()));
        Self { passing: true, throttled: true, ..Self::lasting(ErrorKind::Unavailable, cause) }
    }

    /// A request without an answer that can be used.
    fn of(error: &object_store::Error, observed: &Observed) -> Self {
        let status = observed.status.load(Ordering::Relaxed);
        let seconds = observed.retry_after.load(Ordering::Relaxed);
        let code = |text: &str| format!("the server answered {status} {text}");
        let failure = match status {
            // No answer at all: refused, reset, timed out. A name that does not resolve is also one.
            0 => Self { passing: true, throttled: true, ..Self::lasting(ErrorKind::Unavailable, transport(error)) },
            404 | 410 => Self::lasting(ErrorKind::NotFound, code("Not Found")),
            401 | 403 => Self::lasting(ErrorKind::Unavailable, code("Forbidden (missing or expired credentials?)")),
            416 => Self::lasting(ErrorKind::Corrupt, "it is empty, or shorter than its index says (status 416)"),
            408 | 429 | 500.. => Self {
                passing: true,
                throttled: matches!(status, 408 | 429 | 503 | 504),
                ..Self::lasting(ErrorKind::Unavailable, code(reason(status)).trim_end())
            },
            400.. => Self::lasting(ErrorKind::Unavailable, code("").trim_end()),
            200 if matches!(error, object_store::Error::NotSupported { .. }) => {
                let cause = "the server ignores byte ranges";
                Self { range_ignored: true, ..Self::lasting(ErrorKind::Unsupported, cause) }
            }
            _ => Self::lasting(ErrorKind::Unavailable, format!("unusable answer: {}", innermost(error.to_string()))),
        };
        Self { retry_after: (failure.passing && seconds > 0).then_some(seconds), ..failure }
    }

    fn into_error(self, doing: &str, attempts: u32) -> Error {
        let Self { kind, cause, .. } = self;
        match attempts {
            1 => Error::new(kind, format!("{doing}: {cause}")),
            _ => Error::new(kind, format!("{doing}: {cause} after {attempts} attempts")),
        }
    }
}

fn reason(status: u32) -> &'static str {
    match status {
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// What went wrong below HTTP, from the innermost cause; the outer ones repeat the URL with its query.
fn transport(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
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

fn innermost(chain: String) -> String {
    chain.rsplit(": ").next().unwrap_or_default().trim().to_owned()
}

/// How the request that carries it went.
#[derive(Debug, Default)]
struct Observed {
    /// Status of the answer, 0 while there is none.
    status: AtomicU32,
    /// Seconds of its `Retry-After`, 0 without.
    retry_after: AtomicU64,
}

/// object_store's errors do not tell the status; this does.
#[derive(Debug)]
struct Observing(HttpClient);

impl HttpService for Observing {
    // What `#[async_trait]` makes of `async fn call(&self, request: HttpRequest)`.
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let observed = request.extensions().get::<Arc<Observed>>().cloned();
            let ranged = request.headers().contains_key("range");
            let answer = self.0.execute(request).await?;
            if let Some(observed) = observed {
                observed.status.store(u32::from(answer.status().as_u16()), Ordering::Relaxed);
                let seconds = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                observed.retry_after.store(seconds.unwrap_or(0), Ordering::Relaxed);
            }
            match !ranged && answer.status().is_success() && !answer.headers().contains_key("content-length") {
                true => with_length(answer).await,
                false => Ok(answer),
            }
        })
    }
}

/// object_store refuses a whole object whose length is not announced, as search services send theirs.
async fn with_length(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut parts, body) = answer.into_parts();
    let bytes = body.bytes().await?;
    parts.headers.insert("content-length", bytes.len().into());
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

#[derive(Debug)]
struct Shared(HttpClient);

impl HttpConnector for Shared {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}
