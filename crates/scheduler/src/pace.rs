//! How many tasks a worker has before it: one, unless they are tiny.

use std::time::{Duration, Instant};

/// Tasks that are done within this time may be handed out, and reported, together.
///
/// It is long beside a passage through the state, a tenth of a microsecond, and short beside anything that somebody
/// waits for.
const HANDFUL: Duration = Duration::from_micros(20);

/// The largest handful. With more, a worker is not measurably faster, and a task that takes long after many tiny ones
/// would wait behind more of its like.
const TASKS_MAX: usize = 16;

/// A worker's measure of its tasks.
#[derive(Debug)]
pub(crate) struct Pace {
    tasks: usize,
    finished: usize,
    since: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { tasks: 1, finished: 0, since: now }
    }

    /// Tasks that this worker takes at a time.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Begins anew after a pause.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.finished = 0;
        self.since = now;
    }

    /// Counts a finished task.
    pub(crate) fn count(&mut self) {
        self.finished += 1;
    }

    /// Whether half a handful is done: the other half is there to work on while the next one is fetched.
    pub(crate) fn is_due(&self) -> bool {
        self.finished * 2 >= self.tasks
    }

    /// Takes as many tasks at a time as the last ones could be done in a [`HANDFUL`], but no more than twice as many
    /// as before.
    pub(crate) fn measure(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since).as_nanos().max(1);
        let fit = HANDFUL.as_nanos() * self.finished as u128 / elapsed;
        self.tasks = usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, TASKS_MAX.min(self.tasks * 2));
        self.resume(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tasks taken at a time after each of these tasks' times, in microseconds, was measured when due.
    fn paces(micros: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut tasks = Vec::new();
        for time in micros {
            now += Duration::from_micros(time);
            pace.count();
            if pace.is_due() {
                pace.measure(now);
            }
            tasks.push(pace.tasks());
        }
        tasks
    }

    #[test]
    fn long_tasks_are_taken_one_at_a_time() {
        assert_eq!(paces([21, 1000, 1_000_000]), [1, 1, 1]);
    }

    #[test]
    fn tiny_tasks_are_taken_in_growing_handfuls() {
        assert_eq!(paces([0; 8]), [2, 4, 4, 8, 8, 8, 8, 16]);
        assert_eq!(paces([0; 100])[99], TASKS_MAX);
    }

    #[test]
    fn one_long_task_among_tiny_ones_ends_the_handfuls() {
        let mut micros = vec![0; 40];
        micros.push(1000);
        micros.extend([0; 7]);
        assert_eq!(paces(micros)[47], 1);
    }
}
