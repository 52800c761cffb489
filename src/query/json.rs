//! Rows as JSON objects, column by column of Arrow.
//!
//! | type | JSON |
//! |---|---|
//! | integers, floats | number; `"NaN"`, `"Infinity"`, `"-Infinity"` as strings, because JSON has no such numbers |
//! | DECIMAL | string with all digits of its scale: `"12.50"` |
//! | TIMESTAMP | RFC 3339 in UTC, with 3, 6 or 9 digits of a second where they are not zero: `"2026-07-31T12:00:00Z"` |
//! | DATE | `"2026-07-31"` |
//! | VARCHAR, BOOLEAN, NULL | string, `true`/`false`, `null` |
//! | lists | array |
//! | structs | object |
//! | anything else | string, in Arrow's text form |

use std::io::Write as _;
use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, FixedSizeListArray, LargeListArray, ListArray, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;

/// Columns ready to be written row by row.
pub struct JsonColumns<'a> {
    /// `"name":` of each column, one after another.
    names: Vec<u8>,
    columns: Vec<(usize, Cells<'a>)>,
}

enum Cells<'a> {
    Text(&'a StringArray),
    Decimal(&'a Decimal128Array, i8),
    List(&'a ListArray, Box<Cells<'a>>),
    LargeList(&'a LargeListArray, Box<Cells<'a>>),
    FixedList(&'a FixedSizeListArray, Box<Cells<'a>>),
    Struct(&'a StructArray, Box<JsonColumns<'a>>),
    Timestamp(&'a dyn Array, TimeUnit),
    Plain(&'a dyn Array),
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> JsonColumns<'a> {
    /// One array a field.
    pub fn new(fields: &Fields, arrays: impl ExactSizeIterator<Item = &'a ArrayRef>) -> Result<Self> {
        let mut names = Vec::with_capacity(16 * fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        for (field, array) in fields.iter().zip(arrays) {
            write_string(&mut names, field.name());
            names.push(b':');
            columns.push((names.len(), Cells::new(array.as_ref())?));
        }
        Ok(JsonColumns { names, columns })
    }

    /// Appends row `i` as an object.
    pub fn write_row(&self, out: &mut Vec<u8>, i: usize) -> Result<()> {
        let mut start = 0;
        let mut before = b'{';
        for (end, cells) in &self.columns {
            out.push(before);
            before = b',';
            out.extend_from_slice(&self.names[start..*end]);
            start = *end;
            cells.write(out, i)?;
        }
        if before == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Cells::Text(array.as_string()),
            DataType::Decimal128(_, scale) if *scale >= 0 => Cells::Decimal(array.as_primitive(), *scale),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Cells::List(list, Box::new(Cells::new(list.values().as_ref())?))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Cells::LargeList(list, Box::new(Cells::new(list.values().as_ref())?))
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                Cells::FixedList(list, Box::new(Cells::new(list.values().as_ref())?))
            }
            DataType::Struct(fields) => {
                let columns = JsonColumns::new(fields, array.as_struct().columns().iter())?;
                Cells::Struct(array.as_struct(), Box::new(columns))
            }
            DataType::Timestamp(unit, _) => Cells::Timestamp(array, *unit),
            t if t.is_integer() || matches!(t, DataType::Boolean | DataType::Float32 | DataType::Float64) => {
                Cells::Plain(array)
            }
            DataType::Date32 | DataType::Null => Cells::Plain(array),
            _ => Cells::Other(array, ArrayFormatter::try_new(array, &FORMAT)?),
        })
    }

    fn array(&self) -> &'a dyn Array {
        match self {
            Cells::Text(array) => *array,
            Cells::Decimal(array, _) => *array,
            Cells::List(array, _) => *array,
            Cells::LargeList(array, _) => *array,
            Cells::FixedList(array, _) => *array,
            Cells::Struct(array, _) => *array,
            Cells::Timestamp(array, _) | Cells::Plain(array) | Cells::Other(array, _) => *array,
        }
    }

    fn write(&self, out: &mut Vec<u8>, i: usize) -> Result<()> {
        if self.array().is_null(i) || self.array().data_type() == &DataType::Null {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match self {
            Cells::Text(array) => write_string(out, array.value(i)),
            Cells::Decimal(array, scale) => write_decimal(out, array.value(i), *scale),
            Cells::Timestamp(array, unit) => write_timestamp(out, *array, *unit, i),
            Cells::Plain(array) => write_plain(out, *array, i),
            Cells::Other(_, formatter) => write_string(out, &formatter.value(i).try_to_string()?),
            Cells::List(array, cells) => {
                let offsets = array.value_offsets();
                cells.write_list(out, offsets[i] as usize..offsets[i + 1] as usize)?;
            }
            Cells::LargeList(array, cells) => {
                let offsets = array.value_offsets();
                cells.write_list(out, offsets[i] as usize..offsets[i + 1] as usize)?;
            }
            Cells::FixedList(array, cells) => {
                let start = array.value_offset(i) as usize;
                cells.write_list(out, start..start + array.value_length() as usize)?;
            }
            Cells::Struct(_, columns) => columns.write_row(out, i)?,
        }
        Ok(())
    }

    fn write_list(&self, out: &mut Vec<u8>, items: Range<usize>) -> Result<()> {
        let start = items.start;
        out.push(b'[');
        for item in items {
            if item > start {
                out.push(b',');
            }
            self.write(out, item)?;
        }
        out.push(b']');
        Ok(())
    }
}

/// Errors of formatting are errors, not text.
const FORMAT: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

fn write_plain(out: &mut Vec<u8>, array: &dyn Array, i: usize) {
    match array.data_type() {
        DataType::Int8 => write_integer(out, array.as_primitive::<Int8Type>().value(i).into()),
        DataType::Int16 => write_integer(out, array.as_primitive::<Int16Type>().value(i).into()),
        DataType::Int32 => write_integer(out, array.as_primitive::<Int32Type>().value(i).into()),
        DataType::Int64 => write_integer(out, array.as_primitive::<Int64Type>().value(i).into()),
        DataType::UInt8 => write_integer(out, array.as_primitive::<UInt8Type>().value(i).into()),
        DataType::UInt16 => write_integer(out, array.as_primitive::<UInt16Type>().value(i).into()),
        DataType::UInt32 => write_integer(out, array.as_primitive::<UInt32Type>().value(i).into()),
        DataType::UInt64 => write_integer(out, array.as_primitive::<UInt64Type>().value(i).into()),
        DataType::Float32 => write_float(out, array.as_primitive::<Float32Type>().value(i)),
        DataType::Float64 => write_float(out, array.as_primitive::<Float64Type>().value(i)),
        DataType::Boolean if array.as_boolean().value(i) => out.extend_from_slice(b"true"),
        DataType::Boolean => out.extend_from_slice(b"false"),
        DataType::Date32 => write_date(out, array.as_primitive::<Date32Type>().value(i)),
        _ => out.extend_from_slice(b"null"),
    }
}

/// Appends a JSON string.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to memory cannot fail");
}

