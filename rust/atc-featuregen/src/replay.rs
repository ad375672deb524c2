//! The top of the book after every message.

use crate::batch::{BookTable, ControlTable, Tables, merge};
use crate::book::Book;
use crate::event::{Control, Kind};

/// The best levels after each book message, `depth` values a message and column, the best first. Where a side has
/// no such level, and where the book is not known, price and size are 0: no canonical level has either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopOfBook {
    /// Receive time of the message, ns UTC.
    pub ts_recv: Vec<i64>,
    /// Number of the message in the stream.
    pub ev_seq: Vec<u64>,
    /// Ticks.
    pub bid_px: Vec<i32>,
    /// Ticks.
    pub ask_px: Vec<i32>,
    /// Lots.
    pub bid_qty: Vec<i64>,
    /// Lots.
    pub ask_qty: Vec<i64>,
}

impl TopOfBook {
    fn push(&mut self, ts_recv: i64, ev_seq: u64, book: Option<&Book>, depth: usize) {
        self.ts_recv.push(ts_recv);
        self.ev_seq.push(ev_seq);
        let end = self.ts_recv.len() * depth;
        if let Some(book) = book {
            for (px, qty) in book.bids().take(depth) {
                self.bid_px.push(px);
                self.bid_qty.push(qty);
            }
            for (px, qty) in book.asks().take(depth) {
                self.ask_px.push(px);
                self.ask_qty.push(qty);
            }
        }
        self.bid_px.resize(end, 0);
        self.ask_px.resize(end, 0);
        self.bid_qty.resize(end, 0);
        self.ask_qty.resize(end, 0);
    }
}

/// Replays book messages, in the order of the controls among them: a RESET, or a silence of the book of more than
/// `max_gap` ns, makes the book unknown until its next whole message.
///
/// Errors name the message: an unknown kind, a level without side, price or size.
pub fn top_of_book(
    book: BookTable<'_>,
    control: ControlTable<'_>,
    depth: usize,
    max_gap: i64,
) -> Result<TopOfBook, String> {
    let tables = Tables::of_book(book, control);
    let mut replayed = Book::default();
    let mut top = TopOfBook::default();
    merge(&tables, |event| {
        match event.kind {
            Kind::Book(kind, levels) => {
                replayed
                    .apply_each(event.ts_recv, kind, levels.iter(), max_gap)
                    .map_err(|why| format!("book message {}: {why}", event.ev_seq))?;
                let known = replayed.is_known(event.ts_recv, max_gap).then_some(&replayed);
                top.push(event.ts_recv, event.ev_seq, known, depth);
            }
            Kind::Control(Control::Reset) => replayed = Book::default(),
            _ => {}
        }
        Ok(true)
    })?;
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Common, Nullable};

    #[test]
    fn levels_best_first_resets_and_silence() {
        // SNAP of three levels; DELTA deletes the best bid; RESET; DELTA (dropped); SNAP; silence; DELTA (dropped).
        let ev_seq = [0, 0, 0, 1, 3, 4, 5];
        let ts_recv = [10, 10, 10, 20, 40, 50, 200];
        let valid = Nullable { values: &[0i64; 7], valid: None };
        let book = BookTable {
            common: Common { ev_seq: &ev_seq, ts_recv: &ts_recv, ts_exch: valid, flags: &[0; 7] },
            msg_kind: &[0, 0, 0, 1, 1, 0, 1],
            side: &[1, 1, -1, 1, 1, -1, 1],
            px: &[100, 99, 102, 100, 98, 103, 97],
            qty: &[5, 2, 4, 0, 7, 1, 9],
        };
        let common = Common {
            ev_seq: &[2],
            ts_recv: &[30],
            ts_exch: Nullable { values: &[0], valid: None },
            flags: &[0],
        };
        let control = ControlTable { common, control_kind: &[2] };
        let top = top_of_book(book, control, 2, 60).unwrap();
        assert_eq!(top.ev_seq, [0, 1, 3, 4, 5]);
        assert_eq!(top.ts_recv, [10, 20, 40, 50, 200]);
        assert_eq!(top.bid_px, [100, 99, 99, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(top.bid_qty, [5, 2, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(top.ask_px, [102, 0, 102, 0, 0, 0, 103, 0, 0, 0]);
        assert_eq!(top.ask_qty, [4, 0, 4, 0, 0, 0, 1, 0, 0, 0]);
    }
}
