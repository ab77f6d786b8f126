//! Random expressions: what tasks compute equals what the expression means, pixel by pixel, for any chunking.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod definition;
mod draw;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use definition::meaning;
use draw::{Rng, condition, expression};
use stored::{Kept, Kind, Stored};
use swath_core::dtype::{DType, Scalar};
use swath_core::exec::serial::Serial;
use swath_core::exec::{Origin, Plans, RangePolicy, Target, Value};
use swath_core::expr::{LazyRaster, Overflow};
use swath_core::meta::Meta;
use swath_core::reduce::Gathered;
use swath_core::shape::{ChunkGrid, Dims, Shape};
use swath_core::sink::ChunkSink;
use swath_core::source::ChunkSource;
use swath_core::testing::memory;

/// Runs a raster into pieces or chunks by the serial executor, and puts the result together.
fn run(raster: &LazyRaster, target: Target, passthrough: bool) -> Vec<Scalar> {
    let plans = Plans::new(&[(raster, target)]).unwrap();
    let tasks = plans.tasks(&RangePolicy::default(), passthrough).unwrap();
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

/// Writes a raster of u8 to a sink with these blocks; its pixels, and how many blocks were copied and constant.
fn write(raster: &LazyRaster, block: Shape, passthrough: bool) -> (Vec<Scalar>, [usize; 2]) {
    let sink = Arc::new(Kept::new(raster.meta().unwrap().shape, block));
    let plans = Plans::new(&[(raster, Target::Sink(Arc::clone(&sink) as _))]).unwrap();
    let tasks = plans.tasks(&RangePolicy::default(), passthrough).unwrap();
    let mut serial = Serial::new(&tasks);
    let mut origins = [0; 2];
    while let Some((_, value)) = serial.advance(&|| false).unwrap() {
        let Value::Encoded(blocks) = value else { panic!("blocks were asked for") };
        for (block, origin) in blocks {
            match origin {
                Origin::Copied => origins[0] += 1,
                Origin::Constant => origins[1] += 1,
                Origin::Computed => {}
            }
            sink.commit(block).unwrap();
        }
    }
    (sink.pixels(), origins)
}

#[test]
fn tasks_compute_what_random_expressions_mean() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let shape = [1 + rng.below(3), 6 * (1 + rng.below(3)), 6 * (1 + rng.below(2))];
        let depth = rng.below(5);
        let raster = match rng.below(2) {
            0 => expression(&mut rng, shape, depth),
            _ => condition(&mut rng, shape, depth),
        };
        // Some drawn expressions are wrong on purpose of the rules (a fill that could be nodata); others are run.
        let Ok(raster) = raster else { continue };
        let expected = meaning(&raster);
        for passthrough in [true, false] {
            for target in [Target::Pieces, Target::Pinned, Target::Chunks] {
                let case = format!("seed {seed}, passthrough {passthrough}, {target:?} of {raster}");
                assert_eq!(run(&raster, target, passthrough), expected, "{case}");
            }
        }
    }
}

#[test]
fn sinks_hold_the_same_pixels_whether_blocks_pass_through_or_not() {
    let (mut copied, mut constant) = (0, 0);
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let shape = [1 + rng.below(3), 6 * (1 + rng.below(3)), 6 * (1 + rng.below(3))];
        let depth = rng.below(4);
        let Ok(raster) = expression(&mut rng, shape, depth) else { continue };
        let expected = meaning(&raster);
        // Blocks as the first source stores them, or others.
        let own = swath_core::exec::source_layout(&raster).unwrap().map(|layout| layout.block);
        let (rows, columns) = own.filter(|_| rng.below(3) > 0).unwrap_or((1 + rng.below(9), 1 + rng.below(9)));
        let block = [1, 1 + rng.below(shape[0]), rows, columns];
        let (pixels, [block_copies, constants]) = write(&raster, block, true);
        assert_eq!(pixels, expected, "seed {seed}, passed through, of {raster}");
        copied += block_copies;
        constant += constants;
        let (pixels, origins) = write(&raster, block, false);
        assert_eq!(pixels, expected, "seed {seed}, computed, of {raster}");
        assert_eq!(origins[0], 0, "seed {seed}: nothing is copied where that is switched off");
    }
    assert!(copied > 300 && constant > 300, "{copied} copied, {constant} constant: the property would test little");
}

