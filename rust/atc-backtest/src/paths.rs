//! Orders that lead to each other, as far as some state still stands on them.

use crate::market::Marks;
use crate::order::{Fill, Outcome, Sent};

/// Nodes below this are never collected.
const FEW: usize = 1 << 12;

/// An order on the way to a state.
#[derive(Clone, Debug)]
pub struct Node {
    /// The order before it.
    pub before: Option<u32>,
    /// The order.
    pub sent: Sent,
    /// What became of it.
    pub outcome: Outcome,
    /// When it met a book, ns UTC.
    pub ts_exec: Option<i64>,
    /// What it got.
    pub fills: Box<[Fill]>,
    /// The marks then.
    pub marks: Marks,
}

/// A forest of orders.
#[derive(Debug)]
pub struct Paths {
    nodes: Vec<Node>,
    /// So many nodes are a reason to look which are still needed.
    collect_at: usize,
}

impl Paths {
    /// Empty.
    pub fn new() -> Self {
        Self { nodes: Vec::new(), collect_at: FEW }
    }

    /// The number that the next node gets.
    pub fn next(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Adds a node.
    pub fn push(&mut self, node: Node) {
        self.nodes.push(node);
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
        for node in &mut self.nodes {
            node.before = node.before.map(|before| places[before as usize]);
        }
        self.collect_at = FEW.max(2 * self.nodes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Intent, Seen};

    fn node(before: Option<u32>, decision: usize) -> Node {
        let intent = Intent { side: 1, qty: 1, capped: false, reduced: false };
        let sent = Sent {
            decision,
            ts_decision: 0,
            seen: Seen::default(),
            target: 1,
            intent,
            arrival: 0,
            deadline: 0,
        };
        Node {
            before,
            sent,
            outcome: Outcome::Thin,
            ts_exec: None,
            fills: Box::default(),
            marks: Marks::default(),
        }
    }

    #[test]
    fn what_leads_to_a_leaf_stays() {
        let mut paths = Paths::new();
        for (decision, before) in [None, Some(0), Some(0), Some(1), Some(2), None].into_iter().enumerate() {
            assert_eq!(paths.next() as usize, decision);
            paths.push(node(before, decision));
        }
        let (mut a, mut b) = (4, 2);
        paths.collect(vec![&mut a, &mut b]);
        assert_eq!(paths.nodes.len(), 3);
        let decisions = |last| paths.path(Some(last)).iter().map(|n| n.sent.decision).collect::<Vec<_>>();
        assert_eq!(decisions(a), [0, 2, 4]);
        assert_eq!(decisions(b), [0, 2]);
        assert!(paths.path(None).is_empty() && !paths.is_full());
    }
}
