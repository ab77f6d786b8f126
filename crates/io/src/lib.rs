//! Cloud-Optimized GeoTIFF blocks for swath: what is read, fetched, decoded, encoded and written.
//!
//! The only crate that names tokio or object_store. It knows files and blocks; it knows no expression, plan or worker
//! thread. Decoding and encoding are synchronous and run on the caller's threads.

mod printf;

pub mod codec;
pub mod read;
pub mod store;
pub mod write;
