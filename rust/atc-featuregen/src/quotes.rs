//! The path of a mid price: what it was at a time, and its realised volatility.

use crate::fixed::{from_fixed, to_f64};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// Quotes at closed timestamps, with look-ups some fixed times back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuotePath<Q> {
    quotes: Timeline<Q>,
    max_gap: i64,
    lags: Vec<i64>,
    cursors: Vec<u64>,
}

impl<Q> QuotePath<Q> {
    /// With look-ups `lags` ns back; a quote is in force for at most `max_gap`.
    pub fn new(lags: &[i64], max_gap: i64) -> Self {
        Self { quotes: Timeline::new(), max_gap, lags: lags.to_vec(), cursors: vec![0; lags.len()] }
    }

    /// The quote of closed timestamp `t`.
    pub fn push(&mut self, t: i64, quote: Q) {
        self.quotes.push(t, quote);
        if self.quotes.is_due() {
            self.advance(t);
        }
    }

    /// The quote in force at `t`, which is not before the newest.
    pub fn at(&self, t: i64) -> Option<&Q> {
        self.quotes.last().filter(|(since, _)| t - since <= self.max_gap).map(|(_, quote)| quote)
    }

    /// Moves the look-ups to `t`, which never goes back; `true` if one of them finds another quote than before.
    pub fn advance(&mut self, t: i64) -> bool {
        let mut moved = false;
        for (cursor, lag) in self.cursors.iter_mut().zip(&self.lags) {
            let before = std::mem::replace(cursor, self.quotes.seek(*cursor, t - lag));
            moved |= before != *cursor;
        }
        if let Some(oldest) = self.cursors.iter().min() {
            self.quotes.forget_before(oldest.saturating_sub(1));
        }
        moved
    }

    /// Until when, from `t` on, every quote that is in force stays so, as far as none comes and no look-up moves.
    pub fn in_force_until(&self, t: i64) -> i64 {
        let newest = self.quotes.last().map(|(since, _)| since + self.max_gap);
        let looked = self.cursors.iter().zip(&self.lags).filter_map(|(cursor, lag)| {
            cursor.checked_sub(1).map(|number| self.quotes.time(number) + self.max_gap + lag)
        });
        looked.chain(newest).filter(|until| *until >= t).min().unwrap_or(i64::MAX)
    }

    /// The quote in force `lags[index]` before the time of the last [`Self::advance`] to `t`.
    pub fn back(&self, index: usize, t: i64) -> Option<&Q> {
        let number = self.cursors[index].checked_sub(1)?;
        let in_force = t - self.lags[index] - self.quotes.time(number) <= self.max_gap;
        in_force.then(|| self.quotes.get(number))
    }
}

/// √Σ(Δ ln m)² over mid changes in several windows; each Δ ln m is rounded once, the sums are exact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RealisedVolatility {
    changes: Timeline<i64>,
    windows: Vec<Window>,
}

/// The changes of a window, ns, and Σx² with its root as it was last asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Window {
    length: i64,
    first: u64,
    squares: i128,
    #[serde(skip)]
    kept: (i128, f64),
}

impl RealisedVolatility {
    /// Over `(t − window, t]` for each of `windows`, ns.
    pub fn new(windows: &[i64]) -> Self {
        let windows =
            windows.iter().map(|w| Window { length: *w, first: 0, squares: 0, kept: (0, 0.0) }).collect();
        Self { changes: Timeline::new(), windows }
    }

    /// A mid change at `t`, in units of 2⁻⁴⁰.
    pub fn push(&mut self, t: i64, change: i64) {
        self.changes.push(t, change);
        for window in &mut self.windows {
            window.squares += i128::from(change) * i128::from(change);
        }
        if self.changes.is_due() {
            self.advance(t);
        }
    }

    /// Lets go of the changes that left the windows that end at `t`.
    pub fn advance(&mut self, t: i64) {
        let mut oldest = self.changes.end();
        for window in &mut self.windows {
            let end = self.changes.seek(window.first, t - window.length);
            for number in window.first..end {
                let x = i128::from(*self.changes.get(number));
                window.squares -= x * x;
            }
            window.first = end;
            oldest = oldest.min(end);
        }
        self.changes.forget_before(oldest);
    }

    /// Of window `index`, at the time of the last [`Self::advance`].
    pub fn value(&mut self, index: usize) -> f64 {
        let Window { squares, kept, .. } = &mut self.windows[index];
        if kept.0 != *squares {
            *kept = (*squares, from_fixed(to_f64(*squares).sqrt()));
        }
        kept.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::MidChanges;

    #[test]
    fn looks_back_no_further_than_max_gap() {
        let mut path = QuotePath::new(&[10, 30], 60);
        path.push(0, 'a');
        path.push(15, 'b');
        path.advance(25);
        assert_eq!((path.back(0, 25), path.back(1, 25)), (Some(&'b'), None));
        path.advance(85);
        assert_eq!(path.back(0, 85), Some(&'b'), "at 75 it is exactly 60 old");
        path.advance(86);
        assert_eq!(path.back(0, 86), None);
        assert_eq!(path.at(75), Some(&'b'));
        assert_eq!(path.at(76), None);
    }

    #[test]
    fn what_is_in_force_is_so_until_the_first_of_them_ends() {
        let mut path = QuotePath::new(&[10, 30], 60);
        assert!(!path.advance(0));
        path.push(0, 'a');
        path.push(15, 'b');
        assert!(path.advance(25) && !path.advance(26));
        // The newest until 75, the one 10 back (b) until 85; 30 back there is none yet.
        assert_eq!(path.in_force_until(26), 75);
        assert_eq!(path.in_force_until(76), 85);
        assert_eq!(path.in_force_until(86), i64::MAX);
        assert!(path.advance(45), "30 back there is one now");
    }

    #[test]
    fn volatility_counts_changes_in_the_window() {
        let (mut rv, mut changes) = (RealisedVolatility::new(&[10, 100]), MidChanges::default());
        for (t, mid2) in
            [(0, Some(200)), (5, Some(202)), (8, Some(202)), (9, None), (12, Some(300)), (14, Some(303))]
        {
            if let Some(change) = changes.next(t, mid2, 60).unwrap() {
                rv.push(t, change);
            }
        }
        rv.advance(15);
        let (first, second) = ((1.01_f64).ln(), (1.01_f64).ln());
        assert!((rv.value(0) - second.abs()).abs() < 1e-11, "the change at 5 has left (5, 15]");
        assert!((rv.value(1) - (first * first + second * second).sqrt()).abs() < 1e-11);
    }
}
