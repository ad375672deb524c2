//! The limit order book: price levels that change by limit orders, cancels and market orders, and by nothing else.

/// A side of the book, or of a taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Bids; a taker who buys.
    Buy,
    /// Asks; a taker who sells.
    Sell,
}

impl Side {
    /// +1 for bids and buyers, −1 for asks and sellers.
    pub fn sign(self) -> i8 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    /// The other side.
    pub fn opposite(self) -> Self {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// A price level: price in ticks and resting quantity in lots (at least 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price, ticks.
    pub px: i32,
    /// Quantity, lots.
    pub qty: i64,
}

/// Resting orders, aggregated by price, best level first on each side.
///
/// Its three methods that change it are the three kinds of order flow; a model of the market has no other way to
/// move a price.
#[derive(Clone, Debug, Default)]
pub struct Book {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Book {
    /// Levels of a side, best first.
    pub fn side(&self, side: Side) -> &[Level] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best price of a side in ticks.
    pub fn best(&self, side: Side) -> Option<i32> {
        self.side(side).first().map(|level| level.px)
    }

    /// A post-only limit order of `qty` lots. Refused (false) if it would cross, or has no positive price or size.
    pub fn limit(&mut self, side: Side, px: i32, qty: i64) -> bool {
        let crosses =
            self.best(side.opposite()).is_some_and(|best| i32::from(side.sign()) * (px - best) >= 0);
        if crosses || px <= 0 || qty <= 0 {
            return false;
        }
        let sign = i32::from(side.sign());
        let levels = self.side_mut(side);
        let at = levels.partition_point(|level| sign * (level.px - px) > 0);
        match levels.get_mut(at) {
            Some(level) if level.px == px => level.qty += qty,
            _ => levels.insert(at, Level { px, qty }),
        }
        true
    }

    /// Cancels up to `qty` lots of the level with rank `rank` (0 is the best); gives what was taken out.
    pub fn cancel(&mut self, side: Side, rank: usize, qty: i64) -> Option<Level> {
        let levels = self.side_mut(side);
        let level = levels.get_mut(rank)?;
        let taken = Level { px: level.px, qty: qty.min(level.qty) };
        level.qty -= taken.qty;
        if level.qty == 0 {
            levels.remove(rank);
        }
        Some(taken)
    }

    /// A market order of `qty` lots that goes no further than the price `limit`: appends one fill a level to `fills`
    /// and gives the lots that found no liquidity. The last lot of a side stays, so that no side is ever empty.
    pub fn market(&mut self, taker: Side, mut qty: i64, limit: i32, fills: &mut Vec<Level>) -> i64 {
        let sign = i32::from(taker.sign());
        let levels = self.side_mut(taker.opposite());
        let mut gone = 0;
        let last = levels.len().saturating_sub(1);
        for (rank, level) in levels.iter_mut().enumerate() {
            let taken = qty.min(level.qty - i64::from(rank == last));
            if taken == 0 || sign * (level.px - limit) > 0 {
                break;
            }
            fills.push(Level { px: level.px, qty: taken });
            level.qty -= taken;
            qty -= taken;
            gone += usize::from(level.qty == 0);
        }
        levels.drain(..gone);
        qty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let mut book = Book::default();
        for (side, px, qty) in
            [(Side::Buy, 99, 5), (Side::Buy, 97, 7), (Side::Sell, 101, 3), (Side::Sell, 104, 9)]
        {
            assert!(book.limit(side, px, qty));
        }
        book
    }

    #[test]
    fn limit_orders_queue_by_price_and_never_cross() {
        let mut book = book();
        assert!(book.limit(Side::Buy, 98, 1));
        assert!(book.limit(Side::Buy, 99, 2));
        assert_eq!(book.side(Side::Buy)[0], Level { px: 99, qty: 7 });
        assert_eq!(book.side(Side::Buy)[1].px, 98);
        assert!(!book.limit(Side::Buy, 101, 1));
        assert!(!book.limit(Side::Sell, 99, 1));
        assert!(!book.limit(Side::Buy, 98, 0));
        assert!(!book.limit(Side::Buy, 0, 1));
    }

    #[test]
    fn a_market_order_walks_the_levels() {
        let mut book = book();
        let mut fills = Vec::new();
        assert_eq!(book.market(Side::Buy, 5, 104, &mut fills), 0);
        assert_eq!(fills, [Level { px: 101, qty: 3 }, Level { px: 104, qty: 2 }]);
        assert_eq!(book.side(Side::Sell), [Level { px: 104, qty: 7 }]);
        assert_eq!(book.market(Side::Buy, 10, 104, &mut fills), 4);
        assert_eq!(book.side(Side::Sell), [Level { px: 104, qty: 1 }], "the last lot stays");
        assert_eq!(book.market(Side::Sell, 10, 98, &mut fills), 5);
        assert_eq!(book.best(Side::Buy), Some(97), "97 lies beyond the limit");
    }

    #[test]
    fn a_cancel_takes_at_most_what_rests() {
        let mut book = book();
        assert_eq!(book.cancel(Side::Buy, 0, 2), Some(Level { px: 99, qty: 2 }));
        assert_eq!(book.cancel(Side::Buy, 0, 99), Some(Level { px: 99, qty: 3 }));
        assert_eq!(book.best(Side::Buy), Some(97));
        assert_eq!(book.cancel(Side::Buy, 1, 1), None);
    }
}
