//! What is computed from two prices.

/// Spread over mid, bps; `None` unless bid < ask (ticks).
pub fn spread_bps(bid: i32, ask: i32) -> Option<f64> {
    let (bid, ask) = (f64::from(bid), f64::from(ask));
    (bid < ask).then(|| 2e4 * (ask - bid) / (ask + bid))
}

/// ln(now/before) of two prices in the same unit.
pub fn log_ratio(now: Option<i64>, before: Option<i64>) -> Option<f64> {
    let (now, before) = (now?, before?);
    Some(if now == before { 0.0 } else { libm::log(now as f64 / before as f64) })
}
