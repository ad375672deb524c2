//! GMO Coin's public WebSocket as `atc record gmo` writes it: `<receive ns> <frame>` a line, and markers
//! ([`crate::recording`]).
//!
//! - Channels: `orderbooks` (the whole book that the venue shows), `trades`, `ticker`, all told apart by `channel`, with
//!   `symbol` and `timestamp`.
//! - Time: `ts_recv` is the recorder's clock; `timestamp` (ISO 8601, UTC, ms) is the venue's.
//! - Books are snapshots without sequence numbers: ATC stores what changed between two of them. The window is 30 levels a
//!   side; `--recorded-depth` says another one.
//! - Side and twins: `side` is BUY or SELL; every execution is printed twice, the taker's side first, and the maker's print
//!   is kept with DUP_OTHER_SIDE ([`crate::twins`]), unless the recorder had asked for the option TAKER_ONLY. No trade id.
//! - Size: base asset; prices and sizes are decimals in strings. `volume` of the ticker is that of 24 hours.
//! - A frame of a known channel that cannot be read is flagged and left out: a recording must not be lost for one frame.
//!   A price or size that is no multiple of the steps is an error, as everywhere.
//!
//! Source: api.coin.z.com/docs, "Public WebSocket API": Ticker, Orderbooks, Trades.

use crate::adapters::gmo_trades::{DAY_CUT_UTC_S, STEPS, VENUE, side};
use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::error::{Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Ours, Steps};
use crate::merge::{Merged, Timed};
use crate::message::{Body, Files, Head, Level, Message, Ticker, Trade};
use crate::recording::{self, Connection, is_plain_number};
use crate::report::Report;
use crate::source::Progress;
use crate::stamped::{self, Line};
use crate::text::json;
use crate::time::utc_ns;
use crate::twins::{Print, Twins};
use serde::Deserialize;

/// The format.
pub static ADAPTER: Adapter =
    Adapter { name: "gmo_ws", version: 1, about: "GMO Coin WebSocket, as atc record writes it", facts, open };

const DEPTH: u32 = 30;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    symbol: Option<&'a str>,
}

#[derive(Deserialize)]
struct PriceSize<'a> {
    price: &'a str,
    size: &'a str,
}

#[derive(Deserialize)]
struct Books<'a> {
    #[serde(borrow)]
    bids: Vec<PriceSize<'a>>,
    #[serde(borrow)]
    asks: Vec<PriceSize<'a>>,
    timestamp: &'a str,
}

#[derive(Deserialize)]
struct Execution<'a> {
    price: &'a str,
    size: &'a str,
    side: &'a str,
    timestamp: &'a str,
}

#[derive(Deserialize)]
struct Quote<'a> {
    ask: Option<&'a str>,
    bid: Option<&'a str>,
    high: Option<&'a str>,
    last: Option<&'a str>,
    low: Option<&'a str>,
    volume: Option<&'a str>,
    timestamp: &'a str,
}

/// A frame of a known channel, read as far as it is sound without knowing the steps.
enum Frame<'a> {
    Books(Books<'a>, Option<i64>),
    Execution(Execution<'a>, i8, i64),
    Quote(Quote<'a>, Option<i64>),
}

/// A frame may be any JSON: what is no object is for this adapter to tell.
fn received(line: &[u8]) -> Parsed<Option<(i64, usize)>> {
    stamped::time_before(line).map(Some)
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let symbol = match &asked.symbol {
        Some(symbol) => symbol.clone(),
        None => recording::only_symbol(files, received, |text| {
            json::<Envelope<'_>>(text).ok().and_then(|frame| frame.symbol.map(str::to_owned))
        })?,
    };
    let known = Facts::new(VENUE, &symbol).steps_of(STEPS);
    Ok(Facts { day_cut_utc_s: DAY_CUT_UTC_S, recorded_depth: Some(DEPTH), ..known })
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
        twins: Twins::default(),
    }))
}

