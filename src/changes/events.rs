//! Decoded events and dead letters, as they leave the decoder and enter the dataflow and the history.

use std::fmt;
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

/// The header of a message that replays a dead letter: where that stands.
pub const REPLAY_OF: &str = "replay-of";

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl Position {
    /// Reads `topic/partition/offset`; None if it is nothing of the kind.
    pub fn parse(text: &str) -> Option<Position> {
        let mut parts = text.rsplitn(3, '/');
        let (offset, partition) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().filter(|topic| !topic.is_empty()).map(|topic| Position { topic: topic.into(), partition, offset })
    }

    /// What the header `replay-of` of the message at this position says: the offset that it replays, which is an
    /// earlier one of the same partition, or what is wrong with it. None: it names no position, so it is not ours.
    ///
    /// Only within a partition the order of messages is fixed, and with it which one of two replays comes first.
    pub fn replays(&self, header: &[u8]) -> Option<Result<i64, String>> {
        let of = Position::parse(str::from_utf8(header).ok()?)?;
        let earlier = of.topic == self.topic && of.partition == self.partition && of.offset < self.offset;
        Some(if earlier {
            Ok(of.offset)
        } else {
            Err(format!("replay-of names {of}, which is no earlier message of this partition"))
        })
    }
}

/// A message that replays a dead letter and can be read, or that is not looked at because one before it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Where the message itself stands.
    pub position: Position,
    /// The offset of the dead letter, in the same partition.
    pub replay_of: i64,
    /// Microseconds since 1970-01-01 UTC, as the broker gives it.
    pub timestamp_us: i64,
    pub table: String,
    /// It is an event. False: an earlier replay is, so this one has no effect.
    pub accepted: bool,
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

impl DeadLetter {
    /// What a replay of it names: itself, or, if it is a replay that could not be read, what that one named.
    pub fn origin(&self) -> Position {
        let header = self.headers.iter().rev().find(|(name, _)| name == REPLAY_OF);
        let of = header.and_then(|(_, value)| self.position.replays(value.as_ref()?)?.ok());
        Position { offset: of.unwrap_or(self.position.offset), ..self.position.clone() }
    }
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
    fn a_header_replays_an_earlier_message_of_its_partition() {
        let position = Position { topic: "a/b".into(), partition: 1, offset: 7 };
        assert_eq!(Position::parse(&position.to_string()), Some(position.clone()));
        let said = |header: &str| position.replays(header.as_bytes());
        assert_eq!(said("a/b/1/6"), Some(Ok(6)));
        for wrong in ["a/b/1/7", "a/b/1/8", "a/b/0/6", "a/1/6"] {
            assert!(said(wrong).is_some_and(|said| said.is_err_and(|reason| reason.contains(wrong))), "{wrong}");
        }
        assert!(["", "6", "1/6", "/1/6", "a/b/1/x", "a/b/c"].into_iter().all(|foreign| said(foreign).is_none()));
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
