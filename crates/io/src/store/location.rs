//! What a URI names: a path of this machine, an HTTP object, or one of an object store.

use std::path::PathBuf;

use swath_core::error::{Error, Result};
use url::Url;

use super::cloud::{StoreKind, StoredObject};

/// A URI, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A local file.
    Path(PathBuf),
    /// An object behind `http` or `https`.
    Http(Url),
    /// An object of a store.
    Store(StoredObject),
}

impl Location {
    /// The location of `uri`: a path, `file://`, `http://` or `https://`; `s3://BUCKET/KEY` (or `s3a`), `gs://BUCKET/KEY`
    /// (or `gcs`), `az://CONTAINER/KEY` (or `azure`, `abfs`, `abfss`), `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY`.
    ///
    /// Anything without `scheme://` is a path, and so is a Windows drive (`C:\scene.tif`). Keys of stores are taken as
    /// they are: `%20` in one is three characters.
    ///
    /// # Errors
    /// `InvalidInput` for any other scheme, for a URL that is none, and for a bucket without a key.
    pub fn parse(uri: &str) -> Result<Self> {
        Self::understand(uri).map_err(|why| match uri {
            "" => Error::invalid(format!("cannot open an empty URI: {why}")),
            uri => Error::invalid(format!("cannot open {}: {why}", shown(uri))),
        })
    }

    /// As [`parse`](Self::parse); else what is wrong with it.
    pub(crate) fn understand(uri: &str) -> std::result::Result<Self, String> {
        let Some((scheme, rest)) = uri.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return match uri {
                "" => Err("give a path or an http(s) URL".to_owned()),
                path => Ok(Self::Path(PathBuf::from(path))),
            };
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "file" => file_path(uri),
            "http" | "https" => Url::parse(uri).map(Self::Http).map_err(|cause| format!("not a URL ({cause})")),
            scheme => match StoreKind::of_scheme(scheme) {
                Some(kind) => StoredObject::parse(kind, rest).map(Self::Store).map_err(str::to_owned),
                None => Err(format!(
                    "the scheme {scheme}:// is not known; paths, file://, http(s)://, s3://, gs:// and az:// are"
                )),
            },
        }
    }

    /// Scheme, host and port, whose requests share a limit; empty for a path.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Path(_) => String::new(),
            Self::Http(url) => url.origin().ascii_serialization(),
            Self::Store(object) => object.root(),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    // One letter is a Windows drive.
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn file_path(uri: &str) -> std::result::Result<Location, String> {
    let path = Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
    path.map(Location::Path).ok_or_else(|| "a file URL is file:/// and an absolute path".to_owned())
}

/// `uri` for messages: without user and password, and with its query cut, which may hold a signature that must not
/// land in logs.
pub(crate) fn shown(uri: &str) -> String {
    let Ok(Location::Http(mut url)) = Location::understand(uri) else { return without_password(uri) };
    if url.username().is_empty() && url.password().is_none() {
        return match uri.split_once('?') {
            Some((before, _)) => format!("{before}?…"),
            None => uri.to_owned(),
        };
    }
    let (Ok(()), Ok(())) = (url.set_username(""), url.set_password(None)) else { return "(an http URL)".to_owned() };
    let query = if url.query().is_some() { "?…" } else { "" };
    url.set_query(None);
    format!("{url}{query}")
}

/// A URI that is not HTTP's; those of Azure have something before an `@` that is no secret.
fn without_password(uri: &str) -> String {
    let parts = uri.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@')?;
        user.contains(':').then(|| format!("{scheme}://{host}/{path}"))
    });
    parts.unwrap_or_else(|| uri.to_owned())
}

/// `reference` as seen from the document at the URL `base`; none where either is not a URL.
pub fn join_url(base: &str, reference: &str) -> Option<String> {
    Some(Url::parse(base).ok()?.join(reference).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use swath_core::error::ErrorKind;

    use super::*;

    fn path(text: &str) -> Location {
        Location::Path(PathBuf::from(text))
    }

    #[test]
    fn what_has_no_scheme_is_a_path() {
        for text in ["scl.tif", "./a b/ü.tif", "/data/x:y.tif", r"C:\data\scl.tif", "c:/data/scl.tif", "a?b#c.tif"] {
            assert_eq!(Location::parse(text).unwrap(), path(text));
        }
        assert_eq!(Location::parse("file:///data/a%20b.tif").unwrap(), path("/data/a b.tif"));
    }

    #[test]
    fn http_urls_share_limits_by_origin() {
        let a = Location::parse("https://data.example/a/b.tif?sig=1").unwrap();
        let b = Location::parse("HTTPS://data.example:443/c.tif").unwrap();
        assert_eq!(a.host(), "https://data.example");
        assert_eq!(a.host(), b.host());
    }

    #[test]
    fn stores_have_buckets_and_keys() {
        let object = |kind, bucket: &str, key: &str| {
            Location::Store(StoredObject { kind, bucket: bucket.to_owned(), key: key.to_owned() })
        };
        let parse = |uri: &str| Location::parse(uri).unwrap();
        assert_eq!(parse("s3://b/x/y z%20.tif"), object(StoreKind::S3, "b", "x/y z%20.tif"));
        assert_eq!(parse("S3A://b/k?q#f"), object(StoreKind::S3, "b", "k?q#f"));
        assert_eq!(parse("gs://b/k"), object(StoreKind::Gcs, "b", "k"));
        let container = "c@account.dfs.core.windows.net";
        assert_eq!(parse(&format!("abfss://{container}/k")), object(StoreKind::Azure, container, "k"));
        assert_eq!(parse("s3://b/k").host(), parse("s3a://b/other").host());
        assert_ne!(parse("s3://b/k").host(), parse("gs://b/k").host());
        for (uri, why) in [
            ("s3://b", "it names a bucket, but no object in it"),
            ("s3://b/", "it names a bucket, but no object in it"),
            ("az:///k", "it names no bucket"),
            ("gs://b/a//k", "parts of an object's key between slashes must not be empty, . or .."),
        ] {
            let error = Location::parse(uri).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string()),
                (ErrorKind::InvalidInput, format!("cannot open {uri}: {why}"))
            );
        }
    }

    #[test]
    fn other_schemes_list_those_that_work() {
        let error = Location::parse("ftp://host/x.tif").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("paths, file://, http(s)://, s3://, gs:// and az:// are"), "{error}");
        assert!(Location::parse("file://relative.tif").is_err());
        assert!(Location::parse("http://").is_err());
    }

    #[test]
    fn messages_do_not_show_signatures() {
        assert_eq!(shown("https://h/a.tif?X-Amz-Signature=abc"), "https://h/a.tif?…");
        assert_eq!(shown("https://me:secret@h/a.tif"), "https://h/a.tif");
        assert_eq!(shown("ftp://me:secret@h/a.tif"), "ftp://h/a.tif");
        assert_eq!(shown("abfss://c@h/a.tif"), "abfss://c@h/a.tif");
        assert_eq!(shown("a?b.tif"), "a?b.tif");
    }
}
