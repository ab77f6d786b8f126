//! What a caller may ask of a file; what is left open is decided by [`Format`](super::Format) and by the levels of a COG.

use swath_core::area::Resampling;

use super::describe::Description;
use crate::codec::{Compression, Predictor};
use crate::read::{BandInfo, Info, Interleave, Metadata};
use crate::store::Io;

/// When a file has 64-bit offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BigTiff {
    /// When it could exceed the 4 GiB of a classic TIFF: by shape, dtype and options alone, whatever the pixels.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: writing fails at the block that would lie beyond 4 GiB.
    Never,
}

/// Which overviews a COG has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overviews {
    /// Each half as long and as wide as the one before, rounded down, until one fits a block: those of GDAL's COG driver.
    #[default]
    Auto,
    /// So many of them, as long as there is more than one pixel to halve; 0 for none.
    Levels(usize),
}

/// What a GeoTIFF and a COG have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct FileOptions {
    pub(super) block: Option<(usize, usize)>,
    pub(super) compression: Option<Compression>,
    pub(super) level: Option<i32>,
    pub(super) max_error: Option<f64>,
    pub(super) predictor: Option<Predictor>,
    pub(super) interleave: Option<Interleave>,
    pub(super) big_tiff: BigTiff,
    pub(super) sparse: bool,
    pub(super) sync: bool,
    pub(super) io: Option<Io>,
    pub(super) description: Description,
}

/// How a GeoTIFF is to be written. What is not said follows the file that the pixels come from, else is 512 × 512
/// blocks, Deflate, pixel interleave.
///
/// ```
/// use swath_io::codec::Compression;
/// use swath_io::read::Interleave;
/// use swath_io::write::GeoTiffOptions;
///
/// let options = GeoTiffOptions::new().block(256, 256).compression(Compression::Zstd).level(3).interleave(Interleave::Band);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until a sink is made with them"]
pub struct GeoTiffOptions {
    pub(super) file: FileOptions,
}

/// How a Cloud-Optimized GeoTIFF is to be written: as a [GeoTIFF](GeoTiffOptions), and which overviews it has.
///
/// ```
/// use swath_core::area::Resampling;
/// use swath_io::codec::Compression;
/// use swath_io::write::{CogOptions, Overviews};
///
/// let options = CogOptions::new().compression(Compression::Zstd).overviews(Overviews::Levels(3)).resampling(Resampling::Mode);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until a sink is made with them"]
pub struct CogOptions {
    pub(super) file: FileOptions,
    pub(super) overviews: Overviews,
    pub(super) resampling: Option<Resampling>,
}

