//! Messages as Bybit writes them.

use crate::error::{Parsed, Problem};
use serde::Deserialize;
use sonic_rs::LazyValue;

#[derive(Deserialize)]
pub struct Envelope<'a> {
    pub topic: Option<&'a str>,
    #[serde(rename = "type")]
    pub kind: Option<&'a str>,
    pub ts: Option<i64>,
    pub cts: Option<i64>,
    pub cs: Option<i64>,
    #[serde(borrow)]
    pub data: Option<LazyValue<'a>>,
}

#[derive(Deserialize)]
pub struct Depth<'a> {
    pub u: i64,
    #[serde(borrow)]
    pub b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    pub a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
pub struct Print<'a> {
    #[serde(rename = "T")]
    pub matching_ms: i64,
    #[serde(rename = "S")]
    pub side: &'a str,
    pub v: &'a str,
    pub p: &'a str,
    pub i: &'a str,
    #[serde(rename = "BT", default)]
    pub block: bool,
    pub seq: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote<'a> {
    #[serde(rename = "bid1Price")]
    pub bid: Option<&'a str>,
    #[serde(rename = "bid1Size")]
    pub bid_qty: Option<&'a str>,
    #[serde(rename = "ask1Price")]
    pub ask: Option<&'a str>,
    #[serde(rename = "ask1Size")]
    pub ask_qty: Option<&'a str>,
    pub last_price: Option<&'a str>,
    #[serde(rename = "highPrice24h")]
    pub high: Option<&'a str>,
    #[serde(rename = "lowPrice24h")]
    pub low: Option<&'a str>,
    #[serde(rename = "volume24h")]
    pub volume: Option<&'a str>,
}

/// What a topic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    Book(u32, &'a str),
    Trades(&'a str),
    Ticker(&'a str),
    Other,
}

impl<'a> Topic<'a> {
    /// The topic of a message. Books that are not of a depth (`full`, `rpi`) are other topics.
    pub fn parse(topic: &'a str) -> Self {
        let (name, rest) = topic.split_once('.').unwrap_or((topic, ""));
        match (name, rest.split_once('.')) {
            ("orderbook", Some((depth, symbol))) => {
                depth.parse().map_or(Self::Other, |depth| Self::Book(depth, symbol))
            }
            ("publicTrade", _) => Self::Trades(rest),
            ("tickers", _) => Self::Ticker(rest),
            _ => Self::Other,
        }
    }

    /// The symbol that it is about.
    pub fn symbol(self) -> Option<&'a str> {
        match self {
            Self::Book(_, symbol) | Self::Trades(symbol) | Self::Ticker(symbol) => Some(symbol),
            Self::Other => None,
        }
    }
}

/// Whether a message is whole: of two types there are.
pub fn is_snapshot(kind: Option<&str>) -> Parsed<bool> {
    match kind {
        Some("snapshot") => Ok(true),
        Some("delta") => Ok(false),
        other => Err(Problem(format!("type is {other:?}; expected snapshot or delta"))),
    }
}
