//! The order book by price level.

use crate::event::{Level, MsgKind};
use crate::fixed::to_f64;
use serde::{Deserialize, Serialize};

/// One side, best level last, so that changes near the touch move little memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Side {
    /// They grow towards the touch: the price of a bid, minus the price of an ask.
    keys: Vec<i32>,
    lots: Vec<i64>,
}

impl Side {
    fn set(&mut self, key: i32, qty: i64) {
        match self.keys.binary_search(&key) {
            Ok(at) if qty == 0 => {
                self.keys.remove(at);
                self.lots.remove(at);
            }
            Ok(at) => self.lots[at] = qty,
            Err(_) if qty == 0 => {}
            Err(at) => {
                self.keys.insert(at, key);
                self.lots.insert(at, qty);
            }
        }
    }

    /// Takes the levels of a whole side. They mostly come from the touch outwards, and are then only turned over.
    fn replace(&mut self, levels: impl Iterator<Item = (i32, i64)> + Clone) {
        self.clear();
        for (key, qty) in levels.clone() {
            self.keys.push(key);
            self.lots.push(qty);
        }
        if self.keys.is_sorted_by(|a, b| a > b) && !self.lots.contains(&0) {
            self.keys.reverse();
            self.lots.reverse();
            return;
        }
        self.clear();
        for (key, qty) in levels {
            self.set(key, qty);
        }
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.lots.clear();
    }

    /// Of levels `from` to `to`, counted from 1 at the touch.
    fn depth(&self, from: usize, to: usize) -> Depth {
        let n = self.lots.len();
        let range = &self.lots[n.saturating_sub(to)..n.saturating_sub(from - 1)];
        // Halves of numbers that are not negative cannot overflow, and several are added at once.
        let (low, high) = range.iter().fold((0u64, 0u64), |(low, high), &lots| {
            (low + (lots as u64 & 0xFFFF_FFFF), high + (lots as u64 >> 32))
        });
        Depth { lots: (i128::from(high) << 32) + i128::from(low), levels: range.len() }
    }
}

/// Σ lots of some levels of a side, and how many of them exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Σ lots.
    pub lots: i128,
    /// Number of levels.
    pub levels: usize,
}

/// (Qb − Qa)/(Qb + Qa) of bids and asks; `None` where neither side has a level.
pub fn imbalance([bids, asks]: [Depth; 2]) -> Option<f64> {
    let exist = bids.levels + asks.levels > 0;
    exist.then(|| to_f64(bids.lots - asks.lots) / to_f64(bids.lots + asks.lots))
}

/// Bids and asks of one instrument, and whether they are known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    bids: Side,
    asks: Side,
    known: bool,
    last_message: Option<i64>,
}

impl Book {
    /// Applies a message received at `t`. A book that was silent for more than `max_gap` is no longer known.
    pub fn apply(&mut self, t: i64, kind: MsgKind, levels: &[Level], max_gap: i64) -> Result<(), String> {
        self.apply_each(t, kind, levels.iter().copied(), max_gap)
    }

