//! Whether pixels are among some values.

use super::classes::literals;
use super::dispatch::dispatched;
use crate::buffer::{Buffer, Pixel, Slice};
use crate::dtype::{DType, Element, Scalar};
use crate::for_dtype;

/// More values than this are looked up, not compared with each pixel.
const COMPARED_MAX: usize = 16;
/// More values than this are told by bytes where they can be: fewer are compared faster with pixels as they are.
const WIDE_MAX: usize = 4;
/// The distance of pixels that are farther from the least value, below it, or between two whole numbers.
const FAR: u8 = 255;
/// Pixels whose distances are held at a time.
const PART: usize = 256;

/// The values of an `isin`, as pixels of a dtype find them fastest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueSet {
    /// Few, which are compared with each pixel.
    Few(Buffer),
    /// Bytes among bytes.
    Bytes(ByteSet),
    /// Whole values by their distances from the least, all less than [`FAR`], as classes have. A byte then tells pixels apart,
    /// of which vectors hold more than of the pixels.
    Near { least: i64, distances: ByteSet },
    /// A bit for each integer of 16 bits.
    Bits(Vec<u64>),
    /// Others, in order.
    Sorted(Buffer),
}

impl ValueSet {
    /// A set of literals that `dtype` can hold, to be looked for in pixels of it.
    pub(crate) fn new(values: &[Scalar], dtype: DType) -> Self {
        // NaN is a member of nothing, as in IEEE and NumPy.
        let mut sorted: Vec<Scalar> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(|a, b| match (a.to_integer(), b.to_integer()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.to_f64().total_cmp(&b.to_f64()),
        });
        sorted.dedup();
        if sorted.len() <= WIDE_MAX {
            return Self::Few(literals(dtype, &sorted));
        }
        if dtype == DType::U8 {
            let mut bytes = ByteSet::default();
            sorted.iter().filter_map(|value| value.to_integer()).for_each(|value| bytes.insert(value as u8));
            return Self::Bytes(bytes);
        }
        if let Some(near) = Self::near(&sorted, dtype) {
            return near;
        }
        if sorted.len() <= COMPARED_MAX {
            return Self::Few(literals(dtype, &sorted));
        }
        if dtype.size() > 2 {
            return Self::Sorted(literals(dtype, &sorted));
        }
        let mut bits = vec![0; 1 << 10];
        for value in sorted.iter().filter_map(|value| value.to_integer()) {
            let (word, bit) = place(value as u64);
            bits[word] |= bit;
        }
        Self::Bits(bits)
    }

    /// None where two of the sorted values are too far from each other, or one is not whole, or too large.
    fn near(sorted: &[Scalar], dtype: DType) -> Option<Self> {
        let whole = |value: &Scalar| value.to_integer().and_then(|value| i64::try_from(value).ok());
        let least = whole(sorted.first()?)?;
        if dtype.is_float() && least.unsigned_abs() > FLOAT_MOST {
            return None;
        }
        let mut distances = ByteSet::default();
        for value in sorted {
            let distance = u8::try_from(whole(value)?.checked_sub(least)?).ok()?;
            distances.insert(Some(distance).filter(|distance| *distance < FAR)?);
        }
        Some(Self::Near { least, distances })
    }
}

/// Some bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ByteSet {
    values: Vec<u8>,
    /// A bit for each byte, by its first bit, its last four, and the three between, as a lookup of vectors takes them.
    bits: [[u8; 16]; 2],
}

impl ByteSet {
    /// Adds a byte that is not there yet.
    fn insert(&mut self, byte: u8) {
        self.values.push(byte);
        self.bits[usize::from(byte >> 7)][usize::from(byte & 15)] |= 1 << (byte >> 4 & 7);
    }

    fn has(&self, byte: u8) -> bool {
        self.bits[usize::from(byte >> 7)][usize::from(byte & 15)] >> (byte >> 4 & 7) & 1 != 0
    }

