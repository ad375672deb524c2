//! A flash crash: a fall of the price at a stated time, and a partial recovery, both by order flow.

use crate::params::Params;

const STEP: i64 = 1_000_000_000;
const MINUTE: f64 = 60e9;

/// Where the price is driven to, step by step. Between the steps the market runs as ever.
#[derive(Clone, Debug)]
pub(crate) struct Crash {
    begin: i64,
    bottom: i64,
    end: i64,
    depth: f64,
    recovery_share: f64,
    next: i64,
    /// Mid when the fall began, ticks.
    before: Option<f64>,
}

impl Crash {
    /// The crash of the parameters, if they have one after `now` (ns).
    pub fn new(params: &Params, now: i64) -> Option<Self> {
        let begin = params.at_day(params.crash_at_day?);
        let bottom = begin + (params.crash_minutes * MINUTE) as i64;
        let end = bottom + (params.crash_recovery_minutes * MINUTE) as i64;
        (begin >= now).then_some(Self {
            begin,
            bottom,
            end,
            depth: params.crash_depth,
            recovery_share: params.crash_recovery_share,
            next: begin,
            before: None,
        })
    }

    /// When the next step is due, ns; never again after the recovery.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Whether the crash is under way at `now` (ns), and in which direction: −1 falling, +1 recovering.
    pub fn direction(&self, now: i64) -> i8 {
        if now < self.begin || now >= self.end {
            0
        } else if now < self.bottom {
            -1
        } else {
            1
        }
    }

    /// Takes the step that is due: the mid (ticks) that the price is to have.
    pub fn step(&mut self, mid: f64) -> f64 {
        let now = self.next;
        self.next = if now + STEP < self.end { now + STEP } else { i64::MAX };
        let before = *self.before.get_or_insert(mid);
        let lost = if now < self.bottom {
            (now - self.begin) as f64 / (self.bottom - self.begin) as f64
        } else {
            1.0 - self.recovery_share * (now - self.bottom) as f64 / (self.end - self.bottom) as f64
        };
        before * (1.0 - self.depth * lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_falls_and_partly_recovers() {
        let params = Params { start_ns: 0, crash_at_day: Some(1.0), ..Params::default() };
        let mut crash = Crash::new(&params, 0).unwrap();
        let (mut low, mut last) = (f64::MAX, 0.0);
        while crash.next() < i64::MAX {
            last = crash.step(1_000.0);
            low = low.min(last);
        }
        assert!((low - 800.0).abs() < 0.5, "{low}");
        assert!((last - 900.0).abs() < 0.5, "{last}");
        assert_eq!(crash.direction(86_400_000_000_000), -1);
        assert!(Crash::new(&params, 86_400_000_000_001).is_none());
    }
}