    /// The same, of levels from elsewhere.
    pub fn apply_each(
        &mut self,
        t: i64,
        kind: MsgKind,
        levels: impl Iterator<Item = Level> + Clone,
        max_gap: i64,
    ) -> Result<(), String> {
        // Without a branch for each condition: nearly all levels are good.
        let impossible =
            |l: &Level| (l.side != 0) & ((l.qty < 0) | (l.px <= 0) | (l.side.unsigned_abs() > 1));
        if let Some(bad) = levels.clone().find(impossible) {
            return Err(format!("book level {bad:?}: expected side ±1, price > 0 ticks, quantity ≥ 0 lots"));
        }
        if !self.is_known(t, max_gap) {
            self.clear();
            self.known = false;
        }
        self.last_message = Some(t);
        match kind {
            MsgKind::Delta if !self.known => return Ok(()),
            MsgKind::Delta => {}
            MsgKind::Snap | MsgKind::Clear => {
                self.clear();
                self.known = true;
            }
        }
        if kind == MsgKind::Clear {
            return Ok(());
        }
        if kind == MsgKind::Snap {
            let of = |side: i8| levels.clone().filter(move |l| l.side == side);
            self.bids.replace(of(1).map(|l| (l.px, l.qty)));
            self.asks.replace(of(-1).map(|l| (-l.px, l.qty)));
            return Ok(());
        }
        for level in levels {
            let (side, key) =
                if level.side > 0 { (&mut self.bids, level.px) } else { (&mut self.asks, -level.px) };
            if level.side != 0 {
                side.set(key, level.qty);
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Known at `t`: whole since its last start, and not carried further than `max_gap`.
    pub fn is_known(&self, t: i64, max_gap: i64) -> bool {
        self.known && self.last_message.is_some_and(|last| t - last <= max_gap)
    }

    /// Best bid, ticks.
    pub fn bid(&self) -> Option<i32> {
        self.bids.keys.last().copied()
    }

    /// Best ask, ticks.
    pub fn ask(&self) -> Option<i32> {
        self.asks.keys.last().map(|key| -key)
    }

    /// Best bid + best ask, ticks: twice the mid, crossed or not.
    pub fn mid2(&self) -> Option<i64> {
        Some(i64::from(self.bid()?) + i64::from(self.ask()?))
    }

    /// Bids (price in ticks, lots), best first.
    pub fn bids(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.bids.keys.iter().copied().zip(self.bids.lots.iter().copied()).rev()
    }

    /// Asks (price in ticks, lots), best first.
    pub fn asks(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.asks.keys.iter().map(|key| -key).zip(self.asks.lots.iter().copied()).rev()
    }

    /// Whether the best bid is not below the best ask.
    pub fn is_crossed(&self) -> bool {
        matches!((self.bid(), self.ask()), (Some(bid), Some(ask)) if bid >= ask)
    }

    /// All levels: bids from the best down, then asks from the best up.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        let of = |side: i8| move |(px, qty)| Level { side, px, qty };
        self.bids().map(of(1)).chain(self.asks().map(of(-1)))
    }

    /// Bids and asks of levels `from` to `to`, counted from 1, both included.
    pub fn depths(&self, from: u32, to: u32) -> [Depth; 2] {
        [&self.bids, &self.asks].map(|side| side.depth(from as usize, to as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(side: i8, px: i32, qty: i64) -> Level {
        Level { side, px, qty }
    }

    #[test]
    fn snapshots_differences_and_deletes() {
        let mut book = Book::default();
        book.apply(0, MsgKind::Delta, &[level(1, 100, 5)], 60).unwrap();
        assert_eq!(book.bid(), None, "a difference on an unknown book is dropped");
        let snap = [level(1, 100, 5), level(1, 99, 2), level(-1, 103, 1), level(-1, 102, 4), level(1, 98, 0)];
        book.apply(1, MsgKind::Snap, &snap, 60).unwrap();
        assert_eq!((book.bid(), book.ask(), book.mid2()), (Some(100), Some(102), Some(202)));
        book.apply(2, MsgKind::Delta, &[level(1, 100, 0), level(-1, 102, 9)], 60).unwrap();
        assert_eq!(book.bid(), Some(99));
        assert_eq!(imbalance(book.depths(1, 1)), Some((2.0 - 9.0) / 11.0));
        assert_eq!(imbalance(book.depths(2, 5)), Some(-1.0));
        assert_eq!(imbalance(book.depths(3, 5)), None);
        book.apply(3, MsgKind::Clear, &[], 60).unwrap();
        assert!(book.is_known(3, 60) && book.mid2().is_none());
    }

    #[test]
    fn a_snapshot_in_any_order_is_the_same_book() {
        let sorted = [(100, 5), (99, 2), (97, 8)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            let levels: Vec<Level> = order.map(|i| level(1, sorted[i].0, sorted[i].1)).to_vec();
            let mut book = Book::default();
            book.apply(0, MsgKind::Snap, &levels, 60).unwrap();
            assert!(book.bids().eq(sorted), "{order:?}");
            let twice: Vec<Level> =
                levels.iter().chain(&[level(1, 99, 0), level(1, 97, 1)]).copied().collect();
            book.apply(1, MsgKind::Snap, &twice, 60).unwrap();
            assert!(book.bids().eq([(100, 5), (97, 1)]), "a later row of a level wins");
        }
    }

    #[test]
    fn depths_of_huge_levels_are_exact() {
        let mut book = Book::default();
        let levels: Vec<Level> = (1..=5).map(|px| level(1, px, i64::MAX - i64::from(px))).collect();
        book.apply(0, MsgKind::Snap, &levels, 60).unwrap();
        let lots = 5 * i128::from(i64::MAX) - 15;
        assert_eq!(book.depths(1, 9), [Depth { lots, levels: 5 }, Depth { lots: 0, levels: 0 }]);
    }

    #[test]
    fn silence_makes_it_unknown() {
        let mut book = Book::default();
        book.apply(0, MsgKind::Snap, &[level(1, 100, 5), level(-1, 101, 5)], 60).unwrap();
        assert!(book.is_known(60, 60) && !book.is_known(61, 60));
        book.apply(61, MsgKind::Delta, &[level(1, 100, 6)], 60).unwrap();
        assert!(!book.is_known(61, 60));
    }

    #[test]
    fn refuses_rubbish() {
        assert!(Book::default().apply(0, MsgKind::Snap, &[level(1, 100, -1)], 60).is_err());
        assert!(Book::default().apply(0, MsgKind::Snap, &[level(2, 100, 1)], 60).is_err());
        assert!(Book::default().apply(0, MsgKind::Snap, &[level(1, 0, 1)], 60).is_err());
    }
}
