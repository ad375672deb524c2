//! The engine and the labeller in Python.

use crate::packed::{PackedRow, packed};
use crate::rows::to_batch;
use crate::state;
use crate::tables::tables;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, UInt8Array};
use arrow_buffer::NullBuffer;
use arrow_pyarrow::PyArrowType;
use arrow_schema::{Field, Schema};
use atc_featuregen::LABEL_SCHEMA_VERSION;
use atc_featuregen::batch;
use atc_featuregen::engine::Engine;
use atc_featuregen::event::{Control, Event, Kind, Levels, MsgKind, Ticker};
use atc_featuregen::families::SCHEMAS;
use atc_featuregen::label;
use atc_featuregen::spec::Spec;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/schema_code.rs"));

/// A ValueError that says why.
pub fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

/// The specification from JSON, checked.
pub fn parse_spec(spec_json: &str) -> PyResult<Spec> {
    let spec: Spec =
        serde_json::from_str(spec_json).map_err(|why| value_error(format!("engine spec: {why}")))?;
    spec.check().map_err(value_error)?;
    Ok(spec)
}

/// Digest of the code behind the columns of schema `name`.
pub fn code_of(name: &str) -> &'static str {
    SCHEMA_CODE.iter().find(|(known, _)| *known == name).map_or("", |(_, code)| code)
}

/// Every column: schema, name, family, inputs, window_s, unit, formula, source.
#[pyfunction]
fn feature_declarations(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let all = SCHEMAS.iter().flat_map(|schema| schema.declarations.iter().map(move |d| (schema, d)));
    all.map(|(schema, d)| {
        let item = PyDict::new(py);
        for (key, text) in
            [("schema", schema.name), ("name", d.name), ("family", d.family), ("inputs", d.inputs)]
        {
            item.set_item(key, text)?;
        }
        item.set_item("window_s", d.window_s)?;
        for (key, text) in [("unit", d.unit), ("formula", d.formula), ("source", d.source)] {
            item.set_item(key, text)?;
        }
        Ok(item)
    })
    .collect()
}

/// Every schema: name, version, columns, digest of the code behind them, the longest declared window in s.
#[pyfunction]
fn feature_schemas(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    SCHEMAS
        .iter()
        .map(|schema| {
            let item = PyDict::new(py);
            item.set_item("name", schema.name)?;
            item.set_item("version", schema.version)?;
            let columns: Vec<&str> = schema.declarations.iter().map(|d| d.name).collect();
            item.set_item("columns", columns)?;
            item.set_item("code", code_of(schema.name))?;
            item.set_item("lookback_s", schema.window_s())?;
            Ok(item)
        })
        .collect()
}

/// Rows with `emit_from ≤ t < emit_to` from tables of canonical events.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn build_rows(
    py: Python<'_>,
    spec_json: &str,
    book: PyArrowType<RecordBatch>,
    trade: PyArrowType<RecordBatch>,
    ticker: PyArrowType<RecordBatch>,
    control: PyArrowType<RecordBatch>,
    emit_from: i64,
    emit_to: i64,
) -> PyResult<PyArrowType<RecordBatch>> {
    let spec = parse_spec(spec_json)?;
    let tables = tables(&book.0, &trade.0, &ticker.0, &control.0)?;
    let schemas = spec.schemas.clone();
    let rows = py.detach(|| -> Result<RecordBatch, PyErr> {
        let rows = batch::build_rows(spec, &tables, emit_from, emit_to).map_err(value_error)?;
        to_batch(rows, &schemas).map_err(value_error)
    })?;
    Ok(PyArrowType(rows))
}

