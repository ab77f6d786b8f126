//! The arrows between crates: the manifests may depend on each other only as the architecture says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::path::Path;

/// Every allowed arrow. A new one is a decision: change docs/architecture.md with it.
const ARROWS: &[(&str, &str)] = &[
    ("swath", "swath-core"),
    ("swath", "swath-io"),
    ("swath", "swath-scheduler"),
    ("swath-cli", "swath"),
    ("swath-cli", "swath-demo"),
    ("swath-io", "swath-core"),
];

/// Arrows of tests only: fixtures come from the demo crate.
const TEST_ARROWS: &[(&str, &str)] = &[("swath", "swath-demo"), ("swath-io", "swath-demo")];

/// Crates that only one of ours may name, in any dependency table but that of tests.
const PRIVATE: &[(&str, &str)] =
    &[("tokio", "swath-io"), ("object_store", "swath-io"), ("reqwest", "swath-io"), ("tiff", "swath-io")];

fn manifests() -> Vec<toml::Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(path.join("Cargo.toml")).unwrap().parse::<toml::Table>().unwrap();
    let top = read(root);
    let members = top["workspace"]["members"].as_array().unwrap().clone();
    let mut out = vec![top];
    out.extend(members.iter().map(|member| read(&root.join(member.as_str().unwrap()))));
    out
}

fn names(manifest: &toml::Table, table: &str) -> Vec<String> {
    manifest.get(table).and_then(toml::Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default()
}

fn package(manifest: &toml::Table) -> String {
    manifest["package"]["name"].as_str().unwrap().to_owned()
}

fn arrows(tables: &[&str]) -> BTreeSet<(String, String)> {
    let manifests = manifests();
    let ours: BTreeSet<_> = manifests.iter().map(package).collect();
    let mut found = BTreeSet::new();
    for manifest in &manifests {
        for name in tables.iter().flat_map(|table| names(manifest, table)).filter(|name| ours.contains(name)) {
            found.insert((package(manifest), name));
        }
    }
    found
}

fn table(arrows: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    arrows.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    assert_eq!(arrows(&["dependencies", "build-dependencies"]), table(ARROWS));
    assert_eq!(arrows(&["dev-dependencies"]), table(TEST_ARROWS));
}

#[test]
fn some_crates_are_named_in_one_place_only() {
    for manifest in manifests() {
        for (name, owner) in PRIVATE {
            let used = names(&manifest, "dependencies").iter().any(|used| used == name);
            assert!(
                !used || package(&manifest) == *owner,
                "{} names {name}, which only {owner} may",
                package(&manifest)
            );
        }
    }
}

#[test]
fn core_opens_nothing_and_spawns_nothing() {
    let forbidden = ["std::fs", "std::thread", "std::net", "std::path", "std::env", "tokio", "thread::spawn"];
    each_source("crates/core/src", &mut |path, text| {
        for word in forbidden {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    });
}

#[test]
fn one_file_knows_both_plans_and_the_scheduler() {
    let mut both = Vec::new();
    each_source("crates/swath/src", &mut |path, text| {
        if text.contains("swath_scheduler::{") && text.contains("swath_core::exec") {
            both.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    });
    assert_eq!(both, ["engine.rs"]);
}

fn each_source(folder: &str, check: &mut dyn FnMut(&Path, &str)) {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                check(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
}
