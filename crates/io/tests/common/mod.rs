//! What the tests of reading share: levels read whole, and files recompressed by schemes that the fixture writer lacks.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::error::Result;
use swath_core::shape::{Region, volume};
use swath_core::source::{ChunkSource, Fetched, Place};
use swath_io::read::{Chunks, CogSource, GeoTiff, Overview};
use swath_io::store::{Io, IoOptions};

/// An `Io` that gives up soon.
pub(crate) fn hasty_io() -> Io {
    Io::with_options(IoOptions { attempts: 3, backoff: Duration::from_millis(2), ..IoOptions::default() }).unwrap()
}

/// Writes a file into a folder that lives as long as the test program.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Fetches like an executor: starts, and waits for the reply.
pub(crate) fn fetch(source: &CogSource, range: std::ops::Range<u64>) -> Result<Fetched> {
    let (sender, receiver) = mpsc::channel();
    let _runs_to_its_end = source.begin_fetch(range, Box::new(move |result| drop(sender.send(result))));
    receiver.recv().expect("every fetch is answered")
}

/// One block, by whichever way it is to be had.
pub(crate) fn read_block(source: &CogSource, block: usize) -> Result<Chunk> {
    let shape = source.blocks().region(block).shape;
    match source.place(block)? {
        Place::Constant(value) => Ok(Chunk::filled(shape, source.meta().dtype, value)),
        Place::Direct { .. } => Ok((*source.decode(block, &[])?).clone()),
        Place::Remote(range) => Ok((*source.decode(block, &fetch(source, range)?.bytes)?).clone()),
    }
}

/// All pixels of a level.
pub(crate) fn read_source(source: &CogSource) -> Result<Chunk> {
    let meta = source.meta();
    let mut whole = Chunk::new(meta.shape, Buffer::zeros(meta.dtype, volume(meta.shape)));
    let blocks = source.blocks();
    for block in 0..blocks.len() {
        let chunk = read_block(source, block)?;
        chunk.copy_region(&Region::whole(chunk.shape()), &mut whole, blocks.region(block).start);
    }
    Ok(whole)
}

/// All pixels of a level of a file.
pub(crate) fn read_level(file: &GeoTiff, overview: &Overview) -> Result<Chunk> {
    read_source(&file.source(overview, Chunks::Auto)?)
}

/// Native-endian bytes of pixels, as the fixture writer takes them.
pub(crate) fn native_bytes(chunk: &Chunk) -> Vec<u8> {
    macro_rules! bytes {
        ($($variant:ident),*) => {
            match chunk.data() {
                $(Buffer::$variant(data) => data.iter().flat_map(|value| value.to_ne_bytes()).collect(),)*
                Buffer::Bool(_) => unreachable!("files have no bool samples"),
            }
        };
    }
    bytes!(U8, U16, U32, U64, I8, I16, I32, I64, F32, F64)
}

/// An entry of a directory: tag, and where its values are: size of one, position of each.
pub(crate) struct Entry {
    pub(crate) tag: u16,
    pub(crate) size: usize,
    pub(crate) values: Vec<usize>,
}

/// A walk over the directories of a well-formed file, to patch it.
pub(crate) struct Patch {
    pub(crate) bytes: Vec<u8>,
    little: bool,
    big_tiff: bool,
}

impl Patch {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let little = bytes[0] == b'I';
        let mut patch = Self { bytes, little, big_tiff: false };
        patch.big_tiff = patch.get(2, 2) == 43;
        patch
    }

    pub(crate) fn get(&self, at: usize, size: usize) -> u64 {
        let bytes = &self.bytes[at..at + size];
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, push) } else { bytes.iter().fold(0, push) }
    }

    pub(crate) fn set(&mut self, at: usize, size: usize, value: u64) {
        let bytes = if self.little { value.to_le_bytes() } else { (value << (64 - 8 * size)).to_be_bytes() };
        self.bytes[at..at + size].copy_from_slice(&bytes[..size]);
    }

    /// The entries of every directory of the chain.
    pub(crate) fn directories(&self) -> Vec<Vec<Entry>> {
        let (word, count_size) = if self.big_tiff { (8, 8) } else { (4, 2) };
        let mut at = self.get(if self.big_tiff { 8 } else { 4 }, word) as usize;
        let mut out = Vec::new();
        while at != 0 {
            let count = self.get(at, count_size) as usize;
            let table = at + count_size;
            let entry_size = 4 + 2 * word;
            out.push((0..count).map(|index| self.entry(table + index * entry_size, word)).collect());
            at = self.get(table + count * entry_size, word) as usize;
        }
        out
    }

    fn entry(&self, at: usize, word: usize) -> Entry {
        let size = match self.get(at + 2, 2) {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            _ => 8,
        };
        let count = self.get(at + 4, word) as usize;
        let inline = at + 4 + word;
        let start = if count * size <= word { inline } else { self.get(inline, word) as usize };
        Entry { tag: self.get(at, 2) as u16, size, values: (0..count).map(|index| start + index * size).collect() }
    }

    /// Sets the first value of a tag in the first directory, which must have it.
    pub(crate) fn set_tag(&mut self, tag: u16, value: u64) {
        let directories = self.directories();
        let entry = directories[0].iter().find(|entry| entry.tag == tag).expect("the file has the tag");
        self.set(entry.values[0], entry.size, value);
    }

    /// Compresses the blocks of an uncompressed file, and says so.
    pub(crate) fn recompress(&mut self, tag: u16, compress: impl Fn(&[u8]) -> Vec<u8>) {
        for entries in self.directories() {
            let find = |tags: [u16; 2]| entries.iter().find(|entry| tags.contains(&entry.tag)).unwrap();
            let (offsets, counts, compression) = (find([273, 324]), find([279, 325]), find([259, 259]));
            self.set(compression.values[0], compression.size, tag.into());
            for (offset, count) in offsets.values.iter().zip(&counts.values) {
                let start = self.get(*offset, offsets.size) as usize;
                let len = self.get(*count, counts.size) as usize;
                if len > 0 {
                    let compressed = compress(&self.bytes[start..start + len]);
                    self.set(*offset, offsets.size, self.bytes.len() as u64);
                    self.set(*count, counts.size, compressed.len() as u64);
                    self.bytes.extend(compressed);
                }
            }
        }
    }
}
