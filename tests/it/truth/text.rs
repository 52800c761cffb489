//! Rows as texts: of the truth, and of a view.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use rebateflow::demo::push_decimal;

pub fn text(value: &str) -> String {
    value.to_string()
}

pub fn number(value: i64) -> String {
    value.to_string()
}

pub fn count(value: usize) -> String {
    value.to_string()
}

/// A value, or NULL.
pub fn known<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or("NULL".to_string(), show)
}

/// An amount of hundredths.
pub fn money(value: Option<i128>) -> String {
    known(value, |value| decimal(value, 2))
}

/// A rate of millionths.
pub fn rate(value: Option<i128>) -> String {
    known(value, |value| decimal(value, 6))
}

/// `unscaled` / 10^`scale`.
pub fn decimal(unscaled: i128, scale: u32) -> String {
    let mut out = String::new();
    push_decimal(&mut out, unscaled, scale);
    out
}

/// A quotient of two counts.
pub fn ratio(part: usize, whole: usize) -> String {
    known((whole > 0).then(|| part as f64 / whole as f64), |ratio| ratio.to_string())
}

/// The sum of those that are known; NULL when none is.
pub fn total(values: impl Iterator<Item = Option<i128>>) -> String {
    money(values.flatten().fold(None, |sum: Option<i128>, value| Some(sum.unwrap_or_default() + value)))
}

pub fn row(cells: impl IntoIterator<Item = String>) -> String {
    cells.into_iter().collect::<Vec<_>>().join(" ")
}

/// These columns of a view's rows, sorted.
pub fn rows_of(batch: &RecordBatch, columns: &[&str]) -> Vec<String> {
    let arrays: Vec<&ArrayRef> = columns
        .iter()
        .map(|name| batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name} in {}", batch.schema())))
        .collect();
    let mut rows: Vec<String> =
        (0..batch.num_rows()).map(|at| row(arrays.iter().map(|array| cell(array, at)))).collect();
    rows.sort_unstable();
    rows
}

fn cell(array: &ArrayRef, at: usize) -> String {
    if array.is_null(at) {
        return "NULL".to_string();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(at).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(at).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(at).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(at).to_string(),
        DataType::Boolean => array.as_boolean().value(at).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(at),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(at).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            array.as_primitive::<TimestampMicrosecondType>().value(at).to_string()
        }
        other => panic!("a column of type {other}"),
    }
}
