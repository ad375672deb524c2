//! What a strategy took from the displayed book, until the venue shows it anew.

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

    fn last_shown(&self, side: i8, px: i32) -> u64 {
        self.named.get(&(side, px)).copied().unwrap_or(0).max(self.whole)
    }
}

/// Lots taken from a level (side, ticks).
type Taken = ((i8, i32), i64);

/// What one strategy took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Messages until then; what was shown anew by then is not in it.
    messages: u64,
    levels: Vec<Taken>,
}

impl Consumed {
    /// Lots that are still taken from a level; `side` is that of the book, +1 bid, −1 ask.
    pub fn lots(&self, side: i8, px: i32, renewal: &Renewal) -> i64 {
        if self.levels.is_empty() || self.messages < renewal.last_shown(side, px) {
            return 0;
        }
        let of_level = self.levels.iter().filter(|(level, _)| *level == (side, px));
        of_level.map(|(_, lots)| lots).sum()
    }

    /// Takes lots from levels of a side.
    pub fn take(
        &mut self,
        side: i8,
        levels: impl ExactSizeIterator<Item = (i32, i64)>,
        renewal: &mut Renewal,
    ) {
        self.prune(renewal);
        if levels.len() == 0 {
            return;
        }
        renewal.watched = true;
        self.messages = renewal.messages;
        self.levels.reserve_exact(levels.len());
        self.levels.extend(levels.map(|(px, lots)| ((side, px), lots)));
        self.unite();
    }

    /// Forgets what has been shown anew. Those that are equal after it stay so, whatever comes.
    pub fn prune(&mut self, renewal: &Renewal) {
        if self.levels.is_empty() {
            self.messages = 0;
        } else {
            let messages = self.messages;
            self.levels.retain(|((side, px), _)| messages >= renewal.last_shown(*side, *px));
            self.messages = if self.levels.is_empty() { 0 } else { renewal.messages };
        }
    }

    /// One entry a level, in their order.
    fn unite(&mut self) {
        if self.levels.is_sorted_by(|a, b| a.0 > b.0) {
            // Bids come from the best down.
            self.levels.reverse();
        }
        if self.levels.is_sorted_by(|a, b| a.0 < b.0) {
            return;
        }
        self.levels.sort_unstable_by_key(|(level, _)| *level);
        self.levels.dedup_by(|(later, lots), (kept, sum)| {
            let same = later == kept;
            *sum += if same { *lots } else { 0 };
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES_100: [Level; 1] = [Level { side: -1, px: 100, qty: 7 }];

    fn after(messages: &[(MsgKind, u16)]) -> [i64; 2] {
        let (mut renewal, mut consumed) = (Renewal::default(), Consumed::default());
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        consumed.take(-1, [(100, 2)].into_iter(), &mut renewal);
        consumed.take(-1, [(100, 3), (101, 4)].into_iter(), &mut renewal);
        for (kind, flags) in messages {
            renewal.message(*kind, *flags, &NAMES_100);
        }
        let before = [100, 101].map(|px| consumed.lots(-1, px, &renewal));
        consumed.prune(&renewal);
        assert_eq!([100, 101].map(|px| consumed.lots(-1, px, &renewal)), before);
        assert_eq!(consumed.levels.len(), before.iter().filter(|lots| **lots > 0).count());
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
        consumed.take(1, [(100, 2)].into_iter(), &mut renewal);
        renewal.message(MsgKind::Delta, 0, &[Level { side: 1, px: 100, qty: 7 }]);
        consumed.take(1, [(100, 3)].into_iter(), &mut renewal);
        assert_eq!(consumed.lots(1, 100, &renewal), 3);
        assert_eq!(consumed.lots(-1, 100, &renewal), 0, "the other side's level is another");
        let (mut other, mut nothing) = (Consumed::default(), Consumed::default());
        other.take(1, [(100, 3)].into_iter(), &mut renewal);
        nothing.take(1, [].into_iter(), &mut renewal);
        assert!(other == consumed && nothing == Consumed::default());
    }
}
