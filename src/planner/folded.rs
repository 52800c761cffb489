//! Which aggregates of a canonical plan are folds, and in which order each reads its rows (design 1.1).
//!
//! | function | order |
//! |---|---|
//! | COUNT, SUM, AVG, MIN, MAX | none: their values do not depend on it. DISTINCT ones (COUNT of one argument apart) and extremes of doubles and nested types are folds over their arguments |
//! | ARRAY_AGG, STRING_AGG, FIRST_VALUE, LAST_VALUE, NTH_VALUE | ORDER BY, then the columns of the input in schema order, until the arguments are decided |
//! | every other | its arguments, ascending |
//!
//! Doubles of a DISTINCT function are compared as keys are: minus zero is zero.

use datafusion::arrow::compute::SortOptions;
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment, Sort};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable};

use super::fold::{ASCENDING, Fold};
use super::one_zero::one_zero;

const ORDER_SENSITIVE: [&str; 5] = ["array_agg", "string_agg", "first_value", "last_value", "nth_value"];

/// Makes the function independent of the order of its rows. `group`: the expressions of GROUP BY.
/// True if something changed.
pub fn fold(function: &mut AggregateFunction, schema: &DFSchema, group: &[Expr]) -> Result<bool> {
    if function.func.inner().is::<Fold>() {
        return Ok(false);
    }
    let params = &mut function.params;
    let first = params.args.first().map(|argument| argument.get_type(schema)).transpose()?;
    let inexact = first.as_ref().is_some_and(|t| t.is_floating() || t.is_nested());
    if matches!(function.func.name(), "min" | "max") {
        params.distinct = false;
    }
    let plain = match function.func.name() {
        "min" | "max" => !inexact,
        "count" => !params.distinct || params.args.len() == 1 && !inexact,
        "sum" | "avg" => !params.distinct,
        _ => false,
    };
    if plain {
        let ordered = !params.order_by.is_empty();
        params.order_by.clear();
        return Ok(ordered);
    }
    let mut order = Order { columns: params.args.clone(), sort: vec![], arguments: params.args.len() };
    let sensitive = ORDER_SENSITIVE.contains(&function.func.name());
    if sensitive {
        for sort in &params.order_by {
            order.push(&sort.expr, options(sort));
        }
        if params.distinct && order.columns.len() > order.arguments {
            return plan_err!(
                "in {}(DISTINCT ... ORDER BY ...) the expressions of ORDER BY must be arguments",
                function.func.name()
            );
        }
        if !params.distinct {
            order.complete(schema, group);
        }
    }
    order.push_arguments();
    let mut fold = Fold::new(function.func.clone(), order.arguments);
    fold.distinct = params.distinct;
    fold.ignore_nulls = matches!(params.null_treatment, Some(NullTreatment::IgnoreNulls));
    if function.func.supports_within_group_clause() {
        fold.within = params.order_by.first().map(options);
    }
    fold.sort = order.sort;
    if params.distinct {
        for column in order.columns.iter_mut().filter(|column| !is_constant(column)) {
            *column = one_zero(column.clone(), schema)?;
        }
    }
    params.args = order.columns;
    params.order_by.clear();
    params.distinct = false;
    params.null_treatment = None;
    function.func = AggregateUDF::from(fold.named()).into();
    Ok(true)
}

fn options(sort: &Sort) -> SortOptions {
    SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first }
}

fn is_constant(expr: &Expr) -> bool {
    expr.column_refs().is_empty() && !expr.contains_outer()
}

/// The arguments of a fold and their order.
struct Order {
    columns: Vec<Expr>,
    sort: Vec<(usize, SortOptions)>,
    arguments: usize,
}

impl Order {
    fn push(&mut self, expr: &Expr, options: SortOptions) {
        if is_constant(expr) {
            return;
        }
        let at = self.columns.iter().position(|column| column == expr).unwrap_or_else(|| {
            self.columns.push(expr.clone());
            self.columns.len() - 1
        });
        if self.sort.iter().all(|(column, _)| *column != at) {
            self.sort.push((at, options));
        }
    }

    fn has(&self, expr: &Expr) -> bool {
        self.sort.iter().any(|(column, _)| self.columns[*column] == *expr)
    }

    /// Adds columns of the input until rows that are still equal have equal arguments: further ones change nothing.
    fn complete(&mut self, schema: &DFSchema, group: &[Expr]) {
        for (qualifier, field) in schema.iter() {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            // All rows of a group have one value there, but for the two zeros of doubles.
            let is_key = group.contains(&column) && !field.data_type().is_floating();
            if field.name().starts_with('_') || is_key {
                continue;
            }
            let decided = |argument: &Expr| {
                let known = |c: &&Column| self.has(&Expr::Column((*c).clone()));
                self.has(argument) || !argument.contains_outer() && argument.column_refs().iter().all(known)
            };
            if self.columns[..self.arguments].iter().all(decided) {
                break;
            }
            self.push(&column, ASCENDING);
        }
    }

    fn push_arguments(&mut self) {
        for argument in self.columns[..self.arguments].to_vec() {
            self.push(&argument, ASCENDING);
        }
    }
}
