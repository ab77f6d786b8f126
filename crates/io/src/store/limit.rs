//! How many requests to have in flight to one host: what decides, apart from what waits.
//!
//! It starts with a number that suits most hosts. As long as a larger one brings more, it doubles; where it does not,
//! it goes back and rests before it tries a little more again. A host that throttles, or breaks connections, halves it,
//! and from then on it grows by small steps, by ever smaller ones near the number that was too much.
//!
//! Answers count for the number under which their requests were started, so each change starts a new *generation*. As
//! many answers of a generation as may be in flight make a *round*. By Little's law their mean time says what comes per
//! second; a round in which callers asked for less than was allowed says nothing, and changes nothing.

use std::time::{Duration, Instant};

/// Requests in flight at first: enough to fill a 1 Gbit/s line at 50 ms with blocks of 200 KiB, and below what object
/// stores throttle.
const START: usize = 32;

/// The share of what a larger number could bring that it must bring. More would take noise for a plateau; less would
/// grow on a full line by noise alone.
const GAIN_MIN: f64 = 0.25;

/// Requests per second above which more are not tried: they are bounded by the processor then, and new connections would
/// only cost.
const ENOUGH: f64 = 5000.0;

/// Rounds that a larger number has to bring more, as new connections have to be opened first.
const PATIENCE: u32 = 3;

/// Rounds of rest after a number that brought nothing.
const REST: u32 = 8;

/// Rounds of rest before a number that was too much is tried again: the host refuses some requests each time.
const REST_BELOW_CEILING: u32 = 64;

/// The limit of one host.
#[derive(Debug)]
pub(super) struct Limit {
    limit: usize,
    max: usize,
    in_flight: usize,
    /// Changes of the limit so far.
    generation: u64,
    round: Round,
    phase: Phase,
    /// The number that was too much for the host, where it has said so: no doubling any more.
    ceiling: Option<usize>,
    doubles: bool,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing is known of this number.
    Fresh,
    /// So many rounds are left before more is tried.
    Rest(u32),
    /// More is tried than `before`, which gave `rate`.
    Trial { before: usize, rate: Rate, patience: u32 },
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Started {
    at: Instant,
    generation: u64,
}

/// Sums over the answers of a round.
#[derive(Debug, Default)]
struct Round {
    answers: usize,
    /// Of these, those that came when no other request could have been started.
    full: usize,
    time: Duration,
    bytes: u64,
}

/// What comes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    requests: f64,
    bytes: f64,
}

impl Rate {
    /// By how much this is more than `other`, in requests or in bytes: sizes differ from round to round.
    fn gain(self, other: Self) -> f64 {
        (self.requests / other.requests).max(self.bytes / other.bytes.max(1.0))
    }
}

