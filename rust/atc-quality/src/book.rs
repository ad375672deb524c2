//! The book replayed, and what is wrong with it.

use crate::LARGEST_QTY_LOTS;
use crate::code;
use crate::params::Params;
use crate::places::Places;
use serde::Serialize;

/// One side: (key, lots), the best last. The key grows towards the touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ladder(Vec<(i32, i64)>);

impl Ladder {
    fn set(&mut self, key: i32, qty: i64) {
        match self.0.binary_search_by_key(&key, |level| level.0) {
            Ok(at) if qty == 0 => {
                self.0.remove(at);
            }
            Ok(at) => self.0[at].1 = qty,
            Err(_) if qty == 0 => {}
            Err(at) => self.0.insert(at, (key, qty)),
        }
    }

    fn qty(&self, key: i32) -> i64 {
        self.0.binary_search_by_key(&key, |level| level.0).map_or(0, |at| self.0[at].1)
    }
}

/// Bids and asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sides {
    bids: Ladder,
    asks: Ladder,
}

impl Sides {
    fn set(&mut self, side: i8, px: i32, qty: i64) {
        if side > 0 { self.bids.set(px, qty) } else { self.asks.set(-px, qty) }
    }

    fn qty(&self, side: i8, px: i32) -> i64 {
        if side > 0 { self.bids.qty(px) } else { self.asks.qty(-px) }
    }

    fn touch(&self) -> (Option<i32>, Option<i32>) {
        (self.bids.0.last().map(|l| l.0), self.asks.0.last().map(|l| -l.0))
    }

    /// Best bid + best ask, where they do not cross.
    fn mid2(&self) -> Option<i64> {
        let (bid, ask) = self.touch();
        bid.zip(ask).filter(|(b, a)| b < a).map(|(b, a)| i64::from(b) + i64::from(a))
    }
}

/// What the replay of the day's book came to. Messages are those of the feed: whole books that ATC inserted are
/// counted as `keyframes` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BookFigures {
    pub messages: u64,
    pub keyframes: u64,
    pub repeats: u64,
    /// Messages after which the best bid is above the best ask.
    pub crossed: u64,
    /// Time until the next message of each of those, at most `silence_ns`.
    pub crossed_ns: i64,
    /// Messages after which the best bid equals the best ask.
    pub locked: u64,
    /// Messages after which one side, or both, is empty though the message was no CLEAR.
    pub one_sided: u64,
    /// Differences before any whole book.
    pub unplaced: u64,
    /// Inserted whole books that differ from the replay.
    pub differing_keyframes: u64,
    /// Messages whose MAYBE_BAD_BOOK says other than the replay.
    pub misflagged: u64,
    /// Level rows with a price of 0 or less; they are not applied.
    pub impossible_prices: u64,
    /// Level rows with a size below 0 or beyond what can be one; they are not applied.
    pub impossible_sizes: u64,
    /// Levels new or changed that are far off the mid.
    pub far_levels: u64,
}

/// One message: its rows in the table.
pub(crate) struct BookMessage<'a> {
    pub row: usize,
    pub ts_recv: i64,
    pub flags: u16,
    pub msg_kind: u8,
    pub side: &'a [i8],
    pub px: &'a [i32],
    pub qty: &'a [i64],
}

/// Whether the message is a whole book that ATC inserted: no message of the feed.
pub(crate) fn is_inserted(flags: u16) -> bool {
    flags & code::SNAPSHOT != 0 && flags & code::REPEAT != 0
}

/// The book of the day as it is replayed.
#[derive(Debug, Default)]
pub(crate) struct BookReplay {
    sides: Sides,
    known: bool,
    /// The last mid of a book that did not cross, and when.
    mid: Option<(i64, i64)>,
    crossed_since: Option<i64>,
    pub(crate) figures: BookFigures,
}

impl BookReplay {
    /// Twice the mid, if one is known that is not older than `silence_ns`.
    pub(crate) fn mid2(&self, ts: i64, params: &Params) -> Option<i64> {
        self.mid.filter(|(since, _)| ts - since <= params.silence_ns).map(|(_, mid2)| mid2)
    }

    pub(crate) fn reset(&mut self, ts: i64, params: &Params) {
        self.end_crossed(ts, params);
        self.sides = Sides::default();
        self.known = false;
        self.mid = None;
    }

    pub(crate) fn message(&mut self, message: &BookMessage<'_>, params: &Params, places: &mut Places) {
        let inserted = is_inserted(message.flags);
        self.count_impossible(message, places);
        if inserted {
            self.figures.keyframes += 1;
        } else {
            self.figures.messages += 1;
            self.figures.repeats += u64::from(message.flags & code::REPEAT != 0);
        }
        if message.msg_kind == code::DELTA && !self.known {
            self.figures.unplaced += 1;
            places.add(
                "unplaced_differences",
                "book",
                Some(message.row),
                message.ts_recv,
                "a whole book first",
                || "a difference on an unknown book".into(),
            );
            return;
        }
        if message.msg_kind == code::DELTA {
            let reference = self.mid2(message.ts_recv, params);
            self.count_far(message, reference, None, params, places);
            apply(&mut self.sides, message);
        } else {
            let mut whole = Sides::default();
            apply(&mut whole, message);
            if inserted && self.known && whole != self.sides {
                self.figures.differing_keyframes += 1;
                places.add(
                    "differing_keyframes",
                    "book",
                    Some(message.row),
                    message.ts_recv,
                    "the book before it",
                    || "an inserted whole book that differs from the replay".into(),
                );
            }
            let old = std::mem::replace(&mut self.sides, whole);
            if !inserted {
                let reference = self.mid2(message.ts_recv, params).or(self.sides.mid2());
                self.count_far(message, reference, Some(&old), params, places);
            }
            self.known = true;
        }
        self.look_at_touch(message, inserted, params, places);
    }

