//! One readable object, wherever it is.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::source::{Fetched, Fetching, Reply};

use super::io::Io;
use super::local::LocalFile;
use super::location::{Location, shown};
use super::remote::RemoteObject;

/// A readable object: a local file, or an object of a server or a store. A cheap handle that keeps its [`Io`].
#[derive(Clone)]
pub struct File(Arc<Inner>);

struct Inner {
    uri: String,
    name: String,
    io: Io,
    object: Object,
}

enum Object {
    Local(LocalFile),
    Remote(Arc<RemoteObject>),
}

/// The beginning of a file.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its first bytes: as many as asked for, or all of a shorter file.
    pub bytes: Bytes,
    /// Bytes of the whole file.
    pub size: u64,
    /// Requests it took, retries included; 0 for a local file.
    pub requests: u32,
}

impl File {
    /// The object that `uri` names. A local file is opened; nothing is sent to a server yet.
    ///
    /// # Errors
    /// As [`Location::parse`]; `NotFound` where there is no such local file.
    pub fn open(io: &Io, uri: &str) -> Result<Self> {
        let name = shown(uri);
        let location = Location::parse(uri)?;
        let object = match &location {
            Location::Path(path) => Object::Local(LocalFile::open(&name, path)?),
            Location::Http(url) => Object::Remote(Arc::new(RemoteObject::at_url(io, &name, url, location.host())?)),
            Location::Store(object) => {
                Object::Remote(Arc::new(RemoteObject::stored(io, &name, object, location.host())?))
            }
        };
        Ok(Self(Arc::new(Inner { uri: uri.to_owned(), name, io: io.clone(), object })))
    }

    /// The URI as the user wrote it, query and all.
    pub fn uri(&self) -> &str {
        &self.0.uri
    }

    /// The URI as messages show it: without password and query, which may be secrets.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it was opened with.
    pub fn io(&self) -> &Io {
        &self.0.io
    }

    /// Whether reads need no network: a local file, or one that is in memory because its server ignores ranges.
    pub fn is_direct(&self) -> bool {
        match &self.0.object {
            Object::Local(_) => true,
            Object::Remote(object) => object.whole().is_some(),
        }
    }

    /// Bytes of the file that are held in memory.
    pub fn held_bytes(&self) -> u64 {
        match &self.0.object {
            Object::Local(_) => 0,
            Object::Remote(object) => object.whole().map_or(0, |whole| whole.len() as u64),
        }
    }

