//! A block of the codec whose name the program has.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| swath_io_fuzz::decode_block(env!("CARGO_BIN_NAME"), data));
