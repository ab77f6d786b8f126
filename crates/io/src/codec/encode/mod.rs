//! Bytes to compressed bytes: one encoder for a thread, whose state is reused from block to block.

#[cfg(feature = "jpeg")]
mod jpeg;
#[cfg(feature = "lerc")]
mod lerc;
#[cfg(feature = "webp")]
mod webp;

use std::fmt;
use std::ops::RangeInclusive;

use libdeflater::{CompressionLvl, Compressor};
use swath_core::dtype::DType;
use swath_core::error::{Error, ErrorKind, Result};
use weezl::BitOrder;

use crate::codec::Compression;

/// How blocks are compressed, and what those schemes must know of a block that compress images, not bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scheme {
    /// Compression scheme.
    pub compression: Compression,
    /// One of [`levels`]; none means [`default_level`], and schemes without levels do not look at it.
    pub level: Option<i32>,
    /// The most that LERC may change a value; others do not look at it.
    pub max_error: f64,
    /// Type of the samples.
    pub dtype: DType,
    /// Rows of a block.
    pub rows: usize,
    /// Columns of a block.
    pub columns: usize,
    /// Bands of a pixel that lie together in a block.
    pub bands: usize,
}

/// The level at which WebP loses nothing.
const WEBP_LOSSLESS: i32 = 100;

/// The levels of a scheme, none where it has no levels. Those of JPEG and WebP are qualities.
pub const fn levels(compression: Compression) -> Option<RangeInclusive<i32>> {
    match compression {
        Compression::Deflate => Some(1..=12),
        Compression::Zstd => Some(1..=22),
        Compression::Jpeg | Compression::WebP => Some(1..=100),
        _ => None,
    }
}

/// The level used unless told otherwise: as GDAL 9 for ZSTD and 75 for JPEG and WebP, and 4 for Deflate, where libdeflate
/// gives files about as small as zlib's usual 6 (docs/design/decisions.md).
pub const fn default_level(compression: Compression) -> Option<i32> {
    match compression {
        Compression::Deflate => Some(4),
        Compression::Zstd => Some(9),
        Compression::Jpeg | Compression::WebP => Some(75),
        _ => None,
    }
}

/// Whether pixels come back as they were: WebP's do at level 100, LERC's unless it may change them.
pub fn is_lossless(compression: Compression, level: Option<i32>, max_error: f64) -> bool {
    match compression {
        Compression::WebP => level == Some(WEBP_LOSSLESS),
        Compression::Lerc => max_error == 0.0,
        _ => compression.is_lossless(),
    }
}

/// The most bytes that compressing a block of `length` bytes can give.
pub fn bound(scheme: &Scheme, length: usize) -> usize {
    match scheme.compression {
        // A code of at most 12 bits for each byte, a clear code for every 3837 codes, an end code, padding.
        Compression::Lzw => length + length / 2 + length / 2048 + 16,
        Compression::Deflate => deflate_bound(length),
        Compression::Zstd => zstd::zstd_safe::compress_bound(length),
        #[cfg(feature = "jpeg")]
        Compression::Jpeg => jpeg::bound(scheme, length),
        #[cfg(feature = "lerc")]
        Compression::Lerc => lerc::bound(scheme, length),
        // libwebp has no bound of its own. Its codes are made for what they code: noise has its own size, lossy the half.
        Compression::WebP => 2 * length + (64 << 10),
        // Nothing else is written.
        _ => length,
    }
}

