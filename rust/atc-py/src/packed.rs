//! Finished rows one by one: what a stream hands on costs less than a batch of one row.

use atc_featuregen::rows::Rows;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// `ts_recv`, `ev_seq`, `ts_close`, and the values as native float32.
pub type PackedRow<'py> = (i64, u64, i64, Bound<'py, PyBytes>);

/// Each row with its values side by side; null is NaN.
pub fn packed<'py>(py: Python<'py>, rows: &Rows) -> PyResult<Vec<PackedRow<'py>>> {
    let width = rows.columns.len() * size_of::<f32>();
    (0..rows.ts_recv.len())
        .map(|row| {
            let values = PyBytes::new_with(py, width, |bytes| {
                for (place, column) in bytes.chunks_exact_mut(size_of::<f32>()).zip(&rows.columns) {
                    place.copy_from_slice(&column[row].to_ne_bytes());
                }
                Ok(())
            })?;
            Ok((rows.ts_recv[row], rows.ev_seq[row], rows.ts_close[row], values))
        })
        .collect()
}
