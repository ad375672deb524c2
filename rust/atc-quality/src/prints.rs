//! Trades: impossible ones, far ones, and ones that were told twice.

use crate::LARGEST_QTY_LOTS;
use crate::book::is_far;
use crate::code;
use crate::params::Params;
use crate::places::Places;
use crate::tables::PrintRows;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What the day's prints came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrintFigures {
    pub messages: u64,
    /// Prints of the other counterparty; nothing below counts them.
    pub maker_twins: u64,
    pub impossible_prices: u64,
    pub impossible_sizes: u64,
    pub far: u64,
    /// Prints that tell an execution again: an id that was there with the same price, size, side and time; without
    /// ids, a print equal to another in every time, price, size and side.
    pub duplicates: u64,
    /// Ids that were there with another content.
    pub reused_ids: u64,
    /// Without ids: equal to the print before it in all but the receive time, which may be two equal executions.
    pub equal: u64,
}

/// Exchange time, price, size, side.
type Content = (Option<i64>, i32, i64, i8);

/// Follows the prints of a day.
#[derive(Debug, Default)]
pub(crate) struct Prints<'a> {
    by_id: HashMap<&'a str, Content>,
    /// Of the current receive time.
    now: (i64, HashSet<Content>),
    last: Option<Content>,
    /// Price that stands for the mid where no book tells one, and since when.
    price: Option<(i64, i32)>,
    pub(crate) figures: PrintFigures,
}

impl<'a> Prints<'a> {
    /// `mid2`: twice the mid of the book or of the quotes, where one is known.
    pub(crate) fn print(
        &mut self,
        rows: &PrintRows<'a>,
        row: usize,
        mid2: Option<i64>,
        params: &Params,
        places: &mut Places,
    ) {
        let (ts, flags) = (rows.common.ts_recv[row], rows.common.flags[row]);
        let (px, qty, side) = (rows.px[row], rows.qty[row], rows.side[row]);
        self.figures.messages += 1;
        let makers = flags & code::DUP_OTHER_SIDE != 0;
        if makers {
            self.figures.maker_twins += 1;
            return;
        }
        if px <= 0 {
            self.figures.impossible_prices += 1;
            let expected = "a price of at least one tick";
            places.add("impossible_prices", "trade", Some(row), ts, expected, || format!("px_ticks {px}"));
        }
        let largest = params.largest_order_lots.unwrap_or(LARGEST_QTY_LOTS).min(LARGEST_QTY_LOTS);
        if !(1..=largest).contains(&qty) {
            self.figures.impossible_sizes += 1;
            let expected = "a size of at least one lot and at most the venue's largest order";
            places.add("impossible_sizes", "trade", Some(row), ts, expected, || format!("qty_lots {qty}"));
        }
        self.look_for_far(row, ts, flags, px, mid2, params, places);
        let content = (rows.common.ts_exch.get(row), px, qty, side);
        self.look_for_twice(row, ts, flags, rows.id[row], content, places);
    }

    #[allow(clippy::too_many_arguments)]
    fn look_for_far(
        &mut self,
        row: usize,
        ts: i64,
        flags: u16,
        px: i32,
        mid2: Option<i64>,
        params: &Params,
        places: &mut Places,
    ) {
        if px <= 0 || flags & code::AUCTION != 0 {
            return;
        }
        let earlier = self.price.filter(|(since, _)| ts - since <= params.silence_ns);
        let reference = mid2.or(earlier.map(|(_, px)| 2 * i64::from(px)));
        if reference.is_some_and(|mid2| is_far(px, mid2, params.far_off)) {
            self.figures.far += 1;
            places.add("far_prints", "trade", Some(row), ts, "a price near the mid", || {
                format!("{px} ticks at mid {}", reference.unwrap_or(0) as f64 / 2.0)
            });
        } else {
            self.price = Some((ts, px));
        }
    }

    fn look_for_twice(
        &mut self,
        row: usize,
        ts: i64,
        flags: u16,
        id: Option<&'a str>,
        content: Content,
        places: &mut Places,
    ) {
        if let Some(id) = id {
            match self.by_id.get(id) {
                None => {
                    self.by_id.insert(id, content);
                }
                Some(known) if *known == content => {
                    self.figures.duplicates += 1;
                    places.add("duplicate_prints", "trade", Some(row), ts, "each execution once", || {
                        format!("trade_id {id} again")
                    });
                }
                Some(_) => {
                    self.figures.reused_ids += 1;
                    places.add("reused_trade_ids", "trade", Some(row), ts, "an id of its own", || {
                        format!("trade_id {id} of another execution")
                    });
                }
            }
            return;
        }
        if self.now.0 != ts {
            self.now.0 = ts;
            self.now.1.clear();
        }
        let told_now = !self.now.1.insert(content);
        let own_time = flags & (code::SYNTH_RECV | code::BAD_TS) == 0;
        if told_now && own_time {
            self.figures.duplicates += 1;
            places.add("duplicate_prints", "trade", Some(row), ts, "each execution once", || {
                let (_, px, qty, side) = content;
                format!("px_ticks {px}, qty_lots {qty}, side {side} again at the same times")
            });
        } else if self.last == Some(content) {
            self.figures.equal += 1;
        }
        self.last = Some(content);
    }
}
