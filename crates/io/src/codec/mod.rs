//! Bytes to samples and back: compression schemes and predictors; synchronous, without files.

pub mod decode;
pub mod encode;
pub mod predictor;

use std::fmt;

/// A TIFF compression scheme that this build reads and writes (tag 259).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Samples as they are (1).
    None,
    /// LZW with TIFF's early code change (5).
    Lzw,
    /// zlib streams (8, and 32946 of old files).
    Deflate,
    /// Zstandard frames (50000, a GDAL and libtiff convention).
    Zstd,
}

impl Compression {
    /// The scheme of a tag value, if this build has it.
    pub const fn from_tag(tag: u16) -> Option<Self> {
        Some(match tag {
            1 => Self::None,
            5 => Self::Lzw,
            8 | 32946 => Self::Deflate,
            50000 => Self::Zstd,
            _ => return None,
        })
    }

    /// The tag value written for it.
    pub const fn tag(self) -> u16 {
        match self {
            Self::None => 1,
            Self::Lzw => 5,
            Self::Deflate => 8,
            Self::Zstd => 50000,
        }
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
            32773 => "PACKBITS",
            34712 => "JPEG2000",
            34887 => "LERC",
            34925 => "LZMA",
            50000 => "ZSTD",
            50001 => "WEBP",
            50002 => "JXL",
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
