//! Times that only Rust can take: a call from Python costs more than what is measured.

use crate::features::parse_spec;
use crate::tables::tables;
use arrow_array::{Int64Array, RecordBatch};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{DataType, Field, Schema};
use atc_featuregen::batch::merge;
use atc_featuregen::engine::Engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

/// ns of each `push` of a stream with the rows that it finished taken, and how many those are.
#[pyfunction]
fn measure_push(
    py: Python<'_>,
    spec_json: &str,
    book: PyArrowType<RecordBatch>,
    trade: PyArrowType<RecordBatch>,
    ticker: PyArrowType<RecordBatch>,
    control: PyArrowType<RecordBatch>,
) -> PyResult<PyArrowType<RecordBatch>> {
    let spec = parse_spec(spec_json)?;
    let tables = tables(&book.0, &trade.0, &ticker.0, &control.0)?;
    let mut engine = Engine::new(spec).map_err(value_error)?;
    let (mut ns, mut rows) = (Vec::new(), Vec::new());
    py.detach(|| {
        merge(&tables, |event| {
            let began = Instant::now();
            engine.push(event)?;
            let finished = black_box(engine.take_rows());
            ns.push(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX));
            rows.push(finished.len() as i64);
            Ok(true)
        })
    })
    .map_err(value_error)?;
    let field = |name| Field::new(name, DataType::Int64, false);
    let schema = Schema::new(vec![field("ns"), field("rows")]);
    let arrays: [Int64Array; 2] = [ns.into(), rows.into()];
    let arrays = arrays.into_iter().map(|array| Arc::new(array) as _).collect();
    Ok(PyArrowType(RecordBatch::try_new(Arc::new(schema), arrays).map_err(value_error)?))
}

/// Adds this module's names to `atc._rust`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(measure_push, m)?)
}
