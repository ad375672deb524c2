//! The messages of one file: a row each, but of differences all rows of one message.

use super::layout::{EXCHANGE, FIRST_OWN, Kind, LOCAL_TIMESTAMP, Layout, SYMBOL, TIMESTAMP};
use crate::csv::{Row, Rows};
use crate::error::{Parsed, Problem, Result};
use crate::facts::{Instrument, Steps};
use crate::merge::{Items, Timed};
use crate::message::{Body, Files, Level, Origin, Ticker, Trade};
use crate::source::Progress;
use crate::time::ns_of_us;

/// A message with the market that it is of.
#[derive(Debug)]
pub struct Record {
    /// As [`market`] spells it.
    pub market: String,
    /// The exchange's time, ns; `None` where Tardis repeats its own.
    pub ts_exch: Option<i64>,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// Of another market: not looked into.
    Other,
    /// Differences of the book, or a part of a whole one.
    Update { snapshot: bool, levels: Vec<Level> },
    /// A whole book of the levels that the file shows.
    Whole(Vec<Level>),
    /// A trade or a quote.
    Event(Body),
    /// A row of derivative_ticker that says nothing that is kept.
    NoLastPrice,
}

/// The market that is looked into, and its steps.
#[derive(Clone)]
pub struct Wanted {
    market: String,
    steps: Steps,
}

impl Wanted {
    /// That of an instrument.
    ///
    /// # Errors
    /// For steps that are no positive decimals.
    pub fn new(instrument: &Instrument) -> Result<Self> {
        Ok(Self { market: market(&instrument.venue, &instrument.symbol), steps: instrument.steps()? })
    }
}

/// The name of a market over exchanges.
pub fn market(exchange: &str, symbol: &str) -> String {
    format!("{exchange} {symbol}")
}

/// The messages of one file.
///
/// # Errors
/// If it cannot be read; an item is an error for a malformed row.
pub fn of_file(
    files: &Files,
    file: u32,
    layout: &Layout,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<Items<Record>> {
    let mut reader = Reader {
        rows: layout.rows(files.path(file), progress)?,
        kind: layout.kind,
        wanted: wanted.clone(),
        files: files.clone(),
        file,
        open: None,
    };
    Ok(Box::new(std::iter::from_fn(move || reader.next().transpose())))
}

struct Reader {
    rows: Rows,
    kind: Kind,
    wanted: Wanted,
    files: Files,
    file: u32,
    /// The message to which the next row may still add.
    open: Option<Timed<Record>>,
}

impl Reader {
    fn next(&mut self) -> Result<Option<Timed<Record>>> {
        while let Some((number, row)) = self.rows.read()? {
            let origin = Origin { file: self.file, row: number };
            let (ts_recv, what) = self.record(&row).map_err(|problem| problem.at(&self.files, origin))?;
            let read = Timed { ts_recv, flags: 0, origin, what };
            let Some(read) = add(self.open.as_mut(), read) else { continue };
            if let Some(whole) = self.open.replace(read) {
                return Ok(Some(whole));
            }
        }
        Ok(self.open.take())
    }

    fn record(&self, row: &Row) -> Parsed<(i64, Record)> {
        let ts_recv = micros(row.cell(LOCAL_TIMESTAMP), "local_timestamp")?;
        let ts_exch = Some(micros(row.cell(TIMESTAMP), "timestamp")?).filter(|ts| *ts != ts_recv);
        let market = market(row.cell(EXCHANGE), row.cell(SYMBOL));
        let what = if market == self.wanted.market { self.what(row)? } else { What::Other };
        Ok((ts_recv, Record { market, ts_exch, what }))
    }

    fn what(&self, row: &Row) -> Parsed<What> {
        let steps = &self.wanted.steps;
        let own = |i: usize| row.cell(FIRST_OWN + i);
        Ok(match self.kind {
            Kind::Incremental => {
                let snapshot = match own(0) {
                    "true" => true,
                    "false" => false,
                    other => {
                        return Err(Problem(format!("is_snapshot is '{other}'; expected true or false")));
                    }
                };
                let side = match own(1) {
                    "bid" => 1,
                    "ask" => -1,
                    other => return Err(Problem(format!("side is '{other}'; expected bid or ask"))),
                };
                let level = Level { side, px: steps.px(own(2))?, qty: steps.qty(own(3))? };
                What::Update { snapshot, levels: vec![level] }
            }
            Kind::Snapshot(depth) => {
                let mut levels = Vec::with_capacity(2 * depth);
                for i in 0..depth {
                    for (side, at) in [(-1, 4 * i), (1, 4 * i + 2)] {
                        // A side with fewer levels has empty cells.
                        if !own(at).is_empty() {
                            let (px, qty) = (steps.px(own(at))?, steps.positive_qty(own(at + 1))?);
                            levels.push(Level { side, px, qty });
                        }
                    }
                }
                What::Whole(levels)
            }
            Kind::Trades => {
                let side = match own(1) {
                    "buy" => 1,
                    "sell" => -1,
                    "unknown" => 0,
                    other => {
                        return Err(Problem(format!("side is '{other}'; expected buy, sell or unknown")));
                    }
                };
                let id = Some(own(0)).filter(|id| !id.is_empty()).map(str::to_owned);
                let (px, qty) = (steps.px(own(2))?, steps.positive_qty(own(3))?);
                What::Event(Body::Trade(Trade { px, qty, side, id }))
            }
            Kind::Quotes => {
                let px = |i| said(own(i)).map(|text| steps.px(text)).transpose();
                let qty = |i| said(own(i)).map(|text| steps.qty(text)).transpose();
                let (bid, bid_qty, ask, ask_qty) = (px(0)?, qty(1)?, px(2)?, qty(3)?);
                What::Event(Body::Ticker(Ticker { bid, ask, bid_qty, ask_qty, ..Ticker::default() }))
            }
            Kind::DerivativeTicker => match said(own(0)) {
                None => What::NoLastPrice,
                Some(last) => {
                    let last = Some(steps.px(last)?);
                    What::Event(Body::Ticker(Ticker { last, ..Ticker::default() }))
                }
            },
        })
    }
}

/// Adds a row to the open message if it belongs to it; gives it back if not.
fn add(open: Option<&mut Timed<Record>>, read: Timed<Record>) -> Option<Timed<Record>> {
    if let Some(open) = open
        && open.ts_recv == read.ts_recv
        && open.what.market == read.what.market
        && let What::Update { snapshot, levels } = &mut open.what.what
        && let What::Update { snapshot: same, levels: more } = &read.what.what
        && snapshot == same
    {
        levels.extend(more);
        open.what.ts_exch = read.what.ts_exch;
        return None;
    }
    Some(read)
}

fn said(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !cell.is_empty())
}

fn micros(text: &str, column: &str) -> Parsed<i64> {
    match text.parse::<i64>() {
        Ok(us) if us > 0 => Ok(ns_of_us(us)?),
        _ => Err(Problem(format!("{column} is '{text}'; expected µs since 1970"))),
    }
}
