//! Canonical events, as the engine takes them.

use serde::{Deserialize, Serialize};

/// Bits of an event's `flags`.
pub mod flag {
    /// Last row of its message.
    pub const LAST: u16 = 1;
    /// The message holds the whole book.
    pub const SNAPSHOT: u16 = 1 << 1;
    /// A difference that ATC took between two snapshots.
    pub const SYNTH_DIFF: u16 = 1 << 2;
    /// Repeats what is already known.
    pub const REPEAT: u16 = 1 << 3;
    /// The maker's print of an execution that was printed twice.
    pub const DUP_OTHER_SIDE: u16 = 1 << 4;
}

/// What a book message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MsgKind {
    /// Replaces the whole book.
    Snap,
    /// Sets absolute quantities.
    Delta,
    /// Empties the book.
    Clear,
}

impl MsgKind {
    /// From the canonical code (0 SNAP, 1 DELTA, 2 CLEAR).
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Snap),
            1 => Some(Self::Delta),
            2 => Some(Self::Clear),
            _ => None,
        }
    }
}

/// One row of a book message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// +1 bid, −1 ask, 0 no level (a repeat).
    pub side: i8,
    /// Price in ticks.
    pub px: i32,
    /// Absolute quantity in lots; 0 deletes.
    pub qty: i64,
}

/// The rows of a book message, column by column, all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// See [`Level::side`].
    pub side: &'a [i8],
    /// See [`Level::px`].
    pub px: &'a [i32],
    /// See [`Level::qty`].
    pub qty: &'a [i64],
}

impl<'a> Levels<'a> {
    /// Row by row.
    pub fn iter(&self) -> impl Iterator<Item = Level> + Clone + use<'a> {
        self.side.iter().zip(self.px).zip(self.qty).map(|((&side, &px), &qty)| Level { side, px, qty })
    }
}

/// A ticker message; every field may be missing at the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticker {
    /// Best bid, ticks.
    pub bid: Option<i32>,
    /// Best ask, ticks.
    pub ask: Option<i32>,
    /// Last price, ticks.
    pub last: Option<i32>,
    /// 24 h high, ticks.
    pub high: Option<i32>,
    /// 24 h low, ticks.
    pub low: Option<i32>,
    /// 24 h volume, lots.
    pub vol: Option<i64>,
}

/// A control message that the engine tells apart; the others only move time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Everything known is void.
    Reset,
    /// GAP_START, GAP_END, STATUS, RULE_CHANGE.
    Other,
}

impl Control {
    /// From the canonical code (2 is RESET; 0, 1, 3, 4 the others).
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            2 => Some(Self::Reset),
            0 | 1 | 3 | 4 => Some(Self::Other),
            _ => None,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// A book message with its levels.
    Book(MsgKind, Levels<'a>),
    /// A print.
    Trade {
        /// Price in ticks.
        px: i32,
        /// Size in lots.
        qty: i64,
        /// +1 the taker buys, −1 sells, 0 unknown.
        side: i8,
    },
    /// A ticker.
    Ticker(Ticker),
    /// A control.
    Control(Control),
}

/// One message of the stream.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Counter over all kinds of the stream.
    pub ev_seq: u64,
    /// Receive time, ns UTC: the clock of every decision.
    pub ts_recv: i64,
    /// Exchange time, ns UTC.
    pub ts_exch: Option<i64>,
    /// Bits of [`flag`].
    pub flags: u16,
    /// The content.
    pub kind: Kind<'a>,
}

impl Event<'_> {
    /// Has no effect whatsoever, not even on time.
    pub fn is_ignored(&self) -> bool {
        matches!(self.kind, Kind::Trade { .. }) && self.flags & flag::DUP_OTHER_SIDE != 0
    }

    /// Book, trade or ticker.
    pub fn is_market(&self) -> bool {
        !matches!(self.kind, Kind::Control(_))
    }
}
