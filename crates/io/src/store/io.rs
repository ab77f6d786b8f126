//! The runtime, the connections and the limits that files share.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use swath_core::error::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::client::Client;
use super::cloud::{self, Cloud, Retries, StoredObject};
use super::host::Host;
use super::options::StoreOptions;
use crate::codec::Codecs;
use crate::codec::scratch::ScratchPool;

/// Limits of an [`Io`].
///
/// ```
/// use swath_io::store::{Io, IoOptions};
/// let io = Io::with_options(IoOptions { attempts: 2, ..IoOptions::default() })?;
/// # Ok::<(), swath_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct IoOptions {
    /// Requests in flight per host at most; more wait, and files take turns. 256.
    ///
    /// It begins with 32 (with this, if it is less), takes more while more bring more per second, and half as many
    /// whenever the host throttles (429, 503) or connections break. 32 here is what never goes above 32.
    pub requests_per_host: usize,
    /// How often one range is asked for before it fails: 5.
    pub attempts: u32,
    /// Pause after the first failed attempt, doubled after each further one, jittered: 200 ms.
    pub backoff: Duration,
    /// How long connecting may take: 10 s.
    pub connect_timeout: Duration,
    /// How long a connection may stay silent: 30 s. There is no limit on a whole request, which would make large
    /// ranges fail for good on thin lines.
    pub read_timeout: Duration,
    /// How long a store may take for a part of a file that is written, 8 to 16 MiB, and to put parts together; a server,
    /// for each 8 MiB of a file: 10 minutes.
    pub upload_timeout: Duration,
    /// Bytes of the first request of a remote file: 32 KiB. A Cloud-Optimized GeoTIFF's directories lie there unless it
    /// has more than about a thousand blocks, or many overviews.
    pub start_bytes_remote: u64,
    /// Bytes of the first read of a local file: 64 KiB.
    pub start_bytes_local: u64,
    /// The largest object that is fetched whole from a server which ignores byte ranges: 64 MiB.
    pub whole_bytes_max: u64,
    /// Codecs beside those of this build, by compression number: none.
    pub codecs: Codecs,
    /// How stores are reached: as the environment says, see [`StoreOptions`].
    pub store: StoreOptions,
}

impl Default for IoOptions {
    fn default() -> Self {
        Self {
            requests_per_host: 256,
            attempts: 5,
            backoff: Duration::from_millis(200),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(600),
            start_bytes_remote: 32 << 10,
            start_bytes_local: 64 << 10,
            whole_bytes_max: 64 << 20,
            codecs: Codecs::new(),
            store: StoreOptions::new(),
        }
    }
}

/// What files are opened with: one runtime for network waits, connections kept open, limits per host.
///
/// A cheap handle. Files keep their `Io`; the runtime stops with the last handle, and requests still under way end with
/// it. Local files need no runtime: they are read on the calling thread.
#[derive(Clone)]
pub struct Io {
    inner: Arc<Inner>,
    /// Those of the options, or others.
    store: Arc<StoreOptions>,
}

struct Inner {
    options: IoOptions,
    handle: Handle,
    reading: OnceLock<Client>,
    writing: OnceLock<Client>,
    clouds: Mutex<VecDeque<OpenCloud>>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    scratch: ScratchPool,
    /// Dropping it ends the thread that runs the runtime; absent where the runtime is the caller's.
    _stop: Option<oneshot::Sender<()>>,
}

/// A store that was opened, with the credentials that it got since.
struct OpenCloud {
    root: String,
    options: Arc<StoreOptions>,
    retries: Retries,
    cloud: Arc<dyn Cloud>,
}

/// Stores that are kept open; who uses one keeps it by himself, too.
const CLOUDS_MAX: usize = 64;

/// The one global of swath: the `Io` behind `swath::open`, while anybody holds it.
static SHARED: Mutex<Weak<Inner>> = Mutex::new(Weak::new());

impl Io {
    /// A new `Io` with its own runtime, on one thread named `swath-io`.
    ///
    /// # Errors
    /// `Unavailable` where the system gives no thread or event queue.
    pub fn new() -> Result<Self> {
        Self::with_options(IoOptions::default())
    }

