//! One declared column in a batch: reads JSON values of its type into `column[row]` and becomes an Arrow array.

use std::mem::take;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::number::{self, POWERS};
use super::reject::Fault;
use super::scan::{literal, load_8, read_string};
use super::string_values::StringValues;
use super::time::{self, LastDate};
use crate::error::Result;

/// Digits between an epoch number (milliseconds) and the microsecond.
const EPOCH_SCALE: u8 = 3;

/// The position after a value, and whether it was null.
pub(super) type Read = (usize, bool);

/// Values by type. A row's value counts only when its message is accepted; until then it is overwritten.
enum Values {
    String(StringValues),
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Decimal { values: Vec<i128>, precision: u8, scale: u8 },
    Timestamp { values: Vec<i64>, last: LastDate },
    Boolean(Vec<bool>),
    Float64(Vec<f64>),
    Date32(Vec<i32>),
}

pub(super) struct Column {
    values: Values,
    /// Rows that the batch can hold.
    capacity: usize,
    /// Bit set: the row is null. Empty as long as no row is.
    nulls: Vec<u64>,
}

impl Column {
    /// None: JSON cannot be read into this type.
    pub fn new(data_type: &DataType) -> Option<Self> {
        let values = match *data_type {
            DataType::Utf8 => Values::String(StringValues::new()),
            DataType::Int64 => Values::Int64(vec![]),
            DataType::Int32 => Values::Int32(vec![]),
            DataType::Decimal128(precision @ 1..=38, scale) if (0..=precision as i8).contains(&scale) => {
                Values::Decimal { values: vec![], precision, scale: scale as u8 }
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Values::Timestamp { values: vec![], last: LastDate::default() }
            }
            DataType::Boolean => Values::Boolean(vec![]),
            DataType::Float64 => Values::Float64(vec![]),
            DataType::Date32 => Values::Date32(vec![]),
            _ => return None,
        };
        Some(Column { values, capacity: 0, nulls: vec![] })
    }

    /// Prepares for at most `rows` rows from messages of `payload` bytes.
    pub fn start(&mut self, rows: usize, payload: usize) {
        self.capacity = rows;
        self.nulls.clear();
        match &mut self.values {
            Values::String(strings) => strings.start(rows, payload),
            Values::Int64(values) | Values::Timestamp { values, .. } => *values = vec![0; rows],
            Values::Int32(values) | Values::Date32(values) => *values = vec![0; rows],
            Values::Decimal { values, .. } => *values = vec![0; rows],
            Values::Boolean(values) => *values = vec![false; rows],
            Values::Float64(values) => *values = vec![0.0; rows],
        }
    }

    pub fn set_null(&mut self, row: usize) {
        if self.nulls.is_empty() {
            self.nulls = vec![0; self.capacity.div_ceil(64)];
        }
        self.nulls[row / 64] |= 1 << (row % 64);
        // What a refused message left here must not stay in the array.
        match &mut self.values {
            Values::String(strings) => strings.set_empty(row),
            Values::Int64(values) | Values::Timestamp { values, .. } => values[row] = 0,
            Values::Int32(values) | Values::Date32(values) => values[row] = 0,
            Values::Decimal { values, .. } => values[row] = 0,
            Values::Boolean(values) => values[row] = false,
            Values::Float64(values) => values[row] = 0.0,
        }
    }

    /// Reads the value at `at` of padded text into `row`. Here the usual forms; all else on the slow path.
    #[inline(always)]
    pub fn read(&mut self, text: &[u8], at: usize, row: usize, unescaped: &mut Vec<u8>) -> Result<Read, Fault> {
        match &mut self.values {
            Values::String(strings) => {
                if text[at] == b'"' {
                    return strings.read(text, at + 1, row, unescaped).map(|end| (end, false));
                }
            }
            Values::Int64(values) => {
                if let Some((value, end)) = number::fast(text, at, 0) {
                    values[row] = value;
                    return Ok((end, false));
                }
            }
            Values::Decimal { values, precision, scale } => {
                if let Some((value, end)) = number::fast(text, at, usize::from(*scale))
                    && (*precision >= 18 || value.abs() < POWERS[usize::from(*precision)])
                {
                    values[row] = i128::from(value);
                    return Ok((end, false));
                }
            }
            Values::Timestamp { values, last } => {
                if text[at] == b'"'
                    && text[at + 1] >= b'0'
                    && load_8(text, at + time::USUAL_BYTES - 6) >> 56 == u64::from(b'"')
                    && let Some(value) = time::fast(text, at + 1, last)
                {
                    values[row] = value;
                    return Ok((at + time::USUAL_BYTES + 2, false));
                }
            }
            Values::Int32(_) | Values::Boolean(_) | Values::Float64(_) | Values::Date32(_) => {}
        }
        self.read_slow(text, at, row, unescaped)
    }

