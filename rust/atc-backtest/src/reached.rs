//! What a search of the best path has reached: states that may send, that wait, that have orders under way; and their memory.

use crate::consumption::Renewal;
use crate::execution::Decision;
use crate::order::Intent;
use crate::paths::Paths;
use std::collections::VecDeque;

/// Where a way stands, money in its units.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Lots.
    pub position: i64,
    /// Money units.
    pub cash: i128,
    /// Its last order.
    pub node: Option<u32>,
}

/// An order under way, and the state that it was sent from.
#[derive(Debug)]
pub struct UnderWay {
    /// The state.
    pub state: State,
    /// Position that it wants, lots.
    pub target: i64,
    /// What was sent for it.
    pub intent: Intent,
    /// Goes on even if nothing is filled: the state did not stay free beside it, or cannot for as long as it likes.
    pub bound: bool,
}

/// All orders of one decision.
#[derive(Debug)]
pub struct Group {
    /// The decision.
    pub decision: Decision,
    /// When they reach the venue, ns UTC.
    pub arrival: i64,
    /// Without a frame by then they meet the unchanged book, ns UTC.
    pub deadline: i64,
    /// Until then their states send nothing else, ns UTC.
    pub free_at: i64,
    /// The orders.
    pub orders: Vec<UnderWay>,
}

/// States that may send nothing before a time.
#[derive(Debug)]
struct Waiting {
    free_at: i64,
    states: Vec<State>,
}

/// All of them, with the ways that led to them.
#[derive(Debug)]
pub struct Reached {
    /// That may send, by position.
    pub free: Vec<State>,
    /// Under way, by time.
    pub groups: VecDeque<Group>,
    /// The ways.
    pub paths: Paths,
    waiting: VecDeque<Waiting>,
    /// States in all of `waiting`.
    waiting_states: usize,
    most_bytes: usize,
}

impl Reached {
    /// The first state, without a position; all of it takes so many bytes at most.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            free: vec![State { position: 0, cash: 0, node: None }],
            groups: VecDeque::new(),
            paths: Paths::new(),
            waiting: VecDeque::new(),
            waiting_states: 0,
            most_bytes,
        }
    }

    /// Whether so many bytes may be taken. Where they are too many beside what is held, orders on which no state stands any more
    /// are let go of; where that is not a quarter of it, it would soon be tried at every order.
    pub fn has_room(&mut self, bytes: usize) -> bool {
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
        let Self { free, groups, paths, waiting, .. } = self;
        paths.collect(each(free, waiting, groups).filter_map(|state| state.node.as_mut()).collect());
    }

    /// States that an order led to send nothing before `free_at`.
    pub fn wait(&mut self, free_at: i64, states: Vec<State>) {
        if !states.is_empty() {
            self.waiting_states += states.len();
            self.waiting.push_back(Waiting { free_at, states });
        }
        debug_assert!(self.bytes() <= self.most_bytes);
        if self.paths.is_full() {
            self.collect();
        }
    }

    /// States whose interval is over at `now` join the free ones.
    pub fn set_free(&mut self, now: i64, renewal: &Renewal) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.free_at <= now) {
            self.waiting_states -= waiting.states.len();
            for state in waiting.states {
                self.keep_best(state, renewal);
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

    /// All of them.
    pub fn states_mut(&mut self) -> impl Iterator<Item = &mut State> {
        each(&mut self.free, &mut self.waiting, &mut self.groups)
    }

    /// Those that have no order under way.
    pub fn at_rest(&self) -> impl Iterator<Item = &State> {
        self.free.iter().chain(self.waiting.iter().flat_map(|waiting| &waiting.states))
    }
}

fn each<'a>(
    free: &'a mut [State],
    waiting: &'a mut VecDeque<Waiting>,
    groups: &'a mut VecDeque<Group>,
) -> impl Iterator<Item = &'a mut State> {
    let under_way = groups.iter_mut().flat_map(|group| &mut group.orders).map(|order| &mut order.state);
    free.iter_mut().chain(waiting.iter_mut().flat_map(|waiting| &mut waiting.states)).chain(under_way)
}
