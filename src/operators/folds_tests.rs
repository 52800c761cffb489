//! Folds: the limit of rows that are read, failures, and that nothing is left of groups that went.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;

use super::{Aggregate, Operator};
use crate::changes::Changes;
use crate::error::ErrorKind;
use crate::planner::{AggregateKind, Fold, Folding, Function};

const ROWS_MAX: usize = 3;

fn input() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]))
}

/// `SELECT k, ARRAY_AGG(v ORDER BY v DESC) ... GROUP BY k`.
fn lists() -> Aggregate {
    let mut fold = Fold::new(array_agg_udaf(), 1);
    let descending = SortOptions { descending: true, nulls_first: false };
    fold.sort = vec![(0, descending)];
    let folding = Folding::new(&fold, &[DataType::Int64], vec![None]).expect("a fold");
    let output = DataType::new_list(DataType::Int64, true);
    let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("a", output.clone(), true)]);
    let kind = AggregateKind::Fold(Arc::new(folding), vec![(1, descending)]);
    let function = Function { kind, arguments: vec![1], distinct: false, filter: None, output };
    Aggregate::new(&input(), Arc::new(schema), vec![function], ROWS_MAX).expect("types are supported")
}

fn change(rows: &[(i64, i64, i64)]) -> Changes {
    let column = |f: fn(&(i64, i64, i64)) -> i64| Arc::new(rows.iter().map(f).collect::<Int64Array>()) as ArrayRef;
    let batch = RecordBatch::try_new(input(), vec![column(|r| r.0), column(|r| r.1)]).expect("two columns");
    Changes::new(batch, rows.iter().map(|r| r.2).collect())
}

#[test]
fn a_changed_group_is_read_once_and_an_unchanged_value_gives_nothing() {
    let mut lists = lists();
    let output = lists.apply(1, &[&change(&[(1, 5, 1), (1, 7, 1), (2, 5, 1)])]).expect("within the limit");
    assert_eq!(output.weights, [1, 1]);
    // The group of each row, each touched group before and after, the rows of the groups.
    assert_eq!(lists.touched().read, 3 + 4 + 3);
    let output = lists.apply(2, &[&change(&[(1, 9, -1), (1, 9, 1)])]).expect("comes and goes");
    assert!(output.is_empty());
    let output = lists.apply(3, &[&change(&[(2, 5, 1)])]).expect("within the limit");
    assert_eq!(output.weights, [-1, 1]);
    assert_eq!(lists.touched().read, 10 + (2 + 2 + 2) + (1 + 2 + 2));
}

#[test]
fn more_rows_than_may_be_read_break_the_operator() {
    let mut lists = lists();
    lists.apply(1, &[&change(&[(1, 5, 3), (2, 1, 3)])]).expect("at the limit");
    let error = lists.apply(2, &[&change(&[(1, 6, 1)])]).expect_err("above the limit");
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(error.message.contains("more than 3 rows"), "{error}");
}

#[test]
fn nothing_is_left_of_a_group_that_went() {
    let mut lists = lists();
    let mut sizes = vec![];
    for round in 0..50 {
        let key = i64::from(round % 2);
        lists.apply(2 * round + 1, &[&change(&[(key, 5, 2), (-1, 6, 1)])]).expect("groups");
        let full = lists.size();
        let output = lists.apply(2 * round + 2, &[&change(&[(key, 5, -2), (-1, 6, -1)])]).expect("they go");
        assert!(output.weights.iter().all(|weight| *weight == -1));
        assert!(lists.size() < full);
        sizes.push(lists.size());
    }
    assert_eq!(sizes[3], sizes[49], "{sizes:?}");
}
