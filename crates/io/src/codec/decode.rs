//! Compressed bytes to the bytes of a block, never more than the block can have.

use std::fmt;
use std::io::Read;

use libdeflater::{DecompressionError, Decompressor};
use swath_core::error::{Error, Result};
use weezl::{BitOrder, LzwStatus, decode::Configuration};

use super::Compression;

/// Bytes for a second try where a zlib stream holds more than its block: libdeflate gives nothing of a stream that does
/// not fit.
const OVERFULL_BYTES_MIN: usize = 16 << 20;

/// The state of the decompressors, kept from block to block by one thread at a time.
pub struct Decoder {
    deflate: Option<Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    lzw: Option<weezl::decode::Decoder>,
}

impl Decoder {
    /// A decoder; each scheme's state is made when it is first met.
    pub const fn new() -> Self {
        Self { deflate: None, zstd: None, lzw: None }
    }

    /// Fills `out` with the `expected` bytes of a block. What a stream holds beyond them is ignored, as libtiff does.
    ///
    /// # Errors
    /// `Corrupt` where the input is damaged or holds fewer bytes, or too few to give as many; nothing is allocated then.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        expected: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if expected > most_bytes(compression, input.len()) {
            return Err(Error::corrupt(format!("{} bytes of {compression} cannot hold {expected}", input.len())));
        }
        // What is left of the block before is overwritten, or the result is an error.
        out.resize(expected, 0);
        let produced = match compression {
            Compression::None => {
                out.copy_from_slice(&input[..expected]);
                expected
            }
            Compression::Deflate => self.inflate(input, out)?,
            Compression::Zstd => self.unzstd(input, out)?,
            Compression::Lzw => self.unlzw(input, out)?,
        };
        match produced == expected {
            true => Ok(()),
            false => Err(Error::corrupt(format!("the {compression} stream holds {produced} of {expected} bytes"))),
        }
    }

    fn inflate(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        let inflate = self.deflate.get_or_insert_with(Decompressor::new);
        match inflate.zlib_decompress(input, out) {
            Ok(produced) => Ok(produced),
            Err(DecompressionError::BadData) => Err(Error::corrupt("the DEFLATE stream is damaged")),
            Err(DecompressionError::InsufficientSpace) => {
                let expected = out.len();
                out.resize(expected.saturating_mul(2).max(OVERFULL_BYTES_MIN), 0);
                let result = inflate.zlib_decompress(input, out);
                out.truncate(expected);
                let failed = format!("the DEFLATE stream is damaged, or holds far more than {expected} bytes");
                result.map(|produced| produced.min(expected)).map_err(|_| Error::corrupt(failed))
            }
        }
    }

    fn unzstd(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let damaged = |cause: std::io::Error| Error::corrupt(format!("the ZSTD stream is damaged ({cause})"));
        if self.zstd.is_none() {
            self.zstd = Some(zstd::bulk::Decompressor::new().map_err(damaged)?);
        }
        let Some(bulk) = &mut self.zstd else { unreachable!("set above") };
        // The bulk call is up to twice as fast as the stream, but gives nothing of a frame that does not fit, and takes
        // trailing bytes for damage.
        if let Ok(produced) = bulk.decompress_to_buffer(input, out) {
            return Ok(produced);
        }
        let mut stream = zstd::stream::read::Decoder::with_buffer(input).map_err(damaged)?.single_frame();
        let mut produced = 0;
        while produced < out.len() {
            match stream.read(&mut out[produced..]).map_err(damaged)? {
                0 => break,
                more => produced += more,
            }
        }
        Ok(produced)
    }

    fn unlzw(&mut self, mut input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Files of before 1988 have their bits in the other order; a clear code shows it.
        if input.len() >= 2 && input[0] == 0 && input[1] & 1 == 1 {
            return Err(Error::unsupported("old-style LZW, with its bits reversed, is not supported"));
        }
        let decoder = self.lzw.get_or_insert_with(|| {
            // Like libtiff, stop when the block is full: not all streams have an end code.
            Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build()
        });
        decoder.reset();
        let mut produced = 0;
        while produced < out.len() {
            let result = decoder.decode_bytes(input, &mut out[produced..]);
            produced += result.consumed_out;
            input = &input[result.consumed_in..];
            match result.status {
                Ok(LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
                Ok(_) => break,
                Err(_) => return Err(Error::corrupt("the LZW stream is damaged")),
            }
        }
        Ok(produced)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// The most bytes that `len` compressed ones can stand for: what a file may claim of a block without being refused.
fn most_bytes(compression: Compression, len: usize) -> usize {
    let ratio = match compression {
        Compression::None => return len,
        // 258 bytes take at least 2 bits.
        Compression::Deflate => 1032,
        // A code of 9 to 12 bits stands for at most 4096 bytes.
        Compression::Lzw => 4096,
        // A block of 4 bytes repeats one byte 128 KiB times.
        Compression::Zstd => 32 << 10,
    };
    len.saturating_mul(ratio)
}

#[cfg(test)]
mod tests {
    use swath_core::error::ErrorKind;

    use super::*;

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
        }
    }

    const ALL: [Compression; 4] = [Compression::None, Compression::Deflate, Compression::Lzw, Compression::Zstd];

    fn block() -> Vec<u8> {
        (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 29) as u8).collect()
    }

    #[test]
    fn a_decoder_gives_the_bytes_block_after_block() {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for compression in ALL.into_iter().chain(ALL) {
            decoder.decompress(compression, &compressed(compression, &block()), block().len(), &mut out).unwrap();
            assert!(out == block(), "{compression}");
        }
    }

    #[test]
    fn what_a_stream_holds_beyond_the_block_is_ignored() {
        for compression in ALL {
            let input = compressed(compression, &block());
            for expected in [1, 99, 50_000, 99_999] {
                let mut out = Vec::new();
                Decoder::new().decompress(compression, &input, expected, &mut out).unwrap();
                assert!(out == block()[..expected], "{compression} {expected}");
            }
        }
    }

    #[test]
    fn a_stream_that_holds_less_is_corrupt() {
        for compression in ALL {
            let input = compressed(compression, &block());
            let error = Decoder::new().decompress(compression, &input, 100_001, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{compression}");
        }
    }

    #[test]
    fn a_cut_or_damaged_stream_is_an_error_or_bounded_never_a_panic() {
        for compression in [Compression::Deflate, Compression::Lzw, Compression::Zstd] {
            let whole = compressed(compression, &block());
            let mut decoder = Decoder::new();
            let mut out = Vec::new();
            for cut in 0..200 {
                let input = &whole[..whole.len() * cut / 200];
                assert!(decoder.decompress(compression, input, 100_000, &mut out).is_err(), "{compression} {cut}");
                let mut damaged = whole.clone();
                damaged[whole.len() * cut / 200] ^= 0x55;
                if decoder.decompress(compression, &damaged, 100_000, &mut out).is_ok() {
                    assert_eq!(out.len(), 100_000);
                }
            }
            decoder.decompress(compression, &whole, 100_000, &mut out).unwrap();
            assert!(out == block(), "{compression}: a damaged stream must not spoil the next");
        }
    }

    #[test]
    fn a_block_that_its_bytes_cannot_hold_is_refused_before_it_is_allocated() {
        for compression in ALL {
            let mut out = Vec::new();
            let error = Decoder::new().decompress(compression, &[0x78; 16], 1 << 40, &mut out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert_eq!(out.capacity(), 0, "{compression}");
        }
    }
}
