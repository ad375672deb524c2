//! The Exchange feed: a message a type, of one product.

use super::{Market, Quote, side, time};
use crate::error::Parsed;
use crate::message::{Head, Message};
use crate::report::Report;
use crate::text::{json, pairs};
use serde::Deserialize;

#[derive(Deserialize)]
struct Whole<'a> {
    product_id: &'a str,
    time: Option<&'a str>,
    #[serde(borrow)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Update<'a> {
    product_id: &'a str,
    time: Option<&'a str>,
    #[serde(borrow)]
    changes: Vec<(&'a str, &'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Match<'a> {
    product_id: &'a str,
    trade_id: i64,
    time: &'a str,
    size: &'a str,
    price: &'a str,
    side: &'a str,
}

/// What a message adds to the stream.
///
/// # Errors
/// For malformed messages.
pub fn take(
    market: &mut Market,
    kind: &str,
    text: &[u8],
    head: Head,
    out: &mut Vec<Message>,
    report: &mut Report,
) -> Parsed<()> {
    match kind {
        "snapshot" => {
            let book: Whole<'_> = json(text)?;
            if market.is_ours(book.product_id, &head, report) {
                let mut levels = Vec::new();
                pairs(&market.steps, 1, &book.bids, &mut levels)?;
                pairs(&market.steps, -1, &book.asks, &mut levels)?;
                if market.chain.known() {
                    let found = "a second snapshot: the subscription began anew";
                    market.chain.lose(head, found, out, report);
                }
                market.chain.snapshot(Head { ts_exch: time(book.time)?, ..head }, levels, out);
            }
        }
        "l2update" => {
            let update: Update<'_> = json(text)?;
            if market.is_ours(update.product_id, &head, report) {
                let changes = update.changes.iter();
                let levels = changes.map(|(of, price, size)| market.level(side(of)?, price, size));
                let levels = levels.collect::<Parsed<Vec<_>>>()?;
                let head = Head { ts_exch: time(update.time)?, ..head };
                market.chain.difference(head, levels, out, report);
            }
        }
        "match" => {
            let print: Match<'_> = json(text)?;
            if market.is_ours(print.product_id, &head, report) {
                let head = Head { ts_exch: time(Some(print.time))?, ..head };
                let trade = (print.trade_id, print.price, print.size);
                market.trade(trade, side(print.side)?, head, out, report)?;
            }
        }
        "ticker" => {
            let quote: Quote<'_> = json(text)?;
            if market.is_ours(quote.product_id, &head, report) {
                let head = Head { ts_exch: time(quote.time)?, venue_seq: quote.sequence, ..head };
                out.push(head.with(market.ticker(&quote)?));
            }
        }
        "last_match" => {
            let why = || "the last match before the subscription".to_owned();
            report.repair(head.origin, "trade before the subscription", why);
        }
        other => report.repair(head.origin, "no market data", || format!("type {other}")),
    }
    Ok(())
}
