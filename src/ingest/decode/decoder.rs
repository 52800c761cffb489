//! The decoder of one table: a batch of messages to accepted rows and rejects.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::column::Column;
use super::metadata::Metadata;
use super::object::{ObjectReader, Rows, Shape};
use super::reject::{Fault, Place, Reason, Refusal, Reject};
use super::rest::Rest;
use super::scan::{Scratch, read_string};
use super::tombstone::Tombstones;
use crate::catalog::Table;
use crate::changes::EventBatch;
use crate::error::{Error, Result};

/// Columns of a table: the fields seen in a message are one word of flags.
pub const COLUMNS_MAX: usize = 64;

/// Bytes of a message, key and value. A longer one is a reject.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Bytes of a batch, keys and values, without the messages that are too long. The bytes of a column are never more
/// than those of its messages, so 32-bit offsets cannot overflow. The caller cuts batches.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

/// Messages of a batch. The caller cuts batches.
pub const BATCH_MESSAGES_MAX: usize = 1 << 20;

/// One Kafka message, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub key: Option<&'a [u8]>,
    /// None: a tombstone.
    pub value: Option<&'a [u8]>,
    pub partition: i32,
    pub offset: i64,
    /// Microseconds since 1970-01-01 UTC, as the broker gives it.
    pub timestamp_us: i64,
}

impl Message<'_> {
    /// Bytes of key and value.
    fn bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// What became of a batch of messages: each is one row or one reject.
#[derive(Debug)]
pub struct Decoded {
    /// Accepted rows in the order of their messages.
    pub events: EventBatch,
    /// Refused messages in their order.
    pub rejects: Vec<Reject>,
}

/// Decodes the messages of one table's topic. It learns how they are written, so it is kept between batches.
pub struct Decoder {
    table: Arc<Table>,
    schema: SchemaRef,
    object: ObjectReader,
    tombstones: Tombstones,
    rows: Rows,
    metadata: Metadata,
    scratch: Scratch,
}

