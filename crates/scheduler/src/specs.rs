//! What tasks cost, in few bytes: tasks are many, their specs few.

use crate::graph::{Lane, TaskSpec};

/// The specs of a graph's tasks: four bytes a task, and each pair of sizes once, or nearly so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Specs {
    /// The place of each task's sizes, and in the top bits what is asked most often, so that it costs one look.
    numbers: Vec<u32>,
    distinct: Vec<Sizes>,
    /// Where sizes with this hash were last put. A pair that was overwritten here is kept twice: a table of all would
    /// take longer to ask than a few more pairs take room.
    recent: Vec<u32>,
}

const LEADS_TO_IO: u32 = 1 << 31;
const IS_IO: u32 = 1 << 30;
const DELIVER: u32 = 1 << 29;
const PLACES: u32 = DELIVER - 1;

/// Scratch and output of a task, in bytes; larger ones saturate, so that two of them can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    scratch: u64,
    output: u64,
}

const SIZE_MAX: u64 = (1 << 62) - 1;
const RECENT_BITS: u32 = 10;

impl Specs {
    pub(crate) fn with_capacity(tasks: usize) -> Self {
        Self { numbers: Vec::with_capacity(tasks), ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Adds the spec of the next task; tells if there was room for it.
    pub(crate) fn push(&mut self, spec: TaskSpec) -> bool {
        let sizes = Sizes { scratch: spec.scratch.min(SIZE_MAX), output: spec.output.min(SIZE_MAX) };
        self.recent.resize(1 << RECENT_BITS, 0);
        let recent = &mut self.recent[sizes.hash() as usize];
        if self.distinct.get(*recent as usize) != Some(&sizes) {
            if self.distinct.len() > PLACES as usize {
                return false;
            }
            *recent = self.distinct.len() as u32;
            self.distinct.push(sizes);
        }
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        self.numbers.push(*recent | flag(spec.lane == Lane::Io, IS_IO) | flag(spec.deliver, DELIVER));
        true
    }

    pub(crate) fn get(&self, task: usize) -> TaskSpec {
        let number = self.numbers[task];
        let Sizes { scratch, output } = self.distinct[(number & PLACES) as usize];
        TaskSpec { lane: lane(number), scratch, output, deliver: number & DELIVER != 0 }
    }

    pub(crate) fn lane(&self, task: usize) -> Lane {
        lane(self.numbers[task])
    }

    pub(crate) fn deliver(&self, task: usize) -> bool {
        self.numbers[task] & DELIVER != 0
    }

    pub(crate) fn leads_to_io(&self, task: usize) -> bool {
        self.numbers[task] & LEADS_TO_IO != 0
    }

    pub(crate) fn set_leads_to_io(&mut self, task: usize) {
        self.numbers[task] |= LEADS_TO_IO;
    }

    /// Gives back what only adding needs.
    pub(crate) fn shrink(&mut self) {
        self.numbers.shrink_to_fit();
        self.distinct.shrink_to_fit();
        self.recent = Vec::new();
    }
}

fn lane(number: u32) -> Lane {
    if number & IS_IO == 0 { Lane::Cpu } else { Lane::Io }
}

impl Sizes {
    /// A number of [`RECENT_BITS`] bits, by Fibonacci hashing.
    fn hash(self) -> u64 {
        (self.scratch.rotate_left(32) ^ self.output).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - RECENT_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: TaskSpec = TaskSpec { lane: Lane::Cpu, scratch: 1, output: 2, deliver: false };

    #[test]
    fn specs_survive_packing() {
        let mut specs = Specs::default();
        let all = [(Lane::Cpu, true), (Lane::Io, false), (Lane::Io, true)].map(|(lane, deliver)| TaskSpec {
            lane,
            scratch: 7,
            output: SIZE_MAX,
            deliver,
        });
        all.into_iter().for_each(|spec| assert!(specs.push(spec)));
        assert!(specs.push(TaskSpec { scratch: u64::MAX, ..CPU }));
        specs.set_leads_to_io(1);
        for (task, spec) in all.into_iter().enumerate() {
            assert_eq!((specs.get(task), specs.lane(task), specs.deliver(task)), (spec, spec.lane, spec.deliver));
        }
        assert_eq!(specs.get(3), TaskSpec { scratch: SIZE_MAX, ..CPU });
    }

    #[test]
    fn tasks_keep_their_specs_however_many_differ() {
        let spec = |task: u64| TaskSpec { scratch: task * task % 5003, output: task % 7, ..CPU };
        let mut specs = Specs::default();
        (0..20_000).for_each(|task| assert!(specs.push(spec(task))));
        specs.set_leads_to_io(3);
        specs.shrink();
        assert!((0..20_000).all(|task| specs.get(task as usize) == spec(task)));
        assert!(specs.leads_to_io(3) && !specs.leads_to_io(4));
    }

    #[test]
    fn equal_specs_in_turns_are_kept_once() {
        let mut specs = Specs::default();
        for task in 0..1000 {
            assert!(specs.push(TaskSpec { output: task % 3, ..CPU }));
        }
        assert_eq!(specs.distinct.len(), 3);
    }
}
