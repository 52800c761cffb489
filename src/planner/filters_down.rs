//! `SELECT ... FROM (SELECT COUNT(*) AS n FROM t) WHERE n = 1 AND n = 2`: filters are pushed down, but never below an
//! aggregate without GROUP BY, which has a row over nothing.
//!
//! DataFusion's rule pushes a condition without columns below any aggregate, and finds while it pushes that a condition
//! is never true; then the row that should go stays.
//!
//! It also takes `x = 1` and `1 = x` for a contradiction, which it makes itself by inferring one from the other side of a
//! join, so literals go to the right first.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};
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
            LogicalPlan::Filter(_) => {
                // A filter above a join is pushed down together with the join's own condition.
                let turned = literals_right(plan)?.transform_data(|plan| plan.map_children(literals_right_of_join))?;
                turned.transform_data(|plan| self.0.rewrite(plan, config))
            }
            LogicalPlan::Join(_) => literals_right(plan)?.transform_data(|plan| self.0.rewrite(plan, config)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

fn literals_right(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.map_expressions(|expr| expr.transform_up(literal_right))
}

fn literals_right_of_join(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(plan, LogicalPlan::Join(_)) { literals_right(plan) } else { Ok(Transformed::no(plan)) }
}

fn literal_right(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(*left, Expr::Literal(..)) && !matches!(*right, Expr::Literal(..)) =>
        {
            match op.swap() {
                Some(swapped) => Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(right, swapped, left)))),
                None => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr::new(left, op, right)))),
            }
        }
        other => Ok(Transformed::no(other)),
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