impl Decoder {
    /// A decoder for the table's columns.
    ///
    /// # Errors
    /// `Refused` for a table of more than `COLUMNS_MAX` columns or with a column that JSON cannot be read into;
    /// `Invalid` when a key column does not exist or the deleted column is not BOOLEAN.
    pub fn new(table: Arc<Table>) -> Result<Decoder> {
        check_table(&table)?;
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            columns.push(Column::new(&column.data_type).ok_or_else(|| {
                let message =
                    format!("column {}.{}: {} cannot be read from JSON", table.name, column.name, column.data_type);
                Error::refused(message).hint(
                    "use VARCHAR, BIGINT, INTEGER, DECIMAL up to 38 digits, TIMESTAMP(6), BOOLEAN, DOUBLE or DATE",
                )
            })?);
        }
        let is_key = |i: usize| table.upsert.as_ref().is_some_and(|upsert| upsert.key.contains(&i));
        let required = table.columns.iter().enumerate().filter(|(i, column)| !column.nullable || is_key(*i));
        let names = table.columns.iter().enumerate().map(|(i, column)| (column.name.clone().into_bytes(), i as u16));
        let object = ObjectReader::new(Shape {
            names: names.collect(),
            columns: columns.len(),
            required: required.fold(0, |bits, (i, _)| bits | 1 << i),
            unknown_fields: table.unknown_fields,
        });
        Ok(Decoder {
            schema: table.event_schema(),
            object,
            tombstones: Tombstones::new(&table),
            rows: Rows { columns, rest: Rest::default(), unescaped: vec![] },
            metadata: Metadata::new(&table),
            scratch: Scratch::new(),
            table,
        })
    }

    /// Decodes messages of this table's topic: at most `BATCH_MESSAGES_MAX` messages and `BATCH_BYTES_MAX` bytes.
    /// Accepted rows come in message order with the schema `Table::event_schema`.
    ///
    /// # Errors
    /// `Internal` when the batch is over a limit; bad messages are rejects, not errors.
    pub fn decode(&mut self, messages: &[Message<'_>]) -> Result<Decoded> {
        self.start(messages)?;
        let (mut row, mut rejects) = (0, vec![]);
        for (position, message) in messages.iter().enumerate() {
            match self.read(message, row) {
                Ok(()) => {
                    self.metadata.accept(message);
                    row += 1;
                }
                Err(refusal) => rejects.push(self.reject(position, refusal)),
            }
        }
        let rows = self.finish(row)?;
        Ok(Decoded { events: EventBatch { table: self.table.clone(), rows }, rejects })
    }

    fn start(&mut self, messages: &[Message<'_>]) -> Result<()> {
        let bytes = messages.iter().map(Message::bytes).filter(|&bytes| bytes <= MESSAGE_BYTES_MAX).sum::<usize>();
        let count = messages.len();
        if bytes > BATCH_BYTES_MAX || count > BATCH_MESSAGES_MAX {
            let message =
                format!("table {}: a batch of {count} messages and {bytes} bytes is over the limit", self.table.name);
            return Err(Error::internal(message));
        }
        for column in &mut self.rows.columns {
            column.start(count, bytes);
        }
        self.rows.rest.start(count);
        self.metadata.start(count);
        Ok(())
    }

    /// Reads one message into `row`; a refused one leaves the row to the next.
    #[inline(always)]
    fn read(&mut self, message: &Message<'_>, row: usize) -> Result<(), Refusal> {
        if message.bytes() > MESSAGE_BYTES_MAX {
            return Err(Refusal::whole(Fault::TooLong));
        }
        match message.value {
            Some(value) => self.object.read(self.scratch.load(value), row, &mut self.rows),
            None => self.tombstones.read(message.key, row, &mut self.scratch, &mut self.rows),
        }
    }

    #[cold]
    fn reject(&self, message: usize, refusal: Refusal) -> Reject {
        let (field, expected) = match refusal.place {
            Place::Whole => (None, None),
            Place::Column(i) => {
                let column = &self.table.columns[i];
                (Some(column.name.clone()), Some(column.data_type.clone()))
            }
            // The name was read before, so it is a whole string; the quote after it stands in the text.
            Place::Undeclared(start) => {
                let mut unescaped = vec![];
                let name = read_string(self.scratch.text(), start, &mut unescaped);
                (name.ok().map(|(name, _)| String::from_utf8_lossy(name).into_owned()), None)
            }
        };
        Reject { message, field, reason: Reason { fault: refusal.fault, expected, in_key: refusal.in_key } }
    }

    fn finish(&mut self, rows: usize) -> Result<RecordBatch> {
        let declared = self.rows.columns.iter_mut().map(|column| column.finish(rows));
        let mut arrays = declared.collect::<Result<Vec<ArrayRef>>>()?;
        let metadata = self.metadata.finish(&arrays, self.rows.rest.finish(rows));
        arrays.extend(metadata);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map_err(|e| {
            Error::internal(format!("table {}: decoded columns do not fit their schema", self.table.name)).caused_by(e)
        })
    }
}

/// What the decoder relies on, beside the types of the columns.
fn check_table(table: &Table) -> Result<()> {
    let columns = table.columns.len();
    if columns > COLUMNS_MAX {
        let message =
            format!("table {} has {columns} columns, at most {COLUMNS_MAX} can be read from JSON", table.name);
        return Err(Error::refused(message).hint("declare the columns that views need; the others stay in _rest"));
    }
    let Some(upsert) = &table.upsert else { return Ok(()) };
    if upsert.key.is_empty() || upsert.key.iter().any(|&column| column >= columns) {
        return Err(Error::invalid(format!("table {}: the primary key names no column", table.name)));
    }
    let is_boolean = |column: usize| table.columns.get(column).is_some_and(|c| c.data_type == DataType::Boolean);
    if upsert.deleted.is_some_and(|column| !is_boolean(column)) {
        return Err(Error::invalid(format!("table {}: the deleted column is not BOOLEAN", table.name)));
    }
    Ok(())
}
