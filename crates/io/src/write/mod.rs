//! Pixels to files: GeoTIFF blocks are encoded on many threads and appended by one.
//!
//! What decides stands apart from what writes: [`GeoTiffOptions`] and a [`Meta`](swath_core::meta::Meta) give a
//! [`Format`], format and meta give a header, format and pixels give the bytes of a block, all of them pure; only the
//! target knows files. So the bytes of a file are a function of pixels and options alone.

mod block;
mod directory;
mod format;
mod geo_keys;
mod geotiff;
mod header;
mod nodata;
mod options;
mod target;

pub use format::Format;
pub use geotiff::GeoTiffSink;
pub use options::{BigTiff, GeoTiffOptions};
pub use target::write_whole;
