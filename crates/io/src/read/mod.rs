//! Reading Cloud-Optimized GeoTIFF and other TIFF files block by block.
//!
//! [`GeoTiff::open`] reads directories, not pixels; [`GeoTiff::source`] gives one level of it as a
//! [`ChunkSource`](swath_core::source::ChunkSource).

mod geotiff;
mod options;
mod limits;
pub mod header;
mod tags;
mod pieces;
mod ghost;
mod levels;
mod level;
mod overview;
mod chunks;
mod samples;
mod source;
mod block;
mod mask;
mod validity;
mod nodata;
mod georeference;
mod info;
mod describe;
mod metadata;
mod band;
mod colors;

pub use band::{BandInfo, BandStatistics, ColorInterpretation};
pub use chunks::Chunks;
pub use georeference::{AreaOrPoint, ControlPoint};
pub use geotiff::GeoTiff;
pub use info::{Info, Interleave, OverviewInfo, PageInfo};
pub use limits::Limits;
pub use mask::MaskSource;
pub use metadata::Metadata;
pub use options::ReadOptions;
pub use overview::Overview;
pub use source::CogSource;
pub use validity::Validity;
