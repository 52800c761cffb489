//! Rows compared with a relation of one row: `event_time > as_of - INTERVAL '1 day'`, `v < (SELECT AVG(v) FROM t)`.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join as LogicalJoin, LogicalPlan, Operator};

use super::compiler::Compiler;
use super::join::pad;
use super::plans::{nullable, select};
use crate::error::Result;
use crate::planner::plan::{Compared, Op, Plan};

impl Compiler<'_> {
    /// The plan of such an inner join, if it is one and nobody above reads columns of the one row.
    pub(super) fn range_filter(
        &self,
        (left, right): (&Plan, &Plan),
        join: &LogicalJoin,
        needed: Option<&[bool]>,
    ) -> Result<Option<Plan>> {
        let (Some(filter), Some(needed), true) = (&join.filter, needed, join.on.is_empty()) else { return Ok(None) };
        let one = |plan: &Plan| plan.key.as_ref().is_some_and(Vec::is_empty);
        let one_is_right = match (one(left), one(right)) {
            (false, true) => true,
            (true, false) => false,
            _ => return Ok(None),
        };
        let left_width = left.schema.fields().len();
        let unread = if one_is_right { &needed[left_width..] } else { &needed[..left_width] };
        if unread.contains(&true) {
            return Ok(None);
        }
        let (rows, bounds) = if one_is_right { (left, right) } else { (right, left) };
        let (rows_input, bounds_input) =
            if one_is_right { (&join.left, &join.right) } else { (&join.right, &join.left) };
        let mut parts: Vec<(Expr, Operator, Expr)> = vec![];
        for conjunct in split_conjunction(filter) {
            match comparison(conjunct, rows_input.schema(), bounds_input.schema()) {
                Some(part) => parts.push(part),
                None => return Ok(None),
            }
        }
        let of_rows: Vec<Expr> = parts.iter().map(|p| p.0.clone()).collect();
        let of_bounds: Vec<Expr> = parts.iter().map(|p| p.2.clone()).collect();
        let (compared_rows, columns) = self.with_columns(rows.clone(), rows_input, &of_rows)?;
        let (compared_bounds, values) = self.with_columns(bounds.clone(), bounds_input, &of_bounds)?;
        // Only what is compared: when that stays the same, nothing has moved.
        let compared_bounds = select(compared_bounds, &values);
        let compared = parts.iter().enumerate().map(|(i, p)| Compared { column: columns[i], op: p.1, bound: i });
        let filtered = Plan {
            schema: compared_rows.schema.clone(),
            key: compared_rows.key.clone(),
            insert_only: false,
            op: Op::RangeFilter {
                compared: compared.collect(),
                rows: Arc::new(compared_rows),
                bounds: Arc::new(compared_bounds),
            },
        };
        let first = if one_is_right { 0 } else { left_width };
        // The columns of the one row, which nobody reads, are NULL.
        let shown = select(filtered, &(0..rows.schema.fields().len()).collect::<Vec<_>>());
        pad(shown, &nullable(join.schema.as_arrow()), first).map(Some)
    }
}

/// `row OP bound`, whichever way round it is written.
fn comparison(expr: &Expr, rows: &DFSchema, bounds: &DFSchema) -> Option<(Expr, Operator, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    if !matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) {
        return None;
    }
    let reads = |e: &Expr, schema: &DFSchema| {
        let columns = e.column_refs();
        !columns.is_empty() && columns.iter().all(|c| schema.has_column(c))
    };
    if reads(left, rows) && reads(right, bounds) {
        Some((left.as_ref().clone(), *op, right.as_ref().clone()))
    } else if reads(left, bounds) && reads(right, rows) {
        Some((right.as_ref().clone(), op.swap()?, left.as_ref().clone()))
    } else {
        None
    }
}

/// Which columns of a plan these expressions read.
pub(super) fn columns_read<'e>(plan: &LogicalPlan, exprs: impl Iterator<Item = &'e Expr>) -> Vec<bool> {
    let schema = plan.schema();
    let mut read = vec![false; schema.fields().len()];
    for expr in exprs {
        for column in expr.column_refs() {
            match schema.maybe_index_of_column(column) {
                Some(c) => read[c] = true,
                // It reads something that is not here: be careful.
                None => read.fill(true),
            }
        }
    }
    read
}
