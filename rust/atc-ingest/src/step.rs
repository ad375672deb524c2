//! Decimal text to integer ticks and lots, exactly or not at all.

/// Counts decimals in a step: `Step::new("0.01", …)` counts "12.30" as 1230. No float is involved.
#[derive(Clone, Debug)]
pub struct Step {
    text: String,
    name: &'static str,
    largest: i64,
    /// step = unit / 10^decimals
    unit: u128,
    decimals: i32,
}

/// A number as digits × 10^exponent.
struct Decimal {
    digits: u128,
    exponent: i32,
}

const POWERS: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

impl Step {
    /// A counter in steps of `step`, named `name` in messages, up to `largest` steps.
    ///
    /// # Errors
    /// If the step is no positive decimal.
    pub fn new(step: &str, name: &'static str, largest: i64) -> Result<Self, String> {
        let decimal = parse(step).filter(|decimal| decimal.digits > 0);
        let Some(Decimal { mut digits, mut exponent }) = decimal else {
            return Err(format!("the step of {name} is '{step}'; expected a positive decimal"));
        };
        while digits % 10 == 0 && exponent < 0 {
            digits /= 10;
            exponent += 1;
        }
        let unit = if exponent > 0 { scaled(digits, exponent) } else { Some(digits) };
        let unit =
            unit.ok_or_else(|| format!("the step of {name} is '{step}'; expected at most 38 digits"))?;
        Ok(Self { text: step.to_owned(), name, largest, unit, decimals: (-exponent).max(0) })
    }

    /// The number of steps in a decimal that is not negative.
    ///
    /// # Errors
    /// For what is no decimal, is negative, no multiple of the step, or out of range.
    #[inline]
    pub fn count(&self, text: &str) -> Result<i64, String> {
        match self.plain(text.as_bytes()) {
            Some(count) => Ok(count),
            None => self.any(text),
        }
    }

    /// Digits with at most one point that fit 64 bits: nearly all there is. `None` says nothing yet.
    #[inline]
    fn plain(&self, text: &[u8]) -> Option<i64> {
        if text.is_empty() || text.len() > 19 {
            return None;
        }
        let (mut digits, mut point) = (0u64, text.len());
        for (i, &byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
                b'.' if point == text.len() && text.len() > 1 => point = i,
                _ => return None,
            }
        }
        let fraction = (text.len() - point).saturating_sub(1) as i32;
        let shift = self.decimals - fraction;
        let scaled = if shift >= 0 {
            digits.checked_mul(u64::try_from(*POWERS.get(shift as usize)?).ok()?)?
        } else {
            let power = u64::try_from(*POWERS.get(-shift as usize)?).ok()?;
            if !digits.is_multiple_of(power) {
                return None;
            }
            digits / power
        };
        let unit = u64::try_from(self.unit).ok()?;
        let count = if unit == 1 {
            scaled
        } else if scaled.is_multiple_of(unit) {
            scaled / unit
        } else {
            return None;
        };
        i64::try_from(count).ok().filter(|count| *count <= self.largest)
    }

    #[cold]
    fn any(&self, text: &str) -> Result<i64, String> {
        let name = self.name;
        let (negative, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let Some(Decimal { digits, exponent }) = parse(magnitude) else {
            return Err(format!("{name} is '{text}'; expected a decimal number"));
        };
        if digits == 0 {
            return Ok(0);
        }
        if negative {
            return Err(format!("{name} is '{text}'; expected a number that is not negative"));
        }
        let no_multiple = || format!("{name} is {text}; expected a multiple of {}", self.text);
        let too_large =
            || format!("{name} is {text}; expected at most {} steps of {}", self.largest, self.text);
        let shift = self.decimals + exponent;
        let scaled = if shift >= 0 {
            scaled(digits, shift).ok_or_else(too_large)?
        } else {
            let power = POWERS.get(shift.unsigned_abs() as usize).ok_or_else(no_multiple)?;
            if digits % power != 0 {
                return Err(no_multiple());
            }
            digits / power
        };
        if !scaled.is_multiple_of(self.unit) {
            return Err(no_multiple());
        }
        i64::try_from(scaled / self.unit).ok().filter(|count| *count <= self.largest).ok_or_else(too_large)
    }
}

fn scaled(digits: u128, power: i32) -> Option<u128> {
    digits.checked_mul(*POWERS.get(usize::try_from(power).ok()?)?)
}

/// `digits[.digits][e±digits]`, without a sign.
fn parse(text: &str) -> Option<Decimal> {
    let (mantissa, power) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok().filter(|p| p.abs() < 1_000)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits = 0u128;
    let fraction = fraction.trim_end_matches('0');
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        digits = digits.checked_mul(10)?.checked_add(u128::from(byte - b'0'))?;
    }
    Some(Decimal { digits, exponent: power - fraction.len() as i32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(step: &str, text: &str) -> Result<i64, String> {
        Step::new(step, "price", i64::from(i32::MAX)).unwrap().count(text)
    }

    #[test]
    fn decimals_are_counted_exactly() {
        assert_eq!(count("0.01", "12.30"), Ok(1230));
        assert_eq!(count("0.01", "12.3000000"), Ok(1230));
        assert_eq!(count("0.01", "12"), Ok(1200));
        assert_eq!(count("0.01", ".5"), Ok(50));
        assert_eq!(count("0.01", "5."), Ok(500));
        assert_eq!(count("0.05", "12.30"), Ok(246));
        assert_eq!(count("10", "120"), Ok(12));
        assert_eq!(count("1e-3", "1e-3"), Ok(1));
        assert_eq!(count("0.00000001", "1E-8"), Ok(1));
        assert_eq!(count("1", "479201.0"), Ok(479_201));
        assert_eq!(count("1", "-0.0"), Ok(0));
        assert_eq!(count("0.01", "00000000000000000000012.3"), Ok(1230));
    }

    #[test]
    fn everything_else_is_named() {
        for (step, text, word) in [
            ("0.01", "12.301", "multiple of 0.01"),
            ("0.05", "12.31", "multiple of 0.05"),
            ("0.01", "", "decimal number"),
            ("0.01", ".", "decimal number"),
            ("0.01", "1.2.3", "decimal number"),
            ("0.01", "nan", "decimal number"),
            ("0.01", "1_0", "decimal number"),
            ("0.01", "-1", "not negative"),
            ("0.01", "21474836.48", "at most 2147483647 steps of 0.01"),
            ("1", "1e30", "at most"),
        ] {
            let told = count(step, text).unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        }
        assert!(Step::new("0", "price", 9).is_err());
        assert!(Step::new("-1", "price", 9).is_err());
    }
}
