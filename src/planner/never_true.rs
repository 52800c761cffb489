//! `A JOIN B ON FALSE`: no row meets another, so one side may as well be empty.
//!
//! Without this rule DataFusion pushes the condition down on its own, and below an aggregate without GROUP BY, which has
//! a row over nothing: `t LEFT JOIN (SELECT COUNT(*) FROM u) ON 0 = 1` then finds a match.
//! Where a side is empty for good, the condition is never asked, and cannot fail either.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmptyRelation, Expr, Join, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

/// To run after conditions are simplified and before they are pushed down.
#[derive(Debug, Default)]
pub struct NeverTrue;

impl OptimizerRule for NeverTrue {
    fn name(&self) -> &str {
        "never_true"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
        let never = join.filter.as_ref().is_some_and(|filter| split_conjunction(filter).into_iter().any(is_never_true));
        let nothing = is_empty(&join.left) || is_empty(&join.right);
        if nothing && !never && !join.null_aware {
            ask_nothing(&mut join);
            return Ok(Transformed::yes(LogicalPlan::Join(join)));
        }
        if !never || join.join_type == JoinType::Full {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        use JoinType::{Right, RightAnti, RightMark, RightSemi};
        let emptied = match join.join_type {
            Right | RightAnti | RightMark | RightSemi => &mut join.left,
            _ => &mut join.right,
        };
        if matches!(**emptied, LogicalPlan::EmptyRelation(_)) {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let schema = emptied.schema().clone();
        *emptied = Arc::new(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }));
        if !join.null_aware {
            ask_nothing(&mut join);
        }
        Ok(Transformed::yes(LogicalPlan::Join(join)))
    }
}

/// A condition of which nothing can fail.
fn ask_nothing(join: &mut Join) {
    join.on.clear();
    join.filter = Some(Expr::Literal(ScalarValue::Boolean(Some(false)), None));
}

/// Whether the plan has no row whatever its tables hold.
fn is_empty(plan: &LogicalPlan) -> bool {
    use LogicalPlan as P;
    match plan {
        P::EmptyRelation(relation) => !relation.produce_one_row,
        P::Projection(_) | P::SubqueryAlias(_) | P::Filter(_) | P::Window(_) | P::Union(_) | P::Unnest(_) => {
            plan.inputs().into_iter().all(is_empty)
        }
        _ => false,
    }
}

fn is_never_true(condition: &Expr) -> bool {
    matches!(condition, Expr::Literal(ScalarValue::Boolean(None | Some(false)) | ScalarValue::Null, _))
}
