//! Schema `hawkes`: exponential kernel sums over taker groups, which the intensities of a Hawkes process are linear in.

use crate::declaration::{Schema, schema};
use crate::family::Family;
use crate::fixed::{from_fixed, to_fixed};
use crate::groups::Print;
use crate::market::Market;
use crate::row::Row;
use crate::spec::{SECOND, Spec};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

schema! {
    "hawkes", version 1;
    HawkesBuy1s = "hawkes_buy_1s", "hawkes", "trade", Some(30), "1 / s", "sum over buying groups in 30 s of exp(-(t - t_i) / 1 s) / 1 s", "Hawkes 1971; exponential kernels, Bacry-Mastromatteo-Muzy 2015";
    HawkesSell1s = "hawkes_sell_1s", "hawkes", "trade", Some(30), "1 / s", "the same of selling groups", "Hawkes 1971; exponential kernels, Bacry-Mastromatteo-Muzy 2015";
    HawkesBuy10s = "hawkes_buy_10s", "hawkes", "trade", Some(300), "1 / s", "sum over buying groups in 300 s of exp(-(t - t_i) / 10 s) / 10 s", "Hawkes 1971; exponential kernels, Bacry-Mastromatteo-Muzy 2015";
    HawkesSell10s = "hawkes_sell_10s", "hawkes", "trade", Some(300), "1 / s", "the same of selling groups", "Hawkes 1971; exponential kernels, Bacry-Mastromatteo-Muzy 2015";
    HawkesImbalance10s = "hawkes_imbalance_10s", "hawkes", "trade", Some(300), "1", "(buy - sell) / (buy + sell) of the two of 10 s", "Hawkes 1971; exponential kernels, Bacry-Mastromatteo-Muzy 2015";
}

/// Time constants, the longer last.
const TAUS_S: [i64; 2] = [1, 10];
/// A kernel is cut off after so many time constants: e⁻³⁰ is less than half a unit of 2⁻⁴⁰.
const CUT: i64 = 30;

/// Times of the taker groups, buys and sells apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hawkes {
    groups: [(Timeline<()>, u64); 2],
}

impl Family for Hawkes {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn new(_spec: &Spec) -> Self {
        Self { groups: Default::default() }
    }

    fn on_print(&mut self, print: &Print, _spec: &Spec) -> Result<(), String> {
        let place = match print.side {
            1 => 0,
            -1 => 1,
            _ => return Ok(()),
        };
        self.advance(print.t);
        let groups = &mut self.groups[place].0;
        if print.joined {
            // The group's time is that of its last print.
            groups.pop();
        }
        groups.push(print.t, ());
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, _market: &Market, _spec: &Spec, values: &mut [f64]) -> Result<(), String> {
        self.advance(row.t);
        let [buy, sell] = self.groups.each_ref().map(|(groups, first)| kernel_sums(groups, *first, row.t));
        for (cols, place) in [([Col::HawkesBuy1s, Col::HawkesSell1s], 0), ([Col::HawkesBuy10s, Col::HawkesSell10s], 1)] {
            for (col, sums) in cols.into_iter().zip([buy, sell]) {
                values[col as usize] = from_fixed(sums[place] as f64) / TAUS_S[place] as f64;
            }
        }
        let (buy, sell) = (buy[1], sell[1]);
        if buy + sell != 0 {
            values[Col::HawkesImbalance10s as usize] = (buy - sell) as f64 / (buy + sell) as f64;
        }
        Ok(())
    }
}

impl Hawkes {
    fn advance(&mut self, t: i64) {
        for (groups, first) in &mut self.groups {
            *first = groups.seek(*first, t - CUT * TAUS_S[1] * SECOND);
            groups.forget_before(*first);
        }
    }
}

/// Σ exp(−(t − tᵢ)/τ) for each τ, in units of 2⁻⁴⁰, each term rounded once. From the newest group on, so that the cut of the shorter
/// kernel ends its part.
fn kernel_sums(groups: &Timeline<()>, first: u64, t: i64) -> [i64; TAUS_S.len()] {
    let mut sums = [0; TAUS_S.len()];
    for number in (first..groups.end()).rev() {
        let age = t - groups.time(number);
        for (sum, tau) in sums.iter_mut().zip(TAUS_S) {
            if age < CUT * tau * SECOND {
                let term = libm::exp(-(age as f64 / (tau * SECOND) as f64));
                *sum += to_fixed(term).unwrap_or(0);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_decay_and_are_cut_off() {
        let mut groups = Timeline::new();
        for t in [0, 270, 299, 300] {
            groups.push(t * SECOND, ());
        }
        let [short, long] = kernel_sums(&groups, 0, 300 * SECOND);
        let unit = (1u64 << 40) as f64;
        assert!((short as f64 / unit - (1.0 + (-1.0_f64).exp())).abs() < 2.0 / unit, "the one of 30 s ago is out");
        assert!((long as f64 / unit - (1.0 + (-0.1_f64).exp() + (-3.0_f64).exp())).abs() < 3.0 / unit);
    }

    #[test]
    fn what_the_cut_leaves_out_is_less_than_half_a_unit() {
        assert_eq!(to_fixed(libm::exp(-(CUT as f64))), Some(0));
    }
}
