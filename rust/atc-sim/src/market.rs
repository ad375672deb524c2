//! The `target` market: order flow whose intensities depend on the book and on the hidden state.

use crate::{
    book::{Book, Level, Side},
    latent::Latent,
    params::Params,
    rng::Rng,
};

/// A market order that was executed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakerOrder {
    /// Time of the execution, ns.
    pub ts: i64,
    /// +1 the taker bought, −1 sold.
    pub sign: i8,
    /// One fill a price level, in the order of execution.
    pub fills: Vec<Level>,
}

/// Levels counted as near the touch for the faster cancels.
const NEAR_LEVELS: usize = 5;

/// Kinds of order flow, each with an intensity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Market(Side),
    LimitNear(Side),
    LimitFar(Side),
    CancelNear(Side),
    CancelFar(Side),
    Revision(Side),
}

const FLOWS: [Flow; 12] = [
    Flow::CancelFar(Side::Buy),
    Flow::CancelFar(Side::Sell),
    Flow::LimitFar(Side::Buy),
    Flow::LimitFar(Side::Sell),
    Flow::LimitNear(Side::Buy),
    Flow::LimitNear(Side::Sell),
    Flow::CancelNear(Side::Buy),
    Flow::CancelNear(Side::Sell),
    Flow::Market(Side::Buy),
    Flow::Market(Side::Sell),
    Flow::Revision(Side::Buy),
    Flow::Revision(Side::Sell),
];

/// What one side's book gives the intensities.
#[derive(Clone, Copy, Debug)]
struct Seen {
    spread_bps: f64,
    levels: [usize; 2],
}

/// The intensity (1/s) of every kind of flow in [`FLOWS`]. The only place where the hidden state enters.
fn intensities(params: &Params, latent: &Latent, seen: Seen) -> [f64; FLOWS.len()] {
    let signed = |side: Side| f64::from(side.sign() * latent.pressure);
    let widening = (seen.spread_bps / params.near_reference_spread_bps).clamp(0.25, 4.0);
    let lean = if latent.absorbing { params.absorbing_lean } else { params.yielding_lean };
    FLOWS.map(|flow| match flow {
        Flow::Market(side) => {
            params.rate * params.market_per_s * 0.5 * (1.0 + params.market_sign_bias * signed(side))
        }
        Flow::LimitNear(_) => params.rate * params.near_per_s * widening * widening,
        Flow::LimitFar(side) => params.rate * params.far_per_s * (1.0 + params.far_sign_bias * signed(side)),
        Flow::CancelNear(side) => {
            let levels = seen.levels[side as usize];
            if levels > params.least_levels {
                params.rate * params.near_cancel_per_s * NEAR_LEVELS as f64
            } else {
                0.0
            }
        }
        Flow::CancelFar(side) => {
            let levels = seen.levels[side as usize];
            if levels > params.least_levels {
                params.rate * params.far_cancel_per_s * levels as f64
            } else {
                0.0
            }
        }
        Flow::Revision(side) => params.revision_per_s * 0.5 * (1.0 + lean * signed(side)),
    })
}

/// A book driven by order flow in continuous time (Gillespie's algorithm: between two events, and between two
/// switches of the hidden state, all intensities are constant).
#[derive(Clone, Debug)]
pub(crate) struct Market {
    params: Params,
    rng: Rng,
    pub latent: Latent,
    pub book: Book,
    now: i64,
}

impl Market {
    /// A market at `now` (ns) with a freshly filled book.
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let mut market = Self {
            params: params.clone(),
            rng: Rng::new(seed, 1),
            latent: Latent::new(params, seed, now),
            book: Book::default(),
            now,
        };
        let half = (f64::from(params.start_price_ticks) * params.near_reference_spread_bps * 0.5e-4) as i32;
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

    /// The two best prices. Cancels stop at `least_levels`, and [`Market::take`] leaves a side its last level, so
    /// neither side is ever empty.
    fn touch(&self) -> (i32, i32) {
        (self.book.side(Side::Buy)[0].px, self.book.side(Side::Sell)[0].px)
    }

