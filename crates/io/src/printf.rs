//! Numbers as C prints them, for texts that GDAL makes of numbers.

/// `%.{digits}g`: so many significant digits without trailing zeros, with an exponent where that is shorter.
pub(crate) fn general(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:.*e}", digits.max(1) - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    trimmed(&format!("{value:.*}", (digits as i32 - 1 - exponent) as usize)).to_owned()
}

/// Without the zeros, and the point, at the end of a fraction.
fn trimmed(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        for (value, digits, text) in [
            (0.0, 8, "0"),
            (204.0, 8, "204"),
            (0.1_f32.into(), 8, "0.1"),
            (28.346457, 8, "28.346457"),
            (1e-5, 8, "1e-05"),
            (0.0001, 8, "0.0001"),
            (123_456_789.0, 8, "1.2345679e+08"),
            (1e300, 15, "1e+300"),
            (-2.5, 15, "-2.5"),
            (999_999_999.0, 8, "1e+09"),
            (f64::NEG_INFINITY, 8, "-inf"),
        ] {
            assert_eq!(general(value, digits), text);
        }
    }
}
