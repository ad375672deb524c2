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
use crate::consumption::Renewal;
use crate::execution::{Decision, Rules, Taker};
use crate::given_up::{GivenUp, Limit};
use crate::ledger::{Ledger, Totals};
use crate::market::{Market, Marks};
use crate::order::{Fill, Intent, Outcome};
use crate::paths::{Meeting, Node, Paths};
use crate::spec::{Spec, StrategySpec};
use std::collections::VecDeque;

/// So many orders may be tried a decision, besides those that the specification allows in all.
const MOST_ORDERS_A_DECISION: u64 = 64;

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
    target: i64,
    intent: Intent,
    /// Goes on even if nothing is filled: the state did not stay free beside it, or cannot for as long as it likes.
    bound: bool,
}

/// All orders of one decision.
#[derive(Debug)]
struct Group {
    decision: Decision,
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
    /// States in all of `waiting`.
    waiting_states: usize,
    paths: Paths,
    looks: Vec<Look>,
    /// Orders so far.
    orders: u64,
    most_orders: u64,
    most_bytes: usize,
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
            waiting_states: 0,
            paths: Paths::new(),
            looks: Vec::new(),
            orders: 0,
            most_orders: spec.oracle_orders,
            most_bytes: usize::try_from(spec.oracle_bytes).unwrap_or(usize::MAX),
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
        if !self.has_room(targets.len() * self.free.len() * size_of::<UnderWay>()) {
            self.give_up(decision, Limit::Memory);
            return;
        }
        let mut orders = Vec::with_capacity(2 * self.free.len());
        self.free.retain(|state| {
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
            self.groups.push_back(Group { decision: *decision, arrival, deadline, free_at, orders });
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
        (self.free, self.looks, self.paths) = (Vec::new(), Vec::new(), Paths::new());
        self.groups.clear();
        self.waiting.clear();
    }

    /// Whether so many bytes may be taken. Where they are too many beside what is held, orders on which no state stands any more
    /// are let go of; where that is not a quarter of it, it would soon be tried at every order.
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.bytes().saturating_add(bytes) <= self.most_bytes {
            return true;
        }
        self.collect();
        self.bytes().saturating_add(bytes) <= self.most_bytes / 4 * 3
    }

    /// What the states and the ways to them take.
    fn bytes(&self) -> usize {
        let under_way: usize = self.groups.iter().map(|group| group.orders.len()).sum();
        let states = self.free.len() + self.waiting_states;
        self.paths.bytes() + states * size_of::<State>() + under_way * size_of::<UnderWay>()
    }

    /// Lets go of orders on which no state stands any more.
    fn collect(&mut self) {
        let leaves = self.free.iter_mut();
        let leaves = leaves.chain(self.waiting.iter_mut().flat_map(|waiting| &mut waiting.states));
        let under_way = self.groups.iter_mut().flat_map(|group| &mut group.orders);
        let leaves = leaves.chain(under_way.map(|order| &mut order.state));
        self.paths.collect(leaves.filter_map(|state| state.node.as_mut()).collect());
    }

    /// States whose interval is over join the free ones.
    fn set_free(&mut self, decision: &Decision, market: &Market) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.free_at <= decision.ts) {
            self.waiting_states -= waiting.states.len();
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
        let Some(group) = self.groups.front() else {
            return;
        };
        let an_order = size_of::<State>() + Paths::bytes_of(market.most_levels());
        let (decision, most) = (group.decision, group.orders.len().saturating_mul(an_order));
        if !self.has_room(most) {
            self.give_up(&decision, Limit::Memory);
            return;
        }
        let Some(group) = self.groups.pop_front() else {
            return;
        };
        let mut states: Vec<State> = Vec::with_capacity(group.orders.len());
        let met = e.map(|e| market.met(e));
        let (messages, marks) = (market.renewal.watch(), market.marks);
        let meeting = Meeting { decision, met, messages, marks };
        for UnderWay { mut state, target, mut intent, bound } in group.orders {
            fills.clear();
            let taken = |side, px| self.paths.taken(state.node, side, px, &market.renewal);
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
            state.node = Some(self.paths.push(node, &meeting, fills, &market.renewal));
            states.push(state);
        }
        if !states.is_empty() {
            self.waiting_states += states.len();
            self.waiting.push_back(Waiting { free_at: group.free_at, states });
        }
        debug_assert!(self.bytes() <= self.most_bytes);
        if self.paths.is_full() {
            self.collect();
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
            let Meeting { decision, met, marks, .. } = self.paths.meeting(node);
            let sent = decision.sent(node.target, node.intent, (self.latency, self.wait));
            // An order that met no book came to nothing when its wait was over.
            let until = met.map_or(sent.deadline, |met| met.ts);
            while let Some(look) = looks.next_if(|look| look.ts <= until) {
                self.look(&mut ledger, look)?;
            }
            ledger.order(&sent, node.outcome, *met, self.paths.fills(node), marks)?;
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
