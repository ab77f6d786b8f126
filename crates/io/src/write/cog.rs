//! A Cloud-Optimized GeoTIFF being written: the raster, its overviews and their masks are sinks of their own, whose blocks come
//! in any order of levels; an [`Assembly`] makes one file of them.
//!
//! Its layout is that of GDAL's COG driver: ghost area, directories with their values, blocks of the smallest overview
//! first and of the raster last.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use swath_core::area::Resampling;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, Result};
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Shape};
use swath_core::sink::{ChunkSink, Encoded, Layout};
use swath_core::text::counted;

use super::assembly::{Assembly, Spooled};
use super::directory::Head;
use super::format::Format;
use super::ghost;
use super::header::{self, ImageSpec};
use super::image::Image;
use super::options::{CogOptions, Overviews};
use super::parted::{PartPlan, Parted};
use super::state::State;
use super::statistics::{Room, filled};
use super::target::{Location, Place, failed};
use crate::read::BandStatistics;

/// The sinks of a Cloud-Optimized GeoTIFF: the raster's, one for each overview, and as many for masks if there are any.
///
/// All of them must be begun and, after their blocks were committed, finished, in any order; the file appears when the last
/// is. Until then there is a temporary file beside a local one, as of a [`GeoTiffSink`](super::GeoTiffSink), and files without
/// a name in the same folder, together about twice as large as the output in the end; see docs/guide/stores.md for others.
#[derive(Debug)]
pub struct CogSink {
    levels: Vec<Arc<CogLevel>>,
    masks: Vec<Arc<CogLevel>>,
    resampling: Resampling,
    file: Arc<CogFile>,
}

/// The raster of a COG, an overview, or the mask of one of them: a [`ChunkSink`].
#[derive(Debug)]
pub struct CogLevel {
    file: Arc<CogFile>,
    image: Image,
    /// Of the file's images: the raster, its mask if there is one, and so on for each overview.
    number: usize,
    about: String,
}

#[derive(Debug)]
struct CogFile {
    location: Location,
    head: Head,
    room: Option<Room>,
    /// Of each image, the count of blocks, and the most bytes of one with what stands around it.
    blocks: Vec<(usize, u64)>,
    /// How it goes to a store, if it does so without waiting on the disk.
    parts: Option<PartPlan>,
    sync: bool,
    /// Of the disk's room, what is there to be taken, if not all.
    disk_bytes: OnceLock<u64>,
    state: Mutex<State<Writing>>,
}

#[derive(Debug)]
struct Writing {
    assembly: Box<dyn Assembly>,
    /// Which images were begun, and which are finished.
    begun: Vec<bool>,
    finished: Vec<bool>,
}

impl CogSink {
    /// The sinks of a raster of `meta` that is to be written to `path_or_uri`: a local path, or a URI of any kind.
    ///
    /// `layout` is that of the file which the pixels come from, if there is one; see [`Format`]. Nothing is created
    /// before a level is [begun](ChunkSink::begin).
    ///
    /// # Errors
    /// As [`GeoTiffSink::new`](super::GeoTiffSink::new).
    pub fn new(
        path_or_uri: impl AsRef<Path>,
        meta: &Meta,
        layout: Option<Layout>,
        options: &CogOptions,
    ) -> Result<Self> {
        Self::of_images(path_or_uri.as_ref(), meta, layout, options, false)
    }

