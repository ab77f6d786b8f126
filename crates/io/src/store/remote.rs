//! One object behind HTTP, of a server or a store: ranges with retries, and the fallback for servers that ignore ranges.
//!
//! object_store sends the requests and checks what comes back; it is told to try once, so that the attempts
//! counted, paused between and named in messages are these.

use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{Extensions, GetOptions, GetRange, GetResult, ObjectStore};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::source::Fetched;
use url::Url;

use super::client::{Client, Observed};
use super::cloud::{Retries, StoredObject};
use super::failure::{Failure, innermost};
use super::file::Start;
use super::host::Host;
use super::io::{Io, IoOptions};
use super::options::Signer;
use super::retry;

/// An object that is not on this machine. Holds no [`Io`], so that requests under way do not keep the runtime they run on.
pub(super) struct RemoteObject {
    name: String,
    access: Access,
    host: Arc<Host>,
    options: IoOptions,
    identity: OnceLock<Identity>,
    whole: OnceLock<Bytes>,
}

/// What requests are sent through.
enum Access {
    Fixed(Arc<dyn ObjectStore>, Path),
    /// A URL that is signed anew for each request.
    Signed {
        url: String,
        signer: Signer,
        client: Client,
    },
}

/// What must not change while a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    size: u64,
    e_tag: Option<String>,
}

impl RemoteObject {
    /// The object at a URL.
    pub(super) fn at_url(io: &Io, name: &str, url: &Url, host: String) -> Result<Self> {
        let client = io.client()?;
        let access = match io.store().url_signer() {
            Some(signer) => Access::Signed { url: url.to_string(), signer: signer.clone(), client },
            None => {
                let cannot = |cause| Error::with_source(ErrorKind::InvalidInput, format!("cannot open {name}"), cause);
                Access::Fixed(at_url(url.as_str(), &client).map_err(cannot)?, Path::default())
            }
        };
        Ok(Self::new(io, name, access, host))
    }

    /// The object of a store.
    pub(super) fn stored(io: &Io, name: &str, object: &StoredObject, host: String) -> Result<Self> {
        let cannot = |error: Error| error.context(format!("cannot open {name}"));
        let store = io.cloud(object, Retries::Caller).map_err(cannot)?;
        Ok(Self::new(io, name, Access::Fixed(store, object.path()), host))
    }

    fn new(io: &Io, name: &str, access: Access, host: String) -> Self {
        Self {
            name: name.to_owned(),
            access,
            host: io.host(host),
            options: io.options().clone(),
            identity: OnceLock::new(),
            whole: OnceLock::new(),
        }
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
            if !failure.is_passing || attempt >= self.options.attempts.max(1) {
                return Err(failure.into_error(&doing(), attempt));
            }
            tokio::time::sleep(retry::pause_after(&failure, self.options.backoff, attempt)).await;
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
            return Err(Failure::passing(ErrorKind::Unavailable, short));
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
        let answer = self.ask(None).await?;
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
        let answer = self.ask(range).await?;
        let expected = answer.range.end - answer.range.start;
        let identity = Identity { size: answer.meta.size, e_tag: answer.meta.e_tag.clone() };
        let bytes = answer.bytes().await.map_err(|cause| Failure::of_body(&cause))?;
        match bytes.len() as u64 == expected {
            true => Ok(Got { bytes, identity }),
            false => Err(Failure::of_body("the body is shorter than its header says")),
        }
    }

    /// Sends one request; its body is still to come.
    async fn ask(&self, range: Option<Range<u64>>) -> Result<GetResult, Failure> {
        let (store, path) = match &self.access {
            Access::Fixed(store, path) => (Arc::clone(store), path.clone()),
            Access::Signed { url, signer, client } => (signed(url, signer, client).await?, Path::default()),
        };
        let observed = Arc::new(Observed::default());
        let answer = store.get_opts(&path, options(range, &observed)).await;
        answer.map_err(|cause| Failure::of(&cause, &observed))
    }

    fn outside(&self, range: &Range<u64>) -> Error {
        Error::corrupt(format!("bytes {}..{} lie beyond the end of {}", range.start, range.end, self.name))
    }
}

/// A store whose root is the whole URL and whose paths are empty: the URL is sent as the user wrote it, query, double
/// slashes, percent signs and all.
fn at_url(url: &str, client: &Client) -> object_store::Result<Arc<dyn ObjectStore>> {
    let builder = HttpBuilder::new().with_url(url).with_client_options(client.options());
    let retry = Retries::Caller.config(&IoOptions::default());
    Ok(Arc::new(builder.with_http_connector(client.clone()).with_retry(retry).build()?))
}

async fn signed(url: &str, signer: &Signer, client: &Client) -> Result<Arc<dyn ObjectStore>, Failure> {
    let signed = super::options::sign(signer, url).await?;
    at_url(&signed, client).map_err(|cause| {
        Failure::lasting(
            ErrorKind::InvalidInput,
            format!("the signer's URL is none ({})", innermost(cause.to_string())),
        )
    })
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
