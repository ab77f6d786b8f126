//! The time of the codec alone for the blocks of a job: the floor under every program that reads and writes them with it.
//!
//! ```text
//! cargo run --release -p swath-io --example codec_floor -- \
//!     OUT.tif SOURCE.tif... [--threads N] [--level N] [--overviews] [--passthrough] [--files]
//! ```
//!
//! OUT.tif is what the job has written. Timed is a bare loop: threads take numbers from a counter, inflate the blocks of
//! the sources, at their levels of the size of OUT.tif, and deflate those of OUT.tif at the level that swath takes unless
//! told otherwise, or at another. Each thread has one
//! buffer, one compressor and one decompressor, of the crate that swath uses.
//!
//! Not timed: the stored blocks of the sources are read into memory before, and those of OUT.tif are inflated, which
//! gives the bytes that were deflated, predictor applied. Results are dropped. Nothing is opened, copied, unpredicted,
//! masked, predicted or written.
//!
//! With `--passthrough`, blocks that nothing changed are left out: those of OUT.tif that hold the same bytes as the
//! source's, or one value, and the source's in their places. The source is the one whose blocks have the same shape.
//!
//! With `--overviews`, the blocks of the overviews of OUT.tif are deflated, too.
//!
//! With `--files`, the stored blocks are read from their files as they are inflated, and the deflated ones are written one
//! behind the other to a file beside OUT.tif, which is removed: bytes that no program can leave where they are.
//!
//! The last line printed is JSON: wall and CPU seconds, and counts of blocks.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use libdeflater::{CompressionLvl, Compressor, Decompressor};
use serde_json::json;
use swath_io::codec::{Compression, Predictor, encode};
use swath_io::read::GeoTiff;
use swath_io::read::header::Image;
use swath_io::store::Io;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let Arguments { out, sources: paths, threads, level, overviews, passthrough, files } = arguments;
    let written = format!("{out}.floor");
    let reduced = if overviews { Stored::overviews(&out)? } else { Vec::new() };
    let out = Stored::read(&out, None)?;
    let sources: Vec<_> = paths.iter().map(|path| Stored::read(path, Some(&out.image))).collect::<Result<_>>()?;
    let raw = out.inflated()?;
    let reduced = reduced.iter().map(Stored::inflated).collect::<Result<Vec<_>>>()?.concat();

    let copied_from = sources.iter().position(|source| passthrough && source.has_blocks_of(&out));
    let origins = origins(&out, &raw, copied_from.map(|position| &sources[position]));

    let mut steps = Vec::new();
    for (position, source) in sources.iter().enumerate() {
        let is_needed = |index: usize| copied_from != Some(position) || origins[index] == Origin::Computed;
        let blocks = source.blocks.iter().enumerate().filter(|(index, stored)| !stored.is_empty() && is_needed(*index));
        steps.extend(blocks.map(|(index, stored)| {
            let from = files.then(|| (position, source.image.offsets[index]));
            Step::Inflate { stored, from, length: source.block_bytes() }
        }));
    }
    let inflated = steps.len();
    if out.is_deflate() {
        let blocks = raw.iter().zip(&origins).filter(|(raw, origin)| !raw.is_empty() && **origin == Origin::Computed);
        steps.extend(blocks.map(|(raw, _)| Step::Deflate(raw)));
        steps.extend(reduced.iter().filter(|raw| !raw.is_empty()).map(|raw| Step::Deflate(raw)));
    }
    let files = if files { Some(Files { sources: &paths, written: &written, end: AtomicU64::new(0) }) } else { None };
    let (wall, cpu) = measure(&steps, threads, level, files.as_ref())?;
    let count = |of: Origin| origins.iter().filter(|origin| **origin == of).count();
    let line = json!({
        "job": { "wall": wall, "cpu": cpu },
        "report": {
            "inflated": inflated, "deflated": steps.len() - inflated,
            "copied": count(Origin::Copied), "constant": count(Origin::Constant), "computed": count(Origin::Computed),
        },
    });
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

