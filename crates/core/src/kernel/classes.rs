//! Pixels to classes: entries of a table, and how many edges lie at or below a pixel.

use crate::buffer::{Buffer, Pixel, Slice, SliceMut};
use crate::dtype::{DType, Element, Scalar};

/// Up to so many edges are compared one after the other, more are searched: where both take as long (measured; a pass
/// over u8 takes 0.03 ns a pixel, over f64 0.35 ns).
const fn passes_max(pixel_bytes: usize) -> usize {
    match pixel_bytes {
        1 => 200,
        2 => 96,
        4 => 32,
        _ => 6,
    }
}

/// A buffer of literals, all of which fit `dtype`.
pub(crate) fn literals(dtype: DType, values: &[Scalar]) -> Buffer {
    let mut out = Buffer::zeros(dtype, values.len());
    crate::for_dtype!(SliceMut, out.whole_mut(), out => {
        out.iter_mut().zip(values).for_each(|(out, value)| *out = Element::from_scalar(*value));
    });
    out
}

/// Entries for all values of `u8`: such a table needs no look at its length.
pub(crate) const BYTES: usize = 256;

/// `out = table[input]`; the last entry of the table, which has one, is that of all integers beyond the others.
pub(crate) fn lookup(input: Slice<'_>, table: &Buffer, out: SliceMut<'_>) {
    crate::for_dtype!(SliceMut, out, out => {
        lookup_into(input, table.as_slice().expect("a table has the dtype of the result"), out);
    });
}

fn lookup_into<U: Copy>(input: Slice<'_>, table: &[U], out: &mut [U]) {
    match input {
        Slice::Bool(input) => lookup_typed(input, table, out),
        Slice::U8(input) => match table.first_chunk::<BYTES>() {
            Some(table) => out.iter_mut().zip(input).for_each(|(out, pixel)| *out = table[usize::from(*pixel)]),
            None => lookup_typed(input, table, out),
        },
        Slice::U16(input) => lookup_typed(input, table, out),
        Slice::U32(input) => lookup_typed(input, table, out),
        Slice::U64(input) => lookup_typed(input, table, out),
        Slice::I8(input) => lookup_typed(input, table, out),
        Slice::I16(input) => lookup_typed(input, table, out),
        Slice::I32(input) => lookup_typed(input, table, out),
        Slice::I64(input) => lookup_typed(input, table, out),
        Slice::F32(_) | Slice::F64(_) => unreachable!("floats are refused where a lookup is built"),
    }
}

fn lookup_typed<T: Element, U: Copy>(input: &[T], table: &[U], out: &mut [U]) {
    let last = table.len() - 1;
    for (out, pixel) in out.iter_mut().zip(input) {
        // Bits of negative integers are those of large ones.
        *out = table[usize::try_from(pixel.to_bits()).unwrap_or(usize::MAX).min(last)];
    }
}

/// `out =` how many of `edges`, which increase, are at most the pixel: all of them at NaN, and one more where `nan_apart`.
pub(crate) fn digitize(input: Slice<'_>, edges: &Buffer, nan_apart: bool, out: SliceMut<'_>) {
    crate::for_dtype!(Slice, input, input => {
        let edges = edges.as_slice().expect("edges have the dtype of the pixels");
        match out {
            SliceMut::U8(out) => digitize_typed(input, edges, nan_apart, out),
            SliceMut::U16(out) => digitize_typed(input, edges, nan_apart, out),
            SliceMut::U32(out) => digitize_typed(input, edges, nan_apart, out),
            SliceMut::U64(out) => digitize_typed(input, edges, nan_apart, out),
            _ => unreachable!("counts are unsigned"),
        }
    });
}

/// An integer that counts edges.
trait Count: Copy {
    fn of(count: usize) -> Self;
    fn plus(self, one: bool) -> Self;
}

macro_rules! counts {
    ($($type:ty),*) => {
        $(impl Count for $type {
            #[inline]
            fn of(count: usize) -> Self { count as Self }
            #[inline]
            fn plus(self, one: bool) -> Self { self + Self::from(one) }
        })*
    };
}
counts!(u8, u16, u32, u64);

#[expect(
    clippy::neg_cmp_op_on_partial_ord,
    clippy::eq_op,
    reason = "NaN lies below no edge, and does not equal itself"
)]
fn digitize_typed<T: Pixel, U: Count>(input: &[T], edges: &[T], nan_apart: bool, out: &mut [U]) {
    if edges.len() > passes_max(size_of::<T>()) {
        for (out, pixel) in out.iter_mut().zip(input) {
            *out = U::of(edges.partition_point(|edge| !(*pixel < *edge)));
        }
    } else {
        out.fill(U::of(0));
        for edge in edges {
            out.iter_mut().zip(input).for_each(|(out, pixel)| *out = out.plus(!(*pixel < *edge)));
        }
    }
    if nan_apart {
        out.iter_mut().zip(input).for_each(|(out, pixel)| *out = out.plus(*pixel != *pixel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_its_last_entry_to_all_that_it_does_not_have() {
        let table = literals(DType::I16, &[10, -20, 30, 99].map(Scalar::from));
        let mut out = [0i16; 4];
        lookup(Slice::U8(&[2, 0, 3, 255]), &table, SliceMut::I16(&mut out));
        assert_eq!(out, [30, 10, 99, 99]);
        lookup(Slice::I16(&[-1, 1, i16::MIN, 2]), &table, SliceMut::I16(&mut out));
        assert_eq!(out, [99, -20, 99, 30]);
        lookup(Slice::Bool(&[false, true]), &table, SliceMut::I16(&mut out[..2]));
        assert_eq!(out[..2], [10, -20]);
        let bytes: Vec<_> = (0..BYTES).map(|entry| Scalar::from(3 * entry)).collect();
        lookup(Slice::U8(&[0, 7, 254, 255]), &literals(DType::I16, &bytes), SliceMut::I16(&mut out));
        assert_eq!(out, [0, 21, 762, 765]);
    }

    #[test]
    fn edges_are_counted_the_same_for_few_and_for_many() {
        let input: Vec<i16> = (-100..100).collect();
        for count in [0, 1, 60, passes_max(2), passes_max(2) + 1] {
            let edges: Vec<_> = (0..count).map(|edge| Scalar::from(3 * edge as i16 - 40)).collect();
            let expected: Vec<_> = input
                .iter()
                .map(|pixel| edges.iter().filter(|edge| edge.to_f64() <= f64::from(*pixel)).count() as u8)
                .collect();
            let mut out = vec![77; input.len()];
            digitize(Slice::I16(&input), &literals(DType::I16, &edges), false, SliceMut::U8(&mut out));
            assert_eq!(out, expected, "{count} edges");
        }
    }

    #[test]
    fn nan_is_at_or_above_all_edges_or_apart() {
        let input = [f32::NAN, f32::INFINITY, 1.0, -0.0, f32::NEG_INFINITY];
        for count in [3, passes_max(4) + 1] {
            let edges: Vec<_> = (0..count).map(Scalar::from).collect();
            let edges = literals(DType::F32, &edges);
            let mut out = [0u16; 5];
            digitize(Slice::F32(&input), &edges, false, SliceMut::U16(&mut out));
            assert_eq!(out, [count as u16, count as u16, 2, 1, 0]);
            digitize(Slice::F32(&input), &edges, true, SliceMut::U16(&mut out));
            assert_eq!(out, [count as u16 + 1, count as u16, 2, 1, 0]);
        }
    }
}
