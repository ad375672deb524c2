//! How fast the market runs: the season of the day and the week, and volatility that changes on many time scales.
//!
//! Pace is season × volatility. It scales intensities and never a direction, so it tells how far a price may move
//! and nothing of where to.

use std::sync::Arc;

use crate::{params::Params, rng::Rng};

const MINUTE: i64 = 60_000_000_000;
const MINUTES_OF_A_DAY: usize = 1_440;

/// What the season is built from: (local hour in Japan, height, width in hours) of a bell at the opening and closing
/// of Tokyo, London and New York, whose sum over a floor gives each session its U. That volume and volatility of Ether
/// go by the hour is a finding of Hansen, Kim & Kimbrough 2024; heights and widths are chosen here.
const BELLS: [(f64, f64, f64); 6] = [
    (9.0, 0.6, 0.8),
    (15.0, 0.35, 0.8),
    (17.0, 0.7, 1.0),
    (22.75, 1.5, 1.3),
    (25.0, 0.7, 1.0),
    (29.5, 0.3, 0.8),
];
const FLOOR: f64 = 0.45;

/// The season of a day, minute by minute of local time; its mean over a weekday is 1.
#[derive(Debug)]
struct Season {
    of_minute: [f64; MINUTES_OF_A_DAY],
}

impl Season {
    fn new(strength: f64) -> Self {
        let mut of_minute = [0.0; MINUTES_OF_A_DAY];
        for (minute, value) in of_minute.iter_mut().enumerate() {
            let hour = (minute as f64 + 0.5) / 60.0;
            let mut sum = FLOOR;
            for (centre, height, width) in BELLS {
                // On the circle of 24 hours.
                let distance = (hour - centre + 36.0) % 24.0 - 12.0;
                sum += height * libm::exp(-0.5 * (distance / width) * (distance / width));
            }
            *value = libm::pow(sum, strength);
        }
        let mean = of_minute.iter().sum::<f64>() / MINUTES_OF_A_DAY as f64;
        for value in &mut of_minute {
            *value /= mean;
        }
        Self { of_minute }
    }
}

/// One component of the cascade: 1 + step or 1 − step, with an exponential life.
#[derive(Clone, Copy, Debug)]
struct Component {
    high: bool,
    mean_life_s: f64,
    until: i64,
}

/// The pace at a time. Constant between two calls of [`Pace::advance`] that return true.
///
/// The volatility is the Markov-switching multifractal of Calvet & Fisher 2004, in continuous time: a product of
/// independent two-valued factors of mean 1 whose lives grow geometrically. Its autocorrelation falls about
/// hyperbolically over the time scales that the lives span.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    season: Arc<Season>,
    weekend_factor: f64,
    tz_offset_s: i64,
    step: f64,
    components: Vec<Component>,
    rng: Rng,
    until: i64,
    minute_until: i64,
    of_season: f64,
    volatility: f64,
}

impl Pace {
    /// The pace at `now` (ns), with random numbers of stream `stream`.
    pub fn new(params: &Params, seed: u64, stream: u64, now: i64) -> Self {
        let mut rng = Rng::new(seed, stream);
        let mut mean_life_s = params.volatility_least_life_s;
        let mut components = Vec::new();
        for _ in 0..params.volatility_components {
            let until = now + nanoseconds(rng.exponential(mean_life_s));
            components.push(Component { high: rng.chance(0.5), mean_life_s, until });
            mean_life_s *= 4.0;
        }
        let mut pace = Self {
            season: Arc::new(Season::new(params.season_strength)),
            weekend_factor: if params.season_strength > 0.0 { params.weekend_factor } else { 1.0 },
            tz_offset_s: params.tz_offset_s,
            step: params.volatility_step,
            components,
            rng,
            until: now,
            minute_until: now,
            of_season: 1.0,
            volatility: 1.0,
        };
        pace.advance(now);
        pace
    }

    /// The time (ns) until which the pace stays as it is.
    pub fn constant_until(&self) -> i64 {
        self.until
    }

