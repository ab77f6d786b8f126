//! Orders: legal for any graph, needing exactly what they say, and as small as they should be on known shapes.

#[path = "../common/mod.rs"]
mod common;
mod shapes;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Rng, random_graph};
use expect_test::{Expect, expect};
use shapes::{Numbering, Outputs, Shape};
use swath_scheduler::order::{self, Candidate, Order, Position};
use swath_scheduler::{Control, Graph, Observer, Reply, TaskEvent, TaskId, Work, execute_serial, serial_peak};

const SEEDS: u64 = 4_000;

/// The peaks of all candidates in chunks, the chosen one starred.
fn check(shape: &Shape, expected: Expect) {
    let position = |task: TaskId| shape.positions[task.0 as usize];
    let chosen = order::choose(&shape.graph, position).candidate();
    let mut text = format!("{} tasks:", shape.graph.len());
    for order in order::candidates(&shape.graph, position) {
        let star = if order.candidate() == chosen { "*" } else { "" };
        write!(text, " {} {}{star}", order.candidate(), order.peak().bytes).expect("a string takes it");
    }
    expected.assert_eq(&text);
}

#[test]
fn a_mask_holds_three_chunks() {
    check(
        &shapes::mask(2_500, Outputs::Stored),
        expect!["15000 tasks: as given 5001 pull 3* release 3 nearby 3 eager 2502 morton 3"],
    );
    check(
        &shapes::mask(2_500, Outputs::Delivered),
        expect!["15000 tasks: as given 5001 pull 3* release 3 nearby 3 eager 2502 morton 3"],
    );
}

#[test]
fn a_halo_holds_two_rows() {
    check(
        &shapes::halo(50, Outputs::Stored),
        expect!["5000 tasks: as given 2501 pull 104* release 104 nearby 378 eager 104 morton 162"],
    );
    check(
        &shapes::halo(50, Outputs::Delivered),
        expect!["5000 tasks: as given 2501 pull 104* release 104 nearby 104 eager 104 morton 1285"],
    );
}

#[test]
fn a_pyramid_holds_three_chunks_a_level_unless_rows_are_delivered() {
    check(
        &shapes::pyramid(64, Outputs::Stored),
        expect!["10922 tasks: as given 5462 pull 4097 release 129 nearby 20* eager 129 morton 20"],
    );
    check(
        &shapes::pyramid(64, Outputs::Delivered),
        expect!["10922 tasks: as given 5462 pull 4097 release 1059* nearby 2440 eager 1369 morton 2440"],
    );
}

#[test]
fn means_of_products_hold_a_chunk_for_each_level_of_each_tree() {
    check(
        &shapes::means(1_024, Numbering::Alternating),
        expect!["8189 tasks: as given 3073 pull 2060 release 1036 nearby 1036 eager 33* morton 33"],
    );
    check(
        &shapes::means(1_024, Numbering::OneAfterTheOther),
        expect!["8189 tasks: as given 3073 pull 2060 release 1036 nearby 1036 eager 1036 morton 33*"],
    );
}

#[test]
fn a_regrid_holds_six_chunks_unless_rows_are_delivered() {
    check(
        &shapes::regrid(48, Outputs::Stored),
        expect!["3328 tasks: as given 2305 pull 51 release 51 nearby 6* eager 51 morton 81"],
    );
    check(
        &shapes::regrid(48, Outputs::Delivered),
        expect!["3328 tasks: as given 2305 pull 51* release 51 nearby 51 eager 51 morton 1067"],
    );
}

