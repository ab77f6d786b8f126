//! Random expressions: what tasks compute equals what the expression means, pixel by pixel, for any chunking.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use swath_core::dtype::{DType, Scalar};
use swath_core::error::Result;
use swath_core::exec::serial::Serial;
use swath_core::exec::{Job, RangePolicy, Target, Value};
use swath_core::expr::{CompareOp, LazyRaster, LogicOp, Node, Op, Operand, Overflow};
use swath_core::meta::Meta;
use swath_core::shape::{ChunkGrid, Dim, Dims, Shape};
use swath_core::source::ChunkSource;
use swath_core::testing::memory;

/// splitmix64: enough to draw expressions, and reproducible from its seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// What one pixel of an expression is: the definition, without chunks, views or kernels.
fn pixel(node: &Node, at: [usize; 4]) -> Scalar {
    let input = |index: usize, at: [usize; 4]| {
        let node = &node.inputs[index];
        // Time and Band axes of length 1 are broadcast.
        let at = std::array::from_fn(|axis| if axis < 2 && node.meta.shape[axis] == 1 { 0 } else { at[axis] });
        pixel(node, at)
    };
    match &node.op {
        Op::Source(source) => source_pixel(source.as_ref(), at),
        Op::View { view, .. } => input(0, std::array::from_fn(|axis| view.axes[axis].read(at[axis]))),
        Op::Relabel { .. } => input(0, at),
        Op::IsIn(values) => Scalar::Bool(values.contains(&input(0, at))),
        Op::Compare { op, value, nodata } => {
            let pixel = input(0, at);
            let (a, b) = (pixel.to_f64(), value.to_f64());
            let holds = match op {
                CompareOp::Lt => a < b,
                CompareOp::Le => a <= b,
                CompareOp::Gt => a > b,
                CompareOp::Ge => a >= b,
                CompareOp::Eq => a == b,
                CompareOp::Ne => a != b,
            };
            Scalar::Bool(holds && Some(pixel) != *nodata)
        }
        Op::Valid { nodata } => Scalar::Bool(Some(input(0, at)) != *nodata),
        Op::Not => match input(0, at) {
            Scalar::Bool(value) => Scalar::Bool(!value),
            value => Scalar::Int(255 - value.to_integer().unwrap()),
        },
        Op::Logic(op) => match (input(0, at), input(1, at)) {
            (Scalar::Bool(a), Scalar::Bool(b)) => Scalar::Bool(match op {
                LogicOp::And => a & b,
                LogicOp::Or => a | b,
                LogicOp::Xor => a ^ b,
            }),
            (a, b) => {
                let (a, b) = (a.to_integer().unwrap(), b.to_integer().unwrap());
                Scalar::Int(match op {
                    LogicOp::And => a & b,
                    LogicOp::Or => a | b,
                    LogicOp::Xor => a ^ b,
                })
            }
        },
        Op::Select { yes, no } => {
            let branch = if input(0, at) == Scalar::Bool(true) { yes } else { no };
            match branch {
                Operand::Input(index) => input(*index, at),
                Operand::Constant(value) => *value,
            }
        }
        Op::Replace { from, to } => {
            let pixel = input(0, at);
            if pixel == *from { *to } else { pixel }
        }
        Op::Cast { .. } => input(0, at),
    }
}

fn source_pixel(source: &dyn ChunkSource, at: [usize; 4]) -> Scalar {
    let blocks = source.blocks();
    let region = swath_core::shape::Region { start: at, shape: [1; 4] };
    let block = blocks.touching(&region).next().unwrap();
    let (place, chunk) = (blocks.region(block), source.decode(block, &[]).unwrap());
    let [_, bands, rows, columns] = place.shape;
    let local: [usize; 4] = std::array::from_fn(|axis| at[axis] - place.start[axis]);
    chunk.data().get(((local[0] * bands + local[1]) * rows + local[2]) * columns + local[3])
}

fn source(rng: &mut Rng, bands: usize, rows: usize, columns: usize) -> LazyRaster {
    let seed = rng.below(1 << 20);
    let meta = Meta {
        chunks: [1, 1 + rng.below(bands), 1 + rng.below(rows), 1 + rng.below(columns)],
        nodata: (rng.below(3) == 0).then_some(Scalar::Int(0)),
        ..Meta::new(Dims::BYX, [1, bands, rows, columns], DType::U8)
    };
    let value = move |b: usize, y: usize, x: usize| (Rng((seed + b * 7919 + y * 104_729 + x) as u64).below(12)) as u8;
    LazyRaster::from_source(Arc::new(memory(meta, value)))
}

