//! Lazy arrays, plan, optimiser and kernels of swath.
//!
//! This crate opens nothing and spawns nothing: it names no runtime, no path and no thread. Files come in through
//! [`source::ChunkSource`] and go out through [`sink::ChunkSink`]. Users see it re-exported by the `swath` crate.
//!
//! In reading order: what pixels are ([`dtype`], [`buffer`], [`shape`], [`chunk`], [`value`], [`grid`], [`meta`]), where they come
//! from and go to ([`source`], [`sink`]), what users write ([`expr`]), how it is planned ([`plan`]) and run ([`exec`]).

pub mod error;
pub mod text;

pub mod dtype;
pub mod interval;
pub mod buffer;
pub mod shape;
pub mod view;
pub mod area;
pub mod pixelwise;
pub mod reduce;
pub mod chunk;
pub mod value;
pub mod grid;
mod crs_wkt;
pub mod meta;
pub mod raster;

pub mod source;
pub mod sink;

pub mod expr;
mod kernel;
pub mod plan;
pub mod exec;
pub mod testing;