macro_rules! file_options {
    ($($options:ident),*) => {
        $(impl $options {
            /// Nothing said.
            pub fn new() -> Self {
                Self::default()
            }

            /// Rows and columns of a block; multiples of 16.
            pub fn block(mut self, rows: usize, columns: usize) -> Self {
                self.file.block = Some((rows, columns));
                self
            }

            /// The compression scheme. JPEG and WebP hold u8 and are lossy, WebP below level 100, and LERC
            /// with a [`max_error`](Self::max_error): see docs/formats.md.
            pub fn compression(mut self, compression: Compression) -> Self {
                self.file.compression = Some(compression);
                self
            }

            /// The level of the compression: 1 to 12 for Deflate (4 by default), 1 to 22 for ZSTD (9 by default); of JPEG
            /// and WebP the quality, 1 to 100 (75 by default). WebP of level 100 is lossless, JPEG of 100 is not.
            pub fn level(mut self, level: i32) -> Self {
                self.file.level = Some(level);
                self
            }

            /// The most that LERC may change a value, GDAL's `MAX_Z_ERROR`; 0, nothing, by default.
            pub fn max_error(mut self, max_error: f64) -> Self {
                self.file.max_error = Some(max_error);
                self
            }

            /// The predictor; by default horizontal for integers and floating point for floats, where there is a
            /// compression of bytes.
            pub fn predictor(mut self, predictor: Predictor) -> Self {
                self.file.predictor = Some(predictor);
                self
            }

            /// How the bands of a pixel lie in the file.
            pub fn interleave(mut self, interleave: Interleave) -> Self {
                self.file.interleave = Some(interleave);
                self
            }

            /// When the file has 64-bit offsets.
            pub fn big_tiff(mut self, big_tiff: BigTiff) -> Self {
                self.file.big_tiff = big_tiff;
                self
            }

            /// Whether blocks of nothing but nodata, or of nothing but 0 where there is no nodata, are left out of the
            /// file, GDAL's `SPARSE_OK`; off by default, as not every reader knows such files.
            pub fn sparse(mut self, sparse: bool) -> Self {
                self.file.sparse = sparse;
                self
            }

            /// What is known of each band: colour interpretation, scale, offset, unit, description and items of metadata, as
            /// [`Info`](crate::read::Info) tells them of another file. Of bands behind the last nothing is said. Statistics
            /// are left out: the pixels may be others now.
            ///
            /// Three or four bands of u8 are RGB where nothing else is said.
            pub fn bands(mut self, bands: impl IntoIterator<Item = BandInfo>) -> Self {
                self.file.description.bands = bands.into_iter().collect();
                self
            }

            /// GDAL's items of the file, by domain. Those that GDAL derives from other tags are left out.
            pub fn metadata(mut self, metadata: Metadata) -> Self {
                self.file.description.metadata = metadata;
                self
            }

            /// The colour of each value of a single band of u8 or u16, from 0: red, green, blue and opacity, of which a TIFF
            /// keeps no opacity. Values behind the last are black.
            pub fn color_map(mut self, colors: impl IntoIterator<Item = [u8; 4]>) -> Self {
                self.file.description.color_map = Some(colors.into_iter().collect());
                self
            }

            /// Bands, metadata and colour map of another file.
            pub fn described_by(mut self, info: &Info) -> Self {
                let Info { bands, metadata, color_map, .. } = info;
                let statistics = self.file.description.statistics;
                let (bands, metadata, color_map) = (bands.clone(), metadata.clone(), color_map.clone());
                self.file.description = Description { bands, metadata, color_map, statistics };
                self
            }

            /// Whether the file notes each band's least and greatest pixel, mean, standard deviation and share of valid pixels,
            /// as GDAL does (`STATISTICS_MINIMUM` and so on): exact, of all valid pixels, computed while they are written. NaN
            /// is no valid pixel. Off by default.
            pub fn statistics(mut self, statistics: bool) -> Self {
                self.file.description.statistics = statistics;
                self
            }

            /// Whether file and directory are flushed to the disk before the output counts as written, so that it
            /// survives a loss of power; off by default.
            pub fn sync(mut self, sync: bool) -> Self {
                self.file.sync = sync;
                self
            }

            /// Reaches servers and stores through this [`Io`], with its credentials, instead of the shared one.
            pub fn io(mut self, io: &Io) -> Self {
                self.file.io = Some(io.clone());
                self
            }
        })*
    };
}
file_options!(GeoTiffOptions, CogOptions);

impl CogOptions {
    /// Which overviews there are.
    pub fn overviews(mut self, overviews: Overviews) -> Self {
        self.overviews = overviews;
        self
    }

    /// How overviews come from what they cover, each from the one before. By default `Nearest` for what may be classes,
    /// of which no mean is one: bool, a single band of 8 bits, and what has a colour map; else `Average`.
    pub fn resampling(mut self, resampling: Resampling) -> Self {
        self.resampling = Some(resampling);
        self
    }
}

impl From<GeoTiffOptions> for CogOptions {
    fn from(GeoTiffOptions { file }: GeoTiffOptions) -> Self {
        Self { file, ..Self::default() }
    }
}
