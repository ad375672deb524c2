//! Rows of the engine as Arrow.

use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, UInt64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use atc_featuregen::families::SCHEMAS;
use atc_featuregen::rows::Rows;
use std::sync::Arc;

fn float32(values: Vec<f32>) -> ArrayRef {
    let valid = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    let nulls = Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0);
    Arc::new(Float32Array::new(values.into(), nulls))
}

/// A batch of the key, the time of closing and the columns of `schemas`.
pub fn to_batch(rows: Rows, schemas: &[String]) -> Result<RecordBatch, ArrowError> {
    let mut fields = vec![
        Field::new("ts_recv", DataType::Int64, false),
        Field::new("ev_seq", DataType::UInt64, false),
        Field::new("ts_close", DataType::Int64, false),
    ];
    let chosen = SCHEMAS.iter().filter(|schema| schemas.iter().any(|name| name == schema.name));
    let names = chosen.flat_map(|schema| schema.declarations).map(|declaration| declaration.name);
    fields.extend(names.map(|name| Field::new(name, DataType::Float32, true)));
    let Rows { ts_recv, ev_seq, ts_close, columns } = rows;
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ts_recv)),
        Arc::new(UInt64Array::from(ev_seq)),
        Arc::new(Int64Array::from(ts_close)),
    ];
    arrays.extend(columns.into_iter().map(float32));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}
