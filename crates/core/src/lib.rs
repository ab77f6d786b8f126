//! Lazy arrays, plan, optimiser and kernels of swath.
//!
//! This crate opens nothing and spawns nothing: it names no runtime, no path and no thread. Files come in through
//! [`source::ChunkSource`] and go out through [`sink::ChunkSink`]. Users see it re-exported by the `swath` crate.

pub mod buffer;
pub mod chunk;
pub mod dtype;
pub mod error;
pub mod grid;
pub mod interval;
pub mod meta;
pub mod shape;
pub mod sink;
pub mod source;
