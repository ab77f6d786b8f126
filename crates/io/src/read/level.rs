//! One level of a file, checked: after this, arithmetic on its numbers cannot overflow and its blocks can be addressed.

use std::ops::Range;
use std::sync::Arc;

use swath_core::dtype::DType;
use swath_core::error::{Error, Result};
use swath_core::shape::{ChunkGrid, Shape, check_addressable};

use super::header::Image;
use super::samples::{Samples, Stored};
use crate::codec::{BlockCodec, BlockSpec, CodecTags, Codecs, Compression, Predictor, SampleFormat};

/// The most bytes of one decoded block; libtiff's limit too.
const BLOCK_BYTES_MAX: usize = i32::MAX as usize;
/// The most bands of a file.
const BANDS_MAX: u64 = u16::MAX as u64;

/// An image whose blocks this build can decode.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bands that it gives: one for each sample of a pixel, two for complex ones.
    pub(super) bands: usize,
    pub(super) dtype: DType,
    pub(super) samples: Samples,
    pub(super) compression: Compression,
    pub(super) compression_tag: u16,
    /// The codec that a program added for its compression.
    pub(super) added: Option<Arc<dyn BlockCodec>>,
    pub(super) predictor: Predictor,
    /// Whether the bits of its bytes are in the other order, and no codec puts them right.
    pub(super) reversed: bool,
    pub(super) photometric: u64,
    tags: Arc<CodecTags>,
    pub(super) little_endian: bool,
    /// Whether each band has blocks of its own.
    pub(super) planar: bool,
    pub(super) tiled: bool,
    pub(super) block_rows: usize,
    pub(super) block_columns: usize,
    /// Both empty where all blocks are sparse.
    offsets: Vec<u64>,
    /// Empty where the file does not say.
    counts: Vec<u64>,
    file_size: u64,
}

/// Byte counts beyond this are compared with what the block can need.
const COUNT_DOUBTED: u64 = 1 << 20;

impl Level {
    /// Checks `image`, of a file of `file_size` bytes; messages are to follow `cannot open URI: `.
    pub(super) fn new(image: &Image, little_endian: bool, file_size: u64, codecs: &Codecs) -> Result<Self> {
        let samples = Samples::of(image)?;
        let dtype = samples.dtype;
        let compression_tag = u16::try_from(image.compression).unwrap_or(0);
        let compression = Compression::from_tag(compression_tag);
        let added = codecs.get(compression_tag).cloned();
        if added.is_none() {
            compression.check_readable(image.compression)?;
        }
        let predictor = predictor(image, compression, &samples)?;
        check_colors(image, compression)?;
        let (width, height) = (length(image.width, "columns")?, length(image.height, "rows")?);
        if !(1..=BANDS_MAX).contains(&image.samples) {
            return Err(Error::corrupt(format!("it claims {} bands", image.samples)));
        }
        let bands = image.samples as usize * samples.parts;
        let planar = match image.planar {
            1 => false,
            2 => true,
            other => return Err(Error::corrupt(format!("its planar configuration is {other}"))),
        };
        let (block_columns, block_rows) = match image.tile {
            Some((columns, rows)) => (length(columns, "columns of a tile")?, length(rows, "rows of a tile")?),
            None => (width, length(image.rows_per_strip.min(height as u64), "rows of a strip")?),
        };
        check_addressable([1, bands, height, width], dtype.size()).map_err(|_| {
            Error::corrupt(format!("an image of {width} × {height} pixels and {bands} bands cannot be addressed"))
        })?;
        let level = Self {
            width,
            height,
            bands,
            dtype,
            samples,
            compression,
            compression_tag,
            added,
            predictor,
            // As libtiff: a JPEG stream is never reversed, all others are.
            reversed: image.fill_order == 2 && compression != Compression::Jpeg,
            photometric: image.photometric,
            tags: Arc::new(image.codec.clone()),
            little_endian,
            planar: planar && image.samples > 1,
            tiled: image.tile.is_some(),
            block_rows,
            block_columns,
            offsets: image.offsets.clone(),
            counts: image.counts.clone(),
            file_size,
        };
        level.check_blocks()?;
        Ok(level)
    }