#[test]
fn every_order_of_random_graphs_is_legal_and_needs_what_it_says() {
    for seed in 0..SEEDS {
        let mut rng = Rng(seed);
        let tasks_max = if rng.chance(10) { 150 } else { 30 };
        let graph = random_graph(&mut rng, tasks_max);
        let positions = random_positions(&graph, &mut rng);
        let position = |task: TaskId| positions[task.0 as usize];
        let orders: Vec<Order> = order::candidates(&graph, position).collect();
        assert_eq!(orders[0].candidate(), Candidate::AsGiven);
        assert_eq!(orders[0].peak(), serial_peak(&graph), "seed {seed}");
        for order in &orders {
            check_legal(&graph, order, seed);
            check_peak(&graph, order, seed);
        }
        let smallest = orders.iter().min_by_key(|order| (order.peak().bytes, order.candidate())).expect("as given");
        let chosen = order::choose(&graph, position);
        assert_eq!((chosen.candidate(), chosen.peak()), (smallest.candidate(), smallest.peak()), "seed {seed}");
    }
}

/// Of no task, of some, or of all.
fn random_positions(graph: &Graph, rng: &mut Rng) -> Vec<Option<Position>> {
    let known = [0, 30, 100][rng.below(3)];
    let mut random = || Position { row: rng.below(8) as u32, column: rng.below(8) as u32 };
    let positions: Vec<Position> = graph.tasks().map(|_| random()).collect();
    positions.into_iter().map(|position| rng.chance(known).then_some(position)).collect()
}

fn check_legal(graph: &Graph, order: &Order, seed: u64) {
    let context = format!("seed {seed}, {}", order.candidate());
    let reordered = graph.clone().reordered(order);
    let given: Vec<TaskId> = reordered.tasks().map(|rank| order.given(rank)).collect();
    let mut sorted = given.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(graph.tasks()), "{context}: not each task once");
    // That inputs come first is checked by the builder of the reordered graph.
    for rank in reordered.tasks() {
        let inputs: Vec<TaskId> = reordered.dependencies(rank).iter().map(|input| order.given(*input)).collect();
        assert_eq!(inputs, graph.dependencies(order.given(rank)), "{context}");
        assert_eq!(reordered.spec(rank), graph.spec(order.given(rank)), "{context}");
    }
    assert!(given.iter().filter(|task| graph.spec(**task).deliver).is_sorted(), "{context}: deliveries change places");
}

/// The simulation says what a run accounts.
fn check_peak(graph: &Graph, order: &Order, seed: u64) {
    let context = format!("seed {seed}, {}", order.candidate());
    let reordered = graph.clone().reordered(order);
    let largest = Arc::new(Largest::default());
    let control = Control { observer: Some(Arc::clone(&largest) as Arc<dyn Observer>), ..Control::default() };
    let summary = execute_serial(&reordered, &Exact(&reordered), &control).expect("nothing fails");
    assert_eq!(order.peak().bytes, summary.peak_bytes, "{context}");
    assert_eq!(order.peak().bytes, largest.0.load(Ordering::Relaxed), "{context}");
    let peak = serial_peak(&reordered);
    assert_eq!(order.peak().bytes, peak.bytes, "{context}");
    assert!(graph.is_empty() || order.peak().task == order.given(peak.task), "{context}");
}

/// Values of exactly the size that the graph says.
struct Exact<'g>(&'g Graph);

impl Work for Exact<'_> {
    type Value = TaskId;
    type Error = Infallible;

    fn execute(&self, task: TaskId, _: &mut Vec<Arc<TaskId>>) -> Result<TaskId, Infallible> {
        Ok(task)
    }
    fn begin(&self, task: TaskId, _: &[Arc<TaskId>], reply: Reply<TaskId, Infallible>) {
        reply.send(Ok(task));
    }
    fn deliver(&self, _: TaskId, _: TaskId) -> Result<(), Infallible> {
        Ok(())
    }
    fn byte_len(&self, task: &TaskId) -> u64 {
        self.0.spec(*task).output
    }
}

/// The most live bytes that an observer sees.
#[derive(Default)]
struct Largest(AtomicU64);

impl Observer for Largest {
    fn event(&self, event: &TaskEvent) {
        self.0.fetch_max(event.live_bytes, Ordering::Relaxed);
    }
}
