//! I5: no operator takes out a row that is not there.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::*;
use crate::error::ErrorKind;
use crate::planner::{AggregateKind, Function};
use crate::state::{Arrangement, Layout};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]))
}

fn change(key: i64, value: i64, weight: i64) -> Changes {
    let columns: Vec<Arc<dyn datafusion::arrow::array::Array>> =
        vec![Arc::new(Int64Array::from(vec![key])), Arc::new(Int64Array::from(vec![value]))];
    Changes::new(RecordBatch::try_new(schema(), columns).expect("columns fit"), vec![weight])
}

fn arrangement(identity: Vec<usize>) -> Arc<Arrangement> {
    let layout = Layout { schema: schema(), identity, order: vec![], links: vec![] };
    Arc::new(Arrangement::new(layout).expect("types are supported"))
}

/// Takes in (1, 1), then takes out (2, 2), which is not there.
fn assert_refuses(mut operator: Box<dyn Operator>, name: &str) {
    operator.apply(1, &[&change(1, 1, 1)]).expect("an insertion is fine");
    let outcome = operator.apply(2, &[&change(2, 2, -1)]);
    assert_eq!(outcome.err().map(|e| e.kind), Some(ErrorKind::Data), "{name}");
}

#[test]
fn operators_refuse_to_take_out_what_is_not_there() {
    assert_refuses(Box::new(Arrange::new(arrangement(vec![0, 1]), 0)), "arrange");
    assert_refuses(Box::new(Latest::new(arrangement(vec![0]), 0)), "latest-by-key over insert-only input");
    assert_refuses(Box::new(OrderedLatest::new(schema(), &[0], &[]).expect("types are supported")), "latest-by-key");
    for kind in [AggregateKind::Count, AggregateKind::Max] {
        let function = Function { kind, arguments: vec![1], distinct: false, filter: None, output: DataType::Int64 };
        let aggregate = Aggregate::new(&schema(), schema(), vec![function], 100).expect("types are supported");
        assert_refuses(Box::new(aggregate), "aggregate");
    }
}

#[test]
fn two_rows_with_one_key_are_refused() {
    let mut arrange = Arrange::new(arrangement(vec![0]), 0);
    arrange.apply(1, &[&change(1, 1, 1)]).expect("an insertion is fine");
    let outcome = arrange.apply(2, &[&change(1, 2, 1)]);
    assert_eq!(outcome.err().map(|e| e.kind), Some(ErrorKind::Data));
}
