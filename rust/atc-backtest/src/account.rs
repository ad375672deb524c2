//! A position and its money, kept twice: as cash, and as the parts that a profit is made of. The two must agree to the integer.

use crate::market::Marks;
use crate::order::Fill;

/// What a cut of the day takes from a position that is held over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carry {
    /// 10⁻⁹ of the position's value.
    pub rate_e9: i64,
    /// It is rounded up to a multiple of this, money units.
    pub step: i64,
}

/// Cash, inventory, and what they came from. Money units, i128 while they are summed; halves where a mid is involved.
#[derive(Clone, Debug)]
pub struct Account {
    /// Lots; negative is short.
    pub position: i64,
    /// Money units.
    pub cash: i128,
    /// Paid, money units.
    pub fees: i128,
    /// Paid, money units.
    pub carry: i128,
    /// Σ lots of the fills.
    pub turnover_lots: i128,
    /// Σ px·lots of the fills, money units.
    pub turnover: i128,
    /// Time long, short and flat, ns.
    pub time_ns: [i64; 3],
    /// Σ position·Δ(bid + ask) up to `mid2`, half money units.
    price_half: i128,
    /// −Σ signed lots·(2·px − (bid + ask)) of the fills, half money units.
    fills_half: i128,
    /// Up to which the mid's path is in `price_half`.
    mid2: i64,
    since: i64,
}

/// A profit by its sources: `price_half + spread_impact_half − 2·fees − 2·carry` is twice the equity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Cash and the position at its mark, money units.
    pub equity: i128,
    /// Of the mid's path, half money units.
    pub price_half: i128,
    /// Of trading and marking off the mid, half money units.
    pub spread_impact_half: i128,
}

impl Account {
    /// Nothing, from `begin` on.
    pub fn new(begin: i64) -> Self {
        Self {
            position: 0,
            cash: 0,
            fees: 0,
            carry: 0,
            turnover_lots: 0,
            turnover: 0,
            time_ns: [0; 3],
            price_half: 0,
            fills_half: 0,
            mid2: 0,
            since: begin,
        }
    }

    /// Moves the mid's path up to `marks`.
    fn settle(&mut self, marks: &Marks) {
        self.price_half += i128::from(self.position) * i128::from(marks.mid2 - self.mid2);
        self.mid2 = marks.mid2;
    }

    fn pass_to(&mut self, t: i64) {
        let sign = match self.position.signum() {
            1 => 0,
            -1 => 1,
            _ => 2,
        };
        self.time_ns[sign] += t - self.since;
        self.since = t;
    }

    /// Fills of one side at `e`; gives their cash flow (fees apart) and their fees, money units.
    pub fn fill(&mut self, e: i64, side: i8, fills: &[Fill], marks: &Marks) -> (i128, i128) {
        self.pass_to(e);
        self.settle(marks);
        let (mut flow, mut fees) = (0, 0);
        for fill in fills {
            let signed = i64::from(side) * fill.lots;
            let value = i128::from(fill.px) * i128::from(signed);
            flow -= value;
            fees += i128::from(fill.fee);
            self.position += signed;
            self.fills_half -= 2 * value - i128::from(signed) * i128::from(marks.mid2);
            self.turnover_lots += i128::from(fill.lots);
            self.turnover += value.abs();
        }
        self.cash += flow - fees;
        self.fees += fees;
        (flow, fees)
    }

    /// Pays carry at a cut; gives it, money units.
    pub fn carry(&mut self, marks: &Marks, due: Carry) -> i128 {
        let carry = carry(self.position, marks, due);
        self.cash -= carry;
        self.carry += carry;
        carry
    }

    /// The session ends at `end`.
    pub fn end(&mut self, end: i64) {
        self.pass_to(end);
    }

    /// Cash and the position at its mark, money units.
    pub fn equity(&self, marks: &Marks) -> i128 {
        self.cash + i128::from(self.position) * i128::from(marks.of(self.position))
    }

