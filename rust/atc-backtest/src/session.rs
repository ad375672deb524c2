//! The pass over the book: time moves on, and what is due happens in its order.
//!
//! At equal times: points (which see what was before), then all messages, then executions, then decisions.

use crate::decisions::Decisions;
use crate::drawdown::{Drawdown, DrawdownSpec};
use crate::execution::{Decision, Rules};
use crate::ledger::money;
use crate::market::Market;
use crate::oracle_path::OraclePath;
use crate::order::Fill;
use crate::pace::Pace;
use crate::points::{Point, Points};
use crate::results::{DrawdownResult, Results};
use crate::runner::Runner;
use crate::spec::{ORACLE_PATH, Spec, StrategySpec};
use crate::strategy::Strategy;
use atc_featuregen::batch::{Tables, merge};
use atc_featuregen::event::{Control, Event, Kind, Level};

/// All strategies over one session.
#[derive(Debug)]
pub struct Backtest {
    end: i64,
    rules: Rules,
    points: Points,
    market: Market,
    runners: Vec<Runner>,
    drawdowns: Vec<Drawdown>,
    drawdowns_of: Vec<DrawdownSpec>,
    /// The next decision.
    row: usize,
    /// Time and number of the last event.
    now: Option<(i64, u64)>,
    /// The last event's timestamp is closed.
    closed: bool,
    /// It has a book message.
    framed: bool,
    /// Of the book message at hand; the memory stays.
    levels: Vec<Level>,
    /// Of the orders under way: the first arrival and the first deadline.
    arrival: i64,
    deadline: i64,
    over: bool,
    /// No event comes any more.
    ended: bool,
    fills: Vec<Fill>,
}

impl Backtest {
    /// A session that has seen nothing. Refuses a specification or decisions that cannot be.
    pub fn new(spec: &Spec, decisions: &Decisions<'_>) -> Result<Self, String> {
        spec.check(decisions.columns)?;
        decisions.check(spec)?;
        let runner = |strategy: &StrategySpec| match strategy {
            strategy if strategy.policy == ORACLE_PATH => {
                Runner::OraclePath(Box::new(OraclePath::new(strategy, spec)))
            }
            strategy => Runner::Strategy(Box::new(Strategy::new(strategy, spec, decisions.columns))),
        };
        let place = |name: &str| spec.strategies.iter().position(|strategy| strategy.name == name);
        Ok(Self {
            end: spec.end_ns,
            rules: Rules::new(spec)?,
            points: Points::new(spec),
            market: Market::new(spec.max_gap_ns),
            runners: spec.strategies.iter().map(runner).collect(),
            drawdowns: spec.drawdowns.iter().filter_map(|of| Drawdown::new(of, place)).collect(),
            drawdowns_of: spec.drawdowns.clone(),
            row: 0,
            now: None,
            closed: true,
            framed: false,
            levels: Vec::new(),
            arrival: i64::MAX,
            deadline: i64::MAX,
            over: false,
            ended: false,
            fills: Vec::new(),
        })
    }

    /// Takes a part of the events, with the decisions that it was made with. All its events come after those of the part
    /// before, and no timestamp lies in two parts. `true`: the session is over, further parts change nothing. `go_on` is asked
    /// now and then, and ends it with an error by a no.
    pub fn feed(
        &mut self,
        decisions: &Decisions<'_>,
        tables: &Tables<'_>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, String> {
        let mut pace = Pace::new(go_on);
        if !self.over {
            merge(tables, |event| {
                if !event.is_ignored() {
                    self.over = event.ts_recv >= self.end;
                    if !self.over {
                        self.push(decisions, event, &mut pace)?;
                    }
                }
                Ok(!self.over)
            })?;
        }
        Ok(self.over)
    }

    fn push(
        &mut self,
        decisions: &Decisions<'_>,
        event: &Event<'_>,
        pace: &mut Pace<'_>,
    ) -> Result<(), String> {
        pace.step()?;
        let (t, seq) = (event.ts_recv, event.ev_seq);
        match self.now {
            Some((now, last)) if t < now || (t == now && seq <= last) => {
                return Err(format!(
                    "event {seq} at {t} ns: expected events in order of (ts_recv, ev_seq); the one before was {last} at {now} ns"
                ));
            }
            Some((now, _)) if t == now => {}
            _ => {
                self.close()?;
                self.pass_to(t, decisions, pace)?;
                self.closed = false;
                self.framed = false;
            }
        }
        self.now = Some((t, seq));
        match event.kind {
            Kind::Book(kind, levels) => {
                self.framed = true;
                self.levels.clear();
                self.levels.extend(levels.iter());
                self.market
                    .message(t, kind, event.flags, &self.levels)
                    .map_err(|why| format!("event {seq} at {t} ns: {why}"))?;
            }
            Kind::Control(Control::Reset) => self.market.reset(),
            _ => {}
        }
        Ok(())
    }

    /// The timestamp of the last event is over: orders that have arrived meet its book.
    fn close(&mut self) -> Result<(), String> {
        let Some((now, _)) = self.now.filter(|_| !self.closed) else {
            return Ok(());
        };
        self.closed = true;
        if self.framed {
            let before = self.market.marks;
            self.market.close(now);
            if self.market.marks != before {
                self.look();
            }
            if self.arrival <= now {
                self.execute(now, true)?;
            }
        }
        Ok(())
    }

    /// Something moved the equities.
    fn look(&mut self) {
        let Self { drawdowns, runners, market, .. } = self;
        for drawdown in drawdowns {
            drawdown.look(|place| runners[place].equity(&market.marks));
        }
    }