struct Session {
    merged: Merged<Line>,
    files: Files,
    ours: Ours,
    steps: Steps,
    connection: Connection,
    twins: Twins,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(line) = self.merged.next(report)? else {
            self.twins.finish(report);
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
            let lost_before = out.len();
            self.connection.marker(text, head, &self.files, out, report)?;
            if out.len() > lost_before {
                // The print after a gap is no twin of the one before it.
                self.twins.finish(report);
            }
            return Ok(());
        }
        self.connection.frame();
        let envelope = json(text).unwrap_or(Envelope { channel: None, symbol: None });
        let (Some(channel), Some(symbol)) = (envelope.channel, envelope.symbol) else {
            report.flag(head.origin, "frame of no channel", || crate::text::shown(text));
            return Ok(());
        };
        if !self.ours.is(symbol) {
            report.messages_read -= 1;
            return Ok(());
        }
        match frame(channel, text) {
            Ok(Some(frame)) => self.message(&frame, head, out, report),
            Ok(None) => {
                report.flag(head.origin, "frame of an unknown channel", || channel.to_owned());
                Ok(())
            }
            Err(problem) => {
                report.flag(head.origin, "frame that cannot be read", || problem.0);
                Ok(())
            }
        }
    }

    fn message(
        &mut self,
        frame: &Frame<'_>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        match frame {
            Frame::Books(books, ts_exch) => {
                let mut levels = Vec::with_capacity(books.bids.len() + books.asks.len());
                for (side, of_side) in [(1, &books.bids), (-1, &books.asks)] {
                    for PriceSize { price, size } in of_side {
                        levels.push(Level { side, px: self.steps.px(price)?, qty: self.steps.qty(size)? });
                    }
                }
                let head = Head { ts_exch: *ts_exch, ..head };
                self.connection.whole_book(head, out);
                out.push(head.with(Body::FullBook { levels }));
            }
            Frame::Execution(print, side, time_ns) => {
                let (px, qty) = (self.steps.px(print.price)?, self.steps.positive_qty(print.size)?);
                let shown = Print { px, qty, time_ns: *time_ns, side: *side };
                let makers =
                    !self.connection.taker_only() && self.twins.is_makers(shown, head.origin, report);
                let flags = head.flags | if makers { flag::DUP_OTHER_SIDE } else { 0 };
                let head = Head { ts_exch: Some(*time_ns), flags, ..head };
                out.push(head.with(Body::Trade(Trade { px, qty, side: *side, id: None })));
            }
            Frame::Quote(quote, ts_exch) => {
                let price = |text: Option<&str>| -> Parsed<Option<i32>> {
                    // 0: the venue has none, as before the first trade.
                    let given = text.filter(|text| !text.trim_matches(['0', '.']).is_empty());
                    Ok(given.map(|text| self.steps.px(text)).transpose()?)
                };
                let ticker = Ticker {
                    bid: price(quote.bid)?,
                    ask: price(quote.ask)?,
                    last: price(quote.last)?,
                    high: price(quote.high)?,
                    low: price(quote.low)?,
                    vol: recording::volume(&self.steps, quote.volume, &head, report),
                    ..Ticker::default()
                };
                out.push(Head { ts_exch: *ts_exch, ..head }.with(Body::Ticker(ticker)));
            }
        }
        Ok(())
    }
}

/// A frame of a channel; `None` for a channel that is not known.
///
/// # Errors
/// For a frame without the fields of its channel, or with numbers that are none.
fn frame<'a>(channel: &str, text: &'a [u8]) -> Parsed<Option<Frame<'a>>> {
    Ok(Some(match channel {
        "orderbooks" => {
            let books: Books<'_> = json(text)?;
            for PriceSize { price, size } in books.bids.iter().chain(&books.asks) {
                above_zero(price)?;
                plain(size)?;
            }
            let time = time(books.timestamp)?;
            Frame::Books(books, time)
        }
        "trades" => {
            let print: Execution<'_> = json(text)?;
            above_zero(print.price)?;
            above_zero(print.size)?;
            let (side, time_ns) = (side(print.side)?, utc_ns(print.timestamp)?);
            Frame::Execution(print, side, time_ns)
        }
        "ticker" => {
            let quote: Quote<'_> = json(text)?;
            let given = [quote.ask, quote.bid, quote.high, quote.last, quote.low, quote.volume];
            given.into_iter().flatten().try_for_each(plain)?;
            let time = time(quote.timestamp)?;
            Frame::Quote(quote, time)
        }
        _ => return Ok(None),
    }))
}

/// The venue leaves the time empty where it has none.
fn time(text: &str) -> Parsed<Option<i64>> {
    if text.is_empty() { Ok(None) } else { Ok(Some(utc_ns(text)?)) }
}

fn plain(text: &str) -> Parsed<()> {
    if is_plain_number(text) { Ok(()) } else { Err(Problem(format!("found '{text}'; expected a number"))) }
}

fn above_zero(text: &str) -> Parsed<()> {
    plain(text)?;
    if text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        Ok(())
    } else {
        Err(Problem(format!("found '{text}'; expected more than 0")))
    }
}
