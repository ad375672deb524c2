//! Rows and labels of a day whose tables come in parts.

use crate::features::{Heads, labels_batch, parse_spec, value_error, wanted};
use crate::rows::to_batch;
use crate::tables::tables;
use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use atc_featuregen::batch;
use atc_featuregen::label;
use pyo3::prelude::*;

type Batch = PyArrowType<RecordBatch>;

fn spent() -> PyErr {
    value_error("finish() was called already: make a new one")
}

/// Rows with `emit_from ≤ t < emit_to`.
#[pyclass(module = "atc._rust")]
struct RowBuilder {
    builder: Option<batch::RowBuilder>,
    schemas: Vec<String>,
}

#[pymethods]
impl RowBuilder {
    #[new]
    fn new(spec_json: &str, emit_from: i64, emit_to: i64) -> PyResult<Self> {
        let spec = parse_spec(spec_json)?;
        let schemas = spec.schemas.clone();
        let builder = batch::RowBuilder::new(spec, emit_from, emit_to).map_err(value_error)?;
        Ok(Self { builder: Some(builder), schemas })
    }

    /// Takes the next part, which cuts no timestamp; true: all rows are decided.
    fn feed(
        &mut self,
        py: Python<'_>,
        book: Batch,
        trade: Batch,
        ticker: Batch,
        control: Batch,
    ) -> PyResult<bool> {
        let builder = self.builder.as_mut().ok_or_else(spent)?;
        let tables = tables(&book.0, &trade.0, &ticker.0, &control.0)?;
        py.detach(|| builder.feed(&tables)).map_err(value_error)
    }

    /// The rows.
    fn finish(&mut self, py: Python<'_>) -> PyResult<Batch> {
        let builder = self.builder.take().ok_or_else(spent)?;
        let schemas = &self.schemas;
        let rows =
            py.detach(|| to_batch(builder.finish().map_err(value_error)?, schemas).map_err(value_error))?;
        Ok(PyArrowType(rows))
    }
}

/// Forward returns.
#[pyclass(module = "atc._rust")]
struct Labeller {
    labeller: Option<label::Labeller>,
}

#[pymethods]
impl Labeller {
    #[new]
    fn new(spec_json: &str) -> PyResult<Self> {
        let labeller = label::Labeller::new(&parse_spec(spec_json)?).map_err(value_error)?;
        Ok(Self { labeller: Some(labeller) })
    }

    /// Takes the next part, which cuts no timestamp.
    fn feed(
        &mut self,
        py: Python<'_>,
        book: Batch,
        trade: Batch,
        ticker: Batch,
        control: Batch,
    ) -> PyResult<()> {
        let labeller = self.labeller.as_mut().ok_or_else(spent)?;
        let tables = tables(&book.0, &trade.0, &ticker.0, &control.0)?;
        py.detach(|| labeller.feed(&tables)).map_err(value_error)
    }

    /// Labels of rows at `times`; `heads`: name and horizon in ns of each.
    #[pyo3(signature = (times, heads, smooth_ns=0))]
    fn finish(&mut self, py: Python<'_>, times: Vec<i64>, heads: Heads, smooth_ns: i64) -> PyResult<Batch> {
        let labeller = self.labeller.take().ok_or_else(spent)?;
        let wanted = wanted(&heads, smooth_ns);
        let labels = py.detach(|| labeller.finish(&times, &wanted)).map_err(value_error)?;
        labels_batch(labels, &heads)
    }
}

/// Adds this module's names to `atc._rust`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("LABEL_DIGEST", env!("LABEL_DIGEST"))?;
    m.add_class::<RowBuilder>()?;
    m.add_class::<Labeller>()
}
