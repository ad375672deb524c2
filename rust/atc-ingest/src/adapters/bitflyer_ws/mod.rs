//! bitFlyer's public WebSocket (JSON-RPC), as `atc record bitflyer` writes it (`<receive ns> <frame>` a line, and markers,
//! [`crate::recording`]) and as cryptofeed's raw data collection does (`<receive s>: <frame>`, after lines `<url> <-> <s>`
//! for a connection and `<url> <- <s>: <request>` for what was sent).
//!
//! - Channels: `lightning_board_snapshot_<P>` (the whole book, up to 300 levels a side, about every 5 s),
//!   `lightning_board_<P>` (what changed; absolute sizes, 0 deletes), `lightning_executions_<P>` (a list),
//!   `lightning_ticker_<P>`.
//! - Time: `ts_recv` is the recorder's clock. Boards have neither a time nor a number: they are in the order of arrival.
//!   `exec_date` and the ticker's `timestamp` (UTC, 100 ns) are the venue's.
//! - Book: every difference and every snapshot is stored as it came. Differences before the first snapshot, and between a
//!   gap and the next one, are stored too; the book is unknown then, and readers leave it alone until the snapshot. They are
//!   not applied to the snapshot, as differences of an update chain would be: nothing tells which of them it contains. A
//!   later snapshot replaces the book: it corrects what the differences did not tell (the two are not exactly in phase).
//! - A board that cannot be read leaves the book unknown: GAP_START and RESET, until the next snapshot.
//! - Side: `side` is the taker's; empty in a call auction (AUCTION, side 0). Ids are the venue's, over all products: they
//!   grow but do not count. One that was seen a short while ago is a repetition and left out.
//! - A level at price 0 stands for market orders of a call auction, and is no level of the book: left out.
//! - Size: base asset (contracts of a future: its own unit), to 8 decimals. `volume_by_product` is the volume. A price of 0
//!   in the ticker is none. STATUS is stored where the ticker's `state` changes, and at first where it is not RUNNING.
//!
//! Sources: bf-lightning-api.readme.io, "Realtime API" (channels, `size: 0`, `price: 0`); github.com/bmoscon/cryptofeed,
//! `sample_data/BITFLYER.ws.1.0`.

mod wire;

use self::wire::{Board, Channel, Execution, Params, PriceSize, Quote, Rpc, channel, is_zero, plain_levels};
use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::error::{Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps};
use crate::merge::{Merged, Timed};
use crate::message::{Body, ControlKind, Files, Head, Level, Message, MsgKind, Ticker, Trade};
use crate::recording::{self, Connection};
use crate::report::Report;
use crate::source::Progress;
use crate::stamped::{self, Line};
use crate::step::Step;
use crate::text::{json, number, shown};
use sonic_rs::LazyValue;
use std::collections::{HashSet, VecDeque};

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "bitflyer_ws",
    version: 1,
    about: "bitFlyer WebSocket, as atc record or cryptofeed write it",
    facts,
    open,
};

const VENUE: &str = "bitflyer";
/// The business day begins after the daily maintenance at 04:00 JST.
const DAY_CUT_UTC_S: i64 = 68_400;
/// Levels a side of a snapshot.
const DEPTH: u32 = 300;
const LOT: &str = "0.00000001";

/// Ticks on 2021-12-12, those of ETH_BTC on 2018-01-28.
const TICKS: &[(&str, &str)] = &[
    ("BTC_JPY", "1"),
    ("FX_BTC_JPY", "1"),
    ("ETH_JPY", "1"),
    ("XRP_JPY", "0.01"),
    ("XLM_JPY", "0.001"),
    ("MONA_JPY", "0.001"),
    ("ETH_BTC", "0.00001"),
    ("BCH_BTC", "0.00001"),
    ("BTC_USD", "0.01"),
    ("BTC_EUR", "0.01"),
];

/// Ids of executions that are remembered to find repetitions.
const REMEMBERED: usize = 4_096;

/// Time and beginning of the frame of a line of either recorder. Requests that cryptofeed sent are no messages; the line
/// of a connection is one, for what came before it is cut off from what follows.
fn received(line: &[u8]) -> Parsed<Option<(i64, usize)>> {
    if line.starts_with(b"ws") {
        let text = String::from_utf8_lossy(line);
        return match text.split_once(" <-> ") {
            Some((_, time)) => Ok(Some((ns_of_s(time)?, 0))),
            None if text.contains(" <- ") => Ok(None),
            None => Err(Problem(format!("found {}; expected <url> <-> <time>", shown(line)))),
        };
    }
    let end = line.iter().position(|byte| matches!(byte, b' ' | b':')).unwrap_or(line.len());
    if line.get(end) != Some(&b':') {
        return stamped::time_before(line).map(Some);
    }
    let time = String::from_utf8_lossy(&line[..end]);
    Ok(Some((ns_of_s(&time)?, (end + 2).min(line.len()))))
}

