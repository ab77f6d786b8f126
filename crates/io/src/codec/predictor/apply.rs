//! Rows of samples to rows that compress better: what a writer does before the codec.
//!
//! Out of place and by equal-length slices, so that every loop vectorises. The layouts are those of the TIFF 6.0
//! supplement 1 (predictor 2) and of Adobe's TIFF technical note 3 (predictor 3), as libtiff writes them.

use swath_core::dispatched;

use crate::codec::Predictor;

/// Writes `row`, little-endian samples of `sample_size` bytes, to `out`, which is as long, with `predictor` applied.
///
/// `stride` is the count of samples from a pixel to the next: the bands of a pixel-interleaved block, else 1.
/// `scratch` is reused between calls; its content does not matter.
///
/// # Panics
/// If the lengths differ, the row is shorter than a pixel or the sample is not of 1, 2, 4 or 8 bytes (predictor 3:
/// of 4 or 8).
pub fn apply(
    predictor: Predictor,
    sample_size: usize,
    stride: usize,
    row: &[u8],
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) {
    assert_eq!(row.len(), out.len(), "a predicted row is as long as the row");
    match (predictor, sample_size) {
        (Predictor::None, _) => out.copy_from_slice(row),
        (Predictor::Horizontal, 1) => difference(stride, row, out, u8_minus),
        (Predictor::Horizontal, 2) => {
            difference(stride, row, out, |a, b| {
                u16::from_le_bytes(a).wrapping_sub(u16::from_le_bytes(b)).to_le_bytes()
            });
        }
        (Predictor::Horizontal, 4) => {
            difference(stride, row, out, |a, b| {
                u32::from_le_bytes(a).wrapping_sub(u32::from_le_bytes(b)).to_le_bytes()
            });
        }
        (Predictor::Horizontal, 8) => {
            difference(stride, row, out, |a, b| {
                u64::from_le_bytes(a).wrapping_sub(u64::from_le_bytes(b)).to_le_bytes()
            });
        }
        (Predictor::FloatingPoint, 4) => floating_point::<4>(stride, row, out, scratch),
        (Predictor::FloatingPoint, 8) => floating_point::<8>(stride, row, out, scratch),
        (_, size) => panic!("no predictor {} for samples of {size} bytes", predictor.tag()),
    }
}

fn u8_minus(a: [u8; 1], b: [u8; 1]) -> [u8; 1] {
    [a[0].wrapping_sub(b[0])]
}

/// Each sample less the one of the same band in the pixel to its left; the first pixel stays.
fn difference<const N: usize>(stride: usize, row: &[u8], out: &mut [u8], minus: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (row, out) = (row.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
    let (first, rest) = out.split_at_mut(stride);
    first.copy_from_slice(&row[..stride]);
    for ((out, value), left) in rest.iter_mut().zip(&row[stride..]).zip(row) {
        *out = minus(*value, *left);
    }
}

dispatched! {
    /// Bytes of samples to planes, that of the most significant first.
    fn planes[const N: usize](samples: &[[u8; N]], out: &mut [u8]) => planes_of;
}

#[inline(always)]
fn planes_of<const N: usize>(samples: &[[u8; N]], out: &mut [u8]) {
    let mut parts = out.chunks_exact_mut(samples.len().max(1));
    let mut planes: [&mut [u8]; N] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    for (at, sample) in samples.iter().enumerate() {
        for (plane, byte) in planes.iter_mut().zip(sample.iter().rev()) {
            plane[at] = *byte;
        }
    }
}

/// All most significant bytes of the row first, then the next, and so on; then differences of bytes.
fn floating_point<const N: usize>(stride: usize, row: &[u8], out: &mut [u8], scratch: &mut Vec<u8>) {
    scratch.resize(row.len(), 0);
    planes::<N>(row.as_chunks().0, scratch);
    // Subtle: the differences run on over the borders of the planes, as libtiff's fpDiff does.
    difference(stride, scratch, out, u8_minus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(predictor: Predictor, sample_size: usize, stride: usize, row: &[u8]) -> Vec<u8> {
        let mut out = vec![0; row.len()];
        apply(predictor, sample_size, stride, row, &mut out, &mut vec![7; 3]);
        out
    }

    #[test]
    fn horizontal_differences_stay_within_a_band() {
        let rgb = [10, 20, 30, 11, 19, 33, 9, 19, 32];
        assert_eq!(applied(Predictor::Horizontal, 1, 3, &rgb), [10, 20, 30, 1, 255, 3, 254, 0, 255]);
    }

    #[test]
    fn horizontal_differences_carry_between_the_bytes_of_a_sample() {
        let row: Vec<u8> = [0x00ff_u16, 0x0100, 0x00fe].into_iter().flat_map(u16::to_le_bytes).collect();
        assert_eq!(applied(Predictor::Horizontal, 2, 1, &row), [0xff, 0, 1, 0, 0xfe, 0xff]);
        let row: Vec<u8> = [u64::MAX, 0].into_iter().flat_map(u64::to_le_bytes).collect();
        assert_eq!(applied(Predictor::Horizontal, 8, 1, &row)[8..], 1u64.to_le_bytes());
    }

    #[test]
    fn floating_point_starts_with_the_most_significant_bytes() {
        let row: Vec<u8> = [1.0f32, 1.0, 2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        // Planes 3f 3f 40 | 80 80 00 | 0 0 0 | 0 0 0, differenced as one run of bytes.
        let expected = [0x3f, 0, 1, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0];
        assert_eq!(applied(Predictor::FloatingPoint, 4, 1, &row), expected);
    }
}
