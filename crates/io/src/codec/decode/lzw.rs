//! LZW, as TIFF 6.0 has it (section 13) and as libtiff wrote it before.
//!
//! Every string of the table stands in the output already: it is the string that a code gave, and the byte that came
//! after it. So the table tells where a string lies, and holds its first eight bytes beside: most strings are no longer,
//! and are written as one word without a look at what was just written.

use swath_core::error::{Error, Result};

/// The most bytes that a byte can stand for: a code of 9 to 12 bits is at most 4096 bytes.
pub(super) const RATIO: usize = 4096;

const CLEAR: usize = 256;
const END: usize = 257;
const CODES: usize = 4096;
const WIDTH_MIN: u32 = 9;
const WIDTH_MAX: u32 = 12;
/// Bytes of a string that the table has.
const HEAD: usize = size_of::<u64>();
/// Bytes that are copied at once.
const STEP: usize = 16;

/// What a code stands for.
#[derive(Debug, Clone, Copy, Default)]
struct Text {
    /// The first bytes, the first one lowest; what is beyond a shorter string is 0.
    head: u64,
    /// Where it begins in the output, and its length in the lowest 16 bits.
    place: u64,
}

impl Text {
    fn new(head: u64, start: usize, len: usize) -> Self {
        Self { head, place: (start as u64) << 16 | len as u64 }
    }

    fn start(self) -> usize {
        (self.place >> 16) as usize
    }

    fn len(self) -> usize {
        (self.place & 0xffff) as usize
    }

    fn first(self) -> u8 {
        self.head as u8
    }

    /// This string and one more byte.
    #[inline(always)]
    fn and(self, byte: u8) -> Self {
        let len = self.len();
        let added = if len < HEAD { u64::from(byte) << (8 * len) } else { 0 };
        Self { head: self.head | added, place: self.place + 1 }
    }
}

/// The table of strings, kept from block to block.
#[derive(Debug)]
pub(super) struct Lzw {
    /// The last one takes what comes when the table is full, and that of the end code what comes after a clear code:
    /// neither is read.
    texts: Box<[Text; CODES + 1]>,
}

impl Default for Lzw {
    fn default() -> Self {
        let text = |code| if code < CLEAR { Text::new(code as u64, 0, 1) } else { Text::default() };
        Self { texts: Box::new(std::array::from_fn(text)) }
    }
}

impl Lzw {
    /// Fills `out` and tells how much of it the stream held.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let held = match is_old(input) {
            true => run::<true>(&mut self.texts, input, out),
            false => run::<false>(&mut self.texts, input, out),
        };
        held.ok_or_else(|| Error::corrupt("the LZW stream is damaged"))
    }
}

/// Bytes that `out` was filled with; `None` at a code that no encoder can have made. Like libtiff, this stops when the
/// block is full: not all streams have an end code.
// Inlined, it shares its registers with other codecs, and takes a third longer.
#[inline(never)]
fn run<const OLD: bool>(texts: &mut [Text; CODES + 1], input: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut codes = Codes::<OLD> { input, bits: 0, held: 0 };
    let (mut next, mut width) = (END, WIDTH_MIN);
    // The string of the code before, where it was put.
    let mut before = Text::default();
    let mut at = 0;
    while at < out.len() {
        let Some(code) = codes.take(width) else { break };
        if code == END {
            break;
        }
        if code == CLEAR {
            (next, width) = (END, WIDTH_MIN);
            continue;
        }
        let mut text = if code < next {
            texts[code]
        } else if code == next {
            // The encoder had just made it: the string before and that one's first byte again.
            before.and(before.first())
        } else {
            return None;
        };
        put(text, at, out);
        texts[next] = before.and(text.first());
        next = CODES.min(next + 1);
        // Streams of today switch one code early.
        if (next + usize::from(!OLD)) >> width != 0 && width < WIDTH_MAX {
            width += 1;
        }
        let len = text.len();
        text.place = (at << 16 | len) as u64;
        before = text;
        at += len;
    }
    Some(at.min(out.len()))
}

/// Writes a string to `at`, or as much of it as there is room for.
#[inline(always)]
fn put(text: Text, at: usize, out: &mut [u8]) {
    let len = text.len();
    if let Some(room) = out[at..].first_chunk_mut() {
        *room = text.head.to_le_bytes();
        if len <= HEAD {
            return;
        }
    }
    put_long(text, at, out);
}

fn put_long(text: Text, at: usize, out: &mut [u8]) {
    let (len, start) = (text.len().min(out.len() - at), text.start());
    // What is written beyond the string is written again by the next.
    if at + len + STEP <= out.len() {
        for step in (0..len).step_by(STEP) {
            out.copy_within(start + step..start + step + STEP, at + step);
        }
    } else {
        let head = len.min(HEAD);
        out[at..at + head].copy_from_slice(&text.head.to_le_bytes()[..head]);
        for byte in head..len {
            out[at + byte] = out[start + byte];
        }
    }
    // The string before and its first byte again: that byte was not there yet.
    if start + len > at {
        out[at + len - 1] = text.head as u8;
    }
}

/// The codes of a stream: from the highest bit of each byte on, or from the lowest in old ones.
struct Codes<'a, const OLD: bool> {
    input: &'a [u8],
    /// Bits that were read: the next one is the highest, or the lowest in old streams.
    bits: u64,
    held: u32,
}

