//! Key values from text, strictly: what is not exactly a value of the column's type is refused.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

use crate::error::{Error, Result};

/// An array of one value.
///
/// Errors: `Invalid`, naming the column and what its type looks like; `Refused` for a type that has no text form.
pub(super) fn key_array(field: &Field, text: Option<&str>) -> Result<ArrayRef> {
    let Some(text) = text else {
        return Ok(new_null_array(field.data_type(), 1));
    };
    let (array, form): (Option<ArrayRef>, &str) = match field.data_type() {
        DataType::Utf8 => return Ok(Arc::new(StringArray::from(vec![text]))),
        DataType::Int64 => (integer(text).map(|v| Arc::new(Int64Array::from(vec![v])) as _), "a whole number"),
        DataType::Int32 => {
            let value = integer(text).and_then(|v| i32::try_from(v).ok());
            (value.map(|v| Arc::new(Int32Array::from(vec![v])) as _), "a whole number of 32 bits")
        }
        DataType::Float64 => (float(text).map(|v| Arc::new(Float64Array::from(vec![v])) as _), "a number"),
        DataType::Boolean => {
            let value = text.parse().ok();
            (value.map(|v: bool| Arc::new(BooleanArray::from(vec![v])) as _), "true or false")
        }
        DataType::Date32 => {
            (date(text).map(|v| Arc::new(Date32Array::from(vec![v])) as _), "a date such as 2026-07-31")
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let value = timestamp(text).map(|v| Arc::new(TimestampMicrosecondArray::from(vec![v])) as _);
            (value, "a time such as 2026-07-31T12:00:00.5Z, at most 6 digits of a second")
        }
        &DataType::Decimal128(precision, scale) => return decimal_array(field.name(), text, precision, scale),
        other => {
            let message = format!("{} of type {other} cannot be given in a URL", field.name());
            return Err(Error::refused(message).hint("use POST /v1/sql"));
        }
    };
    array.ok_or_else(|| wrong(field.name(), text, form))
}

fn wrong(column: &str, text: &str, form: &str) -> Error {
    Error::invalid(format!("{column} is \"{text}\", which is not a value of its type")).hint(format!("write {form}"))
}

fn integer(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// Days since 1970-01-01.
fn date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    (text.len() == 10).then_some(i32::try_from(days).ok()?)
}

/// Microseconds since 1970-01-01 UTC of an RFC 3339 time.
fn timestamp(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    (time.timestamp_subsec_nanos() % 1_000 == 0).then_some(time.timestamp_micros())
}

fn decimal_array(column: &str, text: &str, precision: u8, scale: i8) -> Result<ArrayRef> {
    let form = format!("a decimal number, at most {precision} digits, {scale} of them after the point");
    let value = decimal(text, precision, scale).ok_or_else(|| wrong(column, text, &form))?;
    Ok(Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale)?))
}

/// The unscaled value; None when it does not fit exactly.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let empty_side = whole.is_empty() || (fraction.is_empty() && digits.contains('.'));
    if empty_side || fraction.len() > scale || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let unscaled = format!("{whole}{fraction}{}", "0".repeat(scale - fraction.len()));
    let value: i128 = unscaled.parse().ok()?;
    let fits = value < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal("12.5", 5, 2), Some(1250));
        assert_eq!(decimal("-0.01", 5, 2), Some(-1));
        assert_eq!(decimal("999.99", 5, 2), Some(99_999));
        assert_eq!(decimal("007", 5, 2), Some(700));
        let all_nines = "9".repeat(38);
        assert_eq!(decimal(&all_nines, 38, 0), all_nines.parse().ok());
        for text in ["1000", "1.234", "1e2", "+1", "", "-", ".5", "5.", "1.2.3", "--1", "1 "] {
            assert_eq!(decimal(text, 5, 2), None, "{text}");
        }
    }

    #[test]
    fn times_and_dates_are_strict() {
        assert_eq!(timestamp("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(timestamp("1970-01-01T08:00:00.000001+08:00"), Some(1));
        assert_eq!(timestamp("1970-01-01T00:00:01.0000001Z"), None);
        assert_eq!(timestamp("1970-01-01T00:00:01"), None);
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date("1969-12-31"), Some(-1));
        for text in ["1970-1-2", "1970-02-30", "1970-01-02T00:00:00Z", ""] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(integer("-5"), Some(-5));
        for text in ["+5", "5.0", " 5", "9223372036854775808", ""] {
            assert_eq!(integer(text), None, "{text}");
        }
        let error = key_array(&Field::new("n", DataType::Int32, true), Some("2147483648")).expect_err("too large");
        assert_eq!(error.message, "n is \"2147483648\", which is not a value of its type");
        assert_eq!(error.hint.as_deref(), Some("write a whole number of 32 bits"));
    }
}
