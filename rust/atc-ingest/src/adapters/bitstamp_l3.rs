//! Bitstamp's orders and trades as recorded by ob-analytics: `orders.csv` (every change of an order), `trades.csv`, and
//! `meta.json`, which names the pair. Told by their beginnings.
//!
//! - Orders are summed to levels. The file begins with the REST snapshot, written as `created` rows: a SNAP. What the stream told
//!   before the snapshot was received follows it, at its `ts_recv`: no reader could have used it earlier.
//! - The book is right at the end of the rows of one `exchange_timestamp` only (an aggressive order shows as `created` before
//!   it trades), so those rows are one message, received with the last of them. Half of all orders come and go within one: then
//!   the message has no levels.
//! - `volume` is what remains of an order. The price of a level is that at which the order was created: on the later rows of an
//!   aggressor the price is that of the execution. Rows of orders that were never created are left out.
//! - Market orders to sell, and bids far below the tick, are recorded at the price 0, which is no level: they are left out.
//! - An order that still crosses at the end of a message is stale, its deletion was lost between snapshot and stream: the oldest
//!   order of the two best levels is dropped until they do not cross.
//! - The recorder ends a file with deletions of all that is left, in one message. They did not happen and are left out.
//! - Trades: `side` is the aggressor's, `trade_id` the venue's. Sizes in the base asset, in steps of 10⁻⁸; BTC/USD ticks are 1 USD.
//! - Time: `timestamp` is the recorder's clock, `exchange_timestamp` the venue's; ms. Of equal times the trade comes first.
//!
//! Sources: github.com/mczielinski/ob-analytics, `ob_analytics`; Bitstamp WebSocket API v2, "Live full order book".

use crate::adapters::{Adapter, Reading};
use crate::csv::{self, Row, Rows};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument, Steps};
use crate::merge::{Items, Merged, Timed};
use crate::message::{Body, Files, Level, Message, MsgKind, Origin, Trade};
use crate::report::Report;
use crate::source::{Content, Progress};
use crate::text::json;
use crate::time::ns_of_ms;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "bitstamp_l3",
    version: 1,
    about: "Bitstamp orders and trades, ob-analytics' CSV",
    facts,
    open,
};

const STEPS: &[(&str, &str, &str)] = &[("btcusd", "1", "0.00000001")];
const ORDERS: &[&str] = &["id", "timestamp", "exchange_timestamp", "price", "volume", "action", "direction"];
const TRADES: &[&str] = &["trade_id", "timestamp", "exchange_timestamp", "price", "amount", "side"];
const RECEIVED: usize = 1;
const EXCHANGE: usize = 2;

/// What a file holds; in this order where times are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Trades,
    Orders,
    Meta,
}

impl Kind {
    fn of(path: &Path) -> Result<Self> {
        let header = csv::header(path)?;
        let all = |columns: &[&str]| columns.iter().all(|name| header.iter().any(|found| found == name));
        if header.first().is_some_and(|cell| cell.starts_with('{')) {
            Ok(Self::Meta)
        } else if all(ORDERS) {
            Ok(Self::Orders)
        } else if all(TRADES) {
            Ok(Self::Trades)
        } else {
            let (path, header) = (path.display(), header.join(", "));
            let (orders, trades) = (ORDERS.join(", "), TRADES.join(", "));
            Err(Error::Data(format!(
                "{path}:1: found the columns {header}; expected those of orders ({orders}), of trades ({trades}), or meta.json"
            )))
        }
    }
}

/// The pair is told by `meta.json` or by the user.
fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    #[derive(Deserialize)]
    struct Meta {
        pair: String,
    }
    let mut symbol = asked.symbol.clone();
    for (file, path) in files.iter() {
        if symbol.is_none() && Kind::of(path)? == Kind::Meta {
            let text = Content::open(path, &Progress::default())?.whole()?;
            let meta: Meta = json(&text).map_err(|problem| problem.at(files, Origin { file, row: 1 }))?;
            symbol = Some(meta.pair);
        }
    }
    let symbol = symbol.ok_or_else(|| {
        Error::Data("orders and trades do not name their pair; give --symbol or meta.json".into())
    })?;
    Ok(Facts::new("bitstamp", &symbol).steps_of(STEPS))
}

enum Entry {
    Group(Group),
    Trade(Row),
}

