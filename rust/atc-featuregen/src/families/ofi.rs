//! Schema `ofi`: order flow imbalance, at the touch and at several levels.

use crate::book::Book;
use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::to_f64;
use crate::market::{BookClosed, Market};
use crate::row::Row;
use crate::spec::{SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

schema! {
    "ofi", version 1;
    Ofi1s = "ofi_1s", "ofi", "book", Some(1), "base asset", "sum of e_1 in 1 s", "Cont-Kukanov-Stoikov 2014, eq. 2-4";
    Ofi5s = "ofi_5s", "ofi", "book", Some(5), "base asset", "sum of e_1 in 5 s", "Cont-Kukanov-Stoikov 2014, eq. 2-4";
    Ofi30s = "ofi_30s", "ofi", "book", Some(30), "base asset", "sum of e_1 in 30 s", "Cont-Kukanov-Stoikov 2014, eq. 2-4";
    OfiDepthRatio30s = "ofi_depth_ratio_30s", "ofi", "book", Some(30), "1", "sum of e_1 in 30 s / mean of (q_1 + r_1) / 2 at the same times", "Cont-Kukanov-Stoikov 2014: their slope falls with the depth";
    MlofiL2In5s = "mlofi_l2_5s", "ofi", "book", Some(5), "base asset", "sum of e_2 in 5 s", "Xu-Gould-Howison 2018";
    MlofiL3In5s = "mlofi_l3_5s", "ofi", "book", Some(5), "base asset", "sum of e_3 in 5 s", "Xu-Gould-Howison 2018";
    MlofiL4In5s = "mlofi_l4_5s", "ofi", "book", Some(5), "base asset", "sum of e_4 in 5 s", "Xu-Gould-Howison 2018";
    MlofiL5In5s = "mlofi_l5_5s", "ofi", "book", Some(5), "base asset", "sum of e_5 in 5 s", "Xu-Gould-Howison 2018";
    MlofiTop10In5s = "mlofi_top10_5s", "ofi", "book", Some(5), "base asset", "sum of e_1 + ... + e_10 in 5 s", "Xu-Gould-Howison 2018, summed over the levels";
}

const LEVELS: usize = 10;
/// Levels that have a column of their own.
const OWN: usize = 5;
const TOUCH_S: [i64; 3] = [1, 5, 30];
const LEVELS_S: i64 = 5;

/// Key (it grows towards the touch) and lots of the best levels of a side; one that does not exist has the least key and no lots.
type Levels = [(i32, i64); LEVELS];

fn levels(side: impl Iterator<Item = (i32, i64)>) -> Levels {
    let mut levels = [(i32::MIN, 0); LEVELS];
    for (place, level) in levels.iter_mut().zip(side) {
        *place = level;
    }
    levels
}

fn touch_and_below(book: &Book) -> [Levels; 2] {
    [levels(book.bids()), levels(book.asks().map(|(px, qty)| (-px, qty)))]
}

/// What came to a level, or with the opposite sign what left it, lots.
fn arrived(now: (i32, i64), before: (i32, i64)) -> i128 {
    let come = if now.0 >= before.0 { now.1 } else { 0 };
    let gone = if now.0 <= before.0 { before.1 } else { 0 };
    i128::from(come) - i128::from(gone)
}

/// Flow between two closed book timestamps, lots.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Flow {
    /// e₁ … e₅.
    own: [i128; OWN],
    /// e₁ + … + e₁₀.
    all: i128,
    /// q₁ + r₁ after it.
    depth: i128,
}

/// Order flow imbalance over its windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ofi {
    last: Option<(i64, [Levels; 2])>,
    flows: Timeline<Flow>,
    /// First flow of each window of the touch, and Σ e₁.
    touch: [(u64, i128); TOUCH_S.len()],
    /// Σ (q₁ + r₁) over the longest of them.
    depth: i128,
    /// First flow of the window of the levels, and the sums of their e.
    levels: (u64, Flow),
}

