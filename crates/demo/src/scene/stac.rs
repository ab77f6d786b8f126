//! The STAC file: an ItemCollection as a search over the public archive answers it (STAC 1.0.0, eo and projection extensions).

use serde_json::{Map, Value, json};

use super::utm::lon_lat;
use super::{EPSG, ITEM_ID, ORIGIN};

const ITEMS: [(&str, &str); 2] =
    [("S2A_31UFU_20200313_0_L2A", "2020-03-13T10:50:28Z"), (ITEM_ID, "2020-03-28T10:50:32Z")];
const ZONE: u16 = EPSG - 32600;

/// Two items that share the files of [`ITEM_ID`].
pub(super) fn item_collection(size: u32, cloud_cover: f64, keys: &[&str], href_base: Option<&str>) -> Value {
    let base = href_base.map_or(".", |base| base.trim_end_matches('/'));
    let assets: Map<_, _> = keys.iter().map(|key| (key.to_string(), asset(key, size, base))).collect();
    let item = |(id, datetime): (&str, &str)| {
        let platform = id[..3].to_lowercase().replace("s2", "sentinel-2");
        json!({
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": [
                "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
                "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            ],
            "id": id,
            "collection": "sentinel-s2-l2a-cogs",
            "bbox": bbox(size),
            "geometry": {"type": "Polygon", "coordinates": [footprint(size)]},
            "properties": {
                "datetime": datetime,
                "platform": platform,
                "constellation": "sentinel-2",
                "instruments": ["msi"],
                "gsd": 10,
                "proj:epsg": EPSG,
                "eo:cloud_cover": (cloud_cover * 100.0).round() / 100.0,
            },
            "links": [],
            "assets": assets,
        })
    };
    json!({"type": "FeatureCollection", "features": ITEMS.map(item)})
}

fn asset(key: &str, size: u32, base: &str) -> Value {
    let (title, role, metres) = match key {
        "SCL" => ("Scene Classification Map (SCL)", "data", 20),
        "visual" => ("True color image", "overview", 10),
        "B04" => ("Band 4 (red)", "data", 10),
        _ => ("Band 8 (near infrared)", "data", 10),
    };
    let side = size * 10 / metres;
    json!({
        "href": format!("{base}/{ITEM_ID}/{key}.tif"),
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": title,
        "roles": [role],
        "proj:shape": [side, side],
        "proj:transform": [metres, 0, ORIGIN.0, 0, -i64::from(metres), ORIGIN.1, 0, 0, 1],
    })
}

/// The corners, anticlockwise from the lower left one, closed.
fn footprint(size: u32) -> Vec<[f64; 2]> {
    [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (0.0, 1.0)].map(|(x, y)| position(size, x, y)).to_vec()
}

/// West, south, east, north, of points along the edges: these are bent in longitude and latitude.
fn bbox(size: u32) -> [f64; 4] {
    let along = (0..=20).map(|step| f64::from(step) / 20.0);
    let edges = along.flat_map(|t| [(t, 0.0), (t, 1.0), (0.0, t), (1.0, t)]);
    edges
        .map(|(x, y)| position(size, x, y))
        .fold([180.0, 90.0, -180.0, -90.0], |[west, south, east, north], [lon, lat]| {
            [lon.min(west), lat.min(south), lon.max(east), lat.max(north)]
        })
}

/// Longitude and latitude at a share of the width and height, rounded to a tenth of a metre.
fn position(size: u32, x: f64, y: f64) -> [f64; 2] {
    let extent = 10.0 * f64::from(size);
    let (lon, lat) = lon_lat(ZONE, ORIGIN.0 + x * extent, ORIGIN.1 - y * extent);
    // Rounding hides the last digits of sines and cosines, in which platforms differ.
    [lon, lat].map(|degrees| (degrees * 1e6).round() / 1e6)
}
