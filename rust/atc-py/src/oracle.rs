//! Continuations of a simulated market in Python.

use crate::sim::parse;
use arrow_array::{ArrayRef, FixedSizeListArray, Int32Array, RecordBatch};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{DataType, Field, Schema};
use atc_sim::{Futures, Question};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Least distance of two looks at Python: its signals and the caller's progress.
const LOOK: Duration = Duration::from_millis(100);

fn value_error(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

fn batch(futures: Futures, continuations: usize) -> PyResult<RecordBatch> {
    let width = i32::try_from(continuations).map_err(value_error)?;
    let item = Arc::new(Field::new("item", DataType::Int32, false));
    let later = Arc::new(Int32Array::from(futures.later_mid2));
    let later = FixedSizeListArray::try_new(Arc::clone(&item), width, later, None).map_err(value_error)?;
    let schema = Schema::new(vec![
        Field::new("mid2", DataType::Int32, false),
        Field::new("own_mid2", DataType::Int32, false),
        Field::new("later_mid2", DataType::FixedSizeList(item, width), false),
    ]);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(futures.mid2)),
        Arc::new(Int32Array::from(futures.own_mid2)),
        Arc::new(later),
    ];
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(value_error)
}

/// Twice the mid (half ticks) at each of the growing times `at` (ns), and `horizon_ns` later: on the market's own
/// path and in `continuations` futures of each state. `progress` is called with the number of states done.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "Python names them")]
fn simulator_futures(
    py: Python<'_>,
    params_json: &str,
    market_seed: u64,
    at: Vec<i64>,
    horizon_ns: i64,
    continuations: usize,
    seed: u64,
    threads: usize,
    progress: Py<PyAny>,
) -> PyResult<PyArrowType<RecordBatch>> {
    let params = parse(params_json)?;
    let question = Question { at, horizon_ns, continuations, seed, threads };
    let (mut raised, mut looked) = (None, Instant::now());
    let answer = py.detach(|| {
        atc_sim::futures(&params, market_seed, &question, &mut |done| {
            if raised.is_some() || (looked.elapsed() < LOOK && done < question.at.len()) {
                return raised.is_none();
            }
            looked = Instant::now();
            raised = Python::attach(|py| py.check_signals().and_then(|()| progress.call1(py, (done,))).err());
            raised.is_none()
        })
    });
    match (raised, answer) {
        (Some(error), _) => Err(error),
        (None, Ok(futures)) => Ok(PyArrowType(batch(futures, continuations)?)),
        (None, Err(why)) => Err(value_error(why)),
    }
}

/// Adds the oracle to the module.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("ORACLE_DIGEST", env!("ORACLE_DIGEST"))?;
    m.add_function(wrap_pyfunction!(simulator_futures, m)?)
}
