//! The memory that running the tasks one by one would need.

use crate::graph::{Graph, TaskId, TaskSpec};

/// The most memory a serial run holds at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialPeak {
    /// Bytes: live values, and scratch and output of the running task.
    pub bytes: u64,
    /// The first task that needs them; task 0 if the graph is empty.
    pub task: TaskId,
}

/// The exact peak, by the estimates, of running the tasks of `graph` one by one in id order.
///
/// A value lives until its last user has finished; a delivered value, and one that nobody uses, goes right after its
/// own task. No limit below this peak can be kept, so [`execute`](crate::execute) refuses one.
pub fn serial_peak(graph: &Graph) -> SerialPeak {
    peak_in_order(graph, graph.tasks())
}

/// [`serial_peak`], were the tasks run in this order, which has all of them and inputs before their users.
pub(crate) fn peak_in_order(graph: &Graph, order: impl Iterator<Item = TaskId>) -> SerialPeak {
    let mut peak = SerialPeak { bytes: 0, task: TaskId(0) };
    let mut users: Vec<u32> = graph.tasks().map(|task| graph.dependents(task).len() as u32).collect();
    let mut live = 0_u64;
    for task in order {
        let TaskSpec { scratch, output, .. } = graph.spec(task);
        let held = live.saturating_add(output);
        let needed = held.saturating_add(scratch);
        if needed > peak.bytes {
            peak = SerialPeak { bytes: needed, task };
        }
        live = held;
        for &input in graph.dependencies(task) {
            users[input.index()] -= 1;
            if users[input.index()] == 0 {
                live = live.saturating_sub(graph.spec(input).output);
            }
        }
        if users[task.index()] == 0 {
            live = live.saturating_sub(output);
        }
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, Lane};

    fn peak_of(tasks: &[(u64, u64, bool, &[u32])]) -> (u64, u32) {
        let mut builder = GraphBuilder::new();
        for &(scratch, output, deliver, dependencies) in tasks {
            let dependencies: Vec<TaskId> = dependencies.iter().copied().map(TaskId).collect();
            let spec = TaskSpec { lane: Lane::Cpu, scratch, output, deliver };
            builder.push(spec, &dependencies).expect("tasks are in order");
        }
        let peak = serial_peak(&builder.build());
        (peak.bytes, peak.task.0)
    }

    #[test]
    fn nothing_needs_nothing() {
        assert_eq!(peak_of(&[]), (0, 0));
    }

    #[test]
    fn inputs_outputs_and_scratch_count_together() {
        assert_eq!(peak_of(&[(0, 10, false, &[]), (5, 20, true, &[0])]), (35, 1));
    }

    #[test]
    fn values_go_with_their_last_user() {
        let chain = [(0, 10, false, &[][..]), (0, 10, false, &[0]), (0, 10, false, &[1])];
        assert_eq!(peak_of(&chain), (20, 1));
        let held = [(0, 10, false, &[][..]), (0, 10, false, &[0]), (0, 10, false, &[1, 0, 0])];
        assert_eq!(peak_of(&held), (30, 2));
    }

    #[test]
    fn delivered_and_unused_values_go_at_once() {
        assert_eq!(peak_of(&[(0, 10, true, &[]), (1, 10, false, &[]), (0, 10, true, &[])]), (11, 1));
    }
}
