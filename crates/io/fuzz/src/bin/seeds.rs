//! Writes seeds of all targets out of folders of TIFF files: whole files for `header` and `file`, blocks for codecs.
//!
//! ```sh
//! cargo run --release --bin seeds -- FOLDER...
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use swath_io::read::Limits;
use swath_io::read::header::{Header, Parser, Step};
use swath_io_fuzz::seed_head;

/// Larger files and blocks would slow a run down.
const FILE_BYTES_MAX: usize = 256 << 10;
const BLOCK_BYTES_MAX: usize = 64 << 10;
const BLOCKS_MAX: usize = 4;

fn main() -> std::io::Result<()> {
    let mut paths = Vec::new();
    for folder in std::env::args().skip(1) {
        paths.extend(files(Path::new(&folder))?);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for (number, path) in paths.iter().enumerate() {
        let bytes = fs::read(path)?;
        let mut write = |target: &'static str, name: String, seed: &[u8]| {
            *counts.entry(target).or_default() += 1;
            fs::create_dir_all(corpus.join(target))?;
            fs::write(corpus.join(target).join(name), seed)
        };
        if bytes.len() <= FILE_BYTES_MAX {
            write("header", number.to_string(), &bytes)?;
            write("file", number.to_string(), &bytes)?;
        }
        for (at, image) in header(&bytes).iter().flat_map(|header| &header.images).enumerate() {
            let Some((target, head)) = seed_head(image) else { continue };
            for (block, (offset, count)) in image.offsets.iter().zip(&image.counts).take(BLOCKS_MAX).enumerate() {
                let end = offset.saturating_add(*count);
                let stream = usize::try_from(*offset).ok().zip(usize::try_from(end).ok());
                let stream = stream.and_then(|(offset, end)| bytes.get(offset..end)).unwrap_or_default();
                if (1..=BLOCK_BYTES_MAX).contains(&stream.len()) {
                    write(target, format!("{number}-{at}-{block}"), &[&head, stream].concat())?;
                }
            }
        }
    }
    for (target, count) in counts {
        println!("{target}: {count}");
    }
    Ok(())
}

fn header(bytes: &[u8]) -> Option<Header> {
    let mut parser = Parser::new("seed", bytes.len() as u64, Bytes::copy_from_slice(bytes), 0, &Limits::default());
    match parser.step() {
        Ok(Step::Done(header)) => Some(header),
        _ => None,
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(self::files(&path)?),
            false => files.push(path),
        }
    }
    files.sort();
    Ok(files)
}
