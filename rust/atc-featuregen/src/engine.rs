//! The engine: events in, rows out.
//!
//! `push` is the only way in; a batch is a loop over it, and live serving is the same loop. A timestamp is looked at only when it is closed,
//! so a row holds exactly what was received up to its t.

use crate::event::{Control, Event, Kind};
use crate::families::AnyFamily;
use crate::groups::Group;
use crate::market::Market;
use crate::row::Row;
use crate::rows::{RowBuffer, Rows};
use crate::spec::{SECOND, Sampling, Spec, ceil_second};
use serde::{Deserialize, Serialize};

/// A row of another sampling than `trade` belongs to the newest taker group, if that is at most so old.
const GROUP_REACH_NS: i64 = 1_830 * SECOND;

/// The row of the open group at the closed timestamp of its last print. It waits for the group to close, and is computed only when
/// something else than a print of that group comes: until then nothing has changed, and most prints that come so soon make it void.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Candidate {
    t: i64,
    ev_seq: u64,
    computed: bool,
}

/// What happened at the timestamp that is still open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Current {
    /// Messages that make a row (samplings `book` and `ticker`).
    sampled: Vec<u64>,
    /// Groups that closed at this timestamp, with a last print at this timestamp.
    closed_groups: Vec<Group>,
    /// The open group had a print.
    printed: bool,
}

impl Current {
    /// Nothing has happened; the memory stays.
    fn clear(&mut self) {
        self.sampled.clear();
        self.closed_groups.clear();
        self.printed = false;
    }
}

/// Turns events into rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    spec: Spec,
    /// Everything of this stretch: what all families read, and what each keeps.
    market: Market,
    families: Vec<AnyFamily>,
    /// `ts_recv` of the last event that was not ignored, and its `ev_seq`.
    now: Option<(i64, u64)>,
    /// Flushed.
    over: bool,
    closed: bool,
    promised: i64,
    last_market: Option<i64>,
    /// The same, of this stretch: seconds are counted from its first market event on.
    stretch_market: Option<i64>,
    current: Current,
    candidate: Option<Candidate>,
    /// Values of the row computed last, that of the candidate once it is computed.
    values: Vec<f64>,
    next_second: i64,
    rows: RowBuffer,
}

impl Engine {
    /// An engine that has seen nothing. Fails on a specification out of range.
    pub fn new(spec: Spec) -> Result<Self, String> {
        spec.check()?;
        let families = families_of(&spec);
        let columns = families.iter().map(|f| f.schema().declarations.len()).sum();
        Ok(Self {
            spec,
            market: Market::default(),
            families,
            now: None,
            over: false,
            closed: true,
            promised: i64::MIN,
            last_market: None,
            stretch_market: None,
            current: Current::default(),
            candidate: None,
            values: vec![f64::NAN; columns],
            next_second: i64::MIN,
            rows: RowBuffer::new(columns),
        })
    }

    /// The specification.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Rows finished since the last call, in key order.
    pub fn take_rows(&mut self) -> Rows {
        self.rows.take()
    }

    /// Number of rows finished since then.
    pub fn finished(&self) -> usize {
        self.rows.len()
    }

    /// Of the finished rows keeps those whose t lies in `[from, to)`.
    pub fn keep_rows(&mut self, from: i64, to: i64) {
        self.rows.keep_between(from, to);
    }

