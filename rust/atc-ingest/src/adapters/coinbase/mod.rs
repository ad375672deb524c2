//! Coinbase WebSocket messages: `<receive ns> <JSON>` a line, of the Exchange feed (`level2`, `level2_batch`, `matches`,
//! `ticker`) or of Advanced Trade (`l2_data`, `market_trades`, `ticker`); other messages are left out.
//!
//! - Time: `ts_recv` is the recorder's clock, `ts_exch` the message's `time` (Advanced Trade: `timestamp`; a trade's own
//!   `time`). The snapshots of Exchange may have none.
//! - Side of a trade: both feeds say that of the MAKER, so the taker's is the opposite: `"side": "sell"` is a buyer who
//!   took. (A `ticker` says the taker's; it is not a trade here.)
//! - Size: base asset. Sizes of the book are absolute, 0 deletes; Exchange says `buy` and `sell` for its sides, Advanced
//!   Trade `bid` and `offer`.
//! - Gaps: trade ids of a product count by one. Advanced Trade numbers all messages of a connection (`sequence_num`): a
//!   jump makes the book unknown until the next snapshot, as does a connection that begins anew. So files of one
//!   connection, with all its channels, go into one ingest. Exchange's `sequence` counts the full channel, of which these
//!   channels show a part, so within a subscription nothing can be told missing in its book; a second snapshot says that
//!   the subscription began anew: a gap.
//! - What a subscription shows of earlier trades (`last_match`, a snapshot of `market_trades`) is left out: it was not
//!   received when it happened.
//!
//! Sources: docs.cdp.coinbase.com, "Exchange: WebSocket channels" ("The side field indicates the maker order side") and
//! "Advanced Trade: WebSocket channels". That `market_trades` too says the maker's side: nautilustrader.io, API of
//! nautilus_coinbase, `coinbase_side_to_aggressor`. Steps of BTC-USD: the example of the status channel.

mod advanced;
mod exchange;

use crate::adapters::{Adapter, Reading};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps, no_such_symbol};
use crate::merge::{Merged, Timed};
use crate::message::{Body, Files, Head, Level, Message, Ticker, Trade};
use crate::report::Report;
use crate::snapshot_chain::SnapshotChain;
use crate::source::Progress;
use crate::stamped::{self, Line};
use crate::text::json;
use crate::time::utc_ns;
use crate::trade_ids::TradeIds;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "coinbase",
    version: 1,
    about: "Coinbase WebSocket, Exchange and Advanced Trade: receive time and JSON a line",
    facts,
    open,
};

const VENUE: &str = "coinbase";
const STEPS: &[(&str, &str, &str)] = &[("BTC-USD", "0.01", "0.00000001")];

/// Lines at the beginning of the files that tell symbols.
const JUDGED_BY: usize = 10_000;

/// What tells the two feeds and their messages apart.
#[derive(Deserialize)]
struct Envelope<'a> {
    /// Exchange.
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    /// Exchange.
    product_id: Option<&'a str>,
    /// Advanced Trade.
    channel: Option<&'a str>,
}

/// The one product at the beginning of the files, or the one that was asked for.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut there = BTreeSet::new();
    for (file, _) in files.iter() {
        for line in stamped::lines(files, file, &Progress::default())?.take(JUDGED_BY) {
            let line = line?;
            there.extend(products(&line.what).map_err(|problem| problem.at(files, line.origin))?);
        }
    }
    let symbol = match (&asked.symbol, there.len()) {
        (Some(symbol), _) if there.contains(symbol) => symbol,
        (Some(symbol), _) => return Err(no_such_symbol(files, symbol, &there)),
        (None, 1) => there.first().expect("there is one"),
        (None, 0) => {
            return Err(Error::Data(format!(
                "{}: no message tells the product; expected messages with product_id or of Advanced Trade's channels",
                files.names()
            )));
        }
        (None, _) => {
            let there = there.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files hold {there}; choose one with --symbol")));
        }
    };
    let venue = asked.venue.as_deref().unwrap_or(VENUE);
    Ok(Facts::new(venue, symbol).steps_of(STEPS))
}

/// The products that a line is about.
fn products(line: &Line) -> Parsed<Vec<String>> {
    let envelope: Envelope<'_> = json(line.json())?;
    match envelope.channel {
        Some(channel) => advanced::products(channel, line.json()),
        None => Ok(envelope.product_id.map(str::to_owned).into_iter().collect()),
    }
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    Ok(Box::new(Session {
        merged: stamped::merged(files, progress, report)?,
        files: files.clone(),
        market: Market {
            ours: Ours::new(&instrument.symbol),
            steps: instrument.steps()?,
            chain: SnapshotChain::default(),
            trade_ids: TradeIds::default(),
        },
        sequence: None,
    }))
}

