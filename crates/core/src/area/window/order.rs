//! What needs the pixels of a window in order of size: quantiles, the most frequent.

use std::cmp::Ordering;

use super::columns::Summand;
use crate::buffer::Pixel;

/// The most frequent pixel; of several the least. NaN if one is.
pub(super) fn mode<T: Pixel>(window: &mut [T]) -> Option<T> {
    window.sort_unstable_by(order);
    let mut best: Option<(usize, T)> = None;
    for run in window.chunk_by(|a, b| order(a, b).is_eq()) {
        if best.is_none_or(|(count, _)| run.len() > count) {
            best = Some((run.len(), run[0]));
        }
    }
    let nan = window.last().copied().filter(|last| last.is_nan());
    nan.or(best.map(|(_, pixel)| pixel))
}

/// The quantile of a window's pixels; NaN if one is.
pub(super) fn quantile<T: Summand>(window: &mut [T], q: f64) -> Option<f64> {
    let last = window.len().checked_sub(1)?;
    let (below, part) = place(q, last);
    let (_, low, above) = window.select_nth_unstable_by(below, order);
    let low = low.to_f64();
    // NaNs are ordered last.
    if above.iter().any(|pixel| pixel.is_nan()) || low.is_nan() {
        return Some(f64::NAN);
    }
    if part == 0.0 {
        return Some(low);
    }
    let high = above.iter().copied().min_by(order).map_or(low, Summand::to_f64);
    Some(interpolate(low, high, part))
}

/// Where a quantile lies among sorted pixels, the last of which is the `last`th: behind which one, and how far.
fn place(q: f64, last: usize) -> (usize, f64) {
    let position = q * last as f64;
    (position.floor() as usize, position.fract())
}

/// As NumPy's `_lerp`: exact at both ends; also between infinities, and where the distance is beyond `f64`.
pub(super) fn interpolate(low: f64, high: f64, part: f64) -> f64 {
    let distance = high - low;
    match (low == high, distance.is_finite()) {
        (true, _) => low,
        (_, false) => low * (1.0 - part) + high * part,
        _ if part >= 0.5 => high - distance * (1.0 - part),
        _ => low + distance * part,
    }
}

/// NaN after all numbers.
fn order<T: Pixel>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Windows that are put in order at once.
pub(super) const TILE: usize = 128;

/// Windows that have one pixel of each of some rows: sorted each by itself, but side by side, so that loops become vectors.
pub(super) struct Sorting<T> {
    /// The smallest pixels of all windows, then the next.
    ranks: Vec<[T; TILE]>,
    /// The pairs of ranks that are compared and exchanged, in turn.
    network: Vec<(usize, usize)>,
    counts: [usize; TILE],
    nans: [bool; TILE],
}

impl<T: Summand> Sorting<T> {
    pub(super) fn new(rows: usize) -> Self {
        Self { ranks: vec![[T::GREATEST; TILE]; rows], network: network(rows), counts: [0; TILE], nans: [false; TILE] }
    }

    /// Whether windows have so many pixels.
    pub(super) fn is_of(&self, rows: usize) -> bool {
        self.ranks.len() == rows
    }

    /// Sorts the valid pixels of the windows at `columns`, [`TILE`] of them at most, of each row.
    pub(super) fn sort(&mut self, rows: &[&[T]], columns: std::ops::Range<usize>, nodata: Option<T>) {
        self.counts.fill(0);
        self.nans.fill(false);
        for (rank, row) in self.ranks.iter_mut().zip(rows) {
            let row = &row[columns.clone()];
            let lanes = rank.iter_mut().zip(&mut self.counts).zip(row);
            match nodata {
                // What is missing is behind all others, and not counted.
                Some(nodata) => lanes.for_each(|((lane, count), pixel)| {
                    let is_valid = *pixel != nodata && !pixel.is_nan();
                    *lane = if is_valid { *pixel } else { T::GREATEST };
                    *count += usize::from(is_valid);
                }),
                None => lanes.zip(&mut self.nans).for_each(|(((lane, count), pixel), nan)| {
                    *lane = if pixel.is_nan() { T::GREATEST } else { *pixel };
                    *nan |= pixel.is_nan();
                    *count += 1;
                }),
            }
        }
        for (low, high) in &self.network {
            let (head, tail) = self.ranks.split_at_mut(*high);
            for (a, b) in head[*low].iter_mut().zip(&mut tail[0]) {
                (*a, *b) = if *b < *a { (*b, *a) } else { (*a, *b) };
            }
        }
    }

    /// The quantile of a window that was sorted, as [`quantile`].
    pub(super) fn quantile(&self, window: usize, q: f64) -> Option<f64> {
        let last = self.counts[window].checked_sub(1)?;
        if self.nans[window] {
            return Some(f64::NAN);
        }
        let (below, part) = place(q, last);
        let value = |rank: usize| self.ranks[rank][window].to_f64();
        Some(if part == 0.0 { value(below) } else { interpolate(value(below), value(below + 1), part) })
    }
}

/// Batcher's odd-even merge sort for so many values: Knuth, The Art of Computer Programming, volume 3, 5.2.2, algorithm M.
fn network(count: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let top = count.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            pairs.extend((0..count.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)));
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_sorts_all_that_it_can_meet() {
        for count in 0..13 {
            let pairs = network(count);
            // By the principle of 0 and 1 (Knuth, 5.3.4, theorem Z) these are all.
            for bits in 0..1_u32 << count {
                let mut values: Vec<_> = (0..count).map(|i| bits >> i & 1).collect();
                for (low, high) in &pairs {
                    if values[*high] < values[*low] {
                        values.swap(*low, *high);
                    }
                }
                assert!(values.is_sorted(), "{bits:b} of {count}");
            }
        }
    }
}
