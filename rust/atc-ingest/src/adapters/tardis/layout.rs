//! What kind of file a header announces, and where its columns are.

use crate::csv::Rows;
use crate::error::{Error, Result};
use crate::source::Progress;
use std::path::Path;

pub const EXCHANGE: usize = 0;
pub const SYMBOL: usize = 1;
pub const TIMESTAMP: usize = 2;
pub const LOCAL_TIMESTAMP: usize = 3;
/// The first column that not all kinds have.
pub const FIRST_OWN: usize = 4;

const COMMON: [&str; FIRST_OWN] = ["exchange", "symbol", "timestamp", "local_timestamp"];
const INCREMENTAL: [&str; 4] = ["is_snapshot", "side", "price", "amount"];
const TRADES: [&str; 4] = ["id", "side", "price", "amount"];
const QUOTES: [&str; 4] = ["bid_price", "bid_amount", "ask_price", "ask_amount"];
const DERIVATIVE_TICKER: [&str; 2] = ["last_price", "funding_rate"];

/// The kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Differences of the book, a level a row.
    Incremental,
    /// Whole books of so many levels a side, one a row.
    Snapshot(usize),
    Trades,
    Quotes,
    DerivativeTicker,
}

/// A kind with the columns that are read of it, in this order.
#[derive(Clone, Debug)]
pub struct Layout {
    pub kind: Kind,
    columns: Vec<String>,
}

impl Layout {
    /// The layout of a file, told by its header.
    ///
    /// # Errors
    /// For other headers, and for liquidations.
    pub fn of(path: &Path) -> Result<Self> {
        let header = Rows::first_cells(path)?;
        let has = |names: &[&str]| names.iter().all(|name| header.iter().any(|found| found == name));
        let depth = (0..).take_while(|i| level(*i).iter().all(|name| header.contains(name))).count();
        let (kind, own): (Kind, Vec<String>) = if has(&INCREMENTAL) {
            (Kind::Incremental, owned(&INCREMENTAL))
        } else if depth > 0 {
            (Kind::Snapshot(depth), (0..depth).flat_map(level).collect())
        } else if has(&DERIVATIVE_TICKER) {
            (Kind::DerivativeTicker, owned(&DERIVATIVE_TICKER))
        } else if has(&QUOTES) {
            (Kind::Quotes, owned(&QUOTES))
        } else if has(&TRADES) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.contains("liquidations") {
                return Err(Error::Data(format!(
                    "{}: liquidations are no trades, though they have their columns; expected incremental_book_L2, \
                     book_snapshot_25, trades, quotes or derivative_ticker",
                    path.display()
                )));
            }
            (Kind::Trades, owned(&TRADES))
        } else {
            return Err(Error::Data(format!(
                "{}:1: found the columns {}; expected those of incremental_book_L2, book_snapshot_25, trades, quotes or \
                 derivative_ticker",
                path.display(),
                header.join(", ")
            )));
        };
        Ok(Self { kind, columns: [owned(&COMMON), own].concat() })
    }

    /// Levels a side of a file of whole books.
    pub fn depth(&self) -> Option<u32> {
        if let Kind::Snapshot(levels) = self.kind { Some(levels as u32) } else { None }
    }

    /// The rows of a file of this layout.
    ///
    /// # Errors
    /// As [`Rows::open`].
    pub fn rows(&self, path: &Path, progress: &Progress) -> Result<Rows> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        Rows::open(path, &columns, progress)
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The columns of one level of a snapshot: ask and bid, each price and amount.
fn level(i: usize) -> [String; 4] {
    [
        format!("asks[{i}].price"),
        format!("asks[{i}].amount"),
        format!("bids[{i}].price"),
        format!("bids[{i}].amount"),
    ]
}