    /// Ticks of one basis point at the present price.
    fn bps(&self) -> f64 {
        let (bid, ask) = self.touch();
        (f64::from(bid) + f64::from(ask)) * 0.5e-4
    }

    fn best(&self, side: Side) -> i32 {
        self.book.side(side)[0].px
    }

    /// Runs to the next market order or to `until` (ns), whichever is first; true if `out` holds an order.
    pub fn advance(&mut self, until: i64, out: &mut TakerOrder) -> bool {
        loop {
            let horizon = until.min(self.latent.constant_until());
            let (bid, ask) = self.touch();
            let seen = Seen {
                spread_bps: f64::from(ask - bid) / self.bps(),
                levels: [self.book.side(Side::Buy).len(), self.book.side(Side::Sell).len()],
            };
            let rates = intensities(&self.params, &self.latent, seen);
            let total: f64 = rates.iter().sum();
            let wait = self.rng.exponential(1e9 / total);
            if wait >= (horizon - self.now) as f64 {
                // Exponential waits have no memory, so the rest of this one may be thrown away.
                self.now = horizon;
                self.latent.advance(&self.params, horizon);
                if horizon == until {
                    return false;
                }
                continue;
            }
            self.now += wait as i64;
            let mut u = self.rng.uniform() * total;
            let mut chosen = FLOWS.len() - 1;
            for (i, rate) in rates.iter().enumerate() {
                if u < *rate {
                    chosen = i;
                    break;
                }
                u -= rate;
            }
            match FLOWS[chosen] {
                Flow::Market(side) => {
                    self.take(side, out);
                    return true;
                }
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
                Flow::Revision(side) => self.revise(side),
            }
        }
    }

    /// Gives the state reached a future of its own: new random streams, lives under way drawn again.
    pub fn fork(&mut self, seed: u64) {
        self.rng = Rng::new(seed, 1);
        self.latent.fork(&self.params, seed, self.now);
    }

    fn regime(&self, factor: f64) -> f64 {
        if self.latent.absorbing { factor } else { 1.0 / factor }
    }

    fn size(&mut self, median: f64, sigma: f64) -> i64 {
        (self.rng.log_normal(median, sigma) as i64).clamp(1, self.params.largest_order_lots)
    }

    fn take(&mut self, side: Side, out: &mut TakerOrder) {
        let factor = self.regime(self.params.market_regime_factor);
        let wanted = self.size(self.params.market_median_lots * factor, self.params.market_log_sigma);
        // A venue kills what finds no liquidity; the last lot stays so that a side is never empty.
        let resting: i64 = self.book.side(side.opposite()).iter().map(|level| level.qty).sum();
        out.ts = self.now;
        out.sign = side.sign();
        out.fills.clear();
        self.book.market(side, wanted.min(resting - 1).max(0), &mut out.fills);
    }

    fn limit_near(&mut self, side: Side) {
        let distance = self.params.near_least_bps + self.rng.exponential(self.params.near_mean_bps);
        let distance = distance / self.regime(self.params.spread_regime_factor) * self.bps();
        let px = self.best(side.opposite()) - i32::from(side.sign()) * (distance as i32).max(1);
        let qty = self.near_size();
        self.book.limit(side, px, qty);
    }

    fn near_size(&mut self) -> i64 {
        let factor = self.regime(self.params.depth_regime_factor);
        self.size(self.params.near_median_lots * factor, self.params.limit_log_sigma)
    }

    fn limit_far(&mut self, side: Side) {
        let distance = self.rng.exponential(self.params.far_mean_bps) * self.bps();
        let px = self.best(side) - i32::from(side.sign()) * (distance as i32 + 1);
        let qty = self.size(self.params.far_median_lots, self.params.limit_log_sigma);
        self.book.limit(side, px, qty);
    }

