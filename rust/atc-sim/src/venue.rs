//! The venue: what of the market is published, when, and when it is received.

use crate::{
    book::{Level, Side},
    day::{DELTA, DUP_OTHER_SIDE, Day, LAST, REPEAT, Row, SNAP, SNAPSHOT, SYNTH_DIFF, WINDOW_EDGE},
    market::{Market, TakerOrder},
    null::NullMarket,
    params::{BadParams, Params, Scenario},
    rng::Rng,
};

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 86_400_000_000_000;
const MINUTES_OF_A_DAY: usize = 1_440;
/// One connection delivers in order: least distance of two messages, and of the prints of one execution.
const LEAST_SPACING: i64 = 20_000;

/// Where the market orders and the book come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Target(Box<Market>),
    Null(Box<NullMarket>),
}

impl Source {
    /// Runs to the next market order or to `until` (ns), whichever is first; true if `out` holds an order.
    pub fn advance(&mut self, until: i64, out: &mut TakerOrder) -> bool {
        match self {
            Source::Target(market) => market.advance(until, out),
            Source::Null(market) => market.advance(until, out),
        }
    }

    fn side(&self, side: Side) -> &[Level] {
        match self {
            Source::Target(market) => market.book.side(side),
            Source::Null(market) => market.side(side),
        }
    }

    /// Whether something happens on the publication grid, so that each of its points has to be visited.
    pub fn lives_on_grid(&self) -> bool {
        matches!(self, Source::Null(_))
    }

    /// What happens at a point of the publication grid, before the snapshot is taken.
    pub fn on_grid(&mut self) {
        if let Source::Null(market) = self {
            market.on_grid();
        }
    }

    /// Gives the state reached a future of its own.
    pub fn fork(&mut self, seed: u64) {
        match self {
            Source::Target(market) => market.fork(seed),
            Source::Null(market) => market.fork(seed),
        }
    }

    /// Twice the mid, ticks.
    pub fn mid2(&self) -> i64 {
        i64::from(self.side(Side::Buy)[0].px) + i64::from(self.side(Side::Sell)[0].px)
    }
}

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

/// How many snapshots can be under way to the receiver at once, and one more.
const QUOTES: usize = 4;

/// Prints of one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: i64,
    range: Option<(i32, i32)>,
    vol: i64,
}

impl Minute {
    fn add(&mut self, px: i32, qty: i64) {
        let (low, high) = self.range.unwrap_or((px, px));
        self.range = Some((low.min(px), high.max(px)));
        self.vol += qty;
    }
}

/// High, low and volume of the last 24 h, in whole minutes: the current one and the 1,439 before it.
#[derive(Clone, Debug)]
struct DailyStatistics {
    minutes: Vec<Minute>,
    /// Range and volume of the minutes before the current one.
    before: Minute,
    current: Minute,
}

impl DailyStatistics {
    fn new(now: i64) -> Self {
        Self {
            minutes: Vec::with_capacity(MINUTES_OF_A_DAY),
            before: Minute::default(),
            current: Minute { number: now.div_euclid(MINUTE), ..Minute::default() },
        }
    }

    fn roll(&mut self, now: i64) {
        let number = now.div_euclid(MINUTE);
        if number == self.current.number {
            return;
        }
        self.minutes.push(self.current);
        let oldest = number - MINUTES_OF_A_DAY as i64;
        self.minutes.retain(|minute| minute.number > oldest);
        self.before = Minute::default();
        for minute in &self.minutes {
            if let Some((low, high)) = minute.range {
                self.before.add(low, 0);
                self.before.add(high, 0);
            }
            self.before.vol += minute.vol;
        }
        self.current = Minute { number, ..Minute::default() };
    }

    fn range(&self) -> Option<(i32, i32)> {
        match (self.before.range, self.current.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        }
    }

    fn vol(&self) -> i64 {
        self.before.vol + self.current.vol
    }
}

