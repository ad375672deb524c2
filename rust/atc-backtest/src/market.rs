//! The book as the session sees it: what is displayed, what was last known, and whether an order may meet it.

use crate::consumption::Renewal;
use crate::order::{Met, Outcome, Seen};
use atc_featuregen::book::Book;
use atc_featuregen::event::{Level, MsgKind};

/// Last known quotes, ticks; 0 while none was ever known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Best bid of the last closed timestamp whose book was known and had one.
    pub bid: i64,
    /// Best ask likewise.
    pub ask: i64,
    /// Best bid + best ask of the last one that had both.
    pub mid2: i64,
}

impl Marks {
    /// The executable side of a position, ticks.
    pub fn of(&self, position: i64) -> i64 {
        match position.signum() {
            1 => self.bid,
            -1 => self.ask,
            _ => 0,
        }
    }
}

/// The book of a session.
#[derive(Debug, Default)]
pub struct Market {
    /// As displayed.
    pub book: Book,
    /// As last known.
    pub marks: Marks,
    /// Which levels were shown anew.
    pub renewal: Renewal,
    max_gap: i64,
    last_message: Option<i64>,
}

impl Market {
    /// A market that has shown nothing.
    pub fn new(max_gap: i64) -> Self {
        Self { max_gap, ..Self::default() }
    }

    /// A book message at `t`.
    pub fn message(&mut self, t: i64, kind: MsgKind, flags: u16, levels: &[Level]) -> Result<(), String> {
        self.last_message = Some(t);
        self.renewal.message(kind, flags, levels);
        self.book.apply(t, kind, levels, self.max_gap)
    }

    /// A RESET: the book is unknown until it comes whole again.
    pub fn reset(&mut self) {
        self.book = Book::default();
    }

    /// Timestamp `t`, which had a book message, is over.
    pub fn close(&mut self, t: i64) {
        if !self.book.is_known(t, self.max_gap) {
            return;
        }
        let (bid, ask) = (self.book.bid().map(i64::from), self.book.ask().map(i64::from));
        self.marks.bid = bid.unwrap_or(self.marks.bid);
        self.marks.ask = ask.unwrap_or(self.marks.ask);
        if let (Some(bid), Some(ask)) = (bid, ask) {
            self.marks.mid2 = bid + ask;
        }
    }

    /// What a decision at `d` knows.
    pub fn seen(&self, d: i64) -> Seen {
        let known = self.book.is_known(d, self.max_gap);
        Seen {
            bid: self.book.bid().filter(|_| known),
            ask: self.book.ask().filter(|_| known),
            book_age_ns: self.last_message.map(|last| d - last),
        }
    }

    /// What an order meets at `e`.
    pub fn met(&self, e: i64) -> Met {
        let known = self.book.is_known(e, self.max_gap);
        Met {
            ts: e,
            bid: self.book.bids().next().filter(|_| known),
            ask: self.book.asks().next().filter(|_| known),
            book_age_ns: self.last_message.map(|last| e - last),
        }
    }

    /// As many levels as an order may fill at most.
    pub fn most_levels(&self) -> usize {
        let most = |(_, most): (usize, Option<usize>)| most.unwrap_or(usize::MAX);
        most(self.book.bids().size_hint()).max(most(self.book.asks().size_hint()))
    }

    /// Why an order at `e` may not meet this book.
    pub fn refusal(&self, e: i64, max_book_age: i64) -> Option<Outcome> {
        if self.last_message.is_some_and(|last| e - last > max_book_age) {
            return Some(Outcome::StaleBook);
        }
        let known = self.book.is_known(e, self.max_gap);
        match (self.book.bid(), self.book.ask()) {
            (Some(bid), Some(ask)) if known => (bid >= ask).then_some(Outcome::Crossed),
            _ => Some(Outcome::NoBook),
        }
    }
}
