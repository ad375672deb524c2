//! Binance's public archive (data.binance.vision): `trades`, `aggTrades` and `bookTicker` of spot, USD-M and COIN-M, a
//! file a day or month, named `<SYMBOL>-<kind>-<YYYY-MM[-DD]>.zip` or, unpacked, `.csv`. The files say neither symbol nor
//! kind inside, and older ones have no header: the name has to stay.
//!
//! - Time: the archive has no receive time, so `ts_recv` is `ts_exch` (SYNTH_RECV): the trade time, and the transaction time
//!   of a quote. Spot counts ms before 2025-01-01 and µs from then on, futures ms. Which it is, is told by the magnitude
//!   (13 digits or 16) and checked: the time has to lie in the period of the file's name, give or take a day. A bookTicker
//!   file may hold rows out of order; they keep the latest time, with BAD_TS.
//! - Side: `is_buyer_maker` (true, True) says that the seller took.
//! - Size: base asset on spot and USD-M, CONTRACTS on COIN-M.
//! - `trades` count their ids by one, `aggTrades` (a row a taker order and price) theirs: a jump is a gap. One of the two
//!   tells all trades, so both of one symbol are refused.
//! - Market: files of spot have a column more than those of futures (best match); of futures, COIN-M's symbols are those
//!   in USD: ETHUSD_PERP. The archive has bookTicker of futures only. `--venue` says it otherwise.
//!
//! Source: github.com/binance/binance-public-data, README (columns, file names, µs on spot from 2025-01-01), and the
//! headers of the archive's newer files.

use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Steps, no_such_symbol};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, Files, Head, Message, Origin, Ticker, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::{ns_of_ms, ns_of_us, utc_ns};
use crate::trade_ids::TradeIds;
use std::collections::BTreeSet;
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "binance_vision",
    version: 1,
    about: "Binance's public archive, zip or CSV: trades, aggTrades, bookTicker of spot and futures",
    facts,
    open,
};

const DAY_NS: i64 = 86_400_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Trades,
    AggTrades,
    BookTicker,
}

/// What is known of a kind.
#[derive(Debug)]
struct Format {
    kind: Kind,
    /// In file names.
    name: &'static str,
    /// The columns that are read, as the headers of futures spell them.
    columns: &'static [&'static str],
    /// Where they are without a header.
    places: &'static [usize],
    /// How many columns there are without a header.
    width: usize,
    /// The same on spot, where it has files.
    spot_width: Option<usize>,
}

const FORMATS: &[Format] = &[
    Format {
        kind: Kind::Trades,
        name: "trades",
        columns: &["id", "price", "qty", "time", "is_buyer_maker"],
        places: &[0, 1, 2, 4, 5],
        width: 6,
        spot_width: Some(7),
    },
    Format {
        kind: Kind::AggTrades,
        name: "aggTrades",
        columns: &["agg_trade_id", "price", "quantity", "transact_time", "is_buyer_maker"],
        places: &[0, 1, 2, 5, 6],
        width: 7,
        spot_width: Some(8),
    },
    Format {
        kind: Kind::BookTicker,
        name: "bookTicker",
        columns: &[
            "update_id",
            "best_bid_price",
            "best_bid_qty",
            "best_ask_price",
            "best_ask_qty",
            "transaction_time",
        ],
        places: &[0, 1, 2, 3, 4, 5],
        width: 7,
        spot_width: None,
    },
];

/// A file as its name and its first line tell it.
#[derive(Clone, Debug)]
struct Part {
    symbol: String,
    format: &'static Format,
    /// Without a header the columns are found by their places.
    header: bool,
    width: usize,
    spot: bool,
    /// The period of the name, with a day before and after it, ns.
    period: (i64, i64),
}

