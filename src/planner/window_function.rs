//! A window function, and how far a changed row reaches: which rows it reads around its own, and what it carries on.
//!
//! | function | a changed row reaches |
//! |---|---|
//! | LAG, LEAD, ROWS, RANGE and GROUPS frames with two ends, LAST_VALUE of a frame from the first row | the rows whose frame it is in |
//! | ROW_NUMBER, RANK, DENSE_RANK; SUM, AVG, COUNT, MIN, MAX, BOOL_AND, BOOL_OR, FIRST_VALUE, LAST_VALUE, NTH_VALUE of a frame from the first row, wherever it ends; LAG IGNORE NULLS | the rows from the first whose frame it is in, as far as what they carry on changes |
//! | the same of a frame to the last row (not a RANGE that begins after the row); LEAD IGNORE NULLS | the same, backward |
//! | all others | the whole partition |
//!
//! NTILE, PERCENT_RANK and CUME_DIST are of the last kind by what they say: a row more or less is in all their values. So
//! is every function of a frame that is the whole partition, FIRST_VALUE and LAST_VALUE apart.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::WindowExpr;

/// Values that LAG IGNORE NULLS and NTH_VALUE from the end may carry from row to row.
const CARRIED_MAX: usize = 16;

/// A window function over the columns of an operator's input.
#[derive(Clone, Debug)]
pub struct WindowFunction {
    /// Over the rows in the order of `reach`: for a backward one everything is turned round.
    pub physical: Arc<dyn WindowExpr>,
    /// The text that it is known by.
    pub text: String,
    /// A boolean column: an aggregate takes only the rows where it is true.
    pub filter: Option<usize>,
    pub reach: Reach,
}

/// What a row of a partition needs of the others.
#[derive(Clone, Debug)]
pub enum Reach {
    /// The rows from `before` to `after`, counted from its own.
    Bounded { before: Bound, after: Bound },
    /// What the row before it carries on, and the rows that its frame has more.
    Running(Run),
    /// All of them.
    Whole,
}

/// How a function goes from row to row.
#[derive(Clone, Debug)]
pub struct Run {
    pub function: Running,
    /// Peers have one value.
    pub peers: bool,
    /// A frame that ends elsewhere than with the row (or its peers).
    pub frame: Option<Arc<WindowFrame>>,
    /// From the last row to the first.
    pub backward: bool,
}

/// A distance between rows of a partition.
#[derive(Clone, Debug)]
pub enum Bound {
    Rows(usize),
    /// Groups of peers; 0 are the row's own peers.
    Groups(usize),
    /// Difference of the one ORDER BY column.
    Range(ScalarValue),
}

/// Functions that go on from the row before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Running {
    RowNumber,
    Rank,
    DenseRank,
    /// The value of the row with this number in the frame, counted from 1.
    Nth(u32, Nulls),
    /// The value of the row with this number in the frame, counted from its end; what is given where there is none.
    Last(usize, Nulls, Option<ScalarValue>),
    /// An aggregate whose accumulator's state is small and can be resumed.
    Aggregate,
}

/// Whether rows whose value is NULL count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    Count,
    Ignore,
}

impl Reach {
    /// The reach of the function `name` with these parameters.
    pub fn of(name: &str, params: &WindowFunctionParams) -> Reach {
        let running = |function, peers| Reach::Running(Run { function, peers, frame: None, backward: false });
        let reach = match name {
            "row_number" => Some(running(Running::RowNumber, false)),
            "rank" => Some(running(Running::Rank, true)),
            "dense_rank" => Some(running(Running::DenseRank, true)),
            "percent_rank" | "cume_dist" | "ntile" => None,
            "lag" | "lead" => shifted(name, params),
            _ if no_peers(params) => None,
            _ => framed(name, params),
        };
        reach.unwrap_or(Reach::Whole)
    }
}

