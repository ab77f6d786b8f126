//! The closed set of pixel types, the values they hold, and literals that have no type yet.

use std::fmt;

use crate::error::{Error, Result};

/// Calls a macro with every dtype as `(Variant, rust type, "name")`, bool first. The one list of pixel types.
#[macro_export]
#[doc(hidden)]
macro_rules! dtypes {
    ($run:ident) => {
        $run! {
            (Bool, bool, "bool"),
            (U8, u8, "u8"),
            (U16, u16, "u16"),
            (U32, u32, "u32"),
            (U64, u64, "u64"),
            (I8, i8, "i8"),
            (I16, i16, "i16"),
            (I32, i32, "i32"),
            (I64, i64, "i64"),
            (F32, f32, "f32"),
            (F64, f64, "f64"),
        }
    };
}

macro_rules! define_dtype {
    ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
        /// The type of a raster's pixels.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DType {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl DType {
            /// Every dtype, bool first.
            pub const ALL: &[DType] = &[$(DType::$variant),*];

            /// Bytes of one pixel.
            pub const fn size(self) -> usize {
                match self { $(DType::$variant => size_of::<$type>()),* }
            }

            /// The name as Rust spells it: `u8`, `f32`.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$variant => $name),* }
            }
        }
    };
}
dtypes!(define_dtype);

impl DType {
    /// The dtype of this name, as Rust (`u8`, `f32`) or NumPy (`uint8`, `float32`) spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        let short = match name {
            "uint8" | "byte" => "u8",
            "uint16" => "u16",
            "uint32" => "u32",
            "uint64" => "u64",
            "int8" => "i8",
            "int16" => "i16",
            "int32" => "i32",
            "int64" => "i64",
            "float32" => "f32",
            "float64" => "f64",
            other => other,
        };
        Self::ALL.iter().copied().find(|dtype| dtype.name() == short)
    }

    /// What an empty buffer is filled with: 0, or false.
    pub const fn zero(self) -> Scalar {
        match self {
            Self::Bool => Scalar::Bool(false),
            _ => Scalar::Int(0),
        }
    }

    /// Whether pixels are `f32` or `f64`.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether pixels are integers, signed or not.
    pub const fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::Bool)
    }

    /// Whether every value of `other` is one of this dtype, exactly.
    pub const fn holds_all_of(self, other: Self) -> bool {
        match (self.integer_range(), other.integer_range()) {
            (Some((low, high)), Some((other_low, other_high))) => {
                low <= other_low && other_high <= high && matches!(self, Self::Bool) == matches!(other, Self::Bool)
            }
            (None, Some(_)) => !matches!(other, Self::Bool) && 2 * other.size() <= self.size(),
            (Some(_), None) => false,
            (None, None) => other.size() <= self.size(),
        }
    }

    /// The least and greatest integer of an integer dtype; `(0, 1)` for bool, none for floats.
    pub const fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Bool => (0, 1),
            Self::U8 => (0, u8::MAX as i128),
            Self::U16 => (0, u16::MAX as i128),
            Self::U32 => (0, u32::MAX as i128),
            Self::U64 => (0, u64::MAX as i128),
            Self::I8 => (i8::MIN as i128, i8::MAX as i128),
            Self::I16 => (i16::MIN as i128, i16::MAX as i128),
            Self::I32 => (i32::MIN as i128, i32::MAX as i128),
            Self::I64 => (i64::MIN as i128, i64::MAX as i128),
            Self::F32 | Self::F64 => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A literal: a number that has no dtype until it meets a raster.
///
/// An integer and a float of equal value are equal; NaN equals NaN, so that a nodata of NaN can be compared.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// Any integer of the supported dtypes.
    Int(i128),
    /// Any float of the supported dtypes.
    Float(f64),
}

impl Scalar {
    /// Whether `other` is this literal bit for bit: unlike `==`, it tells -0 from 0.
    pub fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => self == other,
        }
    }

    /// This literal as a pixel of `dtype`, exactly.
    ///
    /// # Errors
    /// `InvalidInput` where `dtype` cannot hold the value (`300` as `u8`, `0.5` as `i16`, `true` as `u8`).
    pub fn fit(self, dtype: DType) -> Result<Self> {
        let fitted = match (self, dtype) {
            (Self::Bool(value), DType::Bool) => Some(Self::Bool(value)),
            (Self::Bool(_), _) | (_, DType::Bool) => None,
            (_, DType::F32) => self
                .fit_float()
                .filter(|v| v.is_nan() || f64::from(*v as f32) == *v || self.is_decimal())
                .map(Self::Float),
            (_, DType::F64) => self.fit_float().map(Self::Float),
            _ => self.to_integer().filter(|v| in_range(*v, dtype)).map(Self::Int),
        };
        fitted.ok_or_else(|| match dtype.integer_range() {
            Some((low, high)) if dtype != DType::Bool => Error::invalid(format!(
                "{self} does not fit {dtype}, which holds {low} to {high}: cast the raster to a wider dtype first"
            )),
            _ => Error::invalid(format!("{self} is not a value of dtype {dtype}")),
        })
    }

    /// The pixel that stands for this literal: as [`fit`](Self::fit), and of `f32` the value that is stored, as 0.1 is none.
    ///
    /// # Errors
    /// As `fit`.
    pub(crate) fn fit_stored(self, dtype: DType) -> Result<Self> {
        self.fit(dtype).map(|fitted| match (fitted, dtype) {
            (Self::Float(value), DType::F32) => Self::Float(f64::from(value as f32)),
            _ => fitted,
        })
    }

    /// The integer of equal value, if there is one.
    pub fn to_integer(self) -> Option<i128> {
        match self {
            Self::Bool(_) => None,
            Self::Int(value) => Some(value),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e30 => Some(value as i128),
            Self::Float(_) => None,
        }
    }

    /// The nearest `f64`; bool counts as 0 or 1.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Bool(value) => f64::from(u8::from(value)),
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// Whether this is the float NaN.
    pub fn is_nan(self) -> bool {
        matches!(self, Self::Float(value) if value.is_nan())
    }

    /// A float literal such as 0.1 has no exact f32: it means the nearest one.
    fn is_decimal(self) -> bool {
        matches!(self, Self::Float(value) if value.is_finite() && (value as f32).is_finite())
    }

    /// The float of equal value, none for an integer that no `f64` equals.
    fn fit_float(self) -> Option<f64> {
        match self {
            Self::Int(value) if (value as f64) as i128 == value => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }
}

