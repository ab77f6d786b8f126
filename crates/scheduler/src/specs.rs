//! What tasks cost, in few bytes: tasks are many, their specs few.

use crate::graph::{Lane, TaskSpec};

/// The specs of a graph's tasks: a number per task, and each spec once, or nearly so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Specs {
    /// The place of each task's spec, and in the top bit whether the task leads to I/O.
    numbers: Vec<u32>,
    distinct: Vec<PackedSpec>,
    /// Where specs with this hash were last put. One that was overwritten here is kept twice: a table of all would take
    /// longer to ask than a few more specs take room.
    recent: Vec<u32>,
}

const LEADS_TO_IO: u32 = 1 << 31;
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
        let packed = PackedSpec::pack(spec);
        self.recent.resize(1 << RECENT_BITS, 0);
        let recent = &mut self.recent[packed.hash() as usize];
        if self.distinct.get(*recent as usize) != Some(&packed) {
            if self.distinct.len() >= LEADS_TO_IO as usize {
                return false;
            }
            *recent = self.distinct.len() as u32;
            self.distinct.push(packed);
        }
        self.numbers.push(*recent);
        true
    }

    pub(crate) fn get(&self, task: usize) -> TaskSpec {
        self.packed(task).unpack()
    }

    pub(crate) fn deliver(&self, task: usize) -> bool {
        self.packed(task).deliver()
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

    fn packed(&self, task: usize) -> PackedSpec {
        self.distinct[(self.numbers[task] & !LEADS_TO_IO) as usize]
    }
}

/// A [`TaskSpec`] in 16 bytes: the top bits of the sizes are lane and delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PackedSpec {
    scratch: u64,
    output: u64,
}

const FLAG: u64 = 1 << 63;

/// Sizes are stored in 62 bits, so that two of them can be added.
const SIZE_MAX: u64 = (1 << 62) - 1;

impl PackedSpec {
    fn pack(spec: TaskSpec) -> Self {
        let flag = |set: bool| if set { FLAG } else { 0 };
        Self {
            scratch: spec.scratch.min(SIZE_MAX) | flag(spec.lane == Lane::Io),
            output: spec.output.min(SIZE_MAX) | flag(spec.deliver),
        }
    }

    fn unpack(self) -> TaskSpec {
        TaskSpec {
            lane: if self.scratch & FLAG == 0 { Lane::Cpu } else { Lane::Io },
            scratch: self.scratch & !FLAG,
            output: self.output & !FLAG,
            deliver: self.deliver(),
        }
    }

    fn deliver(self) -> bool {
        self.output & FLAG != 0
    }

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
        for (lane, deliver) in [(Lane::Cpu, true), (Lane::Io, false), (Lane::Io, true)] {
            let spec = TaskSpec { lane, scratch: 7, output: SIZE_MAX, deliver };
            assert_eq!(PackedSpec::pack(spec).unpack(), spec);
        }
        let huge = TaskSpec { scratch: u64::MAX, ..CPU };
        assert_eq!(PackedSpec::pack(huge).unpack(), TaskSpec { scratch: SIZE_MAX, ..CPU });
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
