//! The order of the Z-shaped curve through a grid.

use super::Position;
use crate::graph::{Graph, TaskId};

/// A task without a place on the curve: after all that have one.
const NOWHERE: u64 = u64::MAX;

/// The tasks without inputs, along the curve; those without a position come last, in id order.
///
/// A task that is given no position has the first of its users, so it is enough to know where the outputs are. Nothing
/// if no task has a position.
pub(super) fn sources(graph: &Graph, position: impl Fn(TaskId) -> Option<Position>) -> Option<Vec<TaskId>> {
    let mut places = vec![NOWHERE; graph.len()];
    let mut sources = Vec::new();
    for task in graph.tasks().rev() {
        let users = graph.dependents(task).iter().map(|user| places[user.index()]);
        let place = position(task).map(place).or_else(|| users.min()).unwrap_or(NOWHERE);
        places[task.index()] = place;
        if graph.dependencies(task).is_empty() {
            sources.push((place, task));
        }
    }
    // Before sorting, the last source is that of task 0, so there is one if there is any task.
    sources.sort_unstable();
    let somewhere = sources.first().is_some_and(|(place, _)| *place != NOWHERE);
    somewhere.then(|| sources.into_iter().map(|(_, task)| task).collect())
}

/// How far along the curve a position is: the bits of row and column in turns.
fn place(position: Position) -> u64 {
    spread(position.row) << 1 | spread(position.column)
}

/// The bits of a number with a zero before each.
fn spread(bits: u32) -> u64 {
    [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f), (2, 0x3333_3333_3333_3333)]
        .into_iter()
        .chain([(1, 0x5555_5555_5555_5555)])
        .fold(u64::from(bits), |spread, (shift, mask)| (spread | spread << shift) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, Lane, TaskSpec};

    #[test]
    fn the_curve_goes_through_each_quarter_before_the_next() {
        let mut grid: Vec<(u32, u32)> = (0..4).flat_map(|row| (0..4).map(move |column| (row, column))).collect();
        grid.sort_by_key(|&(row, column)| place(Position { row, column }));
        assert_eq!(grid[..6], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)]);
        assert_eq!(grid[14..], [(3, 2), (3, 3)]);
        assert_eq!(place(Position { row: u32::MAX, column: u32::MAX - 1 }), u64::MAX - 1);
    }

    #[test]
    fn a_source_without_a_position_has_that_of_its_first_user() {
        let spec = TaskSpec { lane: Lane::Cpu, scratch: 0, output: 1, deliver: false };
        let mut builder = GraphBuilder::new();
        let sources_given = [0, 1, 2].map(|_| builder.push(spec, &[]).expect("a root"));
        let far = builder.push(spec, &[sources_given[0]]).expect("in order");
        let near = builder.push(spec, &sources_given[..2]).expect("in order");
        let graph = builder.build();
        let order = |position: &dyn Fn(TaskId) -> Option<Position>| {
            sources(&graph, position).map(|order| order.into_iter().map(|task| task.0).collect::<Vec<_>>())
        };
        assert_eq!(order(&|_| None), None);
        let outputs = |task| match task {
            _ if task == far => Some(Position { row: 9, column: 9 }),
            _ if task == near => Some(Position { row: 1, column: 0 }),
            _ => None,
        };
        assert_eq!(order(&outputs), Some(vec![0, 1, 2]));
        let one = |task: TaskId| (task.0 == 1).then_some(Position { row: 0, column: 1 }).or_else(|| outputs(task));
        assert_eq!(order(&one), Some(vec![1, 0, 2]));
    }
}
