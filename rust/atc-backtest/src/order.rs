//! Orders, what became of them, and the fills that they brought.

/// What became of an order, or of the wish for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was filled.
    Filled,
    /// A part; the rest was cancelled.
    Partial,
    /// Nothing was left to take within the limit.
    Thin,
    /// The venue was closed.
    Maintenance,
    /// The last book message was too old.
    StaleBook,
    /// The book was unknown, or had an empty side.
    NoBook,
    /// The best bid was not below the best ask.
    Crossed,
    /// The data ended before the order could meet a book.
    EndOfData,
    /// A window without new entries left nothing to do; no order was sent.
    NoNewEntry,
    /// It was sent before a window without new entries, met the book inside it, and would have opened a position.
    LateEntry,
}

impl Outcome {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 10] = [
        Self::Filled,
        Self::Partial,
        Self::Thin,
        Self::Maintenance,
        Self::StaleBook,
        Self::NoBook,
        Self::Crossed,
        Self::EndOfData,
        Self::NoNewEntry,
        Self::LateEntry,
    ];

    /// As logs call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filled => "filled",
            Self::Partial => "partial",
            Self::Thin => "thin",
            Self::Maintenance => "maintenance",
            Self::StaleBook => "stale_book",
            Self::NoBook => "no_book",
            Self::Crossed => "crossed",
            Self::EndOfData => "end_of_data",
            Self::NoNewEntry => "no_new_entry",
            Self::LateEntry => "late_entry",
        }
    }
}

/// What a decision knew of the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Best displayed bid of a known book, ticks.
    pub bid: Option<i32>,
    /// Best displayed ask of a known book, ticks.
    pub ask: Option<i32>,
    /// Time since the last book message, ns.
    pub book_age_ns: Option<i64>,
}

/// The book that an order met, as it was displayed, whether it filled something or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// When, ns UTC.
    pub ts: i64,
    /// Best bid of a known book, ticks, and its lots.
    pub bid: Option<(i32, i64)>,
    /// Best ask of a known book likewise.
    pub ask: Option<(i32, i64)>,
    /// Time since the last book message, ns.
    pub book_age_ns: Option<i64>,
}

/// What is sent for a target: a side, and how much of it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// +1 buys, −1 sells, 0 nothing is left to do.
    pub side: i8,
    /// Lots.
    pub qty: i64,
    /// Cut to the largest order.
    pub capped: bool,
    /// Cut to what brings the position nearer to 0, at the decision or when it met the book.
    pub reduced: bool,
}

impl Intent {
    /// From `position` to `target`, lots. With `only_reduce` nothing that opens or turns a position.
    pub fn new(position: i64, target: i64, only_reduce: bool, max_order_lots: i64) -> Self {
        let delta = target - position;
        let wanted = delta.abs();
        let allowed = if only_reduce { reducing(delta.signum(), wanted, position) } else { wanted };
        let qty = allowed.min(max_order_lots);
        let side = if qty > 0 { delta.signum() as i8 } else { 0 };
        Self { side, qty, capped: qty < allowed, reduced: allowed < wanted }
    }
}

/// Of `qty` lots of a side (+1 buys, −1 sells) those that bring `position` nearer to 0.
pub fn reducing(side: i64, qty: i64, position: i64) -> i64 {
    if side == -position.signum() { qty.min(position.abs()) } else { 0 }
}

/// A level that an order took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Price, ticks.
    pub px: i32,
    /// Size, lots.
    pub lots: i64,
    /// Fee, money units.
    pub fee: i64,
}

/// An order on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Row of the decision.
    pub decision: usize,
    /// When it was taken, ns UTC.
    pub ts_decision: i64,
    /// What it knew.
    pub seen: Seen,
    /// Position that it wants, lots.
    pub target: i64,
    /// What was sent for it.
    pub intent: Intent,
    /// When it reaches the venue, ns UTC.
    pub arrival: i64,
    /// Without a frame by then it meets the unchanged book, ns UTC.
    pub deadline: i64,
}

/// A row of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Decision, wish and way.
    pub sent: Sent,
    /// What became of it.
    pub outcome: Outcome,
    /// The book that it met; none without an execution.
    pub met: Option<Met>,
    /// Before it, lots.
    pub position_before: i64,
    /// Lots.
    pub filled: i64,
    /// Of the fills, fees apart; money units.
    pub cash_flow: i64,
    /// Money units.
    pub fees: i64,
    /// After it, lots.
    pub position_after: i64,
    /// After it, money units.
    pub cash_after: i64,
    /// After it, money units, marked at the time of the row.
    pub equity_after: i64,
}

impl Order {
    /// Best displayed price of the side that it would take, when it was decided.
    pub fn expected_px(&self) -> Option<i32> {
        match self.sent.intent.side {
            1 => self.sent.seen.ask,
            -1 => self.sent.seen.bid,
            _ => None,
        }
    }

    /// When it was decided what became of it, ns UTC; none without an execution.
    pub fn ts_exec(&self) -> Option<i64> {
        self.met.map(|met| met.ts)
    }

    /// When it reached the venue; a wish without an order never did.
    pub fn ts_arrival(&self) -> Option<i64> {
        (self.outcome != Outcome::NoNewEntry).then_some(self.sent.arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(position: i64, target: i64, only_reduce: bool, most: i64) -> (i8, i64, bool, bool) {
        let Intent { side, qty, capped, reduced } = Intent::new(position, target, only_reduce, most);
        (side, qty, capped, reduced)
    }

    #[test]
    fn a_flip_is_one_order() {
        assert_eq!(intent(1_000, -1_000, false, 10_000), (-1, 2_000, false, false));
        assert_eq!(intent(0, 1_000, false, 10_000), (1, 1_000, false, false));
    }

    #[test]
    fn a_window_leaves_what_reduces() {
        assert_eq!(intent(1_000, -1_000, true, 10_000), (-1, 1_000, false, true));
        assert_eq!(intent(-1_000, -200, true, 10_000), (1, 800, false, false));
        assert_eq!(intent(1_000, 2_000, true, 10_000), (0, 0, false, true));
        assert_eq!(intent(0, -1_000, true, 10_000), (0, 0, false, true));
    }

    #[test]
    fn the_largest_order_caps() {
        assert_eq!(intent(1_000, -1_000, false, 1_500), (-1, 1_500, true, false));
        assert_eq!(intent(1_000, -1_000, true, 600), (-1, 600, true, true));
    }
}
