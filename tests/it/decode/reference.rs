//! The slow reference: serde_json for the text, chrono for calendars, strings of digits for numbers.

use rebateflow::catalog::{Column, KeyFormat, Table, UnknownFields};
use rebateflow::ingest::{Fault, Message};

use datafusion::arrow::datatypes::DataType;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    String(String),
    /// Integers, decimals without their point, microseconds, days.
    Integer(i128),
    /// A double, bit by bit.
    Bits(u64),
    Boolean(bool),
}

/// An accepted message.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub cells: Vec<Cell>,
    pub operation: &'static str,
    /// Kept undeclared fields in order.
    pub rest: Vec<(String, Value)>,
}

/// A refused message.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Not one JSON object: the decoder may give any reason.
    Text,
    Rule {
        field: Option<String>,
        fault: Fault,
        in_key: bool,
    },
}

/// Fields of an object in their order, repeated ones included.
pub type Fields = Vec<(String, Value)>;

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("one object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = vec![];
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

/// None: not exactly one JSON object.
pub fn parse(text: &[u8]) -> Option<Fields> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let fields = reader.deserialize_map(Object).ok()?;
    reader.end().ok()?;
    Some(fields)
}

fn whole(fault: Fault) -> Refusal {
    Refusal::Rule { field: None, fault, in_key: false }
}

pub fn decode(table: &Table, message: &Message<'_>) -> Result<Row, Refusal> {
    let Some(value) = message.value else {
        return tombstone(table, message.key);
    };
    let key = table.upsert.as_ref().map_or(vec![], |upsert| upsert.key.clone());
    let required: Vec<bool> =
        (0..table.columns.len()).map(|i| !table.columns[i].nullable || key.contains(&i)).collect();
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let (cells, rest) = object(table, value, (&all, &required), table.unknown_fields)?;
    let deletes = table.upsert.as_ref().and_then(|u| u.deleted).is_some_and(|i| cells[i] == Cell::Boolean(true));
    let operation = match (&table.upsert, deletes) {
        (None, _) => "insert",
        (Some(_), false) => "upsert",
        (Some(_), true) => "delete",
    };
    Ok(Row { cells, operation, rest })
}

fn tombstone(table: &Table, key: Option<&[u8]>) -> Result<Row, Refusal> {
    let Some(upsert) = &table.upsert else {
        return Err(whole(Fault::NoValue));
    };
    if upsert.version.is_some() {
        return Err(whole(Fault::NoVersion));
    }
    if upsert.key_format == KeyFormat::Raw && upsert.key.len() > 1 {
        return Err(whole(Fault::RawKeyOfSeveralColumns));
    }
    let Some(key) = key else {
        return Err(whole(Fault::NoKey));
    };
    let in_key = |refusal| match refusal {
        Refusal::Rule { field, fault, .. } => Refusal::Rule { field, fault, in_key: true },
        Refusal::Text => Refusal::Text,
    };
    let cells = match upsert.key_format {
        KeyFormat::Raw => {
            let column = &table.columns[upsert.key[0]];
            let refusal = |fault| Refusal::Rule { field: Some(column.name.clone()), fault, in_key: true };
            let mut cells = vec![Cell::Null; table.columns.len()];
            cells[upsert.key[0]] = raw(&column.data_type, key).map_err(refusal)?;
            cells
        }
        KeyFormat::Json => {
            let required: Vec<bool> = (0..table.columns.len()).map(|i| upsert.key.contains(&i)).collect();
            object(table, key, (&upsert.key, &required), UnknownFields::Reject).map_err(in_key)?.0
        }
    };
    Ok(Row { cells, operation: "delete", rest: vec![] })
}

/// `columns`: which columns are read, and for all columns whether they are required.
fn object(
    table: &Table,
    text: &[u8],
    columns: (&[usize], &[bool]),
    unknown_fields: UnknownFields,
) -> Result<(Vec<Cell>, Fields), Refusal> {
    let fields = parse(text).ok_or(Refusal::Text)?;
    let refusal = |name: &str, fault| Refusal::Rule { field: Some(name.to_string()), fault, in_key: false };
    let mut cells: Vec<Option<Cell>> = vec![None; table.columns.len()];
    let mut rest = vec![];
    for (name, value) in fields {
        let Some(&i) = columns.0.iter().find(|&&i| table.columns[i].name == name) else {
            match unknown_fields {
                UnknownFields::Reject => return Err(refusal(&name, Fault::UnknownField)),
                UnknownFields::Keep => rest.push((name, value)),
                UnknownFields::Ignore => {}
            }
            continue;
        };
        if cells[i].is_some() {
            return Err(refusal(&name, Fault::DuplicateKey));
        }
        cells[i] = Some(cell(&table.columns[i].data_type, &value).map_err(|fault| refusal(&name, fault))?);
    }
    for (i, Column { name, .. }) in table.columns.iter().enumerate() {
        if columns.1[i] && matches!(cells[i], None | Some(Cell::Null)) {
            return Err(refusal(name, Fault::Missing));
        }
    }
    Ok((cells.into_iter().map(|cell| cell.unwrap_or(Cell::Null)).collect(), rest))
}

