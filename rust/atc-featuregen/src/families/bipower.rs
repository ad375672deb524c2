//! Schema `bipower`: volatility that jumps leave alone, and the share of the jumps.

use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::{from_fixed, to_f64};
use crate::market::{BookClosed, Market};
use crate::row::Row;
use crate::spec::{SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

schema! {
    "bipower", version 1;
    Bv30s = "bv_30s", "bipower", "book", Some(30), "1", "sqrt(pi/2 sum of |x_{i-1}| |x_i|), mid log changes in 30 s", "bipower variation, Barndorff-Nielsen-Shephard 2004";
    Bv300s = "bv_300s", "bipower", "book", Some(300), "1", "sqrt(pi/2 sum of |x_{i-1}| |x_i|), mid log changes in 300 s", "bipower variation, Barndorff-Nielsen-Shephard 2004";
    JumpShare300s = "jump_share_300s", "bipower", "book", Some(300), "1", "max(0, 1 - bv_300s^2 / rv_300s^2)", "relative jump measure on bipower variation, Barndorff-Nielsen-Shephard 2004";
}

const WINDOWS_S: [i64; 2] = [30, 300];

/// Sums over one window, in units of 2⁻⁸⁰.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    first: u64,
    /// Σ |xᵢ₋₁||xᵢ| over the pairs that lie in the window.
    pairs: i128,
    /// Σ xᵢ².
    squares: i128,
}

/// Mid changes and their bipower sums.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bipower {
    /// |x| in units of 2⁻⁴⁰.
    changes: Timeline<i64>,
    windows: [Sums; WINDOWS_S.len()],
}

impl Family for Bipower {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(_spec: &Spec) -> Self {
        Self { changes: Timeline::new(), windows: Default::default() }
    }

    fn on_book(&mut self, closed: &BookClosed, _market: &Market, _spec: &Spec) -> Result<(), String> {
        if let Some(change) = closed.mid_change {
            self.push(closed.t, change.abs());
            if self.changes.is_due() {
                self.advance(closed.t);
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, _market: &Market, _spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        self.advance(row.t);
        let variation = self.windows.map(|sums| FRAC_PI_2 * to_f64(sums.pairs));
        for (col, variation) in [Col::Bv30s, Col::Bv300s].into_iter().zip(variation) {
            values[col as usize] = from_fixed(variation.sqrt());
        }
        let squares = self.windows[1].squares;
        if squares != 0 {
            values[Col::JumpShare300s as usize] = (1.0 - variation[1] / to_f64(squares)).max(0.0);
        }
        Ok(())
    }
}

impl Bipower {
    fn push(&mut self, t: i64, x: i64) {
        let (end, before) = (self.changes.end(), self.changes.last().map(|(_, before)| i128::from(*before)));
        let x = i128::from(x);
        for sums in &mut self.windows {
            sums.squares += x * x;
            // The change before may have left the window: then there is no pair that would leave it again.
            if let Some(before) = before.filter(|_| sums.first < end) {
                sums.pairs += before * x;
            }
        }
        self.changes.push(t, x as i64);
    }

    fn advance(&mut self, t: i64) {
        for (sums, window) in self.windows.iter_mut().zip(WINDOWS_S) {
            let end = self.changes.seek(sums.first, t - window * SECOND);
            for number in sums.first..end {
                let x = i128::from(*self.changes.get(number));
                sums.squares -= x * x;
                if number + 1 < self.changes.end() {
                    sums.pairs -= x * i128::from(*self.changes.get(number + 1));
                }
            }
            sums.first = end;
        }
        self.changes.forget_before(self.windows[WINDOWS_S.len() - 1].first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_counts_while_both_are_in_the_window() {
        let mut bipower = Bipower { changes: Timeline::new(), windows: Default::default() };
        for (t, x) in [(0, 2), (10, 3), (20, 5), (100, 7)] {
            bipower.advance(t * SECOND);
            bipower.push(t * SECOND, x);
        }
        let [short, long] = bipower.windows;
        assert_eq!((short.pairs, short.squares), (0, 49));
        assert_eq!((long.pairs, long.squares), (6 + 15 + 35, 4 + 9 + 25 + 49));
        bipower.advance(310 * SECOND);
        let [_, long] = bipower.windows;
        assert_eq!((long.pairs, long.squares), (35, 25 + 49), "those at 0 and 10 are out of (10, 310]");
    }
}
