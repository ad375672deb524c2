//! Orders that lead to each other, as far as some state still stands on them.

use crate::consumption::Renewal;
use crate::execution::Decision;
use crate::market::Marks;
use crate::order::{Fill, Intent, Met, Outcome};

/// Nodes below this are never collected.
const FEW: usize = 1 << 12;

/// An order on the way to a state.
#[derive(Clone, Debug)]
pub struct Node {
    /// The order before it.
    before: Option<u32>,
    /// The last one before it of which something was still missing from the book.
    taken_before: Option<u32>,
    /// Position that it wants, lots.
    pub target: i64,
    /// What was sent for it.
    pub intent: Intent,
    /// What became of it.
    pub outcome: Outcome,
    /// What it got: a range of the forest's fills.
    fills: Range,
    /// Number of the forest's meeting, and its messages.
    meeting: u32,
    messages: u64,
}

impl Node {
    /// An order after the one `before`.
    pub fn after(before: Option<u32>, target: i64, intent: Intent, outcome: Outcome) -> Self {
        let (taken_before, fills, meeting, messages) = (None, Range::default(), 0, 0);
        Self { before, taken_before, target, intent, outcome, fills, meeting, messages }
    }
}

/// What the orders of one decision have in common.
#[derive(Clone, Copy, Debug)]
pub struct Meeting {
    /// When they were sent.
    pub decision: Decision,
    /// The book that they met.
    pub met: Option<Met>,
    /// Messages of the book until then.
    pub messages: u64,
    /// The marks then.
    pub marks: Marks,
}

/// Some of the forest's fills.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    first: u32,
    count: u32,
}

/// A forest of orders.
#[derive(Debug)]
pub struct Paths {
    nodes: Vec<Node>,
    fills: Vec<Fill>,
    meetings: Vec<Meeting>,
    /// So many nodes are a reason to look which are still needed.
    collect_at: usize,
}

impl Paths {
    /// Empty.
    pub fn new() -> Self {
        Self { nodes: Vec::new(), fills: Vec::new(), meetings: Vec::new(), collect_at: FEW }
    }

