//! The metadata columns of a batch: `_op`, `_topic`, `_partition`, `_offset`, `_timestamp`.

use std::iter::repeat_n;
use std::mem::take;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::BooleanBuffer;

use super::decoder::Message;
use crate::catalog::Table;

/// A column that holds one text: slices of one array, which is made again only for a larger batch.
struct Constant {
    text: String,
    array: StringArray,
}

impl Constant {
    fn new(text: &str) -> Self {
        Constant { text: text.to_string(), array: StringArray::new_null(0) }
    }

    fn rows(&mut self, rows: usize) -> ArrayRef {
        if self.array.len() < rows {
            let values = repeat_n(self.text.as_str(), rows.next_power_of_two());
            self.array = StringArray::from_iter_values(values);
        }
        Arc::new(self.array.slice(0, rows))
    }
}

/// The metadata of the accepted rows of a batch.
pub(super) struct Metadata {
    /// 'insert', or 'upsert'.
    operation: Constant,
    topic: Constant,
    /// Position of the boolean column that deletes.
    deleted: Option<usize>,
    partitions: Vec<i32>,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    /// Rows that came from tombstones, ascending.
    tombstones: Vec<usize>,
}

impl Metadata {
    pub fn new(table: &Table) -> Self {
        Metadata {
            operation: Constant::new(if table.upsert.is_some() { "upsert" } else { "insert" }),
            topic: Constant::new(&table.topic),
            deleted: table.upsert.as_ref().and_then(|upsert| upsert.deleted),
            partitions: vec![],
            offsets: vec![],
            timestamps: vec![],
            tombstones: vec![],
        }
    }

    /// Prepares for at most `rows` rows.
    pub fn start(&mut self, rows: usize) {
        self.partitions = Vec::with_capacity(rows);
        self.offsets = Vec::with_capacity(rows);
        self.timestamps = Vec::with_capacity(rows);
        self.tombstones.clear();
    }

    /// The message is accepted as the next row.
    #[inline(always)]
    pub fn accept(&mut self, message: &Message<'_>) {
        if message.value.is_none() {
            self.tombstones.push(self.partitions.len());
        }
        self.partitions.push(message.partition);
        self.offsets.push(message.offset);
        self.timestamps.push(message.timestamp_us);
    }

    /// The columns after the declared ones, in the order of `METADATA`. `declared` are the finished declared columns.
    pub fn finish(&mut self, declared: &[ArrayRef], rest: StringArray) -> [ArrayRef; 6] {
        let rows = self.partitions.len();
        [
            self.operations(declared, rows),
            Arc::new(rest),
            self.topic.rows(rows),
            Arc::new(Int32Array::from(take(&mut self.partitions))),
            Arc::new(Int64Array::from(take(&mut self.offsets))),
            Arc::new(TimestampMicrosecondArray::from(take(&mut self.timestamps))),
        ]
    }

    /// `_op` of each row: one text as long as nothing deletes.
    fn operations(&mut self, declared: &[ArrayRef], rows: usize) -> ArrayRef {
        let deleted = self.deleted.and_then(|column| declared[column].as_boolean_opt()).map(|deleted| {
            // A null does not delete.
            deleted.nulls().map_or_else(|| deleted.values().clone(), |nulls| deleted.values() & nulls.inner())
        });
        let deleted = deleted.filter(|deleted| deleted.count_set_bits() > 0);
        if deleted.is_none() && self.tombstones.is_empty() {
            return self.operation.rows(rows);
        }
        let mut deletes = vec![false; rows];
        for &row in &self.tombstones {
            deletes[row] = true;
        }
        let deletes = BooleanBuffer::from(deletes);
        let deletes = deleted.map_or(deletes.clone(), |deleted| &deletes | &deleted);
        let operation = self.operation.text.as_str();
        let values = deletes.iter().map(|delete| if delete { "delete" } else { operation });
        Arc::new(StringArray::from_iter_values(values))
    }
}
