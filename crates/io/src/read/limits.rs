//! How much of a file is believed.

use swath_core::error::{Error, Result};

use super::header::Image;
use super::level::Level;
use crate::codec::Codecs;

/// The most that a file may ask for before it is refused. Whatever these are, nothing is allocated that the size of the
/// file cannot justify, and loops between directories end.
///
/// ```
/// use swath_io::read::Limits;
/// let careful = Limits { directories: 32, block_bytes: 64 << 20, ..Limits::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Directories of a file: 4096. Pages of a scanned book are thousands at most.
    pub directories: usize,
    /// Entries of a directory: 4096, as in libtiff. Files in use have 30.
    pub entries: u64,
    /// Sub-directories of an image that are looked at; those beyond are not: 64.
    pub sub_directories: usize,
    /// Bytes of all tags together, offsets and byte counts of blocks among them: 1 GiB, enough for the index of 60
    /// million blocks.
    pub tag_bytes: u64,
    /// Columns or rows of an image: 2³¹ - 1, as in GDAL. More is never possible.
    pub side: u64,
    /// Bands of an image: 65535, as many as TIFF can count.
    pub bands: u64,
    /// Bytes of a decoded block: 2³¹ - 1. More is never possible.
    pub block_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            directories: 4096,
            entries: 4096,
            sub_directories: 64,
            tag_bytes: 1 << 30,
            side: i32::MAX as u64,
            bands: u16::MAX.into(),
            block_bytes: i32::MAX as u64,
        }
    }
}

impl Limits {
    /// `image` of a file of `file_size` bytes as a level, within these limits; messages are to follow
    /// `cannot open URI: `.
    pub(super) fn level(&self, image: &Image, little_endian: bool, file_size: u64, codecs: &Codecs) -> Result<Level> {
        let Image { width, height, samples, .. } = image;
        if *width.max(height) > self.side {
            return Err(Error::unsupported(format!(
                "an image of {width} × {height} pixels is beyond the limit of {} a side",
                self.side
            )));
        }
        if *samples > self.bands {
            return Err(Error::unsupported(format!("{samples} bands are beyond the limit of {}", self.bands)));
        }
        let level = Level::new(image, little_endian, file_size, codecs)?;
        let bytes = level.block_bytes() as u64;
        if bytes > self.block_bytes {
            return Err(Error::unsupported(format!(
                "blocks of {bytes} bytes are beyond the limit of {}",
                self.block_bytes
            )));
        }
        Ok(level)
    }
}
