//! One message of a venue between its adapter and the canonical columns.

use crate::columns::Rows;
pub use atc_featuregen::event::{Level, MsgKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of an ingest, as the user gave them.
#[derive(Clone, Debug)]
pub struct Files(Arc<[PathBuf]>);

impl Files {
    /// In the order of the command.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self(paths.into())
    }

    /// One of them.
    pub fn path(&self, index: u32) -> &Path {
        &self.0[index as usize]
    }

    /// All of them with their index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Path)> {
        (0u32..).zip(self.0.iter().map(PathBuf::as_path))
    }

    /// Their names in a message.
    pub fn names(&self) -> String {
        self.0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// `file:row`.
    pub fn spell(&self, origin: Origin) -> String {
        format!("{}:{}", self.path(origin.file).display(), origin.row)
    }
}

/// Where a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Index in [`Files`].
    pub file: u32,
    /// Line of a text file, element of an array; both count from 1. 0: the file as a whole.
    pub row: u64,
}

/// What all kinds of messages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The clock of every decision, ns UTC.
    pub ts_recv: i64,
    /// The venue's time, ns UTC.
    pub ts_exch: Option<i64>,
    /// The venue's number of the message.
    pub venue_seq: Option<i64>,
    /// Bits of [`flag`](crate::columns::flag), without LAST.
    pub flags: u16,
    /// Where it was read.
    pub origin: Origin,
}

/// One message of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Times, number, flags.
    pub head: Head,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A message of a difference feed. A DELTA without levels says that nothing changed.
    Book {
        /// What it does.
        kind: MsgKind,
        /// Absolute sizes; 0 deletes.
        levels: Vec<Level>,
    },
    /// A message of a snapshot feed: all levels that it shows.
    FullBook {
        /// In any order.
        levels: Vec<Level>,
    },
    /// One print.
    Trade(Trade),
    /// A quote; what the venue does not say is `None`.
    Ticker(Ticker),
    /// Messages that are canonical rows already, numbers and keyframes included: they are stored as they are. They are of one
    /// kind and business day, and follow those of their kind; the head's time is any of that day.
    Stored {
        /// Whole messages.
        rows: Box<Rows>,
        /// How many.
        messages: u64,
    },
    /// Something about the stream itself.
    Control {
        /// Which.
        kind: ControlKind,
        /// In words.
        detail: Option<String>,
    },
}

/// One print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Price, ticks.
    pub px: i32,
    /// Size, lots.
    pub qty: i64,
    /// +1 the taker bought, −1 the taker sold, 0 unknown.
    pub side: i8,
    /// The venue's id.
    pub id: Option<String>,
}

/// Best bid and ask, and what else a venue's ticker tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticker {
    /// Best bid, ticks.
    pub bid: Option<i32>,
    /// Best ask, ticks.
    pub ask: Option<i32>,
    /// Last price, ticks.
    pub last: Option<i32>,
    /// Highest price of the venue's window, ticks.
    pub high: Option<i32>,
    /// Lowest price of the venue's window, ticks.
    pub low: Option<i32>,
    /// Size at the best bid, lots.
    pub bid_qty: Option<i64>,
    /// Size at the best ask, lots.
    pub ask_qty: Option<i64>,
    /// Volume of the venue's window, lots.
    pub vol: Option<i64>,
}

/// Kinds of control messages, with their canonical codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ControlKind {
    /// Messages are missing from here.
    GapStart = 0,
    /// Nothing is missing any more.
    GapEnd = 1,
    /// What was known is void.
    Reset = 2,
    /// The venue's state changed.
    Status = 3,
    /// The venue's rules changed.
    RuleChange = 4,
}

impl Head {
    /// A message with this head.
    pub fn with(self, body: Body) -> Message {
        Message { head: self, body }
    }

    /// A control message with this head.
    pub fn control(self, kind: ControlKind, detail: &str) -> Message {
        self.with(Body::Control { kind, detail: Some(detail.to_owned()) })
    }
}
