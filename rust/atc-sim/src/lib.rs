//! A simulated crypto exchange: a continuous-time limit order book and the venue that publishes it.
//!
//! [`Simulator`] yields business days of canonical events, column by column, for a [`Params`] and a seed. The same
//! input gives the same output on every machine: the random numbers are the crate's own, transcendental functions
//! come from `libm`, and nothing iterates over a hash map.
//!
//! Two scenarios, see [`Scenario`]: `target` trades with a planted signal that acts only through the intensities of
//! order flow; `null` has nothing that could be predicted. `docs/simulator.md` holds the equations.

mod book;
mod day;
mod latent;
mod market;
mod null;
mod oracle;
mod params;
mod rng;
mod venue;

pub use book::{Book, Level, Side};
pub use day::{
    BookColumns, DELTA, DUP_OTHER_SIDE, Day, LAST, REPEAT, Row, SNAP, SNAPSHOT, SYNTH_DIFF, TickerColumns,
    TradeColumns, TruthColumns, WINDOW_EDGE,
};
pub use oracle::{Futures, NoFutures, Question, futures};
pub use params::{BadParams, Params, Scenario};
pub use venue::Simulator;
