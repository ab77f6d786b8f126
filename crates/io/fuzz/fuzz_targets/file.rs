//! Whole files: opened, told of, and all levels and masks read block by block.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| swath_io_fuzz::read_file(data));
