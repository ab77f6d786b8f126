//! Pixels in memory: a closed enum of vectors, and the typed slices that kernels see.

use crate::dtype::{DType, Element, Scalar};
use crate::dtypes;

macro_rules! define_buffer {
    ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
        /// A contiguous vector of pixels of one dtype.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Buffer {
            $(#[doc = concat!("Pixels of `", $name, "`.")] $variant(Vec<$type>),)*
        }

        /// A borrowed part of a [`Buffer`].
        #[derive(Debug, Clone, Copy)]
        pub enum Slice<'a> {
            $(#[doc = concat!("Pixels of `", $name, "`.")] $variant(&'a [$type]),)*
        }

        /// A mutably borrowed part of a [`Buffer`].
        #[derive(Debug)]
        pub enum SliceMut<'a> {
            $(#[doc = concat!("Pixels of `", $name, "`.")] $variant(&'a mut [$type]),)*
        }

        impl Buffer {
            /// `len` pixels of zero (or false).
            pub fn zeros(dtype: DType, len: usize) -> Self {
                match dtype { $(DType::$variant => Self::$variant(vec![<$type>::default(); len])),* }
            }

            /// `len` pixels of `value`, which must be one that `dtype` can hold.
            pub fn filled(dtype: DType, len: usize, value: Scalar) -> Self {
                match dtype { $(DType::$variant => Self::$variant(vec![<$type as Element>::from_scalar(value); len])),* }
            }

            /// No pixel yet, and room for `len`.
            pub fn with_capacity(dtype: DType, len: usize) -> Self {
                match dtype { $(DType::$variant => Self::$variant(Vec::with_capacity(len))),* }
            }

            /// Adds pixels of the same dtype.
            ///
            /// # Panics
            /// If they are of another.
            pub fn extend(&mut self, pixels: Slice<'_>) {
                match (self, pixels) {
                    $((Self::$variant(data), Slice::$variant(pixels)) => data.extend_from_slice(pixels),)*
                    (data, pixels) => panic!("pixels of {} are no {}", pixels.dtype(), data.dtype()),
                }
            }

            /// The dtype of the pixels.
            pub fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant),* }
            }

            /// Count of pixels.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(data) => data.len()),* }
            }

            /// The pixels `start..end`.
            pub fn slice(&self, start: usize, end: usize) -> Slice<'_> {
                match self { $(Self::$variant(data) => Slice::$variant(&data[start..end])),* }
            }

            /// The pixels `start..end`, to be written.
            pub fn slice_mut(&mut self, start: usize, end: usize) -> SliceMut<'_> {
                match self { $(Self::$variant(data) => SliceMut::$variant(&mut data[start..end])),* }
            }

            /// The value of all pixels, if they are equal bit for bit and a literal can tell those bits; none where
            /// there is no pixel.
            pub fn uniform(&self) -> Option<Scalar> {
                match self { $(Self::$variant(data) => uniform(data)),* }
            }

            /// The pixel at `index` as a literal.
            pub fn get(&self, index: usize) -> Scalar {
                match self { $(Self::$variant(data) => data[index].to_scalar()),* }
            }
        }

        impl Slice<'_> {
            /// The dtype of the pixels.
            pub fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant),* }
            }

            /// Count of pixels.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(data) => data.len()),* }
            }
        }

        impl SliceMut<'_> {
            /// The same pixels, borrowed for a shorter time.
            pub fn reborrow(&mut self) -> SliceMut<'_> {
                match self { $(Self::$variant(data) => SliceMut::$variant(data)),* }
            }

            /// The dtype of the pixels.
            pub fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant),* }
            }
        }

        $(impl sealed::Typed for $type {
            fn of(buffer: &Buffer) -> Option<&[Self]> {
                match buffer { Buffer::$variant(data) => Some(data), _ => None }
            }
            fn of_mut(buffer: &mut Buffer) -> Option<&mut [Self]> {
                match buffer { Buffer::$variant(data) => Some(data), _ => None }
            }
            fn of_slice(slice: Slice<'_>) -> Option<&[Self]> {
                match slice { Slice::$variant(data) => Some(data), _ => None }
            }
            fn of_slice_mut(slice: SliceMut<'_>) -> Option<&mut [Self]> {
                match slice { SliceMut::$variant(data) => Some(data), _ => None }
            }
            fn into(data: Vec<Self>) -> Buffer {
                Buffer::$variant(data)
            }
        })*
    };
}
dtypes!(define_buffer);

