//! The engine: events in, rows out.
//!
//! `push` is the only way in; a batch is a loop over it, and live serving is the same loop. A timestamp is looked at only when it is closed,
//! so a row holds exactly what was received up to its t.

use crate::columns::COLUMNS;
use crate::event::{Control, Event, Kind};
use crate::groups::Group;
use crate::spec::{SECOND, Sampling, Spec};
use crate::state::{State, Values};
use serde::{Deserialize, Serialize};

/// Finished rows, column by column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Time of the row, ns UTC.
    pub ts_recv: Vec<i64>,
    /// With `ts_recv` (and the symbol) the key of the row.
    pub ev_seq: Vec<u64>,
    /// When the row became known, ns UTC: the time of decision.
    pub ts_close: Vec<i64>,
    /// One vector a column; NaN is null.
    pub columns: Vec<Vec<f32>>,
}

impl Rows {
    /// None.
    pub fn new() -> Self {
        Self { columns: vec![Vec::new(); COLUMNS], ..Self::default() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ts_recv.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.ts_recv.is_empty()
    }

    /// Appends those of `other` whose t lies in `[from, to)`.
    pub fn extend_between(&mut self, other: &Self, from: i64, to: i64) {
        let start = other.ts_recv.partition_point(|t| *t < from);
        let end = other.ts_recv.partition_point(|t| *t < to);
        if start >= end {
            return;
        }
        self.ts_recv.extend_from_slice(&other.ts_recv[start..end]);
        self.ev_seq.extend_from_slice(&other.ev_seq[start..end]);
        self.ts_close.extend_from_slice(&other.ts_close[start..end]);
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.extend_from_slice(&theirs[start..end]);
        }
    }

    fn push(&mut self, t: i64, ev_seq: u64, ts_close: i64, values: &Values) {
        self.ts_recv.push(t);
        self.ev_seq.push(ev_seq);
        self.ts_close.push(ts_close);
        for (column, x) in self.columns.iter_mut().zip(values) {
            let x = *x as f32;
            column.push(if x.is_finite() { x } else { f32::NAN });
        }
    }
}

/// A computed row that waits for its group to close.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Candidate {
    t: i64,
    ev_seq: u64,
    values: Vec<f64>,
}

impl Candidate {
    fn values(&self) -> Values {
        std::array::from_fn(|i| self.values[i])
    }
}

/// What happened at the timestamp that is still open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Current {
    had_book: bool,
    /// Messages that make a row (samplings `book` and `ticker`).
    sampled: Vec<u64>,
    /// Groups that closed at this timestamp, with a last print at this timestamp.
    closed_groups: Vec<Group>,
    /// The open group had a print.
    printed: bool,
}

/// Turns events into rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    spec: Spec,
    state: State,
    /// `ts_recv` of the last event that was not ignored, and its `ev_seq`.
    now: Option<(i64, u64)>,
    closed: bool,
    promised: i64,
    last_market: Option<i64>,
    /// The same, of this stretch: seconds are counted from its first market event on.
    stretch_market: Option<i64>,
    current: Current,
    candidate: Option<Candidate>,
    next_second: i64,
    rows: Rows,
}

impl Engine {
    /// An engine that has seen nothing. Fails on a specification out of range.
    pub fn new(spec: Spec) -> Result<Self, String> {
        spec.check()?;
        let state = State::new(&spec);
        Ok(Self {
            spec,
            state,
            now: None,
            closed: true,
            promised: i64::MIN,
            last_market: None,
            stretch_market: None,
            current: Current::default(),
            candidate: None,
            next_second: i64::MIN,
            rows: Rows::new(),
        })
    }

    /// The specification.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Rows finished since the last call, in key order.
    pub fn take_rows(&mut self) -> Rows {
        std::mem::replace(&mut self.rows, Rows::new())
    }

