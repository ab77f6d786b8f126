//! What waits for a host: permits to have a request in flight, as many as its [`Limit`] says, given by turns.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::limit::{Limit, Started};
use super::turns::Turns;

/// A host that requests are sent to.
pub(super) struct Host(Mutex<Inner>);

struct Inner {
    limit: Limit,
    waiting: Turns<oneshot::Sender<Permit>>,
}

impl Host {
    /// A host with at most `requests_max` requests in flight.
    pub(super) fn new(requests_max: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner { limit: Limit::new(requests_max), waiting: Turns::default() })))
    }

    /// Waits until it is the turn of `who` and a request may be in flight.
    pub(super) async fn permit(self: &Arc<Self>, who: usize) -> Permit {
        let (sender, permit) = oneshot::channel();
        self.change(|inner| inner.waiting.push(who, sender));
        permit.await.expect("who waits stays in the queue until there is a permit")
    }

    /// Changes something, and gives the permits that this sets free.
    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.0.lock();
        change(&mut inner);
        let mut given = Vec::new();
        while let Some(started) = inner.limit.start(Instant::now()) {
            // Who was aborted while waiting is passed over.
            let next = std::iter::from_fn(|| inner.waiting.pop()).find(|sender| !sender.is_closed());
            match next {
                Some(sender) => given.push((sender, Permit { host: Arc::clone(self), started: Some(started) })),
                None => {
                    inner.limit.ended();
                    break;
                }
            }
        }
        // Subtle: a permit that nobody takes any more is dropped, which takes the lock.
        drop(inner);
        for (sender, permit) in given {
            drop(sender.send(permit));
        }
    }
}

/// The permission to have a request in flight; say how it went, or drop it where that tells nothing of the host.
pub(super) struct Permit {
    host: Arc<Host>,
    started: Option<Started>,
}

impl Permit {
    /// The request was answered with so many bytes.
    pub(super) fn answered(mut self, bytes: u64) {
        if let Some(started) = self.started.take() {
            self.host.change(|inner| inner.limit.answered(&started, Instant::now(), bytes));
        }
    }

    /// The host asked for less, or the connection broke.
    pub(super) fn throttled(mut self) {
        if let Some(started) = self.started.take() {
            self.host.change(|inner| inner.limit.throttled(&started));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.started.take().is_some() {
            self.host.change(|inner| inner.limit.ended());
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.0.lock().limit).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_permit_that_comes_back_goes_to_who_is_next() {
        let host = Host::new(1);
        let (mut first, mut second, mut third) = (pin!(host.permit(1)), pin!(host.permit(1)), pin!(host.permit(2)));
        let Poll::Ready(permit) = poll(first.as_mut()) else { panic!("nothing is in flight") };
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        permit.answered(1);
        let Poll::Ready(permit) = poll(second.as_mut()) else { panic!("it is its turn") };
        assert!(poll(third.as_mut()).is_pending());
        drop(permit);
        assert!(poll(third.as_mut()).is_ready());
    }

    #[test]
    fn who_is_aborted_while_waiting_or_before_taking_a_permit_holds_up_nobody() {
        let host = Host::new(1);
        let mut first = Box::pin(host.permit(1));
        let Poll::Ready(permit) = poll(first.as_mut()) else { panic!("nothing is in flight") };
        let mut waiting: Vec<_> = (0..3).map(|who| Box::pin(host.permit(who))).collect();
        assert!(waiting.iter_mut().all(|permit| poll(permit.as_mut()).is_pending()));
        // The first one goes before its turn, the second one when the permit is on its way to it.
        drop(waiting.remove(0));
        permit.answered(1);
        drop(waiting.remove(0));
        assert!(poll(waiting[0].as_mut()).is_ready());
    }
}
