//! Finding files in STAC documents: items, their assets, and where those lie. Only what opening needs is read.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use swath_core::error::{Error, ErrorKind, Result};
use swath_io::store::{Io, read_all};

/// The largest document that is read: a page of a search has a few MiB.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// A STAC ItemCollection: what a search gives (a GeoJSON FeatureCollection).
#[derive(Debug, Clone, Deserialize)]
pub struct ItemCollection {
    /// The items, in the document's order.
    #[serde(rename = "features")]
    pub items: Vec<Item>,
}

/// A STAC Item: one scene and its files (a GeoJSON Feature).
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// Its name within its collection.
    pub id: String,
    /// The collection that it belongs to.
    #[serde(default)]
    pub collection: Option<String>,
    /// West, south, east, north in degrees; six numbers where heights are given.
    #[serde(default)]
    pub bbox: Option<Vec<f64>>,
    /// Properties as they are: `datetime`, `eo:cloud_cover`, `proj:epsg` …
    #[serde(default)]
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// The files, by key, in the document's order.
    pub assets: IndexMap<String, Asset>,
}

/// A file of an item.
#[derive(Debug, Clone, Deserialize)]
pub struct Asset {
    /// Where it lies; after reading, relative ones are resolved against the document.
    pub href: String,
    /// Its media type.
    #[serde(default, rename = "type")]
    pub media_type: Option<String>,
    /// What a person calls it.
    #[serde(default)]
    pub title: Option<String>,
    /// What it is for: `data`, `overview`, `thumbnail` …
    #[serde(default)]
    pub roles: Vec<String>,
}

impl ItemCollection {
    /// Reads a document from a path or URL. A single item counts as a collection of one.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable` where it cannot be read; `Corrupt` where it is not STAC.
    pub fn open(uri: impl AsRef<str>) -> Result<Self> {
        let uri = uri.as_ref();
        let mut collection = Self::parse(uri, &read(uri)?)?;
        collection.items.iter_mut().for_each(|item| item.resolve(uri));
        Ok(collection)
    }

    fn parse(uri: &str, text: &[u8]) -> Result<Self> {
        match serde_json::from_slice::<Kind>(text).map_err(|error| not_stac(uri, error))?.kind.as_str() {
            "FeatureCollection" => serde_json::from_slice(text).map_err(|error| not_stac(uri, error)),
            "Feature" => Ok(Self { items: vec![serde_json::from_slice(text).map_err(|error| not_stac(uri, error))?] }),
            other => Err(Error::corrupt(format!("{uri} is a {other}, not a STAC ItemCollection or Item"))),
        }
    }

    /// The last item, as `items[-1]`.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub fn last(&self) -> Result<&Item> {
        self.items.last().ok_or_else(|| Error::new(ErrorKind::NotFound, "the STAC document has no item"))
    }

    /// The item of this id.
    ///
    /// # Errors
    /// `NotFound`, naming the ids there are.
    pub fn item(&self, id: &str) -> Result<&Item> {
        self.items.iter().find(|item| item.id == id).ok_or_else(|| {
            let known = self.items.iter().map(|item| item.id.as_str());
            Error::new(ErrorKind::NotFound, format!("the STAC document has no item {id}; it has {}", list(known)))
        })
    }
}

impl Item {
    /// Reads a document that is one item.
    ///
    /// # Errors
    /// As [`ItemCollection::open`]; `Corrupt` where it holds several.
    pub fn open(uri: impl AsRef<str>) -> Result<Self> {
        let uri = uri.as_ref();
        let mut items = ItemCollection::open(uri)?.items;
        match items.len() {
            1 => Ok(items.remove(0)),
            count => {
                Err(Error::corrupt(format!("{uri} holds {count} STAC items, not one: open it as an ItemCollection")))
            }
        }
    }

    /// Where the file of this key lies.
    ///
    /// # Errors
    /// `NotFound`, naming the keys there are.
    pub fn asset(&self, key: &str) -> Result<&str> {
        self.assets.get(key).map(|asset| asset.href.as_str()).ok_or_else(|| {
            let known = self.assets.keys().map(String::as_str);
            Error::new(ErrorKind::NotFound, format!("item {} has no asset {key}; it has {}", self.id, list(known)))
        })
    }

    fn resolve(&mut self, document: &str) {
        for asset in self.assets.values_mut() {
            asset.href = resolve(document, &asset.href);
        }
    }
}

/// The `type` of a GeoJSON or STAC document.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

fn read(uri: &str) -> Result<Vec<u8>> {
    Ok(read_all(&Io::shared()?, uri, DOCUMENT_BYTES_MAX)?.to_vec())
}

fn not_stac(uri: &str, error: serde_json::Error) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("{uri} is not a STAC document"), error)
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `href` as seen from `document`: URLs and absolute paths stay, the rest is relative to the document's folder.
fn resolve(document: &str, href: &str) -> String {
    if has_scheme(href) || Path::new(href).is_absolute() && !has_scheme(document) {
        return href.to_owned();
    }
    if has_scheme(document) {
        let joined = swath_io::store::join_url(document, href);
        return joined.unwrap_or_else(|| href.to_owned());
    }
    let folder = Path::new(document).parent().unwrap_or_else(|| Path::new(""));
    let joined = folder.join(href.strip_prefix("./").unwrap_or(href));
    joined.to_str().map_or_else(|| href.to_owned(), str::to_owned)
}

/// `s3:`, `https:` … but not a Windows drive letter.
fn has_scheme(href: &str) -> bool {
    let name = href.split_once(':').map_or("", |(scheme, _)| scheme);
    name.len() > 1 && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hrefs_are_relative_to_the_document() {
        for (document, href, expected) in [
            ("search.json", "a/SCL.tif", "a/SCL.tif"),
            ("stac/search.json", "./a/SCL.tif", "stac/a/SCL.tif"),
            ("stac/search.json", "/data/SCL.tif", "/data/SCL.tif"),
            ("stac/search.json", "https://x.org/SCL.tif?sig=1", "https://x.org/SCL.tif?sig=1"),
            ("https://x.org/s/search.json?page=2", "../SCL.tif", "https://x.org/SCL.tif"),
            ("https://x.org/s/search.json", "/SCL.tif", "https://x.org/SCL.tif"),
        ] {
            assert_eq!(resolve(document, href), expected, "{href} in {document}");
        }
    }

    #[test]
    fn a_missing_asset_is_named_with_those_there_are() {
        let text =
            br#"{"type": "Feature", "id": "S2A", "assets": {"SCL": {"href": "SCL.tif"}, "B04": {"href": "B04.tif"}}}"#;
        let collection = ItemCollection::parse("item.json", text).unwrap();
        let error = collection.last().unwrap().asset("visual").unwrap_err();
        assert_eq!(error.to_string(), "item S2A has no asset visual; it has SCL, B04");
    }

    #[test]
    fn what_is_not_stac_says_so() {
        let error = ItemCollection::parse("x.json", br#"{"type": "Catalog"}"#).unwrap_err();
        assert_eq!(error.to_string(), "x.json is a Catalog, not a STAC ItemCollection or Item");
        assert!(ItemCollection::parse("x.json", b"<html>").is_err());
    }
}
