//! z-scores over rows: Σx and Σx² as 128-bit integers.
//!
//! Integer sums do not depend on order or on where a stream was cut, and zero variance is exact.

use crate::fixed::to_f64;
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// Stands for a null among the inputs of a row: neither a fixed-point number nor a size is as small.
pub const NULL: i64 = i64::MIN;

/// Sums of one input over the rows of a window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    n: u64,
    sum: i128,
    squares: i128,
}

impl Sums {
    fn remove(&mut self, x: i64) {
        if x != NULL {
            self.n -= 1;
            self.sum -= i128::from(x);
            self.squares -= i128::from(x) * i128::from(x);
        }
    }

    /// n, mean, and Σ(x−mean)² in exact parts; NaN stands for a score that is undefined, which is so with fewer than `min_values`
    /// and without variance.
    ///
    /// The mean is split into an integer quotient q and remainder r, so that Σ(x−q)² = Σx² − 2qΣx + nq² = Σx² − q(Σx + r) stays exact:
    /// its parts may wrap, the result fits because it is at most Σx².
    fn parts(&self, x: i64, min_values: u64) -> Parts {
        let n = self.n;
        if n < min_values || n < 2 || x == NULL {
            return Parts::UNDEFINED;
        }
        // A division of 64 bits takes an instruction, one of 128 bits a library.
        let (q, r) = match i64::try_from(self.sum) {
            Ok(sum) => floor_division(sum, n as i64),
            Err(_) => (self.sum.div_euclid(i128::from(n)), self.sum.rem_euclid(i128::from(n)) as i64),
        };
        let centred = self.squares.wrapping_sub(q.wrapping_mul(self.sum.wrapping_add(i128::from(r))));
        let centred = if centred == 0 { f64::NAN } else { to_f64(centred) };
        Parts { n: n as i64 as f64, remainder: r as f64, centred, x: to_f64(i128::from(x) - q) }
    }
}

/// Quotient and remainder of a division by n > 0, rounded down, with one division and no branch.
fn floor_division(sum: i64, n: i64) -> (i128, i64) {
    let (quotient, remainder) = (sum / n, sum % n);
    let below = remainder >> 63;
    (i128::from(quotient + below), remainder + (n & below))
}

/// What a z-score is computed from.
#[derive(Clone, Copy)]
struct Parts {
    n: f64,
    /// Of Σx divided by n: the mean is q + remainder/n.
    remainder: f64,
    /// Σ(x−q)².
    centred: f64,
    /// x − q.
    x: f64,
}

impl Parts {
    const UNDEFINED: Self = Self { n: f64::NAN, remainder: 0.0, centred: 0.0, x: 0.0 };
}

/// The inputs of the rows in a time window, several a row, with exact moments of each. Nulls are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowMoments<R> {
    rows: Timeline<R>,
    window: i64,
    first: u64,
    sums: Vec<Sums>,
}

impl<R: AsRef<[i64]>> RowMoments<R> {
    /// Of `inputs` numbers a row, over `(t − window, t]`, in ns.
    pub fn new(inputs: usize, window: i64) -> Self {
        Self { rows: Timeline::new(), window, first: 0, sums: vec![Sums::default(); inputs] }
    }

    /// Adds a row at `t` and lets go of those that left the window. Fails when a Σx² leaves 127 bits.
    pub fn push(&mut self, t: i64, row: R) -> Result<(), String> {
        self.evict(t);
        for (sums, &x) in self.sums.iter_mut().zip(row.as_ref()) {
            if x != NULL {
                sums.n += 1;
                sums.sum += i128::from(x);
                sums.squares = sums.squares.checked_add(i128::from(x) * i128::from(x)).ok_or_else(|| {
                    format!("Σx² of a {} s window overflows 128 bits", self.window / 1_000_000_000)
                })?;
            }
        }
        self.rows.push(t, row);
        Ok(())
    }