    fn cancel(&mut self, side: Side, rank: usize) {
        let resting = self.book.side(side)[rank].qty;
        let qty = if self.rng.chance(self.params.half_cancel_share) { (resting / 2).max(1) } else { resting };
        self.book.cancel(side, rank, qty);
    }

    /// A quote revision towards `side`: makers of the other side cancel what lies within the distance, then makers
    /// of `side` step up by it.
    fn revise(&mut self, side: Side) {
        let away = side.opposite();
        let shift = (self.rng.exponential(self.params.revision_mean_bps) * self.bps()) as i32;
        let sign = i32::from(side.sign());
        let (own, other) = (self.best(side), self.best(away));
        while self.book.side(away).len() > NEAR_LEVELS && sign * (self.best(away) - other) < shift {
            let qty = self.book.side(away)[0].qty;
            self.book.cancel(away, 0, qty);
        }
        let qty = self.near_size();
        self.book.limit(side, own + sign * shift, qty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(params: &Params, hours: i64) -> (Market, Vec<i8>) {
        let mut market = Market::new(params, 5, 0);
        let mut order = TakerOrder::default();
        let mut signs = Vec::new();
        while market.advance(hours * 3_600_000_000_000, &mut order) {
            signs.push(order.sign);
        }
        (market, signs)
    }

    #[test]
    fn the_book_stays_two_sided_and_uncrossed() {
        let params = Params { rate: 1.0, ..Params::default() };
        let mut market = Market::new(&params, 9, 0);
        let mut order = TakerOrder::default();
        while market.advance(3 * 3_600_000_000_000, &mut order) {
            let (bid, ask) = market.touch();
            assert!(bid < ask);
            assert!(!order.fills.is_empty());
        }
    }

    /// The signal acts through intensities only: they are the one function that sees the pressure, and with no
    /// bias and no lean a market is the same, event for event, whatever the pressure is.
    #[test]
    fn without_bias_and_lean_the_pressure_changes_nothing() {
        let blind = Params {
            market_sign_bias: 0.0,
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
            let until = hour * 3_600_000_000_000;
            loop {
                free.latent.pressure = 1;
                calm.latent.pressure = 0;
                let (a, b) = (free.advance(until, &mut order), calm.advance(until, &mut other));
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
    fn pressure_biases_market_orders_and_leans_on_revisions_by_regime() {
        let params = Params::default();
        let mut latent = Latent::new(&params, 1, 0);
        latent.pressure = 1;
        let seen = Seen { spread_bps: 3.0, levels: [60, 60] };
        let of = |latent: &Latent, flow: Flow| {
            let at = FLOWS.iter().position(|f| *f == flow).unwrap();
            intensities(&params, latent, seen)[at]
        };
        let ratio =
            |latent: &Latent| of(latent, Flow::Revision(Side::Buy)) / of(latent, Flow::Revision(Side::Sell));
        latent.absorbing = false;
        assert!(of(&latent, Flow::Market(Side::Buy)) > of(&latent, Flow::Market(Side::Sell)));
        assert!(ratio(&latent) > 1.0);
        latent.absorbing = true;
        assert!(of(&latent, Flow::Market(Side::Buy)) > of(&latent, Flow::Market(Side::Sell)));
        assert!(ratio(&latent) < 1.0);
        latent.pressure = 0;
        assert_eq!(ratio(&latent), 1.0);
    }

    #[test]
    fn signs_of_market_orders_are_persistent_and_balanced() {
        let (_, signs) = run(&Params::default(), 24 * 15);
        let n = signs.len() as f64;
        let mean = signs.iter().map(|s| f64::from(*s)).sum::<f64>() / n;
        let lagged =
            |lag: usize| signs.iter().zip(&signs[lag..]).map(|(a, b)| f64::from(a * b)).sum::<f64>() / n;
        assert!(mean.abs() < 0.05, "mean sign {mean}");
        assert!(lagged(1) > 0.25, "lag 1 {}", lagged(1));
        assert!(lagged(20) > 0.1 && lagged(20) < lagged(1));
    }
}
