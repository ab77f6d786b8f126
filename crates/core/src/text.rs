//! Numbers as a person reads them.

use std::time::Duration;

/// Bytes with a binary unit: `512 B`, `1.5 KiB`, `90.4 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would round to 1024.0 of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time in three digits or so: `12 µs`, `3.4 ms`, `1.25 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 0.000_999_5 => format!("{:.0} µs", short * 1e6),
        middling if middling < 0.999_5 => format!("{:.1} ms", middling * 1e3),
        long => format!("{long:.2} s"),
    }
}

/// An integer in groups of three digits: `1 048 576`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Lengths of axes: `3 × 5490 × 5490`.
pub fn lengths(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}

/// The end of a long URI or path, from a `/` on if it can be: the part that tells files apart.
pub fn short(name: &str) -> String {
    const LENGTH_MAX: usize = 46;
    let cut = name.chars().count().saturating_sub(LENGTH_MAX - 1);
    if cut <= 1 {
        return name.to_owned();
    }
    let end: String = name.chars().skip(cut).collect();
    let whole = end.split_once('/').map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
    format!("…/{}", whole.unwrap_or(&end))
}

/// `1 request`, `2 requests`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_round_up_to_a_thousand_and_more() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(90 << 20), "90.0 MiB");
    }

    #[test]
    fn times_never_round_up_to_a_thousand_and_more() {
        for (nanos, text) in [
            (0, "0 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (12_340_000, "12.3 ms"),
            (999_600_000, "1.00 s"),
            (61_250_000_000, "61.25 s"),
        ] {
            assert_eq!(seconds(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_long_name_keeps_its_last_parts_whole() {
        assert_eq!(short("scene/SCL.tif"), "scene/SCL.tif");
        assert_eq!(
            short("https://example.org/archive/2020/S2A_31UFU_20200313_0_L2A/SCL.tif"),
            "…/2020/S2A_31UFU_20200313_0_L2A/SCL.tif"
        );
        assert!(short(&"x".repeat(100)).chars().count() <= 47);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!((counted(1, "request"), counted(1200, "block")), ("1 request".into(), "1 200 blocks".into()));
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_048_576), "1 048 576");
    }
}
