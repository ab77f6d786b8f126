//! LZW, as TIFF 6.0 has it and as libtiff wrote it before.

use swath_core::error::{Error, Result};
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

/// The most bytes that a byte can stand for: a code of 9 to 12 bits is at most 4096 bytes.
pub(super) const RATIO: usize = 4096;

/// The state of both kinds.
#[derive(Default)]
pub(super) struct Lzw {
    today: Option<Decoder>,
    old: Option<Decoder>,
}

impl Lzw {
    /// Fills `out` and tells how much of it the stream held.
    pub(super) fn decode(&mut self, mut input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Like libtiff, stop when the block is full: not all streams have an end code.
        let decoder = match is_old(input) {
            true => self
                .old
                .get_or_insert_with(|| Configuration::new(BitOrder::Lsb, 8).with_yield_on_full_buffer(true).build()),
            false => self.today.get_or_insert_with(|| {
                Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build()
            }),
        };
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

/// Files of before 1988 have their bits in the other order and no early code change; their clear code shows it, as in
/// libtiff.
pub(super) fn is_old(input: &[u8]) -> bool {
    input.len() >= 2 && input[0] == 0 && input[1] & 1 == 1
}
