//! `COUNT(DISTINCT v)`, `SUM(DISTINCT v)`, `AVG(DISTINCT v)`.
//!
//! Keeps the values of each group in order, with the number of rows that have it. A value that comes for the first time
//! adds to the total, one that goes for the last time is taken out of it.
//! Cost: a change, a logarithm of its group's values.

use datafusion::arrow::datatypes::SchemaRef;

use super::accumulator::GroupedChanges;
use super::totals::{Total, TotalRows};
use crate::error::Result;
use crate::state::{OrderedRows, RowCodec};

/// The values of all groups.
#[derive(Debug)]
pub(super) struct Distinct {
    total: Total,
    codec: RowCodec,
    values: OrderedRows,
}

impl Distinct {
    /// `arguments`: columns of `input`.
    pub fn new(total: Total, input: &SchemaRef, arguments: &[usize]) -> Result<Self> {
        let codec = RowCodec::ascending(input.clone(), arguments)?;
        Ok(Distinct { total, codec, values: OrderedRows::default() })
    }

    pub fn total(&self) -> &Total {
        &self.total
    }

    pub fn add(&mut self, words: &mut [i128], changes: &GroupedChanges<'_>, rows: TotalRows<'_>) -> Result<()> {
        // 1 where a value begins to be there, -1 where it ends.
        let mut steps = vec![0; rows.weights.len()];
        changes.keep(
            &mut self.values,
            &self.codec,
            |i| rows.counts(i),
            |i, now| steps[i] = i64::from(now > 0) - i64::from(now > rows.weights[i]),
        )?;
        self.total.add(words, &TotalRows { weights: &steps, ..rows })
    }

    pub fn size(&self) -> usize {
        self.values.size()
    }
}
