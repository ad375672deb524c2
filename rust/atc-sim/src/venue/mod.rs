//! The venue: what of the market is published, when, and when it is received.

mod faults;
mod statistics;
#[cfg(test)]
mod tests;
mod window;

use crate::{
    book::Side,
    day::{BAD_TS, DUP_OTHER_SIDE, Day, GAP_END, GAP_START, LAST, MAYBE_BAD_BOOK, RESET, Row, STATUS},
    market::TakerOrder,
    params::{BadParams, Params},
    rng::Rng,
    session::{Session, SessionClock},
    source::Source,
};
use faults::{Fate, Faults};
use statistics::DailyStatistics;
use window::Window;

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 1_440 * MINUTE;
/// One connection delivers in order: least distance of two messages, and of the prints of one execution.
const LEAST_SPACING: i64 = 20_000;
/// How far a venue's time that runs backwards runs back.
const VENUE_REGRESSION: i64 = 3 * SECOND;

/// How many snapshots can be under way to the receiver at once, and one more.
const QUOTES: usize = 4;

/// The market just before it runs on, and what a receiver has seen of it.
pub(crate) struct Stop<'a> {
    pub source: &'a Source,
    /// The time up to which the market runs next, ns.
    pub until: i64,
    /// The next point of the publication grid, ns; not before `until`.
    pub next_snapshot: i64,
    /// Time of receipt (ns) and twice the mid (ticks) of the last snapshots published, the latest last.
    pub quotes: [(i64, i64); QUOTES],
}

/// A market and its venue. Deterministic in (parameters, seed); day k does not depend on how many days are asked for.
#[derive(Clone, Debug)]
pub struct Simulator {
    params: Params,
    source: Source,
    session: SessionClock,
    rng: Rng,
    faults: Faults,
    order: TakerOrder,
    statistics: DailyStatistics,
    last_px: Option<i32>,
    window: Window,
    quotes: [(i64, i64); QUOTES],
    last_keyframe: Option<i64>,
    last_snapshot_recv: Option<i64>,
    /// The next snapshot is published whole, whatever it shows.
    whole_due: bool,
    last_recv: i64,
    last_exch: i64,
    ev_seq: u64,
    next_snapshot: i64,
    next_ticker: i64,
    last_ticker_exch: i64,
    day: Day,
    /// Messages received after the end of the day that is being made.
    following: Day,
    truth: Option<(i8, bool, f64)>,
}

impl Simulator {
    /// A market that starts a day before the first business day, so that the book has settled and the 24 h
    /// statistics are whole when publication begins.
    ///
    /// # Errors
    /// A parameter out of its range.
    pub fn new(params: Params, seed: u64) -> Result<Self, BadParams> {
        params.check()?;
        let start = params.start_ns - DAY;
        let mut simulator = Self {
            source: Source::new(&params, seed, start),
            session: SessionClock::new(&params.maintenance),
            rng: Rng::new(seed, 31),
            faults: Faults::new(&params, seed, params.start_ns),
            order: TakerOrder::default(),
            statistics: DailyStatistics::new(start),
            last_px: None,
            window: Window::new(params.depth),
            quotes: [(i64::MIN, 0); QUOTES],
            last_keyframe: None,
            last_snapshot_recv: None,
            whole_due: true,
            last_recv: i64::MIN,
            last_exch: i64::MIN,
            ev_seq: 0,
            next_snapshot: start + params.snapshot_ms * MILLISECOND,
            next_ticker: start + params.ticker_ms * MILLISECOND,
            last_ticker_exch: i64::MIN,
            day: Day::default(),
            following: Day { start_ns: start, ..Day::default() },
            truth: None,
            params,
        };
        simulator.session.advance(start);
        simulator.next_day();
        simulator.ev_seq = simulator.following.renumber();
        Ok(simulator)
    }

    /// The market behind the venue, at the end of the day that was made last.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// First nanosecond of the business day that comes next, UTC.
    pub fn next_day_start(&self) -> i64 {
        self.following.start_ns
    }

    /// The next business day.
    pub fn next_day(&mut self) -> Day {
        self.next_day_watched(&mut |_| {})
    }

