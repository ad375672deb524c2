//! Trades of bitFlyer and GMO Coin as recorded in 2025 by BitcoinMarketRecorder, all markets in one CSV:
//! `exchange,symbol,trade_id,price,size,side,timestamp,created_at`. One market is chosen with --venue (bitflyer or gmocoin)
//! and --symbol.
//!
//! - Time: `created_at` is the recorder's clock (UTC without a zone mark) and becomes `ts_recv`, `timestamp` is the
//!   exchange's. The clocks disagree by tens of ms, so a latency computed from them can be negative.
//! - bitFlyer: `side` is the aggressor's, the number in `trade_id` is the venue's.
//! - GMO Coin: every execution is printed twice, the taker's side first ([`crate::twins`]); its `trade_id` is made from the
//!   recorder's clock, neither unique nor the venue's, and is not kept.
//! - Size: BTC. Tick 1 JPY on both venues; lots are those of the venues' rules.
//!
//! Source: github.com/fintech-llc-jp/BitcoinMarketRecorder, `csv`.

use crate::adapters::gmo_trades::{self, side};
use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps};
use crate::merge::{Merged, Timed};
use crate::message::{Body, Files, Head, Message, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::time::utc_ns;
use crate::twins::{Print, Twins};
use std::collections::BTreeSet;
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "jpy_trades",
    version: 2,
    about: "Trades of bitFlyer and GMO Coin, BitcoinMarketRecorder's CSV",
    facts,
    open,
};

/// The venue's name in the events, in the files, and the start of its business day (s after 00:00 UTC).
pub const VENUES: &[(&str, &str, i64)] =
    &[("gmocoin", "GMO", gmo_trades::DAY_CUT_UTC_S), ("bitflyer", "BITFLYER", 68_400)];

/// Levels a side in the recorder's books.
pub const DEPTH: u32 = 8;

const COLUMNS: &[&str] =
    &["exchange", "symbol", "trade_id", "price", "size", "side", "timestamp", "created_at"];

fn rows(path: &Path, progress: &Progress) -> Result<Rows> {
    Rows::open(path, COLUMNS, progress)
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let mut there = BTreeSet::new();
    if let Some(facts) = market_facts(asked) {
        return Ok(facts);
    }
    for (_, path) in files.iter() {
        let mut rows = rows(path, &Progress::default())?;
        while let Some((_, row)) = rows.read()? {
            there.insert(market(row.cell(0), row.cell(1)));
        }
    }
    Err(no_market(asked, &there))
}

/// What is known of the market that was asked for; `None`: it has to be chosen.
pub fn market_facts(asked: &Asked) -> Option<Facts> {
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

/// The error for a market that was not chosen, or that no venue here has.
pub fn no_market(asked: &Asked, there: &BTreeSet<String>) -> Error {
    let unknown = asked.venue.as_ref().is_some_and(|venue| VENUES.iter().all(|(name, _, _)| name != venue));
    let missing = if unknown { "no such venue" } else { "give --venue and --symbol" };
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    Error::Data(format!("{missing}; the files hold {}", there.join(", ")))
}

/// The name of a market of the files: the venue as in the events, and the symbol.
pub fn market(exchange: &str, symbol: &str) -> String {
    let venue = VENUES.iter().find(|(_, name, _)| *name == exchange).map_or(exchange, |(venue, _, _)| venue);
    format!("{venue} {symbol}")
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let time = Box::new(|row: &Row| Ok(Some((utc_ns(row.cell(7))?, 0))));
    Ok(Box::new(Tape {
        merged: csv::merged(files, rows, time, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&format!("{} {}", instrument.venue, instrument.symbol)),
        steps: instrument.steps()?,
        twins: Twins::default(),
    }))
}

struct Tape {
    merged: Merged<Row>,
    files: Files,
    ours: Ours,
    steps: Steps,
    twins: Twins,
}

impl Reading for Tape {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.twins.finish(report);
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        if !self.ours.is(&market(item.what.cell(0), item.what.cell(1))) {
            // The files hold several markets: those not wanted are no part of this stream.
            report.messages_read -= 1;
            return Ok(true);
        }
        let message = self.trade(&item, report).map_err(|problem| problem.at(&self.files, item.origin))?;
        out.push(message);
        Ok(true)
    }
}

impl Tape {
    fn trade(&mut self, item: &Timed<Row>, report: &mut Report) -> Parsed<Message> {
        let row = &item.what;
        let shown = Print {
            px: self.steps.px(row.cell(3))?,
            qty: self.steps.positive_qty(row.cell(4))?,
            time_ns: utc_ns(row.cell(6))?,
            side: side(row.cell(5))?,
        };
        let bitflyer = row.cell(0) == "BITFLYER";
        let number = row.cell(2).strip_prefix("BITFLYER-").filter(|_| bitflyer);
        let venue_seq = number
            .map(|number| number.parse::<i64>())
            .transpose()
            .map_err(|_| Problem(format!("trade_id is '{}'; expected BITFLYER-<number>", row.cell(2))))?;
        let makers = !bitflyer && self.twins.is_makers(shown, item.origin, report);
        let flags = item.flags | if makers { flag::DUP_OTHER_SIDE } else { 0 };
        let head = Head { ts_exch: Some(shown.time_ns), venue_seq, flags, ..item.head() };
        let id = venue_seq.map(|number| number.to_string());
        Ok(head.with(Body::Trade(Trade { px: shown.px, qty: shown.qty, side: shown.side, id })))
    }
}
