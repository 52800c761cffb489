//! Small plans that the others are put together from.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::{Column, cast};

use crate::error::{Error, Result};
use crate::planner::plan::{Expression, Op, Plan};

/// These columns of a plan, in this order.
pub(super) fn select(input: Plan, columns: &[usize]) -> Plan {
    if columns.len() == input.schema.fields().len() && columns.iter().enumerate().all(|(i, &c)| i == c) {
        return input;
    }
    let project = columns.iter().map(|&c| column_expression(&input.schema, c)).collect();
    let fields: Vec<_> = columns.iter().map(|&c| input.schema.field(c).clone()).collect();
    linear_plan(input, None, project, Arc::new(Schema::new(fields)))
}

/// The plan with these names and types for its columns; values are cast where the type differs.
pub(in crate::planner) fn with_schema(input: Plan, schema: SchemaRef) -> Result<Plan> {
    let plain = |t: &DataType| {
        if *t == DataType::Utf8View { DataType::Utf8 } else { t.clone() }
    };
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), plain(f.data_type()), true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    if schema == input.schema {
        return Ok(input);
    }
    let mut project = vec![];
    for (c, field) in schema.fields().iter().enumerate() {
        let column = column_expression(&input.schema, c);
        if input.schema.field(c).data_type() == field.data_type() {
            project.push(column);
            continue;
        }
        let physical = cast(column.physical, &input.schema, field.data_type().clone())?;
        project.push(Expression { text: format!("cast({c} as {})", field.data_type()), physical });
    }
    Ok(linear_plan(input, None, project, schema))
}

pub(super) fn linear_plan(
    input: Plan,
    filter: Option<Expression>,
    project: Vec<Expression>,
    schema: SchemaRef,
) -> Plan {
    let index = |e: &Expression| e.physical.downcast_ref::<Column>().map(Column::index);
    let columns: Vec<Option<usize>> = project.iter().map(index).collect();
    let key = input.key.as_ref().and_then(|key| {
        key.iter().map(|k| columns.iter().position(|c| *c == Some(*k))).collect::<Option<Vec<usize>>>()
    });
    let insert_only = input.insert_only;
    let columns = if filter.is_none() { columns.into_iter().collect() } else { None };
    Plan { op: Op::Linear { input: Arc::new(input), filter, project, columns }, schema, key, insert_only }
}

pub(super) fn column_expression(schema: &Schema, c: usize) -> Expression {
    let name = schema.field(c).name();
    Expression { physical: Arc::new(Column::new(name, c)), text: format!("#{c}") }
}

pub(super) fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(super) fn refused(message: &str) -> Error {
    Error::refused(message)
}

/// One row without columns: what a query without FROM reads.
pub(super) fn one_row() -> Plan {
    Plan { op: Op::OneRow, schema: Arc::new(Schema::empty()), key: Some(vec![]), insert_only: true }
}
