//! GDAL's structural metadata: what a Cloud-Optimized GeoTIFF promises of its layout, between header and first directory
//! (GDAL's COG driver, "Header ghost area").
//!
//! It is told, not used. A block's leader repeats its size, so that a reader who knows its offset need not read the byte
//! counts; here both arrays come with the directories, whose bytes are at hand when a file is opened, and what a run is
//! going to read is planned before the first block is.

const PREFIX: &[u8] = b"GDAL_STRUCTURAL_METADATA_SIZE=";
/// What follows the prefix: six digits, ` bytes`, and a line's end.
const SIZE: usize = 13;

/// Keys and values in the order of the file; none where the first bytes of the file have no ghost area.
pub(super) fn parse(start: &[u8], big_tiff: bool) -> Vec<(String, String)> {
    text(start, if big_tiff { 16 } else { 8 })
        .map(|text| {
            let pair = |line: &str| line.trim().split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
            text.lines().filter_map(pair).collect()
        })
        .unwrap_or_default()
}

fn text(start: &[u8], at: usize) -> Option<&str> {
    let rest = start.get(at..)?.strip_prefix(PREFIX)?;
    let (size, rest) = rest.split_at_checked(SIZE)?;
    let digits = str::from_utf8(size.get(..6)?).ok()?;
    let len: usize = digits.trim().parse().ok()?;
    str::from_utf8(rest.get(..len.min(rest.len()))?).ok()
}

/// Whether these are the promises by which GDAL calls a layout `COG`, and none of them was broken since.
pub(super) fn is_cog(ghost: &[(String, String)]) -> bool {
    let is = |key: &str, value: &str| ghost.iter().any(|(own, text)| own == key && text.trim() == value);
    is("LAYOUT", "IFDS_BEFORE_DATA")
        && is("BLOCK_ORDER", "ROW_MAJOR")
        && is("BLOCK_LEADER", "SIZE_AS_UINT4")
        && is("BLOCK_TRAILER", "LAST_4_BYTES_REPEATED")
        && !is("KNOWN_INCOMPATIBLE_EDITION", "YES")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: &str = "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
                        BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n ";

    fn file(area: &str) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        bytes.extend(format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{area}rest", area.len()).bytes());
        bytes
    }

    #[test]
    fn promises_are_told_and_a_broken_one_ends_them() {
        let ghost = parse(&file(AREA), false);
        assert_eq!(ghost.len(), 5);
        assert!(is_cog(&ghost));
        let broken = parse(&file(&AREA.replace("EDITION=NO", "EDITION=YES")), false);
        assert!(!is_cog(&broken) && broken.len() == 5);
    }

    #[test]
    fn a_file_without_or_with_half_an_area_has_no_promises() {
        for bytes in [&[][..], &file(AREA)[..20], &file(AREA)[..45], b"II*\0\x08\0\0\0\x01\0"] {
            assert!(!is_cog(&parse(bytes, false)), "{bytes:?}");
        }
        assert_eq!(parse(&file(AREA), true), []);
        let endless = file(AREA).iter().map(|b| if b.is_ascii_digit() { b'9' } else { *b }).collect::<Vec<_>>();
        assert!(parse(&endless, false).len() >= 5);
    }
}