/// Labels of rows at `times`; `heads`: name and horizon in ns of each.
#[pyfunction]
#[pyo3(signature = (spec_json, book, trade, ticker, control, times, heads, smooth_ns=0))]
#[allow(clippy::too_many_arguments)]
fn label_rows(
    py: Python<'_>,
    spec_json: &str,
    book: PyArrowType<RecordBatch>,
    trade: PyArrowType<RecordBatch>,
    ticker: PyArrowType<RecordBatch>,
    control: PyArrowType<RecordBatch>,
    times: Vec<i64>,
    heads: Heads,
    smooth_ns: i64,
) -> PyResult<PyArrowType<RecordBatch>> {
    let spec = parse_spec(spec_json)?;
    let tables = tables(&book.0, &trade.0, &ticker.0, &control.0)?;
    let wanted = wanted(&heads, smooth_ns);
    let labels = py.detach(|| label::label_rows(&spec, &tables, &times, &wanted)).map_err(value_error)?;
    labels_batch(labels, &heads)
}

/// Name and horizon in ns of each label of a row.
pub type Heads = Vec<(String, i64)>;

/// What the labeller is asked for.
pub fn wanted(heads: &Heads, smooth_ns: i64) -> label::LabelSpec {
    label::LabelSpec { horizons_ns: heads.iter().map(|(_, horizon)| *horizon).collect(), smooth_ns }
}

/// `t0`, `spread_bps`, then of each head `r_bps`, `t1` and `null_cause`, with `_` and its name after unless that is empty.
pub fn labels_batch(labels: label::Labels, heads: &Heads) -> PyResult<PyArrowType<RecordBatch>> {
    let floats = |values: Vec<f64>| -> ArrayRef {
        let nulls: NullBuffer = values.iter().map(|value| !value.is_nan()).collect();
        Arc::new(Float64Array::new(values.into(), Some(nulls)))
    };
    let mut columns: Vec<(String, bool, ArrayRef)> = vec![
        ("t0".to_owned(), false, Arc::new(Int64Array::from(labels.t0))),
        ("spread_bps".to_owned(), true, floats(labels.spread_bps)),
    ];
    for ((head, _), found) in heads.iter().zip(labels.returns) {
        let named =
            |column: &str| if head.is_empty() { column.to_owned() } else { format!("{column}_{head}") };
        columns.push((named("r_bps"), true, floats(found.r_bps)));
        columns.push((named("t1"), false, Arc::new(Int64Array::from(found.t1))));
        columns.push((named("null_cause"), false, Arc::new(UInt8Array::from(found.null_cause))));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, array)| Field::new(name, array.data_type().clone(), *nullable))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    Ok(PyArrowType(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(value_error)?))
}

/// The engine, event by event.
#[pyclass(module = "atc._rust")]
struct FeatureEngine {
    engine: Engine,
}

impl FeatureEngine {
    fn push(
        &mut self,
        ev_seq: u64,
        ts_recv: i64,
        ts_exch: Option<i64>,
        flags: u16,
        kind: Kind<'_>,
    ) -> PyResult<()> {
        self.engine.push(&Event { ev_seq, ts_recv, ts_exch, flags, kind }).map_err(value_error)
    }
}

#[pymethods]
impl FeatureEngine {
    #[new]
    fn new(spec_json: &str) -> PyResult<Self> {
        Ok(Self { engine: Engine::new(parse_spec(spec_json)?).map_err(value_error)? })
    }

    fn push_book(
        &mut self,
        ev_seq: u64,
        ts_recv: i64,
        ts_exch: Option<i64>,
        flags: u16,
        msg_kind: u8,
        levels: Vec<(i8, i32, i64)>,
    ) -> PyResult<()> {
        let kind = MsgKind::from_code(msg_kind).ok_or_else(|| {
            value_error(format!("unknown msg_kind {msg_kind}, expected 0 SNAP, 1 DELTA or 2 CLEAR"))
        })?;
        let side: Vec<i8> = levels.iter().map(|level| level.0).collect();
        let px: Vec<i32> = levels.iter().map(|level| level.1).collect();
        let qty: Vec<i64> = levels.iter().map(|level| level.2).collect();
        let levels = Levels { side: &side, px: &px, qty: &qty };
        self.push(ev_seq, ts_recv, ts_exch, flags, Kind::Book(kind, levels))
    }

