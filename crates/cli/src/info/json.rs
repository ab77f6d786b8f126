//! The same facts as JSON. Keys are added, never renamed; what is not known is null.

use serde_json::{Value, json};
use swath::{Info, OverviewInfo};

use crate::output::json_scalar as scalar;

pub(super) fn render(info: &Info) -> String {
    format!("{:#}\n", value(info))
}

fn value(info: &Info) -> Value {
    json!({
        "uri": info.uri,
        "file_size": info.file_size,
        "requests": info.requests,
        "big_tiff": info.big_tiff,
        "byte_order": if info.little_endian { "little" } else { "big" },
        "dims": info.dims.iter().map(|dim| dim.name()).collect::<Vec<_>>(),
        "shape": super::shape(info),
        "dtype": info.dtype.name(),
        "nodata": info.nodata.map(scalar),
        "nodata_text": info.nodata_text,
        "crs": info.crs.as_ref().map(ToString::to_string),
        "epsg": info.crs.as_ref().and_then(swath::Crs::epsg),
        "transform": info.affine.map(|t| [t.a, t.b, t.c, t.d, t.e, t.f]),
        "origin": info.affine.map(|t| [t.c, t.f]),
        "resolution": info.resolution.map(<[f64; 2]>::from),
        "bounds": info.bounds.map(<[f64; 4]>::from),
        "pixel_is_point": info.pixel_is_point,
        "tiled": info.tiled,
        "block": <[usize; 2]>::from(info.block),
        "block_count": info.blocks.0,
        "sparse_block_count": info.blocks.1,
        "interleave": info.interleave.name(),
        "compression": info.compression.to_string(),
        "compression_tag": info.compression_tag,
        "predictor": info.predictor.tag(),
        "photometric": info.photometric_name(),
        "photometric_tag": info.photometric,
        "extra_samples": info.extra_samples,
        "has_color_map": info.has_color_map,
        "masks": info.masks,
        "pages": info.pages,
        "overviews": info.overviews.iter().enumerate().map(overview).collect::<Vec<_>>(),
        "suggested_chunks": info.suggested_chunks,
        "gdal_metadata": info.gdal_metadata,
    })
}

fn overview((level, overview): (usize, &OverviewInfo)) -> Value {
    json!({
        "level": level,
        "shape": [overview.height, overview.width],
        "block": overview.block.map(<[usize; 2]>::from),
        "resolution": overview.resolution.map(<[f64; 2]>::from),
    })
}
