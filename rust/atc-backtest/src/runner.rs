//! What a session runs side by side.

use crate::given_up::GivenUp;
use crate::ledger::Ledger;
use crate::market::Marks;
use crate::oracle_path::OraclePath;
use crate::results::StrategyResult;
use crate::strategy::Strategy;

/// A strategy, or the search for the best one.
#[derive(Debug)]
pub enum Runner {
    /// With targets that are known at each decision.
    Strategy(Box<Strategy>),
    /// With the targets that turn out best.
    OraclePath(Box<OraclePath>),
}

impl Runner {
    /// Cash and the position at its mark, money units; 0 of a search, whose way is not known yet.
    pub fn equity(&self, marks: &Marks) -> i128 {
        match self {
            Self::Strategy(strategy) => strategy.ledger.account.equity(marks),
            Self::OraclePath(_) => 0,
        }
    }

    /// What it came to at `end`; or why a search was given up.
    pub fn finish(self, end: i64, marks: &Marks) -> Result<Result<StrategyResult, GivenUp>, String> {
        let (ledger, totals) = match self {
            Self::Strategy(strategy) => {
                let mut ledger = strategy.ledger;
                let totals = ledger.finish(end, marks)?;
                (ledger, totals)
            }
            Self::OraclePath(oracle) => match oracle.finish(marks)? {
                Ok(found) => found,
                Err(given_up) => return Ok(Err(given_up)),
            },
        };
        let Ledger { name, orders, fills, curve, days, .. } = ledger;
        Ok(Ok(StrategyResult { name, orders, fills, curve, days, totals }))
    }
}
