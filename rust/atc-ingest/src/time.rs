//! Venues' spellings of time to ns since the epoch, UTC.

const DAY_S: i64 = 86_400;

/// ISO 8601, `2025-07-16T05:12:27.563270700Z`: a blank for the T, a missing zone mark (then UTC) and `±hh:mm` are read
/// too; exact to the ns.
///
/// # Errors
/// For other spellings, and for dates and times that do not exist.
pub fn utc_ns(text: &str) -> Result<i64, String> {
    parse(text.as_bytes())
        .ok_or_else(|| format!("time is '{text}'; expected YYYY-MM-DD HH:MM:SS.fff, in UTC or with its zone"))
}

fn parse(text: &[u8]) -> Option<i64> {
    if text.len() < 19 || text[4] != b'-' || text[7] != b'-' || !matches!(text[10], b'T' | b' ') {
        return None;
    }
    let date = days(number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?)?;
    let seconds = clock(&text[11..19])?;
    let mut rest = &text[19..];
    let mut ns = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if len == 0 || len > 9 {
            return None;
        }
        ns = number(&fraction[..len])? * 10i64.pow(9 - len as u32);
        rest = &fraction[len..];
    }
    let zone_s = match rest {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), hh @ .., b':', m1, m2] if hh.len() == 2 => {
            let (hours, minutes) = (number(hh)?, number(&[*m1, *m2])?);
            let offset = hours * 3_600 + minutes * 60;
            if hours > 14 || minutes > 59 {
                return None;
            }
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    (date * DAY_S + seconds - zone_s).checked_mul(1_000_000_000)?.checked_add(ns)
}

fn clock(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (h, m, s) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    (h < 24 && m < 60 && s < 60).then_some(h * 3_600 + m * 60 + s)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) || year < 1 {
        return None;
    }
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400;
    // 719 162 days lie between 0001-01-01 and 1970-01-01.
    let months: i64 = lengths[..(month - 1) as usize].iter().sum();
    Some(before * 365 + leaps - 719_162 + months + day - 1)
}

/// Midnight in New York of a date `YYYY-MM-DD`, ns UTC.
///
/// Daylight saving time began at 02:00 on the second Sunday of March and ends on the first one of November; from 1987 to
/// 2006 on the first one of April and the last one of October. Source: 15 U.S.C. 260a, and its wording before 2007.
///
/// # Errors
/// For what is no date, and for years before 1987.
pub fn new_york_midnight_ns(date: &str) -> Result<i64, String> {
    let wrong = || format!("date is '{date}'; expected YYYY-MM-DD, from 1987 on");
    let utc = Some(date)
        .filter(|date| date.len() == 10)
        .and_then(|date| parse(format!("{date} 00:00:00").as_bytes()));
    let utc = utc.ok_or_else(wrong)?;
    let year = number(&date.as_bytes()[..4]).filter(|year| *year >= 1987).ok_or_else(wrong)?;
    let (begins, ends) = if year >= 2007 { ((3, 8), (11, 1)) } else { ((4, 1), (10, 25)) };
    let sunday = |(month, day)| days(year, month, day).map(|from| from + (3 - from).rem_euclid(7));
    let day = utc.div_euclid(DAY_S * 1_000_000_000);
    // The change comes after midnight, so the day of it still begins by the old clock.
    let summer =
        sunday(begins).is_some_and(|first| day > first) && sunday(ends).is_some_and(|last| day <= last);
    Ok(utc + if summer { 4 } else { 5 } * 3_600_000_000_000)
}

/// ns of integer ms since the epoch.
///
/// # Errors
/// If that is out of range.
pub fn ns_of_ms(ms: i64) -> Result<i64, String> {
    ms.checked_mul(1_000_000).ok_or_else(|| format!("time is {ms} ms; expected ms since 1970"))
}

/// ns of integer µs since the epoch.
///
/// # Errors
/// If that is out of range.
pub fn ns_of_us(us: i64) -> Result<i64, String> {
    us.checked_mul(1_000).ok_or_else(|| format!("time is {us} µs; expected µs since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_york() {
        let offset_h = |date: &str| {
            let utc = utc_ns(&format!("{date} 00:00:00")).unwrap();
            (new_york_midnight_ns(date).unwrap() - utc) / 3_600_000_000_000
        };
        // The Sundays of the change and their neighbours: 11 March and 4 November 2012, 2 April and 29 October 2006.
        for (date, hours) in [
            ("2012-06-21", 4),
            ("2012-03-11", 5),
            ("2012-03-12", 4),
            ("2012-11-04", 4),
            ("2012-11-05", 5),
            ("2006-04-02", 5),
            ("2006-04-03", 4),
            ("2006-10-29", 4),
            ("2006-10-30", 5),
            ("2024-01-01", 5),
        ] {
            assert_eq!(offset_h(date), hours, "{date}");
        }
        for bad in ["2012-02-30", "1986-06-21", "2012-6-21", "2012-06-21 "] {
            assert!(new_york_midnight_ns(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spellings() {
        assert_eq!(utc_ns("1970-01-01 00:00:00"), Ok(0));
        assert_eq!(utc_ns("2025-07-16T05:12:27.563270700Z"), Ok(1_752_642_747_563_270_700));
        assert_eq!(utc_ns("2018-01-21T00:00:06.5+09:00"), Ok(1_516_460_406_500_000_000));
        assert_eq!(utc_ns("2000-02-29 23:59:59"), Ok(951_868_799_000_000_000));
        for bad in
            ["", "2025-02-29 00:00:00", "2025-01-01 24:00:00", "2025-01-01T00:00:00.Z", "2025-1-1 00:00:00"]
        {
            assert!(utc_ns(bad).unwrap_err().contains("expected YYYY-MM-DD"), "{bad}");
        }
    }
}
