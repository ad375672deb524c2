//! Sessions by hand: books, decisions and strategies in a few lines.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod random;

use atc_backtest::{Backtest, Decisions, Results, Spec, StrategyResult};
use atc_featuregen::batch::{BookTable, Common, ControlTable, Nullable, Tables};
use atc_featuregen::event::flag::{LAST, REPEAT, SNAPSHOT, SYNTH_DIFF};
use serde_json::{Value, json};

pub const SECOND: i64 = 1_000_000_000;
pub const MS: i64 = 1_000_000;

/// Price in ticks, size in lots.
pub type Quote = (i32, i64);

/// Book rows and controls in the layout of canonical events.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    seq: u64,
    ev_seq: Vec<u64>,
    ts: Vec<i64>,
    flags: Vec<u16>,
    kind: Vec<u8>,
    side: Vec<i8>,
    px: Vec<i32>,
    qty: Vec<i64>,
    control_seq: Vec<u64>,
    control_ts: Vec<i64>,
    control_flags: Vec<u16>,
    control_kind: Vec<u8>,
}

impl Tape {
    fn message(&mut self, t: i64, kind: u8, flags: u16, levels: &[(i8, i32, i64)]) -> &mut Self {
        self.seq += 1;
        let empty = [(0, 0, 0)];
        for (side, px, qty) in if levels.is_empty() { &empty } else { levels } {
            self.ev_seq.push(self.seq);
            self.ts.push(t);
            self.flags.push(flags);
            self.kind.push(kind);
            self.side.push(*side);
            self.px.push(*px);
            self.qty.push(*qty);
        }
        *self.flags.last_mut().unwrap() |= LAST;
        self
    }

    /// A whole book, bids and asks.
    pub fn snap(&mut self, t: i64, bids: &[Quote], asks: &[Quote]) -> &mut Self {
        let bids = bids.iter().map(|(px, qty)| (1, *px, *qty));
        let levels: Vec<_> = bids.chain(asks.iter().map(|(px, qty)| (-1, *px, *qty))).collect();
        self.message(t, 0, SNAPSHOT, &levels)
    }

    /// A difference that the venue sent.
    pub fn delta(&mut self, t: i64, levels: &[(i8, i32, i64)]) -> &mut Self {
        self.message(t, 1, 0, levels)
    }

    /// A difference taken between two snapshots.
    pub fn frame(&mut self, t: i64, levels: &[(i8, i32, i64)]) -> &mut Self {
        self.message(t, 1, SYNTH_DIFF, levels)
    }

    /// A snapshot that says nothing new.
    pub fn repeat(&mut self, t: i64) -> &mut Self {
        self.message(t, 1, REPEAT, &[])
    }

    /// A keyframe that ATC inserted before the next message.
    pub fn keyframe(&mut self, t: i64, levels: &[(i8, i32, i64)]) -> &mut Self {
        self.message(t, 0, SNAPSHOT | REPEAT, levels)
    }

    /// An empty book.
    pub fn clear(&mut self, t: i64) -> &mut Self {
        self.message(t, 2, SNAPSHOT, &[])
    }

    /// 0 GAP_START, 1 GAP_END, 2 RESET, 3 STATUS.
    pub fn control(&mut self, t: i64, kind: u8) -> &mut Self {
        self.seq += 1;
        self.control_seq.push(self.seq);
        self.control_ts.push(t);
        self.control_flags.push(LAST);
        self.control_kind.push(kind);
        self
    }

    /// Repeats every `step` from `from` to before `to`.
    pub fn quiet(&mut self, from: i64, to: i64, step: i64) -> &mut Self {
        let mut t = from;
        while t < to {
            self.repeat(t);
            t += step;
        }
        self
    }

    /// All times, in order.
    pub fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.ts.iter().chain(&self.control_ts).copied().collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// The events with `from ≤ t < to`.
    pub fn between(&self, from: i64, to: i64) -> Tables<'_> {
        let rows = |ts: &[i64]| ts.partition_point(|t| *t < from)..ts.partition_point(|t| *t < to);
        let (book, control) = (rows(&self.ts), rows(&self.control_ts));
        let none = Nullable { values: &[], valid: None };
        Tables::of_book(
            BookTable {
                common: Common {
                    ev_seq: &self.ev_seq[book.clone()],
                    ts_recv: &self.ts[book.clone()],
                    ts_exch: none,
                    flags: &self.flags[book.clone()],
                },
                msg_kind: &self.kind[book.clone()],
                side: &self.side[book.clone()],
                px: &self.px[book.clone()],
                qty: &self.qty[book],
            },
            ControlTable {
                common: Common {
                    ev_seq: &self.control_seq[control.clone()],
                    ts_recv: &self.control_ts[control.clone()],
                    ts_exch: none,
                    flags: &self.control_flags[control.clone()],
                },
                control_kind: &self.control_kind[control],
            },
        )
    }
}