    /// Bytes that all of it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.nodes[..]) + size_of_val(&self.fills[..]) + size_of_val(&self.meetings[..])
    }

    /// Bytes that an order with so many fills takes at most.
    pub fn bytes_of(fills: usize) -> usize {
        fills.saturating_mul(size_of::<Fill>()).saturating_add(size_of::<Node>() + size_of::<Meeting>())
    }

    /// Adds a node with its fills; gives its number. Orders of one meeting are added one after the other.
    pub fn push(&mut self, node: Node, meeting: &Meeting, fills: &[Fill], renewal: &Renewal) -> u32 {
        if self.meetings.last().is_none_or(|last| last.decision.row != meeting.decision.row) {
            self.meetings.push(*meeting);
        }
        let fills_of = Range { first: self.fills.len() as u32, count: fills.len() as u32 };
        self.fills.extend_from_slice(fills);
        let taken_before = self.last_missed(node.before, renewal);
        let (number, messages) = (self.meetings.len() as u32 - 1, meeting.messages);
        self.nodes.push(Node { fills: fills_of, taken_before, meeting: number, messages, ..node });
        self.nodes.len() as u32 - 1
    }

    /// Where an order met the book.
    pub fn meeting(&self, node: &Node) -> &Meeting {
        &self.meetings[node.meeting as usize]
    }

    /// The fills of a node.
    pub fn fills(&self, node: &Node) -> &[Fill] {
        let Range { first, count } = node.fills;
        &self.fills[first as usize..][..count as usize]
    }

    /// Of `last` and the orders before it the last one of which something is still missing from the book.
    fn last_missed(&self, last: Option<u32>, renewal: &Renewal) -> Option<u32> {
        let mut at = last;
        while let Some(number) = at {
            let node = &self.nodes[number as usize];
            if renewal.misses_any(node.messages, -node.intent.side, self.fills(node)) {
                return at;
            }
            at = node.taken_before.filter(|_| renewal.may_still_take(node.messages));
        }
        None
    }

    /// The orders up to `last` of which something may still be missing from the book, the last first.
    fn recent<'a>(&'a self, last: Option<u32>, renewal: &'a Renewal) -> impl Iterator<Item = &'a Node> {
        let node = |number: u32| &self.nodes[number as usize];
        std::iter::successors(last.map(node), move |at| at.taken_before.map(node))
            .take_while(|node| renewal.may_still_take(node.messages))
    }

    /// Lots that a way to `last` took from a level and that are not shown anew.
    pub fn taken(&self, last: Option<u32>, side: i8, px: i32, renewal: &Renewal) -> i64 {
        let recent = self.recent(last, renewal);
        recent.map(|n| renewal.still_taken(n.messages, -n.intent.side, self.fills(n), side, px)).sum()
    }

    /// Whether two ways leave the same book to the next order.
    pub fn took_the_same(&self, one: Option<u32>, other: Option<u32>, renewal: &Renewal) -> bool {
        let levels = |last| {
            let recent = self.recent(last, renewal);
            recent.flat_map(|n| self.fills(n).iter().map(|fill| (-n.intent.side, fill.px)))
        };
        let same = |(side, px)| self.taken(one, side, px, renewal) == self.taken(other, side, px, renewal);
        levels(one).all(same) && levels(other).all(same)
    }

    /// From the first order to `last`.
    pub fn path(&self, last: Option<u32>) -> Vec<&Node> {
        let node = |number: u32| &self.nodes[number as usize];
        let mut path: Vec<&Node> = std::iter::successors(last.map(node), |at| at.before.map(node)).collect();
        path.reverse();
        path
    }

    /// Whether it is time to [`Self::collect`].
    pub fn is_full(&self) -> bool {
        self.nodes.len() >= self.collect_at
    }

    /// Lets go of the nodes that lead to no leaf; the leaves' numbers become the new ones.
    pub fn collect(&mut self, leaves: Vec<&mut u32>) {
        let mut kept = vec![false; self.nodes.len()];
        for leaf in &leaves {
            let mut at = Some(**leaf);
            while let Some(number) = at.filter(|number| !kept[*number as usize]) {
                kept[number as usize] = true;
                at = self.nodes[number as usize].before;
            }
        }
        let mut places = vec![0u32; self.nodes.len()];
        let kept_places = places.iter_mut().zip(&kept).filter(|(_, kept)| **kept);
        kept_places.zip(0..).for_each(|((place, _), number)| *place = number);
        for leaf in leaves {
            *leaf = places[*leaf as usize];
        }
        let mut keeps = kept.iter();
        self.nodes.retain(|_| keeps.next().is_some_and(|kept| *kept));
        // Nodes, fills and meetings are in one order, so that each moves down in its place.
        let (mut fills, mut meetings, mut last) = (0, 0, None);
        for node in &mut self.nodes {
            // What was taken before lies on the way, so it is kept too.
            for before in [&mut node.before, &mut node.taken_before] {
                *before = before.map(|before| places[before as usize]);
            }
            let Range { first, count } = node.fills;
            node.fills.first = fills as u32;
            self.fills.copy_within(first as usize..(first + count) as usize, fills);
            fills += count as usize;
            if last.replace(node.meeting) != Some(node.meeting) {
                self.meetings[meetings] = self.meetings[node.meeting as usize];
                meetings += 1;
            }
            node.meeting = meetings as u32 - 1;
        }
        self.fills.truncate(fills);
        self.meetings.truncate(meetings);
        self.collect_at = FEW.max(2 * self.nodes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Seen;
    use atc_featuregen::event::{Level, MsgKind, flag};

    fn node(before: Option<u32>) -> Node {
        let intent = Intent { side: 1, qty: 1, capped: false, reduced: false };
        Node::after(before, 1, intent, Outcome::Thin)
    }

    fn meeting(row: usize, messages: u64) -> Meeting {
        let decision = Decision { row, ts: 0, seen: Seen::default(), first: row == 0 };
        Meeting { decision, met: None, messages, marks: Marks::default() }
    }

    #[test]
    fn what_leads_to_a_leaf_stays() {
        let mut paths = Paths::new();
        for (number, before) in [None, Some(0), Some(0), Some(1), Some(2), None].into_iter().enumerate() {
            let fills = vec![Fill { px: number as i32, lots: 1, fee: 0 }; number];
            // The second and the third are of one decision.
            let meeting = meeting([0, 1, 1, 2, 4, 5][number], 0);
            assert_eq!(paths.push(node(before), &meeting, &fills, &Renewal::default()) as usize, number);
        }
        let before = paths.bytes();
        let (mut a, mut b) = (4, 2);
        paths.collect(vec![&mut a, &mut b]);
        assert_eq!((paths.nodes.len(), paths.fills.len(), paths.meetings.len()), (3, 6, 3));
        // Three nodes with nine fills, and two meetings, are gone.
        let gone = 3 * size_of::<Node>() + 9 * size_of::<Fill>() + 2 * size_of::<Meeting>();
        assert_eq!(before - paths.bytes(), gone);
        let decisions = |last| {
            let path = paths.path(Some(last)).into_iter();
            path.map(|node| paths.meeting(node).decision.row).collect::<Vec<_>>()
        };
        assert_eq!(decisions(a), [0, 1, 4]);
        assert_eq!(decisions(b), [0, 1]);
        let fills = |n: &&Node| paths.fills(n).iter().map(|fill| fill.px).collect::<Vec<_>>();
        assert_eq!(
            paths.path(Some(a)).iter().map(fills).collect::<Vec<_>>(),
            [vec![], vec![2; 2], vec![4; 4]]
        );
        assert!(paths.path(None).is_empty() && !paths.is_full());
    }

    #[test]
    fn orders_of_which_nothing_is_missing_are_passed_over() {
        let (mut renewal, mut paths) = (Renewal::default(), Paths::new());
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        let mut last = None;
        for decision in 0..10 {
            let px = decision as i32;
            let meeting = meeting(decision, renewal.watch());
            last = Some(paths.push(node(last), &meeting, &[Fill { px, lots: 1, fee: 0 }], &renewal));
            if decision != 3 {
                renewal.message(MsgKind::Delta, 0, &[Level { side: -1, px, qty: 7 }]);
            }
        }
        let row = |node: &Node| paths.meeting(node).decision.row;
        let visited: Vec<usize> = paths.recent(last, &renewal).map(row).collect();
        assert_eq!(visited, [9, 3]);
        assert_eq!([3, 4].map(|px| paths.taken(last, -1, px, &renewal)), [1, 0]);
        paths.collect(vec![last.as_mut().unwrap()]);
        assert_eq!(paths.taken(last, -1, 3, &renewal), 1);
        renewal.message(MsgKind::Snap, flag::SNAPSHOT, &[]);
        assert_eq!(paths.recent(last, &renewal).count(), 0);
    }
}
