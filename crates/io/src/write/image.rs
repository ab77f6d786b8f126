//! One image of a file: pixels of its blocks to the bytes that are stored.

use bytes::Bytes;
use parking_lot::Mutex;
use swath_core::chunk::Chunk;
use swath_core::dtype::Scalar;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::meta::Meta;
use swath_core::shape::ChunkGrid;
use swath_core::sink::Encoded;

use super::block::BlockEncoder;
use super::format::Format;
use crate::codec::Compression;
use crate::read::Interleave;

/// Encodes blocks of one format, on as many threads as call it.
#[derive(Debug)]
pub(super) struct Image {
    /// What to call it in messages.
    name: String,
    format: Format,
    blocks: ChunkGrid,
    encoders: Mutex<Vec<BlockEncoder>>,
    /// Blocks of one value, encoded once.
    constants: Mutex<Vec<(Scalar, Bytes)>>,
    /// The value whose blocks are left out of the file, if one is.
    absent: Option<Scalar>,
}

/// Bytes of blocks of one value that are kept for the next such block: those of nodata and a fill or two.
const CONSTANT_BYTES_MAX: usize = 4 << 20;

/// Larger blocks are not kept for the next: no run's limit counts what lies idle here.
const REUSED_BYTES_MAX: usize = 1 << 20;

impl Image {
    /// The image of a raster of `meta`. With `sparse`, blocks of nothing but nodata, or 0 where there is none, have no
    /// bytes: readers give them back so.
    pub(super) fn new(name: String, meta: &Meta, format: Format, sparse: bool) -> Self {
        let absent = sparse.then(|| meta.nodata.unwrap_or(meta.dtype.zero()));
        let blocks = format.blocks(meta);
        Self { name, format, blocks, encoders: Mutex::default(), constants: Mutex::default(), absent }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn format(&self) -> &Format {
        &self.format
    }

    pub(super) const fn blocks(&self) -> ChunkGrid {
        self.blocks
    }

    /// What to call a block in messages.
    pub(super) fn block_name(&self, block: usize) -> String {
        let [_, band, row, column] = self.blocks.position(block);
        match self.format.interleave {
            Interleave::Pixel => format!("block (row {row}, column {column})"),
            Interleave::Band => format!("block (band {band}, row {row}, column {column})"),
        }
    }

    pub(super) fn internal(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("{what} of {}", self.name))
    }

    /// The stored bytes of a block.
    pub(super) fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded> {
        if block >= self.blocks.len()
            || chunk.shape() != self.blocks.region(block).shape
            || chunk.dtype() != self.format.dtype
        {
            return Err(self.internal(format_args!(
                "a chunk of {} with shape {:?} is not block {block}",
                chunk.dtype(),
                chunk.shape()
            )));
        }
        if let Some(absent) = self.absent
            && chunk.data().uniform().is_some_and(|value| value.is_same(absent))
        {
            return Ok(Encoded { block, bytes: Bytes::new() });
        }
        // The lock is held for a push or pop only; as many encoders exist as threads have encoded at once.
        let mut encoder = self.encoders.lock().pop().unwrap_or_default();
        let bytes: Result<Bytes> = encoder.encode(&self.format, chunk);
        self.encoders.lock().push(encoder);
        let bytes =
            bytes.map_err(|e| e.context(format!("cannot encode {} of {}", self.block_name(block), self.name)))?;
        Ok(Encoded { block, bytes })
    }

    /// The stored bytes of a block of one value.
    pub(super) fn encode_constant(&self, block: usize, value: Scalar) -> Result<Encoded> {
        let known = |constants: &[(Scalar, Bytes)]| {
            constants.iter().find(|(of, _)| of.is_same(value)).map(|(_, bytes)| bytes.clone())
        };
        if let Some(bytes) = known(&self.constants.lock()) {
            return Ok(Encoded { block, bytes });
        }
        let shape = self.blocks.region(block).shape;
        // Subtle: padding repeats pixels, so that the bytes are those of any other block of this value.
        let encoded = self.encode(block, &Chunk::filled(shape, self.format.dtype, value))?;
        let mut constants = self.constants.lock();
        let held: usize = constants.iter().map(|(_, bytes)| bytes.len()).sum();
        if held + encoded.bytes.len() <= CONSTANT_BYTES_MAX && known(&constants).is_none() {
            constants.push((value, encoded.bytes.clone()));
        }
        Ok(encoded)
    }

    /// Gives the memory of a block that was written to an encoder that has none: an encoder that does not compress gives
    /// its own away with each block.
    pub(super) fn reuse(&self, written: Bytes) {
        if self.format.compression == Compression::None
            && written.len() <= REUSED_BYTES_MAX
            && written.is_unique()
            && let Some(encoder) = self.encoders.lock().iter_mut().find(|encoder| encoder.is_empty())
        {
            encoder.reuse(written);
        }
    }

    /// The most bytes that a block can have, and the scratch that encoding it needs. Blocks at edges are padded: all are
    /// alike.
    pub(super) fn encode_bound(&self) -> (u64, u64) {
        (self.format.block_bytes_max(), BlockEncoder::scratch(&self.format))
    }

    /// Lets go of what encoders hold.
    pub(super) fn clear(&self) {
        self.encoders.lock().clear();
    }
}
