//! Executions and one-minute tickers of bitFlyer as polled in 2018 by kazamidori: a CSV of each a day and product.
//! Files of several days, of both kinds, go into one stream.
//!
//! Executions
//! - come in polls, each newest first: within a poll they are put in the order of their ids. A poll overlaps the one before where
//!   the market was slow: what repeats is left out.
//! - Time: `ts_recv` is `loaded`, the time of the poll; it is stamped row by row while the answer is worked through, so the last
//!   stamp of a poll holds for all of it. `ts_exch` is `exec_date`. Both have their zone (+09:00), ms. `exec_date` steps back by
//!   up to 0.88 s within the order of ids, and the two clocks differ by tenths of a second.
//! - An empty `exec_date` stays empty: the execution is kept, its `ts_exch` is null. It is a time without a fraction, which the
//!   recorder could not read: no `exec_date` of these files ends in .000. Which second it was the neighbouring ids tell only
//!   roughly, since `exec_date` steps back and a market may be silent, and a guess would pass for a measured time.
//! - Side: the aggressor's; empty for executions of the call auction that ends a maintenance: side 0, AUCTION.
//!
//! Tickers
//! - `loaded` is the time of the poll *rounded down to the minute*: the quote in it is up to 53 s younger. So `ts_recv` is
//!   made (SYNTH_RECV): the venue's `timestamp` if that lies in the minute, else (none, or an older one) the end of the minute, by which
//!   the poll was over.
//! - A change of `status` (RUNNING, CLOSED, STARTING, PREOPEN …) is a STATUS event; the state of health is not kept. While the venue
//!   is closed tickers have no quote: then there is no ticker event.
//! - `ltp` is the last price, `volume_by_product` the product's volume of 24 h.
//!
//! Size: base asset, in steps of 10⁻⁸. Silence is silence: no gap is marked.
//!
//! Sources: github.com/okuyamashin/kazamidori, README; bitFlyer Lightning API, "Execution History" and "Ticker"
//! (lightning.bitflyer.com/docs).

use crate::adapters::gmo_trades::side;
use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Steps, no_such_symbol};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, ControlKind, Files, Message, Ticker, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::utc_ns;
use std::collections::BTreeSet;
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "bitflyer_2018",
    version: 1,
    about: "bitFlyer executions and 1-minute tickers, kazamidori's CSV of a day",
    facts,
    open,
};

const VENUE: &str = "bitflyer";
/// The business day begins at 04:00 JST, with the daily maintenance.
const DAY_CUT_UTC_S: i64 = 68_400;
/// Steps in January 2018.
const STEPS: &[(&str, &str, &str)] = &[
    ("BTC_JPY", "1", "0.00000001"),
    ("FX_BTC_JPY", "1", "0.00000001"),
    ("ETH_BTC", "0.00001", "0.00000001"),
    ("BCH_BTC", "0.00001", "0.00000001"),
];
const MINUTE_NS: i64 = 60_000_000_000;

const EXECUTION: &[&str] = &["product_code", "loaded", "id", "exec_date", "side", "price", "size"];
const TICKER: &[&str] = &[
    "product_code",
    "loaded",
    "timestamp",
    "status",
    "tick_id",
    "best_bid",
    "best_ask",
    "best_bid_size",
    "best_ask_size",
    "ltp",
    "volume_by_product",
];
const PRODUCT: usize = 0;
const LOADED: usize = 1;
const ID: usize = 2;

/// Rows of one poll at most: the venue answers at most 500 at a time, and a poll asks a few times.
const POLL_AT_MOST: usize = 100_000;
/// Ids that are remembered, to know a repeated one.
const REMEMBERED: usize = 10_000;

fn columns(path: &Path) -> Result<&'static [&'static str]> {
    let header = csv::header(path)?;
    let all = |columns: &&[&str]| columns.iter().all(|name| header.iter().any(|found| found == name));
    [EXECUTION, TICKER].into_iter().find(all).ok_or_else(|| {
        Error::Data(format!(
            "{}:1: found the columns {}; expected those of executions ({}) or of tickers ({})",
            path.display(),
            header.join(", "),
            EXECUTION.join(", "),
            TICKER.join(", ")
        ))
    })
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut symbols = BTreeSet::new();
    for (_, path) in files.iter() {
        if let Some((_, row)) = Rows::open(path, columns(path)?, &Progress::default())?.read()? {
            symbols.insert(row.cell(PRODUCT).to_owned());
        }
    }
    let symbol = match (&asked.symbol, symbols.len()) {
        (Some(symbol), _) => symbol.clone(),
        (None, 1) => symbols.into_iter().next().unwrap_or_default(),
        (None, _) => {
            let there = symbols.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files hold {there}; choose one with --symbol")));
        }
    };
    let known = Facts::new(VENUE, &symbol).steps_of(STEPS);
    Ok(Facts { day_cut_utc_s: DAY_CUT_UTC_S, ..known })
}

