//! Readers of venue formats, one module a format, found by the module's name.
//!
//! A module states the venue's conventions of side, time and size with their source, and offers one `static ADAPTER`. To
//! add one: write the module, list it in [`ALL`], raise nothing else. `version` is raised when it would make other events of
//! the same files.

pub mod binance_2020;
pub mod binance_raw;
pub mod binance_vision;
pub mod bitflyer_2018;
pub mod bitflyer_ws;
pub mod bitstamp_l3;
pub mod bybit;
pub mod coinbase;
pub mod databento_mbp10;
pub mod gmo_trades;
pub mod gmo_ws;
pub mod hftbacktest_npz;
pub mod jpy_recorder;
pub mod lobster;
pub mod tardis;

use crate::error::{Error, Result};
use crate::facts::{Asked, Facts, Instrument};
use crate::message::{Files, Message};
use crate::report::Report;
use crate::source::Progress;
use crate::stream::{Out, Stream};

/// Starts to read the events of an instrument.
pub type Open = fn(&Files, &Instrument, &Progress, &mut Report) -> Result<Box<dyn Reading>>;

/// A format that can be read.
pub struct Adapter {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// Raised when it would make other events of the same files.
    pub version: u32,
    /// What it reads, in one line.
    pub about: &'static str,
    /// What the files, and the adapter, say about the instrument.
    pub facts: fn(&Files, &Asked) -> Result<Facts>,
    /// Starts to read the events of an instrument.
    pub open: Open,
}

/// A format in the course of being read.
pub trait Reading: Send {
    /// Reads on: what the next input messages add to the stream goes to `out`, in the order of `ts_recv`. False at the end.
    ///
    /// # Errors
    /// For malformed input, with its place.
    fn read(&mut self, out: &mut Vec<Message>, report: &mut Report) -> Result<bool>;
}

/// All formats, by name.
pub static ALL: &[&Adapter] = &[
    &binance_2020::ADAPTER,
    &binance_raw::ADAPTER,
    &binance_vision::ADAPTER,
    &bitflyer_2018::ADAPTER,
    &bitflyer_ws::ADAPTER,
    &bitstamp_l3::ADAPTER,
    &bybit::ADAPTER,
    &coinbase::ADAPTER,
    &databento_mbp10::ADAPTER,
    &gmo_trades::ADAPTER,
    &gmo_ws::ADAPTER,
    &hftbacktest_npz::ADAPTER,
    &jpy_recorder::ADAPTER,
    &lobster::ADAPTER,
    &tardis::ADAPTER,
];

/// The adapter of a name.
///
/// # Errors
/// For an unknown name; the message lists those there are.
pub fn named(name: &str) -> Result<&'static Adapter> {
    ALL.iter().find(|adapter| adapter.name == name).copied().ok_or_else(|| {
        let there = ALL.iter().map(|adapter| adapter.name).collect::<Vec<_>>().join(", ");
        Error::Usage(format!("no adapter '{name}'; there are {there}"))
    })
}

/// One ingest: files read by an adapter, as canonical columns.
pub struct Ingest {
    files: Files,
    reading: Box<dyn Reading>,
    stream: Stream,
    messages: Vec<Message>,
    done: bool,
    /// What was repaired and flagged.
    pub report: Report,
    /// How far it is.
    pub progress: Progress,
}

impl Ingest {
    /// Starts to read `files`; `keep` says whether findings are kept one by one.
    ///
    /// # Errors
    /// For files that cannot be read or are not of the adapter's format.
    pub fn new(adapter: &Adapter, files: Files, instrument: &Instrument, keep: bool) -> Result<Self> {
        let mut report = Report::new(instrument.first_day_start(), keep);
        let progress = Progress::default();
        let reading = (adapter.open)(&files, instrument, &progress, &mut report)?;
        let stream = Stream::new(instrument);
        Ok(Self { files, reading, stream, messages: Vec::new(), done: false, report, progress })
    }

    /// Messages stored so far.
    pub fn events_written(&self) -> u64 {
        self.stream.events_written()
    }

    /// The next rows or the end of a day; `None` at the end of all.
    ///
    /// # Errors
    /// For malformed input, with its place.
    pub fn advance(&mut self) -> Result<Option<Out>> {
        loop {
            if let Some(out) = self.stream.take() {
                return Ok(Some(out));
            }
            if self.done {
                return Ok(None);
            }
            self.done = !self.reading.read(&mut self.messages, &mut self.report)?;
            for message in self.messages.drain(..) {
                self.stream.add(message, &self.files, &mut self.report)?;
            }
            if self.done {
                self.stream.close();
            }
        }
    }
}
