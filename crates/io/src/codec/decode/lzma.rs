//! xz streams: LZMA2, mostly after a delta filter (libtiff's `tif_lzma.c`).

use std::io::Read;

use lzma_rust2::XzReader;
use swath_core::error::{Error, Result};

/// The most bytes that a byte can stand for: a match of 273 bytes takes some 12 decisions of at least 0.02 bits each.
pub(super) const RATIO: usize = 16 << 10;

/// The most memory of a decoder in KiB; the largest dictionary that libtiff and GDAL write is of 64 MiB.
const MEMORY_KIB_MAX: u32 = 160 << 10;

/// Fills `out` and tells how much of it the stream held.
pub(super) fn unxz(input: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut reader = XzReader::new_mem_limit(input, false, MEMORY_KIB_MAX);
    let mut produced = 0;
    while produced < out.len() {
        let failed = |cause: std::io::Error| Error::corrupt(format!("the LZMA stream is damaged ({cause})"));
        match reader.read(&mut out[produced..]).map_err(failed)? {
            0 => break,
            more => produced += more,
        }
    }
    Ok(produced)
}
