//! xz streams: LZMA2, mostly after a delta filter (libtiff's `tif_lzma.c`).

use liblzma::stream::{Action, Status, Stream};
use swath_core::error::{Error, Result};

/// The most bytes that a byte can stand for: a match of 273 bytes takes some 12 decisions of at least 0.02 bits each.
pub(super) const RATIO: usize = 16 << 10;

/// The most memory of a decoder; the largest dictionary that libtiff and GDAL write is of 64 MiB.
const MEMORY_BYTES_MAX: u64 = 160 << 20;

/// Fills `out` and tells how much of it the stream held.
pub(super) fn unxz(mut input: &[u8], mut out: &mut [u8]) -> Result<usize> {
    let failed = |cause: liblzma::stream::Error| Error::corrupt(format!("the LZMA stream is damaged ({cause})"));
    let mut stream = Stream::new_stream_decoder(MEMORY_BYTES_MAX, 0).map_err(failed)?;
    while !out.is_empty() {
        let (taken, given) = (stream.total_in(), stream.total_out());
        let status = stream.process(input, out, Action::Finish).map_err(failed)?;
        let (taken, given) = (stream.total_in() - taken, stream.total_out() - given);
        // Both are less than the slices' lengths.
        (input, out) = (&input[taken as usize..], &mut out[given as usize..]);
        if status == Status::StreamEnd || taken == 0 && given == 0 {
            break;
        }
    }
    Ok(stream.total_out() as usize)
}
