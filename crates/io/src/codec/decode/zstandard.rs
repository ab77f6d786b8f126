//! Zstandard frames.

use std::io::Read;

use swath_core::error::{Error, Result};

/// The most bytes that a byte can stand for: a block of 4 bytes repeats one byte 128 KiB times.
pub(super) const RATIO: usize = 32 << 10;

/// Fills `out` and tells how much of it the frame held.
pub(super) fn unzstd(
    state: &mut Option<zstd::bulk::Decompressor<'static>>,
    input: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let damaged = |cause: std::io::Error| Error::corrupt(format!("the ZSTD stream is damaged ({cause})"));
    if state.is_none() {
        *state = Some(zstd::bulk::Decompressor::new().map_err(damaged)?);
    }
    let Some(bulk) = state else { unreachable!("set above") };
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
