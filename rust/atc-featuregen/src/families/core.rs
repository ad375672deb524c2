//! Schema `core`: what the plan's models use of trades and book.

use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::{to_f64, to_fixed};
use crate::book::imbalance;
use crate::flows::GroupWindows;
use crate::groups::Print;
use crate::market::{BookClosed, Market};
use crate::moments::{NULL, RowMoments};
use crate::order_stats::OrderStats;
use crate::prices::{Log1p, LogRatio, spread_bps};
use crate::quotes::{QuotePath, RealisedVolatility};
use crate::row::Row;
use crate::spec::{SECOND, Spec, seconds};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};
use std::num::NonZeroI64;

schema! {
    "core", version 1;
    Logret1s = "logret_1s", "legacy", "book", Some(1), "1", "ln(m_t / m_{t-1s})", "plan, legacy 13";
    Logret5s = "logret_5s", "legacy", "book", Some(5), "1", "ln(m_t / m_{t-5s})", "plan, legacy 13";
    Logret30s = "logret_30s", "legacy", "book", Some(30), "1", "ln(m_t / m_{t-30s})", "plan, legacy 13";
    Rv5s = "rv_5s", "legacy", "book", Some(5), "1", "sqrt(sum of squared mid log changes in 5 s)", "plan, legacy 13; realised volatility, Andersen-Bollerslev 1998";
    Rv30s = "rv_30s", "legacy", "book", Some(30), "1", "sqrt(sum of squared mid log changes in 30 s)", "plan, legacy 13; realised volatility, Andersen-Bollerslev 1998";
    TradeCount1s = "trade_count_1s", "legacy", "trade", Some(1), "taker groups", "number of taker groups in 1 s", "plan, legacy 13";
    TradeVol1s = "trade_vol_1s", "legacy", "trade", Some(1), "base asset", "v_1s", "plan, legacy 13";
    TradeImbalance1s = "trade_imbalance_1s", "legacy", "trade", Some(1), "1", "sv_1s / v_1s", "plan, legacy 13";
    SpreadBps = "spread_bps", "legacy", "book", None, "bps", "1e4 (a - b) / m", "plan, legacy 13";
    ObImbalanceTop1 = "ob_imbalance_top1", "legacy", "book", None, "1", "(Qb - Qa) / (Qb + Qa), level 1", "plan, legacy 13";
    ObImbalanceTop5 = "ob_imbalance_top5", "legacy", "book", None, "1", "(Qb - Qa) / (Qb + Qa), levels 1-5", "plan, legacy 13";
    TtcSecNorm = "ttc_sec_norm", "legacy", "clock", None, "days", "seconds to the business-day cut / 86400", "plan, legacy 13";
    InNoNewEntryWindow = "in_no_new_entry_window", "legacy", "clock", None, "0 or 1", "1 in the last 900 s before the cut or a maintenance, and until the end of its pre-open", "plan, legacy 13";

    Logret1sZ300s = "logret_1s_z_300s", "nits", "book", Some(301), "std", "z-score of logret_1s over rows in 300 s", "plan, NITS";
    Logret5sZ300s = "logret_5s_z_300s", "nits", "book", Some(305), "std", "z-score of logret_5s over rows in 300 s", "plan, NITS";
    TradeVol1sZ300s = "trade_vol_1s_z_300s", "nits", "trade", Some(301), "std", "z-score of trade_vol_1s over rows in 300 s", "plan, NITS";
    TradeImbalance1sZ300s = "trade_imbalance_1s_z_300s", "nits", "trade", Some(301), "std", "z-score of trade_imbalance_1s over rows in 300 s", "plan, NITS";
    ObImbalanceTop1Z300s = "ob_imbalance_top1_z_300s", "nits", "book", Some(300), "std", "z-score of ob_imbalance_top1 over rows in 300 s", "plan, NITS";
    ObImbalanceTop5Z300s = "ob_imbalance_top5_z_300s", "nits", "book", Some(300), "std", "z-score of ob_imbalance_top5 over rows in 300 s", "plan, NITS";
    SpreadBpsZ300s = "spread_bps_z_300s", "nits", "book", Some(300), "std", "z-score of spread_bps over rows in 300 s", "plan, NITS";
    Rv30sZ1800s = "rv_30s_z_1800s", "nits", "book", Some(1830), "std", "z-score of rv_30s over rows in 1800 s", "plan, NITS";
    TradeSizeRobust300s = "trade_size_robust_300s", "nits", "trade", Some(300), "1", "(size - median) / (1.4826 MAD) of taker-group sizes in 300 s", "plan, NITS; 1.4826 makes the MAD consistent for a normal, Rousseeuw-Croux 1993";
    TradeVol1sRobust1800s = "trade_vol_1s_robust_1800s", "nits", "trade", Some(1801), "1", "(x - median) / (1.4826 MAD) of trade_vol_1s over rows in 1800 s", "plan, NITS; Rousseeuw-Croux 1993";
    TradeSizeLog = "trade_size_log", "nits", "trade", None, "ln base asset", "ln(1 + size of the row's taker group)", "plan, NITS";
    TradeVol1sLog = "trade_vol_1s_log", "nits", "trade", Some(1), "ln base asset", "ln(1 + trade_vol_1s)", "plan, NITS";
    DepthBidTop5Log = "depth_bid_top5_log", "nits", "book", None, "ln base asset", "ln(1 + Qb), levels 1-5", "plan, NITS";
    DepthAskTop5Log = "depth_ask_top5_log", "nits", "book", None, "ln base asset", "ln(1 + Qa), levels 1-5", "plan, NITS";
    TodSin = "tod_sin", "nits", "clock", None, "1", "sin(2 pi local time of day)", "plan, NITS";
    TodCos = "tod_cos", "nits", "clock", None, "1", "cos(2 pi local time of day)", "plan, NITS";
    BizDayFrac = "biz_day_frac", "nits", "clock", None, "days", "1 - ttc_sec_norm (collinear with it)", "plan, NITS";

    ObImbDeep5to30 = "ob_imb_deep_5to30", "phase2", "book", None, "1", "(Qb - Qa) / (Qb + Qa), levels 5-30", "plan, Phase 2/2b";
    Top1VsDeep = "top1_vs_deep", "phase2", "book", None, "1", "ob_imbalance_top1 - ob_imb_deep_5to30", "plan, Phase 2/2b";
    BigTradeFreshSign = "big_trade_fresh_sign", "phase2", "trade", Some(1830), "-1, 0, 1", "side of the latest taker group above the nearest-rank p95 of the sizes of the 1800 s before it, if at most 30 s old", "plan, Phase 2/2b";
    CvdAccel = "cvd_accel", "phase2", "trade", Some(30), "base asset / s", "sv_5s / 5 - sv_30s / 30", "plan, Phase 2/2b";
    VwapDev1mBps = "vwap_dev_1m_bps", "phase2", "book, trade", Some(60), "bps", "1e4 (m / VWAP_60s - 1)", "plan, Phase 2/2b";
    VwapDev30mBps = "vwap_dev_30m_bps", "phase2", "book, trade", Some(1800), "bps", "1e4 (m / VWAP_1800s - 1)", "plan, Phase 2/2b";
    SignedVpin5m = "signed_vpin_5m", "phase2", "trade", Some(300), "1", "sv_300s / v_300s", "plan, Phase 2/2b: a signed volume ratio, not the VPIN of Easley-Lopez de Prado-O'Hara 2012";
    MscaleConsensus3sig = "mscale_consensus_3sig", "gate", "book, trade", Some(300), "-1, 0, 1", "common sign of top1_vs_deep, cvd_accel, signed_vpin_5m, else 0", "plan, Phase 2b gate";
}

