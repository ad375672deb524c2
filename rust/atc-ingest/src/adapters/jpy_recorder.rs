//! Books, best quotes and trades of bitFlyer and GMO Coin as recorded in 2025 by BitcoinMarketRecorder: CSV files of an
//! hour, all markets in one. What a file holds is told by its header. One market is chosen with --venue (bitflyer or
//! gmocoin) and --symbol; any number of files of any kind go into one stream.
//!
//! - `market_boards`: the best eight levels a side at every change, whole books. Cells of levels that are not there are empty:
//!   bitFlyer's first rows, made of differences before the first snapshot. A level of size 0 is none.
//! - `best_bid_ask`: the best quote with its sizes; quotes that cross, as after a reconnect, are kept and marked.
//! - `trades`: one print a row.
//! - Time: the recorder's clock (`ts`, `timestamp` of a quote, `created_at`; UTC with or without a zone mark, to the µs)
//!   becomes `ts_recv`. Only trades have the exchange's time (`timestamp`: bitFlyer 100 ns, GMO Coin ms). The clocks disagree by
//!   tens of ms, so a latency computed from them can be negative. Of equal times the trade comes first, then the book.
//! - Side: bitFlyer's is the aggressor's, and the number in its `trade_id` is the venue's. GMO Coin prints every execution
//!   twice, the taker's side first ([`crate::twins`]); its `trade_id` is made from the recorder's clock, neither unique nor the
//!   venue's, and is not kept.
//! - Size: BTC. Tick 1 JPY on both venues; lots are those of the venues' rules.
//! - Silence is silence: the recorder does not say when it was not connected, so no gap is marked.
//!
//! Source: github.com/fintech-llc-jp/BitcoinMarketRecorder, `csv` and `service/DataPersistenceServiceImpl.java`.

use crate::adapters::gmo_trades::{self, side};
use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Steps, no_such_symbol};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, Files, Head, Level, Message, Ticker, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::utc_ns;
use crate::twins::{Print, Twins};
use std::collections::BTreeSet;
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "jpy_recorder",
    version: 1,
    about: "8-level books, best quotes and trades of bitFlyer and GMO Coin, BitcoinMarketRecorder's CSV",
    facts,
    open,
};

/// The venue's name in the events, in the files, and the start of its business day (s after 00:00 UTC).
const VENUES: &[(&str, &str, i64)] =
    &[("gmocoin", "GMO", gmo_trades::DAY_CUT_UTC_S), ("bitflyer", "BITFLYER", 68_400)];

/// Levels a side in the recorder's books.
const DEPTH: u32 = 8;

const TRADE: &[&str] =
    &["exchange", "symbol", "created_at", "trade_id", "price", "size", "side", "timestamp"];
const QUOTE: &[&str] =
    &["exchange", "symbol", "timestamp", "best_bid", "best_bid_volume", "best_ask", "best_ask_volume"];
#[rustfmt::skip]
const BOARD: &[&str] = &[
    "exchange", "symbol", "ts",
    "bid1", "bid1vol", "bid2", "bid2vol", "bid3", "bid3vol", "bid4", "bid4vol",
    "bid5", "bid5vol", "bid6", "bid6vol", "bid7", "bid7vol", "bid8", "bid8vol",
    "ask1", "ask1vol", "ask2", "ask2vol", "ask3", "ask3vol", "ask4", "ask4vol",
    "ask5", "ask5vol", "ask6", "ask6vol", "ask7", "ask7vol", "ask8", "ask8vol",
];
const EXCHANGE: usize = 0;
const SYMBOL: usize = 1;
const RECEIVED: usize = 2;

/// What a file holds; in this order where times are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Trade,
    Board,
    Quote,
}

