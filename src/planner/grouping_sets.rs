//! `GROUP BY GROUPING SETS ((a, b), (a), ())`, ROLLUP and CUBE: one aggregate a set, and their union.
//!
//! Each aggregate groups by the columns of its set; the others are NULL, and `__grouping_id` tells which they are, as
//! DataFusion computes it for GROUPING(). The empty set is an aggregate without GROUP BY: it has a row over nothing.
//! (DataFusion's own operator gives none then.)

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, Alias};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Projection, Union, cast, when};

/// Sets that one GROUP BY may have.
const SETS_MAX: usize = 256;

/// An aggregate over grouping sets as a union of aggregates; any other node as it is.
pub fn expanded(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
    let [Expr::GroupingSet(grouping)] = aggregate.group_expr.as_slice() else { return Ok(Transformed::no(node)) };
    let columns: Vec<Expr> = grouping.distinct_expr().into_iter().cloned().collect();
    let sets: Vec<Vec<bool>> = sets(grouping, &columns)?;
    let mut branches = vec![];
    for set in &sets {
        branches.push(Arc::new(branch(aggregate, &columns, set)?));
    }
    let union = match branches.len() {
        1 => branches.remove(0),
        _ => Arc::new(LogicalPlan::Union(Union::try_new(branches)?)),
    };
    let exprs = aggregate.schema.iter().zip(union.schema().columns());
    let exprs = exprs.map(|((qualifier, field), column)| {
        Expr::Alias(Alias::new(Expr::Column(column), qualifier.cloned(), field.name()))
    });
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs.collect(), union)?)))
}

/// For each set, which of the columns it has.
fn sets(grouping: &GroupingSet, columns: &[Expr]) -> Result<Vec<Vec<bool>>> {
    let has = |set: &[Expr]| columns.iter().map(|column| set.contains(column)).collect();
    let sets: Vec<Vec<bool>> = match grouping {
        GroupingSet::GroupingSets(sets) => sets.iter().map(|set| has(set)).collect(),
        GroupingSet::Rollup(exprs) => (0..=exprs.len()).rev().map(|length| has(&exprs[..length])).collect(),
        GroupingSet::Cube(exprs) if exprs.len() < SETS_MAX.ilog2() as usize + 1 => {
            let subset = |mask: usize| {
                let of_mask = exprs.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 0);
                has(&of_mask.map(|(_, expr)| expr.clone()).collect::<Vec<_>>())
            };
            (0..1 << exprs.len()).map(subset).collect()
        }
        GroupingSet::Cube(_) => return not_impl_err!("CUBE with more than {SETS_MAX} grouping sets"),
    };
    if sets.len() > SETS_MAX {
        return not_impl_err!("GROUP BY with more than {SETS_MAX} grouping sets");
    }
    Ok(sets)
}

/// The rows of one set: the columns, the grouping id, the functions, named by position.
fn branch(aggregate: &Aggregate, columns: &[Expr], set: &[bool]) -> Result<LogicalPlan> {
    let keys: Vec<Expr> = columns.iter().zip(set).filter(|(_, has)| **has).map(|(column, _)| column.clone()).collect();
    let width = keys.len();
    let typed_null = |i: usize| Ok(literal(ScalarValue::try_new_null(aggregate.schema.field(i).data_type())?));
    let mut functions = aggregate.aggr_expr.clone();
    if width == 0 {
        functions.extend(opaque(&(0..columns.len()).map(typed_null).collect::<Result<Vec<_>>>()?));
    }
    let inner = LogicalPlan::Aggregate(Aggregate::try_new(aggregate.input.clone(), keys, functions)?);
    let mut values = inner.schema().columns().into_iter().map(Expr::Column);
    let mut keys = values.by_ref().take(width).collect::<Vec<_>>().into_iter();
    let functions: Vec<Expr> = values.by_ref().take(aggregate.aggr_expr.len()).collect();
    let mask = set.iter().fold(0u64, |mask, has| mask << 1 | u64::from(!has));
    let id = ScalarValue::UInt64(Some(mask));
    let id_type = aggregate.schema.field(columns.len()).data_type();
    let mut id = literal(id.cast_to(id_type)?);
    if width == 0
        && let Some(rows) = values.next()
    {
        let never = rows.clone().lt(literal(ScalarValue::Int64(Some(0))));
        id = when(never, cast(rows, id_type.clone())).otherwise(id)?;
    }
    let mut exprs = vec![];
    for (i, has) in set.iter().enumerate() {
        let key = if *has { keys.next() } else { values.next() };
        exprs.push(key.map_or_else(|| typed_null(i), Ok)?.alias(format!("g{i}")));
    }
    exprs.push(id.alias("id"));
    exprs.extend(functions.into_iter().enumerate().map(|(i, function)| function.alias(format!("f{i}"))));
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(inner))?))
}

/// Functions that give the one row of the empty set its count, and each of these constants. They are no literals there,
/// because DataFusion pushes a condition on a literal below the aggregate, which has a row even over nothing.
fn opaque(nulls: &[Expr]) -> Vec<Expr> {
    let call = |function, argument: Expr| {
        Expr::AggregateFunction(AggregateFunction::new_udf(function, vec![argument], false, None, vec![], None))
    };
    let rows = call(count_udaf(), literal(ScalarValue::Int64(Some(1)))).alias("rows");
    let nulls = nulls.iter().enumerate().map(|(i, null)| call(max_udaf(), null.clone()).alias(format!("null{i}")));
    std::iter::once(rows).chain(nulls).collect()
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}
