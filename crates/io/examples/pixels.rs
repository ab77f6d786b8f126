//! Reads files whole, for comparisons: raw pixels beside each, or why it is not read.
//!
//! ```sh
//! cargo run -p swath-io --example pixels -- FILE.tif...
//! ```
//!
//! Writes `FILE.tif.raw`, pixels band by band in rows from the top, little-endian, and prints a line of JSON a file:
//! name, dtype, shape (bands, rows, columns) and whether bands are parts of complex ones, or the error.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::error::{Error, Result};
use swath_core::shape::{Region, volume};
use swath_core::source::{ChunkSource, Place};
use swath_io::read::{Chunks, GeoTiff, Overview};
use swath_io::store::Io;

fn main() -> Result<()> {
    let io = Io::new()?;
    for name in std::env::args().skip(1) {
        let line = match read(&io, &name) {
            Ok(line) => line,
            Err(error) => json!({ "name": name, "error": error.chain() }),
        };
        writeln!(std::io::stdout(), "{line}").map_err(|cause| failed("cannot print", cause))?;
    }
    Ok(())
}

fn read(io: &Io, name: &str) -> Result<Value> {
    let file = GeoTiff::open(io, name)?;
    let source = file.source(&Overview::Full, Chunks::Auto)?;
    let meta = source.meta();
    let mut whole = Chunk::new(meta.shape, Buffer::zeros(meta.dtype, volume(meta.shape)));
    let blocks = source.blocks();
    for block in 0..blocks.len() {
        let region = blocks.region(block);
        let chunk = match source.place(block)? {
            Place::Constant(value) => Chunk::filled(region.shape, meta.dtype, value),
            _ => (*source.decode(block, &[])?).clone(),
        };
        chunk.copy_region(&Region::whole(region.shape), &mut whole, region.start);
    }
    let raw = Path::new(&format!("{name}.raw")).to_path_buf();
    std::fs::write(&raw, bytes(whole.data())).map_err(|cause| failed("cannot write pixels", cause))?;
    let complex = file.info().sample_format.is_complex();
    Ok(json!({ "name": name, "dtype": meta.dtype.to_string(), "shape": meta.shape[1..], "complex": complex }))
}

fn failed(what: &str, cause: std::io::Error) -> Error {
    Error::with_source(swath_core::error::ErrorKind::Unavailable, what, cause)
}

fn bytes(buffer: &Buffer) -> Vec<u8> {
    macro_rules! bytes {
        ($($variant:ident),*) => {
            match buffer {
                $(Buffer::$variant(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),)*
                Buffer::Bool(data) => data.iter().map(|value| u8::from(*value)).collect(),
            }
        };
    }
    bytes!(U8, U16, U32, U64, I8, I16, I32, I64, F32, F64)
}
