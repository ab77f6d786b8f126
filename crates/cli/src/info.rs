//! `swath info`: what a file says of itself, for a person or as JSON.

mod json;

use swath::{Info, OverviewInfo, text};

use crate::args::InfoArgs;
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let info = swath::info(&args.uri)?;
    output::print(&if args.json { json::render(&info) } else { render(&info) })
}

/// One fact a line, then a table of the overviews.
fn render(info: &Info) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: String| out.push_str(&format!("{label:<13} {value}\n"));
    line("uri", info.uri.clone());
    line("format", format_line(info));
    line("shape", format!("{} {}", lengths(&shape(info)), info.dims));
    line("dtype", info.dtype_text());
    line("nodata", nodata(info));
    line("crs", info.crs.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string));
    if let (Some(affine), Some(resolution), Some((left, bottom, right, top))) =
        (info.affine, info.resolution, info.bounds)
    {
        line("origin", format!("{}, {}", affine.c, affine.f));
        line("resolution", pair(resolution));
        line("bounds", format!("left {left}, bottom {bottom}, right {right}, top {top}"));
    } else {
        line("transform", "none".to_owned());
    }
    line("blocks", blocks(info));
    line("interleave", info.interleave.name().to_owned());
    line("compression", compression(info));
    line("photometric", info.photometric_name().to_owned());
    for (label, present) in [("color map", info.has_color_map), ("masks", info.masks > 0), ("pages", info.pages > 0)] {
        if present {
            line(label, extra(info, label));
        }
    }
    line("chunks", format!("{} suggested", lengths(&info.suggested_chunks)));
    if info.requests > 0 {
        line("opened with", format!("{} {}", info.requests, if info.requests == 1 { "request" } else { "requests" }));
    }
    if info.overviews.is_empty() {
        line("overviews", "none".to_owned());
    } else {
        line("overviews", info.overviews.len().to_string());
        out.push_str(&overviews(&info.overviews));
    }
    out
}

fn format_line(info: &Info) -> String {
    let name = if info.big_tiff { "BigTIFF" } else { "TIFF" };
    let order = if info.little_endian { "little endian" } else { "big endian" };
    let point = if info.pixel_is_point { ", pixel is point" } else { "" };
    format!("{name}, {order}{point}, {}", text::bytes(info.file_size))
}

/// Lengths of the axes that the raster has.
fn shape(info: &Info) -> Vec<usize> {
    info.dims.iter().map(|dim| info.shape[dim.axis()]).collect()
}

/// The value, or why the file's own text for it does not count.
fn nodata(info: &Info) -> String {
    match (&info.nodata, &info.nodata_text) {
        (Some(value), _) => value.to_string(),
        (None, Some(text)) => format!("none ({:?} in the file is not a value of {})", text.trim(), info.dtype),
        (None, None) => "none".to_owned(),
    }
}

fn blocks(info: &Info) -> String {
    let (rows, columns) = info.block;
    let (count, sparse) = info.blocks;
    let kind = match (info.tiled, count) {
        (true, 1) => "tile",
        (true, _) => "tiles",
        (false, 1) => "strip",
        (false, _) => "strips",
    };
    let sparse = if sparse > 0 { format!(", {} of them sparse", text::count(sparse as u64)) } else { String::new() };
    format!("{} {kind} of {}{sparse}", text::count(count as u64), lengths(&[rows, columns]))
}

fn compression(info: &Info) -> String {
    let predictor = match info.predictor.tag() {
        1 => String::new(),
        tag => format!(", predictor {tag}"),
    };
    format!("{}{predictor}", info.compression)
}

/// What the file has beside its pixels; swath does not read it.
fn extra(info: &Info, label: &str) -> String {
    match label {
        "masks" => format!("{} (not read)", info.masks),
        "pages" => format!("{} more (not read)", info.pages),
        _ => "yes (not read)".to_owned(),
    }
}

fn overviews(overviews: &[OverviewInfo]) -> String {
    let mut table = Table::default();
    table.row(["level", "size", "block", "resolution"]);
    for (level, overview) in overviews.iter().enumerate() {
        table.row([
            format!("@{level}"),
            lengths(&[overview.height, overview.width]),
            overview.block.map_or_else(|| "cannot be read".to_owned(), |(rows, columns)| lengths(&[rows, columns])),
            overview.resolution.map_or_else(String::new, pair),
        ]);
    }
    table.render(2)
}

fn pair((x, y): (f64, f64)) -> String {
    if x == y { x.to_string() } else { format!("{x} × {y}") }
}

fn lengths(shape: &[usize]) -> String {
    text::lengths(shape)
}
