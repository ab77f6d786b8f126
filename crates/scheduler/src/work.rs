//! What the caller brings: the tasks' meaning, and the wish to stop.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::bell::Bell;
use crate::graph::TaskId;
use crate::inbox::Inbox;
use crate::outcome::{Failure, Outcome};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// What the tasks of a graph do.
///
/// Panics in any method are caught and reported as [`Error::Panic`](crate::Error::Panic) of the task at hand.
pub trait Work: Sync {
    /// What a task makes. It is dropped when its last user has finished.
    type Value: Send + Sync + 'static;
    /// How a task fails.
    type Error: Send + 'static;

    /// Runs a CPU task on the calling worker.
    ///
    /// `inputs` are the values of its dependencies, in the order given to
    /// [`GraphBuilder::push`](crate::GraphBuilder::push). The last user of a value may take it by [`Arc::try_unwrap`]
    /// once the other users have finished. What is left in `inputs` is dropped; the buffer belongs to the worker and
    /// serves its next task, too. Keeping an input beyond the call keeps memory that is no longer accounted.
    ///
    /// # Errors
    ///
    /// The task's own; it ends the run.
    fn execute(&self, task: TaskId, inputs: &mut Vec<Arc<Self::Value>>) -> Result<Self::Value, Self::Error>;

    /// Begins an I/O task and returns at once: a worker is waiting to go on.
    ///
    /// `inputs` are the values of its dependencies, as for [`execute`](Self::execute).
    ///
    /// The reply may be sent from here or from any thread, also after the run is over. A reply that is dropped
    /// without an answer is reported as [`Error::Abandoned`](crate::Error::Abandoned).
    fn begin(&self, task: TaskId, inputs: &[Arc<Self::Value>], reply: Reply<Self::Value, Self::Error>);

    /// Receives the value of a task with [`TaskSpec::deliver`](crate::TaskSpec::deliver).
    ///
    /// Called in id order and never concurrently, by whichever worker has the turn. The value leaves the budget when
    /// the call returns.
    ///
    /// # Errors
    ///
    /// The receiver's own; it counts as the failure of the task.
    fn deliver(&self, task: TaskId, value: Self::Value) -> Result<(), Self::Error>;

    /// The bytes a value really holds, which replace the estimate.
    fn byte_len(&self, value: &Self::Value) -> u64;
}

/// The obligation to answer for one I/O task.
pub struct Reply<V, E> {
    task: TaskId,
    inbox: Option<Arc<Inbox<V, E>>>,
}

impl<V, E> Reply<V, E> {
    pub(crate) fn new(task: TaskId, inbox: &Arc<Inbox<V, E>>) -> Self {
        Self { task, inbox: Some(Arc::clone(inbox)) }
    }

    /// The task to answer for.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// Answers. If the run is over, the answer is dropped.
    pub fn send(mut self, result: Result<V, E>) {
        self.answer(result.map_err(Failure::Returned));
    }

    fn answer(&mut self, outcome: Outcome<V, E>) {
        if let Some(inbox) = self.inbox.take() {
            inbox.put((self.task, outcome));
        }
    }
}

impl<V, E> Drop for Reply<V, E> {
    fn drop(&mut self) {
        self.answer(Err(Failure::Abandoned));
    }
}

impl<V, E> fmt::Debug for Reply<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("task", &self.task).finish_non_exhaustive()
    }
}

/// Stops the runs it was given to; clones are the same token.
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelInner>);

#[derive(Default)]
struct CancelInner {
    cancelled: AtomicBool,
    /// The bells of the runs under way, whose sleepers have to hear of it.
    bells: Mutex<Vec<Weak<Bell>>>,
    /// What else has to hear of it.
    callbacks: Mutex<Vec<Weak<Callback>>>,
    /// The token whose cancellation is this one's as well.
    parent: Option<Cancel>,
}