struct Session {
    merged: Merged<Line>,
    files: Files,
    market: Market,
    /// The latest `sequence_num` of Advanced Trade.
    sequence: Option<i64>,
}

/// What is known of the product that is read.
struct Market {
    ours: Ours,
    steps: Steps,
    chain: SnapshotChain,
    trade_ids: TradeIds,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(line) = self.merged.next(report)? else {
            self.market.ours.finish(&self.files)?;
            return Ok(false);
        };
        let origin = line.origin;
        self.take(&line, out, report).map_err(|problem| problem.at(&self.files, origin))?;
        Ok(true)
    }
}

impl Session {
    fn take(&mut self, line: &Timed<Line>, out: &mut Vec<Message>, report: &mut Report) -> Parsed<()> {
        let text = line.what.json();
        let envelope: Envelope<'_> = json(text)?;
        match (envelope.channel, envelope.kind) {
            (Some(channel), _) => {
                advanced::take(&mut self.market, &mut self.sequence, channel, text, line.head(), out, report)
            }
            (None, Some(kind)) => exchange::take(&mut self.market, kind, text, line.head(), out, report),
            (None, None) => {
                Err(Problem("found neither type nor channel; expected a message of Coinbase".into()))
            }
        }
    }
}

impl Market {
    fn is_ours(&mut self, product: &str, head: &Head, report: &mut Report) -> bool {
        let ours = self.ours.is(product);
        if !ours {
            report.repair(head.origin, "other symbol", || product.to_owned());
        }
        ours
    }

    /// One trade, in the order of the ids; `makers` is the maker's side.
    fn trade(
        &mut self,
        (id, price, size): (i64, &str, &str),
        makers: i8,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        if self.trade_ids.follow(id, &head, out, report) {
            let (px, qty) = (self.steps.px(price)?, self.steps.positive_qty(size)?);
            let trade = Trade { px, qty, side: -makers, id: Some(id.to_string()) };
            out.push(Head { venue_seq: Some(id), ..head }.with(Body::Trade(trade)));
        }
        Ok(())
    }

    fn level(&self, side: i8, price: &str, size: &str) -> Parsed<Level> {
        Ok(Level { side, px: self.steps.px(price)?, qty: self.steps.qty(size)? })
    }

    fn ticker(&self, said: &Quote<'_>) -> Parsed<Body> {
        let px = |text: Option<&str>| told(text).map(|text| self.steps.px(text)).transpose();
        let qty = |text: Option<&str>| told(text).map(|text| self.steps.qty(text)).transpose();
        Ok(Body::Ticker(Ticker {
            bid: px(said.best_bid)?,
            ask: px(said.best_ask)?,
            last: px(said.price)?,
            high: px(said.high)?,
            low: px(said.low)?,
            bid_qty: qty(said.bid_qty)?,
            ask_qty: qty(said.ask_qty)?,
            vol: qty(said.volume)?,
        }))
    }
}

/// A ticker of either feed; they spell some fields differently.
#[derive(Deserialize)]
struct Quote<'a> {
    product_id: &'a str,
    sequence: Option<i64>,
    time: Option<&'a str>,
    price: Option<&'a str>,
    best_bid: Option<&'a str>,
    #[serde(alias = "best_bid_size", alias = "best_bid_quantity")]
    bid_qty: Option<&'a str>,
    best_ask: Option<&'a str>,
    #[serde(alias = "best_ask_size", alias = "best_ask_quantity")]
    ask_qty: Option<&'a str>,
    #[serde(alias = "high_24h", alias = "high_24_h")]
    high: Option<&'a str>,
    #[serde(alias = "low_24h", alias = "low_24_h")]
    low: Option<&'a str>,
    #[serde(alias = "volume_24h", alias = "volume_24_h")]
    volume: Option<&'a str>,
}

/// What a field says; nothing if it is empty.
fn told(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn time(text: Option<&str>) -> Parsed<Option<i64>> {
    Ok(told(text).map(utc_ns).transpose()?)
}

/// +1 for a buyer's side, −1 for a seller's.
fn side(text: &str) -> Parsed<i8> {
    match text {
        "buy" | "BUY" | "bid" => Ok(1),
        "sell" | "SELL" | "offer" => Ok(-1),
        other => Err(Problem(format!("side is '{other}'; expected buy or sell, bid or offer"))),
    }
}
