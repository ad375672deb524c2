//! The simulated market in Python: one dictionary of Arrow batches a business day, in the canonical layout.

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int8Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, UInt8Array, UInt16Array, UInt64Array, new_null_array,
};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use atc_sim::{Day, LAST, Params};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

/// Parameters from JSON, checked.
pub fn parse(params_json: &str) -> PyResult<Params> {
    let params: Params = serde_json::from_str(params_json)
        .map_err(|why| value_error(format!("simulator parameters: {why}")))?;
    params.check().map_err(value_error)?;
    Ok(params)
}

/// A column: name, whether it may hold nulls, values.
type Column = (&'static str, bool, ArrayRef);

fn batch(columns: Vec<Column>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, values)| Field::new(*name, values.data_type().clone(), *nullable))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn common(
    ev_seq: Vec<u64>,
    ts_recv: Vec<i64>,
    ts_exch: impl Into<Int64Array>,
    flags: Vec<u16>,
) -> Vec<Column> {
    let rows = ev_seq.len();
    vec![
        ("ev_seq", false, Arc::new(UInt64Array::from(ev_seq))),
        ("ts_recv", false, Arc::new(Int64Array::from(ts_recv))),
        ("ts_exch", true, Arc::new(ts_exch.into())),
        ("venue_seq", true, new_null_array(&DataType::Int64, rows)),
        ("flags", false, Arc::new(UInt16Array::from(flags))),
    ]
}

/// The day's tables: book, trade, ticker, control and, beside the canonical kinds, truth and what was injected.
fn tables(day: Day) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
    let (book, trade, ticker, control, truth) = (day.book, day.trade, day.ticker, day.control, day.truth);
    let mut of_book = common(book.ev_seq, book.ts_recv, book.ts_exch, book.flags);
    of_book.extend::<[Column; 4]>([
        ("msg_kind", false, Arc::new(UInt8Array::from(book.msg_kind))),
        ("side", false, Arc::new(Int8Array::from(book.side))),
        ("px_ticks", false, Arc::new(Int32Array::from(book.px_ticks))),
        ("qty_lots", false, Arc::new(Int64Array::from(book.qty_lots))),
    ]);
    let rows = trade.ev_seq.len();
    let mut of_trade = common(trade.ev_seq, trade.ts_recv, trade.ts_exch, trade.flags);
    of_trade.extend::<[Column; 4]>([
        ("px_ticks", false, Arc::new(Int32Array::from(trade.px_ticks))),
        ("qty_lots", false, Arc::new(Int64Array::from(trade.qty_lots))),
        ("side", false, Arc::new(Int8Array::from(trade.side))),
        ("trade_id", true, new_null_array(&DataType::Utf8, rows)),
    ]);
    let rows = ticker.ev_seq.len();
    let optional = |values: Vec<Option<i32>>| Arc::new(PrimitiveArray::<Int32Type>::from_iter(values));
    let mut of_ticker = common(ticker.ev_seq, ticker.ts_recv, ticker.ts_exch, ticker.flags);
    of_ticker.extend::<[Column; 8]>([
        ("bid", true, Arc::new(Int32Array::from(ticker.bid))),
        ("ask", true, Arc::new(Int32Array::from(ticker.ask))),
        ("last", true, optional(ticker.last)),
        ("high", true, optional(ticker.high)),
        ("low", true, optional(ticker.low)),
        ("bid_qty", true, new_null_array(&DataType::Int64, rows)),
        ("ask_qty", true, new_null_array(&DataType::Int64, rows)),
        ("vol", true, Arc::new(PrimitiveArray::<Int64Type>::from(ticker.vol))),
    ]);
    let flags = vec![LAST; control.ev_seq.len()];
    let mut of_control = common(control.ev_seq, control.ts_recv, control.ts_exch, flags);
    of_control.extend::<[Column; 2]>([
        ("control_kind", false, Arc::new(UInt8Array::from(control.control_kind))),
        ("detail", true, Arc::new(StringArray::from(control.detail))),
    ]);
    let of_truth: Vec<Column> = vec![
        ("ts", false, Arc::new(Int64Array::from(truth.ts))),
        ("pressure", false, Arc::new(Int8Array::from(truth.pressure))),
        ("absorbing", false, Arc::new(BooleanArray::from(truth.absorbing))),
        ("pace", false, Arc::new(Float64Array::from(truth.pace))),
    ];
    let counts = day.injected.counts();
    let of_injected =
        counts.map(|(name, count)| -> Column { (name, false, Arc::new(UInt64Array::from(vec![count]))) });
    Ok(vec![
        ("book", batch(of_book)?),
        ("trade", batch(of_trade)?),
        ("ticker", batch(of_ticker)?),
        ("control", batch(of_control)?),
        ("truth", batch(of_truth)?),
        ("injected", batch(of_injected.to_vec())?),
    ])
}

/// A simulated market. `next_day()` gives the next business day as Arrow batches by kind.
#[pyclass]
struct Simulator {
    market: atc_sim::Simulator,
}

#[pymethods]
impl Simulator {
    /// A market from parameters (JSON; what is left out has its default) and a seed.
    #[new]
    fn new(py: Python<'_>, params_json: &str, seed: u64) -> PyResult<Self> {
        let params = parse(params_json)?;
        let market = py.detach(|| atc_sim::Simulator::new(params, seed)).map_err(value_error)?;
        Ok(Self { market })
    }

    /// The next business day: book, trade, ticker, control in the canonical layout, the hidden truth, and the
    /// counts of injected faults.
    fn next_day<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let market = &mut self.market;
        let made = py.detach(|| tables(market.next_day())).map_err(value_error)?;
        let day = PyDict::new(py);
        for (kind, table) in made {
            day.set_item(kind, PyArrowType(table))?;
        }
        Ok(day)
    }
}

/// All parameters as JSON, defaults filled in; an unknown name or a value out of its range is a ValueError.
#[pyfunction]
fn simulator_params(params_json: &str) -> PyResult<String> {
    serde_json::to_string(&parse(params_json)?).map_err(value_error)
}

/// Adds the simulator to the module.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Simulator>()?;
    m.add_function(wrap_pyfunction!(simulator_params, m)?)
}
