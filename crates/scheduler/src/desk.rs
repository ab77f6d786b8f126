//! What lies before a worker, in reach of the others.

use std::collections::VecDeque;

use crate::graph::TaskId;
use crate::state::Event;
use crate::sync::Mutex;

/// What occupies a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Execute(TaskId),
    Deliver(TaskId),
}

/// The jobs a worker was given, and what it has finished but not reported, both in order.
///
/// A worker without work takes from the desks of the others, so neither waits behind a task that takes longer than
/// those before it. With one lock for both, a tiny task costs one passage: its event goes in, the next job comes out.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Papers>);

#[derive(Debug, Default)]
struct Papers {
    jobs: VecDeque<Job>,
    events: Vec<Event>,
}

impl Desk {
    /// Adds jobs behind those that are there, but a delivery, which gives memory back, before them.
    pub(crate) fn put(&self, jobs: &mut Vec<Job>) {
        if !jobs.is_empty() {
            let mut papers = self.0.lock();
            for job in jobs.drain(..) {
                match job {
                    Job::Execute(_) => papers.jobs.push_back(job),
                    Job::Deliver(_) => papers.jobs.push_front(job),
                }
            }
        }
    }

    /// Lays down an event and takes the next job. Moves all events into `events` instead if there is no next job, or
    /// `report` says so, which is asked under the lock.
    pub(crate) fn finish(&self, event: Event, report: impl FnOnce() -> bool, events: &mut Vec<Event>) -> Option<Job> {
        let mut papers = self.0.lock();
        let next = papers.jobs.pop_front();
        if next.is_none() || report() {
            events.append(&mut papers.events);
            events.push(event);
        } else {
            papers.events.push(event);
        }
        next
    }

    /// Gives the first half of the jobs, one of them returned, and all events to a worker that has nothing to do.
    pub(crate) fn rob(&self, jobs: &mut Vec<Job>, events: &mut Vec<Event>) -> Option<Job> {
        let mut papers = self.0.lock();
        let half = papers.jobs.len().div_ceil(2);
        let mut robbed = papers.jobs.drain(..half);
        let first = robbed.next();
        jobs.extend(robbed);
        events.append(&mut papers.events);
        first
    }

    /// Whether there is anything to rob.
    pub(crate) fn is_empty(&self) -> bool {
        let papers = self.0.lock();
        papers.jobs.is_empty() && papers.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOBS: [Job; 3] = [Job::Execute(TaskId(0)), Job::Execute(TaskId(1)), Job::Execute(TaskId(2))];

    fn desk_with(jobs: impl IntoIterator<Item = Job>) -> Desk {
        let desk = Desk::default();
        desk.put(&mut jobs.into_iter().collect());
        desk
    }

    fn computed(task: u32) -> Event {
        Event::Computed { task: TaskId(task), bytes: 0 }
    }

    #[test]
    fn events_stay_until_the_jobs_run_out_or_they_are_asked_for() {
        let (desk, mut events) = (desk_with(JOBS), Vec::new());
        assert_eq!(desk.finish(computed(0), || false, &mut events), Some(JOBS[0]));
        assert_eq!(events, []);
        assert_eq!(desk.finish(computed(1), || true, &mut events), Some(JOBS[1]));
        assert_eq!(events, [computed(0), computed(1)]);
        events.clear();
        assert_eq!(desk.finish(computed(2), || false, &mut events), Some(JOBS[2]));
        assert_eq!(desk.finish(computed(3), || false, &mut events), None);
        assert_eq!(events, [computed(2), computed(3)]);
        assert!(desk.is_empty());
    }

    #[test]
    fn events_that_are_not_reported_are_worth_robbing() {
        let (desk, mut events) = (desk_with([JOBS[0]]), Vec::new());
        assert_eq!(desk.finish(computed(0), || false, &mut events), Some(JOBS[0]));
        assert!(!desk.is_empty());
        assert_eq!(desk.rob(&mut Vec::new(), &mut events), None);
        assert_eq!(events, [computed(0)]);
        assert!(desk.is_empty());
    }

    #[test]
    fn a_delivery_goes_before_all_else() {
        let delivery = Job::Deliver(TaskId(3));
        let desk = desk_with([JOBS[0], delivery]);
        assert_eq!(desk.finish(computed(9), || false, &mut Vec::new()), Some(delivery));
    }

    #[test]
    fn a_robber_takes_all_events_and_the_first_half_of_the_jobs() {
        let (desk, mut jobs, mut events) = (desk_with(JOBS.into_iter().chain(JOBS)), Vec::new(), Vec::new());
        desk.finish(computed(9), || false, &mut events);
        assert_eq!(desk.rob(&mut jobs, &mut events), Some(JOBS[1]));
        assert_eq!((&jobs[..], &events[..]), (&[JOBS[2], JOBS[0]][..], &[computed(9)][..]));
        assert!(!desk.is_empty());
    }
}
