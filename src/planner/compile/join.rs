//! Joins of the plan: every kind is put together from the inner join and from "has a match" (semi join).
//!
//! ```text
//! A LEFT JOIN B   = A JOIN B  +  (A without a match, NULLs)
//! A FULL JOIN B   = A JOIN B  +  (A without a match, NULLs)  +  (NULLs, B without a match)
//! mark join       = (A with a match, true)  +  (A without a match, false)
//! x NOT IN (B)    = nothing if B has a NULL, else A without a match; a NULL x passes only if B is empty
//! ```
//! A condition that is not an equality filters the pairs; a row then has a match if a pair of it is left.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{JoinType, NullEquality, ScalarValue};
use datafusion::logical_expr::logical_plan::builder::build_join_schema;
use datafusion::logical_expr::{EmptyRelation, Expr, Join as LogicalJoin, LogicalPlan};
use datafusion::physical_expr::expressions::{IsNotNullExpr, IsNullExpr, Literal};

use super::compiler::Compiler;
use super::plans::{column_expression, linear_plan, nullable, refused, select};
use crate::error::Result;
use crate::planner::one_zero::one_zero;
use crate::planner::plan::{Expression, Join, Op, Plan, Semi};

/// Both inputs of a join with the join keys as columns.
#[derive(Clone)]
struct Sides {
    left: Plan,
    right: Plan,
    on: Vec<(usize, usize)>,
    /// Columns that the query sees; the join keys that are expressions come after them.
    left_width: usize,
    right_width: usize,
    null_equal: bool,
}

impl Sides {
    fn swapped(self) -> Sides {
        Sides {
            left: self.right,
            right: self.left,
            on: self.on.into_iter().map(|(l, r)| (r, l)).collect(),
            left_width: self.right_width,
            right_width: self.left_width,
            null_equal: self.null_equal,
        }
    }

    /// The left rows, as the query sees them, that have a match (`anti`: have none).
    fn matching(&self, anti: bool) -> Plan {
        let (left_on, right_on): (Vec<usize>, Vec<usize>) = self.on.iter().copied().unzip();
        let keys = select(self.right.clone(), &right_on);
        let on = left_on.into_iter().enumerate().map(|(i, l)| (l, i)).collect();
        let left = semi(self.left.clone(), keys, on, self.null_equal, anti);
        select(left, &(0..self.left_width).collect::<Vec<_>>())
    }

    fn left(&self) -> Plan {
        select(self.left.clone(), &(0..self.left_width).collect::<Vec<_>>())
    }
}

