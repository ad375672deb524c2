//! LOBSTER: NASDAQ's order messages, alone or with LOBSTER's own book beside them; CSV without a header, a pair of files a day,
//! `TICKER_YYYY-MM-DD_START_END_{message,orderbook}_LEVELS.csv`.
//!
//! - A message file alone: an order book is kept by order id from an empty start (a CLEAR), and each message is the change of
//!   its level. Orders that were placed before the file, or beyond its levels, are not known: what is said of them changes no
//!   level and is counted. What happens beyond the levels is not told, so a level that left and came back may be wrong.
//! - With its orderbook file: row k of one belongs to row k of the other, and the book of each row that changes it is stored as
//!   LOBSTER gives it (its levels leave and enter at the far edge without a message). Each step is checked: the book before it,
//!   changed as the message says, has to be the book of the row, but for a level that enters at the far edge.
//! - Time: seconds after midnight in New York, to the ns (digits beyond it, left by floating point, are rounded), on the date
//!   in the file's name; UTC by the rule of US daylight saving time. It is the exchange's: `ts_recv` is made of it (SYNTH_RECV).
//! - Types: 1 new order, 2 partial cancel, 3 deletion, 4 execution of a visible order (a trade, then the change of its level),
//!   5 execution of a hidden order (a trade, no change), 6 cross trade (AUCTION), 7 halt, quoting and resumption (STATUS).
//! - Side: the direction is that of the resting order, so its opposite took. Of hidden orders too; but NASDAQ's feed tells
//!   no direction of those since 14 July 2014, so from that date their trades have side 0. A cross has none.
//! - Price: dollars × 10 000, so the tick is 0.0001. Size: shares. There are no trade ids. Empty levels are ±9999999999.
//!
//! Sources: lobsterdata.com, "Output structure" and the readme of its sample files; NASDAQ TotalView-ITCH 5.0, "Trade Message
//! (Non-Cross)", buy/sell indicator.

use crate::adapters::{Adapter, Reading};
use crate::columns::flag;
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Steps, no_such_symbol};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, ControlKind, Files, Head, Level, Message, MsgKind, Origin, Trade};
use crate::report::Report;
use crate::source::Progress;
use crate::step::Step;
use crate::time::new_york_midnight_ns;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "lobster",
    version: 1,
    about: "LOBSTER: NASDAQ order messages, with or without the orderbook file",
    facts,
    open,
};

const TICK: &str = "0.0001";
/// Midnight in New York in winter; the day is named by the date there.
const DAY_CUT_UTC_S: i64 = 18_000;
/// From this day on the side of a hidden order is not told.
const HIDDEN_SIDE_UNTIL: &str = "2014-07-14";
/// The price of a level that is not there.
const NO_LEVEL: i64 = 9_999_999_999;
const COLUMNS: usize = 6;

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    symbol: String,
    date: String,
    /// Start and end as they are spelt.
    span: (String, String),
    levels: u32,
    orderbook: bool,
}

impl Name {
    fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Self::parse(name).ok_or_else(|| {
            Error::Data(format!(
                "{}: found the name {name}; expected TICKER_YYYY-MM-DD_START_END_message_LEVELS.csv (or orderbook): it tells \
                 symbol and date",
                path.display()
            ))
        })
    }

    fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".csv")?;
        let mut parts = name.rsplitn(6, '_');
        let levels = parts.next()?.parse().ok().filter(|levels| *levels > 0)?;
        let orderbook = match parts.next()? {
            "message" => false,
            "orderbook" => true,
            _ => return None,
        };
        let (end, start) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let (date, symbol) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        new_york_midnight_ns(&date).ok()?;
        Some(Self { symbol, date, span: (start, end), levels, orderbook })
    }
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    let names = files.iter().map(|(_, path)| Name::of(path)).collect::<Result<Vec<_>>>()?;
    let symbols: BTreeSet<&String> = names.iter().map(|name| &name.symbol).collect();
    let symbol = match (&asked.symbol, symbols.first()) {
        (Some(symbol), _) => symbol,
        (None, Some(symbol)) if symbols.len() == 1 => symbol,
        _ => {
            let there = symbols.into_iter().cloned().collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!("the files hold {there}; choose one with --symbol")));
        }
    };
    let levels = names.iter().filter(|name| name.symbol == *symbol).map(|name| name.levels).min();
    Ok(Facts {
        tick: Some(TICK.to_owned()),
        lot: Some("1".to_owned()),
        day_cut_utc_s: DAY_CUT_UTC_S,
        tz_offset_s: -DAY_CUT_UTC_S,
        recorded_depth: levels,
        ..Facts::new("nasdaq", symbol)
    })
}

