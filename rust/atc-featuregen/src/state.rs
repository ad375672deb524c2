//! What is known of a stretch of events, and the values that a row takes from it.

use crate::book::Book;
use crate::columns::{COLUMNS, Col};
use crate::event::{Level, MsgKind, Ticker};
use crate::fixed::{Moments, to_fixed};
use crate::groups::{Group, GroupWindows};
use crate::order_stats::OrderStats;
use crate::quotes::{QuotePath, RealisedVolatility};
use crate::spec::{DAY, SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

const BOOK_LAGS_S: [i64; 3] = [1, 5, 30];
const TICKER_LAGS_S: [i64; 5] = [1, 5, 30, 60, 300];
const BOOK_RV_S: [i64; 2] = [5, 30];
const TICKER_RV_S: [i64; 3] = [5, 30, 300];
const TICKER_COUNT_S: i64 = 5;
const ROBUST_VOLUME_S: i64 = 1_800;

/// z-scored columns: result, input, window in s.
const Z_SCORES: [(Col, Col, i64); 12] = [
    (Col::Logret1sZ300s, Col::Logret1s, 300),
    (Col::Logret5sZ300s, Col::Logret5s, 300),
    (Col::TradeVol1sZ300s, Col::TradeVol1s, 300),
    (Col::TradeImbalance1sZ300s, Col::TradeImbalance1s, 300),
    (Col::ObImbalanceTop1Z300s, Col::ObImbalanceTop1, 300),
    (Col::ObImbalanceTop5Z300s, Col::ObImbalanceTop5, 300),
    (Col::SpreadBpsZ300s, Col::SpreadBps, 300),
    (Col::Rv30sZ1800s, Col::Rv30s, 1_800),
    (Col::TkLogret1sZ300s, Col::TkLogret1s, 300),
    (Col::TkLogret5sZ300s, Col::TkLogret5s, 300),
    (Col::TkSpreadBpsZ300s, Col::TkSpreadBps, 300),
    (Col::TkRv30sZ1800s, Col::TkRv30s, 1_800),
];

fn seconds<const N: usize>(values: [i64; N]) -> [i64; N] {
    values.map(|s| s * SECOND)
}

/// The values of one row in the order of [`crate::columns::DECLARATIONS`]; NaN is null.
pub type Values = [f64; COLUMNS];

/// Twice the mid of a ticker, and its spread in bps.
fn ticker_mid2(ticker: &Ticker) -> Option<i64> {
    Some(i64::from(ticker.bid?) + i64::from(ticker.ask?))
}

fn spread_bps(bid: i32, ask: i32) -> Option<f64> {
    let (bid, ask) = (f64::from(bid), f64::from(ask));
    (bid < ask).then(|| 2e4 * (ask - bid) / (ask + bid))
}

fn ticker_spread_bps(ticker: &Ticker) -> Option<f64> {
    spread_bps(ticker.bid?, ticker.ask?)
}

fn log_ratio(now: Option<i64>, before: Option<i64>) -> Option<f64> {
    Some(libm::log(now? as f64 / before? as f64))
}

fn sign(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}

/// Everything since the last reset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    book: Book,
    mids: QuotePath<Option<i64>>,
    volatility: RealisedVolatility,
    ticker: Option<Ticker>,
    ticker_messages: u32,
    tickers: QuotePath<Ticker>,
    ticker_volatility: RealisedVolatility,
    ticker_counts: (Timeline<u32>, u64, u64),
    /// The taker groups.
    pub groups: GroupWindows,
    z_scores: Vec<Moments>,
    volumes: (Timeline<i64>, u64, OrderStats),
}

