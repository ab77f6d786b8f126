//! Where a file's bytes go: all or nothing.
//!
//! A target takes the blocks in order and at last the head, which stands in front of them: what a local file does by
//! a seek, an object store does by numbering the part with the head first and taking it last ([`Stream`]). A server that
//! takes files whole gets one that waited on the disk. A target that is dropped before it was finished leaves nothing
//! behind.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use swath_core::error::{Error, ErrorKind, Result};
use url::Url;

use super::stream::{Cut, Stream};
use crate::store::{self, Destination, Io, put_file, shown};

/// Small blocks are collected to writes of this many bytes.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// An output under way.
pub(super) trait Target: fmt::Debug + Send {
    /// Writes the next bytes behind those written so far.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes the next bytes: so many of `file`, from where it stands.
    fn append_file(&mut self, file: &mut File, length: u64) -> io::Result<()>;

    /// Writes `head` into the room left in front, and makes the output visible.
    fn finish(self: Box<Self>, head: &[u8]) -> io::Result<()>;
}

/// What a store must expect of a file of any content.
const WHOLE_BYTES_MAX: u64 = 32 << 30;

/// Writes a file of any content, all or nothing: `content` writes it beside its name, and it is renamed at the end; one
/// at a URI is sent at the end, or in parts.
///
/// # Errors
/// `NotFound` where the directory does not exist, `InvalidInput` where the path names no file that can be written,
/// `Unavailable` where writing fails.
pub fn write_whole(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let location = Location::parse(path, None)?;
    let mut target = location.create(0, WHOLE_BYTES_MAX, false, None)?;
    let written = content(&mut Appending(target.as_mut())).and_then(|()| target.finish(&[]));
    written.map_err(|error| failed(format!("cannot write {}", location.name()), error))
}

/// A target as a writer.
struct Appending<'a>(&'a mut dyn Target);

impl Write for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of what is written to, with its own kind where it has one.
pub(super) fn failed(doing: impl Into<String>, error: io::Error) -> Error {
    let own = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    let kind = own.map_or(ErrorKind::Unavailable, Error::kind);
    Error::with_source(kind, doing, error)
}

/// What an output is called, resolved to where it can be written.
#[derive(Debug, Clone)]
pub(super) struct Location {
    name: String,
    place: Place,
}

/// Where an output goes.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A local file.
    Local(PathBuf),
    /// A server that takes files by PUT.
    Url(Io, Url),
    /// An object of a store.
    Store(Destination),
}

impl Location {
    /// The location of a path or URI, reached through `io`, or through the shared one.
    ///
    /// # Errors
    /// `InvalidInput` where there is no file name, or the URI is none; where a store's settings are wrong.
    pub(super) fn parse(path_or_uri: &Path, io: Option<&Io>) -> Result<Self> {
        let io = || io.cloned().map_or_else(Io::shared, Ok);
        let uri = path_or_uri.to_str().filter(|text| text.contains("://"));
        let name = uri.map_or_else(|| path_or_uri.display().to_string(), shown);
        let cannot = |why: &dyn fmt::Display| Error::invalid(format!("cannot write {name}: {why}"));
        let place = match uri.map(|uri| store::Location::understand(uri).map_err(|why| cannot(&why))).transpose()? {
            None => Place::Local(path_or_uri.to_path_buf()),
            Some(store::Location::Path(path)) => Place::Local(path),
            Some(store::Location::Http(url)) => Place::Url(io()?, url),
            Some(store::Location::Store(object)) => {
                let destination = Destination::new(&io()?, &object);
                Place::Store(destination.map_err(|error| error.context(format!("cannot write {name}")))?)
            }
        };
        let name = match &place {
            Place::Local(path) if path.file_name().is_none() => {
                return Err(Error::invalid(format!("cannot write \"{}\": it names no file", path.display())));
            }
            Place::Local(path) => path.display().to_string(),
            Place::Url(..) | Place::Store(_) => name,
        };
        Ok(Self { name, place })
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// The folder for files that wait: that in which the output will lie, or the system's.
    pub(super) fn directory(&self) -> PathBuf {
        match &self.place {
            Place::Local(path) => directory_of(&resolve_link(path)).to_path_buf(),
            Place::Url(..) | Place::Store(_) => std::env::temp_dir(),
        }
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The most bytes that are held of a file of at most `bytes_max` behind a head of `head_len` while it is written.
    pub(super) fn held_bytes(&self, head_len: u64, bytes_max: u64) -> u64 {
        match self.place {
            Place::Local(_) | Place::Url(..) => 0,
            Place::Store(_) => Cut::new(head_len, bytes_max).held_bytes(bytes_max),
        }
    }

    /// Starts the output of at most `bytes_max` bytes behind a head of `head_len`. `sync` says whether to wait for the
    /// disk at the end.
    ///
    /// # Errors
    /// `NotFound` where the directory does not exist, `InvalidInput` where something that is no file has the name,
    /// `Unavailable` where the directory cannot be written.
    pub(super) fn create(
        &self,
        head_len: u64,
        bytes_max: u64,
        sync: bool,
        disk_bytes: Option<u64>,
    ) -> Result<Box<dyn Target>> {
        match &self.place {
            Place::Local(path) => self.create_local(path, head_len, sync, disk_bytes),
            Place::Url(io, url) => {
                let end = End::Put { io: io.clone(), url: url.clone() };
                let target = tempfile::tempfile().and_then(|file| FileTarget::boxed(Box::new(file), head_len, end));
                target.map_err(|error| {
                    failed(format!("cannot write {}: cannot create a temporary file", self.name), error)
                })
            }
            Place::Store(to) => Ok(Box::new(Stream::new(to.clone(), Cut::new(head_len, bytes_max)))),
        }
    }

    fn create_local(&self, path: &Path, head_len: u64, sync: bool, disk_bytes: Option<u64>) -> Result<Box<dyn Target>> {
        let path = resolve_link(path);
        let cannot = |why: &str| format!("cannot write {}: {why}", self.name());
        if let Ok(metadata) = fs::metadata(&path)
            && !metadata.is_file()
        {
            let what = if metadata.is_dir() { "it is a directory" } else { "it is no regular file" };
            return Err(Error::invalid(cannot(what)));
        }
        let directory = directory_of(&path);
        let failed = |error: io::Error| match fs::metadata(directory) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                Error::new(ErrorKind::NotFound, cannot(&format!("directory {} does not exist", directory.display())))
            }
            Ok(metadata) if !metadata.is_dir() => {
                Error::invalid(cannot(&format!("{} is no directory", directory.display())))
            }
            _ => Error::with_source(
                ErrorKind::Unavailable,
                cannot(&format!("cannot create a file in {}", directory.display())),
                error,
            ),
        };
        let (file, temporary) = create_temporary(&path).map_err(failed)?;
        let disk: Box<dyn Disk> = match disk_bytes {
            None => Box::new(file),
            Some(left) => Box::new(SmallDisk { file, left }),
        };
        FileTarget::boxed(disk, head_len, End::Rename { temporary, path: path.clone(), sync }).map_err(failed)
    }
}