impl Part {
    fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let named = parse_name(name).ok_or_else(|| {
            let path = path.display();
            Error::Data(format!(
                "{path}: the name tells no symbol, kind and period; expected SYMBOL-trades-2024-08-08.zip, \
                 SYMBOL-aggTrades-2024-08.csv or SYMBOL-bookTicker-2024-03-30.zip, as in the archive"
            ))
        })?;
        let (symbol, format, period) = named;
        let cells = Rows::first_cells(path)?;
        let header = !cells.first().is_some_and(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()));
        let width = cells.len();
        if !header && width != format.width && Some(width) != format.spot_width {
            let spot = format.spot_width.map(|spot| format!(", {spot} of spot")).unwrap_or_default();
            return Err(Error::Data(format!(
                "{}:1: {width} cells; expected {} of futures{spot}, or the header {}",
                path.display(),
                format.width,
                format.columns.join(", ")
            )));
        }
        let spot = format.spot_width == Some(width);
        Ok(Self { symbol: symbol.to_owned(), format, header, width, spot, period })
    }

    fn venue(&self) -> &'static str {
        match (self.spot, self.symbol.split_once('_')) {
            (true, _) => "binance",
            (false, Some((pair, _))) if pair.ends_with("USD") => "binance_coinm",
            (false, _) => "binance_usdm",
        }
    }

    /// The rows, and the places of this kind's columns in them.
    fn rows(&self, path: &Path, progress: &Progress) -> Result<(Rows, &'static [usize])> {
        if self.header {
            return Ok((Rows::open(path, self.format.columns, progress)?, &[0, 1, 2, 3, 4, 5]));
        }
        Ok((Rows::headless(path, self.width, progress)?, self.format.places))
    }

    fn time(&self, text: &str) -> Parsed<i64> {
        let time = text.parse::<i64>().ok();
        let ns = match (time, text.len()) {
            (Some(time), 13) => ns_of_ms(time)?,
            (Some(time), 16) => ns_of_us(time)?,
            _ => {
                return Err(Problem(format!(
                    "time is '{text}'; expected ms (13 digits) or µs (16) since 1970"
                )));
            }
        };
        if !(self.period.0..self.period.1).contains(&ns) {
            return Err(Problem(format!("time {text} is not within a day of the period in the file's name")));
        }
        Ok(ns)
    }
}

/// Symbol, kind and period of a file's name.
fn parse_name(name: &str) -> Option<(&str, &'static Format, (i64, i64))> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let name = name.strip_suffix(".zip").or_else(|| name.strip_suffix(".csv"))?;
    let (symbol, rest) = name.split_once('-')?;
    let (kind, date) = rest.split_once('-')?;
    let format = FORMATS.iter().find(|format| format.name == kind)?;
    let start = |date: &str| utc_ns(&format!("{date} 00:00:00")).ok();
    let (from, days) = match date.len() {
        10 => (start(date)?, 1),
        7 => (start(&format!("{date}-01"))?, 31),
        _ => return None,
    };
    Some((symbol, format, (from - DAY_NS, from + (days + 1) * DAY_NS)))
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let parts: Vec<Part> = files.iter().map(|(_, path)| Part::of(path)).collect::<Result<_>>()?;
    let symbols: BTreeSet<String> = parts.iter().map(|part| part.symbol.clone()).collect();
    let symbol = match (&asked.symbol, symbols.len()) {
        (Some(symbol), _) if symbols.contains(symbol) => symbol,
        (Some(symbol), _) => return Err(no_such_symbol(files, symbol, &symbols)),
        (None, 1) => symbols.first().expect("there is one"),
        (None, _) => {
            let there = symbols.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files are of {there}; choose one with --symbol")));
        }
    };
    let venues: BTreeSet<&str> =
        parts.iter().filter(|part| part.symbol == *symbol).map(Part::venue).collect();
    if venues.len() > 1 {
        let there = venues.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::Data(format!("the files are of {there}; expected those of one market")));
    }
    let venue = asked.venue.as_deref().or(venues.first().copied()).unwrap_or_default();
    let lot = if venue == "binance_coinm" { Some("1".to_owned()) } else { None };
    Ok(Facts { lot, ..Facts::new(venue, symbol) })
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let parts: Vec<Part> = files.iter().map(|(_, path)| Part::of(path)).collect::<Result<_>>()?;
    let mut ours = Vec::new();
    for ((file, _), part) in files.iter().zip(&parts) {
        if part.symbol == instrument.symbol {
            ours.push(file);
        } else {
            report.repair(Origin { file, row: 0 }, "file of another symbol", || part.symbol.clone());
        }
    }
    if ours.is_empty() {
        let symbols: BTreeSet<String> = parts.iter().map(|part| part.symbol.clone()).collect();
        return Err(no_such_symbol(files, &instrument.symbol, &symbols));
    }
    let has = |kind| ours.iter().any(|file| parts[*file as usize].format.kind == kind);
    if has(Kind::Trades) && has(Kind::AggTrades) {
        return Err(Error::Data(format!(
            "{}: trades and aggTrades tell the same trades; give those of one kind",
            files.names()
        )));
    }
    let steps = instrument.steps()?;
    let named = files.clone();
    let reader = Box::new(move |file, progress: &Progress| {
        items(&named, file, &parts[file as usize], &steps, progress)
    });
    Ok(Box::new(Archive {
        merged: Merged::new(ours, reader, progress, report)?,
        trade_ids: TradeIds::default(),
    }))
}

