//! What is refused when names and types are resolved.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, Result as Answer, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Filter, LogicalPlan, Subquery, Volatility, WindowFrame, WindowFrameBound,
    WindowFrameUnits,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span;

use super::places;
use crate::catalog::View;
use crate::error::{Error, ErrorKind, Result};

/// An error, and where it is.
type Fault = (ErrorKind, Span, String, &'static str);
/// A message and a hint.
type Said = (&'static str, &'static str);

/// Refuses subqueries that DataFusion answers wrongly, in a query that is answered at once.
pub fn check_query(plan: &LogicalPlan) -> Answer<()> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        node.inputs().iter().for_each(|input| schema.merge(input.schema()));
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Some(subquery) = subquery_of(e).filter(|_| found.is_none()) {
                    found = asked(subquery, &schema, matches!(e, Expr::ScalarSubquery(_)))?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    match found {
        Some((message, hint)) => Err(DataFusionError::External(Box::new(Error::refused(message).hint(hint)))),
        None => Ok(()),
    }
}

/// Refuses what cannot be kept right. The plan is that of the query as it is written.
pub fn check(view: &View, plan: &LogicalPlan) -> Result<()> {
    let mut fault: Option<Fault> = None;
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        node.inputs().iter().for_each(|input| schema.merge(input.schema()));
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if fault.is_none() {
                    fault = expression(view, e, &schema)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    if plan.schema().fields().is_empty() {
        fault.get_or_insert((
            ErrorKind::Invalid,
            view.query.span(),
            "a view without a column".to_string(),
            "name at least one in the SELECT",
        ));
    }
    let Some((kind, span, message, hint)) = fault else { return Ok(()) };
    let mut diagnostic = view.source.diagnostic(kind, span, message);
    diagnostic.hint = Some(hint.to_string());
    Err(Error::from_diagnostics(vec![diagnostic]))
}

fn expression(view: &View, expr: &Expr, schema: &DFSchema) -> Answer<Option<Fault>> {
    if let Some(subquery) = subquery_of(expr) {
        let said = asked(subquery, schema, matches!(expr, Expr::ScalarSubquery(_)))?;
        let fault = |(message, hint): Said| (ErrorKind::Refused, places::subquery(view), message.to_string(), hint);
        return Ok(said.map(fault));
    }
    match expr {
        // The text shows those that it calls; these come with what it reads.
        Expr::ScalarFunction(f) if f.func.signature().volatility != Volatility::Immutable => {
            let message = format!("{}() changes by itself and cannot be maintained", f.func.name());
            Ok(Some((ErrorKind::Refused, view.query.span(), message, "time enters a view as a column of an event")))
        }
        Expr::WindowFunction(f) => {
            let order = f.params.order_by.first().map(|sort| sort.expr.get_type(schema)).transpose()?;
            if reaches_by_value(&f.params.window_frame) && order.as_ref().is_some_and(|o| !is_measured(o)) {
                let message = "RANGE with a distance needs an ORDER BY of numbers or times".to_string();
                let place = places::function(view, f.fun.name());
                return Ok(Some((ErrorKind::Invalid, place, message, "write ROWS, or order by a number or a time")));
            }
            filter(view, f.fun.name(), f.params.filter.as_deref(), schema)
        }
        _ => Ok(None),
    }
}

/// FILTER takes a condition. Of an aggregate DataFusion makes one; of a window it finds out when it runs.
fn filter(view: &View, name: &str, filter: Option<&Expr>, schema: &DFSchema) -> Answer<Option<Fault>> {
    let Some(filter) = filter else { return Ok(None) };
    if matches!(filter.get_type(schema)?, DataType::Boolean | DataType::Null) {
        return Ok(None);
    }
    let message = "FILTER (WHERE ...) needs a condition".to_string();
    Ok(Some((ErrorKind::Invalid, places::function(view, name), message, "compare it with something: x > 0")))
}

fn reaches_by_value(frame: &WindowFrame) -> bool {
    let is_distance = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => {
            !matches!(by, ScalarValue::Null) && !by.is_null()
        }
        WindowFrameBound::CurrentRow => false,
    };
    frame.units == WindowFrameUnits::Range && (is_distance(&frame.start_bound) || is_distance(&frame.end_bound))
}

fn is_measured(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal()
}

fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(asked) => Some(&asked.subquery),
        Expr::SetComparison(asked) => Some(&asked.subquery),
        _ => None,
    }
}

