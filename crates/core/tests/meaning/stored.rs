//! A file and a sink in memory: blocks have stored bytes, which can be fetched, decoded and copied.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::Result;
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Region, Shape};
use swath_core::sink::{ChunkSink, Encoded, Layout};
use swath_core::source::{ChunkSource, Fetched, Fetching, MemorySource, Place, Reply};
use swath_core::testing::memory;

/// Where a source claims to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InMemory,
    Local,
    Remote,
    /// Remote, with replies from other threads, in whichever order those are run.
    Late,
}

/// Pixels of u8, stored block by block with every bit turned: bytes that are taken for pixels would be seen.
#[derive(Debug)]
pub(crate) struct Stored {
    pixels: MemorySource,
    kind: Kind,
    /// Blocks decoded, and bytes fetched.
    pub(crate) decoded: AtomicUsize,
    pub(crate) fetched: AtomicUsize,
}

/// Room for a block in the file.
const BLOCK_ROOM: u64 = 1 << 20;

impl Stored {
    pub(crate) fn new(meta: Meta, kind: Kind, pixel: impl Fn(usize, usize, usize) -> u8) -> Self {
        let pixels = memory(meta, pixel);
        Self { pixels, kind, decoded: AtomicUsize::new(0), fetched: AtomicUsize::new(0) }
    }

    fn chunk(&self, block: usize) -> Arc<Chunk> {
        self.pixels.decode(block, &[]).unwrap()
    }

    fn stored(&self, block: usize) -> Bytes {
        store(&self.chunk(block))
    }
}

/// Blocks of one value are stored as nothing.
impl ChunkSource for Stored {
    fn meta(&self) -> &Meta {
        self.pixels.meta()
    }
    fn name(&self) -> &str {
        "stored"
    }
    fn block_shape(&self) -> Shape {
        self.pixels.block_shape()
    }
    fn place(&self, block: usize) -> Result<Place> {
        if let (Some(value), true) = (self.chunk(block).data().uniform(), block.is_multiple_of(2)) {
            return Ok(Place::Constant(value));
        }
        let length = self.chunk(block).byte_len() as u64;
        Ok(match self.kind {
            Kind::InMemory => Place::Direct { bytes: 0 },
            Kind::Local => Place::Direct { bytes: length },
            Kind::Remote | Kind::Late => Place::Remote(block as u64 * BLOCK_ROOM..block as u64 * BLOCK_ROOM + length),
        })
    }
    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        for block in range.start / BLOCK_ROOM..range.end.div_ceil(BLOCK_ROOM) {
            let stored = self.stored(block as usize);
            let at = (block * BLOCK_ROOM - range.start) as usize;
            bytes[at..at + stored.len()].copy_from_slice(&stored);
        }
        self.fetched.fetch_add(bytes.len(), Ordering::Relaxed);
        let fetched = Fetched { offset: range.start, bytes: bytes.into(), requests: 1 };
        match self.kind {
            Kind::Late => drop(std::thread::spawn(move || reply(Ok(fetched)))),
            _ => reply(Ok(fetched)),
        }
        Fetching::none()
    }
    fn decode(&self, block: usize, bytes: &[u8]) -> Result<Arc<Chunk>> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let shape = self.blocks().region(block).shape;
        if matches!(self.kind, Kind::Remote | Kind::Late) {
            assert!(!bytes.is_empty(), "block {block} is decoded from what was fetched");
        }
        Ok(if bytes.is_empty() { self.chunk(block) } else { Arc::new(restore(shape, bytes)) })
    }
    fn layout(&self) -> Option<Layout> {
        Some(layout(self.block_shape()))
    }
    fn encoded(&self, block: usize, bytes: &[u8]) -> Result<Option<Bytes>> {
        Ok(match self.kind {
            Kind::Remote | Kind::Late => Some(Bytes::copy_from_slice(bytes)),
            Kind::Local => Some(self.stored(block)),
            Kind::InMemory => None,
        })
    }
}

fn layout(block: Shape) -> Layout {
    let [_, _, rows, columns] = block;
    Layout {
        block: (rows, columns),
        pixel_interleaved: false,
        compression: 1,
        predictor: 1,
        dtype: DType::U8,
        little_endian: true,
    }
}

fn store(chunk: &Chunk) -> Bytes {
    chunk.data().as_slice::<u8>().unwrap().iter().map(|pixel| !pixel).collect()
}

fn restore(shape: Shape, bytes: &[u8]) -> Chunk {
    Chunk::new(shape, Buffer::from_vec(bytes.iter().map(|byte| !byte).collect::<Vec<u8>>()))
}

/// A sink whose blocks are stored as those of [`Stored`].
#[derive(Debug)]
pub(crate) struct Kept {
    blocks: ChunkGrid,
    committed: Mutex<Vec<Bytes>>,
}

impl Kept {
    pub(crate) fn new(shape: Shape, block: Shape) -> Self {
        Self { blocks: ChunkGrid::new(shape, block), committed: Mutex::default() }
    }

    /// All pixels, in order.
    pub(crate) fn pixels(&self) -> Vec<Scalar> {
        let shape = self.blocks.array_shape();
        let mut whole = Chunk::filled(shape, DType::U8, Scalar::Int(0));
        for (block, bytes) in self.committed.lock().unwrap().iter().enumerate() {
            let region = self.blocks.region(block);
            restore(region.shape, bytes).copy_region(&Region::whole(region.shape), &mut whole, region.start);
        }
        (0..whole.data().len()).map(|pixel| whole.data().get(pixel)).collect()
    }
}

impl ChunkSink for Kept {
    fn name(&self) -> &str {
        "kept"
    }
    fn blocks(&self) -> ChunkGrid {
        self.blocks
    }
    fn begin(&self) -> Result<()> {
        Ok(())
    }
    fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded> {
        Ok(Encoded { block, bytes: store(chunk) })
    }
    fn dtype(&self) -> DType {
        DType::U8
    }
    fn layout(&self) -> Option<Layout> {
        Some(layout(self.blocks.chunk_shape()))
    }
    fn commit(&self, encoded: Encoded) -> Result<()> {
        let mut committed = self.committed.lock().unwrap();
        assert_eq!(encoded.block, committed.len(), "blocks come in order");
        committed.push(encoded.bytes);
        Ok(())
    }
    fn finish(&self) -> Result<u64> {
        Ok(0)
    }
    fn abort(&self) {}
    fn encode_bound(&self, shape: Shape) -> (u64, u64) {
        (shape.iter().product::<usize>() as u64, 0)
    }
    fn describe(&self) -> String {
        "kept".into()
    }
}