/// Bytes that an [`Encoder`] holds while it compresses `length` bytes, beside input and output; a bound, not exact.
pub fn scratch(scheme: &Scheme, length: usize) -> usize {
    let level = scheme.level.or(default_level(scheme.compression)).unwrap_or_default();
    match scheme.compression {
        Compression::Lzw => 1 << 20,
        Compression::Deflate if level <= 9 => 1 << 20,
        Compression::Deflate => 10 << 20,
        Compression::Zstd => zstd_scratch(level, length),
        // Two times eight rows of each component.
        Compression::Jpeg => 16 * 3 * scheme.columns + (64 << 10),
        // Samples, those of a band, a mask and the plan of the blob.
        Compression::Lerc => 4 * length + 2 * scheme.rows * scheme.columns + (1 << 20),
        // Measured with libwebp, whose heap no call tells: 34 bytes a pixel and 10 MiB of a lossless image, 38 of RGBA.
        Compression::WebP => 40 * scheme.rows * scheme.columns + (12 << 20),
        _ => 0,
    }
}

/// Stored blocks of at least 5000 bytes with 5 bytes of header each, 6 bytes of zlib: libdeflate's own bound.
const fn deflate_bound(length: usize) -> usize {
    length + 5 * (length / 5000 + 1) + 6
}

/// zstd's tables grow with level and input. Measured with zstd 1.5.7, whose own estimate is no stable interface.
fn zstd_scratch(level: i32, length: usize) -> usize {
    const MIB: usize = 1 << 20;
    let window = length.next_power_of_two();
    match level {
        ..=2 => MIB,
        3..=6 => 3 * MIB,
        7..=8 => 6 * MIB,
        9 => 11 * MIB,
        10..=12 => MIB + 10 * window,
        _ => 2 * MIB + 16 * window,
    }
}

/// Compresses blocks; holds the state of each scheme it has been used for.
#[derive(Default)]
pub struct Encoder {
    deflate: Option<(i32, Compressor)>,
    zstd: Option<(i32, zstd::bulk::Compressor<'static>)>,
    lzw: Option<weezl::encode::Encoder>,
}

impl Encoder {
    /// An encoder that has compressed nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses `input` into `room`, which is reused from block to block, and gives the part of it that is the result.
    ///
    /// The result depends on nothing else: not on what was compressed before, nor on what `room` holds.
    ///
    /// # Errors
    /// `Internal` where the codec fails; `InvalidInput` where LERC is given infinite values.
    pub fn compress<'a>(&mut self, scheme: &Scheme, input: &[u8], room: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let Scheme { compression, level, .. } = *scheme;
        let level = level.or(default_level(compression)).unwrap_or_default();
        let length = match compression {
            Compression::None => {
                room.clear();
                room.extend_from_slice(input);
                Ok(room.len())
            }
            Compression::Lzw => self.compress_lzw(input, room),
            Compression::Deflate => self.compress_deflate(level, input, room),
            Compression::Zstd => self.compress_zstd(level, input, room),
            #[cfg(feature = "jpeg")]
            Compression::Jpeg => jpeg::jpeg(scheme, level, input, room).map(|()| room.len()),
            #[cfg(feature = "lerc")]
            Compression::Lerc => lerc::lerc(scheme, input, room).map(|()| room.len()),
            #[cfg(feature = "webp")]
            Compression::WebP => webp::webp(scheme, level, input, room).map(|()| room.len()),
            _ => Err("this build does not write it".into()),
        };
        // What LERC still refuses are infinite values.
        let kind = if compression == Compression::Lerc { ErrorKind::InvalidInput } else { ErrorKind::Internal };
        let failed = |cause| Error::with_source(kind, format!("cannot compress with {compression}"), cause);
        length.map(|length| &room[..length]).map_err(failed)
    }

    fn compress_lzw(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Cause> {
        let encoder = self.lzw.get_or_insert_with(|| weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8));
        encoder.reset();
        out.clear();
        encoder.into_vec(out).encode_all(input).status?;
        Ok(out.len())
    }

