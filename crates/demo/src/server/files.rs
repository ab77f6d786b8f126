//! What there is to serve: files under a root, and files in memory.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::RwLock;

#[derive(Debug, Default)]
pub(super) struct Files {
    root: Option<PathBuf>,
    memory: RwLock<HashMap<String, InMemory>>,
}

#[derive(Debug, Clone)]
struct InMemory {
    bytes: Arc<[u8]>,
    etag: String,
    modified: SystemTime,
}

/// An existing file, ready to be read.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) content: Content,
    pub(super) size: u64,
    pub(super) media_type: &'static str,
    pub(super) etag: String,
    pub(super) modified: SystemTime,
}

#[derive(Debug)]
pub(super) enum Content {
    File(File),
    Memory(Arc<[u8]>),
}

impl Files {
    pub(super) fn under(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        if !root.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is no directory", root.display())));
        }
        Ok(Self { root: Some(root), memory: RwLock::default() })
    }

    /// Puts a file in memory; returns its ETag.
    pub(super) fn put(&self, name: &str, bytes: Arc<[u8]>) -> String {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:x}-{:x}\"", bytes.len(), hasher.finish());
        let file = InMemory { bytes, etag: etag.clone(), modified: SystemTime::now() };
        self.memory.write().insert(name.trim_start_matches('/').to_owned(), file);
        etag
    }

    /// The file at a decoded path with a slash in front; none where there is none, or where the path leaves the root.
    pub(super) fn find(&self, path: &str) -> Option<Resource> {
        let name = path.strip_prefix('/')?;
        let media_type = media_type(name);
        if let Some(InMemory { bytes, etag, modified }) = self.memory.read().get(name).cloned() {
            return Some(Resource {
                size: bytes.len() as u64,
                content: Content::Memory(bytes),
                media_type,
                etag,
                modified,
            });
        }
        let file = File::open(self.locate(name)?).ok()?;
        let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
        let (size, modified) = (metadata.len(), metadata.modified().ok()?);
        let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Some(Resource {
            content: Content::File(file),
            size,
            media_type,
            etag: format!("\"{size:x}-{age:x}\""),
            modified,
        })
    }

    fn locate(&self, name: &str) -> Option<PathBuf> {
        let root = self.root.as_ref()?;
        // Nothing outside the root may even be looked at, so `..` is refused before links are followed.
        if !Path::new(name).components().all(|component| matches!(component, Component::Normal(_))) {
            return None;
        }
        root.join(name).canonicalize().ok().filter(|path| path.starts_with(root))
    }
}

impl Content {
    /// Appends `length` bytes from `offset` on to `out`.
    pub(super) fn append(&mut self, offset: u64, length: usize, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => out.extend_from_slice(&bytes[offset as usize..][..length]),
            Self::File(file) => {
                let start = out.len();
                out.resize(start + length, 0);
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(&mut out[start..])?;
            }
        }
        Ok(())
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("tif" | "tiff") => "image/tiff",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
