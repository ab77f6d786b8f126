//! `swath demo`.

mod common;

use common::{Folder, names};

#[test]
fn the_demo_compares_three_runs_and_leaves_its_files() {
    let folder = Folder::new();
    let said =
        folder.swath(&["demo", "--dir", "out/here", "--size", "1200", "--latency", "0", "--threads", "2"]).fine();
    for word in ["serial", "1 worker", "2 workers", "mask + write", "speed-up", "requests", "byte for byte"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let left = names(&folder.path("out/here"));
    for name in [
        "band_masked.tif",
        "explain.txt",
        "graph-layers.dot",
        "graph-operations.dot",
        "graph.dot",
        "preview.png",
        "scene",
        "trace.json",
    ] {
        assert!(left.iter().any(|file| file == name), "{name} in {left:?}");
    }
    let info = folder.swath(&["info", "out/here/band_masked.tif"]).fine();
    assert!(info.contains("3 × 600 × 600"), "{info}");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.path("file"), "mine").unwrap();
    let error = folder.swath(&["demo", "--dir", "file"]).failed(2);
    assert_eq!(error, "swath: file is not a directory: name another with --dir\n");
    assert_eq!(std::fs::read(folder.path("file")).unwrap(), b"mine");
    let error = folder.swath(&["demo", "--dir", "out", "--latency", "50"]).failed(2);
    assert!(error.contains("as in 50ms"), "{error}");
    let error = folder.swath(&["demo", "--size", "1201"]).failed(1);
    assert!(error.contains("even"), "{error}");
}
