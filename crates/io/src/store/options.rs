//! How stores are reached: settings, credentials, and a signer of URLs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use swath_core::error::ErrorKind;

use super::failure::Failure;

/// Why a URL could not be signed.
pub type SignerError = Box<dyn std::error::Error + Send + Sync>;

type Sign = dyn Fn(&str) -> Result<String, SignerError> + Send + Sync;

/// How object stores and servers are reached: credentials, endpoints, a signer.
///
/// Settings have the names that object_store gives them, with or without the prefix of their store: `aws_region` or
/// `region`, `aws_access_key_id`, `aws_endpoint`, `google_service_account`, `azure_storage_account_name`, … Without any,
/// credentials come from where object_store's users expect them: the environment variables `AWS_*`, `GOOGLE_*` and
/// `AZURE_*` of the same names, web identities, and the metadata services of the machines of Amazon, Google and Microsoft.
/// Files in `~/.aws` are not read.
///
/// ```
/// use swath_io::store::{Io, IoOptions, StoreOptions};
///
/// let public = StoreOptions::new().anonymous(true).set("aws_region", "us-west-2");
/// let emulator = StoreOptions::new().environment(false).endpoint("http://127.0.0.1:9000").set("aws_access_key_id", "me")
///     .set("aws_secret_access_key", "secret");
/// let io = Io::with_options(IoOptions { store: public, ..IoOptions::default() })?;
/// let same_connections = io.with_store(emulator);
/// # Ok::<(), swath_core::error::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOptions {
    settings: BTreeMap<String, String>,
    environment: bool,
    anonymous: bool,
    signer: Option<Signer>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { settings: BTreeMap::new(), environment: true, anonymous: false, signer: None }
    }
}

impl StoreOptions {
    /// Credentials and settings of the environment, no signer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one setting of stores, which wins over the environment. A name that no store knows, or a value that it cannot
    /// have, is an error when a file is opened; one of another store is passed over.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// Where the store is, if it is not that of Amazon, Google or Microsoft: an emulator, MinIO, R2, … `http` is allowed.
    #[must_use]
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        self.set(ENDPOINT, url)
    }

    /// Whether requests go without credentials, as to public buckets; no, unless set.
    #[must_use]
    pub const fn anonymous(mut self, anonymous: bool) -> Self {
        self.anonymous = anonymous;
        self
    }

    /// Whether environment variables are looked at; yes, unless set.
    #[must_use]
    pub const fn environment(mut self, environment: bool) -> Self {
        self.environment = environment;
        self
    }

    /// Signs `http` and `https` URLs: called before each request with the URL as it was written, and answers the one to
    /// send, such as the same with a token that has not expired. It is called off the I/O thread and may wait; it should
    /// keep what it gets for the next call.
    #[must_use]
    pub fn signer(mut self, sign: impl Fn(&str) -> Result<String, SignerError> + Send + Sync + 'static) -> Self {
        self.signer = Some(Signer(Arc::new(sign)));
        self
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[allow(dead_code, reason = "a build without stores asks nobody")]
    pub(super) const fn uses_environment(&self) -> bool {
        self.environment
    }

    #[allow(dead_code, reason = "a build without stores asks nobody")]
    pub(super) const fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    pub(super) const fn url_signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }
}

/// The setting of an endpoint, whichever the store.
pub(super) const ENDPOINT: &str = "endpoint";

/// Names only: values are secrets.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .field("environment", &self.environment)
            .field("anonymous", &self.anonymous)
            .field("signer", &self.signer.is_some())
            .finish()
    }
}

/// What signs URLs.
#[derive(Clone)]
pub(super) struct Signer(Arc<Sign>);

/// The URL as it is to be sent. The signer may wait: it is called on a thread for that.
pub(super) async fn sign(signer: &Signer, url: &str) -> Result<String, Failure> {
    let (signer, url) = (signer.clone(), url.to_owned());
    let signed = tokio::task::spawn_blocking(move || (signer.0)(&url)).await;
    let failed = |cause: String| Failure::lasting(ErrorKind::Unavailable, format!("the signer failed ({cause})"));
    match signed {
        Ok(signed) => signed.map_err(|cause| failed(cause.to_string())),
        Err(_) => Err(failed("it panicked".to_owned())),
    }
}

impl PartialEq for Signer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Signer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_secret() {
        let options = StoreOptions::new().set("aws_secret_access_key", "hush").signer(|url| Ok(url.to_owned()));
        let shown = format!("{options:?}");
        assert!(shown.contains("aws_secret_access_key") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn options_are_equal_where_stores_made_with_them_are_the_same() {
        let options = StoreOptions::new().set("AWS_REGION", "eu-west-1");
        assert_eq!(options, StoreOptions::new().set("aws_region", "eu-west-1"));
        assert_ne!(options, options.clone().anonymous(true));
        let signed = options.signer(|url| Ok(url.to_owned()));
        assert_eq!(signed, signed.clone());
        assert_ne!(signed, signed.clone().signer(|url| Ok(url.to_owned())));
    }
}
