//! Canonical tables from Arrow, with the column named when one is not as it should be.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::types::{Int8Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt64Type};
use arrow_array::{Array, PrimitiveArray, RecordBatch};
use atc_featuregen::batch::{BookTable, Common, ControlTable, Nullable, Tables, TickerTable, TradeTable};
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// A column of the type that the canonical schema gives it.
fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    kind: &str,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, PyErr> {
    let found = batch.column_by_name(name).ok_or_else(|| {
        PyValueError::new_err(format!("{kind} events have no column '{name}' (found: {})", names(batch)))
    })?;
    found.as_any().downcast_ref::<PrimitiveArray<T>>().ok_or_else(|| {
        let message = format!("{kind} column '{name}' is {}, expected {}", found.data_type(), T::DATA_TYPE);
        PyValueError::new_err(message)
    })
}

fn names(batch: &RecordBatch) -> String {
    batch.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ")
}

/// The values of a column without nulls.
pub fn values<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    kind: &str,
    name: &str,
) -> Result<&'a [T::Native], PyErr> {
    let found = column::<T>(batch, kind, name)?;
    if found.null_count() > 0 {
        return Err(PyValueError::new_err(format!("{kind} column '{name}' holds nulls, expected none")));
    }
    Ok(found.values())
}

/// The values of a column that may hold nulls.
pub fn nullable<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    kind: &str,
    name: &str,
) -> Result<Nullable<'a, T::Native>, PyErr> {
    let found = column::<T>(batch, kind, name)?;
    let valid = found.nulls().map(|nulls| (nulls.validity(), nulls.offset()));
    Ok(Nullable { values: found.values(), valid })
}

fn common<'a>(batch: &'a RecordBatch, kind: &str) -> Result<Common<'a>, PyErr> {
    Ok(Common {
        ev_seq: values::<UInt64Type>(batch, kind, "ev_seq")?,
        ts_recv: values::<Int64Type>(batch, kind, "ts_recv")?,
        ts_exch: nullable::<Int64Type>(batch, kind, "ts_exch")?,
        flags: values::<UInt16Type>(batch, kind, "flags")?,
    })
}

/// A batch of book rows as the engine takes them; nothing is copied.
pub fn book_table(book: &RecordBatch) -> Result<BookTable<'_>, PyErr> {
    Ok(BookTable {
        common: common(book, "book")?,
        msg_kind: values::<UInt8Type>(book, "book", "msg_kind")?,
        side: values::<Int8Type>(book, "book", "side")?,
        px: values::<Int32Type>(book, "book", "px_ticks")?,
        qty: values::<Int64Type>(book, "book", "qty_lots")?,
    })
}

/// A batch of controls as the engine takes them; nothing is copied.
pub fn control_table(control: &RecordBatch) -> Result<ControlTable<'_>, PyErr> {
    Ok(ControlTable {
        common: common(control, "control")?,
        control_kind: values::<UInt8Type>(control, "control", "control_kind")?,
    })
}

/// The four batches as the engine takes them; nothing is copied.
pub fn tables<'a>(
    book: &'a RecordBatch,
    trade: &'a RecordBatch,
    ticker: &'a RecordBatch,
    control: &'a RecordBatch,
) -> Result<Tables<'a>, PyErr> {
    Ok(Tables {
        book: book_table(book)?,
        trade: TradeTable {
            common: common(trade, "trade")?,
            px: values::<Int32Type>(trade, "trade", "px_ticks")?,
            qty: values::<Int64Type>(trade, "trade", "qty_lots")?,
            side: values::<Int8Type>(trade, "trade", "side")?,
        },
        ticker: TickerTable {
            common: common(ticker, "ticker")?,
            bid: nullable::<Int32Type>(ticker, "ticker", "bid")?,
            ask: nullable::<Int32Type>(ticker, "ticker", "ask")?,
            last: nullable::<Int32Type>(ticker, "ticker", "last")?,
            high: nullable::<Int32Type>(ticker, "ticker", "high")?,
            low: nullable::<Int32Type>(ticker, "ticker", "low")?,
            vol: nullable::<Int64Type>(ticker, "ticker", "vol")?,
        },
        control: control_table(control)?,
    })
}
