//! Stretches without events.

use crate::params::Params;
use crate::places::Places;
use serde::Serialize;

/// What was silent. Time in which the venue is closed does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// Stretches that begin in this day.
    pub count: u64,
    /// Their parts within the day, and those of stretches that began before it, ns.
    pub total_ns: i64,
    /// The longest such part, ns.
    pub longest_ns: i64,
    /// Open time of the day that the recording spans, ns.
    pub spanned_ns: i64,
}

/// Follows the events of a day.
#[derive(Debug)]
pub(crate) struct Silence {
    measure: &'static str,
    last: Option<i64>,
    first: Option<i64>,
    found: Silent,
}

impl Silence {
    pub(crate) fn new(measure: &'static str, before: Option<i64>) -> Self {
        Self { measure, last: before, first: before, found: Silent::default() }
    }

    pub(crate) fn event(&mut self, ts: i64, params: &Params, places: &mut Places) {
        if let Some(last) = self.last {
            self.stretch(last, ts, params, places);
        }
        self.first = self.first.or(Some(ts));
        self.last = Some(ts);
    }

    fn stretch(&mut self, from: i64, to: i64, params: &Params, places: &mut Places) {
        if to - from <= params.silence_ns || params.open_ns(from, to) <= params.silence_ns {
            return;
        }
        let part = params.open_ns(from.max(params.begin_ns), to.min(params.end_ns));
        self.found.total_ns += part;
        self.found.longest_ns = self.found.longest_ns.max(part);
        if from >= params.begin_ns {
            self.found.count += 1;
            places.add(
                self.measure,
                "",
                None,
                from,
                "an event at least that often, while the venue is open",
                || format!("{:.3} s without one", params.open_ns(from, to) as f64 / 1e9),
            );
        }
    }

    pub(crate) fn finish(mut self, after: Option<i64>, params: &Params, places: &mut Places) -> Silent {
        if let (Some(last), Some(after)) = (self.last, after) {
            self.stretch(last, after, params, places);
        }
        if let (Some(first), Some(last)) = (self.first, after.or(self.last)) {
            self.found.spanned_ns = params.open_ns(first.max(params.begin_ns), last.min(params.end_ns));
        }
        self.found
    }
}
