//! What can be told of a file without its pixels.

use swath_core::dtype::{DType, Scalar};
use swath_core::grid::{Affine, Crs};
use swath_core::shape::{Dims, Shape};

use crate::codec::{Compression, Predictor, SampleFormat};

/// How the bands of a pixel lie in a file; GDAL's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interleave {
    /// All bands of a pixel together.
    Pixel,
    /// Each band in blocks of its own; also of a file with one band.
    Band,
}

impl Interleave {
    /// `PIXEL` or `BAND`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pixel => "PIXEL",
            Self::Band => "BAND",
        }
    }
}

/// One overview of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewInfo {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Rows and columns of a block; none where this build cannot decode the overview.
    pub block: Option<(usize, usize)>,
    /// Pixel width and height in CRS units.
    pub resolution: Option<(f64, f64)>,
}

/// What `swath info` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// URI as the user wrote it.
    pub uri: String,
    /// Bytes of the file.
    pub file_size: u64,
    /// Requests that opening took; 0 for a local file.
    pub requests: u32,
    /// Whether offsets have 64 bits.
    pub big_tiff: bool,
    /// Whether samples have their least significant byte first.
    pub little_endian: bool,
    /// Axes of the raster: Band, Y, X.
    pub dims: Dims,
    /// Lengths of Time (1), Band, Y, X.
    pub shape: Shape,
    /// Type of its pixels.
    pub dtype: DType,
    /// Bits of a sample in the file: fewer than the dtype's where samples are widened; those of both parts of a complex
    /// one, which gives two bands.
    pub bits: u32,
    /// What a sample is in the file.
    pub sample_format: SampleFormat,
    /// Coordinate reference system, if the file names one; also of a file without transform.
    pub crs: Option<Crs>,
    /// Pixel corners to CRS coordinates.
    pub affine: Option<Affine>,
    /// Left, bottom, right, top.
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// Pixel width and height.
    pub resolution: Option<(f64, f64)>,
    /// Whether the file's own coordinates name the middle of a pixel (PixelIsPoint).
    pub pixel_is_point: bool,
    /// Nodata, where the dtype holds it.
    pub nodata: Option<Scalar>,
    /// The nodata tag as it is, also where the dtype cannot hold it.
    pub nodata_text: Option<String>,
    /// Whether blocks are tiles, not strips.
    pub tiled: bool,
    /// Rows and columns of a block.
    pub block: (usize, usize),
    /// How bands lie in it.
    pub interleave: Interleave,
    /// Compression scheme.
    pub compression: Compression,
    /// TIFF's number of the compression scheme.
    pub compression_tag: u16,
    /// Predictor.
    pub predictor: Predictor,
    /// Meaning of the samples (tag 262).
    pub photometric: u64,
    /// Meaning of the samples beyond those (tag 338); 1 and 2 are alpha.
    pub extra_samples: Vec<u64>,
    /// Whether the file has a color map.
    pub has_color_map: bool,
    /// Mask images in the file; they are not read.
    pub masks: usize,
    /// Further images in the file that are neither overviews nor masks; they are not read.
    pub pages: usize,
    /// Blocks of the full resolution, and how many of them are sparse.
    pub blocks: (usize, usize),
    /// Overviews, largest first.
    pub overviews: Vec<OverviewInfo>,
    /// Bands, rows and columns of a chunk where none are asked for.
    pub suggested_chunks: [usize; 3],
    /// GDAL_METADATA, XML.
    pub gdal_metadata: Option<String>,
}

impl Info {
    /// The dtype, and what the file has where that is something else: `f32 (floats of 16 bits in the file)`.
    pub fn dtype_text(&self) -> String {
        let Self { dtype, bits, sample_format, .. } = self;
        let own = bits / if sample_format.is_complex() { 2 } else { 1 };
        match sample_format {
            SampleFormat::ComplexSigned | SampleFormat::ComplexFloat => {
                format!("{dtype} (complex in the file: each band is a real part, then an imaginary part)")
            }
            SampleFormat::Float if own as usize != 8 * dtype.size() => {
                format!("{dtype} (floats of {own} bits in the file)")
            }
            _ if own as usize != 8 * dtype.size() => format!("{dtype} ({own} bits in the file)"),
            _ => dtype.to_string(),
        }
    }

    /// Name of the photometric interpretation, as TIFF's specification calls it.
    pub const fn photometric_name(&self) -> &'static str {
        match self.photometric {
            0 => "MinIsWhite",
            1 => "MinIsBlack",
            2 => "RGB",
            3 => "Palette",
            4 => "Mask",
            5 => "CMYK",
            6 => "YCbCr",
            _ => "unknown",
        }
    }
}