    /// As [`new`](Self::new), with these limits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(options: IoOptions) -> Result<Self> {
        let failed = |cause| Error::with_source(ErrorKind::Unavailable, "cannot start the I/O thread", cause);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        // The thread is never joined: the last handle may be dropped inside a runtime, where waiting is not allowed.
        let run = move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("swath-io".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self::of(options, handle, Some(stop)))
    }

    /// An `Io` on the caller's runtime, which must have its I/O and time drivers enabled and outlive the `Io`.
    ///
    /// Use the `async` calls inside a current-thread runtime: a blocking call there would wait for itself, and is an
    /// error instead.
    pub fn on(handle: Handle) -> Self {
        Self::on_with_options(handle, IoOptions::default())
    }

    /// As [`on`](Self::on), with these limits.
    pub fn on_with_options(handle: Handle, options: IoOptions) -> Self {
        Self::of(options, handle, None)
    }

    /// The one that all callers without their own share: started at first use, stopped with its last handle.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn shared() -> Result<Self> {
        let mut shared = SHARED.lock();
        if let Some(inner) = shared.upgrade() {
            return Ok(Self::handle(inner));
        }
        let io = Self::new()?;
        *shared = Arc::downgrade(&io.inner);
        Ok(io)
    }

    /// The same runtime, connections and limits, but with stores reached in another way.
    #[must_use]
    pub fn with_store(&self, store: StoreOptions) -> Self {
        Self { inner: Arc::clone(&self.inner), store: Arc::new(store) }
    }

    /// How it reaches stores.
    pub fn store(&self) -> &StoreOptions {
        &self.store
    }

    /// Its limits.
    pub fn options(&self) -> &IoOptions {
        &self.inner.options
    }

    fn of(options: IoOptions, handle: Handle, stop: Option<oneshot::Sender<()>>) -> Self {
        let (hosts, scratch, clouds) = Default::default();
        Self::handle(Arc::new(Inner {
            options,
            handle,
            reading: OnceLock::new(),
            writing: OnceLock::new(),
            clouds,
            hosts,
            scratch,
            _stop: stop,
        }))
    }

    fn handle(inner: Arc<Inner>) -> Self {
        let store = Arc::new(inner.options.store.clone());
        Self { inner, store }
    }

    /// What files of this decode with.
    pub(crate) fn scratch(&self) -> &ScratchPool {
        &self.inner.scratch
    }

    /// Starts `future` on the runtime. Aborting drops it there: its sockets, permits and sleeps end.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.inner.handle.spawn(future).abort_handle()
    }

    /// Runs `future` on the runtime and waits for it on any executor; the `async` door. Who stops waiting aborts it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let _abort = AbortOnDrop(self.spawn(async move { drop(reply.send(future.await)) }));
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Whether this thread is one of the runtime's.
    fn is_here(&self) -> bool {
        Handle::try_current().is_ok_and(|here| here.id() == self.inner.handle.id())
    }

    /// Whether this thread may block until the runtime has done something: not if it is the one that runs it.
    pub(super) fn may_wait(&self) -> bool {
        !(self.is_here() && self.inner.handle.runtime_flavor() == RuntimeFlavor::CurrentThread)
    }

    /// Runs `future` on the runtime and blocks this thread until it is done; the blocking door.
    ///
    /// # Errors
    /// `InvalidInput` where this thread is the one that would have to run it.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        if !self.may_wait() {
            return Err(Error::invalid(
                "a blocking call inside the current-thread runtime that runs swath's I/O would wait for itself: use the \
                 async call, or an Io with its own runtime",
            ));
        }
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let _never_aborted = self.spawn(async move { drop(reply.send(future.await)) });
        let wait = || answer.recv().unwrap_or_else(|_| Err(stopped()));
        match self.is_here() {
            // Subtle: the task may stand in this worker's own slot, from which no other worker steals.
            true => tokio::task::block_in_place(wait),
            false => wait(),
        }
    }

    /// The connections that all files share which are read.
    pub(super) fn client(&self) -> Result<Client> {
        shared(&self.inner.reading, || Client::reading(self.options()))
    }

    /// The store of an object. One that was opened before is used again, as it may have had to ask for credentials.
    pub(super) fn cloud(&self, object: &StoredObject, retries: Retries) -> Result<Arc<dyn Cloud>> {
        let root = object.root();
        let mut clouds = self.inner.clouds.lock();
        let is_it = |open: &&OpenCloud| open.retries == retries && open.root == root && open.options == self.store;
        if let Some(open) = clouds.iter().find(is_it) {
            return Ok(Arc::clone(&open.cloud));
        }
        let client = match retries {
            Retries::Caller => self.client()?,
            Retries::Store => shared(&self.inner.writing, || Client::writing(self.options()))?,
        };
        let cloud = cloud::open(object, &self.store, client, retries.config(self.options()))?;
        if clouds.len() == CLOUDS_MAX {
            clouds.pop_front();
        }
        clouds.push_back(OpenCloud { root, options: Arc::clone(&self.store), retries, cloud: Arc::clone(&cloud) });
        Ok(cloud)
    }

    /// What gives the permits to have a request in flight to a host.
    pub(super) fn host(&self, name: String) -> Arc<Host> {
        let requests_max = self.inner.options.requests_per_host;
        Arc::clone(self.inner.hosts.lock().entry(name).or_insert_with(|| Host::new(requests_max)))
    }
}

/// What was made before, or is made now.
fn shared(client: &OnceLock<Client>, make: impl FnOnce() -> Result<Client>) -> Result<Client> {
    if let Some(client) = client.get() {
        return Ok(client.clone());
    }
    let made = make()?;
    Ok(client.get_or_init(|| made).clone())
}

/// Ends a task that nobody waits for any more; one that has ended does not mind.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "the runtime that runs swath's I/O has been stopped")
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("options", &self.inner.options).field("store", &self.store).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocking_call_inside_the_current_thread_runtime_it_needs_is_an_error() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let io = Io::on(runtime.handle().clone());
        let error = runtime.block_on(async { io.wait(async { Ok(1) }) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("use the async call"), "{error}");
        assert_eq!(runtime.block_on(io.run(async { Ok(1) })).unwrap(), 1);
    }

    #[test]
    fn a_blocking_call_inside_another_runtime_works() {
        let io = Io::new().unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(async { io.wait(async { Ok(1) }) }).unwrap(), 1);
    }

    #[test]
    fn a_blocking_call_on_a_worker_of_the_given_runtime_works() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let io = Io::on(runtime.handle().clone());
        let task = runtime.spawn(async move { io.wait(async { Ok(1) }) });
        assert_eq!(runtime.block_on(task).unwrap().unwrap(), 1);
    }

    #[test]
    fn the_last_handle_may_be_dropped_inside_a_runtime() {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { drop(Io::new().unwrap()) });
    }

    #[test]
    fn a_stopped_runtime_is_an_error() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let io = Io::on(runtime.handle().clone());
        runtime.shutdown_background();
        assert_eq!(io.wait(async { Ok(()) }).unwrap_err().kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn the_shared_io_is_one_while_it_is_held() {
        let first = Io::shared().unwrap();
        assert!(Arc::ptr_eq(&first.inner, &Io::shared().unwrap().inner));
    }
}
