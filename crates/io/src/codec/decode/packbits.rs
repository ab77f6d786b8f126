//! Runs of bytes (TIFF 6.0, section 9).

/// The most bytes that a byte can stand for: two bytes are a run of 128.
pub(super) const RATIO: usize = 64;

/// Bytes of runs that are written as one word of that size, for most are short: a call takes longer than they do.
const SHORT: usize = 16;

/// Fills `out` and tells how much of it the input held. Runs need not end with rows, and what runs over is cut, as in
/// libtiff.
pub(super) fn unpack(mut input: &[u8], out: &mut [u8]) -> usize {
    let mut produced = 0;
    while let [head, rest @ ..] = input {
        let room = &mut out[produced..];
        if room.is_empty() {
            break;
        }
        let len = match (*head as i8, rest) {
            // Nothing, by definition.
            (i8::MIN, _) => {
                input = rest;
                continue;
            }
            (head @ 0.., _) => {
                let held = (head as usize + 1).min(rest.len());
                let len = held.min(room.len());
                match (room.first_chunk_mut::<SHORT>(), rest.first_chunk()) {
                    // What is too much is overwritten by the next run.
                    (Some(room), Some(bytes)) if len <= SHORT => *room = *bytes,
                    _ => room[..len].copy_from_slice(&rest[..len]),
                }
                input = &rest[held..];
                len
            }
            (head, [byte, rest @ ..]) => {
                let len = (1 - isize::from(head)).unsigned_abs().min(room.len());
                match room.first_chunk_mut() {
                    Some(room) if len <= SHORT => *room = [*byte; SHORT],
                    _ => room[..len].fill(*byte),
                }
                input = rest;
                len
            }
            (_, []) => break,
        };
        produced += len;
    }
    produced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_apple_unpacks() {
        // Technical Note TN1023.
        let packed = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let unpacked = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        let mut out = [0; 24];
        assert_eq!(unpack(&packed, &mut out), 24);
        assert_eq!(out, unpacked);
    }

    #[test]
    fn runs_are_cut_where_the_block_ends_and_no_operation_is_nothing() {
        let mut out = [9; 3];
        assert_eq!(unpack(&[0x80, 0x81, 7], &mut out), 3);
        assert_eq!(out, [7; 3]);
        assert_eq!(unpack(&[0x7f, 1, 2, 3, 4], &mut out), 3);
        assert_eq!(out, [1, 2, 3]);
        assert_eq!(unpack(&[0x01, 5], &mut out), 1);
        assert_eq!(unpack(&[0xff], &mut out), 0);
    }
}
