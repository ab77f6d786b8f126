//! The same facts as JSON. Keys are added, never renamed; what is not known is null.

use serde_json::{Map, Value, json};
use swath::{BandInfo, Info, Metadata, OverviewInfo, PageInfo, Scalar};

use crate::output::json_scalar as scalar;

pub(super) fn render(info: &Info) -> String {
    format!("{:#}\n", value(info))
}

fn value(info: &Info) -> Value {
    let (layout, content) = (layout(info), content(info));
    [layout, content].into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect::<Map<_, _>>().into()
}

/// Size, place, blocks and levels.
fn layout(info: &Info) -> Value {
    json!({
        "uri": info.uri,
        "file_size": info.file_size,
        "requests": info.requests,
        "big_tiff": info.big_tiff,
        "byte_order": if info.little_endian { "little" } else { "big" },
        "dims": info.dims.iter().map(|dim| dim.name()).collect::<Vec<_>>(),
        "shape": super::shape(info),
        "dtype": info.dtype.name(),
        "bits": info.bits,
        "complex": info.sample_format.is_complex(),
        "nodata": info.nodata.map(scalar),
        "nodata_text": info.nodata_text,
        "crs": info.crs.as_ref().map(ToString::to_string),
        "epsg": info.crs.as_ref().and_then(swath::Crs::epsg),
        "wkt": info.crs.as_ref().and_then(swath::Crs::to_wkt),
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
        "overviews": info.overviews.iter().enumerate().map(overview).collect::<Vec<_>>(),
        "suggested_chunks": info.suggested_chunks,
        "gdal_metadata": info.gdal_metadata,
    })
}

/// Bands, pages, validity and items.
fn content(info: &Info) -> Value {
    json!({
        "has_color_map": info.color_map.is_some(),
        "color_map": info.color_map,
        "masks": info.masks,
        "validity": info.validity.name(),
        "page": info.page,
        "pages": info.pages.len() - 1,
        "page_list": info.pages.iter().map(page).collect::<Vec<_>>(),
        "bands": info.bands.iter().map(band).collect::<Vec<_>>(),
        "metadata": metadata(&info.metadata),
        "area_or_point": info.area_or_point.map(swath::AreaOrPoint::name),
        "control_points": info.control_points.iter().map(|point| json!({
            "column": number(point.column),
            "row": number(point.row),
            "x": number(point.x),
            "y": number(point.y),
            "z": number(point.z),
        })).collect::<Vec<_>>(),
        "structure": info.structure.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>(),
        "is_cog": info.is_cog,
    })
}

fn overview((level, overview): (usize, &OverviewInfo)) -> Value {
    json!({
        "level": level,
        "shape": [overview.height, overview.width],
        "block": overview.block.map(<[usize; 2]>::from),
        "resolution": overview.resolution.map(<[f64; 2]>::from),
        "has_mask": overview.has_mask,
        "beside": overview.beside,
    })
}

fn page(page: &PageInfo) -> Value {
    json!({
        "page": page.number,
        "bands": page.bands,
        "shape": [page.height, page.width],
        "dtype": page.dtype.map(swath::DType::name),
        "name": page.name,
    })
}

fn band(band: &BandInfo) -> Value {
    json!({
        "color": band.color.name(),
        "scale": band.scale.map(number),
        "offset": band.offset.map(number),
        "unit": band.unit,
        "description": band.description,
        "statistics": band.statistics.as_ref().map(|statistics| json!({
            "minimum": statistics.minimum.map(number),
            "maximum": statistics.maximum.map(number),
            "mean": statistics.mean.map(number),
            "standard_deviation": statistics.standard_deviation.map(number),
            "valid_percent": statistics.valid_percent.map(number),
            "approximate": statistics.approximate,
        })),
        "metadata": metadata(&band.metadata),
    })
}

/// Names and values by domain.
fn metadata(metadata: &Metadata) -> Value {
    let domain = |domain| metadata.domain(domain).map(|(name, value)| (name.to_owned(), value.into())).collect();
    metadata.domains().map(|name| (name.to_owned(), Value::Object(domain(name)))).collect::<Map<_, _>>().into()
}

fn number(value: f64) -> Value {
    scalar(Scalar::Float(value))
}
