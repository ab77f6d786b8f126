//! `swath composite`.

mod common;

use common::Folder;
use swath_demo::tiff_writer::{Geo, SampleType, TiffSpec};

/// Three dates of one place, the last a column of blocks further to the east, and their classes at half the resolution:
/// each date is clouded (8) on other rows.
fn dates() -> Folder {
    let folder = Folder::new();
    for date in 0..3_u32 {
        let east = if date == 2 { 320.0 } else { 0.0 };
        let geo =
            |pixel: f64| Some(Geo { epsg: 32631, scale: (pixel, pixel), origin: (600_000.0 + east, 5_900_040.0) });
        let image =
            TiffSpec { bands: 2, geo: geo(10.0), nodata: Some("0".into()), ..TiffSpec::new(64, 64, SampleType::U16) };
        folder.write(&format!("{date}.tif"), &image, move |band, y, x| value(date, u32::from(band), y, x));
        let classes = TiffSpec { geo: geo(20.0), ..TiffSpec::new(32, 32, SampleType::U8) };
        folder.write(
            &format!("{date}_scl.tif"),
            &classes,
            move |_, y, _| if is_clouded(date, 2 * y) { 8.0 } else { 4.0 },
        );
    }
    folder
}

fn value(date: u32, band: u32, y: u32, x: u32) -> f64 {
    f64::from(1 + (date * 517 + band * 31 + y * 7 + x * 3) % 1000)
}

fn is_clouded(date: u32, y: u32) -> bool {
    y / 2 % 4 == date
}

/// What each pixel of the composite is, as `swath calc` tells it of the file.
fn told(folder: &Folder, what: &str) -> String {
    folder.swath(&["calc", what, "x=out.tif", "-q"]).fine()
}

#[test]
fn the_median_of_valid_pixels_is_written() {
    let folder = dates();
    let uris = ["0.tif", "1.tif", "2.tif", "--classes", "0_scl.tif", "1_scl.tif", "2_scl.tif", "--without", "3,8"];
    folder
        .swath(&[&["composite"], &uris[..], &["-o", "out.tif", "-q", "--threads", "2", "--memory", "64M"]].concat())
        .fine();
    let info = folder.swath(&["info", "out.tif"]).fine();
    assert!(info.contains("96 × 64") || info.contains("64 × 96"), "{info}");
    for (band, y, x) in [(0_u32, 0_u32, 0_u32), (1, 2, 40), (0, 5, 63), (1, 31, 70), (0, 4, 95), (1, 63, 33)] {
        let mut values: Vec<f64> = (0..3)
            .filter(|date| !is_clouded(*date, y / 2 * 2))
            .filter_map(|date| match date {
                2 => x.checked_sub(32).map(|x| value(date, band, y, x)),
                _ => (x < 64).then(|| value(date, band, y, x)),
            })
            .collect();
        values.sort_by(f64::total_cmp);
        let expected = match values.len() {
            0 => "none".to_owned(),
            count => ((values[(count - 1) / 2] + values[count / 2]) / 2.0).to_string(),
        };
        let pixel = format!("mean(window(x[{band}], {y}, {}, {x}, {}))", y + 1, x + 1);
        assert_eq!(told(&folder, &pixel).trim(), expected, "band {band}, row {y}, column {x}");
    }
}

#[test]
fn other_statistics_keep_the_dtype_or_count() {
    let folder = dates();
    folder.swath(&["composite", "0.tif", "1.tif", "2.tif", "--statistic", "max", "-o", "out.tif", "-q"]).fine();
    assert!(folder.swath(&["info", "out.tif"]).fine().contains("u16"));
    folder.swath(&["composite", "0.tif", "1.tif", "2.tif", "--statistic", "count", "-o", "out.tif", "-q"]).fine();
    assert_eq!(told(&folder, "max(x)").trim(), "3\n3");
    assert_eq!(told(&folder, "min(x)").trim(), "1\n1");
}

#[test]
fn what_cannot_be_put_together_is_refused_before_anything_is_written() {
    let folder = dates();
    let failed = |arguments: &[&str], code: i32, words: &[&str]| {
        let error = folder.swath(&[&["composite", "-o", "out.tif"], arguments].concat()).failed(code);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    failed(&["0.tif", "1.tif", "--classes", "0_scl.tif", "--without", "8"], 2, &["2 rasters", "1 of classes"]);
    failed(&["0.tif", "--classes", "0_scl.tif"], 2, &["--without"]);
    failed(&["0_scl.tif", "1_scl.tif"], 2, &["0_scl.tif", "--nodata"]);
    failed(&["0.tif", "1.tif", "--statistic", "average"], 2, &["median"]);
    failed(&["0.tif", "1_scl.tif", "--nodata", "0"], 1, &["raster 1", "bands"]);
    let classes = ["--classes", "0_scl.tif", "2_scl.tif", "--without", "8"];
    failed(&[&["0.tif", "1.tif"], &classes[..]].concat(), 1, &["1.tif and 2_scl.tif", "grids differ"]);
    assert!(!folder.names().contains(&"out.tif".to_owned()));
    let nothing = folder.swath(&["composite", "0.tif"]).failed(2);
    assert!(nothing.contains("nothing to do"), "{nothing}");
    let explained = folder.swath(&["composite", "0.tif", "1.tif", "--explain"]).fine();
    assert!(explained.contains("median") && explained.contains("mosaic"), "{explained}");
}
