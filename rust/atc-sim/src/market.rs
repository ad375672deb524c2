//! The order-driven market: order flow whose intensities depend on the book, the pace and the hidden state.

use std::sync::Arc;

use crate::{
    book::{Book, Level, Side},
    crash::Crash,
    flow::{FLOWS, Flow, NEAR_LEVELS, Seen, intensities},
    latent::Latent,
    pace::Pace,
    params::Params,
    rng::Rng,
    session::{Session, SessionClock},
    size::{limit_size, taker_size},
};

/// A market order that was executed.
#[derive(Clone, Debug, Default)]
pub struct TakerOrder {
    /// Time of the execution, ns.
    pub ts: i64,
    /// +1 the taker bought, −1 sold.
    pub sign: i8,
    /// One fill a price level, in the order of execution.
    pub fills: Vec<Level>,
}

/// The next order flow, as long as nothing else changes before it.
#[derive(Clone, Copy, Debug)]
struct Pending {
    at: i64,
    rates: [f64; FLOWS.len()],
    total: f64,
}

/// A book driven by order flow in continuous time (Gillespie's algorithm: between two events, and between two
/// changes of the hidden state, the pace or the session, all intensities are constant).
#[derive(Clone, Debug)]
pub(crate) struct Market {
    params: Arc<Params>,
    rng: Rng,
    pub latent: Latent,
    pub pace: Pace,
    pub book: Book,
    session: SessionClock,
    crash: Option<Crash>,
    /// When the planted relation changes, ns; never again once it has.
    switch_at: i64,
    lean_factor: f64,
    pending: Option<Pending>,
    now: i64,
}

