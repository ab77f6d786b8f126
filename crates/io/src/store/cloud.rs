//! Object stores: S3, Google Cloud Storage and Azure Blob Storage, behind one interface.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use swath_core::error::{Error, Result};

use super::client::Client;
use super::io::IoOptions;
use super::options::StoreOptions;

/// A store that takes objects in parts.
pub(super) trait Cloud: ObjectStore + MultipartStore {}

impl<S: ObjectStore + MultipartStore> Cloud for S {}

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// Amazon S3, and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl StoreKind {
    pub(super) fn of_scheme(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "s3" | "s3a" => Self::S3,
            "gs" | "gcs" => Self::Gcs,
            "az" | "azure" | "abfs" | "abfss" => Self::Azure,
            _ => return None,
        })
    }

    /// The feature that this build needs for it.
    const fn feature(self) -> &'static str {
        match self {
            Self::S3 => "aws",
            Self::Gcs => "gcp",
            Self::Azure => "azure",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "Amazon S3",
            Self::Gcs => "Google Cloud Storage",
            Self::Azure => "Azure Blob Storage",
        })
    }
}

/// An object in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Whose store it is.
    pub kind: StoreKind,
    /// The bucket or container; of Azure, where the URI has both, `container@host`.
    pub bucket: String,
    /// Its key, character by character: nothing in it is percent-encoded.
    pub key: String,
}

impl StoredObject {
    /// The object that `rest`, a URI behind its `scheme://`, names.
    pub(super) fn parse(kind: StoreKind, rest: &str) -> std::result::Result<Self, &'static str> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        match (bucket, key) {
            ("", _) => Err("it names no bucket"),
            (_, "") => Err("it names a bucket, but no object in it"),
            (_, key) if Path::parse(key).is_err() => {
                Err("parts of an object's key between slashes must not be empty, . or ..")
            }
            _ => Ok(Self { kind, bucket: bucket.to_owned(), key: key.to_owned() }),
        }
    }

    pub(super) fn path(&self) -> Path {
        Path::parse(&self.key).expect("keys are checked when URIs are parsed")
    }

    /// What all objects with this text have in common: a store.
    pub(super) fn root(&self) -> String {
        format!("{}://{}", self.kind.feature(), self.bucket)
    }
}

/// Who asks again where a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retries {
    /// The caller, who counts and tells attempts: a store tries once.
    Caller,
    /// The store.
    Store,
}

impl Retries {
    pub(super) fn config(self, options: &IoOptions) -> RetryConfig {
        match self {
            Self::Caller => RetryConfig { max_retries: 0, ..RetryConfig::default() },
            Self::Store => RetryConfig {
                max_retries: options.attempts.max(1) as usize - 1,
                backoff: BackoffConfig {
                    init_backoff: options.backoff,
                    max_backoff: Duration::from_secs(10).max(options.backoff),
                    base: 2.0,
                },
                retry_timeout: options.upload_timeout,
            },
        }
    }
}

/// The store of an object.
///
/// # Errors
/// `Unsupported` where this build lacks the feature; `InvalidInput` where settings are unknown or contradict each other.
pub(super) fn open(
    object: &StoredObject,
    store: &StoreOptions,
    client: Client,
    retry: RetryConfig,
) -> Result<Arc<dyn Cloud>> {
    check_names(store)?;
    build(object, store, client, retry)
}

/// A builder with its settings; a macro, as the builders have no trait in common.
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
macro_rules! configured {
    ($builder:ty, $key:ty, $store:expr, $client:expr, $retry:expr) => {{
        let mut builder = match $store.uses_environment() {
            true => <$builder>::from_env(),
            false => <$builder>::new(),
        };
        for (name, value) in $store.settings() {
            if let Ok(key) = name.parse::<$key>() {
                builder = builder.with_config(key, value);
            }
        }
        if $store.is_anonymous() {
            builder = builder.with_skip_signature(true);
        }
        builder.with_client_options($client.options()).with_http_connector($client).with_retry($retry)
    }};
}

fn build(object: &StoredObject, store: &StoreOptions, client: Client, retry: RetryConfig) -> Result<Arc<dyn Cloud>> {
    #[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
    let cannot = |cause: object_store::Error| {
        Error::invalid(format!("cannot reach {}: {}", object.kind, super::failure::innermost(cause.to_string())))
    };
    match object.kind {
        #[cfg(feature = "aws")]
        StoreKind::S3 => {
            use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
            let builder = configured!(AmazonS3Builder, AmazonS3ConfigKey, store, client, retry);
            // Ours is not the only name for it: the command line of Amazon has one, too.
            let unsigned = store.uses_environment() && is_true("AWS_NO_SIGN_REQUEST");
            let builder = if unsigned { builder.with_skip_signature(true) } else { builder };
            Ok(Arc::new(builder.with_bucket_name(&object.bucket).build().map_err(cannot)?))
        }
        #[cfg(feature = "gcp")]
        StoreKind::Gcs => {
            use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
            let builder = configured!(GoogleCloudStorageBuilder, GoogleConfigKey, store, client, retry);
            let endpoint = store.settings().find(|(name, _)| *name == super::options::ENDPOINT);
            let builder = match endpoint {
                Some((_, url)) => builder.with_config(GoogleConfigKey::BaseUrl, url),
                None => builder,
            };
            Ok(Arc::new(builder.with_bucket_name(&object.bucket).build().map_err(cannot)?))
        }
        #[cfg(feature = "azure")]
        StoreKind::Azure => {
            use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
            let builder = configured!(MicrosoftAzureBuilder, AzureConfigKey, store, client, retry);
            let builder = match object.bucket.contains('@') {
                true => builder.with_url(format!("abfss://{}/", object.bucket)),
                false => builder.with_container_name(&object.bucket),
            };
            Ok(Arc::new(builder.build().map_err(cannot)?))
        }
        #[allow(unreachable_patterns, reason = "the last arm is for builds without some of the features")]
        kind => {
            drop((store, client, retry));
            Err(Error::unsupported(format!(
                "this build of swath cannot reach {kind}: it was compiled without the feature {}",
                kind.feature()
            )))
        }
    }
}

#[cfg(feature = "aws")]
fn is_true(variable: &str) -> bool {
    std::env::var(variable)
        .is_ok_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on"))
}

/// Settings that no store knows are mistakes.
fn check_names(store: &StoreOptions) -> Result<()> {
    for (name, _) in store.settings() {
        match is_of_connections(name) {
            Some(false) => {}
            Some(true) => {
                return Err(Error::invalid(format!(
                    "the setting {name} is one of connections, which all stores share: see IoOptions"
                )));
            }
            None => return Err(Error::invalid(format!("the setting {name} is not one of any store of this build"))),
        }
    }
    Ok(())
}

/// Whether a setting is one of connections, and not of a store, by the names that object_store knows; none where no store of
/// this build knows it.
#[allow(unused_variables, reason = "a build without stores knows no name")]
fn is_of_connections(name: &str) -> Option<bool> {
    let told: &[Option<bool>] = &[
        #[cfg(feature = "aws")]
        name.parse().ok().map(|key| matches!(key, object_store::aws::AmazonS3ConfigKey::Client(_))),
        #[cfg(feature = "azure")]
        name.parse().ok().map(|key| matches!(key, object_store::azure::AzureConfigKey::Client(_))),
        #[cfg(feature = "gcp")]
        name.parse().ok().map(|key| matches!(key, object_store::gcp::GoogleConfigKey::Client(_))),
    ];
    told.iter().flatten().copied().reduce(|all, one| all && one)
}
