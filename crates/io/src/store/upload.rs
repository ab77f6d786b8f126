//! Objects of stores being written: parts arrive in any order and are put together at the end.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parking_lot::{Condvar, Mutex};
use swath_core::error::{Error, ErrorKind, Result};
use tokio::task::AbortHandle;

use super::cloud::{Cloud, Retries, StoreKind, StoredObject};
use super::failure::{Failure, transport};
use super::io::{Io, stopped};

/// Where an object of a store is to be put.
#[derive(Clone)]
pub(crate) struct Destination {
    io: Io,
    cloud: Arc<dyn Cloud>,
    kind: StoreKind,
    path: Path,
}

impl Destination {
    /// The place of `object`; nothing is sent yet.
    ///
    /// # Errors
    /// `InvalidInput` where settings are wrong, `Unsupported` where this build does not have the store.
    pub(crate) fn new(io: &Io, object: &StoredObject) -> Result<Self> {
        let cloud = io.cloud(object, Retries::Store)?;
        Ok(Self { io: io.clone(), cloud, kind: object.kind, path: object.path() })
    }

    /// A place in memory that takes parts as a store of this kind does.
    #[cfg(test)]
    pub(crate) fn in_memory(io: &Io, kind: StoreKind) -> Self {
        let cloud = Arc::new(object_store::memory::InMemory::new());
        Self { io: io.clone(), cloud, kind, path: Path::from("object") }
    }

    /// What was put there.
    #[cfg(test)]
    pub(crate) fn content(&self) -> Result<Bytes> {
        let Self { cloud, path, .. } = self.clone();
        let get = async move { cloud.get(&path).await?.bytes().await };
        self.io.wait(async move { get.await.map_err(|cause| failed("nothing is there", &cause)) })
    }

    /// Bytes that each part must have, but for the last.
    pub(crate) const fn part_bytes_min(&self) -> u64 {
        match self.kind {
            StoreKind::S3 | StoreKind::Gcs => 5 << 20,
            // None that is empty.
            StoreKind::Azure => 1,
        }
    }

    /// Puts an object that is in memory, in one request.
    pub(crate) fn put(&self, content: Vec<Bytes>) -> Result<()> {
        let Self { cloud, path, .. } = self.clone();
        self.io.wait(async move {
            let put = cloud.put(&path, PutPayload::from_iter(content)).await;
            put.map(drop).map_err(|cause| failed("the upload failed", &cause))
        })
    }

    /// Starts an object of several parts, of which about `in_flight_max` bytes may be on their way at once.
    pub(crate) fn parts(&self, in_flight_max: u64) -> Result<Parts> {
        let Self { cloud, path, .. } = self.clone();
        let created = self.io.wait(async move {
            cloud.create_multipart(&path).await.map_err(|cause| failed("the upload could not be started", &cause))
        });
        let shared = Arc::new(Shared { under_way: Mutex::default(), changed: Condvar::new() });
        Ok(Parts { to: self.clone(), id: created?, in_flight_max, shared, is_over: false })
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({} {})", self.kind, self.path)
    }
}

/// An object under way, part by part. Dropped before it is complete, nothing of it is left.
pub(crate) struct Parts {
    to: Destination,
    id: String,
    in_flight_max: u64,
    shared: Arc<Shared>,
    is_over: bool,
}

struct Shared {
    under_way: Mutex<UnderWay>,
    changed: Condvar,
}

#[derive(Default)]
struct UnderWay {
    bytes: u64,
    tasks: Vec<AbortHandle>,
    /// By number, of parts that have arrived.
    ids: Vec<Option<PartId>>,
    failure: Option<Error>,
}

impl Parts {
    /// Sends part `number`, counted from 0. Waits until there is room for it on the way.
    ///
    /// # Errors
    /// Why this part could not be sent, or an earlier one.
    pub(crate) fn send(&self, number: usize, content: Vec<Bytes>) -> Result<()> {
        let payload = PutPayload::from_iter(content);
        let length = payload.content_length() as u64;
        let mut under_way = self.shared.under_way.lock();
        while under_way.failure.is_none() && under_way.bytes > 0 && under_way.bytes + length > self.in_flight_max {
            self.shared.changed.wait(&mut under_way);
        }
        if let Some(failure) = under_way.failure.take() {
            return Err(failure);
        }
        under_way.bytes += length;
        // Subtle: a runtime that has been stopped drops the task here, which takes the lock.
        drop(under_way);
        let Destination { cloud, path, .. } = self.to.clone();
        let (id, shared) = (self.id.clone(), Arc::clone(&self.shared));
        let on_its_way = OnItsWay { shared, number, length, has_ended: false };
        let task = self.to.io.spawn(async move {
            let sent = cloud.put_part(&path, &id, number, payload).await;
            on_its_way.ended(sent.map_err(|cause| failed(&format!("part {} could not be sent", number + 1), &cause)));
        });
        // One that has ended meanwhile stays in the list, and does not mind to be aborted.
        self.shared.under_way.lock().tasks.push(task);
        Ok(())
    }