    fn look_at_touch(
        &mut self,
        message: &BookMessage<'_>,
        inserted: bool,
        params: &Params,
        places: &mut Places,
    ) {
        let (row, ts) = (Some(message.row), message.ts_recv);
        let touch = self.sides.touch();
        let gap = touch.0.zip(touch.1).map(|(bid, ask)| i64::from(ask) - i64::from(bid));
        let bad = gap.is_some_and(|gap| gap <= 0);
        let told = || format!("best bid {}, best ask {}", shown(touch.0), shown(touch.1));
        if bad != (message.flags & code::MAYBE_BAD_BOOK != 0) {
            self.figures.misflagged += 1;
            let expected = "MAYBE_BAD_BOOK if and only if they cross";
            places.add("misflagged_books", "book", row, ts, expected, || {
                format!("{} with flags {}", told(), message.flags)
            });
        }
        if let Some(mid2) = self.sides.mid2() {
            self.mid = Some((ts, mid2));
        }
        if inserted {
            return;
        }
        self.end_crossed(ts, params);
        match gap {
            Some(gap) if gap < 0 => {
                self.figures.crossed += 1;
                self.crossed_since = Some(ts);
                places.add("crossed_books", "book", row, ts, "a bid below the ask", told);
            }
            Some(0) => {
                self.figures.locked += 1;
                places.add("locked_books", "book", row, ts, "a bid below the ask", told);
            }
            None if message.msg_kind != code::CLEAR => {
                self.figures.one_sided += 1;
                places.add("one_sided_books", "book", row, ts, "both sides", told);
            }
            _ => {}
        }
    }

    fn end_crossed(&mut self, ts: i64, params: &Params) {
        if let Some(since) = self.crossed_since.take() {
            self.figures.crossed_ns += (ts - since).min(params.silence_ns);
        }
    }

    fn count_impossible(&mut self, message: &BookMessage<'_>, places: &mut Places) {
        for (i, ((&side, &px), &qty)) in message.side.iter().zip(message.px).zip(message.qty).enumerate() {
            if side == 0 {
                continue;
            }
            let row = Some(message.row + i);
            if px <= 0 {
                self.figures.impossible_prices += 1;
                places.add(
                    "impossible_prices",
                    "book",
                    row,
                    message.ts_recv,
                    "a price of at least one tick",
                    || format!("px_ticks {px}"),
                );
            }
            if !(0..=LARGEST_QTY_LOTS).contains(&qty) {
                self.figures.impossible_sizes += 1;
                places.add("impossible_sizes", "book", row, message.ts_recv, "0 to 2^53 lots", || {
                    format!("qty_lots {qty}")
                });
            }
        }
    }

    /// Levels far off the mid. A feed of the whole book shows orders that wait anywhere, so there only the wrong
    /// side of the mid is far. `old`: the book that a whole book replaces; what it held already is not new.
    fn count_far(
        &mut self,
        message: &BookMessage<'_>,
        reference: Option<i64>,
        old: Option<&Sides>,
        params: &Params,
        places: &mut Places,
    ) {
        let Some(mid2) = reference else { return };
        for (i, ((&side, &px), &qty)) in message.side.iter().zip(message.px).zip(message.qty).enumerate() {
            if !is_level(side, px, qty) || qty == 0 || !is_far(px, mid2, params.far_off) {
                continue;
            }
            let wrong_side = (i64::from(px) * 2 > mid2) == (side > 0);
            if !(wrong_side || params.recorded_depth.is_some()) || old.is_some_and(|o| o.qty(side, px) == qty)
            {
                continue;
            }
            self.figures.far_levels += 1;
            let row = Some(message.row + i);
            places.add("far_levels", "book", row, message.ts_recv, "a price near the mid", || {
                format!("{} {px} ticks at mid {}", if side > 0 { "bid" } else { "ask" }, mid2 as f64 / 2.0)
            });
        }
    }

    pub(crate) fn finish(&mut self, end: i64, params: &Params) {
        self.end_crossed(end, params);
    }
}

fn is_level(side: i8, px: i32, qty: i64) -> bool {
    side.abs() == 1 && px > 0 && (0..=LARGEST_QTY_LOTS).contains(&qty)
}

fn apply(sides: &mut Sides, message: &BookMessage<'_>) {
    for ((&side, &px), &qty) in message.side.iter().zip(message.px).zip(message.qty) {
        if is_level(side, px, qty) {
            sides.set(side, px, qty);
        }
    }
}

/// Whether `px` is farther off the mid than the share `far_off` of it.
pub(crate) fn is_far(px: i32, mid2: i64, far_off: f64) -> bool {
    (i64::from(px) * 2 - mid2).abs() as f64 > far_off * mid2 as f64
}

fn shown(px: Option<i32>) -> String {
    px.map_or_else(|| "none".into(), |px| px.to_string())
}
