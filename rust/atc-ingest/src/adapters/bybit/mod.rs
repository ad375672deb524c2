//! Bybit v5 public WebSocket messages: `<receive ns> <JSON>` a line; topics `orderbook.<depth>.<symbol>`,
//! `publicTrade.<symbol>` and `tickers.<symbol>`, others are left out.
//!
//! - Time: `ts_recv` is the recorder's clock. `ts_exch` is the matching engine's: `cts` of a book message, `T` of a trade;
//!   a ticker has that of the system that sent it only, `ts`.
//! - Side of a trade: `S` is the taker's. Block trades (`BT`) are no trades of the book and are left out.
//! - Size: base asset on spot and linear contracts, USD on inverse ones. A message does not say which category it is of
//!   (the connection's address does), so `--venue` names it where it matters, and steps have to be given.
//! - Book: a snapshot replaces it; in a delta sizes are absolute and 0 deletes. `u` counts by one a message of a topic: a
//!   jump is a gap, as is a snapshot further on (a connection restart). A snapshot that repeats the last `u` is the venue's
//!   repetition of a quiet book. `u` = 1 says that the service was restarted: RESET, and the snapshot replaces the book.
//!   Only one depth is the book: the recorded depth, else the deepest at the beginning of the files.
//! - Tickers of contracts: a delta says what changed; what it does not name stands as it was.
//!
//! Source: bybit-exchange.github.io/docs/v5/websocket/public, "Orderbook", "Trade", "Ticker".

mod wire;

use crate::adapters::{Adapter, Reading};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps, no_such_symbol};
use crate::merge::{Merged, Timed};
use crate::message::{Body, ControlKind, Files, Head, Message, Ticker, Trade};
use crate::report::Report;
use crate::snapshot_chain::SnapshotChain;
use crate::source::Progress;
use crate::stamped::{self, Line};
use crate::text::{json, pairs};
use crate::time::ns_of_ms;
use std::collections::BTreeMap;
use wire::{Depth, Envelope, Print, Quote, Topic, is_snapshot};

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "bybit",
    version: 1,
    about: "Bybit v5 WebSocket: receive time and JSON a line",
    facts,
    open,
};

const VENUE: &str = "bybit";

/// Lines at the beginning of the files that tell symbols and depths.
const JUDGED_BY: usize = 10_000;

/// The one symbol at the beginning of the files, or the one that was asked for, and its deepest book.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut depths: BTreeMap<String, Option<u32>> = BTreeMap::new();
    for (file, _) in files.iter() {
        for line in stamped::lines(files, file, &Progress::default())?.take(JUDGED_BY) {
            let line = line?;
            let topic = topic_of(&line.what).map_err(|problem| problem.at(files, line.origin))?;
            if let Some((symbol, found)) = topic {
                let depth = depths.entry(symbol).or_default();
                *depth = (*depth).max(found);
            }
        }
    }
    let symbol = match (&asked.symbol, depths.len()) {
        (Some(symbol), _) if depths.contains_key(symbol) => symbol,
        (Some(symbol), _) => return Err(no_such_symbol(files, symbol, depths.keys())),
        (None, 1) => depths.keys().next().expect("there is one"),
        (None, 0) => {
            return Err(Error::Data(format!(
                "{}: no topic tells the symbol; expected messages of orderbook, publicTrade or tickers",
                files.names()
            )));
        }
        (None, _) => {
            let there = depths.into_keys().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files hold {there}; choose one with --symbol")));
        }
    };
    let venue = asked.venue.as_deref().unwrap_or(VENUE);
    Ok(Facts { recorded_depth: depths[symbol], ..Facts::new(venue, symbol) })
}

/// The symbol that a line is about, and the depth of a book.
fn topic_of(line: &Line) -> Parsed<Option<(String, Option<u32>)>> {
    let envelope: Envelope<'_> = json(line.json())?;
    let Some(topic) = envelope.topic else { return Ok(None) };
    let topic = Topic::parse(topic);
    let depth = if let Topic::Book(depth, _) = topic { Some(depth) } else { None };
    Ok(topic.symbol().map(|symbol| (symbol.to_owned(), depth)))
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
        depth: instrument.recorded_depth,
        chain: SnapshotChain::default(),
        last: None,
        ticker: None,
    }))
}

