//! Binance WebSocket messages as recorded by hftbacktest's collector, spot, USD-M and COIN-M: `<receive ns> <JSON>` a line.
//!
//! - Time: `ts_recv` is the recorder's clock. `ts_exch` is the matching time `T` where a message has one (trades, all of
//!   the futures), else the event time `E`; spot's bookTicker has neither.
//! - Side of a trade: `m` is true when the buyer is the maker, so the seller took.
//! - Size: base asset on spot and USD-M. On COIN-M it counts CONTRACTS, so a lot is 1 contract: 10 USD of ETHUSD_PERP, or
//!   10 / price ETH. Depth sizes are absolute, 0 deletes a level.
//! - Chain: `U` and `u` are a depth update's first and last id; futures say the previous `u` as `pu`, on spot U follows it
//!   without a gap. A line without `stream` is the REST snapshot. See [`crate::chain`].
//! - Trades of futures whose `X` is not MARKET (insurance fund, ADL) are no trades of the market and are left out.
//! - The REST snapshot of spot and of USD-M names no symbol: files with one of them may hold no other symbol.
//! - Market: messages of COIN-M name their pair (`ps`), updates of USD-M have `pu` and no `ps`, spot's have neither.
//!
//! Sources: developers.binance.com, "WebSocket Streams" of Spot, of USD-M Futures and of COIN-M Futures, and COIN-M's
//! "Exchange Information" (`contractSize` 10 for ETHUSD_PERP); github.com/nkaz001/hftbacktest, `collector`.

use crate::adapters::{Adapter, Reading};
use crate::chain::{Difference, Snapshot, UpdateChain};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps, no_such_symbol};
use crate::merge::{Merged, Timed};
use crate::message::{Body, Files, Head, Message, Ticker, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::stamped::{self, Line};
use crate::text::{json, pairs};
use crate::time::ns_of_ms;
use crate::trade_ids::TradeIds;
use serde::Deserialize;
use sonic_rs::LazyValue;
use std::collections::BTreeSet;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "binance_raw",
    version: 4,
    about: "Binance WebSocket, spot, USD-M and COIN-M: receive time and JSON a line",
    facts,
    open,
};

const SPOT: &str = "binance";
const USDM: &str = "binance_usdm";
const COINM: &str = "binance_coinm";

/// Steps on 2024-08-08. Spot's size step is 0.0001, but some resting orders are older than it: 2292.22972 at 5000.
const SPOT_STEPS: &[(&str, &str, &str)] = &[("ETHUSDT", "0.01", "0.00001")];
const USDM_STEPS: &[(&str, &str, &str)] = &[("ETHUSDT", "0.01", "0.001")];
const COINM_STEPS: &[(&str, &str, &str)] = &[("ETHUSD_PERP", "0.01", "1")];

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<LazyValue<'a>>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    s: &'a str,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
    #[serde(rename = "T")]
    matching_ms: Option<i64>,
    #[serde(rename = "U")]
    first: i64,
    u: i64,
    pu: Option<i64>,
    ps: Option<&'a str>,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct RestDepth<'a> {
    #[serde(rename = "lastUpdateId")]
    last: i64,
    /// Said by COIN-M alone.
    symbol: Option<&'a str>,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
    #[serde(rename = "T")]
    matching_ms: Option<i64>,
    #[serde(borrow)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Print<'a> {
    s: &'a str,
    t: i64,
    p: &'a str,
    q: &'a str,
    #[serde(rename = "T")]
    matching_ms: i64,
    m: bool,
    #[serde(rename = "X")]
    kind: Option<&'a str>,
}

#[derive(Deserialize)]
struct Quote<'a> {
    s: &'a str,
    u: i64,
    b: &'a str,
    #[serde(rename = "B")]
    bid_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_qty: &'a str,
    #[serde(rename = "E")]
    event_ms: Option<i64>,
    #[serde(rename = "T")]
    matching_ms: Option<i64>,
}

