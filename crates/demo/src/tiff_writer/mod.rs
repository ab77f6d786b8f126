//! A small TIFF writer for fixtures: tiles or strips, any sample type, overviews, laid out as a Cloud-Optimized GeoTIFF.
//!
//! A file is a [`TiffSpec`] and, for each level, its pixels as planar native-endian bytes: all rows of band 0, then band 1.
//! The file holds the header, then every directory with its tag arrays (full resolution first), then the blocks of
//! the smallest overview, …, then those of the full resolution. Blocks are encoded in parallel; the bytes do not depend on
//! the number of threads.
//!
//! ```
//! use swath_demo::tiff_writer::{Overview, Resampling, SampleType, TiffSpec};
//!
//! let spec = TiffSpec { overviews: Overview::halvings(2, 16), ..TiffSpec::new(100, 60, SampleType::U16) };
//! let levels = spec.pyramid(spec.render(0, |at| f64::from(at.x + at.y)), Resampling::Average)?;
//! let file = spec.to_bytes(&levels)?;
//! assert_eq!(&file[..4], b"II\x2a\0");
//! # Ok::<(), std::io::Error>(())
//! ```

mod block;
mod directory;
mod geo;
mod level;
mod overview;
mod sample;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use crate::parallel::map_in_order;
use block::BlockEncoder;
use directory::BlockTable;
use level::Level;

pub use geo::Geo;
pub use level::{Layout, Overview};
pub use overview::Resampling;
pub use sample::SampleType;

/// Everything about a TIFF file but its pixels. Start from [`TiffSpec::new`] and override fields by struct update.
#[derive(Debug, Clone, PartialEq)]
pub struct TiffSpec {
    /// Columns of the full resolution.
    pub width: u32,
    /// Rows of the full resolution.
    pub height: u32,
    /// Samples per pixel.
    pub bands: u16,
    /// Type of every sample.
    pub dtype: SampleType,
    /// How the full resolution is cut into blocks; each overview names its own.
    pub layout: Layout,
    /// Whether each band has its own blocks (PlanarConfiguration 2) instead of interleaved pixels.
    pub planar: bool,
    /// How blocks are compressed.
    pub compression: Compression,
    /// What is done to a block's rows before compression.
    pub predictor: Predictor,
    /// Byte order of the whole file, samples included.
    pub byte_order: ByteOrder,
    /// Whether to write BigTIFF, with 64-bit offsets.
    pub big_tiff: bool,
    /// Meaning of the bands.
    pub photometric: Photometric,
    /// Text of the GDAL_NODATA tag (42113); also what [`TiffSpec::pyramid`] leaves out of averages.
    pub nodata: Option<String>,
    /// Georeference of the full resolution.
    pub geo: Option<Geo>,
    /// Blocks written as absent, with offset 0 and byte count 0: pairs of level (0 is full resolution) and block index.
    pub sparse: BTreeSet<(usize, usize)>,
    /// Overviews, largest first.
    pub overviews: Vec<Overview>,
}

/// Compression of blocks (tag 259).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Scheme 1: the bytes as they are.
    None,
    /// Scheme 8: a zlib stream; the level is libdeflate's, 0 to 12.
    Deflate(u8),
}

/// Predictor (tag 317). Mind that libtiff, unlike the `tiff` crate, ignores it in uncompressed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictor {
    /// Predictor 1: samples as they are.
    None,
    /// Predictor 2: differences between horizontal neighbours of a band, wrapping; for any sample type.
    Horizontal,
    /// Predictor 3: bytes of a row regrouped by significance, then differenced (Adobe TIFF Technical Note 3); for floats.
    FloatingPoint,
}

/// Byte order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// `II`, least significant byte first.
    Little,
    /// `MM`, most significant byte first.
    Big,
}

/// PhotometricInterpretation (tag 262). Bands beyond its own become unspecified ExtraSamples (tag 338).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Photometric {
    /// Value 1: one band of brightness.
    MinIsBlack,
    /// Value 2: red, green, blue.
    Rgb,
}

/// Position of one sample, as given to the closure of [`TiffSpec::render`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Band, from 0.
    pub band: u16,
    /// Row within the level, from the top.
    pub y: u32,
    /// Column within the level, from the left.
    pub x: u32,
}

impl TiffSpec {
    /// One band in 256×256 tiles, deflated at level 6 without predictor, little-endian classic TIFF, nothing else.
    pub fn new(width: u32, height: u32, dtype: SampleType) -> Self {
        Self {
            width,
            height,
            bands: 1,
            dtype,
            layout: Layout::Tiled { width: 256, height: 256 },
            planar: false,
            compression: Compression::Deflate(6),
            predictor: Predictor::None,
            byte_order: ByteOrder::Little,
            big_tiff: false,
            photometric: Photometric::MinIsBlack,
            nodata: None,
            geo: None,
            sparse: BTreeSet::new(),
            overviews: Vec::new(),
        }
    }