/// Digits of the greatest 128-bit number.
const DIGITS_MAX: usize = 39;

fn digits(value: u128, buffer: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut at = DIGITS_MAX;
    let mut rest = value;
    // Division of 128 bits is slow: most values fit 64.
    while let Err(_) | Ok(10..) = u64::try_from(rest) {
        if let Ok(mut small) = u64::try_from(rest) {
            while small >= 10 {
                at -= 1;
                buffer[at] = b'0' + (small % 10) as u8;
                small /= 10;
            }
            rest = u128::from(small);
        } else {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    at -= 1;
    buffer[at] = b'0' + rest as u8;
    &buffer[at..]
}

fn write_integer(out: &mut Vec<u8>, value: i128) {
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits(value.unsigned_abs(), &mut [0; DIGITS_MAX]));
}

fn write_decimal(out: &mut Vec<u8>, value: i128, scale: i8) {
    let scale = usize::try_from(scale).expect("negative scales are written by Arrow");
    let mut buffer = [0; DIGITS_MAX];
    let digits = digits(value.unsigned_abs(), &mut buffer);
    out.push(b'"');
    if value < 0 {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    }
    out.extend_from_slice(&digits[..whole]);
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }
    out.push(b'"');
}

fn write_float<F: serde::Serialize + Into<f64> + Copy>(out: &mut Vec<u8>, value: F) {
    let wide: f64 = value.into();
    if wide.is_finite() {
        serde_json::to_writer(out, &value).expect("writing to memory cannot fail");
    } else if wide.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if wide > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

fn write_date(out: &mut Vec<u8>, days: i32) {
    match NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())) {
        Some(date) => write!(out, "\"{date}\"").expect("writing to memory cannot fail"),
        None => write!(out, "\"{days} days\"").expect("writing to memory cannot fail"),
    }
}

fn write_timestamp(out: &mut Vec<u8>, array: &dyn Array, unit: TimeUnit, i: usize) {
    let (value, a_second) = match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(i), 1),
        TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(i), 1_000),
        TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(i), 1_000_000),
        TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(i), 1_000_000_000),
    };
    write_time(out, value.div_euclid(a_second), (value.rem_euclid(a_second) * (1_000_000_000 / a_second)) as u32);
}

/// Appends microseconds since 1970-01-01 UTC as an RFC 3339 string.
pub fn write_timestamp_us(out: &mut Vec<u8>, us: i64) {
    write_time(out, us.div_euclid(1_000_000), us.rem_euclid(1_000_000) as u32 * 1_000);
}

fn write_time(out: &mut Vec<u8>, seconds: i64, nanoseconds: u32) {
    let Some(time) = DateTime::from_timestamp(seconds, nanoseconds) else {
        // Beyond the calendar: more than 262,000 years away.
        write!(out, "\"{seconds} s\"").expect("writing to memory cannot fail");
        return;
    };
    out.push(b'"');
    match time.year() {
        year @ 0..=9999 => two_digits(out, &[year as u32 / 100, year as u32 % 100], b""),
        // ISO 8601's form for years that RFC 3339 does not have.
        year => write!(out, "{year:+05}").expect("writing to memory cannot fail"),
    }
    out.push(b'-');
    two_digits(out, &[time.month(), time.day()], b"-");
    out.push(b'T');
    two_digits(out, &[time.hour(), time.minute(), time.second()], b":");
    let fraction = match nanoseconds {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(out, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(out, ".{:06}", n / 1_000),
        n => write!(out, ".{n:09}"),
    };
    fraction.expect("writing to memory cannot fail");
    out.extend_from_slice(b"Z\"");
}

fn two_digits(out: &mut Vec<u8>, numbers: &[u32], between: &[u8]) {
    for (i, n) in numbers.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(between);
        }
        out.push(b'0' + (n / 10) as u8);
        out.push(b'0' + (n % 10) as u8);
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
