//! The value of the GDAL_NODATA tag (42113), where the file's dtype can hold it.

use swath_core::dtype::{DType, Scalar};

use super::describe;

/// The nodata value, or none where the text is no number or one that no pixel of `dtype` can have.
pub(super) fn parse(text: &str, dtype: DType) -> Option<Scalar> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i128>() {
        return Scalar::Int(integer).fit(dtype).ok().or_else(|| nearest(integer as f64, dtype));
    }
    let lower = text.to_ascii_lowercase();
    let value = match lower.as_str() {
        // As C libraries print them: -nan, nan(ind), 1.#QNAN, 1.#INF.
        text if text.trim_start_matches('-').starts_with("nan") || text.contains("#qnan") || text.contains("#ind") => {
            f64::NAN
        }
        "1.#inf" => f64::INFINITY,
        "-1.#inf" => f64::NEG_INFINITY,
        text => text.parse().ok().or_else(|| leading(text))?,
    };
    nearest(value, dtype)
}

/// The number that a text begins with, as `255 255`, `12m` or, with a comma, `7,5`; none where it begins with another word.
fn leading(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.strip_prefix('.').unwrap_or(digits).starts_with(|char: char| char.is_ascii_digit());
    is_number.then(|| describe::number(&text.replacen(',', ".", 1)))
}

/// The pixel that decimal digits mean: exact for integers, the nearest for floats.
fn nearest(value: f64, dtype: DType) -> Option<Scalar> {
    match dtype {
        DType::F64 => Some(Scalar::Float(value)),
        DType::F32 if value.is_finite() => {
            // Digits of f32's largest value are often rounded up: like GDAL, take them for it.
            let largest = f64::from(f32::MAX);
            let close = value.abs() > largest && value.abs() <= largest * (1.0 + 1e-6);
            let value = if close { largest.copysign(value) } else { value };
            let single = value as f32;
            single.is_finite().then(|| Scalar::Float(f64::from(single)))
        }
        DType::F32 => Some(Scalar::Float(value)),
        _ => Scalar::Float(value).fit(dtype).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pixel_can_be_is_nodata_and_nothing_else() {
        for (text, dtype, value) in [
            ("0", DType::U8, Some(Scalar::Int(0))),
            (" -9999 ", DType::I16, Some(Scalar::Int(-9999))),
            ("-9999.0", DType::I16, Some(Scalar::Int(-9999))),
            ("18446744073709551615", DType::U64, Some(Scalar::Int(u64::MAX.into()))),
            ("-9999", DType::U8, None),
            ("0.5", DType::U8, None),
            ("nan", DType::U16, None),
            ("1e300", DType::F32, None),
            ("none", DType::F32, None),
            ("-", DType::F32, None),
            ("255 255", DType::U8, Some(Scalar::Int(255))),
            ("12m", DType::F32, Some(Scalar::Int(12))),
            ("-7,5", DType::F32, Some(Scalar::Float(-7.5))),
            ("", DType::F32, None),
            ("nan", DType::F32, Some(Scalar::Float(f64::NAN))),
            ("-NaN", DType::F64, Some(Scalar::Float(f64::NAN))),
            ("-inf", DType::F32, Some(Scalar::Float(f64::NEG_INFINITY))),
            ("-9999", DType::F32, Some(Scalar::Int(-9999))),
            ("0.1", DType::F32, Some(Scalar::Float(f64::from(0.1_f32)))),
            ("-3.40282306073709653e+38", DType::F32, Some(Scalar::Float(f64::from(-3.402_823_e38_f32)))),
            ("3.402823466385289e+38", DType::F32, Some(Scalar::Float(f64::from(f32::MAX)))),
            ("3.4028236e+38", DType::F32, Some(Scalar::Float(f64::from(f32::MAX)))),
        ] {
            assert_eq!(parse(text, dtype), value, "{text:?} as {dtype}");
        }
    }
}
