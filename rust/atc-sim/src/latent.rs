//! The hidden state that the order flow depends on: a directional pressure and a liquidity regime.

use crate::{pace::nanoseconds, params::Params, rng::Rng};

/// Three independent semi-Markov processes in continuous time.
///
/// `pressure` is −1, 0 or +1, `parent` −1 or +1. Their lives are Pareto, so that the signs of the flow which they
/// drive have the power-law autocorrelation of Lillo & Farmer 2004, as in the model of split parent orders (Lillo,
/// Mike & Farmer 2005): the parent orders over seconds to minutes, the pressure over minutes to hours. `absorbing` is
/// a two-state Markov process.
#[derive(Clone, Debug)]
pub struct Latent {
    rng_pressure: Rng,
    rng_regime: Rng,
    rng_parent: Rng,
    /// Direction of the pressure now.
    pub pressure: i8,
    /// Direction of the parent order under way.
    pub parent: i8,
    /// Whether the book absorbs the flow (true) or gives way (false).
    pub absorbing: bool,
    parent_since: i64,
    parent_until: i64,
    pressure_since: i64,
    pressure_until: i64,
    regime_until: i64,
}

/// The length of a pressure that has lasted for `age_s` already, s.
fn pressure_life(params: &Params, age_s: f64, rng: &mut Rng) -> f64 {
    let least = params.pressure_least_life_s.max(age_s);
    rng.pareto(least, params.pressure_life_exponent, params.pressure_greatest_life_s)
}

/// The length of a parent order that has lasted for `age_s` already, s.
fn parent_life(params: &Params, age_s: f64, rng: &mut Rng) -> f64 {
    let least = params.parent_least_life_s.max(age_s);
    rng.pareto(least, params.pressure_life_exponent, params.parent_greatest_life_s)
}

impl Latent {
    /// The state at `now` (ns).
    pub fn new(params: &Params, seed: u64, now: i64) -> Self {
        let mut latent = Self {
            rng_pressure: Rng::new(seed, 11),
            rng_regime: Rng::new(seed, 12),
            rng_parent: Rng::new(seed, 14),
            pressure: 0,
            parent: 1,
            parent_since: now,
            parent_until: now,
            absorbing: true,
            pressure_since: now,
            pressure_until: now,
            regime_until: now,
        };
        latent.advance(params, now);
        latent
    }

    /// The time (ns) until which the state stays as it is.
    pub fn constant_until(&self) -> i64 {
        self.pressure_until.min(self.regime_until).min(self.parent_until)
    }

    /// Performs the switches that are due at `now` (ns); true if there were any.
    pub fn advance(&mut self, params: &Params, now: i64) -> bool {
        let mut switched = false;
        while self.pressure_until <= now {
            let life = pressure_life(params, 0.0, &mut self.rng_pressure);
            self.pressure_since = self.pressure_until;
            self.pressure_until += nanoseconds(life);
            let u = self.rng_pressure.uniform();
            self.pressure = if u < params.calm_share {
                0
            } else if u < params.calm_share + 0.5 * (1.0 - params.calm_share) {
                1
            } else {
                -1
            };
            switched = true;
        }
        while self.parent_until <= now {
            let life = parent_life(params, 0.0, &mut self.rng_parent);
            self.parent_since = self.parent_until;
            self.parent_until += nanoseconds(life);
            self.parent = if self.rng_parent.chance(0.5) { 1 } else { -1 };
            switched = true;
        }
        while self.regime_until <= now {
            self.absorbing = !self.absorbing;
            let mean =
                if self.absorbing { params.absorbing_mean_life_s } else { params.yielding_mean_life_s };
            self.regime_until += nanoseconds(self.rng_regime.exponential(mean));
            switched = true;
        }
        switched
    }

    /// Gives the state at `now` (ns) a future of its own: new streams, and the lives under way drawn again.
    ///
    /// An end that was drawn already is no part of the state, since nothing in the past shows it. Given that a
    /// Pareto life has lasted for `age`, its whole length is Pareto from max(least, age) on with the same exponent;
    /// an exponential life has no memory.
    pub fn fork(&mut self, params: &Params, seed: u64, now: i64) {
        self.rng_pressure = Rng::new(seed, 11);
        self.rng_regime = Rng::new(seed, 12);
        self.rng_parent = Rng::new(seed, 14);
        let age_s = |since: i64| (now - since) as f64 * 1e-9;
        let life = pressure_life(params, age_s(self.pressure_since), &mut self.rng_pressure);
        self.pressure_until = (self.pressure_since + nanoseconds(life)).max(now + 1);
        let life = parent_life(params, age_s(self.parent_since), &mut self.rng_parent);
        self.parent_until = (self.parent_since + nanoseconds(life)).max(now + 1);
        let mean = if self.absorbing { params.absorbing_mean_life_s } else { params.yielding_mean_life_s };
        self.regime_until = now + nanoseconds(self.rng_regime.exponential(mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_time_are_those_of_the_parameters() {
        let params = Params::default();
        let mut latent = Latent::new(&params, 3, 0);
        let (mut now, mut absorbing, mut signed, mut calm) = (0_i64, 0_i64, 0_i64, 0_i64);
        let end = 2_000 * 86_400 * 1_000_000_000_i64;
        while now < end {
            let next = latent.constant_until();
            absorbing += if latent.absorbing { next - now } else { 0 };
            signed += i64::from(latent.pressure) * (next - now);
            calm += if latent.pressure == 0 { next - now } else { 0 };
            now = next;
            assert!(latent.advance(&params, now));
        }
        let share = |ns: i64| ns as f64 / now as f64;
        let expected =
            params.absorbing_mean_life_s / (params.absorbing_mean_life_s + params.yielding_mean_life_s);
        assert!((share(absorbing) - expected).abs() < 0.01);
        assert!(share(signed).abs() < 0.02);
        assert!((share(calm) - params.calm_share).abs() < 0.02);
    }

    /// What is left of the lives under way has the law of the process: the same shares of ends within ten minutes
    /// in forks of many moments and in what the process itself does after them.
    #[test]
    fn forks_end_their_lives_as_the_process_does() {
        let params = Params::default();
        let mut latent = Latent::new(&params, 4, 0);
        let step = 1_800 * 1_000_000_000_i64;
        let (mut own, mut forked, n) = ([0.0; 2], [0.0; 2], 40_000);
        for moment in 1..=n {
            let now = moment * step;
            latent.advance(&params, now);
            let mut fork = latent.clone();
            fork.fork(&params, moment as u64, now);
            assert_eq!((fork.pressure, fork.absorbing), (latent.pressure, latent.absorbing));
            for (shares, state) in [(&mut own, &latent), (&mut forked, &fork)] {
                shares[0] += f64::from(u8::from(state.pressure_until - now < step / 3)) / n as f64;
                shares[1] += f64::from(u8::from(state.regime_until - now < step / 3)) / n as f64;
            }
        }
        for part in 0..2 {
            assert!((own[part] - forked[part]).abs() < 0.015, "{own:?} {forked:?}");
            assert!((0.1..0.9).contains(&own[part]));
        }
    }
}
