//! Reading Cloud-Optimized GeoTIFF and other TIFF files block by block.
//!
//! [`GeoTiff::open`] reads directories, not pixels; [`GeoTiff::source`] gives one level of it as a
//! [`ChunkSource`](swath_core::source::ChunkSource).

mod block;
mod chunks;
mod georeference;
mod geotiff;
pub mod header;
mod info;
mod level;
mod nodata;
mod overview;
mod samples;
mod source;

pub use chunks::Chunks;
pub use geotiff::GeoTiff;
pub use info::{Info, Interleave, OverviewInfo};
pub use overview::Overview;
pub use source::CogSource;
