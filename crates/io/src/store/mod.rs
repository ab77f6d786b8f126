//! Where bytes come from: local files, HTTP objects and object stores, read by ranges, with retries and limits.
//!
//! Knows nothing of TIFF. [`Io`] owns the runtime and the connections; a [`File`] is one readable object and keeps
//! its `Io` alive. Blocking and `async` calls are two doors to one implementation.

mod client;
mod cloud;
mod failure;
mod file;
mod host;
mod io;
mod limit;
mod local;
mod location;
mod options;
mod put;
mod remote;
mod retry;
mod turns;
mod upload;

pub use cloud::{StoreKind, StoredObject};
pub(crate) use file::ready;
pub use file::{File, Start, read_all, read_all_async};
pub use io::{Io, IoOptions};
pub(crate) use location::shown;
pub use location::{Location, join_url};
pub use options::{SignerError, StoreOptions};
pub(crate) use put::put_file;
pub(crate) use upload::{Destination, Parts};