impl Family for Ofi {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(_spec: &Spec) -> Self {
        let (flows, touch) = (Timeline::new(), Default::default());
        Self { last: None, flows, touch, depth: 0, levels: Default::default() }
    }

    fn on_book(&mut self, closed: &BookClosed, market: &Market, spec: &Spec) -> Result<(), String> {
        if !closed.known {
            self.last = None;
            return Ok(());
        }
        let now = touch_and_below(&market.book);
        let before = self.last.replace((closed.t, now));
        if let Some((since, before)) = before
            && closed.t - since <= spec.max_gap_ns
        {
            self.push(closed.t, &now, &before);
            if self.flows.is_due() {
                self.advance(closed.t);
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, _market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        self.advance(row.t);
        let asset = |lots: i128| to_f64(lots) * spec.lot;
        let touch = self.touch.map(|(_, sum)| sum);
        for (col, sum) in [Col::Ofi1s, Col::Ofi5s, Col::Ofi30s].into_iter().zip(touch) {
            values[col as usize] = asset(sum);
        }
        if self.depth != 0 {
            let count = i128::from(self.flows.end() - self.touch[TOUCH_S.len() - 1].0);
            values[Col::OfiDepthRatio30s as usize] =
                to_f64(2 * count * touch[TOUCH_S.len() - 1]) / to_f64(self.depth);
        }
        let own = [Col::MlofiL2In5s, Col::MlofiL3In5s, Col::MlofiL4In5s, Col::MlofiL5In5s];
        for (col, sum) in own.into_iter().zip(&self.levels.1.own[1..]) {
            values[col as usize] = asset(*sum);
        }
        values[Col::MlofiTop10In5s as usize] = asset(self.levels.1.all);
        Ok(())
    }
}

impl Ofi {
    fn push(&mut self, t: i64, now: &[Levels; 2], before: &[Levels; 2]) {
        let mut flow = Flow { depth: i128::from(now[0][0].1) + i128::from(now[1][0].1), ..Flow::default() };
        for k in 0..LEVELS {
            let e = arrived(now[0][k], before[0][k]) - arrived(now[1][k], before[1][k]);
            flow.all += e;
            if k < OWN {
                flow.own[k] = e;
            }
        }
        self.flows.push(t, flow);
        for (_, sum) in &mut self.touch {
            *sum += flow.own[0];
        }
        self.depth += flow.depth;
        let sums = &mut self.levels.1;
        sums.all += flow.all;
        for (sum, e) in sums.own.iter_mut().zip(flow.own) {
            *sum += e;
        }
    }

    fn advance(&mut self, t: i64) {
        let (first, sums) = &mut self.levels;
        let end = self.flows.seek(*first, t - LEVELS_S * SECOND);
        for number in *first..end {
            let flow = self.flows.get(number);
            sums.all -= flow.all;
            for (sum, e) in sums.own.iter_mut().zip(flow.own) {
                *sum -= e;
            }
        }
        *first = end;
        for (index, (first, sum)) in self.touch.iter_mut().enumerate() {
            let end = self.flows.seek(*first, t - TOUCH_S[index] * SECOND);
            for number in *first..end {
                let flow = self.flows.get(number);
                *sum -= flow.own[0];
                if index + 1 == TOUCH_S.len() {
                    self.depth -= flow.depth;
                }
            }
            *first = end;
        }
        self.flows.forget_before(self.touch[TOUCH_S.len() - 1].0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_comes_goes_grows_or_moves() {
        let (none, at) = ((i32::MIN, 0), |key, qty| (key, qty));
        assert_eq!(arrived(at(100, 7), at(100, 5)), 2);
        assert_eq!(arrived(at(101, 7), at(100, 5)), 7, "a better price: all of it has come");
        assert_eq!(arrived(at(99, 7), at(100, 5)), -5, "a worse one: what was there has gone");
        assert_eq!((arrived(at(99, 7), none), arrived(none, at(99, 7)), arrived(none, none)), (7, -7, 0));
        // An ask's key is minus its price, so that the same rule reads its improvement.
        assert_eq!(arrived(at(-101, 3), at(-102, 4)), 3);
    }
}