/// A random u8 raster of `bands`, `rows`, `columns`, made of `depth` operations.
fn expression(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let [bands, rows, columns] = shape;
    if depth == 0 {
        return Ok(source(rng, bands, rows, columns));
    }
    Ok(match rng.below(7) {
        0 => {
            let (top, left) = (rng.below(5), rng.below(5));
            let larger = expression(rng, [bands, rows + top + 2, columns + left + 1], depth - 1)?;
            larger.window(top..top + rows, left..left + columns)?
        }
        1 if rows.is_multiple_of(2) && columns.is_multiple_of(3) => {
            expression(rng, [bands, rows / 2, columns / 3], depth - 1)?.repeat([1, 2, 3])?
        }
        2 => {
            let a = expression(rng, shape, depth - 1)?;
            let mask = condition(rng, [1, rows, columns], depth - 1)?.squeeze()?;
            a.mask(&mask, rng.below(256))?
        }
        3 => {
            let (a, b) = (expression(rng, shape, depth - 1)?, expression(rng, shape, depth - 1)?);
            condition(rng, shape, depth - 1)?.if_else(&a.without_nodata()?, &b.without_nodata()?)?
        }
        4 => {
            let a = expression(rng, shape, depth - 1)?.without_nodata()?;
            a.rechunk(&[1, 1 + rng.below(rows), 1 + rng.below(columns)])?
        }
        5 => {
            let first = rng.below(3);
            expression(rng, [bands + 3, rows, columns], depth - 1)?.slice(Dim::Band, first..first + bands)?
        }
        _ => {
            let a = expression(rng, shape, depth - 1)?.without_nodata()?;
            let b = expression(rng, shape, depth - 1)?.without_nodata()?;
            ((&a & &b) | !(&a ^ &b)).check()?
        }
    })
}

fn condition(rng: &mut Rng, shape: [usize; 3], depth: usize) -> Result<LazyRaster> {
    let raster = expression(rng, shape, depth)?;
    let (a, b) = (raster.isin([1 + rng.below(5), 6, 7])?, raster.gt(1 + rng.below(9))?);
    Ok(match rng.below(4) {
        0 => a,
        1 => (!&b).check()?,
        2 => (&a | &b).check()?,
        _ => raster.valid()?,
    })
}

/// Runs a raster into pieces or chunks by the serial executor, and puts the result together.
fn run(raster: &LazyRaster, target: Target) -> Vec<Scalar> {
    let job = Job::new(&[(raster, target)]).unwrap();
    let tasks = job.tasks(&RangePolicy::default(), true).unwrap();
    let shape = raster.meta().unwrap().shape;
    let mut out = vec![None; swath_core::shape::volume(shape)];
    let mut serial = Serial::new(&tasks);
    while let Some((_, value)) = serial.advance(&|| false).unwrap() {
        let Value::Pieces(pieces) = value else { panic!("pieces were asked for") };
        for (piece, value) in pieces {
            let region = tasks.stages()[0].pieces.region(piece);
            let chunk = value.pixels(region.shape, raster.dtype()).expect("pieces in memory have pixels");
            let cells = ChunkGrid::new(region.shape, [1; 4]);
            for cell in 0..cells.len() {
                let at = cells.position(cell);
                let at: [usize; 4] = std::array::from_fn(|axis| region.start[axis] + at[axis]);
                let index = ChunkGrid::new(shape, [1; 4]).index(at);
                assert!(out[index].replace(chunk.data().get(cell)).is_none(), "every pixel is computed once");
            }
        }
    }
    out.into_iter().map(|pixel| pixel.expect("every pixel is computed")).collect()
}

fn meaning(raster: &LazyRaster) -> Vec<Scalar> {
    let node = raster.node().unwrap();
    let shape: Shape = node.meta.shape;
    let cells = ChunkGrid::new(shape, [1; 4]);
    (0..cells.len()).map(|cell| pixel(node, cells.position(cell))).collect()
}

