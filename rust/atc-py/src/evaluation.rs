//! What an evaluation makes in Rust, for Python.

use crate::features::value_error;
use atc_evaluation::{BinnedRows, ScoredRows};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Twice the concordant pairs plus the tied ones of positive and negative rows by their blocks, as native int64
/// (blocks × blocks), the positive's block first; `order`, `rank` and `block` int64 and `positive` uint8 buffers.
#[pyfunction]
fn twice_concordant_by_block<'py>(
    py: Python<'py>,
    order: PyBuffer<i64>,
    rank: PyBuffer<i64>,
    block: PyBuffer<i64>,
    positive: PyBuffer<u8>,
    blocks: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let (order, rank, block) = (order.to_vec(py)?, rank.to_vec(py)?, block.to_vec(py)?);
    let positive = positive.to_vec(py)?;
    let rows = ScoredRows { order: &order, rank: &rank, block: &block, positive: &positive };
    let twice = py.detach(|| rows.twice_concordant(blocks)).map_err(value_error)?;
    native(py, &twice, i64::to_ne_bytes)
}

/// Spearman's ρ of each resample as native float64, NaN where a ranking has a single bin; `left` and `right` (n,) bins
/// of two rankings, `block` (n,) and `times` (resamples × blocks) int64 buffers.
#[pyfunction]
fn spearman_by_blocks<'py>(
    py: Python<'py>,
    left: PyBuffer<i64>,
    right: PyBuffer<i64>,
    bins: [usize; 2],
    block: PyBuffer<i64>,
    times: PyBuffer<i64>,
    blocks: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let (left, right, block) = (left.to_vec(py)?, right.to_vec(py)?, block.to_vec(py)?);
    let times = times.to_vec(py)?;
    let rows = BinnedRows { left: &left, right: &right, block: &block };
    let found = py.detach(|| rows.spearman(bins, blocks, &times)).map_err(value_error)?;
    native(py, &found, f64::to_ne_bytes)
}

/// The bytes of `numbers` side by side.
fn native<'py, T: Copy>(
    py: Python<'py>,
    numbers: &[T],
    bytes_of: impl Fn(T) -> [u8; 8],
) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, 8 * numbers.len(), |bytes| {
        for (place, &number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&bytes_of(number));
        }
        Ok(())
    })
}

/// Adds this module's names to `atc._rust`.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(twice_concordant_by_block, m)?)?;
    m.add_function(wrap_pyfunction!(spearman_by_blocks, m)?)
}
