//! How a lazy raster shows itself: a table, or the error that it carries.

use std::fmt;

use super::LazyRaster;
use crate::meta::Meta;
use crate::shape::visible;
use crate::text::{bytes, count, lengths};

impl fmt::Display for LazyRaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meta = match self.node() {
            Ok(node) => &node.meta,
            Err(error) => return write!(f, "LazyRaster that cannot be computed: {error}"),
        };
        let one = visible(meta.chunks, meta.dims);
        let chunk_bytes = one.iter().product::<usize>() * meta.dtype.size();
        writeln!(f, "LazyRaster {} {}", meta.dims, meta.dtype)?;
        writeln!(f, "          {:>20}  {:>20}", "array", "chunk")?;
        writeln!(f, "shape     {:>20}  {:>20}", lengths(&visible(meta.shape, meta.dims)), lengths(&one))?;
        writeln!(f, "bytes     {:>20}  {:>20}", bytes(meta.byte_len()), bytes(chunk_bytes as u64))?;
        writeln!(f, "count     {:>20}  {:>20}", "1", count(meta.chunk_grid().len() as u64))?;
        write_labels(f, meta)
    }
}

fn write_labels(f: &mut fmt::Formatter<'_>, meta: &Meta) -> fmt::Result {
    match meta.nodata {
        Some(nodata) => writeln!(f, "nodata    {nodata}")?,
        None => writeln!(f, "nodata    none")?,
    }
    match &meta.grid {
        Some(grid) => write!(f, "grid      {grid}"),
        None => write!(f, "grid      none"),
    }
}

impl fmt::Debug for LazyRaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node() {
            Ok(node) => {
                write!(f, "LazyRaster({}, {:?} {})", node.op, visible(node.meta.shape, node.meta.dims), node.meta.dtype)
            }
            Err(error) => write!(f, "LazyRaster(failed: {error})"),
        }
    }
}
