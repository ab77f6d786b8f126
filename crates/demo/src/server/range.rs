//! The Range header (RFC 9110, section 14).

/// What a Range header asks of a file of known size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No range, or one that is to be ignored: malformed, in other units, or several.
    Whole,
    /// First and last byte, inclusive, both inside the file.
    Part(u64, u64),
    /// A range that lies outside the file.
    Unsatisfiable,
}

pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    header.and_then(|header| parse(header, size)).unwrap_or(Wanted::Whole)
}

fn parse(header: &str, size: u64) -> Option<Wanted> {
    let (first, last) = header.strip_prefix("bytes=")?.trim().split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => match number(suffix)? {
            0 => return Some(Wanted::Unsatisfiable),
            length => (size.saturating_sub(length), size.checked_sub(1)),
        },
        (first, "") => (number(first)?, size.checked_sub(1)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, size.checked_sub(1).map(|end| end.min(last)))
        }
    };
    Some(match last {
        Some(last) if first <= last => Wanted::Part(first, last),
        _ => Wanted::Unsatisfiable,
    })
}

fn number(digits: &str) -> Option<u64> {
    // `parse` alone would accept a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::Wanted::{Part, Unsatisfiable, Whole};
    use super::*;

    #[test]
    fn ranges_are_clipped_to_the_file() {
        let check = |header, expected| assert_eq!(wanted(Some(header), 10), expected, "{header}");
        check("bytes=0-0", Part(0, 0));
        check("bytes=2-5", Part(2, 5));
        check("bytes=2-99", Part(2, 9));
        check("bytes=3-", Part(3, 9));
        check("bytes=-4", Part(6, 9));
        check("bytes=-99", Part(0, 9));
        check("bytes=10-", Unsatisfiable);
        check("bytes=10-12", Unsatisfiable);
        check("bytes=-0", Unsatisfiable);
    }

    #[test]
    fn what_is_not_one_range_of_bytes_is_ignored() {
        for header in ["bytes=5-2", "bytes=a-b", "bytes=+1-2", "bytes=-", "bytes=", "items=0-1", "bytes=0-1,3-4"] {
            assert_eq!(wanted(Some(header), 10), Whole, "{header}");
        }
        assert_eq!(wanted(None, 10), Whole);
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        assert_eq!(wanted(Some("bytes=0-"), 0), Unsatisfiable);
        assert_eq!(wanted(Some("bytes=-5"), 0), Unsatisfiable);
    }
}