    /// As [`new`](Self::new), with [masks](Self::masks) inside, of a bit for each pixel.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_masks(
        path_or_uri: impl AsRef<Path>,
        meta: &Meta,
        layout: Option<Layout>,
        options: &CogOptions,
    ) -> Result<Self> {
        Self::of_images(path_or_uri.as_ref(), meta, layout, options, true)
    }

    fn of_images(
        path_or_uri: &Path,
        meta: &Meta,
        layout: Option<Layout>,
        options: &CogOptions,
        has_masks: bool,
    ) -> Result<Self> {
        let location = Location::parse(path_or_uri, options.file.io.as_ref())?;
        let name = location.name().to_owned();
        let cannot = |error: Error| error.context(format!("cannot write {name}"));
        let format = Format::resolve(meta, layout, &options.file).map_err(cannot)?;
        let has_color_map = options.file.description.color_map.is_some();
        let resampling = options.resampling.unwrap_or_else(|| default_resampling(meta, has_color_map));
        let sizes = sizes(meta, &format, options.overviews);
        let metas: Vec<_> =
            std::iter::once(meta.clone()).chain(sizes.into_iter().map(|size| reduced(meta, size))).collect();
        let count = metas.len() - 1;
        let spec = |(level, meta): (usize, Meta)| {
            let mask = has_masks.then(|| ImageSpec { meta: of_mask(&meta), format: format.of_mask(), level });
            std::iter::once(ImageSpec { meta, format, level }).chain(mask)
        };
        let specs: Vec<_> = metas.into_iter().enumerate().flat_map(spec).collect();
        let head = header::cog_head(&specs, &options.file.description, options.file.big_tiff).map_err(cannot)?;
        let around = ghost::LEADER_LEN + ghost::TRAILER_LEN;
        let bound = |spec: &ImageSpec| spec.format.block_bytes_max() + around;
        let blocks: Vec<_> = specs.iter().map(|spec| (spec.block_count(), bound(spec))).collect();
        // Blocks that come band by band at each place cannot be sent before they are put in order.
        let is_streamed = matches!(location.place(), Place::Store(_)) && format.bands_per_block() == format.bands;
        let parts = is_streamed.then(|| PartPlan::new(&blocks, head.len()));
        let file = Arc::new(CogFile {
            location,
            head,
            room: Room::of(&options.file.description, &format),
            blocks,
            parts,
            sync: options.file.sync,
            disk_bytes: OnceLock::new(),
            state: Mutex::new(State::Ready),
        });
        let image = |(number, spec): (usize, &ImageSpec)| {
            let ImageSpec { meta, format, level } = spec;
            let [.., rows, columns] = meta.shape;
            let kind = if file.head.is_big() { "COG, BigTIFF" } else { "COG" };
            let (called, about) = match (level, format.is_mask) {
                (0, false) if count == 0 => (name.clone(), format!("{kind}, {format}, no overviews")),
                (0, false) => {
                    (name.clone(), format!("{kind}, {format}, {} by {resampling}", counted(count as u64, "overview")))
                }
                (0, true) => (format!("the mask of {name}"), format!("mask, {format}")),
                (_, false) => (
                    format!("overview {level} of {name}"),
                    format!("overview {level} of {count}, {rows} × {columns} by {resampling}"),
                ),
                (_, true) => {
                    (format!("the mask of overview {level} of {name}"), format!("mask of overview {level} of {count}"))
                }
            };
            let image = Image::new(called, meta, *format, options.file.sparse);
            Arc::new(CogLevel { file: Arc::clone(&file), image, number, about })
        };
        let (masks, levels) = specs.iter().enumerate().map(image).partition(|image| image.is_mask());
        Ok(Self { levels, masks, resampling, file })
    }

    /// The raster's sink, then those of the overviews, each smaller than the one before.
    pub fn levels(&self) -> &[Arc<CogLevel>] {
        &self.levels
    }

    /// The sinks of the masks of the [`levels`](Self::levels), in the same order, if there are any: of one band of bool,
    /// true where all bands of the level are valid.
    pub fn masks(&self) -> &[Arc<CogLevel>] {
        &self.masks
    }

    /// How each overview is to be made of the level before.
    pub const fn resampling(&self) -> Resampling {
        self.resampling
    }

    /// Whether it was asked to note statistics, and wants to be [told](Self::note_statistics) them.
    pub fn wants_statistics(&self) -> bool {
        self.file.room.is_some()
    }

    /// Notes statistics of the raster's bands, in their order; before the last image is finished, and where they are wanted.
    pub fn note_statistics(&self, statistics: Vec<Option<BandStatistics>>) {
        if let Some(room) = &self.file.room {
            room.note(statistics);
        }
    }

    /// As if the disk had room for so many bytes only: for tests of what a full disk leaves behind.
    #[doc(hidden)]
    #[must_use]
    pub fn with_disk_bytes(self, bytes: u64) -> Self {
        self.file.disk_bytes.get_or_init(|| bytes);
        self
    }
}

/// What is taken where nobody said: means of numbers, but none of what may be classes.
fn default_resampling(meta: &Meta, has_color_map: bool) -> Resampling {
    let is_single_byte = meta.dtype.size() == 1 && meta.shape[1] == 1;
    if meta.dtype == DType::Bool || is_single_byte || has_color_map { Resampling::Nearest } else { Resampling::Average }
}

/// Rows and columns of the overviews.
fn sizes(meta: &Meta, format: &Format, overviews: Overviews) -> Vec<[usize; 2]> {
    let [.., rows, columns] = meta.shape;
    let (threshold, count) = match overviews {
        // The longer side of a block, so that one of another shape has none too many.
        Overviews::Auto => (format.block.0.max(format.block.1), usize::MAX),
        Overviews::Levels(count) => (1, count),
    };
    let halved = |size: &[usize; 2]| {
        let is_larger = size.iter().any(|length| *length > threshold);
        is_larger.then(|| size.map(|length| (length / 2).max(1)))
    };
    // Subtle: halves of halves, rounded down, are GDAL's quarters, rounded down.
    std::iter::successors(Some([rows, columns]), halved).skip(1).take(count).collect()
}

/// What is known of an overview.
fn reduced(meta: &Meta, [rows, columns]: [usize; 2]) -> Meta {
    let [times, bands, ..] = meta.shape;
    let grid = meta.grid.as_ref().map(|grid| Arc::new(grid.downsampled(rows, columns)));
    Meta { shape: [times, bands, rows, columns], grid, ..meta.clone() }
}

/// What is known of the mask of a level.
fn of_mask(meta: &Meta) -> Meta {
    let [_, _, rows, columns] = meta.shape;
    Meta { grid: meta.grid.clone(), ..Meta::new(meta.dims, [1, 1, rows, columns], DType::Bool) }
}

