//! Sample types, and the few operations on them that writing and averaging need.

/// Type of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say all there is to say")]
pub enum SampleType {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl SampleType {
    /// Every sample type, for tests that run over all of them.
    pub const ALL: [Self; 10] =
        [Self::U8, Self::U16, Self::U32, Self::U64, Self::I8, Self::I16, Self::I32, Self::I64, Self::F32, Self::F64];

    /// Bytes per sample.
    pub fn size(self) -> usize {
        with_sample_type!(self, T => size_of::<T>())
    }

    /// Whether samples are IEEE floats.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Native-endian bytes of values, each cast as by `as`: truncated and saturated for integers.
    pub fn bytes_of(self, values: impl IntoIterator<Item = f64>) -> Vec<u8> {
        with_sample_type!(self, T => values.into_iter().flat_map(|value| (value as T).to_ne_bytes()).collect())
    }

    /// Value of the SampleFormat tag (339).
    pub(super) fn format(self) -> u16 {
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => 1,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => 2,
            Self::F32 | Self::F64 => 3,
        }
    }
}

/// Evaluates an expression with a type parameter bound to the Rust type of a [`SampleType`].
macro_rules! with_sample_type {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::tiff_writer::SampleType;
        match $dtype {
            SampleType::U8 => {
                type $T = u8;
                $body
            }
            SampleType::U16 => {
                type $T = u16;
                $body
            }
            SampleType::U32 => {
                type $T = u32;
                $body
            }
            SampleType::U64 => {
                type $T = u64;
                $body
            }
            SampleType::I8 => {
                type $T = i8;
                $body
            }
            SampleType::I16 => {
                type $T = i16;
                $body
            }
            SampleType::I32 => {
                type $T = i32;
                $body
            }
            SampleType::I64 => {
                type $T = i64;
                $body
            }
            SampleType::F32 => {
                type $T = f32;
                $body
            }
            SampleType::F64 => {
                type $T = f64;
                $body
            }
        }
    }};
}
pub(super) use with_sample_type;

/// A sample as overviews see it.
pub(super) trait Sample: Copy + std::str::FromStr {
    fn from_native(bytes: &[u8]) -> Self;
    fn append_native(self, out: &mut Vec<u8>);
    /// Equality in which NaN equals NaN, as nodata needs it.
    fn same(self, other: Self) -> bool;
    /// Mean of one to four values; integers are rounded to the nearest, halves up.
    fn mean(values: &[Self]) -> Self;
}

macro_rules! impl_sample {
    ($T:ty, $same:expr, $mean:expr) => {
        impl Sample for $T {
            fn from_native(bytes: &[u8]) -> Self {
                let mut word = [0; size_of::<Self>()];
                word.copy_from_slice(bytes);
                Self::from_ne_bytes(word)
            }

            fn append_native(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }

            fn same(self, other: Self) -> bool {
                let same: fn(Self, Self) -> bool = $same;
                same(self, other)
            }

            fn mean(values: &[Self]) -> Self {
                let mean: fn(&[Self]) -> Self = $mean;
                mean(values)
            }
        }
    };
}

macro_rules! impl_integer_sample {
    ($($T:ty, $Sum:ty;)*) => {$(
        impl_sample!($T, |a, b| a == b, |values| {
            let count = values.len() as $Sum;
            let sum: $Sum = values.iter().map(|&value| <$Sum>::from(value)).sum();
            (2 * sum + count).div_euclid(2 * count) as $T
        });
    )*};
}

macro_rules! impl_float_sample {
    ($($T:ty;)*) => {$(
        impl_sample!($T, |a, b| a == b || (a.is_nan() && b.is_nan()), |values| {
            (values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64) as $T
        });
    )*};
}

impl_integer_sample! { u8, i32; u16, i32; u32, i64; u64, i128; i8, i32; i16, i32; i32, i64; i64, i128; }
impl_float_sample! { f32; f64; }
