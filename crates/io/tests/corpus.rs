//! Real files against the values GDAL reads from them; runs where the environment variable `SWATH_CORPUS` names the folder
//! with `manifest.json`. No value may be wrong and nothing may panic; what this build does not read is a clean error.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed helper is a failed test; the table is what one runs it for"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::dtype::Scalar;
use swath_core::error::{ErrorKind, Result};
use swath_core::shape::{Region, volume};
use swath_core::source::{ChunkSource, Place};
use swath_io::codec::Compression;
use swath_io::read::{Chunks, GeoTiff, Info, Overview};
use swath_io::store::Io;

#[test]
fn files_of_other_programs_are_read_as_gdal_reads_them_or_refused() {
    let Some(folder) = std::env::var_os("SWATH_CORPUS") else { return };
    let folder = Path::new(&folder);
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut report = Report::default();
    for (name, expected) in manifest["files"].as_object().unwrap() {
        if name.ends_with(".json") || expected["expect"] == "sidecar" {
            continue;
        }
        let path = folder.join(name);
        let result = catch_unwind(AssertUnwindSafe(|| check(&path, expected)));
        report.add(name, expected, result.unwrap_or_else(|_| Verdict::Wrong("it panics".to_owned())));
    }
    println!("{}", report.table());
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
}

enum Verdict {
    /// Every value that the manifest has is the same.
    Equal,
    /// Opened, and pixels are refused.
    Refused(swath_core::error::Error),
    Wrong(String),
}

#[derive(Default)]
struct Report {
    /// Per theme: equal, unsupported, other error, wrong.
    themes: BTreeMap<String, [usize; 4]>,
    refused: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &str, expected: &Value, verdict: Verdict) {
        let theme = name.split('/').next().unwrap().to_owned();
        let column = match (&verdict, expected["expect"].as_str().unwrap()) {
            (Verdict::Equal, "error") => {
                self.failures.push(format!("{name}: is damaged, but read without an error"));
                3
            }
            (Verdict::Equal, _) => 0,
            (Verdict::Refused(error), expect) => {
                self.refused.push(format!("{name}: {:?}: {}", error.kind(), error.chain()));
                match (error.kind(), expect) {
                    (ErrorKind::Unsupported, _) => 1,
                    (_, "ok") => {
                        self.failures.push(format!("{name}: {}", error.chain()));
                        3
                    }
                    _ => 2,
                }
            }
            (Verdict::Wrong(message), _) => {
                self.failures.push(format!("{name}: {message}"));
                3
            }
        };
        self.themes.entry(theme).or_default()[column] += 1;
    }

    fn table(&self) -> String {
        let mut out = format!("{:12}{:>7}{:>13}{:>13}{:>7}\n", "theme", "equal", "unsupported", "other error", "wrong");
        let mut total = [0; 4];
        for (theme, counts) in &self.themes {
            total = std::array::from_fn(|column| total[column] + counts[column]);
            let [equal, unsupported, error, wrong] = counts;
            writeln!(out, "{theme:12}{equal:>7}{unsupported:>13}{error:>13}{wrong:>7}").unwrap();
        }
        let [equal, unsupported, error, wrong] = total;
        writeln!(out, "{:12}{equal:>7}{unsupported:>13}{error:>13}{wrong:>7}\n", "total").unwrap();
        out + &self.refused.join("\n")
    }
}

fn check(path: &Path, expected: &Value) -> Verdict {
    let io = Io::shared().unwrap();
    let file = match GeoTiff::open(&io, path.to_str().unwrap()) {
        Ok(file) => file,
        Err(error) => return Verdict::Refused(error),
    };
    let info = file.info();
    if let Err(message) = check_info(&info, expected) {
        return Verdict::Wrong(message);
    }
    let overviews = overviews(expected);
    for (index, level) in std::iter::once(expected).chain(&overviews).enumerate() {
        let Some(bands) = level["data"].as_array() else { continue };
        let overview = if index == 0 { Overview::Full } else { Overview::Level(index - 1) };
        // Overviews beside the file are not read.
        if index > info.overviews.len() {
            continue;
        }
        match hashes(&file, &overview) {
            Err(error) => return Verdict::Refused(error),
            Ok(hashes) => {
                let wanted: Vec<_> = bands.iter().map(|band| band["sha256"].as_str().unwrap_or("lossy")).collect();
                if hashes != wanted {
                    return Verdict::Wrong(format!("{overview:?}: {hashes:?} instead of {wanted:?}"));
                }
            }
        }
    }
    if expected["data"].is_null() && expected["skipped"].is_null() {
        // Nothing to compare with: read it all the same.
        if let Err(error) = hashes(&file, &Overview::Full) {
            return Verdict::Refused(error);
        }
    }
    Verdict::Equal
}

