//! One strategy of the pass: what it wants, what it has under way, and its ledger.

use crate::account::Carry;
use crate::consumption::Consumed;
use crate::execution::{Decision, Rules, Taker};
use crate::ledger::Ledger;
use crate::market::{Market, Marks};
use crate::order::{Fill, Outcome, Sent};
use crate::spec::{BENCHMARK, Spec, StrategySpec};

/// Where its targets come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A column of the decisions.
    Column(usize),
    /// Its size, always.
    Benchmark,
}

/// A strategy with targets that are known at each decision.
#[derive(Debug)]
pub struct Strategy {
    /// Its records.
    pub ledger: Ledger,
    /// Whether its curve is kept.
    pub curve: bool,
    /// The order under way.
    pub pending: Option<Sent>,
    source: Source,
    size: i64,
    latency: i64,
    wait: i64,
    pays_carry: bool,
    /// No submission before, ns UTC.
    free_at: i64,
    taker: Taker,
    consumed: Consumed,
}

impl Strategy {
    /// A strategy that has done nothing; `columns` are the names of the targets' columns.
    pub fn new(strategy: &StrategySpec, spec: &Spec, columns: &[&str]) -> Self {
        let column = columns.iter().position(|name| *name == strategy.policy);
        debug_assert!(column.is_some() || strategy.policy == BENCHMARK);
        Self {
            ledger: Ledger::new(&strategy.name, strategy.log, spec.begin_ns),
            curve: strategy.curve,
            pending: None,
            source: column.map_or(Source::Benchmark, Source::Column),
            size: strategy.size_lots,
            latency: strategy.latency_ns,
            wait: strategy.wait(&spec.execution),
            pays_carry: strategy.pays_carry,
            free_at: i64::MIN,
            taker: Taker::new(strategy, spec.execution.max_slippage_bps_e6),
            consumed: Consumed::default(),
        }
    }

    /// Decides, and sends an order if there is one to send; `targets` are the columns.
    pub fn decide(
        &mut self,
        decision: &Decision,
        targets: &[&[i64]],
        rules: &Rules,
        market: &Market,
    ) -> Result<(), String> {
        if decision.ts < self.free_at || self.pending.is_some() {
            return Ok(());
        }
        let target = match self.source {
            Source::Column(column) if !decision.first => targets[column][decision.row],
            _ => self.size,
        };
        let position = self.ledger.account.position;
        if target == position {
            return Ok(());
        }
        let intent = rules.intent(decision.ts, position, target);
        let sent = decision.sent(target, intent, (self.latency, self.wait));
        if intent.qty == 0 {
            return self.ledger.order(&sent, Outcome::NoNewEntry, None, &[], &market.marks);
        }
        self.free_at = rules.free_at(decision.ts);
        self.pending = Some(sent);
        Ok(())
    }

    /// The order under way meets the book at `e`.
    pub fn execute(
        &mut self,
        e: i64,
        rules: &Rules,
        market: &mut Market,
        fills: &mut Vec<Fill>,
    ) -> Result<(), String> {
        let Some(mut sent) = self.pending.take() else {
            return Ok(());
        };
        let position = self.ledger.account.position;
        let taken = |side, px| self.consumed.lots(side, px, &market.renewal);
        let outcome = self.taker.meet((rules, market), e, position, &mut sent.intent, taken, fills);
        self.consumed.take(-sent.intent.side, fills, &mut market.renewal);
        self.ledger.order(&sent, outcome, Some(market.met(e)), fills, &market.marks)
    }

    /// A cut of the day, with the carry that is due.
    pub fn cut(&mut self, ts: i64, marks: &Marks, due: Carry) -> Result<(), String> {
        self.ledger.cut(ts, marks, if self.pays_carry { due } else { Carry { rate_e9: 0, ..due } })
    }

    /// The order under way meets no book any more.
    pub fn give_up(&mut self, market: &Market) -> Result<(), String> {
        match self.pending.take() {
            Some(sent) => self.ledger.order(&sent, Outcome::EndOfData, None, &[], &market.marks),
            None => Ok(()),
        }
    }
}
