//! `ON a.k IS NOT DISTINCT FROM b.k`: a join in which NULL meets NULL keeps its keys for itself.
//!
//! A join has one meaning of NULL for all its keys. Two rules of DataFusion give it keys of the other meaning, so that
//! NULLs match which must not, or do not which must.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// In place of `EliminateCrossJoin`, which takes a tree of joins apart and puts it together with one meaning of NULL: no
/// plan with such a join.
#[derive(Debug, Default)]
pub struct CrossJoins(EliminateCrossJoin);

/// In place of `ExtractEquijoinPredicate`, which makes keys of what was pushed down: not for such a join.
#[derive(Debug, Default)]
pub struct JoinKeys(ExtractEquijoinPredicate);

impl OptimizerRule for CrossJoins {
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The plan is a whole one: the rule goes down by itself.
    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            found |= nulls_meet(node);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if found { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

impl OptimizerRule for JoinKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if nulls_meet(&plan) { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

fn nulls_meet(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Join(join) if join.null_equality == NullEquality::NullEqualsNull)
}
