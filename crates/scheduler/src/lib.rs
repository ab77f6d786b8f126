//! Executes any task graph on N threads inside a memory limit.
//!
//! A [`Graph`] says which tasks there are, what each costs in bytes and which values it reads; a [`Work`] says what a
//! task does; [`execute`] runs the one on the other. Tasks have two lanes: CPU tasks run on worker threads, I/O tasks
//! are begun ahead of need and answer whenever they like. Values marked for delivery are handed over in task order.
//!
//! What this crate does not know: rasters, files, sockets, async runtimes. It has no global, no thread-local and no
//! default pool; the threads, the limits and the cancel token are the caller's.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//! use swath_scheduler::{Control, GraphBuilder, Lane, Limits, Reply, TaskId, TaskSpec, Work, execute};
//!
//! /// Task 0 is fetched, task 1 doubles it; the doubled value is delivered.
//! struct Double;
//!
//! impl Work for Double {
//!     type Value = Vec<u8>;
//!     type Error = Infallible;
//!
//!     fn execute(&self, _: TaskId, inputs: &mut Vec<Arc<Vec<u8>>>) -> Result<Vec<u8>, Infallible> {
//!         Ok(inputs[0].iter().map(|byte| byte * 2).collect())
//!     }
//!     fn begin(&self, _: TaskId, _: &[Arc<Vec<u8>>], reply: Reply<Vec<u8>, Infallible>) {
//!         std::thread::spawn(move || reply.send(Ok(vec![1, 2, 3])));
//!     }
//!     fn deliver(&self, _: TaskId, value: Vec<u8>) -> Result<(), Infallible> {
//!         assert_eq!(value, [2, 4, 6]);
//!         Ok(())
//!     }
//!     fn byte_len(&self, value: &Vec<u8>) -> u64 {
//!         value.len() as u64
//!     }
//! }
//!
//! let mut graph = GraphBuilder::new();
//! let fetched = graph.push(TaskSpec { lane: Lane::Io, scratch: 0, output: 3, deliver: false }, &[])?;
//! graph.push(TaskSpec { lane: Lane::Cpu, scratch: 0, output: 3, deliver: true }, &[fetched])?;
//!
//! let limits = Limits { threads: 2, io_in_flight: 8, bytes: 64 };
//! let summary = execute(&graph.build(), &Double, &limits, &Control::default())?;
//! assert_eq!((summary.tasks, summary.peak_bytes), (2, 6));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - Results and errors do not depend on threads, limits or timing: [`execute_serial`] is the meaning, [`execute`] is
//!   the same faster. Of several failures the one with the lowest task id is reported, and every delivery before it
//!   has happened.
//! - Accounted bytes never exceed [`Limits::bytes`] while estimates are upper bounds; a graph that cannot be run inside
//!   the limit is refused before it starts ([`serial_peak`]).
//! - A panic in a task becomes [`Error::Panic`], a lost reply [`Error::Abandoned`]; neither hangs the run.
//!
//! The id of a task is its rank: what runs first, and what a serial run holds meanwhile, follows from the ids. [`order`]
//! finds ids that need less memory.
//!
//! The decisions are made by [`State`], which has no thread, clock or channel and is tested by simulation; its
//! algorithm has a page of its own, `src/state/README.md` in this crate.

#![forbid(unsafe_code)]

mod error;
mod graph;
mod specs;
mod limits;
mod observe;
pub mod order;
mod peak;
mod pool;
mod serial;
mod state;
mod work;

mod bell;
mod desk;
mod inbox;
mod outcome;
mod pace;
mod slots;
mod sync;

#[cfg(all(test, loom))]
mod interleavings;

pub use error::Error;
pub use graph::{Graph, GraphBuilder, GraphError, Lane, TaskId, TaskSpec};
pub use limits::{Control, Limits, Summary};
pub use observe::{Observer, Step, TaskEvent};
pub use peak::{SerialPeak, serial_peak};
pub use pool::{Execution, execute};
pub use serial::execute_serial;
pub use state::{Budget, Command, Event, State};
pub use work::{Cancel, OnCancel, Reply, Work};