/// Runs `$body` once for the dtype of a [`Buffer`] (or of slices), with `$data` bound to the typed vector or slice.
#[macro_export]
#[doc(hidden)]
macro_rules! for_dtype {
    ($kind:ident, $value:expr, $data:ident => $body:expr) => {
        match $value {
            $crate::buffer::$kind::Bool($data) => $body,
            $crate::buffer::$kind::U8($data) => $body,
            $crate::buffer::$kind::U16($data) => $body,
            $crate::buffer::$kind::U32($data) => $body,
            $crate::buffer::$kind::U64($data) => $body,
            $crate::buffer::$kind::I8($data) => $body,
            $crate::buffer::$kind::I16($data) => $body,
            $crate::buffer::$kind::I32($data) => $body,
            $crate::buffer::$kind::I64($data) => $body,
            $crate::buffer::$kind::F32($data) => $body,
            $crate::buffer::$kind::F64($data) => $body,
        }
    };
}

mod sealed {
    pub trait Typed: Sized {
        fn of(buffer: &super::Buffer) -> Option<&[Self]>;
        fn of_mut(buffer: &mut super::Buffer) -> Option<&mut [Self]>;
        fn of_slice(slice: super::Slice<'_>) -> Option<&[Self]>;
        fn of_slice_mut(slice: super::SliceMut<'_>) -> Option<&mut [Self]>;
        fn into(data: Vec<Self>) -> super::Buffer;
    }
}

/// An [`Element`] that buffers can hold: every one. (Apart only so that `Element` needs to know no buffer.)
pub trait Pixel: Element + sealed::Typed {}
impl<T: Element + sealed::Typed> Pixel for T {}

impl Buffer {
    /// Whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pixels, to be written.
    pub fn whole_mut(&mut self) -> SliceMut<'_> {
        self.slice_mut(0, self.len())
    }

    /// Bytes of all pixels.
    pub fn byte_len(&self) -> usize {
        self.len() * self.dtype().size()
    }

    /// The pixels as `T`, if that is their type.
    pub fn as_slice<T: Pixel>(&self) -> Option<&[T]> {
        T::of(self)
    }

    /// The pixels as `T`, to be written, if that is their type.
    pub fn as_mut_slice<T: Pixel>(&mut self) -> Option<&mut [T]> {
        T::of_mut(self)
    }

    /// A buffer of these pixels.
    pub fn from_vec<T: Pixel>(data: Vec<T>) -> Self {
        T::into(data)
    }
}

fn uniform<T: Element>(data: &[T]) -> Option<Scalar> {
    let first = *data.first()?;
    // Subtle: of the many NaNs only the usual one is sure to survive the way through a literal.
    let value = if first.is_nan() { Scalar::Float(f64::NAN) } else { first.to_scalar() };
    let bits = first.to_bits();
    // Runs of a fixed length are compared as vectors; a jump for each pixel would make a large constant block dear.
    let same = |run: &[T]| run.iter().fold(true, |same, pixel| same & (pixel.to_bits() == bits));
    (T::from_scalar(value).to_bits() == bits && data.chunks(256).all(same)).then_some(value)
}

impl<'a> Slice<'a> {
    /// The pixels as `T`, if that is their type.
    pub fn as_slice<T: Pixel>(self) -> Option<&'a [T]> {
        T::of_slice(self)
    }
}

impl<'a> SliceMut<'a> {
    /// The pixels as `T`, if that is their type.
    pub fn into_slice<T: Pixel>(self) -> Option<&'a mut [T]> {
        T::of_slice_mut(self)
    }
}

impl Slice<'_> {
    /// Whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
