//! What each operator says of itself in `explain`: one arm an operator.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use super::graph::{Draft, SideDraft};
use crate::explain::Class;
use crate::planner::{AggregateKind, Function, Reach, Reads};
use crate::state::Arrangement;

/// Which rows an operator keeps: what their number is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    /// The rows of its inputs.
    Inputs,
    /// The rows of its output.
    Output,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub name: &'static str,
    pub class: Class,
    pub key: Vec<String>,
    pub keeps: &'static str,
    pub cost: String,
    pub held: Held,
}

/// The parts of the graph that an operator is made of and that its description names.
pub(super) struct Described<'a> {
    pub schema: &'a SchemaRef,
    pub inputs: &'a [SchemaRef],
    pub arrangements: &'a [Arc<Arrangement>],
    /// Rows of one partition or group that are computed anew.
    pub recompute_rows_max: usize,
}

impl Draft {
    /// Class, key, what is kept, and the bound of one change.
    pub fn describe(&self, at: &Described<'_>) -> Description {
        use Class::Incremental;
        use Held::{Inputs, Nothing, Output};
        let layout = |arrangement: usize| at.arrangements[arrangement].layout();
        let identity = |arrangement: usize| names(at.schema, &layout(arrangement).identity);
        let linear;
        let (class, key, keeps, cost, held) = match self {
            Draft::Source => (Incremental, vec![], "nothing", "passes on", Nothing),
            Draft::Linear { filter, project, columns } => {
                linear = match (filter, columns) {
                    (Some(_), _) => format!("1 filter, {} expressions", project.len()),
                    (None, None) => format!("{} expressions", project.len()),
                    (None, Some(_)) => format!("picks {} columns", project.len()),
                };
                (Incremental, vec![], "nothing", &*linear, Nothing)
            }
            Draft::Union => (Incremental, vec![], "nothing", "passes on", Nothing),
            Draft::Latest(arrangement) => {
                let cost = "1 probe; 1 append for a new first row";
                (Incremental, identity(*arrangement), "the first row of each key", cost, Output)
            }
            Draft::OrderedLatest { partition, .. } => {
                let key = names(at.schema, partition);
                (Incremental, key, "all rows, in order", "a logarithm of the rows kept", Inputs)
            }
            Draft::Arrange(arrangement) => {
                (Incremental, identity(*arrangement), "its rows, indexed", "1 probe, 1 append", Output)
            }
            Draft::Join(sides, _) => {
                let key = join_key(&sides.0, &sides.1, at.inputs);
                match key.is_empty() {
                    false => {
                        (Incremental, key, "nothing: both sides are kept below", "1 probe, 1 row a match", Nothing)
                    }
                    true => {
                        let cost = "1 row for each row of the other side";
                        (Class::Recompute, key, "nothing: both sides are kept below", cost, Nothing)
                    }
                }
            }
            Draft::Semi { sides, .. } => {
                let key = join_key(&sides.0, &sides.1, at.inputs);
                let cost = "1 probe; the left rows of a key that comes or goes";
                (Incremental, key, "nothing: both sides are kept below", cost, Nothing)
            }
            Draft::RangeFilter(compared) => {
                let columns: Vec<usize> = compared.iter().map(|comparison| comparison.column).collect();
                let cost = "a logarithm of the rows kept; a move of the one row: the rows that it passes";
                (Incremental, names(&at.inputs[0], &columns), "its rows, in the order of each comparison", cost, Inputs)
            }
            Draft::Retained(retained) => {
                let key = retained.newest.iter().flat_map(|(key, _)| names(at.schema, key)).collect();
                let keeps = "the rows that the clock has not passed, in the order of their time";
                (Incremental, key, keeps, "a logarithm of the rows kept; a tick: the rows that it passes", Output)
            }
            Draft::OneRow => (Incremental, vec![], "nothing", "never changes", Nothing),
            Draft::Unnest(_) => (Incremental, vec![], "nothing", "1 row an element", Nothing),
            Draft::Top(_) | Draft::Window(..) => self.describe_ordered(&at.inputs[0]),
            Draft::Aggregate(functions) => describe_aggregate(functions, at.schema),
        };
        let cost = match self {
            Draft::Window(..) | Draft::Aggregate(_) if class > Incremental => {
                format!("{cost}, at most {}", at.recompute_rows_max)
            }
            _ => cost.to_string(),
        };
        Description { name: self.name(), class, key, keeps, cost, held }
    }

    /// The operators that keep rows in order.
    fn describe_ordered(&self, schema: &SchemaRef) -> (Class, Vec<String>, &'static str, &'static str, Held) {
        match self {
            Draft::Top(top) => {
                let keeps = if top.input.insert_only { "the first rows of each key" } else { "all rows, in order" };
                (
                    Class::Incremental,
                    names(schema, &top.partition),
                    keeps,
                    "a logarithm of the rows kept, and the first rows of a key that changes",
                    Held::Inputs,
                )
            }
            Draft::Window(order, functions) => {
                let key = names(schema, &order.partition);
                let keeps = "all rows, in order, with the values of the functions";
                if functions.iter().any(|function| matches!(function.reach, Reach::Whole)) {
                    (recomputed(&key), key, keeps, "all rows of a partition that changes", Held::Inputs)
                } else {
                    (
                        Class::Incremental,
                        key,
                        keeps,
                        "a logarithm of the rows kept, and the rows that a change reaches",
                        Held::Inputs,
                    )
                }
            }
            _ => (Class::Recompute, vec![], "state of its own", "not stated", Held::Inputs),
        }
    }
}

fn describe_aggregate(
    functions: &[Function],
    schema: &SchemaRef,
) -> (Class, Vec<String>, &'static str, &'static str, Held) {
    use AggregateKind::{Avg, Bits, Count, Sum};
    let groups = schema.fields().len() - functions.len();
    let key = names(schema, &(0..groups).collect::<Vec<_>>());
    let kinds = || functions.iter().map(|function| &function.kind);
    let ordered = functions.iter().any(|function| function.distinct && !matches!(function.kind, Bits(_)))
        || kinds().any(|kind| !matches!(kind, Count | Sum | Avg | Bits(_)));
    let reads = |kind: &AggregateKind| match kind {
        AggregateKind::Fold(fold, _) => Some(fold.reads),
        _ => None,
    };
    if kinds().any(|kind| reads(kind) == Some(Reads::All)) {
        (recomputed(&key), key, "the values of each group, in order", "the values of the group", Held::Inputs)
    } else if kinds().any(|kind| reads(kind) == Some(Reads::Places)) {
        let cost = "1 probe, 2 rows a group, a logarithm of the values kept and a count of the group's blocks";
        (Class::Incremental, key, "totals of each group, values in order, counted", cost, Held::Output)
    } else if ordered {
        let cost = "1 probe, 2 rows a group, a logarithm of the values kept";
        (Class::Incremental, key, "totals of each group, values in order", cost, Held::Output)
    } else {
        (Class::Incremental, key, "totals of each group", "1 probe, 2 rows a group", Held::Output)
    }
}

/// What is computed anew at each change: one partition of several, or everything.
fn recomputed(key: &[String]) -> Class {
    if key.is_empty() { Class::Full } else { Class::Recompute }
}

fn names(schema: &SchemaRef, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|&c| schema.field(c).name().clone()).collect()
}

fn join_key(left: &SideDraft, right: &SideDraft, inputs: &[SchemaRef]) -> Vec<String> {
    let (left, right) = (names(&inputs[0], &left.key), names(&inputs[1], &right.key));
    left.into_iter().zip(right).map(|(left, right)| format!("{left} = {right}")).collect()
}