#[test]
fn statistics_are_those_of_what_an_expression_means() {
    let mut compared = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let shape = [1 + rng.below(3), 6 * (1 + rng.below(4)), 6 * (1 + rng.below(4))];
        let depth = rng.below(4);
        let Ok(raster) = expression(&mut rng, shape, depth) else { continue };
        let zones = match rng.below(3) {
            0 => expression(&mut rng, shape, depth),
            1 => condition(&mut rng, [1, shape[1], shape[2]], depth).and_then(|raster| raster.squeeze()),
            _ => expression(&mut rng, [1, shape[1], shape[2]], depth),
        };
        let Ok(zones) = zones else { continue };
        let (pixels, classes) = (meaning(&raster), meaning(&zones));
        let mut expected: BTreeMap<(usize, Option<i128>), (u64, u64, i128)> = BTreeMap::new();
        let integer = |value: Scalar| value.to_f64() as i128;
        for (index, pixel) in pixels.iter().enumerate() {
            let class = classes[index % classes.len()];
            let by_class = (Some(class) != zones.nodata()).then_some(Some(integer(class)));
            for zone in [Some(None), by_class].into_iter().flatten() {
                let told = expected.entry((index / (shape[1] * shape[2]), zone)).or_default();
                match Some(*pixel) == raster.nodata() {
                    true => told.1 += 1,
                    false => (told.0, told.2) = (told.0 + 1, told.2 + integer(*pixel)),
                }
            }
        }
        for passthrough in [true, false] {
            let whole = raster.statistics().unwrap();
            let by_class = raster.statistics().unwrap().by(&zones).unwrap();
            let mut got = BTreeMap::new();
            for statistics in [whole, by_class] {
                let (reduction, target) = statistics.target().unwrap();
                let outputs = [(&raster, target)];
                let tasks = Plans::new(&outputs).unwrap().tasks(&RangePolicy::default(), passthrough).unwrap();
                let mut serial = Serial::new(&tasks);
                let mut all = Gathered::default();
                while let Some((_, value)) = serial.advance(&|| false).unwrap() {
                    let Value::Gathered(gathered) = value else { panic!("a reduction was asked for") };
                    all.merge(gathered).unwrap();
                }
                let told = all.summaries(&reduction).into_iter().map(|(group, summary)| {
                    let sum = summary.sum().to_integer().unwrap();
                    ((group.band, group.zone), (summary.count(), summary.missing(), sum))
                });
                got.extend(told);
            }
            assert_eq!(got, expected, "seed {seed}, passthrough {passthrough}: {raster} by {zones}");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared} would test little");
}

#[test]
fn most_drawn_expressions_are_valid() {
    let valid = (0..400)
        .filter(|seed| {
            let mut rng = Rng::new(*seed);
            let depth = rng.below(5);
            expression(&mut rng, [2, 12, 6], depth).is_ok()
        })
        .count();
    assert!(valid > 300, "only {valid} of 400: the property above would test little");
}

#[test]
fn drawn_expressions_have_every_operation_that_moves_pixels() {
    let mut counts = HashMap::new();
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let depth = rng.below(5);
        let Ok(raster) = expression(&mut rng, [2, 12, 6], depth) else { continue };
        let mut nodes = vec![Arc::clone(raster.node().unwrap())];
        while let Some(node) = nodes.pop() {
            let name = node.op.to_string();
            *counts.entry(name.split(' ').next().unwrap().to_owned()).or_insert(0) += 1;
            nodes.extend(node.inputs.iter().map(Arc::clone));
        }
    }
    for name in ["window", "repeat", "slice", "pad", "shift", "concat", "stack", "mosaic", "flip", "every"] {
        assert!(counts.get(name).is_some_and(|count| *count >= 10), "{name} was drawn too rarely: {counts:?}");
    }
}

#[test]
fn a_block_that_several_chunks_need_is_decoded_once_and_a_pinned_one_never() {
    let decodes = |source: Arc<dyn ChunkSource>| {
        let raster = LazyRaster::from_source(source).rechunk(&[1, 10, 10]).unwrap();
        let tasks = Plans::new(&[(&raster, Target::Chunks)]).unwrap().tasks(&RangePolicy::default(), true).unwrap();
        (0..tasks.len()).filter(|task| matches!(tasks.kind(*task), swath_core::exec::TaskKind::Decode { .. })).count()
    };
    let meta = Meta { chunks: [1, 3, 16, 16], ..Meta::new(Dims::BYX, [1, 3, 64, 64], DType::U8) };
    let pixel = |b: usize, y: usize, x: usize| (b + y + x) as u8;
    assert_eq!(decodes(Arc::new(Stored::new(meta.clone(), Kind::Local, pixel))), 16);
    assert_eq!(decodes(Arc::new(memory(meta, pixel))), 0);
}

