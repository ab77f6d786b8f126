//! How fast operations on pixels are beside what memory allows: a table of operations and dtypes.
//!
//! Rasters in memory, larger than caches, are computed on one thread block by block into buffers that are used again. Beside
//! them, in the same rounds, bare loops go over as many bytes: one that only reads blocks and one that only writes a buffer.
//! An operation that is as fast as memory takes as long as reading what it reads and writing what it writes.
//!
//! A word after `--` picks the operations that have it in their names.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use swath::{DType, Fill, LazyRaster, Overflow, Pixel, Run, Scalar};
use swath_core::testing::chunked;

/// As the command has it: kernels are measured, not the page faults of glibc's `malloc` (docs/design/decisions.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COLUMNS: usize = 8192;
/// Of a raster, more than caches hold.
const BYTES: usize = 128 << 20;
/// Rows of a block, which are whole: half a megapixel.
const BLOCK_ROWS: usize = 64;
const ROUNDS: usize = 9;

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    println!(
        "GB/s read and written on one thread, and how many times as long as bare loops take to read and to write as much."
    );
    println!();
    println!("| operation | {} |", DTYPES.map(DType::name).join(" | "));
    println!("|---|{}", "---|".repeat(DTYPES.len()));
    let memory = DTYPES.map(Memory::of);
    row("bare loop that reads", memory.iter().map(|memory| rate(memory.bytes(), fastest([&mut || memory.read()]))));
    row("bare loop that writes", memory.iter().map(|memory| rate(memory.bytes(), fastest([&mut || memory.write()]))));
    row("copy", memory.iter().map(|memory| rate(2.0 * memory.bytes(), fastest([&mut || memory.copy()]))));
    for operation in OPERATIONS {
        if wanted.as_ref().is_none_or(|wanted| operation.name.contains(wanted)) {
            row(operation.name, DTYPES.iter().zip(&memory).map(|(dtype, memory)| operation.cell(*dtype, memory)));
        }
    }
}