    fn check_blocks(&self) -> Result<()> {
        let [_, bands, rows, columns] = self.block_shape();
        // A packed sample takes no more bits than the pixel that it becomes.
        let size = self.dtype.size().max(self.samples.bits as usize / self.samples.parts / 8);
        let bytes = [bands, rows, columns].iter().try_fold(size, |bytes, length| bytes.checked_mul(*length));
        if bytes.is_none_or(|bytes| bytes > BLOCK_BYTES_MAX) {
            return Err(Error::unsupported(format!(
                "blocks of {rows} × {columns} pixels and {bands} bands are larger than {BLOCK_BYTES_MAX} bytes"
            )));
        }
        let counts = self.blocks().counts();
        let blocks = counts.iter().try_fold(1_usize, |count, length| count.checked_mul(*length));
        let all_sparse = self.tiled && self.offsets.is_empty() && self.counts.is_empty();
        let complete = |len: usize| blocks.is_some_and(|blocks| len >= blocks);
        let estimable = self.compression == Compression::None || self.is_one_strip();
        let counted = complete(self.counts.len()) || self.counts.is_empty() && estimable;
        if all_sparse || complete(self.offsets.len()) && counted {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "its index has {} offsets and {} byte counts for {} blocks",
            self.offsets.len(),
            self.counts.len(),
            blocks.map_or("uncountable".to_owned(), |blocks| blocks.to_string()),
        )))
    }

    /// Lengths of the image's axes.
    pub(super) const fn shape(&self) -> Shape {
        [1, self.bands, self.height, self.width]
    }

    /// Lengths of a block's axes; edge blocks are cut to the image.
    pub(super) const fn block_shape(&self) -> Shape {
        let bands = if self.planar { self.samples.parts } else { self.bands };
        [1, bands, self.block_rows, self.block_columns]
    }

    /// The grid of blocks: numbered as TIFF numbers them, planes one after the other.
    pub(super) fn blocks(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape(), self.block_shape())
    }

    /// Rows that are stored for a block: tiles are padded to their full height, the last strip is not.
    pub(super) fn stored_rows(&self, block: usize) -> usize {
        match self.tiled {
            true => self.block_rows,
            false => self.blocks().region(block).shape[2],
        }
    }

    /// What a codec is told of a block.
    pub(super) fn spec(&self, block: usize) -> BlockSpec<'_> {
        let [_, bands, _, columns] = self.block_shape();
        let Samples { bits, format, parts, .. } = self.samples;
        BlockSpec {
            compression: self.compression,
            rows: self.stored_rows(block),
            rows_needed: self.blocks().region(block).shape[2],
            columns,
            samples: bands / parts,
            bits,
            format,
            photometric: self.photometric,
            little_endian: self.little_endian,
            tags: &self.tags,
        }
    }

    /// Bytes of a decompressed block as it is stored.
    pub(super) fn stored_bytes(&self, block: usize) -> usize {
        self.spec(block).bytes()
    }

    /// Bytes of the largest decompressed block.
    pub(super) fn block_bytes(&self) -> usize {
        BlockSpec { rows: self.block_rows, ..self.spec(0) }.bytes()
    }

    /// Whether the file holds pixels as blocks of a file that swath writes may hold them.
    pub(super) fn is_plain(&self) -> bool {
        let Samples { stored, parts, .. } = self.samples;
        // A predictor of complex samples works on both parts at once, others on each.
        stored == Stored::Whole
            && parts == 1
            && !self.reversed
            && self.added.is_none()
            && self.compression.is_lossless()
            && self.compression.is_writable()
    }

    /// Where a block's bytes lie; none for a sparse block.
    pub(super) fn range(&self, block: usize) -> Result<Option<Range<u64>>> {
        let offset = self.offsets.get(block).copied().unwrap_or(0);
        let stored = self.stored_bytes(block) as u64;
        let count = match self.counts.get(block) {
            Some(count) => self.believable(*count, offset, stored),
            None if !self.counts.is_empty() => 0,
            None if self.compression == Compression::None => stored,
            // One strip: others were refused.
            None => self.file_size.saturating_sub(offset),
        };
        if offset == 0 || count == 0 {
            return Ok(None);
        }
        match offset.checked_add(count).filter(|end| *end <= self.file_size) {
            Some(end) => Ok(Some(offset..end)),
            None => Err(Error::corrupt(format!(
                "bytes {offset}..{} lie beyond the end of the file ({} bytes)",
                offset.saturating_add(count),
                self.file_size
            ))),
        }
    }

    /// The bytes that a block takes, where its index says `count`: as libtiff, which mends what is wrong with a file's only
    /// strip, and does not believe that many bytes are compressed to more.
    fn believable(&self, count: u64, offset: u64, stored: u64) -> u64 {
        let plain = self.compression == Compression::None;
        let rest = self.file_size.saturating_sub(offset);
        if self.is_one_strip() && (count == 0 || plain && (count < stored || count > rest)) {
            return if plain { stored.min(rest) } else { rest };
        }
        let most = stored.saturating_mul(10).saturating_add(4096);
        if !plain && count > COUNT_DOUBTED { count.min(most) } else { count }
    }

    /// Whether all pixels are one strip.
    fn is_one_strip(&self) -> bool {
        !self.tiled && self.blocks().len() == 1
    }

    /// Whether the stored bytes of a block are those that any file of its layout could hold.
    pub(super) fn is_portable(&self, block: usize, stored: &[u8]) -> bool {
        match self.compression {
            _ if !self.is_plain() => false,
            Compression::None => stored.len() == self.stored_bytes(block),
            // Old LZW has another order of bits; streams of today's begin with a clear code.
            Compression::Lzw => stored.first() == Some(&0x80),
            Compression::Deflate | Compression::Zstd => true,
            _ => false,
        }
    }

    /// Count of sparse blocks.
    pub(super) fn sparse_blocks(&self) -> usize {
        let blocks = self.blocks().len();
        if self.offsets.is_empty() {
            return blocks;
        }
        (0..blocks).filter(|block| matches!(self.range(*block), Ok(None))).count()
    }

    /// `block (row 3, column 7)`, with the band where bands have blocks of their own.
    pub(super) fn block_name(&self, block: usize) -> String {
        let [_, band, row, column] = self.blocks().position(block);
        match self.planar {
            true => format!("block (band {band}, row {row}, column {column})"),
            false => format!("block (row {row}, column {column})"),
        }
    }
}

