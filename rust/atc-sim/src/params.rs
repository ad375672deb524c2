//! Parameters of the simulated market, with units and where each idea comes from.

use serde::{Deserialize, Serialize};

/// What the simulated market does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// An order-driven market with a planted signal in its order flow.
    Target,
    /// An exogenous martingale mid; book, signs and sizes independent of it and of each other.
    Null,
}

/// All parameters. Intensities are per second at `rate` 1; only fields with "× rate" scale with it.
///
/// Sources: Smith, Farmer, Gillemot & Krishnamurthy 2003 (continuous-time book, limit orders by distance from the
/// opposite best, a cancel rate an order); Huang, Lehalle & Rosenbaum 2015 (intensities that depend on the state of
/// the book, exogenous revisions of the reference price); Lillo & Farmer 2004 and Lillo, Mike & Farmer 2005
/// (power-law memory of the sign of market orders); GMO Coin's public channels for the publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Which market.
    pub scenario: Scenario,
    /// Start of the first business day, ns UTC.
    pub start_ns: i64,
    /// Factor on the intensities of market orders, limit orders and cancels; 0.25 is the demo.
    pub rate: f64,
    /// Price at the start of the burn-in, ticks.
    pub start_price_ticks: i32,

    /// Market orders, both sides together, 1/s × rate.
    pub market_per_s: f64,
    /// Median size of a market order, lots. Log-normal body of taker sizes.
    pub market_median_lots: f64,
    /// Standard deviation of the log size of a market order.
    pub market_log_sigma: f64,
    /// Factor on taker sizes in the absorbing regime (its inverse in the yielding one).
    pub market_regime_factor: f64,
    /// Largest order that the venue takes, lots.
    pub largest_order_lots: i64,

    /// Limit orders near the touch, each side, 1/s × rate × (spread / reference spread)².
    /// Intensities that depend on the spread: Huang, Lehalle & Rosenbaum 2015.
    pub near_per_s: f64,
    /// Spread at which the near intensity has its nominal value, bps.
    pub near_reference_spread_bps: f64,
    /// Least distance of a near limit order from the opposite best, bps.
    pub near_least_bps: f64,
    /// Mean distance beyond the least one, bps; exponential (Smith & Farmer: distance from the opposite best).
    pub near_mean_bps: f64,
    /// Median size of a near limit order, lots.
    pub near_median_lots: f64,
    /// Cancel intensity a level among the first five, 1/s × rate, on top of the far one.
    pub near_cancel_per_s: f64,

    /// Limit orders behind the touch, each side, 1/s × rate.
    pub far_per_s: f64,
    /// Mean distance of a far limit order from the best of its own side, bps; exponential.
    pub far_mean_bps: f64,
    /// Median size of a far limit order, lots.
    pub far_median_lots: f64,
    /// Cancel intensity a level, 1/s × rate.
    pub far_cancel_per_s: f64,
    /// Standard deviation of the log size of a limit order.
    pub limit_log_sigma: f64,
    /// Share of cancels that take half of a level, not all of it.
    pub half_cancel_share: f64,
    /// A side never cancels below this many levels.
    pub least_levels: usize,

    /// Factor on near limit sizes in the absorbing regime (its inverse in the yielding one).
    pub depth_regime_factor: f64,
    /// Factor on the near distances in the yielding regime (its inverse in the absorbing one).
    pub spread_regime_factor: f64,

    /// Quote revisions, 1/s, in clock time (not × rate): a burst of cancels of the levels up to a distance on one
    /// side, and of new orders on the other. Their two directions have an intensity each. In the order flow, this
    /// is the exogenous reference-price move of Huang, Lehalle & Rosenbaum 2015.
    pub revision_per_s: f64,
    /// Mean distance of a quote revision, bps; exponential.
    pub revision_mean_bps: f64,

    /// Least life of a directional pressure, s (Pareto).
    pub pressure_least_life_s: f64,
    /// Tail exponent of that life; 1.5 gives a sign autocorrelation that falls like lag^−0.5 (Lillo & Farmer 2004).
    pub pressure_life_exponent: f64,
    /// Greatest life of a directional pressure, s.
    pub pressure_greatest_life_s: f64,
    /// Share of lives without a direction.
    pub calm_share: f64,
    /// P(taker buys) = ½(1 + bias × pressure).
    pub market_sign_bias: f64,
    /// Intensity of far limit orders of a side, × (1 + bias × pressure) for bids, × (1 − bias × pressure) for asks:
    /// who buys rests orders too.
    pub far_sign_bias: f64,
    /// Mean life of the absorbing regime, s (exponential).
    pub absorbing_mean_life_s: f64,
    /// Mean life of the yielding regime, s (exponential).
    pub yielding_mean_life_s: f64,
    /// P(revision upwards) = ½(1 + lean × pressure) in the yielding regime: continuation.
    pub yielding_lean: f64,
    /// The same in the absorbing regime; negative: reversal.
    pub absorbing_lean: f64,

    /// Standard deviation of the log mid over 300 s in `null`, bps.
    pub null_vol_300s_bps: f64,
    /// Jumps of the mid in `null`, 1/s, in clock time (compound Poisson with normal jumps).
    pub null_jump_per_s: f64,
    /// Mean spread of `null`, bps of the start price.
    pub null_spread_bps: f64,
    /// Events of the shape of the book in `null`, 1/s × rate.
    pub null_book_events_per_s: f64,
    /// Median size of a level behind the touch in `null`, lots.
    pub null_median_lots: f64,

    /// Depth of a published snapshot, levels a side.
    pub depth: usize,
    /// Distance of the grid on which snapshots are published when changed, ms.
    pub snapshot_ms: i64,
    /// Probability that an unchanged snapshot is published all the same.
    pub repeat_probability: f64,
    /// Distance of tickers, ms.
    pub ticker_ms: i64,
    /// Distance of keyframes, s: the first snapshot so long after the last keyframe is stored whole.
    pub keyframe_s: i64,
    /// Least delay from exchange to receiver, ms.
    pub latency_least_ms: f64,
    /// Mean of the exponential delay beyond the least one, ms.
    pub latency_mean_ms: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            scenario: Scenario::Target,
            // 06:00 JST of 2024-01-01.
            start_ns: 1_704_056_400_000_000_000,
            rate: 0.25,
            start_price_ticks: 400_000,
            market_per_s: 0.26,
            market_median_lots: 20.0,
            market_log_sigma: 0.8,
            market_regime_factor: 1.25,
            largest_order_lots: 10_000,
            near_per_s: 0.28,
            near_reference_spread_bps: 3.0,
            near_least_bps: 2.0,
            near_mean_bps: 1.1,
            near_median_lots: 40.0,
            near_cancel_per_s: 0.015,
            far_per_s: 0.7,
            far_mean_bps: 20.0,
            far_median_lots: 150.0,
            far_cancel_per_s: 0.006,
            limit_log_sigma: 0.8,
            half_cancel_share: 0.3,
            least_levels: 48,
            depth_regime_factor: 1.6,
            spread_regime_factor: 1.3,
            revision_per_s: 0.1,
            revision_mean_bps: 1.5,
            pressure_least_life_s: 360.0,
            pressure_life_exponent: 1.5,
            pressure_greatest_life_s: 7_200.0,
            calm_share: 0.2,
            market_sign_bias: 0.8,
            far_sign_bias: 0.3,
            absorbing_mean_life_s: 900.0,
            yielding_mean_life_s: 2_700.0,
            yielding_lean: 0.115,
            absorbing_lean: -0.25,
            null_vol_300s_bps: 14.0,
            null_jump_per_s: 0.04,
            null_spread_bps: 3.2,
            null_book_events_per_s: 4.0,
            null_median_lots: 110.0,
            depth: 30,
            snapshot_ms: 505,
            repeat_probability: 0.004,
            ticker_ms: 1_000,
            keyframe_s: 60,
            latency_least_ms: 2.0,
            latency_mean_ms: 3.0,
        }
    }
}

