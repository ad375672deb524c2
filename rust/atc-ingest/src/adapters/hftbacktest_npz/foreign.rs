//! Files of hftbacktest that ATC did not write.
//!
//! Rows of the book that follow each other with the same two times are one message. A row that clears a side down to a price
//! deletes the levels of that side which are not further away; where that leaves nothing, what follows is a whole book. The
//! first rows are a whole book if they are a snapshot. Best quotes (DEPTH_BBO_EVENT) become tickers.

use super::{BUY, DATA, LOCAL, Row, SELL, Scales, kind};
use crate::adapters::Reading;
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, Files, Head, Level, Message, MsgKind, Origin, Ticker, Trade};
use crate::npz::{Elements, Npz};
use crate::report::Report;
use crate::source::Progress;
use std::collections::BTreeMap;

pub(super) fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    match (&asked.venue, &asked.symbol) {
        (Some(venue), Some(symbol)) => Ok(Facts::new(venue, symbol)),
        _ => Err(Error::Usage(format!(
            "{}: hftbacktest's files do not name what they hold; give --venue, --symbol, --tick and --lot",
            files.names()
        ))),
    }
}

pub(super) fn open(
    files: &Files,
    found: Vec<Npz>,
    scales: Scales,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let named = files.clone();
    let reader =
        Box::new(move |file: u32, progress: &Progress| rows(&named, &found[file as usize], file, progress));
    let merged = Merged::all(files, reader, progress, report)?;
    Ok(Box::new(Feed {
        merged,
        files: files.clone(),
        scales,
        book: BTreeMap::new(),
        known: false,
        group: Vec::new(),
    }))
}

/// The rows that are valid locally.
fn rows(files: &Files, npz: &Npz, file: u32, progress: &Progress) -> Result<Items<Row>> {
    let mut rows = Elements::of(npz.array::<Row>(DATA, progress)?);
    let files = files.clone();
    let mut number = 0;
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let row = match rows.try_take() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(row)) => row,
            };
            number += 1;
            if row.ev & LOCAL == 0 {
                continue;
            }
            let origin = Origin { file, row: number };
            if row.local_ts <= 0 {
                let problem = Problem(format!(
                    "local_ts is {}; expected ns since 1970 (a file of an initial snapshot has no times and cannot be read)",
                    row.local_ts
                ));
                return Some(Err(problem.at(&files, origin)));
            }
            return Some(Ok(Timed { ts_recv: row.local_ts, flags: 0, origin, what: row }));
        }
    })))
}

struct Feed {
    merged: Merged<Row>,
    files: Files,
    scales: Scales,
    /// Lots by side (−1 asks, +1 bids) and price in ticks.
    book: BTreeMap<(i8, i32), i64>,
    known: bool,
    /// Rows of one message of the book.
    group: Vec<Timed<Row>>,
}

impl Reading for Feed {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.finish_group(out)?;
            return Ok(false);
        };
        let origin = item.origin;
        let kind = item.what.ev & 0xff;
        match kind {
            kind::DEPTH | kind::CLEAR | kind::SNAPSHOT => {
                let key = |item: &Timed<Row>| (item.ts_recv, item.what.exch_ts, item.origin.file);
                if self.group.last().is_some_and(|last| key(last) != key(&item)) {
                    self.finish_group(out)?;
                }
                if kind != kind::CLEAR && item.what.side() == 0 {
                    report.repair(origin, "book row without a side", || format!("ev {:#x}", item.what.ev));
                } else {
                    self.group.push(item);
                }
            }
            kind::TRADE | kind::BEST => {
                self.finish_group(out)?;
                let body = if kind == kind::TRADE { self.trade(&item.what) } else { self.best(&item.what) };
                let body = body.map_err(|problem| problem.at(&self.files, origin))?;
                out.push(head(&item).with(body));
            }
            other => {
                let problem = Problem(format!(
                    "event kind {other}; expected depth, trade, clear, snapshot or best quote (1 to 5): orders one by one \
                     are not read"
                ));
                return Err(problem.at(&self.files, origin));
            }
        }
        Ok(true)
    }
}