    /// The next business day, with a look at the market before each of its steps.
    pub(crate) fn next_day_watched(&mut self, watch: &mut dyn FnMut(&Stop<'_>)) -> Day {
        let start_ns = self.following.start_ns;
        self.day = std::mem::take(&mut self.following);
        self.day.start_ns = start_ns;
        self.following.start_ns = start_ns + DAY;
        let end = start_ns + DAY;
        loop {
            // Nothing that happens after the end can be received before it.
            let until = self.next_snapshot.min(self.next_ticker).min(self.session.constant_until());
            if until >= end {
                break;
            }
            watch(&self.stop(until));
            self.run(until);
            while let Some(began) = self.session.step(until) {
                self.status(began);
            }
            let published = self.session.now() != Session::Closed;
            if self.next_snapshot == until {
                self.next_snapshot += self.params.snapshot_ms * MILLISECOND;
                if published {
                    self.snapshot(until);
                }
            }
            if self.next_ticker == until {
                self.next_ticker += self.params.ticker_ms * MILLISECOND;
                if published {
                    self.ticker(until);
                }
            }
        }
        watch(&self.stop(end));
        self.run(end);
        std::mem::take(&mut self.day)
    }

    fn stop(&self, until: i64) -> Stop<'_> {
        Stop { source: &self.source, until, next_snapshot: self.next_snapshot, quotes: self.quotes }
    }

    /// Publishes the market orders up to `until`.
    fn run(&mut self, until: i64) {
        while self.source.advance(until, &mut self.order) {
            self.prints();
            self.note_truth();
        }
        self.note_truth();
    }

    fn note_truth(&mut self) {
        let now = self.source.truth();
        if self.truth != Some(now) || self.day.truth.ts.is_empty() {
            self.truth = Some(now);
            self.day.truth.ts.push(self.source.now());
            self.day.truth.pressure.push(now.0);
            self.day.truth.absorbing.push(now.1);
            self.day.truth.pace.push(now.2);
        }
    }

    /// When a message of the venue's time `ts` is received: a delay, in order, on one connection.
    fn receive(&mut self, ts: i64) -> i64 {
        let delay = self.params.latency_least_ms + self.rng.exponential(self.params.latency_mean_ms);
        // Whole microseconds: finer ones would be noise that does not compress.
        let recv = (ts / MICROSECOND + (delay * 1e3) as i64) * MICROSECOND;
        recv.max(self.last_recv.saturating_add(LEAST_SPACING))
    }

    fn number(&mut self) -> u64 {
        self.ev_seq += 1;
        self.ev_seq
    }

    /// The day that a message received at `ts_recv` belongs to.
    fn day_of(&mut self, ts_recv: i64) -> &mut Day {
        if ts_recv < self.following.start_ns { &mut self.day } else { &mut self.following }
    }

    /// A message of the venue's time `ts` that would be received at `ts_recv`: whether it comes through. Tells the
    /// receiver's side of a lost connection.
    fn comes_through(&mut self, ts: i64, ts_recv: i64, is_snapshot: bool) -> bool {
        let calm_until = self.session.constant_until().min(self.following.start_ns);
        let fate = self.faults.fate(ts, is_snapshot, calm_until, &mut self.day.injected);
        match fate {
            Fate::Delivered => true,
            Fate::Missed => false,
            Fate::Breaks => {
                self.control(ts_recv, None, GAP_START, "connection lost");
                self.control(ts_recv, None, RESET, "the book is unknown until the next snapshot");
                false
            }
            Fate::Rejoins => {
                self.control(ts_recv - LEAST_SPACING, None, GAP_END, "connected again");
                self.whole_due = true;
                true
            }
        }
    }

    fn control(&mut self, ts_recv: i64, ts_exch: Option<i64>, kind: u8, detail: &'static str) {
        let ts_recv = ts_recv.max(self.last_recv);
        self.last_recv = ts_recv;
        let ev_seq = self.number();
        self.day_of(ts_recv).control.push(ev_seq, ts_recv, ts_exch, kind, detail);
    }

    /// The venue's word on its new session.
    fn status(&mut self, ts: i64) {
        let ts_recv = self.receive(ts);
        self.control(ts_recv, Some(ts), STATUS, self.session.now().status());
        self.whole_due = true;
    }

    /// Every execution twice, the taker's side first; the prints of one order have one venue time.
    fn prints(&mut self) {
        let order = std::mem::take(&mut self.order);
        // Two orders of one side never share a millisecond here: the venue's clock steps between them.
        let ts_exch = (order.ts / MILLISECOND * MILLISECOND).max(self.last_exch + MILLISECOND);
        self.last_exch = ts_exch;
        self.statistics.roll(order.ts);
        for fill in &order.fills {
            self.statistics.add(fill.px, fill.qty);
            self.last_px = Some(fill.px);
        }
        let mut ts_recv = self.receive(ts_exch.max(order.ts));
        if self.comes_through(order.ts, ts_recv, false) {
            let again = self.faults.duplicates(order.ts);
            let last = order.fills.last().filter(|_| again);
            for fill in order.fills.iter().chain(last) {
                for (side, flags) in [(order.sign, LAST), (-order.sign, LAST | DUP_OTHER_SIDE)] {
                    let row = Row { ev_seq: self.number(), ts_recv, ts_exch, flags };
                    self.day_of(ts_recv).trade.push(row, fill.px, fill.qty, side);
                    self.last_recv = ts_recv;
                    ts_recv += LEAST_SPACING;
                }
            }
            if again {
                let last = self.last_recv;
                self.day_of(last).injected.duplicate_prints += 1;
            }
        }
        self.order = order;
    }

