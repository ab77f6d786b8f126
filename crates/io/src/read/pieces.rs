//! The bytes of a file that were fetched so far, and what of them is missing.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

/// Why parsing cannot go on.
#[derive(Debug)]
pub(super) enum Stop {
    Missing(Range<u64>),
    Bad(String),
    /// A limit, which is none of what libtiff would pass over.
    Limit(String),
}

pub(super) fn bad(message: impl Into<String>) -> Stop {
    Stop::Bad(message.into())
}

/// The first bytes of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prelude {
    pub(super) little_endian: bool,
    pub(super) big_tiff: bool,
    pub(super) first: u64,
}

impl Prelude {
    pub(super) fn read(pieces: &Pieces) -> Result<Self, Stop> {
        let head = pieces.bytes(0, pieces.size.min(16))?;
        let little_endian = match head.get(..2) {
            Some(b"II") => true,
            Some(b"MM") => false,
            _ => return Err(bad(not_a_tiff(&head))),
        };
        let number = |at: Range<usize>| head.get(at).map(|bytes| unsigned(bytes, little_endian));
        let (big_tiff, first) = match (number(2..4), number(4..8)) {
            (Some(42), Some(first)) => (false, Some(first)),
            (Some(43), Some(_)) if number(4..6) == Some(8) && number(6..8) == Some(0) => (true, number(8..16)),
            (Some(42 | 43), _) => (false, None),
            _ => return Err(bad(not_a_tiff(&head))),
        };
        let first = first.ok_or_else(|| bad("its header is cut short"))?;
        Ok(Self { little_endian, big_tiff, first })
    }

    /// The number that `bytes` are in the file's order.
    pub(super) fn unsigned(self, bytes: &[u8]) -> u64 {
        unsigned(bytes, self.little_endian)
    }
}

fn not_a_tiff(head: &[u8]) -> String {
    let shown: Vec<_> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    match (head, head.trim_ascii_start().first()) {
        ([], _) => "not a TIFF file (it is empty)".to_owned(),
        (_, Some(b'<')) => "not a TIFF file (it looks like a web page or XML)".to_owned(),
        _ => format!("not a TIFF file (it starts with {})", shown.join(" ")),
    }
}

fn unsigned(bytes: &[u8], little_endian: bool) -> u64 {
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    match little_endian {
        true => bytes.iter().rev().fold(0, push),
        false => bytes.iter().fold(0, push),
    }
}

/// The bytes of a file that were fetched so far.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) size: u64,
    /// By where they begin. They overlap only where more was fed than was asked for.
    pieces: BTreeMap<u64, Bytes>,
}

impl Pieces {
    /// The first bytes of a file of `size` bytes.
    pub(super) fn new(size: u64, start: Bytes) -> Self {
        Self { size, pieces: BTreeMap::from([(0, start)]) }
    }

    pub(super) fn add(&mut self, offset: u64, bytes: Bytes) {
        let held = self.pieces.entry(offset).or_default();
        if held.len() < bytes.len() {
            *held = bytes;
        }
    }

    /// The bytes from `position` to the end of a piece that has it; none if no piece does.
    pub(super) fn at(&self, position: u64) -> Option<&[u8]> {
        let rest =
            |(offset, bytes): (&u64, &'_ Bytes)| usize::try_from(position - offset).ok().filter(|at| *at < bytes.len());
        let pieces = self.pieces.range(..=position).rev();
        pieces.filter_map(|piece| Some(&piece.1[rest(piece)?..])).next()
    }

    /// The bytes around `position`, which no piece has, that no piece has either.
    pub(super) fn gap(&self, position: u64) -> Range<u64> {
        let ends = self.pieces.range(..=position).map(|(offset, bytes)| offset + bytes.len() as u64);
        let next = self.pieces.range(position..).next().map_or(self.size, |(offset, _)| *offset);
        ends.max().unwrap_or(0)..next.min(self.size)
    }

    /// Exactly the `len` bytes from `offset` on.
    pub(super) fn bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>, Stop> {
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        let end = end.ok_or_else(|| bad(format!("a directory at byte {offset} lies beyond the end of the file")))?;
        let mut out = Vec::new();
        let mut position = offset;
        while position < end {
            let Some(rest) = self.at(position) else { return Err(Stop::Missing(position..end)) };
            let take = rest.len().min((end - position) as usize);
            out.extend_from_slice(&rest[..take]);
            position += take as u64;
        }
        Ok(out)
    }
}
