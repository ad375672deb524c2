//! Merging tables of canonical events into one stream.

use crate::event::{Control, Event, Kind, Levels, MsgKind, Ticker};
use crate::tables::{BookTable, Common, ControlTable, Tables, TickerTable, TradeTable};

/// The key behind the last event of a kind.
const OVER: u128 = u128::MAX;

/// The rows of one kind from its next event on.
struct Cursor<'a> {
    common: &'a Common<'a>,
    row: usize,
    /// The key of the next event as one number, which orders as (`ts_recv`, `ev_seq`) does; [`OVER`] behind the last.
    key: u128,
}

impl<'a> Cursor<'a> {
    fn new(common: &'a Common<'a>) -> Self {
        let mut cursor = Self { common, row: 0, key: 0 };
        cursor.go_to(0);
        cursor
    }

    fn go_to(&mut self, row: usize) {
        self.row = row;
        self.key = match (self.common.ts_recv.get(row), self.common.ev_seq.get(row)) {
            (Some(&ts_recv), Some(&ev_seq)) => {
                // The sign bit turned over, negative times come first.
                let since = (ts_recv as u64) ^ (1 << 63);
                (u128::from(since) << 64) | u128::from(ev_seq)
            }
            _ => OVER,
        };
    }

    /// One past the last row of the next event, which in the book has a row a level.
    fn end(&self) -> usize {
        let next = self.row + 1;
        let (ts_recv, ev_seq) = (self.common.ts_recv[self.row], self.common.ev_seq[self.row]);
        let rest = self.common.ev_seq[next..].iter().zip(&self.common.ts_recv[next..]);
        next + rest.take_while(|(seq, t)| **seq == ev_seq && **t == ts_recv).count()
    }

