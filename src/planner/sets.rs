//! Set operations and subqueries whose batch answer is wrong or missing in DataFusion, in words that it answers right.
//!
//! ```text
//! A INTERSECT ALL B   the n-th copy of a row of A stays if B has an n-th copy of it
//! A EXCEPT ALL B      ... if B has no n-th copy of it
//! x NOT IN (B)        where no plain null-aware join can say it: NOT EXISTS (B WHERE y = x OR y IS NULL OR x IS NULL)
//! ```

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Exists, InSubquery, Sort, WindowFunction};
use datafusion::logical_expr::logical_plan::{Filter, Join, Subquery};
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, WindowFunctionDefinition, expr_fn,
};

use crate::catalog::CLOCK;
use crate::error::Error;

/// Names of the numbers of copies. Names that begin with `_` take no part in the order of rows.
const COPY: [&str; 2] = ["_copy_left", "_copy_right"];

/// INTERSECT ALL or EXCEPT ALL, as DataFusion plans them.
pub fn set_with_copies(node: &LogicalPlan) -> Option<&Join> {
    let LogicalPlan::Join(join) = node else { return None };
    let set = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none();
    (set && !matches!(&*join.left, LogicalPlan::Distinct(_))).then_some(join)
}

/// INTERSECT ALL and EXCEPT ALL count copies.
pub fn count_copies(node: LogicalPlan) -> Result<LogicalPlan> {
    let Some(join) = set_with_copies(&node) else { return Ok(node) };
    if join.on.iter().any(|(left, _)| matches!(left, Expr::Column(c) if c.name == COPY[0])) {
        return Ok(node);
    }
    let columns = join.left.schema().columns();
    let (left_on, right_on): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let left = Arc::new(numbered(&join.left, left_on, COPY[0])?);
    let right = Arc::new(numbered(&join.right, right_on, COPY[1])?);
    let mut on = join.on.clone();
    let copy = |name: &str| Expr::Column(Column::new_unqualified(name));
    on.push((copy(COPY[0]), copy(COPY[1])));
    let (kind, constraint) = (join.join_type, join.join_constraint);
    let counted = Join::try_new(left, right, on, None, kind, constraint, NullEquality::NullEqualsNull, false)?;
    let columns = columns.into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(LogicalPlan::Join(counted)).project(columns)?.build()
}

/// The rows of a plan, equal ones numbered from one.
fn numbered(input: &Arc<LogicalPlan>, keys: Vec<Expr>, name: &str) -> Result<LogicalPlan> {
    let mut number = WindowFunction::new(WindowFunctionDefinition::WindowUDF(row_number_udwf()), vec![]);
    number.params.order_by = keys.iter().map(|key| Sort::new(key.clone(), true, false)).collect();
    number.params.partition_by = keys;
    let number = Expr::WindowFunction(Box::new(number)).alias(name);
    LogicalPlanBuilder::from(input.as_ref().clone()).window([number])?.build()
}

/// NOT IN where it is not a condition of its own.
pub fn rewrite_not_in(node: LogicalPlan) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Filter(filter) => {
            let predicate = condition(filter.predicate, true, filter.input.schema())?;
            Ok(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?))
        }
        other => Ok(other),
    }
}

/// `own`: not below OR. In a condition, unknown is as good as false.
fn condition(expr: Expr, own: bool, schema: &DFSchema) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let own = own && op == Operator::And;
            let (left, right) = (condition(*left, own, schema)?, condition(*right, own, schema)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::InSubquery(asked) if asked.negated => {
            let plain = asked.subquery.outer_ref_columns.is_empty() && !asked.expr.column_refs().is_empty();
            if own && plain { Ok(Expr::InSubquery(asked)) } else { not_exists(asked, schema) }
        }
        other => Ok(other),
    }
}

fn not_exists(asked: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let Subquery { subquery, mut outer_ref_columns, spans } = asked.subquery;
    let mut outer = vec![];
    let value = asked.expr.transform_up(|e| match e {
        Expr::Column(column) => {
            let (_, field) = schema.qualified_field_from_column(&column)?;
            let reference = Expr::OuterReferenceColumn(field.clone(), column);
            outer.push(reference.clone());
            Ok(Transformed::yes(reference))
        }
        other => Ok(Transformed::no(other)),
    })?;
    outer_ref_columns.extend(outer);
    let (qualifier, field) = subquery.schema().qualified_field(0);
    let element = Expr::Column(Column::from((qualifier, field)));
    let equal = element.clone().eq(value.data.clone());
    let maybe = expr_fn::or(expr_fn::or(equal, element.is_null()), value.data.is_null());
    let subquery = Arc::new(LogicalPlan::Filter(Filter::try_new(maybe, subquery)?));
    Ok(Expr::Exists(Exists { subquery: Subquery { subquery, outer_ref_columns, spans }, negated: true }))
}

/// Refuses subqueries at places where their value is not kept right.
pub fn check_subqueries(plan: &LogicalPlan) -> crate::error::Result<()> {
    let mut found: Option<Error> = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            check_condition(&filter.predicate, &mut found);
        }
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::ScalarSubquery(asked) = e
                    && asked.outer_ref_columns.is_empty()
                    && !reads_clock(&asked.subquery)
                    && asked.subquery.max_rows().is_none_or(|rows| rows > 1)
                {
                    let error = Error::refused("a subquery that stands for one value may have several rows");
                    found.get_or_insert(error.hint("make it one with an aggregate, such as MAX, or with LIMIT 1"));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    found.map_or(Ok(()), Err)
}

/// The table `clock` has one row, whatever is made of it row by row.
fn reads_clock(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => reads_clock(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => reads_clock(&alias.input),
        LogicalPlan::TableScan(scan) => scan.table_name.table() == CLOCK,
        _ => false,
    }
}

/// IN and NOT IN may stand between AND, OR and NOT of their own.
fn check_condition(expr: &Expr, found: &mut Option<Error>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            check_condition(left, found);
            check_condition(right, found);
        }
        Expr::InSubquery(_) => {}
        other => {
            let within = other.exists(|e| Ok(matches!(e, Expr::InSubquery(_))));
            if within.unwrap_or(true) {
                let error = Error::refused("IN (SELECT ...) inside another expression is not maintained");
                found.get_or_insert(error.hint("combine it with AND and OR only, or write EXISTS"));
            }
        }
    }
}
