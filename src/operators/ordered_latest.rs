//! `SELECT ... WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1` over rows that may be taken out again.
//!
//! Keeps every row of a partition, in order, all other columns last: when the first row goes, the next one is at hand.
//! Rule: a partition whose first row is another than before gives the old one back and the new one out.
//! Cost: one probe a change, and a logarithm of the partition's rows.

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::partitions::{OutputRows, Partitions};
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::Result;
use crate::state::Touched;

/// Latest-by-key over input with retractions.
#[derive(Debug)]
pub struct OrderedLatest {
    partitions: Partitions,
    touched: Touched,
}

impl OrderedLatest {
    pub fn new(schema: SchemaRef, partition: &[usize], order: &[(usize, SortOptions)]) -> Result<Self> {
        Ok(OrderedLatest { partitions: Partitions::new(&schema, partition, order)?, touched: Touched::default() })
    }
}

impl Operator for OrderedLatest {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let (touched, mut output, mut before) = (&mut self.touched, OutputRows::default(), vec![]);
        touched.written += inputs[0].len() as u64;
        self.partitions.each(inputs[0], |partitions, changes, part| {
            touched.read += 2;
            before.clear();
            let old = partitions.rows(part).next().map(|(row, _)| before.extend_from_slice(row));
            partitions.add(changes, part)?;
            let old = old.map(|()| &before[..]);
            let new = partitions.rows(part).next().map(|(row, _)| row);
            if old != new {
                old.into_iter().for_each(|row| partitions.give(part, row, -1, &mut output));
                new.into_iter().for_each(|row| partitions.give(part, row, 1, &mut output));
            }
            Ok(())
        })?;
        Ok(Changes::new(self.partitions.decode(&output)?, output.weights()))
    }

    fn keeps(&self) -> Keeps {
        Keeps::Inputs
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.partitions.size()
    }
}
