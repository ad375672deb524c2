//! A backtest that could have happened: target positions against the displayed book, with latency, costs and an exact account.
//!
//! One pass over the book serves all strategies. Money is an integer: its unit is tick × lot, half units stand only where a mid
//! is involved. The definitions are those of docs/backtest.md.

mod account;
mod consumption;
mod decisions;
mod drawdown;
mod execution;
mod given_up;
mod ledger;
mod market;
mod oracle_path;
mod order;
mod pace;
mod paths;
mod points;
mod reached;
mod results;
mod runner;
mod session;
mod spec;
mod strategy;
mod windows;

pub use decisions::Decisions;
pub use given_up::{GivenUp, Limit};
pub use ledger::{Curve, Day, Totals};
pub use order::{Fill, Met, Order, Outcome, Seen};
pub use results::{DrawdownResult, Results, StrategyResult};
pub use session::Backtest;
pub use spec::Spec;
