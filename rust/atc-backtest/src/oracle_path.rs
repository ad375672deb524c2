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
//! be followed to keep the bound. Beyond a number of orders a decision the search is given up, and says so.

use crate::account::{Carry, carry};
use crate::consumption::Renewal;
use crate::execution::{Decision, Rules, Taker};
use crate::ledger::{Ledger, Totals};
use crate::market::{Market, Marks};
use crate::order::{Fill, Outcome, Sent};
use crate::paths::{Node, Paths, Range};
use crate::spec::{Spec, StrategySpec};
use std::collections::VecDeque;

/// So many orders may be tried a decision, besides those that the specification allows in all.
const MOST_ORDERS_A_DECISION: u64 = 64;

/// A search that was given up: most orders filled in part, so that more positions could be reached than can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The strategy.
    pub name: String,
    /// Row of the decision.
    pub decision: usize,
    /// When it was taken, ns UTC.
    pub ts_decision: i64,
    /// Orders that were tried until then.
    pub orders: u64,
}

/// Where a way stands, money in its units.
#[derive(Clone, Copy, Debug)]
struct State {
    position: i64,
    cash: i128,
    /// Its last order.
    node: Option<u32>,
}

/// An order under way, and the state that it was sent from.
#[derive(Debug)]
struct UnderWay {
    state: State,
    sent: Sent,
    /// Goes on even if nothing is filled: the state did not stay free beside it, or cannot for as long as it likes.
    bound: bool,
}

/// All orders of one decision.
#[derive(Debug)]
struct Group {
    arrival: i64,
    deadline: i64,
    free_at: i64,
    orders: Vec<UnderWay>,
}

/// States that may send nothing before a time.
#[derive(Debug)]
struct Waiting {
    free_at: i64,
    states: Vec<State>,
}

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
    /// By position.
    free: Vec<State>,
    groups: VecDeque<Group>,
    waiting: VecDeque<Waiting>,
    paths: Paths,
    looks: Vec<Look>,
    /// Orders so far.
    orders: u64,
    most_orders: u64,
    given_up: Option<GivenUp>,
}

