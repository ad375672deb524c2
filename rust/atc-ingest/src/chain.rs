//! Binance's order-book protocol: differences chained by update ids, joined to a snapshot.
//!
//! A difference covers the updates (pu, u]; `pu` is the previous difference's `u` (futures say it, on spot it is
//! U − 1). A snapshot at `lastUpdateId` is followed by the first difference with pu ≤ lastUpdateId < u; those before it are
//! dropped. Source: "How to manage a local order book correctly", developers.binance.com, spot WebSocket streams and
//! USD-M futures; the same rule for both, once U − 1 stands for pu.

use crate::message::{Body, ControlKind, Head, Level, Message, MsgKind};
use crate::report::Report;
use std::collections::VecDeque;

const HELD_AT_MOST: usize = 10_000;

/// One depth update as it came; the head's `venue_seq` is its last update id.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Times, flags, place.
    pub head: Head,
    /// The last update before it: pu.
    pub previous: i64,
    /// Its last update: u.
    pub last: i64,
    /// Absolute sizes.
    pub levels: Vec<Level>,
}

/// One full book as it came.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Times, flags, place.
    pub head: Head,
    /// Its lastUpdateId.
    pub last: i64,
    /// All levels.
    pub levels: Vec<Level>,
}

/// Turns differences and snapshots, in receive order, into book messages of one unbroken chain.
///
/// Before the first snapshot and after a break differences are held until a snapshot joins them; then those that it does
/// not contain follow it, at its `ts_recv`: no reader could have used them earlier. A break stores GAP_START and RESET,
/// the joining snapshot GAP_END. A snapshot that comes while the chain is unbroken is left out once the differences reach
/// it: the replayed book knows more than it. If they break instead, as after a reconnect that fetched its snapshot first, it
/// joins them, at the `ts_recv` of the difference that told of the break: no reader knew of it earlier.
#[derive(Debug, Default)]
pub struct UpdateChain {
    last: Option<i64>,
    joined: bool,
    in_gap: bool,
    held: VecDeque<Difference>,
    /// The latest snapshot that the unbroken chain has not reached yet.
    ahead: Option<Snapshot>,
}

impl UpdateChain {
    /// Whether the book is known.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// What a difference adds to the stream.
    pub fn difference(&mut self, update: Difference, out: &mut Vec<Message>, report: &mut Report) {
        if let Some(last) = self.last {
            if update.last <= last {
                report.repair(update.head.origin, "repeated update", || {
                    format!("u {}, the chain is at {last}", update.last)
                });
                return;
            }
            if update.previous > last {
                self.break_before(&update, last, out, report);
            }
        }
        self.last = Some(update.last);
        if self.joined {
            if let Some(book) = self.ahead.take_if(|book| book.last <= update.last) {
                not_needed(&book, update.last, report);
            }
            out.push(update.message());
            return;
        }
        let Head { ts_recv, flags, .. } = update.head;
        if self.held.len() == HELD_AT_MOST
            && let Some(oldest) = self.held.pop_front()
        {
            dropped(&oldest, report);
        }
        self.held.push_back(update);
        // Only a break just now leaves one.
        if let Some(book) = self.ahead.take() {
            let head = Head { ts_recv, flags, ..book.head };
            self.snapshot(Snapshot { head, ..book }, out, report);
        }
    }

    /// What a snapshot adds to the stream.
    pub fn snapshot(&mut self, book: Snapshot, out: &mut Vec<Message>, report: &mut Report) {
        let origin = book.head.origin;
        if self.joined {
            let last = self.last.unwrap_or_default();
            let passed = if book.last > last { self.ahead.replace(book) } else { Some(book) };
            if let Some(book) = passed {
                not_needed(&book, last, report);
            }
            return;
        }
        while let Some(old) = self.held.pop_front_if(|update| update.last <= book.last) {
            report.repair(old.head.origin, "update before the snapshot", || {
                format!("u {}, lastUpdateId {}", old.last, book.last)
            });
        }
        if let Some(first) = self.held.front()
            && first.previous > book.last
        {
            report.flag(origin, "snapshot too old", || {
                format!("lastUpdateId {}, the differences at hand begin after {}", book.last, first.previous)
            });
            return;
        }
        self.joined = true;
        let head = Head { venue_seq: Some(book.last), ..book.head };
        if std::mem::take(&mut self.in_gap) {
            out.push(head.control(ControlKind::GapEnd, &format!("snapshot at lastUpdateId {}", book.last)));
        }
        out.push(head.with(Body::Book { kind: MsgKind::Snap, levels: book.levels }));
        self.last = Some(self.held.back().map_or(book.last, |update| update.last));
        for mut update in self.held.drain(..) {
            report.repair(update.head.origin, "update held until the snapshot", || {
                format!("received {} ns before it", head.ts_recv - update.head.ts_recv)
            });
            update.head.ts_recv = head.ts_recv;
            update.head.flags |= head.flags;
            out.push(update.message());
        }
    }

    /// The sources end: what is still held is lost.
    pub fn finish(&mut self, report: &mut Report) {
        self.drop_held(report);
        if let Some(book) = self.ahead.take() {
            not_needed(&book, self.last.unwrap_or_default(), report);
        }
    }

    fn drop_held(&mut self, report: &mut Report) {
        for update in self.held.drain(..) {
            dropped(&update, report);
        }
    }

    fn break_before(&mut self, update: &Difference, last: i64, out: &mut Vec<Message>, report: &mut Report) {
        let found = format!("expected an update after {last}, found one after {}", update.previous);
        self.drop_held(report);
        if self.joined {
            report.flag(update.head.origin, "gap in the update chain", || found.clone());
            let head = Head { venue_seq: Some(update.last), ..update.head };
            out.push(head.control(ControlKind::GapStart, &found));
            out.push(head.control(ControlKind::Reset, "the book is unknown until the next snapshot"));
            (self.joined, self.in_gap) = (false, true);
        }
    }
}

impl Difference {
    fn message(self) -> Message {
        let head = Head { venue_seq: Some(self.last), ..self.head };
        head.with(Body::Book { kind: MsgKind::Delta, levels: self.levels })
    }
}

fn not_needed(book: &Snapshot, last: i64, report: &mut Report) {
    report.repair(book.head.origin, "snapshot not needed", || {
        format!("lastUpdateId {}, the chain is unbroken at {last}", book.last)
    });
}

fn dropped(update: &Difference, report: &mut Report) {
    report
        .flag(update.head.origin, "update without a snapshot", || format!("u {} was left out", update.last));
}