impl Kind {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Trade => TRADE,
            Self::Board => BOARD,
            Self::Quote => QUOTE,
        }
    }

    fn of(path: &Path) -> Result<Self> {
        let header = csv::header(path)?;
        let kinds = [Self::Trade, Self::Board, Self::Quote];
        let all = |kind: &Self| kind.columns().iter().all(|name| header.iter().any(|found| found == name));
        kinds.into_iter().find(all).ok_or_else(|| {
            Error::Data(format!(
                "{}:1: found the columns {}; expected those of trades ({}), of best_bid_ask ({}) or of market_boards",
                path.display(),
                header.join(", "),
                TRADE.join(", "),
                QUOTE.join(", ")
            ))
        })
    }
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    if let Some(facts) = market_facts(asked) {
        return Ok(facts);
    }
    let there = markets(files)?.into_iter().collect::<Vec<_>>().join(", ");
    let unknown = asked.venue.as_ref().is_some_and(|venue| VENUES.iter().all(|(name, _, _)| name != venue));
    let missing = if unknown { "no such venue" } else { "give --venue and --symbol" };
    Err(Error::Data(format!("{missing}; the files hold {there}")))
}

/// What is known of the market that was asked for; `None`: it has to be chosen.
fn market_facts(asked: &Asked) -> Option<Facts> {
    let (venue, symbol) = (asked.venue.as_ref()?, asked.symbol.as_ref()?);
    let (_, _, day_cut_utc_s) = VENUES.iter().find(|(name, _, _)| name == venue)?;
    let known = Facts::new(venue, symbol);
    let known = if venue == gmo_trades::VENUE {
        known.steps_of(gmo_trades::STEPS)
    } else {
        // bitFlyer counts BTC in satoshis.
        Facts { tick: Some("1".to_owned()), lot: Some("0.00000001".to_owned()), ..known }
    };
    Some(Facts { day_cut_utc_s: *day_cut_utc_s, recorded_depth: Some(DEPTH), ..known })
}

/// The markets of the files.
fn markets(files: &Files) -> Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    for (_, path) in files.iter() {
        let mut rows = Rows::open(path, Kind::of(path)?.columns(), &Progress::default())?;
        while let Some((_, row)) = rows.read()? {
            there.insert(market(&row));
        }
    }
    Ok(there)
}

/// The market of a row: the venue as in the events, and the symbol.
fn market(row: &Row) -> String {
    let exchange = row.cell(EXCHANGE);
    let venue = VENUES.iter().find(|(_, name, _)| *name == exchange).map_or(exchange, |(venue, _, _)| venue);
    format!("{venue} {}", row.cell(SYMBOL))
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let Some((_, exchange, _)) = VENUES.iter().find(|(venue, _, _)| *venue == instrument.venue) else {
        let known = VENUES.iter().map(|(venue, _, _)| *venue).collect::<Vec<_>>().join(", ");
        return Err(Error::Usage(format!("no venue '{}'; there are {known}", instrument.venue)));
    };
    let kinds = files.iter().map(|(_, path)| Kind::of(path)).collect::<Result<Vec<_>>>()?;
    let mut order: Vec<u32> = files.iter().map(|(file, _)| file).collect();
    order.sort_by_key(|file| kinds[*file as usize]);
    let (named, columns) = (files.clone(), kinds.clone());
    let symbol = instrument.symbol.clone();
    // Rows of other markets are passed over before the files are merged: each market has its own clock.
    let reader = Box::new(move |file, progress: &Progress| {
        let rows = Rows::open(named.path(file), columns[file as usize].columns(), progress)?;
        let symbol = symbol.clone();
        let time = move |row: &Row| {
            let ours = row.cell(EXCHANGE) == *exchange && row.cell(SYMBOL) == symbol;
            Ok(if ours { Some((utc_ns(row.cell(RECEIVED))?, 0)) } else { None })
        };
        Ok(Box::new(csv::items(&named, file, rows, time)) as Items<Row>)
    });
    let merged = Merged::new(order, reader, progress, report)?;
    Ok(Box::new(Session {
        merged,
        kinds,
        files: files.clone(),
        market: format!("{} {}", instrument.venue, instrument.symbol),
        bitflyer: *exchange == "BITFLYER",
        steps: instrument.steps()?,
        twins: Twins::default(),
    }))
}

