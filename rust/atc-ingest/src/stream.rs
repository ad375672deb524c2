//! From messages to canonical columns: numbering, business days, keyframes, rows.

use crate::columns::{BookRows, ControlRows, Rows, TickerRows, TradeRows};
use crate::error::{Problem, Result};
use crate::facts::Instrument;
use crate::keyframes::{DifferenceFeed, Numbers, SnapshotFeed};
use crate::message::{Body, ControlKind, Files, Message};
use crate::report::Report;
use std::collections::VecDeque;

/// Rows that are collected before they are handed on.
const CHUNK_ROWS: usize = 262_144;

/// 1971-01-01. No recording is older; ms or µs read as ns lie before it.
const EARLIEST_NS: i64 = 31_536_000_000_000_000;

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// Some rows of a business day (days since 1970), after those that came before.
    Rows(i64, Box<Rows>),
    /// No more rows of this business day will come.
    DayEnds(i64),
}

/// Numbers grow over the whole stream but depend on their own day alone, so a day's events are the same whether its file
/// was ingested by itself or with a year of others: day << 32, plus a counter from 1.
#[derive(Debug, Default)]
struct DayNumbers {
    latest: u64,
    given: u64,
}

impl Numbers for DayNumbers {
    fn next(&mut self) -> u64 {
        self.latest += 1;
        self.given += 1;
        self.latest
    }
}

/// Takes one stream's messages in the order of `ts_recv` and makes rows of them, a business day at a time.
#[derive(Debug)]
pub struct Stream {
    first_day_start: i64,
    day: Option<i64>,
    numbers: DayNumbers,
    last_ts: i64,
    differences: DifferenceFeed,
    snapshots: SnapshotFeed,
    book: BookRows,
    trade: TradeRows,
    ticker: TickerRows,
    control: ControlRows,
    out: VecDeque<Out>,
}

impl Stream {
    /// An empty stream of an instrument.
    pub fn new(instrument: &Instrument) -> Self {
        Self {
            first_day_start: instrument.first_day_start(),
            day: None,
            numbers: DayNumbers::default(),
            last_ts: i64::MIN,
            differences: DifferenceFeed::default(),
            snapshots: SnapshotFeed::new(instrument.recorded_depth),
            book: BookRows::default(),
            trade: TradeRows::default(),
            ticker: TickerRows::default(),
            control: ControlRows::default(),
            out: VecDeque::new(),
        }
    }

    /// Messages stored so far, whole books that were inserted included.
    pub fn events_written(&self) -> u64 {
        self.numbers.given
    }

    /// Stores one message, and the whole books that are due with it.
    ///
    /// # Errors
    /// For levels that no book has, and for times of 1970 and before.
    ///
    /// # Panics
    /// If an adapter gives messages out of order.
    pub fn add(&mut self, message: Message, files: &Files, report: &mut Report) -> Result<()> {
        let Message { head, body } = message;
        assert!(
            head.ts_recv >= self.last_ts,
            "{}: ts_recv {} after {}; expected merged messages",
            files.spell(head.origin),
            head.ts_recv,
            self.last_ts
        );
        self.last_ts = head.ts_recv;
        let bad = |text: String| Problem(text).at(files, head.origin);
        if head.ts_recv < EARLIEST_NS {
            return Err(bad(format!(
                "the time is {} ns since 1970; expected one from 1971 on, in ns",
                head.ts_recv
            )));
        }
        let day = head.ts_recv.saturating_sub(self.first_day_start).div_euclid(86_400_000_000_000);
        if self.day != Some(day) {
            self.turn_to(day);
        }
        let numbers = &mut self.numbers;
        match body {
            Body::Book { kind, levels } => {
                self.differences.store(&head, kind, &levels, &mut self.book, numbers, report).map_err(bad)?;
            }
            Body::FullBook { levels } => {
                self.snapshots.store(&head, &levels, &mut self.book, numbers, report).map_err(bad)?;
            }
            Body::Trade(trade) => self.trade.push(numbers.next(), &head, trade),
            Body::Ticker(ticker) => self.ticker.push(numbers.next(), &head, &ticker),
            Body::Stored { rows, messages } => {
                self.numbers.given += messages;
                self.flush();
                self.out.push_back(Out::Rows(day, rows));
            }
            Body::Control { kind, detail } => {
                if kind == ControlKind::Reset {
                    self.differences.reset();
                    self.snapshots.reset();
                }
                self.control.push(numbers.next(), &head, kind as u8, detail);
            }
        }
        let rows = [self.book.common.len(), self.trade.common.len(), self.ticker.common.len()];
        if rows.into_iter().any(|rows| rows >= CHUNK_ROWS) {
            self.flush();
        }
        Ok(())
    }

    /// No more messages come.
    pub fn close(&mut self) {
        self.flush();
        if let Some(day) = self.day.take() {
            self.out.push_back(Out::DayEnds(day));
        }
    }

    /// What has come out and was not taken yet.
    pub fn take(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    fn turn_to(&mut self, day: i64) {
        self.close();
        self.day = Some(day);
        // Days of times in ns are few, and those before 1970 are refused.
        self.numbers.latest = day.unsigned_abs() << 32;
        self.differences.new_day();
        self.snapshots.new_day();
    }

    fn flush(&mut self) {
        let Some(day) = self.day else { return };
        if !self.book.common.is_empty() {
            self.out.push_back(Out::Rows(day, Box::new(Rows::Book(std::mem::take(&mut self.book)))));
        }
        if !self.trade.common.is_empty() {
            self.out.push_back(Out::Rows(day, Box::new(Rows::Trade(std::mem::take(&mut self.trade)))));
        }
        if !self.ticker.common.is_empty() {
            self.out.push_back(Out::Rows(day, Box::new(Rows::Ticker(std::mem::take(&mut self.ticker)))));
        }
        if !self.control.common.is_empty() {
            self.out.push_back(Out::Rows(day, Box::new(Rows::Control(std::mem::take(&mut self.control)))));
        }
    }
}