/// A session: the specification as JSON, decisions, targets by policy.
#[derive(Clone, Debug)]
pub struct Session {
    pub spec: Value,
    pub ts: Vec<i64>,
    pub policies: Vec<(String, Vec<i64>)>,
}

/// A strategy that follows `policy`: 300 ms, the whole depth, no fee, 10 ETH.
pub fn strategy(name: &str, policy: &str) -> Value {
    json!({"name": name, "policy": policy, "latency_ns": 300 * MS, "depth_num": 1, "depth_den": 1, "fee_bps_e6": 0,
           "size_lots": 1000, "log": true, "curve": true})
}

impl Session {
    /// `[0, end)` with the rules of SPEC 6, the benchmark, and a strategy a policy, called as it.
    pub fn new(end: i64, ts: &[i64], policies: &[(&str, &[i64])]) -> Self {
        let mut strategies = vec![strategy("benchmark", "benchmark")];
        strategies.extend(policies.iter().map(|(name, _)| strategy(name, name)));
        let spec = json!({
            "max_gap_ns": 60 * SECOND, "begin_ns": 0, "end_ns": end, "day_cuts_ns": [],
            "carry_rate_e9": [], "carry_step": [], "closed": [], "no_new_entry": [], "curve_ns": 60 * SECOND,
            "execution": {"wait_ns": 600 * MS, "max_book_age_ns": 5 * SECOND, "max_slippage_bps_e6": 20_000_000,
                          "min_interval_ns": 300 * SECOND, "max_order_lots": 10_000},
            "strategies": strategies,
        });
        let policies = policies.iter().map(|(name, targets)| (name.to_string(), targets.to_vec())).collect();
        Self { spec, ts: ts.to_vec(), policies }
    }

    /// Sets a key of every strategy but the benchmark.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        for strategy in &mut self.spec["strategies"].as_array_mut().unwrap()[1..] {
            strategy[key] = value.clone();
        }
        self
    }

    /// Sets a key of the specification.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.spec[key] = value;
        self
    }

    /// Sets a key of the execution.
    pub fn rule(mut self, key: &str, value: i64) -> Self {
        self.spec["execution"][key] = value.into();
        self
    }

    /// Adds a strategy.
    pub fn add(mut self, strategy: Value) -> Self {
        self.spec["strategies"].as_array_mut().unwrap().push(strategy);
        self
    }

    /// Sets the cuts of the day with their rates of carry, in steps of one unit of the quote currency.
    pub fn cuts(self, cuts: &[i64], rates: &[i64]) -> Self {
        let steps = vec![100; cuts.len()];
        self.set("day_cuts_ns", json!(cuts))
            .set("carry_rate_e9", json!(rates))
            .set("carry_step", json!(steps))
    }

    /// What every strategy did, from the tape in parts cut before each of `cuts`.
    pub fn run_in_parts(&self, tape: &Tape, cuts: &[i64]) -> Result<Vec<StrategyResult>, String> {
        self.results(tape, cuts, &mut || true).map(|results| results.strategies)
    }

    /// Everything, as long as `go_on` says so.
    pub fn results(
        &self,
        tape: &Tape,
        cuts: &[i64],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Results, String> {
        let spec: Spec = serde_json::from_value(self.spec.clone()).map_err(|why| why.to_string())?;
        let columns: Vec<&str> = self.policies.iter().map(|(name, _)| name.as_str()).collect();
        let targets: Vec<&[i64]> = self.policies.iter().map(|(_, targets)| targets.as_slice()).collect();
        let decisions = Decisions { ts: &self.ts, columns: &columns, targets: &targets };
        let mut backtest = Backtest::new(&spec, &decisions)?;
        let mut from = i64::MIN;
        for to in cuts.iter().copied().chain([i64::MAX]) {
            backtest.feed(&decisions, &tape.between(from, to), go_on)?;
            from = to;
        }
        backtest.finish(&decisions, go_on)
    }

    /// The same in one part.
    pub fn run(&self, tape: &Tape) -> Vec<StrategyResult> {
        self.run_in_parts(tape, &[]).unwrap()
    }

    /// What the last strategy did.
    pub fn last(&self, tape: &Tape) -> StrategyResult {
        self.run(tape).pop().unwrap()
    }
}

/// Price and lots of the fills of order `row`.
pub fn fills(result: &StrategyResult, row: usize) -> Vec<Quote> {
    result.fills.iter().filter(|(order, _)| *order == row).map(|(_, fill)| (fill.px, fill.lots)).collect()
}

/// Names of what became of the orders.
pub fn outcomes(result: &StrategyResult) -> Vec<&'static str> {
    result.orders.iter().map(|order| order.outcome.name()).collect()
}
