//! What the engine costs beside reading and writing: the lesson's kernel on pixels in memory, and drawing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use swath::{LazyRaster, Run, prelude::*};

/// As the command has it: kernels are measured, not the page faults of glibc's `malloc` (docs/design/decisions.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The lesson's mask over a scene in memory: classes and three bands of u8.
fn masked(side: usize) -> LazyRaster {
    let scl = swath::raster([1, side, side], |_, y, x| ((y / 64 + x / 64) % 12) as u8).unwrap();
    let visual = swath::raster([3, side, side], |b, y, x| (b + y * 3 + x) as u8).unwrap();
    visual.mask(&scl.squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap()
}

fn kernels(criterion: &mut Criterion) {
    let side = 2048;
    let raster = masked(side);
    let mut group = criterion.benchmark_group("kernel");
    group.throughput(Throughput::Bytes((7 * side * side) as u64));
    group.bench_function("isin and mask, 2048² × 3 u8, streamed", |bencher| {
        bencher.iter(|| stream(&raster));
    });
    let bands = swath::raster([2, side, side], |b, y, x| (b * 3000 + y * 3 + x) as u16).unwrap();
    let (red, infrared) = (bands.band(0).unwrap(), bands.band(1).unwrap());
    group.throughput(Throughput::Bytes((8 * side * side) as u64));
    let index = ((&infrared - &red) / (&infrared + &red)).check().unwrap();
    group.bench_function("normalised difference, 2048² u16, streamed", |bencher| bencher.iter(|| stream(&index)));
    let valid = bands.with_nodata(0).unwrap();
    let (red, infrared) = (valid.band(0).unwrap(), valid.band(1).unwrap());
    let index = ((&infrared - &red) / (&infrared + &red)).check().unwrap();
    group.bench_function("the same with nodata", |bencher| bencher.iter(|| stream(&index)));
    let bytes = swath::raster([1, side, side], |_, y, x| (y * 3 + x) as u8).unwrap();
    group.throughput(Throughput::Bytes((side * side) as u64));
    for (name, windows) in
        [("3 × 3 around each pixel", bytes.focal([3, 3])), ("2 × 2 side by side", bytes.coarsen([1, 2, 2]))]
    {
        let (mean, max) = (windows.as_ref().unwrap().mean().unwrap(), windows.unwrap().max().unwrap());
        group.bench_function(format!("mean of {name}, 2048² u8"), |bencher| bencher.iter(|| stream(&mean)));
        group.bench_function(format!("max of {name}, 2048² u8"), |bencher| bencher.iter(|| stream(&max)));
    }
    group.finish();
}

/// Computes a raster on this thread, chunk by chunk.
fn stream(raster: &LazyRaster) {
    for chunk in Run::serial().chunks(raster).unwrap() {
        black_box(chunk.unwrap());
    }
}

fn drawing(criterion: &mut Criterion) {
    let side = 8000;
    let one = |bands| swath::raster([bands, 1, 1], |_, _, _| 1u8).unwrap().repeat([1, side, side]).unwrap();
    let visual = one(3).rechunk(&[3, 80, 80]).unwrap();
    let masked = visual.mask(&one(1).squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap();
    criterion.bench_function("operations of 10 000 chunks as DOT", |bencher| {
        bencher.iter(|| black_box(masked.to_dot(swath::Detail::Operations).unwrap()));
    });
}

criterion_group!(benches, kernels, drawing);
criterion_main!(benches);
