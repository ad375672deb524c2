//! What a session is handed out as.

use crate::given_up::GivenUp;
use crate::ledger::{Curve, Day, Totals};
use crate::order::{Fill, Order};

/// What one strategy did and came to.
#[derive(Clone, Debug)]
pub struct StrategyResult {
    /// Its name.
    pub name: String,
    /// Its orders, where a log was asked for.
    pub orders: Vec<Order>,
    /// Row of the order in `orders`, and the fill.
    pub fills: Vec<(usize, Fill)>,
    /// Its curve, where one was asked for.
    pub curve: Curve,
    /// A row a cut, and one at the end.
    pub days: Vec<Day>,
    /// All of it.
    pub totals: Totals,
}

/// The drawdown of a strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawdownResult {
    /// Its name.
    pub strategy: String,
    /// The strategy whose equity was taken off.
    pub against: Option<String>,
    /// The largest fall from a peak so far, money units.
    pub drawdown: i64,
}

/// What all of it came to.
#[derive(Clone, Debug)]
pub struct Results {
    /// In the order of the specification; a search that was given up is not among them.
    pub strategies: Vec<StrategyResult>,
    /// Those searches.
    pub given_up: Vec<GivenUp>,
    /// As asked for.
    pub drawdowns: Vec<DrawdownResult>,
}
