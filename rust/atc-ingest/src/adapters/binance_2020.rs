//! Binance spot as recorded in 2020 by deep_orderbook: JSON files of one hour,
//! `<SYMBOL>_<hour>_{snapshot,update,trades}.json`.
//!
//! - Time: the recording has no receive time, so `ts_recv` is `ts_exch` (SYNTH_RECV): the event time `E` of a depth update,
//!   the trade time `T` of a trade. A snapshot has no time at all: it gets that of the first update that it does not
//!   contain whole (its lastUpdateId lies inside that one), and comes just before it.
//! - Trades are aggregated (`aggTrade`): one a taker order and price. `a` is their own id, `f` and `l` the first and last
//!   trade in it.
//! - Side: `m` is true when the buyer is the maker, so the seller took. Size: base asset; depth sizes are absolute.
//! - Files of several hours join by their update ids. While the chain is unbroken a later snapshot is not needed and left
//!   out. An hour's file is one JSON document and is held in memory as a whole.
//!
//! Sources: github.com/gQuantCoder/deep_orderbook, `sample_data`; developers.binance.com, Spot "WebSocket Streams".

use crate::adapters::{Adapter, Reading};
use crate::chain::{Difference, Snapshot, UpdateChain};
use crate::columns::flag;
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps, no_such_symbol};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, Files, Head, Message, Origin, Trade};
use crate::report::Report;
use crate::source::{Content, Progress};
use crate::text::{json, pairs, utf8};
use crate::time::ns_of_ms;
use crate::trade_ids::TradeIds;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "binance_2020",
    version: 4,
    about: "Binance spot, deep_orderbook's JSON files of an hour",
    facts,
    open,
};

const VENUE: &str = "binance";
/// Steps on 2020-11-01.
const STEPS: &[(&str, &str, &str)] =
    &[("ETHBTC", "0.000001", "0.001"), ("ETHUSDT", "0.01", "0.00001"), ("BTCUSDT", "0.01", "0.000001")];

#[derive(Deserialize)]
struct RestDepth {
    #[serde(rename = "lastUpdateId")]
    last: i64,
    bids: Vec<(String, String)>,
    asks: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(tag = "e")]
enum Entry {
    #[serde(rename = "depthUpdate")]
    Depth {
        s: String,
        #[serde(rename = "E")]
        event_ms: i64,
        #[serde(rename = "U")]
        first: i64,
        u: i64,
        b: Vec<(String, String)>,
        a: Vec<(String, String)>,
    },
    #[serde(rename = "aggTrade")]
    Trade {
        s: String,
        a: i64,
        p: String,
        q: String,
        #[serde(rename = "T")]
        matching_ms: i64,
        m: bool,
    },
}

impl Entry {
    fn symbol(&self) -> &str {
        match self {
            Self::Depth { s, .. } | Self::Trade { s, .. } => s,
        }
    }

    fn time_ms(&self) -> i64 {
        match self {
            Self::Depth { event_ms, .. } => *event_ms,
            Self::Trade { matching_ms, .. } => *matching_ms,
        }
    }
}

/// What kind of file this is, told by its content.
enum Document {
    Snapshot(Box<RestDepth>),
    Updates,
    Trades,
}

fn document(files: &Files, file: u32, progress: &Progress) -> Result<Vec<u8>> {
    Content::open(files.path(file), progress)?.whole()
}

fn kind_of(files: &Files, file: u32) -> Result<Document> {
    let text = document(files, file, &Progress::default())?;
    let path = files.path(file).display();
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => {
            match first_entry(&text).map_err(|problem| problem.at(files, Origin { file, row: 1 }))? {
                Some(Entry::Depth { .. }) => Ok(Document::Updates),
                _ => Ok(Document::Trades),
            }
        }
        Some(b'{') => json(&text).map(|book| Document::Snapshot(Box::new(book))).map_err(|problem| {
            Error::Data(format!("{path}:1: {}; expected lastUpdateId, bids, asks", problem.0))
        }),
        _ => Err(Error::Data(format!("{path}: no JSON document; expected an array or a snapshot"))),
    }
}

fn first_entry(text: &[u8]) -> Parsed<Option<Entry>> {
    let mut entries = sonic_rs::to_array_iter(utf8(text)?);
    match entries.next() {
        None => Ok(None),
        Some(Err(error)) => Err(cut(&error)),
        Some(Ok(entry)) => json(entry.as_raw_str().as_bytes()).map(Some),
    }
}

/// The library adds a picture of the place to what it says.
fn cut(error: &sonic_rs::Error) -> Problem {
    let told = error.to_string();
    Problem(format!("no JSON document ({}); it may have been cut", told.lines().next().unwrap_or_default()))
}

fn entries(files: &Files, file: u32, progress: &Progress) -> Result<Items<Entry>> {
    let text = document(files, file, progress)?;
    let checked = utf8(&text).map_err(|problem| problem.at(files, Origin { file, row: 1 }))?;
    let parsed: Vec<Timed<Entry>> = (1..)
        .zip(sonic_rs::to_array_iter(checked))
        .map(|(row, entry)| {
            let origin = Origin { file, row };
            let entry = entry.map_err(|error| cut(&error).at(files, origin))?;
            let what: Entry =
                json(entry.as_raw_str().as_bytes()).map_err(|problem| problem.at(files, origin))?;
            let ts_recv = ns_of_ms(what.time_ms()).map_err(|text| Problem(text).at(files, origin))?;
            Ok(Timed { ts_recv, flags: flag::SYNTH_RECV, origin, what })
        })
        .collect::<Result<_>>()?;
    Ok(Box::new(parsed.into_iter().map(Ok)))
}