impl Compiler<'_> {
    pub(super) fn join(&mut self, join: &LogicalJoin) -> Result<Plan> {
        let needed = self.needed.take();
        let sides = self.sides(join)?;
        if join.null_aware {
            return not_in(&sides, join);
        }
        let filter = join.filter.as_ref();
        match join.join_type {
            JoinType::Inner => {
                let filtered = self.range_filter((&sides.left, &sides.right), join, needed.as_deref())?;
                filtered.map_or_else(|| self.pairs(&sides, join), Ok)
            }
            JoinType::Left | JoinType::Right | JoinType::Full => self.outer(sides, join),
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::RightSemi | JoinType::RightAnti => {
                let anti = matches!(join.join_type, JoinType::LeftAnti | JoinType::RightAnti);
                let on_left = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti);
                match filter {
                    None if on_left => Ok(sides.matching(anti)),
                    None => Ok(sides.swapped().matching(anti)),
                    Some(_) => {
                        let pairs = self.pairs(&sides, join)?;
                        Ok(with_pair(&sides, &pairs, on_left, anti))
                    }
                }
            }
            JoinType::LeftMark | JoinType::RightMark => self.mark(sides, join),
        }
    }

    fn sides(&mut self, join: &LogicalJoin) -> Result<Sides> {
        let (left, right) = (self.compile(&join.left)?, self.compile(&join.right)?);
        let (left_width, right_width) = (left.schema.fields().len(), right.schema.fields().len());
        let (mut left_on, mut right_on) = (vec![], vec![]);
        for (left, right) in &join.on {
            left_on.push(one_zero(left.clone().unalias(), join.left.schema())?);
            right_on.push(one_zero(right.clone().unalias(), join.right.schema())?);
        }
        let (left, left_keys) = self.with_columns(left, &join.left, &left_on)?;
        let (right, right_keys) = self.with_columns(right, &join.right, &right_on)?;
        let mut on: Vec<(usize, usize)> = left_keys.into_iter().zip(right_keys).collect();
        on.sort_unstable();
        on.dedup();
        let null_equal = join.null_equality == NullEquality::NullEqualsNull;
        Ok(Sides { left, right, on, left_width, right_width, null_equal })
    }

    /// The inner join: left columns, then right ones.
    fn pairs(&self, sides: &Sides, join: &LogicalJoin) -> Result<Plan> {
        let width = sides.left.schema.fields().len();
        let columns: Vec<usize> = (0..sides.left_width).chain(width..width + sides.right_width).collect();
        let pairs = select(inner(sides), &columns);
        let Some(filter) = &join.filter else { return Ok(pairs) };
        let schema = build_join_schema(join.left.schema(), join.right.schema(), &JoinType::Inner)?;
        let logical = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) });
        self.keep(pairs, &logical, filter)
    }

    fn outer(&self, sides: Sides, join: &LogicalJoin) -> Result<Plan> {
        let pairs = self.pairs(&sides, join)?;
        let mut parts = vec![pairs.clone()];
        let (keeps_left, keeps_right) = (join.join_type != JoinType::Right, join.join_type != JoinType::Left);
        // Each preserved row comes once if the other side has at most one match for it.
        let covered = |key: &Option<Vec<usize>>, pick: fn(&(usize, usize)) -> usize| {
            key.as_ref().is_some_and(|key| key.iter().all(|k| sides.on.iter().any(|o| pick(o) == *k)))
        };
        let key = match join.join_type {
            JoinType::Left if covered(&sides.right.key, |o| o.1) => sides.left.key.clone(),
            JoinType::Right if covered(&sides.left.key, |o| o.0) => {
                sides.right.key.as_ref().map(|key| key.iter().map(|k| k + sides.left_width).collect())
            }
            _ => None,
        };
        let width = pairs.schema.fields().len();
        let lonely = |anti: Plan, first: usize| pad(anti, &pairs.schema, first);
        if keeps_left {
            parts.push(lonely(self.unmatched(&sides, &pairs, join, true), 0)?);
        }
        let left_width = sides.left_width;
        if keeps_right {
            parts.push(lonely(self.unmatched(&sides, &pairs, join, false), left_width)?);
        }
        let key = key.filter(|key: &Vec<usize>| key.iter().all(|&k| k < width));
        Ok(Plan { schema: pairs.schema.clone(), op: Op::Union(parts), key, insert_only: false })
    }

    /// Rows of one side without a match.
    fn unmatched(&self, sides: &Sides, pairs: &Plan, join: &LogicalJoin, left: bool) -> Plan {
        if join.filter.is_some() {
            return with_pair(sides, pairs, left, true);
        }
        if left { sides.matching(true) } else { sides.clone().swapped().matching(true) }
    }

    fn mark(&self, sides: Sides, join: &LogicalJoin) -> Result<Plan> {
        let on_left = join.join_type == JoinType::LeftMark;
        let pairs = join.filter.as_ref().map(|_| self.pairs(&sides, join)).transpose()?;
        let schema = nullable(join.schema.as_arrow());
        let rows = |anti: bool| match &pairs {
            Some(pairs) => with_pair(&sides, pairs, on_left, anti),
            None if on_left => sides.matching(anti),
            None => sides.clone().swapped().matching(anti),
        };
        let key = if on_left { sides.left.key.clone() } else { sides.right.key.clone() };
        let marked = |anti: bool| {
            let input = rows(anti);
            let mut project: Vec<Expression> =
                (0..input.schema.fields().len()).map(|c| column_expression(&input.schema, c)).collect();
            project.push(literal(ScalarValue::Boolean(Some(!anti))));
            linear_plan(input, None, project, schema.clone())
        };
        let parts = vec![marked(false), marked(true)];
        let width = schema.fields().len() - 1;
        let key = key.filter(|key| key.iter().all(|&k| k < width));
        Ok(Plan { schema, op: Op::Union(parts), key, insert_only: false })
    }
}

/// The inner join, keys included.
fn inner(sides: &Sides) -> Plan {
    let Sides { left, right, on, null_equal, .. } = sides;
    let fields = left.schema.fields().iter().chain(right.schema.fields()).cloned();
    Plan {
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        key: join_key(left, right, on),
        insert_only: left.insert_only && right.insert_only,
        op: Op::Join(Arc::new(Join {
            left: left.clone(),
            right: right.clone(),
            on: on.clone(),
            null_equal: *null_equal,
        })),
    }
}

