//! How large orders are.

use crate::{params::Params, rng::Rng};

/// The size of a market order whose body has the median `median`, lots: a log-normal body, a power-law tail, and
/// clusters at preferred numbers (sources with the parameters).
pub(crate) fn taker_size(params: &Params, median: f64, rng: &mut Rng) -> i64 {
    let largest = params.largest_order_lots;
    let size = if rng.chance(params.market_tail_share) {
        rng.pareto(params.market_tail_least_lots, params.market_tail_exponent, largest as f64)
    } else {
        rng.log_normal(median, params.market_log_sigma)
    };
    let size = if rng.chance(params.market_round_share) { preferred(size) } else { size as i64 };
    size.clamp(1, largest)
}

/// The size of a limit order, lots: log-normal.
pub(crate) fn limit_size(params: &Params, median: f64, rng: &mut Rng) -> i64 {
    (rng.log_normal(median, params.limit_log_sigma) as i64).clamp(1, params.largest_order_lots)
}

/// The nearest of 1, 2, 5, 10, 20, 50, … to `size` by ratio.
fn preferred(size: f64) -> i64 {
    let mut unit = 1;
    // Borders between neighbours are their geometric means.
    while size >= 7.071 * unit as f64 {
        unit *= 10;
    }
    let digit = size / unit as f64;
    if digit < 1.414 {
        unit
    } else if digit < 3.162 {
        2 * unit
    } else {
        5 * unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferred_numbers_are_the_nearest() {
        for (size, expected) in [
            (0.2, 1),
            (1.3, 1),
            (1.5, 2),
            (3.0, 2),
            (3.3, 5),
            (7.0, 5),
            (7.2, 10),
            (140.0, 100),
            (800.0, 1_000),
        ] {
            assert_eq!(preferred(size), expected, "{size}");
        }
    }

    #[test]
    fn taker_sizes_have_a_power_law_tail_and_clusters() {
        let params = Params::default();
        let mut rng = Rng::new(1, 0);
        let sizes: Vec<i64> = (0..400_000).map(|_| taker_size(&params, 20.0, &mut rng)).collect();
        let above = |x: i64| sizes.iter().filter(|size| **size > x).count() as f64;
        // Local exponent over a decade that the body does not reach.
        let exponent = (above(550) / above(5_500)).log10();
        assert!((exponent - params.market_tail_exponent).abs() < 0.3, "{exponent}");
        let at = |x: i64| sizes.iter().filter(|size| **size == x).count();
        assert!(at(20) > 5 * at(21) && at(50) > 5 * at(51));
        assert!(sizes.iter().all(|size| (1..=params.largest_order_lots).contains(size)));
    }
}
