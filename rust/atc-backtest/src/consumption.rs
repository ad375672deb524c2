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
}

impl Renewal {
    /// A message of the book. Each frame of a feed of snapshots shows all, even if only its difference is stored.
    pub fn message(&mut self, kind: MsgKind, flags: u16, levels: &[Level]) {
        self.messages += 1;
        if kind != MsgKind::Delta || flags & (flag::SNAPSHOT | flag::SYNTH_DIFF | flag::REPEAT) != 0 {
            self.whole = self.messages;
            if std::mem::take(&mut self.watched) {
                self.named.clear();
            }
        } else if self.watched {
            self.named.extend(levels.iter().map(|level| ((level.side, level.px), self.messages)));
        }
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

    /// Of `fills`, taken from a side of the book after so many messages: the lots that are still missing of a level.
    pub fn still_taken(&self, messages: u64, taken_from: i8, fills: &[Fill], side: i8, px: i32) -> i64 {
        if taken_from != side || !self.may_still_take(messages) {
            return 0;
        }
        let named = self.named.get(&(side, px)).copied().unwrap_or(0);
        let of_level = fills.iter().filter(|fill| fill.px == px && messages >= named);
        of_level.map(|fill| fill.lots).sum()
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
        self.0.retain(|taken| renewal.may_still_take(taken.messages));
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
            renewal.message(*kind, *flags, &NAMES_100);
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
