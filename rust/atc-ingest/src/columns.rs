//! Canonical rows of each kind, by column.

use crate::message::{Head, Level, MsgKind, Ticker, Trade};

/// Bits of the canonical column `flags`.
pub mod flag {
    pub use atc_featuregen::event::flag::{DUP_OTHER_SIDE, LAST, REPEAT, SNAPSHOT, SYNTH_DIFF};
    /// An execution of a call auction: nobody took.
    pub const AUCTION: u16 = 1 << 5;
    /// The source's clock ran backwards here; `ts_recv` is the running maximum.
    pub const BAD_TS: u16 = 1 << 6;
    /// The source has no receive time; `ts_recv` is made from the venue's times.
    pub const SYNTH_RECV: u16 = 1 << 7;
    /// After this message the best bid is not below the best ask.
    pub const MAYBE_BAD_BOOK: u16 = 1 << 8;
    /// The level left or entered the recorded window at its far edge: no cancel, no new order.
    pub const WINDOW_EDGE: u16 = 1 << 9;
}

/// Values of which some are missing; what lies under a missing one is the type's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Optional<T> {
    /// One a row.
    pub values: Vec<T>,
    /// Whether it is there.
    pub valid: Vec<bool>,
}

impl<T: Default> Optional<T> {
    #[inline]
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }
}

/// The columns that all kinds have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Number of the message in the stream, over all kinds.
    pub ev_seq: Vec<u64>,
    /// Time of receipt, ns UTC.
    pub ts_recv: Vec<i64>,
    /// The venue's time, ns UTC.
    pub ts_exch: Optional<i64>,
    /// The venue's number.
    pub venue_seq: Optional<i64>,
    /// Bits of [`flag`].
    pub flags: Vec<u16>,
}

impl Common {
    #[inline]
    pub(crate) fn push(&mut self, ev_seq: u64, head: &Head, flags: u16) {
        self.ev_seq.push(ev_seq);
        self.ts_recv.push(head.ts_recv);
        self.ts_exch.push(head.ts_exch);
        self.venue_seq.push(head.venue_seq);
        self.flags.push(flags);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ev_seq.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ev_seq.is_empty()
    }
}

/// Rows of the kind `book`: one a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookRows {
    /// Times, numbers, flags.
    pub common: Common,
    /// 0 SNAP, 1 DELTA, 2 CLEAR.
    pub msg_kind: Vec<u8>,
    /// +1 bid, −1 ask, 0 no level.
    pub side: Vec<i8>,
    /// Price, ticks.
    pub px_ticks: Vec<i32>,
    /// Absolute size, lots.
    pub qty_lots: Vec<i64>,
}

impl BookRows {
    /// Adds a message: a row a level, the last one with LAST. `edges`, if not empty, marks levels of the window's edge.
    pub fn push(&mut self, ev_seq: u64, head: &Head, kind: MsgKind, levels: &[Level], edges: &[bool]) {
        let code = match kind {
            MsgKind::Snap => 0,
            MsgKind::Delta => 1,
            MsgKind::Clear => 2,
        };
        let nothing = [Level { side: 0, px: 0, qty: 0 }];
        let levels = if levels.is_empty() { &nothing[..] } else { levels };
        for (i, level) in levels.iter().enumerate() {
            let last = if i + 1 == levels.len() { flag::LAST } else { 0 };
            let edge = if edges.get(i).is_some_and(|edge| *edge) { flag::WINDOW_EDGE } else { 0 };
            self.common.push(ev_seq, head, head.flags | last | edge);
            self.msg_kind.push(code);
            self.side.push(level.side);
            self.px_ticks.push(level.px);
            self.qty_lots.push(level.qty);
        }
    }
}

/// Rows of the kind `trade`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TradeRows {
    /// Times, numbers, flags.
    pub common: Common,
    /// Price, ticks.
    pub px_ticks: Vec<i32>,
    /// Size, lots.
    pub qty_lots: Vec<i64>,
    /// +1 the taker bought, −1 sold, 0 unknown.
    pub side: Vec<i8>,
    /// The venue's id.
    pub trade_id: Vec<Option<String>>,
}

impl TradeRows {
    /// Adds a print.
    pub fn push(&mut self, ev_seq: u64, head: &Head, trade: Trade) {
        self.common.push(ev_seq, head, head.flags | flag::LAST);
        self.px_ticks.push(trade.px);
        self.qty_lots.push(trade.qty);
        self.side.push(trade.side);
        self.trade_id.push(trade.id);
    }
}

/// Rows of the kind `ticker`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickerRows {
    /// Times, numbers, flags.
    pub common: Common,
    /// bid, ask, last, high, low: ticks.
    pub prices: [Optional<i32>; 5],
    /// bid_qty, ask_qty, vol: lots.
    pub sizes: [Optional<i64>; 3],
}

impl TickerRows {
    /// Adds a quote.
    pub fn push(&mut self, ev_seq: u64, head: &Head, ticker: &Ticker) {
        self.common.push(ev_seq, head, head.flags | flag::LAST);
        let prices = [ticker.bid, ticker.ask, ticker.last, ticker.high, ticker.low];
        for (column, value) in self.prices.iter_mut().zip(prices) {
            column.push(value);
        }
        for (column, value) in self.sizes.iter_mut().zip([ticker.bid_qty, ticker.ask_qty, ticker.vol]) {
            column.push(value);
        }
    }
}

/// Rows of the kind `control`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlRows {
    /// Times, numbers, flags.
    pub common: Common,
    /// Codes of [`ControlKind`](crate::message::ControlKind).
    pub control_kind: Vec<u8>,
    /// In words.
    pub detail: Vec<Option<String>>,
}

impl ControlRows {
    /// Adds a control message.
    pub fn push(&mut self, ev_seq: u64, head: &Head, kind: u8, detail: Option<String>) {
        self.common.push(ev_seq, head, head.flags | flag::LAST);
        self.control_kind.push(kind);
        self.detail.push(detail);
    }
}

/// Rows of one kind.
#[allow(clippy::large_enum_variant, reason = "always behind a box")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Kind `book`.
    Book(BookRows),
    /// Kind `trade`.
    Trade(TradeRows),
    /// Kind `ticker`.
    Ticker(TickerRows),
    /// Kind `control`.
    Control(ControlRows),
}
