//! The plan of a view: a tree of incremental operators with what is known of each one's rows.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::UnnestOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::unnest::ListUnnest;

use super::fold::Folding;
use super::window_function::WindowFunction;

/// A relation of the plan: the operator that makes it and what holds for its rows.
#[derive(Clone, Debug)]
pub struct Plan {
    pub op: Op,
    /// All fields nullable: nullability is checked at the door, not between operators.
    pub schema: SchemaRef,
    /// Columns of which no two rows have the same values.
    pub key: Option<Vec<usize>>,
    /// No row is ever taken out.
    pub insert_only: bool,
}

/// The operators. Columns are positions in the input's schema.
#[derive(Clone, Debug)]
pub enum Op {
    /// The events of a table, as they come.
    Table(Arc<str>),
    /// The rows of a maintained view.
    View(Arc<str>),
    /// Rows that pass the filter, then these expressions of each. `columns`: set if there is no filter and all
    /// expressions are plain columns.
    Linear {
        input: Box<Plan>,
        filter: Option<Expression>,
        project: Vec<Expression>,
        columns: Option<Vec<usize>>,
    },
    /// Of no inputs: a relation that stays empty.
    Union(Vec<Plan>),
    /// The first row of each partition, in this order (completed by all other columns).
    Latest {
        input: Box<Plan>,
        partition: Vec<usize>,
        order: Vec<(usize, SortOptions)>,
    },
    Top(Box<Top>),
    /// The columns of the input, then one a function. Rows stand in order of partition, `order`, `rest`, all other
    /// columns; rows that are equal up to `order` are peers.
    Window {
        input: Box<Plan>,
        partition: Vec<usize>,
        order: Vec<(usize, SortOptions)>,
        rest: Vec<(usize, SortOptions)>,
        functions: Vec<WindowFunction>,
    },
    Join(Box<Join>),
    Semi(Box<Semi>),
    /// Rows that compare true with the one row of `bounds`.
    RangeFilter {
        rows: Box<Plan>,
        bounds: Box<Plan>,
        compared: Vec<Compared>,
    },
    /// One row without columns.
    OneRow,
    /// Lists become rows, structs become columns.
    Unnest {
        input: Box<Plan>,
        unnest: Arc<Unnest>,
    },
    Aggregate {
        input: Box<Plan>,
        group: Vec<usize>,
        functions: Vec<Function>,
    },
}

/// The rows number `from` to `to` of each partition, counted from 1 in this order (completed by all other columns).
#[derive(Clone, Debug)]
pub struct Top {
    pub input: Plan,
    pub partition: Vec<usize>,
    pub order: Vec<(usize, SortOptions)>,
    pub from: u64,
    pub to: u64,
    /// The number is a further column. Without it, a row whose number changes does not change.
    pub number: bool,
}

/// An expression, compiled, and the text that it is known by.
#[derive(Clone, Debug)]
pub struct Expression {
    pub physical: Arc<dyn PhysicalExpr>,
    pub text: String,
}

/// An inner join on equal columns (on none: all pairs). Its rows are the left columns, then the right ones.
#[derive(Clone, Debug)]
pub struct Join {
    pub left: Plan,
    pub right: Plan,
    pub on: Vec<(usize, usize)>,
    /// NULL meets NULL; else it meets nothing.
    pub null_equal: bool,
}

/// The left rows for which the right has a row with equal columns (`anti`: has none).
#[derive(Clone, Debug)]
pub struct Semi {
    pub left: Plan,
    pub right: Plan,
    pub on: Vec<(usize, usize)>,
    pub null_equal: bool,
    pub anti: bool,
}

/// `column OP bound`: a column of the rows, one of `< <= > >=`, a column of the one row.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    pub column: usize,
    pub op: Operator,
    pub bound: usize,
}

/// What UNNEST does with the columns of its input.
#[derive(Clone, Debug)]
pub struct Unnest {
    pub lists: Vec<ListUnnest>,
    pub structs: Vec<usize>,
    pub options: UnnestOptions,
}

#[derive(Clone, Debug)]
pub enum AggregateKind {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Bits(BitFunction),
    /// Every other function, over the group's rows in this order (columns of the input; the arguments are among them).
    Fold(Arc<Folding>, Vec<(usize, SortOptions)>),
}

/// Over integers, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitFunction {
    And,
    Or,
    Xor,
}

/// One aggregate function of a GROUP BY.
#[derive(Clone, Debug)]
pub struct Function {
    pub kind: AggregateKind,
    /// Columns of the arguments that are not constant; none for COUNT(*).
    pub arguments: Vec<usize>,
    /// COUNT, SUM and AVG: each value counts once.
    pub distinct: bool,
    /// A boolean column: only rows where it is true count.
    pub filter: Option<usize>,
    pub output: DataType,
}

impl Plan {
    /// One text for equal plans: plans with the same text are run once and shared.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a String does not fail");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        match &self.op {
            Op::Table(name) => write!(out, "table({name})"),
            Op::View(name) => write!(out, "view({name})"),
            Op::Linear { input, filter, project, .. } => {
                let project: Vec<&str> = project.iter().map(|e| e.text.as_str()).collect();
                write!(out, "linear({:?}, {project:?}, ", filter.as_ref().map(|e| &e.text))?;
                input.write(out)?;
                out.write_char(')')
            }
            // Nothing else tells empty relations apart.
            Op::Union(inputs) if inputs.is_empty() => write!(out, "empty({:?})", self.schema.fields()),
            Op::Union(inputs) => {
                out.write_str("union(")?;
                for input in inputs {
                    input.write(out)?;
                    out.write_str(", ")?;
                }
                out.write_char(')')
            }
            Op::Latest { input, partition, order } => {
                write!(out, "latest({partition:?}, {order:?}, ")?;
                input.write(out)?;
                out.write_char(')')
            }
            Op::Top(top) => {
                write!(out, "top({:?}, {:?}, {}, {}, {}, ", top.partition, top.order, top.from, top.to, top.number)?;
                top.input.write(out)?;
                out.write_char(')')
            }
            Op::Window { input, partition, order, rest, functions } => {
                let functions: Vec<&str> = functions.iter().map(|f| f.text.as_str()).collect();
                write!(out, "window({partition:?}, {order:?}, {rest:?}, {functions:?}, ")?;
                input.write(out)?;
                out.write_char(')')
            }
            Op::Join(join) => {
                write!(out, "join({:?}, {}, ", join.on, join.null_equal)?;
                join.left.write(out)?;
                out.write_str(", ")?;
                join.right.write(out)?;
                out.write_char(')')
            }
            Op::Semi(semi) => {
                write!(out, "semi({:?}, {}, {}, ", semi.on, semi.null_equal, semi.anti)?;
                semi.left.write(out)?;
                out.write_str(", ")?;
                semi.right.write(out)?;
                out.write_char(')')
            }
            Op::RangeFilter { rows, bounds, compared } => {
                write!(out, "range_filter({compared:?}, ")?;
                rows.write(out)?;
                out.write_str(", ")?;
                bounds.write(out)?;
                out.write_char(')')
            }
            Op::OneRow => out.write_str("one row"),
            Op::Unnest { input, unnest } => {
                write!(out, "unnest({:?}, {:?}, {:?}, ", unnest.lists, unnest.structs, unnest.options)?;
                input.write(out)?;
                out.write_char(')')
            }
            Op::Aggregate { input, group, functions } => {
                write!(out, "aggregate({group:?}, {functions:?}, ")?;
                input.write(out)?;
                out.write_char(')')
            }
        }
    }
}
