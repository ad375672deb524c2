//! Where market orders and the book come from: what the venue publishes, and what can be forked to know the truth.

use crate::{
    book::{Level, Side},
    market::{Market, TakerOrder},
    martingale::MartingaleMarket,
    params::{MarketKind, Params},
};

/// A market without its venue, at a time. `Clone` copies its whole state; [`Source::fork`] gives a copy with another
/// future, [`Source::run_until`] runs it without publishing and [`Source::mid`] is the mid that a snapshot published
/// now would show. The path does not depend on the steps in which it is run.
#[derive(Clone, Debug)]
pub struct Source {
    market: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    OrderDriven(Box<Market>),
    Martingale(Box<MartingaleMarket>),
}

macro_rules! of_either {
    ($self:expr, $market:ident => $result:expr) => {
        match $self {
            Kind::OrderDriven($market) => $result,
            Kind::Martingale($market) => $result,
        }
    };
}

impl Source {
    /// The market of the parameters at `now` (ns).
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let market = match params.market {
            MarketKind::OrderDriven => Kind::OrderDriven(Box::new(Market::new(params, seed, now))),
            MarketKind::Martingale => Kind::Martingale(Box::new(MartingaleMarket::new(params, seed, now))),
        };
        Self { market }
    }

    /// The time that the market has reached, ns.
    pub fn now(&self) -> i64 {
        of_either!(&self.market, market => market.now())
    }

    /// Runs to the next market order or to `until` (ns), whichever is first; true if `out` holds an order.
    pub fn advance(&mut self, until: i64, out: &mut TakerOrder) -> bool {
        of_either!(&mut self.market, market => market.advance(until, out))
    }

    /// Runs to `until` (ns), which must not lie before [`Source::now`]; nobody sees the orders.
    pub fn run_until(&mut self, until: i64) {
        let mut order = TakerOrder::default();
        while self.advance(until, &mut order) {}
    }

    /// Levels of a side, best first; at least one.
    pub fn side(&self, side: Side) -> &[Level] {
        match &self.market {
            Kind::OrderDriven(market) => market.book.side(side),
            Kind::Martingale(market) => market.side(side),
        }
    }

    /// Twice the mid, ticks.
    pub fn mid2(&self) -> i64 {
        i64::from(self.side(Side::Buy)[0].px) + i64::from(self.side(Side::Sell)[0].px)
    }

    /// The middle of the best prices, ticks.
    pub fn mid(&self) -> f64 {
        self.mid2() as f64 * 0.5
    }

    /// The same state now, with a future that `seed` decides: the random numbers are new, and what had been drawn
    /// and had not happened yet (ends of lives, waits) is drawn again from its law given the present.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let mut fork = self.clone();
        of_either!(&mut fork.market, market => market.fork(seed));
        fork
    }

    /// Pressure (−1, 0, +1), whether the book absorbs the flow, and the pace; the pressure of the martingale drives
    /// the signs of its orders and nothing else.
    pub fn truth(&self) -> (i8, bool, f64) {
        of_either!(&self.market, market => {
            (market.latent.pressure, market.latent.absorbing, market.pace.value())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn sources() -> [Source; 2] {
        [MarketKind::OrderDriven, MarketKind::Martingale]
            .map(|market| Source::new(&Params { market, ..Params::default() }, 5, 0))
    }

    #[test]
    fn the_path_does_not_depend_on_the_steps() {
        for mut one in sources() {
            let mut other = one.clone();
            one.run_until(HOUR);
            for step in 1..=7_200 {
                other.run_until(step * HOUR / 7_200);
            }
            assert_eq!((one.now(), one.side(Side::Buy)), (other.now(), other.side(Side::Buy)));
            assert_eq!(one.truth(), other.truth());
        }
    }

    #[test]
    fn a_fork_starts_where_its_origin_is_and_goes_elsewhere() {
        for mut source in sources() {
            source.run_until(HOUR);
            let (mut fork, mut same, mut other) = (source.fork(1), source.fork(1), source.fork(2));
            assert_eq!((fork.now(), fork.truth()), (source.now(), source.truth()));
            assert_eq!(fork.side(Side::Sell), source.side(Side::Sell));
            for one in [&mut source, &mut fork, &mut same, &mut other] {
                one.run_until(2 * HOUR);
            }
            assert_eq!(fork.side(Side::Sell), same.side(Side::Sell));
            assert_ne!(fork.side(Side::Sell), other.side(Side::Sell));
            assert_ne!(fork.side(Side::Sell), source.side(Side::Sell));
        }
    }
}
