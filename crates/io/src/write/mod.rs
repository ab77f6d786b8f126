//! Pixels to files: GeoTIFF blocks are encoded on many threads and appended by one; a COG's are put in order at the end.
//!
//! What decides stands apart from what writes: [`GeoTiffOptions`] or [`CogOptions`] and a [`Meta`](swath_core::meta::Meta) give a
//! [`Format`], format and meta give a header, format and pixels give the bytes of a block, all of them pure; only the
//! target knows files. So the bytes of a file are a function of pixels and options alone.

mod options;
mod format;
mod header;
mod directory;
mod geo_keys;
mod nodata;
mod describe;
mod ghost;
mod block;
mod image;
mod gather;
mod stream;
mod target;
mod spool;
mod assembly;
mod parted;
mod state;
mod statistics;
mod geotiff;
mod cog;

pub use cog::{CogLevel, CogSink};
pub use format::Format;
pub use geotiff::GeoTiffSink;
pub use options::{BigTiff, CogOptions, GeoTiffOptions, Overviews};
pub use target::write_whole;
