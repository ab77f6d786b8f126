//! Several literals: the values of an `isin`, the entries of a table, edges.

use std::ops::{Range, RangeInclusive};

use crate::dtype::Scalar;

/// Several literals, from an array, slice, `Vec` or range of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(pub(crate) Vec<Scalar>);

impl<T: Into<Scalar>, const N: usize> From<[T; N]> for Values {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Scalar>, const N: usize> From<&[T; N]> for Values
where
    T: Copy,
{
    fn from(values: &[T; N]) -> Self {
        values.iter().copied().collect()
    }
}

impl<T: Into<Scalar> + Copy> From<&[T]> for Values {
    fn from(values: &[T]) -> Self {
        values.iter().copied().collect()
    }
}

impl<T: Into<Scalar>> From<Vec<T>> for Values {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Scalar>> FromIterator<T> for Values {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().map(Into::into).collect())
    }
}

macro_rules! from_ranges {
    ($($type:ty),*) => {
        $(impl From<Range<$type>> for Values {
            fn from(values: Range<$type>) -> Self {
                values.collect()
            }
        }
        impl From<RangeInclusive<$type>> for Values {
            fn from(values: RangeInclusive<$type>) -> Self {
                values.collect()
            }
        })*
    };
}
from_ranges!(u8, u16, u32, i8, i16, i32);
