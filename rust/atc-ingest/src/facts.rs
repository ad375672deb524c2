//! What is known of an instrument before its first event.

use crate::error::{Error, Result};
use crate::message::Files;
use crate::step::Step;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the user said; what is `None` the adapter has to know.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    /// The venue's name in the events.
    pub venue: Option<String>,
    /// The symbol, where files hold several.
    pub symbol: Option<String>,
}

/// What an adapter knows of the instrument of some files. Steps are decimals in text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The venue's name in the events.
    pub venue: String,
    /// As the venue spells it.
    pub symbol: String,
    /// Price of one tick, in quote currency; `None`: the adapter does not know it.
    pub tick: Option<String>,
    /// Size of one lot, in base asset (or in contracts: the adapter's docs say so).
    pub lot: Option<String>,
    /// Start of the business day, seconds after 00:00 UTC.
    pub day_cut_utc_s: i64,
    /// Local time minus UTC.
    pub tz_offset_s: i64,
    /// Levels a side that the feed shows; `None`: all.
    pub recorded_depth: Option<u32>,
}

impl Facts {
    /// A symbol whose business day is the UTC date, whose clock is Japan's and whose feed shows the whole book.
    pub fn new(venue: &str, symbol: &str) -> Self {
        Self {
            venue: venue.to_owned(),
            symbol: symbol.to_owned(),
            tick: None,
            lot: None,
            day_cut_utc_s: 0,
            tz_offset_s: 32_400,
            recorded_depth: None,
        }
    }

    /// With the steps of a table of `(symbol, tick, lot)`, if the symbol is in it.
    #[must_use]
    pub fn steps_of(mut self, known: &[(&str, &str, &str)]) -> Self {
        if let Some((_, tick, lot)) = known.iter().find(|(symbol, _, _)| *symbol == self.symbol) {
            self.tick = Some((*tick).to_owned());
            self.lot = Some((*lot).to_owned());
        }
        self
    }
}

/// The instrument as it was settled; equal to that of the canonical events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Instrument {
    /// The venue's name in the events.
    pub venue: String,
    /// As the venue spells it.
    pub symbol: String,
    /// Price of one tick.
    pub tick: String,
    /// Size of one lot.
    pub lot: String,
    /// Start of the business day, seconds after 00:00 UTC.
    pub day_cut_utc_s: i64,
    /// Local time minus UTC, seconds.
    pub tz_offset_s: i64,
    /// Levels a side that the feed shows.
    pub recorded_depth: Option<u32>,
}

impl Instrument {
    /// Exact counters of prices in ticks and sizes in lots.
    ///
    /// # Errors
    /// For steps that are no positive decimals.
    pub fn steps(&self) -> Result<Steps> {
        let price = Step::new(&self.tick, "price", i64::from(i32::MAX)).map_err(Error::Usage)?;
        let size = Step::new(&self.lot, "size", i64::MAX).map_err(Error::Usage)?;
        Ok(Steps { price, size })
    }

    /// Start of business day 1970-01-01, ns UTC; a day is named by the local date on which it starts.
    pub fn first_day_start(&self) -> i64 {
        let days = (self.day_cut_utc_s + self.tz_offset_s).div_euclid(86_400);
        (self.day_cut_utc_s - days * 86_400) * 1_000_000_000
    }
}

/// The two steps of an instrument.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Prices.
    pub price: Step,
    /// Sizes.
    pub size: Step,
}

impl Steps {
    /// A price above 0, in ticks.
    ///
    /// # Errors
    /// For what is no multiple of the tick, 0, or out of range.
    pub fn px(&self, text: &str) -> std::result::Result<i32, String> {
        match self.price.count(text)? {
            0 => Err(format!("price is '{text}'; expected more than 0")),
            ticks => Ok(ticks as i32),
        }
    }

    /// A size, in lots; 0 is one.
    ///
    /// # Errors
    /// For what is no multiple of the lot or out of range.
    pub fn qty(&self, text: &str) -> std::result::Result<i64, String> {
        self.size.count(text)
    }

    /// A size above 0, in lots.
    ///
    /// # Errors
    /// As [`Steps::qty`], and for 0.
    pub fn positive_qty(&self, text: &str) -> std::result::Result<i64, String> {
        match self.size.count(text)? {
            0 => Err(format!("size is '{text}'; expected more than 0")),
            lots => Ok(lots),
        }
    }
}

/// Tells the messages of one symbol from those of others in the same files.
#[derive(Clone, Debug)]
pub struct Ours {
    symbol: String,
    others: BTreeSet<String>,
    found: bool,
}

impl Ours {
    /// The symbol that is wanted.
    pub fn new(symbol: &str) -> Self {
        Self { symbol: symbol.to_owned(), others: BTreeSet::new(), found: false }
    }

    /// Whether a message of `symbol` is wanted; what is not wanted is remembered by name.
    pub fn is(&mut self, symbol: &str) -> bool {
        let ours = symbol == self.symbol;
        self.found |= ours;
        if !ours && !self.others.contains(symbol) {
            self.others.insert(symbol.to_owned());
        }
        ours
    }

    /// A symbol that was not wanted.
    pub fn other(&self) -> Option<&str> {
        self.others.first().map(String::as_str)
    }

    /// The files are read to their end.
    ///
    /// # Errors
    /// If no message was wanted.
    pub fn finish(&self, files: &Files) -> Result<()> {
        if self.found { Ok(()) } else { Err(no_such_symbol(files, &self.symbol, &self.others)) }
    }
}

/// The error for files that hold other symbols only.
pub fn no_such_symbol<'a>(files: &Files, symbol: &str, found: impl IntoIterator<Item = &'a String>) -> Error {
    let mut found: Vec<&str> = found.into_iter().map(String::as_str).collect();
    found.sort_unstable();
    found.dedup();
    let there = if found.is_empty() { "no symbol at all".to_owned() } else { found.join(", ") };
    Error::Data(format!("{}: no events of {symbol}; found {there}", files.names()))
}
