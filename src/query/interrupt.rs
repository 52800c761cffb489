//! Stopping a query that computes.
//!
//! DataFusion stops where a stream waits. Two kinds of plan compute for long without waiting: rows that come from joins
//! without reading more input, and joins that look at many pairs of rows and keep few. Against the first every operator
//! is made to yield after some batches, against the second every join condition asks whether it is to stop.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

use super::from_datafusion::to_datafusion;
use crate::error::Error;
use crate::tasks::Stop;

/// True, or an error once the query is to stop.
#[derive(Debug)]
struct GoOn {
    signature: Signature,
    stop: Stop,
}

impl PartialEq for GoOn {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}
impl Eq for GoOn {}
impl Hash for GoOn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl ScalarUDFImpl for GoOn {
    fn name(&self) -> &str {
        "go_on"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.stop.raised() {
            return Err(to_datafusion(Error::unavailable("the query was stopped")));
        }
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}

/// Makes every join condition of an optimized plan ask whether to stop.
pub(super) fn check_joins(plan: LogicalPlan, stop: &Stop) -> Result<LogicalPlan> {
    // Volatile: to be asked each time, not once.
    let signature = Signature::exact(vec![], Volatility::Volatile);
    let go_on = ScalarUDF::new_from_impl(GoOn { signature, stop: stop.clone() }).call(vec![]);
    let checked = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(mut join) if join.filter.is_some() => {
            join.filter = join.filter.map(|filter| Expr::and(go_on.clone(), filter));
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(checked.data)
}

/// Makes every operator yield after some batches.
pub(super) fn yield_often(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        let node: Arc<dyn ExecutionPlan> = Arc::new(CooperativeExec::new(node));
        Ok(Transformed::yes(node))
    })?;
    Ok(wrapped.data)
}
