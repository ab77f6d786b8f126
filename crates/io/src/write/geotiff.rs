//! The sink: blocks are encoded by whoever calls, appended in their order, and appear as a GeoTIFF at the end.

use std::path::Path;

use bytes::Bytes;
use parking_lot::Mutex;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Shape};
use swath_core::sink::{ChunkSink, Encoded, Layout};

use super::block::BlockEncoder;
use super::directory::{Extent, Head};
use super::format::Format;
use super::header;
use super::options::GeoTiffOptions;
use super::target::{Location, Target};
use crate::codec::{Compression, encode};
use crate::read::Interleave;

/// A GeoTIFF being written: a [`ChunkSink`].
///
/// The blocks lie in the file in the order of their numbers, behind the header, so that the file's bytes depend on
/// pixels and options alone. The file appears under its name when [`finish`](ChunkSink::finish) has succeeded; until
/// then it is a temporary file beside it, `.NAME.swath-PID-N.tmp`, removed on failure, abort and drop, and a file that
/// had the name before stays as it was.
#[derive(Debug)]
pub struct GeoTiffSink {
    name: String,
    location: Location,
    format: Format,
    blocks: ChunkGrid,
    head: Head,
    sync: bool,
    disk_bytes: Option<u64>,
    encoders: Mutex<Vec<BlockEncoder>>,
    /// Blocks of one value, encoded once.
    constants: Mutex<Vec<(Scalar, Bytes)>>,
    state: Mutex<State>,
}

/// Bytes of blocks of one value that are kept for the next such block: those of nodata and a fill or two.
const CONSTANT_BYTES_MAX: usize = 4 << 20;

/// Larger blocks are not kept for the next: no run's limit counts what lies idle here.
const REUSED_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
enum State {
    /// Nothing exists yet.
    Ready,
    /// The temporary file exists.
    Writing(Writing),
    /// Finished, failed or given up; says which.
    Over(&'static str),
}

#[derive(Debug)]
struct Writing {
    target: Box<dyn Target>,
    /// Where the next block starts.
    position: u64,
    /// Blocks committed so far, in order.
    /// Of each block that was committed.
    extents: Vec<Option<Extent>>,
}

impl GeoTiffSink {
    /// A sink that writes a raster of `meta` to `path_or_uri`, a local path or a `file://` URI.
    ///
    /// `layout` is that of the file which the pixels come from, if there is one; see [`Format::resolve`]. Nothing is
    /// created before [`begin`](ChunkSink::begin).
    ///
    /// # Errors
    /// `InvalidInput` where the raster cannot be a TIFF or the options contradict each other or the dtype;
    /// `Unsupported` where the target is not local, or the CRS has neither EPSG code nor GeoKeys.
    pub fn new(
        path_or_uri: impl AsRef<Path>,
        meta: &Meta,
        layout: Option<Layout>,
        options: GeoTiffOptions,
    ) -> Result<Self> {
        let location = Location::parse(path_or_uri.as_ref())?;
        let name = location.name();
        let cannot = |error: Error| error.context(format!("cannot write {name}"));
        let format = Format::resolve(meta, layout, &options).map_err(cannot)?;
        let head = header::head(meta, &format, options.big_tiff).map_err(cannot)?;
        Ok(Self {
            location,
            format,
            blocks: format.blocks(meta),
            head,
            sync: options.sync,
            disk_bytes: None,
            encoders: Mutex::default(),
            constants: Mutex::default(),
            state: Mutex::new(State::Ready),
            name,
        })
    }

    /// Shape and encoding of the blocks.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Whether the file is a BigTIFF.
    pub const fn is_big_tiff(&self) -> bool {
        self.head.is_big()
    }

    /// As if the disk had room for so many bytes only: for tests of what a full disk leaves behind.
    #[doc(hidden)]
    #[must_use]
    pub fn with_disk_bytes(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    fn block_name(&self, block: usize) -> String {
        let [_, band, row, column] = self.blocks.position(block);
        match self.format.interleave {
            Interleave::Pixel => format!("block (row {row}, column {column})"),
            Interleave::Band => format!("block (band {band}, row {row}, column {column})"),
        }
    }

    fn internal(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("{what} of {}", self.name))
    }