fn cell(data_type: &DataType, value: &Value) -> Result<Cell, Fault> {
    Ok(match (data_type, value) {
        (_, Value::Null) => Cell::Null,
        (DataType::Utf8, Value::String(text)) => Cell::String(text.clone()),
        (DataType::Boolean, Value::Bool(value)) => Cell::Boolean(*value),
        (DataType::Date32, Value::String(text)) => Cell::Integer(i128::from(date(text).ok_or(Fault::BadText)?)),
        (DataType::Timestamp(..), Value::String(text)) => Cell::Integer(i128::from(rfc3339(text)?)),
        (DataType::Decimal128(..), Value::String(text)) => {
            number(data_type, &json_number(text).ok_or(Fault::BadText)?)?
        }
        (DataType::Utf8 | DataType::Boolean | DataType::Date32, _) => return Err(Fault::WrongType),
        (_, Value::Number(value)) => number(data_type, value.as_str())?,
        _ => return Err(Fault::WrongType),
    })
}

/// The value of a raw key.
fn raw(data_type: &DataType, key: &[u8]) -> Result<Cell, Fault> {
    let Ok(text) = std::str::from_utf8(key) else {
        return Err(if *data_type == DataType::Utf8 { Fault::InvalidUtf8 } else { Fault::BadText });
    };
    match (data_type, text) {
        (DataType::Utf8, _) => Ok(Cell::String(text.to_string())),
        (DataType::Boolean, "true") => Ok(Cell::Boolean(true)),
        (DataType::Boolean, "false") => Ok(Cell::Boolean(false)),
        (DataType::Boolean, _) => Err(Fault::BadText),
        (DataType::Date32, _) => Ok(Cell::Integer(i128::from(date(text).ok_or(Fault::BadText)?))),
        (DataType::Timestamp(..), _) if json_number(text).is_none() => Ok(Cell::Integer(i128::from(rfc3339(text)?))),
        _ => number(data_type, &json_number(text).ok_or(Fault::BadText)?),
    }
}

/// The text, if it is exactly one JSON number.
fn json_number(text: &str) -> Option<String> {
    if text.contains([' ', '\t', '\n', '\r']) {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) => Some(number.as_str().to_string()),
        _ => None,
    }
}

fn number(data_type: &DataType, text: &str) -> Result<Cell, Fault> {
    let integer =
        || exact(text, 0, 38).map_err(|f| if f == Fault::ExcessFraction { Fault::IntegerWithFraction } else { f });
    let in_range = |value: i128, min: i128, max: i128| {
        if (min..=max).contains(&value) { Ok(value) } else { Err(Fault::Overflow) }
    };
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    Ok(Cell::Integer(match data_type {
        DataType::Int64 => in_range(integer()?, min, max)?,
        DataType::Int32 => in_range(integer()?, i128::from(i32::MIN), i128::from(i32::MAX))?,
        DataType::Decimal128(precision, scale) => exact(text, *scale as u8, u32::from(*precision))?,
        DataType::Timestamp(..) => in_range(exact(text, 3, 38)?, min, max)?,
        DataType::Float64 => {
            let value: f64 = text.parse().expect("a JSON number");
            return if value.is_finite() { Ok(Cell::Bits(value.to_bits())) } else { Err(Fault::Overflow) };
        }
        other => panic!("{other} takes no number"),
    }))
}

/// The number times 10^scale with at most `precision` digits.
fn exact(text: &str, scale: u8, precision: u32) -> Result<i128, Fault> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (mantissa, exponent) = text.find(['e', 'E']).map_or((text, "0"), |i| (&text[..i], &text[i + 1..]));
    let exponent = exponent_value(exponent);
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{integer}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // The result is 0.significant * 10^point.
    let point = integer.len() as i128 - (all.len() - significant.len()) as i128 + exponent + i128::from(scale);
    let digits = significant.trim_end_matches('0');
    if digits.len() as i128 > point {
        return Err(Fault::ExcessFraction);
    }
    if point > i128::from(precision) {
        return Err(Fault::Overflow);
    }
    let zeros = "0".repeat((point - digits.len() as i128) as usize);
    let value: i128 = format!("{digits}{zeros}").parse().expect("at most 38 digits");
    Ok(if negative { -value } else { value })
}

/// Exponents of more than 12 digits count as 2^40.
fn exponent_value(text: &str) -> i128 {
    let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
    let value = match digits.len() {
        0 => 0,
        1..=12 => digits.parse().expect("digits"),
        _ => 1 << 40,
    };
    if text.starts_with('-') { -value } else { value }
}

fn digits(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

fn date(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let date = chrono::NaiveDate::from_ymd_opt(digits(year)? as i32, digits(month)?, digits(day)?)?;
    Some((date - chrono::NaiveDate::default()).num_days())
}

fn rfc3339(text: &str) -> Result<i64, Fault> {
    let (seconds, fraction) = seconds_and_fraction(text).ok_or(Fault::BadText)?;
    let fraction = exact(&format!("0.{fraction}"), 6, 38)?;
    Ok(seconds * 1_000_000 + fraction as i64)
}

fn seconds_and_fraction(text: &str) -> Option<(i64, &str)> {
    if !text.is_ascii() {
        return None;
    }
    let days = date(text.get(..10)?)?;
    let rest = text[10..].strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let pair = |text: &str, max: u32| {
        if text.len() == 2 { digits(text).filter(|&n| n <= max) } else { None }
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts[..] else { return None };
    let time = (pair(hour, 23)? * 60 + pair(minute, 59)?) * 60 + pair(second, 59)?;
    let offset = if zone == "Z" || zone == "z" {
        0
    } else {
        let (sign, zone) = zone.split_at(1);
        let (hours, minutes) = zone.split_once(':')?;
        let offset = i64::from((pair(hours, 23)? * 60 + pair(minutes, 59)?) * 60);
        match sign {
            "+" => offset,
            "-" => -offset,
            _ => return None,
        }
    };
    Some((days * 86_400 + i64::from(time) - offset, fraction))
}