/// A parameter out of its range: its name, what it is and what it may be.
#[derive(Clone, Debug, PartialEq)]
pub struct BadParams {
    /// Field of [`Params`].
    pub name: &'static str,
    /// What was given.
    pub found: f64,
    /// The range, in words.
    pub expected: &'static str,
}

impl std::fmt::Display for BadParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "simulator parameter {} is {}, expected {}", self.name, self.found, self.expected)
    }
}

impl std::error::Error for BadParams {}

impl Params {
    /// Refuses values that the model has no meaning for.
    ///
    /// # Errors
    /// The first parameter out of its range.
    pub fn check(&self) -> Result<(), BadParams> {
        let positive = [
            ("rate", self.rate),
            ("market_per_s", self.market_per_s),
            ("market_median_lots", self.market_median_lots),
            ("market_regime_factor", self.market_regime_factor),
            ("near_per_s", self.near_per_s),
            ("near_reference_spread_bps", self.near_reference_spread_bps),
            ("near_least_bps", self.near_least_bps),
            ("near_mean_bps", self.near_mean_bps),
            ("near_median_lots", self.near_median_lots),
            ("near_cancel_per_s", self.near_cancel_per_s),
            ("far_per_s", self.far_per_s),
            ("far_mean_bps", self.far_mean_bps),
            ("far_median_lots", self.far_median_lots),
            ("far_cancel_per_s", self.far_cancel_per_s),
            ("depth_regime_factor", self.depth_regime_factor),
            ("spread_regime_factor", self.spread_regime_factor),
            ("revision_per_s", self.revision_per_s),
            ("revision_mean_bps", self.revision_mean_bps),
            ("pressure_least_life_s", self.pressure_least_life_s),
            ("pressure_life_exponent", self.pressure_life_exponent),
            ("pressure_greatest_life_s", self.pressure_greatest_life_s),
            ("absorbing_mean_life_s", self.absorbing_mean_life_s),
            ("yielding_mean_life_s", self.yielding_mean_life_s),
            ("null_vol_300s_bps", self.null_vol_300s_bps),
            ("null_jump_per_s", self.null_jump_per_s),
            ("null_spread_bps", self.null_spread_bps),
            ("null_book_events_per_s", self.null_book_events_per_s),
            ("null_median_lots", self.null_median_lots),
            ("latency_mean_ms", self.latency_mean_ms),
        ];
        let shares = [
            ("half_cancel_share", self.half_cancel_share),
            ("calm_share", self.calm_share),
            ("repeat_probability", self.repeat_probability),
        ];
        let signed = [
            ("market_sign_bias", self.market_sign_bias),
            ("far_sign_bias", self.far_sign_bias),
            ("yielding_lean", self.yielding_lean),
            ("absorbing_lean", self.absorbing_lean),
        ];
        let not_negative = [
            ("market_log_sigma", self.market_log_sigma),
            ("limit_log_sigma", self.limit_log_sigma),
            ("latency_least_ms", self.latency_least_ms),
        ];
        // Below 10 ms the prints of one sweep could straddle two grid points; above a minute nothing is a stream.
        let grids = [("snapshot_ms", self.snapshot_ms), ("ticker_ms", self.ticker_ms)];
        let bad = |name, found, expected| Err(BadParams { name, found, expected });
        for (name, found) in positive {
            if !(found > 0.0 && found.is_finite()) {
                return bad(name, found, "a number above 0");
            }
        }
        for (name, found) in shares {
            if !(0.0..=1.0).contains(&found) {
                return bad(name, found, "a share from 0 to 1");
            }
        }
        for (name, found) in signed {
            if !(-1.0..=1.0).contains(&found) {
                return bad(name, found, "a number from -1 to 1");
            }
        }
        for (name, found) in not_negative {
            if !(found >= 0.0 && found.is_finite()) {
                return bad(name, found, "a number from 0 up");
            }
        }
        for (name, found) in grids {
            if !(10..=60_000).contains(&found) {
                return bad(name, found as f64, "10 to 60000 ms");
            }
        }
        if !(1_000..=1_000_000_000).contains(&self.start_price_ticks) {
            return bad("start_price_ticks", f64::from(self.start_price_ticks), "1e3 to 1e9 ticks");
        }
        if self.largest_order_lots < 1 {
            return bad("largest_order_lots", self.largest_order_lots as f64, "at least 1 lot");
        }
        if !(1..=1_000).contains(&self.depth) {
            return bad("depth", self.depth as f64, "1 to 1000 levels");
        }
        if self.least_levels < self.depth.max(6) || self.least_levels > 10_000 {
            return bad(
                "least_levels",
                self.least_levels as f64,
                "at least the published depth and 6, at most 10000",
            );
        }
        if !(1..=86_400).contains(&self.keyframe_s) {
            return bad("keyframe_s", self.keyframe_s as f64, "1 to 86400 s");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_bad_value_is_named() {
        assert_eq!(Params::default().check(), Ok(()));
        let bad = Params { yielding_lean: 1.5, ..Params::default() };
        assert_eq!(bad.check().unwrap_err().name, "yielding_lean");
        let bad = Params { rate: f64::NAN, ..Params::default() };
        assert!(bad.check().unwrap_err().to_string().contains("rate is NaN"));
    }
}
