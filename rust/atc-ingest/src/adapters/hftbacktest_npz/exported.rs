//! Files that `atc export hftbacktest` wrote: canonical rows again, each as it was.
//!
//! `atc.rows` says what each row of `data` is; the arrays `<kind>.<column>` hold what `data` does not. Their layout is
//! described in `atc/events/export/stored_columns.py`.

use super::{DATA, Row, Scales};
use crate::adapters::Reading;
use crate::columns::{BookRows, ControlRows, Optional, Rows, TickerRows, TradeRows};
use crate::error::{Error, Problem, Result};
use crate::facts::{Asked, Facts, Instrument};
use crate::message::{Body, Head, Message, Origin};
use crate::npz::{Array, Element, Elements, Npz};
use crate::report::Report;
use crate::source::Progress;
use serde::Deserialize;

/// The array that only files of ATC have.
pub(super) const FACTS: &str = "atc.json";

const FORMAT: u32 = 1;
const SCHEMA_VERSION: u32 = 1;

const BLOCK_ROWS: usize = 65_536;

const BOOK_ROW: u8 = 1;
const TRADE_ROW: u8 = 2;

const IN_DATA: u8 = 0;
const NULL: u8 = 1;
const NO_TEXT: u32 = u32::MAX;

#[derive(Deserialize)]
struct Told {
    format: u32,
    schema_version: u32,
    instrument: Instrument,
    day: String,
    clock_offset_ns: i64,
}

fn told(npz: &Npz) -> Result<Told> {
    let mut text = Vec::new();
    npz.array::<u8>(FACTS, &Progress::default())?.read(usize::MAX, &mut text)?;
    let place = format!("{}: array {FACTS}", npz.path().display());
    let told: Told = sonic_rs::from_slice(&text).map_err(|why| Error::Data(format!("{place}: {why}")))?;
    if (told.format, told.schema_version) != (FORMAT, SCHEMA_VERSION) {
        return Err(Error::Data(format!(
            "{place} says format {} and schema version {}; expected {FORMAT} and {SCHEMA_VERSION}: export it again",
            told.format, told.schema_version
        )));
    }
    Ok(told)
}

pub(super) fn facts(found: &[Npz], asked: &Asked) -> Result<Facts> {
    let Some(first) = found.first() else { return Err(Error::Usage("no files".to_owned())) };
    let of = told(first)?.instrument;
    Ok(Facts {
        venue: asked.venue.clone().unwrap_or(of.venue),
        symbol: asked.symbol.clone().unwrap_or(of.symbol),
        tick: Some(of.tick),
        lot: Some(of.lot),
        day_cut_utc_s: of.day_cut_utc_s,
        tz_offset_s: of.tz_offset_s,
        recorded_depth: of.recorded_depth,
    })
}

pub(super) fn open(
    found: Vec<Npz>,
    instrument: &Instrument,
    scales: Scales,
    progress: &Progress,
) -> Result<Box<dyn Reading>> {
    let mut days = Vec::new();
    for (file, npz) in (0u32..).zip(found) {
        let told = told(&npz)?;
        let of = Instrument {
            venue: instrument.venue.clone(),
            symbol: instrument.symbol.clone(),
            ..told.instrument
        };
        if of != *instrument {
            return Err(Error::Usage(format!(
                "{}: exported as {of:?}; asked as {instrument:?}; leave the steps and the day as they were exported",
                npz.path().display()
            )));
        }
        days.push((told.day, file, npz, told.clock_offset_ns));
    }
    days.sort_by(|a, b| b.0.cmp(&a.0));
    Ok(Box::new(Days { coming: days, now: None, scales, progress: progress.clone() }))
}

struct Days {
    /// Day, index, file and clock offset, the next one last.
    coming: Vec<(String, u32, Npz, i64)>,
    now: Option<Day>,
    scales: Scales,
    progress: Progress,
}

impl Reading for Days {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        if self.now.is_none() {
            let Some((_, file, npz, offset)) = self.coming.pop() else { return Ok(false) };
            self.now = Some(Day::open(&npz, file, offset, self.scales, &self.progress)?);
        }
        if let Some(day) = &mut self.now
            && !day.read(out, report)?
        {
            self.now = None;
        }
        Ok(true)
    }
}

/// Numbers of which each is stored as the difference to the one before.
struct Steps {
    elements: Elements<i64>,
    last: i64,
}

