//! Book messages as they are stored: differences with whole books in between.
//!
//! A reader can start at any keyframe: there is one at the first book message of each business day, at the first one 60 s
//! or more after the last keyframe, and at the first one after a silence of more than 60 s.

use crate::columns::{BookRows, flag};
use crate::message::{Head, Level, MsgKind};
use crate::report::Report;
use atc_featuregen::book::Book;

const KEYFRAME_NS: i64 = 60_000_000_000;
const MAX_GAP_NS: i64 = 60_000_000_000;

/// Tells when a whole book is due.
#[derive(Clone, Debug, Default)]
struct KeyframeClock {
    keyframe: Option<i64>,
    message: Option<i64>,
}

impl KeyframeClock {
    fn due(&self, ts: i64) -> bool {
        match (self.keyframe, self.message) {
            (Some(keyframe), Some(message)) => ts - keyframe >= KEYFRAME_NS || ts - message > MAX_GAP_NS,
            _ => true,
        }
    }

    fn note(&mut self, ts: i64, whole: bool) {
        self.message = Some(ts);
        if whole {
            self.keyframe = Some(ts);
        }
    }
}

/// The numbers of messages.
pub(crate) trait Numbers {
    /// The next one.
    fn next(&mut self) -> u64;
}

/// A feed of absolute differences: whole books are inserted *before* messages, so that each is still stored as it came.
///
/// An inserted one (SNAPSHOT | REPEAT) has the `ts_recv` of the message it precedes and no exchange time.
#[derive(Debug, Default)]
pub(crate) struct DifferenceFeed {
    book: Book,
    known: bool,
    clock: KeyframeClock,
    whole: Vec<Level>,
}

impl DifferenceFeed {
    /// The next message is the first of a day file.
    pub fn new_day(&mut self) {
        self.clock.keyframe = None;
    }

    /// The book is unknown until the next SNAP.
    pub fn reset(&mut self) {
        self.book = Book::default();
        self.known = false;
        self.clock.keyframe = None;
    }

    /// Stores one message, after a whole book where one is due.
    pub fn store(
        &mut self,
        head: &Head,
        kind: MsgKind,
        levels: &[Level],
        rows: &mut BookRows,
        numbers: &mut impl Numbers,
        report: &mut Report,
    ) -> Result<(), String> {
        let ts = head.ts_recv;
        let whole = kind != MsgKind::Delta;
        if !whole && self.known && self.clock.due(ts) {
            let bad = if self.book.is_crossed() { flag::MAYBE_BAD_BOOK } else { 0 };
            let flags = head.flags | flag::REPEAT | flag::SNAPSHOT | bad;
            let inserted = Head { ts_exch: None, venue_seq: None, flags, ..*head };
            self.whole.clear();
            self.whole.extend(self.book.levels());
            rows.push(numbers.next(), &inserted, snap_or_clear(&self.whole), &self.whole, &[]);
            self.clock.note(ts, true);
        }
        self.book.apply(ts, kind, levels, i64::MAX)?;
        self.known |= whole;
        if self.known {
            self.clock.note(ts, whole);
        }
        let mut flags = head.flags;
        if whole {
            flags |= flag::SNAPSHOT;
        } else if levels.is_empty() {
            flags |= flag::REPEAT;
        }
        flags |= crossed(&self.book, head, report);
        let kind = if whole { snap_or_clear(levels) } else { kind };
        rows.push(numbers.next(), &Head { flags, ..*head }, kind, levels, &[]);
        Ok(())
    }
}

/// A feed of whole books, of at most `depth` levels a side (None: all): what changed between two of them is stored.
///
/// A level that falls out of a full window, or shows at its far edge because another one left, is marked WINDOW_EDGE: it
/// was neither cancelled nor placed.
#[derive(Debug)]
pub(crate) struct SnapshotFeed {
    book: Book,
    known: bool,
    depth: Option<u32>,
    clock: KeyframeClock,
    before: [Vec<Level>; 2],
    after: [Vec<Level>; 2],
    changed: Vec<Level>,
    edges: Vec<bool>,
}

