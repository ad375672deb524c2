//! What a caller configures.

use crate::drawdown::DrawdownSpec;
use serde::Deserialize;

/// Targets and positions lie within ± this, lots; so the value of an order is at most 2³¹·2·10⁹ and has 64 bits.
pub const LARGEST_LOTS: i64 = 1_000_000_000;
/// Fees lie within ± this (100 %), in 10⁻⁶ bps; slippage likewise.
const WHOLE_E6: i64 = 10_000_000_000;
/// Carry is rounded up to at most this, money units.
const LARGEST_STEP: i64 = 1_000_000_000_000_000_000;
/// Latency, wait and age of a book are at most this, ns.
const LONGEST_NS: i64 = 86_400_000_000_000;

/// How orders meet the book.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// An order waits so long for a frame before it meets the unchanged book, ns.
    pub wait_ns: i64,
    /// No order on a book whose last message is older, ns.
    pub max_book_age_ns: i64,
    /// No price further from the best one that an order hits, 10⁻⁶ bps.
    pub max_slippage_bps_e6: i64,
    /// Least distance of two submissions of a strategy, ns.
    pub min_interval_ns: i64,
    /// Largest order that the venue takes, lots.
    pub max_order_lots: i64,
}

/// A taker fee, 10⁻⁶ bps.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Fee {
    /// At all times.
    Constant(i64),
    /// `[from_ns, fee]`, each until the next one.
    Dated(Vec<[i64; 2]>),
}

impl Fee {
    /// In force at `t`, which is not before the session.
    pub fn at(&self, t: i64) -> i64 {
        match self {
            Self::Constant(fee) => *fee,
            Self::Dated(rows) => rows[rows.partition_point(|[from, _]| *from <= t) - 1][1],
        }
    }

    fn check(&self, begin_ns: i64) -> Result<(), String> {
        let fees: Vec<i64> = match self {
            Self::Constant(fee) => vec![*fee],
            Self::Dated(rows) => {
                if !rows.is_sorted_by(|a, b| a[0] < b[0]) {
                    return Err("its fees are not sorted by from_ns, each once".into());
                }
                if rows.first().is_none_or(|[from, _]| *from > begin_ns) {
                    return Err(format!(
                        "it has no fee in force at begin_ns {begin_ns}: add a row from there"
                    ));
                }
                rows.iter().map(|[_, fee]| *fee).collect()
            }
        };
        match fees.iter().find(|fee| fee.abs() > WHOLE_E6) {
            Some(fee) => Err(format!("a fee of {fee}e-6 bps: expected at most 100 %")),
            None => Ok(()),
        }
    }
}

/// One strategy of the pass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategySpec {
    /// Names it in the output.
    pub name: String,
    /// A column of targets, or [`BENCHMARK`], or [`ORACLE_PATH`].
    pub policy: String,
    /// From the decision to the venue, ns.
    pub latency_ns: i64,
    /// Its own wait for a frame; none: the execution's, ns.
    #[serde(default)]
    pub wait_ns: Option<i64>,
    /// Of each level's lots the share `depth_num / depth_den` is available: at most what is displayed, but for a strategy that
    /// shows what depth costs. From 2·[`LARGEST_LOTS`] on every order finds all of its size at the best price.
    pub depth_num: i64,
    /// See `depth_num`.
    pub depth_den: i64,
    /// Taker fee.
    pub fee_bps_e6: Fee,
    /// Whether its position pays carry at the cuts.
    #[serde(default = "yes")]
    pub pays_carry: bool,
    /// First target, the benchmark's target, and ± this or 0 those of the oracle; lots.
    pub size_lots: i64,
    /// Whether its orders and fills are kept.
    pub log: bool,
    /// Whether its curve is kept.
    pub curve: bool,
}

/// A few seconds of work.
const fn oracle_orders() -> u64 {
    10_000_000
}

/// Many times what a search takes whose orders are mostly filled.
const fn oracle_bytes() -> u64 {
    1 << 29
}

/// What is so unless a strategy says otherwise.
const fn yes() -> bool {
    true
}

impl StrategySpec {
    /// How long its orders wait for a frame, ns.
    pub fn wait(&self, execution: &Execution) -> i64 {
        self.wait_ns.unwrap_or(execution.wait_ns)
    }
}

/// The policy that wants its size at every decision.
pub const BENCHMARK: &str = "benchmark";
/// The policy that knows the future.
pub const ORACLE_PATH: &str = "oracle_path";

/// The whole configuration; times in ns UTC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A book that is silent for longer is unknown until it comes whole again, ns.
    pub max_gap_ns: i64,
    /// The session is `[begin_ns, end_ns)`.
    pub begin_ns: i64,
    /// See `begin_ns`.
    pub end_ns: i64,
    /// Cuts of the business day in `(begin_ns, end_ns]`.
    pub day_cuts_ns: Vec<i64>,
    /// Carry at each of them, 10⁻⁹ of the position's value.
    pub carry_rate_e9: Vec<i64>,
    /// At each of them it is rounded up to a multiple of this, money units (tick × lot).
    pub carry_step: Vec<i64>,
    /// `[from, to)` in which the venue takes no order.
    pub closed: Vec<[i64; 2]>,
    /// `[from, to)` in which decisions may only reduce.
    pub no_new_entry: Vec<[i64; 2]>,
    /// How orders meet the book.
    pub execution: Execution,
    /// Distance of the curve's points, which are multiples of it; ns.
    pub curve_ns: i64,
    /// All of them run side by side.
    pub strategies: Vec<StrategySpec>,
    /// Orders that a search of the best path may try, besides 64 a decision, until it is given up.
    #[serde(default = "oracle_orders")]
    pub oracle_orders: u64,
    /// Memory that such a search may take, bytes.
    #[serde(default = "oracle_bytes")]
    pub oracle_bytes: u64,
    /// Whose drawdowns are followed; not that of [`ORACLE_PATH`], whose way is known at the end alone.
    #[serde(default)]
    pub drawdowns: Vec<DrawdownSpec>,
}