impl State {
    /// Nothing is known.
    pub fn new(spec: &Spec) -> Self {
        Self {
            book: Book::default(),
            mids: QuotePath::new(&seconds(BOOK_LAGS_S), spec.max_gap_ns),
            volatility: RealisedVolatility::new(&seconds(BOOK_RV_S), spec.max_gap_ns),
            ticker: None,
            ticker_messages: 0,
            tickers: QuotePath::new(&seconds(TICKER_LAGS_S), spec.max_gap_ns),
            ticker_volatility: RealisedVolatility::new(&seconds(TICKER_RV_S), spec.max_gap_ns),
            ticker_counts: (Timeline::new(), 0, 0),
            groups: GroupWindows::new(spec),
            z_scores: Z_SCORES.iter().map(|(_, _, window)| Moments::new(window * SECOND)).collect(),
            volumes: (Timeline::new(), 0, OrderStats::default()),
        }
    }

    /// A book message at `t`.
    pub fn book(&mut self, t: i64, kind: MsgKind, levels: &[Level], spec: &Spec) -> Result<(), String> {
        self.book.apply(t, kind, levels, spec.max_gap_ns)
    }

    /// A ticker message; the last of a timestamp stands.
    pub fn ticker(&mut self, ticker: Ticker) -> Result<(), String> {
        let prices = [ticker.bid, ticker.ask, ticker.last, ticker.high, ticker.low];
        if prices.into_iter().flatten().any(|px| px <= 0) || ticker.vol.is_some_and(|v| v < 0) {
            return Err(format!("{ticker:?}: expected prices > 0 ticks and a volume ≥ 0 lots"));
        }
        self.ticker = Some(ticker);
        self.ticker_messages += 1;
        Ok(())
    }

    /// Timestamp `t` is over: its last quotes enter the paths.
    pub fn close_timestamp(&mut self, t: i64, had_book: bool, spec: &Spec) -> Result<(), String> {
        if had_book {
            let mid2 = if self.book.is_known(t, spec.max_gap_ns) { self.book.mid2() } else { None };
            self.mids.push(t, mid2);
            self.volatility.push(t, mid2)?;
            self.mids.advance(t);
            self.volatility.advance(t);
        }
        if self.ticker_messages > 0
            && let Some(ticker) = self.ticker
        {
            self.tickers.push(t, ticker);
            self.ticker_volatility.push(t, ticker_mid2(&ticker))?;
            let (counts, _, sum) = &mut self.ticker_counts;
            counts.push(t, self.ticker_messages);
            *sum += u64::from(self.ticker_messages);
            self.ticker_messages = 0;
            self.tickers.advance(t);
            self.ticker_volatility.advance(t);
            self.advance_counts(t);
        }
        Ok(())
    }

    fn advance_counts(&mut self, t: i64) {
        let (counts, first, sum) = &mut self.ticker_counts;
        let end = counts.seek(*first, t - TICKER_COUNT_S * SECOND);
        for number in *first..end {
            *sum -= u64::from(*counts.get(number));
        }
        *first = end;
        counts.forget_before(end);
    }

    /// Values of a row at closed timestamp `t`, all but the row statistics; `group` is the row's own group.
    pub fn values(&mut self, t: i64, group: Option<&Group>, spec: &Spec) -> Values {
        self.mids.advance(t);
        self.volatility.advance(t);
        self.tickers.advance(t);
        self.ticker_volatility.advance(t);
        self.advance_counts(t);
        self.groups.advance(t);
        let mut values = [f64::NAN; COLUMNS];
        self.clock_values(t, &mut values, spec);
        self.trade_values(t, group, &mut values, spec);
        self.book_values(t, &mut values, spec);
        self.ticker_values(t, &mut values, spec);
        let signals = [Col::Top1VsDeep, Col::CvdAccel, Col::SignedVpin5m].map(|c| sign(values[c as usize]));
        let agree = signals[0] == signals[1] && signals[1] == signals[2];
        values[Col::MscaleConsensus3sig as usize] = if agree { f64::from(signals[0]) } else { 0.0 };
        values
    }

