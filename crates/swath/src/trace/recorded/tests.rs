use std::time::Instant;

use swath_scheduler::{Lane, Step, TaskEvent};

use super::*;
use crate::trace::record::Recorder;

/// What a worker was told: (task, step, live bytes), with a decode inside each computation.
fn record(events: &[(u32, Step, u64)]) -> Recorded {
    let recorder = Recorder::new(Instant::now(), 1, 4);
    for (task, step, live_bytes) in events {
        recorder.event(&TaskEvent { task: TaskId(*task), step: *step, worker: 0, live_bytes: *live_bytes });
        if let Step::Started { lane: Lane::Cpu } = step {
            recorder.began(TaskId(*task), Activity::Decode { source: 0, block: *task });
            recorder.began(TaskId(*task), Activity::Compute);
        }
    }
    let about = About {
        outputs: Vec::new(),
        sources: Vec::new(),
        tasks: Vec::new(),
        memory_limit: 100,
        held_bytes: 10,
        error: None,
        cancelled: false,
    };
    Recorded { about, tape: recorder.take() }
}

const STARTED: Step = Step::Started { lane: Lane::Cpu };
const FINISHED: Step = Step::Finished { bytes: 1 };

#[test]
fn parts_follow_their_task_and_fill_its_time() {
    let run = record(&[(0, STARTED, 5), (0, FINISHED, 5), (0, Step::Delivering, 5), (0, Step::Delivered, 5)]);
    let slices = run.worker_slices(0);
    let doing: Vec<_> = slices.iter().map(|slice| slice.doing).collect();
    let decode = Doing::Part(Activity::Decode { source: 0, block: 0 });
    assert_eq!(doing, [Doing::Task, decode, Doing::Part(Activity::Compute), Doing::Commit]);
    assert!(slices[0].began <= slices[1].began && slices[1].ended == slices[2].began);
    assert!(slices[2].ended == slices[0].ended && slices[0].ended <= slices[3].began);
}

#[test]
fn replies_of_fetches_and_bytes_given_back_are_no_slices() {
    let run = record(&[
        (0, Step::Started { lane: Lane::Io }, 5),
        (0, FINISHED, 5),
        (1, STARTED, 7),
        (1, FINISHED, 7),
        (0, Step::Freed, 2),
    ]);
    assert_eq!(run.worker_slices(0).iter().filter(|slice| slice.doing == Doing::Task).count(), 1);
    let live: Vec<_> = run.live_bytes().iter().map(|(_, live_bytes)| *live_bytes).collect();
    assert_eq!(live, [15, 17, 12]);
}

#[test]
fn what_had_not_ended_when_the_run_did_ends_there_and_has_failed() {
    let run = record(&[(3, STARTED, 5)]);
    let slices = run.worker_slices(0);
    assert!(slices[0].failed && slices.iter().all(|slice| slice.ended <= run.tape.ended));
    assert_eq!(slices[0].ended, slices[2].ended);
}

#[test]
fn a_fetch_takes_the_lowest_lane_that_is_free() {
    let mut run = record(&[]);
    run.tape.ended = 100;
    for (rank, began, ended) in [(0, 0, Some(10)), (1, 5, Some(20)), (2, 10, Some(15)), (3, 12, None)] {
        run.tape.fetches.push(Fetch { rank: TaskId(rank), began, ended, answer: Answer::Aborted });
    }
    let lanes = run.fetch_lanes();
    let ranks: Vec<Vec<_>> = lanes.iter().map(|lane| lane.iter().map(|slice| slice.rank.0).collect()).collect();
    assert_eq!(ranks, [vec![0, 2], vec![1], vec![3]]);
    assert_eq!(lanes[2][0].ended, 100);
}