    /// `out = input ∈ self`, however many there are.
    #[allow(
        unsafe_code,
        reason = "a function for instructions that a machine may lack is called after asking for them"
    )]
    fn find(&self, input: &[u8], out: &mut [bool]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has the instructions.
            return unsafe { self.find_with_avx2(input, out) };
        }
        self.find_with_any(input, out);
    }

    /// With the vectors that every machine has: it compares few bytes faster than it looks them up one by one.
    fn find_with_any(&self, input: &[u8], out: &mut [bool]) {
        match self.values.len() {
            0..=COMPARED_MAX => is_one_of(&self.values, input, out),
            _ => self.find_each(input, out),
        }
    }

    fn find_each(&self, input: &[u8], out: &mut [bool]) {
        for (out, byte) in out.iter_mut().zip(input) {
            *out = self.has(*byte);
        }
    }

    /// 32 bytes at a time; no loop over bytes becomes lookups in registers.
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "vectors are loaded and stored by pointers")]
    #[target_feature(enable = "avx2")]
    fn find_with_avx2(&self, input: &[u8], out: &mut [bool]) {
        use std::arch::x86_64::{
            __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
            _mm256_min_epu8, _mm256_or_si256, _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_srli_epi16,
            _mm256_storeu_si256, _mm256_xor_si256,
        };
        // SAFETY: 16 bytes are read of 16.
        let table =
            |entries: &[u8; 16]| unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(entries.as_ptr().cast())) };
        let [low, high] = self.bits.each_ref().map(table);
        let bits = table(&std::array::from_fn(|index| 1 << (index & 7)));
        let (inputs, last) = input.as_chunks::<32>();
        let (outs, last_out) = out.as_chunks_mut::<32>();
        for (out, input) in outs.iter_mut().zip(inputs) {
            // SAFETY: 32 bytes are read of 32.
            let bytes = unsafe { _mm256_loadu_si256(input.as_ptr().cast::<__m256i>()) };
            // Entries of bytes whose first bit is set are 0.
            let other = _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN));
            let entry = _mm256_or_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, other));
            let index = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
            let found = _mm256_and_si256(entry, _mm256_shuffle_epi8(bits, index));
            let found = _mm256_min_epu8(found, _mm256_set1_epi8(1));
            // SAFETY: 32 bytes are written of 32, each 0 or 1, as bools are.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), found) }
        }
        self.find_each(last, last_out);
    }
}

/// Where the bit of an integer of at most 16 bits stands.
fn place(pixel: u64) -> (usize, u64) {
    let low = pixel as u16;
    (usize::from(low >> 6), 1 << (low & 63))
}

