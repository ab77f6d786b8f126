//! Where pixels come from: blocks that can be located, fetched as bytes and decoded, each step apart.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::chunk::Chunk;
use crate::dtype::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::Meta;
use crate::shape::{ChunkGrid, Shape};
use crate::sink::Layout;
use crate::value::ChunkValue;

/// How the pixels of one block are to be had.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// Every pixel has this value (a sparse block): nothing is read.
    Constant(Scalar),
    /// [`ChunkSource::decode`] gets the pixels by itself, without waiting on a network: pixels in memory, local files.
    Direct {
        /// Bytes it reads from a file while it does so, 0 for pixels in memory.
        bytes: u64,
    },
    /// These bytes must be fetched first.
    Remote(Range<u64>),
}

/// What a fetch brought.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Position of the first byte.
    pub offset: u64,
    /// The bytes asked for, all of them.
    pub bytes: Bytes,
    /// Requests it took, retries included.
    pub requests: u32,
}

/// Where the answer of a fetch goes. Dropping it unused is reported as an error by the executor, unless the fetch was
/// aborted.
pub type Reply = Box<dyn FnOnce(Result<Fetched>) + Send>;

/// A fetch under way, as a means to abort it.
///
/// Dropping it lets the fetch run to its end: who is not interested in aborting need not keep it.
#[must_use = "dropping it is fine, but then nobody can abort the fetch"]
pub struct Fetching(Option<Box<dyn FnOnce() + Send>>);

impl Fetching {
    /// A fetch that cannot be aborted, or has been answered already: pixels in memory, local files.
    pub const fn none() -> Self {
        Self(None)
    }

    /// A fetch that `abort` ends. It is called at most once, from any thread, perhaps after the fetch was answered; it
    /// must neither wait nor panic.
    pub fn new(abort: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(abort)))
    }

    /// Ends the fetch soon and waits for nothing: its connection is closed, its retries stop, and its reply is dropped
    /// unused. A fetch that was answered meanwhile stays so.
    pub fn abort(self) {
        if let Some(abort) = self.0 {
            abort();
        }
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").field("can_be_aborted", &self.0.is_some()).finish()
    }
}

/// A raster that can be read block by block.
///
/// Blocks form a regular grid over the array ([`block_shape`](Self::block_shape)), numbered row-major in the order
/// Time, Band, Y, X; edge blocks are cut to the array. Fetching and decoding are apart, so that bytes can be under way
/// while processors decode others. swath-core's `testing` module has a conformance suite.
pub trait ChunkSource: fmt::Debug + Send + Sync {
    /// Axes, shape, dtype, nodata, grid and the chunks a user sees.
    fn meta(&self) -> &Meta;

    /// What to call it in messages and plans: a URI and level, or where it came from.
    fn name(&self) -> &str;

    /// Shape of a block.
    fn block_shape(&self) -> Shape;

    /// How to get block `block`.
    ///
    /// # Errors
    /// `Corrupt` where the file's index names a block that cannot be.
    fn place(&self, block: usize) -> Result<Place>;

    /// Starts to fetch bytes and returns at once; `reply` is called once, from any thread, unless the fetch is aborted
    /// before. A source that cannot abort returns [`Fetching::none`]; its late replies are dropped.
    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching;

    /// Decodes block `block`, cut to the array; `bytes` are exactly those of its [`Place::Remote`] or those that
    /// [`encoded`](Self::encoded) gave; empty for [`Place::Direct`], which the source then reads by itself. Runs on a processor lane and must not wait on a network.
    ///
    /// # Errors
    /// `Corrupt` where the bytes do not decode to the block; `Unavailable` where a file cannot be read.
    fn decode(&self, block: usize, bytes: &[u8]) -> Result<Arc<Chunk>>;

    /// Bytes of memory that stay held while the source lives (pinned pixels); they count against a run's limit.
    fn pinned_bytes(&self) -> u64 {
        0
    }

    /// Bytes that decoding block needs beside its result and its compressed bytes.
    fn decode_scratch(&self) -> u64 {
        0
    }

    /// How its blocks are stored, if it is a file whose layout others can follow.
    fn layout(&self) -> Option<Layout> {
        None
    }

