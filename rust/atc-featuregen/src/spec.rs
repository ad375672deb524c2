//! What a caller configures: instrument facts and the constants of the formulas.

use crate::families::{SCHEMAS, lookback_s};
use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a day.
pub const DAY: i64 = 86_400 * SECOND;

/// Times in seconds as ns.
pub fn seconds<const N: usize>(values: [i64; N]) -> [i64; N] {
    values.map(|s| s * SECOND)
}

/// The first whole second (UTC) at or after `t`.
pub fn ceil_second(t: i64) -> i64 {
    -(-t).div_euclid(SECOND) * SECOND
}

/// Which events make a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// One row a taker group.
    Trade,
    /// One row a book message.
    Book,
    /// One row a ticker message.
    Ticker,
    /// One row a whole second.
    #[serde(rename = "clock_1s")]
    Clock1s,
}

/// Constants of `big_trade_fresh_sign`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BigTrade {
    /// Window of the quantile, s.
    pub window_s: i64,
    /// Nearest-rank quantile, per cent.
    pub quantile_pct: u64,
    /// A big trade is fresh this long, s.
    pub fresh_s: i64,
}

/// The engine's configuration; times in ns UTC unless the name says else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Price of one tick in quote currency.
    pub tick: f64,
    /// Size of one lot in base asset.
    pub lot: f64,
    /// Seconds after 00:00 UTC at which the business day is cut.
    pub day_cut_utc_s: i64,
    /// Offset of the venue's local time from UTC, s (time-of-day features).
    pub tz_offset_s: i64,
    /// Levels a side that the feed records; null: all.
    pub recorded_depth: Option<u32>,
    /// Which schemas' columns a row has, in the order of [`SCHEMAS`].
    pub schemas: Vec<String>,
    /// Which events make a row.
    pub sampling: Sampling,
    /// Prints at most this far apart may be one taker group.
    pub group_ns: i64,
    /// A longer silence resets the state, and a quote is carried no longer.
    pub max_gap_ns: i64,
    /// A statistic needs this many values.
    pub min_values: u64,
    /// Constants of `big_trade_fresh_sign`.
    pub big_trade: BigTrade,
    /// First and last level of the deep imbalance, counted from 1, both included.
    pub deep_levels: [u32; 2],
    /// No new entries in the last so many seconds before the cut or a maintenance.
    pub no_new_entry_s: i64,
    /// Scheduled maintenance: start, end, end of the pre-open.
    pub maintenance: Vec<[i64; 3]>,
}

impl Spec {
    /// Refuses values that no stream could be computed with.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("tick", self.tick > 0.0),
            ("lot", self.lot > 0.0),
            ("group_ns", (0..SECOND).contains(&self.group_ns)),
            ("max_gap_ns", self.max_gap_ns > 0),
            ("min_values", self.min_values >= 2),
            ("big_trade.window_s", self.big_trade.window_s > 0),
            ("big_trade.fresh_s", self.big_trade.fresh_s >= 0),
            ("big_trade.quantile_pct", (1..=100).contains(&self.big_trade.quantile_pct)),
            ("deep_levels", 1 <= self.deep_levels[0] && self.deep_levels[0] <= self.deep_levels[1]),
            ("day_cut_utc_s", (0..86_400).contains(&self.day_cut_utc_s)),
        ];
        for (name, holds) in positive {
            if !holds {
                return Err(format!("engine spec: '{name}' is out of range"));
            }
        }
        self.check_schemas()?;
        match self.maintenance.iter().find(|m| m[0] > m[1] || m[1] > m[2]) {
            Some(m) => Err(format!("engine spec: maintenance {m:?} is not start ≤ end ≤ end of pre-open")),
            None => Ok(()),
        }
    }

    fn check_schemas(&self) -> Result<(), String> {
        let known: Vec<&str> = SCHEMAS.iter().map(|s| s.name).collect();
        let mut places = Vec::with_capacity(self.schemas.len());
        for name in &self.schemas {
            let place = known.iter().position(|k| k == name);
            places.push(place.ok_or_else(|| {
                format!("engine spec: there is no feature schema '{name}'; there are {}", known.join(", "))
            })?);
        }
        if places.is_empty() || !places.is_sorted_by(|a, b| a < b) {
            return Err(format!(
                "engine spec: 'schemas' is {:?}, expected some of {}, each once and in this order",
                self.schemas,
                known.join(", ")
            ));
        }
        Ok(())
    }

    /// How far back a row looks, ns: the farthest of its schemas.
    pub fn max_lookback_ns(&self) -> i64 {
        self.schemas.iter().filter_map(|name| lookback_s(name, self)).max().unwrap_or(0) * SECOND
    }

    /// ns since the business day began.
    pub fn into_day(&self, t: i64) -> i64 {
        (t - self.day_cut_utc_s * SECOND).rem_euclid(DAY)
    }

    /// ns since local midnight.
    pub fn time_of_day(&self, t: i64) -> i64 {
        (t + self.tz_offset_s * SECOND).rem_euclid(DAY)
    }

    /// In the last seconds before the cut, or from before a maintenance to the end of its pre-open.
    pub fn no_new_entry(&self, t: i64) -> bool {
        let ahead = self.no_new_entry_s * SECOND;
        self.into_day(t) >= DAY - ahead || self.maintenance.iter().any(|m| m[0] - ahead <= t && t < m[2])
    }
}