fn length(value: u64, what: &str) -> Result<usize> {
    let fits = (1..=i32::MAX as u64).contains(&value);
    fits.then_some(value as usize).ok_or_else(|| Error::corrupt(format!("it claims {value} {what}")))
}

/// The predictor, which libtiff looks at for LZW, Deflate, ZSTD and LZMA alone.
fn predictor(image: &Image, compression: Compression, samples: &Samples) -> Result<Predictor> {
    if !matches!(compression, Compression::Lzw | Compression::Deflate | Compression::Zstd | Compression::Lzma) {
        return Ok(Predictor::None);
    }
    let Samples { format, bits, .. } = *samples;
    match u16::try_from(image.predictor).ok().and_then(Predictor::from_tag) {
        None => Err(Error::unsupported(format!("predictor {} is not supported", image.predictor))),
        Some(Predictor::Horizontal) if !matches!(bits, 8 | 16 | 32 | 64) => {
            Err(Error::unsupported(format!("predictor 2 (horizontal) with samples of {bits} bits is not supported")))
        }
        Some(Predictor::FloatingPoint) if format != SampleFormat::Float => {
            let dtype = samples.dtype;
            let complex = if format.is_complex() { "complex " } else { "" };
            Err(Error::unsupported(format!(
                "predictor 3 (floating point) with {complex}{dtype} samples is not supported"
            )))
        }
        Some(predictor) => Ok(predictor),
    }
}

/// Colour models whose samples mean nothing without a conversion that swath does not do.
fn check_colors(image: &Image, compression: Compression) -> Result<()> {
    let name = match image.photometric {
        // GDAL converts them.
        5 => "CMYK",
        // JPEG's are converted, and planes are bands as they are.
        6 if compression != Compression::Jpeg => "YCbCr",
        8 => "CIE L*a*b*",
        9 => "ICC L*a*b*",
        10 => "ITU L*a*b*",
        32844 => "LogL",
        32845 => "LogLuv",
        _ => return Ok(()),
    };
    Err(Error::unsupported(format!("the color model {name} ({}) is not supported", image.photometric)))
}

