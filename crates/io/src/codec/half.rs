//! Floats of 16 and 24 bits, widened as GDAL does.

/// The `f32` of IEEE half precision: 5 bits of exponent, 10 of mantissa. Exact; a NaN keeps its payload.
pub(super) fn of_half(bits: u16) -> f32 {
    widen(bits.into(), 5, 10)
}

/// The `f32` of 24 bits: 7 bits of exponent, 16 of mantissa (GDAL's `NBITS=24`). Exact; a NaN keeps its payload.
pub(super) fn of_triple(bits: u32) -> f32 {
    widen(bits & 0x00ff_ffff, 7, 16)
}

#[inline(always)]
fn widen(bits: u32, exponent_bits: u32, mantissa_bits: u32) -> f32 {
    let sign = bits >> (exponent_bits + mantissa_bits) << 31;
    let largest = (1 << exponent_bits) - 1;
    let exponent = bits >> mantissa_bits & largest;
    let mantissa = bits & ((1 << mantissa_bits) - 1);
    // The biases of f32 and of the narrow float, apart.
    let bias = 127 - (largest >> 1);
    if exponent == 0 {
        // Zeros, and numbers without a leading one: mantissa steps of the smallest exponent, which f32 has.
        let step = f32::from_bits((bias + 1 - mantissa_bits) << 23);
        let value = mantissa as f32 * step;
        return f32::from_bits(sign | value.to_bits());
    }
    let exponent = if exponent == largest { 255 } else { exponent + bias };
    f32::from_bits(sign | exponent << 23 | mantissa << (23 - mantissa_bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sixteen_bits_keep_their_value() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 1023.0 / 16_777_216.0),
            (0x0400, 6.103_515_6e-5),
            (0x3c00, 1.0),
            (0x3555, 0.333_251_95),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(of_half(bits), value, "{bits:04x}");
        }
        assert!(of_half(0x8000).is_sign_negative());
        assert_eq!(of_half(0x7e01).to_bits(), 0x7fc0_2000);
    }

    #[test]
    fn numbers_of_twenty_four_bits_keep_their_value() {
        for (bits, value) in [
            (0x00_0000, 0.0),
            (0x3f_0000, 1.0),
            (0xc0_8000, -3.0),
            (0x00_0001, 2_f32.powi(-62 - 16)),
            (0x01_0000, 2_f32.powi(-62)),
            (0x7f_0000, f32::INFINITY),
        ] {
            assert_eq!(of_triple(bits), value, "{bits:06x}");
        }
        assert!(of_triple(0x7f_0001).is_nan());
    }
}
