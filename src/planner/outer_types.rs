//! Types of outer columns in correlated subqueries.
//!
//! `(SELECT MAX(u.d) FROM u WHERE u.d = q.c)` notes the type of `q.c` when it is parsed. Coercion may then give `c` another
//! type, as a CASE of two decimals has, and the comparison inside would be of two types. So the noted types are brought
//! up to date, and coercion runs again.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

use super::canonical::merged_input_schema;
use super::coercion::coerced;

/// Subqueries inside each other whose types are followed.
const DEPTH_MAX: usize = 16;

/// The plan with resolved names and types.
pub fn resolved(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let analyze = |plan| state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
    let mut plan = analyze(coerced(plan)?)?;
    for _ in 0..DEPTH_MAX {
        let Transformed { data, transformed, .. } = with_outer_types(plan)?;
        plan = data;
        if !transformed {
            break;
        }
        plan = analyze(plan)?;
    }
    Ok(plan)
}

fn with_outer_types(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_up_with_subqueries(|node| {
        let schema = merged_input_schema(&node)?;
        node.map_expressions(|expr| expr.transform_up(|expr| in_expression(expr, &schema)))
    })
}

/// `schema`: the rows that the expression is evaluated over.
fn in_expression(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::ScalarSubquery(asked) => retyped(asked, schema)?.update_data(Expr::ScalarSubquery),
        Expr::Exists(mut exists) => retyped(exists.subquery.clone(), schema)?.update_data(|subquery| {
            exists.subquery = subquery;
            Expr::Exists(exists)
        }),
        Expr::InSubquery(mut asked) => retyped(asked.subquery.clone(), schema)?.update_data(|subquery| {
            asked.subquery = subquery;
            Expr::InSubquery(asked)
        }),
        Expr::SetComparison(mut asked) => retyped(asked.subquery.clone(), schema)?.update_data(|subquery| {
            asked.subquery = subquery;
            Expr::SetComparison(asked)
        }),
        other => Transformed::no(other),
    })
}

fn retyped(asked: Subquery, schema: &DFSchema) -> Result<Transformed<Subquery>> {
    let Subquery { subquery, outer_ref_columns, spans } = asked;
    let column = |expr: Expr| {
        let Expr::OuterReferenceColumn(noted, column) = &expr else { return Ok(Transformed::no(expr)) };
        match schema.qualified_field_from_column(column) {
            Ok((_, now)) if now.data_type() != noted.data_type() => {
                Ok(Transformed::yes(Expr::OuterReferenceColumn(now.clone(), column.clone())))
            }
            // Or it belongs to a query further out.
            _ => Ok(Transformed::no(expr)),
        }
    };
    let plan = Arc::unwrap_or_clone(subquery)
        .transform_up_with_subqueries(|node| node.map_expressions(|expr| expr.transform_up(column)))?;
    let outer_ref_columns = outer_ref_columns.into_iter().map(|expr| Ok(expr.transform_up(column)?.data));
    let outer_ref_columns = outer_ref_columns.collect::<Result<Vec<_>>>()?;
    let changed = plan.transformed;
    let data = Subquery { subquery: Arc::new(plan.data), outer_ref_columns, spans };
    Ok(if changed { Transformed::yes(data) } else { Transformed::no(data) })
}