/// The rows of one exchange time.
struct Group {
    rows: Vec<(Origin, Row)>,
    /// When the last of them was received, ns.
    received_ns: i64,
    /// Whether it is the first one of its file.
    first: bool,
    /// Whether it is the last one of its file.
    last: bool,
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let mut kinds = Vec::new();
    for (file, path) in files.iter() {
        kinds.push((Kind::of(path)?, file));
    }
    let mut order = kinds.clone();
    order.retain(|(kind, _)| *kind != Kind::Meta);
    order.sort_unstable();
    let named = files.clone();
    let reader = Box::new(move |file: u32, progress: &Progress| {
        let orders = kinds[file as usize].0 == Kind::Orders;
        let rows = Rows::open(named.path(file), if orders { ORDERS } else { TRADES }, progress)?;
        let rows = csv::items(&named, file, rows, |row: &Row| Ok(Some((ms(row, RECEIVED)?, 0))));
        Ok(if orders {
            Box::new(Groups { rows, following: None, first: true, snapshot_ns: 0 }) as Items<Entry>
        } else {
            let trade = |row: Timed<Row>| row.map(Entry::Trade);
            Box::new(rows.map(move |row| row.map(trade)))
        })
    });
    let order = order.into_iter().map(|(_, file)| file).collect();
    Ok(Box::new(Session {
        merged: Merged::new(order, reader, progress, report)?,
        files: files.clone(),
        steps: instrument.steps()?,
        orders: Orders::default(),
    }))
}

fn ms(row: &Row, cell: usize) -> Parsed<i64> {
    let text = row.cell(cell);
    let ms = text.parse().map_err(|_| format!("time is '{text}'; expected ms since 1970"))?;
    Ok(ns_of_ms(ms)?)
}

/// The rows of an order file, those of one exchange time together.
struct Groups<I> {
    rows: I,
    following: Option<Timed<Row>>,
    first: bool,
    /// When the snapshot was received: nothing is known before.
    snapshot_ns: i64,
}

impl<I: Iterator<Item = Result<Timed<Row>>>> Groups<I> {
    fn read(&mut self) -> Result<Option<Timed<Entry>>> {
        let begin = match self.following.take() {
            Some(row) => Some(row),
            None => self.rows.next().transpose()?,
        };
        let Some(begin) = begin else { return Ok(None) };
        let Timed { flags, origin, mut ts_recv, .. } = begin;
        let mut rows = vec![(origin, begin.what)];
        while let Some(row) = self.rows.next().transpose()? {
            if row.what.cell(EXCHANGE) != rows[0].1.cell(EXCHANGE) {
                self.following = Some(row);
                break;
            }
            ts_recv = ts_recv.max(row.ts_recv);
            rows.push((row.origin, row.what));
        }
        let first = std::mem::take(&mut self.first);
        if first {
            self.snapshot_ns = ts_recv;
        }
        let group = Group { rows, received_ns: ts_recv, first, last: self.following.is_none() };
        Ok(Some(Timed { ts_recv: ts_recv.max(self.snapshot_ns), flags, origin, what: Entry::Group(group) }))
    }
}

impl<I: Iterator<Item = Result<Timed<Row>>>> Iterator for Groups<I> {
    type Item = Result<Timed<Entry>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// What rests at the exchange: each order with the number that tells its age, and the levels that they add up to.
#[derive(Default)]
struct Orders {
    resting: HashMap<u64, (u64, Level)>,
    placed: u64,
    bids: BTreeMap<i32, i64>,
    asks: BTreeMap<i32, i64>,
    /// Levels that the message touched, with their sizes before it.
    touched: BTreeMap<(i8, i32), i64>,
}

impl Orders {
    fn change(&mut self, at: Level, by: i64) {
        if at.px == 0 {
            return;
        }
        let levels = if at.side > 0 { &mut self.bids } else { &mut self.asks };
        let qty = levels.entry(at.px).or_default();
        self.touched.entry((at.side, at.px)).or_insert(*qty);
        *qty += by;
        if *qty == 0 {
            levels.remove(&at.px);
        }
    }

    fn place(&mut self, id: u64, order: Level) {
        self.remove(id);
        self.placed += 1;
        self.resting.insert(id, (self.placed, order));
        self.change(order, order.qty);
    }

    /// Whether the order was there.
    fn remove(&mut self, id: u64) -> bool {
        let order = self.resting.remove(&id);
        if let Some((_, order)) = order {
            self.change(order, -order.qty);
        }
        order.is_some()
    }

    /// Whether the order was there, which now has `qty`.
    fn set(&mut self, id: u64, qty: i64) -> bool {
        let Some((_, order)) = self.resting.get_mut(&id) else { return false };
        let was = *order;
        order.qty = qty;
        self.change(was, qty - was.qty);
        true
    }

    /// The best bid and ask if they cross.
    fn crossed(&self) -> Option<(i32, i32)> {
        let (bid, ask) = (*self.bids.last_key_value()?.0, *self.asks.first_key_value()?.0);
        (bid >= ask).then_some((bid, ask))
    }

    /// The oldest order at two prices.
    fn oldest(&self, bid: i32, ask: i32) -> Option<u64> {
        let there = |order: &Level| order.qty > 0 && order.px == if order.side > 0 { bid } else { ask };
        let orders = self.resting.iter().filter(|(_, (_, order))| there(order));
        orders.min_by_key(|(_, (age, _))| *age).map(|(id, _)| *id)
    }

