//! The HTTP client below all stores: one pool of connections, and what object_store's errors do not tell.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientConfigKey, ClientOptions, HeaderMap};
use swath_core::error::{Error, ErrorKind, Result};

use super::io::IoOptions;

/// One pool of connections, for all stores of an [`Io`](super::Io) that do the same.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: HttpClient,
    options: Arc<ClientOptions>,
}

impl Client {
    /// For reading: what stays silent for a while is given up.
    pub(super) fn reading(options: &IoOptions) -> Result<Self> {
        Self::new(options, |connections| connections.with_read_timeout(options.read_timeout).with_timeout_disabled())
    }

    /// For writing: a server is silent while it takes what it is sent, and while it puts parts together.
    pub(super) fn writing(options: &IoOptions) -> Result<Self> {
        Self::new(options, |connections| connections.with_timeout(options.upload_timeout))
    }

    fn new(options: &IoOptions, timeouts: impl FnOnce(ClientOptions) -> ClientOptions) -> Result<Self> {
        let connections = ClientOptions::new().with_allow_http(true).with_connect_timeout(options.connect_timeout);
        let options = timeouts(connections);
        let client = ReqwestConnector::default().connect(&options).map_err(|cause| cannot_set_up(cause.into()))?;
        Ok(Self { http: HttpClient::new(Observing(client)), options: Arc::new(options) })
    }

    /// What stores are to be told of connections.
    pub(super) fn options(&self) -> ClientOptions {
        (*self.options).clone()
    }
}

impl HttpConnector for Client {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Stores ask the metadata services of cloud machines with a short timeout, as elsewhere there is none.
        let timeout = |options: &ClientOptions| options.get_config_value(&ClientConfigKey::ConnectTimeout);
        match timeout(options) == timeout(&self.options) {
            true => Ok(self.http.clone()),
            false => ReqwestConnector::default().connect(options),
        }
    }
}

pub(super) fn cannot_set_up(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::with_source(ErrorKind::Unavailable, "cannot set up HTTP (are the system's certificates readable?)", cause)
}

/// The seconds that a server asks to wait, 0 where it does not.
pub(super) fn retry_after(headers: &HeaderMap) -> u64 {
    headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// How the request that carries it went.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Status of the answer, 0 while there is none.
    pub(super) status: AtomicU32,
    /// Seconds of its `Retry-After`, 0 without.
    pub(super) retry_after: AtomicU64,
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
                observed.retry_after.store(retry_after(answer.headers()), Ordering::Relaxed);
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