    /// Takes one event. Fails, naming the event, when time runs backwards or the event is not a possible one; the engine is then of no further use.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), String> {
        if event.is_ignored() {
            return Ok(());
        }
        self.accept(event).map_err(|why| format!("event {} at {} ns: {why}", event.ev_seq, event.ts_recv))
    }

    fn accept(&mut self, event: &Event<'_>) -> Result<(), String> {
        self.check_open()?;
        let t = event.ts_recv;
        if t < self.promised {
            return Err(format!("time ran backwards: {} ns was promised to be over", self.promised));
        }
        match self.now {
            Some((now, seq)) if t < now || (t == now && event.ev_seq <= seq) => {
                return Err(format!(
                    "expected events in order of (ts_recv, ev_seq); the one before was {seq} at {now} ns"
                ));
            }
            Some((now, _)) if t > now => self.pass_to(t)?,
            _ => {}
        }
        if event.is_market() {
            if let Some(last) = self.last_market
                && t - last > self.spec.max_gap_ns
            {
                self.reset(t)?;
            }
            self.last_market = Some(t);
            if self.stretch_market.is_none() {
                self.next_second = ceil_second(t);
            }
            self.stretch_market = Some(t);
        }
        if self.now.is_none_or(|(now, _)| t > now) {
            self.current.clear();
            self.closed = false;
        }
        self.now = Some((t, event.ev_seq));
        self.apply(t, event)
    }

    fn check_open(&self) -> Result<(), String> {
        if self.over {
            return Err("the stream was flushed: nothing comes after its end, make a new engine".to_owned());
        }
        Ok(())
    }

    fn apply(&mut self, t: i64, event: &Event<'_>) -> Result<(), String> {
        if !matches!(event.kind, Kind::Trade { .. }) {
            self.compute_candidate()?;
        }
        match event.kind {
            Kind::Book(kind, levels) => {
                self.market.book(t, kind, levels, &self.spec)?;
                let inserted = crate::event::flag::SNAPSHOT | crate::event::flag::REPEAT;
                if self.spec.sampling == Sampling::Book && event.flags & inserted != inserted {
                    self.current.sampled.push(event.ev_seq);
                }
            }
            Kind::Trade { px, qty, side } => {
                if px <= 0 || qty < 0 || side.abs() > 1 {
                    return Err(format!(
                        "print of {qty} lots at {px} ticks, side {side}: expected price > 0, size ≥ 0, side −1, 0, +1"
                    ));
                }
                let print = Group {
                    ev_seq: event.ev_seq,
                    ts_exch: event.ts_exch,
                    side,
                    size: qty,
                    notional: i128::from(px) * i128::from(qty),
                };
                self.print(t, print)?;
            }
            Kind::Ticker(ticker) => {
                self.market.ticker(ticker)?;
                if self.spec.sampling == Sampling::Ticker {
                    self.current.sampled.push(event.ev_seq);
                }
            }
            Kind::Control(Control::Reset) => {
                self.close_timestamp(t)?;
                self.reset(t)?;
                self.closed = false;
            }
            Kind::Control(Control::Other) => {}
        }
        Ok(())
    }

    fn print(&mut self, t: i64, print: Group) -> Result<(), String> {
        if self.market.groups.joins(print.ts_exch, print.side) {
            if self.candidate.take().is_some_and(|candidate| candidate.computed) {
                for family in &mut self.families {
                    family.take_row_back();
                }
            }
        } else {
            self.close_group(t)?;
        }
        let print = self.market.groups.print(t, print)?;
        for family in &mut self.families {
            family.on_print(&print, &self.spec)?;
        }
        self.current.printed = true;
        Ok(())
    }

    /// A row with a t before `end` may still come out.
    pub fn waits_before(&self, end: i64) -> bool {
        let timestamp_open = !self.closed && self.now.is_some_and(|(now, _)| now < end);
        let group_open = self.market.groups.open().is_some_and(|(t, _)| *t < end);
        timestamp_open || (group_open && self.spec.sampling == Sampling::Trade)
    }

    /// No event before `now` will come any more: rows that this decides come out.
    pub fn advance(&mut self, now: i64) -> Result<(), String> {
        self.check_open()?;
        self.promised = self.promised.max(now);
        match self.now {
            Some((last, _)) if now > last => self.pass_to(now),
            _ => Ok(()),
        }
    }

    /// The stream is over: everything that waits comes out, and no event is taken any more. To call it again changes nothing.
    pub fn flush(&mut self) -> Result<(), String> {
        self.over = true;
        let Some((now, ev_seq)) = self.now else {
            return Ok(());
        };
        self.close_timestamp(now)?;
        if let Some((t, _)) = self.market.groups.open() {
            self.close_group(t + self.spec.group_ns)?;
        }
        if self.next_second == now {
            self.clock_rows(now + 1, ev_seq)?;
        }
        Ok(())
    }

    /// Time moves on to `t`, later than the last event.
    fn pass_to(&mut self, t: i64) -> Result<(), String> {
        let Some((_, ev_seq)) = self.now else {
            return Ok(());
        };
        self.close_timestamp(t)?;
        if let Some((last_print, _)) = self.market.groups.open()
            && t > last_print + self.spec.group_ns
        {
            self.close_group(t)?;
        }
        self.clock_rows(t, ev_seq)
    }

    /// The whole seconds before `end` that are due, none later than `max_gap` after the last market event.
    fn clock_rows(&mut self, end: i64, ev_seq: u64) -> Result<(), String> {
        let Some(last) = self.stretch_market.filter(|_| self.spec.sampling == Sampling::Clock1s) else {
            return Ok(());
        };
        let end = end.min(last.saturating_add(self.spec.max_gap_ns).saturating_add(1));
        while self.next_second < end {
            let t = self.next_second;
            self.next_second += SECOND;
            self.row(t, ev_seq, t)?;
        }
        Ok(())
    }

    /// The open timestamp is over, and its rows are computed; `ts_close` is for those that need no more.
    fn close_timestamp(&mut self, ts_close: i64) -> Result<(), String> {
        let Some((t, _)) = self.now else {
            return Ok(());
        };
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        if let Some(closed) = self.market.close_book(t, &self.spec)? {
            for family in &mut self.families {
                family.on_book(&closed, &self.market, &self.spec)?;
            }
        }
        if let Some(closed) = self.market.close_ticker(t) {
            for family in &mut self.families {
                family.on_ticker(&closed, &self.spec)?;
            }
        }
        let mut current = std::mem::take(&mut self.current);
        self.rows_of(&current, t, ts_close)?;
        current.clear();
        self.current = current;
        Ok(())
    }

    fn rows_of(&mut self, current: &Current, t: i64, ts_close: i64) -> Result<(), String> {
        for ev_seq in &current.sampled {
            self.row(t, *ev_seq, ts_close)?;
        }
        if self.spec.sampling != Sampling::Trade {
            return Ok(());
        }
        for group in &current.closed_groups {
            self.compute(t, Some(group))?;
            self.rows.push(t, group.ev_seq, t, &self.values);
        }
        if current.printed
            && let Some((_, group)) = self.market.groups.open()
        {
            self.candidate = Some(Candidate { t, ev_seq: group.ev_seq, computed: false });
        }
        Ok(())
    }

    /// Computes the candidate from what is still the state at its timestamp.
    fn compute_candidate(&mut self) -> Result<(), String> {
        let Some(candidate) = self.candidate.as_mut().filter(|candidate| !candidate.computed) else {
            return Ok(());
        };
        candidate.computed = true;
        let (t, group) = (candidate.t, self.market.groups.open().map(|(_, group)| *group));
        self.compute(t, group.as_ref())
    }

    /// The open group grows no more, decided at `ts_close`; its row comes out, or waits for the end of its timestamp.
    fn close_group(&mut self, ts_close: i64) -> Result<(), String> {
        let Some((t, group)) = self.market.groups.open().copied() else {
            return Ok(());
        };
        self.compute_candidate()?;
        self.market.groups.close();
        if let Some(candidate) = self.candidate.take() {
            self.rows.push(candidate.t, candidate.ev_seq, ts_close, &self.values);
        } else if self.spec.sampling == Sampling::Trade {
            debug_assert_eq!(self.now.map(|(now, _)| now), Some(t));
            self.current.closed_groups.push(group);
        }
        Ok(())
    }

    /// A row of a sampling other than `trade`.
    fn row(&mut self, t: i64, ev_seq: u64, ts_close: i64) -> Result<(), String> {
        let newest = self.market.groups.newest().copied();
        let group = newest.filter(|(since, _)| t - since <= GROUP_REACH_NS).map(|(_, group)| group);
        self.compute(t, group.as_ref())?;
        self.rows.push(t, ev_seq, ts_close, &self.values);
        Ok(())
    }

    /// The values of a row at `t`, which enters the row statistics.
    fn compute(&mut self, t: i64, group: Option<&Group>) -> Result<(), String> {
        let row = Row::new(t, group);
        self.values.fill(f64::NAN);
        let mut rest = &mut self.values[..];
        for family in &mut self.families {
            let (values, others) = rest.split_at_mut(family.schema().declarations.len());
            family.row(&row, &self.market, &self.spec, values)?;
            rest = others;
        }
        Ok(())
    }

    /// A new stretch begins at `t`; the timestamps before are closed.
    fn reset(&mut self, t: i64) -> Result<(), String> {
        self.close_group(t)?;
        self.market = Market::default();
        self.families = families_of(&self.spec);
        self.current.clear();
        self.candidate = None;
        self.stretch_market = None;
        Ok(())
    }
}

/// The families of the schemas asked for, which the specification's check has found.
fn families_of(spec: &Spec) -> Vec<AnyFamily> {
    spec.schemas.iter().filter_map(|name| AnyFamily::new(name, spec)).collect()
}
