//! Books of feeds that send a whole book first, and again whenever the receiver has to start anew.
//!
//! What the numbers of such a feed mean is its venue's matter: the adapter says when something is missing.

use crate::message::{Body, ControlKind, Head, Level, Message, MsgKind};
use crate::report::Report;

/// Follows the book of one symbol: it is unknown before the first snapshot, and from a loss to the next one.
#[derive(Debug, Default)]
pub struct SnapshotChain {
    known: bool,
    in_gap: bool,
}

impl SnapshotChain {
    /// Whether the book is known.
    pub fn known(&self) -> bool {
        self.known
    }

    /// A whole book; it ends a gap.
    pub fn snapshot(&mut self, head: Head, levels: Vec<Level>, out: &mut Vec<Message>) {
        if std::mem::take(&mut self.in_gap) {
            out.push(Head { ts_exch: None, ..head }.control(ControlKind::GapEnd, "snapshot"));
        }
        self.known = true;
        out.push(head.with(Body::Book { kind: MsgKind::Snap, levels }));
    }

    /// A difference; one that no snapshot came before is left out.
    pub fn difference(&self, head: Head, levels: Vec<Level>, out: &mut Vec<Message>, report: &mut Report) {
        if self.known {
            out.push(head.with(Body::Book { kind: MsgKind::Delta, levels }));
        } else {
            report.flag(head.origin, "update without a snapshot", || "it was left out".to_owned());
        }
    }

    /// Messages are missing before this one. GAP_START and RESET, if the book was known until here.
    pub fn lose(&mut self, head: Head, found: &str, out: &mut Vec<Message>, report: &mut Report) {
        report.flag(head.origin, "gap in the update chain", || found.to_owned());
        if std::mem::take(&mut self.known) {
            self.in_gap = true;
            let head = Head { ts_exch: None, ..head };
            out.push(head.control(ControlKind::GapStart, found));
            out.push(head.control(ControlKind::Reset, "the book is unknown until the next snapshot"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Origin;

    fn head(ts_recv: i64) -> Head {
        let origin = Origin { file: 0, row: ts_recv as u64 };
        Head { ts_recv, ts_exch: Some(ts_recv), venue_seq: None, flags: 0, origin }
    }

    fn kinds(out: &[Message]) -> Vec<String> {
        out.iter()
            .map(|message| match &message.body {
                Body::Book { kind, .. } => format!("{kind:?}"),
                Body::Control { kind, .. } => format!("{kind:?}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_gap_lasts_until_the_next_snapshot() {
        let (mut chain, mut out, mut report) = (SnapshotChain::default(), Vec::new(), Report::new(0, true));
        chain.difference(head(1), Vec::new(), &mut out, &mut report);
        chain.lose(head(2), "nothing was known", &mut out, &mut report);
        assert!(out.is_empty());
        chain.snapshot(head(3), Vec::new(), &mut out);
        chain.difference(head(4), Vec::new(), &mut out, &mut report);
        chain.lose(head(5), "expected 5, found 6", &mut out, &mut report);
        chain.lose(head(6), "expected 7, found 9", &mut out, &mut report);
        chain.difference(head(7), Vec::new(), &mut out, &mut report);
        chain.snapshot(head(8), Vec::new(), &mut out);
        assert_eq!(kinds(&out), ["Snap", "Delta", "GapStart", "Reset", "GapEnd", "Snap"]);
        assert_eq!(report.findings.len(), 5);
    }
}
