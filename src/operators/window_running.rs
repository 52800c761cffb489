//! Window functions that go on from the row before: `ROW_NUMBER()`, `RANK()`, `SUM(v) OVER (ORDER BY v)`,
//! `LAG(v) IGNORE NULLS OVER (ORDER BY v)`.
//!
//! A function is given some neighbouring rows of a partition and what the row before them carries: its value and, where
//! that is not enough, a state beside it. RANK carries the row's number, an aggregate the state of its accumulator,
//! NTH_VALUE how many rows it has counted, and from the end of the frame the last values. A row's value is that of the
//! row before it and of the rows that its frame has more (`Step`).
//! Cost: the rows given.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::window_state::WindowFrameContext;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};

use crate::planner::{Nulls, Run, Running, WindowFunction};

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

/// The rows to go on over, with those around them that their frames read.
pub struct Stretch<'a> {
    pub batch: &'a RecordBatch,
    pub own: Range<usize>,
    /// The end of each group of peers in `own`, whole groups only.
    pub groups: &'a [usize],
}

/// Rows of a stretch that have one value, up to `end`, and the end of their frame.
struct Step {
    end: usize,
    frame: usize,
}

/// Steps from row to row: where the first begins, what is in the frame of the row before, the steps.
struct Steps {
    start: usize,
    entered: usize,
    steps: Vec<Step>,
}

/// Types of the state that a function carries beside its value.
pub fn state_types(function: &Running, expr: &dyn WindowExpr) -> Result<Vec<DataType>> {
    match function {
        Running::RowNumber | Running::DenseRank => Ok(vec![]),
        Running::Rank => Ok(vec![DataType::UInt64]),
        Running::Nth(..) => Ok(vec![DataType::UInt32]),
        Running::Last(values, ..) => Ok(vec![expr.field()?.data_type().clone(); *values]),
        Running::Aggregate => {
            let fields = plain(expr)?.get_aggregate_expr().state_fields()?;
            Ok(fields.iter().map(|f| f.data_type().clone()).collect())
        }
    }
}

pub fn go_on((run, function): (&Run, &WindowFunction), rows: &Stretch<'_>, carried: Option<&Carried>) -> Result<Went> {
    let expr = function.physical.as_ref();
    let number = |array: &ArrayRef| array.as_primitive::<UInt64Type>().value(0);
    let steps = steps(run, expr, rows)?;
    let count = rows.own.len() as u64;
    match &run.function {
        Running::RowNumber => {
            let before = carried.map_or(0, |c| number(&c.value));
            Ok(Went { values: Arc::new(UInt64Array::from_iter_values(before + 1..=before + count)), states: vec![] })
        }
        Running::Rank => {
            let before = carried.map_or(0, |c| number(&c.states[0]));
            let ranks = steps.rows().flat_map(|rows| {
                let rank = before + (rows.start - steps.start) as u64 + 1;
                std::iter::repeat_n(rank, rows.len())
            });
            let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(before + 1..=before + count));
            Ok(Went { values: Arc::new(UInt64Array::from_iter_values(ranks)), states: vec![numbers] })
        }
        Running::DenseRank => {
            let before = carried.map_or(0, |c| number(&c.value));
            let ranks = steps.rows().zip(before + 1..).flat_map(|(rows, rank)| std::iter::repeat_n(rank, rows.len()));
            Ok(Went { values: Arc::new(UInt64Array::from_iter_values(ranks)), states: vec![] })
        }
        Running::Nth(n, nulls) => nth((*n, *nulls), &argument(expr, rows)?, &steps, carried),
        Running::Last(n, nulls, default) => {
            let values = argument(expr, rows)?;
            let default = default.as_ref().map(|value| value.cast_to(values.data_type())).transpose()?;
            last((*n, *nulls, default), &values, &steps, carried)
        }
        Running::Aggregate => aggregate(function, rows, &steps, carried),
    }
}

fn steps(run: &Run, expr: &dyn WindowExpr, rows: &Stretch<'_>) -> Result<Steps> {
    let start = rows.own.start;
    let own = |end: usize| Step { end, frame: end };
    let Some(frame) = &run.frame else {
        let steps = if run.peers {
            rows.groups.iter().map(|&end| own(end)).collect()
        } else {
            rows.own.clone().map(|i| own(i + 1)).collect()
        };
        return Ok(Steps { start, entered: start, steps });
    };
    let options = expr.order_by().iter().map(|order| order.options).collect();
    let order: Vec<ArrayRef> = expr.order_by_columns(rows.batch)?.into_iter().map(|column| column.values).collect();
    let mut frames = WindowFrameContext::new(frame.clone(), options);
    let (mut last, mut entered, mut steps) = (0..0, 0, vec![]);
    for i in 0..rows.own.end {
        last = frames.calculate_range(&order, &last, rows.batch.num_rows(), i)?;
        match i < start {
            true => entered = last.end,
            false => steps.push(Step { end: i + 1, frame: last.end }),
        }
    }
    Ok(Steps { start, entered, steps })
}

impl Steps {
    /// The rows of each step.
    fn rows(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(self.start).chain(self.steps.iter().map(|step| step.end));
        starts.zip(&self.steps).map(|(start, step)| start..step.end)
    }

