//! The ticker's range and volume of 24 hours.

use super::MINUTE;

const MINUTES_OF_A_DAY: usize = 1_440;

/// Prints of one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: i64,
    range: Option<(i32, i32)>,
    vol: i64,
}

impl Minute {
    fn add(&mut self, px: i32, qty: i64) {
        let (low, high) = self.range.unwrap_or((px, px));
        self.range = Some((low.min(px), high.max(px)));
        self.vol += qty;
    }
}

/// High, low and volume of the last 24 h, in whole minutes: the current one and the 1,439 before it.
#[derive(Clone, Debug)]
pub(super) struct DailyStatistics {
    minutes: Vec<Minute>,
    /// Range and volume of the minutes before the current one.
    before: Minute,
    current: Minute,
}

impl DailyStatistics {
    /// Nothing printed by `now` (ns).
    pub fn new(now: i64) -> Self {
        Self {
            minutes: Vec::with_capacity(MINUTES_OF_A_DAY),
            before: Minute::default(),
            current: Minute { number: now.div_euclid(MINUTE), ..Minute::default() },
        }
    }

    /// One execution in the minute that was reached last.
    pub fn add(&mut self, px: i32, qty: i64) {
        self.current.add(px, qty);
    }

    /// Goes on to the minute of `now` (ns).
    pub fn roll(&mut self, now: i64) {
        let number = now.div_euclid(MINUTE);
        if number == self.current.number {
            return;
        }
        self.minutes.push(self.current);
        let oldest = number - MINUTES_OF_A_DAY as i64;
        self.minutes.retain(|minute| minute.number > oldest);
        self.before = Minute::default();
        for minute in &self.minutes {
            if let Some((low, high)) = minute.range {
                self.before.add(low, 0);
                self.before.add(high, 0);
            }
            self.before.vol += minute.vol;
        }
        self.current = Minute { number, ..Minute::default() };
    }

    /// Lowest and highest price, ticks; none without prints.
    pub fn range(&self) -> Option<(i32, i32)> {
        match (self.before.range, self.current.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        }
    }

    /// Executed quantity, lots.
    pub fn vol(&self) -> i64 {
        self.before.vol + self.current.vol
    }
}
