//! Schema `ticker`: what the ticker stream alone says.

use crate::declaration::{Schema, schema};
use crate::event::Ticker;
use crate::family::Family;
use crate::fixed::to_fixed;
use crate::market::{Market, MidChanges, TickerClosed};
use crate::moments::{NULL, RowMoments};
use crate::prices::{Log1p, LogRatio, spread_bps};
use crate::quotes::{QuotePath, RealisedVolatility};
use crate::row::Row;
use crate::spec::{SECOND, Spec, seconds};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

schema! {
    "ticker", version 1;
    TkLogret1s = "tk_logret_1s", "ticker", "ticker", Some(1), "1", "ln(m_t / m_{t-1s})", "plan, ticker";
    TkLogret5s = "tk_logret_5s", "ticker", "ticker", Some(5), "1", "ln(m_t / m_{t-5s})", "plan, ticker";
    TkLogret30s = "tk_logret_30s", "ticker", "ticker", Some(30), "1", "ln(m_t / m_{t-30s})", "plan, ticker";
    TkLogret300s = "tk_logret_300s", "ticker", "ticker", Some(300), "1", "ln(m_t / m_{t-300s})", "plan, ticker";
    TkRv5s = "tk_rv_5s", "ticker", "ticker", Some(5), "1", "sqrt(sum of squared mid log changes in 5 s)", "plan, ticker";
    TkRv30s = "tk_rv_30s", "ticker", "ticker", Some(30), "1", "sqrt(sum of squared mid log changes in 30 s)", "plan, ticker";
    TkRv300s = "tk_rv_300s", "ticker", "ticker", Some(300), "1", "sqrt(sum of squared mid log changes in 300 s)", "plan, ticker";
    TkSpreadBps = "tk_spread_bps", "ticker", "ticker", None, "bps", "1e4 (a - b) / m", "plan, ticker";
    TkSpreadChg5sBps = "tk_spread_chg_5s_bps", "ticker", "ticker", Some(5), "bps", "spread_t - spread_{t-5s}", "plan, ticker";
    TkLastMidDevBps = "tk_last_mid_dev_bps", "ticker", "ticker", None, "bps", "1e4 (last / m - 1)", "plan, ticker";
    TkLastLogret5s = "tk_last_logret_5s", "ticker", "ticker", Some(5), "1", "ln(last_t / last_{t-5s})", "plan, ticker";
    TkHlRangePos = "tk_hl_range_pos", "ticker", "ticker", None, "1", "(m - low) / (high - low) of the 24 h range", "plan, ticker";
    TkVol24Delta60s = "tk_vol24_delta_60s", "ticker", "ticker", Some(60), "base asset", "vol_t - vol_{t-60s} of the 24 h volume", "plan, ticker";
    TkCount5s = "tk_count_5s", "ticker", "ticker", Some(5), "messages", "number of ticker messages in 5 s", "plan, ticker";
    TkTtcSecNorm = "tk_ttc_sec_norm", "ticker", "clock", None, "days", "as ttc_sec_norm", "plan, ticker";
    TkInNoNewEntryWindow = "tk_in_no_new_entry_window", "ticker", "clock", None, "0 or 1", "as in_no_new_entry_window", "plan, ticker";

    TkLogret1sZ300s = "tk_logret_1s_z_300s", "ticker_nits", "ticker", Some(301), "std", "z-score of tk_logret_1s over rows in 300 s", "plan, ticker NITS";
    TkLogret5sZ300s = "tk_logret_5s_z_300s", "ticker_nits", "ticker", Some(305), "std", "z-score of tk_logret_5s over rows in 300 s", "plan, ticker NITS";
    TkSpreadBpsZ300s = "tk_spread_bps_z_300s", "ticker_nits", "ticker", Some(300), "std", "z-score of tk_spread_bps over rows in 300 s", "plan, ticker NITS";
    TkRv30sZ1800s = "tk_rv_30s_z_1800s", "ticker_nits", "ticker", Some(1830), "std", "z-score of tk_rv_30s over rows in 1800 s", "plan, ticker NITS";
    TkVol1sLog = "tk_vol_1s_log", "ticker_nits", "ticker", Some(1), "ln base asset", "ln(1 + max(0, vol_t - vol_{t-1s}))", "plan, ticker NITS";
    TkTodSin = "tk_tod_sin", "ticker_nits", "clock", None, "1", "as tod_sin", "plan, ticker NITS";
    TkTodCos = "tk_tod_cos", "ticker_nits", "clock", None, "1", "as tod_cos", "plan, ticker NITS";
    TkBizDayFrac = "tk_biz_day_frac", "ticker_nits", "clock", None, "days", "as biz_day_frac", "plan, ticker NITS";
}