/// A market and its venue. Deterministic in (parameters, seed); day k does not depend on how many days are asked for.
#[derive(Clone, Debug)]
pub struct Simulator {
    params: Params,
    source: Source,
    rng: Rng,
    order: TakerOrder,
    statistics: DailyStatistics,
    last_px: Option<i32>,
    /// The snapshot published last: bids, asks.
    published: [Vec<Level>; 2],
    quotes: [(i64, i64); QUOTES],
    changed: Vec<(i8, Level, u16)>,
    last_keyframe: Option<i64>,
    last_snapshot_recv: i64,
    last_recv: i64,
    last_exch: i64,
    ev_seq: u64,
    next_snapshot: i64,
    next_ticker: i64,
    day: Day,
    /// Messages received after the end of the day that is being made.
    following: Day,
    truth: Option<(i8, bool)>,
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
        let source = match params.scenario {
            Scenario::Target => Source::Target(Box::new(Market::new(&params, seed, start))),
            Scenario::Null => Source::Null(Box::new(NullMarket::new(&params, seed, start))),
        };
        let mut simulator = Self {
            source,
            rng: Rng::new(seed, 31),
            order: TakerOrder::default(),
            statistics: DailyStatistics::new(start),
            last_px: None,
            published: [Vec::new(), Vec::new()],
            quotes: [(i64::MIN, 0); QUOTES],
            changed: Vec::new(),
            last_keyframe: None,
            last_snapshot_recv: i64::MIN,
            last_recv: i64::MIN,
            last_exch: i64::MIN,
            ev_seq: 0,
            next_snapshot: start + params.snapshot_ms * MILLISECOND,
            next_ticker: start + params.ticker_ms * MILLISECOND,
            day: Day::default(),
            following: Day { start_ns: start, ..Day::default() },
            truth: None,
            params,
        };
        simulator.next_day();
        simulator.ev_seq = simulator.following.renumber();
        Ok(simulator)
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
        // Nothing that happens after the end can be received before it.
        while self.next_snapshot.min(self.next_ticker) < end {
            let until = self.next_snapshot.min(self.next_ticker);
            watch(&self.stop(until));
            self.run(until);
            if self.next_snapshot == until {
                self.source.on_grid();
                self.snapshot(until);
                self.next_snapshot += self.params.snapshot_ms * MILLISECOND;
            }
            if self.next_ticker == until {
                self.ticker(until);
                self.next_ticker += self.params.ticker_ms * MILLISECOND;
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
        if let Source::Target(market) = &self.source {
            let now = (market.latent.pressure, market.latent.absorbing);
            if self.truth != Some(now) || self.day.truth.ts.is_empty() {
                self.truth = Some(now);
                self.day.truth.ts.push(market.now());
                self.day.truth.pressure.push(now.0);
                self.day.truth.absorbing.push(now.1);
            }
        }
    }

    /// When a message of the venue's time `ts` is received: a delay, in order, on one connection.
    fn receive(&mut self, ts: i64) -> i64 {
        let delay = self.params.latency_least_ms + self.rng.exponential(self.params.latency_mean_ms);
        // Whole microseconds: finer ones would be noise that does not compress.
        let recv = (ts / MICROSECOND + (delay * 1e3) as i64) * MICROSECOND;
        self.last_recv = recv.max(self.last_recv.saturating_add(LEAST_SPACING));
        self.last_recv
    }

    fn number(&mut self) -> u64 {
        self.ev_seq += 1;
        self.ev_seq
    }

    /// The day that a message received at `ts_recv` belongs to.
    fn day_of(&mut self, ts_recv: i64) -> &mut Day {
        if ts_recv < self.following.start_ns { &mut self.day } else { &mut self.following }
    }

    /// Every execution twice, the taker's side first; the prints of one order have one venue time.
    fn prints(&mut self) {
        let order = std::mem::take(&mut self.order);
        // Two orders of one side never share a millisecond here: the venue's clock steps between them.
        let ts_exch = (order.ts / MILLISECOND * MILLISECOND).max(self.last_exch + MILLISECOND);
        self.last_exch = ts_exch;
        self.statistics.roll(order.ts);
        let mut ts_recv = self.receive(ts_exch.max(order.ts));
        for fill in &order.fills {
            self.statistics.current.add(fill.px, fill.qty);
            self.last_px = Some(fill.px);
            for (side, flags) in [(order.sign, LAST), (-order.sign, LAST | DUP_OTHER_SIDE)] {
                let row = Row { ev_seq: self.number(), ts_recv, ts_exch, flags };
                self.day_of(ts_recv).trade.push(row, fill.px, fill.qty, side);
                ts_recv += LEAST_SPACING;
            }
        }
        self.last_recv = ts_recv - LEAST_SPACING;
        self.order = order;
    }

    fn snapshot(&mut self, ts: i64) {
        self.compare();
        let repeats = self.changed.is_empty();
        // Drawn at every grid point, so that the stream of delays does not depend on what changed.
        if !self.rng.chance(self.params.repeat_probability) && repeats {
            return;
        }
        let ts_recv = self.receive(ts);
        let ev_seq = self.number();
        let row = |flags| Row { ev_seq, ts_recv, ts_exch: ts, flags };
        let keyframe = self.params.keyframe_s * 1_000_000_000;
        let due = |last: Option<i64>| last.is_none_or(|last| ts_recv - last >= keyframe);
        let first_of_file = ts_recv >= self.following.start_ns && self.following.book.ts_recv.is_empty()
            || ts_recv < self.following.start_ns && self.day.book.ts_recv.is_empty();
        let silence = self.last_snapshot_recv != i64::MIN && ts_recv - self.last_snapshot_recv > MINUTE;
        self.last_snapshot_recv = ts_recv;
        for side in [Side::Buy, Side::Sell] {
            let levels = self.source.side(side);
            let published = &mut self.published[side as usize];
            published.clear();
            published.extend_from_slice(&levels[..levels.len().min(self.params.depth)]);
        }
        self.quotes.rotate_left(1);
        self.quotes[QUOTES - 1] = (ts_recv, self.source.mid2());
        let day = if ts_recv < self.following.start_ns { &mut self.day } else { &mut self.following };
        let book = &mut day.book;
        if first_of_file || silence || due(self.last_keyframe) {
            self.last_keyframe = Some(ts_recv);
            for side in [Side::Buy, Side::Sell] {
                for level in &self.published[side as usize] {
                    book.push(row(SNAPSHOT), SNAP, side.sign(), level.px, level.qty);
                }
            }
        } else if repeats {
            book.push(row(REPEAT), DELTA, 0, 0, 0);
        } else {
            for (side, level, flags) in &self.changed {
                book.push(row(SYNTH_DIFF | flags), DELTA, *side, level.px, level.qty);
            }
        }
        if let Some(flags) = book.flags.last_mut() {
            *flags |= LAST;
        }
    }

    /// Fills `changed` with the levels that differ from the snapshot published last, bids before asks, best first.
    fn compare(&mut self) {
        self.changed.clear();
        for side in [Side::Buy, Side::Sell] {
            let sign = i32::from(side.sign());
            let levels = self.source.side(side);
            let now = &levels[..levels.len().min(self.params.depth)];
            let before = &self.published[side as usize];
            // Whether a price lies beyond the far edge of a window that showed as many levels as it can.
            let beyond = |window: &[Level], px: i32| {
                let worst = window.last().map_or(px, |level| level.px);
                window.len() == self.params.depth && sign * (worst - px) > 0
            };
            let marked = |window: &[Level], px: i32| if beyond(window, px) { WINDOW_EDGE } else { 0 };
            let (mut i, mut j) = (0, 0);
            while i < before.len() || j < now.len() {
                // Positive: the new level is the better one. A list that has ended is worse than all.
                let order = match (before.get(i), now.get(j)) {
                    (Some(old), Some(new)) => sign * (new.px - old.px),
                    (Some(_), None) => -1,
                    _ => 1,
                };
                if order < 0 {
                    let px = before[i].px;
                    self.changed.push((side.sign(), Level { px, qty: 0 }, marked(now, px)));
                    i += 1;
                } else {
                    if order > 0 {
                        self.changed.push((side.sign(), now[j], marked(before, now[j].px)));
                    } else if before[i].qty != now[j].qty {
                        self.changed.push((side.sign(), now[j], 0));
                    }
                    i += usize::from(order == 0);
                    j += 1;
                }
            }
        }
    }

    fn ticker(&mut self, ts: i64) {
        self.statistics.roll(ts);
        let (bid, ask) = (self.source.side(Side::Buy)[0].px, self.source.side(Side::Sell)[0].px);
        let ts_recv = self.receive(ts);
        let row = Row { ev_seq: self.number(), ts_recv, ts_exch: ts, flags: LAST };
        let range = self.statistics.range();
        let (last, vol) = (self.last_px, self.statistics.vol());
        self.day_of(ts_recv).ticker.push(
            row,
            bid,
            ask,
            last,
            range.map(|(_, high)| high),
            range.map(|(low, _)| low),
            vol,
        );
    }
}

impl Day {
    /// Numbers the messages from 1, as if the stream began with this day; gives the last number.
    fn renumber(&mut self) -> u64 {
        let columns = [&mut self.book.ev_seq, &mut self.trade.ev_seq, &mut self.ticker.ev_seq];
        let mut columns = columns;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Book;
    use std::collections::BTreeMap;

    fn simulator(scenario: Scenario, seed: u64) -> Simulator {
        let params = Params { scenario, ..Params::default() };
        Simulator::new(params, seed).unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_days_and_another_seed_others() {
        for scenario in [Scenario::Target, Scenario::Null] {
            let (mut a, mut b, mut c) =
                (simulator(scenario, 1), simulator(scenario, 1), simulator(scenario, 2));
            let (first, second) = (a.next_day(), a.next_day());
            assert_eq!(first, b.next_day());
            assert_eq!(second, b.next_day());
            assert_ne!(first, c.next_day());
        }
    }

    /// Replays a day and gives the book of every message: (ts_recv, bids, asks).
    fn replay(day: &Day) -> Vec<(i64, Vec<Level>, Vec<Level>)> {
        let book = &day.book;
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        let mut books = Vec::new();
        let mut fresh = true;
        for i in 0..book.ev_seq.len() {
            if book.msg_kind[i] == SNAP && fresh {
                sides = [BTreeMap::new(), BTreeMap::new()];
            }
            fresh = book.flags[i] & LAST != 0;
            if book.side[i] != 0 {
                let side = &mut sides[usize::from(book.side[i] < 0)];
                if book.qty_lots[i] == 0 {
                    assert!(side.remove(&book.px_ticks[i]).is_some(), "deletes what is there");
                } else {
                    side.insert(book.px_ticks[i], book.qty_lots[i]);
                }
            }
            if fresh {
                let level = |(px, qty): (&i32, &i64)| Level { px: *px, qty: *qty };
                books.push((
                    book.ts_recv[i],
                    sides[0].iter().rev().map(level).collect(),
                    sides[1].iter().map(level).collect(),
                ));
            }
        }
        books
    }

    #[test]
    fn differences_replay_to_the_published_snapshots() {
        for scenario in [Scenario::Target, Scenario::Null] {
            let mut simulator = simulator(scenario, 3);
            simulator.next_day();
            let day = simulator.next_day();
            let books = replay(&day);
            for (_, bids, asks) in &books {
                assert!(bids[0].px < asks[0].px);
                assert!(bids.len() <= 30 && asks.len() <= 30);
            }
            let whole = books.iter().filter(|(_, bids, asks)| bids.len() + asks.len() == 60).count();
            assert!(whole * 10 > books.len() * 8, "{whole} of {} show 30 levels a side", books.len());
            let (_, bids, asks) = books.last().unwrap();
            if simulator.following.book.ts_recv.is_empty() {
                assert_eq!([bids.clone(), asks.clone()], simulator.published);
            }
        }
    }

    #[test]
    fn keyframes_come_at_the_start_and_every_minute() {
        let day = simulator(Scenario::Target, 3).next_day();
        let book = &day.book;
        assert_eq!(book.msg_kind[0], SNAP);
        let mut last = book.ts_recv[0];
        for i in 1..book.ev_seq.len() {
            if book.ev_seq[i] == book.ev_seq[i - 1] {
                continue;
            }
            assert_eq!(book.msg_kind[i] == SNAP, book.ts_recv[i] - last >= MINUTE);
            if book.msg_kind[i] == SNAP {
                last = book.ts_recv[i];
            }
        }
    }

    #[test]
    fn time_runs_forward_numbers_count_messages_and_days_join() {
        let mut simulator = simulator(Scenario::Target, 4);
        let mut next = 1;
        for _ in 0..2 {
            let day = simulator.next_day();
            let mut messages: Vec<(u64, i64, i64)> = Vec::new();
            for (seq, recv, exch) in [
                (&day.book.ev_seq, &day.book.ts_recv, &day.book.ts_exch),
                (&day.trade.ev_seq, &day.trade.ts_recv, &day.trade.ts_exch),
                (&day.ticker.ev_seq, &day.ticker.ts_recv, &day.ticker.ts_exch),
            ] {
                for i in 0..seq.len() {
                    messages.push((seq[i], recv[i], exch[i]));
                }
            }
            messages.sort_unstable();
            messages.dedup();
            for (seq, recv, exch) in &messages {
                assert_eq!(*seq, next);
                next += 1;
                assert!(recv > exch && exch % MILLISECOND == 0);
                assert!((day.start_ns..day.start_ns + DAY).contains(recv));
            }
            assert!(messages.windows(2).all(|pair| pair[0].1 < pair[1].1));
        }
    }

    #[test]
    fn every_execution_is_printed_twice() {
        let trade = simulator(Scenario::Target, 5).next_day().trade;
        assert_eq!(trade.ev_seq.len() % 2, 0);
        for i in (0..trade.ev_seq.len()).step_by(2) {
            assert_eq!(trade.flags[i], LAST);
            assert_eq!(trade.flags[i + 1], LAST | DUP_OTHER_SIDE);
            assert_eq!(trade.side[i], -trade.side[i + 1]);
            assert_eq!(
                (trade.px_ticks[i], trade.qty_lots[i], trade.ts_exch[i]),
                (trade.px_ticks[i + 1], trade.qty_lots[i + 1], trade.ts_exch[i + 1])
            );
        }
    }

    #[test]
    fn levels_that_leave_or_enter_the_window_are_marked() {
        let mut simulator = simulator(Scenario::Target, 6);
        let level = |px| Level { px, qty: 1 };
        let far: Vec<Level> = (0..30).map(|i| level(100 - i)).collect();
        let near: Vec<Level> = std::iter::once(level(101)).chain(far[..29].iter().copied()).collect();
        let Source::Target(market) = &mut simulator.source else { unreachable!() };
        market.book = Book::default();
        for level in near.iter().chain(&far[29..]) {
            assert!(market.book.limit(Side::Buy, level.px, level.qty));
        }
        simulator.published = [far, Vec::new()];
        simulator.compare();
        assert_eq!(simulator.changed, [(1, level(101), 0), (1, Level { px: 71, qty: 0 }, WINDOW_EDGE)]);
        simulator.published = [near, Vec::new()];
        let Source::Target(market) = &mut simulator.source else { unreachable!() };
        market.book.cancel(Side::Buy, 0, 1);
        simulator.compare();
        assert_eq!(simulator.changed, [(1, Level { px: 101, qty: 0 }, 0), (1, level(71), WINDOW_EDGE)]);
    }

    #[test]
    fn the_ticker_has_the_range_and_volume_of_24_hours() {
        let mut simulator = simulator(Scenario::Target, 7);
        let (first, second) = (simulator.next_day(), simulator.next_day());
        let ticker = &second.ticker;
        let at = ticker.ts_recv.len() / 2;
        let now = ticker.ts_exch[at];
        let from = (now.div_euclid(MINUTE) - MINUTES_OF_A_DAY as i64 + 1) * MINUTE;
        let (mut low, mut high, mut vol) = (i32::MAX, 0, 0);
        for trade in [&first.trade, &second.trade] {
            for i in 0..trade.ev_seq.len() {
                if trade.flags[i] & DUP_OTHER_SIDE == 0 && (from..now).contains(&trade.ts_exch[i]) {
                    low = low.min(trade.px_ticks[i]);
                    high = high.max(trade.px_ticks[i]);
                    vol += trade.qty_lots[i];
                }
            }
        }
        assert_eq!((ticker.low[at], ticker.high[at], ticker.vol[at]), (Some(low), Some(high), vol));
    }
}
