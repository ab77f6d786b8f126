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
        chunks        3 × 120 × 200 suggested
        overviews     2
          level      size    block  resolution
          @0     60 × 100  32 × 32          20
          @1      30 × 50  32 × 32          40
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
          "big_tiff": false,
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
          "compression": "DEFLATE",
          "compression_tag": 8,
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
          "masks": 0,
          "nodata": 0,
          "nodata_text": "0",
          "origin": [
            600000.0,
            5900040.0
          ],
          "overviews": [
            {
              "block": [
                32,
                32
              ],
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
              "block": [
                32,
                32
              ],
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
          "uri": "visual.tif"
        }
    "#]]
    .assert_eq(&said.fine());
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