fn head(item: &Timed<Row>) -> Head {
    Head { ts_exch: Some(item.what.exch_ts).filter(|ts| *ts > 0), ..item.head() }
}

impl Feed {
    fn trade(&self, row: &Row) -> Parsed<Body> {
        let (px, qty) = (self.scales.px(row.px)?, self.scales.qty(row.qty)?);
        if px <= 0 || qty <= 0 {
            return Err(Problem(format!("a trade of {} at {}; expected more than 0", row.qty, row.px)));
        }
        Ok(Body::Trade(Trade { px, qty, side: row.side(), id: None }))
    }

    fn best(&self, row: &Row) -> Parsed<Body> {
        let (px, qty) = (Some(self.scales.px(row.px)?), Some(self.scales.qty(row.qty)?));
        let ticker = match row.ev & (BUY | SELL) {
            BUY => Ticker { bid: px, bid_qty: qty, ..Ticker::default() },
            SELL => Ticker { ask: px, ask_qty: qty, ..Ticker::default() },
            _ => return Err(Problem("a best quote without a side".to_owned())),
        };
        Ok(Body::Ticker(ticker))
    }

    fn finish_group(&mut self, out: &mut Vec<Message>) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        let Some(first) = group.first() else { return Ok(()) };
        let flags = group.iter().fold(0, |flags, item| flags | item.flags);
        let mut whole = !self.known && group.iter().any(|item| item.what.ev & 0xff != kind::DEPTH);
        let mut changed: BTreeMap<(i8, i32), i64> = BTreeMap::new();
        for item in &group {
            let applied = if item.what.ev & 0xff == kind::CLEAR {
                self.cleared(&item.what).map(|gone| {
                    changed.extend(gone.into_iter().map(|key| (key, 0)));
                    if self.book.is_empty() {
                        whole = true;
                        changed.clear();
                    }
                })
            } else {
                self.set(&item.what).map(|(key, qty)| {
                    changed.insert(key, qty);
                })
            };
            applied.map_err(|problem| problem.at(&self.files, item.origin))?;
        }
        self.known |= whole;
        if whole {
            changed.retain(|_, qty| *qty > 0);
        }
        // Bids from the best on, then asks from the best on.
        let mut levels: Vec<Level> =
            changed.into_iter().map(|((side, px), qty)| Level { side, px, qty }).collect();
        levels.sort_unstable_by_key(|level| (-level.side, -i64::from(level.side) * i64::from(level.px)));
        let kind = match (whole, levels.is_empty()) {
            (true, true) => MsgKind::Clear,
            (true, false) => MsgKind::Snap,
            (false, _) => MsgKind::Delta,
        };
        out.push(Head { flags, ..head(first) }.with(Body::Book { kind, levels }));
        self.group = group;
        self.group.clear();
        Ok(())
    }

    /// The levels that a clearing row removes.
    fn cleared(&mut self, row: &Row) -> Parsed<Vec<(i8, i32)>> {
        let side = row.side();
        let gone: Vec<(i8, i32)> = if side == 0 {
            self.book.keys().copied().collect()
        } else {
            let end = self.scales.px(row.px)?;
            let nearer = |(of, px): &&(i8, i32)| *of == side && i64::from(*px - end) * i64::from(side) >= 0;
            self.book.keys().filter(nearer).copied().collect()
        };
        for key in &gone {
            self.book.remove(key);
        }
        Ok(gone)
    }

    fn set(&mut self, row: &Row) -> Parsed<((i8, i32), i64)> {
        let (px, qty) = (self.scales.px(row.px)?, self.scales.qty(row.qty)?);
        if px <= 0 || qty < 0 {
            return Err(Problem(format!("a level of {} at {}; expected a price above 0", row.qty, row.px)));
        }
        let key = (row.side(), px);
        if qty > 0 {
            self.book.insert(key, qty);
        } else {
            self.book.remove(&key);
        }
        Ok((key, qty))
    }
}
