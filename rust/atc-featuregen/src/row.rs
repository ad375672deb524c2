//! What a row is asked for: its time, its taker group, and what the clock says then.

use crate::groups::Group;
use crate::spec::{DAY, Spec};
use std::cell::OnceCell;

/// A row to be computed.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its t, ns UTC, a closed timestamp.
    pub t: i64,
    /// Its taker group, if it has one.
    pub group: Option<&'a Group>,
    clock: OnceCell<Clock>,
}

/// What follows from the time alone.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// To the cut of the business day, in days.
    pub to_cut: f64,
    /// Since it, in days.
    pub since_cut: f64,
    /// 1 where no new entries are allowed, else 0.
    pub no_new_entry: f64,
    /// Sine of the local time of day.
    pub tod_sin: f64,
    /// Cosine of it.
    pub tod_cos: f64,
}

impl<'a> Row<'a> {
    /// At closed timestamp `t`.
    pub fn new(t: i64, group: Option<&'a Group>) -> Self {
        Self { t, group, clock: OnceCell::new() }
    }

    /// The clock at t, computed once for all families that ask.
    pub fn clock(&self, spec: &Spec) -> &Clock {
        self.clock.get_or_init(|| {
            let into_day = spec.into_day(self.t);
            let angle = 2.0 * std::f64::consts::PI * (spec.time_of_day(self.t) as f64 / DAY as f64);
            let (tod_sin, tod_cos) = libm::sincos(angle);
            Clock {
                to_cut: (DAY - into_day) as f64 / DAY as f64,
                since_cut: into_day as f64 / DAY as f64,
                no_new_entry: f64::from(u8::from(spec.no_new_entry(self.t))),
                tod_sin,
                tod_cos,
            }
        })
    }
}