/// A message file, with the book's file that belongs to it.
#[derive(Clone, Debug)]
struct Sample {
    name: Name,
    midnight_ns: i64,
    orderbook: Option<u32>,
}

/// The samples of a symbol by the index of their message file.
fn samples(files: &Files, symbol: &str, report: &mut Report) -> Result<HashMap<u32, Sample>> {
    let mut names = Vec::new();
    for (file, path) in files.iter() {
        let name = Name::of(path)?;
        if name.symbol == symbol {
            names.push((file, name));
        } else {
            report.repair(Origin { file, row: 0 }, "other symbol", || name.symbol);
        }
    }
    let (books, messages): (Vec<_>, Vec<_>) = names.into_iter().partition(|(_, name)| name.orderbook);
    let belongs = |name: &Name, book: &Name| Name { orderbook: true, ..name.clone() } == *book;
    for (file, book) in &books {
        if !messages.iter().any(|(_, name)| belongs(name, book)) {
            return Err(Error::Data(format!(
                "{}: no message file of the same date, span and number of levels is given; an orderbook file has no times of \
                 its own",
                files.path(*file).display()
            )));
        }
    }
    let mut samples = HashMap::new();
    for (file, name) in messages {
        let orderbook = books.iter().find(|(_, book)| belongs(&name, book)).map(|(file, _)| *file);
        let midnight_ns = new_york_midnight_ns(&name.date).map_err(Error::Data)?;
        samples.insert(file, Sample { name, midnight_ns, orderbook });
    }
    Ok(samples)
}

/// A message and, where there is one, the row of LOBSTER's book after it.
struct Entry {
    message: Row,
    book: Option<Row>,
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let samples = samples(files, &instrument.symbol, report)?;
    if samples.is_empty() {
        let there = files.iter().map(|(_, path)| Ok(Name::of(path)?.symbol)).collect::<Result<Vec<_>>>()?;
        return Err(no_such_symbol(files, &instrument.symbol, &there));
    }
    let finest = Step::new(TICK, "--tick", i64::MAX).map_err(Error::Usage)?;
    let units_per_tick = finest.count(&instrument.tick).map_err(Error::Usage)?;
    let mut order: Vec<u32> = samples.keys().copied().collect();
    order.sort_unstable();
    let (named, read_samples) = (files.clone(), samples.clone());
    let reader =
        Box::new(move |file, progress: &Progress| entries(&named, file, &read_samples[&file], progress));
    Ok(Box::new(Session {
        merged: Merged::new(order, reader, progress, report)?,
        files: files.clone(),
        samples,
        units_per_tick,
        steps: instrument.steps()?,
        file: None,
        orders: Orders::default(),
        before: None,
    }))
}

fn entries(files: &Files, file: u32, sample: &Sample, progress: &Progress) -> Result<Items<Entry>> {
    let rows = Rows::headless(files.path(file), COLUMNS, progress)?;
    let mut books = match sample.orderbook {
        Some(book) => Some(Rows::headless(files.path(book), 4 * sample.name.levels as usize, progress)?),
        None => None,
    };
    let midnight_ns = sample.midnight_ns;
    let time = move |row: &Row| Ok(Some((midnight_ns + since_midnight_ns(row.cell(0))?, flag::SYNTH_RECV)));
    let mut messages = csv::items(files, file, rows, time);
    let (files, orderbook) = (files.clone(), sample.orderbook.unwrap_or(file));
    let mut next = move || -> Result<Option<Timed<Entry>>> {
        let message = messages.next().transpose()?;
        let book = match &mut books {
            Some(books) => books.read()?.map(|(_, row)| row),
            None => return Ok(message.map(|item| item.map(|message| Entry { message, book: None }))),
        };
        let ended = |this, other| {
            let (this, other): (&Path, &Path) = (files.path(this), files.path(other));
            Error::Data(format!(
                "{} ends before {}; expected a row for a row",
                this.display(),
                other.display()
            ))
        };
        match (message, book) {
            (Some(item), Some(book)) => Ok(Some(item.map(|message| Entry { message, book: Some(book) }))),
            (Some(_), None) => Err(ended(orderbook, file)),
            (None, Some(_)) => Err(ended(file, orderbook)),
            (None, None) => Ok(None),
        }
    };
    Ok(Box::new(std::iter::from_fn(move || next().transpose())))
}

