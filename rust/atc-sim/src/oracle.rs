//! Known truth: from full states of a simulated market, what it may do next.
//!
//! At each of the times asked for, the market is copied with all that it hides, and every copy is given a future of
//! its own ([`Source::fork`]) and run over the horizon, publishing nothing. What comes back are mids, so that one
//! set of continuations serves every label of that horizon.

use crate::{
    params::{BadParams, Params},
    rng::Rng,
    source::Source,
    venue::Simulator,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

const MILLISECOND: i64 = 1_000_000;
/// States that may wait for a thread: enough that none idles, few enough that memory stays flat.
const WAITING: usize = 64;

/// What is asked of a simulated market.
#[derive(Clone, Debug)]
pub struct Question {
    /// Times of the states on the receiver's clock, ns UTC, none before the one ahead of it.
    pub at: Vec<i64>,
    /// How far each continuation goes, ns; at least two intervals of the publication grid.
    pub horizon_ns: i64,
    /// Continuations of each state.
    pub continuations: usize,
    /// Seed of the continuations; the market has one of its own.
    pub seed: u64,
    /// Threads that run continuations, besides the one that walks the market. They do not change the answer.
    pub threads: usize,
}

/// Mids as a receiver knows them, in half ticks (bid + ask), in the order of the question's times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Futures {
    /// At the state's time.
    pub mid2: Vec<i32>,
    /// The horizon later on the market's own path.
    pub own_mid2: Vec<i32>,
    /// The horizon later in each continuation: `continuations` values a state.
    pub later_mid2: Vec<i32>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum NoFutures {
    /// The market's parameters.
    Params(BadParams),
    /// The question; in words.
    Question(String),
    /// The observer asked to stop.
    Stopped,
}

impl std::fmt::Display for NoFutures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoFutures::Params(bad) => bad.fmt(f),
            NoFutures::Question(why) => f.write_str(why),
            NoFutures::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for NoFutures {}

/// A market stopped at a time on the receiver's clock.
#[derive(Clone, Debug)]
struct State {
    number: usize,
    at: i64,
    source: Source,
    /// The first point of the publication grid after `at`.
    next_snapshot: i64,
}

/// Runs the market of (`params`, `market_seed`) and the continuations that `question` asks for.
///
/// `observe` is told how many states are done, from one thread and in growing order; once it gives false, no more
/// are begun. Deterministic in all arguments but `threads`: the random numbers of a continuation are seeded by
/// (`question.seed`, the state's time, the continuation's number).
///
/// # Errors
/// Parameters out of their range, a question that the market cannot answer, or [`NoFutures::Stopped`].
pub fn futures(
    params: &Params,
    market_seed: u64,
    question: &Question,
    observe: &mut dyn FnMut(usize) -> bool,
) -> Result<Futures, NoFutures> {
    let simulator = Simulator::new(params.clone(), market_seed).map_err(NoFutures::Params)?;
    check(params, question)?;
    let states = question.at.len();
    let mut answer = Futures {
        mid2: vec![0; states],
        own_mid2: vec![0; states],
        later_mid2: vec![0; states * question.continuations],
    };
    let stop = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    let (to_fork, waiting) = sync_channel::<State>(WAITING);
    let waiting = Arc::new(Mutex::new(waiting));
    let (mids, own_mids) = (&mut answer.mid2, &mut answer.own_mid2);
    let rows: Mutex<Vec<Option<&mut [i32]>>> =
        Mutex::new(answer.later_mid2.chunks_mut(question.continuations.max(1)).map(Some).collect());
    std::thread::scope(|scope| {
        let walker = scope.spawn(|| walk(simulator, question, &stop, to_fork, mids, own_mids));
        let (tell, told) = sync_channel::<()>(states.max(1));
        for _ in 0..question.threads {
            let (tell, waiting) = (tell.clone(), Arc::clone(&waiting));
            let (stop, rows, done) = (&stop, &rows, &done);
            scope.spawn(move || {
                while let Some(state) = next(&waiting) {
                    // The channel is emptied after a stop, so that the walker is never left waiting.
                    if stop.load(Ordering::Relaxed) {
                        continue;
                    }
                    let row = rows.lock().ok().and_then(|mut rows| rows[state.number].take());
                    for (number, later) in row.into_iter().flatten().enumerate() {
                        *later = continuation(params, question, &state, number as u64);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                    let _ = tell.send(());
                }
            });
        }
        // What only the threads hold goes with the last of them, so that nobody waits for dead ones.
        drop((tell, waiting));
        while told.recv().is_ok() {
            if !observe(done.load(Ordering::Relaxed)) {
                stop.store(true, Ordering::Relaxed);
            }
        }
        // A panic of the walker is one of this call.
        if let Err(panic) = walker.join() {
            std::panic::resume_unwind(panic);
        }
    });
    drop(rows);
    if stop.load(Ordering::Relaxed) { Err(NoFutures::Stopped) } else { Ok(answer) }
}

fn check(params: &Params, question: &Question) -> Result<(), NoFutures> {
    let refuse = |why: String| Err(NoFutures::Question(why));
    if question.threads == 0 || question.continuations == 0 {
        return refuse(format!(
            "{} continuations on {} threads: expected at least one of each",
            question.continuations, question.threads
        ));
    }
    let least = 2 * params.snapshot_ms * MILLISECOND;
    if question.horizon_ns < least {
        return refuse(format!(
            "a horizon of {} ns: expected at least two intervals of the publication grid, {least} ns",
            question.horizon_ns
        ));
    }
    if !question.at.is_sorted() {
        return refuse("the times of the states are not in order".to_owned());
    }
    if let Some(first) = question.at.first().filter(|first| **first < params.start_ns) {
        return refuse(format!("a state at {first} ns: the first day starts at {} ns", params.start_ns));
    }
    Ok(())
}

fn next(waiting: &Mutex<Receiver<State>>) -> Option<State> {
    waiting.lock().ok()?.recv().ok()
}

/// Runs the market along its own path, noting mids and handing out copies of it at the times asked for.
fn walk(
    mut simulator: Simulator,
    question: &Question,
    stop: &AtomicBool,
    to_fork: SyncSender<State>,
    mids: &mut [i32],
    own_mids: &mut [i32],
) {
    let at = &question.at;
    let (mut states, mut ends) = (0, 0);
    while ends < at.len() && !stop.load(Ordering::Relaxed) {
        simulator.next_day_watched(&mut |market| {
            while states < at.len() && at[states] < market.until {
                let mut source = market.source.clone();
                source.run_until(at[states]);
                mids[states] = in_force(&market.quotes, at[states]);
                let state =
                    State { number: states, at: at[states], source, next_snapshot: market.next_snapshot };
                // Nobody listens when every thread has panicked; the scope passes that on.
                let _ = to_fork.send(state);
                states += 1;
            }
            while ends < at.len() && at[ends] + question.horizon_ns < market.until {
                own_mids[ends] = in_force(&market.quotes, at[ends] + question.horizon_ns);
                ends += 1;
            }
        });
    }
}

/// Twice the mid of the last snapshot received by `at`.
fn in_force(quotes: &[(i64, i64)], at: i64) -> i32 {
    let received = quotes.iter().rev().find(|(ts_recv, _)| *ts_recv <= at);
    received.map_or(0, |(_, mid2)| *mid2 as i32)
}

/// Twice the mid that a receiver knows the horizon after `state`, in one of its futures.
///
/// The snapshot in force at x is the last one received by x. Its grid point is the last before x, or, where the
/// delay of that one reaches past x, the one before. (Left out: on one connection a message may wait some 20 µs for
/// the one before it. An unchanged snapshot that is not published has the mid of the last one.)
fn continuation(params: &Params, question: &Question, state: &State, number: u64) -> i32 {
    let seed = mix(mix(question.seed, state.at as u64), number);
    let mut source = state.source.fork(seed);
    let interval = params.snapshot_ms * MILLISECOND;
    let end = state.at + question.horizon_ns;
    let delay_ms = params.latency_least_ms + Rng::new(seed, 31).exponential(params.latency_mean_ms);
    let mut last = state.next_snapshot + (end - state.next_snapshot).div_euclid(interval) * interval;
    if last + (delay_ms * 1e6) as i64 > end {
        last -= interval;
    }
    source.run_until(last);
    source.mid2() as i32
}

/// One number of two (the finaliser of SplitMix64, Steele, Lea & Flood 2014).
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::MarketKind;

    const SECOND: i64 = 1_000_000_000;

    fn question(at: Vec<i64>) -> Question {
        Question { at, horizon_ns: 300 * SECOND, continuations: 8, seed: 7, threads: 1 }
    }

    fn params(market: MarketKind) -> Params {
        Params { market, ..Params::default() }
    }

    fn times(n: i64) -> Vec<i64> {
        (0..n).map(|i| Params::default().start_ns + 3_600 * SECOND + i * 617_123_456_789).collect()
    }

    #[test]
    fn threads_and_other_states_do_not_change_a_state_s_futures() {
        for kind in [MarketKind::OrderDriven, MarketKind::Martingale] {
            let all = question(times(12));
            let one = futures(&params(kind), 1, &all, &mut |_| true).unwrap();
            let three = Question { threads: 3, ..all.clone() };
            assert_eq!(futures(&params(kind), 1, &three, &mut |_| true).unwrap(), one);
            let some = question(vec![all.at[3], all.at[9]]);
            let some = futures(&params(kind), 1, &some, &mut |_| true).unwrap();
            assert_eq!(some.later_mid2[..8], one.later_mid2[24..32]);
            assert_eq!(some.later_mid2[8..], one.later_mid2[72..80]);
            let other = Question { seed: 8, ..all };
            assert_ne!(futures(&params(kind), 1, &other, &mut |_| true).unwrap().later_mid2, one.later_mid2);
        }
    }

    #[test]
    fn mids_of_the_own_path_are_those_published() {
        for kind in [MarketKind::OrderDriven, MarketKind::Martingale] {
            let question = Question { continuations: 1, ..question(times(100)) };
            let answer = futures(&params(kind), 2, &question, &mut |_| true).unwrap();
            let mut simulator = Simulator::new(params(kind), 2).unwrap();
            let book = simulator.next_day().book;
            let mut sides = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
            let mut published = Vec::new();
            for i in 0..book.ev_seq.len() {
                if book.msg_kind[i] == crate::SNAP && (i == 0 || book.ev_seq[i - 1] != book.ev_seq[i]) {
                    sides.iter_mut().for_each(std::collections::BTreeMap::clear);
                }
                let side = &mut sides[usize::from(book.side[i] < 0)];
                match (book.side[i], book.qty_lots[i]) {
                    (0, _) => {}
                    (_, 0) => drop(side.remove(&book.px_ticks[i])),
                    (_, qty) => drop(side.insert(book.px_ticks[i], qty)),
                }
                if book.flags[i] & crate::LAST != 0 {
                    let (bid, ask) =
                        (sides[0].last_key_value().unwrap().0, sides[1].first_key_value().unwrap().0);
                    published.push((book.ts_recv[i], bid + ask));
                }
            }
            let known = |t: i64| published[published.partition_point(|(recv, _)| *recv <= t) - 1].1;
            for (i, t) in question.at.iter().enumerate() {
                assert_eq!(answer.mid2[i], known(*t));
                assert_eq!(answer.own_mid2[i], known(*t + question.horizon_ns));
            }
        }
    }

    /// A copy that keeps its streams is the market: it makes the same day. One with streams of its own does not.
    #[test]
    fn a_copy_with_the_same_streams_reproduces_the_market_s_own_path() {
        for kind in [MarketKind::OrderDriven, MarketKind::Martingale] {
            let mut simulator = Simulator::new(params(kind), 3).unwrap();
            let mut copies = Vec::new();
            let mut stops = 0;
            simulator.next_day_watched(&mut |market| {
                for (source, forked) in &mut copies {
                    let source: &mut Source = source;
                    let _: &bool = forked;
                    source.run_until(market.until);
                }
                if stops == 5_000 {
                    let other = market.source.fork(99);
                    copies = vec![(market.source.clone(), false), (other, true)];
                    for (source, _) in &mut copies {
                        source.run_until(market.until);
                    }
                }
                stops += 1;
            });
            let mut own = None;
            simulator.next_day_watched(&mut |market| {
                own.get_or_insert_with(|| market.source.clone());
            });
            let own = own.unwrap();
            let [(same, _), (other, _)] = &copies[..] else { unreachable!() };
            assert_eq!(format!("{same:?}"), format!("{own:?}"));
            assert_ne!(other.mid2(), own.mid2());
        }
    }

    /// The mean and the spread of what continuations do are those of what the market does.
    #[test]
    fn continuations_move_as_the_market_does() {
        for kind in [MarketKind::OrderDriven, MarketKind::Martingale] {
            let question = Question { continuations: 4, ..question(times(400)) };
            let answer = futures(&params(kind), 4, &question, &mut |_| true).unwrap();
            let r = |now: i32, later: i32| 1e4 * libm::log(f64::from(later) / f64::from(now));
            let own: f64 = answer.mid2.iter().zip(&answer.own_mid2).map(|(a, b)| r(*a, *b).powi(2)).sum();
            let forked: f64 = answer
                .mid2
                .iter()
                .zip(answer.later_mid2.chunks(4))
                .map(|(a, row)| row.iter().map(|b| r(*a, *b).powi(2)).sum::<f64>() / 4.0)
                .sum();
            assert!((forked / own - 1.0).abs() < 0.2, "{kind:?} {forked} {own}");
        }
    }

    #[test]
    fn an_observer_can_stop_it_and_bad_questions_are_refused() {
        let params = params(MarketKind::OrderDriven);
        let mut seen = 0;
        let stopped = futures(&params, 1, &question(times(60)), &mut |done| {
            seen = done;
            done < 3
        });
        assert_eq!(stopped, Err(NoFutures::Stopped));
        assert!((3..60).contains(&seen));
        let refused =
            |question: Question| futures(&params, 1, &question, &mut |_| true).unwrap_err().to_string();
        assert!(refused(Question { horizon_ns: SECOND, ..question(times(1)) }).contains("two intervals"));
        assert!(refused(question(vec![5, 4])).contains("in order"));
        assert!(refused(question(vec![5])).contains("first day starts"));
        assert!(refused(Question { threads: 0, ..question(times(1)) }).contains("at least one"));
    }
}
