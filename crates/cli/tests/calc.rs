//! `swath calc`.

mod common;

use std::fs;

use common::Folder;
use expect_test::{Expect, expect};
use swath::prelude::*;
use swath::{OpenOptions, Overview, Run, Scalar};

const LESSON: &str = "mask(visual, isin(scl, [8, 9]), 0)";

#[test]
fn the_lesson_is_what_the_library_makes_of_it() {
    let folder = Folder::new();
    let scene = folder.scene(600);
    let [scl, visual] = ["SCL", "visual"].map(|key| scene.asset(key).unwrap().to_str().unwrap());
    let said = folder.swath(&["calc", LESSON, &format!("visual={visual}@0"), &format!("scl={scl}"), "-o", "out.tif"]);
    assert!(said.err.starts_with("out.tif: "), "{}", said.err);
    assert_eq!(said.fine(), "");

    let clouds = swath::open(scl).unwrap().squeeze().unwrap().isin([8, 9]).unwrap();
    let visual = OpenOptions::new().overview(Overview::Level(0)).open(visual).unwrap();
    let masked = visual.mask(&clouds, 0).unwrap();
    let _ = masked.to_geotiff(folder.path("expected.tif")).unwrap().run(&Run::serial()).unwrap();
    let bytes = |name| fs::read(folder.path(name)).unwrap();
    assert!(bytes("out.tif") == bytes("expected.tif"), "the files differ");
}

#[test]
fn workers_and_memory_do_not_change_the_file() {
    let folder = Folder::with_rasters();
    let calc = |options: &[&str]| {
        let fixed = ["calc", LESSON, "visual=visual.tif@0", "scl=scl.tif", "-o", "out.tif", "--quiet"];
        let said = folder.swath(&[&fixed, options].concat());
        assert_eq!(said.err, "");
        said.fine();
        fs::read(folder.path("out.tif")).unwrap()
    };
    let plain = calc(&[]);
    for options in [&["--serial"][..], &["--threads", "3"], &["--memory", "2MiB"]] {
        assert!(calc(options) == plain, "{options:?}");
    }
    assert!(calc(&["--compress", "zstd", "--level", "3", "--predictor", "1", "--blocksize", "64"]) != plain);
    let info = folder.swath(&["info", "out.tif"]).fine();
    assert!(info.contains("ZSTD\n") && info.contains("tiles of 64 × 64"), "{info}");
}

#[test]
fn a_cog_is_written_where_one_is_wanted() {
    let folder = Folder::with_rasters();
    let calc = |options: &[&str]| {
        let fixed = ["calc", "s", "s=scl.tif", "-o", "out.tif", "--quiet"];
        folder.swath(&[&fixed, options].concat())
    };
    let cog = ["--cog", "--blocksize", "16", "--overviews", "2", "--resampling", "mode", "--nodata", "9"];
    calc(&cog).fine();
    let info = swath::info(folder.path("out.tif").to_str().unwrap()).unwrap();
    assert!(info.is_cog && info.overviews.len() == 2, "{info:?}");
    assert_eq!(info.nodata, Some(9.into()));
    calc(&["--sparse", "--interleave", "band", "--bigtiff", "yes"]).fine();
    let info = swath::info(folder.path("out.tif").to_str().unwrap()).unwrap();
    assert!(!info.is_cog && info.overviews.is_empty(), "{info:?}");
    let error = calc(&["--cog", "--resampling", "cubic"]).failed(2);
    assert!(error.contains("expected one of nearest, average, bilinear, rms, mode, min, max"), "{error}");
    assert!(calc(&["--cog", "--overviews", "many"]).failed(2).contains("expected auto, or a count"));
    assert!(calc(&["--overviews", "2"]).failed(2).contains("--cog"));
    assert!(calc(&["--resampling", "mode"]).failed(2).contains("--cog"));
}

