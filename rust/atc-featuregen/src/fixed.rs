//! Numbers rounded once to multiples of 2⁻⁴⁰, so that their sums are exact and depend neither on order nor on where a stream was cut.

const SCALE: f64 = (1u64 << 40) as f64;

/// `x` in units of 2⁻⁴⁰, ties to even; `None` where that does not fit 63 bits.
pub fn to_fixed(x: f64) -> Option<i64> {
    let scaled = x * SCALE;
    // Below 2⁵¹ the addition itself rounds to a whole number, ties to even: the sum has no bits for a fraction.
    if scaled.abs() < (1u64 << 51) as f64 {
        const WHOLE: f64 = 3.0 * (1u64 << 51) as f64;
        return Some((scaled + WHOLE - WHOLE) as i64);
    }
    let scaled = scaled.round_ties_even();
    (scaled.abs() < 9.2e18).then_some(scaled as i64)
}

/// `x` in units of 2⁻⁴⁰ as a float.
pub fn from_fixed(x: f64) -> f64 {
    x / SCALE
}

/// The nearest float, as `x as f64`, for which the machine has no instruction.
///
/// Of a wide number the 63 leading bits decide, if the last of them stands for all that follow.
pub fn to_f64(x: i128) -> f64 {
    if let Ok(narrow) = i64::try_from(x) {
        return narrow as f64;
    }
    let size = x.unsigned_abs();
    let shift = 65 - size.leading_zeros();
    let (leading, following) = ((size >> shift) as i64, size << (128 - shift));
    let rounded = (leading | i64::from(following != 0)) as f64;
    let scaled = rounded * f64::from_bits(u64::from(1_023 + shift) << 52);
    if x < 0 { -scaled } else { scaled }
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
        // On both sides of the place where another way of rounding begins.
        for k in -9..9 {
            for half in [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5] {
                let scaled = f64::from(k) * (1u64 << 48) as f64 + half;
                assert_eq!(to_fixed(scaled * unit), Some(scaled.round_ties_even() as i64), "{scaled}");
            }
        }
    }

    #[test]
    fn wide_and_narrow_integers_round_alike() {
        let mut x: i128 = 1;
        for bits in 0..127 {
            // Ties, what lies beside them, and whatever comes of the multiplications.
            let tie = if bits > 53 { (1 << bits) | (1 << (bits - 53)) } else { 1 << bits };
            x = x.wrapping_mul(0x5851_F42D_4C95_7F2D_1405_7B7E_F767_814F) | 1;
            let odd = x >> (127 - bits);
            for near in [tie - 1, tie, tie + 1, (1 << bits) - 1, odd, odd + 1] {
                assert_eq!((to_f64(near), to_f64(-near)), (near as f64, (-near) as f64), "{near}");
            }
        }
        assert_eq!((to_f64(i128::MAX), to_f64(i128::MIN)), (i128::MAX as f64, i128::MIN as f64));
        assert_eq!(to_f64(i128::from(u64::MAX)), u64::MAX as f64);
    }
}
