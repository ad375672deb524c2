//! Exact order statistics of a multiset of non-negative integers of any size (lots).
//!
//! Values fall into 2¹⁴ buckets of a monotone code: one bucket a value below 512, above that 256 buckets
//! an octave. A Fenwick tree (Fenwick 1994) counts buckets, and each bucket keeps its distinct
//! values sorted with their counts; below 512, and wherever few distinct values occur, that is a direct count.

use serde::{Deserialize, Serialize};

const EXACT: i64 = 512;
const BUCKETS: usize = 1 << 14;

fn bucket(x: i64) -> usize {
    if x < EXACT {
        return x as usize;
    }
    let octave = 63 - x.leading_zeros() as usize;
    EXACT as usize + (octave - 9) * 256 + ((x >> (octave - 8)) & 255) as usize
}

/// A multiset with rank queries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, u32)>", into = "Vec<(i64, u32)>")]
pub struct OrderStats {
    counts: Vec<u32>,
    values: Vec<Vec<(i64, u32)>>,
    len: u64,
}

impl Default for OrderStats {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS + 1], values: vec![Vec::new(); BUCKETS], len: 0 }
    }
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
        stats.values.into_iter().flatten().collect()
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

    fn count(&mut self, bucket: usize, change: i32) {
        let mut node = bucket + 1;
        while node <= BUCKETS {
            self.counts[node] = self.counts[node].wrapping_add_signed(change);
            node += node & node.wrapping_neg();
        }
    }

    /// Adds `x` ≥ 0.
    pub fn insert(&mut self, x: i64) {
        let b = bucket(x);
        self.count(b, 1);
        self.len += 1;
        match self.values[b].binary_search_by_key(&x, |v| v.0) {
            Ok(at) => self.values[b][at].1 += 1,
            Err(at) => self.values[b].insert(at, (x, 1)),
        }
    }

    /// Removes one `x`, which is there.
    pub fn remove(&mut self, x: i64) {
        let b = bucket(x);
        let at = self.values[b].binary_search_by_key(&x, |v| v.0).expect("a value that was inserted");
        self.count(b, -1);
        self.len -= 1;
        if self.values[b][at].1 == 1 {
            self.values[b].remove(at);
        } else {
            self.values[b][at].1 -= 1;
        }
    }

    /// The `k`-th smallest, counted from 0; `k < len`.
    pub fn kth(&self, k: u64) -> i64 {
        let (mut node, mut left, mut step) = (0, k as u32, BUCKETS);
        while step > 0 {
            let next = node + step;
            if next <= BUCKETS && self.counts[next] <= left {
                node = next;
                left -= self.counts[next];
            }
            step >>= 1;
        }
        for &(x, count) in &self.values[node] {
            if left < count {
                return x;
            }
            left -= count;
        }
        unreachable!("rank {k} of {} values", self.len)
    }

    /// How many values are at most `x`.
    pub fn count_le(&self, x: i64) -> u64 {
        if x < 0 {
            return 0;
        }
        let b = bucket(x);
        let (mut node, mut below) = (b, 0u64);
        while node > 0 {
            below += u64::from(self.counts[node]);
            node &= node - 1;
        }
        below + self.values[b].iter().take_while(|v| v.0 <= x).map(|v| u64::from(v.1)).sum::<u64>()
    }

    /// Nearest-rank quantile: the ⌈pct·n/100⌉-th smallest of n > 0 values.
    pub fn nearest_rank(&self, pct: u64) -> i64 {
        self.kth((pct * self.len).div_ceil(100).max(1) - 1)
    }

    /// (x − median)/(1.4826·MAD); `None` with fewer than `min_values` or a MAD of 0.
    ///
    /// Everything is doubled so that the median of an even number of values stays an integer. The deviations left and right
    /// of the median are two sorted sequences; the middle ones are found by bisection over both.
    pub fn robust(&self, x: i64, min_values: u64) -> Option<f64> {
        let n = self.len;
        if n < min_values || n == 0 {
            return None;
        }
        let median2 = i128::from(self.kth((n - 1) / 2)) + i128::from(self.kth(n / 2));
        let lower = self.count_le(median2.div_euclid(2) as i64);
        let deviation = |k: u64| self.kth_deviation(k, median2, lower);
        let mad4 = deviation((n - 1) / 2) + deviation(n / 2);
        if mad4 == 0 {
            return None;
        }
        Some((2 * i128::from(x) - median2) as f64 / (1.4826 * (mad4 as f64 / 2.0)))
    }

    /// The `k`-th smallest |2x − median2|, from 0; `lower` values are at or left of the median.
    fn kth_deviation(&self, k: u64, median2: i128, lower: u64) -> i128 {
        let left = |i: u64| median2 - 2 * i128::from(self.kth(lower - 1 - i));
        let right = |i: u64| 2 * i128::from(self.kth(lower + i)) - median2;
        // Of the k+1 smallest, the smallest number taken from the left such that its next one is not smaller
        // than the last one taken from the right.
        let (mut from, mut to) = ((k + 1).saturating_sub(self.len - lower), (k + 1).min(lower));
        while from < to {
            let taken = from + (to - from) / 2;
            if left(taken) < right(k - taken) {
                from = taken + 1;
            } else {
                to = taken;
            }
        }
        let last_left = (from > 0).then(|| left(from - 1));
        let last_right = (from <= k).then(|| right(k - from));
        last_left.max(last_right).expect("k + 1 values were taken")
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

    #[test]
    fn buckets_are_monotone() {
        let mut last = 0;
        for x in (0..5_000).chain((13..63).flat_map(|e| [(1i64 << e) - 1, 1 << e, (1 << e) + 1])) {
            let b = bucket(x);
            assert!(b >= last && b < BUCKETS, "{x}");
            last = b;
        }
        assert!(bucket(i64::MAX) < BUCKETS);
    }

    #[test]
    fn agrees_with_a_sorted_list() {
        let mut next = numbers(7);
        let mut stats = OrderStats::default();
        let mut list: Vec<i64> = Vec::new();
        for round in 0..3_000 {
            let magnitude = next() % 44;
            let x = (next() % (1 << magnitude).max(2)) as i64;
            stats.insert(x);
            list.insert(list.partition_point(|v| *v < x), x);
            if round > 50 && !next().is_multiple_of(3) {
                let gone = list.remove((next() % list.len() as u64) as usize);
                stats.remove(gone);
            }
            let n = list.len();
            assert_eq!(stats.len() as usize, n);
            let k = (next() % n as u64) as usize;
            assert_eq!(stats.kth(k as u64), list[k]);
            assert_eq!(stats.count_le(x) as usize, list.partition_point(|v| *v <= x));
            if round % 10 == 0 {
                let m2 = i128::from(list[(n - 1) / 2]) + i128::from(list[n / 2]);
                let mut dev: Vec<i128> = list.iter().map(|v| (2 * i128::from(*v) - m2).abs()).collect();
                dev.sort_unstable();
                let mad4 = dev[(n - 1) / 2] + dev[n / 2];
                let expected =
                    (mad4 != 0).then(|| (2 * i128::from(x) - m2) as f64 / (1.4826 * (mad4 as f64 / 2.0)));
                assert_eq!(stats.robust(x, 1), expected);
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
