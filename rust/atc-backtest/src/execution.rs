//! A marketable order against the displayed book: immediate or cancel, level by level, no further than the limit.

use crate::market::Market;
use crate::order::{Fill, Intent, Outcome, Seen, Sent, reducing};
use crate::spec::{Execution, Fee, Spec, StrategySpec};
use crate::windows::Windows;

/// 1 in units of 10⁻⁶ bps.
const ONE: i128 = 10_000_000_000;

/// When the venue takes orders, and which.
#[derive(Debug)]
pub struct Rules {
    closed: Windows,
    no_new_entry: Windows,
    execution: Execution,
}

impl Rules {
    /// Of a session.
    pub fn new(spec: &Spec) -> Result<Self, String> {
        Ok(Self {
            closed: Windows::new("closed", &spec.closed)?,
            no_new_entry: Windows::new("no_new_entry", &spec.no_new_entry)?,
            execution: spec.execution,
        })
    }

    /// What a decision at `d` may send to come from `position` to `target`.
    pub fn intent(&self, d: i64, position: i64, target: i64) -> Intent {
        Intent::new(position, target, self.no_new_entry.contains(d), self.execution.max_order_lots)
    }

    /// From when on the next order may be sent.
    pub fn free_at(&self, submission: i64) -> i64 {
        submission.saturating_add(self.execution.min_interval_ns)
    }

    /// What of an order is allowed that finds `position` at `e`, lots.
    fn allowed(&self, e: i64, position: i64, intent: Intent) -> i64 {
        if self.no_new_entry.contains(e) {
            reducing(i64::from(intent.side), intent.qty, position)
        } else {
            intent.qty
        }
    }

    /// Why an order of which so many lots are allowed may not meet the book at `e`.
    fn refusal(&self, market: &Market, e: i64, allowed: i64) -> Option<Outcome> {
        if self.closed.contains(e) {
            return Some(Outcome::Maintenance);
        }
        if allowed == 0 {
            return Some(Outcome::LateEntry);
        }
        market.refusal(e, self.execution.max_book_age_ns)
    }
}

/// A moment at which every strategy may decide.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// Its number.
    pub row: usize,
    /// ns UTC.
    pub ts: i64,
    /// The book that it knows.
    pub seen: Seen,
    /// It is the first of the session.
    pub first: bool,
}

impl Decision {
    /// What it sends for a target, with the strategy's latency and wait.
    pub fn sent(&self, target: i64, intent: Intent, (latency, wait): (i64, i64)) -> Sent {
        let Self { row, ts, seen, .. } = *self;
        let arrival = ts + latency;
        Sent { decision: row, ts_decision: ts, seen, target, intent, arrival, deadline: arrival + wait }
    }
}

/// How a strategy's orders are filled.
#[derive(Clone, Debug)]
pub struct Taker {
    depth_num: i64,
    depth_den: i64,
    max_slippage: i128,
    fee: Fee,
}

impl Taker {
    /// Of a strategy; slippage in 10⁻⁶ bps.
    pub fn new(strategy: &StrategySpec, max_slippage: i64) -> Self {
        let StrategySpec { depth_num, depth_den, fee_bps_e6, .. } = strategy;
        Self {
            depth_num: *depth_num,
            depth_den: *depth_den,
            max_slippage: i128::from(max_slippage),
            fee: fee_bps_e6.clone(),
        }
    }

    /// Lots of a level that may be taken at most.
    fn share(&self, lots: i64) -> i64 {
        if self.depth_num == self.depth_den {
            return lots;
        }
        let share = i128::from(lots) * i128::from(self.depth_num) / i128::from(self.depth_den);
        i64::try_from(share).unwrap_or(i64::MAX)
    }

    /// The last price that may be hit when `best` is the first, ticks.
    fn limit(&self, side: i8, best: i32) -> i128 {
        let best = i128::from(best);
        if side > 0 {
            (best * (ONE + self.max_slippage)).div_euclid(ONE)
        } else {
            -(-best * (ONE - self.max_slippage)).div_euclid(ONE)
        }
    }

    /// An order of a strategy at `position` meets the book at `e`: `fills` are replaced by those that it gets, and the intent says
    /// whether the calendar cut it. `taken` tells what is not there any more of a level (side of the book, ticks), though it is
    /// displayed.
    pub fn meet(
        &self,
        (rules, market): (&Rules, &Market),
        e: i64,
        position: i64,
        intent: &mut Intent,
        taken: impl Fn(i8, i32) -> i64,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        fills.clear();
        let Intent { side, qty, .. } = *intent;
        let allowed = rules.allowed(e, position, *intent);
        if let Some(refusal) = rules.refusal(market, e, allowed) {
            intent.reduced |= refusal == Outcome::LateEntry;
            return refusal;
        }
        intent.reduced |= allowed < qty;
        if side > 0 {
            self.walk(market.book.asks(), taken, (side, allowed), fills);
        } else {
            self.walk(market.book.bids(), taken, (side, allowed), fills);
        }
        let rate = self.fee.at(e);
        for fill in fills.iter_mut().filter(|_| rate != 0) {
            fill.fee = fee(fill.px, fill.lots, rate);
        }
        match fills.iter().map(|fill| fill.lots).sum::<i64>() {
            0 => Outcome::Thin,
            filled if filled < qty => Outcome::Partial,
            _ => Outcome::Filled,
        }
    }

    fn walk(
        &self,
        levels: impl Iterator<Item = (i32, i64)>,
        taken: impl Fn(i8, i32) -> i64,
        (side, qty): (i8, i64),
        fills: &mut Vec<Fill>,
    ) {
        let mut left = qty;
        let mut limit = None;
        for (px, lots) in levels {
            let available = self.share(lots) - taken(-side, px);
            if available <= 0 {
                continue;
            }
            let limit = *limit.get_or_insert_with(|| self.limit(side, px));
            if i128::from(px) * i128::from(side) > limit * i128::from(side) {
                return;
            }
            let lots = available.min(left);
            fills.push(Fill { px, lots, fee: 0 });
            left -= lots;
            if left == 0 {
                return;
            }
        }
    }
}

/// ⌈px·lots·rate⌉ in money units, the rate in 10⁻⁶ bps. The value is at most 2³¹·2·10⁹ and the rate at most 1, so it fits.
fn fee(px: i32, lots: i64, rate: i64) -> i64 {
    let value = i64::from(px) * lots;
    match value.checked_mul(rate) {
        // The usual sizes need no division of 128 bits, which is slow.
        Some(product) => -(-product).div_euclid(ONE as i64),
        None => (-(-i128::from(value) * i128::from(rate)).div_euclid(ONE)) as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_of_any_size_are_rounded_up() {
        assert_eq!(fee(400_101, 100, 1_000_000), 4_002, "4001.01 units");
        assert_eq!(fee(400_000, 100, 1_000_000), 4_000);
        assert_eq!(fee(400_101, 100, -1_000_000), -4_001, "a rebate is rounded up, too");
        assert_eq!(fee(400_101, 100, 0), 0);
        // More than 64 bits before the division.
        assert_eq!(fee(i32::MAX, 2_000_000_000, 10_000_000_000), i64::from(i32::MAX) * 2_000_000_000);
        assert_eq!(fee(i32::MAX, 2_000_000_000, 1), 429_496_730, "429496729.4");
    }
}
