//! Where pixels go: blocks are encoded on many threads and committed in order by one.

use std::fmt;

use bytes::Bytes;

use crate::chunk::Chunk;
use crate::error::Result;
use crate::shape::{ChunkGrid, Shape};

/// How the blocks of a file are laid out: what a sink takes over from the file its pixels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Rows and columns of a block.
    pub block: (usize, usize),
    /// Whether all bands of a pixel lie together in a block.
    pub pixel_interleaved: bool,
    /// TIFF's number of the compression scheme.
    pub compression: u16,
}

/// One encoded block.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Number of the block.
    pub block: usize,
    /// Its bytes as they go to the target; empty for a sparse block.
    pub bytes: Bytes,
}

/// A target that takes an array block by block.
///
/// `encode` runs on many threads at once; `commit` is called once for each block, in the order of the block numbers,
/// by one thread at a time; `finish` makes the output visible. A sink that is dropped before `finish` succeeded leaves
/// nothing behind.
pub trait ChunkSink: fmt::Debug + Send + Sync {
    /// What to call it in messages and plans.
    fn name(&self) -> &str;

    /// Grid of its blocks over the array, in the order in which they are committed.
    fn blocks(&self) -> ChunkGrid;

    /// Creates what `commit` writes to; called once, before the first block is computed.
    ///
    /// # Errors
    /// `Unavailable` or `NotFound` where the target cannot be written.
    fn begin(&self) -> Result<()>;

    /// Encodes the pixels of a block, which are cut to the array.
    ///
    /// # Errors
    /// `Internal` where the codec fails.
    fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded>;

    /// Writes an encoded block.
    ///
    /// # Errors
    /// `Unavailable` where the target cannot be written.
    fn commit(&self, encoded: Encoded) -> Result<()>;

    /// Completes the target; only now is it visible. Returns its size in bytes.
    ///
    /// # Errors
    /// `Unavailable` where the target cannot be completed.
    fn finish(&self) -> Result<u64>;

    /// Gives up: removes what was written so far. Called at most once, instead of `finish`.
    fn abort(&self);

    /// The most bytes that encoding a block of `shape` can give, and the scratch it needs.
    fn encode_bound(&self, shape: Shape) -> (u64, u64);

    /// What a person reads of it in a plan: codec, blocks.
    fn describe(&self) -> String;
}
