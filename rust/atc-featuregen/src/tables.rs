//! Tables of canonical events, as Arrow lays them out.

/// A column that may hold nulls, as Arrow lays it out: values, and a bitmap of the valid ones from a bit offset on.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<'a, T> {
    /// Values, arbitrary where null.
    pub values: &'a [T],
    /// Validity bits (least significant first) and the offset of the first.
    pub valid: Option<(&'a [u8], usize)>,
}

impl<T: Copy> Nullable<'_, T> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Option<T> {
        let valid =
            self.valid.is_none_or(|(bits, offset)| bits[(offset + row) / 8] >> ((offset + row) % 8) & 1 == 1);
        valid.then(|| self.values[row])
    }
}

/// Columns that every kind has.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// Counter over all kinds.
    pub ev_seq: &'a [u64],
    /// Receive time, ns UTC.
    pub ts_recv: &'a [i64],
    /// Exchange time, ns UTC.
    pub ts_exch: Nullable<'a, i64>,
    /// Flags.
    pub flags: &'a [u16],
}

/// Book rows, one a level.
#[derive(Clone, Copy, Debug)]
pub struct BookTable<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// 0 SNAP, 1 DELTA, 2 CLEAR.
    pub msg_kind: &'a [u8],
    /// +1, −1, 0.
    pub side: &'a [i8],
    /// Ticks.
    pub px: &'a [i32],
    /// Lots.
    pub qty: &'a [i64],
}

/// Prints.
#[derive(Clone, Copy, Debug)]
pub struct TradeTable<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// Ticks.
    pub px: &'a [i32],
    /// Lots.
    pub qty: &'a [i64],
    /// +1, −1, 0.
    pub side: &'a [i8],
}

/// Tickers.
#[derive(Clone, Copy, Debug)]
pub struct TickerTable<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// Ticks.
    pub bid: Nullable<'a, i32>,
    /// Ticks.
    pub ask: Nullable<'a, i32>,
    /// Ticks.
    pub last: Nullable<'a, i32>,
    /// Ticks.
    pub high: Nullable<'a, i32>,
    /// Ticks.
    pub low: Nullable<'a, i32>,
    /// Lots.
    pub vol: Nullable<'a, i64>,
}

/// Controls.
#[derive(Clone, Copy, Debug)]
pub struct ControlTable<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// 0 GAP_START, 1 GAP_END, 2 RESET, 3 STATUS, 4 RULE_CHANGE.
    pub control_kind: &'a [u8],
}

/// The tables of one stretch of time, each sorted by (`ts_recv`, `ev_seq`).
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Book.
    pub book: BookTable<'a>,
    /// Trades.
    pub trade: TradeTable<'a>,
    /// Tickers.
    pub ticker: TickerTable<'a>,
    /// Controls.
    pub control: ControlTable<'a>,
}

impl<'a> Tables<'a> {
    /// Book and controls alone.
    pub fn of_book(book: BookTable<'a>, control: ControlTable<'a>) -> Self {
        let common =
            Common { ev_seq: &[], ts_recv: &[], ts_exch: Nullable { values: &[], valid: None }, flags: &[] };
        let (ticks, lots) = (Nullable { values: &[], valid: None }, Nullable { values: &[], valid: None });
        Tables {
            book,
            trade: TradeTable { common, px: &[], qty: &[], side: &[] },
            ticker: TickerTable {
                common,
                bid: ticks,
                ask: ticks,
                last: ticks,
                high: ticks,
                low: ticks,
                vol: lots,
            },
            control,
        }
    }
}
