//! How a file will be written, with nothing left open: what options, dtype and the source's layout come to.

use std::fmt;

use swath_core::dtype::{DType, Scalar};
use swath_core::error::{Error, Result};
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Dim, check_addressable, visible};
use swath_core::sink::Layout;
use swath_core::text::counted;

use super::describe::Photometric;
use super::options::FileOptions;
use crate::codec::encode::{self, Scheme};
use crate::codec::{Compression, Predictor};
use crate::read::Interleave;

/// Rows and columns of a block where nobody said otherwise.
const BLOCK_DEFAULT: (usize, usize) = (512, 512);

/// Most bytes of a block's samples. Readers hold a whole block in memory, and libtiff's sizes of one are signed.
const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Shape and encoding of a GeoTIFF's blocks.
///
/// Two files of equal format, dtype and photometric interpretation have interchangeable blocks.
///
/// The layout of the file that pixels come from counts as a whole or not at all: where its blocks are no tiles or it cannot
/// be written without loss, blocks are of 512 × 512 pixels, Deflate, pixel-interleaved. Its predictor is taken over with
/// its compression and dtype, so that untouched blocks can be copied. The options win over both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Format {
    /// Rows and columns of a block.
    pub block: (usize, usize),
    /// Compression scheme.
    pub compression: Compression,
    /// Level of the compression, for a scheme that has levels.
    pub level: Option<i32>,
    /// The most that LERC may change a value; 0 for all others.
    pub max_error: f64,
    /// Predictor.
    pub predictor: Predictor,
    /// How the bands of a pixel lie in the file; `Pixel` where there is one band.
    pub interleave: Interleave,
    /// Count of bands.
    pub bands: usize,
    /// Type of the pixels; bool is written as u8, and as bits in a mask.
    pub dtype: DType,
    /// Whether it is that of a mask: a bit for each pixel.
    pub is_mask: bool,
}

impl Format {
    /// The format of a file for a raster of `meta` whose pixels come from a file of `layout`.
    ///
    /// # Errors
    /// `InvalidInput` where the raster cannot be a TIFF (more than one time, no pixel, too large) or the options
    /// contradict each other or the dtype.
    pub(super) fn resolve(meta: &Meta, layout: Option<Layout>, options: &FileOptions) -> Result<Self> {
        let bands = check_raster(meta)?;
        let base = Base::of(layout, bands, meta.dtype);
        let compression = options.compression.unwrap_or(base.compression);
        compression.check_writable()?;
        let is_rgb = options.description.photometric(bands, meta.dtype) == Photometric::RGB;
        let unsaid = if holds_colors(compression, bands, is_rgb) { Interleave::Pixel } else { base.interleave };
        let followed = base.predictor.filter(|_| compression == base.compression);
        let format = Self {
            block: options.block.unwrap_or(base.block),
            compression,
            level: resolve_level(compression, options.level)?,
            max_error: resolve_max_error(compression, options.max_error)?,
            predictor: resolve_predictor(compression, meta.dtype, options.predictor.or(followed))?,
            interleave: if bands == 1 { Interleave::Pixel } else { options.interleave.unwrap_or(unsaid) },
            bands,
            dtype: meta.dtype,
            is_mask: false,
        };
        format.check_block()?;
        format.check_image(is_rgb, options.description.color_map.is_some())?;
        // LERC's masks keep NaN whatever else may change.
        let stays =
            |nodata: Scalar| format.is_lossless() || compression == Compression::Lerc && nodata.to_f64().is_nan();
        if let Some(nodata) = meta.nodata.filter(|nodata| !stays(*nodata)) {
            return Err(Error::invalid(format!(
                "compression {compression} changes values, and with them which pixels are nodata ({nodata}): write a mask \
                 instead (without_nodata and with_mask, --mask), or use another compression"
            )));
        }
        Ok(format)
    }

    /// Bands that lie together in a block: all of them, or 1.
    pub const fn bands_per_block(&self) -> usize {
        match self.interleave {
            Interleave::Pixel => self.bands,
            Interleave::Band => 1,
        }
    }

    /// Bytes of a whole block before it is compressed.
    pub const fn block_bytes(&self) -> usize {
        let samples = self.block.0 * self.block.1 * self.bands_per_block();
        // Columns are multiples of 16.
        if self.is_mask { samples / 8 } else { samples * self.dtype.size() }
    }

