//! What a Cloud-Optimized GeoTIFF promises of its layout, between header and first directory (GDAL's COG driver, "Header
//! ghost area"): directories before data, blocks in the order of their numbers, each between its size and a copy of its
//! last four bytes.

const PROMISES: &str = "LAYOUT=IFDS_BEFORE_DATA\n\
                        BLOCK_ORDER=ROW_MAJOR\n\
                        BLOCK_LEADER=SIZE_AS_UINT4\n\
                        BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n\
                        KNOWN_INCOMPATIBLE_EDITION=NO\n ";

/// Bytes before a block: its size.
pub(super) const LEADER_LEN: u64 = 4;

/// Bytes behind a block: its last four.
pub(super) const TRAILER_LEN: u64 = 4;

/// The area, as long as directories want it that start at multiples of `alignment`, of which a header's length is one.
pub(super) fn area(alignment: usize) -> Vec<u8> {
    let before = |size: usize| format!("GDAL_STRUCTURAL_METADATA_SIZE={size:06} bytes\n");
    let len = (before(0).len() + PROMISES.len()).next_multiple_of(alignment) - before(0).len();
    // GDAL writes one space behind, so that a NO can become a YES; readers pass over more of them.
    format!("{}{PROMISES:len$}", before(len)).into_bytes()
}

/// What stands before a block of these bytes, and behind it.
pub(super) fn around(block: &[u8]) -> ([u8; LEADER_LEN as usize], [u8; TRAILER_LEN as usize]) {
    let length = u32::try_from(block.len()).expect("a block is smaller than 4 GiB");
    let mut last = [0; TRAILER_LEN as usize];
    let tail = block.split_at(block.len().saturating_sub(last.len())).1;
    last[..tail.len()].copy_from_slice(tail);
    (length.to_le_bytes(), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_tells_its_own_length_and_ends_where_a_directory_may_start() {
        let area = String::from_utf8(area(8)).unwrap();
        let (head, promises) = area.split_at(43);
        assert_eq!(head, format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n", promises.len()));
        assert!(area.len().is_multiple_of(8) && promises.starts_with(PROMISES));
    }

    #[test]
    fn a_block_stands_between_its_size_and_its_last_bytes() {
        assert_eq!(around(b"abcdef"), ([6, 0, 0, 0], *b"cdef"));
        assert_eq!(around(b"ab"), ([2, 0, 0, 0], *b"ab\0\0"));
    }
}
