//! A program that embeds swath: it has its own threads, its own async runtime, pixels of its own making and a place of its
//! own to put them. swath gets all of these by traits, and starts no thread.
//!
//! Run it with `cargo run --release --example embed`. An elevation model is "served" tile by tile by a service that takes
//! 20 ms for each; shaded relief is computed from it by a kernel of the program's, on the program's rayon pool, and put into a
//! tile store in memory.
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use swath::embed::{
    AreaKernel, AxisFootprint, Chunk, ChunkGrid, ChunkSink, ChunkSource, Encoded, Fetched, Fetching, Footprint, Meta,
    PixelKernel, Place, Reply, Shape, Slice, SliceMut, check_area, check_pixelwise, check_sink, check_source,
};
use swath::{Affine, Buffer, DType, Dims, Grid, LazyRaster, Region, Run, prelude::*};

const SIDE: usize = 2048;
const TILE: usize = 256;

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the program has anyway: a runtime for its service, and a pool for its work.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let on_pool = move |count: usize, worker: &(dyn Fn() + Sync)| {
        pool.in_place_scope(|scope| {
            (1..count).for_each(|_| scope.spawn(|_| worker()));
            worker();
        });
    };

    let elevation = Elevation::new(runtime.handle().clone());
    let store = Arc::new(Store::default());
    check_everything(&elevation, &store);

    let elevation = LazyRaster::from_source(Arc::new(elevation));
    let shaded = Meta { dtype: DType::F32, ..elevation.node()?.meta.clone() };
    let shaded = elevation.area(Arc::new(Relief), shaded)?;
    let picture = LazyRaster::pixelwise(Arc::new(Bytes255), &[&shaded], DType::U8)?;

    let target = Arc::clone(&store);
    let sink = picture.to_sink(move || Ok(Arc::new(Tiles::new(Arc::clone(&target)))))?;
    println!("{}", sink.explain()?);
    let report = Run::on(on_pool, 2).memory_limit(32 << 20).run(&sink)?;
    println!("{report}");
    println!("{} tiles in the store", store.tiles.lock().map_err(|_| "the store is poisoned")?.len());
    Ok(())
}

/// What a program that embeds swath has in its tests.
fn check_everything(elevation: &Elevation, store: &Arc<Store>) {
    check_source(elevation);
    check_sink(|| Ok(Arc::new(Tiles::new(Arc::clone(store)))));
    let heights = Buffer::from_vec((0..900_u32).map(|at| (at * at % 977) as f32).collect());
    check_area(&Relief, &Chunk::new([1, 1, 30, 30], heights.clone()), [1, 1, 30, 30], DType::F32);
    check_pixelwise(&Bytes255, &[heights], DType::U8);
}

/// Heights in metres, in tiles of f32 that a service gives one by one.
#[derive(Debug)]
struct Elevation {
    meta: Meta,
    runtime: tokio::runtime::Handle,
}

impl Elevation {
    fn new(runtime: tokio::runtime::Handle) -> Self {
        let affine = Affine::north_up(500_000.0, 5_200_000.0, 30.0, 30.0);
        let meta = Meta {
            chunks: [1, 1, TILE, TILE],
            grid: Some(Arc::new(Grid { crs: None, affine, width: SIDE, height: SIDE })),
            ..Meta::new(Dims::BYX, [1, 1, SIDE, SIDE], DType::F32)
        };
        Self { meta, runtime }
    }

    fn tile_bytes() -> u64 {
        (TILE * TILE * size_of::<f32>()) as u64
    }

    /// A few hills.
    fn height(y: usize, x: usize) -> f32 {
        let (y, x) = (y as f32 / 90.0, x as f32 / 70.0);
        800.0 + 300.0 * (x.sin() * y.cos()) + 60.0 * ((3.1 * x).cos() + (2.7 * y).sin())
    }
}

impl ChunkSource for Elevation {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn name(&self) -> &str {
        "elevation service"
    }

    fn block_shape(&self) -> Shape {
        [1, 1, TILE, TILE]
    }

    /// The service knows tiles by number: they lie one after the other in its space of bytes.
    fn place(&self, block: usize) -> swath::Result<Place> {
        let start = block as u64 * Self::tile_bytes();
        Ok(Place::Remote(start..start + Self::tile_bytes()))
    }

    /// Asks the service, and returns at once; the reply comes from a thread of the program's runtime. Tiles that are wanted at
    /// about the same time are asked for together.
    fn begin_fetch(&self, range: Range<u64>, reply: Reply) -> Fetching {
        let blocks = self.blocks();
        let task = self.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let tiles = range.start / Self::tile_bytes()..range.end / Self::tile_bytes();
            let bytes = tiles.flat_map(|tile| {
                let Region { start: [_, _, top, left], .. } = blocks.region(tile as usize);
                (top..top + TILE)
                    .flat_map(move |y| (left..left + TILE).flat_map(move |x| Self::height(y, x).to_le_bytes()))
            });
            reply(Ok(Fetched { offset: range.start, bytes: bytes.collect(), requests: 1 }));
        });
        // A run that is cancelled, or fails, does not wait for the service.
        Fetching::new(move || task.abort())
    }

    fn decode(&self, block: usize, bytes: &[u8]) -> swath::Result<Arc<Chunk>> {
        let shape = self.blocks().region(block).shape;
        let (heights, []) = bytes.as_chunks::<4>() else {
            return Err(swath::Error::corrupt(format!("tile {block} of the elevation service is cut short")));
        };
        let heights = heights.iter().copied().map(f32::from_le_bytes).collect();
        Ok(Arc::new(Chunk::new(shape, Buffer::from_vec(heights))))
    }
}

