//! Decoded events and dead letters, as they leave the decoder and enter the dataflow and the history.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use datafusion::arrow::datatypes::DataType;

use crate::catalog::Table;
use crate::error::{Error, Result};

/// Where an event stands: topic, partition, offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
}

/// Accepted events of one table.
#[derive(Clone, Debug)]
pub struct EventBatch {
    pub table: Arc<Table>,
    /// Schema: `Table::event_schema`.
    pub rows: RecordBatch,
}

impl EventBatch {
    /// Events of rows that do not come from Kafka: partition 0, offsets from `offset` on. The rows have the table's
    /// columns, by name; one that is left out is NULL.
    ///
    /// Errors: `Invalid` for a column of another type, and for NULL where the table has NOT NULL.
    pub fn of_rows(table: &Arc<Table>, rows: &RecordBatch, offset: i64, timestamp_us: i64) -> Result<EventBatch> {
        let count = rows.num_rows();
        let mut columns: Vec<ArrayRef> = vec![];
        for column in &table.columns {
            let given = rows.column_by_name(&column.name).cloned();
            columns.push(given.unwrap_or_else(|| new_null_array(&column.data_type, count)));
        }
        let deleted = table.upsert.as_ref().and_then(|upsert| columns[upsert.deleted?].as_boolean_opt().cloned());
        let operation = |i: usize| match (&table.upsert, &deleted) {
            (None, _) => "insert",
            (Some(_), Some(deleted)) if deleted.is_valid(i) && deleted.value(i) => "delete",
            (Some(_), _) => "upsert",
        };
        // The schema of events leaves room for deletes, which have a key only.
        for (column, array) in table.columns.iter().zip(&columns).filter(|(column, _)| !column.nullable) {
            if (0..count).any(|i| array.is_null(i) && operation(i) != "delete") {
                return Err(Error::invalid(format!("column {} of table {} is NOT NULL", column.name, table.name)));
            }
        }
        let offsets = Int64Array::from_iter_values((0..count as i64).map(|i| offset + i));
        columns.push(Arc::new(StringArray::from_iter_values((0..count).map(operation))));
        columns.push(new_null_array(&DataType::Utf8, count));
        columns.push(Arc::new(StringArray::from(vec![table.topic.as_str(); count])));
        columns.push(Arc::new(Int32Array::from(vec![0; count])));
        columns.push(Arc::new(offsets));
        columns.push(Arc::new(TimestampMicrosecondArray::from(vec![timestamp_us; count])));
        let rows = RecordBatch::try_new(table.event_schema(), columns)
            .map_err(|e| Error::invalid(format!("these rows do not fit table {}", table.name)).caused_by(e))?;
        Ok(EventBatch { table: table.clone(), rows })
    }
}

/// A message that is not exactly one valid row: kept with its reason, so that nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Name and value of each header, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub position: Position,
    /// Microseconds since 1970-01-01 UTC, as the broker gives it.
    pub timestamp_us: i64,
    pub table: String,
    /// The field found wrong; None: the message as a whole.
    pub field: Option<String>,
    /// The reason, in words.
    pub error: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Definition, SourceFile, parse_definitions};
    use datafusion::arrow::array::BooleanArray;

    fn table() -> Arc<Table> {
        let sql = "CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT NOT NULL, gone BOOLEAN, PRIMARY KEY (k))
            WITH (version = 'v', deleted = 'gone')";
        let definitions = parse_definitions(&SourceFile::new("t.sql", sql)).expect("a table");
        match definitions.into_iter().next() {
            Some(Definition::Table(table)) => Arc::new(table),
            other => panic!("{other:?}"),
        }
    }

    fn rows(columns: &[(&str, ArrayRef)]) -> RecordBatch {
        RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).expect("rows")
    }

    #[test]
    fn rows_become_events_with_operations_and_offsets() {
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
        let versions: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let gone: ArrayRef = Arc::new(BooleanArray::from(vec![None, Some(true), Some(false)]));
        let given = rows(&[("v", versions.clone()), ("gone", gone), ("k", keys.clone())]);
        let events = EventBatch::of_rows(&table(), &given, 7, 5).expect("events").rows;
        let operations = events.column_by_name("_op").expect("operations").as_string::<i32>();
        assert_eq!(operations.iter().flatten().collect::<Vec<_>>(), ["upsert", "delete", "upsert"]);
        let offsets = events.column_by_name("_offset").expect("offsets");
        assert_eq!(**offsets, Int64Array::from(vec![7, 8, 9]));
        let whole = EventBatch::of_rows(&table(), &rows(&[("k", keys.clone()), ("v", versions)]), 0, 0);
        assert_eq!(whole.expect("events").rows.column(2).null_count(), 3);
        let error = EventBatch::of_rows(&table(), &rows(&[("k", keys)]), 0, 0).expect_err("a version is missing");
        assert_eq!(error.message, "column v of table t is NOT NULL");
    }
}
