//! The simulated market.
