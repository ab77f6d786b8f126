//! Bytes to samples and back: compression schemes and predictors; synchronous, without files.

mod block;
pub mod decode;
pub mod encode;
mod half;
pub mod predictor;
mod registry;
pub(crate) mod scratch;

use std::fmt;

use swath_core::error::{Error, Result};

pub use block::{BlockSpec, CodecTags, SampleFormat};
pub use registry::{BlockCodec, Codecs};

/// A TIFF compression scheme (tag 259).
///
/// Which of them a build reads depends on its features, see [`feature`](Self::feature); it writes those that
/// [`is_writable`](Self::is_writable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Samples as they are (1).
    None,
    /// CCITT modified Huffman runs, rows padded to bytes (2).
    CcittRle,
    /// CCITT T.4, group 3 fax (3).
    CcittFax3,
    /// CCITT T.6, group 4 fax (4).
    CcittFax4,
    /// CCITT modified Huffman runs, rows padded to 16-bit words (32771).
    CcittRleWords,
    /// LZW with TIFF's early code change (5).
    Lzw,
    /// JPEG streams, with tables of their own or shared ones (7).
    Jpeg,
    /// zlib streams (8, and 32946 of old files).
    Deflate,
    /// Runs of bytes, as on a Macintosh (32773).
    PackBits,
    /// LERC blobs of Esri (34887, a GDAL and libtiff convention).
    Lerc,
    /// xz streams (34925, a GDAL and libtiff convention).
    Lzma,
    /// Zstandard frames (50000, a GDAL and libtiff convention).
    Zstd,
    /// WebP images (50001, a GDAL and libtiff convention).
    WebP,
    /// A number that only a codec which a program adds can read, see [`Codecs`].
    Other(u16),
}

impl Compression {
    /// The scheme of a tag value, whether or not this build reads it.
    pub const fn from_tag(tag: u16) -> Self {
        match tag {
            1 => Self::None,
            2 => Self::CcittRle,
            3 => Self::CcittFax3,
            4 => Self::CcittFax4,
            5 => Self::Lzw,
            7 => Self::Jpeg,
            8 | 32946 => Self::Deflate,
            32771 => Self::CcittRleWords,
            32773 => Self::PackBits,
            34887 => Self::Lerc,
            34925 => Self::Lzma,
            50000 => Self::Zstd,
            50001 => Self::WebP,
            other => Self::Other(other),
        }
    }

    /// The tag value written for it.
    pub const fn tag(self) -> u16 {
        match self {
            Self::None => 1,
            Self::CcittRle => 2,
            Self::CcittFax3 => 3,
            Self::CcittFax4 => 4,
            Self::Lzw => 5,
            Self::Jpeg => 7,
            Self::Deflate => 8,
            Self::CcittRleWords => 32771,
            Self::PackBits => 32773,
            Self::Lerc => 34887,
            Self::Lzma => 34925,
            Self::Zstd => 50000,
            Self::WebP => 50001,
            Self::Other(tag) => tag,
        }
    }