impl Spec {
    /// Refuses what cannot be computed, `columns` being the names of the policies that targets are given for.
    pub fn check(&self, columns: &[&str]) -> Result<(), String> {
        self.check_session()?;
        self.check_execution()?;
        if let Some(name) = columns.iter().find(|name| [BENCHMARK, ORACLE_PATH].contains(*name)) {
            return Err(format!("a column of targets is called '{name}', which names a policy of its own"));
        }
        if self.strategies.is_empty() {
            return Err("'strategies' is empty: give at least one".into());
        }
        for (number, strategy) in self.strategies.iter().enumerate() {
            let name = &strategy.name;
            if self.strategies[..number].iter().any(|other| other.name == *name) {
                return Err(format!("two strategies are called '{name}'"));
            }
            self.check_strategy(strategy, columns).map_err(|why| format!("strategy '{name}': {why}"))?;
        }
        let followed = self.drawdowns.iter().flat_map(|one| [Some(&one.strategy), one.against.as_ref()]);
        for name in followed.flatten() {
            match self.strategies.iter().find(|strategy| strategy.name == *name) {
                Some(strategy) if strategy.policy != ORACLE_PATH => {}
                _ => {
                    return Err(format!(
                        "'drawdowns': '{name}' is no strategy whose equity is known on the way"
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_session(&self) -> Result<(), String> {
        let cuts = &self.day_cuts_ns;
        for (holds, why) in [
            ((1..=LONGEST_NS).contains(&self.max_gap_ns), "'max_gap_ns' must be positive and at most a day"),
            (self.begin_ns < self.end_ns, "'begin_ns' must lie before 'end_ns'"),
            (self.begin_ns > i64::MIN / 2 && self.end_ns < i64::MAX / 2, "the session is out of all time"),
            (cuts.is_sorted_by(|a, b| a < b), "'day_cuts_ns' is not sorted, each once"),
            (
                cuts.iter().all(|cut| self.begin_ns < *cut && *cut <= self.end_ns),
                "'day_cuts_ns' holds a cut outside (begin_ns, end_ns]",
            ),
            (self.carry_rate_e9.len() == cuts.len(), "'carry_rate_e9' needs one rate a day cut"),
            (
                self.carry_rate_e9.iter().all(|rate| (0..=1_000_000_000).contains(rate)),
                "'carry_rate_e9' holds a rate outside 0 to 1e9 (100 %)",
            ),
            (self.carry_step.len() == cuts.len(), "'carry_step' needs one step a day cut"),
            (
                self.carry_step.iter().all(|step| (1..=LARGEST_STEP).contains(step)),
                "'carry_step' holds a step outside 1 to 1e18 money units",
            ),
            (self.curve_ns > 0, "'curve_ns' must be positive"),
        ] {
            if !holds {
                return Err(why.into());
            }
        }
        Ok(())
    }

    fn check_execution(&self) -> Result<(), String> {
        let e = &self.execution;
        for (holds, why) in [
            ((0..=LONGEST_NS).contains(&e.wait_ns), "'wait_ns' must be 0 to a day"),
            ((0..=LONGEST_NS).contains(&e.max_book_age_ns), "'max_book_age_ns' must be 0 to a day"),
            (
                (0..=WHOLE_E6).contains(&e.max_slippage_bps_e6),
                "'max_slippage_bps_e6' must be 0 to 1e10 (100 %)",
            ),
            (e.max_order_lots > 0, "'max_order_lots' must be positive"),
        ] {
            if !holds {
                return Err(format!("execution: {why}"));
            }
        }
        Ok(())
    }

    fn check_strategy(&self, strategy: &StrategySpec, columns: &[&str]) -> Result<(), String> {
        let StrategySpec { policy, latency_ns, depth_num, depth_den, size_lots, .. } = strategy;
        if ![BENCHMARK, ORACLE_PATH].contains(&policy.as_str()) && !columns.contains(&policy.as_str()) {
            return Err(format!(
                "its policy '{policy}' is no column of the decisions; there are {BENCHMARK}, {ORACLE_PATH}, {}",
                columns.join(", ")
            ));
        }
        if !(0..=LONGEST_NS).contains(latency_ns) {
            return Err(format!("a latency of {latency_ns} ns: expected 0 to a day"));
        }
        let wait_ns = strategy.wait(&self.execution);
        if !(0..=LONGEST_NS).contains(&wait_ns) {
            return Err(format!("a wait of {wait_ns} ns: expected 0 to a day"));
        }
        let most = i128::from(*depth_den) * i128::from(2 * LARGEST_LOTS);
        if !(*depth_num > 0 && *depth_den > 0 && i128::from(*depth_num) <= most) {
            return Err(format!(
                "depth {depth_num}/{depth_den}: expected a share above 0 and at most {}",
                2 * LARGEST_LOTS
            ));
        }
        if !(1..=LARGEST_LOTS).contains(size_lots) {
            return Err(format!("a size of {size_lots} lots: expected 1 to {LARGEST_LOTS}"));
        }
        let least = self.execution.max_book_age_ns + latency_ns + wait_ns;
        if self.execution.min_interval_ns < least {
            return Err(format!(
                "min_interval_ns is {}, expected at least max_book_age_ns + latency_ns + wait_ns = {least}: an order could \
                 meet the very book that the one before it took from",
                self.execution.min_interval_ns
            ));
        }
        strategy.fee_bps_e6.check(self.begin_ns)
    }
}
