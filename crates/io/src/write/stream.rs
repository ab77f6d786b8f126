//! A file that goes to a store while it comes about: full parts are sent, the first, which has the head, at last.

use std::fs::File;
use std::io::{self, Read};

use swath_core::error::Result;

use super::gather::Gather;
use super::target::Target;
use crate::store::{Destination, Parts};

/// Bytes of a part, of files that do not need larger ones to have few enough.
pub(super) const PART_BYTES: u64 = 8 << 20;

/// Parts of the bytes behind all else: stores take 10 000 parts in all.
const PARTS_MAX: u64 = 5000;

/// How a stream is cut into parts: a function of what is known before the first block, as the file's bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes that wait for the head, to be sent in one part with it.
    pub(super) lead_bytes: u64,
    /// Bytes of each further part but the last.
    pub(super) part_bytes: u64,
    /// Number of the first further part.
    pub(super) first_part: usize,
    /// Bytes that may be on their way at once.
    pub(super) in_flight_max: u64,
}

impl Cut {
    /// That of at most `bytes_max` bytes behind a head of `head_len`.
    pub(super) fn new(head_len: u64, bytes_max: u64) -> Self {
        let part_bytes = PART_BYTES.max((bytes_max / PARTS_MAX).next_multiple_of(1 << 20));
        Self {
            lead_bytes: part_bytes.saturating_sub(head_len),
            part_bytes,
            first_part: 1,
            in_flight_max: 2 * part_bytes,
        }
    }

    /// Bytes that are held at once, of a stream of at most `bytes_max`.
    pub(super) fn held_bytes(&self, bytes_max: u64) -> u64 {
        (self.lead_bytes + self.part_bytes + self.in_flight_max).min(bytes_max)
    }
}

/// The bytes behind the head. What fits into one part beside those that wait for it is put in one request.
#[derive(Debug)]
pub(super) struct Stream {
    to: Destination,
    cut: Cut,
    /// There once a part had to be sent. Subtle: dropped, it takes back what was sent.
    parts: Option<Parts>,
    lead: Gather,
    open: Gather,
    next_part: usize,
}

impl Stream {
    pub(super) fn new(to: Destination, cut: Cut) -> Self {
        let next_part = cut.first_part;
        Self { to, cut, parts: None, lead: Gather::default(), open: Gather::default(), next_part }
    }

    /// Adds bytes behind those before.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        let room = self.cut.lead_bytes.saturating_sub(self.lead.len());
        let (lead, mut rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        self.lead.append(lead);
        while !rest.is_empty() {
            // Full parts are sent when more comes, so that what ends with one needs no second.
            if self.open.len() == self.cut.part_bytes {
                self.send_open()?;
            }
            let room = (self.cut.part_bytes - self.open.len()) as usize;
            (bytes, rest) = rest.split_at(rest.len().min(room));
            self.open.append(bytes);
        }
        Ok(())
    }

    /// Sends a part that is no piece of the stream.
    pub(super) fn send(&mut self, number: usize, content: Gather) -> Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(self.to.parts(self.cut.in_flight_max)?),
        };
        parts.send(number, content.into_pieces())
    }

    fn send_open(&mut self) -> Result<()> {
        let open = std::mem::take(&mut self.open);
        let number = self.next_part;
        self.next_part += 1;
        self.send(number, open)
    }

    /// Sends what is left, and `head` and the bytes that waited for it; then there is an object.
    pub(super) fn complete(mut self, mut head: Gather) -> Result<()> {
        head.extend(std::mem::take(&mut self.lead));
        if self.parts.is_none() {
            head.extend(self.open);
            return self.to.put(head.into_pieces());
        }
        if !self.open.is_empty() {
            self.send_open()?;
        }
        self.send(0, head)?;
        self.parts.expect("parts were sent").complete()
    }
}

impl Target for Stream {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes).map_err(io::Error::other)
    }

    fn append_file(&mut self, file: &mut File, mut length: u64) -> io::Result<()> {
        let mut buffer = vec![0; length.min(1 << 20) as usize];
        while length > 0 {
            let piece = &mut buffer[..length.min(1 << 20) as usize];
            file.read_exact(piece)?;
            self.append(piece)?;
            length -= piece.len() as u64;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, head: &[u8]) -> io::Result<()> {
        let mut first = Gather::default();
        first.append(head);
        self.complete(first).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_size_have_few_enough_parts() {
        let small = Cut::new(1000, 1 << 20);
        assert_eq!((small.part_bytes, small.lead_bytes), (PART_BYTES, PART_BYTES - 1000));
        assert_eq!(small.held_bytes(1 << 20), 1 << 20);
        for shift in 33..44 {
            let bytes_max = (1 << shift) + 12_345;
            let cut = Cut::new(1 << 23, bytes_max);
            assert!(bytes_max.div_ceil(cut.part_bytes) <= PARTS_MAX + 1);
            assert!(cut.part_bytes.is_multiple_of(1 << 20) && cut.part_bytes <= 5 << 30);
        }
    }
}
