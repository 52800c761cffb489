//! `SELECT ... WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) BETWEEN 2 AND 5`, and LIMIT with OFFSET.
//!
//! Keeps every row in order of partition, order, all other columns; of rows that are never taken out only the first `to`
//! of each partition, as no other can come in again. A touched partition compares its rows number `from` to `to` before
//! and after. Where the number itself is not shown, a row whose number changes does not change.
//! Cost: `to` rows of each touched partition, and a logarithm of its rows a change; never the rows behind `to`.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;

use super::partitions::{OutputRows, Part, Partitions};
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::Top as Plan;
use crate::state::Touched;

/// The first rows of each partition, or some of them.
#[derive(Debug)]
pub struct Top {
    schema: SchemaRef,
    limits: Limits,
    partitions: Partitions,
    touched: Touched,
}

/// Which rows of a partition are shown, and how.
#[derive(Clone, Copy, Debug)]
struct Limits {
    from: u64,
    to: u64,
    number: bool,
    insert_only: bool,
}

/// A row that is shown: its first number, if numbers are shown, and how often.
struct Shown {
    row: Box<[u8]>,
    number: Option<u64>,
    weight: i64,
}

impl Top {
    /// `schema`: the columns of the input, then the number if it is shown.
    pub fn new(input: &SchemaRef, schema: SchemaRef, plan: &Plan) -> Result<Self> {
        let (from, to, number, insert_only) = (plan.from, plan.to, plan.number, plan.input.insert_only);
        Ok(Top {
            schema,
            limits: Limits { from, to, number, insert_only },
            partitions: Partitions::new(input, &plan.partition, &plan.order)?,
            touched: Touched::default(),
        })
    }
}

impl Limits {
    /// Adds `weight` times the rows number `from` to `to` of a partition to `shown`; gives the rows behind them, if none
    /// can come back.
    fn show(
        self,
        rows: impl Iterator<Item = (impl AsRef<[u8]>, i64)>,
        weight: i64,
        touched: &mut Touched,
        shown: &mut Vec<Shown>,
    ) -> Vec<(Box<[u8]>, i64)> {
        let (mut number, mut behind) = (0u64, vec![]);
        for (row, copies) in rows {
            let row = row.as_ref();
            touched.read += 1;
            if number >= self.to {
                if !self.insert_only {
                    break;
                }
                behind.push((row.into(), copies));
                continue;
            }
            let (first, last) = (number + 1, number.saturating_add(copies.unsigned_abs()));
            number = last;
            let (first, last) = (first.max(self.from), last.min(self.to));
            if first > last {
                continue;
            }
            if !self.number {
                shown.push(Shown { row: row.into(), number: None, weight: weight * (last - first + 1) as i64 });
                continue;
            }
            shown.extend((first..=last).map(|number| Shown { row: row.into(), number: Some(number), weight }));
        }
        behind
    }
}

/// What is shown before and after, added up.
fn consolidate(shown: &mut Vec<Shown>) {
    shown.sort_by(|a, b| (&a.row, a.number).cmp(&(&b.row, b.number)));
    shown.dedup_by(|next, first| {
        let same = next.row == first.row && next.number == first.number;
        first.weight += if same { next.weight } else { 0 };
        same
    });
    shown.retain(|row| row.weight != 0);
}

impl Operator for Top {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let (input, limits, touched) = (inputs[0], self.limits, &mut self.touched);
        if limits.insert_only && input.weights.iter().any(|&w| w <= 0) {
            return Err(Error::data("a row was taken out of an insert-only input (I5)"));
        }
        touched.written += input.len() as u64;
        let (mut output, mut numbers, mut shown) = (OutputRows::default(), vec![], vec![]);
        self.partitions.each(input, |partitions, changes, part: Part<'_>| {
            shown.clear();
            limits.show(partitions.rows(part), -1, touched, &mut shown);
            partitions.add(changes, part)?;
            for (row, copies) in limits.show(partitions.rows(part), 1, touched, &mut shown) {
                partitions.take(part, &row, copies)?;
                touched.written += 1;
            }
            consolidate(&mut shown);
            for row in &shown {
                partitions.give(part, &row.row, row.weight, &mut output);
                numbers.push(row.number);
            }
            Ok(())
        })?;
        let rows = self.partitions.decode(&output)?;
        let mut arrays = rows.columns().to_vec();
        if limits.number {
            arrays.push(Arc::new(UInt64Array::from(numbers)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        Ok(Changes::new(rows, output.weights()))
    }

    fn keeps(&self) -> Keeps {
        // Of rows that are never taken out only those that are shown are held.
        if self.limits.insert_only && self.limits.from == 1 { Keeps::Output } else { Keeps::Inputs }
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.partitions.size()
    }
}
