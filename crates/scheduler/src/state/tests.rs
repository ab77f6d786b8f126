//! The choices that the simulation cannot name, one by one.

use super::*;
use crate::graph::{GraphBuilder, TaskSpec};

const CPU: TaskSpec = TaskSpec { lane: Lane::Cpu, scratch: 0, output: 10, deliver: false };
const JOINED: Event = Event::Appetite { before: 0, now: 1 };
const IO: TaskSpec = TaskSpec { lane: Lane::Io, ..CPU };

fn graph(tasks: &[(TaskSpec, &[u32])]) -> Graph {
    let mut builder = GraphBuilder::new();
    for (spec, inputs) in tasks {
        let inputs: Vec<TaskId> = inputs.iter().copied().map(TaskId).collect();
        builder.push(*spec, &inputs).expect("tasks are in order");
    }
    builder.build()
}

/// The commands of one event, as text.
fn on(state: &mut State<'_>, event: Event) -> String {
    let mut commands = Vec::new();
    state.on_event(event, &mut commands);
    let words: Vec<String> = commands.iter().map(|command| format!("{command:?}").replace("TaskId", "")).collect();
    words.join(" ").replace("((", " ").replace("))", "")
}

fn computed(task: u32) -> Event {
    Event::Computed { task: TaskId(task), bytes: 10 }
}

fn unlimited() -> Budget {
    Budget::new(u64::MAX, 0)
}

#[test]
fn io_is_begun_ahead_of_need_up_to_its_lane() {
    let graph = graph(&[(IO, &[]), (CPU, &[0]), (IO, &[]), (CPU, &[2]), (IO, &[])]);
    let mut state = State::new(&graph, 2, unlimited());
    assert_eq!(on(&mut state, JOINED), "Begin 0 Begin 2");
    assert_eq!(on(&mut state, computed(2)), "Execute 3 Begin 4");
}

#[test]
fn the_successor_just_made_ready_runs_first() {
    let graph = graph(&[(IO, &[]), (CPU, &[0]), (CPU, &[]), (CPU, &[2])]);
    let mut state = State::new(&graph, 1, unlimited());
    assert_eq!(on(&mut state, JOINED), "Begin 0 Execute 2");
    assert_eq!(on(&mut state, computed(0)), "");
    assert_eq!(on(&mut state, computed(2)), "Execute 3");
    assert_eq!(on(&mut state, computed(3)), "Free 2 Free 3 Execute 1");
}

#[test]
fn tasks_with_inputs_go_before_roots() {
    let graph = graph(&[(CPU, &[]), (CPU, &[]), (CPU, &[]), (CPU, &[0, 1]), (CPU, &[0, 1])]);
    let mut state = State::new(&graph, 1, unlimited());
    on(&mut state, JOINED);
    on(&mut state, computed(0));
    assert_eq!(on(&mut state, computed(1)), "Execute 3");
    assert_eq!(on(&mut state, computed(3)), "Free 3 Execute 4");
}

#[test]
fn of_tasks_alike_the_one_that_leads_to_io_goes_first() {
    // Roots: 2 leads to I/O by way of 4.
    let roots = graph(&[(CPU, &[]), (CPU, &[]), (CPU, &[]), (CPU, &[]), (CPU, &[2]), (IO, &[4])]);
    let mut state = State::new(&roots, 1, unlimited());
    assert_eq!(on(&mut state, JOINED), "Execute 2");
    assert_eq!(on(&mut state, computed(2)), "Execute 4");
    assert_eq!(on(&mut state, computed(4)), "Free 2 Execute 0 Begin 5");

    // Two successors of one task: the second leads to I/O.
    let successors = graph(&[(CPU, &[]), (CPU, &[0]), (CPU, &[0]), (IO, &[2])]);
    let mut state = State::new(&successors, 1, unlimited());
    assert_eq!(on(&mut state, JOINED), "Execute 0");
    assert_eq!(on(&mut state, computed(0)), "Execute 2");

    // A successor stands behind a task that leads to I/O and has waited for a worker.
    let waiting = graph(&[(CPU, &[]), (IO, &[]), (CPU, &[0]), (CPU, &[1]), (IO, &[3])]);
    let mut state = State::new(&waiting, 1, unlimited());
    assert_eq!(on(&mut state, JOINED), "Execute 0 Begin 1");
    assert_eq!(on(&mut state, computed(1)), "");
    assert_eq!(on(&mut state, computed(0)), "Execute 3");
    assert_eq!(on(&mut state, computed(3)), "Free 1 Execute 2 Begin 4");
}

