//! What decoding needs beside its result, used again from block to block and from file to file.

use parking_lot::Mutex;

use super::decode::Decoder;

/// Buffers larger than this are not kept for the next block.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// The state of one thread that decodes.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) decoder: Decoder,
    /// Stored bytes.
    pub(crate) input: Vec<u8>,
    /// Decompressed bytes.
    pub(crate) output: Vec<u8>,
}

/// As many of them as there were threads that decoded at once. Files share it: a run that reads many of them has the
/// buffers of its threads, not of its files.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// Lends one to `work`.
    pub(crate) fn lend<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.0.lock().pop().unwrap_or_default();
        let result = work(&mut scratch);
        if scratch.input.capacity().max(scratch.output.capacity()) <= KEPT_BYTES_MAX {
            self.0.lock().push(scratch);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_is_lent_again_unless_it_grew_too_large() {
        let pool = ScratchPool::default();
        pool.lend(|scratch| scratch.output.resize(1000, 7));
        assert_eq!(pool.lend(|scratch| scratch.output.len()), 1000);
        pool.lend(|_| pool.lend(|other| assert_eq!(other.output.len(), 0)));
        assert_eq!(pool.0.lock().len(), 2);
        pool.lend(|scratch| scratch.input.reserve(KEPT_BYTES_MAX + 1));
        assert_eq!(pool.0.lock().len(), 1);
    }
}
