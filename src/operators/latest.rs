//! `SELECT ... WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1` over rows that are never taken out.
//!
//! Keeps the first row of each partition, in the arrangement that is also its output. The arrangement encodes
//! partition, order, then all other columns, so "comes first" is one comparison of bytes and no two rows tie.
//! A row that comes first retracts the one that was first; every other row changes nothing and is forgotten.
//! Cost: one probe a row, and for a new first row one append and one decode.

use std::sync::Arc;

use super::{Keeps, MAINTAIN_ROWS_MAX, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::state::{Arrangement, LOCK_ROWS, RowId, Touched};

/// Latest-by-key over insert-only input: the writer of one shard of its arrangement.
#[derive(Debug)]
pub struct Latest {
    arrangement: Arc<Arrangement>,
    shard: usize,
    touched: Touched,
}

impl Latest {
    /// The arrangement's identity is the partition, its order the ORDER BY.
    pub fn new(arrangement: Arc<Arrangement>, shard: usize) -> Self {
        Latest { arrangement, shard, touched: Touched::default() }
    }
}

impl Operator for Latest {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        if input.weights.iter().any(|&w| w <= 0) {
            return Err(Error::data("a row was taken out of an insert-only input (I5)"));
        }
        let batch = self.arrangement.batch(&input.rows)?;
        let mut retracted: Vec<RowId> = vec![];
        let mut inserted: Vec<RowId> = vec![];
        let mut start = 0;
        while start < batch.len() {
            let end = (start + LOCK_ROWS).min(batch.len());
            let mut state = self.arrangement.write(self.shard);
            state.warm(&batch, start..end);
            for i in start..end {
                self.touched.read += 1;
                if let Some(first) = state.find(&batch, i) {
                    if batch.bytes(i) >= state.bytes(first) {
                        continue;
                    }
                    if state.older(first, epoch) {
                        retracted.push(first);
                    }
                    state.kill(first, epoch);
                }
                inserted.push(state.insert(&batch, i, 1, epoch)?);
                self.touched.written += 1;
            }
            start = end;
        }
        // Rows that were first for a while within this epoch are gone again.
        let state = self.arrangement.write(self.shard);
        inserted.retain(|row| state.lives(*row));
        drop(state);
        let mut weights = vec![-1; retracted.len()];
        weights.resize(retracted.len() + inserted.len(), 1);
        retracted.extend(inserted);
        // One decode for old and new rows costs less than taking the new ones from the input and joining both.
        Ok(Changes::new(self.arrangement.rows(self.shard, &retracted)?, weights))
    }

    fn keeps(&self) -> Keeps {
        Keeps::Newest(self.arrangement.layout().identity.clone())
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.arrangement.shard_size(self.shard)
    }
    fn maintain(&mut self, oldest: u32) -> Result<()> {
        self.arrangement.maintain(self.shard, oldest, MAINTAIN_ROWS_MAX).map(|_| ())
    }
}