fn check_info(info: &Info, expected: &Value) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut compare = |what: &str, got: String, wanted: String| {
        if got != wanted {
            wrong.push(format!("{what} is {got} instead of {wanted}"));
        }
    };
    if expected["width"].is_null() {
        return Ok(());
    }
    let [_, bands, height, width] = info.shape;
    compare(
        "shape",
        format!("{bands} {height} {width}"),
        format!("{} {} {}", expected["bands"], expected["height"], expected["width"]),
    );
    compare("bigtiff", info.big_tiff.to_string(), expected["bigtiff"].to_string());
    compare("little", info.little_endian.to_string(), (expected["byteorder"] == "little").to_string());
    // libtiff cuts a lone uncompressed strip into small ones, and GDAL shows those.
    let chopped = !info.tiled && info.compression == Compression::None;
    if let Some([rows, columns]) = expected["block"].as_array().map(Vec::as_slice).filter(|_| !chopped) {
        // GDAL shows the rows of a strip as they are written, which may be more than the image has.
        let rows = if info.tiled { rows.as_u64() } else { rows.as_u64().map(|rows| rows.min(height as u64)) };
        compare("block", format!("{:?}", info.block), format!("({}, {columns})", rows.unwrap()));
    }
    if let Some(interleave) = expected["interleave"].as_str() {
        compare("interleave", info.interleave.name().to_lowercase(), interleave.to_lowercase());
    }
    if !same_nodata(info.nodata, &expected["nodata"]) {
        compare("nodata", format!("{:?}", info.nodata), expected["nodata"].to_string());
    }
    if let Some(transform) = expected["transform"].as_array() {
        let wanted: Vec<f64> = transform.iter().map(|v| v.as_f64().unwrap()).collect();
        match info.affine {
            None => compare("transform", "none".into(), format!("{wanted:?}")),
            Some(affine) => {
                let got = [affine.c, affine.a, affine.b, affine.f, affine.d, affine.e];
                let close =
                    got.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3));
                if !close {
                    compare("transform", format!("{got:?}"), format!("{wanted:?}"));
                }
            }
        }
    } else {
        compare("transform", format!("{:?}", info.affine), "None".into());
    }
    if let Some(epsg) = expected["epsg"].as_u64().filter(|_| expected["epsg_inferred"].is_null()) {
        compare("epsg", format!("{:?}", info.crs.as_ref().and_then(|crs| crs.epsg())), format!("Some({epsg})"));
    }
    // Overviews beside the file are not read: GDAL counts them.
    let overviews = overviews(expected);
    if expected["ifds"].as_u64() != Some(1) || !info.overviews.is_empty() {
        compare("overviews", info.overviews.len().to_string(), overviews.len().to_string());
        for (got, wanted) in info.overviews.iter().zip(&overviews) {
            compare(
                "overview",
                format!("{} {}", got.width, got.height),
                format!("{} {}", wanted["width"], wanted["height"]),
            );
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

/// The overviews, largest first: GDAL puts those of SubIFDs last.
fn overviews(expected: &Value) -> Vec<Value> {
    let mut overviews = expected["overviews"].as_array().cloned().unwrap_or_default();
    overviews.sort_by_key(|level| std::cmp::Reverse(level["width"].as_u64()));
    overviews
}

/// Up to the last digits of the manifest's numbers, which serde_json does not read exactly.
fn same_nodata(nodata: Option<Scalar>, expected: &Value) -> bool {
    match (nodata, expected) {
        (None, Value::Null) => true,
        (Some(got), Value::String(text)) => text.parse().is_ok_and(|wanted: f64| got == Scalar::Float(wanted)),
        (Some(got), Value::Number(wanted)) => {
            let (got, wanted) = (got.to_f64(), wanted.as_f64().unwrap());
            (got - wanted).abs() <= 1e-15 * wanted.abs()
        }
        _ => false,
    }
}

/// SHA-256 of each band of a level, row-major and little-endian.
fn hashes(file: &GeoTiff, overview: &Overview) -> Result<Vec<String>> {
    let source = file.source(overview, Chunks::Auto)?;
    let meta = source.meta().clone();
    let blocks = source.blocks();
    // A damaged file may claim more pixels than there is memory.
    if volume(meta.shape) > 1 << 28 {
        (0..blocks.len().min(100)).try_for_each(|block| source.decode(block, &[]).map(drop))?;
        return Ok(Vec::new());
    }
    let mut whole = Chunk::new(meta.shape, Buffer::zeros(meta.dtype, volume(meta.shape)));
    for block in 0..blocks.len() {
        let region = blocks.region(block);
        let chunk = match source.place(block)? {
            Place::Constant(value) => Chunk::filled(region.shape, meta.dtype, value),
            _ => (*source.decode(block, &[])?).clone(),
        };
        chunk.copy_region(&Region::whole(region.shape), &mut whole, region.start);
    }
    let pixels = volume(meta.shape) / meta.shape[1];
    Ok((0..meta.shape[1])
        .map(|band| {
            let bytes: Vec<u8> = bytes(whole.data(), band * pixels, pixels);
            Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        })
        .collect())
}

fn bytes(buffer: &Buffer, start: usize, len: usize) -> Vec<u8> {
    macro_rules! bytes {
        ($($variant:ident),*) => {
            match buffer {
                $(Buffer::$variant(data) => data[start..start + len].iter().flat_map(|value| value.to_le_bytes()).collect(),)*
                Buffer::Bool(_) => unreachable!("files have no bool samples"),
            }
        };
    }
    bytes!(U8, U16, U32, U64, I8, I16, I32, I64, F32, F64)
}
