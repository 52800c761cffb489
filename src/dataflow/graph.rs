//! What a dataflow is made from, and what it makes.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use crate::catalog::View;
use crate::operators::WindowOrder;
use crate::planner::{Compared, Expression, Function, Retained, Top, Unnest, ViewPlan, WindowFunction};
use crate::state::Arrangement;

/// A materialized view and its plan.
#[derive(Clone, Debug)]
pub struct ViewSpec {
    pub view: Arc<View>,
    pub planned: ViewPlan,
}

/// How an arrangement finds rows by some columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Identity,
    Link(usize),
}

/// Where the rows of a view are.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: Arc<str>,
    pub schema: SchemaRef,
    /// The lookup key: columns of `schema`; empty if there is none.
    pub key: Vec<usize>,
    /// The key is proved to be unique.
    pub unique: bool,
    pub arrangement: Arc<Arrangement>,
    /// Column `i` of the view is column `columns[i]` of the arrangement.
    pub columns: Vec<usize>,
    pub by_key: Option<Found>,
    pub by_first: Option<Found>,
}

/// An output whose arrangement is still to be made; the fields are those of `Output`.
#[derive(Clone, Debug)]
pub(super) struct OutputDraft {
    pub name: Arc<str>,
    pub schema: SchemaRef,
    pub key: Vec<usize>,
    pub unique: bool,
    pub columns: Vec<usize>,
    pub by_key: Option<Found>,
    pub by_first: Option<Found>,
}

/// An arrangement to be made. Its indexes are collected before it is.
#[derive(Clone, Debug)]
pub(super) struct ArrangementDraft {
    pub schema: SchemaRef,
    pub identity: Vec<usize>,
    pub order: Vec<(usize, SortOptions)>,
    pub links: Vec<Vec<usize>>,
    /// Columns of the identity by whose hash its rows are spread over the shards.
    pub shard_by: Vec<usize>,
}

/// A relation whose rows are in an arrangement: which one, and where each of its columns is there.
#[derive(Clone, Debug)]
pub(super) struct Arranged {
    pub arrangement: usize,
    pub columns: Vec<usize>,
}

/// One side of a join to be made.
#[derive(Clone, Debug)]
pub(super) struct SideDraft {
    pub arranged: Arranged,
    pub found: Found,
    pub key: Vec<usize>,
}

/// An operator to be made.
#[derive(Clone, Debug)]
pub(super) enum Draft {
    Source,
    Linear { filter: Option<Expression>, project: Vec<Expression>, columns: Option<Vec<usize>> },
    Union,
    Latest(usize),
    OrderedLatest { partition: Vec<usize>, order: Vec<(usize, SortOptions)> },
    Top(Arc<Top>),
    Window(WindowOrder, Vec<WindowFunction>),
    Arrange(usize),
    Join(Box<(SideDraft, SideDraft)>, bool),
    Semi { sides: Box<(SideDraft, SideDraft)>, null_equal: bool, anti: bool },
    RangeFilter(Vec<Compared>),
    Retained(Arc<Retained>),
    OneRow,
    Unnest(Arc<Unnest>),
    Aggregate(Vec<Function>),
}

impl Draft {
    /// The operator's name, as `explain` prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Draft::Source => "source",
            Draft::Linear { .. } => "linear",
            Draft::Union => "union all",
            Draft::Latest(_) => "latest-by-key (insert-only)",
            Draft::OrderedLatest { .. } => "latest-by-key",
            Draft::Top(_) => "top-n",
            Draft::Window(..) => "window",
            Draft::Arrange(_) => "arrange",
            Draft::Join(..) => "inner join",
            Draft::Semi { anti: false, .. } => "semi join",
            Draft::Semi { anti: true, .. } => "anti join",
            Draft::RangeFilter(_) => "range filter",
            Draft::Retained(retained) if retained.newest.is_some() => "retained latest-by-key",
            Draft::Retained(_) => "retained",
            Draft::OneRow => "one row",
            Draft::Unnest(_) => "unnest",
            Draft::Aggregate(_) => "aggregate",
        }
    }
}
