//! Executions that a venue prints twice, once for each counterparty: the taker's side first, then the maker's.
//!
//! The pairing looks back only, as a live reader must: a print is a maker's if it is the twin of the print before it and
//! that one has no twin yet. A print without twin keeps its side. An archive from which the makers' prints were filtered
//! out has none to find; [`looks_filtered`] tells it, so that no coincidence in it is taken for a pair.

use crate::message::Origin;
use crate::report::Report;

/// What of a print decides about twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    /// Price, ticks.
    pub px: i32,
    /// Size, lots.
    pub qty: i64,
    /// The venue's time, ns.
    pub time_ns: i64,
    /// +1 or −1.
    pub side: i8,
}

impl Print {
    fn is_twin_of(&self, other: &Self) -> bool {
        (self.px, self.qty, self.time_ns) == (other.px, other.qty, other.time_ns) && self.side == -other.side
    }
}

/// Pairs the prints of one symbol, in the order in which the venue gave them.
#[derive(Debug, Default)]
pub struct Twins {
    open: Option<(Print, Origin)>,
}

impl Twins {
    /// Whether `shown` is the maker's print of the execution that the print before it told.
    pub fn is_makers(&mut self, shown: Print, origin: Origin, report: &mut Report) -> bool {
        if self.open.is_some_and(|(before, _)| before.is_twin_of(&shown)) {
            self.open = None;
            report.flag(origin, "maker's print of a pair", String::new);
            return true;
        }
        self.finish(report);
        self.open = Some((shown, origin));
        false
    }

    /// No more prints come, or the next one cannot belong to the last.
    pub fn finish(&mut self, report: &mut Report) {
        if let Some((_, origin)) = self.open.take() {
            report.flag(origin, "print without twin", || "its side may be the maker's".to_owned());
        }
    }
}

/// Whether these prints of the beginning of an archive hold takers' prints only: fewer than half of them have a twin.
pub fn looks_filtered(prints: &[Print]) -> bool {
    let (mut paired, mut i) = (0, 0);
    while i + 1 < prints.len() {
        if prints[i].is_twin_of(&prints[i + 1]) {
            paired += 2;
            i += 2;
        } else {
            i += 1;
        }
    }
    2 * paired < prints.len()
}
