//! What an evaluation counts row by row: the pairs of a positive and a negative row, by the blocks that they are in.
//!
//! Everything here is a whole number, so that neither the order of sums nor a machine shows in a figure.

mod concordance;

pub use concordance::{BadRows, ScoredRows};
