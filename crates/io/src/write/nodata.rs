//! Nodata values as GDAL spells them in its tag 42113.

use swath_core::dtype::{DType, Scalar};

/// The text of `value`, a value that `dtype` holds: integers without point, floats as C's `%.17g`, NaN as `nan`.
pub(super) fn spell(value: Scalar, dtype: DType) -> String {
    if dtype.is_float() {
        // An f32 pixel cannot be the decimal that was asked for: readers compare with what the pixel is.
        return spell_float(if dtype == DType::F32 { f64::from(value.to_f64() as f32) } else { value.to_f64() });
    }
    match value.to_integer() {
        Some(value) => value.to_string(),
        None => u8::from(value == Scalar::Bool(true)).to_string(),
    }
}

fn spell_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:.16e}");
    let (digits, exponent) = scientific.split_once('e').expect("Rust writes an exponent");
    let exponent: i32 = exponent.parse().expect("Rust writes a decimal exponent");
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).expect("the exponent is at most 16");
        return trimmed(&format!("{value:.decimals$}")).into();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
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
    fn nodata_is_spelled_as_gdal_does() {
        let check = |value: Scalar, dtype, expected| assert_eq!(spell(value, dtype), expected);
        check(Scalar::from(0), DType::U8, "0");
        check(Scalar::from(-9999.0), DType::I16, "-9999");
        check(Scalar::from(u64::MAX), DType::U64, "18446744073709551615");
        check(Scalar::from(true), DType::Bool, "1");
        check(Scalar::from(-9999), DType::F32, "-9999");
        check(Scalar::from(f64::NAN), DType::F32, "nan");
        check(Scalar::from(f64::NEG_INFINITY), DType::F64, "-inf");
        check(Scalar::from(0.1), DType::F64, "0.10000000000000001");
        check(Scalar::from(0.1), DType::F32, "0.10000000149011612");
        check(Scalar::from(0.5), DType::F32, "0.5");
        check(Scalar::from(0.0), DType::F64, "0");
        check(Scalar::from(f32::MIN), DType::F32, "-3.4028234663852886e+38");
        check(Scalar::from(f64::MAX), DType::F64, "1.7976931348623157e+308");
        check(Scalar::from(1e20), DType::F64, "1e+20");
        check(Scalar::from(1e16), DType::F64, "10000000000000000");
        check(Scalar::from(0.000_012_5), DType::F64, "1.2500000000000001e-05");
        check(Scalar::from(0.000_125), DType::F64, "0.000125");
    }
}
