//! The two streams: results to standard output, the rest to standard error.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::failure::Failure;

/// Writes a result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Hushed,
        _ => Failure::io("cannot write to standard output", &error),
    })
}

/// Writes a line for the person who waits. Where that is not possible there is nobody to tell.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a small file.
pub(crate) fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(format_args!("cannot write {}", path.display()), &error))
}