impl Run {
    /// The distance to a frame's end that lies before the row, or after it.
    pub fn distance(&self, after: bool) -> Option<Bound> {
        let frame = self.frame.as_ref()?;
        match (&frame.end_bound, after) {
            (WindowFrameBound::Preceding(value), false) | (WindowFrameBound::Following(value), true) => {
                distance(frame.units, value)
            }
            _ => None,
        }
    }
}

/// A function of the rows of a frame. None: it needs the whole partition.
fn framed(name: &str, params: &WindowFunctionParams) -> Option<Reach> {
    let frame = &params.window_frame;
    match (from_start(frame), to_end(frame)) {
        (false, false) => Some(Reach::Bounded { before: start(frame)?, after: end(frame)? }),
        (true, false) => from_first((name, 1), params, frame),
        // From where the distance overflows on, DataFusion's frames have no row; turned round they would have NULLs.
        (false, true) if by_distance_after(frame) => None,
        (false, true) => backward(from_first(turned(name), params, &frame.reverse())?),
        // The first row's value is that of its own frame, whatever comes after.
        (true, true) => {
            let own = WindowFrame::new_bounds(frame.units, frame.start_bound.clone(), WindowFrameBound::CurrentRow);
            match (name, ignores_nulls(params)) {
                ("first_value", false) => from_first((name, 1), params, &own),
                ("last_value", false) => backward(from_first(("first_value", 1), params, &own)?),
                _ => None,
            }
        }
    }
}

/// A function of a frame that begins with the first row. NTH_VALUE counts in the direction `sign`.
fn from_first((name, sign): (&str, i64), params: &WindowFunctionParams, frame: &WindowFrame) -> Option<Reach> {
    let nulls = if ignores_nulls(params) { Nulls::Ignore } else { Nulls::Count };
    let by_distance =
        matches!(frame.end_bound, WindowFrameBound::Preceding(_)) && frame.units == WindowFrameUnits::Range;
    let mut whole_frame = true;
    let function = match name {
        "first_value" => {
            whole_frame = nulls == Nulls::Ignore || matches!(frame.end_bound, WindowFrameBound::Preceding(_));
            Running::Nth(1, nulls)
        }
        "last_value" if nulls == Nulls::Count && !by_distance => {
            let before = match &frame.end_bound {
                WindowFrameBound::Preceding(value) => distance(frame.units, value)?,
                _ => zero(frame.units),
            };
            return Some(Reach::Bounded { before, after: end(frame)? });
        }
        "last_value" => Running::Last(1, nulls, None),
        "nth_value" => match integer(params.args.get(1)?)?.checked_mul(sign)? {
            n if n > 0 => Running::Nth(u32::try_from(n).ok()?, nulls),
            n => Running::Last(carried(n)?, nulls, None),
        },
        "sum" | "avg" | "count" | "min" | "max" | "bool_and" | "bool_or" if !params.distinct => Running::Aggregate,
        _ => return None,
    };
    let own = frame.end_bound == WindowFrameBound::CurrentRow || !whole_frame;
    let run = Run {
        function,
        peers: frame.units != WindowFrameUnits::Rows,
        frame: (!own).then(|| Arc::new(frame.clone())),
        backward: false,
    };
    let known = own || run.distance(false).or(run.distance(true)).is_some();
    known.then_some(Reach::Running(run))
}

/// The same over the rows in the opposite order.
fn backward(reach: Reach) -> Option<Reach> {
    Some(match reach {
        Reach::Bounded { before, after } => Reach::Bounded { before: after, after: before },
        Reach::Running(run) => Reach::Running(Run { backward: true, ..run }),
        Reach::Whole => Reach::Whole,
    })
}

/// Without ORDER BY all rows are peers.
fn no_peers(params: &WindowFunctionParams) -> bool {
    params.order_by.is_empty() && params.window_frame.units != WindowFrameUnits::Rows
}