impl Steps {
    fn open(npz: &Npz, name: &str, progress: &Progress) -> Result<Self> {
        Ok(Self { elements: Elements::of(npz.array(name, progress)?), last: 0 })
    }

    fn next(&mut self) -> Result<i64> {
        self.last = self.last.wrapping_add(self.elements.take()?);
        Ok(self.last)
    }
}

struct OptionalSteps {
    valid: Elements<u8>,
    steps: Steps,
}

impl OptionalSteps {
    fn open(npz: &Npz, name: &str, progress: &Progress) -> Result<Self> {
        let valid = Elements::of(npz.array(&format!("{name}.valid"), progress)?);
        Ok(Self { valid, steps: Steps::open(npz, name, progress)? })
    }

    fn next(&mut self) -> Result<Option<i64>> {
        let value = self.steps.next()?;
        Ok((self.valid.take()? != 0).then_some(value))
    }
}

struct OptionalValues<T> {
    valid: Elements<u8>,
    values: Elements<T>,
}

impl<T: Element + Default> OptionalValues<T> {
    fn open(npz: &Npz, name: &str, progress: &Progress) -> Result<Self> {
        let valid = Elements::of(npz.array(&format!("{name}.valid"), progress)?);
        Ok(Self { valid, values: Elements::of(npz.array(name, progress)?) })
    }

    fn next_into(&mut self, column: &mut Optional<T>) -> Result<()> {
        let value = self.values.take()?;
        column.push((self.valid.take()? != 0).then_some(value));
        Ok(())
    }
}

struct Texts {
    sizes: Elements<u32>,
    text: Array<u8>,
    place: String,
}

impl Texts {
    fn open(npz: &Npz, name: &str, progress: &Progress) -> Result<Self> {
        let place = format!("{}: array {name}.text", npz.path().display());
        let sizes = Elements::of(npz.array(&format!("{name}.size"), progress)?);
        Ok(Self { sizes, text: npz.array(&format!("{name}.text"), progress)?, place })
    }

    fn next(&mut self) -> Result<Option<String>> {
        let size = self.sizes.take()?;
        if size == NO_TEXT {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.text.read(size as usize, &mut bytes)?;
        let whole = Some(bytes).filter(|bytes| bytes.len() == size as usize);
        let text = whole.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Some).ok_or_else(|| Error::Data(format!("{} is cut or no UTF-8", self.place)))
    }
}

/// The venue's time of book messages and prints, which is mostly in `data`.
struct ExchangeTimes {
    state: Elements<u8>,
    other: Elements<i64>,
}

impl ExchangeTimes {
    fn open(npz: &Npz, kind: &str, progress: &Progress) -> Result<Self> {
        let state = Elements::of(npz.array(&format!("{kind}.ts_exch.state"), progress)?);
        Ok(Self { state, other: Elements::of(npz.array(&format!("{kind}.ts_exch.other"), progress)?) })
    }

    fn next(&mut self, in_data: i64) -> Result<Option<i64>> {
        Ok(match self.state.take()? {
            IN_DATA => Some(in_data),
            NULL => None,
            _ => Some(self.other.take()?),
        })
    }
}

/// What `data` lacks of the book; the first four are a message's.
struct BookColumns {
    rows: Elements<u32>,
    ev_seq: Steps,
    ts_exch: ExchangeTimes,
    venue_seq: OptionalSteps,
    msg_kind: Elements<u8>,
    flags: Elements<u16>,
}

struct TradeColumns {
    ev_seq: Steps,
    ts_exch: ExchangeTimes,
    venue_seq: OptionalSteps,
    flags: Elements<u16>,
    trade_id: Texts,
}

struct Day {
    data: Array<Row>,
    origins: Array<u8>,
    offset: i64,
    book: BookColumns,
    trade: TradeColumns,
    /// The book message that is being read: rows to come, number, head without flags, kind.
    message: (u32, u64, Head, u8),
    others: Others,
    start: Option<i64>,
    file: u32,
    scales: Scales,
    place: String,
}

