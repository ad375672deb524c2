//! Exact order statistics of a multiset of integers of any size (lots).
//!
//! The values lie sorted in chunks that are split and joined as they grow and shrink: a change moves at most one chunk's
//! memory, a rank is found by bisection over the chunks' first ranks, and a window of a few hundred values is one piece of memory.

use crate::fixed::to_f64;
use serde::{Deserialize, Serialize};

/// A chunk is split when it holds so many values.
const FULL: usize = 512;

/// A multiset with rank queries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, u32)>", into = "Vec<(i64, u32)>")]
pub struct OrderStats {
    /// Sorted, none empty, no value of one above one of the next.
    chunks: Vec<Vec<i64>>,
    /// Rank of the first value of each chunk.
    starts: Vec<u32>,
    /// The largest value of each chunk.
    maxima: Vec<i64>,
    len: u64,
    /// Twice the median, four times the MAD, until a value comes or goes.
    spread: Option<(i128, i128)>,
    /// Values left of the middle among the nearer half, when the MAD was found last: where the search begins.
    nearer_left: u64,
}

impl From<Vec<(i64, u32)>> for OrderStats {
    fn from(items: Vec<(i64, u32)>) -> Self {
        let mut stats = Self::default();
        for (x, count) in items {
            for _ in 0..count {
                stats.insert(x);
            }
        }
        stats
    }
}

impl From<OrderStats> for Vec<(i64, u32)> {
    fn from(stats: OrderStats) -> Self {
        let mut items: Self = Self::new();
        for x in stats.chunks.into_iter().flatten() {
            match items.last_mut() {
                Some((last, count)) if *last == x => *count += 1,
                _ => items.push((x, 1)),
            }
        }
        items
    }
}

impl OrderStats {
    /// Number of values.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds `x`.
    pub fn insert(&mut self, x: i64) {
        self.spread = None;
        self.len += 1;
        if self.chunks.is_empty() {
            self.chunks.push(Vec::with_capacity(FULL));
            self.starts.push(0);
            self.maxima.push(x);
        }
        let c = self.maxima.partition_point(|max| *max < x).min(self.chunks.len() - 1);
        let chunk = &mut self.chunks[c];
        // Behind its equals, so that a run of them moves nothing.
        chunk.insert(chunk.partition_point(|v| *v <= x), x);
        self.maxima[c] = self.maxima[c].max(x);
        for start in &mut self.starts[c + 1..] {
            *start += 1;
        }
        if self.chunks[c].len() == FULL {
            self.split(c);
        }
    }

    fn split(&mut self, c: usize) {
        let mut upper = Vec::with_capacity(FULL);
        upper.extend(self.chunks[c].drain(FULL / 2..));
        self.starts.insert(c + 1, self.starts[c] + (FULL / 2) as u32);
        self.maxima.insert(c, self.chunks[c][FULL / 2 - 1]);
        self.chunks.insert(c + 1, upper);
    }

    /// Removes one `x`, which is there.
    pub fn remove(&mut self, x: i64) {
        self.spread = None;
        self.len -= 1;
        let c = self.maxima.partition_point(|max| *max < x);
        let chunk = &mut self.chunks[c];
        let behind = chunk.partition_point(|v| *v <= x);
        assert!(behind > 0 && chunk[behind - 1] == x, "{x} was not inserted");
        chunk.remove(behind - 1);
        for start in &mut self.starts[c + 1..] {
            *start -= 1;
        }
        match self.chunks[c].last() {
            Some(max) => self.maxima[c] = *max,
            None => self.drop_chunk(c),
        }
        self.join_small(c);
    }

    fn drop_chunk(&mut self, c: usize) {
        self.chunks.remove(c);
        self.starts.remove(c);
        self.maxima.remove(c);
    }

    /// Moves a chunk of few values into the one before, so that chunks do not outnumber what they hold.
    fn join_small(&mut self, c: usize) {
        if c == 0 || c >= self.chunks.len() || self.chunks[c].len() > FULL / 8 {
            return;
        }
        if self.chunks[c - 1].len() + self.chunks[c].len() <= FULL / 2 {
            let small = std::mem::take(&mut self.chunks[c]);
            self.maxima[c - 1] = self.maxima[c];
            self.chunks[c - 1].extend(small);
            self.drop_chunk(c);
        }
    }

    /// The `k`-th smallest, counted from 0; `k < len`.
    pub fn kth(&self, k: u64) -> i64 {
        let c = self.starts.partition_point(|start| u64::from(*start) <= k) - 1;
        self.chunks[c][(k - u64::from(self.starts[c])) as usize]
    }

    /// Nearest-rank quantile: the ⌈pct·n/100⌉-th smallest of n > 0 values.
    pub fn nearest_rank(&self, pct: u64) -> i64 {
        self.kth((pct * self.len).div_ceil(100).max(1) - 1)
    }