impl Depth<'_> {
    fn venue(&self) -> &'static str {
        match (self.ps, self.pu) {
            (Some(_), _) => COINM,
            (None, Some(_)) => USDM,
            (None, None) => SPOT,
        }
    }
}

/// Symbol and market are read from the first depth update.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut symbols = BTreeSet::new();
    for (file, _) in files.iter() {
        for line in stamped::lines(files, file, &Progress::default())? {
            let line = line?;
            let Some(depth) = first_depth(&line.what).map_err(|problem| problem.at(files, line.origin))?
            else {
                continue;
            };
            if asked.symbol.as_deref().is_none_or(|symbol| symbol == depth.s) {
                return Ok(known(depth.venue(), depth.s));
            }
            symbols.insert(depth.s.to_owned());
        }
    }
    match &asked.symbol {
        Some(symbol) if symbols.is_empty() => match asked.venue.as_deref() {
            Some(venue) => Ok(known(venue, symbol)),
            None => Err(Error::Data(format!(
                "{}: no depth update tells the market; give --venue {SPOT}, {USDM} or {COINM}",
                files.names()
            ))),
        },
        Some(symbol) => Err(no_such_symbol(files, symbol, &symbols)),
        None => Err(Error::Data(format!(
            "{}: no depth update tells symbol and market; give --symbol, and --venue {SPOT}, {USDM} or {COINM}",
            files.names()
        ))),
    }
}

fn known(venue: &str, symbol: &str) -> Facts {
    Facts::new(venue, symbol).steps_of(match venue {
        COINM => COINM_STEPS,
        USDM => USDM_STEPS,
        SPOT => SPOT_STEPS,
        _ => &[],
    })
}

/// The depth update of a line, if it is one.
fn first_depth(line: &Line) -> Parsed<Option<Depth<'_>>> {
    #[derive(Deserialize)]
    struct WithDepth<'a> {
        #[serde(borrow)]
        data: Depth<'a>,
    }
    let envelope: Envelope<'_> = json(line.json())?;
    if envelope.stream.is_none_or(|stream| channel(stream) != "depth") {
        return Ok(None);
    }
    let found: WithDepth<'_> = json(line.json())?;
    Ok(Some(found.data))
}

/// Spot's bookTicker names no event type; the stream's name always does: `<symbol>@<channel>[@<speed>]`.
fn channel(stream: &str) -> &str {
    stream.split('@').nth(1).unwrap_or_default()
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
        ours: Ours::new(&instrument.symbol),
        steps: instrument.steps()?,
        market: None,
        nameless: None,
        chain: UpdateChain::default(),
        trade_ids: TradeIds::default(),
    }))
}

struct Session {
    merged: Merged<Line>,
    files: Files,
    ours: Ours,
    steps: Steps,
    /// Of the latest depth update: symbols of spot and USD-M are spelled alike.
    market: Option<&'static str>,
    /// A snapshot that names no symbol, by its row.
    nameless: Option<String>,
    chain: UpdateChain,
    trade_ids: TradeIds,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(line) = self.merged.next(report)? else {
            self.chain.finish(report);
            self.ours.finish(&self.files)?;
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
        let head = line.head();
        let envelope: Envelope<'_> = json(text)?;
        let (Some(stream), Some(data)) = (envelope.stream, envelope.data) else {
            let book: RestDepth<'_> = json(text)?;
            match book.symbol {
                Some(symbol) if !self.is_ours(symbol, &head, report)? => return Ok(()),
                Some(_) => {}
                None => {
                    self.nameless = Some(self.files.spell(head.origin));
                    if let Some(other) = self.ours.other() {
                        return Err(Problem(format!(
                            "this snapshot names no symbol, and the files hold {other} too; expected files of one symbol"
                        )));
                    }
                }
            }
            let mut levels = Vec::new();
            pairs(&self.steps, 1, &book.bids, &mut levels)?;
            pairs(&self.steps, -1, &book.asks, &mut levels)?;
            let head = Head { ts_exch: exchange_time(book.matching_ms, book.event_ms)?, ..head };
            self.chain.snapshot(Snapshot { head, last: book.last, levels }, out, report);
            return Ok(());
        };
        let data = data.as_raw_str().as_bytes();
        match channel(stream) {
            "depth" => {
                let depth: Depth<'_> = json(data)?;
                if self.is_ours(depth.s, &head, report)? {
                    let (market, before) = (depth.venue(), self.market.replace(depth.venue()));
                    if let Some(before) = before.filter(|before| *before != market) {
                        return Err(Problem(format!(
                            "an update of {market} among those of {before}; expected one market"
                        )));
                    }
                    let update = self.difference(&depth, head)?;
                    self.chain.difference(update, out, report);
                }
            }
            "trade" => {
                let print: Print<'_> = json(data)?;
                if self.is_ours(print.s, &head, report)? {
                    self.trade(&print, head, out, report)?;
                }
            }
            "bookTicker" => {
                let quote: Quote<'_> = json(data)?;
                if self.is_ours(quote.s, &head, report)? {
                    out.push(self.ticker(&quote, head)?);
                }
            }
            other => return Err(Problem(format!("stream '{other}'; expected depth, trade or bookTicker"))),
        }
        Ok(())
    }