enum Entry {
    Execution { id: i64, row: Row },
    Ticker(Row),
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let kinds = files.iter().map(|(_, path)| columns(path)).collect::<Result<Vec<_>>>()?;
    let (named, symbol) = (files.clone(), instrument.symbol.clone());
    let reader = Box::new(move |file, progress: &Progress| {
        let columns = kinds[file as usize];
        let rows = Rows::open(named.path(file), columns, progress)?;
        let symbol = symbol.clone();
        Ok(if columns == EXECUTION {
            let time = move |row: &Row| {
                Ok(if row.cell(PRODUCT) == symbol { Some((utc_ns(row.cell(LOADED))?, 0)) } else { None })
            };
            let rows = csv::items(&named, file, rows, time);
            Box::new(Polls { files: named.clone(), rows, following: None, poll: Vec::new() }) as Items<Entry>
        } else {
            let time = move |row: &Row| {
                let ours = row.cell(PRODUCT) == symbol;
                Ok(if ours { Some((ticker_received(row)?, flag::SYNTH_RECV)) } else { None })
            };
            let ticker = |row: Timed<Row>| row.map(Entry::Ticker);
            Box::new(csv::items(&named, file, rows, time).map(move |row| row.map(ticker)))
        })
    });
    Ok(Box::new(Days {
        merged: Merged::all(files, reader, progress, report)?,
        files: files.clone(),
        symbol: instrument.symbol.clone(),
        steps: instrument.steps()?,
        ids: BTreeSet::new(),
        status: String::new(),
    }))
}

/// When a ticker was there at the latest, by what its row says.
fn ticker_received(row: &Row) -> Parsed<i64> {
    let minute = utc_ns(row.cell(LOADED))?;
    let quoted = Some(row.cell(2)).filter(|text| !text.is_empty()).map(utc_ns).transpose()?;
    let within = quoted.filter(|quoted| (minute..minute + MINUTE_NS).contains(quoted));
    Ok(within.unwrap_or(minute + MINUTE_NS))
}

/// Executions of one file, each poll in the order of ids and with its last stamp.
struct Polls<I> {
    files: Files,
    rows: I,
    /// The first row of the next poll.
    following: Option<Timed<Entry>>,
    /// What is left of this one, in descending order.
    poll: Vec<Timed<Entry>>,
}

impl<I: Iterator<Item = Result<Timed<Row>>>> Polls<I> {
    fn read(&mut self) -> Result<Option<Timed<Entry>>> {
        let Some(row) = self.rows.next().transpose()? else { return Ok(None) };
        let text = row.what.cell(ID);
        match text.parse() {
            Ok(id) => Ok(Some(row.map(|row| Entry::Execution { id, row }))),
            Err(_) => {
                Err(Problem(format!("id is '{text}'; expected a whole number")).at(&self.files, row.origin))
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        let first = match self.following.take() {
            Some(first) => Some(first),
            None => self.read()?,
        };
        self.poll.extend(first);
        while let Some(last) = self.poll.last().map(id_of) {
            let Some(next) = self.read()? else { break };
            if id_of(&next) >= last {
                self.following = Some(next);
                break;
            }
            if self.poll.len() == POLL_AT_MOST {
                let problem = format!(
                    "more than {POLL_AT_MOST} rows of descending ids; expected polls of a few hundred"
                );
                return Err(Problem(problem).at(&self.files, next.origin));
            }
            self.poll.push(next);
        }
        let latest = self.poll.iter().map(|row| row.ts_recv).max().unwrap_or_default();
        for row in &mut self.poll {
            row.ts_recv = latest;
        }
        Ok(())
    }
}

impl<I: Iterator<Item = Result<Timed<Row>>>> Iterator for Polls<I> {
    type Item = Result<Timed<Entry>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.poll.is_empty()
            && let Err(error) = self.fill()
        {
            return Some(Err(error));
        }
        self.poll.pop().map(Ok)
    }
}

fn id_of(item: &Timed<Entry>) -> i64 {
    match item.what {
        Entry::Execution { id, .. } => id,
        Entry::Ticker(_) => i64::MAX,
    }
}

struct Days {
    merged: Merged<Entry>,
    files: Files,
    symbol: String,
    steps: Steps,
    ids: BTreeSet<i64>,
    status: String,
}

impl Reading for Days {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            if report.messages_read == 0 {
                return Err(self.no_events());
            }
            return Ok(false);
        };
        let origin = item.origin;
        match &item.what {
            Entry::Execution { id, row } => self.execution(*id, row, &item, out, report),
            Entry::Ticker(row) => self.ticker(row, &item, out, report),
        }
        .map_err(|problem| problem.at(&self.files, origin))?;
        Ok(true)
    }
}

