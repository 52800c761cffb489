//! A table: one Kafka topic, its columns and the options of its `CREATE TABLE`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::names::CLOCK;

/// A declared column. Types are those of Arrow: VARCHAR is Utf8, TIMESTAMP is microseconds without a zone, meaning UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
}

/// What to do with fields of a message that no column declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// Kept as JSON text in `_rest` of the event history (the default).
    Keep,
    Ignore,
    /// The message becomes a dead letter.
    Reject,
}

/// How the key of a tombstone (an event without a value) is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// The bytes are the text of the one key column.
    Raw,
    /// A JSON object with the key columns.
    Json,
}

/// What makes a table an upsert table: the newest event of a key wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    /// Positions of the primary key's columns.
    pub key: Vec<usize>,
    /// The column whose greatest value is the newest event. None: the order of the topic.
    pub version: Option<usize>,
    /// The boolean column that deletes.
    pub deleted: Option<usize>,
    pub key_format: KeyFormat,
}

/// A table of the catalog. Without `upsert` it is append-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub topic: String,
    pub columns: Vec<Column>,
    pub upsert: Option<Upsert>,
    pub unknown_fields: UnknownFields,
    /// Microseconds after which the clock takes an event out, by its version, or else its `_timestamp`. None: never.
    pub retention_us: Option<i64>,
    /// The whole `CREATE TABLE` text.
    pub sql: String,
}

/// Name and type of the metadata columns that every event has, after the declared ones.
/// `_op` is 'insert' (append-only), 'upsert' or 'delete'; `_rest` holds undeclared fields as a JSON object.
pub const METADATA: [(&str, DataType, bool); 6] = [
    ("_op", DataType::Utf8, false),
    ("_rest", DataType::Utf8, true),
    ("_topic", DataType::Utf8, false),
    ("_partition", DataType::Int32, false),
    ("_offset", DataType::Int64, false),
    ("_timestamp", DataType::Timestamp(TimeUnit::Microsecond, None), false),
];

/// The built-in table `clock(as_of TIMESTAMP(6))`: always one row, the time that views go by. It has no topic: its events
/// are made by the engine, which moves it forward only.
pub fn clock_table() -> Table {
    let as_of = Column {
        name: "as_of".to_string(),
        data_type: DataType::Timestamp(TimeUnit::Microsecond, None),
        nullable: false,
    };
    Table {
        name: CLOCK.to_string(),
        topic: CLOCK.to_string(),
        columns: vec![as_of],
        upsert: None,
        unknown_fields: UnknownFields::Ignore,
        retention_us: None,
        sql: "CREATE TABLE clock (as_of TIMESTAMP(6) NOT NULL)".to_string(),
    }
}

impl Table {
    /// The declared columns.
    pub fn schema(&self) -> SchemaRef {
        let field = |c: &Column| Field::new(&c.name, c.data_type.clone(), c.nullable);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    /// The columns of an event: the declared ones, then `METADATA`. A delete of an upsert table has only its key,
    /// so there the other columns are nullable.
    pub fn event_schema(&self) -> SchemaRef {
        let nullable = |i: usize, c: &Column| c.nullable || self.upsert.as_ref().is_some_and(|u| !u.key.contains(&i));
        let declared =
            self.columns.iter().enumerate().map(|(i, c)| Field::new(&c.name, c.data_type.clone(), nullable(i, c)));
        let metadata = METADATA.into_iter().map(|(name, data_type, nullable)| Field::new(name, data_type, nullable));
        Arc::new(Schema::new(declared.chain(metadata).collect::<Vec<_>>()))
    }
}
