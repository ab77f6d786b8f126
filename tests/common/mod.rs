//! What tests share: a small scene on a loopback server, and the lesson as NumPy would do it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use swath::{LazyRaster, Run};
use swath_demo::scene::{ITEM_ID, Scene, SceneOptions};
use swath_demo::server::{Builder, RangeServer, Request};
use tempfile::TempDir;

/// A scene in a folder of its own, served on loopback.
pub(crate) struct Served {
    pub(crate) folder: TempDir,
    pub(crate) server: RangeServer,
}

impl Served {
    /// A scene of `size` 10 m pixels a side.
    pub(crate) fn new(size: u32) -> Self {
        Self::with(size, |server| server)
    }

    /// As [`new`](Self::new), by a server of these manners.
    pub(crate) fn with(size: u32, manners: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Scene::write(folder.path(), &SceneOptions::default().size(size), None).unwrap();
        let server = manners(RangeServer::builder(folder.path())).start().unwrap();
        Self { folder, server }
    }

    /// A path in the scene's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path of a file of the scene under the server's root.
    pub(crate) fn asset(&self, key: &str) -> String {
        format!("{ITEM_ID}/{key}.tif")
    }

    /// Bytes of the blocks that the logged requests touch, each block once, as the files' own indices say.
    pub(crate) fn needed_bytes(&self, log: &[Request]) -> u64 {
        let mut blocks = BTreeSet::new();
        for request in log {
            let path = self.folder.path().join(request.path.trim_start_matches('/'));
            let (first, last) = request.range.unwrap();
            for (offset, count) in block_index(&path) {
                if offset <= last && first < offset + count {
                    blocks.insert((path.clone(), offset, count));
                }
            }
        }
        blocks.into_iter().map(|(.., count)| count).sum()
    }
}

/// Offset and byte count of every block of every image of a file, read by the `tiff` crate.
fn block_index(path: &std::path::Path) -> Vec<(u64, u64)> {
    let mut decoder = tiff::decoder::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut blocks = Vec::new();
    loop {
        let mut tag = |tag| decoder.get_tag_u64_vec(tag).unwrap();
        let offsets = tag(tiff::tags::Tag::TileOffsets);
        let counts = tag(tiff::tags::Tag::TileByteCounts);
        blocks.extend(offsets.into_iter().zip(counts));
        if !decoder.more_images() {
            return blocks;
        }
        decoder.next_image().unwrap();
    }
}

/// Random numbers by SplitMix64: a seed gives the same ones everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A time below `end`.
    pub(crate) fn below(&mut self, end: std::time::Duration) -> std::time::Duration {
        end.mul_f64((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// The pixels of a u8 raster.
pub(crate) fn read_pixels(raster: &LazyRaster) -> Vec<u8> {
    Run::serial().compute(raster).unwrap().data().as_slice::<u8>().unwrap().to_vec()
}

/// `visual.where(~scl.isin([8, 9]), other=0)` for one band of classes.
pub(crate) fn naive_mask(scl: &[u8], visual: &[u8]) -> Vec<u8> {
    visual
        .iter()
        .enumerate()
        .map(|(index, pixel)| if matches!(scl[index % scl.len()], 8 | 9) { 0 } else { *pixel })
        .collect()
}

/// A runtime as an async program has one.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
