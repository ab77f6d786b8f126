//! `swath info`.

mod common;

use common::Folder;
use expect_test::expect;
use swath_demo::tiff_writer::{ByteOrder, Layout, Predictor, SampleType, TiffSpec};

#[test]
fn a_file_is_described_in_lines() {
    let said = Folder::with_rasters().swath(&["info", "visual.tif"]);
    expect![[r#"
        uri           visual.tif
        format        TIFF, little endian, 5.4 KiB
        shape         3 × 120 × 200 (band, y, x)
        dtype         u8
        nodata        0
        crs           EPSG:32631
        origin        600000, 5900040
        resolution    10
        bounds        left 600000, bottom 5898840, right 602000, top 5900040
        blocks        1 tile of 256 × 256
        interleave    PIXEL
        compression   DEFLATE
        photometric   MinIsBlack
        valid         where not nodata
        chunks        3 × 120 × 200 suggested
        overviews     2
          level      size    block  resolution
          @0     60 × 100  32 × 32          20
          @1      30 × 50  32 × 32          40
        bands         3
          band      color
          0          gray
          1     undefined
          2     undefined
    "#]]
    .assert_eq(&said.fine());
}

#[test]
fn a_plain_file_says_what_it_lacks() {
    let folder = Folder::new();
    let spec = TiffSpec {
        layout: Layout::Striped { rows: 8 },
        byte_order: ByteOrder::Big,
        big_tiff: true,
        predictor: Predictor::FloatingPoint,
        nodata: Some("nan".into()),
        ..TiffSpec::new(40, 20, SampleType::F32)
    };
    folder.write("plain.tif", &spec, |_, y, x| f64::from(y * x));
    expect![[r#"
        uri           plain.tif
        format        BigTIFF, big endian, 923 B
        shape         1 × 20 × 40 (band, y, x)
        dtype         f32
        nodata        nan
        crs           none
        transform     none
        blocks        3 strips of 8 × 40
        interleave    BAND
        compression   DEFLATE, predictor 3
        photometric   MinIsBlack
        valid         where not nodata
        chunks        1 × 20 × 40 suggested
        overviews     none
    "#]]
    .assert_eq(&folder.swath(&["info", "plain.tif"]).fine());
    let json: serde_json::Value = serde_json::from_str(&folder.swath(&["info", "plain.tif", "--json"]).fine()).unwrap();
    assert_eq!(json["nodata"], "nan");
    assert_eq!(json["crs"], serde_json::Value::Null);
    assert_eq!(json["byte_order"], "big");
}

#[test]
fn json_has_the_same_facts() {
    let said = Folder::with_rasters().swath(&["info", "--json", "visual.tif"]);
    expect![[r#"
        {
          "area_or_point": "Area",
          "bands": [
            {
              "color": "Gray",
              "description": null,
              "metadata": {},
              "offset": null,
              "scale": null,
              "statistics": null,
              "unit": null
            },
            {
              "color": "Undefined",
              "description": null,
              "metadata": {},
              "offset": null,
              "scale": null,
              "statistics": null,
              "unit": null
            },
            {
              "color": "Undefined",
              "description": null,
              "metadata": {},
              "offset": null,
              "scale": null,
              "statistics": null,
              "unit": null
            }
          ],
          "big_tiff": false,
          "bits": 8,
          "block": [
            256,
            256
          ],
          "block_count": 1,
          "bounds": [
            600000.0,
            5898840.0,
            602000.0,
            5900040.0
          ],
          "byte_order": "little",
          "color_map": null,
          "complex": false,
          "compression": "DEFLATE",
          "compression_tag": 8,
          "control_points": [],
          "crs": "EPSG:32631",
          "dims": [
            "band",
            "y",
            "x"
          ],
          "dtype": "u8",
          "epsg": 32631,
          "extra_samples": [
            0,
            0
          ],
          "file_size": 5571,
          "gdal_metadata": null,
          "has_color_map": false,
          "interleave": "PIXEL",
          "is_cog": false,
          "masks": 0,
          "metadata": {},
          "nodata": 0,
          "nodata_text": "0",
          "origin": [
            600000.0,
            5900040.0
          ],
          "overviews": [
            {
              "beside": false,
              "block": [
                32,
                32
              ],
              "has_mask": false,
              "level": 0,
              "resolution": [
                20.0,
                20.0
              ],
              "shape": [
                60,
                100
              ]
            },
            {
              "beside": false,
              "block": [
                32,
                32
              ],
              "has_mask": false,
              "level": 1,
              "resolution": [
                40.0,
                40.0
              ],
              "shape": [
                30,
                50
              ]
            }
          ],
          "page": 0,
          "page_list": [
            {
              "bands": 3,
              "dtype": "u8",
              "name": null,
              "page": 0,
              "shape": [
                120,
                200
              ]
            }
          ],
          "pages": 0,
          "photometric": "MinIsBlack",
          "photometric_tag": 1,
          "pixel_is_point": false,
          "predictor": 1,
          "requests": 0,
          "resolution": [
            10.0,
            10.0
          ],
          "shape": [
            3,
            120,
            200
          ],
          "sparse_block_count": 0,
          "structure": {},
          "suggested_chunks": [
            3,
            120,
            200
          ],
          "tiled": true,
          "transform": [
            10.0,
            0.0,
            600000.0,
            0.0,
            -10.0,
            5900040.0
          ],
          "uri": "visual.tif",
          "validity": "nodata",
          "wkt": null
        }
    "#]]
    .assert_eq(&said.fine());
}

#[test]
fn words_behind_a_uri_choose_validity_scale_and_page() {
    let folder = Folder::with_rasters();
    let valid = folder.swath(&["calc", "mean(v)", "v=visual.tif@valid@0", "--quiet"]).fine();
    let stored = folder.swath(&["calc", "mean(valid(v))", "v=visual.tif@0", "--quiet"]).fine();
    assert_eq!(valid, stored);
    // Without scale and offset, scaled is as stored.
    let scaled = folder.swath(&["stats", "visual.tif@scaled@sidecars", "--quiet"]).fine();
    assert_eq!(scaled, folder.swath(&["stats", "visual.tif", "--quiet"]).fine());
    let failed = folder.swath(&["info", "visual.tif", "--page", "1"]).failed(1);
    assert!(failed.contains("visual.tif has no page 1: its 1 are counted from 0"), "{failed}");
    let failed = folder.swath(&["calc", "mean(v)", "v=visual.tif@page1", "--quiet"]).failed(1);
    assert!(failed.contains("has no page 1"), "{failed}");
}

#[test]
fn a_file_that_is_missing_or_no_tiff_is_a_failure() {
    let folder = Folder::new();
    let missing = folder.swath(&["info", "missing.tif"]).failed(1);
    assert!(missing.starts_with("swath: ") && missing.contains("missing.tif"), "{missing}");
    std::fs::write(folder.path("text.tif"), "no TIFF at all, but long enough to look for a header").unwrap();
    let text = folder.swath(&["info", "text.tif", "--json"]).failed(1);
    assert!(text.starts_with("swath: ") && text.contains("text.tif"), "{text}");
}
