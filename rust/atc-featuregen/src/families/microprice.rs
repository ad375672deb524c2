//! Schema `microprice`: the mid weighted by the sizes at the touch.

use crate::book::Book;
use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::to_f64;
use crate::market::{BookClosed, Market};
use crate::quotes::QuotePath;
use crate::row::Row;
use crate::spec::{SECOND, Spec};
use serde::{Deserialize, Serialize};

schema! {
    "microprice", version 1;
    MicropriceDevBps = "microprice_dev_bps", "microprice", "book", None, "bps", "1e4 (w / m - 1), w = (b qa + a qb) / (qa + qb)", "size-weighted mid, Gatheral-Oomen 2010; not the estimated micro-price of Stoikov 2018";
    MicropriceTop5DevBps = "microprice_top5_dev_bps", "microprice", "book", None, "bps", "the same with the sizes of levels 1-5", "size-weighted mid, Gatheral-Oomen 2010, with deeper sizes";
    MicropriceLogret1s = "microprice_logret_1s", "microprice", "book", Some(1), "1", "ln(w_t / w_{t-1s})", "size-weighted mid, Gatheral-Oomen 2010";
}

const LAG_S: i64 = 1;

/// Σ px·size of the opposite side, and Σ size, over the `depth` best levels: their ratio is the weighted mid, ticks.
/// `None` where a side is empty or the book crossed.
fn weighted(book: &Book, depth: u32) -> Option<(i128, i128)> {
    let (bid, ask) = (book.bid()?, book.ask()?);
    let [bids, asks] = book.depths(1, depth).map(|side| side.lots);
    (bid < ask).then(|| (i128::from(bid) * asks + i128::from(ask) * bids, bids + asks))
}

fn price((moment, size): (i128, i128)) -> f64 {
    to_f64(moment) / to_f64(size)
}

/// The weighted mid and where it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Microprice {
    path: QuotePath<Option<f64>>,
}

impl Family for Microprice {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(spec: &Spec) -> Self {
        Self { path: QuotePath::new(&[LAG_S * SECOND], spec.max_gap_ns) }
    }

    fn on_book(&mut self, closed: &BookClosed, market: &Market, _spec: &Spec) -> Result<(), String> {
        let weighted = if closed.known { weighted(&market.book, 1) } else { None };
        self.path.push(closed.t, weighted.map(price));
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        self.path.advance(row.t);
        let book = &market.book;
        let Some(mid2) = book.mid2().filter(|_| book.is_known(row.t, spec.max_gap_ns)) else {
            return Ok(());
        };
        // w/m − 1 as one ratio of integers.
        let deviation = |(moment, size): (i128, i128)| {
            let at_mid = i128::from(mid2) * size;
            1e4 * (to_f64(2 * moment - at_mid) / to_f64(at_mid))
        };
        let touch = weighted(book, 1);
        let before = self.path.back(0, row.t).copied().flatten();
        for (col, x) in [
            (Col::MicropriceDevBps, touch.map(deviation)),
            (Col::MicropriceTop5DevBps, weighted(book, 5).map(deviation)),
            (Col::MicropriceLogret1s, touch.zip(before).map(|(now, before)| libm::log(price(now) / before))),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Level, MsgKind};

    #[test]
    fn leans_to_the_side_with_less_size() {
        let mut book = Book::default();
        let level = |side, px, qty| Level { side, px, qty };
        book.apply(0, MsgKind::Snap, &[level(1, 100, 30), level(1, 99, 10), level(-1, 102, 10)], 60).unwrap();
        assert_eq!(weighted(&book, 1).map(price), Some(101.5));
        assert_eq!(weighted(&book, 5).map(price), Some((100.0 * 10.0 + 102.0 * 40.0) / 50.0));
        book.apply(1, MsgKind::Delta, &[level(1, 102, 1)], 60).unwrap();
        assert_eq!(weighted(&book, 1), None, "crossed");
    }
}
