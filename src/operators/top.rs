//! `SELECT ... WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) BETWEEN 2 AND 5`, and LIMIT with OFFSET.
//!
//! Keeps every row in order of partition, order, all other columns; of rows that are never taken out only the first `to`
//! of each partition, as no other can come in again. A touched partition compares its rows number `from` to `to` before
//! and after. Where the number itself is not shown, a row whose number changes does not change.
//! Cost: `to` rows of each touched partition, and a logarithm of the rows held a change; never the rows behind `to`.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::Top as Plan;
use crate::state::{OrderedRows, RowCodec, Touched};

/// The first rows of each partition, or some of them.
#[derive(Debug)]
pub struct Top {
    schema: SchemaRef,
    key_codec: RowCodec,
    row_codec: RowCodec,
    from: u64,
    to: u64,
    number: bool,
    insert_only: bool,
    rows: OrderedRows,
    touched: Touched,
}

/// Rows of a partition and their weights; each row's first number, if numbers are shown.
type Shown = BTreeMap<(Box<[u8]>, Option<u64>), i64>;

impl Top {
    /// `schema`: the columns of the input, then the number if it is shown.
    pub fn new(input: &SchemaRef, schema: SchemaRef, plan: &Plan) -> Result<Self> {
        let order: &[(usize, SortOptions)] = &plan.order;
        Ok(Top {
            schema,
            key_codec: RowCodec::ascending(input.clone(), &plan.partition)?,
            row_codec: RowCodec::ordered(input.clone(), &plan.partition, order)?,
            from: plan.from,
            to: plan.to,
            number: plan.number,
            insert_only: plan.input.insert_only,
            rows: OrderedRows::default(),
            touched: Touched::default(),
        })
    }

    /// Adds `weight` times the rows number `from` to `to` of a partition; gives the rows behind them, if none can come
    /// back.
    fn show(&mut self, key: &[u8], weight: i64, shown: &mut Shown) -> Vec<(Box<[u8]>, i64)> {
        let (mut number, mut behind) = (0u64, vec![]);
        for (row, copies) in self.rows.rows_of(key) {
            self.touched.read += 1;
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
                *shown.entry((row.into(), None)).or_default() += weight * (last - first + 1) as i64;
                continue;
            }
            for number in first..=last {
                *shown.entry((row.into(), Some(number))).or_default() += weight;
            }
        }
        behind
    }

    fn output(&self, shown: Shown) -> Result<Changes> {
        let shown: Vec<_> = shown.into_iter().filter(|(_, weight)| *weight != 0).collect();
        let rows = self.row_codec.decode(shown.iter().map(|((row, _), _)| row.as_ref()))?;
        let weights = shown.iter().map(|(_, weight)| *weight).collect();
        if !self.number {
            return Ok(Changes::new(rows, weights));
        }
        let numbers: UInt64Array = shown.iter().map(|((_, number), _)| *number).collect();
        let mut arrays = rows.columns().to_vec();
        arrays.push(Arc::new(numbers));
        let options = RecordBatchOptions::new().with_row_count(Some(shown.len()));
        Ok(Changes::new(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?, weights))
    }
}

impl Operator for Top {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        if self.insert_only && input.weights.iter().any(|&w| w <= 0) {
            return Err(Error::data("a row was taken out of an insert-only input (I5)"));
        }
        let keys = self.key_codec.encode(&input.rows)?;
        let rows = self.row_codec.encode(&input.rows)?;
        let touched: std::collections::BTreeSet<&[u8]> = (0..input.len()).map(|i| keys.bytes(i)).collect();
        let mut shown = Shown::new();
        for key in &touched {
            self.show(key, -1, &mut shown);
        }
        // Insertions first: a row may be inserted and taken out in one epoch, in any order.
        for insertions in [true, false] {
            for i in (0..input.len()).filter(|&i| (input.weights[i] > 0) == insertions) {
                self.rows.add(rows.bytes(i), input.weights[i])?;
                self.touched.written += 1;
            }
        }
        for key in &touched {
            for (row, copies) in self.show(key, 1, &mut shown) {
                self.rows.add(&row, -copies)?;
                self.touched.written += 1;
            }
        }
        self.output(shown)
    }

    fn keeps(&self) -> Keeps {
        // Of rows that are never taken out only those that are shown are held.
        if self.insert_only && self.from == 1 { Keeps::Output } else { Keeps::Inputs }
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.rows.size()
    }
}
