//! Recognises what a filter asks of a ROW_NUMBER(): `rn = 2`, `rn <= 3`, `rn BETWEEN 4 AND 6`, `5 > rn AND rn > 1`.

use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Between, Expr, Filter, LogicalPlan, Operator, Projection, Window, WindowFunctionDefinition,
};

/// A window node of which a filter keeps the rows with some numbers.
pub struct Picked {
    pub window: *const Window,
    /// The first and the last number, counted from 1; no row if `from > to`.
    pub from: u64,
    pub to: u64,
    /// What else the filter asks.
    pub rest: Option<Expr>,
    /// The number's column in the filter's input.
    column: usize,
    /// It is read between the window and the filter.
    read: bool,
}

impl Picked {
    /// Whether the number is read by what the filter asks else, or by `above`, the node over the filter.
    pub fn number_read(&self, filter: &Filter, above: Option<&Projection>) -> bool {
        let schema = filter.input.schema();
        let reads = |expr: &Expr| {
            let columns = expr.column_refs();
            columns.iter().any(|c| schema.maybe_index_of_column(c) == Some(self.column))
        };
        self.read || self.rest.as_ref().is_some_and(reads) || above.is_none_or(|above| above.expr.iter().any(reads))
    }
}

/// The window node whose row number this filter bounds from above.
pub fn find(filter: &Filter) -> Option<Picked> {
    let conjuncts = split_conjunction(&filter.predicate);
    let found: Vec<Option<(usize, i128, i128)>> = conjuncts.iter().map(|e| numbers(e, &filter.input)).collect();
    let candidates = found.iter().flatten().map(|(column, ..)| *column);
    for column in candidates {
        let Some((window, read)) = window_of(&filter.input, column) else { continue };
        let (mut from, mut to, mut rest) = (1, i128::MAX, vec![]);
        for (expr, found) in conjuncts.iter().zip(&found) {
            match found {
                Some((at, low, high)) if *at == column => (from, to) = (from.max(*low), to.min(*high)),
                _ => rest.push((*expr).clone()),
            }
        }
        // Of numbers without an upper bound nothing can be forgotten.
        let Ok(to) = u64::try_from(to.max(0)) else { continue };
        let from = u64::try_from(from).unwrap_or(u64::MAX);
        return Some(Picked { window, from, to, rest: conjunction(rest), column, read });
    }
    None
}

/// The column and the numbers that a comparison with a constant allows it.
fn numbers(expr: &Expr, input: &LogicalPlan) -> Option<(usize, i128, i128)> {
    let at = |expr: &Expr| match expr {
        Expr::Column(column) => input.schema().maybe_index_of_column(column),
        _ => None,
    };
    let constant = |expr: &Expr| match expr {
        Expr::Literal(value, _) => value.to_string().parse::<i64>().ok().map(i128::from),
        _ => None,
    };
    match expr {
        Expr::Between(Between { expr, negated: false, low, high }) => {
            Some((at(expr)?, constant(low)?, constant(high)?))
        }
        Expr::BinaryExpr(binary) => {
            let (column, op, value) = match (at(&binary.left), constant(&binary.right)) {
                (Some(column), Some(value)) => (column, binary.op, value),
                _ => (at(&binary.right)?, binary.op.swap()?, constant(&binary.left)?),
            };
            match op {
                Operator::Eq => Some((column, value, value)),
                Operator::LtEq => Some((column, i128::MIN, value)),
                Operator::Lt => Some((column, i128::MIN, value - 1)),
                Operator::GtEq => Some((column, value, i128::MAX)),
                Operator::Gt => Some((column, value + 1, i128::MAX)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The window node that makes column `at` of `plan`, if it is a row number passed on as it is, and whether a node on the
/// way reads it, too.
fn window_of(plan: &LogicalPlan, at: usize) -> Option<(*const Window, bool)> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => window_of(&alias.input, at),
        LogicalPlan::Projection(projection) => match projection.expr[at].clone().unalias() {
            Expr::Column(column) => {
                let schema = projection.input.schema();
                let inner = schema.maybe_index_of_column(&column)?;
                let reads = |e: &&Expr| e.column_refs().iter().any(|c| schema.maybe_index_of_column(c) == Some(inner));
                let read = projection.expr.iter().filter(reads).count() > 1;
                window_of(&projection.input, inner).map(|(window, before)| (window, before || read))
            }
            _ => None,
        },
        LogicalPlan::Window(window) => {
            let first = window.input.schema().fields().len();
            let [only] = window.window_expr.as_slice() else {
                return None;
            };
            (at == first && is_row_number(only)).then_some((std::ptr::from_ref(window), false))
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
pub fn parts(window: &Window) -> Option<(Vec<Expr>, Vec<Sort>)> {
    match window.window_expr[0].clone().unalias() {
        Expr::WindowFunction(function) => Some((function.params.partition_by, function.params.order_by)),
        _ => None,
    }
}
