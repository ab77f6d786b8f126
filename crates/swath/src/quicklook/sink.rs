//! A quicklook that a run fills block by block.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Element, Scalar};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::expr::LazyRaster;
use swath_core::for_dtype;
use swath_core::shape::{ChunkGrid, Dim, Shape};
use swath_core::sink::{ChunkSink, Encoded};

use super::{Colors, Samples, check_times, drawn_bands, sample, step, write_png};
use crate::sink::Sink;

/// Rows of a block, which is as wide as the picture.
const BLOCK_ROWS: usize = 64;

/// A sink that draws a raster, thinned to what the picture shows.
///
/// # Errors
/// `InvalidInput` where the raster has several times.
pub(crate) fn sink(raster: &LazyRaster, path: &Path, colors: &Colors, side_max: usize) -> Result<Sink> {
    let [times, bands, rows, columns] = raster.meta()?.shape;
    check_times(times)?;
    let path = path.to_str().ok_or_else(|| Error::invalid(format!("{} is not a path in UTF-8", path.display())))?;
    let (shown, step) = (drawn_bands(bands), step(rows, columns, side_max));
    let mut thinned = raster.clone();
    if shown < bands {
        thinned = thinned.slice(Dim::Band, 0..shown)?;
    }
    if step > 1 {
        thinned = thinned.step_by(Dim::Y, step)?.step_by(Dim::X, step)?;
    }
    let meta = thinned.meta()?;
    let (name, shape, dtype, nodata, colors) = (path.to_owned(), meta.shape, meta.dtype, meta.nodata, colors.clone());
    let open = move || {
        let sink = PngSink {
            name: name.clone(),
            blocks: ChunkGrid::new(shape, [1, shape[1], BLOCK_ROWS.min(shape[2]), shape[3]]),
            dtype,
            nodata: nodata.map(Scalar::to_f64),
            colors: colors.clone(),
            samples: Mutex::new(None),
        };
        Ok(Arc::new(sink) as Arc<dyn ChunkSink>)
    };
    Sink::own(&thinned, Arc::new(open))
}

#[derive(Debug)]
struct PngSink {
    name: String,
    blocks: ChunkGrid,
    dtype: DType,
    nodata: Option<f64>,
    colors: Colors,
    /// From the beginning to the end of a run.
    samples: Mutex<Option<Samples>>,
}

impl PngSink {
    fn with_samples<T>(&self, what: impl FnOnce(&mut Samples) -> T) -> Result<T> {
        let mut samples = self.samples.lock();
        let samples = samples.as_mut();
        samples
            .map(what)
            .ok_or_else(|| Error::new(ErrorKind::Internal, format!("{} was not begun, or has ended", self.name)))
    }
}

impl ChunkSink for PngSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn blocks(&self) -> ChunkGrid {
        self.blocks
    }

    fn begin(&self) -> Result<()> {
        let [_, bands, rows, columns] = self.blocks.array_shape();
        *self.samples.lock() = Some(Samples::missing(bands, rows, columns));
        Ok(())
    }

    /// Samples as they are kept, one after the other.
    fn encode(&self, block: usize, chunk: &Chunk) -> Result<Encoded> {
        let bytes = for_dtype!(Buffer, chunk.data(), data => {
            data.iter().flat_map(|pixel| sample(pixel.to_scalar().to_f64(), self.nodata).to_ne_bytes()).collect()
        });
        Ok(Encoded { block, bytes })
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn commit(&self, encoded: Encoded) -> Result<()> {
        let region = self.blocks.region(encoded.block);
        let (words, _) = encoded.bytes.as_chunks::<8>();
        let values = words.iter().map(|bytes| f64::from_ne_bytes(*bytes));
        self.with_samples(|samples| samples.put(region.start[2], region.shape[2], values))
    }

    fn finish(&self) -> Result<u64> {
        let samples = self.samples.lock().take();
        let samples = samples
            .ok_or_else(|| Error::new(ErrorKind::Internal, format!("{} was not begun, or has ended", self.name)))?;
        write_png(Path::new(&self.name), &samples.drawn(&self.colors, self.dtype))
    }

    fn abort(&self) {
        *self.samples.lock() = None;
    }

    fn encode_bound(&self, shape: Shape) -> (u64, u64) {
        ((shape.iter().product::<usize>() * size_of::<f64>()) as u64, 0)
    }

    /// All samples, and the picture made of them.
    fn held_bytes(&self) -> u64 {
        let [_, bands, rows, columns] = self.blocks.array_shape();
        (rows * columns * (bands * size_of::<f64>() + 8)) as u64
    }

    fn describe(&self) -> String {
        let [.., rows, columns] = self.blocks.array_shape();
        format!("PNG, {rows} × {columns}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compute, Quicklook, Run};

    /// What the sink draws, and what the raster in memory draws.
    fn both(raster: &LazyRaster, colors: &Colors, side_max: usize) -> [Vec<u8>; 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        raster.to_png(path("run.png"), colors, side_max).unwrap().run(&Run::threads(3)).unwrap();
        raster.compute().unwrap().to_png(path("memory.png"), colors, side_max).unwrap();
        ["run.png", "memory.png"].map(|name| std::fs::read(path(name)).unwrap())
    }

    #[test]
    fn a_run_draws_what_the_raster_in_memory_draws() {
        let many = crate::raster([4, 301, 517], |b, y, x| (b * 9000 + y * 31 + x * 7) as u16).unwrap();
        let two = crate::raster([2, 70, 1], |b, y, _| (b + y) as f32 / 3.0 - 9.0).unwrap();
        let gaps = many.with_nodata(31).unwrap().rechunk(&[1, 64, 50]).unwrap();
        let one = crate::raster([1, 1, 1], |_, _, _| true).unwrap();
        for (raster, colors, side_max) in [
            (&many, Colors::Auto, 1000),
            (&many, Colors::Auto, 100),
            (&gaps, Colors::Gray(0.0, 9000.0), 77),
            (&two, Colors::Auto, 0),
            (&one, Colors::Auto, 9),
        ] {
            let [of_run, in_memory] = both(raster, &colors, side_max);
            assert_eq!(of_run, in_memory, "{colors:?}, {side_max}");
        }
    }

    #[test]
    fn it_draws_no_times_and_holds_what_it_says() {
        let raster = crate::raster([1, 40, 40], |_, y, x| (y + x) as u8).unwrap();
        let times = crate::stack([&raster, &raster], Dim::Time).unwrap();
        let error = times.to_png("out.png", &Colors::Auto, 9).unwrap_err();
        assert_eq!(error.message(), "cannot draw 2 times in one picture: slice one of them first");
        let sink = raster.to_png("out.png", &Colors::Auto, 20).unwrap();
        assert!(sink.explain().unwrap().contains("PNG, 20 × 20"));
        let error = sink.run(&Run::serial().memory_limit(2000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Memory);
    }
}
