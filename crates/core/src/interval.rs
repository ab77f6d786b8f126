//! The values that a node's valid pixels can have: what makes integer results exact and nodata safe.

use std::fmt;

use crate::dtype::{DType, Scalar};

/// A closed interval of integers, or any float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// Integers from `low` to `high`, both included; bool is 0 to 1.
    Integer {
        /// Least value.
        low: i128,
        /// Greatest value.
        high: i128,
    },
    /// Any float, NaN and infinities included.
    Float,
}

impl Interval {
    /// All values of a dtype.
    pub fn of_dtype(dtype: DType) -> Self {
        match dtype.integer_range() {
            Some((low, high)) => Self::Integer { low, high },
            None => Self::Float,
        }
    }

    /// The one value of a literal.
    pub fn of_scalar(value: Scalar) -> Self {
        match value {
            Scalar::Bool(value) => Self::Integer { low: value.into(), high: value.into() },
            Scalar::Int(value) => Self::Integer { low: value, high: value },
            Scalar::Float(_) => Self::Float,
        }
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer { low: a, high: b }, Self::Integer { low: c, high: d }) => {
                Self::Integer { low: a.min(c), high: b.max(d) }
            }
            _ => Self::Float,
        }
    }

    /// The values but one, as far as that is an end: what is left for valid pixels beside a nodata of 0 or 65535.
    #[must_use]
    pub fn without(self, value: Scalar) -> Self {
        match (self, value.to_integer()) {
            (Self::Integer { low, high }, Some(value)) if low < high && value == low => {
                Self::Integer { low: low + 1, high }
            }
            (Self::Integer { low, high }, Some(value)) if low < high && value == high => {
                Self::Integer { low, high: high - 1 }
            }
            _ => self,
        }
    }

    /// Whether a pixel could have this value.
    pub fn holds(self, value: Scalar) -> bool {
        match (self, value) {
            (Self::Float, Scalar::Bool(_)) => false,
            (Self::Float, _) => true,
            (Self::Integer { low, high }, Scalar::Bool(value)) => (low..=high).contains(&i128::from(value)),
            (Self::Integer { low, high }, value) => value.to_integer().is_some_and(|v| (low..=high).contains(&v)),
        }
    }

    /// Whether every value is one of `dtype`; integers fit a float dtype within ±2²⁴ (f32) or ±2⁵³ (f64).
    pub fn fits(self, dtype: DType) -> bool {
        let (least, greatest) = match dtype {
            DType::F32 => (-(1 << 24), 1 << 24),
            DType::F64 => (-(1 << 53), 1 << 53),
            _ => match dtype.integer_range() {
                Some(range) => range,
                None => return false,
            },
        };
        match self {
            Self::Integer { low, high } => least <= low && high <= greatest,
            Self::Float => dtype == DType::F64,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { low, high } => write!(f, "[{low}, {high}]"),
            Self::Float => f.write_str("any float"),
        }
    }
}
