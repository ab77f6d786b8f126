//! Threads that the caller has.

/// Threads that a caller has, for runs to work on: a pool, scoped threads, or the calling thread alone.
///
/// Any closure of this form is one. A run ends however few threads come, as the one that called it helps where none
/// did; and what it gives does not depend on them.
///
/// On a rayon pool, the thread that waits working with the others:
///
/// ```
/// use swath::{Run, prelude::*};
///
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
/// let on_pool = move |count: usize, worker: &(dyn Fn() + Sync)| {
///     pool.in_place_scope(|scope| {
///         (1..count).for_each(|_| scope.spawn(|_| worker()));
///         worker();
///     });
/// };
/// let bright = swath::raster([3, 600, 500], |band, y, x| (band + y + x) as u16)?.gt(500)?;
/// let pixels = Run::on(on_pool, 2).compute(&bright)?;
/// # assert_eq!(pixels, Run::serial().compute(&bright)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// On threads of your own making, for example with a priority or a core of their own:
///
/// ```
/// # use swath::{Run, prelude::*};
/// let scoped = |count: usize, worker: &(dyn Fn() + Sync)| {
///     std::thread::scope(|scope| (0..count).for_each(|_| drop(scope.spawn(worker))));
/// };
/// let run = Run::on(scoped, 4);
/// ```
///
/// On the calling thread alone, requests still being in flight together; so a run fits into tokio's `spawn_blocking`
/// or `block_in_place` and starts no thread:
///
/// ```
/// # use swath::{Run, prelude::*};
/// let run = Run::on(|_: usize, worker: &(dyn Fn() + Sync)| worker(), 1);
/// ```
pub trait Threads: Send + Sync {
    /// Calls `worker` on `count` threads at once, and returns when all calls have returned.
    ///
    /// Each call works until the run is over, sleeping where there is nothing to do; one that comes later returns at
    /// once. Fewer threads make the run slower. Beyond `count`, calls return at once.
    ///
    /// To wait here for a thread that waits for this run is a deadlock: do not block a thread of a pool on an async verb
    /// that runs on the pool.
    fn run(&self, count: usize, worker: &(dyn Fn() + Sync));
}

impl<F: Fn(usize, &(dyn Fn() + Sync)) + Send + Sync> Threads for F {
    fn run(&self, count: usize, worker: &(dyn Fn() + Sync)) {
        self(count, worker);
    }
}