enum Step<'a> {
    /// Stored bytes, and how many they give; where they are to be read again: a source and an offset.
    Inflate {
        stored: &'a [u8],
        from: Option<(usize, u64)>,
        length: usize,
    },
    Deflate(&'a [u8]),
}

/// Files that blocks are read from and written to.
struct Files<'a> {
    sources: &'a [String],
    written: &'a str,
    /// Of what is written.
    end: AtomicU64,
}

/// Wall and CPU seconds of all steps.
fn measure(steps: &[Step<'_>], threads: usize, level: i32, files: Option<&Files<'_>>) -> Result<(f64, f64)> {
    let next = AtomicUsize::new(0);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    if let Some(files) = files {
        File::create(files.written)?;
    }
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(steps, &next, level, files))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker returns its errors"))
    })?;
    let taken = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    files.map_or(Ok(()), |files| std::fs::remove_file(files.written))?;
    Ok(taken)
}

fn work(steps: &[Step<'_>], next: &AtomicUsize, level: i32, files: Option<&Files<'_>>) -> Result<()> {
    let mut compressor = Compressor::new(CompressionLvl::new(level).map_err(|_| "no such level")?);
    let mut decompressor = Decompressor::new();
    let (mut buffer, mut input) = (Vec::new(), Vec::new());
    // Each thread has its own: a place in a file is one for all that share it.
    let mut sources: Vec<_> =
        files.map_or(&[][..], |files| files.sources).iter().map(File::open).collect::<io::Result<_>>()?;
    let mut written = files.map(|files| File::options().write(true).open(files.written)).transpose()?;
    while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
        match *step {
            Step::Inflate { stored, from, length } => {
                buffer.resize(length, 0);
                let stored = match from {
                    None => stored,
                    Some((source, offset)) => {
                        input.resize(stored.len(), 0);
                        sources[source].seek(SeekFrom::Start(offset))?;
                        sources[source].read_exact(&mut input)?;
                        &input
                    }
                };
                decompressor.zlib_decompress(stored, &mut buffer)?;
            }
            Step::Deflate(raw) => {
                buffer.resize(compressor.zlib_compress_bound(raw.len()), 0);
                let length = compressor.zlib_compress(raw, &mut buffer)?;
                if let (Some(files), Some(written)) = (files, &mut written) {
                    written.seek(SeekFrom::Start(files.end.fetch_add(length as u64, Ordering::Relaxed)))?;
                    written.write_all(&buffer[..length])?;
                }
            }
        }
    }
    Ok(())
}

/// One image of a file: its directory and its stored blocks; a sparse block is empty.
struct Stored {
    image: Image,
    blocks: Vec<Vec<u8>>,
}

impl Stored {
    /// The first image, or the one of the size of `like`.
    fn read(path: &str, like: Option<&Image>) -> Result<Self> {
        let tiff = GeoTiff::open(&Io::new()?, path)?;
        let size = |image: &Image| (image.width, image.height);
        let fits = |image: &&Image| !image.is_mask() && like.is_none_or(|like| size(like) == size(image));
        let image = tiff.header().images.iter().find(fits).ok_or(format!("{path} has no level of that size"))?.clone();
        Self::of(path, image)
    }

    /// All images but the first that are no masks.
    fn overviews(path: &str) -> Result<Vec<Self>> {
        let tiff = GeoTiff::open(&Io::new()?, path)?;
        let images = tiff.header().images.iter().skip(1).filter(|image| !image.is_mask());
        images.map(|image| Self::of(path, image.clone())).collect()
    }

    fn of(path: &str, image: Image) -> Result<Self> {
        if image.tile.is_none() || image.bits.iter().any(|bits| bits % 8 != 0 || *bits != image.bits[0]) {
            return Err(format!("{path}: only tiles of whole bytes are measured").into());
        }
        let mut file = File::open(path)?;
        let blocks = image.offsets.iter().zip(&image.counts);
        let blocks = blocks.map(|(offset, count)| block(&mut file, *offset, *count)).collect::<Result<_>>()?;
        Ok(Self { image, blocks })
    }