/// The file that a symbolic link leads to, so that the link stays; the path itself where there is none.
fn resolve_link(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if is_link { fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()) } else { path.to_path_buf() }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates `.NAME.swath-PID-N.tmp` beside `path`, with the least N that is free.
fn create_temporary(path: &Path) -> io::Result<(File, Temporary)> {
    const ATTEMPTS: usize = 10_000;
    let name = path.file_name().unwrap_or(OsStr::new("output")).to_string_lossy();
    // File systems end names at 255 bytes, and a character has at most 4.
    let name: String = name.chars().take(48).collect();
    let process = std::process::id();
    for number in 0..ATTEMPTS {
        let temporary = directory_of(path).join(format!(".{name}.swath-{process}-{number}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, Temporary { path: temporary })),
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "all names of temporary files are taken"))
}

/// Removes the file when dropped, unless it has been renamed before.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is no such file; any other failure leaves a name that says what it was.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file on the disk, which becomes the output at the end.
#[derive(Debug)]
struct FileTarget {
    // Subtle: dropped in this order, as some systems remove no open file.
    disk: BufWriter<Box<dyn Disk>>,
    end: End,
}

/// How a file becomes the output.
#[derive(Debug)]
enum End {
    /// It lies beside its final name, and is renamed.
    Rename { temporary: Temporary, path: PathBuf, sync: bool },
    /// It has no name, and is sent to a server.
    Put { io: Io, url: Url },
}

impl FileTarget {
    /// With room for a head of `head_len` bytes.
    fn boxed(disk: Box<dyn Disk>, head_len: u64, end: End) -> io::Result<Box<dyn Target>> {
        let mut disk = BufWriter::with_capacity(BUFFER_BYTES, disk);
        disk.seek(SeekFrom::Start(head_len))?;
        Ok(Box::new(Self { disk, end }))
    }
}

impl Target for FileTarget {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_all(bytes)
    }

    fn append_file(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        self.disk.flush()?;
        self.disk.get_mut().append_file(file, length)
    }

    fn finish(self: Box<Self>, head: &[u8]) -> io::Result<()> {
        let Self { mut disk, end } = *self;
        disk.seek(SeekFrom::Start(0))?;
        disk.write_all(head)?;
        disk.flush()?;
        match end {
            End::Put { io, url } => put_file(&io, &url, disk.get_ref().file()).map_err(io::Error::other),
            End::Rename { temporary, path, sync } => {
                if sync {
                    disk.get_ref().file().sync_all()?;
                }
                drop(disk);
                fs::rename(&temporary.path, &path)?;
                if sync { sync_directory(directory_of(&path)) } else { Ok(()) }
            }
        }
    }
}

/// Makes the rename survive a loss of power.
fn sync_directory(directory: &Path) -> io::Result<()> {
    // Other systems open no directories, and order renames themselves.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// What bytes are written to at last.
trait Disk: Write + Seek + fmt::Debug + Send {
    fn file(&self) -> &File;

    fn append_file(&mut self, file: &mut File, length: u64) -> io::Result<()>;
}

impl Disk for File {
    fn file(&self) -> &File {
        self
    }

    fn append_file(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        // From file to file, which some systems do without reading.
        match io::copy(&mut file.take(length), self)? {
            taken if taken == length => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A disk that is full after so many bytes: for tests.
#[derive(Debug)]
struct SmallDisk {
    file: File,
    left: u64,
}

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for SmallDisk {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

impl Disk for SmallDisk {
    fn file(&self) -> &File {
        &self.file
    }

    fn append_file(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(length).ok_or(io::ErrorKind::StorageFull)?;
        self.file.append_file(file, length)
    }
}
