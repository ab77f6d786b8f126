//! What a codec is told of a block.

use super::Compression;

/// What the bits of a sample are (tag 339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SampleFormat {
    /// Unsigned integers (1), and what a file leaves undefined (4).
    #[default]
    Unsigned,
    /// Integers in two's complement (2).
    Signed,
    /// IEEE floats (3).
    Float,
    /// Two signed integers, real and imaginary (5).
    ComplexSigned,
    /// Two IEEE floats, real and imaginary (6).
    ComplexFloat,
}

impl SampleFormat {
    /// The format of a tag value.
    pub const fn from_tag(tag: u64) -> Option<Self> {
        Some(match tag {
            1 | 4 => Self::Unsigned,
            2 => Self::Signed,
            3 => Self::Float,
            5 => Self::ComplexSigned,
            6 => Self::ComplexFloat,
            _ => return None,
        })
    }

    /// Whether a sample is two numbers.
    pub const fn is_complex(self) -> bool {
        matches!(self, Self::ComplexSigned | Self::ComplexFloat)
    }
}

/// Tags that are of use to one codec each; empty or 0 where absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecTags {
    /// Tables that the blocks of a JPEG file share, a stream of their own (347).
    pub jpeg_tables: Vec<u8>,
    /// Options of CCITT T.4: bit 0 two-dimensional, bit 1 uncompressed mode, bit 2 fill bits before ends of lines (292).
    pub t4_options: u32,
    /// Options of CCITT T.6: bit 1 uncompressed mode (293).
    pub t6_options: u32,
    /// Version of LERC, and what its blobs are compressed with: 0 nothing, 1 Deflate, 2 ZSTD (50674).
    pub lerc_parameters: Vec<u32>,
}

/// A compressed block: how many pixels it has, and how they lie once it is decompressed.
///
/// Decompressed, a block is what an uncompressed TIFF would hold: rows from the top, each of [`columns`](Self::columns)
/// pixels of [`samples`](Self::samples) samples, samples in the byte order of the file, those that are no whole bytes
/// packed from the most significant bit on, rows padded to whole bytes. A predictor is still to be undone.
#[derive(Debug, Clone, Copy)]
pub struct BlockSpec<'a> {
    /// Compression scheme.
    pub compression: Compression,
    /// Rows that are stored: padding of a tile included, the last strip cut.
    pub rows: usize,
    /// Rows of them that the image has. A stream may end behind them, as GDAL asks for no more.
    pub rows_needed: usize,
    /// Columns that are stored: padding of a tile included.
    pub columns: usize,
    /// Samples that a pixel has in this block: all of them, or one where bands lie apart.
    pub samples: usize,
    /// Bits of a sample.
    pub bits: u32,
    /// What they are.
    pub format: SampleFormat,
    /// Meaning of the samples (tag 262): 2 RGB, 6 YCbCr and so on.
    pub photometric: u64,
    /// Whether samples have their least significant byte first.
    pub little_endian: bool,
    /// Tags of the codec.
    pub tags: &'a CodecTags,
}

impl BlockSpec<'_> {
    /// Bytes of a decompressed row.
    pub const fn row_bytes(&self) -> usize {
        (self.columns * self.samples * self.bits as usize).div_ceil(8)
    }

    /// Bytes of the decompressed block. Reading has checked that they can be counted, and are at most 2 GiB.
    pub const fn bytes(&self) -> usize {
        self.rows * self.row_bytes()
    }
}
