//! Where the first findings of each measure lie.

use serde::Serialize;
use std::collections::BTreeMap;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// book, trade, ticker, control, or empty for a stretch of time.
    pub kind: &'static str,
    /// Row of that kind's table.
    pub row: Option<usize>,
    /// Receive time, ns UTC.
    pub ts_recv: i64,
    /// What is there.
    pub found: String,
    /// What would be right.
    pub expected: &'static str,
}

/// The first findings of each measure, in order of time.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Places {
    by_measure: BTreeMap<&'static str, Vec<Place>>,
    #[serde(skip)]
    at_most: usize,
}

impl Places {
    pub(crate) fn new(at_most: usize) -> Self {
        Self { by_measure: BTreeMap::new(), at_most }
    }

    pub(crate) fn add(
        &mut self,
        measure: &'static str,
        kind: &'static str,
        row: Option<usize>,
        ts_recv: i64,
        expected: &'static str,
        found: impl FnOnce() -> String,
    ) {
        if self.at_most == 0 {
            return;
        }
        let known = self.by_measure.entry(measure).or_default();
        if known.len() < self.at_most {
            known.push(Place { kind, row, ts_recv, found: found(), expected });
        }
    }

    /// The findings of one measure.
    pub fn of(&self, measure: &str) -> &[Place] {
        self.by_measure.get(measure).map_or(&[], Vec::as_slice)
    }
}
