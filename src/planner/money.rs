//! `SELECT CAST(price AS DOUBLE) AS price`: a warning where an amount becomes a float (I6).
//!
//! Rule: a DOUBLE column of a view is traced down the canonical plan to the columns of tables and views that its value
//! comes from. Only decimals and floats are followed: what is compared or counted is not the amount.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use super::refuse::column_place;
use crate::catalog::View;
use crate::error::{Diagnostic, ErrorKind};

/// One warning for each DOUBLE column that comes from DECIMAL columns.
pub fn warnings(view: &View, canonical: &LogicalPlan) -> Vec<Diagnostic> {
    let mut found = vec![];
    for (c, field) in canonical.schema().fields().iter().enumerate() {
        if !field.data_type().is_floating() {
            continue;
        }
        let mut origins = BTreeSet::new();
        // A plan that cannot be traced is not an error of the analyst.
        if trace(canonical, c, &mut origins).is_err() || origins.is_empty() {
            continue;
        }
        let origins = origins.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("column {} is a float and comes from the decimal {origins}", field.name());
        let mut diagnostic = view.source.diagnostic(ErrorKind::Refused, column_place(view, c), message);
        diagnostic.hint = Some("money stays decimal: CAST(... AS DECIMAL(18,2)) instead of DOUBLE".to_string());
        found.push(diagnostic);
    }
    found
}

/// Adds the decimal columns of relations that column `c` of a plan gets its value from.
fn trace(plan: &LogicalPlan, c: usize, origins: &mut BTreeSet<String>) -> Result<()> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let field = scan.projected_schema.field(c);
            if let Some(inner) = scan.source.get_logical_plan() {
                let at = scan.projection.as_ref().map_or(c, |columns| columns[c]);
                return trace(&inner, at, origins);
            }
            if is_decimal(field.data_type()) {
                origins.insert(format!("{}.{}", scan.table_name.table(), field.name()));
            }
            Ok(())
        }
        LogicalPlan::Projection(projection) => follow(plan, &projection.expr[c], origins),
        LogicalPlan::Aggregate(aggregate) => {
            let mut exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
            exprs.nth(c).map_or(Ok(()), |expr| follow(plan, expr, origins))
        }
        LogicalPlan::Window(window) => match c.checked_sub(window.input.schema().fields().len()) {
            Some(function) => follow(plan, &window.window_expr[function], origins),
            None => trace(&window.input, c, origins),
        },
        LogicalPlan::Union(union) => union.inputs.iter().try_for_each(|input| trace(input, c, origins)),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            // A semi join on the right shows the right columns only.
            let column = plan.schema().columns().swap_remove(c);
            match join.left.schema().maybe_index_of_column(&column) {
                Some(at) => trace(&join.left, at, origins),
                None => match join.right.schema().maybe_index_of_column(&column) {
                    Some(at) => trace(&join.right, at, origins),
                    None => trace(&join.right, c.saturating_sub(left), origins),
                },
            }
        }
        // A struct becomes several columns.
        LogicalPlan::Unnest(unnest) => trace(&unnest.input, unnest.dependency_indices[c], origins),
        // A filter and the like pass all columns on.
        other => match other.inputs().as_slice() {
            [input] => trace(input, c, origins),
            _ => Ok(()),
        },
    }
}

/// Traces the columns that an expression over the inputs of `plan` gets its value from.
fn follow(plan: &LogicalPlan, expr: &Expr, origins: &mut BTreeSet<String>) -> Result<()> {
    let mut schema = DFSchema::empty();
    plan.inputs().iter().for_each(|input| schema.merge(input.schema()));
    let mut columns = vec![];
    expr.apply(|e| {
        let amount = e.get_type(&schema).is_ok_and(|t| t.is_floating() || is_decimal(&t));
        if let (Expr::Column(column), true) = (e, amount) {
            columns.push(column.clone());
        }
        Ok(if amount { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Jump })
    })?;
    for column in columns {
        for input in plan.inputs() {
            if let Some(at) = input.schema().maybe_index_of_column(&column) {
                trace(input, at, origins)?;
            }
        }
    }
    Ok(())
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
    )
}