/// ns of seconds with decimals, exactly.
fn ns_of_s(text: &str) -> Parsed<i64> {
    let step = Step::new("0.000000001", "time", i64::MAX).map_err(Problem)?;
    Ok(step.count(text.trim())?)
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let symbol = match &asked.symbol {
        Some(symbol) => symbol.clone(),
        None => recording::only_symbol(files, received, product)?,
    };
    let known = Facts {
        day_cut_utc_s: DAY_CUT_UTC_S,
        recorded_depth: Some(DEPTH),
        lot: Some(LOT.to_owned()),
        ..Facts::new(VENUE, &symbol)
    };
    let tick = TICKS.iter().find(|(product, _)| *product == symbol).map(|(_, tick)| (*tick).to_owned());
    Ok(Facts { tick, ..known })
}

/// The product that a frame is about.
fn product(text: &[u8]) -> Option<String> {
    let params = json::<Rpc<'_>>(text).ok()?.params?;
    let params = json::<Params<'_>>(params.as_raw_str().as_bytes()).ok()?;
    channel(params.channel).map(|(_, product)| product.to_owned())
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    Ok(Box::new(Session {
        merged: stamped::merged_by(received, files, progress, report)?,
        files: files.clone(),
        ours: Ours::new(&instrument.symbol),
        steps: instrument.steps()?,
        connection: Connection::default(),
        ids: RecentIds::default(),
        state: "RUNNING".to_owned(),
    }))
}

struct Session {
    merged: Merged<Line>,
    files: Files,
    ours: Ours,
    steps: Steps,
    connection: Connection,
    ids: RecentIds,
    /// Of the ticker.
    state: String,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(line) = self.merged.next(report)? else {
            self.ours.finish(&self.files)?;
            return Ok(false);
        };
        let origin = line.origin;
        self.take(&line, out, report).map_err(|problem| problem.at(&self.files, origin))?;
        Ok(true)
    }
}