    #[allow(clippy::too_many_arguments)]
    fn push_trade(
        &mut self,
        ev_seq: u64,
        ts_recv: i64,
        ts_exch: Option<i64>,
        flags: u16,
        px_ticks: i32,
        qty_lots: i64,
        side: i8,
    ) -> PyResult<()> {
        self.push(ev_seq, ts_recv, ts_exch, flags, Kind::Trade { px: px_ticks, qty: qty_lots, side })
    }

    #[allow(clippy::too_many_arguments, unused_variables)]
    fn push_ticker(
        &mut self,
        ev_seq: u64,
        ts_recv: i64,
        ts_exch: Option<i64>,
        flags: u16,
        bid: Option<i32>,
        ask: Option<i32>,
        last: Option<i32>,
        high: Option<i32>,
        low: Option<i32>,
        bid_qty: Option<i64>,
        ask_qty: Option<i64>,
        vol: Option<i64>,
    ) -> PyResult<()> {
        let ticker = Ticker { bid, ask, last, high, low, vol };
        self.push(ev_seq, ts_recv, ts_exch, flags, Kind::Ticker(ticker))
    }

    fn push_control(&mut self, ev_seq: u64, ts_recv: i64, flags: u16, control_kind: u8) -> PyResult<()> {
        let control = Control::from_code(control_kind)
            .ok_or_else(|| value_error(format!("unknown control_kind {control_kind}, expected 0 to 4")))?;
        self.push(ev_seq, ts_recv, None, flags, Kind::Control(control))
    }

    fn advance(&mut self, now: i64) -> PyResult<()> {
        self.engine.advance(now).map_err(value_error)
    }

    fn flush(&mut self) -> PyResult<()> {
        self.engine.flush().map_err(value_error)
    }

    fn take_rows(&mut self) -> PyResult<PyArrowType<RecordBatch>> {
        let rows = self.engine.take_rows();
        Ok(PyArrowType(to_batch(rows, &self.engine.spec().schemas).map_err(value_error)?))
    }

    /// The names of a row's values, in order.
    fn columns(&self) -> Vec<&'static str> {
        let asked = &self.engine.spec().schemas;
        let chosen = SCHEMAS.iter().filter(|schema| asked.iter().any(|name| name == schema.name));
        chosen.flat_map(|schema| schema.declarations).map(|declaration| declaration.name).collect()
    }

    /// How many finished rows have not been taken.
    fn rows_waiting(&self) -> usize {
        self.engine.finished()
    }

    /// The finished rows one by one: `ts_recv`, `ev_seq`, `ts_close`, values as native float32 with NaN for null.
    fn take_packed_rows<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<PackedRow<'py>>> {
        packed(py, &self.engine.take_rows())
    }

    /// Everything that the engine knows, rows that have not been taken included.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &state::written(&self.engine).map_err(value_error)?))
    }

    /// The engine that `state` was taken from; with a specification only if it has that one.
    #[staticmethod]
    #[pyo3(signature = (state, spec_json=None))]
    fn restore(state: &[u8], spec_json: Option<&str>) -> PyResult<Self> {
        let expected = spec_json.map(parse_spec).transpose()?;
        Ok(Self { engine: state::read(state, expected.as_ref()).map_err(value_error)? })
    }
}

/// Adds this module's names to `atc._rust`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("LABEL_SCHEMA_VERSION", LABEL_SCHEMA_VERSION)?;
    m.add_function(wrap_pyfunction!(feature_declarations, m)?)?;
    m.add_function(wrap_pyfunction!(feature_schemas, m)?)?;
    m.add_function(wrap_pyfunction!(build_rows, m)?)?;
    m.add_function(wrap_pyfunction!(label_rows, m)?)?;
    m.add_class::<FeatureEngine>()
}