/// A subquery in an expression over rows with this schema.
fn asked(subquery: &Subquery, schema: &DFSchema, is_value: bool) -> Answer<Option<Said>> {
    let refused = |message, hint| Ok(Some((message, hint)));
    // DataFusion moves the condition above the window, and the rows of all outer rows are numbered as one.
    if numbers_outer_rows(&subquery.subquery)? {
        return refused(
            "a window or LIMIT over rows that depend on an outer row is not maintained",
            "number the rows with ROW_NUMBER() OVER (PARTITION BY ...) and join on the partition",
        );
    }
    let from_afar = |expr: &Expr| match expr {
        Expr::OuterReferenceColumn(_, column) => !schema.has_column(column),
        _ => false,
    };
    if subquery.outer_ref_columns.iter().any(from_afar) {
        return refused(
            "a subquery that reads a column from two levels up is not maintained",
            "select the column in the query between, or write a join",
        );
    }
    if has_outer_below(&subquery.subquery, |node| matches!(node, LogicalPlan::Union(_)))? {
        return refused(
            "a UNION over rows that depend on an outer row is not maintained",
            "write one subquery for each part, put together by OR or +",
        );
    }
    // DataFusion joins the groups that there are, and misses the one row that an aggregate of no rows has.
    let is_one_row = |node: &LogicalPlan| matches!(node, LogicalPlan::Aggregate(a) if a.group_expr.is_empty());
    if !is_value && has_outer_below(&subquery.subquery, is_one_row)? {
        return refused(
            "an aggregate in EXISTS, IN, ANY or ALL over rows that depend on an outer row is not maintained",
            "compare its value: x = (SELECT COUNT(*) ...); or add GROUP BY, if no rows are to have no value",
        );
    }
    if is_value && has_value_of_no_rows(&subquery.subquery)? {
        return refused(
            "HAVING that is true of no rows, over rows that depend on an outer row, is not maintained",
            "put the condition into a CASE: SELECT CASE WHEN COUNT(*) = 0 THEN MAX(x) END",
        );
    }
    if chooses_missing_rows(&subquery.subquery)? {
        return refused(
            "an outer join or EXCEPT of rows that depend on an outer row is not maintained",
            "write the condition into WHERE, or NOT EXISTS in place of the join",
        );
    }
    Ok(None)
}

/// Whether a HAVING over rows that depend on an outer row keeps the aggregate of no rows. DataFusion forgets it then.
fn has_value_of_no_rows(subquery: &LogicalPlan) -> Answer<bool> {
    let mut found = false;
    subquery.apply(|node| {
        if let LogicalPlan::Filter(filter) = node
            && let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref()
            && aggregate.group_expr.is_empty()
            && has_outer_below(&aggregate.input, |_| true)?
        {
            found |= keeps_no_rows(filter, aggregate)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn keeps_no_rows(having: &Filter, aggregate: &Aggregate) -> Answer<bool> {
    let mut values = HashMap::new();
    for (expr, column) in aggregate.aggr_expr.iter().zip(aggregate.schema.columns()) {
        let of = expr.get_type(aggregate.input.schema())?;
        let value = match expr.clone().unalias() {
            Expr::AggregateFunction(f) => f.func.default_value(&of)?,
            _ => ScalarValue::try_new_null(&of)?,
        };
        values.insert(column, value);
    }
    let of_no_rows = having.predicate.clone().transform(|expr| match &expr {
        Expr::Column(column) if values.contains_key(column) => {
            Ok(Transformed::yes(Expr::Literal(values[column].clone(), None)))
        }
        _ => Ok(Transformed::no(expr)),
    })?;
    let schema = aggregate.schema.clone();
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(schema).build());
    let kept = simplifier.simplify(of_no_rows.data)?;
    Ok(!matches!(kept, Expr::Literal(ScalarValue::Boolean(None | Some(false)) | ScalarValue::Null, _)))
}

/// Whether an outer, semi or anti join depends on an outer row where a missing match counts. DataFusion moves such a
/// condition above the join.
fn chooses_missing_rows(subquery: &LogicalPlan) -> Answer<bool> {
    use JoinType::*;
    let mut found = false;
    let outer = |plan: &LogicalPlan| has_outer_below(plan, |_| true);
    subquery.apply(|node| {
        if let LogicalPlan::Join(join) = node {
            let (left, right) = match join.join_type {
                Inner => (false, false),
                Left | LeftSemi | LeftAnti | LeftMark => (false, true),
                Right | RightSemi | RightAnti | RightMark => (true, false),
                Full => (true, true),
            };
            let on = join.filter.iter().any(Expr::contains_outer)
                || join.on.iter().any(|(left, right)| left.contains_outer() || right.contains_outer());
            found |= (left || right) && on || left && outer(&join.left)? || right && outer(&join.right)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Whether a subquery has a window or a LIMIT over rows that the row around it chooses.
fn numbers_outer_rows(subquery: &LogicalPlan) -> Answer<bool> {
    has_outer_below(subquery, |node| {
        matches!(node, LogicalPlan::Window(_) | LogicalPlan::Limit(_) | LogicalPlan::Distinct(Distinct::On(_)))
    })
}

/// Whether there is such a node with a column of the row around the subquery at or below it.
fn has_outer_below(subquery: &LogicalPlan, is_such: impl Fn(&LogicalPlan) -> bool) -> Answer<bool> {
    let mut found = false;
    subquery.apply(|node| {
        if is_such(node) {
            node.apply(|below| {
                below.apply_expressions(|expr| {
                    found |= expr.contains_outer();
                    Ok(TreeNodeRecursion::Continue)
                })
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
