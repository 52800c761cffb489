//! `SELECT ... FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k)`, `NOT EXISTS`, `IN`, `INTERSECT`, `EXCEPT`, and
//! the rows that an outer join keeps without a match.
//!
//! Keeps nothing itself: the left side is arranged by the key, the right side's keys are arranged once each, with their
//! count. Rule: a changed left row passes if its key is there now; a key that came or went brings or takes all left
//! rows that were there before: `d(A if k in B) = dA if k in B_new  +  A_old times (k in B_new - k in B_old)`.
//! Cost: one probe a change; a key that comes or goes costs one row for each left row that has it, as the output does.

use std::collections::HashMap;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;

use super::{Operator, Side};
use crate::changes::Changes;
use crate::error::Result;
use crate::state::Touched;

/// Semi join, or anti join, on equal columns. Its rows are the left ones.
#[derive(Debug)]
pub struct Semi {
    schema: SchemaRef,
    left: Side,
    right: Side,
    /// NULL equals NULL; else a row with a NULL key has no match.
    null_equal: bool,
    anti: bool,
    touched: Touched,
}

impl Semi {
    pub fn new(schema: SchemaRef, left: Side, right: Side, null_equal: bool, anti: bool) -> Self {
        Semi { schema, left, right, null_equal, anti, touched: Touched::default() }
    }

    /// Whether each of these keys is on the right at an epoch.
    fn found(&mut self, keys: &[ArrayRef], len: usize, epoch: u32) -> Result<Vec<bool>> {
        let right = self.right.arrangement.read(epoch)?;
        let (found, looked_at) = right.exists(self.right.link, keys, len, self.null_equal)?;
        self.touched.read += len as u64 + looked_at;
        Ok(found)
    }

    fn left_changes(&mut self, changes: &Changes, epoch: u32) -> Result<Changes> {
        let keys: Vec<ArrayRef> = self.left.key.iter().map(|&c| changes.rows.column(c).clone()).collect();
        let found = self.found(&keys, changes.len(), epoch)?;
        let passes = |i: &u32| found[*i as usize] != self.anti;
        changes.take(&(0..changes.len() as u32).filter(passes).collect::<Vec<_>>())
    }

    /// Left rows of the epoch before, for keys of the right that came or went.
    fn right_changes(&mut self, changes: &Changes, epoch: u32) -> Result<Option<Changes>> {
        let all: Vec<ArrayRef> = self.right.key.iter().map(|&c| changes.rows.column(c).clone()).collect();
        let encoded = self.right.encode_keys(&all, changes.len())?;
        let mut firsts: HashMap<&[u8], u32> = HashMap::new();
        (0..changes.len()).for_each(|i| _ = firsts.entry(encoded.bytes(i)).or_insert(i as u32));
        let mut firsts: Vec<u32> = firsts.into_values().collect();
        firsts.sort_unstable();
        let distinct = changes.take(&firsts)?;
        let keys =
            |rows: &RecordBatch| -> Vec<ArrayRef> { self.right.key.iter().map(|&c| rows.column(c).clone()).collect() };
        let distinct_keys = keys(&distinct.rows);
        let before = self.found(&distinct_keys, distinct.len(), epoch - 1)?;
        let after = self.found(&distinct_keys, distinct.len(), epoch)?;
        let flipped: Vec<u32> =
            (0..distinct.len() as u32).filter(|&i| before[i as usize] != after[i as usize]).collect();
        if flipped.is_empty() {
            return Ok(None);
        }
        let flips = distinct.take(&flipped)?;
        let keys: Vec<ArrayRef> = self.right.key.iter().map(|&c| flips.rows.column(c).clone()).collect();
        let reader = self.left.arrangement.read(epoch - 1)?;
        let matches = reader.probe(self.left.link, &keys, flips.len(), self.null_equal)?;
        drop(reader);
        self.touched.read += flips.len() as u64 + matches.looked_at;
        let rows = matches.rows.project(&self.left.columns)?;
        let rows = RecordBatch::try_new_with_options(
            self.schema.clone(),
            rows.columns().to_vec(),
            &RecordBatchOptions::new().with_row_count(Some(matches.weights.len())),
        )?;
        let came = |probe: u32| after[flipped[probe as usize] as usize] != self.anti;
        let weights = matches.probes.iter().zip(&matches.weights);
        let weights = weights.map(|(&probe, &weight)| if came(probe) { weight } else { -weight }).collect();
        Ok(Some(Changes::new(rows, weights)))
    }
}

impl Operator for Semi {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let mut parts = vec![];
        if !inputs[0].is_empty() {
            parts.push(self.left_changes(inputs[0], epoch)?);
        }
        if !inputs[1].is_empty() {
            parts.extend(self.right_changes(inputs[1], epoch)?);
        }
        Changes::concat(&self.schema, &parts)
    }

    fn touched(&self) -> Touched {
        self.touched
    }
}