    /// Makes the object of the parts, which are numbered without a gap.
    ///
    /// # Errors
    /// Why a part could not be sent, or the object could not be completed.
    pub(crate) fn complete(mut self) -> Result<()> {
        let mut under_way = self.shared.under_way.lock();
        while under_way.failure.is_none() && under_way.bytes > 0 {
            self.shared.changed.wait(&mut under_way);
        }
        if let Some(failure) = under_way.failure.take() {
            return Err(failure);
        }
        let ids: Option<Vec<_>> = std::mem::take(&mut under_way.ids).into_iter().collect();
        drop(under_way);
        let ids = ids.ok_or_else(|| Error::new(ErrorKind::Internal, "a part of the object is missing"))?;
        let (Destination { cloud, path, .. }, id) = (self.to.clone(), self.id.clone());
        let completed = self.to.io.wait(async move {
            let completed = cloud.complete_multipart(&path, &id, ids).await;
            completed.map(drop).map_err(|cause| failed("the upload could not be completed", &cause))
        });
        self.is_over = completed.is_ok();
        completed
    }

    /// Stops what is on its way, and has the store forget what has arrived.
    fn abort(&self) {
        let mut under_way = self.shared.under_way.lock();
        under_way.tasks.drain(..).for_each(|task| task.abort());
        let (Destination { cloud, path, io, .. }, id) = (self.to.clone(), self.id.clone());
        // Who gives up has an error to tell already; a store that does not answer forgets by its own rules.
        let forget = async move { drop(cloud.abort_multipart(&path, &id).await) };
        if !io.may_wait() {
            drop(under_way);
            io.spawn(forget);
            return;
        }
        while under_way.bytes > 0 {
            self.shared.changed.wait(&mut under_way);
        }
        drop(under_way);
        let _ = io.wait(async move {
            forget.await;
            Ok(())
        });
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if !self.is_over {
            self.abort();
        }
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({})", self.to.path)
    }
}

/// A part on its way: gone from there when this is dropped, arrived or not.
struct OnItsWay {
    shared: Arc<Shared>,
    number: usize,
    length: u64,
    has_ended: bool,
}

impl OnItsWay {
    fn ended(mut self, sent: Result<PartId>) {
        self.has_ended = true;
        let mut under_way = self.shared.under_way.lock();
        match sent {
            Ok(id) => {
                let len = under_way.ids.len().max(self.number + 1);
                under_way.ids.resize(len, None);
                under_way.ids[self.number] = Some(id);
            }
            Err(failure) => {
                under_way.failure.get_or_insert(failure);
            }
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut under_way = self.shared.under_way.lock();
        under_way.bytes -= self.length;
        if !self.has_ended {
            under_way.failure.get_or_insert_with(stopped);
        }
        self.shared.changed.notify_all();
    }
}

/// What a store says of a request that failed for good, after its attempts.
fn failed(doing: &str, cause: &object_store::Error) -> Error {
    let told = std::iter::successors(Some(cause as &dyn std::error::Error), |cause| cause.source());
    let refusal = told.map(ToString::to_string).find_map(|text| Refusal::of(&text));
    match refusal {
        Some(Refusal { status, message }) => {
            let failure = Failure::of_status(status);
            match message {
                Some(message) => failure.with_message(&message),
                None => failure,
            }
            .into_error(doing, 1)
        }
        None => Error::new(ErrorKind::Unavailable, format!("{doing}: {}", transport(cause))),
    }
}

/// What object_store's errors tell in words alone.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: u32,
    /// Of the document that stores send with it.
    message: Option<String>,
}

impl Refusal {
    fn of(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once("status code: ")?;
        let status = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        let message = rest.split_once("<Message>").and_then(|(_, rest)| rest.split(['<', '\n']).next());
        Some(Self { status, message: message.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::runtime::Builder;

    #[test]
    fn a_runtime_that_was_stopped_is_an_error_and_no_hang() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let to = Destination::in_memory(&Io::on(runtime.handle().clone()), StoreKind::S3);
        let parts = to.parts(1 << 20).unwrap();
        runtime.shutdown_background();
        let sent = (0..3).try_for_each(|number| parts.send(number, vec![Bytes::from_static(b"part")]));
        let error = sent.and_then(|()| parts.complete()).unwrap_err();
        assert_eq!(error.message(), "the runtime that runs swath's I/O has been stopped");
    }

    #[test]
    fn who_gives_up_on_the_thread_that_sends_does_not_wait_for_it() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let to = Destination::in_memory(&Io::on(runtime.handle().clone()), StoreKind::S3);
        let (begun, parts) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let parts = to.parts(1 << 20).unwrap();
            parts.send(0, vec![Bytes::from_static(b"part")]).unwrap();
            begun.send(parts).unwrap();
        });
        runtime.block_on(async { drop(parts.await.unwrap()) });
    }

    #[test]
    fn what_a_store_refuses_is_told_in_its_words() {
        let refusal =
            |text: &str| Refusal::of(text).map(|Refusal { status, message }| (status, message.unwrap_or_default()));
        let s3 = "Server returned non-2xx status code: 404 Not Found: <Error><Code>NoSuchBucket</Code><Message>No such \
                  bucket</Message></Error>";
        assert_eq!(refusal(s3), Some((404, "No such bucket".to_owned())));
        assert_eq!(refusal("Server returned non-2xx status code: 500 "), Some((500, String::new())));
        assert_eq!(refusal("connection refused"), None);
    }
}
