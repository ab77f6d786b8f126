//! What the samples of a file are, and which pixels they become: as GDAL widens them.

use swath_core::dtype::DType;
use swath_core::error::{Error, Result};

use super::header::Image;
use crate::codec::SampleFormat;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As pixels of the dtype.
    Whole,
    /// Floats of 16 bits.
    Half,
    /// Floats of 24 bits.
    Triple,
    /// Unsigned integers of so many bits, the most significant first, without gaps in a row.
    Packed(u32),
}

/// The samples of an image: one kind for all of its bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) stored: Stored,
    /// Bits of a sample in the file.
    pub(super) bits: u32,
    pub(super) format: SampleFormat,
    /// Type of the pixels.
    pub(super) dtype: DType,
    /// Bands that a sample becomes: two for complex numbers, real and imaginary.
    pub(super) parts: usize,
}

impl Samples {
    /// The samples of `image`.
    ///
    /// # Errors
    /// `Unsupported` for what GDAL does not read either.
    pub(super) fn of(image: &Image) -> Result<Self> {
        // What is beyond the bands is nobody's.
        let bands = usize::try_from(image.samples).unwrap_or(usize::MAX).max(1);
        let uniform = |values: &[u64]| {
            values.first().copied().filter(|first| values.iter().take(bands).all(|value| value == first))
        };
        let (Some(bits), Some(format)) = (uniform(&image.bits), uniform(&image.sample_format)) else {
            return Err(Error::unsupported("bands of different sample types are not supported"));
        };
        let format =
            SampleFormat::from_tag(format).ok_or_else(|| Error::corrupt(format!("its sample format is {format}")))?;
        let (stored, dtype) = match (format, bits) {
            (SampleFormat::Unsigned, 8) => (Stored::Whole, DType::U8),
            (SampleFormat::Unsigned, 16) => (Stored::Whole, DType::U16),
            (SampleFormat::Unsigned, 32) => (Stored::Whole, DType::U32),
            (SampleFormat::Unsigned, 64) => (Stored::Whole, DType::U64),
            (SampleFormat::Signed, 8) => (Stored::Whole, DType::I8),
            (SampleFormat::Signed, 16) | (SampleFormat::ComplexSigned, 32) => (Stored::Whole, DType::I16),
            (SampleFormat::Signed, 32) | (SampleFormat::ComplexSigned, 64) => (Stored::Whole, DType::I32),
            (SampleFormat::Signed, 64) => (Stored::Whole, DType::I64),
            (SampleFormat::Float, 16) => (Stored::Half, DType::F32),
            (SampleFormat::Float, 24) => (Stored::Triple, DType::F32),
            (SampleFormat::ComplexFloat, 32) => (Stored::Half, DType::F32),
            (SampleFormat::Float, 32) | (SampleFormat::ComplexFloat, 64) => (Stored::Whole, DType::F32),
            (SampleFormat::Float, 64) | (SampleFormat::ComplexFloat, 128) => (Stored::Whole, DType::F64),
            // GDAL takes signed integers of odd sizes for unsigned ones, and so does who compares with it.
            (SampleFormat::Unsigned | SampleFormat::Signed, 1..8) => (Stored::Packed(bits as u32), DType::U8),
            (SampleFormat::Unsigned | SampleFormat::Signed, 9..16) => (Stored::Packed(bits as u32), DType::U16),
            (SampleFormat::Unsigned | SampleFormat::Signed, 17..32) => (Stored::Packed(bits as u32), DType::U32),
            (SampleFormat::ComplexSigned | SampleFormat::ComplexFloat, bits) => {
                return Err(Error::unsupported(format!("complex samples of {bits} bits are not supported")));
            }
            (SampleFormat::Float, bits) => {
                return Err(Error::unsupported(format!("float samples of {bits} bits are not supported")));
            }
            (_, bits) => return Err(Error::unsupported(format!("samples of {bits} bits are not supported"))),
        };
        let parts = if format.is_complex() { 2 } else { 1 };
        Ok(Self { stored, bits: bits as u32, format, dtype, parts })
    }
}