impl SnapshotFeed {
    /// A feed whose snapshots show at most `depth` levels a side.
    pub fn new(depth: Option<u32>) -> Self {
        Self {
            book: Book::default(),
            known: false,
            depth,
            clock: KeyframeClock::default(),
            before: Default::default(),
            after: Default::default(),
            changed: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// The next message is the first of a day file.
    pub fn new_day(&mut self) {
        self.clock.keyframe = None;
    }

    /// The book is unknown until the next message.
    pub fn reset(&mut self) {
        self.known = false;
        self.clock.keyframe = None;
    }

    /// Stores one snapshot.
    pub fn store(
        &mut self,
        head: &Head,
        levels: &[Level],
        rows: &mut BookRows,
        numbers: &mut impl Numbers,
        report: &mut Report,
    ) -> Result<(), String> {
        let due = !self.known || self.clock.due(head.ts_recv);
        self.book.apply(head.ts_recv, MsgKind::Snap, levels, i64::MAX)?;
        self.known = true;
        std::mem::swap(&mut self.before, &mut self.after);
        let [bids, asks] = &mut self.after;
        bids.clear();
        asks.clear();
        for level in self.book.levels() {
            if level.side > 0 { &mut *bids } else { &mut *asks }.push(level);
        }
        let mut flags = head.flags | crossed(&self.book, head, report);
        self.clock.note(head.ts_recv, due);
        self.changed.clear();
        self.edges.clear();
        if due {
            flags |= flag::SNAPSHOT;
            self.changed.extend(self.after.iter().flatten());
            rows.push(
                numbers.next(),
                &Head { flags, ..*head },
                snap_or_clear(&self.changed),
                &self.changed,
                &[],
            );
            return Ok(());
        }
        for side in 0..2 {
            differences(
                &self.before[side],
                &self.after[side],
                self.depth,
                &mut self.changed,
                &mut self.edges,
            );
        }
        flags |= if self.changed.is_empty() { flag::REPEAT } else { flag::SYNTH_DIFF };
        rows.push(numbers.next(), &Head { flags, ..*head }, MsgKind::Delta, &self.changed, &self.edges);
        Ok(())
    }
}

/// What makes `after` of `before`, both from the best level of one side on, in the same order.
fn differences(
    before: &[Level],
    after: &[Level],
    depth: Option<u32>,
    changed: &mut Vec<Level>,
    edges: &mut Vec<bool>,
) {
    let key = |level: &Level| i64::from(level.px) * -i64::from(level.side);
    // A window that shows fewer levels than it could has no edge.
    let last = |levels: &[Level]| {
        let full = depth.is_some_and(|depth| levels.len() >= depth as usize);
        levels.last().filter(|_| full).map_or(i64::MAX, key)
    };
    let (edge_before, edge_after) = (last(before), last(after));
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        let (old, new) = (before.get(i).map_or(i64::MAX, key), after.get(j).map_or(i64::MAX, key));
        if old < new {
            changed.push(Level { qty: 0, ..before[i] });
            edges.push(old > edge_after);
            i += 1;
        } else if new < old {
            changed.push(after[j]);
            edges.push(new > edge_before);
            j += 1;
        } else {
            if before[i].qty != after[j].qty {
                changed.push(after[j]);
                edges.push(false);
            }
            i += 1;
            j += 1;
        }
    }
}

fn snap_or_clear(levels: &[Level]) -> MsgKind {
    if levels.is_empty() { MsgKind::Clear } else { MsgKind::Snap }
}

fn crossed(book: &Book, head: &Head, report: &mut Report) -> u16 {
    if !book.is_crossed() {
        return 0;
    }
    report.flag(head.origin, "crossed book", || {
        let (bid, ask) = (book.bid().unwrap_or_default(), book.ask().unwrap_or_default());
        format!("best bid {bid}, best ask {ask} ticks")
    });
    flag::MAYBE_BAD_BOOK
}
