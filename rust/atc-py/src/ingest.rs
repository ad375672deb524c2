//! Reading recordings, in Python: Arrow batches of canonical rows, a business day at a time.

use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, Int8Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt8Array,
    UInt16Array, UInt64Array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{ArrowError, Field, Schema};
use atc_ingest::adapters::{self, Ingest};
use atc_ingest::columns::{Common, Optional, Rows};
use atc_ingest::error::Error;
use atc_ingest::facts::{Asked, Instrument};
use atc_ingest::message::Files;
use atc_ingest::report::Action;
use atc_ingest::stream::Out;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

create_exception!(atc._rust, SourceDataError, PyValueError, "The files are not what they should be.");
create_exception!(atc._rust, SourceUsageError, PyValueError, "The command is not what it should be.");

fn raised(error: Error) -> PyErr {
    match error {
        Error::Data(text) => SourceDataError::new_err(text),
        Error::Usage(text) => SourceUsageError::new_err(text),
    }
}

type Column = (&'static str, bool, ArrayRef);

fn optional<T: ArrowPrimitiveType>(column: Optional<T::Native>) -> ArrayRef {
    let nulls = column.valid.contains(&false).then(|| NullBuffer::from(column.valid));
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(column.values), nulls))
}

fn common(common: Common) -> Vec<Column> {
    vec![
        ("ev_seq", false, Arc::new(UInt64Array::from(common.ev_seq))),
        ("ts_recv", false, Arc::new(Int64Array::from(common.ts_recv))),
        ("ts_exch", true, optional::<Int64Type>(common.ts_exch)),
        ("venue_seq", true, optional::<Int64Type>(common.venue_seq)),
        ("flags", false, Arc::new(UInt16Array::from(common.flags))),
    ]
}

/// The kind of some rows and their batch in the canonical layout.
fn batch(rows: Rows) -> Result<(&'static str, RecordBatch), ArrowError> {
    let (kind, columns) = match rows {
        Rows::Book(rows) => {
            let mut columns = common(rows.common);
            columns.extend::<[Column; 4]>([
                ("msg_kind", false, Arc::new(UInt8Array::from(rows.msg_kind))),
                ("side", false, Arc::new(Int8Array::from(rows.side))),
                ("px_ticks", false, Arc::new(Int32Array::from(rows.px_ticks))),
                ("qty_lots", false, Arc::new(Int64Array::from(rows.qty_lots))),
            ]);
            ("book", columns)
        }
        Rows::Trade(rows) => {
            let mut columns = common(rows.common);
            columns.extend::<[Column; 4]>([
                ("px_ticks", false, Arc::new(Int32Array::from(rows.px_ticks))),
                ("qty_lots", false, Arc::new(Int64Array::from(rows.qty_lots))),
                ("side", false, Arc::new(Int8Array::from(rows.side))),
                ("trade_id", true, Arc::new(StringArray::from(rows.trade_id))),
            ]);
            ("trade", columns)
        }
        Rows::Ticker(rows) => {
            let mut columns = common(rows.common);
            let prices = ["bid", "ask", "last", "high", "low"].into_iter().zip(rows.prices);
            columns.extend(prices.map(|(name, values)| (name, true, optional::<Int32Type>(values))));
            let sizes = ["bid_qty", "ask_qty", "vol"].into_iter().zip(rows.sizes);
            columns.extend(sizes.map(|(name, values)| (name, true, optional::<Int64Type>(values))));
            ("ticker", columns)
        }
        Rows::Control(rows) => {
            let mut columns = common(rows.common);
            columns.extend::<[Column; 2]>([
                ("control_kind", false, Arc::new(UInt8Array::from(rows.control_kind))),
                ("detail", true, Arc::new(StringArray::from(rows.detail))),
            ]);
            ("control", columns)
        }
    };
    let field = |(name, nullable, values): &Column| Field::new(*name, values.data_type().clone(), *nullable);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, _, values)| values).collect();
    Ok((kind, RecordBatch::try_new(Arc::new(schema), arrays)?))
}

fn json<'a, T: serde::Deserialize<'a>>(text: &'a str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|why| PyValueError::new_err(why.to_string()))
}

/// Name, version and one line about each format, by name.
#[pyfunction]
fn ingest_adapters() -> Vec<(&'static str, u32, &'static str)> {
    adapters::ALL.iter().map(|adapter| (adapter.name, adapter.version, adapter.about)).collect()
}

