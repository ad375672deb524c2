//! Times that only Rust can take: a call from Python costs more than what is measured.

use crate::features::parse_spec;
use crate::tables::{tables, values};
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Float64Array, Int64Array, RecordBatch};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{DataType, Field, Schema};
use atc_featuregen::batch::merge;
use atc_featuregen::engine::Engine;
use atc_featuregen::fixed::to_fixed;
use atc_featuregen::moments::RowMoments;
use atc_featuregen::order_stats::OrderStats;
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
            let count = engine.finished();
            if count > 0 {
                black_box(engine.take_rows());
            }
            ns.push(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX));
            rows.push(count as i64);
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

/// What a window of rows is asked for.
enum Statistic {
    Z(RowMoments<[i64; 1]>),
    Robust(OrderStats),
    Quantile(OrderStats, u64),
}

/// One row statistic of values (float64, without nulls) at times (ns) over `(t − window, t]`, by the engine's
/// structures: `z`, `robust` (of whole lots) or `p95` (nearest rank); NaN where undefined. For whoever takes the time.
#[pyfunction]
fn measure_window(
    py: Python<'_>,
    statistic: &str,
    rows: PyArrowType<RecordBatch>,
    window_ns: i64,
    min_values: u64,
) -> PyResult<PyArrowType<RecordBatch>> {
    let times = values::<Int64Type>(&rows.0, "window", "t")?;
    let inputs = values::<Float64Type>(&rows.0, "window", "x")?;
    let mut statistic = match statistic {
        "z" => Statistic::Z(RowMoments::new(1, window_ns)),
        "robust" => Statistic::Robust(OrderStats::default()),
        "p95" => Statistic::Quantile(OrderStats::default(), 95),
        other => return Err(value_error(format!("statistic '{other}', expected z, robust or p95"))),
    };
    let mut found = Vec::with_capacity(times.len());
    let mut first = 0;
    py.detach(|| {
        for (row, (&t, &x)) in times.iter().zip(inputs).enumerate() {
            while times[first] <= t - window_ns {
                if let Statistic::Robust(values) | Statistic::Quantile(values, _) = &mut statistic {
                    values.remove(inputs[first] as i64);
                }
                first += 1;
            }
            let value = match &mut statistic {
                Statistic::Z(moments) => {
                    let fixed = to_fixed(x).ok_or_else(|| format!("row {row}: {x} is out of range"))?;
                    moments.push(t, [fixed])?;
                    Some(moments.z_scores::<1>(min_values)[0])
                }
                Statistic::Robust(values) => {
                    values.insert(x as i64);
                    values.robust(x as i64, min_values)
                }
                Statistic::Quantile(values, pct) => {
                    values.insert(x as i64);
                    (values.len() >= min_values).then(|| values.nearest_rank(*pct) as f64)
                }
            };
            found.push(value.unwrap_or(f64::NAN));
        }
        Ok(())
    })
    .map_err(|why: String| value_error(why))?;
    let schema = Schema::new(vec![Field::new("value", DataType::Float64, false)]);
    let column = Arc::new(Float64Array::from(found));
    Ok(PyArrowType(RecordBatch::try_new(Arc::new(schema), vec![column]).map_err(value_error)?))
}

/// Adds this module's names to `atc._rust`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(measure_push, m)?)?;
    m.add_function(wrap_pyfunction!(measure_window, m)?)
}