    fn block_bytes(&self) -> usize {
        let (columns, rows) = self.image.tile.expect("checked when it was read");
        (columns * rows) as usize * self.pixel_bytes()
    }

    /// Bytes of a pixel in a block: of one band, where bands lie in blocks of their own.
    fn pixel_bytes(&self) -> usize {
        let samples = if self.image.planar == 1 { self.image.samples as usize } else { 1 };
        samples * self.image.bits[0] as usize / 8
    }

    fn is_deflate(&self) -> bool {
        self.image.compression == u64::from(Compression::Deflate.tag())
    }

    /// Whether its blocks can be another image's as they are.
    fn has_blocks_of(&self, other: &Self) -> bool {
        let profile = |image: &Image| (image.tile, image.samples, image.compression, image.predictor);
        profile(&self.image) == profile(&other.image)
    }

    fn inflated(&self) -> Result<Vec<Vec<u8>>> {
        let mut decompressor = Decompressor::new();
        let inflate = |stored: &Vec<u8>| {
            let mut raw = stored.clone();
            if self.is_deflate() && !stored.is_empty() {
                raw.resize(self.block_bytes(), 0);
                decompressor.zlib_decompress(stored, &mut raw)?;
            }
            Ok(raw)
        };
        self.blocks.iter().map(inflate).collect()
    }

    /// Whether a block holds one value; `raw` is as it was deflated.
    fn is_constant(&self, raw: &[u8]) -> bool {
        let (samples, columns) = (self.pixel_bytes(), self.image.tile.map_or(1, |tile| tile.0 as usize));
        let Some(value) = raw.first() else { return false };
        let is_horizontal = self.image.predictor == u64::from(Predictor::Horizontal.tag());
        // With the predictor, the first pixel of a row is as it is, and the others are differences.
        raw.chunks_exact(samples * columns).all(|row| {
            let (first, others) = row.split_at(samples);
            first.iter().all(|byte| byte == value)
                && others.iter().all(|byte| *byte == if is_horizontal { 0 } else { *value })
        })
    }
}

fn block(file: &mut File, offset: u64, count: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count as usize];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// How a block of the output can come about.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Copied,
    Constant,
    Computed,
}

/// The origin of each block of `out`; `raw` is what its blocks hold, `source` the image that they may have come from.
fn origins(out: &Stored, raw: &[Vec<u8>], source: Option<&Stored>) -> Vec<Origin> {
    let origin = |index: usize| match source {
        Some(source) if source.blocks[index] == out.blocks[index] => Origin::Copied,
        Some(_) if out.is_constant(&raw[index]) => Origin::Constant,
        _ => Origin::Computed,
    };
    (0..raw.len()).map(origin).collect()
}

struct Arguments {
    out: String,
    sources: Vec<String>,
    threads: usize,
    level: i32,
    overviews: bool,
    passthrough: bool,
    files: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        const USAGE: &str = "usage: codec_floor OUT.tif SOURCE.tif... [--threads N] [--level N] [--overviews] \
                             [--passthrough] [--files]";
        let mut arguments = Self {
            out: words.next().ok_or(USAGE)?,
            sources: Vec::new(),
            threads: 2,
            level: encode::default_level(Compression::Deflate).unwrap_or_default(),
            overviews: false,
            passthrough: false,
            files: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--threads" => arguments.threads = words.next().ok_or(USAGE)?.parse()?,
                "--level" => arguments.level = words.next().ok_or(USAGE)?.parse()?,
                "--overviews" => arguments.overviews = true,
                "--passthrough" => arguments.passthrough = true,
                "--files" => arguments.files = true,
                _ if word.starts_with('-') => return Err(USAGE.into()),
                _ => arguments.sources.push(word),
            }
        }
        Ok(arguments)
    }
}

/// CPU seconds of this process, in the kernel's steps of 10 ms; 0 where there is no /proc.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces; utime and stime are the fields 14 and 15.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