impl Limit {
    /// At most `max` requests in flight, at least 1.
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            limit: START.min(max),
            max,
            in_flight: 0,
            generation: 0,
            round: Round::default(),
            phase: Phase::Fresh,
            ceiling: None,
            doubles: true,
        }
    }

    /// Starts a request, if another one may be in flight.
    pub(super) fn start(&mut self, now: Instant) -> Option<Started> {
        (self.in_flight < self.limit).then(|| {
            self.in_flight += 1;
            Started { at: now, generation: self.generation }
        })
    }

    /// A request was answered as it should be, with so many bytes.
    pub(super) fn answered(&mut self, started: &Started, now: Instant, bytes: u64) {
        let full = self.in_flight >= self.limit;
        self.in_flight -= 1;
        if started.generation != self.generation {
            return;
        }
        self.round.answers += 1;
        self.round.full += usize::from(full);
        self.round.time += now.saturating_duration_since(started.at);
        self.round.bytes += bytes;
        if self.round.answers >= self.limit {
            self.end_round();
        }
    }

    /// The host asked for less, or the connection broke.
    pub(super) fn throttled(&mut self, started: &Started) {
        let in_flight = self.in_flight;
        self.in_flight -= 1;
        // Requests that were started before the last change tell of a number that is given up already.
        if started.generation == self.generation {
            self.ceiling = Some(in_flight);
            self.doubles = false;
            self.change((self.limit / 2).max(1), Phase::Fresh);
        }
    }

    /// A request ended in a way that says nothing of the host's strength: it was aborted, or there is no such file.
    pub(super) fn ended(&mut self) {
        self.in_flight -= 1;
    }

    fn end_round(&mut self) {
        let round = std::mem::take(&mut self.round);
        if round.full * 2 < round.answers {
            return;
        }
        let rate = round.rate(self.limit);
        match self.phase {
            Phase::Fresh => self.try_more(rate, false),
            Phase::Rest(0) => self.try_more(rate, true),
            Phase::Rest(rounds) => self.phase = Phase::Rest(rounds - 1),
            Phase::Trial { before, rate: old, .. } if rate.gain(old) >= self.gain_min(before) => {
                self.try_more(rate, false);
            }
            Phase::Trial { before, patience: 1, .. } => {
                self.doubles = false;
                self.change(before, Phase::Rest(REST));
            }
            Phase::Trial { before, rate, patience } => {
                self.phase = Phase::Trial { before, rate, patience: patience - 1 };
            }
        }
    }

    fn gain_min(&self, before: usize) -> f64 {
        1.0 + (self.limit as f64 / before as f64 - 1.0) * GAIN_MIN
    }

    fn try_more(&mut self, rate: Rate, rested: bool) {
        let before = self.limit;
        // A whole round above the ceiling: the host can do more than it could.
        self.ceiling = self.ceiling.filter(|ceiling| before < *ceiling);
        let more = match self.ceiling {
            _ if self.doubles => before * 2,
            Some(ceiling) if before + before / 8 >= ceiling => before + 1,
            _ => before + (before / 8).max(1),
        };
        if rate.requests >= ENOUGH {
            self.phase = Phase::Rest(REST);
        } else if !rested && self.ceiling.is_some_and(|ceiling| more >= ceiling) {
            self.phase = Phase::Rest(REST_BELOW_CEILING);
        } else if before < self.max {
            self.change(more.min(self.max), Phase::Trial { before, rate, patience: PATIENCE });
        }
    }

    fn change(&mut self, limit: usize, phase: Phase) {
        self.limit = limit;
        self.phase = phase;
        self.round = Round::default();
        self.generation += 1;
    }
}