    fn compress_deflate(&mut self, level: i32, input: &[u8], room: &mut Vec<u8>) -> Result<usize, Cause> {
        if self.deflate.as_ref().is_none_or(|(of, _)| *of != level) {
            let checked = CompressionLvl::new(level).map_err(|_| format!("level {level} is none of 1 to 12"))?;
            self.deflate = Some((level, Compressor::new(checked)));
        }
        let (_, encoder) = self.deflate.as_mut().expect("it was made just now");
        // Not cut to the result: growing again would zero the rest for every block.
        room.resize(deflate_bound(input.len()), 0);
        Ok(encoder.zlib_compress(input, room)?)
    }

    fn compress_zstd(&mut self, level: i32, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Cause> {
        if self.zstd.as_ref().is_none_or(|(of, _)| *of != level) {
            self.zstd = Some((level, zstd::bulk::Compressor::new(level)?));
        }
        let (_, encoder) = self.zstd.as_mut().expect("it was made just now");
        out.clear();
        out.reserve(zstd::zstd_safe::compress_bound(input.len()));
        Ok(encoder.compress_to_buffer(input, out)?)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("deflate", &self.deflate.as_ref().map(|(level, _)| level))
            .field("zstd", &self.zstd.as_ref().map(|(level, _)| level))
            .field("lzw", &self.lzw.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 4] = [Compression::None, Compression::Lzw, Compression::Deflate, Compression::Zstd];

    /// For bytes, of which no scheme for images makes anything.
    const fn scheme(compression: Compression, level: Option<i32>) -> Scheme {
        Scheme { compression, level, max_error: 0.0, dtype: DType::U8, rows: 0, columns: 0, bands: 0 }
    }

    /// Bytes without any pattern: the worst case of every scheme.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(length)
        .collect()
    }

    #[test]
    fn nothing_grows_beyond_its_bound() {
        let mut encoder = Encoder::new();
        let mut out = Vec::new();
        for compression in ALL {
            for length in [0, 1, 255, 4999, 5000, 65_536, 300_001] {
                let level = levels(compression).map(|l| *l.start());
                let scheme = scheme(compression, level);
                let held = encoder.compress(&scheme, &noise(length), &mut out).unwrap().len();
                assert!(held <= bound(&scheme, length), "{compression} of {length} bytes: {held}");
            }
        }
    }

    #[test]
    fn the_bound_of_deflate_is_not_below_that_of_libdeflate() {
        for level in 1..=12 {
            let mut encoder = Compressor::new(CompressionLvl::new(level).unwrap());
            for length in [0, 1, 4999, 5000, 5001, 1 << 20] {
                assert!(encoder.zlib_compress_bound(length) <= deflate_bound(length));
            }
        }
    }

    #[test]
    fn a_used_encoder_gives_the_bytes_of_a_new_one() {
        let mut used = Encoder::new();
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        for compression in ALL {
            for length in [70_000, 10, 4096] {
                let scheme = scheme(compression, None);
                let result = used.compress(&scheme, &noise(length), &mut out).unwrap();
                let expected = Encoder::new().compress(&scheme, &noise(length), &mut expected).unwrap();
                assert_eq!(result, expected, "{compression}");
            }
        }
    }

    #[test]
    fn a_level_out_of_range_is_an_error_not_a_panic() {
        let scheme = scheme(Compression::Deflate, Some(13));
        let error = Encoder::new().compress(&scheme, b"x", &mut Vec::new()).unwrap_err();
        assert_eq!(error.chain(), "cannot compress with DEFLATE: level 13 is none of 1 to 12");
    }

    #[test]
    fn zstd_stays_within_the_scratch_it_is_said_to_need() {
        for level in [1, 6, 8, 9, 12, 22] {
            for length in [1 << 16, 300_000, 1 << 20] {
                let mut encoder = Encoder::new();
                let scheme = scheme(Compression::Zstd, Some(level));
                encoder.compress(&scheme, &noise(length), &mut Vec::new()).unwrap();
                let used = encoder.zstd.as_mut().unwrap().1.context_mut().sizeof();
                let said = scratch(&scheme, length);
                assert!(used <= said, "level {level}, {length} bytes: {used} > {said}");
            }
        }
    }
}
