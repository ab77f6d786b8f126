//! Many runs at once in one process, each with threads of its own: all end, each as it would alone.

mod common;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Rng, random_graph};
use parking_lot::Mutex;
use swath_scheduler::{
    Cancel, Control, Error, Graph, Limits, Reply, TaskId, Work, execute, execute_serial, serial_peak,
};

const RUNS_AT_ONCE: u64 = 6;
const TIME: Duration = Duration::from_secs(2);
/// How long any run may take: they take milliseconds.
const STARVED: Duration = Duration::from_secs(60);

type Answer = (Reply<u64, TaskId>, Result<u64, TaskId>);

/// Sums, some of which fail; I/O tasks are answered by a thread of everybody.
struct Sums<'a> {
    graph: &'a Graph,
    seed: u64,
    failing: usize,
    replies: mpsc::Sender<Answer>,
    /// Cancelled when this many values are delivered.
    cancel: Option<(usize, Cancel)>,
    delivered: Mutex<Vec<(u32, u64)>>,
}

impl Sums<'_> {
    fn outcome(&self, task: TaskId, inputs: &[Arc<u64>]) -> Result<u64, TaskId> {
        let mut rng = Rng(self.seed ^ u64::from(task.0) << 20);
        if rng.chance(self.failing) && rng.chance(10) {
            return Err(task);
        }
        Ok(inputs.iter().fold(rng.next(), |sum, input| sum.wrapping_mul(31).wrapping_add(**input)))
    }
}

impl Work for Sums<'_> {
    type Value = u64;
    type Error = TaskId;

    fn execute(&self, task: TaskId, inputs: &mut Vec<Arc<u64>>) -> Result<u64, TaskId> {
        if task.0.is_multiple_of(97) {
            // Now and then a task that is not tiny.
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(200) {
                std::thread::yield_now();
            }
        }
        self.outcome(task, inputs)
    }
    fn begin(&self, task: TaskId, _: &[Arc<u64>], reply: Reply<u64, TaskId>) {
        self.replies.send((reply, self.outcome(task, &[]))).expect("the answering thread outlives the runs");
    }
    fn deliver(&self, task: TaskId, value: u64) -> Result<(), TaskId> {
        let mut delivered = self.delivered.lock();
        delivered.push((task.0, value));
        if let Some((count, cancel)) = &self.cancel
            && delivered.len() == *count
        {
            cancel.cancel();
        }
        Ok(())
    }
    fn byte_len(&self, _: &u64) -> u64 {
        0
    }
}

#[test]
fn runs_at_once_all_end_as_they_would_alone() {
    let (replies, answers) = mpsc::channel::<Answer>();
    let end = Instant::now() + TIME;
    std::thread::scope(|scope| {
        scope.spawn(move || answers.into_iter().for_each(|(reply, result)| reply.send(result)));
        for runner in 0..RUNS_AT_ONCE {
            let replies = replies.clone();
            scope.spawn(move || {
                let mut rounds = 0;
                while Instant::now() < end || rounds == 0 {
                    one_run(runner << 32 | rounds, &replies);
                    rounds += 1;
                }
            });
        }
        drop(replies);
    });
}

fn one_run(seed: u64, replies: &mpsc::Sender<Answer>) {
    let mut rng = Rng(seed);
    let graph = random_graph(&mut rng, 600);
    let failing = [0, 0, 3][rng.below(3)];
    let sums =
        |cancel| Sums { graph: &graph, seed, failing, replies: replies.clone(), cancel, delivered: Mutex::default() };
    let alone = sums(None);
    let expected = execute_serial(&graph, &alone, &Control::default()).map(|summary| summary.tasks);
    let expected_deliveries = alone.delivered.into_inner();

    let control = Control::default();
    let cancel = rng.chance(30).then(|| (1 + rng.below(20), control.cancel.clone()));
    let bytes = serial_peak(&graph).bytes + [0, 100, 1 << 30][rng.below(3)];
    let limits = Limits { threads: 1 + rng.below(4), io_in_flight: 1 + rng.below(16), bytes };
    let work = sums(cancel);
    let start = Instant::now();
    let result = execute(work.graph, &work, &limits, &control).map(|summary| summary.tasks);
    assert!(start.elapsed() < STARVED, "seed {seed}: a run starves");
    let delivered = work.delivered.into_inner();
    match (result, expected) {
        (Err(Error::Cancelled), _) => {
            assert!(control.cancel.is_cancelled(), "seed {seed}");
            assert!(expected_deliveries.starts_with(&delivered), "seed {seed}: not the first deliveries");
            return;
        }
        (Ok(tasks), Ok(expected)) => assert_eq!(tasks, expected, "seed {seed}"),
        (Err(Error::Task { task, .. }), Err(Error::Task { task: expected, .. })) => {
            assert_eq!(task, expected, "seed {seed}");
        }
        (result, expected) => panic!("seed {seed}: {result:?} instead of {expected:?}"),
    }
    assert_eq!(delivered, expected_deliveries, "seed {seed}");
}
