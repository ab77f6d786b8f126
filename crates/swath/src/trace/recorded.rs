//! A run that was recorded: from events to slices of time, each in a lane.

use swath_scheduler::TaskId;

use super::record::{Activity, Answer, Event, Fetch, Tape, What};

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(super) about: About,
    pub(super) tape: Tape,
}

/// What is known of a run beside its events.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) outputs: Vec<String>,
    pub(crate) sources: Vec<String>,
    /// By rank.
    pub(crate) tasks: Vec<TaskNote>,
    pub(crate) memory_limit: u64,
    /// Bytes held throughout, beside those that the scheduler accounts.
    pub(crate) held_bytes: u64,
    /// How it ended, if not well.
    pub(crate) error: Option<String>,
    pub(crate) cancelled: bool,
}

/// What a task is.
#[derive(Debug)]
pub(crate) struct TaskNote {
    /// Its number in the plan.
    pub(crate) number: u32,
    /// `fetch`, `decode`, `look` or `compute`.
    pub(crate) kind: &'static str,
    /// Of a fetch or decode, the position among the run's sources.
    pub(crate) source: Option<u32>,
    pub(crate) label: Box<str>,
}

/// A stretch of time in which one thing was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) rank: TaskId,
    pub(super) doing: Doing,
    /// Nanoseconds since time began.
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) failed: bool,
}

/// What a slice shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// A whole task of a worker; what it did meanwhile follows, inside it.
    Task,
    Part(Activity),
    /// Handing over a part of an output.
    Commit,
    Fetch(Answer),
}

impl Recorded {
    /// How many workers there were.
    pub(super) fn worker_count(&self) -> usize {
        self.tape.events.len()
    }

    /// What a worker did: tasks one after the other, each followed by its parts.
    pub(super) fn worker_slices(&self, worker: usize) -> Vec<Slice> {
        let mut lane = Lane::default();
        self.tape.events[worker].iter().for_each(|event| lane.event(event));
        lane.end(self.tape.ended, true);
        lane.slices
    }

    /// Fetches in lanes, as many as were under way at once: each in the lowest that is free.
    pub(super) fn fetch_lanes(&self) -> Vec<Vec<Slice>> {
        let mut fetches: Vec<&Fetch> = self.tape.fetches.iter().collect();
        fetches.sort_by_key(|fetch| fetch.began);
        let mut lanes: Vec<Vec<Slice>> = Vec::new();
        for Fetch { rank, began, ended, answer } in fetches {
            let ended = ended.unwrap_or(self.tape.ended).min(self.tape.ended);
            let failed = matches!(answer, Answer::Failed);
            let slice =
                Slice { rank: *rank, doing: Doing::Fetch(*answer), began: *began, ended: ended.max(*began), failed };
            let is_free = |lane: &&mut Vec<Slice>| lane.last().is_none_or(|last| last.ended <= *began);
            match lanes.iter_mut().find(is_free) {
                Some(lane) => lane.push(slice),
                None => lanes.push(vec![slice]),
            }
        }
        lanes
    }

    /// The bytes held, whenever they changed: when, and how many from then on.
    pub(super) fn live_bytes(&self) -> Vec<(u64, u64)> {
        let mut samples: Vec<_> = self.tape.events.iter().flatten().filter_map(sample).collect();
        samples.sort_by_key(|(at, _)| *at);
        samples.dedup_by_key(|(_, live_bytes)| *live_bytes);
        samples.iter_mut().for_each(|(_, live_bytes)| *live_bytes += self.about.held_bytes);
        samples
    }

    pub(super) fn note(&self, rank: TaskId) -> &TaskNote {
        &self.about.tasks[rank.0 as usize]
    }
}

fn sample(event: &Event) -> Option<(u64, u64)> {
    match event.what {
        What::Started { live_bytes } | What::Finished { live_bytes } | What::Accounted { live_bytes } => {
            Some((event.at, live_bytes))
        }
        What::Began(_) | What::Delivering | What::Delivered | What::Failed => None,
    }
}

/// One worker's slices under construction.
#[derive(Default)]
struct Lane {
    slices: Vec<Slice>,
    /// Where the slice of the task in hand stands.
    task: Option<usize>,
    /// Whether its last part is still going on.
    in_part: bool,
}

impl Lane {
    fn event(&mut self, event: &Event) {
        let Event { at, rank, what } = *event;
        match what {
            What::Started { .. } => self.begin(at, rank, Doing::Task),
            What::Delivering => self.begin(at, rank, Doing::Commit),
            What::Began(activity) if self.has_in_hand(rank) => {
                self.end_part(at);
                self.in_part = true;
                self.slices.push(Slice { rank, doing: Doing::Part(activity), began: at, ended: at, failed: false });
            }
            // The replies of fetches are told here, too, by whichever worker takes them.
            What::Finished { .. } | What::Delivered if self.has_in_hand(rank) => self.end(at, false),
            What::Failed if self.has_in_hand(rank) => self.end(at, true),
            What::Began(_) | What::Finished { .. } | What::Delivered | What::Failed | What::Accounted { .. } => {}
        }
    }

    fn has_in_hand(&self, rank: TaskId) -> bool {
        self.task.is_some_and(|index| self.slices[index].rank == rank)
    }

    fn begin(&mut self, at: u64, rank: TaskId, doing: Doing) {
        self.task = Some(self.slices.len());
        self.slices.push(Slice { rank, doing, began: at, ended: at, failed: false });
    }

    fn end_part(&mut self, at: u64) {
        if std::mem::take(&mut self.in_part)
            && let Some(part) = self.slices.last_mut()
        {
            part.ended = at;
        }
    }

    fn end(&mut self, at: u64, failed: bool) {
        self.end_part(at);
        if let Some(index) = self.task.take() {
            (self.slices[index].ended, self.slices[index].failed) = (at, failed);
        }
    }
}

#[cfg(test)]
mod tests;