    /// Calls `take` with the events whose keys are below `until`, until it answers `false`, and goes behind them; `event` makes
    /// the one that begins at a row, and tells where it ends.
    fn run<'b>(
        &mut self,
        until: u128,
        event: impl Fn(&Self) -> Result<(usize, Kind<'b>), String>,
        take: &mut impl FnMut(&Event<'_>) -> Result<bool, String>,
    ) -> Result<bool, String> {
        while self.key < until {
            let row = self.row;
            let (end, kind) = event(self)?;
            // Of prints alone is it asked; of the book it would be one more column to go through.
            let ts_exch =
                if matches!(kind, Kind::Trade { .. }) { self.common.ts_exch.get(row) } else { None };
            let (ev_seq, ts_recv) = (self.common.ev_seq[row], self.common.ts_recv[row]);
            self.go_to(end);
            if !take(&Event { ev_seq, ts_recv, ts_exch, flags: self.common.flags[row], kind })? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Calls `take` with every event in order of (`ts_recv`, `ev_seq`), until it answers `false`. Prints alone bring their `ts_exch`,
/// which taker groups are told by.
pub fn merge(
    tables: &Tables<'_>,
    mut take: impl FnMut(&Event<'_>) -> Result<bool, String>,
) -> Result<(), String> {
    let Tables { book, trade, ticker, control } = tables;
    let mut books = Cursor::new(&book.common);
    let mut trades = Cursor::new(&trade.common);
    let mut tickers = Cursor::new(&ticker.common);
    let mut controls = Cursor::new(&control.common);
    // Each kind in turn, as long as it comes first: mostly that is the book, for several messages.
    loop {
        let others = first([after(trades.key), after(tickers.key), after(controls.key)]);
        let mut goes_on = books.run(others, |at| book_event(book, at), &mut take)?;
        let others = first([books.key, after(tickers.key), after(controls.key)]);
        goes_on = goes_on && trades.run(others, |at| Ok(trade_event(trade, at)), &mut take)?;
        let others = first([books.key, trades.key, after(controls.key)]);
        goes_on = goes_on && tickers.run(others, |at| Ok(ticker_event(ticker, at)), &mut take)?;
        let others = first([books.key, trades.key, tickers.key]);
        goes_on = goes_on && controls.run(others, |at| control_event(control, at), &mut take)?;
        if !goes_on || first([books.key, trades.key, tickers.key]).min(controls.key) == OVER {
            return Ok(());
        }
    }
}

/// What the event with `key` may be preceded by: of two kinds with one key, which the engine refuses, one has to come first.
fn after(key: u128) -> u128 {
    key.saturating_add(1)
}

fn first(keys: [u128; 3]) -> u128 {
    keys[0].min(keys[1]).min(keys[2])
}

fn book_event<'a>(book: &BookTable<'a>, at: &Cursor<'_>) -> Result<(usize, Kind<'a>), String> {
    let (row, end) = (at.row, at.end());
    let code = book.msg_kind[row];
    let message = || at.common.ev_seq[row];
    let kind = MsgKind::from_code(code)
        .ok_or_else(|| format!("book message {}: unknown msg_kind {code}", message()))?;
    if book.msg_kind[row..end].iter().any(|other| *other != code) {
        return Err(format!("book message {}: its rows differ in msg_kind", message()));
    }
    let (side, px, qty) = (&book.side[row..end], &book.px[row..end], &book.qty[row..end]);
    Ok((end, Kind::Book(kind, Levels { side, px, qty })))
}

fn trade_event<'a>(trade: &TradeTable<'a>, at: &Cursor<'_>) -> (usize, Kind<'a>) {
    let row = at.row;
    (row + 1, Kind::Trade { px: trade.px[row], qty: trade.qty[row], side: trade.side[row] })
}

fn ticker_event<'a>(ticker: &TickerTable<'a>, at: &Cursor<'_>) -> (usize, Kind<'a>) {
    let row = at.row;
    let ticker = Ticker {
        bid: ticker.bid.get(row),
        ask: ticker.ask.get(row),
        last: ticker.last.get(row),
        high: ticker.high.get(row),
        low: ticker.low.get(row),
        vol: ticker.vol.get(row),
    };
    (row + 1, Kind::Ticker(ticker))
}

fn control_event<'a>(control: &ControlTable<'a>, at: &Cursor<'_>) -> Result<(usize, Kind<'a>), String> {
    let code = control.control_kind[at.row];
    let kind = Control::from_code(code)
        .ok_or_else(|| format!("control {}: unknown control_kind {code}", at.common.ev_seq[at.row]))?;
    Ok((at.row + 1, Kind::Control(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Nullable;

    fn common<'a>(keys: &'a (Vec<i64>, Vec<u64>)) -> Common<'a> {
        Common {
            ts_recv: &keys.0,
            ev_seq: &keys.1,
            ts_exch: Nullable { values: &[0; 8], valid: None },
            flags: &[0; 8],
        }
    }

    /// (kind, ts_recv, ev_seq, levels) of every event of a book, prints and controls with these keys.
    fn merged(
        book: &[(i64, u64)],
        trade: &[(i64, u64)],
        control: &[(i64, u64)],
    ) -> Vec<(u8, i64, u64, usize)> {
        let [books, trades, controls] = [book, trade, control].map(|keys| keys.iter().copied().unzip());
        let book_table = BookTable {
            common: common(&books),
            msg_kind: &[1; 8][..book.len()],
            side: &[1; 8],
            px: &[1; 8],
            qty: &[1; 8],
        };
        let control = ControlTable { common: common(&controls), control_kind: &[0; 8] };
        let trade = TradeTable { common: common(&trades), px: &[1; 8], qty: &[1; 8], side: &[1; 8] };
        let tables = Tables { trade, ..Tables::of_book(book_table, control) };
        let mut seen = Vec::new();
        merge(&tables, |event| {
            let (kind, levels) = match event.kind {
                Kind::Book(_, levels) => (b'b', levels.iter().count()),
                Kind::Trade { .. } => (b't', 0),
                Kind::Ticker(_) => (b'k', 0),
                Kind::Control(_) => (b'c', 0),
            };
            seen.push((kind, event.ts_recv, event.ev_seq, levels));
            Ok(true)
        })
        .unwrap();
        seen
    }

    #[test]
    fn by_time_then_number_before_1970_as_well() {
        let book = [(-5, 1), (-5, 1), (-5, 2), (7, 4), (9, 9), (9, 9)];
        let seen = merged(&book, &[(-6, 8), (7, 3), (9, 8), (9, 10)], &[(8, 0)]);
        let expected = [
            (b't', -6, 8, 0),
            (b'b', -5, 1, 2),
            (b'b', -5, 2, 1),
            (b't', 7, 3, 0),
            (b'b', 7, 4, 1),
            (b'c', 8, 0, 0),
            (b't', 9, 8, 0),
            (b'b', 9, 9, 2),
            (b't', 9, 10, 0),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn of_one_key_in_two_kinds_each_comes_out_for_the_engine_to_refuse() {
        let seen = merged(&[(1, 1), (2, 2)], &[(1, 1), (2, 2)], &[(1, 1)]);
        let kinds: Vec<u8> = seen.iter().map(|event| event.0).collect();
        assert_eq!(kinds, *b"btcbt");
    }
}
