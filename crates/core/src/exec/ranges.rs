//! Which bytes travel together: blocks needed at about the same time, merged over small gaps up to a cap.

use std::ops::Range;

/// How byte ranges are merged into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangePolicy {
    /// Blocks at most so many bytes apart travel in one request; the gap is thrown away.
    pub gap_max: u64,
    /// No request is longer, unless a single block is.
    pub bytes_max: u64,
    /// Requests are split while a run has fewer, so that many are in flight and decoding can begin early.
    pub requests_min: u64,
}

impl Default for RangePolicy {
    fn default() -> Self {
        Self { gap_max: 16 << 10, bytes_max: 8 << 20, requests_min: 16 }
    }
}

/// Requests for blocks.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// The bytes of each request.
    pub(super) ranges: Vec<Range<u64>>,
    /// The request of each block, in the order of the blocks given.
    pub(super) range_of: Vec<u32>,
    /// Bytes of gaps between blocks.
    pub(super) gap_bytes: u64,
}

/// A block that must be fetched.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) block: u32,
    pub(super) bytes: Range<u64>,
    /// Whether it may turn out, before it is fetched, that it is not needed.
    pub(super) may_be_skipped: bool,
}

impl Wanted {
    /// Whether it travels alone, so that it can be left out: a block that is smaller than the gaps between blocks that
    /// are fetched and thrown away is not worth a request of its own.
    fn is_alone(&self, policy: &RangePolicy) -> bool {
        self.may_be_skipped && self.bytes.end - self.bytes.start > policy.gap_max
    }
}

/// Merges `wanted`, in order of first use, into requests.
///
/// Blocks are merged in order of their place in the file, but only while they are needed at about the same time:
/// a merged buffer lives until its last block is used.
pub(super) fn merge(wanted: &[Wanted], total: u64, policy: &RangePolicy) -> Merged {
    let cap = policy.bytes_max.min((total / policy.requests_min.max(1)).max(1));
    let mut by_place: Vec<u32> = (0..wanted.len() as u32).collect();
    by_place.sort_by_key(|position| {
        let bytes = &wanted[*position as usize].bytes;
        (bytes.start, bytes.end)
    });
    // Bytes needed before each block in order of use: how far apart in time two blocks are.
    let mut needed = 0;
    let times: Vec<u64> = wanted
        .iter()
        .map(|wanted| {
            needed += wanted.bytes.end - wanted.bytes.start;
            needed
        })
        .collect();
    let mut merged = Merged { range_of: vec![0; wanted.len()], ..Merged::default() };
    let mut span = 0..0;
    let mut before: Option<&Wanted> = None;
    for position in by_place {
        let (want, time) = (&wanted[position as usize], times[position as usize]);
        let joined = merged.ranges.last().is_some_and(|last| {
            let gap = want.bytes.start.saturating_sub(last.end);
            let length = want.bytes.end.max(last.end) - last.start;
            let apart = span.end.max(time) - span.start.min(time);
            // A range waits for all looks at its blocks: what is needed in any case must not wait with it.
            let together = before.is_some_and(|before| {
                before.may_be_skipped == want.may_be_skipped && !before.is_alone(policy) && !want.is_alone(policy)
            });
            together && gap <= policy.gap_max && length <= cap && apart <= 2 * cap
        });
        before = Some(want);
        match merged.ranges.last_mut() {
            Some(last) if joined => {
                merged.gap_bytes += want.bytes.start.saturating_sub(last.end);
                last.end = last.end.max(want.bytes.end);
                span = span.start.min(time)..span.end.max(time);
            }
            _ => {
                merged.ranges.push(want.bytes.clone());
                span = time..time;
            }
        }
        merged.range_of[position as usize] = (merged.ranges.len() - 1) as u32;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(block: u32, bytes: Range<u64>) -> Wanted {
        Wanted { block, bytes, may_be_skipped: false }
    }

    #[test]
    fn a_block_that_may_be_skipped_travels_alone_unless_it_is_small() {
        let policy = RangePolicy { gap_max: 50, bytes_max: 1000, requests_min: 1 };
        let guarded = |block, bytes| Wanted { may_be_skipped: true, ..want(block, bytes) };
        let wanted = [
            want(0, 0..100),
            guarded(1, 100..200),
            want(2, 200..300),
            guarded(3, 300..340),
            guarded(4, 350..400),
            want(5, 400..500),
        ];
        let ranges = merge(&wanted, 500, &policy).ranges;
        assert_eq!(ranges, [0..100, 100..200, 200..300, 300..400, 400..500]);
    }

    fn plan(wanted: &[Range<u64>], policy: &RangePolicy) -> Vec<Range<u64>> {
        let wanted: Vec<_> = wanted.iter().enumerate().map(|(i, bytes)| want(i as u32, bytes.clone())).collect();
        let total = wanted.iter().map(|w| w.bytes.end - w.bytes.start).sum();
        merge(&wanted, total, policy).ranges
    }

    #[test]
    fn neighbours_travel_together_up_to_the_cap() {
        let policy = RangePolicy { gap_max: 10, bytes_max: 250, requests_min: 1 };
        let ranges = plan(&[0..100, 105..200, 200..300, 400..500], &policy);
        assert_eq!(ranges, [0..200, 200..300, 400..500]);
    }

    #[test]
    fn a_run_of_few_bytes_is_split_into_many_requests() {
        let blocks: Vec<_> = (0..32).map(|i| i * 100..(i + 1) * 100).collect();
        assert_eq!(plan(&blocks, &RangePolicy::default()).len(), 16);
    }

    #[test]
    fn blocks_needed_far_apart_in_time_do_not_pin_each_other() {
        let policy = RangePolicy { gap_max: 10, bytes_max: 200, requests_min: 1 };
        let between = (0..10).map(|i| 1000 + i * 300..1100 + i * 300);
        let blocks: Vec<_> = std::iter::once(0..100).chain(between).chain(std::iter::once(100..200)).collect();
        let ranges = plan(&blocks, &policy);
        assert!(ranges.contains(&(0..100)) && ranges.contains(&(100..200)), "{ranges:?}");
    }

    #[test]
    fn every_block_lies_in_its_range() {
        let wanted: Vec<_> = (0..50u32)
            .map(|i| {
                let start = u64::from(i * 7919 % 50) * 1000;
                want(i, start..start + 990)
            })
            .collect();
        let total = wanted.iter().map(|w| w.bytes.end - w.bytes.start).sum();
        let Merged { ranges, range_of, .. } = merge(&wanted, total, &RangePolicy::default());
        for (want, range) in wanted.iter().zip(range_of) {
            let range = &ranges[range as usize];
            assert!(range.start <= want.bytes.start && want.bytes.end <= range.end);
        }
    }
}
