//! What is computed from two prices.

/// Spread over mid, bps; `None` unless bid < ask (ticks).
pub fn spread_bps(bid: i32, ask: i32) -> Option<f64> {
    let (bid, ask) = (f64::from(bid), f64::from(ask));
    (bid < ask).then(|| 2e4 * (ask - bid) / (ask + bid))
}

/// ln(now/before) of two prices in the same unit, the last one kept: from row to row prices often stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRatio {
    prices: (i64, i64),
    value: f64,
}

impl LogRatio {
    /// `None` if either price is.
    pub fn of(&mut self, now: Option<i64>, before: Option<i64>) -> Option<f64> {
        let prices = (now?, before?);
        if prices != self.prices {
            let value = if prices.0 == prices.1 { 0.0 } else { libm::log(prices.0 as f64 / prices.1 as f64) };
            *self = Self { prices, value };
        }
        Some(self.value)
    }
}

/// ln(1 + x), the last one kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log1p {
    x: f64,
    value: f64,
}

impl Log1p {
    /// Of x > −1.
    pub fn of(&mut self, x: f64) -> f64 {
        if x != self.x {
            *self = Self { x, value: libm::log1p(x) };
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_would_be_computed() {
        let (mut ratio, mut log) = (LogRatio::default(), Log1p::default());
        for (now, before) in [(5, 4), (5, 4), (4, 5), (4, 4), (5, 4)] {
            assert_eq!(ratio.of(Some(now), Some(before)), Some(libm::log(now as f64 / before as f64)));
            assert_eq!(ratio.of(None, Some(before)), None);
        }
        for x in [0.0, 0.0, 2.5, 2.5, 1e9, 0.0] {
            assert_eq!(log.of(x).to_bits(), libm::log1p(x).to_bits());
        }
    }
}
