//! `SELECT ... WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1` over rows that may be taken out again.
//!
//! Keeps every row, in order: when the first row of a partition goes, the next one is at hand. The rows are encoded as
//! partition, order, all other columns; the first row of a partition is the first that begins with its key.
//! Cost: logarithmic in the rows held, independent of the rows of the partition.

use std::collections::BTreeMap;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::Result;
use crate::state::{OrderedRows, RowCodec, Touched};

/// Latest-by-key over input with retractions.
#[derive(Debug)]
pub struct OrderedLatest {
    key_codec: RowCodec,
    row_codec: RowCodec,
    rows: OrderedRows,
    touched: Touched,
}

impl OrderedLatest {
    pub fn new(schema: SchemaRef, partition: &[usize], order: &[(usize, SortOptions)]) -> Result<Self> {
        Ok(OrderedLatest {
            key_codec: RowCodec::ascending(schema.clone(), partition)?,
            row_codec: RowCodec::ordered(schema, partition, order)?,
            rows: OrderedRows::default(),
            touched: Touched::default(),
        })
    }
}

impl Operator for OrderedLatest {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        let keys = self.key_codec.encode(&input.rows)?;
        let rows = self.row_codec.encode(&input.rows)?;
        // The first row of each touched partition, before.
        let mut before: BTreeMap<&[u8], Option<Vec<u8>>> = BTreeMap::new();
        for i in 0..input.len() {
            let first = || self.rows.first(keys.bytes(i)).map(<[u8]>::to_vec);
            before.entry(keys.bytes(i)).or_insert_with(first);
        }
        // Insertions first: a row may be inserted and taken out in one epoch, in any order.
        for insertions in [true, false] {
            for i in (0..input.len()).filter(|&i| (input.weights[i] > 0) == insertions) {
                self.rows.add(rows.bytes(i), input.weights[i])?;
                self.touched.written += 1;
            }
        }
        let (mut bytes, mut weights): (Vec<&[u8]>, Vec<i64>) = (vec![], vec![]);
        for (key, old) in &before {
            self.touched.read += 2;
            let new = self.rows.first(key);
            if new == old.as_deref() {
                continue;
            }
            for (row, weight) in [(old.as_deref(), -1), (new, 1)] {
                if let Some(row) = row {
                    bytes.push(row);
                    weights.push(weight);
                }
            }
        }
        Ok(Changes::new(self.row_codec.decode(bytes.into_iter())?, weights))
    }

    fn keeps(&self) -> Keeps {
        Keeps::Inputs
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.rows.size()
    }
}
