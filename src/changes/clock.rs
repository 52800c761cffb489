//! Changes of the built-in table `clock`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::TimestampMicrosecondType;

use super::Changes;
use crate::catalog::{CLOCK, clock_table};
use crate::error::Result;

/// Events of the table `clock`: its rows (microseconds since 1970-01-01 UTC), each with its weight.
pub fn clock_changes(rows: &[(i64, i64)]) -> Result<Changes> {
    let schema = clock_table().event_schema();
    let len = rows.len();
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.0)).collect();
    let times: ArrayRef = Arc::new(times);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "as_of" | "_timestamp" => times.clone(),
            "_partition" => Arc::new(Int32Array::from(vec![0; len])),
            "_offset" => Arc::new(Int64Array::from(vec![0; len])),
            "_rest" => new_null_array(field.data_type(), len),
            name => Arc::new(StringArray::from(vec![if name == "_op" { "insert" } else { CLOCK }; len])),
        }
    });
    let rows_of = RecordBatch::try_new(schema.clone(), columns.collect())?;
    Ok(Changes::new(rows_of, rows.iter().map(|row| row.1).collect()))
}

/// The row that these changes of the clock put in place.
pub fn newest_as_of(changes: &Changes) -> Option<i64> {
    let times = changes.rows.column(0).as_primitive_opt::<TimestampMicrosecondType>()?;
    let came = (0..changes.len()).rev().find(|&i| changes.weights[i] > 0)?;
    Some(times.value(came))
}
