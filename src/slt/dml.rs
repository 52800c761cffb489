//! INSERT, UPDATE and DELETE of a script, as events.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType};
use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, Delete, Expr, FromTable, Ident, Insert, ObjectName, ObjectNamePart, Statement, TableFactor,
    TableObject, TableWithJoins, Update,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::events::Event;
use super::session::{Relations, Session};
use super::table_copy::{GIVEN, TableCopy};
use crate::catalog::{CLOCK, clock_table};
use crate::error::{Error, Result};

/// Tables by name.
pub(super) type Tables = BTreeMap<String, TableCopy>;

/// Name of the column that numbers the rows of a table.
const ROW: &str = "__row";

/// The statement, if it is INSERT, UPDATE or DELETE.
pub(super) fn parse(sql: &str) -> Result<Option<Statement>> {
    let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !["INSERT", "UPDATE", "DELETE"].contains(&word.as_str()) {
        return Ok(None);
    }
    let statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|e| Error::invalid(e.to_string()))?;
    let [statement] =
        <[Statement; 1]>::try_from(statements).map_err(|_| Error::invalid("a record holds one statement"))?;
    Ok(Some(statement))
}

/// The table that UPDATE or DELETE names.
pub(super) fn corrected(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Update(update) => name_of(&update.table).ok(),
        Statement::Delete(delete) => name_of(deleted_from(delete)?).ok(),
        _ => None,
    }
}

/// The tables that are there from the start: `clock`, at this time in microseconds since 1970-01-01 UTC.
pub(super) fn with_clock(as_of_us: i64) -> Result<Tables> {
    let mut clock = TableCopy::new(Arc::new(clock_table()));
    let first: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![as_of_us]));
    clock.insert(&[("as_of".to_string(), first)], 1)?;
    Ok(Tables::from([(CLOCK.to_string(), clock)]))
}

/// Runs the statement over the copies of the tables; the events that it makes.
pub(super) fn run(statement: &Statement, tables: &mut Tables, session: &Session) -> Result<Vec<Event>> {
    let table = match statement {
        Statement::Insert(Insert { table: TableObject::TableName(name), .. }) => plain_name(name).ok(),
        Statement::Delete(delete) => deleted_from(delete).and_then(|from| name_of(from).ok()),
        _ => None,
    };
    if table.as_deref() == Some(CLOCK) {
        return Err(Error::refused("the table clock has one row").hint("UPDATE clock SET as_of = ..."));
    }
    match statement {
        Statement::Insert(insert) => run_insert(insert, tables, session),
        Statement::Update(update) => run_update(update, tables, session),
        Statement::Delete(delete) => run_delete(delete, tables, session),
        other => Err(Error::refused(format!("{other} does not change a table"))),
    }
}

fn run_insert(insert: &Insert, tables: &mut Tables, session: &Session) -> Result<Vec<Event>> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(Error::refused("INSERT needs the name of a table"));
    };
    let name = plain_name(name)?;
    let source = insert.source.as_ref().ok_or_else(|| Error::invalid("INSERT without VALUES or SELECT"))?;
    let rows = session.query(&source.to_string(), &relations(tables)?)?;
    let table = copy(tables, &name)?;
    let columns: Vec<String> = if insert.columns.is_empty() {
        table.table().columns.iter().map(|c| c.name.clone()).collect()
    } else {
        insert.columns.iter().map(plain_name).collect::<Result<_>>()?
    };
    if columns.len() != rows.num_columns() {
        let (given, wanted) = (rows.num_columns(), columns.len());
        return Err(Error::invalid(format!("{given} values for {wanted} columns of {name}")));
    }
    for column in &columns {
        let declared = table.table().columns.iter().any(|c| c.name == *column);
        if !declared && !GIVEN.contains(&column.as_str()) {
            return Err(Error::invalid(format!("table {name} has no column {column}")));
        }
    }
    let columns: Vec<(String, ArrayRef)> = columns.into_iter().zip(rows.columns().iter().cloned()).collect();
    table.insert(&columns, rows.num_rows())
}

fn run_update(update: &Update, tables: &mut Tables, session: &Session) -> Result<Vec<Event>> {
    let name = name_of(&update.table)?;
    let mut assigned = vec![];
    for assignment in &update.assignments {
        let AssignmentTarget::ColumnName(column) = &assignment.target else {
            return Err(Error::refused("assign one column at a time"));
        };
        assigned.push((plain_name(column)?, &assignment.value));
    }
    let matched = matched(tables, &name, update.selection.as_ref(), &assigned, session)?;
    let table = copy(tables, &name)?;
    let old = compute::take_record_batch(&table.current()?, &UInt32Array::from(matched.rows.clone()))?;
    let value = |column: &str| {
        let at = assigned.iter().position(|(name, _)| name == column)?;
        Some(matched.values[at].clone())
    };
    let mut columns: Vec<(String, ArrayRef)> = vec![];
    for column in &table.table().columns {
        let held = old.column_by_name(&column.name).cloned();
        let held = held.ok_or_else(|| Error::internal(format!("no column {}", column.name)))?;
        columns.push((column.name.clone(), value(&column.name).unwrap_or(held)));
    }
    if let Some((unknown, _)) = assigned.iter().find(|(name, _)| columns.iter().all(|(c, _)| c != name)) {
        return Err(Error::invalid(format!("table {name} has no column {unknown}")));
    }
    let Some(upsert) = table.table().upsert.clone() else {
        let mut events = table.retract(&matched.rows)?;
        events.extend(table.insert(&columns, old.num_rows())?);
        return Ok(events);
    };
    let key_names = upsert.key.iter().map(|&c| &table.table().columns[c].name);
    if key_names.clone().any(|key| assigned.iter().any(|(name, _)| name == key)) {
        return Err(Error::refused("a primary key does not change").hint("DELETE the row and INSERT another"));
    }
    columns.extend(partition_of(&old));
    table.insert(&columns, old.num_rows())
}