impl OraclePath {
    /// A search that has seen nothing.
    pub fn new(strategy: &StrategySpec, spec: &Spec) -> Self {
        let state = State { position: 0, cash: 0, node: None };
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
            free: vec![state],
            groups: VecDeque::new(),
            waiting: VecDeque::new(),
            paths: Paths::new(),
            looks: Vec::new(),
            orders: 0,
            most_orders: spec.oracle_orders,
            given_up: None,
        }
    }

    /// Arrival and deadline of the first orders under way.
    pub fn under_way(&self) -> Option<(i64, i64)> {
        self.groups.front().map(|group| (group.arrival, group.deadline))
    }

    /// Every free state sends every order that it may.
    pub fn decide(&mut self, decision: &Decision, rules: &Rules, market: &Market) {
        if self.given_up.is_some() {
            return;
        }
        self.set_free(decision, market);
        let all_targets = [self.size, 0, -self.size];
        let targets = if decision.first { &all_targets[..1] } else { &all_targets };
        let mut orders = Vec::with_capacity(2 * self.free.len());
        self.free.retain(|state| {
            let mut stays = false;
            let first = orders.len();
            for target in targets {
                let intent = rules.intent(decision.ts, state.position, *target);
                if intent.qty == 0 {
                    stays = true;
                } else {
                    let sent = rules.sent(decision, *target, intent, (self.latency, self.wait));
                    orders.push(UnderWay { state: *state, sent, bound: false });
                }
            }
            let stays_at_will = stays && all_targets.contains(&state.position);
            for order in &mut orders[first..] {
                order.bound = !stays_at_will;
            }
            stays
        });
        if let Some(UnderWay { sent, .. }) = orders.first() {
            let (arrival, deadline, free_at) = (sent.arrival, sent.deadline, rules.free_at(decision.ts));
            self.orders += orders.len() as u64;
            self.groups.push_back(Group { arrival, deadline, free_at, orders });
        }
        if self.orders > self.most_orders.saturating_add(MOST_ORDERS_A_DECISION * decision.row as u64) {
            self.give_up(decision);
        }
    }

    /// Lets go of everything.
    fn give_up(&mut self, decision: &Decision) {
        let (name, orders) = (self.name.clone(), self.orders);
        self.given_up = Some(GivenUp { name, decision: decision.row, ts_decision: decision.ts, orders });
        (self.free, self.looks, self.paths) = (Vec::new(), Vec::new(), Paths::new());
        self.groups.clear();
        self.waiting.clear();
    }

    /// States whose interval is over join the free ones.
    fn set_free(&mut self, decision: &Decision, market: &Market) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.free_at <= decision.ts) {
            for state in waiting.states {
                self.keep_best(state, &market.renewal);
            }
        }
    }

    /// Adds a free state unless there is one like it with as much cash.
    fn keep_best(&mut self, state: State, renewal: &Renewal) {
        let first = self.free.partition_point(|other| other.position < state.position);
        let mut alike = self.free[first..].iter_mut().take_while(|other| other.position == state.position);
        match alike.find(|other| self.paths.took_the_same(other.node, state.node, renewal)) {
            Some(other) if other.cash >= state.cash => {}
            Some(other) => *other = state,
            None => self.free.insert(first, state),
        }
    }

    /// The first orders under way meet the book at `e`, or none any more.
    pub fn execute(&mut self, e: Option<i64>, rules: &Rules, market: &mut Market, fills: &mut Vec<Fill>) {
        let Some(group) = self.groups.pop_front() else {
            return;
        };
        let mut states: Vec<State> = Vec::with_capacity(group.orders.len());
        for UnderWay { mut state, mut sent, bound } in group.orders {
            fills.clear();
            let taken = |side, px| self.paths.taken(state.node, side, px, &market.renewal);
            let outcome = match e {
                Some(e) => {
                    self.taker.meet((rules, market), e, state.position, &mut sent.intent, taken, fills)
                }
                None => Outcome::EndOfData,
            };
            if fills.is_empty() && !bound {
                // As good as having sent nothing, but not free.
                continue;
            }
            for fill in &*fills {
                let signed = i64::from(sent.intent.side) * fill.lots;
                state.position += signed;
                state.cash -= i128::from(fill.px) * i128::from(signed) + i128::from(fill.fee);
            }
            let (before, ts_exec, marks) = (state.node, e, market.marks);
            let messages = market.renewal.watch();
            let (taken_before, fills_of) = (None, Range::default());
            let node =
                Node { before, taken_before, sent, outcome, ts_exec, fills: fills_of, messages, marks };
            state.node = Some(self.paths.push(node, fills, &market.renewal));
            states.push(state);
        }
        if !states.is_empty() {
            self.waiting.push_back(Waiting { free_at: group.free_at, states });
        }
        if self.paths.is_full() {
            let leaves = self.free.iter_mut();
            let leaves = leaves.chain(self.waiting.iter_mut().flat_map(|waiting| &mut waiting.states));
            let under_way = self.groups.iter_mut().flat_map(|group| &mut group.orders);
            let leaves = leaves.chain(under_way.map(|order| &mut order.state));
            self.paths.collect(leaves.filter_map(|state| state.node.as_mut()).collect());
        }
    }

    /// A cut of the day: every state pays carry.
    pub fn cut(&mut self, ts: i64, marks: &Marks, due: Carry) {
        if self.given_up.is_some() {
            return;
        }
        let due = if self.pays_carry { due } else { Carry { rate_e9: 0, ..due } };
        self.looks.push(Look { ts, marks: *marks, cut: Some(due) });
        let under_way = self.groups.iter_mut().flat_map(|group| &mut group.orders);
        let waiting = self.waiting.iter_mut().flat_map(|waiting| &mut waiting.states);
        for state in self.free.iter_mut().chain(waiting).chain(under_way.map(|order| &mut order.state)) {
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
        let states = self.free.iter().chain(self.waiting.iter().flat_map(|waiting| &waiting.states));
        let best = states
            .reduce(|best, state| if worth(state) > worth(best) { state } else { best })
            .ok_or_else(|| format!("strategy '{}' has no state at the end", self.name))?;
        let mut ledger = Ledger::new(&self.name, self.log, self.begin);
        let mut looks = self.looks.iter().peekable();
        for node in self.paths.path(best.node) {
            // An order that met no book came to nothing when its wait was over.
            let until = node.ts_exec.unwrap_or(node.sent.deadline);
            while let Some(look) = looks.next_if(|look| look.ts <= until) {
                self.look(&mut ledger, look)?;
            }
            ledger.order(&node.sent, node.outcome, node.ts_exec, self.paths.fills(node), &node.marks)?;
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