/// The one symbol of the files, or the one that was asked for.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut symbols = BTreeSet::new();
    for (file, _) in files.iter() {
        let text = document(files, file, &Progress::default())?;
        if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            let first = first_entry(&text).map_err(|problem| problem.at(files, Origin { file, row: 1 }))?;
            symbols.extend(first.map(|entry| entry.symbol().to_owned()));
        }
    }
    let symbol = match (&asked.symbol, symbols.len()) {
        (_, 0) => {
            let names = files.names();
            return Err(Error::Data(format!(
                "{names}: no update and no trade tells the symbol; expected JSON arrays of depthUpdate or aggTrade \
                 beside the snapshots"
            )));
        }
        (Some(symbol), _) if symbols.contains(symbol) => symbol.clone(),
        (Some(symbol), _) => return Err(no_such_symbol(files, symbol, &symbols)),
        (None, 1) => symbols.into_iter().next().unwrap_or_default(),
        (None, _) => {
            let there = symbols.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files hold {there}; choose one with --symbol")));
        }
    };
    Ok(Facts::new(VENUE, &symbol).steps_of(STEPS))
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let (mut snapshots, mut updates, mut trades) = (Vec::new(), Vec::new(), Vec::new());
    for (file, path) in files.iter() {
        match kind_of(files, file)? {
            Document::Snapshot(book) => {
                let origin = Origin { file, row: 1 };
                let named =
                    path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('_'));
                match named.filter(|(symbol, _)| *symbol != instrument.symbol) {
                    Some((symbol, _)) => report.repair(origin, "other symbol", || symbol.to_owned()),
                    None => {
                        snapshots.push((origin, *book));
                        report.messages_read += 1;
                    }
                }
            }
            Document::Updates => updates.push(file),
            Document::Trades => trades.push(file),
        }
    }
    // The next one to come is the last of the list.
    snapshots.sort_by_key(|(_, book)| std::cmp::Reverse(book.last));
    // Of equal times the trade comes first: the update at its end tells what it left of the book.
    trades.extend(updates);
    let named = files.clone();
    let reader = Box::new(move |file, progress: &Progress| entries(&named, file, progress));
    Ok(Box::new(Hours {
        merged: Merged::new(trades, reader, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&instrument.symbol),
        steps: instrument.steps()?,
        chain: UpdateChain::default(),
        trade_ids: TradeIds::default(),
        snapshots,
    }))
}

struct Hours {
    merged: Merged<Entry>,
    files: Files,
    ours: Ours,
    steps: Steps,
    chain: UpdateChain,
    trade_ids: TradeIds,
    snapshots: Vec<(Origin, RestDepth)>,
}

impl Reading for Hours {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.chain.finish(report);
            for (origin, book) in &self.snapshots {
                report.flag(*origin, "snapshot after the last update", || {
                    format!("lastUpdateId {}", book.last)
                });
            }
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        if !self.ours.is(item.what.symbol()) {
            report.repair(item.origin, "other symbol", || item.what.symbol().to_owned());
            return Ok(true);
        }
        let located = |problem: Problem, origin| problem.at(&self.files, origin);
        let head = Head {
            ts_exch: Some(ns_of_ms(item.what.time_ms()).map_err(|text| located(Problem(text), item.origin))?),
            ..item.head()
        };
        match &item.what {
            Entry::Trade { a, p, q, m, .. } => {
                if !self.trade_ids.follow(*a, &head, out, report) {
                    return Ok(true);
                }
                let trade =
                    trade(&self.steps, *a, p, q, *m).map_err(|problem| located(problem, item.origin))?;
                out.push(Head { venue_seq: Some(*a), ..head }.with(Body::Trade(trade)));
            }
            Entry::Depth { first, u, b, a, .. } => {
                let levels = levels(&self.steps, b, a).map_err(|problem| located(problem, item.origin))?;
                let update = Difference { head, previous: first.saturating_sub(1), last: *u, levels };
                while let Some((origin, book)) = self.snapshots.pop_if(|(_, book)| book.last < update.last) {
                    if update.previous > book.last {
                        report.flag(origin, "snapshot too old", || {
                            let (last, first) = (book.last, update.previous);
                            format!("lastUpdateId {last}, the next update begins after {first}")
                        });
                        continue;
                    }
                    let levels = levels_of(&self.steps, &book).map_err(|problem| located(problem, origin))?;
                    let head = Head { ts_exch: None, origin, ..head };
                    self.chain.snapshot(Snapshot { head, last: book.last, levels }, out, report);
                }
                self.chain.difference(update, out, report);
            }
        }
        Ok(true)
    }
}

fn trade(steps: &Steps, id: i64, price: &str, size: &str, buyer_is_maker: bool) -> Parsed<Trade> {
    Ok(Trade {
        px: steps.px(price)?,
        qty: steps.positive_qty(size)?,
        side: if buyer_is_maker { -1 } else { 1 },
        id: Some(id.to_string()),
    })
}

fn levels_of(steps: &Steps, book: &RestDepth) -> Parsed<Vec<crate::message::Level>> {
    levels(steps, &book.bids, &book.asks)
}

fn levels(
    steps: &Steps,
    bids: &[(String, String)],
    asks: &[(String, String)],
) -> Parsed<Vec<crate::message::Level>> {
    let mut levels = Vec::with_capacity(bids.len() + asks.len());
    pairs(steps, 1, bids, &mut levels)?;
    pairs(steps, -1, asks, &mut levels)?;
    Ok(levels)
}
