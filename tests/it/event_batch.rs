//! Events of a table as the decoder would give them.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::DataType;
use rebateflow::catalog::Table;

/// The declared columns and the metadata that a broker gives. `offsets`: one a row; the time grows with it.
pub fn event_batch(table: &Table, mut columns: Vec<ArrayRef>, offsets: &[i64]) -> RecordBatch {
    let count = offsets.len();
    let operation = if table.upsert.is_some() { "upsert" } else { "insert" };
    let times = offsets.iter().map(|offset| 1_700_000_000_000_000 + offset * 1_000);
    let metadata: [ArrayRef; 6] = [
        Arc::new(StringArray::from(vec![operation; count])),
        new_null_array(&DataType::Utf8, count),
        Arc::new(StringArray::from(vec![table.topic.as_str(); count])),
        Arc::new(Int32Array::from(vec![0; count])),
        Arc::new(Int64Array::from(offsets.to_vec())),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
    ];
    columns.extend(metadata);
    RecordBatch::try_new(table.event_schema(), columns).expect("the schema of events")
}
