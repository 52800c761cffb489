//! The runner's own copy of a table: what the batch oracle reads, kept without any operator of the engine.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{self, CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;

use super::events::Event;
use crate::catalog::Table;
use crate::error::{Error, Result};

/// `_timestamp` of the first event, microseconds since 1970-01-01 UTC; each further one is a millisecond later.
const FIRST_TIMESTAMP_US: i64 = 1_700_000_000_000_000;
const TIMESTAMP_STEP_US: i64 = 1_000;

/// Metadata columns that an INSERT may give; the others are made.
pub(super) const GIVEN: [&str; 2] = ["_partition", "_timestamp"];

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct TableCopy {
    table: Arc<Table>,
    name: Arc<str>,
    /// Append-only: the rows that are there. Upsert: every event. Schema: `Table::event_schema`.
    events: RecordBatch,
    next_offset: i64,
}

impl TableCopy {
    pub fn new(table: Arc<Table>) -> Self {
        TableCopy {
            name: table.name.as_str().into(),
            events: RecordBatch::new_empty(table.event_schema()),
            table,
            next_offset: 0,
        }
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The rows that the table has now, with `Table::schema`.
    pub fn rows(&self) -> Result<RecordBatch> {
        let events = self.current()?;
        let declared: Vec<ArrayRef> = events.columns()[..self.table.columns.len()].to_vec();
        Ok(RecordBatch::try_new(self.table.schema(), declared)?)
    }

    /// The same without those that the option `retention` takes out at this time.
    pub fn retained_rows(&self, as_of_us: i64) -> Result<RecordBatch> {
        let Some(retention_us) = self.table.retention_us else { return self.rows() };
        let events = self.current()?;
        let version = self.table.upsert.as_ref().and_then(|upsert| upsert.version);
        let times = version.map(|version| events.column(version)).or_else(|| events.column_by_name("_timestamp"));
        let times = times.and_then(|times| times.as_primitive_opt());
        let times: &TimestampMicrosecondArray = times.ok_or_else(|| Error::internal("events have no time"))?;
        let retained = times.values().iter().map(|&time| Some(time > as_of_us - retention_us)).collect();
        Ok(compute::filter_record_batch(&self.rows()?, &retained)?)
    }

    /// Whether events have to come in the order of their partition: what retention has taken out of an upsert table
    /// without versions is not there any more to tell that another event is older.
    pub fn keeps_order(&self) -> bool {
        let by_offset = self.table.upsert.as_ref().is_some_and(|upsert| upsert.version.is_none());
        by_offset && self.table.retention_us.is_some()
    }

    /// The events that are the rows of the table now.
    pub fn current(&self) -> Result<RecordBatch> {
        if self.table.upsert.is_none() {
            return Ok(self.events.clone());
        }
        let newest = UInt32Array::from(self.newest()?);
        Ok(compute::take_record_batch(&self.events, &newest)?)
    }

    /// Positions of the newest event of each key, where that is not a delete.
    fn newest(&self) -> Result<Vec<u32>> {
        let upsert = self.table.upsert.as_ref().ok_or_else(|| Error::internal("not an upsert table"))?;
        let metadata = |name: &str| self.metadata(name);
        let partitions = metadata("_partition")?.as_primitive::<Int32Type>().clone();
        let offsets = metadata("_offset")?.as_primitive::<Int64Type>().clone();
        let timestamps = metadata("_timestamp")?.as_primitive::<TimestampMicrosecondType>().clone();
        let operations = metadata("_op")?.as_string::<i32>().clone();
        let version = |i: usize| match upsert.version {
            Some(column) => ScalarValue::try_from_array(self.events.column(column), i).map(Some),
            None => Ok(None),
        };
        let newer = |a: usize, b: usize| -> Result<bool> {
            let by_version = match (version(a)?, version(b)?) {
                (Some(a), Some(b)) => compare(&a, &b),
                // In one partition the order of the topic decides, whatever the timestamps say.
                _ if partitions.value(a) == partitions.value(b) => return Ok(offsets.value(a) > offsets.value(b)),
                _ => Ordering::Equal,
            };
            let place = |i: usize| (timestamps.value(i), partitions.value(i), offsets.value(i));
            Ok(by_version.then_with(|| place(a).cmp(&place(b))) == Ordering::Greater)
        };
        // First the newest of a key in each partition, then the newest of these: what is newest in its partition
        // stands for the key, whatever the older events of that partition say.
        let mut in_partition: HashMap<(Vec<ScalarValue>, i32), usize> = HashMap::new();
        for i in 0..self.events.num_rows() {
            let key = upsert.key.iter().map(|&c| ScalarValue::try_from_array(self.events.column(c), i));
            let key = key.collect::<datafusion::error::Result<Vec<_>>>()?;
            let best = in_partition.entry((key, partitions.value(i))).or_insert(i);
            if newer(i, *best)? {
                *best = i;
            }
        }
        let mut newest: HashMap<Vec<ScalarValue>, usize> = HashMap::new();
        for ((key, _), i) in in_partition {
            let best = newest.entry(key).or_insert(i);
            if newer(i, *best)? {
                *best = i;
            }
        }
        let mut rows: Vec<u32> =
            newest.into_values().filter(|&i| operations.value(i) != "delete").map(|i| i as u32).collect();
        rows.sort_unstable();
        Ok(rows)
    }

    fn metadata(&self, name: &str) -> Result<&ArrayRef> {
        self.events.column_by_name(name).ok_or_else(|| Error::internal(format!("events have no column {name}")))
    }

    /// Adds rows: `columns` by name (declared ones, and those of `GIVEN`), of any type that casts without loss of rows.
    pub fn insert(&mut self, columns: &[(String, ArrayRef)], rows: usize) -> Result<Vec<Event>> {
        let deleted = self.table.upsert.as_ref().and_then(|upsert| upsert.deleted);
        let mut arrays = vec![];
        for column in &self.table.columns {
            let array = given(columns, &column.name, &column.data_type, rows)?;
            let array = array.unwrap_or_else(|| new_null_array(&column.data_type, rows));
            if !column.nullable && array.null_count() > 0 {
                return Err(Error::invalid(format!("column {} is NOT NULL", column.name)));
            }
            arrays.push(array);
        }
        let operation = |i: usize| {
            let is_deleted = deleted.is_some_and(|c| {
                let flags: &BooleanArray = arrays[c].as_boolean();
                flags.iter().nth(i).flatten() == Some(true)
            });
            match (&self.table.upsert, is_deleted) {
                (None, _) => "insert",
                (Some(_), false) => "upsert",
                (Some(_), true) => "delete",
            }
        };
        let operations = StringArray::from_iter_values((0..rows).map(operation));
        self.add(arrays, operations, columns)
    }

    /// Adds delete events of keys: the key columns of these rows of `events`.
    pub fn tombstones(&mut self, rows: &RecordBatch) -> Result<Vec<Event>> {
        let key = self.table.upsert.as_ref().map_or(&[][..], |upsert| &upsert.key);
        let count = rows.num_rows();
        let array = |(i, c): (usize, &ArrayRef)| match key.contains(&i) {
            true => c.clone(),
            false => new_null_array(c.data_type(), count),
        };
        let declared = rows.columns()[..self.table.columns.len()].iter().enumerate().map(array);
        let arrays: Vec<ArrayRef> = declared.collect();
        // A tombstone comes through the partition that its row came through.
        let partition = rows
            .column_by_name("_partition")
            .cloned()
            .ok_or_else(|| Error::internal("events have no column _partition"))?;
        let operations = StringArray::from_iter_values((0..count).map(|_| "delete"));
        self.add(arrays, operations, &[("_partition".to_string(), partition)])
    }

    fn add(
        &mut self,
        mut arrays: Vec<ArrayRef>,
        operations: StringArray,
        columns: &[(String, ArrayRef)],
    ) -> Result<Vec<Event>> {
        let rows = operations.len();
        let offsets = self.next_offset..self.next_offset + rows as i64;
        let timestamp = |offset: i64| FIRST_TIMESTAMP_US + offset * TIMESTAMP_STEP_US;
        let timestamps = TimestampMicrosecondArray::from_iter_values(offsets.clone().map(timestamp));
        let partitions: ArrayRef = Arc::new(Int32Array::from(vec![0; rows]));
        let partitions = given(columns, "_partition", &DataType::Int32, rows)?.unwrap_or(partitions);
        let timestamps = given(columns, "_timestamp", timestamps.data_type(), rows)?.unwrap_or(Arc::new(timestamps));
        arrays.push(Arc::new(operations));
        arrays.push(new_null_array(&DataType::Utf8, rows));
        arrays.push(Arc::new(StringArray::from(vec![self.table.topic.as_str(); rows])));
        arrays.push(partitions);
        arrays.push(Arc::new(Int64Array::from_iter_values(offsets)));
        arrays.push(timestamps);
        let batch = RecordBatch::try_new(self.table.event_schema(), arrays)?;
        self.next_offset += rows as i64;
        self.events = concat_batches(&batch.schema(), [&self.events, &batch])?;
        Ok(self.one_by_one(&batch, 1))
    }

    /// Adds whole events.
    pub fn add_events(&mut self, events: &RecordBatch) -> Result<()> {
        self.events = concat_batches(&self.events.schema(), [&self.events, events])?;
        Ok(())
    }

    /// Takes in an event that another copy of the table made. Errors: a row is taken out that is not there.
    pub fn replay(&mut self, event: &Event) -> Result<()> {
        if event.weight > 0 {
            return self.add_events(&event.row);
        }
        let found = (0..self.events.num_rows()).find(|&i| self.events.slice(i, 1) == event.row);
        let row = found.ok_or_else(|| Error::data("a row is taken out that is not there"))?;
        self.retract(&[row as u32]).map(|_| ())
    }

    /// Takes rows of an append-only table out again: positions in `current`.
    pub fn retract(&mut self, rows: &[u32]) -> Result<Vec<Event>> {
        let taken = compute::take_record_batch(&self.events, &UInt32Array::from(rows.to_vec()))?;
        let stays: BooleanArray = (0..self.events.num_rows() as u32).map(|i| Some(!rows.contains(&i))).collect();
        self.events = compute::filter_record_batch(&self.events, &stays)?;
        Ok(self.one_by_one(&taken, -1))
    }

    fn one_by_one(&self, batch: &RecordBatch, weight: i64) -> Vec<Event> {
        let event = |i: usize| Event { table: self.name.clone(), row: batch.slice(i, 1), weight };
        (0..batch.num_rows()).map(event).collect()
    }
}

/// NULL is older than every version.
fn compare(a: &ScalarValue, b: &ScalarValue) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (a_null, b_null) => b_null.cmp(&a_null),
    }
}

/// The given column of this name, as this type. Errors: a value that the type does not hold.
fn given(columns: &[(String, ArrayRef)], name: &str, wanted: &DataType, rows: usize) -> Result<Option<ArrayRef>> {
    let Some((_, array)) = columns.iter().find(|(given, _)| given == name) else {
        return Ok(None);
    };
    if *array.data_type() == DataType::Null {
        return Ok(Some(new_null_array(wanted, rows)));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = cast_with_options(array, wanted, &strict)
        .map_err(|e| Error::invalid(format!("a value does not fit column {name}: {e}")))?;
    Ok(Some(cast))
}
