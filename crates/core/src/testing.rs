//! Rasters and checks for tests: small arrays, and the conformance suites of [`ChunkSource`], [`ChunkSink`], [`PixelKernel`]
//! and [`AreaKernel`].

use std::sync::Arc;

use crate::area::AreaKernel;
use crate::buffer::{Buffer, Pixel};
use crate::chunk::Chunk;
use crate::dtype::{DType, Element, Scalar};
use crate::error::{Error, Result};
use crate::exec::serial::Serial;
use crate::exec::{Plans, RangePolicy, Target, Value};
use crate::expr::LazyRaster;
use crate::for_dtype;
use crate::meta::Meta;
use crate::pixelwise::PixelKernel;
use crate::shape::{ChunkGrid, Dims, Region, Shape, volume};
use crate::sink::{ChunkSink, Encoded};
use crate::source::{ChunkSource, MemorySource, Place};

/// A lazy raster (band, y, x) of these pixels in memory, in one chunk, without nodata and grid.
pub fn raster<T: Pixel>(shape: [usize; 3], pixel: impl Fn(usize, usize, usize) -> T) -> LazyRaster {
    chunked([shape[0], shape[1], shape[2]], shape, pixel)
}

/// One row of pixels, as a raster (band, y, x).
pub fn row<T: Pixel, const N: usize>(pixels: [T; N]) -> LazyRaster {
    raster([1, 1, N], |_, _, x| pixels[x])
}

/// The pixels of a raster of this type, in order; computed on this thread.
///
/// # Errors
/// Those of the run; `InvalidInput` where the raster's dtype is another.
pub fn pixels<T: Pixel>(raster: &LazyRaster) -> Result<Vec<T>> {
    let plans = Plans::new(&[(raster, Target::Pieces)])?;
    let tasks = plans.tasks(&RangePolicy::default(), true)?;
    let meta = raster.meta()?;
    let mut whole = Chunk::filled(meta.shape, meta.dtype, meta.dtype.zero());
    let mut serial = Serial::new(&tasks);
    while let Some((_, value)) = serial.advance(&|| false)? {
        let Value::Pieces(pieces) = value else { unreachable!("pieces were asked for") };
        for (piece, value) in pieces {
            let region = tasks.stages()[0].pieces.region(piece);
            let chunk = value.pixels(region.shape, meta.dtype).expect("pieces in memory have pixels");
            chunk.copy_region(&Region::whole(region.shape), &mut whole, region.start);
        }
    }
    let pixels = whole.data().as_slice::<T>().map(<[T]>::to_vec);
    pixels.ok_or_else(|| Error::invalid(format!("the raster is {}, not {}", meta.dtype, T::DTYPE)))
}

/// As [`raster`], in chunks of the second shape.
pub fn chunked<T: Pixel>(
    shape: [usize; 3],
    chunks: [usize; 3],
    pixel: impl Fn(usize, usize, usize) -> T,
) -> LazyRaster {
    let [bands, rows, columns] = shape;
    let meta = Meta {
        chunks: [1, chunks[0], chunks[1], chunks[2]],
        ..Meta::new(Dims::BYX, [1, bands, rows, columns], T::DTYPE)
    };
    LazyRaster::from_source(Arc::new(memory(meta, pixel)))
}

/// A source in memory of these pixels, one chunk for each of `meta`'s.
pub fn memory<T: Pixel>(meta: Meta, pixel: impl Fn(usize, usize, usize) -> T) -> MemorySource {
    let blocks = meta.chunk_grid();
    let chunks = (0..blocks.len())
        .map(|index| {
            let region = blocks.region(index);
            let mut data = Vec::with_capacity(volume(region.shape));
            let [_, b0, y0, x0] = region.start;
            let [_, bands, rows, columns] = region.shape;
            for b in b0..b0 + bands {
                for y in y0..y0 + rows {
                    data.extend((x0..x0 + columns).map(|x| pixel(b, y, x)));
                }
            }
            Arc::new(Chunk::new(region.shape, Buffer::from_vec(data)))
        })
        .collect();
    MemorySource::new("memory", meta, blocks, chunks).expect("chunks made for their grid")
}

