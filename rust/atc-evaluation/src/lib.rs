//! What an evaluation makes row by row or resample by resample: pairs of a positive and a negative row by the blocks
//! that they are in, and rank correlations of resamples of blocks.
//!
//! Counts are whole numbers, and other sums are made in one order, so that neither a machine nor the number of
//! threads shows in a figure.

mod bad_rows;
mod concordance;
mod rank_correlation;
#[cfg(test)]
mod scattered;

pub use bad_rows::BadRows;
pub use concordance::ScoredRows;
pub use rank_correlation::BinnedRows;