    /// The most bytes that a compressed block can have.
    pub(super) fn block_bytes_max(&self) -> u64 {
        encode::bound(&self.scheme(), self.block_bytes()) as u64
    }

    /// How blocks are compressed.
    pub(super) const fn scheme(&self) -> Scheme {
        let Self { compression, level, max_error, dtype, block: (rows, columns), .. } = *self;
        Scheme { compression, level, max_error, dtype, rows, columns, bands: self.bands_per_block() }
    }

    /// Whether pixels come back as they were.
    pub fn is_lossless(&self) -> bool {
        encode::is_lossless(self.compression, self.level, self.max_error)
    }

    /// Whether red, green and blue are stored as luma and chroma.
    pub(super) fn is_ycbcr(&self) -> bool {
        // Three bands of other meaning are refused.
        self.compression == Compression::Jpeg && self.bands_per_block() == 3
    }

    /// That of a mask beside an image of this one: the image's codec where it is one for bytes, as GDAL does; but not none.
    pub(super) fn of_mask(&self) -> Self {
        let (compression, level) = match self.compression {
            compression if compression != Compression::None && compression.is_lossless() => (compression, self.level),
            _ => (Compression::Deflate, encode::default_level(Compression::Deflate)),
        };
        let (predictor, interleave) = (Predictor::None, Interleave::Pixel);
        Self {
            compression,
            level,
            max_error: 0.0,
            predictor,
            interleave,
            bands: 1,
            dtype: DType::Bool,
            is_mask: true,
            ..*self
        }
    }

    /// How blocks of this format are stored; none for bool, whose pixels no source has, and for codecs of images, whose
    /// blocks are not copied: they may need tables of their file.
    pub fn layout(&self) -> Option<Layout> {
        (self.dtype != DType::Bool && self.compression.is_lossless()).then_some(Layout {
            block: self.block,
            pixel_interleaved: self.interleave == Interleave::Pixel,
            compression: self.compression.tag(),
            predictor: self.predictor.tag(),
            dtype: self.dtype,
            little_endian: true,
        })
    }

    /// The grid of the blocks over the array, in the order of the file.
    pub fn blocks(&self, meta: &Meta) -> ChunkGrid {
        ChunkGrid::new(meta.shape, [1, self.bands_per_block(), self.block.0, self.block.1])
    }

    fn check_block(&self) -> Result<()> {
        let (rows, columns) = self.block;
        if !is_tile(self.block) {
            return Err(Error::invalid(format!(
                "blocks of {rows} × {columns} cannot be written: rows and columns must be multiples of 16"
            )));
        }
        match block_bytes(self.block, self.bands_per_block(), self.dtype) {
            Some(bytes) if bytes <= BLOCK_BYTES_MAX => Ok(()),
            _ => Err(Error::invalid(format!(
                "blocks of {rows} × {columns} pixels of {} {} are larger than 1 GiB: make them smaller",
                self.bands_per_block(),
                self.dtype
            ))),
        }
    }

    /// Checks what schemes for images ask of pixels.
    fn check_image(&self, is_rgb: bool, has_color_map: bool) -> Result<()> {
        let Self { compression, dtype, block: (rows, columns), .. } = *self;
        let bands = self.bands_per_block();
        let has_lerc = !matches!(dtype, DType::I64 | DType::U64);
        let (holds, advice, side_max) = match compression {
            Compression::Lerc if has_lerc => return Ok(()),
            Compression::Lerc => {
                return Err(Error::invalid(format!(
                    "compression LERC holds no {dtype}: cast it to a smaller dtype or use another compression"
                )));
            }
            Compression::Jpeg if bands == 1 => ("", "", 65_535),
            Compression::Jpeg => {
                ("one band, or red, green and blue", "interleave by band (--interleave band) or ", 65_535)
            }
            Compression::WebP if holds_colors(compression, self.bands, is_rgb) => {
                ("3 or 4 bands", "interleave by pixel (--interleave pixel) or ", 16_383)
            }
            Compression::WebP => ("3 or 4 bands", "", 16_383),
            _ => return Ok(()),
        };
        let fits = holds.is_empty() || holds_colors(compression, bands, is_rgb);
        let refused = if dtype != DType::U8 {
            format!("holds pixels of u8, not of {dtype}: cast them to u8 or use another compression")
        } else if has_color_map && !self.is_lossless() {
            "changes values, which would get other colours of the colour map: use another compression".to_owned()
        } else if !fits {
            let held = counted(bands as u64, "band");
            let kind = if bands == 3 { " of other colours" } else { "" };
            format!("holds {holds} in a block, not {held}{kind}: {advice}use another compression")
        } else if rows.max(columns) > side_max {
            format!("holds at most {side_max} rows and columns, not blocks of {rows} × {columns}: make them smaller")
        } else {
            return Ok(());
        };
        Err(Error::invalid(format!("compression {compression} {refused}")))
    }
}