    /// (x − median)/(1.4826·MAD); `None` with fewer than `min_values` or a MAD of 0.
    ///
    /// Everything is doubled so that the median of an even number of values stays an integer.
    pub fn robust(&mut self, x: i64, min_values: u64) -> Option<f64> {
        if self.len < min_values || self.len == 0 {
            return None;
        }
        let (median2, mad4) = self.spread.unwrap_or_else(|| self.median2_mad4());
        self.spread = Some((median2, mad4));
        if mad4 == 0 {
            return None;
        }
        Some(to_f64(2 * i128::from(x) - median2) / (1.4826 * (to_f64(mad4) / 2.0)))
    }

    /// The deviations left and right of the middle are two sorted sequences. Of the nearer half of all values a number is taken from
    /// the left: the first such that its next one is not nearer than the last one taken from the right.
    fn median2_mad4(&mut self) -> (i128, i128) {
        let n = self.len;
        let middle = n / 2;
        let doubled = |k: u64| 2 * i128::from(self.kth(k));
        let median2 = (doubled((n - 1) / 2) + doubled(middle)) / 2;
        let left = |i: u64| median2 - doubled(middle - 1 - i);
        let right = |i: u64| doubled(middle + i) - median2;
        let k = (n - 1) / 2;
        let (mut from, mut to) = ((k + 1).saturating_sub(n - middle), (k + 1).min(middle));
        let nearer = |taken: u64| left(taken) < right(k - taken);
        // A value that came or went has moved the place by little: it is looked for near the last one, in steps that double.
        let (mut probe, mut step) = (self.nearer_left.clamp(from, to), 1);
        while from < to {
            let taken = probe.clamp(from, to - 1);
            if nearer(taken) {
                from = taken + 1;
                probe = taken + step;
            } else {
                to = taken;
                probe = taken.saturating_sub(step);
            }
            step *= 2;
            if step > to - from {
                probe = from + (to - from) / 2;
            }
        }
        let farthest = |from: u64, k: u64| {
            let last_left = (from > 0).then(|| left(from - 1));
            let last_right = (from <= k).then(|| right(k - from));
            last_left.max(last_right).expect("k + 1 values were taken")
        };
        let nearest = farthest(from, k);
        let next = if n % 2 == 1 {
            nearest
        } else {
            // One more: the nearer of the next ones on either side.
            let next_left = (from < middle).then(|| left(from));
            let next_right = (k + 1 - from < n - middle).then(|| right(k + 1 - from));
            match (next_left, next_right) {
                (Some(l), Some(r)) => l.min(r),
                (l, r) => l.or(r).expect("an even number of values has a second half"),
            }
        };
        self.nearer_left = from;
        (median2, nearest + next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift: enough to shuffle test values.
    fn numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    /// By the definition, of a sorted list.
    fn robust(list: &[i64], x: i64) -> Option<f64> {
        let n = list.len();
        let m2 = i128::from(list[(n - 1) / 2]) + i128::from(list[n / 2]);
        let mut dev: Vec<i128> = list.iter().map(|v| (2 * i128::from(*v) - m2).abs()).collect();
        dev.sort_unstable();
        let mad4 = dev[(n - 1) / 2] + dev[n / 2];
        (mad4 != 0).then(|| (2 * i128::from(x) - m2) as f64 / (1.4826 * (mad4 as f64 / 2.0)))
    }

    #[test]
    fn agrees_with_a_sorted_list() {
        // Few distinct values and many, growing and shrinking windows, chunks that split and join.
        for (seed, magnitudes, most) in
            [(7, 44, 3_000), (8, 3, 2_500), (9, 12, 60), (10, 62, 900), (11, 1, 1_200)]
        {
            let mut next = numbers(seed);
            let mut stats = OrderStats::default();
            let mut list: Vec<i64> = Vec::new();
            for round in 0..6_000 {
                let magnitude = next() % magnitudes;
                let x = (next() % (1 << magnitude).max(2)) as i64;
                stats.insert(x);
                list.insert(list.partition_point(|v| *v < x), x);
                // The number held swings between few and `most`.
                let aim = if round / 1_500 % 2 == 0 { most } else { most / 50 };
                while list.len() > aim || (list.len() > 1 && next().is_multiple_of(8)) {
                    let gone = list.remove((next() % list.len() as u64) as usize);
                    stats.remove(gone);
                }
                let n = list.len();
                assert_eq!(stats.len() as usize, n);
                let k = (next() % n as u64) as usize;
                assert_eq!(stats.kth(k as u64), list[k]);
                if round % 7 == 0 {
                    assert_eq!(stats.robust(x, 1), robust(&list, x));
                    assert_eq!(stats.robust(x + 1, 1), robust(&list, x + 1), "of the same values");
                }
            }
        }
    }

    #[test]
    fn state_survives_serialisation() {
        let mut stats = OrderStats::default();
        for x in [3, 3, 700, 1 << 40, 0] {
            stats.insert(x);
        }
        let items: Vec<(i64, u32)> = stats.into();
        let back = OrderStats::from(items);
        assert_eq!((0..5).map(|k| back.kth(k)).collect::<Vec<_>>(), [0, 3, 3, 700, 1 << 40]);
        assert_eq!(back.nearest_rank(95), 1 << 40);
    }
}
