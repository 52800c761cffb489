//! Keeps a relation's rows, so that a join can probe them or a reader look them up.
//!
//! Consolidates first: changes of equal rows are summed, and what sums to nothing is gone. A row's weight changes by
//! ending the old version and appending the new one.
//! Cost: one probe and at most one append a changed row, whatever is held.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{Keeps, MAINTAIN_ROWS_MAX, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::state::{Arrangement, Batch, LOCK_ROWS, Touched};

/// The writer of one shard of an arrangement. Rows come to the shard that owns them.
#[derive(Debug)]
pub struct Arrange {
    arrangement: Arc<Arrangement>,
    shard: usize,
    touched: Touched,
}

impl Arrange {
    pub fn new(arrangement: Arc<Arrangement>, shard: usize) -> Self {
        Arrange { arrangement, shard, touched: Touched::default() }
    }

    /// Applies net weights to rows of a batch, all retractions or all insertions.
    fn write(&mut self, epoch: u32, batch: &Batch, rows: &[(u32, i64)]) -> Result<()> {
        for part in rows.chunks(LOCK_ROWS) {
            let mut state = self.arrangement.write(self.shard);
            state.warm(batch, part.iter().map(|(i, _)| *i as usize));
            for &(i, weight) in part {
                let i = i as usize;
                self.touched.read += 1;
                let mut now = weight;
                if let Some(held) = state.find(batch, i) {
                    if state.bytes(held) != batch.bytes(i) {
                        return Err(Error::data("two rows have the same key (I5)"));
                    }
                    let sum = state.weight(held).checked_add(weight);
                    now = sum.ok_or_else(|| Error::data("the weight of a row overflows"))?;
                    state.kill(held, epoch);
                    self.touched.written += 1;
                }
                if now < 0 {
                    return Err(Error::data("a row was taken out that is not there (I5)"));
                }
                if now > 0 {
                    state.insert(batch, i, now, epoch)?;
                    self.touched.written += 1;
                }
            }
        }
        Ok(())
    }
}

/// Position of the first of equal rows and the sum of their weights, in order of first mention; zero sums are left out.
fn consolidate(batch: &Batch, weights: &[i64]) -> Result<Vec<(u32, i64)>> {
    let mut seen: HashMap<&[u8], u32> = HashMap::with_capacity(weights.len());
    let mut sums: Vec<(u32, i64)> = Vec::with_capacity(weights.len());
    for (i, &weight) in weights.iter().enumerate() {
        let at = *seen.entry(batch.bytes(i)).or_insert(sums.len() as u32) as usize;
        match sums.get_mut(at) {
            Some((_, sum)) => {
                *sum = sum.checked_add(weight).ok_or_else(|| Error::data("the weight of a row overflows"))?;
            }
            None => sums.push((i as u32, weight)),
        }
    }
    sums.retain(|(_, sum)| *sum != 0);
    Ok(sums)
}

impl Operator for Arrange {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        let batch = self.arrangement.batch(&input.rows)?;
        let changed = consolidate(&batch, &input.weights)?;
        // Retractions first: a key's old row makes room for its new one.
        let (mut retractions, insertions): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, weight)| *weight < 0);
        self.write(epoch, &batch, &retractions)?;
        self.write(epoch, &batch, &insertions)?;
        retractions.extend(insertions);
        let positions: Vec<u32> = retractions.iter().map(|(i, _)| *i).collect();
        let mut changes = input.take(&positions)?;
        changes.weights = retractions.into_iter().map(|(_, weight)| weight).collect();
        Ok(changes)
    }

    fn keeps(&self) -> Keeps {
        Keeps::Inputs
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