struct Session {
    merged: Merged<Line>,
    files: Files,
    ours: Ours,
    steps: Steps,
    /// The depth of the book that is read; `None` until one was seen.
    depth: Option<u32>,
    chain: SnapshotChain,
    /// The latest `u` of the book.
    last: Option<i64>,
    /// The ticker as it stands; `None` before its first snapshot.
    ticker: Option<Ticker>,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(line) = self.merged.next(report)? else {
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
        let envelope: Envelope<'_> = json(line.what.json())?;
        let (Some(name), Some(data)) = (envelope.topic, envelope.data.as_ref()) else {
            report.repair(line.origin, "no market data", || "no topic: an answer to a command".to_owned());
            return Ok(());
        };
        let topic = Topic::parse(name);
        let Some(symbol) = topic.symbol() else {
            report.repair(line.origin, "other topic", || name.to_owned());
            return Ok(());
        };
        if !self.ours.is(symbol) {
            report.repair(line.origin, "other symbol", || symbol.to_owned());
            return Ok(());
        }
        let head = Head { ts_exch: envelope.ts.map(ns_of_ms).transpose()?, ..line.head() };
        let data = data.as_raw_str().as_bytes();
        match topic {
            Topic::Book(depth, _) => {
                if *self.depth.get_or_insert(depth) != depth {
                    report.repair(line.origin, "other depth", || name.to_owned());
                    return Ok(());
                }
                let ts_exch = envelope.cts.map(ns_of_ms).transpose()?.or(head.ts_exch);
                let book: Depth<'_> = json(data)?;
                let head = Head { ts_exch, venue_seq: Some(book.u), ..head };
                self.book(is_snapshot(envelope.kind)?, &book, head, out, report)
            }
            Topic::Trades(_) => {
                for print in json::<Vec<Print<'_>>>(data)? {
                    self.trade(&print, head, out, report)?;
                }
                Ok(())
            }
            Topic::Ticker(_) => {
                let head = Head { venue_seq: envelope.cs, ..head };
                self.quote(is_snapshot(envelope.kind)?, &json(data)?, head, out, report)
            }
            Topic::Other => Ok(()),
        }
    }

    fn book(
        &mut self,
        snapshot: bool,
        book: &Depth<'_>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let mut levels = Vec::with_capacity(book.b.len() + book.a.len());
        pairs(&self.steps, 1, &book.b, &mut levels)?;
        pairs(&self.steps, -1, &book.a, &mut levels)?;
        let last = self.last.replace(book.u);
        let jump =
            |last: i64| format!("expected u {} after {last}, found {}", last.saturating_add(1), book.u);
        match last {
            _ if snapshot && book.u == 1 => {
                if self.chain.known() {
                    let told = "u is 1: the venue restarted its service";
                    report.flag(head.origin, "service restart", || told.to_owned());
                    out.push(Head { ts_exch: None, ..head }.control(ControlKind::Reset, told));
                }
                self.chain.snapshot(head, levels, out);
            }
            Some(last) if snapshot => {
                if book.u != last && book.u != last.saturating_add(1) {
                    self.chain.lose(head, &format!("{}, a snapshot", jump(last)), out, report);
                }
                self.chain.snapshot(head, levels, out);
            }
            None if snapshot => self.chain.snapshot(head, levels, out),
            Some(last) if book.u <= last => {
                self.last = Some(last);
                report.repair(head.origin, "repeated update", || {
                    format!("u {}, the chain is at {last}", book.u)
                });
            }
            _ => {
                if let Some(last) = last.filter(|last| book.u != last.saturating_add(1)) {
                    self.chain.lose(head, &jump(last), out, report);
                }
                self.chain.difference(head, levels, out, report);
            }
        }
        Ok(())
    }

    fn trade(
        &mut self,
        print: &Print<'_>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        if print.block {
            report.repair(head.origin, "block trade", || print.i.to_owned());
            return Ok(());
        }
        let side = match print.side {
            "Buy" => 1,
            "Sell" => -1,
            other => return Err(Problem(format!("S is '{other}'; expected Buy or Sell"))),
        };
        let head = Head { ts_exch: Some(ns_of_ms(print.matching_ms)?), venue_seq: print.seq, ..head };
        let (px, qty) = (self.steps.px(print.p)?, self.steps.positive_qty(print.v)?);
        out.push(head.with(Body::Trade(Trade { px, qty, side, id: Some(print.i.to_owned()) })));
        Ok(())
    }

    fn quote(
        &mut self,
        snapshot: bool,
        said: &Quote<'_>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        if !snapshot && self.ticker.is_none() {
            report.flag(head.origin, "ticker delta without a snapshot", || "it was left out".to_owned());
            return Ok(());
        }
        let before = self.ticker.filter(|_| !snapshot).unwrap_or_default();
        let px = |said, before| told(said, before, |text| self.steps.px(text));
        let qty = |said, before| told(said, before, |text| self.steps.qty(text));
        let ticker = Ticker {
            bid: px(said.bid, before.bid)?,
            ask: px(said.ask, before.ask)?,
            last: px(said.last_price, before.last)?,
            high: px(said.high, before.high)?,
            low: px(said.low, before.low)?,
            bid_qty: qty(said.bid_qty, before.bid_qty)?,
            ask_qty: qty(said.ask_qty, before.ask_qty)?,
            vol: qty(said.volume, before.vol)?,
        };
        self.ticker = Some(ticker);
        out.push(head.with(Body::Ticker(ticker)));
        Ok(())
    }
}

/// A field as it stands after a message: unnamed as before, empty for none.
fn told<T>(
    said: Option<&str>,
    before: Option<T>,
    count: impl Fn(&str) -> std::result::Result<T, String>,
) -> Parsed<Option<T>> {
    match said {
        None => Ok(before),
        Some("") => Ok(None),
        Some(text) => Ok(Some(count(text)?)),
    }
}
