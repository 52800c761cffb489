//! What is refused when names and types are resolved.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as Answer, ScalarValue};
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, LogicalPlan, Subquery, Volatility, WindowFrame, WindowFrameBound, WindowFrameUnits,
};
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span;

use super::places;
use crate::catalog::View;
use crate::error::{Error, ErrorKind, Result};

/// An error, and where it is.
type Fault = (ErrorKind, Span, String, &'static str);

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
        return asked(view, subquery, schema);
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
fn asked(view: &View, subquery: &Subquery, schema: &DFSchema) -> Answer<Option<Fault>> {
    let refused =
        |message: &str, hint| Ok(Some((ErrorKind::Refused, places::subquery(view), message.to_string(), hint)));
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
    Ok(None)
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
