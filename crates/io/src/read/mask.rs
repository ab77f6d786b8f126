//! A stored mask as a source of bool chunks.

use std::ops::Range;
use std::sync::Arc;

use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::grid::Grid;
use swath_core::meta::Meta;
use swath_core::shape::{Shape, volume};
use swath_core::source::{ChunkSource, Fetching, Place, Reply};

use super::CogSource;

/// The mask of one level of a GeoTIFF: true where it says that pixels are valid, which is where it is not 0.
#[derive(Debug)]
pub struct MaskSource {
    samples: CogSource,
    meta: Meta,
}

impl MaskSource {
    /// `samples` of at most eight bits, as they are stored.
    pub(super) fn new(samples: CogSource, grid: Option<Arc<Grid>>) -> Self {
        let Meta { chunks, shape, dims, .. } = *samples.meta();
        let meta = Meta { chunks, grid, ..Meta::new(dims, shape, DType::Bool) };
        Self { samples, meta }
    }
}

impl ChunkSource for MaskSource {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn name(&self) -> &str {
        self.samples.name()
    }

    fn block_shape(&self) -> Shape {
        self.samples.block_shape()
    }

    fn place(&self, block: usize) -> Result<Place> {
        Ok(match self.samples.place(block)? {
            Place::Constant(value) => Place::Constant(Scalar::Bool(value.to_f64() != 0.0)),
            place => place,
        })
    }

    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching {
        self.samples.begin_fetch(range, reply)
    }

    fn decode(&self, block: usize, bytes: &[u8]) -> Result<Arc<Chunk>> {
        let samples = self.samples.decode(block, bytes)?;
        let Buffer::U8(bytes) = samples.data() else {
            return Err(Error::new(ErrorKind::Internal, "a mask has samples of one byte"));
        };
        let valid = bytes.iter().map(|sample| *sample != 0).collect();
        Ok(Arc::new(Chunk::new(samples.shape(), Buffer::Bool(valid))))
    }

    fn pinned_bytes(&self) -> u64 {
        self.samples.pinned_bytes()
    }

    fn decode_scratch(&self) -> u64 {
        let samples = volume(self.samples.block_shape()) as u64 * DType::U8.size() as u64;
        samples + self.samples.decode_scratch()
    }
}