    /// Everything that is due before `t`, and the points at `t`.
    fn pass_to(&mut self, t: i64, decisions: &Decisions<'_>, pace: &mut Pace<'_>) -> Result<(), String> {
        loop {
            let point = self.points.next();
            let decision = decisions.ts.get(self.row).copied().unwrap_or(i64::MAX);
            if point <= t && point <= self.deadline && point <= decision {
                self.point()?;
            } else if self.deadline < t && self.deadline <= decision {
                self.execute(self.deadline, false)?;
            } else if decision < t {
                pace.step()?;
                self.decide(decisions)?;
            } else {
                return Ok(());
            }
        }
    }

    fn point(&mut self) -> Result<(), String> {
        let (ts, point) = self.points.take();
        let marks = &self.market.marks;
        for runner in &mut self.runners {
            match (runner, point) {
                (Runner::Strategy(strategy), Point::Cut(due)) => strategy.cut(ts, marks, due)?,
                (Runner::Strategy(strategy), Point::Grid) if strategy.curve => {
                    strategy.ledger.point(ts, marks)?;
                }
                (Runner::OraclePath(oracle), Point::Cut(due)) => oracle.cut(ts, marks, due),
                (Runner::OraclePath(oracle), Point::Grid) => oracle.point(ts, marks),
                _ => {}
            }
        }
        if matches!(point, Point::Cut(_)) {
            self.look();
        }
        Ok(())
    }

    fn decide(&mut self, decisions: &Decisions<'_>) -> Result<(), String> {
        let (row, ts) = (self.row, decisions.ts[self.row]);
        self.row += 1;
        let decision = Decision { row, ts, seen: self.market.seen(ts), first: row == 0 };
        for runner in &mut self.runners {
            match runner {
                Runner::Strategy(strategy) => {
                    strategy.decide(&decision, decisions.targets, &self.rules, &self.market)?;
                    if let Some(sent) = &strategy.pending {
                        self.arrival = self.arrival.min(sent.arrival);
                        self.deadline = self.deadline.min(sent.deadline);
                    }
                }
                Runner::OraclePath(oracle) => {
                    oracle.decide(&decision, &self.rules, &self.market);
                    if let Some((arrival, deadline)) = oracle.under_way() {
                        self.arrival = self.arrival.min(arrival);
                        self.deadline = self.deadline.min(deadline);
                    }
                }
            }
        }
        // An order that takes no time meets the frame that it was decided on.
        if self.arrival <= ts && self.framed && self.now.is_some_and(|(now, _)| now == ts) {
            self.execute(ts, true)?;
        }
        Ok(())
    }

    /// At `e` orders meet the book: those that have arrived if it is a `frame`, else those that wait no longer. Past the last
    /// event they meet none.
    fn execute(&mut self, e: i64, frame: bool) -> Result<(), String> {
        let none = self.ended && self.now.is_none_or(|(now, _)| e > now);
        let due = |arrival: i64, deadline: i64| if frame { arrival <= e } else { deadline <= e };
        let Self { rules, market, fills, .. } = self;
        let (mut first_arrival, mut first_deadline) = (i64::MAX, i64::MAX);
        for runner in &mut self.runners {
            let (arrival, deadline) = match runner {
                Runner::Strategy(strategy) => {
                    match strategy.pending.as_ref().map(|sent| due(sent.arrival, sent.deadline)) {
                        Some(true) if none => strategy.give_up(market)?,
                        Some(true) => strategy.execute(e, rules, market, fills)?,
                        _ => {}
                    }
                    let pending = strategy.pending.as_ref();
                    pending.map_or((i64::MAX, i64::MAX), |sent| (sent.arrival, sent.deadline))
                }
                Runner::OraclePath(oracle) => {
                    while oracle.under_way().is_some_and(|(arrival, deadline)| due(arrival, deadline)) {
                        oracle.execute((!none).then_some(e), rules, market, fills);
                    }
                    oracle.under_way().unwrap_or((i64::MAX, i64::MAX))
                }
            };
            first_arrival = first_arrival.min(arrival);
            first_deadline = first_deadline.min(deadline);
        }
        (self.arrival, self.deadline) = (first_arrival, first_deadline);
        self.look();
        Ok(())
    }

    /// The data is over: what is due until the end of the session, and what all of it came to. `go_on`: see [`Self::feed`].
    pub fn finish(
        mut self,
        decisions: &Decisions<'_>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Results, String> {
        self.close()?;
        self.ended = true;
        self.pass_to(self.end, decisions, &mut Pace::new(go_on))?;
        self.execute(i64::MAX, false)?;
        let drawdown = |(of, found): (&DrawdownSpec, &Drawdown)| {
            let DrawdownSpec { strategy, against } = of.clone();
            Ok(DrawdownResult { strategy, against, drawdown: money(found.fall, "a drawdown")? })
        };
        let drawdowns = self.drawdowns_of.iter().zip(&self.drawdowns).map(drawdown);
        let drawdowns = drawdowns.collect::<Result<_, String>>()?;
        let (marks, end) = (self.market.marks, self.end);
        let (mut strategies, mut given_up) = (Vec::new(), Vec::new());
        for runner in self.runners {
            match runner.finish(end, &marks)? {
                Ok(result) => strategies.push(result),
                Err(search) => given_up.push(search),
            }
        }
        Ok(Results { strategies, given_up, drawdowns })
    }
}
