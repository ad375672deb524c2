//! The kinds of order flow and their intensities: the only place where the hidden state enters the market.

use crate::{book::Side, latent::Latent, params::Params};

/// Levels counted as near the touch: for the faster cancels, and out of reach of amendments.
pub(crate) const NEAR_LEVELS: usize = 5;

/// Kinds of order flow, each with an intensity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Market(Side),
    LimitNear(Side),
    LimitFar(Side),
    CancelNear(Side),
    CancelFar(Side),
    Amend(Side),
    Revision(Side),
}

/// All flows, the frequent ones first.
pub(crate) const FLOWS: [Flow; 14] = [
    Flow::Amend(Side::Buy),
    Flow::Amend(Side::Sell),
    Flow::CancelFar(Side::Buy),
    Flow::CancelFar(Side::Sell),
    Flow::LimitFar(Side::Buy),
    Flow::LimitFar(Side::Sell),
    Flow::LimitNear(Side::Buy),
    Flow::LimitNear(Side::Sell),
    Flow::CancelNear(Side::Buy),
    Flow::CancelNear(Side::Sell),
    Flow::Market(Side::Buy),
    Flow::Market(Side::Sell),
    Flow::Revision(Side::Buy),
    Flow::Revision(Side::Sell),
];

/// What of the market the intensities see beside the hidden state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Best ask minus best bid, bps of the mid.
    pub spread_bps: f64,
    /// Imbalance of the two best quantities, (bid − ask) / (bid + ask).
    pub imbalance: f64,
    /// Levels of bids and asks.
    pub levels: [usize; 2],
    /// Season × volatility.
    pub pace: f64,
    /// Factor on market orders: what a flash crash does.
    pub haste: f64,
    /// Factor on both leans: what a switch of the planted relation does.
    pub lean_factor: f64,
    /// Whether the venue takes cancels only.
    pub cancels_only: bool,
}

