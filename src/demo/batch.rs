//! Rows of the generator as Arrow arrays: what a test compares the pipeline with, made without any decoder.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::catalog::{Column, Table};
use crate::demo::row::Value;
use crate::demo::tables::Row;
use crate::error::{Error, Result};

/// The rows as one batch with `Table::schema`: the declared columns, found by name. A declared column that the rows
/// do not have is NULL; fields of the rows that no column declares are left out.
///
/// Errors: a row of another table, and a value that the column's type does not hold.
pub fn rows_to_batch(table: &Table, rows: &[Row]) -> Result<RecordBatch> {
    if let Some(other) = rows.iter().find(|row| row.table() != table.name) {
        return Err(Error::internal(format!("a row of {} given for table {}", other.table(), table.name)));
    }
    let fields: Vec<_> = rows.iter().map(Row::fields).collect();
    let position_of = |name: &str| fields.first().and_then(|first| first.iter().position(|(field, _)| *field == name));
    let mut columns = vec![];
    for column in &table.columns {
        let array = match position_of(&column.name) {
            Some(position) => {
                let values: Vec<Value> = fields.iter().map(|row| row[position].1).collect();
                column_array(column, &values)?
            }
            None => new_null_array(&column.data_type, rows.len()),
        };
        columns.push(array);
    }
    Ok(RecordBatch::try_new(table.schema(), columns)?)
}

fn column_array(column: &Column, values: &[Value]) -> Result<ArrayRef> {
    let misfit = |value: &Value| Error::internal(format!("column {} does not hold {value:?}", column.name));
    let array: ArrayRef = match column.data_type {
        DataType::Utf8 => Arc::new(collect::<&str, StringArray>(values, |value| match *value {
            Value::Text(text) => Ok(text),
            _ => Err(misfit(value)),
        })?),
        DataType::Int64 => Arc::new(collect::<i64, Int64Array>(values, |value| match *value {
            Value::Integer(number) => Ok(number),
            _ => Err(misfit(value)),
        })?),
        DataType::Int32 => Arc::new(collect::<i32, Int32Array>(values, |value| match *value {
            Value::Integer(number) => i32::try_from(number).map_err(|_| misfit(value)),
            _ => Err(misfit(value)),
        })?),
        DataType::Float64 => Arc::new(collect::<f64, Float64Array>(values, |value| match *value {
            Value::Integer(number) => Ok(number as f64),
            _ => Err(misfit(value)),
        })?),
        DataType::Date32 => Arc::new(collect::<i32, Date32Array>(values, |value| match *value {
            Value::Date(days) => i32::try_from(days).map_err(|_| misfit(value)),
            _ => Err(misfit(value)),
        })?),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Arc::new(collect::<i64, TimestampMicrosecondArray>(values, |value| match *value {
                Value::Time(time_us) => Ok(time_us),
                _ => Err(misfit(value)),
            })?)
        }
        DataType::Decimal128(precision, scale) => Arc::new(
            collect::<i128, Decimal128Array>(values, |value| decimal_at(value, scale).ok_or_else(|| misfit(value)))?
                .with_precision_and_scale(precision, scale)?,
        ),
        ref other => return Err(Error::internal(format!("column {} has type {other}", column.name))),
    };
    Ok(array)
}

fn collect<'a, T, A: FromIterator<Option<T>>>(
    values: &[Value<'a>],
    convert: impl Fn(&Value<'a>) -> Result<T>,
) -> Result<A> {
    values.iter().map(|value| if *value == Value::Null { Ok(None) } else { convert(value).map(Some) }).collect()
}

/// The value in units of the column's scale; None if digits would be lost.
fn decimal_at(value: &Value, scale: i8) -> Option<i128> {
    let Value::Decimal { unscaled, scale: own } = *value else {
        return None;
    };
    let more = i32::from(scale) - i32::try_from(own).ok()?;
    let factor = 10i128.checked_pow(more.unsigned_abs())?;
    if more >= 0 { unscaled.checked_mul(factor) } else { (unscaled % factor == 0).then_some(unscaled / factor) }
}