    fn snapshot(&mut self, ts: i64) {
        let changed = self.window.look(&self.source);
        // Drawn at every grid point, so that the stream of delays does not depend on what changed.
        let repeats = self.rng.chance(self.params.repeat_probability);
        let crossed = self.faults.crosses(ts);
        if !(repeats || changed || self.whole_due || crossed.is_some()) {
            return;
        }
        let mut ts_recv = self.receive(ts);
        if !self.comes_through(ts, ts_recv, true) {
            return;
        }
        let mut flags = 0;
        if let Some((above, qty)) = crossed {
            self.window.cross(above, qty);
            flags |= MAYBE_BAD_BOOK;
        }
        // The receiver's clock ran back behind the message before: stored with the running maximum.
        let backwards = self.last_recv >= self.day.start_ns && self.faults.clock_regresses(ts);
        if backwards {
            ts_recv = self.last_recv;
            flags |= BAD_TS;
        }
        self.last_recv = ts_recv;
        let row = Row { ev_seq: self.number(), ts_recv, ts_exch: ts, flags };
        let keyframe = self.params.keyframe_s * SECOND;
        let due = |last: Option<i64>| last.is_none_or(|last| ts_recv - last >= keyframe);
        let silence = self.last_snapshot_recv.is_none_or(|last| ts_recv - last > MINUTE);
        self.last_snapshot_recv = Some(ts_recv);
        let first_of_file = self.day_of(ts_recv).book.ts_recv.is_empty();
        let whole = self.whole_due || first_of_file || silence || due(self.last_keyframe);
        if whole {
            self.last_keyframe = Some(ts_recv);
            self.whole_due = false;
        }
        let day = if ts_recv < self.following.start_ns { &mut self.day } else { &mut self.following };
        day.injected.crossed_snapshots += u64::from(crossed.is_some());
        day.injected.clock_regressions += u64::from(backwards);
        self.window.store(&mut day.book, row, whole);
        self.quotes.rotate_left(1);
        self.quotes[QUOTES - 1] = (ts_recv, self.source.mid2());
    }

    fn ticker(&mut self, ts: i64) {
        self.statistics.roll(ts);
        let ts_recv = self.receive(ts);
        if !self.comes_through(ts, ts_recv, false) {
            return;
        }
        self.last_recv = ts_recv;
        // Only behind a ticker of the same day it shows.
        let regresses = self.faults.venue_regresses(ts) && self.last_ticker_exch >= self.day.start_ns;
        let ts_exch = if regresses { self.last_ticker_exch - VENUE_REGRESSION } else { ts };
        self.last_ticker_exch = ts_exch;
        let (bid, ask) = (self.source.side(Side::Buy)[0].px, self.source.side(Side::Sell)[0].px);
        let row = Row { ev_seq: self.number(), ts_recv, ts_exch, flags: LAST };
        let range = self.statistics.range();
        let (last, vol) = (self.last_px, self.statistics.vol());
        let day = self.day_of(ts_recv);
        day.injected.venue_regressions += u64::from(regresses);
        let (low, high) = (range.map(|(low, _)| low), range.map(|(_, high)| high));
        day.ticker.push(row, bid, ask, last, high, low, vol);
    }
}

impl Day {
    /// Numbers the messages from 1, as if the stream began with this day; gives the last number.
    fn renumber(&mut self) -> u64 {
        let mut columns = [
            &mut self.book.ev_seq,
            &mut self.trade.ev_seq,
            &mut self.ticker.ev_seq,
            &mut self.control.ev_seq,
        ];
        let first = columns.iter().filter_map(|column| column.first().copied()).min();
        let last = columns.iter().filter_map(|column| column.last().copied()).max();
        let (Some(first), Some(last)) = (first, last) else {
            return 0;
        };
        for column in &mut columns {
            for number in column.iter_mut() {
                *number -= first - 1;
            }
        }
        last - first + 1
    }
}
