//! The columns of each dataset: as a segment's section holds them, and as a Parquet file does.
//!
//! - Events: `Table::event_schema`, `_epoch`; the same in both.
//! - A view: its columns, then in a section `_weight`, `_epoch`, `_published_at`; in a file `_change` ('insert' or
//!   'delete'; one row a unit of weight) in the place of `_weight`.
//! - Dead letters: `key, value, headers, topic, partition, offset, timestamp, table, field, error, _epoch` in both.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use super::manifest::checksum;
use super::record::ViewChanges;
use crate::changes::{DeadLetter, EventBatch};
use crate::error::{Error, Result};

/// Rows of one batch at most, wherever the history hands out rows.
pub const BATCH_ROWS_MAX: usize = 65_536;

/// Names that the history adds to the columns of a view.
const RESERVED: [&str; 5] = ["_weight", "_change", "_epoch", "_published_at", "_date"];

const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Events and the number of their epoch.
pub fn event_rows(events: &EventBatch, epoch: i64) -> Result<RecordBatch> {
    let extra = [(Field::new("_epoch", DataType::Int64, false), repeated(epoch, events.rows.num_rows()))];
    with_columns(&events.rows, extra)
}

/// Changes of a view in one epoch. Its columns are stored as nullable: nothing may hinge on what a plan derives.
pub fn view_rows(changes: &ViewChanges, epoch: i64, published_at_us: i64) -> Result<RecordBatch> {
    let rows = &changes.changes.rows;
    let schema = rows.schema();
    if let Some(name) = RESERVED.iter().find(|name| schema.column_with_name(name).is_some()) {
        return Err(Error::refused(format!(
            "view {} has a column {name}, which the history adds itself",
            changes.view
        ))
        .hint("give the column another name, or take history = 'changes' away"));
    }
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(Int64Array::from(changes.changes.weights.clone())));
    columns.push(repeated(epoch, count));
    columns.push(Arc::new(TimestampMicrosecondArray::from_value(published_at_us, count)));
    Ok(RecordBatch::try_new(section_schema(&schema), columns)?)
}

/// The columns of a section of a view with these columns.
pub fn section_schema(columns: &Schema) -> SchemaRef {
    let fields = columns.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    let extra = [("_weight", DataType::Int64), ("_epoch", DataType::Int64), ("_published_at", MICROSECONDS)];
    let extra = extra.map(|(name, data_type)| Field::new(name, data_type, false));
    Arc::new(Schema::new(fields.chain(extra).collect::<Fields>()))
}

fn repeated(value: i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_value(value, rows))
}

fn with_columns(rows: &RecordBatch, extra: impl IntoIterator<Item = (Field, ArrayRef)>) -> Result<RecordBatch> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = extra.into_iter().unzip();
    let schema = rows.schema();
    let fields = schema.fields().iter().cloned().chain(fields.into_iter().map(Arc::new));
    let columns = rows.columns().iter().cloned().chain(arrays).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Fields>())), columns)?)
}

