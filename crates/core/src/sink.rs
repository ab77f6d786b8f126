//! Where pixels go: blocks are encoded on many threads and committed in order by one.

use std::fmt;

use bytes::Bytes;

use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::shape::{ChunkGrid, Shape};

/// How the blocks of a file are stored: what a sink takes over from the file its pixels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Rows and columns of a block.
    pub block: (usize, usize),
    /// Whether all bands of a pixel lie together in a block.
    pub pixel_interleaved: bool,
    /// TIFF's number of the compression scheme.
    pub compression: u16,
    /// TIFF's number of the predictor.
    pub predictor: u16,
    /// Type of the samples.
    pub dtype: DType,
    /// Whether samples of several bytes are stored least byte first; true where they have one.
    pub little_endian: bool,
}

impl Layout {
    /// Whether the stored bytes of a block of this layout are those of a block of `other` with the same pixels, if both
    /// hold as many bands: it can be copied without being decoded.
    pub fn stores_as(&self, other: &Self) -> bool {
        *self == Self { pixel_interleaved: self.pixel_interleaved, ..*other }
    }
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
/// `encode` runs on many threads at once; `commit` is called once for each block, place after place and at each place band
/// after band, by one thread at a time; `finish` makes the output visible. A sink that is dropped before `finish` succeeded leaves
/// nothing behind.
pub trait ChunkSink: fmt::Debug + Send + Sync {
    /// What to call it in messages and plans.
    fn name(&self) -> &str;

    /// Grid of its blocks over the array.
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

    /// Encodes a block whose pixels all have this value, to the bytes that [`encode`](Self::encode) would give.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn encode_constant(&self, block: usize, value: Scalar) -> Result<Encoded> {
        let shape = self.blocks().region(block).shape;
        self.encode(block, &Chunk::filled(shape, self.dtype(), value))
    }

    /// The type of its pixels.
    fn dtype(&self) -> DType;

    /// How it stores blocks, if blocks that are stored so may be committed as they are.
    fn layout(&self) -> Option<Layout> {
        None
    }

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

    /// Bytes that it holds itself at most while it is written, such as blocks that wait to be sent: a run's memory limit
    /// counts them throughout.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// What a person reads of it in a plan: codec, blocks.
    fn describe(&self) -> String;
}