fn run_delete(delete: &Delete, tables: &mut Tables, session: &Session) -> Result<Vec<Event>> {
    let from = deleted_from(delete).ok_or_else(|| Error::invalid("DELETE needs one table"))?;
    let name = name_of(from)?;
    let matched = matched(tables, &name, delete.selection.as_ref(), &[], session)?;
    let table = copy(tables, &name)?;
    let Some(upsert) = table.table().upsert.clone() else {
        return table.retract(&matched.rows);
    };
    let old = compute::take_record_batch(&table.current()?, &UInt32Array::from(matched.rows))?;
    match (upsert.version, upsert.deleted) {
        (None, _) => table.tombstones(&old),
        (Some(_), None) => Err(Error::refused(format!("table {name} has versions and no `deleted` column"))),
        // The same version once more, deleted: the later offset makes it the newest.
        (Some(_), Some(deleted)) => {
            let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true; old.num_rows()]));
            let array = |(i, array): (usize, &ArrayRef)| if i == deleted { flags.clone() } else { array.clone() };
            let names = table.table().columns.iter().map(|c| c.name.clone());
            let mut columns: Vec<(String, ArrayRef)> = names.zip(old.columns().iter().enumerate().map(array)).collect();
            columns.extend(partition_of(&old));
            table.insert(&columns, old.num_rows())
        }
    }
}

fn partition_of(events: &RecordBatch) -> Option<(String, ArrayRef)> {
    Some(("_partition".to_string(), events.column_by_name("_partition")?.clone()))
}

/// Rows of a table that a condition matches, and the new values for them.
struct Matched {
    /// Positions in `TableCopy::current`.
    rows: Vec<u32>,
    values: Vec<ArrayRef>,
}

fn matched(
    tables: &Tables,
    name: &str,
    condition: Option<&Expr>,
    assigned: &[(String, &Expr)],
    session: &Session,
) -> Result<Matched> {
    let mut relations = relations(tables)?;
    // What retention took out can be corrected, too: a correction of it has to change nothing.
    let table = tables.get(name).ok_or_else(|| Error::not_found(format!("there is no table {name}")))?;
    let rows = table.rows()?;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows.num_rows() as i64));
    let mut fields: Vec<Field> = rows.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new(ROW, DataType::Int64, false));
    let mut arrays = rows.columns().to_vec();
    arrays.push(numbers);
    let numbered = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    relations.insert(name.to_string(), numbered);
    let values: Vec<String> =
        assigned.iter().enumerate().map(|(i, (_, value))| format!(", {value} AS __value_{i}")).collect();
    let condition = condition.map_or_else(String::new, |c| format!(" WHERE {c}"));
    let table = Ident::with_quote('"', name);
    let sql = format!("SELECT {ROW}{} FROM {table}{condition} ORDER BY {ROW}", values.concat());
    let found = session.query(&sql, &relations)?;
    let rows = found.column(0).as_primitive::<Int64Type>().values();
    Ok(Matched { rows: rows.iter().map(|&row| row as u32).collect(), values: found.columns()[1..].to_vec() })
}

/// The rows of all tables, as the clock has them.
pub(super) fn relations(tables: &Tables) -> Result<Relations> {
    let clock = tables.get(CLOCK).map(TableCopy::rows).transpose()?;
    let as_of_us = match clock.as_ref().and_then(|rows| rows.column(0).as_primitive_opt::<TimestampMicrosecondType>()) {
        Some(times) if times.len() == 1 => times.value(0),
        _ => return Err(Error::internal("the table clock has not one row")),
    };
    tables.iter().map(|(name, table)| Ok((name.clone(), table.retained_rows(as_of_us)?))).collect()
}

fn copy<'a>(tables: &'a mut Tables, name: &str) -> Result<&'a mut TableCopy> {
    tables.get_mut(name).ok_or_else(|| Error::not_found(format!("there is no table {name}")))
}

fn deleted_from(delete: &Delete) -> Option<&TableWithJoins> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    match tables.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

fn name_of(table: &TableWithJoins) -> Result<String> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => plain_name(name),
        other => Err(Error::refused(format!("{other} is not the name of a table"))),
    }
}

fn plain_name(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] if ident.quote_style.is_some() => Ok(ident.value.clone()),
        [ObjectNamePart::Identifier(ident)] => Ok(ident.value.to_ascii_lowercase()),
        _ => Err(Error::refused(format!("{name} is not a plain name"))),
    }
}
