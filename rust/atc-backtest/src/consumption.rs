//! What a strategy took from the displayed book, until the venue shows it anew.

use crate::order::Fill;
use atc_featuregen::event::{Level, MsgKind, flag};
use std::collections::HashMap;

/// Which levels the feed has shown anew, and when. Kept once for all strategies.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// Messages so far.
    messages: u64,
    /// Number of the last message that showed the whole book.
    whole: u64,
    /// Somebody took something since.
    watched: bool,
    /// Of levels (side, ticks) that differences named since: the number of the last of them.
    named: HashMap<(i8, i32), u64>,
    /// The feed is one of differences, as far as its messages told: then a repeat is an empty difference, and no snapshot.
    differences: bool,
}

impl Renewal {
    /// A message of the book.
    pub fn message(&mut self, kind: MsgKind, flags: u16, levels: &[Level]) {
        self.messages += 1;
        if self.shows_all(kind, flags) {
            self.whole = self.messages;
            if std::mem::take(&mut self.watched) {
                self.named.clear();
            }
        } else if self.watched && kind == MsgKind::Delta {
            self.named.extend(levels.iter().map(|level| ((level.side, level.px), self.messages)));
        }
    }

    /// Whether the venue said the whole book. Each frame of a feed of snapshots does, even if only its difference is stored; a
    /// keyframe that ATC inserted says what was known.
    fn shows_all(&mut self, kind: MsgKind, flags: u16) -> bool {
        const INSERTED: u16 = flag::SNAPSHOT | flag::REPEAT;
        let inserted = kind != MsgKind::Delta && flags & INSERTED == INSERTED;
        let differs = kind == MsgKind::Delta && flags & flag::REPEAT == 0;
        if inserted || differs {
            self.differences = inserted || flags & flag::SYNTH_DIFF == 0;
        }
        !inserted && (kind != MsgKind::Delta || !self.differences)
    }

    /// Something is taken from the book now; gives the time of it, in messages.
    pub fn watch(&mut self) -> u64 {
        self.watched = true;
        self.messages
    }

    /// Whether what was taken after so many messages may still be missing: the whole book was not shown since.
    pub fn may_still_take(&self, messages: u64) -> bool {
        messages >= self.whole
    }

    /// Whether anything of `fills`, taken from a side of the book after so many messages, is still missing.
    pub fn misses_any(&self, messages: u64, taken_from: i8, fills: &[Fill]) -> bool {
        self.may_still_take(messages)
            && fills.iter().any(|fill| messages >= self.named_at(taken_from, fill.px))
    }

    /// Of `fills`, taken from a side of the book after so many messages: the lots that are still missing of a level.
    pub fn still_taken(&self, messages: u64, taken_from: i8, fills: &[Fill], side: i8, px: i32) -> i64 {
        if taken_from != side || !self.may_still_take(messages) {
            return 0;
        }
        let named = self.named_at(side, px);
        let of_level = fills.iter().filter(|fill| fill.px == px && messages >= named);
        of_level.map(|fill| fill.lots).sum()
    }

    /// Number of the last message that named a level.
    fn named_at(&self, side: i8, px: i32) -> u64 {
        self.named.get(&(side, px)).copied().unwrap_or(0)
    }
}

/// Fills of one order, after so many messages; `side` is that of the book.
#[derive(Clone, Debug)]
struct Taken {
    messages: u64,
    side: i8,
    fills: Vec<Fill>,
}

/// What one strategy took.
#[derive(Clone, Debug, Default)]
pub struct Consumed(Vec<Taken>);

impl Consumed {
    /// Lots that are still taken from a level; `side` is that of the book, +1 bid, −1 ask.
    pub fn lots(&self, side: i8, px: i32, renewal: &Renewal) -> i64 {
        self.0
            .iter()
            .map(|taken| renewal.still_taken(taken.messages, taken.side, &taken.fills, side, px))
            .sum()
    }