    /// Every form of a value, and the faults.
    #[inline(never)]
    fn read_slow(&mut self, text: &[u8], at: usize, row: usize, unescaped: &mut Vec<u8>) -> Result<Read, Fault> {
        match text[at] {
            b'n' => literal(text, at, b"null").map(|end| (end, true)),
            b'-' | b'0'..=b'9' => self.read_number(text, at, row).map(|end| (end, false)),
            b'"' => match self.values {
                Values::Decimal { .. } | Values::Timestamp { .. } | Values::Date32(_) => {
                    let (content, end) = read_string(text, at + 1, unescaped)?;
                    self.set_text(content, row)?;
                    Ok((end, false))
                }
                _ => Err(Fault::WrongType),
            },
            b't' | b'f' => {
                let Values::Boolean(values) = &mut self.values else {
                    return Err(Fault::WrongType);
                };
                values[row] = text[at] == b't';
                let word: &[u8] = if values[row] { b"true" } else { b"false" };
                literal(text, at, word).map(|end| (end, false))
            }
            b'{' | b'[' => Err(Fault::WrongType),
            _ => Err(Fault::Syntax),
        }
    }

    /// The position after the number at `at`, which is now in `row`.
    fn read_number(&mut self, text: &[u8], at: usize, row: usize) -> Result<usize, Fault> {
        let number = number::lex(text, at)?;
        match &mut self.values {
            Values::Int64(values) => {
                values[row] = i64::try_from(number::whole(text, &number)?).map_err(|_| Fault::Overflow)?;
            }
            Values::Int32(values) => {
                values[row] = i32::try_from(number::whole(text, &number)?).map_err(|_| Fault::Overflow)?;
            }
            Values::Decimal { values, precision, scale } => {
                values[row] = number::exact(text, &number, *scale, *precision)?;
            }
            Values::Timestamp { values, .. } => values[row] = number::scaled(text, &number, EPOCH_SCALE)?,
            Values::Float64(values) => values[row] = number::float(&text[at..number.end])?,
            Values::String(_) | Values::Boolean(_) | Values::Date32(_) => return Err(Fault::WrongType),
        }
        Ok(number.end)
    }

    /// Reads text that is a value as a whole: a JSON string's content, or a raw key. Numbers follow JSON's grammar.
    pub fn set_text(&mut self, content: &[u8], row: usize) -> Result<(), Fault> {
        match &mut self.values {
            Values::String(strings) => return strings.set(content, row),
            Values::Boolean(values) => {
                values[row] = match content {
                    b"true" => true,
                    b"false" => false,
                    _ => return Err(Fault::BadText),
                };
            }
            Values::Date32(values) => values[row] = time::date(content)?,
            Values::Timestamp { values, .. } => values[row] = time::rfc3339(content)?,
            Values::Int64(_) | Values::Int32(_) | Values::Decimal { .. } | Values::Float64(_) => {
                return self.set_number_text(content, row);
            }
        }
        Ok(())
    }

    /// Reads text that is exactly one JSON number, without spaces; for a timestamp epoch milliseconds.
    fn set_number_text(&mut self, content: &[u8], row: usize) -> Result<(), Fault> {
        match number::lex(content, 0) {
            Ok(number) if number.end == content.len() => self.read_number(content, 0, row).map(|_| ()),
            _ => Err(Fault::BadText),
        }
    }

    /// Reads a raw key. Beside what a JSON string may hold, a timestamp can be a number here.
    pub fn set_raw(&mut self, content: &[u8], row: usize) -> Result<(), Fault> {
        let epoch = matches!(self.values, Values::Timestamp { .. })
            && number::lex(content, 0).is_ok_and(|number| number.end == content.len());
        if epoch { self.set_number_text(content, row) } else { self.set_text(content, row) }
    }

    /// The first `rows` values as an array; the column is empty until the next `start`.
    pub fn finish(&mut self, rows: usize) -> Result<ArrayRef> {
        let nulls = (!self.nulls.is_empty()).then(|| {
            let valid: Vec<u64> = take(&mut self.nulls).into_iter().map(|word| !word).collect();
            NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(valid), 0, rows))
        });
        Ok(match &mut self.values {
            Values::String(strings) => Arc::new(strings.finish(rows, nulls)),
            Values::Int64(values) => Arc::new(Int64Array::new(cut(values, rows).into(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::new(cut(values, rows).into(), nulls)),
            Values::Decimal { values, precision, scale } => {
                let array = Decimal128Array::new(cut(values, rows).into(), nulls);
                Arc::new(array.with_precision_and_scale(*precision, *scale as i8)?)
            }
            Values::Timestamp { values, .. } => {
                Arc::new(TimestampMicrosecondArray::new(cut(values, rows).into(), nulls))
            }
            Values::Boolean(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(&take(values)[..rows]), nulls)),
            Values::Float64(values) => Arc::new(Float64Array::new(cut(values, rows).into(), nulls)),
            Values::Date32(values) => Arc::new(Date32Array::new(cut(values, rows).into(), nulls)),
        })
    }
}

/// The first `rows` values, without much unused memory behind them.
fn cut<T>(values: &mut Vec<T>, rows: usize) -> Vec<T> {
    let mut values = take(values);
    values.truncate(rows);
    if values.capacity() > 2 * rows {
        values.shrink_to_fit();
    }
    values
}
