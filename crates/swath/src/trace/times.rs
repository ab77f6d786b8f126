//! Times of a recorded run by task, for its drawing.

use std::time::Duration;

use swath_core::plan::dot::{TaskState, TaskTimes, Times};

use super::record::{Activity, Answer};
use super::recorded::{Doing, Recorded, Slice};

impl Recorded {
    /// What each task took and how far it came.
    pub(super) fn times(&self) -> Times {
        let mut tasks = vec![TaskTimes::default(); self.about.tasks.len()];
        for slice in (0..self.worker_count()).flat_map(|worker| self.worker_slices(worker)) {
            self.add(&mut tasks[self.note(slice.rank).number as usize], &slice);
        }
        for slice in self.fetch_lanes().into_iter().flatten() {
            self.add(&mut tasks[self.note(slice.rank).number as usize], &slice);
        }
        Times { tasks }
    }

    fn add(&self, task: &mut TaskTimes, slice: &Slice) {
        let time = Duration::from_nanos(slice.ended - slice.began);
        match slice.doing {
            // All of it at first; its parts come behind it.
            Doing::Task => task.compute += time,
            Doing::Part(Activity::Decode { .. }) => move_time(&mut task.compute, &mut task.decode, time),
            Doing::Part(Activity::Encode) => move_time(&mut task.compute, &mut task.encode, time),
            Doing::Part(Activity::Copy { .. } | Activity::Compute) => {}
            Doing::Commit => task.commit += time,
            Doing::Fetch(answer) => {
                task.fetch += time;
                if let Answer::Bytes { len, .. } = answer {
                    task.fetched_bytes += len;
                }
            }
        }
        let state = match slice {
            Slice { doing: Doing::Part(_), .. } => return,
            Slice { doing: Doing::Fetch(Answer::Aborted), .. } => TaskState::Cancelled,
            Slice { failed: true, .. } if self.about.cancelled => TaskState::Cancelled,
            Slice { failed: true, .. } => TaskState::Failed,
            _ => TaskState::Done,
        };
        // A value may be computed by one worker and fail to be committed by another, whichever is looked at first.
        task.state = task.state.max(state);
    }
}

fn move_time(from: &mut Duration, to: &mut Duration, time: Duration) {
    *from = from.saturating_sub(time);
    *to += time;
}