#[test]
fn a_file_notes_its_statistics_and_a_quicklook_is_drawn_beside_it() {
    let folder = Folder::with_rasters();
    let calc = ["calc", "s", "s=scl.tif", "-o", "out.tif", "--statistics", "--quicklook", "out.png"];
    let said = folder.swath(&calc);
    assert!(said.err.starts_with("out.tif: ") && said.err.lines().count() == 1, "{}", said.err);
    said.fine();
    let path = folder.path("out.tif");
    let noted = swath::info(path.to_str().unwrap()).unwrap().bands.remove(0).statistics.unwrap();
    let told = swath::open(path.to_str().unwrap()).unwrap().statistics().unwrap().compute().unwrap().band(0).unwrap();
    assert_eq!(noted.maximum, told.max().map(Scalar::to_f64));
    assert!(fs::read(folder.path("out.png")).unwrap().starts_with(b"\x89PNG"));
    let explained = folder.swath(&[&calc[..], &["--explain"]].concat()).fine();
    assert!(explained.contains("out.png") && explained.contains("PNG, "), "{explained}");
    let error = folder.swath(&["calc", "s", "s=scl.tif", "--explain", "--quicklook", "out.png"]).failed(2);
    assert!(error.contains("--output"), "{error}");
}

#[test]
fn progress_is_lines_where_no_terminal_is() {
    let folder = Folder::with_rasters();
    let said = folder.swath(&["calc", "scl == 3", "scl=scl.tif", "-o", "out.tif", "--progress", "-q"]);
    let last = said.err.lines().last().unwrap();
    assert!(last.starts_with("100 %") && last.contains("B read  0 seconds to go"), "{}", said.err);
}

#[test]
fn explaining_and_drawing_run_nothing_without_need() {
    let folder = Folder::with_rasters();
    let before = folder.names();
    let fixed = ["calc", LESSON, "visual=visual.tif@0", "scl=scl.tif"];
    let calc = |options: &[&str]| folder.swath(&[&fixed, options].concat());

    let plan = calc(&["--explain"]).fine();
    assert!(plan.contains("isin [8, 9]") && plan.contains("memory"), "{plan}");
    let plan = calc(&["--explain", "-o", "out.tif"]).fine();
    assert!(plan.contains("writes\n") && plan.contains("out.tif"), "{plan}");
    let graph = calc(&["--dot", "-", "--dot-detail", "chunks"]).fine();
    assert!(graph.starts_with("digraph swath {") && graph.ends_with("}\n"), "{graph}");
    assert_eq!(folder.names(), before);

    let run = ["--dot", "graph.dot", "--dot-detail", "layers", "-o", "out.tif", "-q"];
    assert_eq!(calc(&run).fine(), "");
    let graph = fs::read_to_string(folder.path("graph.dot")).unwrap();
    assert!(folder.path("out.tif").exists() && graph.contains("of the work"), "{graph}");
}

