//! The book replayed, in Python.

use crate::tables::{book_table, control_table};
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, FixedSizeListArray, Int64Array, PrimitiveArray, RecordBatch, UInt64Array};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{DataType, Field, Schema};
use atc_featuregen::replay;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;

fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

/// One list of `depth` values a message.
fn lists<T: ArrowPrimitiveType>(values: Vec<T::Native>, depth: i32) -> PyResult<ArrayRef>
where
    PrimitiveArray<T>: From<Vec<T::Native>>,
{
    let item = Arc::new(Field::new("item", T::DATA_TYPE, false));
    let values: ArrayRef = Arc::new(PrimitiveArray::<T>::from(values));
    Ok(Arc::new(FixedSizeListArray::try_new(item, depth, values, None).map_err(value_error)?))
}

/// The `depth` best levels of each side after every book message.
#[pyfunction]
fn replay_top(
    py: Python<'_>,
    book: PyArrowType<RecordBatch>,
    control: PyArrowType<RecordBatch>,
    depth: i32,
    max_gap_ns: i64,
) -> PyResult<PyArrowType<RecordBatch>> {
    let levels = usize::try_from(depth).ok().filter(|levels| *levels > 0);
    let levels = levels.ok_or_else(|| value_error(format!("depth is {depth}, expected at least 1 level")))?;
    let (books, controls) = (book_table(&book.0)?, control_table(&control.0)?);
    let top = py.detach(|| replay::top_of_book(books, controls, levels, max_gap_ns)).map_err(value_error)?;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ts_recv", Arc::new(Int64Array::from(top.ts_recv))),
        ("ev_seq", Arc::new(UInt64Array::from(top.ev_seq))),
        ("bid_px", lists::<Int32Type>(top.bid_px, depth)?),
        ("ask_px", lists::<Int32Type>(top.ask_px, depth)?),
        ("bid_qty", lists::<Int64Type>(top.bid_qty, depth)?),
        ("ask_qty", lists::<Int64Type>(top.ask_qty, depth)?),
    ];
    let field = |(name, array): &(&str, ArrayRef)| -> Field {
        let kind: DataType = array.data_type().clone();
        Field::new(*name, kind, false)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Ok(PyArrowType(RecordBatch::try_new(Arc::new(schema), arrays).map_err(value_error)?))
}

/// Adds this module's names to `atc._rust`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(replay_top, m)?)
}
