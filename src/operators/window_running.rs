//! Window functions that go on from the row before: `ROW_NUMBER()`, `RANK()`, `SUM(v) OVER (ORDER BY v)`.
//!
//! A function is given some neighbouring rows of a partition and what the row before them carries: its value and, where
//! that is not enough, a state beside it. RANK carries the row's number, an aggregate the state of its accumulator.
//! Cost: the rows given.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};

use crate::planner::{Running, WindowFunction};

/// What the row before carries for one function: its value and its state.
pub struct Carried {
    pub value: ArrayRef,
    pub states: Vec<ArrayRef>,
}

/// Values and states of the rows given.
pub struct Went {
    pub values: ArrayRef,
    pub states: Vec<ArrayRef>,
}

/// Types of the state that a function carries beside its value.
pub fn state_types(function: Running, expr: &dyn WindowExpr) -> Result<Vec<DataType>> {
    match function {
        Running::RowNumber | Running::DenseRank | Running::FirstValue => Ok(vec![]),
        Running::Rank => Ok(vec![DataType::UInt64]),
        Running::Aggregate => {
            let fields = plain(expr)?.get_aggregate_expr().state_fields()?;
            Ok(fields.iter().map(|f| f.data_type().clone()).collect())
        }
    }
}

/// `ends`: the end of each group of peers, whole groups only (of each row, for functions that count rows).
pub fn go_on(
    (running, function): (Running, &WindowFunction),
    rows: &RecordBatch,
    ends: &[usize],
    carried: Option<&Carried>,
) -> Result<Went> {
    let expr = function.physical.as_ref();
    let number = |array: &ArrayRef| array.as_primitive::<UInt64Type>().value(0);
    let value = carried.map_or(0, |c| if running == Running::FirstValue { 0 } else { first_number(c) });
    let count = rows.num_rows() as u64;
    match running {
        Running::RowNumber => Ok(only_values(Arc::new(UInt64Array::from_iter_values(value + 1..=value + count)))),
        Running::Rank => {
            let before = carried.map_or(0, |c| number(&c.states[0]));
            let starts = std::iter::once(0).chain(ends.iter().copied()).zip(ends);
            let ranks = starts.flat_map(|(start, end)| std::iter::repeat_n(before + start as u64 + 1, end - start));
            let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(before + 1..=before + count));
            Ok(Went { values: Arc::new(UInt64Array::from_iter_values(ranks)), states: vec![numbers] })
        }
        Running::DenseRank => {
            let starts = std::iter::once(0).chain(ends.iter().copied()).zip(ends).zip(value + 1..);
            let ranks = starts.flat_map(|((start, end), rank)| std::iter::repeat_n(rank, end - start));
            Ok(only_values(Arc::new(UInt64Array::from_iter_values(ranks))))
        }
        Running::FirstValue => match carried {
            Some(carried) => {
                let value = ScalarValue::try_from_array(&carried.value, 0)?;
                Ok(only_values(value.to_array_of_size(rows.num_rows())?))
            }
            None => Ok(only_values(expr.evaluate(rows)?)),
        },
        Running::Aggregate => aggregate(function, rows, ends, carried),
    }
}

/// The number that a ranking function gave for the row before; aggregates do not ask for it.
fn first_number(carried: &Carried) -> u64 {
    carried.value.as_primitive_opt::<UInt64Type>().map_or(0, |values| values.value(0))
}

fn only_values(values: ArrayRef) -> Went {
    Went { values, states: vec![] }
}

fn plain(expr: &dyn WindowExpr) -> Result<&PlainAggregateWindowExpr> {
    match expr.as_any().downcast_ref::<PlainAggregateWindowExpr>() {
        Some(plain) => Ok(plain),
        None => internal_err!("{} is not an aggregate from the first row on", expr.name()),
    }
}

fn aggregate(function: &WindowFunction, rows: &RecordBatch, ends: &[usize], carried: Option<&Carried>) -> Result<Went> {
    let expr = plain(function.physical.as_ref())?;
    let mut accumulator = expr.get_aggregate_expr().create_accumulator()?;
    if let Some(carried) = carried {
        accumulator.merge_batch(&carried.states)?;
    }
    let arguments = expr.evaluate_args(rows)?;
    let filter = function.filter.map(|column| rows.column(column));
    let types = expr.get_aggregate_expr().state_fields()?;
    let (mut values, mut states) = (vec![], vec![vec![]; types.len()]);
    let mut start = 0;
    for &end in ends {
        let part = |array: &ArrayRef| {
            let part = array.slice(start, end - start);
            match &filter {
                Some(filter) => Ok(compute::filter(&part, filter.slice(start, end - start).as_boolean())?),
                None => Ok(part),
            }
        };
        let arguments: Vec<ArrayRef> = arguments.iter().map(part).collect::<Result<_>>()?;
        accumulator.update_batch(&arguments)?;
        let value = accumulator.evaluate()?;
        values.extend(std::iter::repeat_n(value, end - start));
        for (column, state) in states.iter_mut().zip(accumulator.state()?) {
            column.extend(std::iter::repeat_n(state, end - start));
        }
        start = end;
    }
    let states = states.into_iter().map(ScalarValue::iter_to_array).collect::<Result<_>>()?;
    Ok(Went { values: ScalarValue::iter_to_array(values)?, states })
}
