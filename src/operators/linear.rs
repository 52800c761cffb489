//! `SELECT a + b FROM t WHERE c > 0`: each row by itself.
//!
//! Keeps nothing. A change passes with its weight if its row passes the filter. A batch that fails is redone row by
//! row: the rows that fail are kept out and counted, so whether a row fails never depends on its neighbours.
//! Cost: one evaluation a batch; a failing batch costs one a row.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;

use super::Operator;
use crate::changes::Changes;
use crate::error::{Error, Result};

/// Filter and projection.
#[derive(Debug)]
pub struct Linear {
    schema: SchemaRef,
    filter: Option<Arc<dyn PhysicalExpr>>,
    project: Vec<Arc<dyn PhysicalExpr>>,
    errors: i64,
}

impl Linear {
    /// `schema`: one field an expression of `project`.
    pub fn new(schema: SchemaRef, filter: Option<Arc<dyn PhysicalExpr>>, project: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Linear { schema, filter, project, errors: 0 }
    }

    fn evaluate(&self, input: &Changes) -> Result<Changes> {
        let Some(filter) = &self.filter else {
            return Ok(Changes::new(self.projected(&input.rows)?, input.weights.clone()));
        };
        let passes = filter.evaluate(&input.rows)?.into_array(input.len())?;
        let mut passes = passes.as_boolean().clone();
        if passes.null_count() > 0 {
            passes = compute::prep_null_mask_filter(&passes);
        }
        if passes.true_count() == input.len() {
            return Ok(Changes::new(self.projected(&input.rows)?, input.weights.clone()));
        }
        let rows = compute::filter_record_batch(&input.rows, &passes)?;
        let weights = passes.values().set_indices().map(|i| input.weights[i]).collect();
        Ok(Changes::new(self.projected(&rows)?, weights))
    }

    fn projected(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let len = rows.num_rows();
        let arrays = self.project.iter().map(|e| Ok(e.evaluate(rows)?.into_array(len)?));
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|e| Error::internal("an expression gave another type than planned").caused_by(e))
    }

    fn row_by_row(&mut self, input: &Changes) -> Result<Changes> {
        let mut parts = vec![];
        for i in 0..input.len() {
            let row = Changes::new(input.rows.slice(i, 1), vec![input.weights[i]]);
            match self.evaluate(&row) {
                Ok(part) => parts.push(part),
                Err(_) => self.errors += input.weights[i],
            }
        }
        Changes::concat(&self.schema, &parts)
    }
}

impl Operator for Linear {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        match self.evaluate(inputs[0]) {
            Ok(changes) => Ok(changes),
            Err(_) => self.row_by_row(inputs[0]),
        }
    }
    fn errors(&self) -> i64 {
        self.errors
    }
    fn restore_errors(&mut self, errors: i64) {
        self.errors = errors;
    }
}
