//! `canonical(plan)`: the one meaning of a view, whatever the order of arrival and the size of batches (design 1.1).
//!
//! Run after names and types are resolved and before the optimizer. The engine and the batch oracle both start here.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, ExprSchemable, LogicalPlan};

use super::one_zero::one_zero;
use super::{checked, folded, grouping_sets, ordered, sets};

/// Rewrites a resolved plan into its canonical form. Doing it twice changes nothing.
pub fn canonical(plan: LogicalPlan) -> Result<LogicalPlan> {
    ordered::without_sorts(with_one_meaning(plan, ordered::rewrite)?)
}

/// The resolved plan of a query that is answered at once: as `canonical`, but its order of rows is its own.
pub fn canonical_query(plan: LogicalPlan) -> Result<LogicalPlan> {
    with_one_meaning(plan, Ok)
}

fn with_one_meaning(plan: LogicalPlan, order: fn(LogicalPlan) -> Result<LogicalPlan>) -> Result<LogicalPlan> {
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
        node.map_data(|node| order(node.recompute_schema()?))
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

/// The columns of all inputs.
pub(super) fn merged_input_schema(node: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    Ok(schema)
}

fn rewrite(expr: Expr, schema: &DFSchema, group: &[Expr]) -> Result<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(function) if function.func.name() == "date_bin" => {
            let arguments = function.args.clone();
            Ok(Transformed::yes(checked::binned(with_literals(function, schema)?.data, arguments)))
        }
        Expr::BinaryExpr(binary) if binary.op.is_numerical_operators() => arithmetic(binary, schema),
        Expr::Negative(operand) if is_integer(&operand, schema) && !matches!(*operand, Expr::Literal(..)) => {
            Ok(Transformed::yes(checked::negate(*operand)))
        }
        // `CASE x WHEN v` compares as `=` does.
        Expr::Case(Case { expr: Some(operand), when_then_expr, else_expr }) => {
            let when_then = when_then_expr.into_iter();
            let when_then = when_then.map(|(when, then)| Ok((Box::new(one_zero(*when, schema)?), then)));
            let case =
                Case::new(Some(Box::new(one_zero(*operand, schema)?)), when_then.collect::<Result<_>>()?, else_expr);
            Ok(Transformed::yes(Expr::Case(case)))
        }
        Expr::ScalarFunction(function) => with_literals(checked::once(function), schema),
        // A value does not depend on the order of rows; what FILTER leaves out is not evaluated.
        Expr::AggregateFunction(mut function) => {
            let folded = folded::fold(&mut function, schema, group)?;
            let params = &mut function.params;
            let changed = folded | guard_arguments(&mut params.args, params.filter.as_deref());
            let expr = Expr::AggregateFunction(function);
            Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
        }
        Expr::WindowFunction(mut function) => {
            let params = &mut function.params;
            let guarded = guard_arguments(&mut params.args, params.filter.as_deref());
            let expr = Expr::WindowFunction(function);
            Ok(if guarded { Transformed::yes(expr) } else { Transformed::no(expr) })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Integer arithmetic never wraps, and that of decimals never gets a digit too many.
fn arithmetic(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, right) = (binary.left.get_type(schema)?, binary.right.get_type(schema)?);
    if left.is_integer() && right.is_integer() {
        return match checked::binary((*binary.left).clone(), binary.op, (*binary.right).clone()) {
            Some(checked) => Ok(Transformed::yes(checked)),
            None => Ok(Transformed::no(Expr::BinaryExpr(binary))),
        };
    }
    let decimal = left.is_decimal() || right.is_decimal();
    if decimal && checked::may_leave(&BinaryTypeCoercer::new(&left, &binary.op, &right).get_result_type()?) {
        let BinaryExpr { left, op, right } = binary;
        let (left, right) = (checked::unchecked(*left), checked::unchecked(*right));
        let arithmetic = BinaryExpr::new(Box::new(left), op, Box::new(right));
        return Ok(Transformed::yes(checked::within(Expr::BinaryExpr(arithmetic))));
    }
    Ok(Transformed::no(Expr::BinaryExpr(binary)))
}

/// Folds casts of literals among the arguments and keeps the type: that of `ROUND(d, 1)` depends on whether its second
/// argument is a literal, and types were coerced before the optimizer made it one.
fn with_literals(mut function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let literal = |arg: &Expr| match arg {
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(value, _) => value.cast_to(cast.field.data_type()).ok(),
            _ => None,
        },
        _ => None,
    };
    let folded: Vec<Option<ScalarValue>> = function.args.iter().map(literal).collect();
    if folded.iter().all(Option::is_none) {
        return Ok(Transformed::no(Expr::ScalarFunction(function)));
    }
    let before = Expr::ScalarFunction(function.clone()).get_type(schema)?;
    for (arg, value) in function.args.iter_mut().zip(folded) {
        if let Some(value) = value {
            *arg = Expr::Literal(value, None);
        }
    }
    Ok(Transformed::yes(Expr::ScalarFunction(function).cast_to(&before, schema)?))
}

fn is_integer(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|t| t.is_integer())
}

/// `SUM(x) FILTER (WHERE c)` with an `x` that may fail becomes `SUM(CASE WHEN c THEN x END) FILTER (WHERE c)`.
fn guard_arguments(arguments: &mut [Expr], filter: Option<&Expr>) -> bool {
    let Some(filter) = filter else {
        return false;
    };
    let mut guarded = false;
    for argument in arguments {
        let is_guarded = matches!(argument, Expr::Case(case)
            if case.when_then_expr.first().is_some_and(|(when, _)| **when == *filter));
        // A constant that is cast stays one: percentiles and delimiters are.
        let is_constant = matches!(argument, Expr::Cast(cast) if matches!(*cast.expr, Expr::Literal(..)));
        if is_guarded || is_constant || matches!(argument, Expr::Column(_) | Expr::Literal(..)) {
            continue;
        }
        let when_then = vec![(Box::new(filter.clone()), Box::new(argument.clone()))];
        *argument = Expr::Case(Case::new(None, when_then, None));
        guarded = true;
    }
    guarded
}
