//! A set of tasks that knows its lowest member.

use crate::graph::TaskId;

const WORD: usize = u64::BITS as usize;

/// A bit per task, a bit per non-empty word of those, and so on up to one word: every operation takes as many steps
/// as there are levels, four for a million tasks.
///
/// With a binary heap in its place a wide tree ran a fifth slower, and a ready task took four bytes.
#[derive(Debug)]
pub(super) struct TaskSet {
    /// From the tasks up.
    levels: Vec<Vec<u64>>,
}

impl TaskSet {
    /// An empty set for the tasks below `len`.
    pub(super) fn new(len: usize) -> Self {
        let mut levels = vec![vec![0; len.div_ceil(WORD).max(1)]];
        while let Some(below) = levels.last().map(Vec::len).filter(|words| *words > 1) {
            levels.push(vec![0; below.div_ceil(WORD)]);
        }
        Self { levels }
    }

    pub(super) fn contains(&self, task: TaskId) -> bool {
        self.levels[0][task.index() / WORD] & bit(task.index()) != 0
    }

    pub(super) fn insert(&mut self, task: TaskId) {
        let mut index = task.index();
        for level in &mut self.levels {
            let word = &mut level[index / WORD];
            let was_empty = *word == 0;
            *word |= bit(index);
            if !was_empty {
                break;
            }
            index /= WORD;
        }
    }

    pub(super) fn remove(&mut self, task: TaskId) {
        let mut index = task.index();
        for level in &mut self.levels {
            let word = &mut level[index / WORD];
            *word &= !bit(index);
            if *word != 0 {
                break;
            }
            index /= WORD;
        }
    }

    /// The lowest task in the set.
    pub(super) fn first(&self) -> Option<TaskId> {
        let mut index = 0;
        for level in self.levels.iter().rev() {
            let word = level[index];
            if word == 0 {
                // Only the top word can be empty: the others are there because a bit above says so.
                return None;
            }
            index = index * WORD + word.trailing_zeros() as usize;
        }
        Some(TaskId(index as u32))
    }
}

fn bit(index: usize) -> u64 {
    1 << (index % WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_task_comes_first_across_words_and_levels() {
        for len in [0, 1, 64, 65, 4096, 4097, 300_000] {
            let mut set = TaskSet::new(len as usize);
            assert_eq!(set.first(), None);
            let tasks: Vec<TaskId> = (0..len).step_by(61).map(TaskId).collect();
            tasks.iter().rev().for_each(|&task| set.insert(task));
            for &task in &tasks {
                assert!(set.contains(task));
                assert_eq!(set.first(), Some(task));
                set.remove(task);
                assert!(!set.contains(task));
            }
            assert_eq!(set.first(), None);
        }
    }
}
