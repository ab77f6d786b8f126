//! What a caller may ask of a GeoTIFF; what is left open is decided by [`Format`](super::Format).

use crate::codec::{Compression, Predictor};
use crate::read::Interleave;

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
    pub(super) block: Option<(usize, usize)>,
    pub(super) compression: Option<Compression>,
    pub(super) level: Option<i32>,
    pub(super) predictor: Option<Predictor>,
    pub(super) interleave: Option<Interleave>,
    pub(super) big_tiff: BigTiff,
    pub(super) sync: bool,
}

impl GeoTiffOptions {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows and columns of a block; multiples of 16.
    pub fn block(mut self, rows: usize, columns: usize) -> Self {
        self.block = Some((rows, columns));
        self
    }

    /// The compression scheme.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// The level of the compression: 1 to 12 for Deflate (6 by default), 1 to 22 for ZSTD (9 by default).
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// The predictor; by default horizontal for integers and floating point for floats, where there is a compression.
    pub fn predictor(mut self, predictor: Predictor) -> Self {
        self.predictor = Some(predictor);
        self
    }

    /// How the bands of a pixel lie in the file.
    pub fn interleave(mut self, interleave: Interleave) -> Self {
        self.interleave = Some(interleave);
        self
    }

    /// When the file has 64-bit offsets.
    pub fn big_tiff(mut self, big_tiff: BigTiff) -> Self {
        self.big_tiff = big_tiff;
        self
    }

    /// Whether file and directory are flushed to the disk before the output counts as written, so that it survives a
    /// loss of power; off by default.
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }
}