impl Day {
    fn open(npz: &Npz, file: u32, offset: i64, scales: Scales, progress: &Progress) -> Result<Self> {
        let origin = Origin { file, row: 0 };
        let head = Head { ts_recv: 0, ts_exch: None, venue_seq: None, flags: 0, origin };
        let data = npz.array::<Row>(DATA, progress)?;
        let origins = npz.array::<u8>("atc.rows", progress)?;
        if data.len() != origins.len() {
            return Err(Error::Data(format!(
                "{}: {} rows of data and {} of atc.rows; expected as many: the file was changed",
                npz.path().display(),
                data.len(),
                origins.len()
            )));
        }
        Ok(Self {
            data,
            origins,
            offset,
            book: BookColumns {
                rows: Elements::of(npz.array("book.rows", progress)?),
                ev_seq: Steps::open(npz, "book.ev_seq", progress)?,
                ts_exch: ExchangeTimes::open(npz, "book", progress)?,
                venue_seq: OptionalSteps::open(npz, "book.venue_seq", progress)?,
                msg_kind: Elements::of(npz.array("book.msg_kind", progress)?),
                flags: Elements::of(npz.array("book.flags", progress)?),
            },
            trade: TradeColumns {
                ev_seq: Steps::open(npz, "trade.ev_seq", progress)?,
                ts_exch: ExchangeTimes::open(npz, "trade", progress)?,
                venue_seq: OptionalSteps::open(npz, "trade.venue_seq", progress)?,
                flags: Elements::of(npz.array("trade.flags", progress)?),
                trade_id: Texts::open(npz, "trade.trade_id", progress)?,
            },
            message: (0, 0, head, 0),
            others: Others::open(npz, progress)?,
            start: None,
            file,
            scales,
            place: npz.path().display().to_string(),
        })
    }

    /// False when the day is done.
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let (mut rows, mut origins) = (Vec::new(), Vec::new());
        self.data.read(BLOCK_ROWS, &mut rows)?;
        self.origins.read(BLOCK_ROWS, &mut origins)?;
        let (mut book, mut trade) = (BookRows::default(), TradeRows::default());
        let mut begun = 0;
        for (row, origin) in rows.iter().zip(&origins) {
            match *origin {
                BOOK_ROW => begun += self.book_row(row, &mut book)?,
                TRADE_ROW => self.trade_row(row, &mut trade)?,
                _ => {}
            }
        }
        let trades = trade.common.len() as u64;
        self.give(Rows::Book(book), begun, out, report);
        self.give(Rows::Trade(trade), trades, out, report);
        let (ticker, control) = self.others.read()?;
        let counts = (ticker.common.len() as u64, control.common.len() as u64);
        self.give(Rows::Ticker(ticker), counts.0, out, report);
        self.give(Rows::Control(control), counts.1, out, report);
        Ok(!rows.is_empty() || counts != (0, 0))
    }

    fn give(&mut self, rows: Rows, messages: u64, out: &mut Vec<Message>, report: &mut Report) {
        let common = match &rows {
            Rows::Book(rows) => &rows.common,
            Rows::Trade(rows) => &rows.common,
            Rows::Ticker(rows) => &rows.common,
            Rows::Control(rows) => &rows.common,
        };
        let Some(first) = common.ts_recv.first() else { return };
        // The kinds are read beside each other, so one time has to stand for all of the day.
        let ts_recv = *self.start.get_or_insert(*first);
        report.at(ts_recv);
        report.messages_read += messages;
        let origin = Origin { file: self.file, row: 0 };
        let head = Head { ts_recv, ts_exch: None, venue_seq: None, flags: 0, origin };
        out.push(head.with(Body::Stored { rows: Box::new(rows), messages }));
    }

    /// 1 if the row begins a message.
    fn book_row(&mut self, row: &Row, out: &mut BookRows) -> Result<u64> {
        let columns = &mut self.book;
        let begins = self.message.0 == 0;
        if begins {
            let ev_seq = columns.ev_seq.next()? as u64;
            let head = Head {
                ts_recv: row.local_ts,
                ts_exch: columns.ts_exch.next(row.exch_ts.wrapping_add(self.offset))?,
                venue_seq: columns.venue_seq.next()?,
                ..self.message.2
            };
            self.message = (columns.rows.take()?.max(1), ev_seq, head, columns.msg_kind.take()?);
        }
        let (left, ev_seq, head, kind) = &mut self.message;
        *left -= 1;
        out.common.push(*ev_seq, head, columns.flags.take()?);
        out.msg_kind.push(*kind);
        out.side.push(row.side());
        out.px_ticks.push(self.scales.px(row.px).map_err(|problem| at(&self.place, &problem))?);
        out.qty_lots.push(self.scales.qty(row.qty).map_err(|problem| at(&self.place, &problem))?);
        Ok(u64::from(begins))
    }

    fn trade_row(&mut self, row: &Row, out: &mut TradeRows) -> Result<()> {
        let columns = &mut self.trade;
        let head = Head {
            ts_recv: row.local_ts,
            ts_exch: columns.ts_exch.next(row.exch_ts.wrapping_add(self.offset))?,
            venue_seq: columns.venue_seq.next()?,
            ..self.message.2
        };
        out.common.push(columns.ev_seq.next()? as u64, &head, columns.flags.take()?);
        out.px_ticks.push(self.scales.px(row.px).map_err(|problem| at(&self.place, &problem))?);
        out.qty_lots.push(self.scales.qty(row.qty).map_err(|problem| at(&self.place, &problem))?);
        out.side.push(row.side());
        out.trade_id.push(columns.trade_id.next()?);
        Ok(())
    }
}

