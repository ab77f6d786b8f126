//! Who is next: everybody by turns, each one's own in order.

use std::collections::VecDeque;

/// What waits, in a queue for each one who waits.
#[derive(Debug)]
pub(super) struct Turns<T>(VecDeque<(usize, VecDeque<T>)>);

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Turns<T> {
    /// Queues `item` behind all others of `who`.
    pub(super) fn push(&mut self, who: usize, item: T) {
        match self.0.iter_mut().find(|(other, _)| *other == who) {
            Some((_, queue)) => queue.push_back(item),
            None => self.0.push_back((who, VecDeque::from([item]))),
        }
    }

    /// The first item of the one whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (who, mut queue) = self.0.pop_front()?;
        let item = queue.pop_front();
        if !queue.is_empty() {
            self.0.push_back((who, queue));
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_does_not_wait_for_all_that_came_before() {
        let mut turns = Turns::default();
        for item in [10, 11, 12, 13] {
            turns.push(1, item);
        }
        assert_eq!(turns.pop(), Some(10));
        turns.push(2, 20);
        turns.push(2, 21);
        turns.push(1, 14);
        assert_eq!(std::iter::from_fn(|| turns.pop()).collect::<Vec<_>>(), [11, 20, 12, 21, 13, 14]);
    }
}