impl Cancel {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(CancelInner { parent: Some(self.clone()), ..CancelInner::default() }))
    }

    /// Stops all runs that hold this token, now and later: no task starts any more, replies are ignored, and workers
    /// leave as soon as the task in their hands returns. Does not wait for them. What was asked for by
    /// [`on_cancel`](Self::on_cancel) is called here.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        for bell in self.0.bells.lock().iter().filter_map(Weak::upgrade) {
            bell.ring_all();
        }
        // They are the caller's code, so they run outside the lock.
        let callbacks: Vec<_> = self.0.callbacks.lock().iter().filter_map(Weak::upgrade).collect();
        callbacks.iter().for_each(|callback| callback.call());
    }

    /// Calls `callback` once when this token or one above it is cancelled, on the thread that does so and before
    /// [`cancel`](Self::cancel) returns; at once, if it is cancelled already. Dropping what is returned ends that.
    ///
    /// [`is_cancelled`](Self::is_cancelled) is true when it is called. It should be short, and must not panic.
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> OnCancel {
        let callback = Arc::new(Callback(Mutex::new(Some(Box::new(callback)))));
        let mut token = Some(self);
        while let Some(Cancel(inner)) = token {
            inner.callbacks.lock().push(Arc::downgrade(&callback));
            token = inner.parent.as_ref();
        }
        // A cancel before the pushes did not see the callback, but is seen here.
        if self.is_cancelled() {
            callback.call();
        }
        OnCancel { cancel: self.clone(), callback }
    }

    /// Whether [`cancel`](Self::cancel) was called: one load, for long tasks to poll.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire) || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }

    pub(crate) fn subscribe(&self, bell: &Arc<Bell>) {
        self.0.bells.lock().push(Arc::downgrade(bell));
        if let Some(parent) = &self.0.parent {
            parent.subscribe(bell);
        }
    }

    pub(crate) fn unsubscribe(&self, bell: &Arc<Bell>) {
        self.0.bells.lock().retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(bell)));
        if let Some(parent) = &self.0.parent {
            parent.unsubscribe(bell);
        }
    }
}

/// What is called at most once when a token is cancelled.
struct Callback(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Callback {
    fn call(&self) {
        let callback = self.0.lock().take();
        if let Some(callback) = callback {
            callback();
        }
    }
}

/// Keeps a callback of [`Cancel::on_cancel`]: once it is dropped, the callback is not called any more (a call that has
/// begun on another thread may still be running).
#[must_use = "the callback is forgotten when this is dropped"]
pub struct OnCancel {
    cancel: Cancel,
    callback: Arc<Callback>,
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        let mut token = Some(&self.cancel);
        while let Some(Cancel(inner)) = token {
            inner.callbacks.lock().retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&self.callback)));
            token = inner.parent.as_ref();
        }
        // A cancel on another thread may have collected it already.
        let callback = self.callback.0.lock().take();
        drop(callback);
    }
}

impl fmt::Debug for OnCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnCancel").field(&self.cancel).finish()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_child_is_cancelled_with_its_parent_but_not_the_other_way_round() {
        let parent = Cancel::new();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.is_cancelled() && !parent.is_cancelled() && !second.is_cancelled());
        parent.cancel();
        assert!(second.is_cancelled());
    }

    /// A count and a callback that adds one to it.
    fn counter() -> (Arc<AtomicUsize>, impl FnOnce() + Send + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        (count, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_callback_is_called_once_whichever_token_above_is_cancelled() {
        let parent = Cancel::new();
        let child = parent.child();
        let grandchild = child.child();
        let (count, callback) = counter();
        let (sibling_count, sibling_callback) = counter();
        let _kept = grandchild.on_cancel(callback);
        let _sibling_kept = parent.child().on_cancel(sibling_callback);
        child.cancel();
        assert_eq!((count.load(Ordering::Relaxed), sibling_count.load(Ordering::Relaxed)), (1, 0));
        grandchild.cancel();
        parent.cancel();
        assert_eq!((count.load(Ordering::Relaxed), sibling_count.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn a_callback_comes_at_once_where_the_token_was_cancelled_before() {
        let parent = Cancel::new();
        let child = parent.child();
        parent.cancel();
        let (count, callback) = counter();
        let _kept = child.on_cancel(callback);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_callback_that_was_given_up_is_dropped_and_not_called() {
        let parent = Cancel::new();
        let child = parent.child();
        let (count, callback) = counter();
        drop(child.on_cancel(callback));
        assert_eq!(Arc::strong_count(&count), 1);
        assert!(parent.0.callbacks.lock().is_empty() && child.0.callbacks.lock().is_empty());
        parent.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_callback_may_use_the_token() {
        let cancel = Cancel::new();
        let inside = cancel.clone();
        let (seen, see) = std::sync::mpsc::channel();
        let _kept = cancel.on_cancel(move || {
            let _ = seen.send(inside.is_cancelled());
            drop(inside.on_cancel(|| ()));
        });
        cancel.cancel();
        assert_eq!(see.recv(), Ok(true));
    }

    #[test]
    fn a_token_forgets_runs_that_are_over() {
        let cancel = Cancel::new();
        let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
        bells.iter().for_each(|bell| cancel.subscribe(bell));
        cancel.unsubscribe(&bells[0]);
        assert_eq!(cancel.0.bells.lock().len(), 1);
        assert!(std::ptr::eq(cancel.0.bells.lock()[0].as_ptr(), Arc::as_ptr(&bells[1])));
    }
}