/// An image of three bands and its classes in blocks of 16², clouded (8) where `clouded` says so.
fn scene(kind: Kind, clouded: fn(usize, usize) -> bool) -> (Arc<Stored>, Arc<Stored>) {
    let meta = |bands| Meta { chunks: [1, bands, 16, 16], ..Meta::new(Dims::BYX, [1, bands, 64, 64], DType::U8) };
    let image = Stored::new(meta(3), kind, |b, y, x| 1 + (b + y + x) as u8);
    let classes = Stored::new(meta(1), kind, move |_, y, x| if clouded(y, x) { 8 } else { 4 + (x % 2) as u8 });
    (Arc::new(image), Arc::new(classes))
}

fn masked(image: &Arc<Stored>, classes: &Arc<Stored>) -> LazyRaster {
    let raster = |source: &Arc<Stored>| LazyRaster::from_source(Arc::clone(source) as _);
    raster(image).mask(&raster(classes).squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap()
}

#[test]
fn a_block_that_is_hidden_is_not_fetched_and_one_that_is_left_alone_is_not_decoded() {
    // Of 16 blocks, 4 are clouded, 4 half, 8 clear.
    let clouded = |y: usize, x: usize| x < 32 && (y < 24 || (40..48).contains(&y));
    for kind in [Kind::Local, Kind::Remote] {
        let (image, classes) = scene(kind, clouded);
        let raster = masked(&image, &classes);
        let expected = meaning(&raster);
        for source in [&image, &classes] {
            source.decoded.store(0, Ordering::Relaxed);
            source.fetched.store(0, Ordering::Relaxed);
        }
        let (pixels, origins) = write(&raster, [1, 3, 16, 16], true);
        assert_eq!(pixels, expected);
        assert_eq!(origins, [10, 2], "copied and constant");
        assert_eq!(image.decoded.load(Ordering::Relaxed), 4, "{kind:?}: mixed blocks are decoded");
        if kind == Kind::Remote {
            assert_eq!(image.fetched.load(Ordering::Relaxed), 14 * 3 * 256, "hidden blocks do not travel");
        }
    }
}

#[test]
fn a_block_that_several_pieces_need_is_fetched_if_one_of_them_does() {
    let clouded = |y: usize, x: usize| y < 16 && x < 24;
    for kind in [Kind::Local, Kind::Remote] {
        let (image, classes) = scene(kind, clouded);
        let raster = masked(&image, &classes);
        let expected = meaning(&raster);
        image.decoded.store(0, Ordering::Relaxed);
        image.fetched.store(0, Ordering::Relaxed);
        let (pixels, _) = write(&raster, [1, 3, 8, 8], true);
        assert_eq!(pixels, expected);
        // The first block is hidden from all four of its pieces, the second from two.
        assert_eq!(image.decoded.load(Ordering::Relaxed), 15, "{kind:?}");
    }
}

#[test]
fn a_branch_that_can_fail_is_computed_even_where_it_is_hidden() {
    let (image, classes) = scene(Kind::Local, |_, _| true);
    let raster = |source: &Arc<Stored>| LazyRaster::from_source(Arc::clone(source) as _);
    let wide = raster(&image).cast(DType::I8, Overflow::Error).unwrap();
    let masked = wide.mask(&raster(&classes).squeeze().unwrap().eq(8).unwrap(), 0).unwrap();
    for passthrough in [true, false] {
        let plans = Plans::new(&[(&masked, Target::Pieces)]).unwrap();
        let tasks = plans.tasks(&RangePolicy::default(), passthrough).unwrap();
        let mut serial = Serial::new(&tasks);
        let failed = std::iter::from_fn(|| serial.advance(&|| false).transpose()).find_map(|value| value.err());
        assert!(failed.is_some_and(|error| error.to_string().contains("cast to i8")), "passthrough {passthrough}");
    }
}

#[test]
fn a_narrowing_that_meets_a_large_pixel_names_operation_and_pixel() {
    let raster = swath_core::testing::raster([1, 4, 5], |_, y, x| if (y, x) == (2, 3) { 700u16 } else { 7 });
    let narrow = raster.cast(DType::U8, Overflow::Error).unwrap();
    let plans = Plans::new(&[(&narrow, Target::Pieces)]).unwrap();
    let tasks = plans.tasks(&RangePolicy::default(), true).unwrap();
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
    let tasks = Plans::new(&[(&masked, Target::Pieces)]).unwrap().tasks(&RangePolicy::default(), true).unwrap();
    // A block has 768 KiB: two of them, side by side, are worth a task.
    assert_eq!(tasks.stages()[0].pieces.chunk_shape(), [1, 3, 512, 1024]);
}

/// Blocks decoded of an image of 4 × 4 blocks of 256 × 128 pixels to compute an expression of it.
fn decoded(expression: impl Fn(&LazyRaster) -> LazyRaster) -> usize {
    let meta = Meta { chunks: [1, 1, 256, 128], ..Meta::new(Dims::BYX, [1, 1, 1024, 512], DType::U8) };
    let source = Arc::new(Stored::new(meta, Kind::Remote, |_, y, x| (3 * y + x) as u8));
    run(&expression(&LazyRaster::from_source(Arc::clone(&source) as _)), Target::Pieces, true);
    source.decoded.load(Ordering::Relaxed)
}

#[test]
fn stages_that_read_others_have_each_block_decoded_once_and_only_what_a_window_needs() {
    let smooth = |raster: &LazyRaster| raster.focal([3, 3]).unwrap().max().unwrap();
    let bright = |raster: &LazyRaster| raster.mask(&raster.gt(200).unwrap(), 0).unwrap();
    assert_eq!(decoded(smooth), 16);
    assert_eq!(decoded(|image| smooth(&bright(image))), 16);
    assert_eq!(decoded(|image| bright(&smooth(&smooth(&bright(image))))), 16);
    // The window's own block, and none of its neighbours; then one pixel more in two of them.
    assert_eq!(decoded(|image| smooth(&bright(image)).window(257..511, 129..255).unwrap()), 1);
    assert_eq!(decoded(|image| smooth(&bright(image)).window(257..512, 129..255).unwrap()), 2);
    assert_eq!(decoded(|image| smooth(&smooth(&bright(image))).window(257..511, 129..255).unwrap()), 9);
    let coarse = |image: &LazyRaster| bright(image).coarsen([1, 4, 4]).unwrap().min().unwrap();
    assert_eq!(decoded(|image| coarse(image).window(64..128, 0..32).unwrap().repeat([1, 2, 2]).unwrap()), 1);
}

#[test]
fn a_chain_of_a_thousand_stages_is_planned_without_recursion() {
    let image = swath_core::testing::chunked([1, 12, 12], [1, 4, 4], |_, y, x| (y * 12 + x) as u8);
    let raster = (0..1000).fold(image, |raster, _| raster.focal([3, 1]).unwrap().max().unwrap());
    let expected: Vec<_> = (0..144).map(|cell| Scalar::from(132 + cell % 12)).collect();
    assert_eq!(run(&raster, Target::Pieces, true), expected);
}

#[test]
fn an_area_under_a_condition_is_not_read_where_that_hides_it() {
    for kind in [Kind::Local, Kind::Remote] {
        let (image, classes) = scene(kind, |y, x| y < 32 && x < 32);
        let raster = |source: &Arc<Stored>| LazyRaster::from_source(Arc::clone(source) as _);
        let clouds = raster(&classes).squeeze().unwrap().eq(8).unwrap();
        let masked = raster(&image).focal([3, 3]).unwrap().mean().unwrap().mask(&clouds, 0).unwrap();
        assert_eq!(run(&masked, Target::Pieces, true), meaning(&masked));
        image.decoded.store(0, Ordering::Relaxed);
        let sink_like = masked.rechunk(&[3, 16, 16]).unwrap();
        run(&sink_like, Target::Chunks, true);
        // Of the four hidden blocks, the one in the corner has no neighbour that shows.
        assert_eq!(image.decoded.load(Ordering::Relaxed), 15, "{kind:?}");
    }
}