impl<const OLD: bool> Codes<'_, OLD> {
    /// The next code, or `None` where the stream ends.
    #[inline(always)]
    fn take(&mut self, width: u32) -> Option<usize> {
        if self.held < width {
            self.fill();
            if self.held < width {
                return None;
            }
        }
        let code = if OLD { self.bits & ((1 << width) - 1) } else { self.bits >> (u64::BITS - width) };
        self.bits = if OLD { self.bits >> width } else { self.bits << width };
        self.held -= width;
        Some(code as usize)
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some((word, _)) = self.input.split_first_chunk() {
            let taken = (u64::BITS - 1 - self.held) / 8;
            // Bits of a byte that has no room are there too, and come again with it.
            self.bits |=
                if OLD { u64::from_le_bytes(*word) << self.held } else { u64::from_be_bytes(*word) >> self.held };
            self.input = &self.input[taken as usize..];
            self.held += 8 * taken;
            return;
        }
        while self.held <= u64::BITS - 8
            && let Some((byte, rest)) = self.input.split_first()
        {
            let place = if OLD { self.held } else { u64::BITS - 8 - self.held };
            self.bits |= u64::from(*byte) << place;
            self.input = rest;
            self.held += 8;
        }
    }
}

/// Files of before 1988 have their bits in the other order and no early code change; their clear code shows it, as in
/// libtiff.
pub(super) fn is_old(input: &[u8]) -> bool {
    input.len() >= 2 && input[0] == 0 && input[1] & 1 == 1
}

#[cfg(test)]
mod tests {
    use weezl::{BitOrder, encode};

    use super::*;

    fn encoded(bytes: &[u8], old: bool) -> Vec<u8> {
        let mut encoder = match old {
            true => encode::Encoder::new(BitOrder::Lsb, 8),
            false => encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8),
        };
        encoder.encode(bytes).unwrap()
    }

    /// Bytes of `kinds` values, many runs or none.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let noise = |len: usize, kinds: u32, step: u32| {
            (0..len as u32)
                .map(|i| ((i / step).wrapping_mul(2_654_435_761) >> 16) % kinds)
                .map(|byte| byte as u8)
                .collect()
        };
        let lengths = [0, 1, 2, 7, 8, 9, 15, 16, 17, 4095, 100_000];
        let kinds = [(1, 1), (2, 1), (3, 5), (16, 1), (256, 1), (256, 37)];
        lengths.into_iter().flat_map(move |len| kinds.map(|(kinds, step)| noise(len, kinds, step)))
    }

    #[test]
    fn streams_of_both_kinds_give_their_bytes() {
        let mut lzw = Lzw::default();
        for bytes in texts() {
            for old in [false, true] {
                let stream = encoded(&bytes, old);
                assert_eq!(is_old(&stream), old);
                let mut out = vec![0xaa; bytes.len()];
                assert_eq!(lzw.decode(&stream, &mut out).unwrap(), bytes.len());
                assert!(out == bytes, "{} bytes, old: {old}", bytes.len());
            }
        }
    }

    #[test]
    fn nothing_comes_after_the_end_of_a_stream() {
        for bytes in texts() {
            let mut out = vec![0xaa; bytes.len() + 100];
            assert_eq!(Lzw::default().decode(&encoded(&bytes, false), &mut out).unwrap(), bytes.len());
        }
    }

    #[test]
    fn a_block_ends_anywhere_in_a_string() {
        let mut lzw = Lzw::default();
        for bytes in texts().filter(|bytes| bytes.len() == 4095) {
            let stream = encoded(&bytes, false);
            for len in (0..200).chain(4000..4095) {
                let mut out = vec![0xaa; len];
                assert_eq!(lzw.decode(&stream, &mut out).unwrap(), len);
                assert!(out == bytes[..len], "{len} bytes");
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_gives_what_it_holds() {
        let mut lzw = Lzw::default();
        let bytes: Vec<u8> = (0..5000_u32).map(|i| (i * i / 7) as u8).collect();
        let stream = encoded(&bytes, false);
        for cut in 0..stream.len() {
            let mut out = vec![0xaa; bytes.len()];
            let held = lzw.decode(&stream[..cut], &mut out).unwrap();
            assert!(out[..held] == bytes[..held], "{cut}");
        }
    }

    /// Codes of 9 bits, the highest first.
    fn codes(codes: &[u64]) -> Vec<u8> {
        let bits: Vec<u8> =
            codes.iter().flat_map(|code| (0..9).rev().map(move |bit| (code >> bit & 1) as u8)).collect();
        bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | bit << (7 - at))).collect()
    }

    #[test]
    fn a_code_that_no_encoder_can_have_made_is_an_error() {
        for stream in [
            codes(&[256, 258]),
            codes(&[258]),
            codes(&[256, 65, 259]),
            codes(&[65, 66, 260, 256]),
            codes(&[65, 66, 256, 258]),
        ] {
            assert!(Lzw::default().decode(&stream, &mut [0; 100]).is_err(), "{stream:02x?}");
        }
        // Without a clear code first, and with a code that is made by itself.
        let mut out = [0; 6];
        assert_eq!(Lzw::default().decode(&codes(&[65, 258, 259, 257]), &mut out).unwrap(), 6);
        assert_eq!(out, [65; 6]);
    }
}
