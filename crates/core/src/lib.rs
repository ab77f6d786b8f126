//! Lazy arrays, plan, optimiser and kernels of swath.
//!
//! This crate opens nothing and spawns nothing: it names no runtime, no path and no thread. Files come in through
//! [`source::ChunkSource`] and go out through [`sink::ChunkSink`]. Users see it re-exported by the `swath` crate.
//!
//! In reading order: what pixels are ([`dtype`], [`buffer`], [`shape`], [`chunk`], [`grid`], [`meta`]), where they come
//! from and go to ([`source`], [`sink`]), what users write ([`expr`]), how it is planned ([`plan`]) and run ([`exec`]).

pub mod buffer;
pub mod chunk;
pub mod dtype;
pub mod error;
pub mod exec;
pub mod expr;
pub mod grid;
pub mod interval;
mod kernel;
pub mod meta;
pub mod plan;
pub mod raster;
pub mod shape;
pub mod sink;
pub mod source;
pub mod testing;
pub mod text;
pub mod view;