/// What a row says.
struct Said {
    id: i64,
    ts_exch: i64,
    body: Body,
}

fn items(files: &Files, file: u32, part: &Part, steps: &Steps, progress: &Progress) -> Result<Items<Said>> {
    let (mut rows, places) = part.rows(files.path(file), progress)?;
    let (files, part, steps) = (files.clone(), part.clone(), steps.clone());
    Ok(Box::new(std::iter::from_fn(move || {
        let (number, row) = match rows.read().transpose()? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let origin = Origin { file, row: number };
        let read = read_row(&part, &row, places, &steps);
        let timed = read.map(|what| Timed { ts_recv: what.ts_exch, flags: flag::SYNTH_RECV, origin, what });
        Some(timed.map_err(|problem| problem.at(&files, origin)))
    })))
}

fn read_row(part: &Part, row: &Row, places: &[usize], steps: &Steps) -> Parsed<Said> {
    let cell = |i: usize| row.cell(places[i]);
    let id =
        cell(0).parse::<i64>().map_err(|_| Problem(format!("id is '{}'; expected a number", cell(0))))?;
    if part.format.kind == Kind::BookTicker {
        let ticker = Ticker {
            bid: Some(steps.px(cell(1))?),
            bid_qty: Some(steps.qty(cell(2))?),
            ask: Some(steps.px(cell(3))?),
            ask_qty: Some(steps.qty(cell(4))?),
            ..Ticker::default()
        };
        return Ok(Said { id, ts_exch: part.time(cell(5))?, body: Body::Ticker(ticker) });
    }
    let side = match cell(4) {
        "true" | "True" => -1,
        "false" | "False" => 1,
        other => return Err(Problem(format!("is_buyer_maker is '{other}'; expected true or false"))),
    };
    let (px, qty) = (steps.px(cell(1))?, steps.positive_qty(cell(2))?);
    let trade = Trade { px, qty, side, id: Some(id.to_string()) };
    Ok(Said { id, ts_exch: part.time(cell(3))?, body: Body::Trade(trade) })
}

struct Archive {
    merged: Merged<Said>,
    trade_ids: TradeIds,
}

impl Reading for Archive {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else { return Ok(false) };
        let head = Head { ts_exch: Some(item.what.ts_exch), ..item.head() };
        let Said { id, body, .. } = item.what;
        if matches!(body, Body::Trade(_)) && !self.trade_ids.follow(id, &head, out, report) {
            return Ok(true);
        }
        out.push(Head { venue_seq: Some(id), ..head }.with(body));
        Ok(true)
    }
}
