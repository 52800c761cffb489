//! Decoded events and dead letters, as they leave the decoder and enter the dataflow and the history.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use crate::catalog::Table;

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
