//! Parameters of the simulated market: units, ranges, defaults and where each idea comes from, in one table.

use serde::{Deserialize, Serialize};

/// Which market is behind the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketKind {
    /// An order book that changes by order flow alone, with a planted signal in the flow.
    OrderDriven,
    /// An exogenous martingale mid; book, signs and sizes independent of it and of each other.
    Martingale,
}

/// One maintenance of the venue, ns UTC: closed from `start_ns`, only cancels from `end_ns`, open from `open_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// The venue closes.
    pub start_ns: i64,
    /// The venue is back, and takes cancels only.
    pub end_ns: i64,
    /// The venue trades again.
    pub open_ns: i64,
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

/// A parameter's number for its range check; none for what is no number or is not set.
trait Number {
    fn number(&self) -> Option<f64>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }
    )*};
}
numbers!(f64, i64, i32, usize);

impl Number for Option<f64> {
    fn number(&self) -> Option<f64> {
        *self
    }
}

/// What a range refuses: the range in words.
type Refused = Option<&'static str>;

fn positive(x: f64) -> Refused {
    (!(x > 0.0 && x.is_finite())).then_some("a number above 0")
}

fn not_negative(x: f64) -> Refused {
    (!(x >= 0.0 && x.is_finite())).then_some("a number from 0 up")
}

fn share(x: f64) -> Refused {
    (!(0.0..=1.0).contains(&x)).then_some("a share from 0 to 1")
}

fn below_one(x: f64) -> Refused {
    (!(0.0..1.0).contains(&x)).then_some("a number from 0 up and below 1")
}

fn signed(x: f64) -> Refused {
    (!(-1.0..=1.0).contains(&x)).then_some("a number from -1 to 1")
}

fn exponent(x: f64) -> Refused {
    (!(0.0..=5.0).contains(&x)).then_some("a number from 0 to 5")
}

fn finite(x: f64) -> Refused {
    (!x.is_finite()).then_some("a number")
}

fn at_least_one(x: f64) -> Refused {
    (x < 1.0).then_some("at least 1")
}

fn price(x: f64) -> Refused {
    (!(1e3..=1e9).contains(&x)).then_some("1e3 to 1e9 ticks")
}

fn levels(x: f64) -> Refused {
    (!(1.0..=1e3).contains(&x)).then_some("1 to 1000 levels")
}

// Below 10 ms the prints of one sweep could straddle two grid points; above a minute nothing is a stream.
fn grid(x: f64) -> Refused {
    (!(10.0..=60_000.0).contains(&x)).then_some("10 to 60000 ms")
}

fn seconds_of_a_day(x: f64) -> Refused {
    (!(1.0..=86_400.0).contains(&x)).then_some("1 to 86400 s")
}

fn offset(x: f64) -> Refused {
    (!(-86_400.0..=86_400.0).contains(&x)).then_some("a day either way, in s")
}

fn few(x: f64) -> Refused {
    (!(0.0..=8.0).contains(&x)).then_some("0 to 8")
}