    fn clock_values(&self, t: i64, values: &mut Values, spec: &Spec) {
        let into_day = spec.into_day(t);
        let to_cut = (DAY - into_day) as f64 / DAY as f64;
        let since_cut = into_day as f64 / DAY as f64;
        let angle = 2.0 * std::f64::consts::PI * (spec.time_of_day(t) as f64 / DAY as f64);
        let no_entry = f64::from(u8::from(spec.no_new_entry(t)));
        for (col, x) in [
            (Col::TtcSecNorm, to_cut),
            (Col::TkTtcSecNorm, to_cut),
            (Col::BizDayFrac, since_cut),
            (Col::TkBizDayFrac, since_cut),
            (Col::InNoNewEntryWindow, no_entry),
            (Col::TkInNoNewEntryWindow, no_entry),
            (Col::TodSin, libm::sin(angle)),
            (Col::TkTodSin, libm::sin(angle)),
            (Col::TodCos, libm::cos(angle)),
            (Col::TkTodCos, libm::cos(angle)),
        ] {
            values[col as usize] = x;
        }
    }

    fn trade_values(&self, t: i64, group: Option<&Group>, values: &mut Values, spec: &Spec) {
        let [s1, s5, s30, _, s300, _] = std::array::from_fn(|i| self.groups.flow(i));
        let volume = s1.volume as f64 * spec.lot;
        // One difference of integers: two ratios of 10^11 lots would lose the last lot.
        let accel = (6 * s5.signed - s30.signed) as f64 / 30.0;
        for (col, x) in [
            (Col::TradeCount1s, Some(s1.count as f64)),
            (Col::TradeVol1s, Some(volume)),
            (Col::TradeVol1sLog, Some(libm::log1p(volume))),
            (Col::TradeImbalance1s, s1.imbalance()),
            (Col::CvdAccel, Some(accel * spec.lot)),
            (Col::SignedVpin5m, s300.imbalance()),
            (Col::BigTradeFreshSign, self.groups.big_fresh_sign(t, spec)),
            (Col::TradeSizeLog, group.map(|g| libm::log1p(g.size as f64 * spec.lot))),
            (Col::TradeSizeRobust300s, group.and_then(|g| self.groups.robust_size(g.size, spec.min_values))),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
    }

    fn book_values(&self, t: i64, values: &mut Values, spec: &Spec) {
        values[Col::Rv5s as usize] = self.volatility.value(0);
        values[Col::Rv30s as usize] = self.volatility.value(1);
        if !self.book.is_known(t, spec.max_gap_ns) {
            return;
        }
        let mid2 = self.book.mid2();
        let before = |index| self.mids.back(index, t).copied().flatten();
        let [from, to] = spec.deep_levels;
        let recorded = spec.recorded_depth.is_none_or(|depth| depth >= to);
        let deep = if recorded { self.book.imbalance(from, to) } else { None };
        let top1 = self.book.imbalance(1, 1);
        let depth_log = |bid| libm::log1p(self.book.depth(bid, 1, 5) as f64 * spec.lot);
        for (col, x) in [
            (Col::Logret1s, log_ratio(mid2, before(0))),
            (Col::Logret5s, log_ratio(mid2, before(1))),
            (Col::Logret30s, log_ratio(mid2, before(2))),
            (Col::SpreadBps, self.book.bid().zip(self.book.ask()).and_then(|(b, a)| spread_bps(b, a))),
            (Col::ObImbalanceTop1, top1),
            (Col::ObImbalanceTop5, self.book.imbalance(1, 5)),
            (Col::DepthBidTop5Log, Some(depth_log(true))),
            (Col::DepthAskTop5Log, Some(depth_log(false))),
            (Col::ObImbDeep5to30, deep),
            (Col::Top1VsDeep, top1.zip(deep).map(|(top, deep)| top - deep)),
            (Col::VwapDev1mBps, mid2.and_then(|m| self.groups.flow(3).deviation_bps(m))),
            (Col::VwapDev30mBps, mid2.and_then(|m| self.groups.flow(5).deviation_bps(m))),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
    }

    fn ticker_values(&self, t: i64, values: &mut Values, spec: &Spec) {
        for (index, col) in [Col::TkRv5s, Col::TkRv30s, Col::TkRv300s].into_iter().enumerate() {
            values[col as usize] = self.ticker_volatility.value(index);
        }
        values[Col::TkCount5s as usize] = self.ticker_counts.2 as f64;
        let Some(now) = self.tickers.at(t) else {
            return;
        };
        let back = |index| self.tickers.back(index, t);
        let mid2 = ticker_mid2(now);
        let mid2_back = |index| back(index).and_then(ticker_mid2);
        let grown = |index| Some(now.vol? - back(index)?.vol?);
        let spread = ticker_spread_bps(now);
        let range = || {
            let (m2, low, high) = (mid2?, i64::from(now.low?), i64::from(now.high?));
            (high > low).then(|| (m2 - 2 * low) as f64 / (2 * (high - low)) as f64)
        };
        let last_return = log_ratio(now.last.map(i64::from), back(1).and_then(|b| b.last).map(i64::from));
        let last_deviation =
            mid2.zip(now.last).map(|(m, last)| 1e4 * ((2 * i64::from(last) - m) as f64 / m as f64));
        for (col, x) in [
            (Col::TkLogret1s, log_ratio(mid2, mid2_back(0))),
            (Col::TkLogret5s, log_ratio(mid2, mid2_back(1))),
            (Col::TkLogret30s, log_ratio(mid2, mid2_back(2))),
            (Col::TkLogret300s, log_ratio(mid2, mid2_back(4))),
            (Col::TkSpreadBps, spread),
            (
                Col::TkSpreadChg5sBps,
                spread.zip(back(1).and_then(ticker_spread_bps)).map(|(s, before)| s - before),
            ),
            (Col::TkLastMidDevBps, last_deviation),
            (Col::TkLastLogret5s, last_return),
            (Col::TkHlRangePos, range()),
            (Col::TkVol24Delta60s, grown(3).map(|lots| lots as f64 * spec.lot)),
            (Col::TkVol1sLog, grown(0).map(|lots| libm::log1p(lots.max(0) as f64 * spec.lot))),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
    }

    /// Adds the row to the row statistics and fills in the columns that come from them.
    pub fn add_row(&mut self, t: i64, values: &mut Values, spec: &Spec) -> Result<(), String> {
        let lots = self.volume_lots()?;
        for ((result, input, _), moments) in Z_SCORES.iter().zip(&mut self.z_scores) {
            let x = values[*input as usize];
            if x.is_nan() {
                continue;
            }
            let fixed = if *input == Col::TradeVol1s {
                lots
            } else {
                to_fixed(x).ok_or_else(|| format!("{input:?} = {x} is out of the range of exact sums"))?
            };
            moments.push(t, fixed)?;
            values[*result as usize] = moments.z(spec.min_values).unwrap_or(f64::NAN);
        }
        let (rows, first, stats) = &mut self.volumes;
        let end = rows.seek(*first, t - ROBUST_VOLUME_S * SECOND);
        for number in *first..end {
            stats.remove(*rows.get(number));
        }
        *first = end;
        rows.forget_before(end);
        rows.push(t, lots);
        stats.insert(lots);
        values[Col::TradeVol1sRobust1800s as usize] = stats.robust(lots, spec.min_values).unwrap_or(f64::NAN);
        Ok(())
    }

    /// Takes the newest row, with these values, out of the row statistics again.
    pub fn take_row_back(&mut self, values: &Values) {
        for ((_, input, _), moments) in Z_SCORES.iter().zip(&mut self.z_scores) {
            if !values[*input as usize].is_nan() {
                moments.pop();
            }
        }
        if let Some((_, lots)) = self.volumes.0.pop() {
            self.volumes.2.remove(lots);
        }
    }

    fn volume_lots(&self) -> Result<i64, String> {
        let lots = self.groups.flow(0).volume;
        i64::try_from(lots).map_err(|_| format!("volume of 1 s, {lots} lots, overflows 63 bits"))
    }
}
