//! Trade ids that count by one: what repeats is left out, what is missing is told.

use crate::message::{ControlKind, Head, Message};
use crate::report::Report;

/// Follows the ids of one symbol's trades.
#[derive(Debug, Default)]
pub struct TradeIds {
    last: Option<i64>,
}

impl TradeIds {
    /// Whether trade `number` is new; GAP_START and GAP_END go before it where ids are missing.
    pub fn follow(&mut self, number: i64, head: &Head, out: &mut Vec<Message>, report: &mut Report) -> bool {
        let Some(last) = self.last.filter(|last| number != last.saturating_add(1)) else {
            self.last = Some(number);
            return true;
        };
        if number <= last {
            report.repair(head.origin, "repeated trade", || format!("id {number} after {last}"));
            return false;
        }
        self.last = Some(number);
        let detail = format!("trade ids jump from {last} to {number}");
        report.flag(head.origin, "gap in the trade ids", || detail.clone());
        let head = Head { ts_exch: None, venue_seq: None, ..*head };
        out.push(head.control(ControlKind::GapStart, &detail));
        out.push(head.control(ControlKind::GapEnd, &detail));
        true
    }
}
