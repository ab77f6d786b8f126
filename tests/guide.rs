//! The pictures of the guide are what its example makes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;

/// The program that makes the pictures.
#[allow(dead_code, reason = "a program, of which the test runs a part")]
#[path = "../examples/guide.rs"]
mod program;

fn guide() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide")
}

/// What files of this kind hold, by name.
fn files(folder: &Path, extension: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_pictures_of_the_guide_are_what_its_example_makes() {
    let folder = tempfile::tempdir().unwrap();
    program::draw(folder.path()).unwrap();
    let (made, committed) = (files(folder.path(), "png"), files(&guide(), "png"));
    assert_eq!(made.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, bytes) in &made {
        assert!(bytes == &committed[name], "{name} is stale: cargo run --release --example guide");
    }
    let size: usize = committed.values().map(Vec::len).sum();
    assert!(size < 1_200_000, "the pictures have {size} bytes");
}

#[test]
fn each_picture_is_shown_and_each_page_is_listed_and_tested() {
    let pages = files(&guide(), "md").into_iter().map(|(name, text)| (name, String::from_utf8(text).unwrap()));
    let pages: BTreeMap<_, _> = pages.collect();
    let all: String = pages.values().map(String::as_str).collect();
    for name in files(&guide(), "png").keys() {
        assert!(all.contains(&format!("]({name})")), "{name} is on no page");
    }
    let tested = include_str!("../crates/swath/src/lib.rs");
    for name in pages.keys() {
        assert!(name == "README.md" || pages["README.md"].contains(&format!("]({name})")), "{name} is not listed");
        assert!(tested.contains(&format!("docs/guide/{name}")), "the blocks of {name} are no tests");
    }
}
