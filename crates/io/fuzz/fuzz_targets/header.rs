//! Directories and tags out of any bytes, fed in pieces as small as the parser asks for.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use swath_io::read::header::{Parser, Step};
use swath_io_fuzz::limits;

fuzz_target!(|data: &[u8]| {
    let size = data.len() as u64;
    let start = Bytes::copy_from_slice(&data[..data.len().min(16)]);
    let mut parser = Parser::new("fuzzed", size, start, 0, &limits());
    // Each request brings bytes that were not there, and requests grow: more than these would be a loop.
    for _ in 0..1 + data.len() {
        match parser.step() {
            Ok(Step::Need(range)) => {
                assert!(range.start < range.end && range.end <= size, "{range:?} of {size} bytes are asked for");
                parser.feed(range.start, Bytes::copy_from_slice(&data[range.start as usize..range.end as usize]));
            }
            Ok(Step::Done(_)) | Err(_) => return,
        }
    }
    panic!("{size} bytes are asked for again and again");
});