    /// The feature of swath-io (and of swath) that reads and writes it, where it is not always there.
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::CcittRle | Self::CcittFax3 | Self::CcittFax4 | Self::CcittRleWords => Some("ccitt"),
            Self::Jpeg => Some("jpeg"),
            Self::Lerc => Some("lerc"),
            Self::Lzma => Some("lzma"),
            Self::WebP => Some("webp"),
            Self::None | Self::Lzw | Self::Deflate | Self::PackBits | Self::Zstd | Self::Other(_) => None,
        }
    }

    /// Whether this build reads it.
    pub const fn is_readable(self) -> bool {
        match self {
            Self::CcittRle | Self::CcittFax3 | Self::CcittFax4 | Self::CcittRleWords => cfg!(feature = "ccitt"),
            Self::Jpeg => cfg!(feature = "jpeg"),
            Self::Lerc => cfg!(feature = "lerc"),
            Self::Lzma => cfg!(feature = "lzma"),
            Self::WebP => cfg!(feature = "webp"),
            Self::None | Self::Lzw | Self::Deflate | Self::PackBits | Self::Zstd => true,
            Self::Other(_) => false,
        }
    }

    /// Whether this build writes it.
    pub const fn is_writable(self) -> bool {
        // A feature reads and writes its codec.
        matches!(self, Self::None | Self::Lzw | Self::Deflate | Self::Zstd | Self::Jpeg | Self::WebP | Self::Lerc)
            && self.is_readable()
    }

    /// Whether pixels come back as they were, whatever else is said. Of WebP and LERC options decide that, and no file
    /// tells what was said when it was written.
    pub const fn is_lossless(self) -> bool {
        !matches!(self, Self::Jpeg | Self::WebP | Self::Lerc | Self::Other(_))
    }

    /// Fails where this build does not write the scheme.
    pub(crate) fn check_writable(self) -> Result<()> {
        if self.is_writable() {
            return Ok(());
        }
        let tag = self.tag();
        Err(match (self, self.feature()) {
            (Self::Jpeg | Self::WebP | Self::Lerc, Some(feature)) => {
                Error::unsupported(self.lacks(tag.into(), feature))
            }
            _ => Error::invalid(format!(
                "compression {self} ({tag}) is read, but not written: use none, LZW, Deflate, ZSTD, JPEG, WebP or LERC"
            )),
        })
    }

    /// Fails where this build does not read the scheme of tag value `tag`.
    pub(crate) fn check_readable(self, tag: u64) -> Result<()> {
        if self.is_readable() {
            return Ok(());
        }
        Err(Error::unsupported(match self.feature() {
            Some(feature) => self.lacks(tag, feature),
            None => {
                format!("compression {self} ({tag}) is not supported: a codec for it can be added by IoOptions::codecs")
            }
        }))
    }

    fn lacks(self, tag: u64, feature: &str) -> String {
        format!("compression {self} ({tag}) needs the feature {feature}, which this build lacks")
    }

    /// GDAL's name of any TIFF compression tag, known to this build or not.
    pub const fn tag_name(tag: u16) -> &'static str {
        match tag {
            1 => "NONE",
            2 => "CCITTRLE",
            3 => "CCITTFAX3",
            4 => "CCITTFAX4",
            5 => "LZW",
            6 => "old-style JPEG",
            7 => "JPEG",
            8 | 32946 => "DEFLATE",
            9 | 10 => "JBIG",
            32766 => "NeXT",
            32771 => "CCITTRLEW",
            32773 => "PACKBITS",
            32809 => "ThunderScan",
            32908 => "Pixar film",
            32909 => "PIXARLOG",
            34661 => "JBIG",
            34676 => "SGILOG",
            34677 => "SGILOG24",
            34712 => "JPEG2000",
            34887 => "LERC",
            34892 => "lossy JPEG of DNG",
            34925 => "LZMA",
            50000 => "ZSTD",
            50001 => "WEBP",
            50002 | 52546 => "JXL",
            _ => "unknown",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::tag_name(self.tag()))
    }
}

/// What was done to samples before they were compressed (tag 317).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Predictor {
    /// Nothing (1).
    #[default]
    None,
    /// Difference to the sample left of it in the same band (2).
    Horizontal,
    /// Bytes of a row regrouped by significance, then differenced (3).
    FloatingPoint,
}

impl Predictor {
    /// The predictor of a tag value.
    pub const fn from_tag(tag: u16) -> Option<Self> {
        Some(match tag {
            1 => Self::None,
            2 => Self::Horizontal,
            3 => Self::FloatingPoint,
            _ => return None,
        })
    }

    /// The tag value.
    pub const fn tag(self) -> u16 {
        match self {
            Self::None => 1,
            Self::Horizontal => 2,
            Self::FloatingPoint => 3,
        }
    }
}
