//! Searches that led too far.

/// What a search of the best path may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Orders that it tries.
    Orders,
    /// Memory of its states and of the orders on the ways to them.
    Memory,
}

impl Limit {
    /// As tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Memory => "memory",
        }
    }
}

/// A search that was given up: most orders filled in part, so that more positions could be reached than can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The strategy.
    pub name: String,
    /// Row of the decision.
    pub decision: usize,
    /// When it was taken, ns UTC.
    pub ts_decision: i64,
    /// Orders that were tried until then.
    pub orders: u64,
    /// What was reached.
    pub limit: Limit,
}
