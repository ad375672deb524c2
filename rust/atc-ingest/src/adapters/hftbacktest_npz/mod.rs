//! Feed data of hftbacktest 2: npz files with an array `data` of 64-byte rows.
//!
//! - Time: `ts_recv` is `local_ts`, `ts_exch` is `exch_ts`. Rows that are valid at the exchange only are copies of others, put
//!   where the exchange had them, and are passed over.
//! - Side: BUY is the bid's side of the book, and a taker that bought.
//! - Size: as in the file, absolute; 0 deletes a level. Prices and sizes are floats: the nearest multiple of tick and lot,
//!   and an error where that is further away than rounding explains.
//! - A file that `atc export hftbacktest` wrote has further arrays: it becomes the very events that were exported
//!   ([`exported`]). Any other file has to be told venue, symbol, tick and lot, and its rows become messages ([`foreign`]).
//!
//! Source: hftbacktest.readthedocs.io, "Data"; `hftbacktest.types` and `MarketDepth` of version 2.4.

mod exported;
mod foreign;

use crate::adapters::{Adapter, Reading};
use crate::error::{Error, Parsed, Problem, Result};
use crate::facts::{Asked, Facts, Instrument};
use crate::message::Files;
use crate::npz::{Element, Npz};
use crate::report::Report;
use crate::source::Progress;

/// The format.
pub static ADAPTER: Adapter = Adapter {
    name: "hftbacktest_npz",
    version: 1,
    about: "hftbacktest's npz, also as `atc export hftbacktest` writes it",
    facts,
    open,
};

const DATA: &str = "data";

/// Kinds of events, the lowest byte of `ev`.
mod kind {
    pub const DEPTH: u64 = 1;
    pub const TRADE: u64 = 2;
    pub const CLEAR: u64 = 3;
    pub const SNAPSHOT: u64 = 4;
    pub const BEST: u64 = 5;
}

const LOCAL: u64 = 1 << 30;
const BUY: u64 = 1 << 29;
const SELL: u64 = 1 << 28;

/// A row of `data`, without what no level-2 feed uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    ev: u64,
    exch_ts: i64,
    local_ts: i64,
    px: f64,
    qty: f64,
}

impl Row {
    /// +1, −1, or 0 without a side.
    fn side(&self) -> i8 {
        match (self.ev & BUY != 0, self.ev & SELL != 0) {
            (true, false) => 1,
            (false, true) => -1,
            _ => 0,
        }
    }
}

impl Element for Row {
    const SIZE: usize = 64;

    fn descr() -> String {
        "[('ev','<u8'),('exch_ts','<i8'),('local_ts','<i8'),('px','<f8'),('qty','<f8'),('order_id','<u8'),('ival','<i8'),('fval','<f8')]".to_owned()
    }

    fn decoded(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            let mut raw = [0; 8];
            raw.copy_from_slice(&bytes[8 * at..8 * at + 8]);
            u64::from_le_bytes(raw)
        };
        Self {
            ev: word(0),
            exch_ts: word(1) as i64,
            local_ts: word(2) as i64,
            px: f64::from_bits(word(3)),
            qty: f64::from_bits(word(4)),
        }
    }
}

/// Floats to counts of a decimal step.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// step = digits / power
    digits: f64,
    power: f64,
    name: &'static str,
}

impl Scale {
    fn new(step: &str, name: &'static str) -> Result<Self> {
        let (whole, fraction) = step.split_once('.').unwrap_or((step, ""));
        let digits = format!("{whole}{fraction}").parse::<u64>().ok().filter(|digits| *digits > 0);
        match digits {
            Some(digits) if digits < 1 << 53 && fraction.len() <= 22 => {
                Ok(Self { digits: digits as f64, power: 10f64.powi(fraction.len() as i32), name })
            }
            _ => Err(Error::Usage(format!(
                "the step of {name} is '{step}'; expected a positive decimal of at most 15 digits"
            ))),
        }
    }

    /// The nearest count.
    ///
    /// # Errors
    /// If the value is further from it than rounding explains, or too large to be counted exactly.
    fn count(&self, value: f64) -> Parsed<i64> {
        let steps = value * self.power / self.digits;
        let nearest = steps.round();
        // A value of n digits that was computed with floats is off by a few parts in 2^53.
        let allowed = (nearest.abs() / (1u64 << 49) as f64).max(1e-6);
        if (steps - nearest).abs() <= allowed && nearest.abs() * self.digits <= (1u64 << 53) as f64 {
            return Ok(nearest as i64);
        }
        let step = self.digits / self.power;
        Err(Problem(format!("{} is {value}; expected a multiple of {step}; give another step", self.name)))
    }
}

#[derive(Clone, Copy, Debug)]
struct Scales {
    price: Scale,
    size: Scale,
}

impl Scales {
    fn of(instrument: &Instrument) -> Result<Self> {
        Ok(Self { price: Scale::new(&instrument.tick, "price")?, size: Scale::new(&instrument.lot, "size")? })
    }

    fn px(&self, value: f64) -> Parsed<i32> {
        let ticks = self.price.count(value)?;
        i32::try_from(ticks).map_err(|_| Problem(format!("price {value} is {ticks} ticks; expected 32 bits")))
    }

    fn qty(&self, value: f64) -> Parsed<i64> {
        self.size.count(value)
    }
}

/// The arrays of all files; either all were exported by ATC or none.
fn opened(files: &Files) -> Result<(Vec<Npz>, bool)> {
    let found = files.iter().map(|(_, path)| Npz::open(path)).collect::<Result<Vec<_>>>()?;
    let ours = found.iter().filter(|npz| npz.has(exported::FACTS)).count();
    if ours != 0 && ours != found.len() {
        return Err(Error::Usage(format!(
            "{}: {ours} of {} files were exported by ATC; give them and the others in commands of their own",
            files.names(),
            found.len()
        )));
    }
    Ok((found, ours > 0))
}

fn facts(files: &Files, asked: &Asked) -> Result<Facts> {
    match opened(files)? {
        (found, true) => exported::facts(&found, asked),
        (_, false) => foreign::facts(files, asked),
    }
}

fn open(
    files: &Files,
    instrument: &Instrument,
    progress: &Progress,
    report: &mut Report,
) -> Result<Box<dyn Reading>> {
    let scales = Scales::of(instrument)?;
    match opened(files)? {
        (found, true) => exported::open(found, instrument, scales, progress),
        (found, false) => foreign::open(files, found, scales, progress, report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_counted_to_the_nearest_step_or_refused() {
        let scale = Scale::new("0.01", "price").unwrap();
        assert_eq!(scale.count(2683.81), Ok(268_381));
        assert_eq!(scale.count(0.07), Ok(7));
        assert_eq!(scale.count(3.0 * 0.1), Ok(30));
        assert_eq!(scale.count(-1.5), Ok(-150));
        let told = scale.count(2683.814).unwrap_err().0;
        assert!(told.contains("price is 2683.814; expected a multiple of 0.01"), "{told}");
        assert!(scale.count(f64::NAN).is_err() && scale.count(1e300).is_err());
        assert_eq!(Scale::new("0.05", "price").unwrap().count(12.35), Ok(247));
        assert_eq!(Scale::new("10", "size").unwrap().count(120.0), Ok(12));
        assert!(Scale::new("0", "size").is_err() && Scale::new("x", "size").is_err());
    }
}
