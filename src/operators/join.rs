//! `SELECT ... FROM a JOIN b ON a.k = b.k`: inner join on equal columns; on no column it is all pairs.
//!
//! Keeps nothing itself: both sides are arranged and indexed by the join key, by operators that ran before in this
//! epoch. Rule: changes of the left meet the right as it was, changes of the right meet the left as it is:
//! `d(A B) = dA B_old + A_new dB`. The versions of the rows tell "was" from "is".
//! Cost: one probe a change, one decode and one output row a match.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::datatypes::SchemaRef;

use super::Operator;
use crate::changes::{Changes, take_rows};
use crate::error::{Error, Result};
use crate::state::{Arrangement, EncodedRows, Touched};

/// One side of a join: where its rows are and how they are found.
#[derive(Clone, Debug)]
pub struct Side {
    pub arrangement: Arc<Arrangement>,
    /// The index by join key; None: the arrangement's identity.
    pub link: Option<usize>,
    /// For each column of the side, its position in the arrangement.
    pub columns: Vec<usize>,
    /// The join key: columns of the side, in the order of the index.
    pub key: Vec<usize>,
}

/// Inner equality join. Its rows are the left columns, then the right ones.
#[derive(Debug)]
pub struct Join {
    schema: SchemaRef,
    left: Side,
    right: Side,
    null_equal: bool,
    touched: Touched,
}

impl Side {
    /// Join keys of this side as the bytes that its index compares.
    pub(super) fn encode_keys(&self, keys: &[ArrayRef], len: usize) -> Result<EncodedRows> {
        self.arrangement.encode_keys(self.link, keys, len)
    }
}

impl Join {
    pub fn new(schema: SchemaRef, left: Side, right: Side, null_equal: bool) -> Self {
        Join { schema, left, right, null_equal, touched: Touched::default() }
    }

    /// `changes` of one side against the rows of the other at an epoch. `left`: the changes are the left side's.
    fn meet(&mut self, changes: &Changes, epoch: u32, left: bool) -> Result<Changes> {
        let (own, other) = if left { (&self.left, &self.right) } else { (&self.right, &self.left) };
        let key = &own.key;
        let keys: Vec<ArrayRef> = key.iter().map(|&c| changes.rows.column(c).clone()).collect();
        let matches = other.arrangement.read(epoch)?.probe(other.link, &keys, changes.len(), self.null_equal)?;
        self.touched.read += changes.len() as u64 + matches.looked_at;
        let probes = UInt32Array::from(matches.probes);
        // Mostly each change meets exactly one row: then its columns pass as they are.
        let one_each =
            probes.len() == changes.len() && probes.values().iter().enumerate().all(|(i, &p)| p as usize == i);
        let ours = if one_each { changes.rows.clone() } else { take_rows(&changes.rows, &probes)? };
        let theirs = matches.rows.project(&other.columns)?;
        let (a, b) = if left { (&ours, &theirs) } else { (&theirs, &ours) };
        let columns = a.columns().iter().chain(b.columns()).cloned().collect();
        let product = |(probe, weight): (&u32, &i64)| {
            let product = changes.weights[*probe as usize].checked_mul(*weight);
            product.ok_or_else(|| Error::data("the weight of a joined row overflows"))
        };
        let weights = probes.values().iter().zip(&matches.weights).map(product).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(probes.len()));
        Ok(Changes::new(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?, weights))
    }
}

impl Operator for Join {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let mut parts = vec![];
        if !inputs[0].is_empty() {
            parts.push(self.meet(inputs[0], epoch - 1, true)?);
        }
        if !inputs[1].is_empty() {
            parts.push(self.meet(inputs[1], epoch, false)?);
        }
        Changes::concat(&self.schema, &parts)
    }

    fn touched(&self) -> Touched {
        self.touched
    }
}
