//! What every family reads of a stretch: the book, its mid, the taker groups, the ticker.

use crate::book::Book;
use crate::event::{Levels, MsgKind, Ticker};
use crate::fixed::to_fixed;
use crate::groups::TakerGroups;
use crate::spec::Spec;
use serde::{Deserialize, Serialize};

/// A closed book timestamp.
#[derive(Clone, Copy, Debug)]
pub struct BookClosed {
    /// Its time, ns UTC.
    pub t: i64,
    /// The book is known.
    pub known: bool,
    /// Twice the mid, ticks, where it is defined.
    pub mid2: Option<i64>,
    /// ln(m/m_before) in units of 2⁻⁴⁰, where the mid changed since the closed book timestamp before.
    pub mid_change: Option<i64>,
}

/// A closed ticker timestamp.
#[derive(Clone, Copy, Debug)]
pub struct TickerClosed {
    /// Its time, ns UTC.
    pub t: i64,
    /// Its last message.
    pub ticker: Ticker,
    /// Number of its messages.
    pub messages: u32,
}

/// Changes of a mid from one closed timestamp to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MidChanges {
    last: Option<(i64, Option<i64>)>,
}

impl MidChanges {
    /// Takes twice the mid of closed timestamp `t`; gives ln(m/m_before), in units of 2⁻⁴⁰ and rounded once, if both are defined, differ
    /// and are at most `max_gap` apart.
    pub fn next(&mut self, t: i64, mid2: Option<i64>, max_gap: i64) -> Result<Option<i64>, String> {
        let Some((since, Some(before))) = self.last.replace((t, mid2)) else {
            return Ok(None);
        };
        let Some(now) = mid2.filter(|now| *now != before && t - since <= max_gap) else {
            return Ok(None);
        };
        let change = libm::log(now as f64 / before as f64);
        to_fixed(change).map(Some).ok_or_else(|| format!("mid change {change} is out of range"))
    }
}

/// Everything since the last reset that is not one family's own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Market {
    /// The book, as of the last message.
    pub book: Book,
    /// The taker groups, as of the last print.
    pub groups: TakerGroups,
    mid_changes: MidChanges,
    had_book: bool,
    ticker: Option<Ticker>,
    ticker_messages: u32,
}

impl Market {
    /// A book message at `t`.
    pub fn book(&mut self, t: i64, kind: MsgKind, levels: Levels<'_>, spec: &Spec) -> Result<(), String> {
        self.had_book = true;
        self.book.apply_each(t, kind, levels.iter(), spec.max_gap_ns)
    }

    /// A ticker message; the last of a timestamp stands.
    pub fn ticker(&mut self, ticker: Ticker) -> Result<(), String> {
        let prices = [ticker.bid, ticker.ask, ticker.last, ticker.high, ticker.low];
        if prices.into_iter().flatten().any(|px| px <= 0) || ticker.vol.is_some_and(|v| v < 0) {
            return Err(format!("{ticker:?}: expected prices > 0 ticks and a volume ≥ 0 lots"));
        }
        self.ticker = Some(ticker);
        self.ticker_messages += 1;
        Ok(())
    }

    /// Timestamp `t` is over: what its book messages, if it had any, left.
    pub fn close_book(&mut self, t: i64, spec: &Spec) -> Result<Option<BookClosed>, String> {
        if !std::mem::take(&mut self.had_book) {
            return Ok(None);
        }
        let known = self.book.is_known(t, spec.max_gap_ns);
        let mid2 = if known { self.book.mid2() } else { None };
        let mid_change = self.mid_changes.next(t, mid2, spec.max_gap_ns)?;
        Ok(Some(BookClosed { t, known, mid2, mid_change }))
    }

    /// The same of its ticker messages.
    pub fn close_ticker(&mut self, t: i64) -> Option<TickerClosed> {
        let messages = std::mem::take(&mut self.ticker_messages);
        self.ticker.filter(|_| messages > 0).map(|ticker| TickerClosed { t, ticker, messages })
    }
}
