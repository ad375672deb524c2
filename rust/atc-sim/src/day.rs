//! A published business day: columns in the canonical layout of ATC's events.

/// The last row of a message.
pub const LAST: u16 = 1;
/// The message is a whole book.
pub const SNAPSHOT: u16 = 2;
/// A difference that was derived from two snapshots.
pub const SYNTH_DIFF: u16 = 4;
/// The venue published the same book again.
pub const REPEAT: u16 = 8;
/// The maker's side of an execution whose taker's side is in the row before.
pub const DUP_OTHER_SIDE: u16 = 16;
/// A level that left or entered the published window at its far edge: no cancel, no new order.
pub const WINDOW_EDGE: u16 = 512;

/// `msg_kind` of a whole book.
pub const SNAP: u8 = 0;
/// `msg_kind` of changed levels.
pub const DELTA: u8 = 1;

/// What every row of every kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of the message in the stream, over all kinds.
    pub ev_seq: u64,
    /// Time of receipt, ns UTC.
    pub ts_recv: i64,
    /// The venue's time, ns UTC, whole milliseconds.
    pub ts_exch: i64,
    /// Bit set of the constants of this module.
    pub flags: u16,
}

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            /// See [`Row::ev_seq`].
            pub ev_seq: Vec<u64>,
            /// See [`Row::ts_recv`].
            pub ts_recv: Vec<i64>,
            /// See [`Row::ts_exch`].
            pub ts_exch: Vec<i64>,
            /// See [`Row::flags`].
            pub flags: Vec<u16>,
            $($(#[$field_doc])* pub $field: Vec<$type>,)*
        }

        impl $name {
            /// Appends one row.
            #[allow(clippy::too_many_arguments, reason = "one argument a column")]
            pub(crate) fn push(&mut self, row: Row, $($field: $type),*) {
                self.ev_seq.push(row.ev_seq);
                self.ts_recv.push(row.ts_recv);
                self.ts_exch.push(row.ts_exch);
                self.flags.push(row.flags);
                $(self.$field.push($field);)*
            }
        }
    };
}

columns! {
    /// Book messages, one row a level.
    BookColumns {
        /// [`SNAP`] or [`DELTA`].
        msg_kind: u8,
        /// +1 bid, −1 ask, 0 no level (a repeat).
        side: i8,
        /// Price, ticks.
        px_ticks: i32,
        /// Absolute quantity, lots; 0 deletes.
        qty_lots: i64,
    }
}

columns! {
    /// Prints, one row each; every execution is there twice.
    TradeColumns {
        /// Price, ticks.
        px_ticks: i32,
        /// Quantity, lots.
        qty_lots: i64,
        /// +1 bought, −1 sold.
        side: i8,
    }
}

columns! {
    /// Tickers. The venue has no sizes in them.
    TickerColumns {
        /// Best bid, ticks.
        bid: i32,
        /// Best ask, ticks.
        ask: i32,
        /// Price of the last print, ticks.
        last: Option<i32>,
        /// Highest print of 24 h, ticks.
        high: Option<i32>,
        /// Lowest print of 24 h, ticks.
        low: Option<i32>,
        /// Executed quantity of 24 h, lots.
        vol: i64,
    }
}

/// The hidden state from `ts` on, for tests and for studies of what a model could know at best.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TruthColumns {
    /// Time of the switch, ns.
    pub ts: Vec<i64>,
    /// −1, 0, +1.
    pub pressure: Vec<i8>,
    /// Whether the book absorbs the flow.
    pub absorbing: Vec<bool>,
}

/// One business day as a receiver saw it: all messages with `start_ns` ≤ `ts_recv` < `start_ns` + 24 h.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// First nanosecond of the day, UTC.
    pub start_ns: i64,
    /// Book messages.
    pub book: BookColumns,
    /// Prints.
    pub trade: TradeColumns,
    /// Tickers.
    pub ticker: TickerColumns,
    /// The hidden state. Empty in `null`, which has none that matters.
    pub truth: TruthColumns,
}
