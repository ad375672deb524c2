//! The quality of a business day of canonical events, in Python.

use crate::tables::{nullable, values};
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt64Type,
};

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_pyarrow::PyArrowType;
use atc_quality::{BookRows, Common, ControlRows, DayTables, Nullable, Params, PrintRows, QuoteRows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

fn maybe<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    kind: &str,
    name: &str,
) -> PyResult<Nullable<'a, T::Native>> {
    let found = nullable::<T>(batch, kind, name)?;
    Ok(Nullable { values: found.values, valid: found.valid })
}

fn common<'a>(batch: &'a RecordBatch, kind: &str) -> PyResult<Common<'a>> {
    Ok(Common {
        ev_seq: values::<UInt64Type>(batch, kind, "ev_seq")?,
        ts_recv: values::<Int64Type>(batch, kind, "ts_recv")?,
        ts_exch: maybe::<Int64Type>(batch, kind, "ts_exch")?,
        flags: values::<UInt16Type>(batch, kind, "flags")?,
    })
}

fn ids(trade: &RecordBatch) -> PyResult<Vec<Option<&str>>> {
    let found = trade
        .column_by_name("trade_id")
        .and_then(|ids| ids.as_any().downcast_ref::<StringArray>())
        .ok_or_else(|| value_error("trade events have no column 'trade_id' of strings"))?;
    Ok(found.iter().collect())
}

fn day_tables<'a>(
    book: &'a RecordBatch,
    trade: &'a RecordBatch,
    ticker: &'a RecordBatch,
    control: &'a RecordBatch,
) -> PyResult<DayTables<'a>> {
    let px = |name| maybe::<Int32Type>(ticker, "ticker", name);
    let qty = |name| maybe::<Int64Type>(ticker, "ticker", name);
    Ok(DayTables {
        book: BookRows {
            common: common(book, "book")?,
            msg_kind: values::<UInt8Type>(book, "book", "msg_kind")?,
            side: values::<Int8Type>(book, "book", "side")?,
            px: values::<Int32Type>(book, "book", "px_ticks")?,
            qty: values::<Int64Type>(book, "book", "qty_lots")?,
        },
        trade: PrintRows {
            common: common(trade, "trade")?,
            px: values::<Int32Type>(trade, "trade", "px_ticks")?,
            qty: values::<Int64Type>(trade, "trade", "qty_lots")?,
            side: values::<Int8Type>(trade, "trade", "side")?,
            id: ids(trade)?,
        },
        ticker: QuoteRows {
            common: common(ticker, "ticker")?,
            px: [px("bid")?, px("ask")?, px("last")?, px("high")?, px("low")?],
            qty: [qty("bid_qty")?, qty("ask_qty")?, qty("vol")?],
        },
        control: ControlRows {
            common: common(control, "control")?,
            control_kind: values::<UInt8Type>(control, "control", "control_kind")?,
        },
    })
}

/// The figures of one business day and the places of its first findings, as JSON.
#[pyfunction]
fn measure_quality(
    py: Python<'_>,
    params_json: &str,
    book: PyArrowType<RecordBatch>,
    trade: PyArrowType<RecordBatch>,
    ticker: PyArrowType<RecordBatch>,
    control: PyArrowType<RecordBatch>,
) -> PyResult<String> {
    let params: Params = serde_json::from_str(params_json)
        .map_err(|why| value_error(format!("parameters of the quality measures: {why}")))?;
    params.check().map_err(value_error)?;
    let (figures, places) = py.detach(|| {
        let tables = day_tables(&book.0, &trade.0, &ticker.0, &control.0)?;
        Ok::<_, PyErr>(atc_quality::measure(&tables, &params))
    })?;
    serde_json::to_string(&serde_json::json!({ "figures": figures, "places": places })).map_err(value_error)
}

/// Adds the quality measures to the module.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(measure_quality, m)?)
}