/// Whether the bands of a pixel are colours that the scheme stores together.
fn holds_colors(compression: Compression, bands: usize, is_rgb: bool) -> bool {
    match compression {
        Compression::Jpeg => bands == 3 && is_rgb,
        Compression::WebP => matches!(bands, 3 | 4),
        _ => false,
    }
}

/// Count of bands of a raster that a TIFF can hold.
fn check_raster(meta: &Meta) -> Result<usize> {
    let [times, bands, rows, columns] = meta.shape;
    let shape = visible(meta.shape, meta.dims);
    if meta.shape.contains(&0) {
        return Err(Error::invalid(format!("an array of shape {shape:?} has no pixel to write")));
    }
    if times != 1 {
        return Err(Error::invalid(format!(
            "a GeoTIFF holds one {}, not {times}: select one, or write one file each",
            Dim::Time
        )));
    }
    let fits = bands <= usize::from(u16::MAX) && [rows, columns].iter().all(|side| u32::try_from(*side).is_ok());
    if !fits {
        return Err(Error::invalid(format!(
            "an array of shape {shape:?} is no TIFF: at most 65535 bands and 4294967295 rows and columns"
        )));
    }
    if let Some(grid) = &meta.grid
        && (grid.height, grid.width) != (rows, columns)
    {
        return Err(Error::invalid(format!(
            "the grid has {} × {} rows × columns, the array {rows} × {columns}",
            grid.height, grid.width
        )));
    }
    check_addressable(meta.shape, meta.dtype.size())?;
    Ok(bands)
}

/// What a format starts from: the source's layout, or the default.
struct Base {
    block: (usize, usize),
    interleave: Interleave,
    compression: Compression,
    /// The source's, where samples stay of its type.
    predictor: Option<Predictor>,
}

impl Base {
    const DEFAULT: Self = Self {
        block: BLOCK_DEFAULT,
        interleave: Interleave::Pixel,
        compression: Compression::Deflate,
        predictor: None,
    };

    fn of(layout: Option<Layout>, bands: usize, dtype: DType) -> Self {
        layout.and_then(|layout| Self::follow(&layout, bands, dtype)).unwrap_or(Self::DEFAULT)
    }

    fn follow(layout: &Layout, bands: usize, dtype: DType) -> Option<Self> {
        let together = if layout.pixel_interleaved { bands } else { 1 };
        let fits = is_tile(layout.block)
            && block_bytes(layout.block, together, dtype).is_some_and(|bytes| bytes <= BLOCK_BYTES_MAX);
        // What a lossy scheme has left of the pixels is not to lose more of itself unasked.
        let compression = Some(Compression::from_tag(layout.compression))
            .filter(|one| fits && one.is_lossless() && one.is_writable())?;
        Some(Self {
            block: layout.block,
            interleave: if layout.pixel_interleaved { Interleave::Pixel } else { Interleave::Band },
            compression,
            predictor: Predictor::from_tag(layout.predictor)
                .filter(|_| layout.dtype == dtype && compression != Compression::None),
        })
    }
}

const fn is_tile((rows, columns): (usize, usize)) -> bool {
    rows > 0 && columns > 0 && rows.is_multiple_of(16) && columns.is_multiple_of(16)
}

fn block_bytes((rows, columns): (usize, usize), bands: usize, dtype: DType) -> Option<usize> {
    rows.checked_mul(columns)?.checked_mul(bands)?.checked_mul(dtype.size())
}

fn resolve_level(compression: Compression, level: Option<i32>) -> Result<Option<i32>> {
    match (encode::levels(compression), level) {
        (_, None) => Ok(encode::default_level(compression)),
        (Some(levels), Some(level)) if levels.contains(&level) => Ok(Some(level)),
        (Some(levels), Some(level)) => Err(Error::invalid(format!(
            "level {level} is not one of {compression}, which has {} to {}",
            levels.start(),
            levels.end()
        ))),
        (None, Some(level)) => Err(Error::invalid(format!(
            "compression {compression} has no levels, but level {level} was asked for: name a compression that has"
        ))),
    }
}

