//! Queries that DataFusion answers at once: ad-hoc SQL, and the batch oracle.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use super::canonical::canonical_query;
use super::filters_down::FiltersDown;
use super::never_true::NeverTrue;
use super::null_equality::{CrossJoins, JoinKeys};
use super::outer_types;
use super::refuse::check_query;

/// The state with all of DataFusion's own optimizer rules but those that are wrong.
pub fn with_batch_rules(state: SessionState) -> SessionState {
    // Pushing filters below a join of a table with itself, these rules mistake one side for the other.
    let mut physical = PhysicalOptimizer::new().rules;
    physical.retain(|rule| !rule.name().starts_with("FilterPushdown"));
    let mut logical = Optimizer::new().rules;
    // The one drops keys that are computed from other keys, and with them the rows for which that fails. The other makes
    // sums of sums beside a DISTINCT, which are rounded twice, or overflow on the way.
    const WRONG: [&str; 2] = ["eliminate_group_by_constant", "single_distinct_aggregation_to_group_by"];
    logical.retain(|rule| !WRONG.contains(&rule.name()));
    let push_down = logical.iter().position(|rule| rule.name() == "push_down_filter").unwrap_or(0);
    logical[push_down] = Arc::new(FiltersDown::default());
    for rule in &mut logical {
        match rule.name() {
            "eliminate_cross_join" => *rule = Arc::new(CrossJoins::default()),
            "extract_equijoin_predicate" => *rule = Arc::new(JoinKeys::default()),
            _ => {}
        }
    }
    logical.insert(push_down, Arc::new(NeverTrue));
    // A join that became a filter that is never true would be pushed down, too.
    logical.insert(push_down, Arc::new(EliminateFilter::new()));
    SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(physical)
        .build()
}

/// The plan of a query, with the meaning that its words have in a view. Errors: subqueries that are refused there.
pub fn query_plan(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let resolved = outer_types::resolved(plan, state)?;
    check_query(&resolved)?;
    canonical_query(resolved)
}
