//! What a measurement is told of the day, its neighbours, the instrument, and what counts as far or long.

use serde::Deserialize;

/// Times in ns UTC, spans half open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// First ns of the business day.
    pub begin_ns: i64,
    /// First ns of the next one.
    pub end_ns: i64,
    /// Last market event before the day: `begin_ns` if the day before is missing, null if nothing was recorded
    /// before.
    pub before_ns: Option<i64>,
    /// First market event after the day: `end_ns` if the next day is missing, null if nothing was recorded after.
    pub after_ns: Option<i64>,
    /// As `before_ns`, of the book alone.
    pub book_before_ns: Option<i64>,
    /// As `after_ns`, of the book alone.
    pub book_after_ns: Option<i64>,
    /// The update chain is broken when the day begins.
    pub in_gap: bool,
    /// The venue is closed: sorted, not overlapping.
    pub closed: Vec<(i64, i64)>,
    /// A longer stretch without events is silent.
    pub silence_ns: i64,
    /// Share of the mid beyond which a price is far off it.
    pub far_off: f64,
    /// Levels a side that the feed records.
    pub recorded_depth: Option<u32>,
    /// Largest order that the venue takes, in lots.
    pub largest_order_lots: Option<i64>,
    /// Parts of equal length into which the day's events are cut to see the clocks drift.
    pub clock_parts: usize,
    /// Messages that a part needs for a median.
    pub clock_messages: usize,
    /// A larger step of the median offset between neighbouring parts is a step of a clock.
    pub clock_step_ns: i64,
    /// Places that are told of each measure.
    pub places: usize,
}

/// A parameter out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParams(pub &'static str);

impl std::fmt::Display for BadParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Params {
    /// # Errors
    /// A value with which nothing can be measured.
    pub fn check(&self) -> Result<(), BadParams> {
        for (good, why) in [
            (self.begin_ns < self.end_ns, "begin_ns must lie before end_ns"),
            (self.silence_ns > 0, "silence_ns must be positive"),
            (self.far_off > 0.0, "far_off must be positive"),
            (self.clock_parts > 0, "clock_parts must be positive"),
            (self.clock_messages > 0, "clock_messages must be positive"),
            (self.closed.iter().all(|(a, b)| a <= b), "closed holds a span that ends before it begins"),
            (self.closed.windows(2).all(|w| w[0].1 <= w[1].0), "closed holds spans that overlap"),
        ] {
            if !good {
                return Err(BadParams(why));
            }
        }
        Ok(())
    }

    /// Ns of `[from, to)` in which the venue is open.
    pub fn open_ns(&self, from: i64, to: i64) -> i64 {
        let closed: i64 = self.closed.iter().map(|(a, b)| ((*b).min(to) - (*a).max(from)).max(0)).sum();
        // An end that nobody told may be the least or the largest number.
        to.saturating_sub(from).max(0) - closed
    }
}