const LAGS_S: [i64; 5] = [1, 5, 30, 60, 300];
const RV_S: [i64; 3] = [5, 30, 300];
const COUNT_S: i64 = 5;

/// z-scored over the rows of 300 s: result, input.
const Z_300S: [(Col, Col); 3] = [
    (Col::TkLogret1sZ300s, Col::TkLogret1s),
    (Col::TkLogret5sZ300s, Col::TkLogret5s),
    (Col::TkSpreadBpsZ300s, Col::TkSpreadBps),
];
/// The same of 1 800 s.
const Z_1800S: [(Col, Col); 1] = [(Col::TkRv30sZ1800s, Col::TkRv30s)];

/// Columns that stay as they are while no quote comes, goes or is looked up anew.
const QUOTES: [Col; 11] = [
    Col::TkLogret1s,
    Col::TkLogret5s,
    Col::TkLogret30s,
    Col::TkLogret300s,
    Col::TkSpreadBps,
    Col::TkSpreadChg5sBps,
    Col::TkLastMidDevBps,
    Col::TkLastLogret5s,
    Col::TkHlRangePos,
    Col::TkVol24Delta60s,
    Col::TkVol1sLog,
];

type Values = [f64; COLUMNS];

fn mid2_of(ticker: &Ticker) -> Option<i64> {
    Some(i64::from(ticker.bid?) + i64::from(ticker.ask?))
}

fn spread_of(ticker: &Ticker) -> Option<f64> {
    spread_bps(ticker.bid?, ticker.ask?)
}

/// The columns of the ticker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TickerQuotes {
    tickers: QuotePath<Ticker>,
    mid_changes: MidChanges,
    volatility: RealisedVolatility,
    counts: (Timeline<u32>, u64, u64),
    z_300s: RowMoments<[i64; Z_300S.len()]>,
    z_1800s: RowMoments<[i64; Z_1800S.len()]>,
    #[serde(skip)]
    logs: Logs,
    /// The columns of [`QUOTES`] as they were computed last, and until when they stand.
    #[serde(skip)]
    kept: Option<(i64, [f64; QUOTES.len()])>,
}

/// Logarithms of the last row.
#[derive(Clone, Debug, Default)]
struct Logs {
    /// Of the mid against each lag.
    returns: [LogRatio; LAGS_S.len()],
    last: LogRatio,
    volume: Log1p,
}

impl Family for TickerQuotes {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(spec: &Spec) -> Self {
        Self {
            tickers: QuotePath::new(&seconds(LAGS_S), spec.max_gap_ns),
            mid_changes: MidChanges::default(),
            volatility: RealisedVolatility::new(&seconds(RV_S)),
            counts: (Timeline::new(), 0, 0),
            z_300s: RowMoments::new(Z_300S.len(), 300 * SECOND),
            z_1800s: RowMoments::new(Z_1800S.len(), 1_800 * SECOND),
            logs: Logs::default(),
            kept: None,
        }
    }

