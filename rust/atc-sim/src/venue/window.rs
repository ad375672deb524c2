//! The published window of the book: what of it changed, and how the change is stored.

use crate::{
    book::{Level, Side},
    day::{BookColumns, DELTA, LAST, REPEAT, Row, SNAP, SNAPSHOT, SYNTH_DIFF, WINDOW_EDGE},
    source::Source,
};

/// Up to `depth` levels a side, as published last and as they are now.
#[derive(Clone, Debug)]
pub(super) struct Window {
    depth: usize,
    /// Bids and asks of the snapshot published last.
    pub published: [Vec<Level>; 2],
    current: [Vec<Level>; 2],
    /// Side, level with its new quantity (0: gone), flags.
    pub changed: Vec<(i8, Level, u16)>,
}

impl Window {
    /// A window of which nothing was published yet.
    pub fn new(depth: usize) -> Self {
        Self { depth, published: Default::default(), current: Default::default(), changed: Vec::new() }
    }

    /// Looks at the market; true if the snapshot differs from the one published last.
    pub fn look(&mut self, source: &Source) -> bool {
        for side in [Side::Buy, Side::Sell] {
            let levels = source.side(side);
            let current = &mut self.current[side as usize];
            current.clear();
            current.extend_from_slice(&levels[..levels.len().min(self.depth)]);
        }
        self.compare();
        !self.changed.is_empty()
    }

    /// Spoils the snapshot that was looked at last: a bid above the best ask by `above` ticks.
    pub fn cross(&mut self, above: i32, qty: i64) {
        let ask = self.current[Side::Sell as usize][0].px;
        let bids = &mut self.current[Side::Buy as usize];
        bids.insert(0, Level { px: ask + above, qty });
        bids.truncate(self.depth);
        self.compare();
    }

    /// Stores the snapshot that was looked at last, whole or as what changed.
    pub fn store(&mut self, book: &mut BookColumns, row: Row, whole: bool) {
        std::mem::swap(&mut self.published, &mut self.current);
        let with = |flags| Row { flags: row.flags | flags, ..row };
        if whole {
            for side in [Side::Buy, Side::Sell] {
                for level in &self.published[side as usize] {
                    book.push(with(SNAPSHOT), SNAP, side.sign(), level.px, level.qty);
                }
            }
        } else if self.changed.is_empty() {
            book.push(with(REPEAT), DELTA, 0, 0, 0);
        } else {
            for (side, level, flags) in &self.changed {
                book.push(with(SYNTH_DIFF | flags), DELTA, *side, level.px, level.qty);
            }
        }
        if let Some(flags) = book.flags.last_mut() {
            *flags |= LAST;
        }
    }

    /// Fills `changed` with the levels that differ from the snapshot published last, bids before asks, best first.
    fn compare(&mut self) {
        self.changed.clear();
        for side in [Side::Buy, Side::Sell] {
            let sign = i32::from(side.sign());
            let (before, now) = (&self.published[side as usize], &self.current[side as usize]);
            // Whether a price lies beyond the far edge of a window that showed as many levels as it can.
            let beyond = |window: &[Level], px: i32| {
                let worst = window.last().map_or(px, |level| level.px);
                window.len() == self.depth && sign * (worst - px) > 0
            };
            let marked = |window: &[Level], px: i32| if beyond(window, px) { WINDOW_EDGE } else { 0 };
            let (mut i, mut j) = (0, 0);
            while i < before.len() || j < now.len() {
                // Positive: the new level is the better one. A list that has ended is worse than all.
                let order = match (before.get(i), now.get(j)) {
                    (Some(old), Some(new)) => sign * (new.px - old.px),
                    (Some(_), None) => -1,
                    _ => 1,
                };
                if order < 0 {
                    let px = before[i].px;
                    self.changed.push((side.sign(), Level { px, qty: 0 }, marked(now, px)));
                    i += 1;
                } else {
                    if order > 0 {
                        self.changed.push((side.sign(), now[j], marked(before, now[j].px)));
                    } else if before[i].qty != now[j].qty {
                        self.changed.push((side.sign(), now[j], 0));
                    }
                    i += usize::from(order == 0);
                    j += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(published: Vec<Level>, current: Vec<Level>) -> Window {
        let mut window = Window::new(30);
        window.published = [published, Vec::new()];
        window.current = [current, Vec::new()];
        window.compare();
        window
    }

    #[test]
    fn levels_that_leave_or_enter_the_window_are_marked() {
        let level = |px| Level { px, qty: 1 };
        let far: Vec<Level> = (0..30).map(|i| level(100 - i)).collect();
        let near: Vec<Level> = std::iter::once(level(101)).chain(far[..29].iter().copied()).collect();
        let enters = window(far.clone(), near.clone());
        assert_eq!(enters.changed, [(1, level(101), 0), (1, Level { px: 71, qty: 0 }, WINDOW_EDGE)]);
        let leaves = window(near, far);
        assert_eq!(leaves.changed, [(1, Level { px: 101, qty: 0 }, 0), (1, level(71), WINDOW_EDGE)]);
    }

    #[test]
    fn a_spoilt_snapshot_is_crossed_and_the_next_one_is_not() {
        let mut window = window(vec![Level { px: 99, qty: 4 }], vec![Level { px: 99, qty: 4 }]);
        window.current[1] = vec![Level { px: 101, qty: 2 }];
        window.cross(3, 7);
        assert_eq!(window.current[0][0], Level { px: 104, qty: 7 });
        assert!(window.changed.contains(&(1, Level { px: 104, qty: 7 }, 0)));
    }
}