#[cold]
fn at(place: &str, problem: &Problem) -> Error {
    Error::Data(format!("{place}: {}", problem.0))
}

/// Columns that tickers and controls have.
struct Heads {
    ev_seq: Steps,
    ts_recv: Steps,
    ts_exch: OptionalSteps,
    venue_seq: OptionalSteps,
    flags: Elements<u16>,
}

impl Heads {
    fn open(npz: &Npz, kind: &str, progress: &Progress) -> Result<Self> {
        Ok(Self {
            ev_seq: Steps::open(npz, &format!("{kind}.ev_seq"), progress)?,
            ts_recv: Steps::open(npz, &format!("{kind}.ts_recv"), progress)?,
            ts_exch: OptionalSteps::open(npz, &format!("{kind}.ts_exch"), progress)?,
            venue_seq: OptionalSteps::open(npz, &format!("{kind}.venue_seq"), progress)?,
            flags: Elements::of(npz.array(&format!("{kind}.flags"), progress)?),
        })
    }

    /// Flags, and the head without them; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Head, u16)>> {
        let Some(flags) = self.flags.try_take()? else { return Ok(None) };
        let head = Head {
            ts_recv: self.ts_recv.next()?,
            ts_exch: self.ts_exch.next()?,
            venue_seq: self.venue_seq.next()?,
            flags: 0,
            origin: Origin { file: 0, row: 0 },
        };
        Ok(Some((self.ev_seq.next()? as u64, head, flags)))
    }
}

/// Tickers and controls, which are not in `data`.
struct Others {
    tickers: Heads,
    prices: Vec<OptionalValues<i32>>,
    sizes: Vec<OptionalValues<i64>>,
    controls: Heads,
    control_kind: Elements<u8>,
    detail: Texts,
}

impl Others {
    fn open(npz: &Npz, progress: &Progress) -> Result<Self> {
        let prices = ["bid", "ask", "last", "high", "low"].into_iter();
        let sizes = ["bid_qty", "ask_qty", "vol"].into_iter();
        Ok(Self {
            tickers: Heads::open(npz, "ticker", progress)?,
            prices: prices
                .map(|name| OptionalValues::open(npz, &format!("ticker.{name}"), progress))
                .collect::<Result<_>>()?,
            sizes: sizes
                .map(|name| OptionalValues::open(npz, &format!("ticker.{name}"), progress))
                .collect::<Result<_>>()?,
            controls: Heads::open(npz, "control", progress)?,
            control_kind: Elements::of(npz.array("control.control_kind", progress)?),
            detail: Texts::open(npz, "control.detail", progress)?,
        })
    }

    fn read(&mut self) -> Result<(TickerRows, ControlRows)> {
        let (mut ticker, mut control) = (TickerRows::default(), ControlRows::default());
        while ticker.common.len() < BLOCK_ROWS
            && let Some((ev_seq, head, flags)) = self.tickers.next()?
        {
            ticker.common.push(ev_seq, &head, flags);
            for (column, values) in ticker.prices.iter_mut().zip(&mut self.prices) {
                values.next_into(column)?;
            }
            for (column, values) in ticker.sizes.iter_mut().zip(&mut self.sizes) {
                values.next_into(column)?;
            }
        }
        while control.common.len() < BLOCK_ROWS
            && let Some((ev_seq, head, flags)) = self.controls.next()?
        {
            control.common.push(ev_seq, &head, flags);
            control.control_kind.push(self.control_kind.take()?);
            control.detail.push(self.detail.next()?);
        }
        Ok((ticker, control))
    }
}
