//! What a URI names: a path of this machine or an HTTP object.

use std::path::PathBuf;

use swath_core::error::{Error, Result};
use url::Url;

/// A URI, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A local file.
    Path(PathBuf),
    /// An object behind `http` or `https`.
    Http(Url),
}

/// Schemes of stores that a later version will read, with what a person calls them.
const PLANNED: &[(&str, &str)] = &[
    ("s3", "Amazon S3"),
    ("s3a", "Amazon S3"),
    ("gs", "Google Cloud Storage"),
    ("gcs", "Google Cloud Storage"),
    ("az", "Azure Blob Storage"),
    ("azure", "Azure Blob Storage"),
    ("abfs", "Azure Blob Storage"),
    ("abfss", "Azure Blob Storage"),
];

impl Location {
    /// The location of `uri`: a path, `file://`, `http://` or `https://`.
    ///
    /// Anything without `scheme://` is a path, and so is a Windows drive (`C:\scene.tif`).
    ///
    /// # Errors
    /// `Unsupported` for a store that is not read yet (`s3`, `gs`, `az`, …); `InvalidInput` for any other scheme and for a
    /// URL that is none.
    pub fn parse(uri: &str) -> Result<Self> {
        let Some((scheme, _)) = uri.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return match uri {
                "" => Err(Error::invalid("cannot open an empty URI: give a path or an http(s) URL")),
                path => Ok(Self::Path(PathBuf::from(path))),
            };
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "file" => file_path(uri),
            "http" | "https" => match Url::parse(uri) {
                Ok(url) => Ok(Self::Http(url)),
                Err(cause) => Err(Error::invalid(format!("cannot open {uri}: not a URL ({cause})"))),
            },
            _ => Err(unknown_scheme(uri, &scheme)),
        }
    }

    /// Scheme, host and port, whose requests share a limit; empty for a path.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Path(_) => String::new(),
            Self::Http(url) => url.origin().ascii_serialization(),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    // One letter is a Windows drive.
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn file_path(uri: &str) -> Result<Location> {
    let path = Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
    path.map(Location::Path)
        .ok_or_else(|| Error::invalid(format!("cannot open {uri}: a file URL is file:/// and an absolute path")))
}

fn unknown_scheme(uri: &str, scheme: &str) -> Error {
    match PLANNED.iter().find(|(name, _)| *name == scheme) {
        Some((_, store)) => Error::unsupported(format!(
            "cannot open {uri}: reading from {store} ({scheme}://) is not in this version; a presigned https URL works"
        )),
        None => Error::invalid(format!(
            "cannot open {uri}: the scheme {scheme}:// is not known; paths, file://, http:// and https:// are"
        )),
    }
}

/// `uri` for messages: without user and password, and with its query cut, which may hold a signature that must not
/// land in logs.
pub(crate) fn shown(uri: &str) -> String {
    let Ok(Location::Http(mut url)) = Location::parse(uri) else { return uri.to_owned() };
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
    fn stores_that_are_to_come_are_named() {
        let error = Location::parse("s3://bucket/key.tif").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "cannot open s3://bucket/key.tif: reading from Amazon S3 (s3://) is not in this version; a presigned https \
             URL works"
        );
    }

    #[test]
    fn other_schemes_list_those_that_work() {
        let error = Location::parse("ftp://host/x.tif").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("paths, file://, http:// and https:// are"), "{error}");
        assert!(Location::parse("file://relative.tif").is_err());
        assert!(Location::parse("http://").is_err());
    }

    #[test]
    fn messages_do_not_show_signatures() {
        assert_eq!(shown("https://h/a.tif?X-Amz-Signature=abc"), "https://h/a.tif?…");
        assert_eq!(shown("https://me:secret@h/a.tif"), "https://h/a.tif");
        assert_eq!(shown("a?b.tif"), "a?b.tif");
    }
}