    /// Takes the newest row back.
    pub fn pop(&mut self) {
        if let Some((_, row)) = self.rows.pop() {
            for (sums, &x) in self.sums.iter_mut().zip(row.as_ref()) {
                sums.remove(x);
            }
        }
    }

    fn evict(&mut self, t: i64) {
        let end = self.rows.seek(self.first, t - self.window);
        for number in self.first..end {
            let row = self.rows.get(number).as_ref();
            for (sums, &x) in self.sums.iter_mut().zip(row) {
                sums.remove(x);
            }
        }
        self.first = end;
        self.rows.forget_before(end);
    }

    /// z-score of each input of the newest row among all rows; NaN where it is undefined.
    ///
    /// All divisions and roots come last, so that the machine can do several at once.
    pub fn z_scores<const N: usize>(&self, min_values: u64) -> [f64; N] {
        let newest = self.rows.last().map_or(&[][..], |(_, row)| row.as_ref());
        let (mut n, mut remainder, mut centred, mut z) = ([f64::NAN; N], [0.0; N], [0.0; N], [0.0; N]);
        for (i, (sums, &x)) in self.sums.iter().zip(newest).enumerate().take(N) {
            let parts = sums.parts(x, min_values);
            (n[i], remainder[i], centred[i], z[i]) = (parts.n, parts.remainder, parts.centred, parts.x);
        }
        // (x − mean)/std, ddof 1; units of the values cancel.
        for i in 0..N {
            let variance = (centred[i] - remainder[i] * remainder[i] / n[i]) / (n[i] - 1.0);
            z[i] = (z[i] - remainder[i] / n[i]) / variance.sqrt();
        }
        z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn z(m: &RowMoments<[i64; 1]>, min_values: u64) -> Option<f64> {
        Some(m.z_scores::<1>(min_values)[0]).filter(|z| !z.is_nan())
    }

    #[test]
    fn z_of_known_numbers() {
        let mut m = RowMoments::new(1, 100);
        for x in 1..=4 {
            m.push(x, [x]).unwrap();
        }
        // mean 2.5, std √(5/3)
        assert!((z(&m, 2).unwrap() - 1.5 / (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(z(&m, 5), None);
        m.pop();
        assert!((z(&m, 2).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn nulls_are_left_out() {
        let mut m = RowMoments::new(2, 100);
        for (t, row) in [[1, 5], [NULL, 6], [3, 7]].into_iter().enumerate() {
            m.push(t as i64, row).unwrap();
        }
        let scores: [f64; 2] = m.z_scores(2);
        assert!((scores[0] - 1.0 / 2.0_f64.sqrt()).abs() < 1e-15, "mean 2, std √2");
        assert!((scores[1] - 1.0).abs() < 1e-15);
        m.push(3, [NULL, 8]).unwrap();
        assert!(m.z_scores::<2>(2)[0].is_nan());
    }

    #[test]
    fn zero_variance_is_exact_at_any_magnitude() {
        let mut m = RowMoments::new(1, 1_000);
        for t in 0..30 {
            m.push(t, [(1 << 60) + 12_345]).unwrap();
        }
        assert_eq!(z(&m, 20), None);
        m.push(30, [(1 << 60) + 12_346]).unwrap();
        assert!((z(&m, 20).unwrap() - 30.0 / 31.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn overflow_is_an_error() {
        let mut m = RowMoments::new(1, 1_000);
        m.push(0, [i64::MAX]).unwrap();
        m.push(1, [-i64::MAX]).unwrap();
        assert!(m.push(2, [-i64::MAX]).is_err());
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut m = RowMoments::new(1, 10);
        m.push(0, [1_000_000]).unwrap();
        m.push(5, [1]).unwrap();
        m.push(10, [3]).unwrap(); // (0, 10]: the value at 0 is out
        assert!((z(&m, 2).unwrap() - 1.0 / 2.0_f64.sqrt()).abs() < 1e-15);
    }
}