    /// The profit by its sources, if they sum to it.
    pub fn split(&mut self, marks: &Marks) -> Result<Split, String> {
        self.settle(marks);
        let equity = self.equity(marks);
        let off_mid = 2 * marks.of(self.position) - marks.mid2;
        let inventory = if self.position == 0 { 0 } else { i128::from(self.position) * i128::from(off_mid) };
        let (price_half, spread_impact_half) = (self.price_half, self.fills_half + inventory);
        let sum = price_half + spread_impact_half - 2 * self.fees - 2 * self.carry;
        if sum != 2 * equity {
            return Err(format!(
                "the account does not add up: price {price_half}, spread and impact {spread_impact_half} half units, fees {} and \
                 carry {} make {sum} half units, but cash {} and {} lots at their mark are {equity} units",
                self.fees, self.carry, self.cash, self.position
            ));
        }
        Ok(Split { equity, price_half, spread_impact_half })
    }
}

/// |position|·mark·rate, rounded up to whole steps; money units.
pub fn carry(position: i64, marks: &Marks, due: Carry) -> i128 {
    let value = i128::from(position.abs()) * i128::from(marks.of(position));
    let step = i128::from(due.step);
    -(-value * i128::from(due.rate_e9)).div_euclid(1_000_000_000 * step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { bid: 400_000, ask: 400_100, mid2: 800_100 };

    #[test]
    fn a_buy_its_carry_and_a_flip() {
        let mut account = Account::new(0);
        let buy = [Fill { px: 400_100, lots: 600, fee: 5 }, Fill { px: 400_101, lots: 400, fee: 7 }];
        let (flow, fees) = account.fill(10, 1, &buy, &MARKS);
        assert_eq!((flow, fees), (-400_100 * 600 - 400_101 * 400, 12));
        let split = account.split(&MARKS).unwrap();
        assert_eq!(split.equity, -100 * 600 - 101 * 400 - 12);
        assert_eq!((split.price_half, split.spread_impact_half), (0, -200 * 600 - 202 * 400));

        let later = Marks { bid: 400_200, ask: 400_260, mid2: 800_460 };
        // 1000 lots · 400200 · 0.0004 = 160080 units = 1600.8 JPY, rounded up to 1601.
        assert_eq!(account.carry(&later, Carry { rate_e9: 400_000, step: 100 }), 160_100);
        let split = account.split(&later).unwrap();
        assert_eq!(split.price_half, 1_000 * 360);

        let sell = [Fill { px: 400_200, lots: 2_000, fee: 0 }];
        account.fill(40, -1, &sell, &later);
        assert_eq!(account.position, -1_000);
        account.end(100);
        assert_eq!(account.time_ns, [30, 60, 10]);
        let split = account.split(&later).unwrap();
        assert_eq!(split.equity, account.cash - 1_000 * 400_260);
    }

    #[test]
    fn carry_is_rounded_up_to_its_step_and_no_further() {
        let carry = |position, rate_e9, step| carry(position, &MARKS, Carry { rate_e9, step });
        assert_eq!(carry(1_000, 400_000, 100), 160_000);
        assert_eq!(carry(-1_000, 400_000, 100), 160_100, "a short is worth its ask: 160040 units");
        assert_eq!(carry(-1_000, 400_000, 1), 160_040);
        assert_eq!(carry(-1_000, 400_001, 1), 160_041, "160040.4001 units");
        assert_eq!(carry(-1_000, 400_000, 7), 160_041);
        assert_eq!((carry(0, 400_000, 100), carry(1, 0, 100)), (0, 0));
    }

    #[test]
    fn what_does_not_add_up_is_an_error() {
        let mut account = Account::new(0);
        account.fill(10, 1, &[Fill { px: 400_100, lots: 600, fee: 0 }], &MARKS);
        account.cash += 1;
        assert!(account.split(&MARKS).unwrap_err().contains("does not add up"));
    }
}