fn row(name: &str, cells: impl Iterator<Item = String>) {
    println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

const DTYPES: [DType; 6] = [DType::U8, DType::U16, DType::I16, DType::I32, DType::F32, DType::F64];

/// An operation on two rasters and a condition, or on some of them.
struct Operation {
    name: &'static str,
    build: fn(&LazyRaster, &LazyRaster, &LazyRaster) -> swath::Result<LazyRaster>,
    /// How many rasters it reads, and whether it reads the condition.
    reads: (usize, bool),
}

static OPERATIONS: &[Operation] = &[
    Operation { name: "`x > v`", reads: (1, false), build: |x, _, _| x.gt(40) },
    Operation { name: "`x == v`, nodata", reads: (1, false), build: |x, _, _| x.with_nodata(0)?.eq(40) },
    Operation { name: "`x < y`", reads: (2, false), build: |x, y, _| x.lt(y) },
    Operation { name: "`x < y`, nodata", reads: (2, false), build: |x, y, _| x.with_nodata(0)?.lt(&y.with_nodata(0)?) },
    Operation { name: "`isin` of 2", reads: (1, false), build: |x, _, _| x.isin([8, 9]) },
    Operation { name: "`isin` of 8", reads: (1, false), build: |x, _, _| x.isin([1, 2, 3, 5, 8, 13, 21, 34]) },
    Operation { name: "`mask(c, v)`", reads: (1, true), build: |x, _, c| x.mask(c, 7) },
    Operation { name: "`mask(c, nodata)`", reads: (1, true), build: |x, _, c| x.with_nodata(0)?.mask(c, Fill::Nodata) },
    Operation { name: "`c.if_else(x, y)`", reads: (2, true), build: |x, y, c| c.if_else(x, y) },
    Operation { name: "`x + v`", reads: (1, false), build: |x, _, _| x.add(3) },
    Operation { name: "`x + y`", reads: (2, false), build: |x, y, _| x.add(y) },
    Operation {
        name: "`x + y`, nodata",
        reads: (2, false),
        build: |x, y, _| x.with_nodata(0)?.add(&y.with_nodata(0)?),
    },
    Operation { name: "`x - y`", reads: (2, false), build: |x, y, _| x.sub(y) },
    Operation { name: "`x * y`", reads: (2, false), build: |x, y, _| x.mul(y) },
    Operation {
        name: "`x * y`, nodata",
        reads: (2, false),
        build: |x, y, _| x.with_nodata(0)?.mul(&y.with_nodata(0)?),
    },
    Operation { name: "`x / y`", reads: (2, false), build: |x, y, _| x.div(y) },
    Operation {
        name: "`x / y`, nodata",
        reads: (2, false),
        build: |x, y, _| x.with_nodata(0)?.div(&y.with_nodata(0)?),
    },
    Operation { name: "`minimum(x, y)`", reads: (2, false), build: |x, y, _| x.minimum(y) },
    Operation {
        name: "`minimum(x, y)`, nodata",
        reads: (2, false),
        build: |x, y, _| x.with_nodata(0)?.minimum(&y.with_nodata(0)?),
    },
    Operation {
        name: "cast to u8, saturating",
        reads: (1, false),
        build: |x, _, _| x.cast(DType::U8, Overflow::Saturate),
    },
    Operation {
        name: "cast to u8, or an error",
        reads: (1, false),
        build: |x, _, _| x.cast(DType::U8, Overflow::Error),
    },
    Operation {
        name: "cast to i16, or an error, nodata",
        reads: (1, false),
        build: |x, _, _| x.with_nodata(0)?.cast(DType::I16, Overflow::Error),
    },
    Operation { name: "cast to f32", reads: (1, false), build: |x, _, _| x.cast(DType::F32, Overflow::Saturate) },
    Operation { name: "`sqrt(x)`", reads: (1, false), build: |x, _, _| x.sqrt() },
    Operation { name: "`valid(x)`", reads: (1, false), build: |x, _, _| x.with_nodata(0)?.valid() },
    Operation { name: "`fill_nodata(x)`", reads: (1, false), build: |x, _, _| x.with_nodata(0)?.fill_nodata(9) },
    Operation { name: "`(x - y) / (x + y)`", reads: (2, false), build: |x, y, _| x.normalized_difference(y) },
    Operation {
        name: "`(x - y) / (x + y)`, nodata",
        reads: (2, false),
        build: |x, y, _| x.with_nodata(0)?.normalized_difference(&y.with_nodata(0)?),
    },
];

/// Values from 1 to 96 and some 0, which every dtype and the product of every two of them holds.
fn rasters<T: Pixel>() -> [LazyRaster; 2] {
    let table: Vec<T> = (0..97 * 89).map(|at| T::from_scalar(Scalar::from(at * at % 97))).collect();
    let rows = rows(T::DTYPE);
    [3, 5].map(|step| in_blocks(rows, |y, x| table[(y * 31 + x * step) % table.len()]))
}

const fn rows(dtype: DType) -> usize {
    BYTES / COLUMNS / dtype.size()
}

fn in_blocks<T: Pixel>(rows: usize, pixel: impl Fn(usize, usize) -> T) -> LazyRaster {
    chunked([1, rows, COLUMNS], [1, BLOCK_ROWS, COLUMNS], |_, y, x| pixel(y, x))
}

fn rasters_of(dtype: DType) -> [LazyRaster; 2] {
    match dtype {
        DType::U8 => rasters::<u8>(),
        DType::U16 => rasters::<u16>(),
        DType::I16 => rasters::<i16>(),
        DType::I32 => rasters::<i32>(),
        DType::F32 => rasters::<f32>(),
        _ => rasters::<f64>(),
    }
}

impl Operation {
    /// GB/s, and how many times as long as bare loops over as many bytes it takes.
    fn cell(&self, dtype: DType, memory: &Memory) -> String {
        let [x, y] = rasters_of(dtype);
        let condition = in_blocks(rows(dtype), |y, x| (x / 3 + y) % 5 == 0);
        let Ok(raster) = (self.build)(&x, &y, &condition) else { return "—".to_owned() };
        let (rasters, reads_condition) = self.reads;
        let read = (rasters as u64 * x.byte_len() + u64::from(reads_condition) * condition.byte_len()) as f64;
        let written = raster.byte_len() as f64;
        let [seconds, to_read, to_write] =
            fastest([&mut || stream(&raster), &mut || memory.read(), &mut || memory.write()]);
        let least = (read * to_read + written * to_write) / memory.bytes();
        format!("{} ({:.2})", rate(read + written, [seconds]), seconds / least)
    }
}

/// The least seconds of each, done in turns: what else the machine does meets all of them.
fn fastest<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (least, run) in least.iter_mut().zip(&mut runs) {
            let start = Instant::now();
            run();
            *least = least.min(start.elapsed().as_secs_f64());
        }
    }
    least
}

/// Computes a raster on this thread, chunk by chunk.
fn stream(raster: &LazyRaster) {
    for chunk in Run::serial().chunks(raster).unwrap() {
        black_box(chunk.unwrap());
    }
}

fn rate(bytes: f64, [seconds]: [f64; 1]) -> String {
    format!("{:.1}", bytes / seconds / 1e9)
}

/// As many bytes as a raster has, in blocks, for bare loops.
struct Memory {
    blocks: Vec<Vec<u64>>,
    buffer: RefCell<Vec<u64>>,
}

impl Memory {
    fn of(dtype: DType) -> Self {
        let words = BLOCK_ROWS * COLUMNS * dtype.size() / size_of::<u64>();
        let count = rows(dtype) / BLOCK_ROWS;
        Self {
            blocks: (0..count).map(|block| (0..words).map(|at| (at + block) as u64).collect()).collect(),
            buffer: RefCell::new(vec![0; words]),
        }
    }

    fn bytes(&self) -> f64 {
        (self.blocks.len() * size_of_val(&*self.blocks[0])) as f64
    }

    fn read(&self) {
        for block in &self.blocks {
            black_box(block.iter().fold(0, |all, word| all ^ word));
        }
    }

    fn write(&self) {
        let mut buffer = self.buffer.borrow_mut();
        for block in &self.blocks {
            black_box(&mut *buffer).fill(block[0]);
        }
    }

    fn copy(&self) {
        for block in &self.blocks {
            drop(black_box(block.clone()));
        }
    }
}
