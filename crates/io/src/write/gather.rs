//! Bytes that wait in memory until they are sent.

use bytes::Bytes;

/// Bytes in pieces, so that collecting more of them moves none.
#[derive(Debug, Default)]
pub(super) struct Gather {
    full: Vec<Bytes>,
    open: Vec<u8>,
    len: u64,
}

const PIECE_BYTES: usize = 1 << 20;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Gather {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.open.capacity() == 0 {
                self.open.reserve_exact(PIECE_BYTES);
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.open.len()));
            self.open.extend_from_slice(now);
            if self.open.len() == PIECE_BYTES {
                self.full.push(std::mem::take(&mut self.open).into());
            }
            bytes = later;
        }
    }

    /// Adds zeros until there are `len` bytes.
    pub(super) fn pad(&mut self, len: u64) {
        if self.len >= len {
            return;
        }
        self.full.push(std::mem::take(&mut self.open).into());
        while self.len < len {
            let piece = &ZEROS[..ZEROS.len().min((len - self.len) as usize)];
            self.full.push(Bytes::from_static(piece));
            self.len += piece.len() as u64;
        }
    }

    /// Adds what another one has.
    pub(super) fn extend(&mut self, other: Self) {
        self.full.push(std::mem::take(&mut self.open).into());
        self.full.extend(other.full);
        self.open = other.open;
        self.len += other.len;
    }

    /// All bytes, in order.
    pub(super) fn into_pieces(self) -> Vec<Bytes> {
        let mut pieces = self.full;
        pieces.push(self.open.into());
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let long: Vec<u8> = (0..5 * PIECE_BYTES / 2).map(|at| at as u8).collect();
        let mut gather = Gather::default();
        gather.append(b"ab");
        gather.append(&long);
        gather.pad(7);
        let mut other = Gather::default();
        other.append(b"cd");
        other.pad(100_000);
        gather.extend(other);
        gather.append(b"e");
        let expected = [b"ab", &long[..], b"cd", &[0; 99_998], b"e"].concat();
        assert_eq!(gather.len(), expected.len() as u64);
        assert_eq!(gather.into_pieces().concat(), expected);
    }
}
