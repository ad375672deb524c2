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
/// The receiver's clock ran backwards here; `ts_recv` is the running maximum.
pub const BAD_TS: u16 = 64;
/// After this message the best bid is not below the best ask.
pub const MAYBE_BAD_BOOK: u16 = 256;
/// A level that left or entered the published window at its far edge: no cancel, no new order.
pub const WINDOW_EDGE: u16 = 512;

/// `msg_kind` of a whole book.
pub const SNAP: u8 = 0;
/// `msg_kind` of changed levels.
pub const DELTA: u8 = 1;

/// `control_kind` of a connection that was lost.
pub const GAP_START: u8 = 0;
/// `control_kind` of a connection that is there again.
pub const GAP_END: u8 = 1;
/// `control_kind` that says that nothing is known any more.
pub const RESET: u8 = 2;
/// `control_kind` of the venue's word on its session.
pub const STATUS: u8 = 3;

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

/// Messages about the stream itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlColumns {
    /// See [`Row::ev_seq`].
    pub ev_seq: Vec<u64>,
    /// See [`Row::ts_recv`].
    pub ts_recv: Vec<i64>,
    /// See [`Row::ts_exch`]; none where the receiver says it.
    pub ts_exch: Vec<Option<i64>>,
    /// [`GAP_START`], [`GAP_END`], [`RESET`] or [`STATUS`].
    pub control_kind: Vec<u8>,
    /// In words.
    pub detail: Vec<&'static str>,
}

impl ControlColumns {
    /// Appends one row.
    pub(crate) fn push(
        &mut self,
        ev_seq: u64,
        ts_recv: i64,
        ts_exch: Option<i64>,
        control_kind: u8,
        detail: &'static str,
    ) {
        self.ev_seq.push(ev_seq);
        self.ts_recv.push(ts_recv);
        self.ts_exch.push(ts_exch);
        self.control_kind.push(control_kind);
        self.detail.push(detail);
    }
}

/// What went wrong in a day because the parameters ask for it, counted as a check of the feed should count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Lost connections.
    pub disconnects: u64,
    /// Silent stretches of which no control message tells.
    pub stalls: u64,
    /// Executions whose prints came a second time.
    pub duplicate_prints: u64,
    /// Snapshots whose best bid is above their best ask.
    pub crossed_snapshots: u64,
    /// Messages at which the receiver's clock ran backwards.
    pub clock_regressions: u64,
    /// Tickers whose venue time lies before that of the ticker before.
    pub venue_regressions: u64,
}

impl Injected {
    /// Name and count of each kind of fault.
    pub fn counts(&self) -> [(&'static str, u64); 6] {
        [
            ("disconnects", self.disconnects),
            ("stalls", self.stalls),
            ("duplicate_prints", self.duplicate_prints),
            ("crossed_snapshots", self.crossed_snapshots),
            ("clock_regressions", self.clock_regressions),
            ("venue_regressions", self.venue_regressions),
        ]
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
    /// Season × volatility.
    pub pace: Vec<f64>,
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
    /// Controls.
    pub control: ControlColumns,
    /// The hidden state. Of the martingale market the pressure tells nothing but the signs of orders.
    pub truth: TruthColumns,
    /// What was made to go wrong.
    pub injected: Injected,
}