/// What the files, and the adapter, say about the instrument: JSON.
#[pyfunction]
fn ingest_facts(py: Python<'_>, adapter: &str, files: Vec<PathBuf>, asked_json: &str) -> PyResult<String> {
    let adapter = adapters::named(adapter).map_err(raised)?;
    let asked: Asked = json(asked_json)?;
    let facts = py.detach(|| (adapter.facts)(&Files::new(files), &asked)).map_err(raised)?;
    serde_json::to_string(&facts).map_err(|why| PyValueError::new_err(why.to_string()))
}

/// Business day, kind, batch.
type Given = (i64, Option<&'static str>, Option<PyArrowType<RecordBatch>>);

/// Files read by an adapter.
#[pyclass]
struct IngestReader {
    /// Python may hand the object to another thread; two at once are refused by its own borrow check.
    ingest: Mutex<Ingest>,
    files: Files,
    told: u64,
}

#[pymethods]
impl IngestReader {
    /// Starts to read; `keep_findings` keeps them one by one.
    #[new]
    fn new(
        py: Python<'_>,
        adapter: &str,
        files: Vec<PathBuf>,
        instrument_json: &str,
        keep_findings: bool,
    ) -> PyResult<Self> {
        let adapter = adapters::named(adapter).map_err(raised)?;
        let instrument: Instrument = json(instrument_json)?;
        let files = Files::new(files);
        let read = || Ingest::new(adapter, files.clone(), &instrument, keep_findings);
        let ingest = py.detach(read).map_err(raised)?;
        Ok(Self { ingest: Mutex::new(ingest), files, told: 0 })
    }

    /// (business day in days since 1970, kind, batch), or (day, None, None) where no more of a day will come; None at the
    /// end of all.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Given>> {
        let ingest = self.ingest();
        let made = py.detach(|| -> Result<_, PyErr> {
            let batched = |why: ArrowError| PyValueError::new_err(why.to_string());
            Ok(match ingest.advance().map_err(raised)? {
                Some(Out::Rows(day, rows)) => Some((day, Some(batch(*rows).map_err(batched)?))),
                Some(Out::DayEnds(day)) => Some((day, None)),
                None => None,
            })
        })?;
        Ok(made.map(|(day, rows)| match rows {
            Some((kind, batch)) => (day, Some(kind), Some(PyArrowType(batch))),
            None => (day, None, None),
        }))
    }

    /// Bytes of the files, as they lie on the disk, read since the last call.
    fn bytes_read(&mut self) -> u64 {
        let bytes = self.ingest().progress.bytes();
        let new = bytes - self.told;
        self.told = bytes;
        new
    }

    /// Messages read and messages stored so far.
    fn counts(&mut self) -> (u64, u64) {
        let ingest = self.ingest();
        (ingest.report.messages_read, ingest.events_written())
    }

    /// Findings so far: (business day or None, "repaired" or "flagged", reason, how many).
    fn finding_counts(&mut self) -> Vec<(Option<i64>, &'static str, &'static str, u64)> {
        let counts = &self.ingest().report.counts;
        counts.iter().map(|((day, action, reason), count)| (*day, spell(*action), *reason, *count)).collect()
    }

    /// Findings since the last call, one by one, if they are kept: (action, reason, file, row, detail).
    fn findings(&mut self) -> Vec<(&'static str, &'static str, String, u64, String)> {
        let found = std::mem::take(&mut self.ingest().report.findings);
        let file = |index| self.files.path(index).display().to_string();
        let told = found.into_iter().map(|finding| {
            let (origin, action) = (finding.origin, spell(finding.action));
            (action, finding.reason, file(origin.file), origin.row, finding.detail)
        });
        told.collect()
    }
}

impl IngestReader {
    fn ingest(&mut self) -> &mut Ingest {
        self.ingest.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spell(action: Action) -> &'static str {
    match action {
        Action::Repaired => "repaired",
        Action::Flagged => "flagged",
    }
}

/// Adds the reader to the module.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("SourceDataError", m.py().get_type::<SourceDataError>())?;
    m.add("SourceUsageError", m.py().get_type::<SourceUsageError>())?;
    m.add_class::<IngestReader>()?;
    m.add_function(wrap_pyfunction!(ingest_adapters, m)?)?;
    m.add_function(wrap_pyfunction!(ingest_facts, m)?)
}