/// Seconds after midnight, rounded to the ns: some of LOBSTER's went through floating point, as 35821.088778456004.
fn since_midnight_ns(text: &str) -> Parsed<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten()
    };
    let (kept, rest) = fraction.split_at_checked(9).unwrap_or((fraction, ""));
    let ns = digits(kept).map(|ns| ns * 10i64.pow(9 - kept.len() as u32));
    let up = rest.as_bytes().first().is_some_and(|digit| *digit >= b'5');
    let seconds = digits(whole).filter(|seconds| *seconds < 86_400);
    match (seconds, ns) {
        (Some(seconds), Some(ns)) if rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(seconds * 1_000_000_000 + ns + i64::from(up))
        }
        _ => Err(format!("time is '{text}'; expected seconds after midnight").into()),
    }
}

/// What rests at the exchange, by order.
#[derive(Default)]
struct Orders {
    resting: HashMap<i64, Level>,
    levels: HashMap<(i8, i32), i64>,
}

impl Orders {
    /// The level after a new order.
    fn place(&mut self, id: i64, order: Level, origin: Origin, report: &mut Report) -> Level {
        if let Some(old) = self.resting.insert(id, order) {
            report.flag(origin, "order placed twice", || format!("id {id}"));
            self.change(old, -old.qty);
        }
        self.change(order, order.qty)
    }

    /// The level after `qty` of an order left, or all of it; `None` for an order that is not known.
    fn take(&mut self, id: i64, qty: i64, all: bool, origin: Origin, report: &mut Report) -> Option<Level> {
        let Some(order) = self.resting.get_mut(&id) else {
            report.flag(origin, "order that is not known", || format!("id {id}"));
            return None;
        };
        if qty > order.qty || (all && qty != order.qty) {
            let rest = order.qty;
            report.flag(origin, "size that the order does not have", || format!("id {id}: {qty} of {rest}"));
        }
        let gone = if all { order.qty } else { qty.min(order.qty) };
        order.qty -= gone;
        let order = *order;
        if order.qty == 0 {
            self.resting.remove(&id);
        }
        Some(self.change(order, -gone))
    }

    fn change(&mut self, at: Level, by: i64) -> Level {
        let qty = self.levels.entry((at.side, at.px)).or_default();
        *qty += by;
        let level = Level { qty: *qty, ..at };
        if level.qty == 0 {
            self.levels.remove(&(at.side, at.px));
        }
        level
    }
}

struct Session {
    merged: Merged<Entry>,
    files: Files,
    samples: HashMap<u32, Sample>,
    /// Units of [`TICK`] in a tick.
    units_per_tick: i64,
    steps: Steps,
    /// The file that is read.
    file: Option<u32>,
    orders: Orders,
    /// LOBSTER's book of the row before: bids and asks, best first.
    before: Option<[Vec<Level>; 2]>,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else { return Ok(false) };
        let origin = item.origin;
        self.take(&item, out, report).map_err(|problem| problem.at(&self.files, origin))?;
        Ok(true)
    }
}

impl Session {
    fn take(&mut self, item: &Timed<Entry>, out: &mut Vec<Message>, report: &mut Report) -> Parsed<()> {
        let row = &item.what.message;
        let head = Head { ts_exch: Some(item.ts_recv), ..item.head() };
        if self.file != Some(item.origin.file) {
            self.file = Some(item.origin.file);
            (self.orders, self.before) = (Orders::default(), None);
            if item.what.book.is_none() {
                report.flag(item.origin, "book assumed empty at the start", String::new);
                out.push(head.with(Body::Book { kind: MsgKind::Clear, levels: Vec::new() }));
            }
        }
        let kind = row.cell(1);
        if kind == "7" {
            let status = match row.cell(4) {
                "-1" => "HALT",
                "0" => "QUOTING",
                "1" => "TRADING",
                other => return Err(format!("price of a halt is '{other}'; expected -1, 0 or 1").into()),
            };
            out.push(head.control(ControlKind::Status, status));
            return self.book_row(None, item, head, out, report);
        }
        let id = row.cell(2);
        let id: i64 = id.parse().map_err(|_| format!("order id is '{id}'; expected a whole number"))?;
        let (px, qty) = (self.px(row.cell(4))?, self.steps.positive_qty(row.cell(3))?);
        if kind == "6" {
            let head = Head { flags: head.flags | flag::AUCTION, ..head };
            out.push(head.with(Body::Trade(Trade { px, qty, side: 0, id: None })));
            return self.book_row(None, item, head, out, report);
        }
        let side = match row.cell(5) {
            "1" => 1,
            "-1" => -1,
            other => return Err(format!("direction is '{other}'; expected 1 or -1").into()),
        };
        let trade = |side| head.with(Body::Trade(Trade { px, qty, side, id: None }));
        match kind {
            "4" => out.push(trade(-side)),
            "5" => {
                let told = self.samples[&item.origin.file].name.date.as_str() < HIDDEN_SIDE_UNTIL;
                out.push(trade(if told { -side } else { 0 }));
                return self.book_row(None, item, head, out, report);
            }
            "1" | "2" | "3" => {}
            other => return Err(format!("type is '{other}'; expected 1 to 7").into()),
        }
        if item.what.book.is_some() {
            let by = if kind == "1" { qty } else { -qty };
            return self.book_row(Some(Level { side, px, qty: by }), item, head, out, report);
        }
        let level = match kind {
            "1" => Some(self.orders.place(id, Level { side, px, qty }, item.origin, report)),
            _ => self.orders.take(id, qty, kind == "3", item.origin, report),
        };
        if let Some(level) = level {
            out.push(head.with(Body::Book { kind: MsgKind::Delta, levels: vec![level] }));
        }
        Ok(())
    }

