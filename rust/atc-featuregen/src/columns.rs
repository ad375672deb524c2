//! The declarations: every column once, with what a reader needs to know of it.
//!
//! The documentation, the schema check and the feature sets are made from this table.

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Column name.
    pub name: &'static str,
    /// Family: `legacy`, `nits`, `phase2`, `gate`, `ticker`, `ticker_nits`.
    pub family: &'static str,
    /// Event kinds it is computed from, `clock` for time alone.
    pub inputs: &'static str,
    /// How far it looks back, s; `None` for the current state.
    pub window_s: Option<u32>,
    /// Unit.
    pub unit: &'static str,
    /// Formula, in the notation of the specification.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
}

macro_rules! columns {
    ($($id:ident = $name:literal, $family:literal, $inputs:literal, $window:expr, $unit:literal, $formula:literal, $source:literal;)*) => {
        /// Index of each column in a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        #[repr(usize)]
        pub enum Col { $($id),* }

        /// All columns, in order.
        pub const DECLARATIONS: &[Declaration] = &[$(Declaration {
            name: $name, family: $family, inputs: $inputs, window_s: $window, unit: $unit, formula: $formula, source: $source,
        }),*];
    };
}

columns! {
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

/// Number of columns.
pub const COLUMNS: usize = DECLARATIONS.len();

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn families_have_the_plan_s_sizes_and_names_are_unique() {
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for d in DECLARATIONS {
            *sizes.entry(d.family).or_default() += 1;
        }
        let expected =
            [("gate", 1), ("legacy", 13), ("nits", 17), ("phase2", 7), ("ticker", 16), ("ticker_nits", 8)];
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), expected);
        let names: std::collections::BTreeSet<_> = DECLARATIONS.iter().map(|d| d.name).collect();
        assert_eq!(names.len(), COLUMNS);
    }
}
