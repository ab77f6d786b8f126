//! The async door: the same blocking run on a thread of its own, with a future that waits for it.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use futures_channel::oneshot;
use swath_core::error::{Error, ErrorKind, Result};

use super::spans::Here;
use super::{Cancel, Run};

/// A result that takes its form where it is awaited: the form itself need not cross threads.
type Shaped<T> = Box<dyn FnOnce() -> T + Send>;

/// How a run's thread ended: a panic, an error or a result.
type Outcome<T> = thread::Result<Result<Shaped<T>>>;

/// A run under way, begun when it was made; dropping it stops the run, and nothing of its output is left.
///
/// It needs no particular executor: the run has its own threads.
#[must_use = "the run has begun, and dropping its future stops it"]
pub struct RunFuture<T> {
    reply: oneshot::Receiver<Outcome<T>>,
    cancel: Cancel,
    finished: bool,
}

impl<T: 'static> RunFuture<T> {
    /// Runs `job` on a new thread; `shape` gives its result the form that the caller asked for.
    pub(super) fn spawn<R: Send + 'static>(
        run: &Run,
        job: impl FnOnce(&Run) -> Result<R> + Send + 'static,
        shape: fn(R) -> T,
    ) -> Self {
        // A token of its own, so that dropping this future stops no other run that shares the caller's.
        let cancel = run.cancel.child();
        let (sender, reply) = oneshot::channel();
        let run = Run { cancel: cancel.clone(), ..run.clone() };
        let here = Here::new();
        let spawned = thread::Builder::new().name("swath-run".into()).spawn(move || {
            let _inside = here.enter();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&run)));
            let result = result.map(|result| result.map(|value| Box::new(move || shape(value)) as Shaped<T>));
            // The receiver is gone when the future was dropped: nobody wants the result.
            let _ = sender.send(result);
        });
        // A thread that could not be spawned dropped the sender: `poll` says so.
        drop(spawned);
        Self { reply, cancel, finished: false }
    }
}

impl<T> Future for RunFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = match Pin::new(&mut self.reply).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(reply) => reply,
        };
        self.finished = true;
        Poll::Ready(match reply {
            Ok(Ok(result)) => result.map(|value| value()),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(oneshot::Canceled) => Err(Error::new(ErrorKind::Unavailable, "cannot start a thread for the run")),
        })
    }
}

impl<T> Drop for RunFuture<T> {
    fn drop(&mut self) {
        if !self.finished {
            self.cancel.cancel();
        }
    }
}

impl<T> fmt::Debug for RunFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunFuture").field("finished", &self.finished).finish_non_exhaustive()
    }
}
