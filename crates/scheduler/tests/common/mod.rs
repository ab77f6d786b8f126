//! Random graphs from a seed.

use swath_scheduler::{Graph, GraphBuilder, Lane, TaskId, TaskSpec};

/// SplitMix64: small, seeded, and the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Up to `tasks_max` tasks of both lanes with up to four inputs, near or far, sometimes the same twice.
pub(crate) fn random_graph(rng: &mut Rng, tasks_max: usize) -> Graph {
    let mut builder = GraphBuilder::new();
    let (io, roots, sinks) = (rng.below(60), rng.below(70), rng.below(50));
    let reach = 1 + rng.below(tasks_max);
    let mut usable: Vec<TaskId> = Vec::new();
    for _ in 0..rng.below(tasks_max + 1) {
        let spec = TaskSpec {
            lane: if rng.chance(io) { Lane::Io } else { Lane::Cpu },
            scratch: rng.below(20) as u64,
            output: rng.below(30) as u64,
            deliver: rng.chance(sinks),
        };
        let mut inputs = Vec::new();
        if !usable.is_empty() && !rng.chance(roots) {
            for _ in 0..1 + rng.below(4) {
                inputs.push(usable[usable.len() - 1 - rng.below(reach.min(usable.len()))]);
            }
        }
        let task = builder.push(spec, &inputs).expect("inputs come before and are not delivered");
        if !spec.deliver {
            usable.push(task);
        }
    }
    builder.build()
}
