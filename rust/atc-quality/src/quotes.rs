//! Tickers: impossible, far and crossed ones.

use crate::LARGEST_QTY_LOTS;
use crate::book::is_far;
use crate::params::Params;
use crate::places::Places;
use crate::tables::QuoteRows;
use serde::Serialize;

const PRICES: [&str; 5] = ["bid", "ask", "last", "high", "low"];
const SIZES: [&str; 3] = ["bid_qty", "ask_qty", "vol"];

/// What the day's tickers came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuoteFigures {
    pub messages: u64,
    pub impossible_prices: u64,
    pub impossible_sizes: u64,
    /// Tickers whose bid, ask or last is far off the mid of the book.
    pub far: u64,
    /// Bid above ask.
    pub crossed: u64,
    /// Bid equal to ask.
    pub locked: u64,
}

/// Follows the tickers of a day.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    /// Twice the mid of the last quote that did not cross and was not far, and when.
    mid: Option<(i64, i64)>,
    pub(crate) figures: QuoteFigures,
}

impl Quotes {
    /// Twice the mid, if one is known that is not older than `silence_ns`.
    pub(crate) fn mid2(&self, ts: i64, params: &Params) -> Option<i64> {
        self.mid.filter(|(since, _)| ts - since <= params.silence_ns).map(|(_, mid2)| mid2)
    }

    /// `book_mid2`: twice the mid of the book, where one is known.
    pub(crate) fn quote(
        &mut self,
        rows: &QuoteRows<'_>,
        row: usize,
        book_mid2: Option<i64>,
        params: &Params,
        places: &mut Places,
    ) {
        let ts = rows.common.ts_recv[row];
        self.figures.messages += 1;
        for (column, name) in rows.px.iter().zip(PRICES) {
            if let Some(px) = column.get(row).filter(|px| *px <= 0) {
                self.figures.impossible_prices += 1;
                let expected = "a price of at least one tick";
                places.add("impossible_prices", "ticker", Some(row), ts, expected, || format!("{name} {px}"));
            }
        }
        for (i, (column, name)) in rows.qty.iter().zip(SIZES).enumerate() {
            // A day's volume has no bound.
            let largest = if i == 2 { i64::MAX } else { LARGEST_QTY_LOTS };
            if let Some(qty) = column.get(row).filter(|qty| !(0..=largest).contains(qty)) {
                self.figures.impossible_sizes += 1;
                places.add("impossible_sizes", "ticker", Some(row), ts, "0 to 2^53 lots", || {
                    format!("{name} {qty}")
                });
            }
        }
        let reference = book_mid2.or(self.mid2(ts, params));
        let far = reference.is_some_and(|mid2| {
            rows.px[..3]
                .iter()
                .filter_map(|c| c.get(row))
                .any(|px| px > 0 && is_far(px, mid2, params.far_off))
        });
        let (bid, ask) = (rows.px[0].get(row), rows.px[1].get(row));
        let told = || format!("bid {bid:?}, ask {ask:?}, last {:?}", rows.px[2].get(row));
        if far {
            self.figures.far += 1;
            places.add("far_quotes", "ticker", Some(row), ts, "prices near the mid", told);
        }
        let (Some(bid), Some(ask)) = (bid, ask) else { return };
        if bid > ask {
            self.figures.crossed += 1;
            places.add("crossed_quotes", "ticker", Some(row), ts, "a bid below the ask", told);
        } else if bid == ask {
            self.figures.locked += 1;
            places.add("locked_quotes", "ticker", Some(row), ts, "a bid below the ask", told);
        } else if bid > 0 && !far {
            self.mid = Some((ts, i64::from(bid) + i64::from(ask)));
        }
    }
}
