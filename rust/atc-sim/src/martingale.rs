//! The martingale market: a mid that nothing predicts, and a book, signs and sizes that know nothing of it.

use std::sync::Arc;

use crate::{
    book::{Level, Side},
    latent::Latent,
    market::TakerOrder,
    pace::Pace,
    params::Params,
    rng::Rng,
    session::{Session, SessionClock},
    size::{limit_size, taker_size},
};

/// A quantity at a distance (ticks) from the mid.
#[derive(Clone, Copy, Debug)]
struct Offset {
    ticks: i32,
    qty: i64,
}

/// Four independent parts, each with random streams of its own: the mid, the shape of the book around it, the signs
/// of market orders, and their times and sizes. What they share is the pace, which has no direction.
///
/// The log mid is a compound Poisson martingale whose jump intensity goes with the pace; its jumps fall on the
/// publication grid, so that no print or ticker can show a jump before the snapshot does. The half spread and the
/// level offsets are ticks from the mid; a jump shifts the book as a whole and changes nothing in its shape. The
/// spread is even, so that the mid is a whole tick and moves by jumps only.
#[derive(Clone, Debug)]
pub(crate) struct MartingaleMarket {
    params: Arc<Params>,
    rng_mid: Rng,
    rng_book: Rng,
    rng_sign: Rng,
    rng_order: Rng,
    /// Drives the signs of market orders, nothing else.
    pub latent: Latent,
    pub pace: Pace,
    session: SessionClock,
    log_mid: f64,
    mid: i32,
    half_spread: i32,
    touch_qty: [i64; 2],
    behind: [Vec<Offset>; 2],
    /// Bids and asks as they are quoted now.
    quoted: [Vec<Level>; 2],
    now: i64,
    next_shape: i64,
    next_order: i64,
    next_grid: i64,
}

