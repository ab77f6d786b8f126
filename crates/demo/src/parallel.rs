//! The one way this crate uses several threads: map indices in any order, consume the results in order.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Threads the machine offers; what is written never depends on it.
pub(crate) fn available_threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Calls `map` for each index below `count` on `threads` threads and hands the results to `consume` by rising index.
///
/// Each thread makes its own `state` (a compressor, a scratch buffer) once. The first error of `consume` stops the rest.
pub(crate) fn map_in_order<S, T: Send>(
    threads: NonZeroUsize,
    count: usize,
    state: impl Fn() -> S + Sync,
    map: impl Fn(&mut S, usize) -> T + Sync,
    mut consume: impl FnMut(usize, T) -> io::Result<()>,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (send, receive) = sync_channel(2 * threads.get());
        for _ in 0..threads.get().min(count) {
            let (send, next, state, map) = (send.clone(), &next, &state, &map);
            scope.spawn(move || {
                let mut state = state();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || send.send((index, map(&mut state, index))).is_err() {
                        break;
                    }
                }
            });
        }
        // The loop below ends when the last sender is gone.
        drop(send);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, value) in receive {
            early.insert(index, value);
            while let Some(value) = early.remove(&due) {
                consume(due, value)?;
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_arrive_in_order_whatever_the_threads() -> io::Result<()> {
        for threads in [1, 2, 5] {
            let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
            let mut seen = Vec::new();
            map_in_order(
                threads,
                100,
                || (),
                |(), index| index * index,
                |_, value| {
                    seen.push(value);
                    Ok(())
                },
            )?;
            assert!(seen.into_iter().eq((0..100).map(|index| index * index)));
        }
        Ok(())
    }

    #[test]
    fn the_first_error_stops_the_work() {
        let result = map_in_order(
            NonZeroUsize::MIN,
            1_000_000_000,
            || (),
            |(), index| index,
            |index, _| if index == 3 { Err(io::Error::other("full")) } else { Ok(()) },
        );
        assert_eq!(result.map_err(|error| error.to_string()), Err("full".to_owned()));
    }
}