#[test]
fn a_task_that_leads_to_io_takes_no_memory_that_a_lower_one_waits_for() {
    let graph = graph(&[(IO, &[]), (CPU, &[]), (CPU, &[]), (IO, &[2])]);
    let started = |bytes| {
        let mut state = State::new(&graph, 1, Budget::new(bytes, 0));
        on(&mut state, Event::Appetite { before: 0, now: 2 })
    };
    // Task 0 is the lowest, and takes none of it.
    assert_eq!(started(20), "Execute 2 Begin 0 Execute 1");
    assert_eq!(started(19), "Begin 0 Execute 1");
    assert_eq!(started(9), "Begin 0");
}

#[test]
fn prefetching_leaves_memory_to_a_task_that_waits_for_it() {
    let big = TaskSpec { scratch: 20, ..CPU };
    let graph = graph(&[(IO, &[]), (big, &[0]), (IO, &[]), (big, &[2]), (IO, &[]), (IO, &[])]);
    // 20 bytes beside the serial order.
    let mut state = State::new(&graph, 8, Budget::new(60, 40));
    assert_eq!(on(&mut state, JOINED), "Begin 0 Begin 2 Begin 4");
    on(&mut state, JOINED);
    // Task 3 needs 30 bytes and is not the lowest; I/O task 5 would fit sooner but has to stand behind it.
    assert_eq!(on(&mut state, computed(2)), "");
    assert_eq!(on(&mut state, Event::Computed { task: TaskId(4), bytes: 0 }), "Free 4");
    assert_eq!(on(&mut state, computed(0)), "Execute 1");
    assert_eq!(on(&mut state, computed(1)), "Free 0 Free 1 Execute 3 Begin 5");
}

#[test]
fn what_the_lowest_task_finds_does_not_count_as_ahead() {
    // All users of task 0 are far away; its value is part of the serial peak.
    let graph = graph(&[(CPU, &[]), (CPU, &[]), (CPU, &[]), (CPU, &[0, 1, 2])]);
    let mut state = State::new(&graph, 1, Budget::new(40, 30));
    assert_eq!(on(&mut state, Event::Appetite { before: 0, now: 2 }), "Execute 0 Execute 1");
    assert_eq!(on(&mut state, computed(0)), "Execute 2");
    assert_eq!(state.budget().live(), 30);
    assert_eq!(on(&mut state, computed(2)), "");
    assert_eq!(on(&mut state, computed(1)), "Execute 3");
    assert_eq!(state.budget().peak(), 40);
}

#[test]
fn the_budget_may_be_filled_to_the_last_byte() {
    let graph = graph(&[(IO, &[]), (IO, &[]), (IO, &[])]);
    let begun = |limit| on(&mut State::new(&graph, 3, Budget::new(limit, 10)), JOINED);
    assert_eq!(begun(10), "Begin 0");
    assert_eq!(begun(19), "Begin 0");
    assert_eq!(begun(20), "Begin 0 Begin 1");
    assert_eq!(begun(29), "Begin 0 Begin 1");
    assert_eq!(begun(30), "Begin 0 Begin 1 Begin 2");
}

#[test]
fn delivery_goes_before_execution() {
    let sink = TaskSpec { deliver: true, ..CPU };
    let graph = graph(&[(sink, &[]), (sink, &[])]);
    let mut state = State::new(&graph, 1, unlimited());
    assert_eq!(on(&mut state, JOINED), "Execute 0");
    assert_eq!(on(&mut state, computed(0)), "Deliver 0");
    assert_eq!(on(&mut state, Event::Delivered { task: TaskId(0) }), "Free 0 Execute 1");
}

/// Whichever of the two is heard of first.
#[test]
fn a_begin_that_replies_and_then_panics_has_failed() {
    let graph = graph(&[(IO, &[]), (IO, &[]), (CPU, &[1]), (CPU, &[0])]);
    let failed = Event::Failed { task: TaskId(1) };
    for events in [[computed(1), failed], [failed, computed(1)]] {
        let mut state = State::new(&graph, 2, Budget::new(1000, 0));
        on(&mut state, JOINED);
        on(&mut state, events[0]);
        assert_eq!(on(&mut state, events[1]), "");
        assert!(!state.is_over());
        on(&mut state, computed(0));
        assert!(state.is_settled());
    }
}

#[test]
fn an_empty_graph_is_over_before_it_begins() {
    let graph = graph(&[]);
    assert!(State::new(&graph, 1, unlimited()).is_settled());
}
