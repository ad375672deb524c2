//! Numbers rounded once to multiples of 2⁻⁴⁰, so that their sums are exact and depend neither on order nor on where a stream was cut.

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

/// The nearest float; most sums fit 64 bits, for which the machine has an instruction.
pub fn to_f64(x: i128) -> f64 {
    i64::try_from(x).map_or(x as f64, |x| x as f64)
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
    fn wide_and_narrow_integers_round_alike() {
        for x in
            [0, 1, -1, (1 << 53) + 1, i128::from(i64::MAX), i128::from(i64::MIN), 1 << 90, -(1 << 90) - 1]
        {
            assert_eq!(to_f64(x), x as f64);
        }
    }
}
