//! Tables of canonical events, and their merging into one stream.

use crate::event::{Control, Event, Kind, Level, MsgKind, Ticker};

/// A column that may hold nulls, as Arrow lays it out: values, and a bitmap of the valid ones from a bit offset on.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<'a, T> {
    /// Values, arbitrary where null.
    pub values: &'a [T],
    /// Validity bits (least significant first) and the offset of the first.
    pub valid: Option<(&'a [u8], usize)>,
}

impl<T: Copy> Nullable<'_, T> {
    fn get(&self, row: usize) -> Option<T> {
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

/// Where a kind stands: the key of its next event as one number, which orders as (`ts_recv`, `ev_seq`) does.
fn next_key(common: &Common<'_>, row: usize) -> u128 {
    match (common.ts_recv.get(row), common.ev_seq.get(row)) {
        (Some(&ts_recv), Some(&ev_seq)) => {
            // The sign bit turned over, negative times come first.
            let since = (ts_recv as u64) ^ (1 << 63);
            (u128::from(since) << 64) | u128::from(ev_seq)
        }
        _ => u128::MAX,
    }
}

/// Calls `take` with every event in order of (`ts_recv`, `ev_seq`), until it answers `false`. Prints alone bring their `ts_exch`,
/// which taker groups are told by.
pub fn merge(
    tables: &Tables<'_>,
    mut take: impl FnMut(&Event<'_>) -> Result<bool, String>,
) -> Result<(), String> {
    let Tables { book, trade, ticker, control } = tables;
    let commons = [&book.common, &trade.common, &ticker.common, &control.common];
    let mut at = [0usize; 4];
    let mut keys = commons.map(|common| next_key(common, 0));
    let mut levels: Vec<Level> = Vec::with_capacity(64);
    loop {
        let mut which = 0;
        for kind in 1..4 {
            if keys[kind] < keys[which] {
                which = kind;
            }
        }
        let (common, row) = (commons[which], at[which]);
        if row >= common.ts_recv.len().min(common.ev_seq.len()) {
            return Ok(());
        }
        let (ts_recv, ev_seq) = (common.ts_recv[row], common.ev_seq[row]);
        let mut end = row + 1;
        let kind = match which {
            0 => {
                let same = common.ev_seq[end..].iter().zip(&common.ts_recv[end..]);
                end += same.take_while(|(seq, t)| **seq == ev_seq && **t == ts_recv).count();
                let code = book.msg_kind[row];
                let kind = MsgKind::from_code(code)
                    .ok_or_else(|| format!("book message {ev_seq}: unknown msg_kind {code}"))?;
                if book.msg_kind[row..end].iter().any(|other| *other != code) {
                    return Err(format!("book message {ev_seq}: its rows differ in msg_kind"));
                }
                levels.clear();
                let rows = book.side[row..end].iter().zip(&book.px[row..end]).zip(&book.qty[row..end]);
                levels.extend(rows.map(|((&side, &px), &qty)| Level { side, px, qty }));
                Kind::Book(kind, &levels)
            }
            1 => Kind::Trade { px: trade.px[row], qty: trade.qty[row], side: trade.side[row] },
            2 => Kind::Ticker(Ticker {
                bid: ticker.bid.get(row),
                ask: ticker.ask.get(row),
                last: ticker.last.get(row),
                high: ticker.high.get(row),
                low: ticker.low.get(row),
                vol: ticker.vol.get(row),
            }),
            _ => {
                let code = control.control_kind[row];
                Kind::Control(
                    Control::from_code(code)
                        .ok_or_else(|| format!("control {ev_seq}: unknown control_kind {code}"))?,
                )
            }
        };
        at[which] = end;
        keys[which] = next_key(common, end);
        // Of prints alone is it asked; of the book it would be one more column to go through.
        let ts_exch = if which == 1 { common.ts_exch.get(row) } else { None };
        let event = Event { ev_seq, ts_recv, ts_exch, flags: common.flags[row], kind };
        if !take(&event)? {
            return Ok(());
        }
    }
}
