//! Schema `kyle`: how far a unit of signed volume moves the mid.

use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::to_f64;
use crate::groups::Print;
use crate::market::{BookClosed, Market};
use crate::row::Row;
use crate::spec::{SECOND, Spec, ceil_second};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

schema! {
    "kyle", version 1;
    KyleLambda300s = "kyle_lambda_300s", "kyle", "book, trade", Some(301), "bps / base asset", "1e4 lambda / m_t, slope of mid changes on signed volume over the whole seconds in 300 s", "Kyle 1985; by regression as in Hasbrouck 2007, ch. 7";
    KyleLambda1800s = "kyle_lambda_1800s", "kyle", "book, trade", Some(1801), "bps / base asset", "1e4 lambda / m_t, slope of mid changes on signed volume over the whole seconds in 1800 s", "Kyle 1985; by regression as in Hasbrouck 2007, ch. 7";
}

const WINDOWS_S: [i64; 2] = [300, 1_800];

/// One whole second with a mid at both ends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Bar {
    /// Signed volume, lots.
    x: i64,
    /// Change of twice the mid, ticks.
    y: i64,
}

/// Sums of a regression of y on x.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    n: i128,
    x: i128,
    y: i128,
    xx: i128,
    xy: i128,
}

impl Sums {
    fn add(&mut self, bar: &Bar, sign: i128) -> Option<()> {
        let (x, y) = (i128::from(bar.x), i128::from(bar.y));
        self.n += sign;
        self.x += sign * x;
        self.y += sign * y;
        self.xx = self.xx.checked_add(sign * x * x)?;
        self.xy = self.xy.checked_add(sign * x * y)?;
        Some(())
    }

    /// Covariance and variance of x, both times n²; `None` where they leave 127 bits.
    fn moments(&self) -> Option<(i128, i128)> {
        let covariance = self.n.checked_mul(self.xy)?.checked_sub(self.x.checked_mul(self.y)?)?;
        let variance = self.n.checked_mul(self.xx)?.checked_sub(self.x.checked_mul(self.x)?)?;
        Some((covariance, variance))
    }
}

fn overflow() -> String {
    "the moments of signed volume overflow 127 bits".to_owned()
}

/// Bars of whole seconds and their regressions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kyle {
    max_gap: i64,
    /// Closed book timestamp with twice its mid.
    last: Option<(i64, Option<i64>)>,
    /// End of the bar that is being filled, and its signed volume.
    open: Option<(i64, i64)>,
    /// Twice the mid where it began.
    before: Option<i64>,
    bars: Timeline<Bar>,
    windows: [(u64, Sums); WINDOWS_S.len()],
}

impl Family for Kyle {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(spec: &Spec) -> Self {
        let (bars, windows) = (Timeline::new(), Default::default());
        Self { max_gap: spec.max_gap_ns, last: None, open: None, before: None, bars, windows }
    }

    fn on_print(&mut self, print: &Print, _spec: &Spec) -> Result<(), String> {
        self.close_bars(print.t, print.t - 1)?;
        let (_, x) = self.open.as_mut().ok_or("no bar is open")?;
        *x = i64::from(print.side)
            .checked_mul(print.qty)
            .and_then(|signed| x.checked_add(signed))
            .ok_or("the signed volume of a second overflows 63 bits")?;
        Ok(())
    }

    fn on_book(&mut self, closed: &BookClosed, _market: &Market, _spec: &Spec) -> Result<(), String> {
        self.close_bars(closed.t, closed.t - 1)?;
        self.last = Some((closed.t, closed.mid2));
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        self.close_bars(row.t, row.t)?;
        self.advance(row.t)?;
        let book = &market.book;
        let Some(mid2) = book.mid2().filter(|_| book.is_known(row.t, spec.max_gap_ns)) else {
            return Ok(());
        };
        for (col, (_, sums)) in [Col::KyleLambda300s, Col::KyleLambda1800s].into_iter().zip(&self.windows) {
            if sums.n < i128::from(spec.min_values) {
                continue;
            }
            let (covariance, variance) = sums.moments().ok_or_else(overflow)?;
            if variance != 0 {
                // Half ticks a lot over a mid that is half of mid2 ticks: the tick cancels.
                let slope = to_f64(covariance) / to_f64(variance);
                values[col as usize] = 1e4 * slope / (spec.lot * mid2 as f64);
            }
        }
        Ok(())
    }
}

impl Kyle {
    /// Closes the bars that end at or before `end`, of which all is known; something happens at `t`.
    fn close_bars(&mut self, t: i64, end: i64) -> Result<(), String> {
        let (mut k, mut x) = self.open.unwrap_or((ceil_second(t), 0));
        while k <= end {
            let in_force = self.last.filter(|(since, _)| k - since <= self.max_gap);
            let mid2 = in_force.and_then(|(_, mid2)| mid2);
            if let (Some(before), Some(now)) = (self.before, mid2) {
                let bar = Bar { x, y: now - before };
                self.advance(k)?;
                self.bars.push(k, bar);
                for (_, sums) in &mut self.windows {
                    sums.add(&bar, 1).ok_or_else(overflow)?;
                }
            }
            (self.before, k, x) = (mid2, k + SECOND, 0);
        }
        self.open = Some((k, x));
        Ok(())
    }

    fn advance(&mut self, t: i64) -> Result<(), String> {
        for ((first, sums), window) in self.windows.iter_mut().zip(WINDOWS_S) {
            let end = self.bars.seek(*first, t - window * SECOND);
            for number in *first..end {
                sums.add(self.bars.get(number), -1).ok_or_else(overflow)?;
            }
            *first = end;
        }
        self.bars.forget_before(self.windows[WINDOWS_S.len() - 1].0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_its_slope() {
        let mut sums = Sums::default();
        for x in [-3, 0, 4, 9] {
            sums.add(&Bar { x, y: 2 * x + 5 }, 1).unwrap();
        }
        let (covariance, variance) = sums.moments().unwrap();
        assert_eq!(covariance, 2 * variance);
        sums.add(&Bar { x: 9, y: 23 }, -1).unwrap();
        assert_eq!(sums.n, 3);
        let huge = Bar { x: i64::MAX, y: 1 };
        assert!(sums.add(&huge, 1).is_some() && sums.moments().is_none(), "n Σx² is too large");
    }
}