macro_rules! params {
    ($(#[$of_struct:meta])* { $($(#[$doc:meta])* $name:ident: $type:ty = $default:expr, $range:ident;)* }) => {
        $(#[$of_struct])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Params {
            /// Which market.
            pub market: MarketKind,
            /// The venue's calendar, in order and without overlaps.
            pub maintenance: Vec<Maintenance>,
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Params {
            fn default() -> Self {
                Self { market: MarketKind::OrderDriven, maintenance: Vec::new(), $($name: $default,)* }
            }
        }

        impl Params {
            fn check_ranges(&self) -> Result<(), BadParams> {
                $(if let Some(found) = self.$name.number()
                    && let Some(expected) = $range(found)
                {
                    return Err(BadParams { name: stringify!($name), found, expected });
                })*
                Ok(())
            }
        }
    };
}

params! {
    /// All parameters. Intensities are per second at `rate` 1; only those with "× rate" scale with it. Pace is the
    /// product of season and volatility, see [`crate::pace`]; the intensities that it scales say so.
    ///
    /// Sources, by their short names below:
    /// - SFGK: Smith, Farmer, Gillemot & Krishnamurthy 2003, Statistical theory of the continuous double auction,
    ///   Quantitative Finance 3: limit orders by distance from the opposite best, a cancel rate an order.
    /// - HLR: Huang, Lehalle & Rosenbaum 2015, Simulating and analyzing order book data: the queue-reactive model,
    ///   JASA 110: intensities that depend on the state of the book; moves of the reference price from outside.
    /// - NRS: Noble, Rosenbaum & Souilmi 2026, Bridging the reality gap in limit order book simulation,
    ///   arXiv 2603.24137: the state of the book projected onto (imbalance at the touch, spread).
    /// - LF: Lillo & Farmer 2004, The long memory of the efficient market, Studies in Nonlinear Dynamics &
    ///   Econometrics 8; LMF: Lillo, Mike & Farmer 2005, Theory for long memory in supply and demand, PRE 71.
    /// - CF: Calvet & Fisher 2004, How to forecast long-run volatility: regime switching and the estimation of
    ///   multifractal processes, Journal of Financial Econometrics 2.
    /// - GPGS: Gopikrishnan, Plerou, Gabaix & Stanley 2000, Statistical properties of share volume traded in
    ///   financial markets, PRE 62: the half-cubic law of trade sizes.
    /// - MCKZ: Mu, Chen, Kertész & Zhou 2009, Preferred numbers and the distributions of trade sizes and trading
    ///   volumes, European Physical Journal B 68.
    /// - HKK: Hansen, Kim & Kimbrough 2024, Periodicity in cryptocurrency volatility and liquidity, Journal of
    ///   Financial Econometrics 22.
    {
        /// Start of the first business day, ns UTC.
        start_ns: i64 = 1_704_056_400_000_000_000, finite;
        /// Local time minus UTC, s; the season is one of local hours.
        tz_offset_s: i64 = 32_400, offset;
        /// Factor on the intensities of market orders, limit orders and cancels; 0.25 is the demo.
        rate: f64 = 0.25, positive;
        /// Price at the start of the burn-in, ticks.
        start_price_ticks: i32 = 400_000, price;

        /// Exponent on the season's profile: 0 no seasonality, 1 the profile as it is (HKK).
        season_strength: f64 = 0.8, exponent;
        /// Factor on the season on Saturdays and Sundays, local dates (HKK).
        weekend_factor: f64 = 0.8, positive;
        /// Components of the volatility cascade, each with a life four times as long as the one before (CF).
        volatility_components: usize = 4, few;
        /// A component of the cascade is 1 + step or 1 − step, each half of the time; 0: constant volatility (CF).
        volatility_step: f64 = 0.45, below_one;
        /// Mean life of the fastest component, s (exponential).
        volatility_least_life_s: f64 = 40.0, positive;

        /// Market orders, both sides together, 1/s × rate × √pace.
        market_per_s: f64 = 0.25, positive;
        /// Exponent on (reference spread / spread): takers wait for a narrow spread (HLR, NRS).
        market_spread_exponent: f64 = 0.5, exponent;
        /// Median size of a market order's log-normal body, lots.
        market_median_lots: f64 = 20.0, positive;
        /// Standard deviation of the log size of the body.
        market_log_sigma: f64 = 0.8, not_negative;
        /// Share of market orders that come from the power-law tail (GPGS).
        market_tail_share: f64 = 0.06, share;
        /// Least size of the tail, lots.
        market_tail_least_lots: f64 = 60.0, positive;
        /// Exponent of the tail: P(size > x) ∝ x^−exponent; 1.5 is the half-cubic law (GPGS).
        market_tail_exponent: f64 = 1.5, positive;
        /// Share of market orders whose size is rounded to a preferred number, 1, 2 or 5 times a power of ten lots
        /// (MCKZ).
        market_round_share: f64 = 0.35, share;
        /// Factor on taker sizes in the absorbing regime (its inverse in the yielding one).
        market_regime_factor: f64 = 1.25, positive;
        /// A market order stops this far from the best price that it meets, bps: marketable limit orders.
        market_reach_bps: f64 = 4.0, positive;
        /// Largest order that the venue takes, lots.
        largest_order_lots: i64 = 10_000, at_least_one;

        /// Slope of the intensities at the touch in the imbalance I = (bid − ask) / (bid + ask) of the two best
        /// quantities: market orders of a side × exp(±slope · I), near limit orders × exp(∓slope · I), near cancels
        /// × exp(±slope · I) (HLR, NRS; + for bids and buyers).
        imbalance_slope: f64 = 0.4, finite;
        /// Limit orders near the touch, each side, 1/s × rate × √pace × (spread / reference spread)² (HLR, NRS).
        near_per_s: f64 = 0.28, positive;
        /// Spread at which the intensities have their nominal values, bps.
        reference_spread_bps: f64 = 3.0, positive;
        /// Least distance of a near limit order from the opposite best, bps.
        near_least_bps: f64 = 2.0, positive;
        /// Mean distance beyond the least one, bps; exponential (SFGK: distance from the opposite best).
        near_mean_bps: f64 = 1.1, positive;
        /// Median size of a near limit order, lots.
        near_median_lots: f64 = 40.0, positive;
        /// Cancel intensity a level among the first five, 1/s × rate × √pace, on top of the far one.
        near_cancel_per_s: f64 = 0.015, positive;

        /// Limit orders behind the touch, each side, 1/s × rate.
        far_per_s: f64 = 0.7, positive;
        /// Mean distance of a far limit order from the best of its own side, bps; exponential.
        far_mean_bps: f64 = 20.0, positive;
        /// Median size of a far limit order, lots.
        far_median_lots: f64 = 125.0, positive;
        /// Cancel intensity a level, 1/s × rate (SFGK).
        far_cancel_per_s: f64 = 0.006, positive;
        /// Makers who change the size of what they quote behind the first five levels, each side, 1/s × rate: on
        /// the real book nearly every snapshot of the 505 ms grid differs from the one before.
        amend_per_s: f64 = 4.0, positive;
        /// Standard deviation of the log size of a limit order.
        limit_log_sigma: f64 = 0.8, not_negative;
        /// Share of cancels that take half of a level, not all of it.
        half_cancel_share: f64 = 0.3, share;
        /// A side never cancels below this many levels.
        least_levels: usize = 48, at_least_one;

        /// Factor on near limit sizes in the absorbing regime (its inverse in the yielding one).
        depth_regime_factor: f64 = 1.6, positive;
        /// Factor on the near distances in the yielding regime (its inverse in the absorbing one).
        spread_regime_factor: f64 = 1.3, positive;

        /// Quote revisions, 1/s × pace, in clock time (not × rate): a burst of cancels of the levels up to a
        /// distance on one side, and of new orders on the other. In the order flow, this is the exogenous move of
        /// the reference price of HLR.
        revision_per_s: f64 = 0.1, positive;
        /// Mean distance of a quote revision, bps; exponential.
        revision_mean_bps: f64 = 1.5, positive;

        /// Least life of a directional pressure, s (Pareto).
        pressure_least_life_s: f64 = 360.0, positive;
        /// Tail exponent of that life; α gives a sign autocorrelation that falls like lag^−(α − 1) (LMF).
        pressure_life_exponent: f64 = 1.5, positive;
        /// Greatest life of a directional pressure, s.
        pressure_greatest_life_s: f64 = 7_200.0, positive;
        /// Share of lives without a direction.
        calm_share: f64 = 0.2, share;
        /// P(taker buys) = ½(1 + bias × pressure + parent bias × parent) at an even book (LF).
        market_sign_bias: f64 = 0.6, signed;
        /// What the parent order under way adds: takers split parent orders, of which none tells anything of the
        /// price (LMF). With the sign bias at most 1.
        parent_sign_bias: f64 = 0.4, signed;
        /// Least life of a parent order, s (Pareto with the pressure's exponent).
        parent_least_life_s: f64 = 8.0, positive;
        /// Greatest life of a parent order, s.
        parent_greatest_life_s: f64 = 1_800.0, positive;
        /// Intensity of far limit orders of a side, × (1 + bias × pressure) for bids, × (1 − bias × pressure) for
        /// asks: who buys rests orders too.
        far_sign_bias: f64 = 0.3, signed;
        /// Mean life of the absorbing regime, s (exponential).
        absorbing_mean_life_s: f64 = 900.0, positive;
        /// Mean life of the yielding regime, s (exponential).
        yielding_mean_life_s: f64 = 2_700.0, positive;
        /// P(revision upwards) = ½(1 + lean × pressure) in the yielding regime: continuation.
        yielding_lean: f64 = 0.115, signed;
        /// The same in the absorbing regime; negative: reversal.
        absorbing_lean: f64 = -0.135, signed;
        /// Exponent on the pace by which the leans fade: with ½ a move in the direction of the pressure keeps its ratio
        /// to the noise at any pace.
        lean_pace_exponent: f64 = 0.5, exponent;
        /// When the planted relation changes, business days after `start_ns`; null: never.
        switch_at_day: Option<f64> = None, not_negative;
        /// Factor on both leans from then on; −1 turns the relation round, 0 ends it.
        switch_lean_factor: f64 = -1.0, signed;

        /// When a flash crash begins, business days after `start_ns`; null: never.
        crash_at_day: Option<f64> = None, not_negative;
        /// Share of the price that is lost.
        crash_depth: f64 = 0.2, below_one;
        /// How long the fall takes, min.
        crash_minutes: f64 = 10.0, positive;
        /// Share of the loss that is regained.
        crash_recovery_share: f64 = 0.5, share;
        /// How long the recovery takes, min.
        crash_recovery_minutes: f64 = 45.0, positive;
        /// Factor on the intensity of market orders in fall and recovery.
        crash_market_factor: f64 = 10.0, positive;

        /// Standard deviation of the log mid over 300 s of the martingale at pace 1, bps.
        martingale_vol_300s_bps: f64 = 14.0, positive;
        /// Jumps of the martingale, 1/s × pace, in clock time (compound Poisson with normal jumps).
        martingale_jump_per_s: f64 = 0.04, positive;
        /// Mean spread about the martingale, bps of the start price.
        martingale_spread_bps: f64 = 3.2, positive;
        /// Changes of the book's shape about the martingale, each side, 1/s × rate.
        martingale_shape_per_s: f64 = 4.0, positive;
        /// Median size of a level behind the touch about the martingale, lots.
        martingale_median_lots: f64 = 110.0, positive;

        /// Depth of a published snapshot, levels a side.
        depth: usize = 30, levels;
        /// Distance of the grid on which snapshots are published when changed, ms.
        snapshot_ms: i64 = 505, grid;
        /// Probability that an unchanged snapshot is published all the same.
        repeat_probability: f64 = 0.004, share;
        /// Distance of tickers, ms.
        ticker_ms: i64 = 1_000, grid;
        /// Distance of keyframes, s: the first snapshot so long after the last keyframe is stored whole.
        keyframe_s: i64 = 60, seconds_of_a_day;
        /// Least delay from exchange to receiver, ms.
        latency_least_ms: f64 = 2.0, not_negative;
        /// Mean of the exponential delay beyond the least one, ms.
        latency_mean_ms: f64 = 3.0, positive;

        /// Lost connections a day (Poisson): GAP_START and RESET, then nothing until GAP_END and a whole book.
        disconnects_per_day: f64 = 0.0, not_negative;
        /// Mean length of a lost connection, s (exponential, at most 50 s: a longer one is a silent stretch).
        disconnect_mean_s: f64 = 20.0, positive;
        /// Silent stretches a day (Poisson): nothing is delivered, and nothing says so.
        stalls_per_day: f64 = 0.0, not_negative;
        /// Least length of a silent stretch, s; the lengths are even from once to twice this. More than 60 s, or nobody
        /// calls it silent.
        stall_least_s: f64 = 75.0, positive;
        /// Market orders a day of whose last execution the two prints are delivered a second time.
        duplicate_prints_per_day: f64 = 0.0, not_negative;
        /// Snapshots a day with a bid above the best ask.
        crossed_snapshots_per_day: f64 = 0.0, not_negative;
        /// Messages a day at which the receiver's clock ran backwards (stored with BAD_TS).
        clock_regressions_per_day: f64 = 0.0, not_negative;
        /// Tickers a day whose venue time lies before that of the ticker before.
        venue_regressions_per_day: f64 = 0.0, not_negative;
    }
}

impl Params {
    /// Refuses values that the model has no meaning for.
    ///
    /// # Errors
    /// The first parameter out of its range.
    pub fn check(&self) -> Result<(), BadParams> {
        self.check_ranges()?;
        if self.least_levels < self.depth.max(6) || self.least_levels > 10_000 {
            return Err(BadParams {
                name: "least_levels",
                found: self.least_levels as f64,
                expected: "at least the published depth and 6, at most 10000",
            });
        }
        if self.market_sign_bias.abs() + self.parent_sign_bias.abs() > 1.0 {
            return Err(BadParams {
                name: "parent_sign_bias",
                found: self.parent_sign_bias,
                expected: "at most 1 together with market_sign_bias",
            });
        }
        let mut before = i64::MIN;
        for one in &self.maintenance {
            if !(before <= one.start_ns && one.start_ns < one.end_ns && one.end_ns <= one.open_ns) {
                return Err(BadParams {
                    name: "maintenance",
                    found: one.start_ns as f64,
                    expected: "start < end <= open, in order and without overlaps",
                });
            }
            before = one.open_ns;
        }
        Ok(())
    }

    /// The time (ns) that lies `days` business days after the start.
    pub(crate) fn at_day(&self, days: f64) -> i64 {
        self.start_ns + (days * 86_400e9) as i64
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
        let bad = Params { crash_at_day: Some(-1.0), ..Params::default() };
        assert_eq!(bad.check().unwrap_err().name, "crash_at_day");
    }

    #[test]
    fn maintenance_is_in_order() {
        let one = |start_ns| Maintenance { start_ns, end_ns: start_ns + 5, open_ns: start_ns + 9 };
        let of = |maintenance| Params { maintenance, ..Params::default() }.check();
        assert_eq!(of(vec![one(1), one(10)]), Ok(()));
        assert_eq!(of(vec![one(1), one(9)]).unwrap_err().name, "maintenance");
        assert_eq!(of(vec![one(10), one(1)]).unwrap_err().name, "maintenance");
    }
}
