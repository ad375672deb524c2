//! What a strategy did, as it is handed out: orders, fills, the curve, days and totals.

use crate::account::{Account, Carry, Split};
use crate::market::Marks;
use crate::order::{Fill, Met, Order, Outcome, Sent};

/// Points of a curve, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curve {
    /// ns UTC.
    pub ts: Vec<i64>,
    /// Lots.
    pub position: Vec<i64>,
    /// Money units.
    pub cash: Vec<i64>,
    /// Money units.
    pub equity: Vec<i64>,
}

/// The account at a day cut, after its carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// ns UTC.
    pub ts: i64,
    /// Lots.
    pub position: i64,
    /// Money units.
    pub cash: i64,
    /// Money units.
    pub equity: i64,
    /// Paid at this cut, money units.
    pub carry: i64,
    /// So far, half money units.
    pub price_half: i64,
    /// So far, half money units.
    pub spread_impact_half: i64,
    /// So far, money units.
    pub fees: i64,
    /// So far, money units.
    pub carry_total: i64,
}

/// The session in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The account at the end.
    pub last: Day,
    /// Σ lots of the fills.
    pub turnover_lots: i64,
    /// Σ px·lots of the fills, money units.
    pub turnover: i64,
    /// Orders that were sent.
    pub submissions: u64,
    /// Orders that filled something.
    pub fills: u64,
    /// Orders cut to the largest order.
    pub capped: u64,
    /// Orders cut to what reduces.
    pub reduced: u64,
    /// By [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Time long, short and flat, ns.
    pub time_ns: [i64; 3],
}

/// A strategy's account with its records.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The strategy.
    pub name: String,
    /// Its money.
    pub account: Account,
    /// Its log, where it is kept.
    pub orders: Vec<Order>,
    /// Row of the order in the log, and the fill.
    pub fills: Vec<(usize, Fill)>,
    /// Its curve, where it is kept.
    pub curve: Curve,
    /// Its days.
    pub days: Vec<Day>,
    log: bool,
    filled_orders: u64,
    capped: u64,
    reduced: u64,
    outcomes: [u64; Outcome::ALL.len()],
}

impl Ledger {
    /// An empty one, of a strategy whose account begins at `begin`.
    pub fn new(name: &str, log: bool, begin: i64) -> Self {
        Self {
            name: name.to_owned(),
            account: Account::new(begin),
            orders: Vec::new(),
            fills: Vec::new(),
            curve: Curve::default(),
            days: Vec::new(),
            log,
            filled_orders: 0,
            capped: 0,
            reduced: 0,
            outcomes: [0; Outcome::ALL.len()],
        }
    }

    /// What became of an order, where it met a book, or came to nothing.
    pub fn order(
        &mut self,
        sent: &Sent,
        outcome: Outcome,
        met: Option<Met>,
        fills: &[Fill],
        marks: &Marks,
    ) -> Result<(), String> {
        let position_before = self.account.position;
        let (mut cash_flow, mut fees) = (0, 0);
        if let Some(met) = met.filter(|_| !fills.is_empty()) {
            (cash_flow, fees) = self.account.fill(met.ts, sent.intent.side, fills, marks);
            self.account.split(marks).map_err(|why| self.at_decision(sent, &why))?;
        }
        self.outcomes[outcome as usize] += 1;
        self.capped += u64::from(sent.intent.capped);
        self.reduced += u64::from(sent.intent.reduced);
        self.filled_orders += u64::from(!fills.is_empty());
        let money = |value, what| money(value, what).map_err(|why| self.at_decision(sent, &why));
        let order = Order {
            sent: *sent,
            outcome,
            met,
            position_before,
            filled: fills.iter().map(|fill| fill.lots).sum(),
            cash_flow: money(cash_flow, "the cash flow")?,
            fees: money(fees, "the fees")?,
            position_after: self.account.position,
            cash_after: money(self.account.cash, "the cash")?,
            equity_after: money(self.account.equity(marks), "the equity")?,
        };
        if self.log {
            let row = self.orders.len();
            self.orders.push(order);
            self.fills.extend(fills.iter().map(|fill| (row, *fill)));
        }
        Ok(())
    }

    /// A point of the curve.
    pub fn point(&mut self, ts: i64, marks: &Marks) -> Result<(), String> {
        let at = |why: String| format!("strategy '{}' at {ts} ns: {why}", self.name);
        let cash = money(self.account.cash, "the cash").map_err(at)?;
        let equity = money(self.account.equity(marks), "the equity").map_err(at)?;
        self.curve.ts.push(ts);
        self.curve.position.push(self.account.position);
        self.curve.cash.push(cash);
        self.curve.equity.push(equity);
        Ok(())
    }

    /// A cut of the day: carry is paid, then the account is looked at.
    pub fn cut(&mut self, ts: i64, marks: &Marks, due: Carry) -> Result<(), String> {
        let carry = self.account.carry(marks, due);
        let day = self.day(ts, marks, carry)?;
        self.days.push(day);
        Ok(())
    }

    /// The session is over at `end`, with a row of its own if it is no cut.
    pub fn finish(&mut self, end: i64, marks: &Marks) -> Result<Totals, String> {
        self.account.end(end);
        if self.days.last().is_none_or(|day| day.ts < end) {
            let day = self.day(end, marks, 0)?;
            self.days.push(day);
        }
        let last = self.day(end, marks, 0)?;
        let at = |why: String| format!("strategy '{}' at its end: {why}", self.name);
        let unsent = self.outcomes[Outcome::NoNewEntry as usize];
        Ok(Totals {
            last,
            turnover_lots: money(self.account.turnover_lots, "the turnover in lots").map_err(at)?,
            turnover: money(self.account.turnover, "the turnover").map_err(at)?,
            submissions: self.outcomes.iter().sum::<u64>() - unsent,
            fills: self.filled_orders,
            capped: self.capped,
            reduced: self.reduced,
            outcomes: self.outcomes,
            time_ns: self.account.time_ns,
        })
    }

    fn day(&mut self, ts: i64, marks: &Marks, carry: i128) -> Result<Day, String> {
        let at = |why: String| format!("strategy '{}' at {ts} ns: {why}", self.name);
        let Split { equity, price_half, spread_impact_half } = self.account.split(marks).map_err(at)?;
        let account = &self.account;
        Ok(Day {
            ts,
            position: account.position,
            cash: money(account.cash, "the cash").map_err(at)?,
            equity: money(equity, "the equity").map_err(at)?,
            carry: money(carry, "the carry").map_err(at)?,
            price_half: money(price_half, "the price part").map_err(at)?,
            spread_impact_half: money(spread_impact_half, "the spread and impact part").map_err(at)?,
            fees: money(account.fees, "the fees").map_err(at)?,
            carry_total: money(account.carry, "the carry").map_err(at)?,
        })
    }

    fn at_decision(&self, sent: &Sent, why: &str) -> String {
        let (name, decision, ts) = (&self.name, sent.decision, sent.ts_decision);
        format!("strategy '{name}', decision {decision} at {ts} ns: {why}")
    }
}

/// Sums that are handed out have 64 bits.
pub fn money(value: i128, what: &str) -> Result<i64, String> {
    i64::try_from(value).map_err(|_| format!("overflow: {what} is {value} units, more than 64 bits hold"))
}
