//! `SELECT ... FROM (SELECT COUNT(*) AS n FROM t) WHERE n = 1 AND n = 2`: filters are pushed down, but never below an
//! aggregate without GROUP BY, which has a row over nothing.
//!
//! DataFusion's rule pushes a condition without columns below any aggregate, and finds while it pushes that a condition
//! is never true; then the row that should go stays.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// In place of `PushDownFilter`.
#[derive(Debug, Default)]
pub struct FiltersDown(PushDownFilter);

impl OptimizerRule for FiltersDown {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Filter(filter) if is_one_row(&filter.input) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// An aggregate without GROUP BY, below any filters.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => is_one_row(&filter.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}
