//! The fetches of a run that are under way, so that any thread can abort them.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use swath_core::source::Fetching;

/// Fetches under way, by the number of their task.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// None while the source has not said yet how to abort it.
    fetches: BTreeMap<u32, Option<Fetching>>,
    /// The lowest task from which on nobody waits any more.
    unwanted_from: Option<u32>,
}

impl State {
    fn is_unwanted(&self, task: u32) -> bool {
        self.unwanted_from.is_some_and(|first| first <= task)
    }
}

impl InFlight {
    /// Starts the fetch of a task, unless nobody waits for it any more.
    pub(super) fn begin(&self, task: u32, start: impl FnOnce() -> Fetching) {
        {
            let mut state = self.0.lock();
            if state.is_unwanted(task) {
                return;
            }
            state.fetches.insert(task, None);
        }
        let fetching = start();
        let mut state = self.0.lock();
        if state.is_unwanted(task) {
            drop(state);
            fetching.abort();
        } else if let Some(fetch) = state.fetches.get_mut(&task) {
            *fetch = Some(fetching);
        }
        // Subtle: no entry means that the answer was faster than the return of `start`.
    }

    /// The fetch of a task was answered.
    pub(super) fn ended(&self, task: u32) {
        let fetch = self.0.lock().fetches.remove(&task);
        drop(fetch);
    }

    /// Aborts the fetches of this task and all later ones, those that are begun from now on included.
    pub(super) fn abort_from(&self, task: u32) {
        let unwanted = {
            let mut state = self.0.lock();
            state.unwanted_from = Some(state.unwanted_from.map_or(task, |first| first.min(task)));
            state.fetches.split_off(&task)
        };
        // They are the sources' code, so they run outside the lock.
        unwanted.into_values().flatten().for_each(Fetching::abort);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    type Aborted = Arc<Mutex<Vec<u32>>>;

    fn fetch(aborted: &Aborted, task: u32) -> Fetching {
        let aborted = Arc::clone(aborted);
        Fetching::new(move || aborted.lock().push(task))
    }

    #[test]
    fn what_is_under_way_is_aborted_and_what_was_answered_is_not() {
        let (in_flight, aborted) = (InFlight::default(), Aborted::default());
        for task in 0..5 {
            in_flight.begin(task, || fetch(&aborted, task));
        }
        in_flight.ended(3);
        in_flight.abort_from(2);
        assert_eq!(*aborted.lock(), [2, 4]);
        in_flight.abort_from(0);
        assert_eq!(*aborted.lock(), [2, 4, 0, 1]);
    }

    #[test]
    fn an_answer_may_be_faster_than_the_return_of_what_started_it() {
        let (in_flight, aborted) = (InFlight::default(), Aborted::default());
        in_flight.begin(0, || {
            in_flight.ended(0);
            fetch(&aborted, 0)
        });
        in_flight.abort_from(0);
        assert!(aborted.lock().is_empty());
    }

    #[test]
    fn a_fetch_that_is_begun_too_late_is_not_started_or_aborted_at_once() {
        let (in_flight, aborted) = (InFlight::default(), Aborted::default());
        in_flight.begin(7, || {
            in_flight.abort_from(5);
            fetch(&aborted, 7)
        });
        in_flight.begin(6, || unreachable!("nobody waits for it"));
        in_flight.begin(4, || fetch(&aborted, 4));
        assert_eq!(*aborted.lock(), [7]);
    }
}
