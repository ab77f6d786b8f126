//! `swath stats`.

mod common;

use common::Folder;
use expect_test::expect;
use serde_json::Value;
use swath_demo::tiff_writer::{SampleType, TiffSpec};

#[test]
fn a_line_for_each_band_and_what_it_took_on_standard_error() {
    let folder = Folder::with_rasters();
    let said = folder.swath(&["stats", "visual.tif"]);
    assert!(said.err.starts_with("visual.tif: "), "{}", said.err);
    expect![[r#"
        band   valid  missing  min  max     mean      std
        0     24 000        0    1  255    137.9   67.148
        1     24 000        0    1  255  140.353  76.0801
        2     24 000        0    1  255  126.763  80.6376
    "#]]
    .assert_eq(&said.fine());
    let coarse = folder.swath(&["stats", "visual.tif@1", "--quiet", "--threads", "2", "--memory", "1MiB"]);
    assert_eq!(coarse.err, "");
    assert!(coarse.fine().contains("1 500"));
}

#[test]
fn classes_have_lines_of_their_own() {
    let folder = Folder::with_rasters();
    let out = folder.swath(&["stats", "visual.tif@0", "--zones", "scl.tif", "-q"]).fine();
    expect![[r#"
        band  zone  valid  missing  min  max     mean      std
        0        1    500        0    4  244   138.58  66.7647
        0        2    500        0    6  246   139.95  66.6626
        0        3    500        0    8  248   141.32  66.5545
        0        4    500        0   10  250   142.42  66.4729"#]]
    .assert_eq(&out.lines().take(5).collect::<Vec<_>>().join("\n"));
    assert_eq!(out.lines().count(), 1 + 3 * 11, "12 classes, of which 0 is nodata");
    let other = folder.swath(&["stats", "visual.tif", "--zones", "scl.tif"]).failed(1);
    assert!(other.contains("statistics by class") && other.contains("repeat"), "{other}");
}

#[test]
fn json_has_all_digits_and_what_was_asked_for() {
    let folder = Folder::with_rasters();
    let told = |arguments: &[&str]| -> Value {
        let out = folder.swath(&[&["stats", "--json", "--quiet"], arguments].concat()).fine();
        serde_json::from_str(&out).unwrap()
    };
    let scl = told(&["scl.tif", "--quantiles", "0,0.5,1"]);
    let band = &scl["bands"][0];
    assert_eq!((&band["valid"], &band["missing"]), (&Value::from(5500), &Value::from(500)), "{scl:#}");
    assert_eq!(band["quantiles"][1]["value"], Value::from(6.0));
    assert_eq!((&band["min"], &band["max"]), (&Value::from(1), &Value::from(11)));
    let histogram = told(&["scl.tif", "--histogram", "2", "--range", "0,6"]);
    let histogram = &histogram["bands"][0]["histogram"];
    assert_eq!(histogram["edges"], Value::from(vec![0.0, 3.0, 6.0]));
    let counts: u64 = histogram["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counts + histogram["above"].as_u64().unwrap(), 5500);
    // The bins of a histogram without a range reach from the least to the greatest pixel.
    let whole = told(&["scl.tif", "--histogram", "5"]);
    assert_eq!(whole["bands"][0]["histogram"]["edges"], Value::from(vec![1.0, 3.0, 5.0, 7.0, 9.0, 11.0]));
    assert_eq!(whole["bands"][0]["histogram"]["above"], Value::from(0));
}

#[test]
fn what_has_no_number_is_said_so() {
    let folder = Folder::new();
    let spec = TiffSpec { nodata: Some("0".into()), ..TiffSpec::new(16, 16, SampleType::F32) };
    folder.write("empty.tif", &spec, |_, _, _| 0.0);
    let out = folder.swath(&["stats", "empty.tif", "-q"]).fine();
    assert!(out.lines().nth(1).unwrap().ends_with("256    -    -     -    -"), "{out}");
    let failed = folder.swath(&["stats", "empty.tif", "-q", "--histogram", "4"]).failed(1);
    assert!(failed.contains("no pixel is valid"), "{failed}");
    let json: Value = serde_json::from_str(&folder.swath(&["stats", "empty.tif", "-q", "--json"]).fine()).unwrap();
    assert!(json["bands"][0]["mean"].is_null());
    let floats = folder.swath(&["stats", "empty.tif", "--quantiles", "0.5"]).failed(1);
    assert!(floats.contains("histogram"), "{floats}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let folder = Folder::with_rasters();
    for (arguments, words) in [
        (&["--range", "0,1"][..], "--histogram BINS"),
        (&["--histogram", "4", "--quantiles", "0.5"], "at once"),
        (&["--quantiles", "1.5"], "from 0 to 1"),
        (&["--histogram", "4", "--range", "5,1"], "the lesser first"),
    ] {
        let error = folder.swath(&[&["stats", "scl.tif"], arguments].concat()).failed(2);
        assert!(error.contains(words), "{error}");
    }
    let none = folder.swath(&["stats", "scl.tif", "--histogram", "0", "--range", "0,1"]).failed(1);
    assert!(none.contains("1 to 1048576 bins"), "{none}");
    let explained = folder.swath(&["stats", "visual.tif", "--explain"]).fine();
    assert!(explained.starts_with("statistics") && explained.contains("compute"), "{explained}");
}