    fn on_ticker(&mut self, closed: &TickerClosed, spec: &Spec) -> Result<(), String> {
        let t = closed.t;
        self.tickers.push(t, closed.ticker);
        self.kept = None;
        if let Some(change) = self.mid_changes.next(t, mid2_of(&closed.ticker), spec.max_gap_ns)? {
            self.volatility.push(t, change);
        }
        self.counts.0.push(t, closed.messages);
        self.counts.2 += u64::from(closed.messages);
        if self.counts.0.is_due() {
            self.advance(t);
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, _market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        let values: &mut Values = values.try_into().expect("a place for every column of the schema");
        self.advance(row.t);
        clock_values(row, values, spec);
        let quotes = match self.kept {
            Some((until, quotes)) if row.t <= until => quotes,
            _ => {
                let quotes = self.quote_values(row.t, spec);
                self.kept = Some((self.tickers.in_force_until(row.t), quotes));
                quotes
            }
        };
        for (col, x) in QUOTES.into_iter().zip(quotes) {
            values[col as usize] = x;
        }
        for (index, col) in [Col::TkRv5s, Col::TkRv30s, Col::TkRv300s].into_iter().enumerate() {
            values[col as usize] = self.volatility.value(index);
        }
        values[Col::TkCount5s as usize] = self.counts.2 as f64;
        self.row_statistics(row.t, values, spec)
    }

    fn take_row_back(&mut self) {
        self.z_300s.pop();
        self.z_1800s.pop();
    }
}

fn clock_values(row: &Row<'_>, values: &mut Values, spec: &Spec) {
    let clock = row.clock(spec);
    for (col, x) in [
        (Col::TkTtcSecNorm, clock.to_cut),
        (Col::TkBizDayFrac, clock.since_cut),
        (Col::TkInNoNewEntryWindow, clock.no_new_entry),
        (Col::TkTodSin, clock.tod_sin),
        (Col::TkTodCos, clock.tod_cos),
    ] {
        values[col as usize] = x;
    }
}

impl TickerQuotes {
    fn advance(&mut self, t: i64) {
        if self.tickers.advance(t) {
            self.kept = None;
        }
        self.volatility.advance(t);
        let (counts, first, sum) = &mut self.counts;
        let end = counts.seek(*first, t - COUNT_S * SECOND);
        for number in *first..end {
            *sum -= u64::from(*counts.get(number));
        }
        *first = end;
        counts.forget_before(end);
    }

    /// What the quotes say that are in force: the columns of [`QUOTES`], in their order.
    fn quote_values(&mut self, t: i64, spec: &Spec) -> [f64; QUOTES.len()] {
        let Some(now) = self.tickers.at(t) else {
            return [f64::NAN; QUOTES.len()];
        };
        let back = |index| self.tickers.back(index, t);
        let mid2 = mid2_of(now);
        let Logs { returns, last: last_log, volume } = &mut self.logs;
        let mut logret = |index: usize| returns[index].of(mid2, back(index).and_then(mid2_of));
        let grown = |index| Some(now.vol? - back(index)?.vol?);
        let spread = spread_of(now);
        let range = || {
            let (m2, low, high) = (mid2?, i64::from(now.low?), i64::from(now.high?));
            (high > low).then(|| (m2 - 2 * low) as f64 / (2 * (high - low)) as f64)
        };
        let last_return = last_log.of(now.last.map(i64::from), back(1).and_then(|b| b.last).map(i64::from));
        let last_deviation =
            mid2.zip(now.last).map(|(m, last)| 1e4 * ((2 * i64::from(last) - m) as f64 / m as f64));
        [
            logret(0),
            logret(1),
            logret(2),
            logret(4),
            spread,
            spread.zip(back(1).and_then(spread_of)).map(|(s, before)| s - before),
            last_deviation,
            last_return,
            range(),
            grown(3).map(|lots| lots as f64 * spec.lot),
            grown(0).map(|lots| volume.of(lots.max(0) as f64 * spec.lot)),
        ]
        .map(|x| x.unwrap_or(f64::NAN))
    }

    /// Adds the row to the row statistics and fills in the columns that come from them.
    fn row_statistics(&mut self, t: i64, values: &mut Values, spec: &Spec) -> Result<(), String> {
        let fixed = |input: Col| {
            let x = values[input as usize];
            if x.is_nan() {
                return Ok(NULL);
            }
            to_fixed(x).ok_or_else(|| format!("{input:?} = {x} is out of the range of exact sums"))
        };
        let mut short = [NULL; Z_300S.len()];
        for (place, (_, input)) in short.iter_mut().zip(Z_300S) {
            *place = fixed(input)?;
        }
        let long = [fixed(Z_1800S[0].1)?];
        self.z_300s.push(t, short)?;
        self.z_1800s.push(t, long)?;
        let short: [f64; Z_300S.len()] = self.z_300s.z_scores(spec.min_values);
        let long: [f64; Z_1800S.len()] = self.z_1800s.z_scores(spec.min_values);
        for ((result, _), z) in Z_300S.iter().chain(&Z_1800S).zip(short.into_iter().chain(long)) {
            values[*result as usize] = z;
        }
        Ok(())
    }
}