/// Shaded relief: how much light falls on the slope at each pixel, from 0 to 1, by the heights around it.
#[derive(Debug)]
struct Relief;

impl AreaKernel for Relief {
    fn name(&self) -> String {
        "shaded relief".to_owned()
    }

    fn footprint(&self) -> Footprint {
        let (same, around) = (AxisFootprint::SAME, AxisFootprint::around(1, 1));
        Footprint { axes: [same, same, around, around] }
    }

    fn identity(&self) -> Option<String> {
        Some("shaded relief".to_owned())
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> swath::Result<()> {
        let (Some(heights), width) = (input.data().as_slice::<f32>(), place.shape[3]) else {
            return Err(swath::Error::invalid("shaded relief is made of f32"));
        };
        let mut light = Vec::with_capacity(region.shape[2] * region.shape[3]);
        for y in region.start[2]..region.start[2] + region.shape[2] {
            if cancelled() {
                return Err(swath::Error::cancelled());
            }
            // At an edge of the raster, the pixel itself stands for the neighbour that is not there.
            let rows = place.start[2]..place.start[2] + place.shape[2];
            let row = |y: usize| (y.clamp(rows.start, rows.end - 1) - rows.start) * width;
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row(y + 1));
            light.extend((region.start[3]..region.start[3] + region.shape[3]).map(|x| {
                let left = x.saturating_sub(1).max(place.start[3]) - place.start[3];
                let right = (x + 1).min(place.start[3] + width - 1) - place.start[3];
                let x = x - place.start[3];
                let (east, south) =
                    (heights[here + right] - heights[here + left], heights[below + x] - heights[above + x]);
                // Light from the north-west, half way up the sky.
                let lit = 60.0 + east + south;
                (lit / (east * east + south * south + 3600.0).sqrt() / 3_f32.sqrt()).max(0.0)
            }));
        }
        *output = Chunk::new(region.shape, Buffer::from_vec(light));
        Ok(())
    }
}

/// From 0 to 1, as bytes.
#[derive(Debug)]
struct Bytes255;

impl PixelKernel for Bytes255 {
    fn name(&self) -> String {
        "bytes".to_owned()
    }

    fn run(&self, inputs: &[Slice<'_>], output: SliceMut<'_>) {
        let ([Slice::F32(light)], SliceMut::U8(bytes)) = (inputs, output) else { panic!("f32 is made bytes") };
        bytes.iter_mut().zip(*light).for_each(|(byte, light)| *byte = (light * 255.0).clamp(0.0, 255.0) as u8);
    }
}

/// The program's own store of tiles.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tiles: Mutex<BTreeMap<usize, Bytes>>,
}

/// Tiles on their way into the store: they appear there together, when all are there.
#[derive(Debug)]
pub(crate) struct Tiles {
    store: Arc<Store>,
    waiting: Mutex<BTreeMap<usize, Bytes>>,
}

impl Tiles {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, waiting: Mutex::default() }
    }
}

impl ChunkSink for Tiles {
    fn name(&self) -> &str {
        "tile store"
    }

    fn blocks(&self) -> ChunkGrid {
        ChunkGrid::new([1, 1, SIDE, SIDE], [1, 1, TILE, TILE])
    }

    fn begin(&self) -> swath::Result<()> {
        Ok(())
    }

    fn encode(&self, block: usize, chunk: &Chunk) -> swath::Result<Encoded> {
        let pixels = chunk.data().as_slice::<u8>().ok_or_else(|| swath::Error::invalid("the store takes bytes"))?;
        Ok(Encoded { block, bytes: Bytes::copy_from_slice(pixels) })
    }

    fn dtype(&self) -> DType {
        DType::U8
    }

    fn commit(&self, encoded: Encoded) -> swath::Result<()> {
        let mut waiting = self.waiting.lock().map_err(|_| poisoned())?;
        waiting.insert(encoded.block, encoded.bytes);
        Ok(())
    }

    fn finish(&self) -> swath::Result<u64> {
        let tiles = std::mem::take(&mut *self.waiting.lock().map_err(|_| poisoned())?);
        let size = tiles.values().map(|tile| tile.len() as u64).sum();
        self.store.tiles.lock().map_err(|_| poisoned())?.extend(tiles);
        Ok(size)
    }

    fn abort(&self) {
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.clear();
        }
    }

    fn encode_bound(&self, shape: Shape) -> (u64, u64) {
        (shape.iter().product::<usize>() as u64, 0)
    }

    fn describe(&self) -> String {
        format!("raw tiles of {TILE} × {TILE}")
    }
}

fn poisoned() -> swath::Error {
    swath::Error::new(swath::ErrorKind::Internal, "a thread panicked while it held the store")
}
