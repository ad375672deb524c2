//! Receive time minus exchange time.

use crate::params::Params;
use crate::places::Places;
use serde::Serialize;

/// Offsets of the day's messages, ns; null where too few messages have both times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Offset {
    /// Messages with a receive time of their own and an exchange time.
    pub count: u64,
    /// Of those, received before the exchange sent them.
    pub negative: u64,
    /// Quantiles by nearest rank: the smallest offset that at least that share of messages does not exceed.
    pub median_ns: Option<i64>,
    /// The first hundredth.
    pub p1_ns: Option<i64>,
    /// The last hundredth.
    pub p99_ns: Option<i64>,
    /// Median of the last part of the day's events minus that of the first.
    pub drift_ns: Option<i64>,
    /// Steps between the medians of neighbouring parts.
    pub steps: u64,
}

/// Collects offsets.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offsets: Vec<(i64, i64)>,
}

impl Clock {
    pub(crate) fn message(&mut self, ts_recv: i64, ts_exch: i64) {
        self.offsets.push((ts_recv, ts_recv.saturating_sub(ts_exch)));
    }

    pub(crate) fn finish(self, params: &Params, places: &mut Places) -> Offset {
        let mut all: Vec<i64> = self.offsets.iter().map(|o| o.1).collect();
        let mut found = Offset {
            count: all.len() as u64,
            negative: all.iter().filter(|o| **o < 0).count() as u64,
            median_ns: nearest_rank(&mut all, 1, 2),
            p1_ns: nearest_rank(&mut all, 1, 100),
            p99_ns: nearest_rank(&mut all, 99, 100),
            ..Offset::default()
        };
        let (Some(first), Some(last)) = (self.offsets.first(), self.offsets.last()) else {
            return found;
        };
        let (begin, span) = (first.0, i128::from(last.0) - i128::from(first.0) + 1);
        let part_of =
            |ts: i64| ((i128::from(ts) - i128::from(begin)) * params.clock_parts as i128 / span) as usize;
        let mut medians: Vec<(i64, i64)> = Vec::new();
        for part in self.offsets.chunk_by(|a, b| part_of(a.0) == part_of(b.0)) {
            if part.len() >= params.clock_messages {
                let mut values: Vec<i64> = part.iter().map(|o| o.1).collect();
                medians.extend(nearest_rank(&mut values, 1, 2).map(|median| (part[0].0, median)));
            }
        }
        for pair in medians.windows(2) {
            let step = pair[1].1 - pair[0].1;
            if step.abs() > params.clock_step_ns {
                found.steps += 1;
                places.add("clock_steps", "", None, pair[1].0, "clocks that run alike", || {
                    format!("the median offset changes by {:.3} ms", step as f64 / 1e6)
                });
            }
        }
        if medians.len() > 1 {
            found.drift_ns = Some(medians[medians.len() - 1].1 - medians[0].1);
        }
        found
    }
}

/// The `ceil(numerator/denominator · n)`-th smallest value.
fn nearest_rank(values: &mut [i64], numerator: usize, denominator: usize) -> Option<i64> {
    let rank = (values.len() * numerator).div_ceil(denominator);
    (rank > 0).then(|| *values.select_nth_unstable(rank - 1).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        assert_eq!(nearest_rank(&mut [], 1, 2), None);
        assert_eq!(nearest_rank(&mut [4, 1, 3, 2], 1, 2), Some(2));
        assert_eq!(nearest_rank(&mut [5, 4, 1, 3, 2], 1, 2), Some(3));
        assert_eq!(nearest_rank(&mut [7], 1, 100), Some(7));
        assert_eq!(nearest_rank(&mut (0..200).collect::<Vec<_>>(), 99, 100), Some(197));
    }
}
