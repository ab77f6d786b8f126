//! From an optimised plan to tasks, and what a task does. Tasks are values: nothing here waits or spawns, but for
//! [`serial`], which waits for one reply at a time.

mod job;
mod ranges;
pub mod serial;
mod stage;
mod tasks;

pub use job::{Job, Target, source_layout};
pub use ranges::{FetchRange, RangePolicy};
pub use serial::fetch_blocking;
pub use stage::{Leaf, SourceUse, Stage};
pub use tasks::{Lane, TaskKind, TaskLabel, Tasks, Totals, Value};