/// Dead letters of one epoch.
pub fn dead_letter_rows(letters: &[DeadLetter], epoch: i64) -> Result<RecordBatch> {
    let text = |of: fn(&DeadLetter) -> Option<&str>| letters.iter().map(of).collect::<StringArray>();
    let bytes = |of: fn(&DeadLetter) -> Option<&[u8]>| letters.iter().map(of).collect::<BinaryArray>();
    let headers = StringArray::from_iter_values(letters.iter().map(|letter| headers_text(&letter.headers)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(bytes(|letter| letter.key.as_deref())),
        Arc::new(bytes(|letter| letter.value.as_deref())),
        Arc::new(headers),
        Arc::new(text(|letter| Some(&letter.position.topic))),
        Arc::new(Int32Array::from_iter_values(letters.iter().map(|letter| letter.position.partition))),
        Arc::new(Int64Array::from_iter_values(letters.iter().map(|letter| letter.position.offset))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(letters.iter().map(|letter| letter.timestamp_us))),
        Arc::new(text(|letter| Some(&letter.table))),
        Arc::new(text(|letter| letter.field.as_deref())),
        Arc::new(text(|letter| Some(&letter.error))),
        repeated(epoch, letters.len()),
    ];
    Ok(RecordBatch::try_new(dead_letter_schema(), columns)?)
}

fn dead_letter_schema() -> SchemaRef {
    let fields = [
        ("key", DataType::Binary, true),
        ("value", DataType::Binary, true),
        ("headers", DataType::Utf8, false),
        ("topic", DataType::Utf8, false),
        ("partition", DataType::Int32, false),
        ("offset", DataType::Int64, false),
        ("timestamp", MICROSECONDS, false),
        ("table", DataType::Utf8, false),
        ("field", DataType::Utf8, true),
        ("error", DataType::Utf8, false),
        ("_epoch", DataType::Int64, false),
    ];
    Arc::new(Schema::new(fields.map(|(name, data_type, nullable)| Field::new(name, data_type, nullable)).to_vec()))
}

/// Headers as a JSON array: `[{"name": "a", "value": "text"}, {"name": "b", "value_hex": "00ff"}]`. A header without a
/// value has neither member; bytes that are not UTF-8 are hexadecimal.
fn headers_text(headers: &[(String, Option<Vec<u8>>)]) -> String {
    let header = |(name, value): &(String, Option<Vec<u8>>)| match value.as_deref().map(|v| (v, str::from_utf8(v))) {
        None => json!({ "name": name }),
        Some((_, Ok(text))) => json!({ "name": name, "value": text }),
        Some((bytes, Err(_))) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "name": name, "value_hex": digits })
        }
    };
    Value::Array(headers.iter().map(header).collect()).to_string()
}

/// Rows of a view's section as rows of its Parquet files: each row as often as its weight says, in the same order, in
/// batches of at most `BATCH_ROWS_MAX` rows.
pub struct Expanded {
    rows: RecordBatch,
    /// The column `_weight`.
    at: usize,
    /// The next row, and how often it was given already.
    next: (usize, u64),
}

impl Expanded {
    pub fn new(rows: RecordBatch) -> Result<Expanded> {
        let schema = rows.schema();
        let (at, _) =
            schema.column_with_name("_weight").ok_or_else(|| Error::data("a view's section has no _weight"))?;
        Ok(Expanded { rows, at, next: (0, 0) })
    }
}

impl Iterator for Expanded {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let weights = self.rows.column(self.at).as_primitive::<Int64Type>().values();
        let mut positions: Vec<u32> = vec![];
        while let Some(weight) = weights.get(self.next.0) {
            let (row, given) = self.next;
            let room = (BATCH_ROWS_MAX - positions.len()) as u64;
            let count = (weight.unsigned_abs() - given).min(room);
            positions.extend(std::iter::repeat_n(row as u32, count as usize));
            if given + count < weight.unsigned_abs() {
                self.next = (row, given + count);
                break;
            }
            self.next = (row + 1, 0);
        }
        (!positions.is_empty()).then(|| taken(&self.rows, self.at, &positions))
    }
}

/// The schema of a view's Parquet files.
pub fn expanded_schema(section: &Schema) -> SchemaRef {
    let change = Arc::new(Field::new("_change", DataType::Utf8, false));
    let field = |field: &Arc<Field>| {
        if field.name() == "_weight" { change.clone() } else { field.clone() }
    };
    Arc::new(Schema::new(section.fields().iter().map(field).collect::<Fields>()))
}