const LAGS_S: [i64; 3] = [1, 5, 30];
const RV_S: [i64; 2] = [5, 30];
const ROBUST_VOLUME_S: i64 = 1_800;

/// z-scored over the rows of 300 s: result, input.
const Z_300S: [(Col, Col); 7] = [
    (Col::Logret1sZ300s, Col::Logret1s),
    (Col::Logret5sZ300s, Col::Logret5s),
    (Col::TradeVol1sZ300s, Col::TradeVol1s),
    (Col::TradeImbalance1sZ300s, Col::TradeImbalance1s),
    (Col::ObImbalanceTop1Z300s, Col::ObImbalanceTop1),
    (Col::ObImbalanceTop5Z300s, Col::ObImbalanceTop5),
    (Col::SpreadBpsZ300s, Col::SpreadBps),
];
/// The same of 1 800 s.
const Z_1800S: [(Col, Col); 1] = [(Col::Rv30sZ1800s, Col::Rv30s)];

type Values = [f64; COLUMNS];

fn sign(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}

/// The columns of trades and book.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Core {
    /// Twice the mid, ticks, where it is defined: prices are positive.
    mids: QuotePath<Option<NonZeroI64>>,
    volatility: RealisedVolatility,
    groups: GroupWindows,
    z_300s: RowMoments<[i64; Z_300S.len()]>,
    z_1800s: RowMoments<[i64; Z_1800S.len()]>,
    volumes: (Timeline<i64>, u64, OrderStats),
    #[serde(skip)]
    logs: Logs,
}