#[test]
fn a_trace_is_written_beside_the_output_and_after_a_failure() {
    let folder = Folder::with_rasters();
    let fixed = ["calc", LESSON, "visual=visual.tif@0", "scl=scl.tif", "-q", "--trace", "trace.json"];
    let error = folder.swath(&fixed).failed(2);
    assert!(error.contains("-o OUT.tif"), "{error}");
    assert_eq!(folder.swath(&[&fixed[..], &["-o", "out.tif"]].concat()).fine(), "");
    let trace = || serde_json::from_slice::<serde_json::Value>(&fs::read(folder.path("trace.json")).unwrap()).unwrap();
    assert_eq!(trace()["otherData"]["runs"][0]["outputs"][0], "out.tif");
    assert!(trace()["traceEvents"].as_array().unwrap().iter().any(|event| event["name"] == "commit"));

    // A file whose index is whole, and whose last blocks are not.
    let mut bytes = fs::read(folder.path("visual.tif")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    fs::write(folder.path("visual.tif"), bytes).unwrap();
    folder.swath(&["calc", "v == 3", "v=visual.tif", "-o", "new.tif", "--trace", "trace.json"]).failed(1);
    assert!(trace()["otherData"]["runs"][0]["error"].is_string());
}

#[test]
fn a_uri_may_have_at_signs_and_equal_signs() {
    let folder = Folder::with_rasters();
    fs::copy(folder.path("visual.tif"), folder.path("a=b@2.tif")).unwrap();
    fs::copy(folder.path("visual.tif"), folder.path("odd@1")).unwrap();
    let plan = |input: &str| folder.swath(&["calc", "v == 3", input, "--explain"]).fine();
    assert!(plan("v=a=b@2.tif").contains("120 × 200"), "{}", plan("v=a=b@2.tif"));
    assert!(plan("v=a=b@2.tif@0").contains("60 × 100"));
    assert!(plan("v=odd@1@full").contains("120 × 200"));
    let error = folder.swath(&["calc", "v == 3", "v=visual.tif@7", "--explain"]).failed(1);
    assert!(error.contains("no overview level 7"), "{error}");
}

fn check_error(expression: &str, code: i32, expected: Expect) {
    let folder = Folder::with_rasters();
    let said = folder.swath(&["calc", expression, "visual=visual.tif@0", "scl=scl.tif", "-o", "out.tif"]);
    expected.assert_eq(&said.failed(code));
    assert!(!folder.path("out.tif").exists());
}

#[test]
fn what_is_wrong_with_the_text_is_a_usage_error_with_a_mark() {
    check_error(
        "mask(visual, isin(slc, [8, 9]), 0)",
        2,
        expect![[r#"
            swath: column 19: there is no input slc; did you mean scl?
              mask(visual, isin(slc, [8, 9]), 0)
                                ^^^
        "#]],
    );
    check_error(
        "mask(visual, scl = 8, 0)",
        2,
        expect![[r#"
        swath: column 18: there is no =: use == to compare
          mask(visual, scl = 8, 0)
                           ^
    "#]],
    );
    check_error(
        "visual << scl",
        2,
        expect![[r#"
            swath: column 11: pixels are shifted by a number of bits from 0 to 63, as in x << 3
              visual << scl
                        ^^^
        "#]],
    );
    check_error(
        "8 < scl < 10",
        2,
        expect![[r#"
        swath: column 9: comparisons cannot be chained: write (a < b) & (b < c)
          8 < scl < 10
                  ^
    "#]],
    );
}

#[test]
fn what_the_rasters_do_not_allow_is_a_failure_with_a_mark() {
    check_error(
        "mask(visual, isin(scl, [8, 9]), 300)",
        1,
        expect![[r#"
        swath: column 1: cannot apply mask: fill: 300 does not fit u8, which holds 0 to 255: cast the raster to a wider dtype first
          mask(visual, isin(scl, [8, 9]), 300)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#]],
    );
    check_error(
        "mask(visual, scl == 0, 0)",
        1,
        expect![[r#"
        swath: column 14: cannot apply ==: 0 is the raster's nodata, at which comparisons are always false; use !x.valid() to find it, or x.without_nodata() to treat it as an ordinary value
          mask(visual, scl == 0, 0)
                       ^^^^^^^^
    "#]],
    );
    check_error(
        "mask(visual, window(scl, 0, 30, 0, 50) == 8, 0)",
        1,
        expect![[r#"
            swath: column 1: cannot apply mask: the grids differ: EPSG:32631, origin (600000, 5900040), pixels of 20 × 20, 100 × 60 columns × rows against EPSG:32631, origin (600000, 5900040), pixels of 20 × 20, 50 × 30 columns × rows; open both at one overview (Overview::Matching), or relabel one with with_grid if it is wrong
              mask(visual, window(scl, 0, 30, 0, 50) == 8, 0)
              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
}

#[test]
fn numbers_of_an_expression_are_printed() {
    let folder = Folder::with_rasters();
    let calc = |arguments: &[&str]| {
        let said = folder.swath(&[&["calc"], arguments, &["v=visual.tif", "s=scl.tif", "-q"]].concat());
        assert_eq!(said.err, "", "{arguments:?}");
        said.fine()
    };
    // Classes are (y + x) % 12, of which 0 is nodata.
    assert_eq!(calc(&["mean(s)"]), "6\n");
    assert_eq!(calc(&["count(s * 2)"]), "5500\n");
    assert_eq!(calc(&["max(s * 2)"]), "22\n");
    assert_eq!(calc(&["(median(s))"]), "6\n");
    assert_eq!(calc(&["sum(valid(v))"]), "24000\n24000\n24000\n");
    assert_eq!(calc(&["mean(v >= 301 - 300)", "--json"]), "[1.0,1.0,1.0]\n");
    assert_eq!(calc(&["min(mask(s, valid(s), nodata))"]), "none\n");
    assert!(calc(&["statistics(v)"]).starts_with("band   valid"));
    let histogram = calc(&["histogram(s, 4, 0, 12)", "--json", "--threads", "2"]);
    assert!(histogram.contains("\"counts\": [") && histogram.contains("\"below\": 0"), "{histogram}");
    assert!(calc(&["std(s)", "--explain"]).starts_with("statistics"));
}

#[test]
fn numbers_stand_alone_and_go_nowhere_else() {
    check_error(
        "scl - mean(scl)",
        2,
        expect![[r#"
            swath: column 7: mean gives numbers, not a raster: it can only be all of an expression; of windows there are coarsen, focal and over
              scl - mean(scl)
                    ^^^^^^^^^
        "#]],
    );
    let folder = Folder::with_rasters();
    let refused = |arguments: &[&str]| folder.swath(&[&["calc"], arguments].concat()).failed(2);
    assert!(refused(&["mean(s)", "s=scl.tif", "-o", "out.tif"]).contains("leave out -o"));
    assert!(refused(&["s + 1", "s=scl.tif", "-o", "out.tif", "--json"]).contains("--json is for numbers"));
    assert!(refused(&["median(s)"]).contains("NAME=URI"));
    let floats = folder.swath(&["calc", "median(s / 2)", "s=scl.tif"]).failed(1);
    assert!(floats.contains("cannot count the values of f32"), "{floats}");
}

#[test]
fn the_command_line_says_what_is_missing() {
    let folder = Folder::with_rasters();
    expect![[r#"
        swath: nothing to do: name the output with -o OUT.tif, or ask for --explain or --dot FILE
    "#]]
    .assert_eq(&folder.swath(&["calc", "scl == 8", "scl=scl.tif"]).failed(2));
    expect![[r#"
        swath: the input a is given twice
    "#]]
    .assert_eq(&folder.swath(&["calc", "a == 8", "a=scl.tif", "a=visual.tif", "-o", "out.tif"]).failed(2));
    let no_name = folder.swath(&["calc", "scl == 8", "scl.tif", "-o", "out.tif"]).failed(2);
    assert!(no_name.contains("expected NAME=URI"), "{no_name}");
    assert!(folder.swath(&["calc", "a", "a=scl.tif", "--memory", "lots"]).failed(2).contains("512M"));
    assert!(folder.swath(&[]).failed(2).contains("swath demo"));
}

#[test]
fn memory_that_cannot_do_is_refused_before_anything_is_written() {
    let folder = Folder::with_rasters();
    let said = folder.swath(&["calc", LESSON, "visual=visual.tif@0", "scl=scl.tif", "-o", "out.tif", "--memory", "1K"]);
    let error = said.failed(1);
    assert!(error.starts_with("swath: the memory limit of 1.0 KiB is too small"), "{error}");
    assert_eq!(folder.names(), ["scl.tif", "visual.tif"]);
}

#[test]
fn an_output_that_exists_is_replaced_and_one_nowhere_is_a_failure() {
    let folder = Folder::with_rasters();
    fs::write(folder.path("out.tif"), "old").unwrap();
    folder.swath(&["calc", "scl == 3", "scl=scl.tif", "-o", "out.tif"]).fine();
    assert!(fs::read(folder.path("out.tif")).unwrap().len() > 100);
    let error = folder.swath(&["calc", "scl == 3", "scl=scl.tif", "-o", "nowhere/out.tif"]).failed(1);
    assert!(error.starts_with("swath: ") && error.contains("nowhere"), "{error}");
}

#[test]
fn help_lists_every_function_and_version_the_version() {
    let folder = Folder::new();
    let help = folder.swath(&["calc", "--help"]).fine();
    for word in ["isin(x, [values])", "clip_box(", "Examples:", "--explain", "bind tighter"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert_eq!(folder.swath(&["--version"]).fine(), format!("swath {}\n", env!("CARGO_PKG_VERSION")));
    assert!(folder.swath(&["--help"]).fine().contains("A short tour"));
}