fn resolve_max_error(compression: Compression, max_error: Option<f64>) -> Result<f64> {
    match max_error {
        None => Ok(0.0),
        Some(error) if compression != Compression::Lerc => {
            Err(Error::invalid(format!("a largest error ({error}) is for LERC, not for compression {compression}")))
        }
        Some(error) if error.is_finite() && error >= 0.0 => Ok(error),
        Some(error) => {
            Err(Error::invalid(format!("a largest error of {error} cannot be: it must be finite and at least 0")))
        }
    }
}

fn resolve_predictor(compression: Compression, dtype: DType, predictor: Option<Predictor>) -> Result<Predictor> {
    let Some(predictor) = predictor else {
        return Ok(match (compression, dtype) {
            (Compression::None | Compression::Jpeg | Compression::WebP | Compression::Lerc, _) | (_, DType::Bool) => {
                Predictor::None
            }
            (_, dtype) if dtype.is_float() => Predictor::FloatingPoint,
            _ => Predictor::Horizontal,
        });
    };
    let tag = predictor.tag();
    match predictor {
        Predictor::None => Ok(predictor),
        _ if compression == Compression::None => {
            Err(Error::invalid(format!("predictor {tag} needs a compression: samples are written as they are")))
        }
        _ if matches!(compression, Compression::Jpeg | Compression::WebP | Compression::Lerc) => {
            Err(Error::invalid(format!("{compression} knows no predictor, but {tag} was asked for: leave it at 1")))
        }
        Predictor::FloatingPoint if !dtype.is_float() => {
            Err(Error::invalid(format!("predictor {tag} is for f32 and f64, not for {dtype}: use predictor 2")))
        }
        _ => Ok(predictor),
    }
}

