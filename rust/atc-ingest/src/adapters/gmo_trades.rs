//! GMO Coin's public trade archive: one gzip CSV a business day, `symbol,side,size,price,timestamp`.
//!
//! - Time: exchange time in UTC without a zone mark, to the ms; no receive time, so `ts_recv` is `ts_exch` (SYNTH_RECV). A
//!   file holds the business day from 06:00 JST, 21:00 UTC of the date before.
//! - Side and twins: unless the archive was filtered, every execution is printed twice, the taker's side first; the
//!   maker's print is kept with DUP_OTHER_SIDE. See [`crate::twins`]. There is no trade id.
//! - Size: base asset. Steps are those of the venue's `public/v1/symbols` of 2026-02-13; it changed them over the years, so
//!   a size that is no multiple is an error that names the row, and `--lot` reads older days.
//!
//! Source: api.coin.z.com/data/trades, and the venue's API reference (api.coin.z.com/docs, "Trades").

use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps};
use crate::merge::Merged;
use crate::message::{Body, Files, Head, Message, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::utc_ns;
use crate::twins::{Print, Twins, looks_filtered};
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "gmo_trades",
    version: 2,
    about: "GMO Coin's public trade archive: a CSV a business day",
    facts,
    open,
};

/// The venue's name in the events.
pub const VENUE: &str = "gmocoin";
/// The business day begins at 06:00 JST.
pub const DAY_CUT_UTC_S: i64 = 75_600;

/// Symbol, tick and lot on 2026-02-13.
pub const STEPS: &[(&str, &str, &str)] = &[
    ("BTC", "1", "0.00001"),
    ("ETH", "1", "0.0001"),
    ("BCH", "1", "0.001"),
    ("LTC", "1", "0.01"),
    ("XRP", "0.001", "1"),
    ("BTC_JPY", "1", "0.001"),
    ("ETH_JPY", "1", "0.01"),
    ("BCH_JPY", "1", "0.1"),
    ("LTC_JPY", "1", "1"),
    ("XRP_JPY", "0.001", "10"),
];

const COLUMNS: &[&str] = &["symbol", "side", "size", "price", "timestamp"];
const SYMBOL: usize = 0;

/// Prints at the beginning of a file that tell whether it was filtered.
const JUDGED_BY: usize = 1_000;

fn rows(path: &Path, progress: &Progress) -> Result<Rows> {
    Rows::exactly(path, COLUMNS, progress)
}

/// The symbol is that of the first row; the venue's feed shows 30 levels a side.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let symbol = match &asked.symbol {
        Some(symbol) => symbol.clone(),
        None => first_symbol(files)?,
    };
    let known = Facts::new(VENUE, &symbol).steps_of(STEPS);
    Ok(Facts { day_cut_utc_s: DAY_CUT_UTC_S, recorded_depth: Some(30), ..known })
}

fn first_symbol(files: &Files) -> Result<String> {
    for (_, path) in files.iter() {
        if let Some((_, row)) = rows(path, &Progress::default())?.read()? {
            return Ok(row.cell(SYMBOL).to_owned());
        }
    }
    Err(Error::Data(format!("{}: no rows; give --symbol", files.names())))
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let steps = instrument.steps()?;
    let filtered =
        files.iter().map(|(_, path)| is_filtered(path, &instrument.symbol, &steps)).collect::<Result<_>>()?;
    let time = Box::new(|row: &Row| Ok(Some((utc_ns(row.cell(4))?, flag::SYNTH_RECV))));
    Ok(Box::new(Archive {
        merged: csv::merged(files, rows, time, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&instrument.symbol),
        steps,
        filtered,
        twins: Twins::default(),
    }))
}

/// Each file is judged by itself whether it was filtered.
fn is_filtered(path: &Path, symbol: &str, steps: &Steps) -> Result<bool> {
    let mut prints = Vec::new();
    let mut rows = rows(path, &Progress::default())?;
    while let Some((number, row)) = rows.read()? {
        if row.cell(SYMBOL) == symbol {
            let print = print(steps, &row);
            prints.push(
                print
                    .map_err(|problem| Error::Data(format!("{}:{number}: {}", path.display(), problem.0)))?,
            );
        }
        if prints.len() == JUDGED_BY {
            break;
        }
    }
    Ok(looks_filtered(&prints))
}

fn print(steps: &Steps, row: &Row) -> Parsed<Print> {
    Ok(Print {
        px: steps.px(row.cell(3))?,
        qty: steps.positive_qty(row.cell(2))?,
        time_ns: utc_ns(row.cell(4))?,
        side: side(row.cell(1))?,
    })
}

/// +1 for BUY, −1 for SELL.
///
/// # Errors
/// For anything else.
pub fn side(text: &str) -> Parsed<i8> {
    match text {
        "BUY" => Ok(1),
        "SELL" => Ok(-1),
        other => Err(Problem(format!("side is '{other}'; expected BUY or SELL"))),
    }
}

struct Archive {
    merged: Merged<Row>,
    files: Files,
    ours: Ours,
    steps: Steps,
    filtered: Vec<bool>,
    twins: Twins,
}

impl Reading for Archive {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.twins.finish(report);
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        let (origin, row) = (item.origin, &item.what);
        if !self.ours.is(row.cell(SYMBOL)) {
            report.repair(origin, "other symbol", || row.cell(SYMBOL).to_owned());
            return Ok(true);
        }
        let shown = print(&self.steps, row).map_err(|problem| problem.at(&self.files, origin))?;
        let makers = !self.filtered[origin.file as usize] && self.twins.is_makers(shown, origin, report);
        let flags = item.flags | if makers { flag::DUP_OTHER_SIDE } else { 0 };
        let head = Head { ts_exch: Some(shown.time_ns), flags, ..item.head() };
        out.push(head.with(Body::Trade(Trade { px: shown.px, qty: shown.qty, side: shown.side, id: None })));
        Ok(true)
    }
}
