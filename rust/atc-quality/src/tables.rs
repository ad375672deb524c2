//! The rows of a day by kind, as they lie in memory.

/// A column that may hold nulls, as Arrow lays it out.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<'a, T> {
    /// Values, arbitrary where null.
    pub values: &'a [T],
    /// Validity bits, least significant first, and the offset of the first.
    pub valid: Option<(&'a [u8], usize)>,
}

impl<T: Copy> Nullable<'_, T> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Option<T> {
        let valid = self.valid.is_none_or(|(bits, offset)| {
            let bit = offset + row;
            bits[bit / 8] >> (bit % 8) & 1 == 1
        });
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

impl Common<'_> {
    pub(crate) fn key(&self, row: usize) -> Option<(i64, u64)> {
        Some((*self.ts_recv.get(row)?, *self.ev_seq.get(row)?))
    }
}

/// Book rows, one a level.
#[derive(Clone, Copy, Debug)]
pub struct BookRows<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// 0 SNAP, 1 DELTA, 2 CLEAR.
    pub msg_kind: &'a [u8],
    /// +1 bid, −1 ask, 0 no level.
    pub side: &'a [i8],
    /// Ticks.
    pub px: &'a [i32],
    /// Lots.
    pub qty: &'a [i64],
}

/// Prints.
#[derive(Clone, Debug)]
pub struct PrintRows<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// Ticks.
    pub px: &'a [i32],
    /// Lots.
    pub qty: &'a [i64],
    /// +1 the taker buys, −1 sells, 0 unknown.
    pub side: &'a [i8],
    /// The venue's id, one a row.
    pub id: Vec<Option<&'a str>>,
}

/// Tickers.
#[derive(Clone, Copy, Debug)]
pub struct QuoteRows<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// bid, ask, last, high, low in ticks.
    pub px: [Nullable<'a, i32>; 5],
    /// bid_qty, ask_qty, vol in lots.
    pub qty: [Nullable<'a, i64>; 3],
}

/// Controls.
#[derive(Clone, Copy, Debug)]
pub struct ControlRows<'a> {
    /// Columns of every kind.
    pub common: Common<'a>,
    /// 0 GAP_START, 1 GAP_END, 2 RESET, 3 STATUS, 4 RULE_CHANGE.
    pub control_kind: &'a [u8],
}

/// One business day, each kind sorted by (`ts_recv`, `ev_seq`).
#[derive(Clone, Debug)]
pub struct DayTables<'a> {
    /// Book.
    pub book: BookRows<'a>,
    /// Trades.
    pub trade: PrintRows<'a>,
    /// Tickers.
    pub ticker: QuoteRows<'a>,
    /// Controls.
    pub control: ControlRows<'a>,
}