#[test]
fn tasks_compute_what_random_expressions_mean() {
    for seed in 0..400 {
        let mut rng = Rng(seed);
        let shape = [1 + rng.below(3), 6 * (1 + rng.below(3)), 6 * (1 + rng.below(2))];
        let depth = rng.below(5);
        let raster = match rng.below(2) {
            0 => expression(&mut rng, shape, depth),
            _ => condition(&mut rng, shape, depth),
        };
        // Some drawn expressions are wrong on purpose of the rules (a fill that could be nodata); others are run.
        let Ok(raster) = raster else { continue };
        let expected = meaning(&raster);
        assert_eq!(run(&raster, Target::Pieces), expected, "seed {seed}, pieces of {raster}");
        assert_eq!(run(&raster, Target::Chunks), expected, "seed {seed}, chunks of {raster}");
    }
}

#[test]
fn most_drawn_expressions_are_valid() {
    let valid = (0..400)
        .filter(|seed| {
            let mut rng = Rng(*seed);
            let depth = rng.below(5);
            expression(&mut rng, [2, 12, 6], depth).is_ok()
        })
        .count();
    assert!(valid > 300, "only {valid} of 400: the property above would test little");
}

/// Pixels in memory that claim to lie in a file.
#[derive(Debug)]
struct OnDisk(swath_core::source::MemorySource);

impl ChunkSource for OnDisk {
    fn meta(&self) -> &Meta {
        self.0.meta()
    }
    fn name(&self) -> &str {
        "on disk"
    }
    fn block_shape(&self) -> Shape {
        self.0.block_shape()
    }
    fn place(&self, _block: usize) -> Result<swath_core::source::Place> {
        Ok(swath_core::source::Place::Direct { bytes: 100 })
    }
    fn begin_fetch(
        &self,
        range: std::ops::Range<u64>,
        reply: swath_core::source::Reply,
    ) -> swath_core::source::Fetching {
        self.0.begin_fetch(range, reply)
    }
    fn decode(&self, block: usize, bytes: &[u8]) -> Result<Arc<swath_core::chunk::Chunk>> {
        self.0.decode(block, bytes)
    }
}

#[test]
fn a_block_that_several_chunks_need_is_decoded_once_and_a_pinned_one_never() {
    let decodes = |source: Arc<dyn ChunkSource>| {
        let raster = LazyRaster::from_source(source).rechunk(&[1, 10, 10]).unwrap();
        let tasks = Job::new(&[(&raster, Target::Chunks)]).unwrap().tasks(&RangePolicy::default(), true).unwrap();
        (0..tasks.len()).filter(|task| matches!(tasks.kind(*task), swath_core::exec::TaskKind::Decode { .. })).count()
    };
    let meta = Meta { chunks: [1, 3, 16, 16], ..Meta::new(Dims::BYX, [1, 3, 64, 64], DType::U8) };
    let pixels = || memory(meta.clone(), |b, y, x| (b + y + x) as u8);
    assert_eq!(decodes(Arc::new(OnDisk(pixels()))), 16);
    assert_eq!(decodes(Arc::new(pixels())), 0);
}

#[test]
fn a_narrowing_that_meets_a_large_pixel_names_operation_and_pixel() {
    let raster = swath_core::testing::raster([1, 4, 5], |_, y, x| if (y, x) == (2, 3) { 700u16 } else { 7 });
    let narrow = raster.cast(DType::U8, Overflow::Error).unwrap();
    let job = Job::new(&[(&narrow, Target::Pieces)]).unwrap();
    let tasks = job.tasks(&RangePolicy::default(), true).unwrap();
    let error = Serial::new(&tasks).advance(&|| false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot cast to u8: pixel (band 0, row 2, column 3) is 700, which does not fit or would become nodata, in the \
         chunk of rows 0..4, columns 0..5; use Overflow::Saturate or Overflow::Wrap, or another nodata, if that is meant"
    );
}

#[test]
fn pieces_follow_the_blocks_of_the_image_not_its_mask_or_its_chunks() {
    let image = swath_core::testing::chunked([3, 1200, 1200], [3, 512, 512], |_, y, _| y as u8);
    let clouds = swath_core::testing::raster([1, 1200, 1200], |_, y, _| y == 0);
    let masked = image.rechunk(&[3, 1000, 1000]).unwrap().mask(&clouds, 0).unwrap();
    let tasks = Job::new(&[(&masked, Target::Pieces)]).unwrap().tasks(&RangePolicy::default(), true).unwrap();
    // A block has 768 KiB: two of them, side by side, are worth a task.
    assert_eq!(tasks.stages()[0].pieces.chunk_shape(), [1, 3, 512, 1024]);
}
