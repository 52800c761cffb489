//! A window function, and how far a changed row reaches: which rows it reads around its own, and what it carries on.
//!
//! | function | a changed row reaches |
//! |---|---|
//! | LAG, LEAD, ROWS, RANGE and GROUPS frames with two ends | the rows whose frame it is in |
//! | ROW_NUMBER, RANK, DENSE_RANK, FIRST_VALUE, and SUM, AVG, COUNT, MIN, MAX, BOOL_AND, BOOL_OR up to the current row | the rows after it, as far as what they carry on changes |
//! | all others | the whole partition |

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::WindowExpr;

/// A window function over the columns of an operator's input.
#[derive(Clone, Debug)]
pub struct WindowFunction {
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
    /// What the row before it carries on, and its own (with its peers, if `peers`).
    Running { function: Running, peers: bool },
    /// All of them.
    Whole,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    RowNumber,
    Rank,
    DenseRank,
    FirstValue,
    /// An aggregate whose accumulator's state is small and can be resumed.
    Aggregate,
}

impl Reach {
    /// The reach of the function `name` with these parameters.
    pub fn of(name: &str, params: &WindowFunctionParams) -> Reach {
        let frame = &params.window_frame;
        let ignores_nulls = params.null_treatment == Some(NullTreatment::IgnoreNulls);
        let running = |function, peers| Reach::Running { function, peers };
        match name {
            "row_number" => running(Running::RowNumber, false),
            "rank" => running(Running::Rank, true),
            "dense_rank" => running(Running::DenseRank, true),
            "percent_rank" | "cume_dist" | "ntile" => Reach::Whole,
            "lag" | "lead" => shifted(name, params).filter(|_| !ignores_nulls).unwrap_or(Reach::Whole),
            _ if no_peers(params) => Reach::Whole,
            "first_value" if from_start(frame) && !ignores_nulls && reaches_own(frame) => {
                running(Running::FirstValue, frame.units != WindowFrameUnits::Rows)
            }
            "last_value" if from_start(frame) && !ignores_nulls && reaches_own(frame) => {
                let before = zero(frame.units);
                end(frame).map_or(Reach::Whole, |after| Reach::Bounded { before, after })
            }
            "sum" | "avg" | "count" | "min" | "max" | "bool_and" | "bool_or"
                if from_start(frame) && frame.end_bound == WindowFrameBound::CurrentRow && !params.distinct =>
            {
                running(Running::Aggregate, frame.units != WindowFrameUnits::Rows)
            }
            _ => match (start(frame), end(frame)) {
                (Some(before), Some(after)) => Reach::Bounded { before, after },
                _ => Reach::Whole,
            },
        }
    }
}

/// Without ORDER BY all rows are peers.
fn no_peers(params: &WindowFunctionParams) -> bool {
    params.order_by.is_empty() && params.window_frame.units != WindowFrameUnits::Rows
}

fn from_start(frame: &WindowFrame) -> bool {
    matches!(&frame.start_bound, WindowFrameBound::Preceding(value) if value.is_null())
}

/// Whether the frame ends at the current row or after it.
fn reaches_own(frame: &WindowFrame) -> bool {
    !matches!(frame.end_bound, WindowFrameBound::Preceding(_))
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
    let offset: i64 = match params.args.get(1) {
        None => 1,
        Some(Expr::Literal(value, _)) => value.to_string().parse().ok()?,
        Some(_) => return None,
    };
    let rows = Bound::Rows(usize::try_from(offset.unsigned_abs()).ok()?);
    let back = (name == "lag") == (offset >= 0);
    let (before, after) = if back { (rows, Bound::Rows(0)) } else { (Bound::Rows(0), rows) };
    Some(Reach::Bounded { before, after })
}
