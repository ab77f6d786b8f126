//! Nodata values as GDAL spells them in its tag 42113.

use swath_core::dtype::{DType, Scalar};

use crate::printf;

/// The text of `value`, a value that `dtype` holds: integers without point, floats as C's `%.17g`, NaN as `nan`.
pub(super) fn spell(value: Scalar, dtype: DType) -> String {
    if dtype.is_float() {
        // An f32 pixel cannot be the decimal that was asked for: readers compare with what the pixel is.
        let value = if dtype == DType::F32 { f64::from(value.to_f64() as f32) } else { value.to_f64() };
        return printf::general(value, 17);
    }
    match value.to_integer() {
        Some(value) => value.to_string(),
        None => u8::from(value == Scalar::Bool(true)).to_string(),
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
