//! The best path in hindsight: over all sequences of targets in {+size, 0, −size} at the decisions of the session, with the very
//! fills, costs and intervals that every strategy meets. A forward dynamic programme in the same pass.
//!
//! A state is a position with what it has consumed. Of two ways to a state the one with more cash is at least as good for ever
//! after, because fills, carry and marks depend on the state alone. A state that sent an order at d waits until d + interval. One
//! that is free may stay so if a target lets it: its own position, or one that a window without new entries cuts to nothing. So no
//! policy over the same targets ends with more.
//!
//! To have sent in vain is worth no more than to have stayed free, and is let go of, but only where the state can stay free for as
//! long as it likes: at a target. Elsewhere the next decision outside the window has to send something, and an order that was sent
//! in vain spares it that one.
//!
//! Where most orders fill in part, each leads to positions of its own: there may be as many as lots in the size, and each has to
//! be followed to keep the bound. Beyond a number of orders a decision, or of bytes, the search is given up, and says so.

use crate::account::{Carry, carry};
use crate::execution::{Decision, Rules, Taker};
use crate::given_up::{GivenUp, Limit};
use crate::ledger::{Ledger, Totals};
use crate::market::{Market, Marks};
use crate::order::{Fill, Outcome};
use crate::paths::{Meeting, Node, Paths};
use crate::reached::{Group, Reached, State, UnderWay};
use crate::spec::{Spec, StrategySpec};

/// So many orders may be tried a decision, besides those that the specification allows in all.
const MOST_ORDERS_A_DECISION: u64 = 64;

/// A look at the marks, for the path's own records.
#[derive(Clone, Copy, Debug)]
struct Look {
    ts: i64,
    marks: Marks,
    /// The carry that was due, if it was a cut.
    cut: Option<Carry>,
}

/// The search.
#[derive(Debug)]
pub struct OraclePath {
    name: String,
    log: bool,
    curve: bool,
    size: i64,
    latency: i64,
    wait: i64,
    pays_carry: bool,
    begin: i64,
    end: i64,
    taker: Taker,
    reached: Reached,
    looks: Vec<Look>,
    /// Orders so far.
    orders: u64,
    most_orders: u64,
    given_up: Option<GivenUp>,
}

impl OraclePath {
    /// A search that has seen nothing.
    pub fn new(strategy: &StrategySpec, spec: &Spec) -> Self {
        Self {
            name: strategy.name.clone(),
            log: strategy.log,
            curve: strategy.curve,
            size: strategy.size_lots,
            latency: strategy.latency_ns,
            wait: strategy.wait(&spec.execution),
            pays_carry: strategy.pays_carry,
            begin: spec.begin_ns,
            end: spec.end_ns,
            taker: Taker::new(strategy, spec.execution.max_slippage_bps_e6),
            reached: Reached::new(usize::try_from(spec.oracle_bytes).unwrap_or(usize::MAX)),
            looks: Vec::new(),
            orders: 0,
            most_orders: spec.oracle_orders,
            given_up: None,
        }
    }

    /// Arrival and deadline of the first orders under way.
    pub fn under_way(&self) -> Option<(i64, i64)> {
        self.reached.groups.front().map(|group| (group.arrival, group.deadline))
    }

    /// Every free state sends every order that it may.
    pub fn decide(&mut self, decision: &Decision, rules: &Rules, market: &Market) {
        if self.given_up.is_some() {
            return;
        }
        self.reached.set_free(decision.ts, &market.renewal);
        let all_targets = [self.size, 0, -self.size];
        let targets = if decision.first { &all_targets[..1] } else { &all_targets };
        if !self.reached.has_room(targets.len() * self.reached.free.len() * size_of::<UnderWay>()) {
            self.give_up(decision, Limit::Memory);
            return;
        }
        let mut orders = Vec::with_capacity(2 * self.reached.free.len());
        self.reached.free.retain(|state| {
            let mut stays = false;
            let first = orders.len();
            for target in targets {
                let intent = rules.intent(decision.ts, state.position, *target);
                if intent.qty == 0 {
                    stays = true;
                } else {
                    orders.push(UnderWay { state: *state, target: *target, intent, bound: false });
                }
            }
            let stays_at_will = stays && all_targets.contains(&state.position);
            for order in &mut orders[first..] {
                order.bound = !stays_at_will;
            }
            stays
        });
        if !orders.is_empty() {
            let (arrival, free_at) = (decision.ts + self.latency, rules.free_at(decision.ts));
            let deadline = arrival + self.wait;
            self.orders += orders.len() as u64;
            self.reached.groups.push_back(Group { decision: *decision, arrival, deadline, free_at, orders });
        }
        if self.orders > self.most_orders.saturating_add(MOST_ORDERS_A_DECISION * decision.row as u64) {
            self.give_up(decision, Limit::Orders);
        }
    }