fn in_range(value: i128, dtype: DType) -> bool {
    dtype.integer_range().is_some_and(|(low, high)| (low..=high).contains(&value))
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Bool(_), _) | (_, Self::Bool(_)) => false,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Int(a), Self::Float(_)) => other.to_integer() == Some(*a),
            (Self::Float(_), Self::Int(b)) => self.to_integer() == Some(*b),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if value.is_nan() => f.write_str("nan"),
            Self::Float(value) => write!(f, "{value}"),
        }
    }
}

macro_rules! scalar_from {
    ($($type:ty => $variant:ident as $wide:ty),* $(,)?) => {
        $(impl From<$type> for Scalar {
            fn from(value: $type) -> Self {
                Self::$variant(value as $wide)
            }
        })*
    };
}
scalar_from!(
    bool => Bool as bool, u8 => Int as i128, u16 => Int as i128, u32 => Int as i128, u64 => Int as i128,
    usize => Int as i128, i8 => Int as i128, i16 => Int as i128, i32 => Int as i128, i64 => Int as i128,
    i128 => Int as i128, f32 => Float as f64, f64 => Float as f64,
);

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that pixels can have; sealed, as TIFF's types are a closed set.
pub trait Element:
    sealed::Sealed + Copy + PartialOrd + PartialEq + Default + Send + Sync + fmt::Debug + 'static
{
    /// The dtype of this type.
    const DTYPE: DType;

    /// The pixel a literal stands for. Call only with a literal that [`Scalar::fit`] accepted for this dtype.
    fn from_scalar(value: Scalar) -> Self;

    /// The literal of this pixel.
    fn to_scalar(self) -> Scalar;

    /// The bits of the pixel: what tells -0 from 0, and NaNs apart.
    fn to_bits(self) -> u64;

    /// Whether the pixel is NaN; false for all but floats.
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! element {
    (@int $($type:ty => $variant:ident),*) => {
        $(impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$variant;
            fn from_scalar(value: Scalar) -> Self {
                value.to_integer().unwrap_or_default() as $type
            }
            fn to_scalar(self) -> Scalar {
                Scalar::Int(i128::from(self))
            }
            fn to_bits(self) -> u64 {
                self as u64
            }
        })*
    };
    (@float $($type:ty => $variant:ident),*) => {
        $(impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$variant;
            fn from_scalar(value: Scalar) -> Self {
                value.to_f64() as $type
            }
            fn to_scalar(self) -> Scalar {
                Scalar::Float(f64::from(self))
            }
            fn to_bits(self) -> u64 {
                u64::from(self.to_bits())
            }
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        })*
    };
}
element!(@int u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64);
element!(@float f32 => F32, f64 => F64);

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;
    fn from_scalar(value: Scalar) -> Self {
        value == Scalar::Bool(true)
    }
    fn to_scalar(self) -> Scalar {
        Scalar::Bool(self)
    }
    fn to_bits(self) -> u64 {
        u64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_fits_exactly_or_not_at_all() {
        assert_eq!(Scalar::from(255).fit(DType::U8).unwrap(), Scalar::Int(255));
        assert_eq!(Scalar::from(2.0).fit(DType::I16).unwrap(), Scalar::Int(2));
        assert_eq!(Scalar::from(7).fit(DType::F32).unwrap(), Scalar::Float(7.0));
        assert!(Scalar::from(0.1).fit(DType::F32).is_ok());
        for (value, dtype) in [
            (Scalar::from(300), DType::U8),
            (Scalar::from(-1), DType::U8),
            (Scalar::from(0.5), DType::I16),
            (Scalar::from(f64::NAN), DType::U8),
            (Scalar::from(true), DType::U8),
            (Scalar::from(1), DType::Bool),
            (Scalar::from(16_777_217), DType::F32),
            (Scalar::from(1e300), DType::F32),
        ] {
            assert!(value.fit(dtype).is_err(), "{value} as {dtype}");
        }
    }

    #[test]
    fn the_error_of_a_fill_names_value_and_range() {
        let message = Scalar::from(300).fit(DType::U8).unwrap_err().to_string();
        assert_eq!(message, "300 does not fit u8, which holds 0 to 255: cast the raster to a wider dtype first");
    }

    #[test]
    fn a_dtype_holds_all_of_those_whose_every_value_it_has() {
        let holds = |dtype: DType| DType::ALL.iter().filter(|other| dtype.holds_all_of(**other)).count();
        assert_eq!(DType::ALL.iter().map(|dtype| holds(*dtype)).collect::<Vec<_>>(), [1, 1, 2, 3, 4, 1, 3, 5, 7, 5, 8]);
        assert!(DType::F32.holds_all_of(DType::U16) && !DType::F32.holds_all_of(DType::I32));
    }

    #[test]
    fn infinities_are_values_of_floats() {
        assert_eq!(Scalar::from(f64::INFINITY).fit(DType::F32).unwrap(), Scalar::Float(f64::INFINITY));
        assert!(Scalar::from(f64::INFINITY).fit(DType::I64).is_err());
    }
}
