//! Bilevel images of CCITT T.4 and T.6, and its runs alone (TIFF 6.0, sections 10 and 11; libtiff's `tif_fax3.c`).
//!
//! Codes are those of the `fax` crate, put to tables. What a row is made of is decided here, as TIFF has streams that a fax
//! machine has not: rows padded to bytes or words, fill bits, missing ends, and rows that libtiff mends.

use std::sync::LazyLock;

use fax::maps::{self, Mode};
use swath_core::error::{Error, Result};

use crate::codec::{BlockSpec, Compression};

/// Positions in a row where the colour changes, white to black first; kept from row to row and block to block.
#[derive(Default)]
pub(super) struct Ccitt {
    row: Vec<u32>,
    /// Of the row before, and the row's end as often as a code can look beyond the last.
    reference: Vec<u32>,
}

/// Changes beyond the last: one of the wrong colour, one of the right, and the one after it.
const BEYOND: usize = 3;

/// What the next bits of a stream are, by as many of them as the longest code has.
struct Codes {
    /// Length of a run in all bits but the lowest four, which are those of its code; 0 where there is none.
    white: Box<[u16]>,
    black: Box<[u16]>,
    modes: Box<[Option<(Mode, u8)>]>,
}

const WHITE_BITS: u8 = 12;
const BLACK_BITS: u8 = 13;
const MODE_BITS: u8 = 7;
/// Eleven zeros and a one: the end of a line or a block.
const END_BITS: u8 = 12;

