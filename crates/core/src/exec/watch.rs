//! What a task is run in: who may stop it, and who is told what it does.

/// The surroundings of a task that runs on a processor.
pub trait Watch: Sync {
    /// Whether the task should give up.
    fn is_cancelled(&self) -> bool;

    /// The task begins this step; the one before it, if any, is over.
    fn begin(&self, step: Step) {
        let _ = step;
    }
}

/// A step of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A block is decoded; of a local file, so many bytes are read for it.
    Decode {
        /// Position among the run's sources.
        source: usize,
        /// Number of the block.
        block: usize,
        /// Bytes read from a local file.
        local_bytes: u64,
    },
    /// A block's stored bytes are taken as they are.
    Copy {
        /// Position among the run's sources.
        source: usize,
        /// Number of the block.
        block: usize,
        /// Bytes read from a local file.
        local_bytes: u64,
    },
    /// Conditions are looked at, blocks put together, kernels run.
    Compute,
    /// A block is encoded.
    Encode,
}

/// Surroundings that watch nothing.
#[derive(Debug)]
pub struct Unwatched<F>(pub F);

impl<F: Fn() -> bool + Sync> Watch for Unwatched<F> {
    fn is_cancelled(&self) -> bool {
        (self.0)()
    }
}
