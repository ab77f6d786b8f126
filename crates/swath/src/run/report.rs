//! What a run took.

use std::fmt;
use std::time::Duration;

use swath_core::text::{bytes, counted};

/// What a run took, in time, requests, bytes and memory.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Time from start to end.
    pub wall: Duration,
    /// CPU time that the process used meanwhile, all threads; that of other work in the process counts too.
    pub cpu: Duration,
    /// Tasks run.
    pub tasks: usize,
    /// Requests to remote files, retries included; local reads are none.
    pub requests: u64,
    /// Bytes read from remote and local files.
    pub bytes: u64,
    /// Blocks decoded.
    pub blocks: u64,
    /// Blocks that the plan would have read, but conditions hid from all that could need them: neither fetched nor
    /// decoded.
    pub blocks_skipped: u64,
    /// The most bytes accounted at a time, pinned chunks and results included.
    pub peak_memory: u64,
    /// Blocks of the file written, by how they came about.
    pub output: OutputBlocks,
    /// Size of the file written; 0 for what stays in memory.
    pub output_bytes: u64,
}

/// Blocks that were written, by how they came about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputBlocks {
    /// The bytes of a source's block, neither decoded nor encoded.
    pub copied: u64,
    /// Of one value: encoded once for all blocks of that value.
    pub constant: u64,
    /// Computed and encoded.
    pub computed: u64,
}

impl fmt::Display for OutputBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { copied, constant, computed } = self;
        write!(f, "{copied} blocks copied, {constant} constant, {computed} computed")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wall, cpu, tasks, requests, bytes: read, blocks, blocks_skipped, peak_memory, output, output_bytes } =
            self;
        write!(
            f,
            "{:.3} s (CPU {:.3} s), {}, {}, {} read, {} decoded, peak {}",
            wall.as_secs_f64(),
            cpu.as_secs_f64(),
            counted(*tasks as u64, "task"),
            counted(*requests, "request"),
            bytes(*read),
            counted(*blocks, "block"),
            bytes(*peak_memory)
        )?;
        if *blocks_skipped > 0 {
            write!(f, ", {} skipped", counted(*blocks_skipped, "block"))?;
        }
        if *output_bytes > 0 {
            write!(f, ", {} written: {output}", bytes(*output_bytes))?;
        }
        Ok(())
    }
}
