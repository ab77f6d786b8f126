//! One local file, read by position on the calling thread.

use std::fs::File;
use std::io::ErrorKind as IoKind;
use std::path::Path;

use swath_core::error::{Error, ErrorKind, Result};

/// An open file; reading by position leaves nothing to lock.
#[derive(Debug)]
pub(super) struct LocalFile {
    name: String,
    file: Positional,
    size: u64,
}

impl LocalFile {
    pub(super) fn open(name: &str, path: &Path) -> Result<Self> {
        let failed = |cause| io_error(format!("cannot open {name}"), cause);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::new(ErrorKind::NotFound, format!("cannot open {name}: it is a directory")));
        }
        Ok(Self { name: name.to_owned(), file: Positional::new(file), size: metadata.len() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Fills `out` with the bytes from `offset` on.
    pub(super) fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(out, offset).map_err(|cause| {
            let doing = format!("cannot read bytes {offset}..{} of {}", offset + out.len() as u64, self.name);
            match cause.kind() {
                IoKind::UnexpectedEof => {
                    Error::new(ErrorKind::Unavailable, format!("{doing}: the file was changed while being read"))
                }
                _ => io_error(doing, cause),
            }
        })
    }
}

/// An error of the file system, mapped on purpose: what is missing will not come by waiting.
fn io_error(doing: String, cause: std::io::Error) -> Error {
    match cause.kind() {
        IoKind::NotFound | IoKind::NotADirectory => Error::new(ErrorKind::NotFound, format!("{doing}: no such file")),
        IoKind::PermissionDenied => Error::new(ErrorKind::Unavailable, format!("{doing}: permission denied")),
        _ => Error::with_source(ErrorKind::Unavailable, doing, cause),
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Positional(File);

#[cfg(unix)]
impl Positional {
    fn new(file: File) -> Self {
        Self(file)
    }

    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, out, offset)
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Positional(parking_lot::Mutex<File>);

#[cfg(not(unix))]
impl Positional {
    fn new(file: File) -> Self {
        Self(parking_lot::Mutex::new(file))
    }

    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> std::io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.0.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(out)
    }
}
