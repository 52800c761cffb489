//! Joins of the plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::{Join as LogicalJoin, LogicalPlan};

use super::plans::{refused, select};
use super::{Compiler, Op, Plan, Result, one_zero};
use crate::planner::plan::Join;

impl Compiler<'_> {
    pub(super) fn join(&mut self, join: &LogicalJoin) -> Result<Plan> {
        if join.join_type != JoinType::Inner {
            return Err(refused(&format!("a {} join is not maintained yet", join.join_type))
                .hint("only inner joins on equal columns are"));
        }
        if join.on.is_empty() || join.null_equality != NullEquality::NullEqualsNothing {
            return Err(refused("a join without an equality between both sides is not maintained yet")
                .hint("join on equal columns; further conditions may follow with AND"));
        }
        let (left, right) = (self.compile(&join.left)?, self.compile(&join.right)?);
        let (left_width, right_width) = (left.schema.fields().len(), right.schema.fields().len());
        let (mut left_on, mut right_on) = (vec![], vec![]);
        for (left, right) in &join.on {
            left_on.push(one_zero(left, &join.left)?);
            right_on.push(one_zero(right, &join.right)?);
        }
        let (left, left_keys) = self.with_columns(left, &join.left, &left_on)?;
        let (right, right_keys) = self.with_columns(right, &join.right, &right_on)?;
        let width = left.schema.fields().len();
        let mut on: Vec<(usize, usize)> = left_keys.into_iter().zip(right_keys).collect();
        on.sort_unstable();
        on.dedup();
        let fields = left.schema.fields().iter().chain(right.schema.fields()).cloned();
        let joined = Plan {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            key: join_key(&left, &right, &on),
            insert_only: left.insert_only && right.insert_only,
            op: Op::Join(Box::new(Join { left, right, on })),
        };
        let columns: Vec<usize> = (0..left_width).chain(width..width + right_width).collect();
        let selected = select(joined, &columns);
        match &join.filter {
            Some(filter) => {
                let schema = join.schema.clone();
                let logical = LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
                    produce_one_row: false,
                    schema,
                });
                self.keep(selected, &logical, filter)
            }
            None => Ok(selected),
        }
    }
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