/// The left rows for which `right` has a row with equal columns.
fn semi(left: Plan, right: Plan, on: Vec<(usize, usize)>, null_equal: bool, anti: bool) -> Plan {
    Plan {
        schema: left.schema.clone(),
        key: left.key.clone(),
        insert_only: left.insert_only && right.insert_only && !anti,
        op: Op::Semi(Arc::new(Semi { left, right, on, null_equal, anti })),
    }
}

/// Rows of one side that are part of a pair (`anti`: of none). A row is known by its key, or by all its columns.
fn with_pair(sides: &Sides, pairs: &Plan, left: bool, anti: bool) -> Plan {
    let (rows, first) = if left { (sides.left(), 0) } else { (sides.clone().swapped().left(), sides.left_width) };
    let known = rows.key.clone().unwrap_or_else(|| (0..rows.schema.fields().len()).collect());
    let in_pairs: Vec<usize> = known.iter().map(|c| c + first).collect();
    let on = known.iter().enumerate().map(|(i, &c)| (c, i)).collect();
    semi(rows, select(pairs.clone(), &in_pairs), on, true, anti)
}

/// Rows of one side among the columns of both; the other side is NULL.
pub(super) fn pad(rows: Plan, schema: &Arc<Schema>, first: usize) -> Result<Plan> {
    let width = rows.schema.fields().len();
    let mut project = vec![];
    for (c, field) in schema.fields().iter().enumerate() {
        project.push(if (first..first + width).contains(&c) {
            column_expression(&rows.schema, c - first)
        } else {
            literal(ScalarValue::try_from(field.data_type())?)
        });
    }
    Ok(linear_plan(rows, None, project, schema.clone()))
}

fn not_in(sides: &Sides, join: &LogicalJoin) -> Result<Plan> {
    let ([(x, y)], None) = (sides.on.as_slice(), &join.filter) else {
        return Err(refused("this form of NOT IN is not maintained").hint("write it as NOT EXISTS"));
    };
    let one_side = |plan: Plan, c: usize, null: bool| {
        let column = column_expression(&plan.schema, c);
        let physical: Arc<dyn datafusion::physical_expr::PhysicalExpr> = if null {
            Arc::new(IsNullExpr::new(column.physical))
        } else {
            Arc::new(IsNotNullExpr::new(column.physical))
        };
        let filter = Expression { text: format!("#{c} is {}null", if null { "" } else { "not " }), physical };
        let project = (0..plan.schema.fields().len()).map(|c| column_expression(&plan.schema, c)).collect();
        let schema = plan.schema.clone();
        linear_plan(plan, Some(filter), project, schema)
    };
    let values = select(sides.right.clone(), &[*y]);
    let any = |plan: Plan| select(plan, &[]);
    let with_value = one_side(sides.left.clone(), *x, false);
    let without_match = semi(with_value, values.clone(), vec![(*x, 0)], false, true);
    let passes = semi(without_match, any(one_side(values.clone(), 0, true)), vec![], false, true);
    let null_passes = semi(one_side(sides.left.clone(), *x, true), any(values), vec![], false, true);
    let key = sides.left.key.clone();
    let schema = passes.schema.clone();
    let rows = Plan { schema, op: Op::Union(vec![passes, null_passes]), key, insert_only: false };
    Ok(select(rows, &(0..sides.left_width).collect::<Vec<_>>()))
}

fn literal(value: ScalarValue) -> Expression {
    // The type is part of the text: NULLs of different types are different columns.
    let text = format!("{value:?}");
    Expression { physical: Arc::new(Literal::new(value)), text }
}

/// The key of an inner join: that of one side if the other side's key is covered by the join columns, else both.
fn join_key(left: &Plan, right: &Plan, on: &[(usize, usize)]) -> Option<Vec<usize>> {
    let (left_key, right_key) = (left.key.as_ref()?, right.key.as_ref()?);
    let width = left.schema.fields().len();
    if right_key.iter().all(|k| on.iter().any(|o| o.1 == *k)) {
        return Some(left_key.clone());
    }
    let shifted = right_key.iter().map(|k| k + width);
    if left_key.iter().all(|k| on.iter().any(|o| o.0 == *k)) {
        return Some(shifted.collect());
    }
    Some(left_key.iter().copied().chain(shifted).collect())
}

/// Whether an expression asks another query.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_subquery = |e: &Expr| {
        Ok(matches!(e, Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)))
    };
    expr.exists(is_subquery).unwrap_or(true)
}
