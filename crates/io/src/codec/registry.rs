//! Codecs that a program adds to those of this build.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use swath_core::error::Result;

use super::block::BlockSpec;

/// A codec for a compression number that this build does not have, or another one for a number that it has.
///
/// It is asked for blocks by several threads at once. It never sees a sparse block, and is asked for no more than
/// [`bytes_max`](Self::bytes_max) bytes of a block and at most 2 GiB.
///
/// ```
/// use std::sync::Arc;
///
/// use swath_core::error::{Error, Result};
/// use swath_io::codec::{BlockCodec, BlockSpec, Codecs};
/// use swath_io::store::{Io, IoOptions};
///
/// /// One byte that all bytes of the block are.
/// #[derive(Debug)]
/// struct Constant;
///
/// impl BlockCodec for Constant {
///     fn name(&self) -> &str {
///         "constant"
///     }
///
///     fn bytes_max(&self, _block: &BlockSpec<'_>, _input: &[u8]) -> usize {
///         16 << 20
///     }
///
///     fn decode(&self, _block: &BlockSpec<'_>, input: &[u8], out: &mut [u8]) -> Result<()> {
///         let byte = input.first().ok_or_else(|| Error::corrupt("the block is empty"))?;
///         out.fill(*byte);
///         Ok(())
///     }
/// }
///
/// let codecs = Codecs::new().with(65_000, Arc::new(Constant));
/// let io = Io::with_options(IoOptions { codecs, ..IoOptions::default() })?;
/// # Ok::<(), swath_core::error::Error>(())
/// ```
pub trait BlockCodec: fmt::Debug + Send + Sync {
    /// What messages call it.
    fn name(&self) -> &str;

    /// The most bytes that `input` can decompress to. A block that claims more is refused before it is allocated, so
    /// that a small file cannot ask for much memory: look at the head of a stream that tells its size.
    ///
    /// 1032 times the input unless said otherwise, as Deflate.
    fn bytes_max(&self, _block: &BlockSpec<'_>, input: &[u8]) -> usize {
        input.len().saturating_mul(1032)
    }

    /// Fills `out`, which has the [`bytes`](BlockSpec::bytes) of the block and holds anything, with what [`BlockSpec`]
    /// says a decompressed block is. `input` are the bytes of the block as the file has them, with their bits put in
    /// order where the file has them reversed (fill order 2).
    ///
    /// # Errors
    /// `Corrupt` where the input is damaged or holds fewer bytes, `Unsupported` where it uses what the codec does not
    /// have. It must not panic, whatever the input.
    fn decode(&self, block: &BlockSpec<'_>, input: &[u8], out: &mut [u8]) -> Result<()>;
}

/// Codecs by compression number (tag 259).
#[derive(Clone, Default)]
pub struct Codecs(BTreeMap<u16, Arc<dyn BlockCodec>>);

impl Codecs {
    /// None: files are read by what this build has.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// These, and `codec` for files of compression `number`; it goes before a codec of this build of that number.
    #[must_use]
    pub fn with(mut self, number: u16, codec: Arc<dyn BlockCodec>) -> Self {
        self.0.insert(number, codec);
        self
    }

    /// The codec for a number, if one was added.
    pub fn get(&self, number: u16) -> Option<&Arc<dyn BlockCodec>> {
        self.0.get(&number)
    }
}

/// Equal where the same codecs, not ones that do the same, stand for the same numbers.
impl PartialEq for Codecs {
    fn eq(&self, other: &Self) -> bool {
        let same = |number: &u16, codec| self.get(*number).is_some_and(|own| Arc::ptr_eq(own, codec));
        self.0.len() == other.0.len() && other.0.iter().all(|(number, codec)| same(number, codec))
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(number, codec)| (number, codec.name()))).finish()
    }
}