impl Market {
    /// A market at `now` (ns) with a freshly filled book.
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let mut market = Self {
            rng: Rng::new(seed, 1),
            latent: Latent::new(params, seed, now),
            pace: Pace::new(params, seed, 13, now),
            book: Book::default(),
            session: SessionClock::new(&params.maintenance),
            crash: Crash::new(params, now),
            switch_at: params.switch_at_day.map_or(i64::MAX, |days| params.at_day(days)),
            lean_factor: 1.0,
            pending: None,
            now,
            params: Arc::new(params.clone()),
        };
        market.session.advance(now);
        let half = (f64::from(params.start_price_ticks) * params.reference_spread_bps * 0.5e-4) as i32;
        for side in [Side::Buy, Side::Sell] {
            let best = params.start_price_ticks - i32::from(side.sign()) * half;
            let seeded = market.book.limit(side, best, params.near_median_lots as i64 + 1);
            assert!(seeded, "an empty book takes a first order on each side");
        }
        for side in [Side::Buy, Side::Sell] {
            while market.book.side(side).len() <= 2 * params.least_levels {
                market.limit_far(side);
            }
        }
        market
    }

    /// The time that the market has reached, ns.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The two best levels. Cancels stop at `least_levels`, and [`Market::take`] leaves a side its last level, so
    /// neither side is ever empty.
    fn touch(&self) -> (Level, Level) {
        (self.book.side(Side::Buy)[0], self.book.side(Side::Sell)[0])
    }

    /// The middle of the two best prices, ticks.
    pub fn mid(&self) -> f64 {
        let (bid, ask) = self.touch();
        (f64::from(bid.px) + f64::from(ask.px)) * 0.5
    }

    /// Ticks of one basis point at the present price.
    fn bps(&self) -> f64 {
        self.mid() * 1e-4
    }

    fn best(&self, side: Side) -> i32 {
        self.book.side(side)[0].px
    }

    /// Gives the state reached a future of its own: new random streams, what is under way drawn again.
    pub fn fork(&mut self, seed: u64) {
        self.rng = Rng::new(seed, 1);
        self.pending = None;
        self.latent.fork(&self.params, seed, self.now);
        self.pace.fork(seed, 13, self.now);
    }

    fn seen(&self) -> Seen {
        let (bid, ask) = self.touch();
        let (of_bid, of_ask) = (bid.qty as f64, ask.qty as f64);
        Seen {
            spread_bps: f64::from(ask.px - bid.px) / self.bps(),
            imbalance: (of_bid - of_ask) / (of_bid + of_ask),
            levels: [self.book.side(Side::Buy).len(), self.book.side(Side::Sell).len()],
            pace: self.pace.value(),
            haste: if self.crash_direction() == 0 { 1.0 } else { self.params.crash_market_factor },
            lean_factor: self.lean_factor,
            cancels_only: self.session.now() == Session::PreOpen,
        }
    }

    fn crash_direction(&self) -> i8 {
        self.crash.as_ref().map_or(0, |crash| crash.direction(self.now))
    }

    /// When something changes that is no order flow, ns.
    fn constant_until(&self) -> i64 {
        let crash = self.crash.as_ref().map_or(i64::MAX, Crash::next);
        [
            self.latent.constant_until(),
            self.pace.constant_until(),
            self.session.constant_until(),
            self.switch_at,
            crash,
        ]
        .into_iter()
        .fold(i64::MAX, i64::min)
    }

    /// Performs the changes that are due now and are no order flow.
    fn change(&mut self) {
        self.latent.advance(&self.params, self.now);
        self.pace.advance(self.now);
        self.session.advance(self.now);
        if self.switch_at <= self.now {
            self.lean_factor = self.params.switch_lean_factor;
            self.switch_at = i64::MAX;
        }
        let open = self.session.now() == Session::Open;
        while self.crash.as_ref().is_some_and(|crash| crash.next() <= self.now) {
            let mid = self.mid();
            if let Some(crash) = &mut self.crash {
                let goal = crash.step(mid);
                if open {
                    self.drive(goal);
                }
            }
        }
    }

    /// Runs to the next market order or to `until` (ns), whichever is first; true if `out` holds an order.
    pub fn advance(&mut self, until: i64, out: &mut TakerOrder) -> bool {
        loop {
            let horizon = until.min(self.constant_until());
            if self.session.now() != Session::Closed
                && let Some(flow) = self.next_flow(horizon)
            {
                if let Flow::Market(side) = flow {
                    self.take(side, out);
                    return true;
                }
                self.perform(flow);
                continue;
            }
            self.now = horizon;
            if self.constant_until() <= horizon {
                self.change();
                // Exponential waits have no memory, so the rest of one may be thrown away.
                self.pending = None;
            }
            if horizon == until {
                return false;
            }
        }
    }

    /// The next order flow before `horizon` (ns), at which time the market is then.
    fn next_flow(&mut self, horizon: i64) -> Option<Flow> {
        let pending = match self.pending {
            Some(pending) => pending,
            None => {
                let rates = intensities(&self.params, &self.latent, self.seen());
                let total: f64 = rates.iter().sum();
                // In a pre-open with few levels nothing happens at all.
                let wait = if total > 0.0 { self.rng.exponential(1e9 / total) as i64 } else { i64::MAX };
                *self.pending.insert(Pending { at: self.now.saturating_add(wait), rates, total })
            }
        };
        if pending.at >= horizon {
            return None;
        }
        self.now = pending.at;
        self.pending = None;
        let mut u = self.rng.uniform() * pending.total;
        for (flow, rate) in FLOWS.iter().zip(pending.rates) {
            if u < rate {
                return Some(*flow);
            }
            u -= rate;
        }
        // Rounding left something over: the last flow that can happen.
        FLOWS.iter().zip(pending.rates).rev().find(|(_, rate)| *rate > 0.0).map(|(flow, _)| *flow)
    }

    fn perform(&mut self, flow: Flow) {
        match flow {
            Flow::Market(_) => unreachable!("market orders are for the caller"),
            Flow::LimitNear(side) => self.limit_near(side),
            Flow::LimitFar(side) => self.limit_far(side),
            Flow::CancelNear(side) => {
                let rank = self.rng.below(NEAR_LEVELS);
                self.cancel(side, rank);
            }
            Flow::CancelFar(side) => {
                let rank = self.rng.below(self.book.side(side).len());
                self.cancel(side, rank);
            }
            Flow::Amend(side) => self.amend(side),
            Flow::Revision(side) => {
                let shift = self.rng.exponential(self.params.revision_mean_bps) * self.bps();
                self.revise(side, shift as i32);
            }
        }
    }

    fn regime(&self, factor: f64) -> f64 {
        if self.latent.absorbing { factor } else { 1.0 / factor }
    }

    fn take(&mut self, side: Side, out: &mut TakerOrder) {
        let median = self.params.market_median_lots * self.regime(self.params.market_regime_factor);
        let wanted = taker_size(&self.params, median, &mut self.rng);
        let reach = (self.params.market_reach_bps * self.bps()) as i32;
        let limit = self.best(side.opposite()) + i32::from(side.sign()) * reach;
        out.ts = self.now;
        out.sign = side.sign();
        out.fills.clear();
        // What finds no liquidity within the limit is killed.
        self.book.market(side, wanted, limit, &mut out.fills);
    }

    fn limit_near(&mut self, side: Side) {
        let distance = self.params.near_least_bps + self.rng.exponential(self.params.near_mean_bps);
        let distance = distance / self.regime(self.params.spread_regime_factor) * self.bps();
        let px = self.best(side.opposite()) - i32::from(side.sign()) * (distance as i32).max(1);
        let qty = self.near_size();
        self.book.limit(side, px, qty);
    }

    fn near_size(&mut self) -> i64 {
        let median = self.params.near_median_lots * self.regime(self.params.depth_regime_factor);
        limit_size(&self.params, median, &mut self.rng)
    }

    fn limit_far(&mut self, side: Side) {
        let distance = self.rng.exponential(self.params.far_mean_bps) * self.bps();
        let px = self.best(side) - i32::from(side.sign()) * (distance as i32 + 1);
        let qty = limit_size(&self.params, self.params.far_median_lots, &mut self.rng);
        self.book.limit(side, px, qty);
    }

    fn cancel(&mut self, side: Side, rank: usize) {
        let resting = self.book.side(side)[rank].qty;
        let qty = if self.rng.chance(self.params.half_cancel_share) { (resting / 2).max(1) } else { resting };
        self.book.cancel(side, rank, qty);
    }

    /// A maker gives a level behind the near ones a new size, by a partial cancel or a further order.
    fn amend(&mut self, side: Side) {
        let levels = self.book.side(side).len().min(self.params.depth);
        if levels <= NEAR_LEVELS {
            return;
        }
        let rank = NEAR_LEVELS + self.rng.below(levels - NEAR_LEVELS);
        let wanted = limit_size(&self.params, self.params.far_median_lots, &mut self.rng);
        let Level { px, qty } = self.book.side(side)[rank];
        if wanted > qty {
            self.book.limit(side, px, wanted - qty);
        } else {
            self.book.cancel(side, rank, qty - wanted);
        }
    }

    /// A quote revision by `shift` ticks towards `side`: makers of the other side cancel what lies within it, then
    /// makers of `side` step up by it.
    fn revise(&mut self, side: Side, shift: i32) {
        let away = side.opposite();
        let sign = i32::from(side.sign());
        let (own, other) = (self.best(side), self.best(away));
        while self.book.side(away).len() > NEAR_LEVELS && sign * (self.best(away) - other) < shift {
            let qty = self.book.side(away)[0].qty;
            self.book.cancel(away, 0, qty);
        }
        let qty = self.near_size();
        self.book.limit(side, own + sign * shift, qty);
    }

    /// One step of a flash crash to the mid `goal` (ticks): makers cancel what lies on the wrong side of it, quote
    /// about it, and fill up behind.
    fn drive(&mut self, goal: f64) {
        let half = (0.5 * self.params.reference_spread_bps * self.bps()) as i32;
        for side in [Side::Buy, Side::Sell] {
            let sign = i32::from(side.sign());
            let quote = goal as i32 - sign * half;
            while self.book.side(side).len() > 1 && sign * (self.best(side) - quote) > 0 {
                let qty = self.book.side(side)[0].qty;
                self.book.cancel(side, 0, qty);
            }
        }
        for side in [Side::Buy, Side::Sell] {
            let qty = self.near_size();
            self.book.limit(side, goal as i32 - i32::from(side.sign()) * half, qty);
            while self.book.side(side).len() < self.params.least_levels {
                self.limit_far(side);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Maintenance;

    const HOUR: i64 = 3_600_000_000_000;

    fn signs(params: &Params, hours: i64) -> Vec<f64> {
        let mut market = Market::new(params, 5, 0);
        let mut order = TakerOrder::default();
        let mut signs = Vec::new();
        while market.advance(hours * HOUR, &mut order) {
            signs.push(f64::from(order.sign));
        }
        signs
    }

    #[test]
    fn the_book_stays_two_sided_and_uncrossed_at_any_pace() {
        for (seed, rate) in [(9, 1.0), (10, 0.25), (11, 4.0)] {
            let params = Params { rate, volatility_step: 0.8, ..Params::default() };
            let mut market = Market::new(&params, seed, 0);
            let mut order = TakerOrder::default();
            while market.advance(3 * HOUR, &mut order) {
                let (bid, ask) = market.touch();
                assert!(bid.px < ask.px);
                assert!(!order.fills.is_empty());
                for side in [Side::Buy, Side::Sell] {
                    let levels = market.book.side(side);
                    assert!(levels.iter().all(|level| level.qty > 0 && level.px > 0));
                    let sign = i32::from(side.sign());
                    assert!(levels.windows(2).all(|pair| sign * (pair[0].px - pair[1].px) > 0));
                }
            }
        }
    }

    /// What takers get is what leaves the book.
    #[test]
    fn executions_conserve_quantity() {
        let mut market = Market::new(&Params::default(), 3, 0);
        let mut order = TakerOrder::default();
        let resting = |market: &Market, side: Side| market.book.side(side).iter().map(|l| l.qty).sum::<i64>();
        for _ in 0..2_000 {
            market.advance(i64::MAX, &mut order);
            for side in [Side::Buy, Side::Sell] {
                let before = resting(&market, side.opposite());
                market.take(side, &mut order);
                let filled: i64 = order.fills.iter().map(|fill| fill.qty).sum();
                assert_eq!(before - resting(&market, side.opposite()), filled);
            }
        }
    }

    /// The signal acts through intensities only: they are the one function that sees the pressure, and with no
    /// bias and no lean a market is the same, event for event, whatever the pressure is.
    #[test]
    fn without_bias_and_lean_the_pressure_changes_nothing() {
        let blind = Params {
            market_sign_bias: 0.0,
            parent_sign_bias: 0.0,
            far_sign_bias: 0.0,
            yielding_lean: 0.0,
            absorbing_lean: 0.0,
            ..Params::default()
        };
        let mut free = Market::new(&blind, 5, 0);
        let mut calm = free.clone();
        let mut order = TakerOrder::default();
        let mut other = TakerOrder::default();
        for hour in 1..=12_i64 {
            loop {
                free.latent.pressure = 1;
                calm.latent.pressure = 0;
                let (a, b) = (free.advance(hour * HOUR, &mut order), calm.advance(hour * HOUR, &mut other));
                assert_eq!((a, order.ts, order.sign), (b, other.ts, other.sign));
                if !a {
                    break;
                }
            }
            assert_eq!(free.book.side(Side::Buy), calm.book.side(Side::Buy));
            assert_eq!(free.book.side(Side::Sell), calm.book.side(Side::Sell));
        }
    }

    #[test]
    fn signs_of_market_orders_are_persistent_and_balanced() {
        let signs = signs(&Params::default(), 24 * 15);
        let n = signs.len() as f64;
        let mean = signs.iter().sum::<f64>() / n;
        let lagged = |lag: usize| signs.iter().zip(&signs[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
        assert!(mean.abs() < 0.05, "mean sign {mean}");
        assert!(lagged(1) > 0.25, "lag 1 {}", lagged(1));
        assert!(lagged(20) > 0.1 && lagged(20) < lagged(1));
    }

    #[test]
    fn maintenance_stops_the_market_and_the_preopen_cancels_only() {
        let calendar = vec![Maintenance { start_ns: HOUR, end_ns: 2 * HOUR, open_ns: 2 * HOUR + HOUR / 6 }];
        let params = Params { rate: 1.0, maintenance: calendar, ..Params::default() };
        let mut market = Market::new(&params, 7, 0);
        let mut order = TakerOrder::default();
        while market.advance(HOUR, &mut order) {}
        let before = market.book.clone();
        assert!(!market.advance(2 * HOUR, &mut order));
        assert_eq!(market.book.side(Side::Buy), before.side(Side::Buy));
        assert!(!market.advance(2 * HOUR + HOUR / 6, &mut order));
        for side in [Side::Buy, Side::Sell] {
            let quantity = |book: &Book| book.side(side).iter().map(|l| l.qty).sum::<i64>();
            assert!(quantity(&market.book) < quantity(&before));
        }
        assert!(market.advance(3 * HOUR, &mut order));
    }

    #[test]
    fn a_flash_crash_loses_what_it_should_and_regains_its_share() {
        for rate in [0.25, 1.0] {
            let params = Params {
                start_ns: 0,
                rate,
                season_strength: 0.0,
                crash_at_day: Some(0.5),
                ..Params::default()
            };
            let mut market = Market::new(&params, 4, 0);
            let mut order = TakerOrder::default();
            let mut mid_at = |ts: i64| {
                while market.advance(ts, &mut order) {}
                market.mid()
            };
            let before = mid_at(12 * HOUR);
            let bottom = mid_at(12 * HOUR + HOUR / 6) / before;
            let after = mid_at(12 * HOUR + HOUR / 6 + 45 * HOUR / 60) / before;
            assert!((bottom - 0.8).abs() < 0.01, "{bottom}");
            assert!((after - 0.9).abs() < 0.02, "{after}");
            let later = mid_at(20 * HOUR) / before;
            assert!((later - after).abs() < 0.05, "{later}");
        }
    }

    #[test]
    fn a_switch_turns_the_relation_round_when_it_is_due() {
        let params = Params { start_ns: 0, switch_at_day: Some(0.5), ..Params::default() };
        let mut market = Market::new(&params, 4, 0);
        let mut order = TakerOrder::default();
        while market.advance(12 * HOUR - 1, &mut order) {}
        assert_eq!(market.seen().lean_factor, 1.0);
        while market.advance(12 * HOUR, &mut order) {}
        assert_eq!(market.seen().lean_factor, -1.0);
    }
}