    /// How many rows each step has, and which rows come into its frame.
    fn entering(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let entered = std::iter::once(self.entered).chain(self.steps.iter().map(|step| step.frame));
        self.rows().zip(entered.zip(&self.steps)).map(|(rows, (from, step))| (rows.len(), from..step.frame))
    }
}

/// The argument of a function that gives one of its values.
fn argument(expr: &dyn WindowExpr, rows: &Stretch<'_>) -> Result<ArrayRef> {
    match expr.evaluate_args(rows.batch)?.into_iter().next() {
        Some(values) => Ok(values),
        None => internal_err!("{} has no argument", expr.name()),
    }
}

/// The rows of a range that count.
fn counted(values: &ArrayRef, rows: Range<usize>, nulls: Nulls) -> impl DoubleEndedIterator<Item = usize> {
    rows.filter(move |&i| nulls == Nulls::Count || values.is_valid(i))
}

fn nth((n, nulls): (u32, Nulls), array: &ArrayRef, steps: &Steps, carried: Option<&Carried>) -> Result<Went> {
    let (mut count, mut value) = match carried {
        Some(carried) => {
            let count = carried.states[0].as_primitive::<UInt32Type>().value(0);
            (count, ScalarValue::try_from_array(&carried.value, 0)?)
        }
        None => (0, ScalarValue::try_from(array.data_type())?),
    };
    let (mut values, mut counts) = (vec![], vec![]);
    for (len, entering) in steps.entering() {
        let mut rows = counted(array, entering, nulls);
        while count < n
            && let Some(row) = rows.next()
        {
            count += 1;
            if count == n {
                value = ScalarValue::try_from_array(array, row)?;
            }
        }
        values.extend(std::iter::repeat_n(value.clone(), len));
        counts.extend(std::iter::repeat_n(ScalarValue::UInt32(Some(count)), len));
    }
    Ok(Went { values: ScalarValue::iter_to_array(values)?, states: vec![ScalarValue::iter_to_array(counts)?] })
}

/// Carries the last `n` values, the oldest first; NULL before there are as many.
fn last(
    (n, nulls, default): (usize, Nulls, Option<ScalarValue>),
    array: &ArrayRef,
    steps: &Steps,
    carried: Option<&Carried>,
) -> Result<Went> {
    let mut kept: VecDeque<ScalarValue> = match carried {
        Some(carried) => {
            carried.states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect::<Result<_>>()?
        }
        None => std::iter::repeat_n(ScalarValue::try_from(array.data_type())?, n).collect(),
    };
    let (mut values, mut states) = (vec![], vec![vec![]; n]);
    for (len, entering) in steps.entering() {
        let mut newest: Vec<usize> = counted(array, entering, nulls).rev().take(n).collect();
        newest.reverse();
        for row in newest {
            kept.pop_front();
            kept.push_back(ScalarValue::try_from_array(array, row)?);
        }
        let value = default.as_ref().filter(|_| kept[0].is_null()).unwrap_or(&kept[0]);
        values.extend(std::iter::repeat_n(value.clone(), len));
        for (column, state) in states.iter_mut().zip(&kept) {
            column.extend(std::iter::repeat_n(state.clone(), len));
        }
    }
    let states = states.into_iter().map(ScalarValue::iter_to_array).collect::<Result<_>>()?;
    Ok(Went { values: ScalarValue::iter_to_array(values)?, states })
}

fn plain(expr: &dyn WindowExpr) -> Result<&PlainAggregateWindowExpr> {
    match expr.as_any().downcast_ref::<PlainAggregateWindowExpr>() {
        Some(plain) => Ok(plain),
        None => internal_err!("{} is not an aggregate from the first row on", expr.name()),
    }
}

fn aggregate(function: &WindowFunction, rows: &Stretch<'_>, steps: &Steps, carried: Option<&Carried>) -> Result<Went> {
    let expr = plain(function.physical.as_ref())?;
    let mut accumulator = expr.get_aggregate_expr().create_accumulator()?;
    if let Some(carried) = carried {
        accumulator.merge_batch(&carried.states)?;
    }
    let arguments = expr.evaluate_args(rows.batch)?;
    let filter = function.filter.map(|column| rows.batch.column(column));
    let types = expr.get_aggregate_expr().state_fields()?;
    let (mut values, mut states) = (vec![], vec![vec![]; types.len()]);
    for (len, entering) in steps.entering() {
        let part = |array: &ArrayRef| {
            let part = array.slice(entering.start, entering.len());
            match &filter {
                Some(filter) => Ok(compute::filter(&part, filter.slice(entering.start, entering.len()).as_boolean())?),
                None => Ok(part),
            }
        };
        if !entering.is_empty() {
            let arguments: Vec<ArrayRef> = arguments.iter().map(part).collect::<Result<_>>()?;
            accumulator.update_batch(&arguments)?;
        }
        let value = accumulator.evaluate()?;
        values.extend(std::iter::repeat_n(value, len));
        for (column, state) in states.iter_mut().zip(accumulator.state()?) {
            column.extend(std::iter::repeat_n(state, len));
        }
    }
    let states = states.into_iter().map(ScalarValue::iter_to_array).collect::<Result<_>>()?;
    Ok(Went { values: ScalarValue::iter_to_array(values)?, states })
}
