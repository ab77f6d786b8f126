//! The sink: blocks are encoded by whoever calls, appended in their order, and appear as a GeoTIFF at the end.

use std::path::Path;

use parking_lot::Mutex;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, Result};
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Shape};
use swath_core::sink::{ChunkSink, Encoded, Layout};

use super::directory::{Extent, Head};
use super::format::Format;
use super::header::{self, ImageSpec};
use super::image::Image;
use super::options::{FileOptions, GeoTiffOptions};
use super::state::State;
use super::statistics::{Room, filled};
use super::target::{Location, Target, failed};
use crate::read::BandStatistics;

/// A GeoTIFF being written: a [`ChunkSink`].
///
/// The blocks lie in the file in the order of their numbers, behind the header, so that the file's bytes depend on
/// pixels and options alone. The file appears under its name when [`finish`](ChunkSink::finish) has succeeded; until
/// then it is a temporary file beside it, `.NAME.swath-PID-N.tmp`, removed on failure, abort and drop, and a file that
/// had the name before stays as it was.
#[derive(Debug)]
pub struct GeoTiffSink {
    image: Image,
    location: Location,
    head: Head,
    sync: bool,
    disk_bytes: Option<u64>,
    room: Option<Room>,
    state: Mutex<State<Writing>>,
}

#[derive(Debug)]
struct Writing {
    target: Box<dyn Target>,
    /// Where the next block starts.
    position: u64,
    /// Of each block that was committed.
    extents: Vec<Option<Extent>>,
}

impl GeoTiffSink {
    /// A sink that writes a raster of `meta` to `path_or_uri`, a local path, or a URI of any kind.
    ///
    /// `layout` is that of the file which the pixels come from, if there is one; see [`Format`]. Nothing is
    /// created before [`begin`](ChunkSink::begin).
    ///
    /// # Errors
    /// `InvalidInput` where the raster cannot be a TIFF or the options contradict each other or the dtype;
    /// `Unsupported` where this build does not have the store, or the CRS has neither EPSG code nor GeoKeys.
    pub fn new(
        path_or_uri: impl AsRef<Path>,
        meta: &Meta,
        layout: Option<Layout>,
        options: GeoTiffOptions,
    ) -> Result<Self> {
        let location = Location::parse(path_or_uri.as_ref(), options.file.io.as_ref())?;
        let name = location.name().to_owned();
        let cannot = |error: Error| error.context(format!("cannot write {name}"));
        let format = Format::resolve(meta, layout, &options.file).map_err(cannot)?;
        let FileOptions { big_tiff, sparse, sync, description, .. } = options.file;
        let spec = ImageSpec { meta: meta.clone(), format, level: 0 };
        let head = header::head(&spec, &description, big_tiff).map_err(cannot)?;
        let (image, room) = (Image::new(name, meta, format, sparse), Room::of(&description, &format));
        Ok(Self { image, location, head, sync, disk_bytes: None, room, state: Mutex::new(State::Ready) })
    }

    /// Whether it was asked to note statistics, and wants to be [told](Self::note_statistics) them.
    pub const fn wants_statistics(&self) -> bool {
        self.room.is_some()
    }

    /// Notes statistics of the bands, in their order; before [`finish`](ChunkSink::finish), and where they are wanted.
    pub fn note_statistics(&self, statistics: Vec<Option<BandStatistics>>) {
        if let Some(room) = &self.room {
            room.note(statistics);
        }
    }

    /// Shape and encoding of the blocks.
    pub const fn format(&self) -> &Format {
        self.image.format()
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

    /// Bytes of all blocks at most.
    fn bytes_max(&self) -> u64 {
        self.image.encode_bound().0 * self.image.blocks().len() as u64
    }

    /// Appends a block, and says where it lies.
    fn append(&self, writing: &mut Writing, encoded: &Encoded) -> Result<()> {
        let block = encoded.block;
        if writing.extents.get(block) != Some(&None) {
            let blocks = self.image.blocks().len();
            return Err(self.image.internal(format_args!("block {block} was committed twice, or is none of {blocks}")));
        }
        if encoded.bytes.is_empty() {
            writing.extents[block] = Some(Extent::default());
            return Ok(());
        }
        let end = writing.position + encoded.bytes.len() as u64;
        if end > u64::from(u32::MAX) && !self.head.is_big() {
            return Err(Error::unsupported(format!(
                "{} of {} would lie beyond the 4 GiB of a classic TIFF: allow BigTIFF",
                self.image.block_name(block),
                self.image.name()
            )));
        }
        let length = u32::try_from(encoded.bytes.len())
            .map_err(|_| self.image.internal(format_args!("{} is larger than 4 GiB", self.image.block_name(block))))?;
        writing.target.append(&encoded.bytes).map_err(|error| {
            failed(format!("cannot write {} of {}", self.image.block_name(block), self.image.name()), error)
        })?;
        writing.extents[block] = Some(Extent { offset: writing.position, length });
        writing.position = end;
        Ok(())
    }

    /// Writes the head and makes the file visible.
    fn complete(&self, writing: Writing) -> Result<u64> {
        let Writing { target, position, extents } = writing;
        let extents: Vec<_> = extents.into_iter().flatten().collect();
        if extents.len() != self.image.blocks().len() {
            return Err(self.image.internal(format_args!(
                "only {} of {} blocks",
                extents.len(),
                self.image.blocks().len()
            )));
        }
        target
            .finish(&filled(&self.head, self.room.as_ref()).to_bytes(&extents))
            .map_err(|error| failed(format!("cannot complete {}", self.image.name()), error))?;
        Ok(position)
    }
}

impl ChunkSink for GeoTiffSink {
    fn name(&self) -> &str {
        self.image.name()
    }

    fn blocks(&self) -> ChunkGrid {
        self.image.blocks()
    }

    fn begin(&self) -> Result<()> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Ready) {
            return Err(self.image.internal(state.refusal("begin")));
        }
        let position = self.head.len();
        let target = self.location.create(position, self.bytes_max(), self.sync, self.disk_bytes)?;
        *state = State::Writing(Writing { target, position, extents: vec![None; self.image.blocks().len()] });
        Ok(())
    }

    fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded> {
        self.image.encode(block, chunk)
    }

    fn encode_constant(&self, block: usize, value: Scalar) -> Result<Encoded> {
        self.image.encode_constant(block, value)
    }

    fn dtype(&self) -> DType {
        self.image.format().dtype
    }

    fn layout(&self) -> Option<Layout> {
        self.image.format().layout()
    }

    fn commit(&self, encoded: Encoded) -> Result<()> {
        let refuse = |why| self.image.internal(why);
        let appended = self.state.lock().step("commit", refuse, |writing| self.append(writing, &encoded));
        self.image.reuse(encoded.bytes);
        appended
    }

    fn finish(&self) -> Result<u64> {
        self.state.lock().finish(|why| self.image.internal(why), |writing| self.complete(writing))
    }

    fn abort(&self) {
        self.state.lock().abort();
        self.image.clear();
    }

    fn encode_bound(&self, _shape: Shape) -> (u64, u64) {
        self.image.encode_bound()
    }

    fn held_bytes(&self) -> u64 {
        self.location.held_bytes(self.head.len(), self.bytes_max())
    }

    fn describe(&self) -> String {
        format!("{}, {}", if self.head.is_big() { "BigTIFF" } else { "GeoTIFF" }, self.image.format())
    }
}
