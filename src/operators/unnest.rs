//! `SELECT k, UNNEST(list) FROM t`: a row an element of a list, a column a field of a struct.
//!
//! Keeps nothing. DataFusion's own operator unnests a batch of changes; the weight of a row goes through it as one more
//! column. Cost: one output row an element.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::collect;
use datafusion::physical_plan::unnest::UnnestExec;

use super::Operator;
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner;

/// Unnests lists and structs.
#[derive(Debug)]
pub struct Unnest {
    schema: SchemaRef,
    plan: Arc<planner::Unnest>,
    with_weight: SchemaRef,
}

impl Unnest {
    pub fn new(input: &SchemaRef, schema: SchemaRef, plan: Arc<planner::Unnest>) -> Self {
        Unnest { with_weight: with_weight(input), schema, plan }
    }
}

fn with_weight(schema: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("_weight", DataType::Int64, true));
    Arc::new(Schema::new(fields))
}

impl Operator for Unnest {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        if input.is_empty() {
            return Ok(Changes::empty(self.schema.clone()));
        }
        let mut columns = input.rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(input.weights.clone())) as ArrayRef);
        let rows = RecordBatch::try_new(self.with_weight.clone(), columns)?;
        let source = MemorySourceConfig::try_new_exec(&[vec![rows]], self.with_weight.clone(), None)?;
        let plan = &self.plan;
        let output = with_weight(&self.schema);
        let unnest =
            UnnestExec::new(source, plan.lists.clone(), plan.structs.clone(), output.clone(), plan.options.clone())?;
        let batches = futures::executor::block_on(collect(Arc::new(unnest), Arc::new(TaskContext::default())))?;
        let rows = datafusion::arrow::compute::concat_batches(&output, &batches)?;
        let (weights, columns) = rows.columns().split_last().ok_or_else(|| Error::internal("no weights"))?;
        let weights: Vec<i64> = weights.as_primitive::<Int64Type>().values().to_vec();
        let options = RecordBatchOptions::new().with_row_count(Some(weights.len()));
        Ok(Changes::new(RecordBatch::try_new_with_options(self.schema.clone(), columns.to_vec(), &options)?, weights))
    }
}
