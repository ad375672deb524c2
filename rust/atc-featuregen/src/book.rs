//! The order book by price level.

use crate::event::{Level, MsgKind};
use serde::{Deserialize, Serialize};

/// One side, best level last, so that changes near the touch move little memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Side {
    levels: Vec<(i32, i64)>,
}

impl Side {
    /// `key` grows towards the touch: the price of a bid, minus the price of an ask.
    fn set(&mut self, key: i32, qty: i64) {
        match self.levels.binary_search_by_key(&key, |l| l.0) {
            Ok(at) if qty == 0 => {
                self.levels.remove(at);
            }
            Ok(at) => self.levels[at].1 = qty,
            Err(_) if qty == 0 => {}
            Err(at) => self.levels.insert(at, (key, qty)),
        }
    }

    /// Σ qty of levels `from` to `to`, counted from 1 at the touch, and how many of them exist.
    fn sum(&self, from: usize, to: usize) -> (i128, usize) {
        let n = self.levels.len();
        let (start, end) = (n.saturating_sub(to), n.saturating_sub(from - 1));
        let range = &self.levels[start..end];
        (range.iter().map(|l| i128::from(l.1)).sum(), range.len())
    }
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
        if let Some(bad) =
            levels.iter().find(|l| l.side != 0 && (l.qty < 0 || l.px <= 0 || l.side.abs() != 1))
        {
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
        for level in levels {
            match level.side {
                1 => self.bids.set(level.px, level.qty),
                -1 => self.asks.set(-level.px, level.qty),
                _ => {}
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.bids.levels.clear();
        self.asks.levels.clear();
    }

    /// Known at `t`: whole since its last start, and not carried further than `max_gap`.
    pub fn is_known(&self, t: i64, max_gap: i64) -> bool {
        self.known && self.last_message.is_some_and(|last| t - last <= max_gap)
    }

    /// Best bid, ticks.
    pub fn bid(&self) -> Option<i32> {
        self.bids.levels.last().map(|l| l.0)
    }

    /// Best ask, ticks.
    pub fn ask(&self) -> Option<i32> {
        self.asks.levels.last().map(|l| -l.0)
    }

    /// Best bid + best ask, ticks: twice the mid, crossed or not.
    pub fn mid2(&self) -> Option<i64> {
        Some(i64::from(self.bid()?) + i64::from(self.ask()?))
    }

    /// Bids (price in ticks, lots), best first.
    pub fn bids(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.bids.levels.iter().rev().copied()
    }

    /// Asks (price in ticks, lots), best first.
    pub fn asks(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.asks.levels.iter().rev().map(|l| (-l.0, l.1))
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

    /// Σ lots of levels `from` to `to`, counted from 1, both included.
    pub fn depth(&self, bid: bool, from: u32, to: u32) -> i128 {
        let side = if bid { &self.bids } else { &self.asks };
        side.sum(from as usize, to as usize).0
    }

    /// (Qb − Qa)/(Qb + Qa) over levels `from` to `to` that exist; `None` where neither side has one.
    pub fn imbalance(&self, from: u32, to: u32) -> Option<f64> {
        let (bid, bids) = self.bids.sum(from as usize, to as usize);
        let (ask, asks) = self.asks.sum(from as usize, to as usize);
        (bids + asks > 0).then(|| (bid - ask) as f64 / (bid + ask) as f64)
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
        assert_eq!(book.imbalance(1, 1), Some((2.0 - 9.0) / 11.0));
        assert_eq!(book.imbalance(2, 5), Some(-1.0));
        assert_eq!(book.imbalance(3, 5), None);
        book.apply(3, MsgKind::Clear, &[], 60).unwrap();
        assert!(book.is_known(3, 60) && book.mid2().is_none());
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