impl Session {
    fn take(&mut self, line: &Timed<Line>, out: &mut Vec<Message>, report: &mut Report) -> Parsed<()> {
        let text = line.what.json();
        let head = line.head();
        if recording::is_marker(text) {
            report.messages_read -= 1;
            return self.connection.marker(text, head, &self.files, out, report);
        }
        if text.starts_with(b"ws") {
            report.messages_read -= 1;
            if self.connection.heard() {
                self.connection.lose(head, "a new connection was made", out);
            }
            return Ok(());
        }
        self.connection.frame();
        let Ok(rpc) = json::<Rpc<'_>>(text) else {
            report.flag(head.origin, "frame that cannot be read", || shown(text));
            return Ok(());
        };
        let Some(params) = rpc.params else {
            // An answer to a request of ours.
            report.messages_read -= 1;
            return Ok(());
        };
        let params = params.as_raw_str().as_bytes();
        let Ok(params) = json::<Params<'_>>(params) else {
            report.flag(head.origin, "frame of no channel", || shown(text));
            return Ok(());
        };
        let Some((kind, product)) = channel(params.channel) else {
            report.flag(head.origin, "frame of an unknown channel", || params.channel.to_owned());
            return Ok(());
        };
        if !self.ours.is(product) {
            report.messages_read -= 1;
            return Ok(());
        }
        let message = params.message.as_raw_str().as_bytes();
        match kind {
            Channel::Snapshot | Channel::Difference => self.board(kind, message, head, out, report),
            Channel::Executions => self.executions(message, head, out, report),
            Channel::Ticker => self.ticker(message, head, out, report),
        }
    }

    fn board(
        &mut self,
        kind: Channel,
        text: &[u8],
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let parsed = json::<Board<'_>>(text).and_then(|board| plain_levels(&board).map(|()| board));
        let board = match parsed {
            Ok(board) => board,
            Err(problem) => {
                let why = problem.0;
                self.connection.unreadable_book(head, &format!("a board could not be read: {why}"), out);
                report.flag(head.origin, "frame that cannot be read", || why);
                return Ok(());
            }
        };
        let mut levels = Vec::with_capacity(board.bids.len() + board.asks.len());
        for (side, of_side) in [(1, &board.bids), (-1, &board.asks)] {
            for PriceSize { price, size } in of_side {
                let price = number(price)?;
                if is_zero(price) {
                    report
                        .repair(head.origin, "level at price 0", || "market orders of an auction".to_owned());
                    continue;
                }
                levels.push(Level { side, px: self.steps.px(price)?, qty: self.steps.qty(number(size)?)? });
            }
        }
        let kind = if kind == Channel::Snapshot {
            self.connection.whole_book(head, out);
            MsgKind::Snap
        } else {
            MsgKind::Delta
        };
        out.push(head.with(Body::Book { kind, levels }));
        Ok(())
    }

    fn executions(
        &mut self,
        text: &[u8],
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let executions = match json::<Vec<Execution<'_>>>(text) {
            Ok(executions) => executions,
            Err(problem) => {
                report.flag(head.origin, "frame that cannot be read", || problem.0);
                return Ok(());
            }
        };
        for print in &executions {
            let (side, time_ns) = match print.sound() {
                Ok(sound) => sound,
                Err(problem) => {
                    report.flag(head.origin, "frame that cannot be read", || problem.0);
                    continue;
                }
            };
            if !self.ids.is_new(print.id) {
                report.repair(head.origin, "repeated trade", || format!("id {}", print.id));
                continue;
            }
            let flags = head.flags | if side == 0 { flag::AUCTION } else { 0 };
            let head = Head { ts_exch: Some(time_ns), venue_seq: Some(print.id), flags, ..head };
            out.push(head.with(Body::Trade(Trade {
                px: self.steps.px(number(&print.price)?)?,
                qty: self.steps.positive_qty(number(&print.size)?)?,
                side,
                id: Some(print.id.to_string()),
            })));
        }
        Ok(())
    }

    fn ticker(&mut self, text: &[u8], head: Head, out: &mut Vec<Message>, report: &mut Report) -> Parsed<()> {
        let read = json::<Quote<'_>>(text).and_then(|quote| quote.sound().map(|time_ns| (quote, time_ns)));
        let (quote, time_ns) = match read {
            Ok(read) => read,
            Err(problem) => {
                report.flag(head.origin, "frame that cannot be read", || problem.0);
                return Ok(());
            }
        };
        let head = Head { ts_exch: Some(time_ns), venue_seq: Some(quote.tick_id), ..head };
        if quote.state != self.state {
            self.state.clear();
            self.state.push_str(quote.state);
            out.push(head.control(ControlKind::Status, quote.state));
        }
        let price = |value: &LazyValue<'_>| -> Parsed<Option<i32>> {
            let text = number(value)?;
            Ok(if is_zero(text) { None } else { Some(self.steps.px(text)?) })
        };
        let volume = number(&quote.volume_by_product)?;
        let ticker = Ticker {
            bid: price(&quote.best_bid)?,
            ask: price(&quote.best_ask)?,
            last: price(&quote.ltp)?,
            bid_qty: Some(self.steps.qty(number(&quote.best_bid_size)?)?),
            ask_qty: Some(self.steps.qty(number(&quote.best_ask_size)?)?),
            vol: recording::volume(&self.steps, Some(volume), &head, report),
            ..Ticker::default()
        };
        out.push(head.with(Body::Ticker(ticker)));
        Ok(())
    }
}

/// The ids that came last.
#[derive(Debug, Default)]
struct RecentIds {
    order: VecDeque<i64>,
    there: HashSet<i64>,
}

impl RecentIds {
    fn is_new(&mut self, id: i64) -> bool {
        if !self.there.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.there.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_recorders_have_their_time() {
        assert_eq!(received(b"17 {}"), Ok(Some((17, 3))));
        let line = b"1639350330.1746440: {}";
        assert_eq!(received(line), Ok(Some((1_639_350_330_174_644_000, 20))));
        assert_eq!(&line[20..], b"{}");
        let opened = b"wss://ws.lightstream.bitflyer.com/json-rpc <-> 1639350329.245316";
        assert_eq!(received(opened), Ok(Some((1_639_350_329_245_316_000, 0))));
        assert_eq!(received(b"wss://a/b <- 1639350329.884916: {\"method\":1}"), Ok(None));
        for bad in [&b"wss://a/b"[..], b"x: {}", b"{}", b""] {
            assert!(received(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn ids_are_remembered_for_a_while() {
        let mut ids = RecentIds::default();
        assert!(ids.is_new(1) && ids.is_new(3) && ids.is_new(2));
        assert!(!ids.is_new(1) && !ids.is_new(2));
        assert!((10..10 + REMEMBERED as i64).all(|id| ids.is_new(id)));
        assert_eq!(ids.order.len(), REMEMBERED);
        assert!(ids.is_new(1));
    }
}
