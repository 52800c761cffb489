//! How the rows of a table come about from its events.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};

use super::plans::{column_expression, linear_plan, nullable, select};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::planner::plan::{Expression, Op, Plan};

/// The first row of each partition. No column is named twice.
pub(super) fn latest_plan(input: Plan, partition: Vec<usize>, order: Vec<(usize, SortOptions)>) -> Plan {
    Plan {
        schema: input.schema.clone(),
        key: Some(partition.clone()),
        insert_only: false,
        op: Op::Latest { input: Arc::new(input), partition, order },
    }
}

/// How the rows of a table come about from its events.
pub fn table_plan(table: &Table, retractable: bool) -> Result<Plan> {
    let events = nullable(&table.event_schema());
    let declared = table.columns.len();
    let position = |name: &str| events.index_of(name).map_err(|_| Error::internal(format!("no column {name}")));
    let source = Plan {
        op: Op::Table(table.name.as_str().into()),
        schema: events.clone(),
        key: None,
        insert_only: !retractable,
    };
    let Some(upsert) = &table.upsert else {
        return Ok(select(source, &(0..declared).collect::<Vec<_>>()));
    };
    let (op, partition) = (position("_op")?, position("_partition")?);
    let (timestamp, offset) = (position("_timestamp")?, position("_offset")?);
    let newest = SortOptions { descending: true, nulls_first: false };
    let latest = |input: Plan, partition: Vec<usize>, order: Vec<usize>| {
        latest_plan(input, partition, order.into_iter().map(|c| (c, newest)).collect())
    };
    let rows = match upsert.version {
        Some(version) => latest(source, upsert.key.clone(), vec![version, timestamp, partition, offset]),
        // In a partition the greatest offset stands for the key; among partitions the latest timestamp wins.
        None => {
            let mut in_partition = upsert.key.clone();
            in_partition.push(partition);
            latest(latest(source, in_partition, vec![offset]), upsert.key.clone(), vec![timestamp, partition])
        }
    };
    let alive = Arc::new(BinaryExpr::new(Arc::new(Column::new("_op", op)), Operator::NotEq, lit("delete")));
    let filter = Expression { physical: alive, text: "_op <> 'delete'".into() };
    let project = (0..declared).map(|c| column_expression(&events, c)).collect();
    let schema = Arc::new(Schema::new(events.fields()[..declared].to_vec()));
    Ok(linear_plan(rows, Some(filter), project, schema))
}