dispatched! {
    /// `out = input ∈ set`.
    pub(crate) fn is_in(input: Slice<'_>, set: &ValueSet, out: &mut [bool]) => is_in_of;
}

#[inline(always)]
fn is_in_of(input: Slice<'_>, set: &ValueSet, out: &mut [bool]) {
    match (input, set) {
        (Slice::U8(input), ValueSet::Bytes(bytes)) => bytes.find(input, out),
        _ => for_dtype!(Slice, input, input => is_in_typed(input, set, out)),
    }
}

#[inline(always)]
fn is_in_typed<T: Pixel + Distant>(input: &[T], set: &ValueSet, out: &mut [bool]) {
    let typed = |values| Buffer::as_slice::<T>(values).expect("they are of the dtype of the pixels");
    match set {
        ValueSet::Few(values) => is_one_of(typed(values), input, out),
        ValueSet::Bytes(_) => unreachable!("only of bytes"),
        ValueSet::Near { least, distances } => is_near(input, *least, distances, out),
        ValueSet::Bits(bits) => has_bit(bits, input, out),
        ValueSet::Sorted(values) => is_found(typed(values), input, out),
    }
}

#[inline(always)]
fn is_near<T: Distant>(input: &[T], least: i64, set: &ByteSet, out: &mut [bool]) {
    let mut distances = [0; PART];
    for (input, out) in input.chunks(PART).zip(out.chunks_mut(PART)) {
        let distances = &mut distances[..input.len()];
        T::distances(input, least, distances);
        set.find(distances, out);
    }
}

#[inline(always)]
fn has_bit<T: Element>(bits: &[u64], input: &[T], out: &mut [bool]) {
    // 8 KiB stay in the first-level cache, and no jump depends on the pixel as in a search.
    for (out, pixel) in out.iter_mut().zip(input) {
        let (word, bit) = place(pixel.to_bits());
        *out = bits[word] & bit != 0;
    }
}

fn is_found<T: Element>(values: &[T], input: &[T], out: &mut [bool]) {
    let order = |value: &T, pixel: &T| value.partial_cmp(pixel).unwrap_or(std::cmp::Ordering::Less);
    for (out, pixel) in out.iter_mut().zip(input) {
        *out = values.binary_search_by(|value| order(value, pixel)).is_ok();
    }
}

/// All values at each pixel, as many as there are or the next power of two: a loop over pixels without jumps becomes vectors,
/// and beats a search 15-fold on u8.
#[inline(always)]
fn is_one_of<T: Element>(values: &[T], input: &[T], out: &mut [bool]) {
    match values.len() {
        0 => out.fill(false),
        1 => is_one_of_at_most::<T, 1>(values, input, out),
        2 => is_one_of_at_most::<T, 2>(values, input, out),
        3..=4 => is_one_of_at_most::<T, 4>(values, input, out),
        5..=8 => is_one_of_at_most::<T, 8>(values, input, out),
        _ => is_one_of_at_most::<T, COMPARED_MAX>(values, input, out),
    }
}

/// The last value stands for those that are not there.
#[inline(always)]
fn is_one_of_at_most<T: Element, const N: usize>(values: &[T], input: &[T], out: &mut [bool]) {
    let values: [T; N] = std::array::from_fn(|index| values[index.min(values.len() - 1)]);
    for (out, pixel) in out.iter_mut().zip(input) {
        let mut found = false;
        for value in &values {
            found |= pixel == value;
        }
        *out = found;
    }
}

/// Pixels and their distances from a whole number.
trait Distant: Element {
    /// How far pixels are above `least`, or [`FAR`].
    fn distances(input: &[Self], least: i64, out: &mut [u8]);
}

macro_rules! integers {
    ($($type:ty as $unsigned:ty),*) => {
        $(impl Distant for $type {
            #[inline(always)]
            fn distances(input: &[Self], least: i64, out: &mut [u8]) {
                for (out, pixel) in out.iter_mut().zip(input) {
                    // What is below becomes a large number.
                    *out = (pixel.wrapping_sub(least as Self) as $unsigned).min(<$unsigned>::from(FAR)) as u8;
                }
            }
        })*
    };
}
integers!(u8 as u8, u16 as u16, u32 as u32, u64 as u64, i8 as u8, i16 as u16, i32 as u32, i64 as u64);

/// Least values up to here, either side of 0, have floats whose sums with `SHIFT` are exact.
const FLOAT_MOST: u64 = 1 << 20;

macro_rules! floats {
    ($($type:ty as $bits:ty, $held:literal at a time;)*) => {
        $(impl Distant for $type {
            /// `SHIFT` and the floats after it have no bits for fractions: the last bits of a sum with it are the whole number.
            #[inline(always)]
            fn distances(input: &[Self], least: i64, out: &mut [u8]) {
                const SHIFT: $type = 1.5 * (1_u64 << (<$type>::MANTISSA_DIGITS - 1)) as $type;
                let base = SHIFT.to_bits().wrapping_add(least as $bits);
                let far = base + <$bits>::from(FAR);
                let (low, high) = ((least - 1) as Self, (least + i64::from(FAR)) as Self);
                let shifted = |pixel: Self| {
                    let mut near = pixel;
                    // The last 32 bits alone must tell what is too far.
                    if size_of::<Self>() > size_of::<u32>() {
                        near = if near > low { near } else { low };
                        near = if near < high { near } else { high };
                    }
                    let shifted = near + SHIFT;
                    if shifted - SHIFT == pixel { shifted.to_bits() } else { far }
                };
                let narrow = |shifted: $bits| (shifted as u32).wrapping_sub(base as u32).min(FAR.into()) as u8;
                // Two loops: one would narrow each vector by itself.
                let mut wide = [0; $held];
                for (out, input) in out.chunks_mut($held).zip(input.chunks($held)) {
                    for (wide, pixel) in wide.iter_mut().zip(input) {
                        *wide = shifted(*pixel);
                    }
                    for (out, wide) in out.iter_mut().zip(&wide) {
                        *out = narrow(*wide);
                    }
                }
            }
        })*
    };
}
floats!(f32 as u32, 64 at a time; f64 as u64, 128 at a time;);

impl Distant for bool {
    fn distances(_input: &[Self], _least: i64, _out: &mut [u8]) {
        unreachable!("two values are few");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_is_the_same_for_few_and_for_many_values() {
        let input: Vec<u16> = (0..500).collect();
        for count in [0, 1, 16, 17, 200] {
            let values: Vec<_> = (0..count).map(|i| Scalar::from(i * 3)).collect();
            let mut out = vec![true; input.len()];
            is_in(Slice::U16(&input), &ValueSet::new(&values, DType::U16), &mut out);
            let expected: Vec<_> = input.iter().map(|v| v % 3 == 0 && u64::from(*v) < count * 3).collect();
            assert_eq!(out, expected, "{count} values");
        }
    }

    #[test]
    fn negative_and_wide_pixels_are_looked_up_by_value() {
        let values: Vec<i32> = (-40..40).step_by(2).collect();
        let literals: Vec<_> = values.iter().map(|value| Scalar::from(*value)).collect();
        let set = |dtype| ValueSet::new(&literals, dtype);
        let expected: Vec<_> = (-100..100).map(|pixel| values.contains(&pixel)).collect();
        let mut out = vec![false; 200];
        is_in(Slice::I8(&(-100..100).collect::<Vec<_>>()), &set(DType::I8), &mut out);
        assert_eq!(out, expected, "i8");
        is_in(Slice::I16(&(-100..100).collect::<Vec<_>>()), &set(DType::I16), &mut out);
        assert_eq!(out, expected, "i16");
        is_in(Slice::I32(&(-100..100).collect::<Vec<_>>()), &set(DType::I32), &mut out);
        assert_eq!(out, expected, "i32");
        is_in(Slice::I32(&[65_536 - 2, -2]), &set(DType::I32), &mut out[..2]);
        assert_eq!(out[..2], [false, true], "only the low bits of 65534 are those of -2");
    }

    #[test]
    fn nan_is_in_no_set() {
        let mut out = [true; 2];
        let set = ValueSet::new(&[Scalar::from(f64::NAN), Scalar::from(1)], DType::F32);
        is_in(Slice::F32(&[f32::NAN, 1.0]), &set, &mut out);
        assert_eq!(out, [false, true]);
    }

    #[test]
    fn bytes_are_found_with_any_vectors() {
        let input: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for (count, step) in [(0, 1), (5, 1), (9, 31), (16, 17), (17, 15), (100, 2), (256, 1)] {
            let mut set = ByteSet::default();
            (0..count).for_each(|at| set.insert((at * step) as u8));
            let [mut wide, mut any] = [vec![true; 1000], vec![true; 1000]];
            set.find(&input, &mut wide);
            set.find_with_any(&input, &mut any);
            let expected: Vec<_> = input.iter().map(|byte| set.values.contains(byte)).collect();
            assert_eq!([&wide, &any], [&expected; 2], "{count} with {step} between");
        }
    }

    /// Whether pixels of all values around those of sets are found where comparisons find them.
    fn check<T: Pixel>(pixels: &[T], sets: &[Vec<Scalar>]) {
        let values: Vec<Scalar> = pixels.iter().map(|pixel| pixel.to_scalar()).collect();
        // More than are held at a time.
        let many: Vec<Scalar> = values.iter().cycle().take(3 * PART + 7).copied().collect();
        let input = literals(T::DTYPE, &many);
        let input = input.slice(0, many.len());
        for set in sets.iter().filter(|set| set.iter().all(|value| value.fit(T::DTYPE).is_ok())) {
            let mut out = vec![true; many.len()];
            is_in(input, &ValueSet::new(set, T::DTYPE), &mut out);
            let members: Vec<T> = set.iter().map(|value| T::from_scalar(*value)).collect();
            for (pixel, found) in input.as_slice::<T>().unwrap().iter().zip(out) {
                assert_eq!(found, members.contains(pixel), "{pixel:?} in {set:?}");
            }
        }
    }

    #[test]
    fn values_near_each_other_are_found_as_others_are() {
        let run = |first: i64, count: i64, step: i64| {
            (0..count).map(|at| Scalar::from(first + at * step)).collect::<Vec<_>>()
        };
        let mut sets = Vec::new();
        for first in
            [0, 1, -3, -254, 250, 32_000, -32_768, 65_281, 1 << 20, -(1 << 20), (1 << 20) - 1, 1 << 24, 1 << 40]
        {
            for count in [1, 4, 5, 8, 9, 16, 17, 60] {
                // Up to 4 and from 256 on they are not near.
                sets.extend(
                    [1, 4, 31, 254 / (count - 1).max(1), 254 / (count - 1).max(1) + 1]
                        .map(|step| run(first, count, step)),
                );
            }
        }
        // Beyond i64, near and far.
        sets.extend([1, 3, 1 << 40].map(|step| (0..20).map(|at| Scalar::from(u64::MAX - at * step)).collect()));
        sets.push([0.5, 1.0, 2.0, 3.0, 4.0, 5.5].map(Scalar::from).to_vec());
        let whole: Vec<i64> =
            sets.iter().flatten().filter_map(|value| value.to_integer()).map(|value| value as i64).collect();
        macro_rules! check_integers {
            ($($type:ty),*) => {
                $({
                    let mut pixels = vec![<$type>::MIN, <$type>::MAX, 0, 1];
                    let near = whole.iter().flat_map(|value| [-256, -255, -1, 0, 1, 255, 256, 65_536].map(|off| value + off));
                    pixels.extend(near.filter_map(|value| <$type>::try_from(value).ok()));
                    pixels.sort_unstable();
                    pixels.dedup();
                    check(&pixels, &sets);
                })*
            };
        }
        check_integers!(u8, u16, u32, u64, i8, i16, i32, i64);
        macro_rules! check_floats {
            ($($type:ident),*) => {
                $({
                    let mut pixels = vec![$type::NAN, $type::INFINITY, $type::NEG_INFINITY, $type::MAX, $type::MIN, -0.0, 0.5, 5.5];
                    for value in whole.iter().map(|value| *value as $type) {
                        pixels.extend([value, value.next_up(), value.next_down(), value - 1.0, value + 0.5, value + 256.0, value * 3.0, -value]);
                    }
                    // Where the last bits are those of a whole number, and beyond.
                    pixels.extend((20..64).flat_map(|bit| [1.0, -1.0].map(|sign| sign * (1_u64 << bit) as $type + 1.0)));
                    pixels.sort_unstable_by($type::total_cmp);
                    pixels.dedup_by_key(|pixel| pixel.to_bits());
                    check(&pixels, &sets);
                })*
            };
        }
        check_floats!(f32, f64);
        check(&[false, true], &[vec![Scalar::Bool(true)], vec![Scalar::Bool(true), Scalar::Bool(false)]]);
    }
}
