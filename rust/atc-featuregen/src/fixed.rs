//! Exact sums: inputs rounded once to multiples of 2⁻⁴⁰, Σx and Σx² as 128-bit integers.
//!
//! Integer sums do not depend on order or on where a stream was cut, and zero variance is exact.

use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

const SCALE: f64 = (1u64 << 40) as f64;

/// `x` in units of 2⁻⁴⁰, ties to even; `None` where that does not fit 63 bits.
pub fn to_fixed(x: f64) -> Option<i64> {
    let scaled = (x * SCALE).round_ties_even();
    (scaled.abs() < 9.2e18).then_some(scaled as i64)
}

/// `x` in units of 2⁻⁴⁰ as a float.
pub fn from_fixed(x: f64) -> f64 {
    x / SCALE
}

/// Values of the rows in a time window, with exact moments. Units of the values cancel in [`Moments::z`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moments {
    values: Timeline<i64>,
    window: i64,
    first: u64,
    sum: i128,
    squares: i128,
}

impl Moments {
    /// Over `(t − window, t]`, in ns.
    pub fn new(window: i64) -> Self {
        Self { values: Timeline::new(), window, first: 0, sum: 0, squares: 0 }
    }

    /// Adds a value at `t` and lets go of those that left the window. Fails when Σx² leaves 127 bits.
    pub fn push(&mut self, t: i64, x: i64) -> Result<(), String> {
        self.evict(t);
        let square = i128::from(x) * i128::from(x);
        self.squares = self
            .squares
            .checked_add(square)
            .ok_or_else(|| format!("Σx² of a {} s window overflows 128 bits", self.window / 1_000_000_000))?;
        self.sum += i128::from(x);
        self.values.push(t, x);
        Ok(())
    }

    /// Takes the newest value back.
    pub fn pop(&mut self) {
        if let Some((_, x)) = self.values.pop() {
            self.sum -= i128::from(x);
            self.squares -= i128::from(x) * i128::from(x);
        }
    }

    fn evict(&mut self, t: i64) {
        let end = self.values.seek(self.first, t - self.window);
        for index in self.first..end {
            let x = *self.values.get(index);
            self.sum -= i128::from(x);
            self.squares -= i128::from(x) * i128::from(x);
        }
        self.first = end;
        self.values.forget_before(end);
    }

    /// (x − mean)/std (ddof 1) of the newest value among all; `None` with fewer than `min_values` or no variance.
    ///
    /// The mean is split into an integer quotient q and remainder r, so that Σ(x−q)² = Σx² − 2qΣx + nq² stays exact:
    /// its parts may wrap, the result fits because it is at most Σx².
    pub fn z(&self, min_values: u64) -> Option<f64> {
        let n = self.values.end() - self.first;
        if n < min_values || n < 2 {
            return None;
        }
        let x = i128::from(*self.values.get(self.values.end() - 1));
        let count = i128::from(n);
        let (q, r) = (self.sum.div_euclid(count), self.sum.rem_euclid(count));
        let centred = self
            .squares
            .wrapping_sub(q.wrapping_mul(2).wrapping_mul(self.sum))
            .wrapping_add(count.wrapping_mul(q.wrapping_mul(q)));
        if centred == 0 {
            return None;
        }
        let (nf, rf) = (n as f64, r as f64);
        let variance = (centred as f64 - rf * rf / nf) / (nf - 1.0);
        Some(((x - q) as f64 - rf / nf) / variance.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_even() {
        let unit = 1.0 / SCALE;
        assert_eq!(to_fixed(0.5 * unit), Some(0));
        assert_eq!(to_fixed(1.5 * unit), Some(2));
        assert_eq!(to_fixed(-2.5 * unit), Some(-2));
        assert_eq!(to_fixed(f64::NAN), None);
        assert_eq!(to_fixed(1e9), None);
    }

    #[test]
    fn z_of_known_numbers() {
        let mut m = Moments::new(100);
        for x in 1..=4 {
            m.push(x, x).unwrap();
        }
        // mean 2.5, std √(5/3)
        assert!((m.z(2).unwrap() - 1.5 / (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(m.z(5), None);
        m.pop();
        assert!((m.z(2).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn zero_variance_is_exact_at_any_magnitude() {
        let mut m = Moments::new(1_000);
        for t in 0..30 {
            m.push(t, (1 << 60) + 12_345).unwrap();
        }
        assert_eq!(m.z(20), None);
        m.push(30, (1 << 60) + 12_346).unwrap();
        assert!((m.z(20).unwrap() - 30.0 / 31.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn overflow_is_an_error() {
        let mut m = Moments::new(1_000);
        m.push(0, i64::MAX).unwrap();
        m.push(1, i64::MIN).unwrap();
        assert!(m.push(2, i64::MIN).is_err());
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut m = Moments::new(10);
        m.push(0, 1_000_000).unwrap();
        m.push(5, 1).unwrap();
        m.push(10, 3).unwrap(); // (0, 10]: the value at 0 is out
        assert!((m.z(2).unwrap() - 1.0 / 2.0_f64.sqrt()).abs() < 1e-15);
    }
}
