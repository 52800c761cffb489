//! Saved tables: state as a checkpoint holds it.
//!
//! A saved table is a relation: rows with weights that add up, or groups with totals of which the newest hold. Any number
//! of its changes is any number of batches; summed up, each key is there once.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{filter_record_batch, interleave_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use hashbrown::HashMap;

use super::codec::RowCodec;
use crate::changes::Changes;
use crate::error::{Error, Result};

/// Column of the weights.
const WEIGHT: &str = "_weight";
/// Changes of one table that wait before they are summed up.
const WAITING_ROWS_MAX: usize = 1 << 18;

/// A table of the saved state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedTable {
    /// Fingerprint of what computes the rows.
    pub name: Arc<str>,
    /// Rows of one key: their weights add up, or the newest totals hold.
    pub sums: bool,
}

/// Rows of saved tables: any number of changes is any number of batches, and means the same when it is summed up.
#[derive(Clone, Debug, Default)]
pub struct SavedRows {
    tables: BTreeMap<Arc<str>, Waiting>,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    sums: bool,
    batches: Vec<RecordBatch>,
    rows: usize,
    /// Rows of the first batch, which is summed up.
    summed: usize,
}

/// Changes as rows of a saved table.
pub fn weighted_rows(changes: &Changes, columns: usize) -> Result<RecordBatch> {
    let schema = changes.rows.schema();
    let mut fields: Vec<Field> = schema.fields()[..columns].iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new(WEIGHT, DataType::Int64, false));
    let mut arrays: Vec<ArrayRef> = changes.rows.columns()[..columns].to_vec();
    arrays.push(Arc::new(Int64Array::from(changes.weights.clone())));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The changes that rows of a saved table are, with the columns of a schema.
pub fn weighted_changes(rows: &RecordBatch, schema: &SchemaRef) -> Result<Changes> {
    let types = |schema: &Schema| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
    let (weights, columns) = rows.columns().split_last().ok_or_else(|| Error::data("saved rows without weights"))?;
    let weights = weights.as_primitive_opt::<Int64Type>().ok_or_else(|| Error::data("saved rows without weights"))?;
    if columns.iter().map(|c| c.data_type().clone()).collect::<Vec<_>>() != types(schema) {
        return Err(Error::data("saved rows have other columns than the table has now"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), columns.to_vec(), &options)?;
    Ok(Changes::new(batch, weights.values().to_vec()))
}

impl SavedRows {
    /// Adds rows of a table.
    pub fn add(&mut self, table: &SavedTable, rows: RecordBatch) -> Result<()> {
        let waiting =
            self.tables.entry(table.name.clone()).or_insert_with(|| Waiting { sums: table.sums, ..Waiting::default() });
        waiting.rows += rows.num_rows();
        waiting.batches.push(rows);
        // The rows summed up already are looked at again only when as many new ones have come.
        if waiting.rows - waiting.summed > WAITING_ROWS_MAX.max(waiting.summed) {
            waiting.sum_up()?;
        }
        Ok(())
    }

    /// Adds what came later.
    pub fn append(&mut self, later: SavedRows) -> Result<()> {
        for (name, Waiting { sums, batches, .. }) in later.tables {
            let table = SavedTable { name, sums };
            batches.into_iter().try_for_each(|rows| self.add(&table, rows))?;
        }
        Ok(())
    }

    /// Rows that wait to be summed up, or are.
    pub fn len(&self) -> usize {
        self.tables.values().map(|waiting| waiting.rows).sum()
    }
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Each table and its rows, summed up: no key twice. `whole`: nothing came before, so groups that are gone can go.
    pub fn summed(mut self, whole: bool) -> Result<Vec<(SavedTable, RecordBatch)>> {
        let mut summed = vec![];
        for (name, mut waiting) in std::mem::take(&mut self.tables) {
            waiting.sum_up()?;
            let table = SavedTable { name, sums: waiting.sums };
            let Some(mut rows) = waiting.batches.pop() else { continue };
            if whole && !table.sums {
                rows = without_gone(&rows)?;
            }
            if rows.num_rows() > 0 {
                summed.push((table, rows));
            }
        }
        Ok(summed)
    }
}

impl Waiting {
    fn sum_up(&mut self) -> Result<()> {
        let rows = if self.sums { sum(&self.batches)? } else { newest(&self.batches)? };
        (self.rows, self.summed) = (rows.num_rows(), rows.num_rows());
        self.batches = vec![rows];
        Ok(())
    }
}

/// Each different row with the sum of its weights; none where that is 0.
fn sum(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let mut sums: Vec<i64> = vec![];
    let positions = by_key(batches, |at, batch, row| {
        let weight = batches[batch].columns()[batches[batch].num_columns() - 1].as_primitive::<Int64Type>().value(row);
        match sums.get_mut(at) {
            Some(sum) => *sum += weight,
            None => sums.push(weight),
        }
        false
    })?;
    let kept: Vec<usize> = (0..sums.len()).filter(|&i| sums[i] != 0).collect();
    let rows = gather(batches, &kept.iter().map(|&i| positions[i]).collect::<Vec<_>>())?;
    let weights: Int64Array = kept.iter().map(|&i| sums[i]).collect();
    let mut columns = rows.columns().to_vec();
    columns.pop();
    columns.push(Arc::new(weights));
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

/// The last row of each key.
fn newest(batches: &[RecordBatch]) -> Result<RecordBatch> {
    gather(batches, &by_key(batches, |_, _, _| true)?)
}

/// A position for each key (all columns but the last): of its first row, or of the last one for which `replaces` says
/// so. It is told the number of the key, the batch and the row.
fn by_key(
    batches: &[RecordBatch],
    mut replaces: impl FnMut(usize, usize, usize) -> bool,
) -> Result<Vec<(usize, usize)>> {
    let Some(first) = batches.first() else { return Ok(vec![]) };
    let columns: Vec<usize> = (0..first.num_columns() - 1).collect();
    let codec = RowCodec::ascending(first.schema(), &columns)?;
    let encoded = batches.iter().map(|batch| codec.encode(batch)).collect::<Result<Vec<_>>>()?;
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    let mut positions: Vec<(usize, usize)> = vec![];
    for (batch, keys) in encoded.iter().enumerate() {
        for row in 0..keys.len() {
            let at = *numbers.entry(keys.bytes(row)).or_insert(positions.len());
            let replaces = replaces(at, batch, row);
            match positions.get_mut(at) {
                Some(position) if replaces => *position = (batch, row),
                Some(_) => {}
                None => positions.push((batch, row)),
            }
        }
    }
    Ok(positions)
}

/// The groups that have rows: the others' words are zeros.
fn without_gone(rows: &RecordBatch) -> Result<RecordBatch> {
    let words = rows.columns().last().and_then(|words| words.as_fixed_size_binary_opt());
    let words = words.ok_or_else(|| Error::data("saved totals without words"))?;
    let live = words.iter().map(|words| Some(words.is_some_and(|words| words.iter().any(|&byte| byte != 0)))).collect();
    Ok(filter_record_batch(rows, &live)?)
}

fn gather(batches: &[RecordBatch], positions: &[(usize, usize)]) -> Result<RecordBatch> {
    if positions.is_empty() {
        let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        return Ok(RecordBatch::new_empty(schema));
    }
    Ok(interleave_record_batch(&batches.iter().collect::<Vec<_>>(), positions)?)
}