    /// LOBSTER's book after a message that changed a level by `change`, or none.
    fn book_row(
        &mut self,
        change: Option<Level>,
        item: &Timed<Entry>,
        head: Head,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Parsed<()> {
        let Some(row) = &item.what.book else { return Ok(()) };
        let depth = self.samples[&item.origin.file].name.levels as usize;
        let book = self
            .levels(row, depth)
            .map_err(|problem| Problem(format!("its orderbook row: {}", problem.0)))?;
        if let Some(before) = &self.before {
            for (was, is) in before.iter().zip(&book) {
                let expected = changed(was, change, depth);
                if is.len() > depth || is.get(..expected.len()) != Some(&expected[..]) {
                    report
                        .flag(item.origin, "book does not follow from the message", || format!("{change:?}"));
                }
            }
        }
        if change.is_some() || self.before.is_none() {
            out.push(head.with(Body::FullBook { levels: book.iter().flatten().copied().collect() }));
        }
        self.before = Some(book);
        Ok(())
    }

    fn levels(&self, row: &Row, depth: usize) -> Parsed<[Vec<Level>; 2]> {
        let mut book = [Vec::with_capacity(depth), Vec::with_capacity(depth)];
        for level in 0..depth {
            for (side, at) in [(-1, 4 * level), (1, 4 * level + 2)] {
                let text = row.cell(at);
                if text.trim_start_matches('-').parse() == Ok(NO_LEVEL) {
                    continue;
                }
                let (px, qty) = (self.px(text)?, self.steps.positive_qty(row.cell(at + 1))?);
                book[usize::from(side < 0)].push(Level { side, px, qty });
            }
        }
        Ok(book)
    }

    fn px(&self, text: &str) -> Parsed<i32> {
        let units = text.parse::<i64>().ok().filter(|units| *units > 0);
        let units = units.ok_or_else(|| format!("price is '{text}'; expected dollars × 10000"))?;
        let ticks = Some(units / self.units_per_tick).filter(|_| units % self.units_per_tick == 0);
        ticks.and_then(|ticks| i32::try_from(ticks).ok()).ok_or_else(|| {
            Problem(format!("price is {text} / 10000; expected a multiple of the tick, up to 2^31 ticks"))
        })
    }
}

/// The levels of one side, best first, after `change` was added to one of them; at most `depth`.
fn changed(was: &[Level], change: Option<Level>, depth: usize) -> Vec<Level> {
    let mut levels = was.to_vec();
    if let (Some(change), Some(side)) = (change, was.first().map(|level| level.side))
        && change.side == side
    {
        let key = |level: &Level| i64::from(level.px) * -i64::from(side);
        match levels.binary_search_by_key(&key(&change), key) {
            Ok(at) => {
                levels[at].qty += change.qty;
                if levels[at].qty == 0 {
                    levels.remove(at);
                }
            }
            Err(at) => levels.insert(at, change),
        }
        levels.truncate(depth);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_after_midnight() {
        for (text, ns) in [
            ("34200", 34_200_000_000_000),
            ("34200.00426064", 34_200_004_260_640),
            ("35821.088778456004", 35_821_088_778_456),
            ("0.9999999995", 1_000_000_000),
        ] {
            assert_eq!(since_midnight_ns(text), Ok(ns), "{text}");
        }
        for bad in ["", ".", "86400.0", "1.", "-1.0", "1.2.3", "1e3", "1.0000000001x"] {
            assert!(since_midnight_ns(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        let name = Name::parse("BRK_B_2012-06-21_34200000_37800000_message_50.csv.gz").unwrap();
        assert_eq!((name.symbol.as_str(), name.date.as_str(), name.levels), ("BRK_B", "2012-06-21", 50));
        for bad in ["AAPL_2012-06-31_1_2_message_5.csv", "AAPL_2012-06-21_1_2_message_0.csv", "a.csv"] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }
}