    /// Performs the changes that are due at `now` (ns); true if there were any.
    pub fn advance(&mut self, now: i64) -> bool {
        if now < self.until {
            return false;
        }
        if now >= self.minute_until {
            let local = now + self.tz_offset_s * 1_000_000_000;
            let minute = local.div_euclid(MINUTE);
            self.minute_until = (minute + 1) * MINUTE - self.tz_offset_s * 1_000_000_000;
            let day = minute.div_euclid(MINUTES_OF_A_DAY as i64);
            let of_day = self.season.of_minute[minute.rem_euclid(MINUTES_OF_A_DAY as i64) as usize];
            // 1970-01-01 was a Thursday.
            let weekend = (day + 3).rem_euclid(7) >= 5;
            self.of_season = if weekend { of_day * self.weekend_factor } else { of_day };
        }
        let mut next = self.minute_until;
        let mut volatility = 1.0;
        for component in &mut self.components {
            while component.until <= now {
                component.until += nanoseconds(self.rng.exponential(component.mean_life_s));
                component.high = self.rng.chance(0.5);
            }
            next = next.min(component.until);
            volatility *= if component.high { 1.0 + self.step } else { 1.0 - self.step };
        }
        self.volatility = volatility;
        self.until = next;
        true
    }

    /// Season × volatility: the factor on the variance of the price.
    pub fn value(&self) -> f64 {
        self.of_season * self.volatility
    }

    /// Gives the state at `now` (ns) a future of its own: new random numbers, lives under way drawn again.
    pub fn fork(&mut self, seed: u64, stream: u64, now: i64) {
        self.rng = Rng::new(seed, stream);
        for component in &mut self.components {
            component.until = now + nanoseconds(self.rng.exponential(component.mean_life_s));
        }
        self.until =
            self.components.iter().map(|component| component.until).fold(self.minute_until, i64::min);
    }
}

/// A random time as ns, at least 1.
pub(crate) fn nanoseconds(seconds: f64) -> i64 {
    ((seconds * 1e9) as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn mean_by_hour(params: &Params, weeks: i64) -> ([f64; 24], f64) {
        let mut pace = Pace::new(params, 5, 1, 0);
        let (mut sums, mut now) = ([0.0; 24], 0);
        while now < weeks * 7 * 24 * HOUR {
            let next = pace.constant_until();
            let local = now + params.tz_offset_s * 1_000_000_000;
            sums[(local / HOUR % 24) as usize] += pace.value() * (next - now) as f64;
            now = next;
            assert!(pace.advance(now));
        }
        let hours = (weeks * 7 * HOUR) as f64;
        (sums.map(|sum| sum / hours), sums.iter().sum::<f64>() / hours / 24.0)
    }

    #[test]
    fn the_season_peaks_with_new_york_and_has_mean_one() {
        let flat = Params { volatility_step: 0.0, weekend_factor: 1.0, ..Params::default() };
        let (of_hour, mean) = mean_by_hour(&flat, 2);
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        let at = |hour: usize| of_hour[hour];
        assert!(at(22) > 1.7 * at(12), "New York's opening over Tokyo's noon");
        assert!(at(9) > at(12) && at(15) > at(12) && at(17) > at(19));
        let (of_hour, _) = mean_by_hour(&Params { season_strength: 0.0, ..flat }, 1);
        assert!(of_hour.iter().all(|value| (value - 1.0).abs() < 1e-9));
    }

    #[test]
    fn the_cascade_has_mean_one_and_remembers_for_an_hour() {
        let params = Params { season_strength: 0.0, ..Params::default() };
        let mut pace = Pace::new(&params, 3, 1, 0);
        let minutes = 200 * 1_440;
        let values: Vec<f64> = (0..minutes)
            .map(|minute| {
                pace.advance(minute * MINUTE);
                pace.value()
            })
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        let of = |lag: usize| {
            values.iter().zip(&values[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n
        };
        let (now, ten, hour) = (of(0), of(10), of(60));
        let expected = (1.0 + params.volatility_step.powi(2)).powi(params.volatility_components as i32) - 1.0;
        assert!((now / expected - 1.0).abs() < 0.2, "variance {now}, expected {expected}");
        assert!(now > ten && ten > hour);
        assert!(hour > 0.02 * now, "after an hour {hour} of {now}");
    }

    #[test]
    fn a_fork_keeps_what_is_and_redraws_what_is_to_come() {
        let mut pace = Pace::new(&Params::default(), 3, 1, 0);
        pace.advance(HOUR);
        let mut fork = pace.clone();
        fork.fork(9, 1, HOUR);
        assert_eq!(fork.value(), pace.value());
        assert_ne!(fork.components[3].until, pace.components[3].until);
    }
}