/// Reads every block of a source, fetching where it says so, and checks what the contract of [`ChunkSource`] promises:
/// replies come, byte counts are those asked for, chunks have the shape and dtype of their block.
///
/// # Panics
/// Where the source breaks its contract.
pub fn check_source(source: &dyn ChunkSource) {
    let blocks = source.blocks();
    assert_eq!(blocks.array_shape(), source.meta().shape, "the blocks cover the array");
    for block in 0..blocks.len() {
        let place = source.place(block).expect("every block has a place");
        let bytes = match &place {
            Place::Constant(value) => {
                value.fit(source.meta().dtype).expect("a constant block holds a value of the dtype");
                continue;
            }
            Place::Direct { .. } => Default::default(),
            Place::Remote(range) => {
                let fetched = crate::exec::fetch_blocking(source, range.clone()).expect("a fetch succeeds");
                assert_eq!((fetched.offset, fetched.bytes.len() as u64), (range.start, range.end - range.start));
                fetched.bytes
            }
        };
        let chunk = source.decode(block, &bytes).expect("every block decodes");
        assert_eq!(chunk.shape(), blocks.region(block).shape, "block {block} has the shape of its place");
        assert_eq!(chunk.dtype(), source.meta().dtype, "block {block} has the raster's dtype");
    }
}

/// Writes an array to sinks that `open` gives, and checks what the contract of [`ChunkSink`] promises: the bytes of a block
/// depend on its pixels alone, are no more than it said, and are those of one value where all pixels have it; a sink that
/// gave up, or was dropped in the middle, does not stand in the way of the next. Whether it left anything is the caller's to
/// look for.
///
/// # Panics
/// Where the sink breaks its contract.
pub fn check_sink(open: impl Fn() -> Result<Arc<dyn ChunkSink>>) {
    let write = |blocks_max: usize| {
        let sink = open().expect("a sink opens");
        sink.begin().expect("a sink begins");
        let blocks = sink.blocks();
        let mut order: Vec<_> = (0..blocks.len()).collect();
        order.sort_by_key(|block| {
            let [t, b, y, x] = blocks.region(*block).start;
            [t, y, x, b]
        });
        for block in order.into_iter().take(blocks_max) {
            sink.commit(check_encode(sink.as_ref(), block)).expect("a block is committed");
        }
        sink
    };
    let size = write(usize::MAX).finish().expect("a sink finishes");
    write(1).abort();
    drop(write(1));
    assert_eq!(write(usize::MAX).finish().expect("a sink finishes"), size, "the same pixels give as many bytes");
}

/// A block of a sink, encoded in each way that there is.
fn check_encode(sink: &dyn ChunkSink, block: usize) -> Encoded {
    let (shape, dtype) = (sink.blocks().region(block).shape, sink.dtype());
    let mut pixels = Chunk::filled(shape, dtype, dtype.zero());
    let one = if dtype == DType::Bool { Scalar::Bool(true) } else { Scalar::Int(1) };
    for_dtype!(SliceMut, pixels.data_mut().whole_mut(), pixels => {
        pixels.iter_mut().skip(block % 3).step_by(2).for_each(|pixel| *pixel = Element::from_scalar(one));
    });
    let encode = |pixels: &Chunk| sink.encode(block, pixels).expect("a block is encoded");
    let encoded = encode(&pixels);
    assert_eq!((encoded.block, &encoded.bytes), (block, &encode(&pixels).bytes), "the same pixels give the same bytes");
    let (most, _) = sink.encode_bound(shape);
    assert!(encoded.bytes.len() as u64 <= most, "block {block} has {} bytes, at most {most}", encoded.bytes.len());
    let constant = sink.encode_constant(block, one).expect("one value is encoded");
    assert_eq!(
        constant.bytes,
        encode(&Chunk::filled(shape, dtype, one)).bytes,
        "one value gives the bytes of its pixels"
    );
    encoded
}

