//! `swath info`: what a file says of itself, for a person or as JSON.

mod json;

use swath::{BandInfo, ColorInterpretation, Info, OpenOptions, OverviewInfo, PageInfo, Validity, text};

use crate::args::InfoArgs;
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let info = OpenOptions::new().io(&args.store.io()?).page(args.page).sidecars(args.sidecars).info(&args.uri)?;
    output::print(&if args.json { json::render(&info) } else { render(&info) })
}

/// Rows of a table and items of a domain that are shown at most; `--json` has all.
const ROWS_MAX: usize = 40;
/// Characters of an item that are shown at most.
const TEXT_MAX: usize = 100;

/// One fact a line, then tables of overviews, bands and pages, and the items of the file.
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
    if let Some(map) = &info.color_map {
        line("color map", format!("{} colors", text::count(map.len() as u64)));
    }
    line("valid", validity(info));
    if !info.control_points.is_empty() {
        line("points", format!("{} ground control points", text::count(info.control_points.len() as u64)));
    }
    if !info.structure.is_empty() {
        line("layout", layout(info));
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
    if info.bands.iter().any(|band| *band != BandInfo { color: plain(info), ..BandInfo::default() }) {
        out.push_str(&format!("{:<13} {}\n{}", "bands", info.bands.len(), bands(&info.bands)));
    }
    if info.pages.len() > 1 {
        out.push_str(&format!("{:<13} {}, this is {}\n{}", "pages", info.pages.len(), info.page, pages(&info.pages)));
    }
    items(info, &mut out);
    out
}

/// What the colour of each band is where there is nothing to tell of bands.
fn plain(info: &Info) -> ColorInterpretation {
    if info.bands.len() == 1 { ColorInterpretation::Gray } else { ColorInterpretation::Undefined }
}

/// By what pixels are valid, and how that may be used.
fn validity(info: &Info) -> String {
    match &info.validity {
        Validity::Mask => {
            let levels = match (info.masks, info.overviews.len()) {
                (1, 0) => String::new(),
                (masks, overviews) => format!(", of {masks} of {} levels", overviews + 1),
            };
            format!("by a stored mask{levels}")
        }
        Validity::NodataValues(values) => {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            format!("where bands are not all nodata ({})", values.join(" "))
        }
        Validity::Nodata => "where not nodata".to_owned(),
        Validity::Alpha(band) => format!("by alpha, band {band}"),
        Validity::All => "everywhere".to_owned(),
    }
}

fn layout(info: &Info) -> String {
    let is = |key: &str, value: &str| info.structure.iter().any(|(own, text)| own == key && text == value);
    let mut parts = vec![if info.is_cog { "COG" } else { "was a COG before it was changed" }];
    if is("MASK_INTERLEAVED_WITH_IMAGERY", "YES") {
        parts.push("mask blocks beside image blocks");
    }
    parts.join(", ")
}

/// What a column says of a band.
type Column<'a> = &'a dyn Fn(&BandInfo) -> String;

/// What is known of each band; columns that say nothing are left out.
fn bands(bands: &[BandInfo]) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let statistic =
        |band: &BandInfo, of: fn(&swath::BandStatistics) -> Option<f64>| number(band.statistics.as_ref().and_then(of));
    let columns: [(&str, Column<'_>); 9] = [
        ("color", &|band| band.color.name().to_lowercase()),
        ("scale", &|band| number(band.scale_offset().map(|(scale, _)| scale))),
        ("offset", &|band| number(band.scale_offset().map(|(_, offset)| offset))),
        ("unit", &|band| shortened(band.unit.as_deref().unwrap_or_default())),
        ("min", &|band| statistic(band, |s| s.minimum)),
        ("max", &|band| statistic(band, |s| s.maximum)),
        ("mean", &|band| statistic(band, |s| s.mean)),
        ("deviation", &|band| statistic(band, |s| s.standard_deviation)),
        ("description", &|band| shortened(band.description.as_deref().unwrap_or_default())),
    ];
    let shown = &bands[..bands.len().min(ROWS_MAX)];
    let filled: Vec<_> = columns.iter().filter(|(_, of)| shown.iter().any(|band| !of(band).is_empty())).collect();
    let mut table = Table::default();
    table.row(std::iter::once("band").chain(filled.iter().map(|(name, _)| *name)));
    for (index, band) in shown.iter().enumerate() {
        table.row(std::iter::once(index.to_string()).chain(filled.iter().map(|(_, of)| of(band))));
    }
    table.render(2) + &more(bands.len())
}

fn pages(pages: &[PageInfo]) -> String {
    let mut table = Table::default();
    table.row(["page", "size", "bands", "dtype", "name"]);
    for page in pages.iter().take(ROWS_MAX) {
        table.row([
            page.number.to_string(),
            lengths(&[page.height, page.width]),
            page.bands.to_string(),
            page.dtype.map_or_else(|| "cannot be read".to_owned(), |dtype| dtype.to_string()),
            shortened(page.name.as_deref().unwrap_or_default()),
        ]);
    }
    table.render(2) + &more(pages.len())
}

fn more(rows: usize) -> String {
    match rows.checked_sub(ROWS_MAX) {
        None | Some(0) => String::new(),
        Some(more) => format!("  and {} more\n", text::count(more as u64)),
    }
}

/// The items of the file, domain by domain.
fn items(info: &Info, out: &mut String) {
    for domain in info.metadata.domains() {
        let title =
            if domain.is_empty() { "metadata".to_owned() } else { format!("metadata of {}", shortened(domain)) };
        out.push_str(&format!("{title}\n"));
        for (name, value) in info.metadata.domain(domain).take(ROWS_MAX) {
            let name = if name.is_empty() { String::new() } else { format!("{}=", shortened(name)) };
            out.push_str(&format!("  {name}{}\n", shortened(value)));
        }
        out.push_str(&more(info.metadata.domain(domain).count()));
    }
}

/// The beginning of a text, in one line, without what would move a terminal's cursor.
fn shortened(text: &str) -> String {
    let plain = |char: char| if char.is_control() { ' ' } else { char };
    let mut out: String = text.trim().chars().take(TEXT_MAX).map(plain).collect();
    if text.trim().chars().nth(TEXT_MAX).is_some() {
        out.push('…');
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
