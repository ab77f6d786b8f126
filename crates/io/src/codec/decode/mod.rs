//! Compressed bytes to the bytes of a block, never more than the block can have. One codec a file.

#[cfg(feature = "ccitt")]
mod ccitt;
mod deflate;
#[cfg(feature = "jpeg")]
mod jpeg;
#[cfg(feature = "lerc")]
mod lerc;
mod lzw;
#[cfg(feature = "lzma")]
mod lzma;
mod packbits;
#[cfg(feature = "webp")]
mod webp;
mod zstandard;

use std::fmt;

use swath_core::error::{Error, Result};

use super::{BlockCodec, BlockSpec, Compression};

/// The state of the decompressors, kept from block to block by one thread at a time.
#[derive(Default)]
pub struct Decoder {
    deflate: Option<libdeflater::Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    lzw: lzw::Lzw,
    #[cfg(feature = "ccitt")]
    ccitt: ccitt::Ccitt,
    #[cfg(feature = "lerc")]
    lerc: lerc::Lerc,
    /// A stream put together for a codec, or its pixels before they are put to their places.
    #[cfg(feature = "jpeg")]
    rooms: [Vec<u8>; 2],
    reversed: Vec<u8>,
}

impl Decoder {
    /// A decoder; each scheme's state is made when it is first met.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills `out` with the [`bytes`](BlockSpec::bytes) of a block. What a stream holds beyond them is ignored, as
    /// libtiff does.
    ///
    /// # Errors
    /// `Corrupt` where the input is damaged or holds fewer bytes, or too few to give as many, or claims another size;
    /// nothing of the block's size is allocated then. `Unsupported` where it uses what this build does not have.
    pub fn decompress(&mut self, block: &BlockSpec<'_>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let BlockSpec { compression, .. } = *block;
        let expected = block.bytes();
        if expected > most_bytes(compression, input.len()) {
            return Err(Error::corrupt(format!("{} bytes of {compression} cannot hold {expected}", input.len())));
        }
        let produced = match compression {
            Compression::None => {
                out.resize(expected, 0);
                out.copy_from_slice(&input[..expected]);
                expected
            }
            // What is left of the block before is overwritten, or the result is an error.
            Compression::Deflate => {
                out.resize(expected, 0);
                deflate::inflate(&mut self.deflate, input, out)?
            }
            Compression::Zstd => {
                out.resize(expected, 0);
                zstandard::unzstd(&mut self.zstd, input, out)?
            }
            Compression::Lzw => {
                out.resize(expected, 0);
                self.lzw.decode(input, out)?
            }
            Compression::PackBits => {
                out.resize(expected, 0);
                packbits::unpack(input, out)
            }
            #[cfg(feature = "lzma")]
            Compression::Lzma => {
                out.resize(expected, 0);
                lzma::unxz(input, out)?
            }
            _ => {
                self.decompress_image(block, input, out)?;
                expected
            }
        };
        match produced >= block.rows_needed * block.row_bytes() {
            true => Ok(()),
            false => Err(Error::corrupt(format!("the {compression} stream holds {produced} of {expected} bytes"))),
        }
    }