    /// Appends a block, and says where it lies.
    fn append(&self, writing: &mut Writing, encoded: &Encoded) -> Result<()> {
        let block = encoded.block;
        if writing.extents.get(block) != Some(&None) {
            let blocks = self.blocks.len();
            return Err(self.internal(format_args!("block {block} was committed twice, or is none of {blocks}")));
        }
        if encoded.bytes.is_empty() {
            writing.extents[block] = Some(Extent::default());
            return Ok(());
        }
        let end = writing.position + encoded.bytes.len() as u64;
        if end > u64::from(u32::MAX) && !self.head.is_big() {
            return Err(Error::unsupported(format!(
                "{} of {} would lie beyond the 4 GiB of a classic TIFF: allow BigTIFF",
                self.block_name(block),
                self.name
            )));
        }
        let length = u32::try_from(encoded.bytes.len())
            .map_err(|_| self.internal(format_args!("{} is larger than 4 GiB", self.block_name(block))))?;
        writing.target.append(&encoded.bytes).map_err(|error| {
            let message = format!("cannot write {} of {}", self.block_name(block), self.name);
            Error::with_source(ErrorKind::Unavailable, message, error)
        })?;
        writing.extents[block] = Some(Extent { offset: writing.position, length });
        writing.position = end;
        Ok(())
    }

    /// Gives the memory of a block that was written to an encoder that has none: an encoder that does not compress gives
    /// its own away with each block.
    fn reuse(&self, written: Bytes) {
        if self.format.compression == Compression::None
            && written.len() <= REUSED_BYTES_MAX
            && written.is_unique()
            && let Some(encoder) = self.encoders.lock().iter_mut().find(|encoder| encoder.is_empty())
        {
            encoder.reuse(written);
        }
    }

    /// Writes the head and makes the file visible.
    fn complete(&self, writing: Writing) -> Result<u64> {
        let Writing { target, position, extents } = writing;
        let extents: Vec<_> = extents.into_iter().flatten().collect();
        if extents.len() != self.blocks.len() {
            return Err(self.internal(format_args!("only {} of {} blocks", extents.len(), self.blocks.len())));
        }
        target.finish(&self.head.to_bytes(&extents)).map_err(|error| {
            Error::with_source(ErrorKind::Unavailable, format!("cannot complete {}", self.name), error)
        })?;
        Ok(position)
    }
}

impl ChunkSink for GeoTiffSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn blocks(&self) -> ChunkGrid {
        self.blocks
    }

    fn begin(&self) -> Result<()> {
        let mut state = self.state.lock();
        match &*state {
            State::Ready => {}
            State::Writing(_) => return Err(self.internal("a second begin")),
            State::Over(how) => return Err(self.internal(format_args!("a begin after it {how}"))),
        }
        let position = self.head.len();
        let target = self.location.create(position, self.sync, self.disk_bytes)?;
        *state = State::Writing(Writing { target, position, extents: vec![None; self.blocks.len()] });
        Ok(())
    }

    fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded> {
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
        // The lock is held for a push or pop only; as many encoders exist as threads have encoded at once.
        let mut encoder = self.encoders.lock().pop().unwrap_or_default();
        let bytes: Result<Bytes> = encoder.encode(&self.format, chunk);
        self.encoders.lock().push(encoder);
        let bytes =
            bytes.map_err(|e| e.context(format!("cannot encode {} of {}", self.block_name(block), self.name)))?;
        Ok(Encoded { block, bytes })
    }

    fn encode_constant(&self, block: usize, value: Scalar) -> Result<Encoded> {
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

    fn dtype(&self) -> DType {
        self.format.dtype
    }

    fn layout(&self) -> Option<Layout> {
        self.format.layout()
    }

    fn commit(&self, encoded: Encoded) -> Result<()> {
        let mut state = self.state.lock();
        let appended = match &mut *state {
            State::Writing(writing) => self.append(writing, &encoded),
            State::Ready => Err(self.internal("a commit before the begin")),
            State::Over(how) => Err(self.internal(format_args!("a commit after it {how}"))),
        };
        if appended.is_err() {
            *state = State::Over("failed");
        }
        drop(state);
        self.reuse(encoded.bytes);
        appended
    }

    fn finish(&self) -> Result<u64> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Over("failed")) {
            State::Writing(writing) => {
                let size = self.complete(writing)?;
                *state = State::Over("was finished");
                Ok(size)
            }
            State::Ready => Err(self.internal("a finish before the begin")),
            State::Over(how) => {
                *state = State::Over(how);
                Err(self.internal(format_args!("a finish after it {how}")))
            }
        }
    }

    fn abort(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Over(_)) {
            *state = State::Over("was given up");
        }
        drop(state);
        self.encoders.lock().clear();
    }

    fn encode_bound(&self, shape: Shape) -> (u64, u64) {
        // Edge blocks are padded: the shape of the pixels does not matter.
        let _ = shape;
        let bytes = encode::bound(self.format.compression, self.format.block_bytes());
        (bytes as u64, BlockEncoder::scratch(&self.format))
    }

    fn describe(&self) -> String {
        format!("{}, {}", if self.head.is_big() { "BigTIFF" } else { "GeoTIFF" }, self.format)
    }
}
