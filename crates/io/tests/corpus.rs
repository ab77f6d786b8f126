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
use swath_core::error::{ErrorKind, Result as Outcome};
use swath_core::shape::{Region, volume};
use swath_core::source::{ChunkSource, Place};
use swath_io::codec::Compression;
use swath_io::read::{AreaOrPoint, BandInfo, Chunks, GeoTiff, Info, Overview, ReadOptions, Validity};
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
    println!("{}\n{}", report.table(), report.refused.join("\n"));
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    check_readme(&report.table());
}

/// The README has the table; `SWATH_BLESS=1` writes the one that was found into it.
fn check_readme(table: &str) {
    const MARKS: [&str; 2] = ["<!-- corpus -->\n", "<!-- /corpus -->"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (written, after) = rest.split_once(MARKS[1]).unwrap();
    let found = format!("```text\n{table}```\n");
    if std::env::var_os("SWATH_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{}{found}{}{after}", MARKS[0], MARKS[1])).unwrap();
        return;
    }
    assert_eq!(written, found, "README.md has another table: run this test with SWATH_BLESS=1 and commit");
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
        writeln!(out, "{:12}{equal:>7}{unsupported:>13}{error:>13}{wrong:>7}", "total").unwrap();
        out
    }
}

fn check(path: &Path, expected: &Value) -> Verdict {
    let io = Io::shared().unwrap();
    let uri = path.to_str().unwrap();
    let options = ReadOptions { sidecars: !expected["sidecars"].is_null(), ..ReadOptions::default() };
    let file = match GeoTiff::open_with(&io, uri, &options) {
        Ok(file) => file,
        Err(error) => return Verdict::Refused(error),
    };
    let info = file.info();
    if let Err(message) = check_info(&info, expected).and_then(|()| check_metadata(&info, expected)) {
        return Verdict::Wrong(message);
    }
    let overviews = overviews(expected);
    for (index, level) in std::iter::once(expected).chain(&overviews).enumerate() {
        let Some(bands) = level["data"].as_array() else { continue };
        let overview = if index == 0 { Overview::Full } else { Overview::Level(index - 1) };
        let tolerance = level["tolerance"].as_f64().or(expected["tolerance"].as_f64());
        let complex = info.sample_format.is_complex();
        match read(&file, &overview).map(|pixels| pixels.map(|pixels| compare(&pixels, bands, complex, tolerance))) {
            Err(error) => return Verdict::Refused(error),
            Ok(None | Some(Ok(()))) => {}
            Ok(Some(Err(message))) => return Verdict::Wrong(format!("{overview:?}: {message}")),
        }
    }
    for (index, level) in std::iter::once(expected).chain(&overviews).enumerate() {
        let overview = if index == 0 { Overview::Full } else { Overview::Level(index - 1) };
        match check_mask(&file, &overview, &level["mask"], !expected["tolerance"].is_null()) {
            Err(error) => return Verdict::Refused(error),
            Ok(Err(message)) => return Verdict::Wrong(format!("{overview:?}: {message}")),
            Ok(Ok(())) => {}
        }
    }
    match check_pages(&io, uri, &info, expected) {
        Err(error) => return Verdict::Refused(error),
        Ok(Err(message)) => return Verdict::Wrong(message),
        Ok(Ok(())) => {}
    }
    if expected["data"].is_null() && expected["skipped"].is_null() {
        // Nothing to compare with: read it all the same.
        if let Err(error) = read(&file, &Overview::Full) {
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
    // A complex band is two: real and imaginary parts.
    let bands = if info.sample_format.is_complex() { bands / 2 } else { bands };
    compare(
        "shape",
        format!("{bands} {height} {width}"),
        format!("{} {} {}", expected["bands"], expected["height"], expected["width"]),
    );
    compare("bigtiff", info.big_tiff.to_string(), expected["bigtiff"].to_string());
    compare("little", info.little_endian.to_string(), (expected["byteorder"] == "little").to_string());
    // libtiff cuts a lone uncompressed strip into small ones, and GDAL shows those.
    // GDAL itself does that to a lone strip of bits.
    let alone = !info.tiled && info.blocks.0 == 1;
    let chopped = !info.tiled && info.compression == Compression::None || alone && info.bits == 1;
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
    // What GDAL fails to read has none in the manifest.
    let overviews = match expected["overviews"].is_null() {
        true => return if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) },
        false => overviews(expected),
    };
    compare("overviews", info.overviews.len().to_string(), overviews.len().to_string());
    for (got, wanted) in info.overviews.iter().zip(&overviews) {
        compare(
            "overview",
            format!("{} {}", got.width, got.height),
            format!("{} {}", wanted["width"], wanted["height"]),
        );
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

/// What GDAL reports beside size and place.
fn check_metadata(info: &Info, expected: &Value) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut compare = |what: &str, got: Value, wanted: Value| {
        if got != wanted {
            wrong.push(format!("{what} is {got} instead of {wanted}"));
        }
    };
    if expected["width"].is_null() {
        return Ok(());
    }
    // Both parts of a complex band are told the same.
    let parts = if info.sample_format.is_complex() { 2 } else { 1 };
    let of_each = |of: &dyn Fn(&BandInfo) -> Value| info.bands.iter().step_by(parts).map(of).collect::<Value>();
    // Where no band has more than the default, the manifest has none.
    let listed = |key: &str, default: Value| match &expected[key] {
        Value::Null => vec![default; info.bands.len() / parts].into(),
        Value::Array(values) if default != Value::Null => values.clone().into(),
        values => values.as_array().unwrap().iter().map(|v| if v == "" { Value::Null } else { v.clone() }).collect(),
    };
    compare("scales", of_each(&|band| band.scale.unwrap_or(1.0).into()), listed("scales", 1.0.into()));
    compare("offsets", of_each(&|band| band.offset.unwrap_or(0.0).into()), listed("offsets", 0.0.into()));
    compare("units", of_each(&|band| band.unit.clone().into()), listed("units", Value::Null));
    let descriptions = of_each(&|band| band.description.clone().into());
    compare("descriptions", descriptions, listed("descriptions", Value::Null));
    if !expected["colorinterp"].is_null() {
        let colors = of_each(&|band| band.color.name().to_lowercase().into());
        compare("colorinterp", colors, expected["colorinterp"].clone());
    }
    let color_map =
        info.color_map.as_ref().map(|map| serde_json::json!({ "count": map.len(), "sha256": hex(map.as_flattened()) }));
    compare("colormap", color_map.into(), expected["colormap"].clone());
    compare("gcps", info.control_points.len().into(), expected["gcps"].as_u64().unwrap_or(0).into());
    compare("area_or_point", info.area_or_point.map(AreaOrPoint::name).into(), expected["area_or_point"].clone());
    let pairs = |pairs: &mut dyn Iterator<Item = (&str, &str)>| match pairs
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
    {
        empty if empty.is_empty() => Value::Null,
        pairs => pairs.into(),
    };
    compare("metadata", pairs(&mut info.metadata.domain("")), expected["metadata"].clone());
    compare(
        "ghost",
        pairs(&mut info.structure.iter().map(|(k, v)| (k.as_str(), v.as_str()))),
        expected["ghost"].clone(),
    );
    compare("layout", info.is_cog.then_some("COG").into(), expected["layout"].clone());
    let flags = match &info.validity {
        Validity::Mask => serde_json::json!(["per_dataset"]),
        Validity::NodataValues(_) => serde_json::json!(["per_dataset", "nodata"]),
        Validity::Nodata => serde_json::json!(["nodata"]),
        Validity::Alpha(_) => serde_json::json!(["per_dataset", "alpha"]),
        Validity::All => serde_json::json!(["all_valid"]),
    };
    compare("mask flags", flags, expected["mask_flags"].clone());
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

/// Which pixels of band 1 are valid: how many, and where a mask is stored, which.
fn check_mask(file: &GeoTiff, overview: &Overview, expected: &Value, is_lossy: bool) -> Outcome<Result<(), String>> {
    let Some(wanted) = expected["valid"].as_u64() else { return Ok(Ok(())) };
    let valid: Vec<bool> = match file.validity() {
        Validity::Mask => {
            let mask = file.mask(overview, Chunks::Auto)?.unwrap();
            match whole(&mask)?.data() {
                Buffer::Bool(valid) => valid[..volume(mask.meta().shape) / mask.meta().shape[1]].to_vec(),
                _ => unreachable!("masks are bool"),
            }
        }
        by => {
            let source = file.source(overview, Chunks::Auto)?;
            let [_, bands, height, width] = source.meta().shape;
            // Only what fits: the counts of larger files follow from pixels that are compared anyway.
            if bands * height * width > 1 << 28 {
                return Ok(Ok(()));
            }
            let pixels = whole(&source)?;
            let value = |band: usize, at: usize| pixels.data().get(band * height * width + at);
            let is_valid = |at: usize| match &by {
                Validity::Nodata => !is_nodata(value(0, at), source.meta().nodata.unwrap()),
                Validity::NodataValues(values) => (0..bands).any(|band| value(band, at) != values[band]),
                Validity::Alpha(band) => value(*band, at).to_f64() != 0.0,
                _ => true,
            };
            (0..height * width).map(is_valid).collect()
        }
    };
    let count = valid.iter().filter(|valid| **valid).count() as u64;
    // Alpha and nodata of a lossy codec are as its decoder rounds them; a stored mask has a hash.
    let slack = if is_lossy && expected["sha256"].is_null() { wanted / 1000 } else { 0 };
    if count.abs_diff(wanted) > slack {
        return Ok(Err(format!("{count} pixels are valid instead of {wanted}")));
    }
    let bytes: Vec<u8> = valid.iter().map(|valid| if *valid { 255 } else { 0 }).collect();
    match expected["sha256"].as_str() {
        Some(sha256) if hex(&bytes) != sha256 => Ok(Err("the mask is another".to_owned())),
        _ => Ok(Ok(())),
    }
}

/// GDAL's ARE_REAL_EQUAL: floats may have lost digits in the text of the tag.
fn is_nodata(value: Scalar, nodata: Scalar) -> bool {
    let (Scalar::Float(a), b) = (value, nodata.to_f64()) else { return value == nodata };
    a == b || a.is_nan() || (a - b).abs() < f64::from(f32::EPSILON) * (a + b).abs() * 2.0
}

/// The further images of the file.
fn check_pages(io: &Io, uri: &str, info: &Info, expected: &Value) -> Outcome<Result<(), String>> {
    let in_chain = info.pages.iter().filter(|page| page.directory.is_some()).count() as u64;
    if let Some(wanted) = expected["page_count"].as_u64().filter(|wanted| *wanted != in_chain) {
        return Ok(Err(format!("there are {in_chain} pages instead of {wanted}")));
    }
    for wanted in expected["pages"].as_array().into_iter().flatten() {
        let directory = wanted["ifd"].as_u64().map(|number| number as usize);
        let Some(page) = info.pages.iter().find(|page| page.directory == directory) else {
            return Ok(Err(format!("directory {directory:?} is no page")));
        };
        let file = GeoTiff::open_with(io, uri, &ReadOptions { page: page.number, ..ReadOptions::default() })?;
        let complex = file.info().sample_format.is_complex();
        let bands = wanted["data"].as_array().unwrap();
        let tolerance = wanted["tolerance"].as_f64().or(expected["tolerance"].as_f64());
        let compared = read(&file, &Overview::Full)?.map(|pixels| compare(&pixels, bands, complex, tolerance));
        if let Some(Err(message)) = compared {
            return Ok(Err(format!("page {}: {message}", page.number)));
        }
    }
    Ok(Ok(()))
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

/// The pixels of a level; none where a damaged file claims more than there is memory, of which some are read.
fn read(file: &GeoTiff, overview: &Overview) -> Outcome<Option<Chunk>> {
    let source = file.source(overview, Chunks::Auto)?;
    let meta = source.meta().clone();
    let blocks = source.blocks();
    // A damaged file may claim more pixels than there is memory.
    if volume(meta.shape) > 1 << 28 {
        (0..blocks.len().min(100)).try_for_each(|block| source.decode(block, &[]).map(drop))?;
        return Ok(None);
    }
    whole(&source).map(Some)
}

/// All pixels of a source.
fn whole(source: &dyn ChunkSource) -> Outcome<Chunk> {
    let meta = source.meta();
    let blocks = source.blocks();
    let mut whole = Chunk::new(meta.shape, Buffer::zeros(meta.dtype, volume(meta.shape)));
    for block in 0..blocks.len() {
        let region = blocks.region(block);
        let chunk = match source.place(block)? {
            Place::Constant(value) => Chunk::filled(region.shape, meta.dtype, value),
            _ => (*source.decode(block, &[])?).clone(),
        };
        chunk.copy_region(&Region::whole(region.shape), &mut whole, region.start);
    }
    Ok(whole)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Compares each band with its hash, or with its means where decoders of a lossy codec may differ.
fn compare(whole: &Chunk, bands: &[Value], complex: bool, tolerance: Option<f64>) -> Result<(), String> {
    let [_, count, rows, columns] = whole.shape();
    let parts = if complex { 2 } else { 1 };
    if count != bands.len() * parts {
        return Err(format!("{count} bands instead of {}", bands.len()));
    }
    for (index, band) in bands.iter().enumerate() {
        let pixels = rows * columns;
        let bytes = match complex {
            false => bytes(whole.data(), index * pixels, pixels),
            true => interleaved(whole.data(), 2 * index * pixels, pixels),
        };
        if let Some(wanted) = band["sha256"].as_str() {
            let hash = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            if hash != wanted {
                return Err(format!("band {index}: {hash} instead of {wanted}"));
            }
            continue;
        }
        let tolerance = tolerance.ok_or("neither hash nor tolerance")?;
        let values = floats(whole.data(), index * pixels, pixels);
        let near = |what: &str, got: f64, wanted: &Value| match wanted.as_f64() {
            Some(wanted) if (got - wanted).abs() <= tolerance => Ok(()),
            _ => Err(format!("band {index}: {what} is {got} instead of {wanted} ± {tolerance}")),
        };
        near("mean", mean(&values, columns, 0..rows, 0..columns), &band["mean"])?;
        for (row, wanted) in band["grid"].as_array().into_iter().flatten().enumerate() {
            for (column, wanted) in wanted.as_array().into_iter().flatten().enumerate() {
                let got = mean(&values, columns, part(rows, row), part(columns, column));
                near(&format!("cell ({row}, {column})"), got, wanted)?;
            }
        }
    }
    Ok(())
}

/// The `index`-th of four parts of an axis, as `numpy.array_split` cuts it: the first ones are longer.
fn part(len: usize, index: usize) -> std::ops::Range<usize> {
    let start = |index: usize| index * (len / 4) + index.min(len % 4);
    start(index)..start(index + 1)
}

/// The mean of what is finite.
fn mean(values: &[f64], columns: usize, rows: std::ops::Range<usize>, part: std::ops::Range<usize>) -> f64 {
    let cell = || rows.clone().flat_map(|row| &values[row * columns..][part.clone()]).filter(|value| value.is_finite());
    cell().sum::<f64>() / cell().count() as f64
}

fn floats(buffer: &Buffer, start: usize, len: usize) -> Vec<f64> {
    macro_rules! floats {
        ($($variant:ident),*) => {
            match buffer {
                $(Buffer::$variant(data) => data[start..start + len].iter().map(|value| *value as f64).collect(),)*
                Buffer::Bool(_) => unreachable!("files have no bool samples"),
            }
        };
    }
    floats!(U8, U16, U32, U64, I8, I16, I32, I64, F32, F64)
}

/// Two bands as one of complex numbers, of floats also where the parts are integers: as GDAL hands them to NumPy.
fn interleaved(buffer: &Buffer, start: usize, len: usize) -> Vec<u8> {
    macro_rules! interleaved {
        ($data:expr, $kind:ty) => {{
            let (real, imaginary) = $data[start..start + 2 * len].split_at(len);
            let pairs = real.iter().zip(imaginary).flat_map(|(real, imaginary)| [*real as $kind, *imaginary as $kind]);
            pairs.flat_map(|part| part.to_le_bytes()).collect()
        }};
    }
    match buffer {
        Buffer::I16(data) => interleaved!(data, f32),
        Buffer::I32(data) => interleaved!(data, f32),
        Buffer::F32(data) => interleaved!(data, f32),
        Buffer::F64(data) => interleaved!(data, f64),
        _ => unreachable!("complex parts are of these types"),
    }
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