    /// Lets go of everything.
    fn give_up(&mut self, decision: &Decision, limit: Limit) {
        let (name, orders) = (self.name.clone(), self.orders);
        let Decision { row, ts, .. } = *decision;
        self.given_up = Some(GivenUp { name, decision: row, ts_decision: ts, orders, limit });
        (self.reached, self.looks) = (Reached::new(0), Vec::new());
    }

    /// The first orders under way meet the book at `e`, or none any more.
    pub fn execute(&mut self, e: Option<i64>, rules: &Rules, market: &mut Market, fills: &mut Vec<Fill>) {
        let Some(group) = self.reached.groups.front() else {
            return;
        };
        let an_order = size_of::<State>() + Paths::bytes_of(market.most_levels());
        let (decision, most) = (group.decision, group.orders.len().saturating_mul(an_order));
        if !self.reached.has_room(most) {
            self.give_up(&decision, Limit::Memory);
            return;
        }
        let Some(group) = self.reached.groups.pop_front() else {
            return;
        };
        let mut states: Vec<State> = Vec::with_capacity(group.orders.len());
        let met = e.map(|e| market.met(e));
        let (messages, marks) = (market.renewal.watch(), market.marks);
        let meeting = Meeting { decision, met, messages, marks };
        for UnderWay { mut state, target, mut intent, bound } in group.orders {
            fills.clear();
            let taken = |side, px| self.reached.paths.taken(state.node, side, px, &market.renewal);
            let outcome = match e {
                Some(e) => self.taker.meet((rules, market), e, state.position, &mut intent, taken, fills),
                None => Outcome::EndOfData,
            };
            if fills.is_empty() && !bound {
                // As good as having sent nothing, but not free.
                continue;
            }
            for fill in &*fills {
                let signed = i64::from(intent.side) * fill.lots;
                state.position += signed;
                state.cash -= i128::from(fill.px) * i128::from(signed) + i128::from(fill.fee);
            }
            let node = Node::after(state.node, target, intent, outcome);
            state.node = Some(self.reached.paths.push(node, &meeting, fills, &market.renewal));
            states.push(state);
        }
        self.reached.wait(group.free_at, states);
    }

    /// A cut of the day: every state pays carry.
    pub fn cut(&mut self, ts: i64, marks: &Marks, due: Carry) {
        if self.given_up.is_some() {
            return;
        }
        let due = if self.pays_carry { due } else { Carry { rate_e9: 0, ..due } };
        self.looks.push(Look { ts, marks: *marks, cut: Some(due) });
        for state in self.reached.states_mut() {
            state.cash -= carry(state.position, marks, due);
        }
    }

    /// A point of the curve.
    pub fn point(&mut self, ts: i64, marks: &Marks) {
        if self.curve && self.given_up.is_none() {
            self.looks.push(Look { ts, marks: *marks, cut: None });
        }
    }

    /// The best path, as the ledger of a strategy that took it; or why there is none.
    pub fn finish(mut self, marks: &Marks) -> Result<Result<(Ledger, Totals), GivenUp>, String> {
        if let Some(given_up) = self.given_up.take() {
            return Ok(Err(given_up));
        }
        let worth =
            |state: &State| state.cash + i128::from(state.position) * i128::from(marks.of(state.position));
        let best = self
            .reached
            .at_rest()
            .reduce(|best, state| if worth(state) > worth(best) { state } else { best })
            .ok_or_else(|| format!("strategy '{}' has no state at the end", self.name))?;
        let mut ledger = Ledger::new(&self.name, self.log, self.begin);
        let mut looks = self.looks.iter().peekable();
        for node in self.reached.paths.path(best.node) {
            let Meeting { decision, met, marks, .. } = self.reached.paths.meeting(node);
            let sent = decision.sent(node.target, node.intent, (self.latency, self.wait));
            // An order that met no book came to nothing when its wait was over.
            let until = met.map_or(sent.deadline, |met| met.ts);
            while let Some(look) = looks.next_if(|look| look.ts <= until) {
                self.look(&mut ledger, look)?;
            }
            ledger.order(&sent, node.outcome, *met, self.reached.paths.fills(node), marks)?;
        }
        for look in looks {
            self.look(&mut ledger, look)?;
        }
        let (cash, position) = (ledger.account.cash, ledger.account.position);
        if (cash, position) != (best.cash, best.position) {
            return Err(format!(
                "strategy '{}': the search found {} units of cash and {} lots, but its path leads to {cash} and {position}",
                self.name, best.cash, best.position
            ));
        }
        let totals = ledger.finish(self.end, marks)?;
        Ok(Ok((ledger, totals)))
    }

    fn look(&self, ledger: &mut Ledger, look: &Look) -> Result<(), String> {
        match look.cut {
            Some(due) => ledger.cut(look.ts, &look.marks, due),
            None => ledger.point(look.ts, &look.marks),
        }
    }
}
