//! Where bytes come from: local files and HTTP objects, read by ranges, with retries and limits.
//!
//! Knows nothing of TIFF. [`Io`] owns the runtime and the connections; a [`File`] is one readable object and keeps
//! its `Io` alive. Blocking and `async` calls are two doors to one implementation.

mod file;
mod host;
mod http;
mod io;
mod limit;
mod local;
mod location;
mod retry;
mod turns;

pub(crate) use file::ready;
pub use file::{File, Start, read_all, read_all_async};
pub use io::{Io, IoOptions};
pub use location::{Location, join_url};