fn from_start(frame: &WindowFrame) -> bool {
    matches!(&frame.start_bound, WindowFrameBound::Preceding(value) if value.is_null())
}

fn to_end(frame: &WindowFrame) -> bool {
    matches!(&frame.end_bound, WindowFrameBound::Following(value) if value.is_null())
}

/// Whether the frame begins at a distance of values after the row.
fn by_distance_after(frame: &WindowFrame) -> bool {
    frame.units == WindowFrameUnits::Range && matches!(frame.start_bound, WindowFrameBound::Following(_))
}

fn zero(units: WindowFrameUnits) -> Bound {
    match units {
        WindowFrameUnits::Rows => Bound::Rows(0),
        WindowFrameUnits::Range | WindowFrameUnits::Groups => Bound::Groups(0),
    }
}

/// The rows before the current one that a frame begins with; None: all.
fn start(frame: &WindowFrame) -> Option<Bound> {
    match &frame.start_bound {
        WindowFrameBound::Preceding(value) => distance(frame.units, value),
        WindowFrameBound::CurrentRow | WindowFrameBound::Following(_) => Some(zero(frame.units)),
    }
}

/// The rows after the current one that a frame ends with; None: all.
fn end(frame: &WindowFrame) -> Option<Bound> {
    match &frame.end_bound {
        WindowFrameBound::Following(value) => distance(frame.units, value),
        WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(_) => Some(zero(frame.units)),
    }
}

fn distance(units: WindowFrameUnits, value: &ScalarValue) -> Option<Bound> {
    if value.is_null() {
        return None;
    }
    match (units, value) {
        (WindowFrameUnits::Range, value) => Some(Bound::Range(value.clone())),
        (WindowFrameUnits::Rows, ScalarValue::UInt64(Some(rows))) => Some(Bound::Rows(usize::try_from(*rows).ok()?)),
        (WindowFrameUnits::Groups, ScalarValue::UInt64(Some(n))) => Some(Bound::Groups(usize::try_from(*n).ok()?)),
        _ => None,
    }
}

/// LAG and LEAD by a constant.
fn shifted(name: &str, params: &WindowFunctionParams) -> Option<Reach> {
    let offset = params.args.get(1).map_or(Some(1), integer)?;
    let back = (name == "lag") == (offset >= 0);
    if ignores_nulls(params) && offset != 0 {
        let default = match params.args.get(2) {
            None => None,
            Some(Expr::Literal(value, _)) => Some(value.clone()).filter(|value| !value.is_null()),
            Some(_) => return None,
        };
        let preceding = |rows| WindowFrameBound::Preceding(ScalarValue::UInt64(rows));
        let frame = WindowFrame::new_bounds(WindowFrameUnits::Rows, preceding(None), preceding(Some(1)));
        let function = Running::Last(carried(offset)?, Nulls::Ignore, default);
        return Some(Reach::Running(Run { function, peers: false, frame: Some(Arc::new(frame)), backward: !back }));
    }
    let rows = Bound::Rows(usize::try_from(offset.unsigned_abs()).ok()?);
    let (before, after) = if back { (rows, Bound::Rows(0)) } else { (Bound::Rows(0), rows) };
    Some(Reach::Bounded { before, after })
}

fn ignores_nulls(params: &WindowFunctionParams) -> bool {
    params.null_treatment == Some(NullTreatment::IgnoreNulls)
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) => value.to_string().parse().ok(),
        _ => None,
    }
}

/// A number of values to carry. None: too many.
fn carried(n: i64) -> Option<usize> {
    usize::try_from(n.unsigned_abs()).ok().filter(|n| (1..=CARRIED_MAX).contains(n))
}

/// The function that gives the same over the rows in the opposite order, and in which direction it counts.
fn turned(name: &str) -> (&str, i64) {
    match name {
        "first_value" => ("last_value", -1),
        "last_value" => ("first_value", -1),
        _ => (name, -1),
    }
}
