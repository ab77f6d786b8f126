//! STAC documents: the demo's, and the real ones of the corpus that `SWATH_CORPUS` names.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::path::Path;

use common::Served;
use sha2::{Digest, Sha256};
use swath::{ErrorKind, Item, ItemCollection};

#[test]
fn hrefs_lead_to_files_from_disk_and_from_a_server() {
    let served = Served::new(600);
    for document in [served.path("search.json").to_str().unwrap().to_owned(), served.server.url("search.json")] {
        let items = ItemCollection::open(&document).unwrap();
        let scene = items.last().unwrap();
        assert_eq!(scene.id, swath_demo::scene::ITEM_ID);
        for key in ["SCL", "visual"] {
            swath::open(scene.asset(key).unwrap()).unwrap();
        }
    }
}

#[test]
fn a_collection_of_several_is_not_an_item() {
    let served = Served::new(600);
    let error = Item::open(served.path("search.json").to_str().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("holds 2 STAC items"), "{error}");
}

#[test]
fn the_documents_of_the_corpus_give_their_items_assets_and_hrefs() {
    let Some(corpus) = std::env::var_os("SWATH_CORPUS") else { return };
    let corpus = Path::new(&corpus);
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let files = manifest.get("files").unwrap_or(&manifest).as_object().unwrap();
    let mut checked = 0;
    for (name, expected) in files.iter().filter(|(name, _)| name.starts_with("stac/")) {
        let collection = ItemCollection::open(corpus.join(name).to_str().unwrap()).unwrap();
        let ids: Vec<_> = collection.items.iter().map(|item| item.id.as_str()).collect();
        let expected_ids: Vec<_> =
            expected["items"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(ids, expected_ids, "{name}");
        let assets: Vec<_> = collection.items.iter().flat_map(|item| item.assets.values()).collect();
        assert_eq!(assets.len() as u64, expected["assets"].as_u64().unwrap(), "{name}");
        let tiffs =
            assets.iter().filter(|a| a.media_type.as_deref().is_some_and(|m| m.starts_with("image/tiff"))).count();
        assert_eq!(tiffs as u64, expected["geotiff_assets"].as_u64().unwrap(), "{name}");
        let hrefs: Vec<_> = assets.iter().map(|asset| asset.href.as_str()).collect();
        assert_eq!(format!("{:x}", Sha256::digest(hrefs.join("\n"))), expected["hrefs_sha256"], "{name}");
        checked += 1;
    }
    assert!(checked >= 4, "the corpus holds STAC documents");
}
