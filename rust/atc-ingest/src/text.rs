//! JSON as venues write it: numbers that stay text until they are counted exactly.

use crate::error::{Parsed, Problem};
use crate::facts::Steps;
use crate::message::Level;
use serde::Deserialize;
use sonic_rs::{JsonValueTrait, LazyValue};

/// One JSON document, borrowed where it can be.
///
/// # Errors
/// For what is no JSON or has not the fields of `T`; the message names the field.
pub fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Parsed<T> {
    sonic_rs::from_str(utf8(text)?).map_err(|error| {
        // The library says the place as line and column of this one message and adds a picture of it.
        let told = error.to_string();
        let told = told.lines().next().unwrap_or("no JSON");
        let what = told.split(" at line ").next().unwrap_or(told);
        Problem(format!("{what}, near {}", around(text, error.offset())))
    })
}

/// A text whose bytes are checked, which the reader of JSON takes for granted.
///
/// # Errors
/// For what is no UTF-8.
pub fn utf8(text: &[u8]) -> Parsed<&str> {
    std::str::from_utf8(text)
        .map_err(|error| Problem(format!("no UTF-8 near {}", around(text, error.valid_up_to()))))
}

/// The text just before and after a place, on one line.
fn around(text: &[u8], place: usize) -> String {
    let place = place.min(text.len());
    let found = &text[place.saturating_sub(40)..(place + 20).min(text.len())];
    format!("'{}'", String::from_utf8_lossy(found).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The beginning of a text, for a message.
pub fn shown(text: &[u8]) -> String {
    const MOST: usize = 80;
    let beginning = String::from_utf8_lossy(&text[..text.len().min(MOST)]);
    if text.len() > MOST { format!("'{beginning}…'") } else { format!("'{beginning}'") }
}

/// The spelling of a number in JSON, whether it stands in quotes or not: `"0.10"` and `0.10` are `0.10`.
///
/// # Errors
/// For what is neither a number nor a string.
pub fn number<'a>(value: &'a LazyValue<'a>) -> Parsed<&'a str> {
    let raw = value.as_raw_str();
    if value.is_number() {
        return Ok(raw);
    }
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if value.is_str() => Ok(text),
        _ => Err(Problem(format!("found {raw}; expected a number"))),
    }
}

/// `[price, size]` pairs of one side, both in strings, as levels; a size may be 0.
///
/// # Errors
/// For prices and sizes that are no multiples of their steps.
pub fn pairs<T: AsRef<str>>(
    steps: &Steps,
    side: i8,
    pairs: &[(T, T)],
    levels: &mut Vec<Level>,
) -> Parsed<()> {
    levels.reserve(pairs.len());
    for (px, qty) in pairs {
        levels.push(Level { side, px: steps.px(px.as_ref())?, qty: steps.qty(qty.as_ref())? });
    }
    Ok(())
}
