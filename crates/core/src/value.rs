//! The pixels of a chunk in whichever form they are at hand: what need not be decoded, computed or encoded is not.

use std::sync::Arc;

use bytes::Bytes;

use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::shape::Shape;

/// Pixels of a chunk, of a block of a source or of a piece of an output.
#[derive(Debug, Clone)]
pub enum ChunkValue {
    /// Every pixel has this value.
    Constant(Scalar),
    /// Decoded or computed pixels.
    Dense(Arc<Chunk>),
    /// A block as its file stores it, in the [`Layout`](crate::sink::Layout) of its source; and its pixels, if they
    /// were wanted too.
    Encoded {
        /// What the file holds.
        bytes: Bytes,
        /// The same, decoded.
        pixels: Option<Arc<Chunk>>,
    },
}

impl ChunkValue {
    /// A chunk as one value if all its pixels are equal, else as it is.
    ///
    /// One look tells: the search ends at the first pixel that differs from its neighbour.
    pub fn of(chunk: Arc<Chunk>) -> Self {
        match chunk.data().uniform() {
            Some(value) => Self::Constant(value),
            None => Self::Dense(chunk),
        }
    }

    /// The pixels, where they are known without decoding.
    pub fn pixels(&self, shape: Shape, dtype: DType) -> Option<Arc<Chunk>> {
        match self {
            Self::Constant(value) => Some(Arc::new(Chunk::filled(shape, dtype, *value))),
            Self::Dense(chunk) => Some(Arc::clone(chunk)),
            Self::Encoded { pixels, .. } => pixels.clone(),
        }
    }

    /// Bytes of memory that it holds.
    pub fn byte_len(&self) -> u64 {
        match self {
            Self::Constant(_) => 0,
            Self::Dense(chunk) => chunk.byte_len() as u64,
            Self::Encoded { bytes, pixels } => {
                bytes.len() as u64 + pixels.as_ref().map_or(0, |pixels| pixels.byte_len() as u64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{Buffer, Pixel};

    fn value<T: Pixel>(pixels: Vec<T>) -> Option<Scalar> {
        let shape = [1, 1, 1, pixels.len()];
        match ChunkValue::of(Arc::new(Chunk::new(shape, Buffer::from_vec(pixels)))) {
            ChunkValue::Constant(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn equal_pixels_are_one_value() {
        assert_eq!(value(vec![7u8; 1000]), Some(Scalar::Int(7)));
        assert_eq!(value(vec![u64::MAX; 3]), Some(Scalar::Int(i128::from(u64::MAX))));
        assert_eq!(value(vec![true]), Some(Scalar::Bool(true)));
        assert!(value(vec![f32::NAN; 2]).is_some_and(|value| value.is_nan()));
        let mut almost = vec![7u8; 1000];
        almost[999] = 8;
        assert_eq!(value(almost), None);
    }

    #[test]
    fn zeros_of_two_signs_and_nans_of_two_kinds_are_two_values() {
        assert_eq!(value(vec![0.0f32, -0.0]), None);
        assert_eq!(value(vec![f64::NAN, -f64::NAN]), None);
        let signalling = f32::from_bits(0x7f80_0001);
        assert_eq!(value(vec![signalling; 2]), None, "a literal might not give its bits back");
    }
}
