//! Tardis.dev's downloadable CSV files of any exchange: `incremental_book_L2`, `book_snapshot_25` (and `_5`), `trades`,
//! `quotes` and `derivative_ticker`, any mix of them in one command. The header tells which a file is.
//!
//! - Time: µs since the epoch. `local_timestamp`, the arrival at Tardis' collector, becomes `ts_recv`; `timestamp` is the
//!   exchange's. Where an exchange says none Tardis repeats the local one, so an equal one is taken for none.
//! - Side: of a trade that of the taker (`buy`, `sell`, `unknown` = 0).
//! - Size: as the exchange counts it, which is in contracts on many derivatives; 0 deletes a level. Tardis tells no steps:
//!   they have to be given.
//! - `incremental_book_L2`: rows of equal `local_timestamp` and `is_snapshot` are one message, which ends where either
//!   changes; its exchange time is that of its last row. The first of a run of `is_snapshot` rows discards the book, the
//!   others add to it; updates before the first snapshot are left out. A new run within a file is a connection restart or
//!   the venue's own snapshot, which the file does not tell apart: STATUS.
//! - `book_snapshot_*`: whole books of so many levels. Beside `incremental_book_L2` they are not needed and left out;
//!   of two depths the deeper one is the book.
//! - `derivative_ticker`: `last_price` becomes the ticker's last. Funding (time, rate, predicted rate), open interest,
//!   index and mark price have no canonical column and are left out; so are rows without a last price.
//! - `liquidations` have the columns of `trades` and are refused by their file's name.
//!
//! The venue is spelled as Tardis does, `binance-futures`. Sources: docs.tardis.dev, "Downloadable CSV files: Data types"
//! and "FAQ: Data" (how to reconstruct the order book).

mod layout;
mod messages;

use crate::adapters::{Adapter, Reading};
use crate::error::{Error, Result};
use crate::facts::{Asked, Facts, Instrument, Ours};
use crate::merge::{Merged, Timed};
use crate::message::{Body, ControlKind, Files, Head, Message};
use crate::report::Report;
use crate::snapshot_chain::SnapshotChain;
use crate::source::Progress;
use layout::{Kind, Layout};
use messages::{Record, Wanted, What};
use std::collections::BTreeSet;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "tardis",
    version: 2,
    about: "Tardis.dev CSV of any exchange: incremental_book_L2, book_snapshot, trades, quotes, derivative_ticker",
    facts,
    open,
};

/// Exchange and symbol are those of the first rows; the recorded depth is that of the snapshots, if they are the book.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let (mut markets, mut depth, mut incremental) = (BTreeSet::new(), None, false);
    for (_, path) in files.iter() {
        let layout = Layout::of(path)?;
        incremental |= layout.kind == Kind::Incremental;
        depth = depth.max(layout.depth());
        if let Some((_, row)) = layout.rows(path, &Progress::default())?.read()? {
            markets.insert((row.cell(layout::EXCHANGE).to_owned(), row.cell(layout::SYMBOL).to_owned()));
        }
    }
    let fits = |(exchange, symbol): &&(String, String)| {
        asked.venue.as_ref().is_none_or(|venue| venue == exchange)
            && asked.symbol.as_ref().is_none_or(|wanted| wanted == symbol)
    };
    let found: Vec<_> = markets.iter().filter(fits).collect();
    let (venue, symbol) = match (&found[..], &asked.venue, &asked.symbol) {
        ([(exchange, symbol)], _, _) => (exchange, symbol),
        // Files of a group of symbols hold others than that of their first row.
        (_, Some(venue), Some(symbol)) => (venue, symbol),
        _ => {
            let there: Vec<_> =
                markets.iter().map(|(exchange, symbol)| format!("{exchange} {symbol}")).collect();
            let there = if there.is_empty() { "no rows".to_owned() } else { there.join(", ") };
            return Err(Error::Data(format!(
                "{}: give --venue and --symbol; the files begin with {there}",
                files.names()
            )));
        }
    };
    let recorded_depth = depth.filter(|_| !incremental);
    Ok(Facts { recorded_depth, ..Facts::new(venue, symbol) })
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let layouts: Vec<Layout> = files.iter().map(|(_, path)| Layout::of(path)).collect::<Result<_>>()?;
    let incremental = layouts.iter().any(|layout| layout.kind == Kind::Incremental);
    let depths: Vec<Option<u32>> = layouts.iter().map(Layout::depth).collect();
    let wanted = Wanted::new(instrument)?;
    let named = files.clone();
    let reader = Box::new(move |file, progress: &Progress| {
        messages::of_file(&named, file, &layouts[file as usize], &wanted, progress)
    });
    Ok(Box::new(Recording {
        merged: Merged::all(files, reader, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&messages::market(&instrument.venue, &instrument.symbol)),
        chain: SnapshotChain::default(),
        incremental,
        deepest: depths.iter().copied().max().flatten(),
        depths,
        last_snapshot: None,
        last_update: None,
    }))
}

struct Recording {
    merged: Merged<Record>,
    files: Files,
    ours: Ours,
    chain: SnapshotChain,
    /// Whether there are differences of the book.
    incremental: bool,
    /// Levels of the whole books that each file shows, and of those that are the book.
    depths: Vec<Option<u32>>,
    deepest: Option<u32>,
    /// The file of the latest book message, if that was of a snapshot.
    last_snapshot: Option<u32>,
    /// The file of the latest book message.
    last_update: Option<u32>,
}

impl Reading for Recording {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else {
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        if !self.ours.is(&item.what.market) {
            report.repair(item.origin, "other symbol", || item.what.market.clone());
            return Ok(true);
        }
        let head = Head { ts_exch: item.what.ts_exch, ..item.head() };
        self.take(item, head, out, report);
        Ok(true)
    }
}

impl Recording {
    fn take(&mut self, item: Timed<Record>, head: Head, out: &mut Vec<Message>, report: &mut Report) {
        match item.what.what {
            What::Other => {}
            What::Event(body) => out.push(head.with(body)),
            What::NoLastPrice => report.repair(head.origin, "ticker without a last price", String::new),
            What::Whole(_) if self.incremental => {
                report
                    .repair(head.origin, "snapshot not needed", || "the differences are the book".to_owned());
            }
            What::Whole(_) if self.depths[head.origin.file as usize] != self.deepest => {
                report.repair(head.origin, "other depth", || "deeper snapshots are the book".to_owned());
            }
            What::Whole(levels) => out.push(head.with(Body::FullBook { levels })),
            What::Update { snapshot: true, levels } => {
                let file = Some(head.origin.file);
                if self.last_snapshot == file {
                    self.chain.difference(head, levels, out, report);
                } else {
                    if self.last_update == file && self.chain.known() {
                        let told = "a snapshot discards the book: a connection restart, or the venue's own";
                        report.flag(head.origin, "snapshot within a file", || told.to_owned());
                        out.push(Head { ts_exch: None, ..head }.control(ControlKind::Status, told));
                    }
                    self.chain.snapshot(head, levels, out);
                }
                (self.last_snapshot, self.last_update) = (file, file);
            }
            What::Update { snapshot: false, levels } => {
                self.chain.difference(head, levels, out, report);
                (self.last_snapshot, self.last_update) = (None, Some(head.origin.file));
            }
        }
    }
}