    /// Takes one event. Fails, naming the event, when time runs backwards or the event is not a possible one; the engine is then of no further use.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), String> {
        if event.is_ignored() {
            return Ok(());
        }
        self.accept(event).map_err(|why| format!("event {} at {} ns: {why}", event.ev_seq, event.ts_recv))
    }

    fn accept(&mut self, event: &Event<'_>) -> Result<(), String> {
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
            self.current = Current::default();
            self.closed = false;
        }
        self.now = Some((t, event.ev_seq));
        self.apply(t, event)
    }

    fn apply(&mut self, t: i64, event: &Event<'_>) -> Result<(), String> {
        match event.kind {
            Kind::Book(kind, levels) => {
                self.state.book(t, kind, levels, &self.spec)?;
                self.current.had_book = true;
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
                self.state.ticker(ticker)?;
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
        if self.state.groups.joins(print.ts_exch, print.side) {
            if let Some(candidate) = self.candidate.take() {
                self.state.take_row_back(&candidate.values());
            }
        } else {
            self.close_group(t);
        }
        self.state.groups.print(t, print, &self.spec)?;
        self.current.printed = true;
        Ok(())
    }

    /// A row with a t before `end` may still come out.
    pub fn waits_before(&self, end: i64) -> bool {
        let timestamp_open = !self.closed && self.now.is_some_and(|(now, _)| now < end);
        let group_open = self.state.groups.open().is_some_and(|(t, _)| *t < end);
        timestamp_open || (group_open && self.spec.sampling == Sampling::Trade)
    }

    /// No event before `now` will come any more: rows that this decides come out.
    pub fn advance(&mut self, now: i64) -> Result<(), String> {
        self.promised = self.promised.max(now);
        match self.now {
            Some((last, _)) if now > last => self.pass_to(now),
            _ => Ok(()),
        }
    }

    /// The stream is over: everything that waits comes out. To call it again changes nothing.
    pub fn flush(&mut self) -> Result<(), String> {
        let Some((now, ev_seq)) = self.now else {
            return Ok(());
        };
        self.close_timestamp(now)?;
        if let Some((t, _)) = self.state.groups.open() {
            self.close_group(t + self.spec.group_ns);
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
        if let Some((last_print, _)) = self.state.groups.open()
            && t > last_print + self.spec.group_ns
        {
            self.close_group(t);
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
        self.state.close_timestamp(t, self.current.had_book, &self.spec)?;
        let current = std::mem::take(&mut self.current);
        for ev_seq in current.sampled {
            self.row(t, ev_seq, ts_close)?;
        }
        if self.spec.sampling != Sampling::Trade {
            return Ok(());
        }
        for group in &current.closed_groups {
            let values = self.values_with_statistics(t, Some(group))?;
            self.rows.push(t, group.ev_seq, t, &values);
        }
        if current.printed
            && let Some((_, group)) = self.state.groups.open().copied()
        {
            let values = self.values_with_statistics(t, Some(&group))?;
            self.candidate = Some(Candidate { t, ev_seq: group.ev_seq, values: values.to_vec() });
        }
        Ok(())
    }

    /// The open group grows no more, decided at `ts_close`; its row comes out, or waits for the end of its timestamp.
    fn close_group(&mut self, ts_close: i64) {
        let Some((t, group)) = self.state.groups.open().copied() else {
            return;
        };
        self.state.groups.close();
        if let Some(candidate) = self.candidate.take() {
            self.rows.push(candidate.t, candidate.ev_seq, ts_close, &candidate.values());
        } else if self.spec.sampling == Sampling::Trade {
            debug_assert_eq!(self.now.map(|(now, _)| now), Some(t));
            self.current.closed_groups.push(group);
        }
    }

    /// A row of a sampling other than `trade`.
    fn row(&mut self, t: i64, ev_seq: u64, ts_close: i64) -> Result<(), String> {
        let reach = self.spec.max_lookback_ns();
        let group = self.state.groups.newest().filter(|(since, _)| t - since <= reach).map(|(_, g)| *g);
        let values = self.values_with_statistics(t, group.as_ref())?;
        self.rows.push(t, ev_seq, ts_close, &values);
        Ok(())
    }

    fn values_with_statistics(&mut self, t: i64, group: Option<&Group>) -> Result<Values, String> {
        let mut values = self.state.values(t, group, &self.spec);
        self.state.add_row(t, &mut values, &self.spec)?;
        Ok(values)
    }

    /// A new stretch begins at `t`; the timestamps before are closed.
    fn reset(&mut self, t: i64) -> Result<(), String> {
        self.close_group(t);
        self.state = State::new(&self.spec);
        self.current = Current::default();
        self.candidate = None;
        self.stretch_market = None;
        Ok(())
    }
}

fn ceil_second(t: i64) -> i64 {
    -(-t).div_euclid(SECOND) * SECOND
}
