//! Recognises `ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1`.

use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Operator, Window, WindowFunctionDefinition};

use crate::error::{Error, Result};

/// The window node whose row number this filter asks to be 1, and what else the filter asks.
pub fn find(filter: &Filter) -> Option<(*const Window, Option<Expr>)> {
    let conjuncts = split_conjunction(&filter.predicate);
    let (at, window) = conjuncts.iter().enumerate().find_map(|(i, e)| Some((i, picks_first(e, &filter.input)?)))?;
    let rest = conjuncts.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, e)| (*e).clone());
    Some((window, conjunction(rest)))
}

/// `rn = 1`, `rn <= 1` or `rn < 2` (or turned round), where `rn` is a row number.
fn picks_first(expr: &Expr, input: &LogicalPlan) -> Option<*const Window> {
    let Expr::BinaryExpr(binary) = expr else { return None };
    let (column, op, value) = match (binary.left.as_ref(), binary.right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, binary.op, value),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, binary.op.swap()?, value),
        _ => return None,
    };
    let value: i64 = value.to_string().parse().ok()?;
    if !matches!((op, value), (Operator::Eq | Operator::LtEq, 1) | (Operator::Lt, 2)) {
        return None;
    }
    window_of(input, input.schema().maybe_index_of_column(column)?)
}

/// The window node that makes column `at` of `plan`, if it is a row number passed on as it is.
fn window_of(plan: &LogicalPlan, at: usize) -> Option<*const Window> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => window_of(&alias.input, at),
        LogicalPlan::Projection(projection) => match projection.expr[at].clone().unalias() {
            Expr::Column(column) => {
                window_of(&projection.input, projection.input.schema().maybe_index_of_column(&column)?)
            }
            _ => None,
        },
        LogicalPlan::Window(window) => {
            let first = window.input.schema().fields().len();
            let [only] = window.window_expr.as_slice() else {
                return None;
            };
            (at == first && is_row_number(only)).then_some(std::ptr::from_ref(window))
        }
        _ => None,
    }
}

fn is_row_number(expr: &Expr) -> bool {
    match expr.clone().unalias() {
        Expr::WindowFunction(window) => {
            matches!(&window.fun, WindowFunctionDefinition::WindowUDF(f) if f.name() == "row_number")
                && window.params.filter.is_none()
        }
        _ => false,
    }
}

/// PARTITION BY and ORDER BY of the one function of a window node that `find` gave.
pub fn parts(window: &Window) -> Result<(Vec<Expr>, Vec<Sort>)> {
    match window.window_expr[0].clone().unalias() {
        Expr::WindowFunction(function) => Ok((function.params.partition_by, function.params.order_by)),
        other => Err(Error::internal(format!("{other} is not a window function"))),
    }
}