/// What a person reads of it in a plan.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} blocks", self.block.0, self.block.1)?;
        match self.compression {
            Compression::None => f.write_str(", uncompressed")?,
            compression => write!(f, ", {compression}")?,
        }
        if let Some(level) = self.level {
            write!(f, " level {level}")?;
        }
        if self.max_error > 0.0 {
            write!(f, " within {}", self.max_error)?;
        }
        if self.predictor != Predictor::None {
            write!(f, ", predictor {}", self.predictor.tag())?;
        }
        match self.interleave {
            _ if self.bands == 1 => Ok(()),
            Interleave::Pixel => f.write_str(", pixel interleave"),
            Interleave::Band => f.write_str(", band interleave"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use swath_core::shape::Dims;

    use super::*;
    use crate::write::GeoTiffOptions;

    const COG: Layout = Layout {
        block: (1024, 1024),
        pixel_interleaved: false,
        compression: 50000,
        predictor: 2,
        dtype: DType::U8,
        little_endian: true,
    };

    fn meta(dtype: DType) -> Meta {
        Meta::new(Dims::BYX, [1, 3, 100, 200], dtype)
    }

    fn check(dtype: DType, layout: Option<Layout>, options: GeoTiffOptions, expected: Expect) {
        let text = match Format::resolve(&meta(dtype), layout, &options.file) {
            Ok(format) => format.to_string(),
            Err(error) => format!("{error:?}"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn the_layout_of_the_source_is_followed_as_a_whole_or_not_at_all() {
        let new = GeoTiffOptions::new;
        let default = expect!["512 × 512 blocks, DEFLATE level 4, predictor 2, pixel interleave"];
        check(DType::U8, None, new(), default);
        check(DType::U8, Some(COG), new(), expect!["1024 × 1024 blocks, ZSTD level 9, predictor 2, band interleave"]);
        let jpeg = Layout { compression: 7, ..COG };
        check(
            DType::U8,
            Some(jpeg),
            new(),
            expect!["512 × 512 blocks, DEFLATE level 4, predictor 2, pixel interleave"],
        );
        let strips = Layout { block: (1, 200), ..COG };
        check(
            DType::U8,
            Some(strips),
            new(),
            expect!["512 × 512 blocks, DEFLATE level 4, predictor 2, pixel interleave"],
        );
        let huge = Layout { block: (1 << 20, 1 << 20), ..COG };
        check(
            DType::U8,
            Some(huge),
            new(),
            expect!["512 × 512 blocks, DEFLATE level 4, predictor 2, pixel interleave"],
        );
        let unpredicted = Layout { predictor: 1, ..COG };
        check(DType::U8, Some(unpredicted), new(), expect!["1024 × 1024 blocks, ZSTD level 9, band interleave"]);
        let wider = expect!["1024 × 1024 blocks, ZSTD level 9, predictor 2, band interleave"];
        check(DType::U16, Some(unpredicted), new(), wider);
        let plain = Layout { compression: 1, ..COG };
        check(DType::U8, Some(plain), new(), expect!["1024 × 1024 blocks, uncompressed, band interleave"]);
    }

    #[test]
    fn options_win_over_the_layout_of_the_source() {
        let options = GeoTiffOptions::new()
            .compression(Compression::Lzw)
            .interleave(Interleave::Pixel)
            .predictor(Predictor::None);
        check(DType::U8, Some(COG), options, expect!["1024 × 1024 blocks, LZW, pixel interleave"]);
        let options = GeoTiffOptions::new().block(16, 32).level(1);
        check(DType::F32, Some(COG), options, expect!["16 × 32 blocks, ZSTD level 1, predictor 3, band interleave"]);
        let expected = expect!["512 × 512 blocks, DEFLATE level 4, pixel interleave"];
        check(DType::Bool, None, GeoTiffOptions::new(), expected);
    }

    #[test]
    fn options_that_contradict_each_other_or_the_dtype_are_errors() {
        let new = GeoTiffOptions::new;
        let bad = |dtype, options, expected| check(dtype, None, options, expected);
        bad(
            DType::U8,
            new().block(100, 512),
            expect!["InvalidInput: blocks of 100 × 512 cannot be written: rows and columns must be multiples of 16"],
        );
        bad(
            DType::U8,
            new().block(0, 16),
            expect!["InvalidInput: blocks of 0 × 16 cannot be written: rows and columns must be multiples of 16"],
        );
        bad(
            DType::U64,
            new().block(1 << 16, 1 << 14),
            expect!["InvalidInput: blocks of 65536 × 16384 pixels of 3 u64 are larger than 1 GiB: make them smaller"],
        );
        bad(DType::U8, new().level(13), expect!["InvalidInput: level 13 is not one of DEFLATE, which has 1 to 12"]);
        bad(
            DType::U8,
            new().compression(Compression::Zstd).level(0),
            expect!["InvalidInput: level 0 is not one of ZSTD, which has 1 to 22"],
        );
        bad(
            DType::U8,
            new().compression(Compression::Lzw).level(1),
            expect![
                "InvalidInput: compression LZW has no levels, but level 1 was asked for: name a compression that has"
            ],
        );
        bad(
            DType::U8,
            new().predictor(Predictor::FloatingPoint),
            expect!["InvalidInput: predictor 3 is for f32 and f64, not for u8: use predictor 2"],
        );
        bad(
            DType::U8,
            new().compression(Compression::None).predictor(Predictor::Horizontal),
            expect!["InvalidInput: predictor 2 needs a compression: samples are written as they are"],
        );
    }

    #[cfg(not(feature = "jpeg"))]
    #[test]
    fn a_codec_that_the_build_lacks_is_an_error_that_names_its_feature() {
        check(
            DType::U8,
            None,
            GeoTiffOptions::new().compression(Compression::Jpeg),
            expect!["Unsupported: compression JPEG (7) needs the feature jpeg, which this build lacks"],
        );
    }

    #[test]
    fn an_array_that_is_no_tiff_is_an_error() {
        let check = |dims, shape, expected: Expect| {
            let error = Format::resolve(&Meta::new(dims, shape, DType::U8), None, &FileOptions::default()).unwrap_err();
            expected.assert_eq(&format!("{error:?}"));
        };
        check(
            Dims::TBYX,
            [2, 1, 4, 4],
            expect!["InvalidInput: a GeoTIFF holds one time, not 2: select one, or write one file each"],
        );
        check(Dims::YX, [1, 1, 0, 4], expect!["InvalidInput: an array of shape [0, 4] has no pixel to write"]);
        check(
            Dims::BYX,
            [1, 70_000, 4, 4],
            expect![
                "InvalidInput: an array of shape [70000, 4, 4] is no TIFF: at most 65535 bands and 4294967295 rows and columns"
            ],
        );
    }
}
