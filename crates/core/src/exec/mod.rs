//! From an optimised plan to tasks, and what a task does. Tasks are values: nothing here waits or spawns, but for
//! [`serial`], which waits for one reply at a time.

mod plans;
mod output;
mod ranges;
mod watch;
mod chunk_map;
mod leaf;
mod stage;
mod tasks;
mod number;
mod work;
pub mod serial;

pub use chunk_map::ChunkMap;
pub use leaf::{Leaf, Part, Supply};
pub use output::Target;
pub use plans::{Plans, source_layout};
pub use ranges::RangePolicy;
pub use serial::fetch_blocking;
pub use stage::{SourceUse, Stage};
pub use tasks::{Cost, Lane, Looks, Origin, TaskKind, TaskLabel, Tasks, Totals, Value};
pub use watch::{Step, Unwatched, Watch};
