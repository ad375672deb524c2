//! A simulated crypto exchange: a continuous-time limit order book and the venue that publishes it.
//!
//! [`Simulator`] yields business days of canonical events, column by column, for a [`Params`] and a seed. The same
//! input gives the same output on every machine: the random numbers are the crate's own, transcendental functions
//! come from `libm`, and nothing iterates over a hash map.
//!
//! Two markets, see [`MarketKind`]: the order-driven one trades with a planted signal that acts only through the
//! intensities of order flow; the martingale has nothing that could be predicted. Scenarios are settings of the
//! parameters and live in `conf/data/scenario`. `docs/simulator.md` holds the equations.
//!
//! For the known truth, [`Source`] is a market without its venue: `Source::new(&params, seed, params.start_ns − a
//! day)` is the market that [`Simulator::new`] starts and has the very same path, `run_until(ts)` runs it without
//! publishing (in steps of any size: the path does not depend on them), `fork(seed)` gives the same state with another future, and `mid()` is the
//! mid that a snapshot published at that time would show.

mod book;
mod crash;
mod day;
mod flow;
mod latent;
mod market;
mod martingale;
mod oracle;
mod pace;
mod params;
mod rng;
mod session;
mod size;
mod source;
mod venue;

pub use book::{Book, Level, Side};
pub use day::{
    BAD_TS, BookColumns, ControlColumns, DELTA, DUP_OTHER_SIDE, Day, GAP_END, GAP_START, Injected, LAST,
    MAYBE_BAD_BOOK, REPEAT, RESET, Row, SNAP, SNAPSHOT, STATUS, SYNTH_DIFF, TickerColumns, TradeColumns,
    TruthColumns, WINDOW_EDGE,
};
pub use market::TakerOrder;
pub use oracle::{Futures, NoFutures, Question, futures};
pub use params::{BadParams, Maintenance, MarketKind, Params};
pub use source::Source;
pub use venue::Simulator;