struct Session {
    merged: Merged<Row>,
    kinds: Vec<Kind>,
    files: Files,
    market: String,
    bitflyer: bool,
    steps: Steps,
    twins: Twins,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.twins.finish(report);
            if report.messages_read == 0 {
                return Err(no_such_symbol(&self.files, &self.market, &markets(&self.files)?));
            }
            return Ok(false);
        };
        let origin = item.origin;
        let message = match self.kinds[origin.file as usize] {
            Kind::Trade => self.trade(&item, report),
            Kind::Board => self.board(&item, report),
            Kind::Quote => self.quote(&item, report),
        };
        out.push(message.map_err(|problem| problem.at(&self.files, origin))?);
        Ok(true)
    }
}

impl Session {
    fn trade(&mut self, item: &Timed<Row>, report: &mut Report) -> Parsed<Message> {
        let row = &item.what;
        let shown = Print {
            px: self.steps.px(row.cell(4))?,
            qty: self.steps.positive_qty(row.cell(5))?,
            time_ns: utc_ns(row.cell(7))?,
            side: side(row.cell(6))?,
        };
        let number = row.cell(3).strip_prefix("BITFLYER-").filter(|_| self.bitflyer);
        let venue_seq = number
            .map(|number| number.parse::<i64>())
            .transpose()
            .map_err(|_| Problem(format!("trade_id is '{}'; expected BITFLYER-<number>", row.cell(3))))?;
        let makers = !self.bitflyer && self.twins.is_makers(shown, item.origin, report);
        let flags = item.flags | if makers { flag::DUP_OTHER_SIDE } else { 0 };
        let head = Head { ts_exch: Some(shown.time_ns), venue_seq, flags, ..item.head() };
        let id = venue_seq.map(|number| number.to_string());
        Ok(head.with(Body::Trade(Trade { px: shown.px, qty: shown.qty, side: shown.side, id })))
    }

    fn board(&self, item: &Timed<Row>, report: &mut Report) -> Parsed<Message> {
        let (row, mut levels, mut found) = (&item.what, Vec::with_capacity(16), [0; 2]);
        for (cell, name) in BOARD.iter().enumerate().skip(RECEIVED + 1).step_by(2) {
            let (px, qty) = (row.cell(cell), row.cell(cell + 1));
            if px.is_empty() && qty.is_empty() {
                continue;
            }
            let named = |text: String| Problem(format!("{name}: {text}"));
            let (bid, px) = (name.starts_with("bid"), self.steps.px(px).map_err(named)?);
            match self.steps.qty(qty).map_err(named)? {
                0 => report.repair(item.origin, "level of size 0", || format!("{name} at {px}")),
                qty => {
                    found[usize::from(bid)] += 1;
                    levels.push(Level { side: if bid { 1 } else { -1 }, px, qty });
                }
            }
        }
        if found != [DEPTH; 2] {
            let [asks, bids] = found;
            report.flag(item.origin, "fewer than 8 levels", || format!("{bids} bids, {asks} asks"));
        }
        Ok(item.head().with(Body::FullBook { levels }))
    }

    fn quote(&self, item: &Timed<Row>, report: &mut Report) -> Parsed<Message> {
        let row = &item.what;
        let there = |cell: usize| Some(row.cell(cell)).filter(|text| !text.is_empty());
        let px = |cell| there(cell).map(|text| self.steps.px(text)).transpose();
        let qty = |cell| there(cell).map(|text| self.steps.qty(text)).transpose();
        let (bid, ask) = (px(3)?, px(5)?);
        let ticker = Ticker { bid, ask, bid_qty: qty(4)?, ask_qty: qty(6)?, ..Ticker::default() };
        let mut head = item.head();
        if let (Some(bid), Some(ask)) = (bid, ask)
            && bid >= ask
        {
            report.flag(item.origin, "crossed quote", || format!("bid {bid}, ask {ask} ticks"));
            head.flags |= flag::MAYBE_BAD_BOOK;
        }
        Ok(head.with(Body::Ticker(ticker)))
    }
}