/// Runs a kernel over inputs of equal length, as a whole and by runs of several lengths, and checks what the contract of
/// [`PixelKernel`] promises: a pixel does not depend on those beside it, nor on what was computed before.
///
/// # Panics
/// Where the kernel breaks its contract.
pub fn check_pixelwise(kernel: &dyn PixelKernel, inputs: &[Buffer], dtype: DType) {
    let length = inputs.first().map_or(0, Buffer::len);
    assert!(inputs.iter().all(|input| input.len() == length), "inputs are of equal length");
    let run = |length_max: usize| {
        // What is not written is found by what was there before.
        let other = if dtype == DType::Bool { Scalar::Bool(true) } else { Scalar::Int(1) };
        let mut output = Buffer::filled(dtype, length, if length_max == 1 { dtype.zero() } else { other });
        for start in (0..length).step_by(length_max) {
            let end = (start + length_max).min(length);
            let inputs: Vec<_> = inputs.iter().map(|input| input.slice(start, end)).collect();
            kernel.run(&inputs, output.slice_mut(start, end));
        }
        output
    };
    let one_by_one = run(1);
    for length_max in [2, 7, 64, length.max(1)] {
        let together = run(length_max);
        let same = (0..length).all(|index| one_by_one.get(index).is_same(together.get(index)));
        assert!(same, "{} gives other pixels by {length_max} at a time", kernel.name());
    }
}

/// Runs a kernel over an input, as a whole and by boxes of several sizes, and checks what the contract of [`AreaKernel`]
/// promises: pixels do not depend on the region that is asked for (unless it has chunks of its own), nothing is read beyond
/// the footprint, and a run that is cancelled ends.
///
/// # Panics
/// Where the kernel breaks its contract.
pub fn check_area(kernel: &dyn AreaKernel, input: &Chunk, shape: Shape, dtype: DType) {
    let run = |region: &Region| {
        let place = kernel.footprint().read(region, input.shape());
        let mut read = Chunk::filled(place.shape, input.dtype(), input.dtype().zero());
        input.copy_region(&place, &mut read, [0; 4]);
        let mut output = Chunk::filled(region.shape, dtype, dtype.zero());
        kernel.run(&read, &place, &mut output, region, &|| false).expect("a kernel runs");
        assert_eq!(
            (output.shape(), output.dtype()),
            (region.shape, dtype),
            "a result has the shape that was asked for"
        );
        output
    };
    if kernel.chunks().is_none() {
        let whole = run(&Region::whole(shape));
        for side in [1, 2, 3, 7] {
            let boxes = ChunkGrid::new(shape, shape.map(|length| length.min(side)));
            let mut pieced = Chunk::filled(shape, dtype, dtype.zero());
            for region in (0..boxes.len()).map(|index| boxes.region(index)) {
                run(&region).copy_region(&Region::whole(region.shape), &mut pieced, region.start);
            }
            let same = (0..volume(shape)).all(|index| pieced.data().get(index).is_same(whole.data().get(index)));
            assert!(same, "{} gives other pixels by boxes of {side}", kernel.name());
        }
    }
    let region = kernel.chunks().map_or(Region::whole(shape), |chunks| chunks.region(0));
    let place = kernel.footprint().read(&region, input.shape());
    let read = Chunk::filled(place.shape, input.dtype(), input.dtype().zero());
    let mut output = Chunk::filled(region.shape, dtype, dtype.zero());
    let cancelled = kernel.run(&read, &place, &mut output, &region, &|| true);
    assert!(cancelled.is_err(), "{} is not cancelled", kernel.name());
}
