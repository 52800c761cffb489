//! `ROW_NUMBER() OVER (ORDER BY x)` of a DOUBLE: a warning where 0.0 and -0.0 are two values.
//!
//! `=` calls them equal, and so do GROUP BY, DISTINCT, joins, IN, NULLIF and CASE (`one_zero`). What orders rows, counts
//! copies or compares lists goes by the bits, in the engine and in the batch answer alike.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator};

use super::canonical::merged_input_schema;
use super::sets::set_with_copies;

/// Where a plan, as it is written, tells them apart; one place.
pub fn place(resolved: &LogicalPlan) -> Option<&'static str> {
    let mut found = None;
    // A plan that cannot be walked is not an error of the analyst.
    let _ = resolved.apply_with_subqueries(|node| {
        found = of_node(node, &merged_input_schema(node)?)?;
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

fn of_node(node: &LogicalPlan, schema: &DFSchema) -> Result<Option<&'static str>> {
    let ordered = |expr: &Expr| !is_one_zero(expr) && expr.get_type(schema).is_ok_and(|t| has_floats(&t));
    let listed = |expr: &Expr| expr.get_type(schema).is_ok_and(|t| !t.is_floating() && has_floats(&t));
    let place = match node {
        LogicalPlan::Sort(sort) if sort.expr.iter().any(|key| ordered(&key.expr)) => Some("ORDER BY"),
        LogicalPlan::Distinct(Distinct::On(on)) => {
            let mut order = on.sort_expr.iter().flatten();
            (on.on_expr.iter().any(ordered) || order.any(|key| ordered(&key.expr))).then_some("DISTINCT ON")
        }
        LogicalPlan::Join(join) if set_with_copies(node).is_some() && join.on.iter().any(|(left, _)| ordered(left)) => {
            Some("EXCEPT ALL and INTERSECT ALL")
        }
        LogicalPlan::Join(join) if join.on.iter().any(|(left, _)| listed(left)) => Some("a list or struct"),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.iter().any(listed) => Some("a list or struct"),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let keys = input.schema().columns().into_iter().map(Expr::Column).any(|key| listed(&key));
            keys.then_some("a list or struct")
        }
        _ => None,
    };
    let mut found = place;
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            let by_bits = match expr {
                Expr::WindowFunction(f) => {
                    let order = f.params.order_by.iter().map(|key| &key.expr);
                    f.params
                        .partition_by
                        .iter()
                        .chain(order)
                        .any(ordered)
                        .then_some("PARTITION BY and ORDER BY of windows")
                }
                Expr::AggregateFunction(f) => {
                    f.params.order_by.iter().any(|key| ordered(&key.expr)).then_some("ORDER BY")
                }
                _ => None,
            };
            found = found.or(by_bits);
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// `x + 0.0`: a sum with a constant is never minus zero, unless that is minus zero itself.
fn is_one_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_one_zero(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => is_constant(left) || is_constant(right),
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Cast(cast) => is_constant(&cast.expr),
        _ => false,
    }
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_floats(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        other => other.is_floating(),
    }
}