    /// The first `len` bytes and the size of the file, in one request (two where the server ignores ranges: then the
    /// whole file is fetched, up to [`IoOptions::whole_bytes_max`](super::IoOptions::whole_bytes_max)).
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` where the failure lasts; `Unsupported` for a large file of a server without ranges.
    pub fn read_start(&self, len: u64) -> Result<Start> {
        match &self.0.object {
            Object::Local(file) => local_start(file, len),
            Object::Remote(object) => {
                let object = Arc::clone(object);
                self.0.io.wait(async move { object.start(len).await })
            }
        }
    }

    /// As [`read_start`](Self::read_start), on any executor.
    ///
    /// # Errors
    /// As [`read_start`](Self::read_start).
    pub async fn read_start_async(&self, len: u64) -> Result<Start> {
        match &self.0.object {
            Object::Local(file) => local_start(file, len),
            Object::Remote(object) => {
                let object = Arc::clone(object);
                self.0.io.run(async move { object.start(len).await }).await
            }
        }
    }

    /// The bytes of `range`, all of them.
    ///
    /// # Errors
    /// `Unavailable` where they cannot be had, with byte range and attempts; also where the file was changed since it
    /// was opened.
    pub fn read(&self, range: Range<u64>) -> Result<Fetched> {
        match &self.0.object {
            Object::Local(file) => local_fetch(file, range),
            Object::Remote(object) => {
                let object = Arc::clone(object);
                self.0.io.wait(async move { object.fetch(range).await })
            }
        }
    }

    /// As [`read`](Self::read), on any executor.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_async(&self, range: Range<u64>) -> Result<Fetched> {
        match &self.0.object {
            Object::Local(file) => local_fetch(file, range),
            Object::Remote(object) => {
                let object = Arc::clone(object);
                self.0.io.run(async move { object.fetch(range).await }).await
            }
        }
    }

    /// As [`read`](Self::read), but returns at once; `reply` is called on the I/O thread (on this one for a local file)
    /// and must not block. It is dropped unused where the runtime stops first, or the read is aborted: then the
    /// connection of its request is closed, which may have to be opened anew for another.
    pub fn begin_read(&self, range: Range<u64>, reply: Reply) -> Fetching {
        match &self.0.object {
            Object::Local(file) => {
                reply(local_fetch(file, range));
                Fetching::none()
            }
            Object::Remote(object) => {
                let object = Arc::clone(object);
                let task = self.0.io.spawn(async move { reply(object.fetch(range).await) });
                Fetching::new(move || task.abort())
            }
        }
    }

    /// Fills `out` from `offset` on, where that needs no network ([`is_direct`](Self::is_direct)).
    ///
    /// # Errors
    /// `Unavailable` where the file system fails; `Internal` where the file is not direct.
    pub(crate) fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        match &self.0.object {
            Object::Local(file) => file.read_into(offset, out),
            Object::Remote(object) => {
                let bytes = object.whole().and_then(|whole| {
                    let start = usize::try_from(offset).ok()?;
                    whole.get(start..start.checked_add(out.len())?)
                });
                let bytes = bytes.ok_or_else(|| {
                    Error::new(ErrorKind::Internal, format!("{} must be fetched before it is read", self.name()))
                })?;
                out.copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    async fn all(&self, bytes_max: u64) -> Result<Bytes> {
        match &self.0.object {
            Object::Local(file) if file.size() > bytes_max => Err(Error::unsupported(format!(
                "cannot read {}: its {} bytes are more than {bytes_max}",
                self.name(),
                file.size()
            ))),
            Object::Local(file) => Ok(local_fetch(file, 0..file.size())?.bytes),
            Object::Remote(object) => {
                let object = Arc::clone(object);
                self.0.io.run(async move { object.all(bytes_max).await }).await
            }
        }
    }
}

/// All bytes of a small file, such as a STAC item.
///
/// # Errors
/// As [`File::read`]; `Unsupported` where it has more than `bytes_max` bytes.
pub fn read_all(io: &Io, uri: &str, bytes_max: u64) -> Result<Bytes> {
    let file = File::open(io, uri)?;
    match &file.0.object {
        Object::Local(_) => ready(file.all(bytes_max)),
        Object::Remote(object) => {
            let object = Arc::clone(object);
            io.wait(async move { object.all(bytes_max).await })
        }
    }
}

/// As [`read_all`], on any executor.
///
/// # Errors
/// As [`read_all`].
pub async fn read_all_async(io: &Io, uri: &str, bytes_max: u64) -> Result<Bytes> {
    File::open(io, uri)?.all(bytes_max).await
}

/// The result of a future that waits for nothing.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("local files are read without waiting"),
    }
}

fn local_start(file: &LocalFile, len: u64) -> Result<Start> {
    let bytes = local_fetch(file, 0..file.size().min(len))?.bytes;
    Ok(Start { bytes, size: file.size(), requests: 0 })
}

fn local_fetch(file: &LocalFile, range: Range<u64>) -> Result<Fetched> {
    // The size bounds the allocation: ranges come from what the file says of itself.
    let within = range.start <= range.end && range.end <= file.size();
    let len = within.then(|| usize::try_from(range.end - range.start).ok()).flatten();
    let Some(len) = len else {
        let Range { start, end } = range;
        return Err(Error::corrupt(format!("bytes {start}..{end} lie beyond the end of {}", file.name())));
    };
    let mut bytes = vec![0; len];
    file.read_into(range.start, &mut bytes)?;
    Ok(Fetched { offset: range.start, bytes: bytes.into(), requests: 0 })
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name())
    }
}
