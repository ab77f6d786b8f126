//! zlib streams.

use libdeflater::{DecompressionError, Decompressor};
use swath_core::error::{Error, Result};

/// Bytes for a second try where a zlib stream holds more than its block: libdeflate gives nothing of a stream that does
/// not fit.
const OVERFULL_BYTES_MIN: usize = 16 << 20;

/// The most bytes that a byte can stand for: 258 bytes take at least 2 bits.
pub(super) const RATIO: usize = 1032;

/// Fills `out` and tells how much of it the stream held.
pub(super) fn inflate(state: &mut Option<Decompressor>, input: &[u8], out: &mut Vec<u8>) -> Result<usize> {
    let inflate = state.get_or_insert_with(Decompressor::new);
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
