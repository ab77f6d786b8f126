//! One level of an opened file as a source of chunks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use swath_core::chunk::Chunk;
use swath_core::dtype::Scalar;
use swath_core::error::{Error, Result};
use swath_core::grid::Grid;
use swath_core::meta::Meta;
use swath_core::shape::{Dims, Shape};
use swath_core::sink::Layout;
use swath_core::source::{ChunkSource, Fetching, Place, Reply};

use super::Chunks;
use super::block;
use super::level::Level;
use crate::codec::Compression;
use crate::codec::decode;
use crate::codec::scratch::Scratch;
use crate::store::File;

/// One level of a GeoTIFF.
#[derive(Debug)]
pub struct CogSource {
    name: String,
    file: File,
    level: Arc<Level>,
    meta: Meta,
}

impl CogSource {
    pub(super) fn new(
        name: String,
        file: File,
        level: Arc<Level>,
        grid: Option<Arc<Grid>>,
        nodata: Option<Scalar>,
        chunks: Chunks,
    ) -> Result<Self> {
        let chunks = chunks
            .resolve(level.shape(), level.block_shape(), level.dtype)
            .map_err(|error| error.context(format!("cannot open {name}")))?;
        let mut meta = Meta { chunks, nodata, grid, ..Meta::new(Dims::BYX, level.shape(), level.dtype) };
        meta.interval = nodata.map_or(meta.interval, |nodata| meta.interval.without(nodata));
        Ok(Self { name, file, level, meta })
    }

    /// The file it reads from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the bytes of `block` lie; none for a sparse block.
    ///
    /// # Errors
    /// `Corrupt` where they lie beyond the end of the file.
    pub fn block_range(&self, block: usize) -> Result<Option<Range<u64>>> {
        let failed = |error: Error| {
            let block = self.level.block_name(block);
            Error::new(error.kind(), format!("cannot read {block} of {}: {error}", self.name))
        };
        self.level.range(block).map_err(failed)
    }

    /// Reads the stored bytes of a block of a local file into `input`.
    fn read_stored(&self, block: usize, range: &Range<u64>, input: &mut Vec<u8>) -> Result<()> {
        // The range lies within the file: its size bounds this.
        let mut len = (range.end - range.start) as usize;
        if self.level.compression == Compression::None {
            len = len.min(self.level.stored_bytes(block));
        }
        input.resize(len, 0);
        self.file.read_into(range.start, input)
    }

    fn decode_with(&self, block: usize, range: &Range<u64>, bytes: &[u8], scratch: &mut Scratch) -> Result<Chunk> {
        let Scratch { decoder, input, output } = scratch;
        if !self.file.is_direct() || !bytes.is_empty() {
            return block::decode(&self.level, block, bytes, decoder, output);
        }
        self.read_stored(block, range, input)?;
        block::decode(&self.level, block, input, decoder, output)
    }

    fn sparse_value(&self) -> Scalar {
        let zero = if self.level.dtype.is_float() { Scalar::Float(0.0) } else { Scalar::Int(0) };
        self.meta.nodata.unwrap_or(zero)
    }
}

impl ChunkSource for CogSource {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn block_shape(&self) -> Shape {
        self.level.block_shape()
    }

    fn place(&self, block: usize) -> Result<Place> {
        Ok(match self.block_range(block)? {
            None => Place::Constant(self.sparse_value()),
            Some(_) if self.file.held_bytes() > 0 => Place::Direct { bytes: 0 },
            Some(range) if self.file.is_direct() => Place::Direct { bytes: range.end - range.start },
            Some(range) => Place::Remote(range),
        })
    }

    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching {
        self.file.begin_read(range, reply)
    }

    fn decode(&self, block: usize, bytes: &[u8]) -> Result<Arc<Chunk>> {
        let Some(range) = self.block_range(block)? else {
            let shape = self.blocks().region(block).shape;
            return Ok(Arc::new(Chunk::filled(shape, self.level.dtype, self.sparse_value())));
        };
        let result = self.file.io().scratch().lend(|scratch| self.decode_with(block, &range, bytes, scratch));
        result.map(Arc::new).map_err(|error| {
            let Range { start, end } = range;
            error.context(format!(
                "cannot decode {} of {} (bytes {start}..{end})",
                self.level.block_name(block),
                self.name
            ))
        })
    }

    fn pinned_bytes(&self) -> u64 {
        self.file.held_bytes()
    }

    fn decode_scratch(&self) -> u64 {
        let bytes = self.level.block_bytes();
        let reversed = if self.level.reversed { bytes } else { 0 };
        let decompressed = match self.level.compression {
            Compression::None => 0,
            compression => bytes + decode::scratch(compression, bytes),
        };
        (decompressed + reversed) as u64
    }

    fn layout(&self) -> Option<Layout> {
        let Level { block_rows, block_columns, compression, .. } = *self.level;
        let writable = self.level.is_plain() && self.level.tiled && block_rows % 16 == 0 && block_columns % 16 == 0;
        writable.then_some(Layout {
            block: (block_rows, block_columns),
            pixel_interleaved: !self.level.planar,
            compression: compression.tag(),
            predictor: self.level.predictor.tag(),
            dtype: self.level.dtype,
            little_endian: self.level.little_endian || self.level.dtype.size() == 1,
        })
    }

    fn encoded(&self, block: usize, bytes: &[u8]) -> Result<Option<Bytes>> {
        let Some(range) = self.block_range(block)? else { return Ok(None) };
        let stored = match self.file.is_direct() {
            true => {
                let mut stored = Vec::new();
                self.read_stored(block, &range, &mut stored)?;
                Bytes::from(stored)
            }
            // A copy: the bytes may be a part of a large range, which they would keep in memory.
            false => Bytes::copy_from_slice(bytes),
        };
        Ok(self.level.is_portable(block, &stored).then_some(stored))
    }
}
