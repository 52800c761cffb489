//! `canonical(plan)`: the one meaning of a view, whatever the order of arrival and the size of batches (design 1.1).
//!
//! Run after names and types are resolved and before the optimizer. The engine and the batch oracle both start here.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, Case, Sort, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};

use super::{checked, folded, grouping_sets, sets};

/// Rewrites a resolved plan into its canonical form. Doing it twice changes nothing.
pub fn canonical(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(grouping_sets::expanded)?;
    let rewritten = plan.data.transform_up_with_subqueries(|node| {
        let node = one_group_key_each(node)?;
        let node = sets::rewrite_not_in(sets::count_copies(node)?)?;
        let input_schema = merged_input_schema(&node)?;
        let group = match &node {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.clone(),
            _ => vec![],
        };
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|e| rewrite(e, &input_schema, &group))?;
            Ok(expr.update_data(|e| name.restore(e)))
        })?;
        node.map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(rewritten.data)
}

/// `GROUP BY a, a` is `GROUP BY a`: DataFusion counts its columns once in the schema and twice in the rows.
fn one_group_key_each(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(node) };
    let mut keys: Vec<Expr> = vec![];
    for key in &aggregate.group_expr {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    if keys.len() == aggregate.group_expr.len() {
        return Ok(node);
    }
    let aggregate = Aggregate::try_new(aggregate.input.clone(), keys, aggregate.aggr_expr.clone())?;
    Ok(LogicalPlan::Aggregate(aggregate))
}

fn merged_input_schema(node: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    Ok(schema)
}

fn rewrite(expr: Expr, schema: &DFSchema, group: &[Expr]) -> Result<Transformed<Expr>> {
    match expr {
        // Integer arithmetic never wraps.
        Expr::BinaryExpr(binary) if is_integer(&binary.left, schema) && is_integer(&binary.right, schema) => {
            match checked::binary((*binary.left).clone(), binary.op, (*binary.right).clone()) {
                Some(checked) => Ok(Transformed::yes(checked)),
                None => Ok(Transformed::no(Expr::BinaryExpr(binary))),
            }
        }
        Expr::Negative(operand) if is_integer(&operand, schema) && !matches!(*operand, Expr::Literal(..)) => {
            Ok(Transformed::yes(checked::negate(*operand)))
        }
        // A value does not depend on the order of rows; what FILTER leaves out is not evaluated.
        Expr::AggregateFunction(mut function) => {
            let changed = folded::fold(&mut function, schema, group)? | guard_arguments(&mut function);
            Ok(if changed {
                Transformed::yes(Expr::AggregateFunction(function))
            } else {
                Transformed::no(Expr::AggregateFunction(function))
            })
        }
        // An order decides between any two different rows.
        Expr::WindowFunction(window) => Ok(complete_order(*window, schema)),
        other => Ok(Transformed::no(other)),
    }
}

fn is_integer(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|t| t.is_integer())
}

/// `SUM(x) FILTER (WHERE c)` with an `x` that may fail becomes `SUM(CASE WHEN c THEN x END) FILTER (WHERE c)`.
fn guard_arguments(function: &mut AggregateFunction) -> bool {
    let Some(filter) = &function.params.filter else {
        return false;
    };
    let mut guarded = false;
    for argument in &mut function.params.args {
        let is_guarded = matches!(argument, Expr::Case(case)
            if case.when_then_expr.first().is_some_and(|(when, _)| when == filter));
        // A constant that is cast stays one: percentiles and delimiters are.
        let is_constant = matches!(argument, Expr::Cast(cast) if matches!(*cast.expr, Expr::Literal(..)));
        if is_guarded || is_constant || matches!(argument, Expr::Column(_) | Expr::Literal(..)) {
            continue;
        }
        let when_then = vec![(filter.clone(), Box::new(argument.clone()))];
        *argument = Expr::Case(Case::new(None, when_then, None));
        guarded = true;
    }
    guarded
}

/// Adds to ORDER BY every column of the input that is not there yet: ascending, NULL last, in schema order.
fn complete_order(mut window: WindowFunction, schema: &DFSchema) -> Transformed<Expr> {
    let before = window.params.order_by.len();
    for (qualifier, field) in schema.iter() {
        if field.name().starts_with('_') {
            continue;
        }
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if window.params.order_by.iter().all(|s| s.expr != column) && !window.params.partition_by.contains(&column) {
            window.params.order_by.push(Sort::new(column, true, false));
        }
    }
    let changed = window.params.order_by.len() != before;
    let expr = Expr::WindowFunction(Box::new(window));
    if changed { Transformed::yes(expr) } else { Transformed::no(expr) }
}
