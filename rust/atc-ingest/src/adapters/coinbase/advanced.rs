//! The Advanced Trade feed: messages of a channel with events of several products.

use super::{Market, Quote, side, time};
use crate::error::{Parsed, Problem};
use crate::message::{Head, Message};
use crate::report::Report;
use crate::text::json;
use serde::Deserialize;

#[derive(Deserialize)]
struct Numbered<'a> {
    sequence_num: Option<i64>,
    timestamp: Option<&'a str>,
}

#[derive(Deserialize)]
struct Events<T> {
    events: Vec<T>,
}

#[derive(Deserialize)]
struct BookEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: &'a str,
    #[serde(borrow)]
    updates: Vec<Update<'a>>,
}

#[derive(Deserialize)]
struct Update<'a> {
    side: &'a str,
    price_level: &'a str,
    new_quantity: &'a str,
}

#[derive(Deserialize)]
struct TradesEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    trades: Vec<Print<'a>>,
}

#[derive(Deserialize)]
struct Print<'a> {
    trade_id: &'a str,
    product_id: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    time: &'a str,
}

#[derive(Deserialize)]
struct TickersEvent<'a> {
    #[serde(borrow)]
    tickers: Vec<Quote<'a>>,
}

/// The products that a message is about.
///
/// # Errors
/// For malformed messages.
pub fn products(channel: &str, text: &[u8]) -> Parsed<Vec<String>> {
    let names: Vec<&str> = match channel {
        "l2_data" => {
            json::<Events<BookEvent<'_>>>(text)?.events.iter().map(|event| event.product_id).collect()
        }
        "market_trades" => {
            let events: Events<TradesEvent<'_>> = json(text)?;
            events.events.iter().flat_map(|event| &event.trades).map(|print| print.product_id).collect()
        }
        "ticker" | "ticker_batch" => {
            let events: Events<TickersEvent<'_>> = json(text)?;
            events.events.iter().flat_map(|event| &event.tickers).map(|quote| quote.product_id).collect()
        }
        _ => Vec::new(),
    };
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// What a message adds to the stream; `sequence` is the number of the one before it on the connection.
///
/// # Errors
/// For malformed messages.
pub fn take(
    market: &mut Market,
    sequence: &mut Option<i64>,
    channel: &str,
    text: &[u8],
    head: Head,
    out: &mut Vec<Message>,
    report: &mut Report,
) -> Parsed<()> {
    let message: Numbered<'_> = json(text)?;
    if let Some(number) = message.sequence_num {
        match sequence.replace(number) {
            Some(0) if number == 0 => {}
            Some(last) if number == 0 => {
                market.chain.lose(head, &format!("a new connection after {last}"), out, report);
            }
            Some(last) if number != last.saturating_add(1) => {
                market.chain.lose(
                    head,
                    &format!("expected message {} of the connection, found {number}", last.saturating_add(1)),
                    out,
                    report,
                );
            }
            _ => {}
        }
    }
    let head = Head { ts_exch: time(message.timestamp)?, venue_seq: message.sequence_num, ..head };
    match channel {
        "l2_data" => {
            for event in json::<Events<BookEvent<'_>>>(text)?.events {
                if market.is_ours(event.product_id, &head, report) {
                    let updates = event.updates.iter();
                    let levels =
                        updates.map(|at| market.level(side(at.side)?, at.price_level, at.new_quantity));
                    let levels = levels.collect::<Parsed<Vec<_>>>()?;
                    if is_snapshot(event.kind)? {
                        market.chain.snapshot(head, levels, out);
                    } else {
                        market.chain.difference(head, levels, out, report);
                    }
                }
            }
        }
        "market_trades" => {
            for event in json::<Events<TradesEvent<'_>>>(text)?.events {
                trades(market, event, head, out, report)?;
            }
        }
        "ticker" | "ticker_batch" => {
            for quote in
                json::<Events<TickersEvent<'_>>>(text)?.events.iter().flat_map(|event| &event.tickers)
            {
                if market.is_ours(quote.product_id, &head, report) {
                    out.push(head.with(market.ticker(quote)?));
                }
            }
        }
        other => report.repair(head.origin, "no market data", || format!("channel {other}")),
    }
    Ok(())
}

/// The trades of an event, which come in any order, by their ids.
fn trades(
    market: &mut Market,
    event: TradesEvent<'_>,
    head: Head,
    out: &mut Vec<Message>,
    report: &mut Report,
) -> Parsed<()> {
    let before = is_snapshot(event.kind)?;
    let mut prints = Vec::with_capacity(event.trades.len());
    for print in &event.trades {
        if !market.is_ours(print.product_id, &head, report) {
            continue;
        }
        if before {
            report.repair(head.origin, "trade before the subscription", || print.trade_id.to_owned());
            continue;
        }
        let id = print.trade_id.parse::<i64>();
        prints.push((
            id.map_err(|_| Problem(format!("trade_id is '{}'; expected a number", print.trade_id)))?,
            print,
        ));
    }
    prints.sort_unstable_by_key(|(id, _)| *id);
    for (id, print) in prints {
        let head = Head { ts_exch: time(Some(print.time))?, ..head };
        market.trade((id, print.price, print.size), side(print.side)?, head, out, report)?;
    }
    Ok(())
}

fn is_snapshot(kind: &str) -> Parsed<bool> {
    match kind {
        "snapshot" => Ok(true),
        "update" => Ok(false),
        other => Err(Problem(format!("type is '{other}'; expected snapshot or update"))),
    }
}
