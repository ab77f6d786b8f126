//! Sizes and durations as a person writes them.

use std::time::Duration;

use swath::Scalar;

/// Bytes of `512M`, `64MiB`, `1.5G`, `100MB` or `1048576`: K, M, G and T count in 1024, and so do KiB …; KB … in 1000.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("{unit:?} is no unit of size: use K, M, G or T, as in 512M")),
    };
    let bytes = parse_number(number, "512M")? * factor as f64;
    match bytes {
        1.0..9e18 => Ok(bytes as u64),
        _ => Err("a size is at least one byte, and less than 8 EiB".to_owned()),
    }
}

/// `50ms`, `1.5s`, `0`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let number = parse_number(number, "50ms")?;
    let seconds = match unit {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "" if number == 0.0 => 0.0,
        _ => return Err("a duration has a unit: us, ms or s, as in 50ms".to_owned()),
    };
    // Longer would be a mistake, and `Duration::from_secs_f64` panics on what it cannot hold.
    if seconds <= 3600.0 { Ok(Duration::from_secs_f64(seconds)) } else { Err("longer than an hour".to_owned()) }
}

/// A rate in Mbit/s, above 0.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = parse_number(text, "100")?;
    if rate > 0.0 { Ok(rate) } else { Err("a bandwidth is more than 0 Mbit/s".to_owned()) }
}

/// Two numbers with a comma between, the lesser first.
pub(crate) fn parse_range(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(',').and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
    match ends {
        Some((low, high)) if low < high => Ok((low, high)),
        _ => Err("expected two numbers, the lesser first, as in 0,255".to_owned()),
    }
}

/// A number from 0 to 1.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let share = parse_number(text, "0.5")?;
    if share <= 1.0 { Ok(share) } else { Err("a quantile lies from 0 to 1".to_owned()) }
}

/// A number, exactly: an integer where it is written as one.
pub(crate) fn parse_scalar(text: &str) -> Result<Scalar, String> {
    let integer = text.parse().ok().map(Scalar::Int);
    let float = || text.parse().ok().map(Scalar::Float);
    integer.or_else(float).ok_or_else(|| "expected a number, such as 0, -9999 or nan".to_owned())
}

/// The digits in front, and the rest without the spaces between.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn parse_number(text: &str, example: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("expected a number, as in {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units_unless_they_end_in_a_decimal_one() {
        for (text, bytes) in [
            ("1048576", 1 << 20),
            ("512M", 512 << 20),
            ("64MiB", 64 << 20),
            ("2G", 2 << 30),
            ("1.5g", 3 << 29),
            ("100MB", 100_000_000),
            ("7 K", 7 << 10),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "12 parsecs", "-1M", "0", "1e99", "99999999T", "1.2.3"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit_unless_they_are_zero() {
        assert_eq!(parse_duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for text in ["50", "ms", "1h", "99999s", "nans"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
