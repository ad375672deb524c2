//! What an ingest read, and what it repaired or flagged on the way.

use crate::message::Origin;
use std::collections::BTreeMap;

/// What was done with a message that did not go through as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Moved, changed or left out.
    Repaired,
    /// Kept, with a doubt or a mark on it.
    Flagged,
}

/// One message that did not go through as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was done.
    pub action: Action,
    /// Why, in a few words that are the same for all of a kind.
    pub reason: &'static str,
    /// Where.
    pub origin: Origin,
    /// What exactly.
    pub detail: String,
}

/// Findings, counted by business day and reason, and one by one where that was asked for.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages that were read.
    pub messages_read: u64,
    /// Start of business day 0 (1970-01-01), ns UTC.
    first_day_start: i64,
    /// The business day (days since 1970) of what is read now; `None` before the first message.
    day: Option<i64>,
    /// Counts.
    pub counts: BTreeMap<(Option<i64>, Action, &'static str), u64>,
    /// Findings not yet taken by the caller; empty unless `keep`.
    pub findings: Vec<Finding>,
    keep: bool,
}

impl Report {
    /// An empty report; `keep` says whether findings are kept one by one.
    pub fn new(first_day_start: i64, keep: bool) -> Self {
        Self { first_day_start, keep, ..Self::default() }
    }

    /// A message of this time is read now.
    pub fn at(&mut self, ts_recv: i64) {
        self.day = Some(ts_recv.saturating_sub(self.first_day_start).div_euclid(86_400_000_000_000));
    }

    /// A message was moved, changed or left out.
    pub fn repair(&mut self, origin: Origin, reason: &'static str, detail: impl FnOnce() -> String) {
        self.note(Action::Repaired, origin, reason, detail);
    }

    /// A message was kept, with a doubt or a mark on it.
    pub fn flag(&mut self, origin: Origin, reason: &'static str, detail: impl FnOnce() -> String) {
        self.note(Action::Flagged, origin, reason, detail);
    }

    fn note(
        &mut self,
        action: Action,
        origin: Origin,
        reason: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        *self.counts.entry((self.day, action, reason)).or_default() += 1;
        if self.keep {
            self.findings.push(Finding { action, reason, origin, detail: detail() });
        }
    }
}
