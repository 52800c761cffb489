//! How the rows of a table come about from its events.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};

use super::plans::{column_expression, linear_plan, nullable, select};
use crate::catalog::{Table, clock_table};
use crate::error::{Error, Result};
use crate::planner::plan::{Expression, Op, Plan, Retained};

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
    let declared = table.columns.len();
    let Some(upsert) = &table.upsert else {
        let rows = match table.retention_us {
            // Rows that are kept are kept without the metadata that nobody reads.
            Some(keep_us) => {
                let events = events_with(table, &["_timestamp"], retractable)?;
                let time = position(&events.schema, "_timestamp")?;
                retained_plan(events, (time, keep_us), None)?
            }
            None => events_plan(table, retractable),
        };
        return Ok(select(rows, &(0..declared).collect::<Vec<_>>()));
    };
    let source = match table.retention_us {
        Some(_) => events_with(table, &["_op", "_partition", "_offset", "_timestamp"], retractable)?,
        None => events_plan(table, retractable),
    };
    let events = source.schema.clone();
    let position = |name: &str| position(&events, name);
    let (op, partition) = (position("_op")?, position("_partition")?);
    let (timestamp, offset) = (position("_timestamp")?, position("_offset")?);
    let newest = SortOptions { descending: true, nulls_first: false };
    let latest = |input: Plan, partition: Vec<usize>, order: Vec<usize>| {
        latest_plan(input, partition, order.into_iter().map(|c| (c, newest)).collect())
    };
    let rows = match upsert.version {
        Some(version) => {
            let (key, order) = (upsert.key.clone(), vec![version, timestamp, partition, offset]);
            match table.retention_us {
                Some(keep_us) => retained_plan(source, (version, keep_us), Some((key, order)))?,
                None => latest(source, key, order),
            }
        }
        // In a partition the greatest offset stands for the key; among partitions the latest timestamp wins.
        None => {
            let mut in_partition = upsert.key.clone();
            in_partition.push(partition);
            let of_partitions = match table.retention_us {
                Some(keep_us) => retained_plan(source, (timestamp, keep_us), Some((in_partition, vec![offset])))?,
                None => latest(source, in_partition, vec![offset]),
            };
            latest(of_partitions, upsert.key.clone(), vec![timestamp, partition])
        }
    };
    let alive = Arc::new(BinaryExpr::new(Arc::new(Column::new("_op", op)), Operator::NotEq, lit("delete")));
    let filter = Expression { physical: alive, text: "_op <> 'delete'".into() };
    let project = (0..declared).map(|c| column_expression(&events, c)).collect();
    let schema = Arc::new(Schema::new(events.fields()[..declared].to_vec()));
    Ok(linear_plan(rows, Some(filter), project, schema))
}

/// The events of a table, as they come.
fn events_plan(table: &Table, retractable: bool) -> Plan {
    let (op, schema) = (Op::Table(table.name.as_str().into()), nullable(&table.event_schema()));
    Plan { op, schema, key: None, insert_only: !retractable }
}

/// The same with the declared columns and these.
fn events_with(table: &Table, metadata: &[&str], retractable: bool) -> Result<Plan> {
    let events = events_plan(table, retractable);
    let mut columns: Vec<usize> = (0..table.columns.len()).collect();
    for name in metadata {
        columns.push(position(&events.schema, name)?);
    }
    Ok(select(events, &columns))
}

fn position(events: &SchemaRef, name: &str) -> Result<usize> {
    events.index_of(name).map_err(|_| Error::internal(format!("no column {name}")))
}

/// The events that the clock has not passed by more than `keep_us`; with `newest` (the key, and what tells which event is
/// newest) only the newest of each key, and none where that one is passed. Where the newest of the partitions are compared,
/// the greatest time wins, so what is passed in one partition cannot let an older event of another one through.
fn retained_plan(
    events: Plan,
    (time, keep_us): (usize, i64),
    newest: Option<(Vec<usize>, Vec<usize>)>,
) -> Result<Plan> {
    let clock = Plan { key: Some(vec![]), ..table_plan(&clock_table(), true)? };
    let (schema, key) = (events.schema.clone(), newest.as_ref().map(|(key, _)| key.clone()));
    let op = Op::Retained(Arc::new(Retained { events, clock, time, keep_us, newest }));
    Ok(Plan { op, schema, key, insert_only: false })
}
