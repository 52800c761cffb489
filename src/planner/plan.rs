//! The plan of a view: a tree of incremental operators with what is known of each one's rows.

use std::collections::HashMap;
use std::marker::PhantomData;
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
        input: Arc<Plan>,
        filter: Option<Expression>,
        project: Vec<Expression>,
        columns: Option<Vec<usize>>,
    },
    /// Of no inputs: a relation that stays empty.
    Union(Vec<Plan>),
    /// The first row of each partition, in this order (completed by all other columns).
    Latest {
        input: Arc<Plan>,
        partition: Vec<usize>,
        order: Vec<(usize, SortOptions)>,
    },
    Top(Arc<Top>),
    /// The columns of the input, then one a function. Rows stand in order of partition, `order`, `rest`, all other
    /// columns; rows that are equal up to `order` are peers.
    Window {
        input: Arc<Plan>,
        partition: Vec<usize>,
        order: Vec<(usize, SortOptions)>,
        rest: Vec<(usize, SortOptions)>,
        functions: Vec<WindowFunction>,
    },
    Join(Arc<Join>),
    Semi(Arc<Semi>),
    /// Rows that compare true with the one row of `bounds`.
    RangeFilter {
        rows: Arc<Plan>,
        bounds: Arc<Plan>,
        compared: Vec<Compared>,
    },
    /// Events of which the clock has not passed the time by more than the retention of their table.
    Retained(Arc<Retained>),
    /// One row without columns.
    OneRow,
    /// Lists become rows, structs become columns.
    Unnest {
        input: Arc<Plan>,
        unnest: Arc<Unnest>,
    },
    Aggregate {
        input: Arc<Plan>,
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

/// The events of a table with the option `retention`, and the one row of the clock.
#[derive(Clone, Debug)]
pub struct Retained {
    pub events: Plan,
    pub clock: Plan,
    /// The column that is compared with the clock.
    pub time: usize,
    pub keep_us: i64,
    /// Of an upsert table: the primary key (and the partition, where offsets tell which event is newest), and the columns of
    /// which the greatest values are the newest event. An older event does not count even when the newest is gone.
    pub newest: Option<(Vec<usize>, Vec<usize>)>,
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
    /// One text for equal plans: a line for each different part, which names its inputs by the number of their line.
    pub fn text(&self) -> String {
        let mut numbers = PlanNumbers::default();
        numbers.number(self);
        let mut lines: Vec<(usize, String)> =
            numbers.by_text.into_iter().map(|(text, number)| (number, text)).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, text)| text + "\n").collect()
    }

    /// The plans that this one reads directly.
    pub fn inputs(&self) -> Vec<&Plan> {
        match &self.op {
            Op::Table(_) | Op::View(_) | Op::OneRow => vec![],
            Op::Union(inputs) => inputs.iter().collect(),
            Op::Linear { input, .. }
            | Op::Latest { input, .. }
            | Op::Window { input, .. }
            | Op::Unnest { input, .. }
            | Op::Aggregate { input, .. } => vec![input],
            Op::Top(top) => vec![&top.input],
            Op::Join(join) => vec![&join.left, &join.right],
            Op::Semi(semi) => vec![&semi.left, &semi.right],
            Op::RangeFilter { rows, bounds, .. } => vec![rows, bounds],
            Op::Retained(retained) => vec![&retained.events, &retained.clock],
        }
    }

    /// What tells this operator from others over the same inputs.
    pub fn own_text(&self) -> String {
        match &self.op {
            Op::Table(name) => format!("table {name}"),
            Op::View(name) => format!("view {name}"),
            Op::Linear { filter, project, .. } => {
                let project: Vec<&str> = project.iter().map(|e| e.text.as_str()).collect();
                format!("linear {:?} {project:?}", filter.as_ref().map(|e| &e.text))
            }
            // Nothing else tells empty relations apart.
            Op::Union(inputs) if inputs.is_empty() => format!("empty {:?}", self.schema.fields()),
            Op::Union(_) => "union".to_string(),
            Op::Latest { partition, order, .. } => format!("latest {partition:?} {order:?}"),
            Op::Top(top) => {
                let Top { partition, order, from, to, number, .. } = top.as_ref();
                format!("top {partition:?} {order:?} {from} {to} {number}")
            }
            Op::Window { partition, order, rest, functions, .. } => {
                let functions: Vec<&str> = functions.iter().map(|f| f.text.as_str()).collect();
                format!("window {partition:?} {order:?} {rest:?} {functions:?}")
            }
            Op::Join(join) => format!("join {:?} {}", join.on, join.null_equal),
            Op::Semi(semi) => format!("semi {:?} {} {}", semi.on, semi.null_equal, semi.anti),
            Op::RangeFilter { compared, .. } => format!("range_filter {compared:?}"),
            Op::Retained(retained) => {
                format!("retained {} {} {:?}", retained.time, retained.keep_us, retained.newest)
            }
            Op::OneRow => "one row".to_string(),
            Op::Unnest { unnest, .. } => {
                format!("unnest {:?} {:?} {:?}", unnest.lists, unnest.structs, unnest.options)
            }
            Op::Aggregate { group, functions, .. } => format!("aggregate {group:?} {functions:?}"),
        }
    }
}

/// Numbers of plans: equal plans have the same, and what is shared is looked at once. (An outer join reads its inputs
/// several times: a chain of them is a small graph, and an endless tree.)
#[derive(Default)]
pub struct PlanNumbers<'a> {
    /// Plans are borrowed for as long as their addresses stand here.
    by_address: HashMap<*const Plan, usize>,
    by_text: HashMap<String, usize>,
    borrowed: PhantomData<&'a Plan>,
}

impl<'a> PlanNumbers<'a> {
    /// The number of a plan, from 0 in the order in which different ones are met; inputs come first.
    pub fn number(&mut self, plan: &'a Plan) -> usize {
        if let Some(&number) = self.by_address.get(&std::ptr::from_ref(plan)) {
            return number;
        }
        let inputs: Vec<usize> = plan.inputs().into_iter().map(|input| self.number(input)).collect();
        let next = self.by_text.len();
        let number = *self.by_text.entry(format!("{} of {inputs:?}", plan.own_text())).or_insert(next);
        self.by_address.insert(plan, number);
        number
    }
}
