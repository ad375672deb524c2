//! What one business day of canonical events is worth: every measure in one pass over the four kinds.
//!
//! Nothing is judged here: figures, and the places of the first findings of each. The events need not be sound in
//! their values (that is what is measured), only in their layout.

mod book;
mod clock;
mod day;
mod params;
mod places;
mod prints;
mod quotes;
mod silence;
mod tables;

pub use day::{Figures, measure};
pub use params::{BadParams, Params};
pub use places::{Place, Places};
pub use tables::{BookRows, Common, ControlRows, DayTables, Nullable, PrintRows, QuoteRows};

/// Bits of `flags` and codes of the canonical schema, as far as they are looked at.
pub(crate) mod code {
    pub const SNAPSHOT: u16 = 1 << 1;
    pub const REPEAT: u16 = 1 << 3;
    pub const DUP_OTHER_SIDE: u16 = 1 << 4;
    pub const AUCTION: u16 = 1 << 5;
    pub const BAD_TS: u16 = 1 << 6;
    pub const SYNTH_RECV: u16 = 1 << 7;
    pub const MAYBE_BAD_BOOK: u16 = 1 << 8;

    pub const DELTA: u8 = 1;
    pub const CLEAR: u8 = 2;

    pub const GAP_START: u8 = 0;
    pub const GAP_END: u8 = 1;
    pub const RESET: u8 = 2;
}

/// Sizes beyond 2^53 lots are no sizes: the floating-point numbers of the features cannot hold them.
pub const LARGEST_QTY_LOTS: i64 = 1 << 53;
