//! How long to wait before asking again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::failure::Failure;

/// The longest pause between two attempts, whatever the server or the doubling asks for.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The pause after attempt number `attempt` (from 1) failed: doubled each time, and between half and all of that at
/// random, so that requests which failed together do not come back together.
fn pause(first: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt.max(1) - 1).min(16)).min(PAUSE_MAX);
    doubled.mul_f64(0.5 + 0.5 * random())
}

/// The pause after a failure: the one that the server asked for, or as [`pause`].
pub(super) fn pause_after(failure: &Failure, first: Duration, attempt: u32) -> Duration {
    failure.retry_after.map_or_else(|| pause(first, attempt), asked_pause)
}

/// The pause a server asked for in `Retry-After`, in seconds.
fn asked_pause(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(PAUSE_MAX)
}

/// A number in 0..1; std's hasher keys are the randomness at hand, and the jitter needs no better.
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_up_to_a_limit() {
        let first = Duration::from_millis(100);
        for (attempt, whole) in [(1, 100), (2, 200), (4, 800), (30, 10_000)] {
            let pause = pause(first, attempt).as_millis();
            assert!((whole / 2..=whole).contains(&pause), "attempt {attempt}: {pause} ms");
        }
        assert_eq!(asked_pause(3600), PAUSE_MAX);
    }
}
