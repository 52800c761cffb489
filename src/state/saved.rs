//! Saved tables: state as a checkpoint holds it.
//!
//! A saved table is a relation: rows with weights that add up, or rows with a key of which the newest hold. Any number of
//! its changes is any number of batches, in order; summed up, they are as few rows as is cheap to find.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use hashbrown::HashTable;

use super::codec::{EncodedRows, RowCodec};
use super::slot::hash_key;
use crate::changes::Changes;
use crate::error::{Error, Result};

/// Column of the weights.
const WEIGHT: &str = "_weight";
/// Changes of one table that wait before they are summed up. A checkpoint sums up what waits: fewer would be looked at
/// several times until it comes. In tests few wait.
const WAITING_ROWS_MAX: usize = if cfg!(test) { 4 } else { 1 << 20 };

/// A table of the saved state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedTable {
    /// Fingerprint of what computes the rows.
    pub name: Arc<str>,
    /// Columns of which the newest row holds; None: the weights of equal rows add up.
    pub key: Option<Vec<usize>>,
}

/// Rows of saved tables: any number of changes is any number of batches, and means the same when it is summed up.
#[derive(Clone, Debug, Default)]
pub struct SavedRows {
    tables: BTreeMap<Arc<str>, Waiting>,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    key: Option<Vec<usize>>,
    batches: Vec<RecordBatch>,
    rows: usize,
    /// Rows that were left when it was last summed up.
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

/// The rows of a saved table of which a hash is wanted: that of the key, or of the row without its weight. So rows that
/// are summed up together are wanted together.
pub fn hashed_rows(table: &SavedTable, rows: &RecordBatch, wanted: impl Fn(u64) -> bool) -> Result<RecordBatch> {
    let codec = RowCodec::ascending(rows.schema(), &identity(table.key.as_deref(), rows))?;
    let encoded = codec.encode(rows)?;
    let kept = (0..encoded.len()).map(|row| Some(wanted(hash_key(encoded.bytes(row))))).collect();
    Ok(filter_record_batch(rows, &kept)?)
}

/// The columns that tell the rows of a saved table apart.
fn identity(key: Option<&[usize]>, rows: &RecordBatch) -> Vec<usize> {
    key.map_or_else(|| (0..rows.num_columns().max(1) - 1).collect(), <[usize]>::to_vec)
}

impl SavedRows {
    /// Adds rows of a table.
    pub fn add(&mut self, table: &SavedTable, rows: RecordBatch) -> Result<()> {
        let new = || Waiting { key: table.key.clone(), ..Waiting::default() };
        let waiting = self.tables.entry(table.name.clone()).or_insert_with(new);
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
        for (name, Waiting { key, batches, .. }) in later.tables {
            let table = SavedTable { name, key };
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

    /// Each table that has rows, and these, summed up. `whole`: nothing came before, so groups that are gone can go.
    pub fn summed(mut self, whole: bool) -> Result<Vec<(SavedTable, Vec<RecordBatch>)>> {
        let mut summed = vec![];
        for (name, mut waiting) in std::mem::take(&mut self.tables) {
            waiting.sum_up()?;
            if whole && waiting.key.is_some() {
                waiting.batches = waiting.batches.iter().map(without_gone).collect::<Result<_>>()?;
            }
            waiting.batches.retain(|rows| rows.num_rows() > 0);
            if !waiting.batches.is_empty() {
                summed.push((SavedTable { name, key: waiting.key }, waiting.batches));
            }
        }
        Ok(summed)
    }
}

impl Waiting {
    fn sum_up(&mut self) -> Result<()> {
        match &self.key {
            Some(key) => self.batches = newest(&self.batches, key)?,
            // Rows that only come in are not worth a look at each of them.
            None if !self.batches.iter().any(takes_out) => {}
            None => self.batches = sum(&self.batches)?,
        }
        self.rows = self.batches.iter().map(RecordBatch::num_rows).sum();
        self.summed = self.rows;
        Ok(())
    }
}

fn weights(rows: &RecordBatch) -> &[i64] {
    rows.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>()).map_or(&[], |w| w.values())
}

fn takes_out(rows: &RecordBatch) -> bool {
    weights(rows).iter().any(|&weight| weight < 0)
}

/// Each different row with the sum of its weights; none where that is 0.
fn sum(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let mut sums: Vec<i64> = vec![];
    let columns = batches.first().map_or(vec![], |rows| identity(None, rows));
    let mut positions = by_key(batches, &columns, |at, batch, row| {
        let weight = weights(&batches[batch])[row];
        match sums.get_mut(at) {
            Some(sum) => *sum += weight,
            None => sums.push(weight),
        }
        false
    })?;
    let mut weights = sums.iter().copied().filter(|&sum| sum != 0);
    let mut sums = sums.iter();
    positions.retain(|_| sums.next().is_some_and(|&sum| sum != 0));
    // They are in the order of their first rows, as what is left of the batches is.
    let with_sums = |rows: RecordBatch| {
        let mut columns = rows.columns().to_vec();
        columns.pop();
        columns.push(Arc::new(weights.by_ref().take(rows.num_rows()).collect::<Int64Array>()));
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    };
    only(batches, &positions)?.into_iter().map(with_sums).collect()
}

/// The last row of each key.
fn newest(batches: &[RecordBatch], key: &[usize]) -> Result<Vec<RecordBatch>> {
    only(batches, &by_key(batches, key, |_, _, _| true)?)
}

/// A position for each key: of its first row, or of the last one for which `replaces` says so. It is told the number of
/// the key, the batch and the row.
fn by_key(
    batches: &[RecordBatch],
    columns: &[usize],
    mut replaces: impl FnMut(usize, usize, usize) -> bool,
) -> Result<Vec<(usize, usize)>> {
    let Some(first) = batches.first() else { return Ok(vec![]) };
    let codec = RowCodec::ascending(first.schema(), columns)?;
    let encoded = batches.iter().map(|batch| codec.encode(batch)).collect::<Result<Vec<_>>>()?;
    // Hashes and numbers: growing it, and looking for another key, reads no keys.
    let mut numbers: HashTable<(u64, usize)> = HashTable::with_capacity(encoded.iter().map(EncodedRows::len).sum());
    let mut positions: Vec<(usize, usize)> = vec![];
    for (batch, keys) in encoded.iter().enumerate() {
        for row in 0..keys.len() {
            let (key, hash) = (keys.bytes(row), hash_key(keys.bytes(row)));
            let same = |&(other, at): &(u64, usize)| {
                let (batch, row) = positions[at];
                other == hash && encoded[batch].bytes(row) == key
            };
            let next = (hash, positions.len());
            let (_, at) = *numbers.entry(hash, same, |(hash, _)| *hash).or_insert(next).get();
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

/// The groups that have rows: the others' words are zeros. Rows without words are never gone.
fn without_gone(rows: &RecordBatch) -> Result<RecordBatch> {
    let Some(words) = rows.columns().last().and_then(|words| words.as_fixed_size_binary_opt()) else {
        return Ok(rows.clone());
    };
    let live = words.iter().map(|words| Some(words.is_some_and(|words| words.iter().any(|&byte| byte != 0)))).collect();
    Ok(filter_record_batch(rows, &live)?)
}

/// The rows at these positions, batch by batch. A batch that loses none is not copied.
fn only(batches: &[RecordBatch], positions: &[(usize, usize)]) -> Result<Vec<RecordBatch>> {
    let mut kept: Vec<Vec<bool>> = batches.iter().map(|rows| vec![false; rows.num_rows()]).collect();
    positions.iter().for_each(|&(batch, row)| kept[batch][row] = true);
    let mut left = vec![];
    for (rows, kept) in batches.iter().zip(kept) {
        match kept.iter().filter(|&&kept| kept).count() {
            0 => {}
            all if all == rows.num_rows() => left.push(rows.clone()),
            _ => left.push(filter_record_batch(rows, &BooleanArray::from(kept))?),
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringArray;

    use super::*;

    /// Rows of three columns: a key, a text, a weight.
    fn batch(rows: &[(i64, &str, i64)]) -> RecordBatch {
        let fields = [("k", DataType::Int64), ("text", DataType::Utf8), (WEIGHT, DataType::Int64)];
        let fields: Vec<Field> = fields.map(|(name, data_type)| Field::new(name, data_type, false)).into();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>()),
            Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
        ];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn summed(key: Option<Vec<usize>>, batches: &[RecordBatch]) -> Vec<RecordBatch> {
        let mut rows = SavedRows::default();
        let table = SavedTable { name: "t".into(), key };
        batches.iter().for_each(|batch| rows.add(&table, batch.clone()).unwrap());
        rows.summed(false).unwrap().pop().map_or(vec![], |(_, batches)| batches)
    }

    fn batches() -> [RecordBatch; 4] {
        [
            batch(&[(1, "a", 1), (2, "b", 2), (1, "a", 1), (3, "c", 1)]),
            batch(&[(4, "d", 1), (5, "e", 3)]),
            batch(&[(2, "b", -2), (1, "a", 1), (1, "other", 1)]),
            batch(&[(2, "b", 5), (3, "c", -1)]),
        ]
    }

    #[test]
    fn weights_of_equal_rows_add_up_and_what_sums_to_nothing_is_gone() {
        let expected = [batch(&[(1, "a", 3), (2, "b", 5)]), batches()[1].clone(), batch(&[(1, "other", 1)])];
        assert_eq!(summed(None, &batches()), expected);
        assert_eq!(summed(None, &[batch(&[(1, "a", 1)]), batch(&[(1, "a", -1)])]), []);
    }

    #[test]
    fn of_a_key_the_newest_row_holds() {
        let expected = [batches()[1].clone(), batch(&[(1, "other", 1)]), batches()[3].clone()];
        assert_eq!(summed(Some(vec![0]), &batches()), expected);
    }
}
