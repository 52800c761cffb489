//! Joins of the batch oracle when some row fails: every left row against every right row, as SQL defines it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{DFSchema, JoinType, NullEquality, ScalarValue};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::logical_plan::builder::build_join_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, Join};

use super::oracle::{keep, node, relabeled, value, without_errors};
use super::session::Session;

pub(super) fn joined(join: &Join, session: &Session) -> DataFusionResult<RecordBatch> {
    let (left_on, right_on): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let left = without_errors(&node(&join.left, session)?, &left_on, join.left.schema(), session)?;
    let right = without_errors(&node(&join.right, session)?, &right_on, join.right.schema(), session)?;
    let null_equal = join.null_equality == NullEquality::NullEqualsNull;
    let left_keys = keys(&left, &left_on, join.left.schema(), session)?;
    let right_keys = keys(&right, &right_on, join.right.schema(), session)?;
    let meets = |l: &Key, r: &Key| match (l.has_null, r.has_null) {
        (false, false) => l.bytes == r.bytes,
        _ if null_equal => l.bytes == r.bytes,
        // NOT IN: unknown is not "no match".
        _ => join.null_aware,
    };
    let (mut of_left, mut of_right) = (vec![], vec![]);
    for (i, l) in left_keys.iter().enumerate() {
        for (j, r) in right_keys.iter().enumerate() {
            if meets(l, r) {
                of_left.push(Some(i as u32));
                of_right.push(Some(j as u32));
            }
        }
    }
    let pairs = side_by_side(join, (&left, &of_left), (&right, &of_right))?;
    let passing: Vec<usize> = match &join.filter {
        None => (0..of_left.len()).collect(),
        Some(filter) => passing(&pairs, filter, join, session)?,
    };
    of_left = passing.iter().map(|&i| of_left[i]).collect();
    of_right = passing.iter().map(|&i| of_right[i]).collect();
    output(join, (left, of_left), (right, of_right))
}

struct Key {
    bytes: Vec<u8>,
    has_null: bool,
}

fn keys(rows: &RecordBatch, on: &[Expr], schema: &DFSchema, session: &Session) -> DataFusionResult<Vec<Key>> {
    let mut arrays: Vec<ArrayRef> = vec![];
    for expr in on {
        // Minus zero is zero.
        let data_type = expr.get_type(schema)?;
        let expr = if data_type.is_floating() {
            expr.clone() + Expr::Literal(ScalarValue::new_zero(&data_type)?, None)
        } else {
            expr.clone()
        };
        arrays.push(value(&expr, rows, schema, session)?);
    }
    let encoded = if arrays.is_empty() {
        vec![vec![]; rows.num_rows()]
    } else {
        let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
        let encoded = RowConverter::new(fields)?.convert_columns(&arrays)?;
        encoded.iter().map(|row| row.as_ref().to_vec()).collect()
    };
    let has_null = |i: usize| arrays.iter().any(|array| array.is_null(i));
    Ok(encoded.into_iter().enumerate().map(|(i, bytes)| Key { bytes, has_null: has_null(i) }).collect())
}

/// Rows of one side, by position; None is a row of NULLs.
type Picked<'a> = (&'a RecordBatch, &'a Vec<Option<u32>>);

fn side_by_side(join: &Join, left: Picked<'_>, right: Picked<'_>) -> DataFusionResult<RecordBatch> {
    let mut columns = picked(left)?;
    columns.extend(picked(right)?);
    let schema = build_join_schema(join.left.schema(), join.right.schema(), &JoinType::Inner)?;
    relabeled(&Arc::new(schema.as_arrow().clone()), columns, left.1.len())
}

fn picked((rows, positions): Picked<'_>) -> DataFusionResult<Vec<ArrayRef>> {
    let positions = UInt32Array::from(positions.clone());
    rows.columns().iter().map(|column| Ok(take(column, &positions, None)?)).collect()
}

/// Positions of the pairs for which the condition is true; one that fails is not.
fn passing(pairs: &RecordBatch, filter: &Expr, join: &Join, session: &Session) -> DataFusionResult<Vec<usize>> {
    let schema = build_join_schema(join.left.schema(), join.right.schema(), &JoinType::Inner)?;
    let mut found = vec![];
    for i in 0..pairs.num_rows() {
        if keep(&pairs.slice(i, 1), filter, &schema, session)?.num_rows() == 1 {
            found.push(i);
        }
    }
    Ok(found)
}

type Side = (RecordBatch, Vec<Option<u32>>);

fn output(join: &Join, (left, mut of_left): Side, (right, mut of_right): Side) -> DataFusionResult<RecordBatch> {
    use JoinType::*;
    let alone = |rows: &RecordBatch, matched: &[Option<u32>]| -> Vec<Option<u32>> {
        (0..rows.num_rows() as u32).map(Some).filter(|i| !matched.contains(i)).collect()
    };
    let (left_alone, right_alone) = (alone(&left, &of_left), alone(&right, &of_right));
    let among = |rows: &RecordBatch, matched: &[Option<u32>], anti: bool| -> Vec<Option<u32>> {
        (0..rows.num_rows() as u32).map(Some).filter(|i| matched.contains(i) != anti).collect()
    };
    let schema = Arc::new(join.schema.as_arrow().clone());
    let one_side = |rows: &RecordBatch, positions: Vec<Option<u32>>| {
        relabeled(&schema, picked((rows, &positions))?, positions.len())
    };
    let marked = |rows: &RecordBatch, matched: &[Option<u32>]| {
        let mut columns = rows.columns().to_vec();
        let marks = (0..rows.num_rows() as u32).map(|i| Some(matched.contains(&Some(i))));
        columns.push(Arc::new(marks.collect::<BooleanArray>()) as ArrayRef);
        relabeled(&schema, columns, rows.num_rows())
    };
    match join.join_type {
        LeftSemi | LeftAnti => one_side(&left, among(&left, &of_left, join.join_type == LeftAnti)),
        RightSemi | RightAnti => one_side(&right, among(&right, &of_right, join.join_type == RightAnti)),
        LeftMark => marked(&left, &of_left),
        RightMark => marked(&right, &of_right),
        Inner | Left | Right | Full => {
            if matches!(join.join_type, Left | Full) {
                of_right.extend(left_alone.iter().map(|_| None));
                of_left.extend(left_alone);
            }
            if matches!(join.join_type, Right | Full) {
                of_left.extend(right_alone.iter().map(|_| None));
                of_right.extend(right_alone);
            }
            side_by_side(join, (&left, &of_left), (&right, &of_right))
        }
    }
}