    /// Block `block` as it is stored, if a sink of the same [`layout`](Self::layout) may copy it; `bytes` as for
    /// [`decode`](Self::decode).
    ///
    /// # Errors
    /// As [`decode`](Self::decode), but for what only decoding can tell.
    fn encoded(&self, block: usize, bytes: &[u8]) -> Result<Option<Bytes>> {
        let _ = (block, bytes);
        Ok(None)
    }

    /// The grid of its blocks.
    fn blocks(&self) -> ChunkGrid {
        ChunkGrid::new(self.meta().shape, self.block_shape())
    }
}

/// A raster in memory: the twin of a file, for tests, for pinned chunks and for users' arrays.
#[derive(Debug)]
pub struct MemorySource {
    name: String,
    meta: Meta,
    blocks: ChunkGrid,
    layout: Option<Layout>,
    chunks: Vec<ChunkValue>,
}

impl MemorySource {
    /// A source of these chunks, one for each block of `blocks` (whose phase may be any).
    ///
    /// # Errors
    /// `InvalidInput` where count, shape or dtype of the chunks are not those of `meta` and `blocks`.
    pub fn new(name: impl Into<String>, meta: Meta, blocks: ChunkGrid, chunks: Vec<Arc<Chunk>>) -> Result<Self> {
        Self::of_values(name, meta, blocks, chunks.into_iter().map(ChunkValue::Dense).collect())
    }

    /// A source of chunks in any form, one for each block of `blocks`.
    ///
    /// # Errors
    /// As [`new`](Self::new); also where a chunk has no pixels at hand.
    pub fn of_values(name: impl Into<String>, meta: Meta, blocks: ChunkGrid, chunks: Vec<ChunkValue>) -> Result<Self> {
        let fits = |index: usize, chunk: &ChunkValue| match chunk {
            ChunkValue::Constant(value) => value.fit(meta.dtype).is_ok(),
            ChunkValue::Dense(pixels) | ChunkValue::Encoded { pixels: Some(pixels), .. } => {
                pixels.shape() == blocks.region(index).shape && pixels.dtype() == meta.dtype
            }
            ChunkValue::Encoded { pixels: None, .. } => false,
        };
        if blocks.array_shape() != meta.shape
            || chunks.len() != blocks.len()
            || !chunks.iter().enumerate().all(|(index, chunk)| fits(index, chunk))
        {
            return Err(Error::invalid("the chunks do not have the shapes and dtype of their raster"));
        }
        Ok(Self { name: name.into(), meta, blocks, layout: None, chunks })
    }

    /// Remembers the file layout that the pixels came from, so that sinks can follow it.
    #[must_use]
    pub fn with_layout(mut self, layout: Option<Layout>) -> Self {
        self.layout = layout;
        self
    }
}

impl ChunkSource for MemorySource {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn block_shape(&self) -> Shape {
        self.blocks.chunk_shape()
    }

    fn blocks(&self) -> ChunkGrid {
        self.blocks
    }

    fn place(&self, block: usize) -> Result<Place> {
        Ok(match &self.chunks[block] {
            ChunkValue::Constant(value) => Place::Constant(*value),
            ChunkValue::Dense(_) | ChunkValue::Encoded { .. } => Place::Direct { bytes: 0 },
        })
    }

    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching {
        reply(Err(Error::new(
            ErrorKind::Internal,
            format!("{} is in memory: bytes {}..{} cannot be fetched", self.name, range.start, range.end),
        )));
        Fetching::none()
    }

    fn decode(&self, block: usize, _bytes: &[u8]) -> Result<Arc<Chunk>> {
        let shape = self.blocks.region(block).shape;
        let pixels = self.chunks[block].pixels(shape, self.meta.dtype);
        pixels.ok_or_else(|| Error::new(ErrorKind::Internal, "a chunk in memory has no pixels"))
    }

    fn pinned_bytes(&self) -> u64 {
        self.chunks.iter().map(ChunkValue::byte_len).sum()
    }

    fn layout(&self) -> Option<Layout> {
        self.layout
    }

    fn encoded(&self, block: usize, _bytes: &[u8]) -> Result<Option<Bytes>> {
        Ok(match &self.chunks[block] {
            ChunkValue::Encoded { bytes, .. } => Some(bytes.clone()),
            ChunkValue::Constant(_) | ChunkValue::Dense(_) => None,
        })
    }
}