impl Round {
    fn rate(&self, in_flight: usize) -> Rate {
        // A clock may be too coarse for a near host.
        let requests = in_flight as f64 * self.answers as f64 / self.time.as_secs_f64().max(1e-6);
        Rate { requests, bytes: requests * self.bytes as f64 / self.answers as f64 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BinaryHeap;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A host, and what is asked of it.
    #[derive(Clone, Copy)]
    struct Model {
        latency: Duration,
        /// Bytes per second of the line that all requests share.
        line: f64,
        /// Requests in flight above which it answers 503.
        throttles_above: usize,
        /// Requests that the caller wants in flight.
        wanted: usize,
        requests: usize,
    }

    const FAR: Model =
        Model { latency: Duration::from_millis(50), line: 1e12, throttles_above: 1000, wanted: 1000, requests: 4000 };

    #[derive(Debug)]
    struct Outcome {
        time: Duration,
        throttled: usize,
        /// The limits after every request.
        limits: Vec<usize>,
    }

    impl Outcome {
        fn mean_limit(&self) -> usize {
            self.limits.iter().sum::<usize>() / self.limits.len()
        }
    }

    /// What waits in the simulation: the end of a request, soonest first.
    type End = (std::cmp::Reverse<Duration>, usize, Option<u64>);

    /// Runs a model until all of its requests have been answered; sizes differ, as those of blocks do.
    fn simulate(model: Model, max: usize) -> Outcome {
        let Model { latency, line, throttles_above, wanted, requests } = model;
        let (mut limit, start) = (Limit::new(max), Instant::now());
        let (mut now, mut line_free) = (Duration::ZERO, Duration::ZERO);
        let (mut ends, mut open) = (BinaryHeap::<End>::new(), Vec::new());
        let (mut random, mut left) = (1_u64, requests);
        let mut outcome = Outcome { time: now, throttled: 0, limits: Vec::new() };
        loop {
            while ends.len() < wanted.min(left)
                && let Some(started) = limit.start(start + now)
            {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let bytes = 100_000 + (random >> 33) % 200_000;
                let (end, bytes) = match ends.len() < throttles_above {
                    true => {
                        line_free = line_free.max(now + latency) + Duration::from_secs_f64(bytes as f64 / line);
                        (line_free.max(now + latency), Some(bytes))
                    }
                    false => (now + latency, None),
                };
                ends.push((std::cmp::Reverse(end), open.len(), bytes));
                open.push(started);
            }
            let Some((std::cmp::Reverse(end), index, bytes)) = ends.pop() else { break };
            now = end;
            match bytes {
                Some(bytes) => {
                    limit.answered(&open[index], start + now, bytes);
                    left -= 1;
                }
                None => {
                    limit.throttled(&open[index]);
                    outcome.throttled += 1;
                }
            }
            outcome.limits.push(limit.limit);
            assert!((1..=max).contains(&limit.limit));
        }
        assert_eq!(limit.in_flight, 0);
        Outcome { time: now, ..outcome }
    }

    #[test]
    fn a_far_host_gets_more_until_there_is_no_more() {
        let outcome = simulate(FAR, 256);
        assert_eq!(outcome.limits.last(), Some(&256));
        let fixed = simulate(FAR, 32);
        assert!(fixed.limits.iter().all(|limit| *limit == 32));
        assert!(outcome.time * 4 < fixed.time, "{:?} against {:?}", outcome.time, fixed.time);
    }

    #[test]
    fn a_full_line_gets_no_more_and_is_no_slower() {
        for (latency, line) in [(1, 10e6), (20, 100e6), (50, 20e6)] {
            let model = Model { latency: latency * MS, line, ..FAR };
            let (outcome, fixed) = (simulate(model, 256), simulate(model, 32));
            assert!(outcome.time <= fixed.time.mul_f64(1.02), "{:?} against {:?}", outcome.time, fixed.time);
            assert!(outcome.mean_limit() < 64, "{}", outcome.mean_limit());
        }
    }

    #[test]
    fn a_line_that_is_full_at_a_hundred_gets_about_as_many() {
        // 200 kB a request and 50 ms: a hundred requests bring 400 MB/s.
        let outcome = simulate(Model { line: 400e6, requests: 20_000, ..FAR }, 256);
        assert!((70..=200).contains(&outcome.mean_limit()), "{}", outcome.mean_limit());
    }

    #[test]
    fn a_host_that_throttles_says_so_rarely() {
        for throttles_above in [4, 20, 40, 100] {
            let model = Model { throttles_above, requests: 20_000, ..FAR };
            let outcome = simulate(model, 256);
            // The model counts refused requests as in flight, so that one too many is a round trip of refusals.
            assert!(outcome.throttled < 20_000 / 25, "{throttles_above}: {}", outcome.throttled);
            let mean = outcome.mean_limit();
            assert!((throttles_above / 2..=throttles_above + 2).contains(&mean), "{throttles_above}: {mean}");
        }
    }

    #[test]
    fn a_near_host_gets_no_more() {
        let outcome = simulate(Model { latency: 2 * MS, ..FAR }, 256);
        assert!(outcome.limits.iter().all(|limit| *limit == 32));
    }

    #[test]
    fn who_asks_for_little_learns_nothing() {
        let outcome = simulate(Model { wanted: 10, ..FAR }, 256);
        assert!(outcome.limits.iter().all(|limit| *limit == 32));
    }

    #[test]
    fn a_burst_of_refusals_halves_once() {
        let (mut limit, now) = (Limit::new(256), Instant::now());
        let started: Vec<_> = std::iter::from_fn(|| limit.start(now)).collect();
        assert_eq!(started.len(), 32);
        started.iter().for_each(|started| limit.throttled(started));
        assert_eq!((limit.limit, limit.in_flight), (16, 0));
    }

    #[test]
    fn it_never_falls_below_one_and_recovers() {
        let (mut limit, mut now) = (Limit::new(256), Instant::now());
        for _ in 0..20 {
            let started = limit.start(now).expect("nothing is in flight");
            limit.throttled(&started);
        }
        assert_eq!(limit.limit, 1);
        let mut open = std::collections::VecDeque::new();
        for _ in 0..2000 {
            open.extend(std::iter::from_fn(|| limit.start(now)));
            now += 50 * MS;
            for _ in 0..open.len() {
                limit.answered(&open.pop_front().expect("as many as were open"), now, 1000);
                open.extend(limit.start(now));
            }
        }
        assert_eq!(limit.limit, 256);
    }

    #[test]
    fn aborted_requests_leave_room_and_no_trace() {
        let (mut limit, now) = (Limit::new(2), Instant::now());
        let started = [limit.start(now), limit.start(now)];
        assert!(started.iter().all(Option::is_some) && limit.start(now).is_none());
        limit.ended();
        assert!(limit.start(now).is_some());
    }
}
