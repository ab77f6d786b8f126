//! Running sums of a row's samples, in place: what predictors 2 and 3 are undone by.
//!
//! On x86-64, sixteen bytes at a time: a vector is added to itself moved by one sample, by two, by four, …, and the sum of all
//! before it is added to each. One addition a vector has to wait for the one before (u8: 8.5 GB/s, one by one 2.1 to 2.9).

/// Samples whose sums wrap in the unsigned integer of their bits.
pub(super) trait Sums: Sized {
    /// Puts the sum of all samples up to each into its place.
    fn sum(row: &mut [Self]);
}

macro_rules! sums {
    ($($sample:ty: $word:ty, $add:ident, $last:ident, [$($step:literal),*];)*) => {$(
        impl Sums for $sample {
            #[inline]
            fn sum(row: &mut [Self]) {
                let (mut total, rest) = vectors(row);
                for sample in rest {
                    total = total.wrapping_add(<$word>::from_ne_bytes(sample.to_ne_bytes()));
                    *sample = <$sample>::from_ne_bytes(total.to_ne_bytes());
                }

                /// The sum of what makes whole vectors, and what is left.
                #[cfg(not(target_arch = "x86_64"))]
                fn vectors(row: &mut [$sample]) -> ($word, &mut [$sample]) {
                    (0, row)
                }

                #[cfg(target_arch = "x86_64")]
                fn vectors(row: &mut [$sample]) -> ($word, &mut [$sample]) {
                    let (vectors, rest) = row.as_chunks_mut();
                    #[allow(unsafe_code, reason = "every x86-64 machine has SSE2")]
                    // SAFETY: see above.
                    unsafe { vectors_of(vectors) };
                    (vectors.last().map_or(0, |vector| <$word>::from_ne_bytes(vector[LANES - 1].to_ne_bytes())), rest)
                }

                #[cfg(target_arch = "x86_64")]
                const LANES: usize = x86::BYTES / size_of::<$word>();

                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "sse2")]
                fn vectors_of(row: &mut [[$sample; LANES]]) {
                    use std::arch::x86_64::{$add, _mm_setzero_si128, _mm_slli_si128};
                    let mut total = _mm_setzero_si128();
                    for vector in row {
                        let mut bytes = [0; x86::BYTES];
                        for (to, sample) in bytes.as_chunks_mut().0.iter_mut().zip(&*vector) {
                            *to = sample.to_ne_bytes();
                        }
                        let mut sums = x86::load(bytes);
                        $(sums = $add(sums, _mm_slli_si128::<$step>(sums));)*
                        let bytes = x86::store($add(sums, total));
                        for (sample, from) in vector.iter_mut().zip(bytes.as_chunks().0) {
                            *sample = <$sample>::from_ne_bytes(*from);
                        }
                        total = $add(total, x86::$last(sums));
                    }
                }
            }
        }
    )*};
}
sums! {
    u8: u8, _mm_add_epi8, last8, [1, 2, 4, 8];
    i8: u8, _mm_add_epi8, last8, [1, 2, 4, 8];
    u16: u16, _mm_add_epi16, last16, [2, 4, 8];
    i16: u16, _mm_add_epi16, last16, [2, 4, 8];
    u32: u32, _mm_add_epi32, last32, [4, 8];
    i32: u32, _mm_add_epi32, last32, [4, 8];
    f32: u32, _mm_add_epi32, last32, [4, 8];
    u64: u64, _mm_add_epi64, last64, [8];
    i64: u64, _mm_add_epi64, last64, [8];
    f64: u64, _mm_add_epi64, last64, [8];
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_shuffle_epi32, _mm_shufflehi_epi16, _mm_unpackhi_epi8,
        _mm_unpackhi_epi64,
    };

    /// Bytes of a vector.
    pub(super) const BYTES: usize = 16;

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn load(bytes: [u8; BYTES]) -> __m128i {
        let all = u128::from_le_bytes(bytes);
        _mm_set_epi64x((all >> 64) as i64, all as i64)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn store(vector: __m128i) -> [u8; BYTES] {
        let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(vector, vector));
        let low = _mm_cvtsi128_si64(vector);
        (u128::from(high as u64) << 64 | u128::from(low as u64)).to_le_bytes()
    }

    /// The last of 16 in all places.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn last8(vector: __m128i) -> __m128i {
        last16(_mm_unpackhi_epi8(vector, vector))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn last16(vector: __m128i) -> __m128i {
        last32(_mm_shufflehi_epi16::<0b11_11_11_11>(vector))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn last32(vector: __m128i) -> __m128i {
        _mm_shuffle_epi32::<0b11_11_11_11>(vector)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn last64(vector: __m128i) -> __m128i {
        _mm_unpackhi_epi64(vector, vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_wrap_whatever_the_length() {
        macro_rules! check {
            ($($sample:ty: $word:ty),*) => {$(
                for len in (0..70).chain([1000]) {
                    let word = |at: u64| <$word>::from_ne_bytes(*(at * at).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_ne_bytes().last_chunk().unwrap());
                    let words: Vec<$word> = (0..len).map(word).collect();
                    let mut row: Vec<_> = words.iter().map(|word| <$sample>::from_ne_bytes(word.to_ne_bytes())).collect();
                    Sums::sum(&mut row);
                    let mut total: $word = 0;
                    for (word, sum) in words.iter().zip(row) {
                        total = total.wrapping_add(*word);
                        assert_eq!(sum.to_ne_bytes(), total.to_ne_bytes(), "{len} of {}", stringify!($sample));
                    }
                }
            )*};
        }
        check!(u8: u8, i8: u8, u16: u16, i16: u16, u32: u32, i32: u32, f32: u32, u64: u64, i64: u64, f64: u64);
    }
}