#[cfg(test)]
mod tests {
    use swath_core::error::ErrorKind;

    use super::*;

    fn image() -> Image {
        Image {
            width: 100,
            height: 50,
            samples: 1,
            bits: vec![8],
            sample_format: vec![1],
            compression: 8,
            predictor: 1,
            photometric: 1,
            fill_order: 1,
            planar: 1,
            tile: Some((32, 32)),
            rows_per_strip: u64::MAX,
            offsets: vec![1000; 8],
            counts: vec![10; 8],
            ..Image::default()
        }
    }

    fn level(image: &Image) -> Result<Level> {
        Level::new(image, true, 2000, &Codecs::new())
    }

    #[test]
    fn what_this_build_cannot_do_is_named_with_its_number() {
        for (image, message) in [
            (
                Image { compression: 34712, ..image() },
                "compression JPEG2000 (34712) is not supported: a codec for it can be added by IoOptions::codecs",
            ),
            (
                Image { compression: 70_000, ..image() },
                "compression unknown (70000) is not supported: a codec for it can be added by IoOptions::codecs",
            ),
            (Image { predictor: 5, ..image() }, "predictor 5 is not supported"),
            (Image { predictor: 3, ..image() }, "predictor 3 (floating point) with u8 samples is not supported"),
            (
                Image { bits: vec![12], predictor: 2, ..image() },
                "predictor 2 (horizontal) with samples of 12 bits is not supported",
            ),
            (
                Image { bits: vec![64], sample_format: vec![6], predictor: 3, ..image() },
                "predictor 3 (floating point) with complex f32 samples is not supported",
            ),
            (Image { bits: vec![33], ..image() }, "samples of 33 bits are not supported"),
            (Image { bits: vec![0], ..image() }, "samples of 0 bits are not supported"),
            (Image { bits: vec![8], sample_format: vec![3], ..image() }, "float samples of 8 bits are not supported"),
            (
                Image { bits: vec![16], sample_format: vec![5], ..image() },
                "complex samples of 16 bits are not supported",
            ),
            (Image { samples: 2, bits: vec![8, 16], ..image() }, "bands of different sample types are not supported"),
            (Image { photometric: 6, ..image() }, "the color model YCbCr (6) is not supported"),
        ] {
            let error = level(&image).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, message));
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_before_they_are_used() {
        for image in [
            Image { width: 0, ..image() },
            Image { height: u64::MAX, ..image() },
            Image { samples: 0, ..image() },
            Image { samples: 65_536, ..image() },
            Image { planar: 3, ..image() },
            Image { tile: Some((0, 32)), ..image() },
            Image { tile: Some((1 << 31, 1 << 31)), ..image() },
            Image { tile: Some((i32::MAX as u64, 2)), ..image() },
            Image { offsets: vec![1000; 7], ..image() },
            Image { counts: vec![10; 7], ..image() },
            Image { counts: Vec::new(), ..image() },
            Image { width: i32::MAX as u64, height: i32::MAX as u64, samples: 65_535, bits: vec![64], ..image() },
        ] {
            assert!(level(&image).is_err(), "{image:?}");
        }
    }

    #[test]
    fn sparse_blocks_have_no_range_and_those_beyond_the_file_are_corrupt() {
        let mut image = image();
        image.offsets[1] = 0;
        image.counts[2] = 0;
        image.offsets[3] = u64::MAX;
        let level = level(&image).unwrap();
        assert_eq!(level.range(0).unwrap(), Some(1000..1010));
        assert_eq!((level.range(1).unwrap(), level.range(2).unwrap()), (None, None));
        assert_eq!(level.range(3).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(level.sparse_blocks(), 2);
    }

    #[test]
    fn the_last_strip_is_as_short_as_it_needs_to_be() {
        let image = Image { tile: None, rows_per_strip: 20, offsets: vec![8; 3], counts: vec![9; 3], ..image() };
        let level = level(&image).unwrap();
        assert_eq!([0, 1, 2].map(|block| level.stored_bytes(block)), [2000, 2000, 1000]);
    }
}