/// Logarithms of the last row.
#[derive(Clone, Debug, Default)]
struct Logs {
    returns: [LogRatio; LAGS_S.len()],
    volume: Log1p,
    size: Log1p,
    depth: [Log1p; 2],
}

impl Family for Core {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(spec: &Spec) -> Self {
        Self {
            mids: QuotePath::new(&seconds(LAGS_S), spec.max_gap_ns),
            volatility: RealisedVolatility::new(&seconds(RV_S)),
            groups: GroupWindows::new(spec),
            z_300s: RowMoments::new(Z_300S.len(), 300 * SECOND),
            z_1800s: RowMoments::new(Z_1800S.len(), 1_800 * SECOND),
            volumes: (Timeline::new(), 0, OrderStats::default()),
            logs: Logs::default(),
        }
    }

    fn lookback_s(spec: &Spec) -> i64 {
        // The quantile that a trade was judged by, while the trade is still fresh.
        SCHEMA.window_s().max(spec.big_trade.window_s + spec.big_trade.fresh_s)
    }

    fn on_print(&mut self, print: &Print, spec: &Spec) -> Result<(), String> {
        self.groups.print(print, spec);
        Ok(())
    }

    fn on_book(&mut self, closed: &BookClosed, _market: &Market, _spec: &Spec) -> Result<(), String> {
        self.mids.push(closed.t, closed.mid2.and_then(NonZeroI64::new));
        if let Some(change) = closed.mid_change {
            self.volatility.push(closed.t, change);
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, market: &Market, spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        let values: &mut Values = values.try_into().expect("a place for every column of the schema");
        self.mids.advance(row.t);
        self.volatility.advance(row.t);
        self.groups.advance(row.t);
        clock_values(row, values, spec);
        self.trade_values(row, values, spec);
        self.book_values(row.t, market, values, spec);
        let signals = [Col::Top1VsDeep, Col::CvdAccel, Col::SignedVpin5m].map(|c| sign(values[c as usize]));
        let agree = signals[0] == signals[1] && signals[1] == signals[2];
        values[Col::MscaleConsensus3sig as usize] = if agree { f64::from(signals[0]) } else { 0.0 };
        self.row_statistics(row.t, values, spec)
    }

    fn take_row_back(&mut self) {
        self.z_300s.pop();
        self.z_1800s.pop();
        if let Some((_, lots)) = self.volumes.0.pop() {
            self.volumes.2.remove(lots);
        }
    }
}

fn clock_values(row: &Row<'_>, values: &mut Values, spec: &Spec) {
    let clock = row.clock(spec);
    for (col, x) in [
        (Col::TtcSecNorm, clock.to_cut),
        (Col::BizDayFrac, clock.since_cut),
        (Col::InNoNewEntryWindow, clock.no_new_entry),
        (Col::TodSin, clock.tod_sin),
        (Col::TodCos, clock.tod_cos),
    ] {
        values[col as usize] = x;
    }
}

impl Core {
    fn trade_values(&mut self, row: &Row<'_>, values: &mut Values, spec: &Spec) {
        let robust = row.group.and_then(|g| self.groups.robust_size(g.size, spec.min_values));
        let [s1, s5, s30, _, s300, _] = std::array::from_fn(|i| self.groups.flow(i));
        let volume = to_f64(s1.volume) * spec.lot;
        // One difference of integers: two ratios of 10^11 lots would lose the last lot.
        let accel = to_f64(6 * s5.signed - s30.signed) / 30.0;
        for (col, x) in [
            (Col::TradeCount1s, Some(s1.count as f64)),
            (Col::TradeVol1s, Some(volume)),
            (Col::TradeVol1sLog, Some(self.logs.volume.of(volume))),
            (Col::TradeImbalance1s, s1.imbalance()),
            (Col::CvdAccel, Some(accel * spec.lot)),
            (Col::SignedVpin5m, s300.imbalance()),
            (Col::BigTradeFreshSign, self.groups.big_fresh_sign(row.t, spec)),
            (Col::TradeSizeLog, row.group.map(|g| self.logs.size.of(g.size as f64 * spec.lot))),
            (Col::TradeSizeRobust300s, robust),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
    }

    fn book_values(&mut self, t: i64, market: &Market, values: &mut Values, spec: &Spec) {
        values[Col::Rv5s as usize] = self.volatility.value(0);
        values[Col::Rv30s as usize] = self.volatility.value(1);
        let book = &market.book;
        if !book.is_known(t, spec.max_gap_ns) {
            return;
        }
        let mid2 = book.mid2();
        let before = |index| self.mids.back(index, t).copied().flatten().map(NonZeroI64::get);
        let [from, to] = spec.deep_levels;
        let recorded = spec.recorded_depth.is_none_or(|depth| depth >= to);
        let deep = if recorded { imbalance(book.depths(from, to)) } else { None };
        let top1 = imbalance(book.depths(1, 1));
        let top5 = book.depths(1, 5);
        let [bids, asks] = top5.map(|side| to_f64(side.lots) * spec.lot);
        let Logs { returns: [return_1s, return_5s, return_30s], depth: [bid_log, ask_log], .. } = &mut self.logs;
        for (col, x) in [
            (Col::Logret1s, return_1s.of(mid2, before(0))),
            (Col::Logret5s, return_5s.of(mid2, before(1))),
            (Col::Logret30s, return_30s.of(mid2, before(2))),
            (Col::SpreadBps, book.bid().zip(book.ask()).and_then(|(b, a)| spread_bps(b, a))),
            (Col::ObImbalanceTop1, top1),
            (Col::ObImbalanceTop5, imbalance(top5)),
            (Col::DepthBidTop5Log, Some(bid_log.of(bids))),
            (Col::DepthAskTop5Log, Some(ask_log.of(asks))),
            (Col::ObImbDeep5to30, deep),
            (Col::Top1VsDeep, top1.zip(deep).map(|(top, deep)| top - deep)),
            (Col::VwapDev1mBps, mid2.and_then(|m| self.groups.flow(3).deviation_bps(m))),
            (Col::VwapDev30mBps, mid2.and_then(|m| self.groups.flow(5).deviation_bps(m))),
        ] {
            values[col as usize] = x.unwrap_or(f64::NAN);
        }
    }

    /// Adds the row to the row statistics and fills in the columns that come from them.
    fn row_statistics(&mut self, t: i64, values: &mut Values, spec: &Spec) -> Result<(), String> {
        let volume = self.groups.flow(0).volume;
        let lots = i64::try_from(volume)
            .map_err(|_| format!("volume of 1 s, {volume} lots, overflows 63 bits"))?;
        let fixed = |input: Col| {
            let x = values[input as usize];
            match input {
                Col::TradeVol1s => Ok(lots),
                _ if x.is_nan() => Ok(NULL),
                _ => to_fixed(x).ok_or_else(|| format!("{input:?} = {x} is out of the range of exact sums")),
            }
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
        let (rows, first, stats) = &mut self.volumes;
        let end = rows.seek(*first, t - ROBUST_VOLUME_S * SECOND);
        // Often the same comes as goes, no volume above all: then nothing has changed.
        let mut stays = false;
        for number in *first..end {
            let gone = *rows.get(number);
            if gone == lots && !stays {
                stays = true;
            } else {
                stats.remove(gone);
            }
        }
        *first = end;
        rows.forget_before(end);
        rows.push(t, lots);
        if !stays {
            stats.insert(lots);
        }
        values[Col::TradeVol1sRobust1800s as usize] = stats.robust(lots, spec.min_values).unwrap_or(f64::NAN);
        Ok(())
    }
}