fn taken(rows: &RecordBatch, weight: usize, positions: &[u32]) -> Result<RecordBatch> {
    let taken = compute::take_record_batch(rows, &UInt32Array::from(positions.to_vec()))?;
    let weights = taken.column(weight).as_primitive::<Int64Type>();
    let change = |weight: &i64| if *weight > 0 { "insert" } else { "delete" };
    let mut columns = taken.columns().to_vec();
    columns[weight] = Arc::new(StringArray::from_iter_values(weights.values().iter().map(change)));
    Ok(RecordBatch::try_new(expanded_schema(&rows.schema()), columns)?)
}

/// The rows under another schema: columns by name, those it does not name left out, those it adds NULL.
pub fn fitted(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| match rows.column_by_name(field.name()) {
        Some(column) => column.clone(),
        None => new_null_array(field.data_type(), rows.num_rows()),
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// Fingerprint of a schema: 16 hexadecimal digits.
pub fn schema_fingerprint(schema: &Schema) -> String {
    let field = |f: &Arc<Field>| format!("{}\0{}\0{}\0", f.name(), f.data_type(), f.is_nullable());
    checksum(schema.fields().iter().map(field).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{Changes, Position};

    fn view_changes(values: &[&str], weights: &[i64]) -> ViewChanges {
        let schema = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, false)]));
        let rows = RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(values.to_vec()))]).unwrap();
        ViewChanges { view: "v".into(), generation: 1, changes: Changes::new(rows, weights.to_vec()) }
    }

    #[test]
    fn a_weight_is_that_many_rows() {
        let rows = view_rows(&view_changes(&["a", "b", "c"], &[2, -1, 70_000]), 7, 9).unwrap();
        let batches: Vec<_> = Expanded::new(rows.clone()).unwrap().map(|batch| batch.unwrap()).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [65_536, 4_467]);
        let first = &batches[0];
        let text = |name: &str| first.column_by_name(name).unwrap().as_string::<i32>().clone();
        let head = (0..4).map(|i| (text("name").value(i).to_string(), text("_change").value(i).to_string()));
        let expected = [("a", "insert"), ("a", "insert"), ("b", "delete"), ("c", "insert")];
        assert_eq!(head.collect::<Vec<_>>(), expected.map(|(a, b)| (a.to_string(), b.to_string())));
        assert_eq!(first.schema(), expanded_schema(&rows.schema()));
        assert_eq!(first.column_by_name("_epoch").unwrap().as_primitive::<Int64Type>().value(3), 7);
    }

    #[test]
    fn a_reserved_column_name_is_refused() {
        let schema = Arc::new(Schema::new(vec![Field::new("_change", DataType::Int64, true)]));
        let changes = ViewChanges { view: "v".into(), generation: 1, changes: Changes::empty(schema) };
        assert!(view_rows(&changes, 1, 1).unwrap_err().message.contains("view v has a column _change"));
    }

    #[test]
    fn headers_keep_bytes_that_are_not_text() {
        let headers = [("a".into(), Some(b"x\"y".to_vec())), ("b".into(), None), ("c".into(), Some(vec![0, 255]))];
        let text = r#"[{"name":"a","value":"x\"y"},{"name":"b"},{"name":"c","value_hex":"00ff"}]"#;
        assert_eq!(headers_text(&headers), text);
    }

    #[test]
    fn a_dead_letter_keeps_everything() {
        let letter = DeadLetter {
            key: None,
            value: Some(vec![0xff]),
            headers: vec![],
            position: Position { topic: "t".into(), partition: 3, offset: 44 },
            timestamp_us: 5,
            table: "orders".into(),
            field: Some("price".into()),
            error: "not a number".into(),
        };
        let rows = dead_letter_rows(&[letter], 9).unwrap();
        assert_eq!(rows.column_by_name("value").unwrap().as_binary::<i32>().value(0), [0xff]);
        assert!(rows.column_by_name("key").unwrap().is_null(0));
        assert_eq!(rows.column_by_name("offset").unwrap().as_primitive::<Int64Type>().value(0), 44);
        assert_eq!(rows.column_by_name("field").unwrap().as_string::<i32>().value(0), "price");
    }
}