static CODES: LazyLock<Codes> = LazyLock::new(|| {
    fn table<T>(bits: u8, decode: impl Fn(&mut Bits<'_>) -> Option<T>) -> impl Iterator<Item = Option<(T, u8)>> {
        (0..1_u16 << bits).map(move |pattern| {
            let mut pattern = Bits { input: &(pattern << (16 - bits)).to_be_bytes(), at: 0 };
            decode(&mut pattern).map(|code| (code, pattern.at as u8)).filter(|(_, len)| *len <= bits)
        })
    }
    let run = |code: Option<(u16, u8)>| code.map_or(0, |(run, len)| run << 4 | u16::from(len));
    Codes {
        white: table(WHITE_BITS, |bits| maps::white::decode(bits)).map(run).collect(),
        black: table(BLACK_BITS, |bits| maps::black::decode(bits)).map(run).collect(),
        modes: table(MODE_BITS, |bits| maps::mode::decode(bits)).collect(),
    }
});

/// Fails where `input` has fewer bits than the block has codes, before the block is allocated.
pub(super) fn check(block: &BlockSpec<'_>, input: &[u8]) -> Result<()> {
    if block.bits != 1 || block.samples != 1 {
        let BlockSpec { compression, bits, samples, .. } = block;
        return Err(Error::unsupported(format!(
            "{compression} holds one sample of 1 bit a pixel, not {samples} of {bits} bits"
        )));
    }
    // A row like the one before is a bit, others take a code for at most 2560 pixels.
    let codes = match block.compression {
        Compression::CcittFax4 => 1,
        Compression::CcittFax3 if block.tags.t4_options & 1 == 1 => 1,
        _ => block.columns / 2560 + 1,
    };
    match block.rows.saturating_mul(codes) <= input.len().saturating_mul(8) {
        true => Ok(()),
        false => {
            Err(Error::corrupt(format!("{} bytes of {} cannot hold {}", input.len(), block.compression, block.bytes())))
        }
    }
}

impl Ccitt {
    /// Fills `out`: white is 0, black 1, whatever the photometric interpretation.
    pub(super) fn decode(&mut self, block: &BlockSpec<'_>, input: &[u8], out: &mut [u8]) -> Result<()> {
        let mut bits = Bits { input, at: 0 };
        let width = block.columns as u32;
        self.reference.clear();
        self.reference.extend([width; BEYOND]);
        let mut rows = out.chunks_exact_mut(block.row_bytes());
        let lines = block.compression == Compression::CcittFax3;
        // Streams without any end of line do not conform, but libtiff reads them.
        let lines = lines && Bits { ..bits }.skip_end_of_line();
        let mut ended = false;
        let mut index = 0;
        for row in rows.by_ref() {
            if ended {
                row.fill(0);
                continue;
            }
            self.row.clear();
            match block.compression {
                Compression::CcittFax3 => {
                    if lines && !bits.skip_end_of_line() {
                        return Err(short(block, index));
                    }
                    let one_dimensional = block.tags.t4_options & 1 == 0 || bits.take(1) == 1;
                    let whole = match one_dimensional {
                        true => self.runs(&mut bits, width),
                        false => !self.differences(block, &mut bits, width)?,
                    };
                    // The next row begins behind the next end of line, if there are any.
                    if !whole && !lines {
                        return Err(short(block, index));
                    }
                }
                Compression::CcittFax4 => {
                    ended = self.differences(block, &mut bits, width)? && index > 0;
                    if ended {
                        // The end of the block came before its last row: libtiff leaves the others white.
                        row.fill(0);
                        continue;
                    }
                }
                compression => {
                    if !self.runs(&mut bits, width) {
                        return Err(short(block, index));
                    }
                    bits.align(if compression == Compression::CcittRleWords { 16 } else { 8 });
                }
            }
            if bits.is_over() {
                return Err(short(block, index));
            }
            mend(&mut self.row, width);
            fill(&self.row, width, row);
            std::mem::swap(&mut self.row, &mut self.reference);
            self.reference.extend([width; BEYOND]);
            index += 1;
        }
        Ok(())
    }

    /// A row of runs, white and black in turns. False where it ends early: it is white to its end, as in libtiff.
    fn runs(&mut self, bits: &mut Bits<'_>, width: u32) -> bool {
        let (mut at, mut black) = (0, false);
        while at < width {
            let Some(run) = bits.run(black) else { return false };
            at = at.saturating_add(run);
            self.row.push(at);
            black = !black;
        }
        true
    }

    /// A row told by its differences from the one before. True at the end of the block.
    fn differences(&mut self, block: &BlockSpec<'_>, bits: &mut Bits<'_>, width: u32) -> Result<bool> {
        let damaged = |what: &str| Error::corrupt(format!("the {} stream is damaged ({what})", block.compression));
        // Before the first pixel.
        let mut at: i64 = -1;
        let mut black = false;
        let mut index = 0;
        while at < i64::from(width) {
            // The first change of the row before that is right of here and to the other colour.
            while index > 0 && i64::from(self.reference[index - 1]) > at {
                index -= 1;
            }
            while i64::from(self.reference[index]) <= at || (index % 2 == 1) != black {
                index += 1;
            }
            let above = self.reference[index];
            if at < 0 && self.row.is_empty() && bits.look(END_BITS) == 1 {
                bits.take(END_BITS);
                return Ok(true);
            }
            match bits.mode() {
                Some(Mode::Pass) => at = self.reference[index + 1].into(),
                Some(Mode::Vertical(by)) => {
                    let to = i64::from(above) + i64::from(by);
                    if to < at.max(0) || to > i64::from(width) {
                        return Err(damaged("a change lies outside of its row"));
                    }
                    self.row.push(to as u32);
                    at = to;
                    black = !black;
                }
                Some(Mode::Horizontal) => {
                    for color in [black, !black] {
                        let run = bits.run(color).ok_or_else(|| damaged("a code that is none"))?;
                        at = at.max(0).saturating_add(run.into()).min(u32::MAX.into());
                        self.row.push(at as u32);
                    }
                }
                Some(Mode::Extension) => {
                    return Err(Error::unsupported(format!(
                        "{} in uncompressed mode is not supported",
                        block.compression
                    )));
                }
                Some(Mode::EOF) | None => return Err(damaged("a code that is none")),
            }
        }
        Ok(false)
    }
}

/// Leaves out runs that go beyond the row, and ends what is left white, as libtiff does.
fn mend(changes: &mut Vec<u32>, width: u32) {
    while changes.pop_if(|last| *last > width).is_some() {}
    if let Some(last) = changes.last().copied()
        && last < width
        && changes.len() % 2 == 1
    {
        changes.push(last);
    }
}

/// Sets the black pixels of a row.
fn fill(changes: &[u32], width: u32, row: &mut [u8]) {
    row.fill(0);
    for pair in changes.chunks(2) {
        let &[start, ref end @ ..] = pair else { continue };
        let end = end.first().copied().unwrap_or(width);
        let (first, last) = (start as usize / 8, end as usize / 8);
        let (head, tail) = (0xff_u8 >> (start % 8), !(0xff_u8.checked_shr(end % 8).unwrap_or(0)));
        if start >= end {
            continue;
        }
        if first == last {
            row[first] |= head & tail;
            continue;
        }
        row[first] |= head;
        row[first + 1..last].fill(0xff);
        if tail != 0 {
            row[last] |= tail;
        }
    }
}

fn short(block: &BlockSpec<'_>, rows: usize) -> Error {
    Error::corrupt(format!("the {} stream holds {rows} of {} rows", block.compression, block.rows))
}

/// The bits of a stream, the most significant of a byte first; zeros after its end.
#[derive(Clone, Copy)]
struct Bits<'a> {
    input: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn is_over(&self) -> bool {
        self.at > self.input.len() * 8
    }

    fn look(&self, count: u8) -> u16 {
        let byte = self.at / 8;
        let get = |index: usize| u32::from(self.input.get(index).copied().unwrap_or(0));
        let word = match self.input.get(byte..byte + 4) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => get(byte) << 24 | get(byte + 1) << 16 | get(byte + 2) << 8 | get(byte + 3),
        };
        match count {
            0 => 0,
            count => (word << (self.at % 8) >> (32 - u32::from(count))) as u16,
        }
    }

    fn take(&mut self, count: u8) -> u16 {
        let bits = self.look(count);
        self.at += usize::from(count);
        bits
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to).min((self.input.len() * 8).max(self.at));
    }

    /// Goes behind the next end of line: eleven zeros at least, and a one. False where there is none.
    fn skip_end_of_line(&mut self) -> bool {
        let end = self.input.len() * 8;
        while self.look(11) != 0 {
            self.at += 1;
        }
        self.at += 11;
        while self.at < end && self.look(8) == 0 {
            self.at += 8;
        }
        while self.at < end && self.look(1) == 0 {
            self.at += 1;
        }
        self.at += 1;
        self.at <= end
    }

    /// What the next row or part of it is like.
    fn mode(&mut self) -> Option<Mode> {
        let (mode, len) = CODES.modes[usize::from(self.look(MODE_BITS))]?;
        self.at += usize::from(len);
        Some(mode)
    }

    /// A run: any count of codes of 64 pixels or more, and one of fewer. None for an end of line or a code that is none.
    fn run(&mut self, black: bool) -> Option<u32> {
        let mut total = 0_u32;
        loop {
            if self.at >= self.input.len() * 8 {
                // Zeros behind the end are no code that is damaged, but a stream that is cut.
                self.at = self.input.len() * 8 + 1;
                return None;
            }
            let code = match black {
                true => CODES.black[usize::from(self.look(BLACK_BITS))],
                false => CODES.white[usize::from(self.look(WHITE_BITS))],
            };
            if code == 0 {
                return None;
            }
            self.at += usize::from(code & 0xf);
            let part = code >> 4;
            total = total.saturating_add(part.into());
            if part < 64 {
                return Some(total);
            }
        }
    }
}

impl fax::BitReader for Bits<'_> {
    type Error = std::convert::Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        (bits <= 16).then(|| self.look(bits))
    }

    fn consume(&mut self, bits: u8) -> std::result::Result<(), Self::Error> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (self.at.next_multiple_of(8) - self.at) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_row_is_left_white() {
        for (changes, mended) in [
            (vec![], vec![]),
            (vec![32], vec![32]),
            (vec![10], vec![10, 10]),
            (vec![10, 40], vec![10, 10]),
            (vec![10, 20, 40], vec![10, 20]),
            (vec![10, 20, 40, 50], vec![10, 20]),
            (vec![10, 32], vec![10, 32]),
        ] {
            let mut row = changes.clone();
            mend(&mut row, 32);
            assert_eq!(row, mended, "{changes:?}");
        }
    }
}