impl CogFile {
    fn bytes_max(&self) -> u64 {
        self.blocks.iter().map(|(count, bytes_max)| *count as u64 * bytes_max).sum()
    }

    fn counts(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().map(|(count, _)| *count)
    }

    /// Creates what takes the blocks.
    fn create(&self) -> Result<Writing> {
        let name = self.location.name();
        let assembly: Box<dyn Assembly> = match (self.location.place(), &self.parts) {
            (Place::Store(to), Some(plan)) => {
                let counts: Vec<_> = self.counts().collect();
                Box::new(Parted::new(to.clone(), &counts, plan))
            }
            _ => {
                let disk_bytes = self.disk_bytes.get().copied();
                let target = self.location.create(self.head.len(), self.bytes_max(), self.sync, disk_bytes)?;
                let directory = self.location.directory();
                let spooled = Spooled::new(target, &directory, self.counts());
                let doing = || format!("cannot write {name}: cannot create a file in {}", directory.display());
                Box::new(spooled.map_err(|error| failed(doing(), error))?)
            }
        };
        let none = vec![false; self.blocks.len()];
        Ok(Writing { assembly, begun: none.clone(), finished: none })
    }

    /// Puts the file together and makes it visible; returns its size.
    fn complete(&self, writing: Writing) -> Result<u64> {
        let completed = writing.assembly.complete(&filled(&self.head, self.room.as_ref()));
        completed.map_err(|error| failed(format!("cannot complete {}", self.location.name()), error))
    }
}

impl CogLevel {
    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        let [.., rows, columns] = self.image.blocks().array_shape();
        [rows, columns]
    }

    /// Whether it is a mask.
    pub const fn is_mask(&self) -> bool {
        self.image.format().is_mask
    }

    /// Shape and encoding of the blocks.
    pub const fn format(&self) -> &Format {
        self.image.format()
    }

    /// Hands a block on, with what stands around it.
    fn append(&self, writing: &mut Writing, encoded: &Encoded) -> Result<()> {
        let block = encoded.block;
        if !writing.assembly.takes(self.number, block) {
            let blocks = self.image.blocks().len();
            return Err(self
                .image
                .internal(format_args!("block {block} was committed twice or out of order, or is none of {blocks}")));
        }
        if encoded.bytes.len() as u64 > u64::from(u32::MAX) - ghost::LEADER_LEN - ghost::TRAILER_LEN {
            return Err(self.image.internal(format_args!("{} is larger than 4 GiB", self.image.block_name(block))));
        }
        let (leader, trailer) = ghost::around(&encoded.bytes);
        let parts: &[&[u8]] = match encoded.bytes.is_empty() {
            true => &[],
            false => &[&leader, &encoded.bytes, &trailer],
        };
        writing.assembly.append(self.number, block, parts).map_err(|error| {
            failed(format!("cannot write {} of {}", self.image.block_name(block), self.image.name()), error)
        })?;
        let end = self.file.head.len() + writing.assembly.len();
        if end > u64::from(u32::MAX) && !self.file.head.is_big() {
            return Err(Error::unsupported(format!(
                "{} of {} would lie beyond the 4 GiB of a classic TIFF: allow BigTIFF",
                self.image.block_name(block),
                self.image.name()
            )));
        }
        Ok(())
    }
}

impl ChunkSink for CogLevel {
    fn name(&self) -> &str {
        self.image.name()
    }

    fn blocks(&self) -> ChunkGrid {
        self.image.blocks()
    }

    fn begin(&self) -> Result<()> {
        let mut state = self.file.state.lock();
        if matches!(*state, State::Ready) {
            *state = State::Writing(self.file.create()?);
        }
        let refuse = |why| self.image.internal(why);
        state.step("begin", refuse, |writing| match std::mem::replace(&mut writing.begun[self.number], true) {
            true => Err(self.image.internal("a second begin")),
            false => Ok(()),
        })
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
        let appended = self.file.state.lock().step("commit", refuse, |writing| self.append(writing, &encoded));
        self.image.reuse(encoded.bytes);
        appended
    }

    fn finish(&self) -> Result<u64> {
        let mut state = self.file.state.lock();
        let refuse = |why| self.image.internal(why);
        let are_all = state.step("finish", refuse, |writing| {
            if !writing.assembly.is_complete(self.number) {
                return Err(self.image.internal("not all blocks"));
            }
            writing.finished[self.number] = true;
            Ok(writing.finished.iter().all(|finished| *finished))
        })?;
        if are_all { state.finish(refuse, |writing| self.file.complete(writing)) } else { Ok(0) }
    }

    fn abort(&self) {
        self.file.state.lock().abort();
        self.image.clear();
    }

    fn encode_bound(&self, _shape: Shape) -> (u64, u64) {
        self.image.encode_bound()
    }

    fn held_bytes(&self) -> u64 {
        match &self.file.parts {
            Some(plan) => plan.held_bytes(self.number),
            None if self.number > 0 => 0,
            None => self.file.location.held_bytes(self.file.head.len(), self.file.bytes_max()),
        }
    }

    fn describe(&self) -> String {
        self.about.clone()
    }
}
