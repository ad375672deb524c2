//! Databento's MBP-10 as CSV: one event of the book a row, with the ten best levels a side after it.
//!
//! - The levels of each row are stored as a whole book of depth 10. The number of orders a level (`bid_ct`, `ask_ct`) has no canonical
//!   column and is not kept.
//! - A row of action T is a trade too, and comes before its book. Actions A, C, M (levels) and R (the book is cleared) tell nothing that
//!   the levels do not; F and N are as levels, too.
//! - Side of a trade: the aggressor's, B or A; N where the venue does not tell (hidden orders): 0.
//! - Time: `ts_recv` is Databento's capture, `ts_event` the matching engine's: ISO 8601 or integer ns since 1970. `sequence` is
//!   the venue's; several rows may share one.
//! - Flags: BAD_TS_RECV (8) becomes BAD_TS, MAYBE_BAD_BOOK (4) is counted; rows that do not end their event (without LAST, 128) are
//!   stored like others.
//! - Price: decimal (`pretty_px`), tick 0.0001: NASDAQ's executions at the midpoint need it. Size: shares.
//!
//! Source: databento.com/docs/schemas/mbp-10 and /docs/standards-and-conventions/common-fields-enums-types.

use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps};
use crate::merge::{Merged, Timed};
use crate::message::{Body, Files, Head, Level, Message, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::utc_ns;
use std::collections::BTreeSet;
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "databento_mbp10",
    version: 1,
    about: "Databento MBP-10 CSV: ten levels a side after every event, and trades",
    facts,
    open,
};

const DEPTH: usize = 10;
/// Midnight in New York in winter; the day is named by the date there.
const DAY_CUT_UTC_S: i64 = 18_000;
/// Publishers by Databento's number.
const PUBLISHERS: &[(&str, &str)] = &[("2", "nasdaq")];
const BAD_TS_RECV: u8 = 8;
const MAYBE_BAD_BOOK: u8 = 4;

/// Before the forty columns of the levels.
const COLUMNS: [&str; 9] =
    ["symbol", "ts_recv", "ts_event", "publisher_id", "action", "side", "price", "size", "flags"];
const SEQUENCE: usize = COLUMNS.len();
const LEVELS: usize = SEQUENCE + 1;

fn rows(path: &Path, progress: &Progress) -> Result<Rows> {
    let mut columns: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    columns.push("sequence".to_owned());
    for level in 0..DEPTH {
        for name in ["bid_px", "bid_sz", "ask_px", "ask_sz"] {
            columns.push(format!("{name}_{level:02}"));
        }
    }
    Rows::open(path, &columns.iter().map(String::as_str).collect::<Vec<_>>(), progress)
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let (mut symbols, mut publishers) = (BTreeSet::new(), BTreeSet::new());
    for (_, path) in files.iter() {
        if let Some((_, row)) = rows(path, &Progress::default())?.read()? {
            symbols.insert(row.cell(0).to_owned());
            publishers.insert(row.cell(3).to_owned());
        }
    }
    let there = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let symbol = match (&asked.symbol, symbols.first()) {
        (Some(symbol), _) => symbol,
        (None, Some(symbol)) if symbols.len() == 1 => symbol,
        _ => {
            return Err(Error::Data(format!(
                "the files begin with {}; choose one with --symbol",
                there(&symbols)
            )));
        }
    };
    let known = |publisher: &String| PUBLISHERS.iter().find(|(number, _)| number == publisher);
    let venue = match (&asked.venue, publishers.first()) {
        (Some(venue), _) => venue.clone(),
        (None, Some(publisher)) if publishers.len() == 1 => known(publisher)
            .map_or_else(|| format!("databento_{publisher}"), |(_, venue)| (*venue).to_owned()),
        _ => {
            let there = there(&publishers);
            return Err(Error::Data(format!(
                "the files are of the publishers {there}; ingest each by itself"
            )));
        }
    };
    Ok(Facts {
        tick: Some("0.0001".to_owned()),
        lot: Some("1".to_owned()),
        day_cut_utc_s: DAY_CUT_UTC_S,
        tz_offset_s: -DAY_CUT_UTC_S,
        recorded_depth: Some(DEPTH as u32),
        ..Facts::new(&venue, symbol)
    })
}

/// ISO 8601 or integer ns since 1970.
fn time_ns(text: &str) -> Parsed<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(ns) = text.parse()
    {
        return Ok(ns);
    }
    Ok(utc_ns(text)?)
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let time = Box::new(|row: &Row| Ok(Some((time_ns(row.cell(1))?, 0))));
    Ok(Box::new(Session {
        merged: csv::merged(files, rows, time, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&instrument.symbol),
        steps: instrument.steps()?,
    }))
}

struct Session {
    merged: Merged<Row>,
    files: Files,
    ours: Ours,
    steps: Steps,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        if !self.ours.is(item.what.cell(0)) {
            report.repair(item.origin, "other symbol", || item.what.cell(0).to_owned());
            return Ok(true);
        }
        self.take(&item, out, report).map_err(|problem| problem.at(&self.files, item.origin))?;
        Ok(true)
    }
}

impl Session {
    fn take(&self, item: &Timed<Row>, out: &mut Vec<Message>, report: &mut Report) -> Parsed<()> {
        let row = &item.what;
        let flags = row.cell(8);
        let flags: u8 = flags.parse().map_err(|_| format!("flags are '{flags}'; expected 0 to 255"))?;
        let sequence = row.cell(SEQUENCE);
        let sequence =
            sequence.parse().map_err(|_| format!("sequence is '{sequence}'; expected a whole number"))?;
        let mut head =
            Head { ts_exch: Some(time_ns(row.cell(2))?), venue_seq: Some(sequence), ..item.head() };
        if flags & BAD_TS_RECV != 0 {
            report.flag(item.origin, "receive time that the source doubts", String::new);
            head.flags |= flag::BAD_TS;
        }
        if flags & MAYBE_BAD_BOOK != 0 {
            report.flag(item.origin, "book that the source doubts", String::new);
        }
        match row.cell(4) {
            "T" => {
                let side = match row.cell(5) {
                    "B" => 1,
                    "A" => -1,
                    "N" => 0,
                    other => return Err(format!("side is '{other}'; expected B, A or N").into()),
                };
                let (px, qty) = (self.steps.px(row.cell(6))?, self.steps.positive_qty(row.cell(7))?);
                out.push(head.with(Body::Trade(Trade { px, qty, side, id: None })));
            }
            "A" | "C" | "M" | "R" | "F" | "N" => {}
            other => return Err(format!("action is '{other}'; expected A, C, M, R, T, F or N").into()),
        }
        out.push(head.with(Body::FullBook { levels: self.levels(row)? }));
        Ok(())
    }

    fn levels(&self, row: &Row) -> Parsed<Vec<Level>> {
        let mut levels = Vec::with_capacity(2 * DEPTH);
        for level in 0..DEPTH {
            for (side, at) in [(1, LEVELS + 4 * level), (-1, LEVELS + 4 * level + 2)] {
                // A level that is not there has no price, and no size.
                if !row.cell(at).is_empty() {
                    let named = |text| format!("level {level:02}: {text}");
                    let px = self.steps.px(row.cell(at)).map_err(named)?;
                    levels.push(Level {
                        side,
                        px,
                        qty: self.steps.positive_qty(row.cell(at + 1)).map_err(named)?,
                    });
                }
            }
        }
        Ok(levels)
    }
}
