//! Messages as bitFlyer writes them.

use crate::error::{Parsed, Problem};
use crate::recording::is_plain_number;
use crate::text::number;
use crate::time::utc_ns;
use serde::Deserialize;
use sonic_rs::LazyValue;

const SNAPSHOT: &str = "lightning_board_snapshot_";
const DIFFERENCE: &str = "lightning_board_";
const EXECUTIONS: &str = "lightning_executions_";
const TICKER: &str = "lightning_ticker_";

/// What a channel brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Snapshot,
    Difference,
    Executions,
    Ticker,
}

/// The kind and product of a channel's name.
pub fn channel(name: &str) -> Option<(Channel, &str)> {
    // The prefix of differences is a prefix of that of snapshots.
    let kinds = [
        (SNAPSHOT, Channel::Snapshot),
        (DIFFERENCE, Channel::Difference),
        (EXECUTIONS, Channel::Executions),
        (TICKER, Channel::Ticker),
    ];
    kinds.into_iter().find_map(|(prefix, kind)| name.strip_prefix(prefix).map(|product| (kind, product)))
}

#[derive(Deserialize)]
pub struct Rpc<'a> {
    #[serde(borrow)]
    pub params: Option<LazyValue<'a>>,
}

#[derive(Deserialize)]
pub struct Params<'a> {
    pub channel: &'a str,
    #[serde(borrow)]
    pub message: LazyValue<'a>,
}

#[derive(Deserialize)]
pub struct PriceSize<'a> {
    #[serde(borrow)]
    pub price: LazyValue<'a>,
    #[serde(borrow)]
    pub size: LazyValue<'a>,
}

#[derive(Deserialize)]
pub struct Board<'a> {
    #[serde(borrow)]
    pub bids: Vec<PriceSize<'a>>,
    #[serde(borrow)]
    pub asks: Vec<PriceSize<'a>>,
}

#[derive(Deserialize)]
pub struct Execution<'a> {
    pub id: i64,
    pub side: &'a str,
    #[serde(borrow)]
    pub price: LazyValue<'a>,
    #[serde(borrow)]
    pub size: LazyValue<'a>,
    pub exec_date: &'a str,
}

#[derive(Deserialize)]
pub struct Quote<'a> {
    pub state: &'a str,
    pub timestamp: &'a str,
    pub tick_id: i64,
    #[serde(borrow)]
    pub best_bid: LazyValue<'a>,
    #[serde(borrow)]
    pub best_ask: LazyValue<'a>,
    #[serde(borrow)]
    pub best_bid_size: LazyValue<'a>,
    #[serde(borrow)]
    pub best_ask_size: LazyValue<'a>,
    #[serde(borrow)]
    pub ltp: LazyValue<'a>,
    #[serde(borrow)]
    pub volume_by_product: LazyValue<'a>,
}

impl Execution<'_> {
    /// Side and time, if everything is what it should be but for the steps.
    pub fn sound(&self) -> Parsed<(i8, i64)> {
        above_zero(&self.price)?;
        above_zero(&self.size)?;
        let side = match self.side {
            "BUY" => 1,
            "SELL" => -1,
            "" => 0,
            other => return Err(Problem(format!("side is '{other}'; expected BUY, SELL or nothing"))),
        };
        Ok((side, utc_ns(self.exec_date)?))
    }
}

impl Quote<'_> {
    /// The time, if everything is what it should be but for the steps.
    pub fn sound(&self) -> Parsed<i64> {
        let numbers = [
            &self.best_bid,
            &self.best_ask,
            &self.best_bid_size,
            &self.best_ask_size,
            &self.ltp,
            &self.volume_by_product,
        ];
        for value in numbers {
            plain(value)?;
        }
        Ok(utc_ns(self.timestamp)?)
    }
}

pub fn plain_levels(board: &Board<'_>) -> Parsed<()> {
    board.bids.iter().chain(&board.asks).try_for_each(|level| {
        plain(&level.price)?;
        plain(&level.size)
    })
}

fn plain(value: &LazyValue<'_>) -> Parsed<()> {
    let text = number(value)?;
    if is_plain_number(text) { Ok(()) } else { Err(Problem(format!("found {text}; expected a number"))) }
}

fn above_zero(value: &LazyValue<'_>) -> Parsed<()> {
    plain(value)?;
    let text = number(value)?;
    if is_zero(text) { Err(Problem(format!("found {text}; expected more than 0"))) } else { Ok(()) }
}

/// Whether a number has no digit but 0 before its exponent.
pub fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    !mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_told_apart() {
        assert_eq!(channel("lightning_board_snapshot_FX_BTC_JPY"), Some((Channel::Snapshot, "FX_BTC_JPY")));
        assert_eq!(channel("lightning_board_FX_BTC_JPY"), Some((Channel::Difference, "FX_BTC_JPY")));
        assert_eq!(channel("lightning_news_A"), None);
    }

    #[test]
    fn zero_is_seen_in_every_spelling() {
        for zero in ["0", "0.0", "0e5", "0.000"] {
            assert!(is_zero(zero), "{zero}");
        }
        for more in ["0.1", "1E-8", "10"] {
            assert!(!is_zero(more), "{more}");
        }
    }
}