    /// Takes the fills of an order from a side of the book.
    pub fn take(&mut self, side: i8, fills: &[Fill], renewal: &mut Renewal) {
        self.0.retain(|taken| renewal.misses_any(taken.messages, taken.side, &taken.fills));
        if !fills.is_empty() {
            let messages = renewal.watch();
            self.0.push(Taken { messages, side, fills: fills.to_vec() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES_100: [Level; 1] = [Level { side: -1, px: 100, qty: 7 }];

    fn fill(px: i32, lots: i64) -> Fill {
        Fill { px, lots, fee: 0 }
    }

    fn after(messages: &[(MsgKind, u16)]) -> [i64; 2] {
        let (mut renewal, mut consumed) = (Renewal::default(), Consumed::default());
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        consumed.take(-1, &[fill(100, 2)], &mut renewal);
        consumed.take(-1, &[fill(100, 3), fill(101, 4)], &mut renewal);
        for (kind, flags) in messages {
            let named = if flags & flag::REPEAT == 0 { &NAMES_100[..] } else { &[] };
            renewal.message(*kind, *flags, named);
        }
        let before = [100, 101].map(|px| consumed.lots(-1, px, &renewal));
        consumed.take(-1, &[], &mut renewal);
        assert_eq!([100, 101].map(|px| consumed.lots(-1, px, &renewal)), before);
        assert_eq!(consumed.0.is_empty(), before == [0, 0]);
        before
    }

    #[test]
    fn taken_until_shown_anew() {
        assert_eq!(after(&[]), [5, 4]);
        assert_eq!(after(&[(MsgKind::Delta, flag::LAST)]), [0, 4], "a difference shows what it names");
        for flags in [flag::SYNTH_DIFF, flag::REPEAT] {
            assert_eq!(after(&[(MsgKind::Delta, flags)]), [0, 0], "a frame of a feed of snapshots");
        }
        assert_eq!(after(&[(MsgKind::Snap, flag::SNAPSHOT)]), [0, 0]);
        assert_eq!(after(&[(MsgKind::Clear, flag::SNAPSHOT)]), [0, 0]);
    }

    #[test]
    fn only_what_the_venue_sent_shows_anew() {
        const INSERTED: u16 = flag::SNAPSHOT | flag::REPEAT;
        assert_eq!(after(&[(MsgKind::Snap, INSERTED)]), [5, 4], "a keyframe that ATC inserted");
        assert_eq!(after(&[(MsgKind::Clear, INSERTED)]), [5, 4]);
        let empty = (MsgKind::Delta, flag::REPEAT);
        assert_eq!(after(&[(MsgKind::Snap, INSERTED), empty]), [5, 4], "an empty difference");
        assert_eq!(after(&[(MsgKind::Delta, 0), empty]), [0, 4]);
        assert_eq!(after(&[(MsgKind::Delta, 0), (MsgKind::Snap, flag::SNAPSHOT)]), [0, 0]);
        let snapshots = [(MsgKind::Delta, 0), (MsgKind::Delta, flag::SYNTH_DIFF)];
        assert_eq!(after(&snapshots), [0, 0], "another recording of it holds snapshots");
    }

    #[test]
    fn what_is_shown_anew_is_forgotten() {
        let (mut renewal, mut consumed) = (Renewal::default(), Consumed::default());
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        for px in 0..100 {
            consumed.take(-1, &[fill(px, 2)], &mut renewal);
            renewal.message(MsgKind::Delta, 0, &[Level { side: -1, px, qty: 7 }]);
            assert!(consumed.0.len() <= 1);
        }
    }

    #[test]
    fn what_is_taken_after_a_level_was_named_counts() {
        let (mut renewal, mut consumed) = (Renewal::default(), Consumed::default());
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        consumed.take(1, &[fill(100, 2)], &mut renewal);
        renewal.message(MsgKind::Delta, 0, &[Level { side: 1, px: 100, qty: 7 }]);
        consumed.take(1, &[fill(100, 3)], &mut renewal);
        assert_eq!(consumed.lots(1, 100, &renewal), 3);
        assert_eq!(consumed.lots(-1, 100, &renewal), 0, "the other side's level is another");
    }
}