    fn is_ours(&mut self, symbol: &str, head: &Head, report: &mut Report) -> Parsed<bool> {
        let ours = self.ours.is(symbol);
        if !ours {
            report.repair(head.origin, "other symbol", || symbol.to_owned());
            if let Some(place) = &self.nameless {
                return Err(Problem(format!(
                    "a message of {symbol}, but the snapshot at {place} names no symbol; expected files of one symbol"
                )));
            }
        }
        Ok(ours)
    }

    fn difference(&self, depth: &Depth<'_>, head: Head) -> Parsed<Difference> {
        let mut levels = Vec::with_capacity(depth.b.len() + depth.a.len());
        pairs(&self.steps, 1, &depth.b, &mut levels)?;
        pairs(&self.steps, -1, &depth.a, &mut levels)?;
        Ok(Difference {
            head: Head { ts_exch: exchange_time(depth.matching_ms, depth.event_ms)?, ..head },
            previous: depth.pu.unwrap_or(depth.first.saturating_sub(1)),
            last: depth.u,
            levels,
        })
    }

    fn trade(
        &mut self,
        print: &Print<'_>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        if !self.trade_ids.follow(print.t, &head, out, report) {
            return Ok(());
        }
        if let Some(kind) = print.kind.filter(|kind| *kind != "MARKET") {
            report.repair(head.origin, "no market trade", || format!("X is {kind}"));
            return Ok(());
        }
        let head = Head { ts_exch: Some(ns_of_ms(print.matching_ms)?), venue_seq: Some(print.t), ..head };
        out.push(head.with(Body::Trade(Trade {
            px: self.steps.px(print.p)?,
            qty: self.steps.positive_qty(print.q)?,
            side: if print.m { -1 } else { 1 },
            id: Some(print.t.to_string()),
        })));
        Ok(())
    }

    fn ticker(&self, quote: &Quote<'_>, head: Head) -> Parsed<Message> {
        let ts_exch = exchange_time(quote.matching_ms, quote.event_ms)?;
        let head = Head { ts_exch, venue_seq: Some(quote.u), ..head };
        Ok(head.with(Body::Ticker(Ticker {
            bid: Some(self.steps.px(quote.b)?),
            ask: Some(self.steps.px(quote.a)?),
            bid_qty: Some(self.steps.qty(quote.bid_qty)?),
            ask_qty: Some(self.steps.qty(quote.ask_qty)?),
            ..Ticker::default()
        })))
    }
}

fn exchange_time(matching_ms: Option<i64>, event_ms: Option<i64>) -> Parsed<Option<i64>> {
    Ok(matching_ms.or(event_ms).map(ns_of_ms).transpose()?)
}