    /// Number of levels: the full resolution and its overviews.
    pub fn level_count(&self) -> usize {
        1 + self.overviews.len()
    }

    /// Columns and rows of a level; overviews round up.
    ///
    /// # Panics
    ///
    /// When there is no such level.
    pub fn level_size(&self, level: usize) -> (u32, u32) {
        let level = Level::of(self, level);
        (level.width, level.height)
    }

    /// Number of blocks of a level, over all planes when `planar`.
    ///
    /// # Panics
    ///
    /// When there is no such level.
    pub fn block_count(&self, level: usize) -> usize {
        Level::of(self, level).block_count()
    }

    /// Pixels of a level from a function of position; values are cast to the sample type as by `as`.
    ///
    /// # Panics
    ///
    /// When there is no such level.
    pub fn render(&self, level: usize, value: impl Fn(At) -> f64) -> Vec<u8> {
        let (width, height) = self.level_size(level);
        let rows = (0..self.bands).flat_map(|band| (0..height).map(move |y| (band, y)));
        let positions = rows.flat_map(|(band, y)| (0..width).map(move |x| At { band, y, x }));
        self.dtype.bytes_of(positions.map(value))
    }

    /// Pixels of all levels from those of the full resolution, each overview made of 2×2 pixels of the level before.
    ///
    /// # Errors
    ///
    /// When the overviews are not 2, 4, 8, … or `full` has the wrong length.
    pub fn pyramid(&self, full: Vec<u8>, resampling: Resampling) -> io::Result<Vec<Vec<u8>>> {
        overview::pyramid(self, full, resampling)
    }

    /// The file in memory, encoded on the calling thread's behalf by one worker.
    ///
    /// # Errors
    ///
    /// When the spec contradicts itself or the pixels, or the file outgrows classic TIFF.
    pub fn to_bytes(&self, levels: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        let mut out = Cursor::new(Vec::new());
        self.write_to(&mut out, levels, NonZeroUsize::MIN)?;
        Ok(out.into_inner())
    }

    /// Writes the file to a path, encoding blocks on `threads` threads.
    ///
    /// # Errors
    ///
    /// As [`TiffSpec::to_bytes`], and when the file cannot be written.
    pub fn write_file(&self, path: &Path, levels: &[Vec<u8>], threads: NonZeroUsize) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        self.write_to(&mut out, levels, threads)?;
        out.flush()
    }

    /// Writes the file to `out`, which must stand at its start, encoding blocks on `threads` threads.
    ///
    /// # Errors
    ///
    /// As [`TiffSpec::to_bytes`], and when `out` fails.
    pub fn write_to(&self, out: &mut (impl Write + Seek), levels: &[Vec<u8>], threads: NonZeroUsize) -> io::Result<()> {
        self.check(levels)?;
        let mut tables: Vec<_> =
            (0..self.level_count()).map(|level| BlockTable::new(self.block_count(level))).collect();
        // The head's length does not depend on the numbers in it, so blocks can be placed before they are known.
        let mut end = directory::head(self, &tables)?.len() as u64;
        out.seek(SeekFrom::Start(end))?;
        for (index, pixels) in levels.iter().enumerate().rev() {
            let level = Level::of(self, index);
            map_in_order(
                threads,
                level.block_count(),
                || BlockEncoder::new(self),
                |encoder, block| match self.sparse.contains(&(index, block)) {
                    true => Vec::new(),
                    false => encoder.encode(&level, pixels, block),
                },
                |block, bytes| {
                    tables[index].place(block, end, bytes.len() as u64);
                    end += bytes.len() as u64;
                    out.write_all(&bytes)
                },
            )?;
        }
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&directory::head(self, &tables)?)
    }

    fn check(&self, levels: &[Vec<u8>]) -> io::Result<()> {
        if self.width == 0 || self.height == 0 || self.bands == 0 {
            return Err(invalid("a TIFF needs a column, a row and a band".to_owned()));
        }
        if self.photometric == Photometric::Rgb && self.bands < 3 {
            return Err(invalid(format!("RGB needs 3 bands, not {}", self.bands)));
        }
        if self.predictor == Predictor::FloatingPoint && !self.dtype.is_float() {
            return Err(invalid(format!("predictor 3 is for floats, not {:?}", self.dtype)));
        }
        if let Compression::Deflate(level @ 13..) = self.compression {
            return Err(invalid(format!("deflate levels are 0 to 12, not {level}")));
        }
        if levels.len() != self.level_count() {
            return Err(invalid(format!("pixels of {} levels for a file of {}", levels.len(), self.level_count())));
        }
        for (index, pixels) in levels.iter().enumerate() {
            let expected = Level::of(self, index).pixel_bytes();
            if pixels.len() != expected {
                return Err(invalid(format!("level {index} needs {expected} bytes of pixels, not {}", pixels.len())));
            }
        }
        Ok(())
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