    /// The codecs that are features: most of them know pixels, not bytes alone.
    fn decompress_image(&mut self, block: &BlockSpec<'_>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match block.compression {
            #[cfg(feature = "ccitt")]
            Compression::CcittRle | Compression::CcittRleWords | Compression::CcittFax3 | Compression::CcittFax4 => {
                ccitt::check(block, input)?;
                out.resize(block.bytes(), 0);
                self.ccitt.decode(block, input, out)
            }
            #[cfg(feature = "jpeg")]
            Compression::Jpeg => {
                let [stream, pixels] = &mut self.rooms;
                let head = jpeg::prepare(block, input, stream)?;
                out.resize(block.bytes(), 0);
                jpeg::unjpeg(block, head, stream, out, pixels)
            }
            #[cfg(feature = "lerc")]
            Compression::Lerc => self.lerc.decode(block, input, &mut self.deflate, &mut self.zstd, out),
            #[cfg(feature = "webp")]
            Compression::WebP => {
                webp::check(block, input)?;
                out.resize(block.bytes(), 0);
                webp::unwebp(block, input, out)
            }
            compression => {
                // Reading has refused the file before; an embedder may call this without it.
                let _ = (input, out);
                compression.check_readable(compression.tag().into())
            }
        }
    }

    /// As [`decompress`](Self::decompress), by a codec that a program added.
    ///
    /// # Errors
    /// What the codec gives; `Corrupt` where the block claims more than it says that the input can hold.
    pub fn decompress_by(
        &mut self,
        codec: &dyn BlockCodec,
        block: &BlockSpec<'_>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let expected = block.bytes();
        if expected > codec.bytes_max(block, input) {
            let name = codec.name();
            return Err(Error::corrupt(format!("{} bytes of {name} cannot hold {expected}", input.len())));
        }
        out.resize(expected, 0);
        codec.decode(block, input, out)
    }

    /// The bytes with their bits in the other order, and the room for them, to be given back by
    /// [`keep`](Self::keep).
    pub(crate) fn reverse(&mut self, input: &[u8]) -> Vec<u8> {
        let mut reversed = std::mem::take(&mut self.reversed);
        reversed.clear();
        reversed.extend(input.iter().map(|byte| byte.reverse_bits()));
        reversed
    }

    pub(crate) fn keep(&mut self, reversed: Vec<u8>) {
        self.reversed = reversed;
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// Bytes that decoding a block of `bytes` needs beside its input and the decompressed block; a bound for what files of
/// today hold, not exact.
pub(crate) fn scratch(compression: Compression, bytes: usize) -> usize {
    const MIB: usize = 1 << 20;
    match compression {
        // Coefficients of progressive streams are of 16 bits, twice.
        Compression::Jpeg => 5 * bytes + MIB,
        // Pixels of four bytes, planes of luma and chroma, tables.
        Compression::WebP => 4 * bytes + MIB,
        // The blob out of its compression, its pixels, its mask.
        Compression::Lerc => 3 * bytes + MIB,
        // The dictionary is of 64 MiB at most, but no more of it is touched than the block has.
        Compression::Lzma => bytes + MIB,
        _ => 0,
    }
}

/// The most bytes that `len` compressed ones can stand for: what a file may claim of a block without being refused.
/// Codecs whose streams tell their size are not bound here, but by that.
fn most_bytes(compression: Compression, len: usize) -> usize {
    let ratio = match compression {
        Compression::None => 1,
        Compression::Deflate => deflate::RATIO,
        Compression::Lzw => lzw::RATIO,
        Compression::PackBits => packbits::RATIO,
        Compression::Zstd => zstandard::RATIO,
        #[cfg(feature = "lzma")]
        Compression::Lzma => lzma::RATIO,
        _ => return usize::MAX,
    };
    len.saturating_mul(ratio)
}

#[cfg(test)]
mod tests {
    use swath_core::error::ErrorKind;
    use weezl::BitOrder;

    use super::*;
    use crate::codec::{CodecTags, SampleFormat};

    fn compressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Deflate => {
                let mut encoder = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
                let mut out = vec![0; encoder.zlib_compress_bound(bytes.len())];
                let len = encoder.zlib_compress(bytes, &mut out).unwrap();
                out.truncate(len);
                out
            }
            Compression::Lzw => weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(bytes).unwrap(),
            Compression::Zstd => zstd::bulk::compress(bytes, 3).unwrap(),
            Compression::PackBits => packed(bytes),
            other => panic!("no encoder of {other}"),
        }
    }

    fn spec(compression: Compression, bytes: usize) -> BlockSpec<'static> {
        static TAGS: CodecTags =
            CodecTags { jpeg_tables: Vec::new(), t4_options: 0, t6_options: 0, lerc_parameters: Vec::new() };
        BlockSpec {
            compression,
            rows: 1,
            rows_needed: 1,
            columns: bytes,
            samples: 1,
            bits: 8,
            format: SampleFormat::Unsigned,
            photometric: 1,
            little_endian: true,
            tags: &TAGS,
        }
    }

    /// Runs and literals of PackBits, one for each byte that differs from the one before.
    fn packed(bytes: &[u8]) -> Vec<u8> {
        bytes.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(128)).fold(Vec::new(), |mut out, run| {
            match run.len() {
                1 => out.extend([0, run[0]]),
                len => out.extend([(257 - len) as u8, run[0]]),
            }
            out
        })
    }

    const ALL: [Compression; 5] =
        [Compression::None, Compression::Deflate, Compression::Lzw, Compression::Zstd, Compression::PackBits];

    fn block() -> Vec<u8> {
        (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 29) as u8).collect()
    }

    #[test]
    fn a_decoder_gives_the_bytes_block_after_block() {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for compression in ALL.into_iter().chain(ALL) {
            decoder
                .decompress(&spec(compression, block().len()), &compressed(compression, &block()), &mut out)
                .unwrap();
            assert!(out == block(), "{compression}");
        }
    }

    #[test]
    fn what_a_stream_holds_beyond_the_block_is_ignored() {
        for compression in ALL {
            let input = compressed(compression, &block());
            for expected in [1, 99, 50_000, 99_999] {
                let mut out = Vec::new();
                Decoder::new().decompress(&spec(compression, expected), &input, &mut out).unwrap();
                assert!(out == block()[..expected], "{compression} {expected}");
            }
        }
    }

    #[test]
    fn a_stream_that_holds_less_is_corrupt() {
        for compression in ALL {
            let input = compressed(compression, &block());
            let error = Decoder::new().decompress(&spec(compression, 100_001), &input, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{compression}");
        }
    }

    #[test]
    fn a_cut_or_damaged_stream_is_an_error_or_bounded_never_a_panic() {
        for compression in [Compression::Deflate, Compression::Lzw, Compression::Zstd, Compression::PackBits] {
            let whole = compressed(compression, &block());
            let mut decoder = Decoder::new();
            let mut out = Vec::new();
            for cut in 0..200 {
                let input = &whole[..whole.len() * cut / 200];
                assert!(
                    decoder.decompress(&spec(compression, 100_000), input, &mut out).is_err(),
                    "{compression} {cut}"
                );
                let mut damaged = whole.clone();
                damaged[whole.len() * cut / 200] ^= 0x55;
                if decoder.decompress(&spec(compression, 100_000), &damaged, &mut out).is_ok() {
                    assert_eq!(out.len(), 100_000);
                }
            }
            decoder.decompress(&spec(compression, 100_000), &whole, &mut out).unwrap();
            assert!(out == block(), "{compression}: a damaged stream must not spoil the next");
        }
    }

    #[test]
    fn a_block_that_its_bytes_cannot_hold_is_refused_before_it_is_allocated() {
        for compression in ALL {
            let mut out = Vec::new();
            let error = Decoder::new().decompress(&spec(compression, 1 << 40), &[0x78; 16], &mut out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert_eq!(out.capacity(), 0, "{compression}");
        }
    }
}