impl Days {
    fn no_events(&self) -> Error {
        let mut found = BTreeSet::new();
        for (_, path) in self.files.iter() {
            let row =
                columns(path).and_then(|columns| Rows::open(path, columns, &Progress::default())?.read());
            match row {
                Ok(row) => found.extend(row.map(|(_, row)| row.cell(PRODUCT).to_owned())),
                Err(error) => return error,
            }
        }
        no_such_symbol(&self.files, &self.symbol, &found)
    }

    /// Whether an id was not there before, as far back as ids are remembered.
    fn is_new(&mut self, id: i64) -> bool {
        let full = self.ids.len() == REMEMBERED;
        if full && self.ids.first().is_some_and(|oldest| id < *oldest) {
            return false;
        }
        let new = self.ids.insert(id);
        if new && full {
            self.ids.pop_first();
        }
        new
    }

    fn execution(
        &mut self,
        id: i64,
        row: &Row,
        item: &Timed<Entry>,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        if !self.is_new(id) {
            report.repair(item.origin, "repeated execution", || format!("id {id}"));
            return Ok(());
        }
        let mut head = item.head();
        head.venue_seq = Some(id);
        head.ts_exch = Some(row.cell(3)).filter(|text| !text.is_empty()).map(utc_ns).transpose()?;
        if head.ts_exch.is_none() {
            report.flag(item.origin, "no exchange time", || format!("id {id}"));
        }
        let side = match row.cell(4) {
            "" => {
                report.flag(item.origin, "execution of an auction", || format!("id {id} has no side"));
                head.flags |= flag::AUCTION;
                0
            }
            text => side(text)?,
        };
        let (px, qty) = (self.steps.px(row.cell(5))?, self.steps.positive_qty(row.cell(6))?);
        out.push(head.with(Body::Trade(Trade { px, qty, side, id: Some(id.to_string()) })));
        Ok(())
    }

    fn ticker(
        &mut self,
        row: &Row,
        item: &Timed<Entry>,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let there = |cell: usize| Some(row.cell(cell)).filter(|text| !text.is_empty());
        let mut head = item.head();
        if row.cell(3) != self.status {
            row.cell(3).clone_into(&mut self.status);
            out.push(head.control(ControlKind::Status, &self.status));
        }
        let px = |cell| there(cell).map(|text| self.steps.px(text)).transpose();
        let qty = |cell| there(cell).map(|text| self.steps.qty(text)).transpose();
        let ticker = Ticker {
            bid: px(5)?,
            ask: px(6)?,
            bid_qty: qty(7)?,
            ask_qty: qty(8)?,
            last: px(9)?,
            vol: qty(10)?,
            ..Ticker::default()
        };
        if ticker == Ticker::default() {
            report.flag(item.origin, "ticker without a quote", || format!("status {}", self.status));
            return Ok(());
        }
        head.ts_exch = there(2).map(utc_ns).transpose()?;
        if head.ts_exch.is_none() {
            report.flag(item.origin, "no exchange time", || "of a ticker".to_owned());
        }
        let number = there(4).map(|text| {
            text.parse::<i64>().map_err(|_| Problem(format!("tick_id is '{text}'; expected a whole number")))
        });
        head.venue_seq = number.transpose()?;
        out.push(head.with(Body::Ticker(ticker)));
        Ok(())
    }
}