    /// What changed since the last call.
    fn changes(&mut self) -> Vec<Level> {
        let (bids, asks) = (&self.bids, &self.asks);
        let now = |(side, px): (i8, i32)| {
            if side > 0 { bids.get(&px) } else { asks.get(&px) }.copied().unwrap_or_default()
        };
        let touched = std::mem::take(&mut self.touched);
        let levels =
            touched.into_iter().map(|((side, px), was)| (was, Level { side, px, qty: now((side, px)) }));
        levels.filter(|(was, level)| *was != level.qty).map(|(_, level)| level).collect()
    }
}

struct Session {
    merged: Merged<Entry>,
    files: Files,
    steps: Steps,
    orders: Orders,
}

impl Reading for Session {
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool> {
        let Some(item) = self.merged.next(report)? else { return Ok(false) };
        match &item.what {
            Entry::Trade(row) => {
                let trade = self.trade(row, &item).map_err(|problem| problem.at(&self.files, item.origin))?;
                out.push(trade);
            }
            Entry::Group(group) => self.group(group, &item, out, report)?,
        }
        Ok(true)
    }
}

impl Session {
    fn trade(&self, row: &Row, item: &Timed<Entry>) -> Parsed<Message> {
        let side = match row.cell(5) {
            "buy" => 1,
            "sell" => -1,
            other => return Err(Problem(format!("side is '{other}'; expected buy or sell"))),
        };
        let mut head = item.head();
        head.ts_exch = Some(ms(row, EXCHANGE)?);
        head.venue_seq = Some(number(row.cell(0))?).and_then(|id| i64::try_from(id).ok());
        let (px, qty) = (self.steps.px(row.cell(3))?, self.steps.positive_qty(row.cell(4))?);
        Ok(head.with(Body::Trade(Trade { px, qty, side, id: Some(row.cell(0).to_owned()) })))
    }

    fn group(
        &mut self,
        group: &Group,
        item: &Timed<Entry>,
        out: &mut Vec<Message>,
        report: &mut Report,
    ) -> Result<()> {
        // One thing was read for the merge, and many for the person who counts rows.
        report.messages_read += group.rows.len() as u64 - 1;
        if group.last && self.deletes_all(group)? {
            for (origin, row) in &group.rows {
                report.repair(*origin, "deletion by the recorder", || format!("order {}", row.cell(0)));
            }
            return Ok(());
        }
        if group.first {
            self.orders = Orders::default();
        }
        for (origin, row) in &group.rows {
            self.order(row, *origin, group.first, report)
                .map_err(|problem| problem.at(&self.files, *origin))?;
            if group.received_ns < item.ts_recv {
                report.repair(*origin, "order held until the snapshot", || {
                    format!("received {} ns before it", item.ts_recv - group.received_ns)
                });
            }
        }
        while let Some((bid, ask)) = self.orders.crossed() {
            let Some(stale) = self.orders.oldest(bid, ask) else { break };
            report.repair(item.origin, "stale order", || {
                format!("{stale}: best bid {bid}, best ask {ask} ticks")
            });
            self.orders.remove(stale);
        }
        let mut head = item.head();
        let exchange = ms(&group.rows[0].1, EXCHANGE);
        head.ts_exch = Some(exchange.map_err(|problem| problem.at(&self.files, item.origin))?);
        let kind = if group.first { MsgKind::Snap } else { MsgKind::Delta };
        out.push(head.with(Body::Book { kind, levels: self.orders.changes() }));
        Ok(())
    }

    /// Whether a message deletes all orders that are there, and does nothing else.
    fn deletes_all(&self, group: &Group) -> Result<bool> {
        let mut known = 0;
        for (origin, row) in &group.rows {
            let id = number(row.cell(0)).map_err(|problem| problem.at(&self.files, *origin))?;
            if row.cell(5) != "deleted" {
                return Ok(false);
            }
            known += usize::from(self.orders.resting.contains_key(&id));
        }
        Ok(known == self.orders.resting.len())
    }

    fn order(&mut self, row: &Row, origin: Origin, snapshot: bool, report: &mut Report) -> Parsed<()> {
        let id = number(row.cell(0))?;
        let qty = self.steps.qty(row.cell(4))?;
        let known = match row.cell(5) {
            "created" => {
                let side = match row.cell(6) {
                    "bid" => 1,
                    "ask" => -1,
                    other => return Err(Problem(format!("direction is '{other}'; expected bid or ask"))),
                };
                let px = self.steps.price.count(row.cell(3))? as i32;
                if px == 0 {
                    report.repair(origin, "order at price 0", || format!("{id}, size {}", row.cell(4)));
                }
                self.orders.place(id, Level { side, px, qty });
                true
            }
            other if snapshot => {
                return Err(Problem(format!(
                    "action is '{other}'; expected created, in the snapshot at the beginning"
                )));
            }
            "changed" => self.orders.set(id, qty),
            "deleted" => self.orders.remove(id),
            other => {
                return Err(Problem(format!("action is '{other}'; expected created, changed or deleted")));
            }
        };
        if !known {
            report.repair(origin, "order that was never created", || format!("{id} is {}", row.cell(5)));
        }
        Ok(())
    }
}

fn number(text: &str) -> Parsed<u64> {
    text.parse().map_err(|_| Problem(format!("id is '{text}'; expected a whole number")))
}
