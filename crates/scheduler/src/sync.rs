//! What threads share, as those modules name it whose interleavings are tested: the primitives of std, parking_lot and
//! crossbeam, or loom's in their place.

#[cfg(not(all(test, loom)))]
pub(crate) use {
    crossbeam_utils::{Backoff, atomic::AtomicCell},
    parking_lot::{Condvar, Mutex},
    std::sync::atomic,
};

#[cfg(all(test, loom))]
pub(crate) use {
    self::model::{AtomicCell, Backoff, Condvar, Mutex},
    loom::sync::atomic,
};

/// Loom's primitives under those names and methods of parking_lot and crossbeam that this crate calls.
#[cfg(all(test, loom))]
mod model {
    use std::cell::Cell;
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::AtomicUsize as Count;
    use std::sync::{Mutex as Plain, PoisonError};

    use loom::sync::atomic::{AtomicUsize, Ordering};

    /// A lock without poisoning.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    /// Empty only while [`Condvar::wait`] has the lock.
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("nobody looks while waiting")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("nobody looks while waiting")
        }
    }

    /// Like parking_lot's, it never wakes without a notification, and tells whether one woke anybody.
    #[derive(Debug, Default)]
    pub(crate) struct Condvar {
        condvar: loom::sync::Condvar,
        /// Exact, as it is changed under the lock that belongs to the condition.
        waiting: Count,
    }

    impl Condvar {
        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let locked = guard.0.take().expect("nobody waits twice");
            guard.0 = Some(self.condvar.wait(locked).unwrap_or_else(PoisonError::into_inner));
        }

        pub(crate) fn notify_one(&self) -> bool {
            let waiting = self.waiting.load(Ordering::Relaxed);
            if waiting > 0 {
                self.waiting.store(waiting - 1, Ordering::Relaxed);
                self.condvar.notify_one();
            }
            waiting > 0
        }

        pub(crate) fn notify_all(&self) {
            self.waiting.store(0, Ordering::Relaxed);
            self.condvar.notify_all();
        }
    }

    /// Crossbeam's cell for what has the size of a pointer and is dropped: each call is one swap of it, `AcqRel`.
    ///
    /// Here the swap is of an index, as that of a pointer needs `unsafe`. The order is the same, so what is tested is
    /// whether it suffices for the callers; crossbeam's own code is not.
    pub(crate) struct AtomicCell<T> {
        current: AtomicUsize,
        /// No two threads meet at this lock: loom runs one at a time and changes only at its own primitives.
        values: Plain<Vec<Option<T>>>,
    }

    impl<T> AtomicCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self { current: AtomicUsize::new(0), values: Plain::new(vec![Some(value)]) }
        }

        pub(crate) fn store(&self, value: T) {
            drop(self.swap(value));
        }

        pub(crate) fn take(&self) -> T
        where
            T: Default,
        {
            self.swap(T::default())
        }

        fn swap(&self, value: T) -> T {
            let next = self.with_values(|values| {
                values.push(Some(value));
                values.len() - 1
            });
            let before = self.current.swap(next, Ordering::AcqRel);
            self.with_values(|values| values[before].take()).expect("an index is swapped out once")
        }

        fn with_values<R>(&self, look: impl FnOnce(&mut Vec<Option<T>>) -> R) -> R {
            look(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    /// Lets the others run: one that spins waits for one of them.
    #[derive(Default)]
    pub(crate) struct Backoff {
        snoozes: Cell<u32>,
    }

    impl Backoff {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn snooze(&self) {
            self.snoozes.set(self.snoozes.get() + 1);
            if self.snoozes.get() > 2 {
                // Subtle: two that spin beside a third could take turns for ever. What can happen after many looks in
                // vain can happen after few, so this run goes to its end but is not varied from here on.
                loom::skip_branch();
            }
            loom::thread::yield_now();
        }
    }
}
