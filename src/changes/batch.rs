//! A batch of changes: rows and their weights.

use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::SchemaRef;

use crate::error::Result;

/// Rows, and for each its weight (never 0 by convention; operators do not rely on it).
#[derive(Clone, Debug)]
pub struct Changes {
    pub rows: RecordBatch,
    pub weights: Vec<i64>,
}

impl Changes {
    pub fn new(rows: RecordBatch, weights: Vec<i64>) -> Self {
        assert_eq!(rows.num_rows(), weights.len(), "one weight a row");
        Changes { rows, weights }
    }
    /// All rows inserted once.
    pub fn inserts(rows: RecordBatch) -> Self {
        let weights = vec![1; rows.num_rows()];
        Changes { rows, weights }
    }
    pub fn empty(schema: SchemaRef) -> Self {
        Changes { rows: RecordBatch::new_empty(schema), weights: vec![] }
    }
    pub fn len(&self) -> usize {
        self.weights.len()
    }
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
    /// The rows at these positions.
    pub fn take(&self, positions: &[u32]) -> Result<Changes> {
        let rows = take_rows(&self.rows, &UInt32Array::from(positions.to_vec()))?;
        Ok(Changes::new(rows, positions.iter().map(|&i| self.weights[i as usize]).collect()))
    }
    /// `len` rows from `start` on; nothing is copied but their weights.
    pub fn slice(&self, start: usize, len: usize) -> Changes {
        Changes::new(self.rows.slice(start, len), self.weights[start..start + len].to_vec())
    }
    /// Rows of several batches: which batch, and which of its rows.
    pub fn gather(schema: &SchemaRef, batches: &[Changes], rows: &[(usize, usize)]) -> Result<Changes> {
        let column = |c: usize| {
            let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.rows.column(c).as_ref()).collect();
            compute::interleave(&columns, rows)
        };
        let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let weights = rows.iter().map(|&(batch, row)| batches[batch].weights[row]).collect();
        Ok(Changes::new(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?, weights))
    }
    /// All batches after one another; `schema` is used when there is none.
    pub fn concat(schema: &SchemaRef, parts: &[Changes]) -> Result<Changes> {
        if let [one] = parts {
            return Ok(one.clone());
        }
        let rows = compute::concat_batches(schema, parts.iter().map(|p| &p.rows))?;
        Ok(Changes::new(rows, parts.iter().flat_map(|p| p.weights.iter().copied()).collect()))
    }
}

/// The rows at these positions; unlike arrow's own, of rows without columns too.
pub fn take_rows(rows: &RecordBatch, positions: &UInt32Array) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(|column| compute::take(column, positions, None));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(positions.len()));
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &options)?)
}
