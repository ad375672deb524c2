//! What an evaluation counts, for Python.

use crate::features::value_error;
use atc_evaluation::ScoredRows;
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
    PyBytes::new_with(py, size_of_val(twice.as_slice()), |bytes| {
        for (place, count) in bytes.chunks_exact_mut(size_of::<i64>()).zip(&twice) {
            place.copy_from_slice(&count.to_ne_bytes());
        }
        Ok(())
    })
}

/// Adds this module's names to `atc._rust`.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(twice_concordant_by_block, m)?)
}