impl MartingaleMarket {
    /// A market at `now` (ns), from which its publication grid is counted.
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let mut market = Self {
            rng_mid: Rng::new(seed, 21),
            rng_book: Rng::new(seed, 22),
            rng_sign: Rng::new(seed, 23),
            rng_order: Rng::new(seed, 24),
            latent: Latent::new(params, seed, now),
            pace: Pace::new(params, seed, 13, now),
            session: SessionClock::new(&params.maintenance),
            log_mid: libm::log(f64::from(params.start_price_ticks)),
            mid: params.start_price_ticks,
            half_spread: 0,
            touch_qty: [1, 1],
            behind: [Vec::new(), Vec::new()],
            quoted: [Vec::new(), Vec::new()],
            now,
            next_shape: now,
            next_order: now,
            next_grid: now + params.snapshot_ms * 1_000_000,
            params: Arc::new(params.clone()),
        };
        market.session.advance(now);
        market.redraw_spread();
        for side in 0..2 {
            market.touch_qty[side] = market.near_size();
            while market.behind[side].len() < 2 * params.least_levels {
                market.place(side);
            }
        }
        market.next_shape = now + market.shape_wait();
        market.next_order = now + market.order_wait();
        market.quote();
        market
    }

    /// The time that the market has reached, ns.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Gives the state reached a future of its own: new random streams, what is under way drawn again.
    pub fn fork(&mut self, seed: u64) {
        self.rng_mid = Rng::new(seed, 21);
        self.rng_book = Rng::new(seed, 22);
        self.rng_sign = Rng::new(seed, 23);
        self.rng_order = Rng::new(seed, 24);
        self.latent.fork(&self.params, seed, self.now);
        self.pace.fork(seed, 13, self.now);
        self.next_shape = self.now + self.shape_wait();
        self.next_order = self.now + self.order_wait();
    }

    /// Quoted levels of a side, best first.
    pub fn side(&self, side: Side) -> &[Level] {
        &self.quoted[side as usize]
    }

    /// Ticks of a basis point of the start price. Not of the present price: the book must not know it.
    fn bps(&self) -> f64 {
        f64::from(self.params.start_price_ticks) * 1e-4
    }

    fn shape_wait(&mut self) -> i64 {
        let per_s = 2.0 * self.params.rate * self.params.martingale_shape_per_s;
        self.rng_book.exponential(1e9 / per_s) as i64 + 1
    }

    /// Drawn at the present pace, and drawn again whenever the pace changes.
    fn order_wait(&mut self) -> i64 {
        let per_s = self.params.rate * self.params.market_per_s * libm::sqrt(self.pace.value());
        self.rng_order.exponential(1e9 / per_s) as i64 + 1
    }

    fn near_size(&mut self) -> i64 {
        limit_size(&self.params, self.params.near_median_lots, &mut self.rng_book)
    }

    /// Half spreads are spread evenly over 60 % to 140 % of the mean.
    fn redraw_spread(&mut self) {
        let relative = 0.6 + 0.8 * self.rng_book.uniform();
        self.half_spread = ((0.5 * self.params.martingale_spread_bps * self.bps() * relative) as i32).max(1);
    }

    /// A new level behind the widest touch.
    fn place(&mut self, side: usize) {
        let widest = 0.7 * self.params.martingale_spread_bps * self.bps() + 1.0;
        let distance = self.rng_book.exponential(self.params.far_mean_bps) * self.bps();
        let qty = limit_size(&self.params, self.params.martingale_median_lots, &mut self.rng_book);
        let ticks = (widest + distance) as i32 + 1;
        let levels = &mut self.behind[side];
        let at = levels.partition_point(|level| level.ticks < ticks);
        match levels.get_mut(at) {
            Some(level) if level.ticks == ticks => level.qty = qty,
            _ => levels.insert(at, Offset { ticks, qty }),
        }
    }

    /// One event of the book's shape: a new spread, a new size at the touch or behind it, or a level that comes or
    /// goes.
    fn reshape(&mut self) {
        let side = self.rng_book.below(2);
        let u = self.rng_book.uniform();
        let (behind, least) = (self.behind[side].len(), self.params.least_levels);
        if u < 0.07 {
            self.redraw_spread();
        } else if u < 0.2 {
            self.touch_qty[side] = self.near_size();
        } else if u < 0.6 {
            let rank = self.rng_book.below(behind.min(self.params.depth));
            let median = self.params.martingale_median_lots;
            self.behind[side][rank].qty = limit_size(&self.params, median, &mut self.rng_book);
        } else if u < 0.8 || behind < least {
            self.place(side);
        } else if self.rng_book.chance(0.5 * behind as f64 / least as f64) {
            // Levels go the faster the more there are, around twice the least number.
            let rank = self.rng_book.below(behind);
            self.behind[side].remove(rank);
        }
    }

    fn quote(&mut self) {
        for side in [Side::Buy, Side::Sell] {
            let at = side as usize;
            let outward = -i32::from(side.sign());
            let levels = &mut self.quoted[at];
            levels.clear();
            levels.push(Level { px: self.mid + outward * self.half_spread, qty: self.touch_qty[at] });
            levels.extend(
                self.behind[at]
                    .iter()
                    .map(|level| Level { px: self.mid + outward * level.ticks, qty: level.qty }),
            );
        }
    }

    /// Runs to the next market order or to `until` (ns), whichever is first; true if `out` holds an order. The jump
    /// of a grid point comes after all else up to it.
    pub fn advance(&mut self, until: i64, out: &mut TakerOrder) -> bool {
        loop {
            let changes = self.latent.constant_until().min(self.pace.constant_until());
            let next = until.min(self.next_order).min(self.next_grid).min(changes);
            self.session.advance(next);
            self.shape_to(next);
            self.now = next;
            if self.next_order == next {
                self.next_order = next + self.order_wait();
                let open = self.session.now() == Session::Open;
                // Drawn in any case, so that a calendar changes nothing outside of its hours.
                self.take(out);
                if open {
                    return true;
                }
                continue;
            }
            if changes <= next {
                self.latent.advance(&self.params, next);
                if self.pace.advance(next) {
                    self.next_order = next + self.order_wait();
                }
                continue;
            }
            if self.next_grid == next {
                self.next_grid += self.params.snapshot_ms * 1_000_000;
                self.jump();
            }
            if next == until {
                return false;
            }
        }
    }

    /// Performs the changes of the book's shape up to `ts` (ns).
    fn shape_to(&mut self, ts: i64) {
        let mut reshaped = false;
        while self.next_shape <= ts {
            if self.session.now() == Session::Open {
                self.reshape();
                reshaped = true;
            }
            self.next_shape += self.shape_wait();
        }
        if reshaped {
            self.quote();
        }
    }

    /// A market order: its size is split over one to three quoted levels by chance, whatever rests there.
    fn take(&mut self, out: &mut TakerOrder) {
        let bias = self.params.market_sign_bias * f64::from(self.latent.pressure)
            + self.params.parent_sign_bias * f64::from(self.latent.parent);
        let side = if self.rng_sign.chance(0.5 * (1.0 + bias)) { Side::Buy } else { Side::Sell };
        let mut left = taker_size(&self.params, self.params.market_median_lots, &mut self.rng_order);
        out.ts = self.now;
        out.sign = side.sign();
        out.fills.clear();
        for rank in 0..3 {
            let last = rank == 2 || left == 1 || self.rng_order.chance(0.7);
            let qty = if last { left } else { (left / 2).max(1) };
            let px = self.quoted[side.opposite() as usize][rank].px;
            out.fills.push(Level { px, qty });
            left -= qty;
            if left == 0 {
                break;
            }
        }
    }

    /// The mid's step over one interval of the publication grid.
    fn jump(&mut self) {
        let p = &self.params;
        let interval = p.snapshot_ms as f64 * 1e-3;
        let nominal = p.martingale_jump_per_s * interval;
        let chance = 1.0 - libm::exp(-nominal * self.pace.value());
        let variance = p.martingale_vol_300s_bps * p.martingale_vol_300s_bps * 1e-8 / 300.0;
        let jump_variance = variance * interval / (1.0 - libm::exp(-nominal));
        // At most one jump an interval, of mean 1 in price: exp(N(−v/2, v)).
        let jumps = self.rng_mid.chance(chance);
        let jump = libm::sqrt(jump_variance) * self.rng_mid.normal() - 0.5 * jump_variance;
        if jumps && self.session.now() == Session::Open {
            self.log_mid += jump;
            self.mid = libm::rint(libm::exp(self.log_mid)) as i32;
            self.quote();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: i64 = 505_000_000;

    /// Without season and volatility regimes.
    fn plain() -> Params {
        Params { season_strength: 0.0, volatility_step: 0.0, ..Params::default() }
    }

    /// Offsets and sizes of the book, signs and sizes of prints, and the mids.
    type Observed = (Vec<(i32, i64)>, Vec<(i8, i64)>, Vec<i32>);

    fn observe(params: &Params, hours: i64) -> Observed {
        let mut market = MartingaleMarket::new(params, 4, 0);
        let mut order = TakerOrder::default();
        let (mut book, mut prints, mut mids) = (Vec::new(), Vec::new(), Vec::new());
        for step in 1..hours * 3_600_000_000_000 / GRID {
            while market.advance(step * GRID, &mut order) {
                prints.extend(order.fills.iter().map(|fill| (order.sign, fill.qty)));
            }
            mids.push(market.mid);
            for side in [Side::Buy, Side::Sell] {
                book.extend(market.side(side)[..5].iter().map(|l| (l.px - market.mid, l.qty)));
            }
        }
        (book, prints, mids)
    }

    #[test]
    fn book_signs_and_sizes_do_not_know_the_mid() {
        let params = plain();
        let wild = Params { martingale_vol_300s_bps: 40.0, martingale_jump_per_s: 0.3, ..plain() };
        let (book, prints, mids) = observe(&params, 6);
        let (other_book, other_prints, other_mids) = observe(&wild, 6);
        assert_ne!(mids, other_mids);
        assert_eq!(book, other_book);
        assert_eq!(prints, other_prints);
    }

    #[test]
    fn the_quoted_mid_is_the_martingale_and_has_its_volatility() {
        let params = plain();
        let mut market = MartingaleMarket::new(&params, 8, 0);
        let mut order = TakerOrder::default();
        let (mut last, mut sum, mut squares, mut n) = (f64::from(market.mid).ln(), 0.0, 0.0, 0.0);
        for step in 1..=20 * 86_400_000_000_000_i64 / GRID {
            while market.advance(step * GRID, &mut order) {}
            let (bid, ask) = (market.side(Side::Buy)[0].px, market.side(Side::Sell)[0].px);
            assert!(bid < ask);
            assert_eq!(bid + ask, 2 * market.mid);
            if step % 594 == 0 {
                let log = f64::from(market.mid).ln();
                let r = (log - last) * 1e4;
                (sum, squares, n) = (sum + r, squares + r * r, n + 1.0);
                last = log;
            }
        }
        let vol = (squares / n).sqrt();
        assert!((vol / params.martingale_vol_300s_bps - 1.0).abs() < 0.04, "{vol}");
        assert!((sum / n).abs() < 4.0 * vol / n.sqrt());
    }
}
