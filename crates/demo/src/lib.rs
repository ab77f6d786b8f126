//! What swath's demo, tests and benches run on: files worth reading and a server worth mistrusting.
//!
//! - [`scene`] writes a deterministic, Sentinel-2-like scene: Cloud-Optimized GeoTIFFs and the STAC file that lists them.
//! - [`tiff_writer`] is the small TIFF writer behind it, for fixtures of any sample type, layout, predictor and byte order.
//! - [`server`] serves a directory over loopback HTTP with byte ranges, latency, limited bandwidth, faults and a log.
//!
//! This crate knows no swath crate: what swath reads in tests was written, and is served, by code that shares none of its
//! mistakes. It is no general writer or server either. Inputs are trusted, speed matters only as far as the demo shows it.
//!
//! ```
//! use swath_demo::scene::{Scene, SceneOptions};
//! use swath_demo::server::RangeServer;
//!
//! let folder = tempfile::tempdir()?;
//! let scene = Scene::write(folder.path(), &SceneOptions::default().size(64), None)?;
//! let server = RangeServer::serve(folder.path())?;
//! assert!(server.url("search.json").starts_with("http://127.0.0.1:"));
//! assert!(scene.asset("visual").is_some_and(|path| path.ends_with("visual.tif")));
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod scene;
pub mod server;
pub mod tiff_writer;

mod parallel;