/// The intensity (1/s) of every flow of [`FLOWS`].
pub(crate) fn intensities(params: &Params, latent: &Latent, seen: Seen) -> [f64; FLOWS.len()] {
    let pressure = f64::from(latent.pressure);
    let signed = |side: Side| f64::from(side.sign()) * pressure;
    let taker_bias = params.market_sign_bias * pressure + params.parent_sign_bias * f64::from(latent.parent);
    let activity = params.rate * libm::sqrt(seen.pace);
    let widening = (seen.spread_bps / params.reference_spread_bps).clamp(0.25, 4.0);
    let narrowness = libm::pow(widening, -params.market_spread_exponent);
    let towards = libm::exp(params.imbalance_slope * seen.imbalance);
    let leaning = |side: Side| match side {
        Side::Buy => towards,
        Side::Sell => 1.0 / towards,
    };
    let fading = libm::pow(seen.pace.max(0.1), -params.lean_pace_exponent);
    let lean = if latent.absorbing { params.absorbing_lean } else { params.yielding_lean };
    let lean = (lean * seen.lean_factor * fading).clamp(-1.0, 1.0);
    let deep = |side: Side| seen.levels[side as usize] > params.least_levels;
    let takes_orders = if seen.cancels_only { 0.0 } else { 1.0 };
    FLOWS.map(|flow| match flow {
        Flow::Market(side) => {
            let of_side = 0.5 * (1.0 + taker_bias * f64::from(side.sign()));
            takes_orders * activity * seen.haste * params.market_per_s * of_side * narrowness * leaning(side)
        }
        Flow::LimitNear(side) => {
            takes_orders * activity * params.near_per_s * widening * widening * leaning(side.opposite())
        }
        Flow::LimitFar(side) => {
            takes_orders * params.rate * params.far_per_s * (1.0 + params.far_sign_bias * signed(side))
        }
        Flow::CancelNear(side) if deep(side) => {
            activity * params.near_cancel_per_s * NEAR_LEVELS as f64 * leaning(side)
        }
        Flow::CancelFar(side) if deep(side) => {
            params.rate * params.far_cancel_per_s * seen.levels[side as usize] as f64
        }
        Flow::CancelNear(_) | Flow::CancelFar(_) => 0.0,
        Flow::Amend(_) => takes_orders * params.rate * params.amend_per_s,
        Flow::Revision(side) => {
            takes_orders * params.revision_per_s * seen.pace * 0.5 * (1.0 + lean * signed(side))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: Seen = Seen {
        spread_bps: 3.0,
        imbalance: 0.0,
        levels: [60, 60],
        pace: 1.0,
        haste: 1.0,
        lean_factor: 1.0,
        cancels_only: false,
    };

    fn latent(pressure: i8, absorbing: bool) -> Latent {
        let mut latent = Latent::new(&Params::default(), 1, 0);
        (latent.pressure, latent.absorbing) = (pressure, absorbing);
        latent
    }

    fn of(latent: &Latent, seen: Seen, flow: Flow) -> f64 {
        let at = FLOWS.iter().position(|f| *f == flow).unwrap();
        intensities(&Params::default(), latent, seen)[at]
    }

    /// Intensity of the buyers' flow over that of the sellers'.
    fn ratio(latent: &Latent, seen: Seen, flow: fn(Side) -> Flow) -> f64 {
        of(latent, seen, flow(Side::Buy)) / of(latent, seen, flow(Side::Sell))
    }

    #[test]
    fn pressure_biases_market_orders_and_leans_on_revisions_by_regime() {
        for (absorbing, follows) in [(false, true), (true, false)] {
            let up = latent(1, absorbing);
            assert!(ratio(&up, EVEN, Flow::Market) > ratio(&latent(0, absorbing), EVEN, Flow::Market));
            assert_eq!(ratio(&up, EVEN, Flow::Revision) > 1.0, follows);
            let switched = Seen { lean_factor: -1.0, ..EVEN };
            assert_eq!(ratio(&up, switched, Flow::Revision) > 1.0, !follows);
        }
        assert_eq!(ratio(&latent(0, true), EVEN, Flow::Revision), 1.0);
    }

    #[test]
    fn a_wide_spread_draws_limit_orders_and_keeps_takers_away() {
        let calm = latent(0, false);
        let wide = Seen { spread_bps: 6.0, ..EVEN };
        let buy = |seen, flow: fn(Side) -> Flow| of(&calm, seen, flow(Side::Buy));
        assert!((buy(wide, Flow::LimitNear) / buy(EVEN, Flow::LimitNear) - 4.0).abs() < 1e-9);
        assert!(buy(wide, Flow::Market) < buy(EVEN, Flow::Market));
    }

    #[test]
    fn imbalance_draws_takers_towards_the_thin_side_and_makers_to_it() {
        let calm = latent(0, false);
        let heavy_bids = Seen { imbalance: 0.8, ..EVEN };
        assert!(ratio(&calm, heavy_bids, Flow::Market) > 1.5 * ratio(&calm, EVEN, Flow::Market));
        assert!(ratio(&calm, heavy_bids, Flow::LimitNear) < 0.7);
        assert!(ratio(&calm, heavy_bids, Flow::CancelNear) > 1.5);
        assert_eq!(ratio(&calm, EVEN, Flow::LimitNear), 1.0);
    }

    #[test]
    fn pace_scales_flows_and_fades_the_lean() {
        let up = latent(1, false);
        let fast = Seen { pace: 4.0, ..EVEN };
        for flow in [Flow::Market, Flow::LimitNear] as [fn(Side) -> Flow; 2] {
            assert!((ratio(&up, fast, flow) / ratio(&up, EVEN, flow) - 1.0).abs() < 1e-12);
        }
        let lean = |seen| {
            let r = ratio(&up, seen, Flow::Revision);
            (r - 1.0) / (r + 1.0)
        };
        assert!((lean(EVEN) / lean(fast) - 2.0).abs() < 1e-9);
        let both =
            |seen| of(&up, seen, Flow::Revision(Side::Buy)) + of(&up, seen, Flow::Revision(Side::Sell));
        assert!((both(fast) / both(EVEN) - 4.0).abs() < 1e-9);
        let buys = |seen, flow| of(&up, seen, flow);
        assert!(
            (buys(fast, Flow::Market(Side::Buy)) / buys(EVEN, Flow::Market(Side::Buy)) - 2.0).abs() < 1e-9
        );
    }

    #[test]
    fn the_preopen_takes_cancels_only() {
        let preopen = Seen { cancels_only: true, ..EVEN };
        for (flow, rate) in FLOWS.iter().zip(intensities(&Params::default(), &latent(1, true), preopen)) {
            assert_eq!(matches!(flow, Flow::CancelNear(_) | Flow::CancelFar(_)), rate > 0.0, "{flow:?}");
        }
    }
}
